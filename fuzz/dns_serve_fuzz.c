/* Any bytes as a question to a node's name server: nothing is answered, it is refused, or the answer fits and is one to this
 * question, which our own reader of answers reads. */
#include <stdlib.h>
#include <string.h>

#include "common/node/dns_serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void is_answer(const uint8_t *question, const struct dns_asked *a, const uint8_t *out, size_t size)
{
    must(size >= DNS_HEADER && size <= DNS_SERVE_MOST && memcmp(out, question, 2) == 0 && (out[2] & DNS_FLAG_ANSWER) != 0);
    must(a->end == DNS_HEADER || memcmp(out + DNS_HEADER, question + DNS_HEADER, a->end - DNS_HEADER) == 0);
}

static void say_all(const uint8_t *question, const struct dns_asked *a)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_PTR};
    static struct dns_reply reply;
    uint8_t out[DNS_SERVE_MOST];

    for (uint32_t i = 0; i < ARRAY_LEN(types); i++) {
        for (uint32_t records = 0; records <= DNS_SERVE_RECORDS_MAX; records++) {
            struct dns_said said = {.zone = "cell.internal", .ttl_s = 10, .records = records,
                                    .code = records == 0 ? DNS_NXDOMAIN : DNS_NOERROR};
            for (uint32_t k = 0; k < records; k++) {
                said.record[k] = (struct dns_record){.type = types[i], .ip = {(uint8_t)k}, .name = "b.cell.internal"};
            }
            size_t size = dns_serve_write(question, a, &said, out);
            must(size <= a->room);
            is_answer(question, a, out, size);
            bool is_asked = a->class == DNS_CLASS_IN && a->name[0] != '\0' && a->type == (uint16_t)types[i];
            if (is_asked && types[i] != DNS_PTR) {
                must(dns_wire_read(out, size, a->id, a->name, types[i], &reply) == ERR_OK);
                must(reply.hosts == records && !reply.is_cut && reply.code == said.code);
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t out[DNS_SERVE_MOST];
    struct dns_asked a;
    enum err e = dns_serve_read(data, size, &a);

    if (e == ERR_OK) {
        must(a.end <= size && a.room >= DNS_SERVE_PLAIN && a.room <= DNS_SERVE_MOST);
        must(strspn(a.name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(a.name));
        say_all(data, &a);
    } else if (e != ERR_DENIED) {
        is_answer(data, &a, out, dns_serve_refuse(data, &a, e, out));
    }
    return 0;
}
