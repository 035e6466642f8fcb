/* JSON text written piece by piece, so that an answer of any size needs no tree in memory.
 *
 * What is written is always valid JSON and safe to show: strings that are not UTF-8 get U+FFFD for
 * each bad byte; control characters, also those above 127, and marks that reorder a line are
 * written as \uXXXX. Running out of memory or room is remembered and told by jsonout_take. */
#ifndef CELL_COMMON_REFLECT_JSONOUT_H
#define CELL_COMMON_REFLECT_JSONOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    JSONOUT_BYTES_MAX = 256 * 1024 * 1024, /* 16 MiB of answer as escaped text, with room to spare */
    JSONOUT_DEPTH_MAX = 256, /* open brackets: 100 messages with a list or map each, and ours */
    JSONOUT_NUMBER_SIZE = 32,
};

struct jsonout {
    char *text;
    size_t len;
    size_t room;
    size_t limit; /* bytes; may be lowered by a test */
    bool pretty;  /* one member a line, two blanks a level */
    bool failed;
    enum err error;
    size_t depth;
    bool has_member[JSONOUT_DEPTH_MAX]; /* of the open bracket: a comma comes first */
    bool after_name;
};

void jsonout_init(struct jsonout *w, bool pretty);

/* Give the memory back; also after jsonout_take. */
void jsonout_fini(struct jsonout *w);

/* The finished, terminated text (free it). ERR_NOMEM or ERR_LIMIT: something did not fit; then
 * *ret is untouched. All brackets must be closed. */
enum err jsonout_take(struct jsonout *w, char **ret) MUST_CHECK;

void jsonout_object(struct jsonout *w);
void jsonout_object_end(struct jsonout *w);
void jsonout_array(struct jsonout *w);
void jsonout_array_end(struct jsonout *w);

/* Name of the next member of an object. */
void jsonout_name(struct jsonout *w, const char *name);
void jsonout_name_n(struct jsonout *w, const char *name, size_t len);

void jsonout_string(struct jsonout *w, const char *text); /* NULL: null */
void jsonout_string_n(struct jsonout *w, const char *text, size_t len);
void jsonout_bool(struct jsonout *w, bool value);
void jsonout_u64(struct jsonout *w, uint64_t value);
void jsonout_i64(struct jsonout *w, int64_t value);
void jsonout_double(struct jsonout *w, double value); /* shortest that reads back; not finite: null */
void jsonout_null(struct jsonout *w);

/* A value that is JSON already: borrowed, not checked. */
void jsonout_raw(struct jsonout *w, const char *json);

/* Shortest decimal text that reads back as `value`. */
void jsonout_double_format(double value, char out[JSONOUT_NUMBER_SIZE]);
void jsonout_float_format(float value, char out[JSONOUT_NUMBER_SIZE]);

#endif
