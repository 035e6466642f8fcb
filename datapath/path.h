/* By which way a peer is reached: the addresses that he may have are asked, both sides at once so that NATs let them
 * through, and the best that answers is used; another one when it falls silent; a relay while none answers. Pure: one
 * for each peer. What comes in was authenticated: a stranger's packet is no event here, so that nobody but the peer
 * makes a way or ends one.
 *
 * Source: RFC 5128 (punching holes in NATs: section 3.3); RFC 8445 (ICE: candidates, checks, and that a check that comes
 * from somewhere unknown makes a candidate, section 7.3.1.3), of which this is the part without roles and nominations,
 * for each side chooses only where it sends to. */
#ifndef CELL_DATAPATH_PATH_H
#define CELL_DATAPATH_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath/message.h"

enum {
    DATAPATH_PATH_PLACES = 12,          /* of one peer: more are not remembered                                    */
    DATAPATH_PATH_NONE = DATAPATH_PATH_PLACES,
    DATAPATH_PATH_PUNCHES = 10,         /* pings of a place that may be behind a NAT, one after the other …         */
    DATAPATH_PATH_CLAIMS = 3,           /* … of one that he alone says, where nobody has seen him; later one, and …     */
    DATAPATH_PATH_CLAIMS_EVERY = 8,     /* … more and more rarely: in the end with every eighth call                    */
    DATAPATH_PATH_PUNCH_MS = 200,       /* … so far apart: both sides' meet, whoever began earlier                  */
    DATAPATH_PATH_CALL_MS = 5000,       /* while there is only a relay the peer is called this often …              */
    DATAPATH_PATH_CALL_MS_MAX = 60000,  /* … and less and less                                                      */
    DATAPATH_PATH_BACK = 4,             /* who was called within this part of what calls are apart is not called back */
    DATAPATH_PATH_KEEP_MS = 500,        /* between pings of the way in use, while packets go                        */
    DATAPATH_PATH_IDLE_MS = 10000,      /* … and of all others that answer: less than a NAT forgets in (30 s)       */
    DATAPATH_PATH_WAIT_MS = 300,        /* for an answer, and twice the round trip                                  */
    DATAPATH_PATH_MISSES = 3,           /* one after the other: it is silent                                        */
    DATAPATH_PATH_BETTER_MS = 5,        /* and a fifth: so much shorter must a way be to be changed to              */
    DATAPATH_PATH_USED_MS = 10000,      /* packets go: one did since                                                */
    DATAPATH_PATH_EFFECTS = DATAPATH_PATH_PLACES + 2,
};

enum datapath_path_kind {
    DATAPATH_PATH_LOCAL, /* an address of an interface of his                              */
    DATAPATH_PATH_SEEN,  /* where others see him: outside of his NAT                       */
    DATAPATH_PATH_FOUND, /* a ping of his came from there                                  */
    DATAPATH_PATH_RELAY, /* somebody who passes on to him                                  */
};

enum datapath_path_event_kind {
    DATAPATH_PATH_EV_PLACE,  /* at, place_kind: he may be there                            */
    DATAPATH_PATH_EV_PING,   /* at, place_kind (RELAY or FOUND): a ping of his came from there, now or when it was recorded */
    DATAPATH_PATH_EV_PONG,   /* number, rtt_ms: he answered a ping of ours                 */
    DATAPATH_PATH_EV_CALLED, /* he calls: his pings are on their way                       */
    DATAPATH_PATH_EV_USED,   /* packets go to him                                          */
    DATAPATH_PATH_EV_CLOCK,
};

struct datapath_path_event {
    enum datapath_path_event_kind kind;
    uint64_t now_ms;
    struct datapath_endpoint at;
    enum datapath_path_kind place_kind;
    uint32_t number, rtt_ms;
};

enum datapath_path_effect_kind {
    DATAPATH_PATH_FX_PING, /* to `at`, in the manner of place_kind, with `number`          */
    DATAPATH_PATH_FX_USE,  /* packets go to `at`, in the manner of place_kind              */
    DATAPATH_PATH_FX_LOST, /* there is no way: packets wait                                */
    DATAPATH_PATH_FX_CALL, /* tell him our places, by way of whoever can: he is to ping    */
};

struct datapath_path_effect {
    enum datapath_path_effect_kind kind;
    struct datapath_endpoint at;
    enum datapath_path_kind place_kind;
    uint32_t number;
};

struct datapath_path_effects {
    uint32_t count;
    struct datapath_path_effect effect[DATAPATH_PATH_EFFECTS];
};

struct datapath_path_place {
    bool is_there, is_alive;
    bool is_sure;            /* whoever knows says that he may be there, or he answered from there: else a ping came, once */
    struct datapath_endpoint at;
    enum datapath_path_kind kind;
    bool is_shown;           /* he answered from there                                    */
    uint32_t volleys;        /* how often it was to be asked                              */
    uint32_t punches;        /* that are left                                             */
    uint32_t missed;         /* pings without an answer, one after the other              */
    uint32_t first, last;    /* pings whose answers count: of this place, since it is known or was silent */
    bool is_asked;           /* … which is not answered yet                               */
    uint32_t rtt_8ths;       /* of a ms, smoothed as in RFC 6298                          */
    uint64_t due_ms;         /* of the next ping, or of its answer; UINT64_MAX: none      */
};

struct datapath_path {
    struct datapath_path_place place[DATAPATH_PATH_PLACES];
    uint32_t used;           /* DATAPATH_PATH_NONE: none                                  */
    uint32_t sequence;
    uint64_t used_ms;        /* a packet went; 0: never                                   */
    uint64_t call_ms, call_each_ms; /* when the next call is due, and how far apart they are */
    uint64_t called_ms;      /* when we last did; 0: never                                */
    uint64_t refused;        /* places that found no room                                 */
};

void datapath_path_init(struct datapath_path *p, uint64_t now_ms);
void datapath_path_step(struct datapath_path *p, const struct datapath_path_event *ev, struct datapath_path_effects *fx);

/* When the clock's next step is due. */
uint64_t datapath_path_due_ms(const struct datapath_path *p);

#endif
