/* Seeds by DNS: the addresses of hosts, and of a service's hosts by SRV. A step function: answers and time in, one
 * question at a time out; no socket, clock or randomness of its own (a key comes in).
 *
 * Each question has an id that nobody can guess, and whoever sends it takes a socket with a port of its own for it
 * (RFC 5452, sections 4.3 and 4.5). A server that does not answer is left for the next one; an answer that was cut
 * off is asked for again over TCP (RFC 7766, section 5). A round that failed in part keeps what it found. */
#ifndef CELL_NODOSUM_DNS_H
#define CELL_NODOSUM_DNS_H

#include "nodosum/dns_wire.h"

enum {
    NODOSUM_DNS_SERVERS_MAX = 3,      /* resolv.conf(5)                                                */
    NODOSUM_DNS_SEEDS_MAX = 32,       /* addresses of one round                                        */
    NODOSUM_DNS_QUESTIONS_MAX = 2 * (NODOSUM_SEEDS_MAX + NODOSUM_DNS_SERVICES_MAX) + 1, /* A and AAAA of each, SRV */
    NODOSUM_DNS_TIMEOUT_MS = 1000,    /* of one question to one server                                 */
    NODOSUM_DNS_TRIES = 2,            /* rounds over the servers for one question                      */
    NODOSUM_DNS_AGAIN_MIN_MS = 5000,  /* between rounds, whatever a lifetime says                      */
    NODOSUM_DNS_AGAIN_MAX_MS = 300000,
    NODOSUM_DNS_RETRY_MAX_MS = 60000, /* … and after rounds that found nothing, doubling               */
    NODOSUM_DNS_KEY = 16,
};

struct nodosum_dns_name {
    char host[NODOSUM_DNS_NAME_MAX + 1];
    uint16_t port;
};

struct nodosum_dns_config {
    uint32_t servers;                            /* 1 to NODOSUM_DNS_SERVERS_MAX */
    struct nodosum_address server[NODOSUM_DNS_SERVERS_MAX];
    uint32_t names;
    struct nodosum_dns_name name[NODOSUM_SEEDS_MAX];
    char service[NODOSUM_DNS_NAME_MAX + 1];      /* "": none                     */
    uint8_t key[NODOSUM_DNS_KEY];                /* random                       */
};

struct nodosum_dns_seed {
    char host[NODOSUM_DNS_NAME_MAX + 1];
    bool is_service;                             /* found by SRV                 */
    struct nodosum_address address;
};

enum nodosum_dns_way { NODOSUM_DNS_NOTHING, NODOSUM_DNS_UDP, NODOSUM_DNS_TCP };

/* What is to be done: a question, after which everything that was open for the one before is closed. */
struct nodosum_dns_effects {
    enum nodosum_dns_way way;
    struct nodosum_address to;
    uint8_t bytes[NODOSUM_DNS_QUESTION_MAX];     /* over TCP its length goes before it: the shell's */
    size_t size;
    bool is_done;                                /* a round is over: nodosum_dns_seeds has what it found */
    uint64_t due_us;
};

struct nodosum_dns_question {
    char host[NODOSUM_DNS_NAME_MAX + 1];
    enum nodosum_dns_type type;
    uint16_t port;                               /* of the seeds that it finds */
    bool is_service;
};

struct nodosum_dns {
    struct nodosum_dns_config config;
    uint64_t count;                              /* of ids drawn                  */
    uint32_t questions, next;                    /* of this round; the current is next - 1 */
    struct nodosum_dns_question question[NODOSUM_DNS_QUESTIONS_MAX];
    bool is_asking;
    uint16_t id;                                 /* of the question that is out   */
    enum nodosum_dns_way way;
    uint32_t server, tries;                      /* server: the last that answered is asked first */
    uint64_t due_us;
    uint32_t ttl_s, retry_ms, failures;          /* of this round                 */
    uint32_t seeds;
    struct nodosum_dns_seed seed[NODOSUM_DNS_SEEDS_MAX];
    uint32_t answered, unanswered, refused;      /* questions; answers that were none */
};

/* ERR_INVALID: out of range, or a name that is none. The first clock begins the first round. */
enum err nodosum_dns_init(struct nodosum_dns *d, const struct nodosum_dns_config *config, uint64_t now_us) MUST_CHECK;

void nodosum_dns_clock(struct nodosum_dns *d, uint64_t now_us, struct nodosum_dns_effects *fx);

/* Bytes came over the way that was asked for; from where the question went, or nowhere else. Errors as
 * nodosum_dns_wire_read: over UDP an answer to something else changes nothing. */
enum err nodosum_dns_answer(struct nodosum_dns *d, uint64_t now_us, const uint8_t *bytes, size_t size,
                            struct nodosum_dns_effects *fx) MUST_CHECK;

/* The question could not be sent, or its connection broke. */
void nodosum_dns_failed(struct nodosum_dns *d, uint64_t now_us, struct nodosum_dns_effects *fx);

#endif
