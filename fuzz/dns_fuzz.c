/* Any bytes as the answer of a DNS server: reading ends within its limits, what is read are names and addresses, and a
 * round of questions ends whatever it is told.
 *
 * Input: answers one after another, each two bytes of length and its bytes; the question's id and name are put
 * into it, or nothing would get past them. An empty one stands for a second without an answer. */
#include <stdlib.h>
#include <string.h>

#include "common/node/dns.h"

enum { HEADER = 12, STEPS_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void is_name(const char *name)
{
    size_t len = strnlen(name, DNS_NAME_MAX + 1);

    must(len <= DNS_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
}

static void look_at_reply(const uint8_t *bytes, size_t size)
{
    static struct dns_reply r;

    if (size >= 2 && dns_wire_read(bytes, size, (uint16_t)(bytes[0] << 8 | bytes[1]), "s.x", DNS_SRV,
                                   &r) == ERR_OK) {
        must(r.services <= DNS_SERVICES_MAX && r.hosts <= DNS_HOSTS_MAX);
        must(r.ttl_s <= DNS_TTL_MAX);
        for (uint32_t i = 0; i < r.services; i++) {
            is_name(r.service[i].target);
            must(r.service[i].port != 0);
        }
        for (uint32_t i = 0; i < r.hosts; i++) {
            is_name(r.host[i].name);
        }
    }
}

/* Put the id and the question in front of what follows the header. */
static size_t address_it(const struct dns_effects *asked, const uint8_t *bytes, size_t size, uint8_t *out)
{
    size_t rest = size > HEADER ? size - HEADER : 0;

    memcpy(out, bytes, size < HEADER ? size : HEADER);
    memcpy(out, asked->bytes, 2);
    out[2] |= 0x80;
    out[2] &= 0x87;
    memcpy(out + 4, asked->bytes + 4, 2);
    memcpy(out + HEADER, asked->bytes + HEADER, asked->size - HEADER);
    memcpy(out + asked->size, bytes + (size > HEADER ? HEADER : size), rest);
    return asked->size + rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_config c = {.servers = 2, .service = "s.x", .names = 1, .name = {{"db.x", 1}},
                           .server = {{.port = 53}, {.port = 54}}};
    struct dns_effects fx, asked = {.size = 0};
    static struct dns d;
    uint64_t now_us = 1;

    look_at_reply(data, size);
    must(dns_init(&d, &c, now_us) == ERR_OK);
    dns_clock(&d, now_us, &fx);
    for (uint32_t steps = 0; size >= 2 && steps < STEPS_MAX; steps++) {
        size_t given = (size_t)data[0] << 8 | data[1];
        asked = fx.way != DNS_NOTHING ? fx : asked;
        data += 2;
        size -= 2;
        given = given < size ? given : size;
        uint8_t *bytes = calloc(1, HEADER + asked.size + given);
        must(bytes != NULL && asked.size >= HEADER);
        size_t len = address_it(&asked, data, given, bytes);
        look_at_reply(bytes, len);
        if (given == 0) {
            now_us = fx.due_us;
            dns_clock(&d, now_us, &fx);
        } else {
            (void)!dns_answer(&d, now_us, bytes, len, &fx);
        }
        must(fx.due_us > now_us || fx.due_us == d.due_us);
        must(d.seeds <= DNS_SEEDS_MAX && d.questions <= DNS_QUESTIONS_MAX);
        free(bytes);
        data += given;
        size -= given;
    }
    for (uint32_t steps = 0; !fx.is_done; steps++) { /* nobody answers any more: the round ends all the same */
        must(steps < STEPS_MAX);
        now_us = d.due_us;
        dns_clock(&d, now_us, &fx);
    }
    return 0;
}
