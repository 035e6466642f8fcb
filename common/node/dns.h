/* Seeds by DNS: the addresses of hosts, and of a service's hosts by SRV. A step function: answers and time in, one
 * question at a time out; no socket, clock or randomness of its own (a key comes in).
 *
 * Each question has an id that nobody can guess, and whoever sends it takes a socket with a port of its own for it
 * (RFC 5452, sections 4.3 and 4.5). A server that does not answer is left for the next one, and a question that none
 * answers is asked again when all others have been; an answer that was cut off is asked for again over TCP (RFC 7766,
 * section 5). What is found is found at once (dns.seeds grows), not at the end of the round: others' silence may make
 * that a minute. A round that failed in part keeps what it found. */
#ifndef CELL_COMMON_NODE_DNS_H
#define CELL_COMMON_NODE_DNS_H

#include "common/node/dns_wire.h"
#include "common/node/seeds.h"

enum {
    DNS_PORT = 53,                                              /* RFC 1035, 4.2                                   */
    DNS_SERVERS_MAX = 3,                                        /* resolv.conf(5)                                  */
    DNS_SEEDS_MAX = 32,                                         /* addresses of one round                          */
    DNS_QUESTIONS_MAX = 2 * (SEEDS_MAX + DNS_SERVICES_MAX) + 1, /* A and AAAA of each, SRV                         */
    DNS_TIMEOUT_MS = 1000,                                      /* of one question to one server                   */
    DNS_TRIES = 2,                                              /* times that each server is asked one question    */
    DNS_AGAIN_MIN_MS = 5000,                                    /* between rounds, whatever a lifetime says        */
    DNS_AGAIN_MAX_MS = 300000,
    DNS_RETRY_MAX_MS = 60000,                                   /* … and after rounds that failed in part, doubling */
    DNS_ALONE_MAX_MS = 15000,                                   /* … that found nothing: whoever asks may be alone */
    DNS_KEY = 16,
};

struct dns_name {
    char host[DNS_NAME_MAX + 1];
    uint16_t port;
};

struct dns_config {
    uint32_t servers;               /* 1 to DNS_SERVERS_MAX */
    struct sealed_address server[DNS_SERVERS_MAX];
    uint32_t names;
    struct dns_name name[SEEDS_MAX];
    char service[DNS_NAME_MAX + 1]; /* "": none             */
    uint8_t key[DNS_KEY];           /* random               */
};

struct dns_seed {
    char host[DNS_NAME_MAX + 1];
    bool is_service; /* found by SRV */
    struct sealed_address address;
};

enum dns_way { DNS_NOTHING, DNS_UDP, DNS_TCP };

/* What is to be done: a question, after which everything that was open for the one before is closed. */
struct dns_effects {
    enum dns_way way;
    struct sealed_address to;
    uint8_t bytes[DNS_QUESTION_MAX]; /* over TCP its length goes before it: the shell's */
    size_t size;
    bool is_done;                    /* a round is over: dns_seeds has what it found    */
    uint64_t due_us;
};

struct dns_question {
    char host[DNS_NAME_MAX + 1];
    enum dns_type type;
    uint16_t port; /* of the seeds that it finds */
    uint8_t tries;
    bool is_service;
};

struct dns {
    struct dns_config config;
    uint64_t count;                         /* of ids drawn                                  */
    uint32_t questions, next;               /* of this round; the current is next - 1        */
    struct dns_question question[DNS_QUESTIONS_MAX];
    bool is_asking;
    uint16_t id;                            /* of the question that is out                   */
    enum dns_way way;
    uint32_t server;                        /* the last that answered is asked first         */
    uint64_t due_us;
    uint32_t ttl_s, retry_ms, failures;     /* of this round                                 */
    uint32_t seeds;
    struct dns_seed seed[DNS_SEEDS_MAX];
    uint32_t answered, unanswered, refused; /* questions; answers that were none             */
};

/* ERR_INVALID: out of range, or a name that is none. The first clock begins the first round. */
enum err dns_init(struct dns *d, const struct dns_config *config, uint64_t now_us) MUST_CHECK;

void dns_clock(struct dns *d, uint64_t now_us, struct dns_effects *fx);

/* Bytes came over the way that was asked for; from where the question went, or nowhere else. Errors as
 * dns_wire_read: over UDP an answer to something else changes nothing. */
enum err dns_answer(struct dns *d, uint64_t now_us, const uint8_t *bytes, size_t size,
                    struct dns_effects *fx) MUST_CHECK;

/* The question could not be sent, or its connection broke. */
void dns_failed(struct dns *d, uint64_t now_us, struct dns_effects *fx);

#endif
