/* Which counters of a session were taken: each at most once, and none that is long past.
 * Source: RFC 4303, section 3.4.3; blocks as in RFC 6479, so that nothing is ever shifted. */
#ifndef CELL_COMMON_NODE_SEALED_WINDOW_H
#define CELL_COMMON_NODE_SEALED_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SEALED_WINDOW_WORDS = 16,
    /* Counters back from the newest that are told apart; one word is always being reused. 960 late
     * datagrams: a whole batch of the sender's behind another one, and 20 ms at 50,000 a second. */
    SEALED_WINDOW_SPAN = (SEALED_WINDOW_WORDS - 1) * 64,
};

/* Zero-initialised: nothing was taken. */
struct sealed_window {
    uint64_t next; /* one past the newest taken */
    uint64_t word[SEALED_WINDOW_WORDS];
};

enum sealed_window_verdict {
    SEALED_WINDOW_NEW,
    SEALED_WINDOW_SEEN,
    SEALED_WINDOW_OLD, /* SEALED_WINDOW_SPAN or more behind the newest: whether it was seen is not known */
};

/* What `counter` (below UINT64_MAX) would be; nothing changes. For looking before a tag is verified. */
enum sealed_window_verdict sealed_window_look(const struct sealed_window *w, uint64_t counter);

/* Note that `counter` was taken; only what sealed_window_look calls new may be. */
void sealed_window_take(struct sealed_window *w, uint64_t counter);

#endif
