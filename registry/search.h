/* Search in what a repository has, without asking anybody: one line for each package, made where the repository is fetched to, read as it
 * lies in memory.
 *
 *   cell-registry-index-1
 *   origin example.org/cells
 *   acme/greeter 1.2.3 Says hello.    by name (bytes); its newest version that is for everybody; the summary may be missing
 *
 * There is no tree and no table of letters: ten thousand packages are less than a megabyte, and to look through it takes less than to
 * start a process (bench/RESULTS.md). */
#ifndef CELL_REGISTRY_SEARCH_H
#define CELL_REGISTRY_SEARCH_H

#include "common/base/err.h"
#include "registry/text.h"

enum {
    REGISTRY_SEARCH_INDEX_MAX = 64 << 20, /* bytes                */
    REGISTRY_SEARCH_WORDS_MAX = 8,        /* of a question        */
    REGISTRY_SEARCH_WORD_MAX = 64,        /* characters of one    */
    REGISTRY_SEARCH_FOUND_MAX = 1000,     /* that are told        */
};

struct registry_search {
    struct registry_slice origin, list; /* borrowed; list: the lines behind the origin */
};

struct registry_search_question {
    uint8_t count;
    struct {
        uint8_t len;
        char at[REGISTRY_SEARCH_WORD_MAX]; /* small letters */
    } word[REGISTRY_SEARCH_WORDS_MAX];
};

struct registry_search_found {
    struct registry_slice name, version, summary; /* borrowed from the index; no summary: its length is 0 */
    uint32_t distance;                            /* from what was meant, by the sum over the words: see registry_search_ask */
};

/* Whether all of bytes[0..size) is an index, to the byte. O(size). *ret is undefined else. */
bool registry_search_read(const void *bytes, size_t size, struct registry_search *ret) MUST_CHECK;

/* Read a question: words with blanks between, in any case. ERR_RANGE: there is none; ERR_LIMIT: too many, or one is too long;
 * ERR_MALFORMED: a sign that no name and no summary has (control characters, what is not ASCII). *ret is untouched then. */
enum err registry_search_parse(const char *text, size_t len, struct registry_search_question *ret) MUST_CHECK;

/* The packages in which each word is found: as the whole name (distance 0), its last part (1), one of its words (2), the begin of its
 * last part (3), of one of its words (4), anywhere in it (5), a word of the summary (6), the begin of one (7), anywhere in it (8). Those of least
 * distance first, then by name; at most `room`. Returns how many there are in all. O(size of the index). */
size_t registry_search_ask(const struct registry_search *s, const struct registry_search_question *q, struct registry_search_found *ret, size_t room);

/* The package of just this name, or false. O(log size). */
bool registry_search_find(const struct registry_search *s, struct registry_slice name, struct registry_search_found *ret) MUST_CHECK;

/* Names that a person takes for this one, which is valid (registry_name_is_alike): at most `room`, by name. O(size of the index). */
size_t registry_search_alike(const struct registry_search *s, struct registry_slice name, struct registry_search_found *ret, size_t room);

/* Write the head, and one line. */
void registry_search_add_head(struct bytes_text *t, struct registry_slice origin);
void registry_search_add(struct bytes_text *t, const struct registry_search_found *f);

#endif
