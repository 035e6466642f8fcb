/* Which members of the cluster take part: membership tells of nodes, and not every node has this cell. Each is asked for
 * the way in, again and again but ever less often, until a packet of its comes; then it is a member here too. Pure. */
#ifndef CELL_DHT_CIRCLE_H
#define CELL_DHT_CIRCLE_H

#include "dht/types.h"

enum {
    DHT_CIRCLE_BATCH = 16,               /* asked in one step                                        */
    DHT_CIRCLE_PACE_US = 5000,           /* between two steps: 3,000 a second                        */
    DHT_CIRCLE_AGAIN_US = 1000000,       /* before somebody is asked a second time; doubling         */
    DHT_CIRCLE_AGAIN_MOST_US = 60000000,
};

struct dht_circle_member {
    struct dht_contact who;
    bool is_in;
    uint32_t mark;      /* of the listing in which it was named last */
    uint32_t gap_us;
    uint64_t next_us;   /* not in: when it is asked                  */
};

struct dht_circle {
    struct dht_circle_member *member; /* the caller's, `most` of them */
    uint32_t count, most, in;
    uint64_t due_us;                  /* UINT64_MAX: nobody is to be asked */
};

void dht_circle_init(struct dht_circle *c, struct dht_circle_member *member, uint32_t most);

/* Membership says that it lives, and where it should be. False: there is no room. */
bool dht_circle_say(struct dht_circle *c, uint64_t now_us, const struct dht_contact *who, uint32_t mark);

/* A packet of it came. Whether it is a member that was not in, and is now. */
bool dht_circle_heard(struct dht_circle *c, const struct dht_node *node);

/* Membership says that it is gone. Whether it was a member. */
bool dht_circle_gone(struct dht_circle *c, const struct dht_node *node);

/* Take out one member that a listing with this mark did not name. False: there is none. */
bool dht_circle_unnamed(struct dht_circle *c, uint32_t mark, struct dht_contact *ret);

/* Who is to be asked now, up to DHT_CIRCLE_BATCH. Returns how many. */
uint32_t dht_circle_ask(struct dht_circle *c, uint64_t now_us, struct dht_contact to[DHT_CIRCLE_BATCH]);

#endif
