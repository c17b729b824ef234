/* As much of C's library as generated bindings call; notes.c has the definitions. */
#pragma once
#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
size_t strlen(const char *text);
