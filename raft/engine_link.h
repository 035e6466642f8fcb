/* Questions to an etcd cluster: HTTP over connections that are kept, to one of several endpoints. The endpoint that
 * answered last is asked first; one that cannot be reached is left alone for a while. A question goes out once, unless
 * it may be repeated, and what is not known of it is said: whoever asked knows whether it can have been carried out. */
#ifndef CELL_RAFT_ENGINE_LINK_H
#define CELL_RAFT_ENGINE_LINK_H

#include "common/node/address.h"
#include "common/node/tls.h"
#include "common/run/loop.h"
#include "raft/engine_http.h"

enum {
    RAFT_ENGINE_LINK_ENDPOINTS_MAX = 16,
    RAFT_ENGINE_LINK_URL_MAX = 127,            /* characters of one                                         */
    RAFT_ENGINE_LINK_CONNECTIONS_MAX = 512,    /* at a time; a watch that waits takes one                   */
    RAFT_ENGINE_LINK_PLAIN_MAX = 64,           /* … of them for questions that are answered at once         */
    RAFT_ENGINE_LINK_WAITING_MAX = 8192,       /* questions without a connection; the next is refused       */
    RAFT_ENGINE_LINK_BODY_MAX = 24 << 20,      /* bytes of an answer, or of one message of a stream         */
    RAFT_ENGINE_LINK_READ = 64 << 10,          /* bytes read at a time                                      */
    RAFT_ENGINE_LINK_CONNECT_MS = 2000,        /* for connecting and for the TLS handshake                  */
    RAFT_ENGINE_LINK_REST_MS = 500,            /* an endpoint that was not reached is left alone            */
    RAFT_ENGINE_LINK_IDLE_MS = 30000,          /* a connection that nobody uses is closed                   */
    RAFT_ENGINE_LINK_LOOK_MS = 10,             /* how exactly deadlines are kept                            */
    RAFT_ENGINE_LINK_WHY_SIZE = 192,
};

/* An endpoint as it is configured: http://10.0.0.1:2379, https://[fd00::1]:2379. */
struct raft_engine_endpoint {
    char url[RAFT_ENGINE_LINK_URL_MAX + 1];
    struct sealed_address at;
    bool is_tls;
    uint64_t rest_until_ms;
    bool is_lost; /* and logged as that */
};

/* ERR_INVALID: it is no such URL; names are not looked up. */
enum err raft_engine_link_parse(const char *url, struct raft_engine_endpoint *ret) MUST_CHECK;

/* One question; in the asker's memory until `done` has been called, and after that the asker's to free. */
struct raft_engine_question {
    const char *path;      /* a literal */
    char *body;            /* JSON; borrowed */
    size_t size;
    uint64_t until_ms;     /* monotonic */
    bool is_repeatable;    /* it may be carried out twice */
    bool is_stream;        /* the answer is lines that come when they come: `line` takes them */
    /* One line, terminated, borrowed. May withdraw the question, and then it is the last. */
    void (*line)(struct raft_engine_question *q, const char *text, size_t size);
    /* The end. ERR_OK: `status` and the answer (of a stream what was left of it), terminated, borrowed. ERR_UNAVAILABLE:
     * no endpoint was reached, nobody has seen it. ERR_PEER_DEAD: the connection ended after it was sent. ERR_TIMEOUT: its
     * time is up; sent: `was_sent`. ERR_LIMIT: the answer is too large. ERR_MALFORMED: it is none. ERR_CANCELLED: all ends.
     * Never called from within raft_engine_link_ask. May ask again. */
    void (*done)(struct raft_engine_question *q, enum err e, int status, const char *text, size_t size);
    void *context;
    /* The rest is the links'. */
    struct raft_engine_question *next, **back; /* of those that wait for a connection */
    struct raft_engine_connection *connection;
    uint32_t tried;        /* endpoints, bits */
    uint32_t endpoint;     /* that has it, or had it last */
    bool was_sent;
};

struct raft_engine_links;

struct raft_engine_link_config {
    struct raft_engine_endpoint *endpoint; /* borrowed until close */
    uint32_t count;
    struct tls_identity *identity;         /* for endpoints with TLS; borrowed; NULL: there are none */
    const char *name;                      /* that their certificates must have; "": their address   */
};

/* ERR_NOMEM. */
enum err raft_engine_link_open(struct loop *loop, const struct raft_engine_link_config *config,
                               struct raft_engine_links **ret) MUST_CHECK;

/* ERR_LIMIT: too many wait, or are streams; ERR_NOMEM; then `done` is not called. */
enum err raft_engine_link_ask(struct raft_engine_links *l, struct raft_engine_question *q) MUST_CHECK;

/* Nobody wants the answer any more: `done` is not called, and q is the asker's again. */
void raft_engine_link_withdraw(struct raft_engine_links *l, struct raft_engine_question *q);

/* Why the last endpoint was not reached; never NULL. */
const char *raft_engine_link_why(const struct raft_engine_links *l);

/* Questions end with ERR_CANCELLED. NULL is fine. */
void raft_engine_link_close(struct raft_engine_links *l);

#endif
