/* Counters that were seen: each is accepted once, late ones only while they can be told apart.
 * Source: RFC 6479: a bitmap as a ring of words, of which whole ones are cleared when the window moves. */
#ifndef CELL_DATAPATH_REPLAY_H
#define CELL_DATAPATH_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DATAPATH_REPLAY_SPAN = 8192, /* counters that are told apart: 64 packets at once on some paths need no less */
    DATAPATH_REPLAY_WORDS = DATAPATH_REPLAY_SPAN / 64 + 1, /* one is being cleared */
};

/* Counters from here on are never used: a session ends before its nonces could come again. WireGuard, section 6.1. */
#define DATAPATH_REPLAY_LIMIT (UINT64_MAX - (UINT64_C(1) << 13))

struct datapath_replay {
    uint64_t next; /* above all that were accepted */
    uint64_t word[DATAPATH_REPLAY_WORDS];
};

/* Whether `counter` is new. Changes nothing: only what was authenticated may move the window. */
bool datapath_replay_is_new(const struct datapath_replay *r, uint64_t counter);

/* Remember one that is new. At most DATAPATH_REPLAY_WORDS steps. */
void datapath_replay_take(struct datapath_replay *r, uint64_t counter);

#endif
