/* The other members as this process reaches them: by ordinary requests to their cells, instances of this node directly
 * and those of other nodes by way of the gateways, which know their certificates. What is said to a member goes by one of
 * two ways (lane.h). A request that waits for the end of the other side tells at once that a member is gone. */
#ifndef CELL_RAFT_PEERS_H
#define CELL_RAFT_PEERS_H

#include "raft/core.h"
#include "raft/lane.h"

enum {
    RAFT_PEERS_LANES = 2,
    RAFT_PEERS_LINK_MS = 60000,      /* of one that waits for the end; then it is asked again                      */
    RAFT_PEERS_HASTY_MS = 300,       /* a request that found no connection was asked before this (cell_ask: is_hasty)  */
    RAFT_PEERS_RETRY_MS = 100,       /* until a member that was not reached is asked again whether it is there     */
    RAFT_PEERS_LINKS_MAX = 64,       /* members and strangers that wait for our end                                */
    RAFT_PEERS_KEPT = 8,             /* messages with entries that wait for a segment: as many as a leader has under way */
    RAFT_PEERS_GUEST_MS = 5000,      /* who is in no configuration known here is answered until silent for so long */
};

struct ProtobufCMessage;
struct raft_shell;

struct raft_peer {
    struct raft_shell *shell;
    uint64_t id;                     /* 0: free */
    char contact[RAFT_CONTACT_MAX];
    bool is_linked, is_waiting;      /* the member is there; a request waits for its end */
    bool is_member;                  /* of the newest configuration here; others are guests      */
    bool is_gone;                    /* no member any more: free when nothing of it is under way */
    uint64_t retry_ms, spoke_ms;     /* spoke: asked us something                                */
    uint64_t heard_ms;               /* … or answered: it was there then                         */
    struct raft_lane lane[RAFT_PEERS_LANES]; /* by is_urgent */
};

/* A message with entries, for which the log has no segment yet. */
struct raft_peers_kept {
    uint64_t from;
    uint8_t *bytes; /* owned */
    uint32_t size;
};

struct raft_peers {
    struct raft_peer peer[2 * RAFT_MEMBERS_MAX]; /* members that left may still have requests under way */
    struct cell_call *link[RAFT_PEERS_LINKS_MAX]; /* of others, which wait for our end */
    struct raft_peers_kept kept[RAFT_PEERS_KEPT]; /* in the order in which they came */
    uint32_t kept_count;
    uint64_t dropped, sent, received, refused;
};

/* The members of `c` but for `self` are the ones. Whoever is not among them and speaks all the same stays a while: a
 * leader may be newer than what is known here, and a candidate as well; both are answered (thesis, 4.1). */
void raft_peers_set(struct raft_shell *s, const struct raft_config *c, uint64_t self);

/* This process begins: tell the members, who would find out by and by. Whoever leads has something to say to it. */
void raft_peers_greet(struct raft_shell *s);

/* Gather a message; the run's bytes are in m->run.bytes. Dropped if the member is unknown or too much waits. */
void raft_peers_send(struct raft_shell *s, const struct raft_message *m);

/* One was dropped. */
void raft_peers_drop(struct raft_shell *s);

/* The turn ends: ask. Looks after links as well. */
void raft_peers_flush(struct raft_shell *s, uint64_t now_ms);

/* Whether a request among members may be one: its caller is an instance of this very cell, or, when members live on other
 * nodes, the cell of the same name there, as its node says and the gateway's exports let it. Who is granted `raft.*` to
 * read and write, here or from another node, is not a member by that. ERR_DENIED: neither, the operators included. */
enum err raft_peers_check(const struct raft_shell *s, struct cell_call *call) MUST_CHECK;

/* What became of a request of a lane, which is `context`: a cell_answer. */
void raft_peers_answered(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text);

/* A segment may be there: take what waits for it. Once a turn. */
void raft_peers_take_kept(struct raft_shell *s);

/* Requests of others. */
enum err raft_peers_take_packets(void *state, struct cell_call *call, const void *request);
enum err raft_peers_take_link(void *state, struct cell_call *call, const void *request);

/* This process ends: whoever waits for that is told. */
void raft_peers_end(struct raft_shell *s);
void raft_peers_fini(struct raft_shell *s);

#endif
