/* The other members as this process reaches them: by ordinary requests to their cells, instances of this node directly
 * and those of other nodes by way of the gateways, which know their certificates. All packets of one turn of the loop for
 * one member go in one message: the answer to a request of that member which waits for some, else a request. So entries
 * go in a request, and that they are durable comes in its answer: two messages a batch, and half the wake-ups of two
 * requests. A request that waits for the end of the other side tells at once that a member is gone. */
#ifndef CELL_RAFT_PEERS_H
#define CELL_RAFT_PEERS_H

#include "raft/core.h"

enum {
    RAFT_PEERS_FLIGHT = 64,          /* requests to one member that are not answered; what comes on top is dropped */
    RAFT_PEERS_MESSAGE = 256 << 10,  /* bytes of packets in one request; a longer packet goes alone                */
    RAFT_PEERS_DEADLINE_MS = 2000,   /* of a request with packets                                                  */
    RAFT_PEERS_HELD = 16,            /* requests of one member that wait for packets; the oldest is answered       */
    RAFT_PEERS_HELD_MS = 1000,       /* … and one that waits so long                                               */
    RAFT_PEERS_ANSWER_MAX = 64 << 10, /* bytes of packets in an answer: a member takes any, its limits.message too */
    RAFT_PEERS_LINK_MS = 60000,      /* of one that waits for the end; then it is asked again                      */
    RAFT_PEERS_RETRY_MS = 100,       /* until a member that was not reached is asked again whether it is there     */
    RAFT_PEERS_LINKS_MAX = 64,       /* members and strangers that wait for our end                                */
    RAFT_PEERS_GUEST_MS = 5000,      /* who is in no configuration known here is answered until silent for so long */
};

struct raft_shell;
struct cell_call;

/* A request of a member whose answer is to bring packets. */
struct raft_peer_held {
    struct cell_call *call;          /* NULL: its member gave it up */
    uint64_t since_ms;
};

struct raft_peer {
    struct raft_shell *shell;
    uint64_t id;                     /* 0: free */
    char contact[RAFT_CONTACT_MAX];
    uint8_t *out;                    /* packets that gather; owned */
    uint32_t out_size, out_room;
    uint32_t flight;                 /* requests that are not answered */
    bool is_linked, is_waiting;      /* the member is there; a request waits for its end */
    bool is_member;                  /* of the newest configuration here; others are guests      */
    bool is_gone;                    /* no member any more: free when nothing of it is under way */
    uint64_t retry_ms, spoke_ms;
    struct raft_peer_held held[RAFT_PEERS_HELD]; /* a ring, the oldest at held_first */
    uint32_t held_first, held_count;
};

struct raft_peers {
    struct raft_peer peer[2 * RAFT_MEMBERS_MAX]; /* members that left may still have requests under way */
    struct cell_call *link[RAFT_PEERS_LINKS_MAX]; /* of others, which wait for our end */
    uint64_t dropped, sent, received, refused;
};

/* The members of `c` but for `self` are the ones. Whoever is not among them and speaks all the same stays a while: a
 * leader may be newer than what is known here, and a candidate as well; both are answered (thesis, 4.1). */
void raft_peers_set(struct raft_shell *s, const struct raft_config *c, uint64_t self);

/* Gather a message; the run's bytes are in m->run.bytes. Dropped if the member is unknown or too much waits. */
void raft_peers_send(struct raft_shell *s, const struct raft_message *m);

/* The turn ends: ask. Looks after links as well. */
void raft_peers_flush(struct raft_shell *s, uint64_t now_ms);

/* Whether a request among members may be one: its caller is an instance of this very cell, or, when members live on other
 * nodes, the cell of the same name there, as its node says and the gateway's exports let it. Who is granted `raft.*` to
 * read and write, here or from another node, is not a member by that. ERR_DENIED: neither, the operators included. */
enum err raft_peers_check(const struct raft_shell *s, struct cell_call *call) MUST_CHECK;

/* Requests of others. */
enum err raft_peers_take_packets(void *state, struct cell_call *call, const void *request);
enum err raft_peers_take_link(void *state, struct cell_call *call, const void *request);

/* This process ends: whoever waits for that is told. */
void raft_peers_end(struct raft_shell *s);
void raft_peers_fini(struct raft_shell *s);

#endif
