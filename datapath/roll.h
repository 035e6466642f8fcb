/* Who is where, as a rendezvous keeps it: members tell it where they are, and hear what changed since they asked last.
 * Each change has a number; a member's newest change is all that is kept of him, so what somebody missed is never more
 * than what there is, and a lost answer costs one question. Pure, in memory of the caller: a member is a peer of the
 * overlay (his number), and what he says was authenticated.
 *
 * Nothing of a member is believed before he has shown that he hears this life of the rendezvous (its epoch, drawn when it
 * begins): what was recorded earlier binds nobody. Until then he is away, not gone: a life that heard nobody yet parts nobody. */
#ifndef CELL_DATAPATH_ROLL_H
#define CELL_DATAPATH_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/signal.h"

enum {
    DATAPATH_ROLL_TEXT = 2 * DATAPATH_SIGNAL_MOST, /* bytes of an answer's members, and then of their names */
    DATAPATH_ROLL_TOMBS = 4096,     /* members who are gone for good and whom all must hear of; who missed more asks for all */
    DATAPATH_ROLL_KEEP_MS = 35000,  /* who was not heard for so long is away: three heartbeats, and one that is late         */
    DATAPATH_ROLL_LOOK_MS = 1000,   /* between looks for those                                                               */
    DATAPATH_ROLL_STEPS = 512,      /* entries from either end among which a question finds its place; else all is told anew */
};

struct datapath_roll_entry {
    enum datapath_signal_state state; /* 0: nothing is known, it is on no list */
    uint32_t places;
    uint32_t before, after;           /* by number of change, + 1 */
    uint64_t change, heard_ms;
    uint8_t key[DATAPATH_NOISE_KEY];
    struct datapath_endpoint place[DATAPATH_SIGNAL_PLACES]; /* the first: where he was heard from, with its scope */
};

struct datapath_roll {
    uint64_t epoch;
    uint32_t peers_max, here;         /* members who are here           */
    struct datapath_roll_entry *entry; /* of peers, and then of those who are gone */
    uint32_t first, last;             /* of the list, + 1               */
    uint32_t next_tomb;
    uint64_t change;                  /* the newest                     */
    uint64_t floor;                   /* who knows less than this may have missed that somebody is gone */
    uint64_t look_ms;
    uint32_t walked;                  /* entries that the last answer looked at to find where it begins */
    /* His inner addresses and his name, put into *m: of whoever keeps them. */
    void (*describe)(const void *context, uint32_t peer, struct datapath_signal_member *m);
    const void *context;
};

size_t datapath_roll_size(uint32_t peers);
/* memory: of that size, borrowed. epoch: drawn, not 0. */
void datapath_roll_init(struct datapath_roll *r, void *memory, uint32_t peers, uint64_t epoch, uint64_t now_ms);

/* O(DATAPATH_ROLL_STEPS): `peer` says a ROLL of `size` bytes from `from`. *ret: the NEWS for him, whose datagram is no longer than his was;
 * text: DATAPATH_ROLL_TEXT bytes that it borrows. */
void datapath_roll_answer(struct datapath_roll *r, uint64_t now_ms, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY],
                          const struct datapath_endpoint *from, const struct datapath_signal *ask, size_t size,
                          struct datapath_signal *ret, uint8_t *text);

/* What the others are told of him: state AWAY when nothing is known. */
void datapath_roll_member(const struct datapath_roll *r, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY],
                          struct datapath_signal_member *ret);

/* Whether he is here, and where he was heard from. */
bool datapath_roll_is_here(const struct datapath_roll *r, uint32_t peer, struct datapath_endpoint *ret);

/* He is a member, whom this life has not heard yet: away. Nothing, if it has. */
void datapath_roll_enter(struct datapath_roll *r, uint32_t peer, const uint8_t key[DATAPATH_NOISE_KEY]);
/* His inner addresses or his name changed. */
void datapath_roll_changed(struct datapath_roll *r, uint32_t peer);
/* He is no peer any more: all are told. */
void datapath_roll_removed(struct datapath_roll *r, uint32_t peer);

/* Time passed. O(peers) every DATAPATH_ROLL_LOOK_MS. Returns when it is due again. */
uint64_t datapath_roll_clock(struct datapath_roll *r, uint64_t now_ms);

#endif
