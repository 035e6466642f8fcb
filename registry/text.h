/* Documents as lines of "word value": one canonical form, which git shows as what it is. Numbers have no leading zero, hashes are in
 * lower-case hex, one blank stands between words, each line ends with "\n" and nothing is left out but where the document says so: two
 * different texts are two different documents. */
#ifndef CELL_REGISTRY_TEXT_H
#define CELL_REGISTRY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"
#include "registry/version.h"

enum {
    REGISTRY_HASH_SIZE = 32,
    REGISTRY_ORIGIN_MAX = 100, /* characters of a repository's own name */
};

/* Characters of somebody else's. */
struct registry_slice {
    const char *at;
    size_t len;
};

struct registry_text {
    const char *at, *end;
    bool is_good; /* false for good once a line was not what was asked for */
};

void registry_text_begin(struct registry_text *t, const void *bytes, size_t size);

/* Whether the next line begins with this word. */
bool registry_text_is(const struct registry_text *t, const char *word);

/* The next line, which is nothing but this. */
void registry_text_take_line(struct registry_text *t, const char *line);

/* What follows "word " on the next line, at least a character, none below a blank or beyond ASCII. An empty slice and is_good false else. */
struct registry_slice registry_text_take(struct registry_text *t, const char *word);
uint64_t registry_text_take_number(struct registry_text *t, const char *word);
void registry_text_take_hex(struct registry_text *t, const char *word, uint8_t *to, size_t size);

/* The rest of the next line, whatever its first word. */
struct registry_slice registry_text_take_rest(struct registry_text *t);

/* Whether all went well and nothing is left. */
bool registry_text_is_over(const struct registry_text *t);

/* The first word of *line, at least a character; *line goes on behind the blank. False: there is none, or two blanks. */
bool registry_text_word(struct registry_slice *line, struct registry_slice *ret);

/* Whether a slice is a number up to REGISTRY_VERSION_NUMBER_MAX, a hash of `size` bytes. */
bool registry_text_number(struct registry_slice s, uint64_t *ret);
bool registry_text_hex(struct registry_slice s, uint8_t *to, size_t size);

/* By bytes, then by length; whether it is this. */
int registry_text_compare(struct registry_slice a, struct registry_slice b);
bool registry_text_same(struct registry_slice a, const char *b);

/* Whether it is what a repository calls itself: [a-z0-9][a-z0-9./-]*, as example.org/cells. */
bool registry_text_is_origin(struct registry_slice s);

/* Into a text under construction. */
void registry_text_add_hex(struct bytes_text *t, const uint8_t *bytes, size_t size);

/* BLAKE2b-256. */
void registry_text_hash(const void *bytes, size_t size, uint8_t ret[REGISTRY_HASH_SIZE]);

#endif
