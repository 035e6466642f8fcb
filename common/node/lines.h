/* The text files of a node: a first line that says what it is, lines of words, a last line with the
 * hash of all before. Readable by a person, refused when a byte is not as it was written. Pure.
 *
 *   cell-identity 1
 *   name db-1
 *   …
 *   hash 6c5e…                   BLAKE2b-256 of every byte before this line, 64 lower-case hex digits */
#ifndef CELL_COMMON_NODE_LINES_H
#define CELL_COMMON_NODE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    LINES_LINE_MAX = 512, /* characters of one line, without its end */
    LINES_WORDS_MAX = 8,  /* of one line, one space apart            */
    LINES_HASH_LINE = 70, /* "hash ", 64 digits, the line's end      */
};

/* End a text under construction with its hash line. What is cut stays cut. */
void lines_seal(struct bytes_text *t);

/* A walk through the lines between the first and the last. */
struct lines {
    const char *at; /* borrowed text */
    const char *end;
    char line[LINES_LINE_MAX + 1];
    char *word[LINES_WORDS_MAX]; /* of the current line, in `line` */
    size_t count;
};

/* Begin. head: the first line that is expected, "cell-identity 1". ERR_MALFORMED: it begins with another
 * word, or is no text of this shape; ERR_INCOMPATIBLE: the right word with another version;
 * ERR_DATA_LOSS: the hash is missing or another. */
enum err lines_open(struct lines *l, const char *text, size_t size, const char *head) MUST_CHECK;

/* The next line in `word` and `count`. ERR_NOT_FOUND at the end; ERR_MALFORMED: too long, too many
 * words, or words that are not one space apart. */
enum err lines_next(struct lines *l) MUST_CHECK;

/* Whether the current line is `key` and `values` words more. */
bool lines_is(const struct lines *l, const char *key, size_t values);

/* Word `index` as hex of exactly `size` bytes, lower case, or as a decimal number up to `most` without
 * leading zeros. ERR_MALFORMED otherwise; then *ret is untouched. */
enum err lines_hex(const struct lines *l, size_t index, uint8_t *ret, size_t size) MUST_CHECK;
enum err lines_number(const struct lines *l, size_t index, uint64_t most, uint64_t *ret) MUST_CHECK;

/* Wipe what was copied. */
void lines_close(struct lines *l);

#endif
