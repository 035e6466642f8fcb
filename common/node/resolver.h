/* The sockets and the clock around dns.h. */
#ifndef CELL_COMMON_NODE_RESOLVER_H
#define CELL_COMMON_NODE_RESOLVER_H

#include "common/node/dns.h"
#include "common/run/loop.h"

enum {
    RESOLVER_ANSWER_MAX = 16384, /* bytes of an answer over TCP; a UDP one is shorter */
    RESOLVER_FILE_MAX = 65536,   /* of resolv.conf                                    */
};

struct resolver {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;           /* of the question that is out; -1 */
    struct loop_watch *watch;
    size_t sent, got; /* bytes, over TCP                 */
    uint8_t out[2 + DNS_QUESTION_MAX], in[2 + RESOLVER_ANSWER_MAX];
    size_t out_size;
    struct dns_effects fx;
    struct dns dns;
    uint32_t told;    /* seeds of this round that `found` was called for before */
    void (*found)(void *context);
    void *context;
};

/* What a configuration says. Borrowed while it is used. */
struct resolver_config {
    const struct seed *seed;             /* those that are names are resolved                 */
    uint32_t seeds;
    const char *service;                 /* whose SRV records are seeds; "": none             */
    const struct sealed_address *server; /* up to DNS_SERVERS_MAX; none: those of the machine */
    uint32_t servers;
};

/* Whether there is anything to resolve. */
bool resolver_is_wanted(const struct resolver_config *config);

/* Find the servers (those of the configuration, else of /etc/resolv.conf). With the doors open. ERR_NOT_FOUND: there
 * are none; what to do is logged. */
enum err resolver_open(struct resolver *r, const struct resolver_config *config) MUST_CHECK;

/* Begin the first round. found: dns.seed has more than the `told` it had before, or the round is over (dns.is_asking
 * is false); may close the resolver. System calls afterwards: those of a cell with the network. */
enum err resolver_start(struct resolver *r, struct loop *loop, void (*found)(void *context),
                        void *context) MUST_CHECK;

/* Safe on one that is closed or was never opened. */
void resolver_close(struct resolver *r);

#endif
