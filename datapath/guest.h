/* A member's side of a rendezvous: it says where it is, every ten seconds, and asks what is new; what is not answered is
 * asked again soon, for a heartbeat that is lost must not cost ten seconds. Pure: one for each rendezvous. */
#ifndef CELL_DATAPATH_GUEST_H
#define CELL_DATAPATH_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/signal.h"

enum {
    DATAPATH_GUEST_BEAT_MS = 10000,  /* between heartbeats: also less than a NAT forgets in                */
    DATAPATH_GUEST_WAIT_MS = 400,    /* for an answer …                                                    */
    DATAPATH_GUEST_TRIES = 8,        /* … so often; then twice as long each time …                         */
    DATAPATH_GUEST_WAIT_MS_MAX = 4000, /* … up to this                                                     */
    DATAPATH_GUEST_LOST_MS = 30000,  /* without an answer: it is not there                                 */
};

struct datapath_guest {
    uint64_t epoch, sequence;        /* what it is, and what we have of it                      */
    uint32_t cursor;
    bool is_full;                    /* a list of all is under way: who is not on it is gone    */
    bool wants_more;
    bool wants_all;                  /* what we have does not count any more                    */
    uint32_t round;                  /* of such lists                                           */
    uint64_t question;               /* that is open; 0: none                                   */
    uint64_t due_ms, wait_ms;
    uint32_t tries;                  /* since the last answer                                   */
    uint64_t heard_ms;               /* its last answer; 0: never                               */
    uint32_t count;                  /* members, as it says                                     */
    struct datapath_endpoint seen;   /* where it sees us                                        */
};

void datapath_guest_init(struct datapath_guest *g, uint64_t now_ms);

/* It is due: what is to be said (but for places and LEAVES), in a datagram of *ret_size bytes. */
void datapath_guest_ask(struct datapath_guest *g, uint64_t now_ms, struct datapath_random *random, struct datapath_signal *ret,
                        size_t *ret_size);

/* A NEWS came. False: it answers nothing that is open, so it says nothing. True: its members count, and those that are
 * mentioned belong to g->round; *ret_is_whole: with it a list of all is at its end. */
bool datapath_guest_hear(struct datapath_guest *g, uint64_t now_ms, const struct datapath_signal *news, bool *ret_is_whole);

/* With the next heartbeat all is asked for. */
void datapath_guest_forget(struct datapath_guest *g);

/* Whether it answers. */
bool datapath_guest_is_there(const struct datapath_guest *g, uint64_t now_ms);

#endif
