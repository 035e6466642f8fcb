/* Members of the node's cluster as peers, as membership tells of them (docs/decisions/0020): who lives is one, who left goes
 * at once, who died after a while. His key follows from his id, and so does his inner address (common/node/inner), so whoever
 * passes word of him on can say neither. Who has an address keeps it while he is here. What the operator or a rendezvous has is
 * left to them. Pure, in memory of the caller. */
#ifndef CELL_DATAPATH_KIN_H
#define CELL_DATAPATH_KIN_H

#include "datapath/ways.h"

enum {
    DATAPATH_KIN_PREFIXES = 4,      /* networks in which members have addresses                                 */
    DATAPATH_KIN_DEAD_MS = 60000,   /* who is dead by others' word stays so long: they may be who is cut off    */
    DATAPATH_KIN_ID = 32,
};

struct datapath_kin_member {
    uint8_t id[DATAPATH_KIN_ID], key[DATAPATH_NOISE_KEY];
    bool is_living, has_left;
    struct datapath_endpoint at;    /* where membership reaches him, with our port; port 0: nowhere */
    char name[DATAPATH_LABEL_SIZE]; /* "": none that can be one                                     */
    uint32_t prefixes;
    struct datapath_prefix prefix[DATAPATH_KIN_PREFIXES]; /* of all its bits */
};

struct datapath_kin_one {
    uint32_t serial;                /* of the peer; another one, or 0: he is not here by membership */
    uint8_t id[DATAPATH_KIN_ID];
    struct datapath_endpoint at;    /* as was told last                        */
    uint32_t round;                 /* the newest list that has him            */
    uint64_t gone_ms;               /* since when he is dead; 0: he lives      */
    uint32_t has, keeps;            /* bit n: his nth address is his; … and was when a list ended, so no lower id takes it */
    uint32_t lacked;                /* … is another's, which was said          */
};

struct datapath_kin {
    struct datapath_ways *ways;     /* borrowed */
    struct datapath_kin_one *of;    /* by the peer's number */
    uint32_t round, count;          /* count: peers by membership, at the end of a list */
    uint32_t own_prefixes;
    struct datapath_prefix own[DATAPATH_KIN_PREFIXES]; /* our addresses: nobody else's */
    uint64_t collisions, refused;   /* addresses that were another's; members for whom there was no room */
};

/* What became of a member. */
enum datapath_kin_verdict {
    DATAPATH_KIN_KNOWN,   /* nothing new                                          */
    DATAPATH_KIN_CAME,    /* he is a peer from now on                             */
    DATAPATH_KIN_WENT,    /* he left, and is none any more                        */
    DATAPATH_KIN_OTHERS,  /* the operator's, or a rendezvous': left to them       */
    DATAPATH_KIN_COLLIDES, /* a peer, but an address of his is another's; once    */
    DATAPATH_KIN_REFUSED, /* there is no room, or nobody has such a key           */
};

size_t datapath_kin_size(uint32_t peers);
/* memory: of that size, borrowed as `ways` is. */
void datapath_kin_init(struct datapath_kin *k, void *memory, struct datapath_ways *ways);

/* The number of the peer with this id; false: membership brought none. O(peers). */
bool datapath_kin_find(const struct datapath_kin *k, const uint8_t id[DATAPATH_KIN_ID], uint32_t *ret);
bool datapath_kin_is(const struct datapath_kin *k, uint32_t peer);

/* A list of all members begins; one of them; it is whole: who was not on it is as one who died. fx: of the core. */
void datapath_kin_begin(struct datapath_kin *k);
enum datapath_kin_verdict datapath_kin_take(struct datapath_kin *k, struct datapath_time now, const struct datapath_kin_member *m,
                                            struct datapath_effects *fx);
void datapath_kin_end(struct datapath_kin *k, uint64_t now_ms);

/* Take away one who is dead for long; false: there is none. ret_key: whose he was. */
bool datapath_kin_bury(struct datapath_kin *k, uint64_t now_ms, uint8_t ret_key[DATAPATH_NOISE_KEY]);

/* The operator names him by hand: he is the operator's. */
void datapath_kin_claim(struct datapath_kin *k, uint32_t peer);

#endif
