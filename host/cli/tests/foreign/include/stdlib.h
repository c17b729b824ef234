/* As much of C's library as generated bindings call; notes.c has the definitions. */
#pragma once
#include <stddef.h>

void *malloc(size_t size);
void *realloc(void *block, size_t size);
void free(void *block);
_Noreturn void abort(void);
