#include "common/node/dns.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

enum { MS_US = 1000, S_MS = 1000 };

enum err dns_init(struct dns *d, const struct dns_config *config, uint64_t now_us)
{
    uint8_t bytes[DNS_QUESTION_MAX];
    size_t size;

    if (config->servers == 0 || config->servers > DNS_SERVERS_MAX || config->names > SEEDS_MAX) {
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < config->names; i++) {
        if (dns_wire_ask(0, config->name[i].host, DNS_A, bytes, &size) != ERR_OK) {
            return ERR_INVALID;
        }
    }
    if (config->service[0] != '\0' &&
        dns_wire_ask(0, config->service, DNS_SRV, bytes, &size) != ERR_OK) {
        return ERR_INVALID;
    }
    *d = (struct dns){.config = *config, .due_us = now_us, .retry_ms = DNS_AGAIN_MIN_MS};
    return ERR_OK;
}

/* ---- the list of questions ------------------------------------------------------------------------- */

static void add_question(struct dns *d, const char *host, enum dns_type type, uint16_t port,
                         bool is_service)
{
    for (uint32_t i = 0; i < d->questions; i++) {
        const struct dns_question *q = &d->question[i];
        if (q->type == type && q->port == port && strcmp(q->host, host) == 0) {
            return; /* two services of one host, or a name that is listed twice */
        }
    }
    if (d->questions == DNS_QUESTIONS_MAX) {
        return;
    }
    uint32_t at = d->questions;
    while (type == DNS_A && at > d->next && d->question[at - 1].type == DNS_AAAA) {
        at--; /* some servers never answer about IPv6, and each such question is waited for */
    }
    memmove(&d->question[at + 1], &d->question[at], (d->questions++ - at) * sizeof *d->question);
    struct dns_question *q = &d->question[at];
    *q = (struct dns_question){.type = type, .port = port, .is_service = is_service};
    memcpy(q->host, host, strlen(host) + 1);
}

static void add_host_questions(struct dns *d, const char *host, uint16_t port, bool is_service)
{
    add_question(d, host, DNS_A, port, is_service);
    add_question(d, host, DNS_AAAA, port, is_service);
}

static void begin_round(struct dns *d)
{
    d->questions = d->next = d->seeds = d->failures = 0;
    d->ttl_s = DNS_TTL_MAX;
    if (d->config.service[0] != '\0') {
        add_question(d, d->config.service, DNS_SRV, 0, true);
    }
    for (uint32_t i = 0; i < d->config.names; i++) {
        add_host_questions(d, d->config.name[i].host, d->config.name[i].port, false);
    }
}

static void add_seed(struct dns *d, const char *host, const uint8_t ip[16], uint16_t port, bool is_service)
{
    struct dns_seed s = {.is_service = is_service, .address.port = port};
    static const uint8_t nowhere[16], nowhere_v4[16] = {[10] = 0xff, [11] = 0xff};

    memcpy(s.address.ip, ip, sizeof s.address.ip);
    memcpy(s.host, host, strlen(host) + 1);
    bool is_nowhere = memcmp(ip, nowhere, sizeof nowhere) == 0 || memcmp(ip, nowhere_v4, sizeof nowhere_v4) == 0;
    for (uint32_t i = 0; i < d->seeds; i++) {
        is_nowhere |= memcmp(&d->seed[i].address, &s.address, sizeof s.address) == 0; /* there already */
    }
    if (!is_nowhere && d->seeds < DNS_SEEDS_MAX) {
        d->seed[d->seeds++] = s;
    }
}

/* ---- asking ---------------------------------------------------------------------------------------- */

static void end_round(struct dns *d, uint64_t now_us, struct dns_effects *fx)
{
    uint64_t again_ms = (uint64_t)d->ttl_s * S_MS;

    again_ms = again_ms < DNS_AGAIN_MIN_MS ? DNS_AGAIN_MIN_MS : again_ms;
    again_ms = again_ms > DNS_AGAIN_MAX_MS ? DNS_AGAIN_MAX_MS : again_ms;
    if (d->seeds == 0 || d->failures > 0) {
        uint32_t most_ms = d->seeds == 0 ? DNS_ALONE_MAX_MS : DNS_RETRY_MAX_MS;
        again_ms = d->retry_ms < most_ms ? d->retry_ms : most_ms;
        d->retry_ms = 2 * again_ms < most_ms ? 2 * (uint32_t)again_ms : most_ms;
    } else {
        d->retry_ms = DNS_AGAIN_MIN_MS;
    }
    d->is_asking = false;
    d->due_us = now_us + again_ms * MS_US;
    fx->is_done = true;
}

static void send_question(struct dns *d, uint64_t now_us, enum dns_way way,
                          struct dns_effects *fx)
{
    const struct dns_question *q = &d->question[d->next - 1];
    uint8_t count[8], hash[crypto_shorthash_BYTES];

    _Static_assert((int)DNS_KEY == (int)crypto_shorthash_KEYBYTES, "a key of its size");
    bytes_put_be64(count, ++d->count);
    crypto_shorthash(hash, count, sizeof count, d->config.key);
    d->id = (uint16_t)(hash[0] << 8 | hash[1]);
    d->way = way;
    d->due_us = now_us + (uint64_t)DNS_TIMEOUT_MS * MS_US;
    enum err e = dns_wire_ask(d->id, q->host, q->type, fx->bytes, &fx->size);
    assert(e == ERR_OK); /* names of the configuration were tried, those of answers were read as names */
    (void)e;
    fx->way = way;
    fx->to = d->config.server[d->server];
}

static void next_question(struct dns *d, uint64_t now_us, struct dns_effects *fx)
{
    if (d->next == d->questions) {
        end_round(d, now_us, fx);
        return;
    }
    d->next++;
    d->is_asking = true;
    send_question(d, now_us, DNS_UDP, fx);
}

/* The question that is out is asked again after all others. */
static void put_off(struct dns *d)
{
    struct dns_question q = d->question[--d->next];

    memmove(&d->question[d->next], &d->question[d->next + 1], (d->questions - d->next - 1) * sizeof q);
    d->question[d->questions - 1] = q;
}

/* No answer from this server, or one of no use: the next one, and then the next question. */
static void try_another(struct dns *d, uint64_t now_us, struct dns_effects *fx)
{
    struct dns_question *q = &d->question[d->next - 1];

    d->server = (d->server + 1) % d->config.servers;
    if (++q->tries % d->config.servers != 0) {
        send_question(d, now_us, DNS_UDP, fx);
        return;
    }
    if (q->tries < DNS_TRIES * d->config.servers) {
        put_off(d);
    } else {
        d->unanswered++;
        d->failures++;
    }
    next_question(d, now_us, fx);
}

/* ---- answers --------------------------------------------------------------------------------------- */

static void take_services(struct dns *d, const struct dns_reply *reply)
{
    /* In the order of their priority; weights are for clients that choose one, and seeds are all tried. */
    for (uint32_t least = 0, taken = 0; taken < reply->services;) {
        uint32_t next = UINT32_MAX;
        for (uint32_t i = 0; i < reply->services; i++) {
            const struct dns_service *s = &reply->service[i];
            if (s->priority >= least && s->priority < next) {
                next = s->priority;
            }
        }
        for (uint32_t i = 0; i < reply->services; i++) {
            const struct dns_service *s = &reply->service[i];
            bool has_address = false;
            for (uint32_t k = 0; s->priority == next && k < reply->hosts; k++) {
                if (strcmp(reply->host[k].name, s->target) == 0) {
                    add_seed(d, s->target, reply->host[k].ip, s->port, true);
                    has_address = true;
                }
            }
            if (s->priority == next && !has_address) {
                add_host_questions(d, s->target, s->port, true);
            }
            taken += s->priority == next;
        }
        least = next + 1;
    }
}

static void take(struct dns *d, const struct dns_reply *reply)
{
    const struct dns_question *q = &d->question[d->next - 1];

    if (q->type == DNS_SRV) {
        take_services(d, reply);
    } else {
        for (uint32_t i = 0; i < reply->hosts; i++) {
            if (strcmp(reply->host[i].name, reply->name) == 0) {
                add_seed(d, q->host, reply->host[i].ip, q->port, q->is_service);
            }
        }
    }
    d->ttl_s = reply->services + reply->hosts > 0 && reply->ttl_s < d->ttl_s ? reply->ttl_s : d->ttl_s;
}

static void begin(struct dns *d, struct dns_effects *fx)
{
    (void)d;
    fx->way = DNS_NOTHING;
    fx->size = 0;
    fx->is_done = false;
}

enum err dns_answer(struct dns *d, uint64_t now_us, const uint8_t *bytes, size_t size,
                    struct dns_effects *fx)
{
    struct dns_reply reply;
    enum err e = ERR_DENIED;

    begin(d, fx);
    if (d->is_asking) {
        const struct dns_question *q = &d->question[d->next - 1];
        e = dns_wire_read(bytes, size, d->id, q->host, q->type, &reply);
    }
    d->refused += e != ERR_OK;
    if (e == ERR_OK && reply.is_cut && d->way == DNS_UDP) {
        send_question(d, now_us, DNS_TCP, fx);
    } else if (e == ERR_OK && (reply.code == DNS_NOERROR || reply.code == DNS_NXDOMAIN)) {
        d->answered++;
        take(d, &reply);
        next_question(d, now_us, fx);
    } else if (e == ERR_OK || (e != ERR_DENIED && d->is_asking) || (d->is_asking && d->way == DNS_TCP)) {
        try_another(d, now_us, fx); /* it cannot, or what it says cannot be read */
    } /* otherwise somebody guesses: the true answer may still come */
    fx->due_us = d->due_us;
    return e;
}

void dns_failed(struct dns *d, uint64_t now_us, struct dns_effects *fx)
{
    begin(d, fx);
    if (d->is_asking) {
        try_another(d, now_us, fx);
    }
    fx->due_us = d->due_us;
}

void dns_clock(struct dns *d, uint64_t now_us, struct dns_effects *fx)
{
    begin(d, fx);
    if (now_us >= d->due_us) {
        if (d->is_asking) {
            try_another(d, now_us, fx);
        } else {
            begin_round(d);
            next_question(d, now_us, fx);
        }
    }
    fx->due_us = d->due_us;
}
