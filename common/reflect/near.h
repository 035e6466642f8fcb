/* "Did you mean": the candidate closest to a mistyped word. */
#ifndef CELL_COMMON_REFLECT_NEAR_H
#define CELL_COMMON_REFLECT_NEAR_H

#include <stddef.h>

enum {
    NEAR_WORD_MAX = 64 /* characters; longer words have no neighbours worth naming */
};

/* Smallest number of letters to insert, delete, change or swap with a neighbour that turns a into b
 * (optimal string alignment), ignoring case; SIZE_MAX when either is longer than NEAR_WORD_MAX. */
size_t near_distance(const char *a, const char *b);

/* Keeps the best candidate seen. Start with near_begin; `best` is NULL until one is close enough:
 * at most a third of the word, at least one letter. */
struct near {
    const char *word;
    const char *best;
    size_t distance;
};
void near_begin(struct near *n, const char *word);
void near_try(struct near *n, const char *candidate);

#endif
