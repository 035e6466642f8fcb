/* What our own nodes say to each other beside WireGuard's messages: pings of the ways that there are, who is where, and
 * what a relay is to do. Each is sealed for one peer under what the two static keys have in common, padded, and said
 * once: a datagram that is not the peer's, or came before, is no signal. Pure. PROTOCOL.md has the bytes.
 *
 * Sources: RFC 5389 (what a ping is answered with: where it came from); RFC 6479 (the window). */
#ifndef CELL_DATAPATH_SIGNAL_H
#define CELL_DATAPATH_SIGNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/allowed.h"
#include "datapath/label.h"
#include "datapath/message.h"
#include "datapath/noise.h"
#include "datapath/random.h"

enum {
    DATAPATH_SIGNAL_WHO = 4,              /* places: who says it to whom … */
    DATAPATH_SIGNAL_NONCE = 12,
    DATAPATH_SIGNAL_NONCE_SIZE = 24,
    DATAPATH_SIGNAL_TEXT = 36,            /* … and what is sealed          */
    DATAPATH_SIGNAL_STAMP = 16,           /* life and counter, before what is said */
    DATAPATH_SIGNAL_OVER = DATAPATH_SIGNAL_TEXT + DATAPATH_SIGNAL_STAMP + DATAPATH_MESSAGE_TAG,
    DATAPATH_SIGNAL_LEAST = 192,          /* bytes of a datagram: small ones are padded, so no answer is larger */
    DATAPATH_SIGNAL_MOST = 1000,          /* but for pings that ask how large one may be   */
    DATAPATH_SIGNAL_PLACES = 6,           /* of one node                                   */
    DATAPATH_SIGNAL_PREFIXES = 8,         /* … that others are told                        */
    DATAPATH_SIGNAL_MEMBER_MOST = 2 + DATAPATH_NOISE_KEY + 1 + DATAPATH_SIGNAL_PLACES * 19 + DATAPATH_SIGNAL_PREFIXES * 18,
    DATAPATH_SIGNAL_WINDOW = 64,          /* signals that may overtake each other          */
};

enum datapath_signal_kind {
    DATAPATH_SIGNAL_PING = 1, /* use, number, sent_ms: is this a way?                          */
    DATAPATH_SIGNAL_PONG,     /* … the same, seen: it is                                       */
    DATAPATH_SIGNAL_ROLL,     /* to a rendezvous: here I am; what is new since `sequence`?     */
    DATAPATH_SIGNAL_NEWS,     /* its answer: members that changed, in `members`                */
    DATAPATH_SIGNAL_CALL,     /* to a rendezvous: bring me together with `key`                 */
    DATAPATH_SIGNAL_MEET,     /* of a rendezvous: a member who is to be pinged now             */
    DATAPATH_SIGNAL_RELAY,    /* to a relay: pass on between me and `key`                      */
    DATAPATH_SIGNAL_RELAYING, /* its answer: send to `id`                                      */
};

enum {
    DATAPATH_SIGNAL_LEAVES = 1,   /* ROLL: and now I go                                          */
    DATAPATH_SIGNAL_FULL = 2,     /* NEWS: of all members, from the first on                     */
    DATAPATH_SIGNAL_MORE = 4,     /* NEWS: ask again at once                                     */
    DATAPATH_SIGNAL_WHOLE = 8,    /* RELAYING: both have asked                                   */
    DATAPATH_SIGNAL_REFUSED = 16, /* RELAYING: there is no room, or he does not relay; NEWS: the name is another's */
    DATAPATH_SIGNAL_IDLE = 32,    /* PING: no packets of mine go; do not keep a way for me       */
};

struct datapath_signal {
    enum datapath_signal_kind kind;
    uint8_t flags;
    uint8_t use;             /* whose number it is: a way's, a size's   */
    uint32_t number, sent_ms;
    struct datapath_endpoint seen; /* where what is answered came from  */
    uint64_t epoch;          /* of the rendezvous' life, as it said; 0: not known yet. Nothing is bound without.
                              * PING, PONG: a word of who asks, which only who got the ping can say again        */
    uint64_t life;           /* MEET, RELAYING: of whom it is said to, as he said it */
    uint64_t question, sequence;
    uint32_t cursor, id;
    uint32_t count;          /* NEWS: members that are there            */
    uint8_t key[DATAPATH_NOISE_KEY];
    uint32_t places;
    struct datapath_endpoint place[DATAPATH_SIGNAL_PLACES];
    const uint8_t *members;  /* NEWS, MEET: borrowed of the datagram    */
    size_t members_size;
    char name[DATAPATH_LABEL_SIZE]; /* ROLL: what he wants to be called; "": nothing */
    const uint8_t *names;    /* NEWS: one for each member, in their order; those that are missing have none. Borrowed likewise */
    size_t names_size;
};

enum datapath_signal_state {
    DATAPATH_SIGNAL_HERE = 1, /* his places follow                      */
    DATAPATH_SIGNAL_AWAY,     /* not heard of lately                    */
    DATAPATH_SIGNAL_GONE,     /* no member any more                     */
};

struct datapath_signal_member {
    enum datapath_signal_state state;
    uint8_t key[DATAPATH_NOISE_KEY];
    uint32_t places, prefixes;
    struct datapath_endpoint place[DATAPATH_SIGNAL_PLACES]; /* the first: where the rendezvous sees him */
    struct datapath_prefix prefix[DATAPATH_SIGNAL_PREFIXES];
    char name[DATAPATH_LABEL_SIZE]; /* said beside him: "" when he was read */
};

/* Of one direction of a pair. */
struct datapath_signal_keys {
    uint8_t key[DATAPATH_NOISE_KEY];
    uint64_t who; /* which the receiver knows it by; says nothing to others */
};

struct datapath_signal_window {
    uint64_t life, newest, seen;
};

/* shared: of the two static keys; from: the sender's public one. 2 us. */
void datapath_signal_derive(const uint8_t shared[DATAPATH_NOISE_KEY], const uint8_t psk[DATAPATH_NOISE_KEY],
                            const uint8_t from[DATAPATH_NOISE_KEY], struct datapath_signal_keys *ret);

/* Write what is said into `out`, at most `room` bytes. Returns how many; 0: it does not fit. */
size_t datapath_signal_write(const struct datapath_signal *s, uint8_t *out, size_t room);

/* Read it. False: it is none; nothing of *ret counts. Zeros behind it are padding. */
bool datapath_signal_read(const uint8_t *bytes, size_t size, struct datapath_signal *ret);

/* One member at the end of others. Returns its bytes; 0: it does not fit. */
size_t datapath_signal_put_member(const struct datapath_signal_member *m, uint8_t *out, size_t room);

/* The next one; *at grows. False: there is none, or it does not read. */
bool datapath_signal_take_member(const uint8_t *bytes, size_t size, size_t *at, struct datapath_signal_member *ret);

/* The same for names: "" is one, too. */
size_t datapath_signal_put_name(const char *name, uint8_t *out, size_t room);
bool datapath_signal_take_name(const uint8_t *bytes, size_t size, size_t *at, char ret[DATAPATH_LABEL_SIZE]);

/* Seal `s` into `out`: *ret_size bytes, which are at least `size` and at least DATAPATH_SIGNAL_LEAST, and at most the
 * larger of `size` and DATAPATH_SIGNAL_MOST. life, counter: never the same twice. False: it does not fit. */
bool datapath_signal_seal(const struct datapath_signal_keys *k, uint64_t life, uint64_t counter,
                          struct datapath_random *random, const struct datapath_signal *s, size_t size, uint8_t *out,
                          size_t *ret_size);

/* Whom a datagram of kind SIGNAL says it is from; 0: it is too short. */
uint64_t datapath_signal_who(const uint8_t *bytes, size_t size);

/* Open it in place; *ret borrows of it. False: it is not his, or not new; `w` is as it was. */
bool datapath_signal_open(const struct datapath_signal_keys *k, struct datapath_signal_window *w, uint8_t *bytes,
                          size_t size, struct datapath_signal *ret);

#endif
