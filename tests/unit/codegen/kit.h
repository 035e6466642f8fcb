/* Schemas for tests, written as snapshots without their first and last line. */
#ifndef CELL_TESTS_UNIT_CODEGEN_KIT_H
#define CELL_TESTS_UNIT_CODEGEN_KIT_H

#include "codegen/snapshot.h"

/* The body with head and hash, in memory of the caller's arena; its length in *ret_len. */
char *kit_snapshot(struct arena *arena, const char *body, size_t *ret_len);

/* Read it. `why` as in codegen_snapshot_read. */
enum err kit_read(struct arena *arena, const char *body, struct codegen_schema *ret, char why[CODEGEN_WHY_SIZE]);

/* Whether it is one line that a terminal shows as it is. */
bool kit_is_line(const char *text);

/* A file in the arena, terminated; NULL: cannot be read. */
char *kit_file(struct arena *arena, const char *path, size_t *ret_len);

#endif
