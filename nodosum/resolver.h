/* The sockets and the clock around dns.h. */
#ifndef CELL_NODOSUM_RESOLVER_H
#define CELL_NODOSUM_RESOLVER_H

#include "common/run/loop.h"
#include "nodosum/config.h"
#include "nodosum/dns.h"

enum {
    NODOSUM_RESOLVER_ANSWER_MAX = 16384, /* bytes of an answer over TCP; a UDP one is shorter      */
    NODOSUM_RESOLVER_FILE_MAX = 65536,   /* of resolv.conf                                          */
};

struct nodosum_resolver {
    struct loop *loop;
    struct loop_timer *timer;
    int fd;                              /* of the question that is out; -1                         */
    struct loop_watch *watch;
    size_t sent, got;                    /* bytes, over TCP                                         */
    uint8_t out[2 + NODOSUM_DNS_QUESTION_MAX], in[2 + NODOSUM_RESOLVER_ANSWER_MAX];
    size_t out_size;
    struct nodosum_dns_effects fx;
    struct nodosum_dns dns;
    /* A round is over: dns.seed has what it found. */
    void (*done)(void *context);
    void *context;
};

/* Whether the settings have anything to resolve. */
bool nodosum_resolver_is_wanted(const struct nodosum_settings *settings);

/* Find the servers (those of the settings, else /etc/resolv.conf). With the doors open. ERR_NOT_FOUND: there are
 * none; what to do is logged. */
enum err nodosum_resolver_open(struct nodosum_resolver *r, const struct nodosum_settings *settings) MUST_CHECK;

/* Begin the first round. System calls afterwards: those of a cell with the network. */
enum err nodosum_resolver_start(struct nodosum_resolver *r, struct loop *loop, void (*done)(void *context),
                                void *context) MUST_CHECK;

/* Safe on one that is closed or was never opened. */
void nodosum_resolver_close(struct nodosum_resolver *r);

#endif
