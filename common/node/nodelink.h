/* Questions and answers between nodes over mutual TLS: what nng calls tls+tcp with REQ and REP, on our own loop
 * (docs/decisions/0009-links-between-nodes.md). Any nng 1.5 peer with a certificate of the cluster understands it.
 *
 * Links are lazy: the first question for a node connects, what waits too long is refused, an idle link is closed, a
 * node that cannot be reached is tried again later and later. The certificate must be of this cluster's authority,
 * in its time, and of the very node that was asked: nobody else gets a byte of a question. Bodies are bytes: an
 * envelope of docs/PROTOCOL.md section 3 goes through unchanged, so the gateway can bridge doors. */
#ifndef CELL_COMMON_NODE_NODELINK_H
#define CELL_COMMON_NODE_NODELINK_H

#include "common/node/sealed_wire.h"
#include "common/node/tls.h"
#include "common/run/loop.h"
#include "common/run/sp_frame.h"

enum {
    NODELINK_PEERS_MAX = 512,         /* nodes that are asked, and once more of each that is asked what is urgent: 256 of
                                       * them; the longest idle one is forgotten first                       */
    NODELINK_ACCEPTED_MAX = 1024,     /* links that others made                                              */
    NODELINK_SHAKING_MAX = 64,        /* … of which so many at most have not shown a certificate             */
    NODELINK_STEPS_MAX = 60,          /* … steps of their handshakes a second (two each, some milliseconds): who has
                                       * shown nothing yet can take a third of a processor, and the rest wait */
    NODELINK_ASKS_MAX = 256,          /* questions to one node, waiting and asked                            */
    NODELINK_FLIGHT_MAX = 32,         /* of these asked: nng keeps 64 answers a connection and drops the next */
    NODELINK_ANSWERS_MAX = 64,        /* answers that one peer has not read; it is cut off at the next       */
    NODELINK_PARTS_MAX = 256,         /* parts of answers that wait on one link; the next is refused …       */
    NODELINK_PARTS_MESSAGES = 4,      /* … and so it is when they have the bytes of so many largest messages */
    NODELINK_SHAKE_MS = 5000,         /* for connecting, and again for the handshake                         */
    NODELINK_IDLE_MS = 60000,         /* without a whole message and without an open question: closed        */
    NODELINK_ALIVE_S = 15,            /* silence after which the kernel asks a host whether it is there;    */
    NODELINK_ALIVE_EVERY_S = 5,       /* … then so often,                                                   */
    NODELINK_ALIVE_TIMES = 3,         /* … so many times: a dead host is known dead after 30 s              */
    NODELINK_RETRY_MS = 100,          /* first wait after a failure; doubles, with jitter of a quarter       */
    NODELINK_RETRY_MAX_MS = 10000,
    NODELINK_DEADLINE_MAX_MS = 10000000, /* of a question: under three hours                                 */
};

/* Why a link was refused or ended. X(name, text) */
#define NODELINK_REFUSAL_MAP(X)                                                                    \
    X(FULL, "too many links, or too many that have not shown a certificate")                       \
    X(PLAIN, "no TLS, or none that we speak")                                                      \
    X(CERTIFICATE, "none, another authority's, out of its time, or revoked")                                \
    X(NODE, "another node's, or of another cluster")                                               \
    X(DECLINED, "the other side refuses us")                                                       \
    X(SLOW, "no certificate in time")                                                              \
    X(MALFORMED, "not the SP wire, or a message without an id")                                    \
    X(LARGE, "a message over the limit")                                                           \
    X(UNREAD, "does not read its answers")

enum nodelink_refusal {
#define X(name, text) NODELINK_REFUSED_##name,
    NODELINK_REFUSAL_MAP(X)
#undef X
};
/* Not a member of the enum: a switch over refusals lists refusals. */
#define X(name, text) +1
enum {
    NODELINK_REFUSALS = 0 NODELINK_REFUSAL_MAP(X)
};
#undef X

struct nodelinks;

/* Where an answer goes. To be copied, and kept as long as one likes. */
struct nodelink_ticket {
    uint32_t link;
    uint32_t trace_len;
    uint8_t trace[SP_FRAME_TRACE_MAX];
};

struct nodelink_config {
    struct tls_identity *identity;             /* borrowed until nodelink_close            */
    uint8_t cluster_id[NODE_CLUSTER_ID_LEN];
    size_t message_max;                        /* bytes of a body, 1 to SP_MESSAGE_MAX     */
    int listen_fd;                             /* taken: a TCP socket that listens; -1: nobody can ask us */
    /* A question of `from`, whose certificate was checked. Borrowed. NULL: none are taken. */
    void (*question)(void *context, const struct pki_who *from, const struct nodelink_ticket *ticket,
                     const uint8_t *body, size_t size);
    void *context;
};

/* What became of a question. ERR_OK: `body` is the answer, borrowed. ERR_TIMEOUT: none in time (it may have been
 * carried out, if it was sent); ERR_UNAVAILABLE: not sent with patience_ms; ERR_PEER_DEAD: the link ended after it was
 * sent; ERR_CANCELLED: nodelink_close.
 * May ask again, and must not close. */
typedef void (*nodelink_done)(void *context, enum err e, const uint8_t *body, size_t size);

struct nodelink_numbers {
    uint64_t accepted, connected, lost, idle_closed; /* links                                      */
    uint64_t questions, answers_dropped;             /* taken; answers to links that had ended     */
    uint64_t refused[NODELINK_REFUSALS];
    uint32_t links;                                  /* accepted and up, or shaking, now           */
};

struct nodelink_peer_numbers {
    uint64_t asked, answered, failed;    /* questions                                              */
    uint64_t full;                       /* refused at once: NODELINK_ASKS_MAX                     */
    uint64_t attempts, connects;         /* to connect; that succeeded                             */
    uint32_t waiting, handshake_us;      /* now; of the last handshake, without connecting         */
    bool is_up;
    char why[TLS_WHY_SIZE];              /* of the last failure; "": none                          */
};

/* ERR_INVALID: message_max or the socket; ERR_NOMEM. config->listen_fd is taken in any case. System calls later:
 * accept4, socket, connect, getsockopt, setsockopt (TCP_NODELAY, SO_KEEPALIVE, TCP_KEEP…), send, recv, close. */
enum err nodelink_open(struct loop *loop, const struct nodelink_config *config, struct nodelinks **ret) MUST_CHECK;

/* Ask node `id` at `to`. `body` is copied. `done` is called exactly once, later, after at most deadline_ms (1 to
 * NODELINK_DEADLINE_MAX_MS), if this returns ERR_OK; otherwise never. ERR_LIMIT: too many questions wait for this node, or there are
 * too many nodes; ERR_INVALID: a size, deadline or address out of range; ERR_CANCELLED: it is closing; ERR_NOMEM. */
enum err nodelink_ask(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], const struct sealed_address *to,
                      const uint8_t *body, size_t size, uint32_t deadline_ms, nodelink_done done, void *context)
    MUST_CHECK;

/* More about one question. */
struct nodelink_asking {
    const uint8_t *id;                /* NODE_ID_LEN bytes */
    const struct sealed_address *to;
    const uint8_t *body;
    size_t size;
    uint32_t deadline_ms;
    bool is_urgent;                   /* over a link of its own, which has urgent questions alone */
    uint32_t patience_ms;             /* not sent by then: it ends with ERR_UNAVAILABLE, seen by nobody; 0: the deadline */
    /* Takes every message that comes for it, borrowed; true: it was a part, more follow. NULL: the first is the answer. A
     * question with parts does not count against NODELINK_FLIGHT_MAX: no nng peer is asked it. */
    bool (*part)(void *context, const uint8_t *body, size_t size);
    nodelink_done done;
    void *context;
};

/* nodelink_ask with all there is to say. *ret_number names the question to the answering side (the low 31 bits of its SP
 * id) and to the functions below. */
enum err nodelink_ask_with(struct nodelinks *l, const struct nodelink_asking *asking, uint32_t *ret_number) MUST_CHECK;

/* Say something about a question that was sent, on the same link: a message that is not answered.
 * ERR_NOT_FOUND: it has ended or was not sent; ERR_NOMEM. May end the link, and the question with it, before it returns. */
enum err nodelink_tell(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], uint32_t number, const uint8_t *body,
                       size_t size) MUST_CHECK;

/* Nobody wants it any more: if it was not sent, it ends with ERR_TIMEOUT in the next turn, seen by nobody. */
void nodelink_withdraw(struct nodelinks *l, const uint8_t id[NODE_ID_LEN], uint32_t number);

/* It is known from elsewhere that this node is dead: its links end now, not when the kernel finds out. */
void nodelink_gone(struct nodelinks *l, const uint8_t id[NODE_ID_LEN]);

/* A part of an answer; nodelink_answer ends it. ERR_PEER_DEAD; ERR_LIMIT: too large, or too much waits on this link:
 * nothing happened; ERR_NOMEM. */
enum err nodelink_answer_part(struct nodelinks *l, const struct nodelink_ticket *ticket, const uint8_t *body, size_t size)
    MUST_CHECK;

/* This message is none that is answered. */
void nodelink_unasked(struct nodelinks *l, const struct nodelink_ticket *ticket);

/* Answer a question, once. ERR_PEER_DEAD: the link has ended; ERR_LIMIT: larger than message_max, or the asker does
 * not read, and is cut off; ERR_NOMEM. */
enum err nodelink_answer(struct nodelinks *l, const struct nodelink_ticket *ticket, const uint8_t *body, size_t size)
    MUST_CHECK;

/* Other credentials: links that are up stay, unless the peer's certificate is on the new list of revoked ones; those
 * are cut, and questions that wait end as with any lost link. Links that begin from now on use `identity`, borrowed as the one
 * before, which may be freed. */
void nodelink_recredential(struct nodelinks *l, struct tls_identity *identity);

void nodelink_count(const struct nodelinks *l, struct nodelink_numbers *ret);
/* Of what is not urgent; false: it has not been asked. */
bool nodelink_count_peer(const struct nodelinks *l, const uint8_t id[NODE_ID_LEN], struct nodelink_peer_numbers *ret);
const char *nodelink_refusal_name(enum nodelink_refusal refusal);

/* End everything; questions end with ERR_CANCELLED. NULL is fine. */
void nodelink_close(struct nodelinks *l);

#endif
