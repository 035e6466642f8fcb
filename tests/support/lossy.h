/* A disk that keeps only what was synced, for processes of a test: the calls by which our code writes files, linked in the
 * place of libc's. What they change is noted, in memory that parent and child share; a sync strikes the notes out; after the
 * child has died the parent undoes what is left, or some of it: what a loss of power would have taken. A name that was
 * made, moved or removed is noted until its directory is synced.
 *
 * A kill alone proves nothing of the kind: the kernel keeps what a dead process wrote. */
#ifndef CELL_TESTS_SUPPORT_LOSSY_H
#define CELL_TESTS_SUPPORT_LOSSY_H

#include <stdint.h>

#include "common/base/rng.h"

enum {
    LOSSY_NOTES = 4096,         /* changes that are not synced at a time */
    LOSSY_BYTES = 8 << 20,      /* of what was there before              */
    LOSSY_FILES = 64,
    LOSSY_SECTOR = 512,
};

/* What a loss takes of what was not synced. */
enum lossy_fate {
    LOSSY_ALL,
    LOSSY_SOME,   /* each sector and each name by itself */
};

/* Before the first fork. */
void lossy_open(void);

/* In the child: note from now on, and die (SIGKILL) on entry of the `at`th noted call; 0: never. Of a write half of the
 * bytes are written first. Returns nothing. */
void lossy_begin(uint64_t at);

/* In the parent, when the child is dead: calls it had entered; undo what was not synced, and forget all. */
uint64_t lossy_calls(void);
void lossy_lose(enum lossy_fate fate, struct rng *rng);

/* A word from the child to the parent: never undone. */
extern volatile uint64_t *lossy_word;

#endif
