/* The module acme:notes in C: the bindings are made by `wit-bindgen c` from the guest world that
   `interstice codegen --wit` writes, and nothing of Interstice is linked. */
#include "notebook_guest.h"
#include <stdlib.h>
#include <string.h>

typedef acme_notes_note_table_note_t note;
typedef exports_acme_notes_notes_note_error_t note_error;

bool exports_acme_notes_notes_write(notebook_guest_string_t *author, notebook_guest_string_t *text,
                                    uint64_t *ret, note_error *err) {
  if (text->len == 0) {
    err->tag = EXPORTS_ACME_NOTES_NOTES_NOTE_ERROR_EMPTY;
    return false;
  }
  note row = {.id = 0, .author = *author, .text = *text, .stars = {.is_some = false}};
  note written;
  acme_notes_note_table_violation_t violation;
  if (!acme_notes_note_table_insert(&row, &written, &violation)) {
    abort();
  }
  *ret = written.id;
  acme_notes_note_table_note_free(&written);
  return true;
}

bool exports_acme_notes_notes_rate(uint64_t id, uint8_t stars, note_error *err) {
  note row;
  if (!acme_notes_note_table_get(id, &row)) {
    err->tag = EXPORTS_ACME_NOTES_NOTES_NOTE_ERROR_NO_SUCH_NOTE;
    err->val.no_such_note = id;
    return false;
  }
  row.stars.is_some = true;
  row.stars.val = stars;
  acme_notes_note_table_violation_t violation;
  if (!acme_notes_note_table_update(&row, &violation)) {
    abort();
  }
  acme_notes_note_table_note_free(&row);
  return true;
}

void exports_acme_notes_notes_by(notebook_guest_string_t *author, exports_acme_notes_notes_list_note_t *ret) {
  acme_notes_note_table_list_note_t found;
  acme_notes_note_table_scan_by_author(author, true, 0, &found);
  ret->ptr = found.ptr;
  ret->len = found.len;
}

/* Memory is taken from the end of the linear memory and never given back: enough for a test. */
extern unsigned char __heap_base;
static size_t heap_end;

void *malloc(size_t size) {
  if (heap_end == 0) {
    heap_end = (size_t)&__heap_base;
  }
  size_t block = (heap_end + sizeof(size_t) + 15) & ~(size_t)15;
  heap_end = block + size;
  size_t pages = (heap_end + 65535) / 65536;
  size_t present = __builtin_wasm_memory_size(0);
  if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == (size_t)-1) {
    return NULL;
  }
  ((size_t *)block)[-1] = size;
  return (void *)block;
}

void *realloc(void *block, size_t size) {
  void *moved = malloc(size);
  if (moved != NULL && block != NULL) {
    size_t before = ((size_t *)block)[-1];
    memcpy(moved, block, before < size ? before : size);
  }
  return moved;
}

void free(void *block) { (void)block; }

_Noreturn void abort(void) { __builtin_trap(); }

void *memcpy(void *to, const void *from, size_t size) {
  for (size_t i = 0; i < size; i++) {
    ((volatile unsigned char *)to)[i] = ((const unsigned char *)from)[i];
  }
  return to;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length] != 0) {
    length++;
  }
  return length;
}
