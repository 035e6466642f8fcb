/* How large a datagram a path carries, found out by asking: nobody is believed who says so, and nobody has to. Probes of
 * a size go to the peer, who answers each; what is not answered while small ones are is too large. So a path that
 * swallows what it cannot carry (a black hole) is noticed, also in the midst of a connection. Pure: one for each path;
 * steps in virtual time.
 *
 * Sizes are those of UDP payloads: an inner packet takes DATAPATH_MESSAGE_HEAD + DATAPATH_MESSAGE_TAG more.
 * Messages of ICMP are not asked for: anybody can send one, they would have to be believed in part (section 4.6), and a
 * socket that is told of them fails to send to one peer for what was said of another. They would save a second at most.
 * Source: RFC 8899 (DPLPMTUD for datagrams): sections 4.3 (black holes), 5.2 (phases), 5.3 (search). */
#ifndef CELL_DATAPATH_PMTU_H
#define CELL_DATAPATH_PMTU_H

#include <stdbool.h>
#include <stdint.h>

enum {
    DATAPATH_PMTU_BASE = 1200,        /* fits everywhere that IPv6 may go: 1,280 less its head and UDP's             */
    DATAPATH_PMTU_USUAL = 1452,       /* what an Ethernet carries: tried first when the largest is too large         */
    DATAPATH_PMTU_STEP = 8,           /* found to so many bytes                                                       */
    DATAPATH_PMTU_TRIES = 4,          /* probes of a size that must be lost                                           */
    DATAPATH_PMTU_ALIVE = 2,          /* probes beside them that must be answered: else it is the path that is gone, or  *
                                       * the size in use                                                             */
    DATAPATH_PMTU_WAIT_MS = 250,      /* for an answer, at least …                                                    */
    DATAPATH_PMTU_WAIT_MS_MAX = 1000, /* … and at most                                                                */
    DATAPATH_PMTU_CONFIRM_MS = 1000,  /* a size in use is looked at again after this                                  */
    DATAPATH_PMTU_PAUSE_MS = 1000,    /* until a path that is gone is asked again                                     */
    DATAPATH_PMTU_RAISE_MS = 600000,  /* until more is tried: section 5.1.1                                           */
    DATAPATH_PMTU_EFFECTS = 4,        /* of one step                                                                  */
};

enum datapath_pmtu_event_kind {
    DATAPATH_PMTU_EV_BEGIN,    /* a path, or another one in its place */
    DATAPATH_PMTU_EV_CLOCK,    /* it is due                           */
    DATAPATH_PMTU_EV_ANSWERED, /* number, rtt_ms: authentic           */
    DATAPATH_PMTU_EV_USED,     /* size: a datagram of data was sent   */
};

struct datapath_pmtu_event {
    enum datapath_pmtu_event_kind kind;
    uint64_t now_ms;
    uint32_t number, rtt_ms, size;
};

/* A probe of `size` bytes with `number` is to be sent: not to be fragmented, padded, authentic. */
struct datapath_pmtu_probe {
    uint32_t size, number;
};

struct datapath_pmtu_effects {
    uint32_t count;
    struct datapath_pmtu_probe probe[DATAPATH_PMTU_EFFECTS];
};

struct datapath_pmtu {
    uint32_t most;            /* what our own end can send                               */
    uint32_t size;            /* datagrams may be of                                      */
    bool is_searching;        /* else it is found, and held                               */
    bool is_doubting;         /* … and asks about the size in use meanwhile: that is lost */
    uint32_t good, bad;       /* while it searches: what went through; what did not       */
    uint32_t failed;          /* sizes that did not, since it began                       */
    /* the probes that are out: one size at a time */
    bool is_open;
    uint32_t asked, beside;   /* of this size; and of one that should go through          */
    uint32_t tries, alive;    /* how often; those beside that were answered               */
    uint32_t first, next;     /* numbers: of the first probe of these, of the next of all */
    uint32_t is_beside;       /* bit n: the probe first + n is one of those               */
    uint64_t deadline_ms;     /* of an answer; when none is out: when to ask again        */
    uint32_t rtt_ms;          /* the longest of late                                      */
    uint64_t confirmed_ms, used_ms, raise_ms;
};

/* most: at least DATAPATH_PMTU_BASE, at most 65,507. */
void datapath_pmtu_init(struct datapath_pmtu *p, uint32_t most);

/* Whether senders are to be told `size`: it is found, or one size was lost and the next one seems to be. Not at the first: that
 * is mostly followed by one that is nearly as large and goes through, and senders keep what they are told for minutes. */
bool datapath_pmtu_is_measured(const struct datapath_pmtu *p);

void datapath_pmtu_step(struct datapath_pmtu *p, const struct datapath_pmtu_event *ev, struct datapath_pmtu_effects *fx);

/* When the clock's next step is due; UINT64_MAX: not before something happens. */
uint64_t datapath_pmtu_due_ms(const struct datapath_pmtu *p);

#endif
