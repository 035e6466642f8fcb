/* Questions to a DNS server and what its answers say of services and addresses. Pure: bytes in, bytes out.
 *
 * RFC 1035, section 4 (messages, compression), RFC 2782 (SRV), RFC 3596 (AAAA). Only what finds seeds: one
 * question a message, answers of four types; everything else is skipped. Whatever bytes come, reading ends: a
 * compression pointer must point before itself, and a name has at most 255 bytes. */
#ifndef CELL_COMMON_NODE_DNS_WIRE_H
#define CELL_COMMON_NODE_DNS_WIRE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/node/sealed_wire.h"

enum {
    DNS_NAME_MAX = 253,    /* characters, without the last dot (RFC 1035, 2.3.4) */
    DNS_QUESTION_MAX = 12 + 255 + 4,
    DNS_SERVICES_MAX = 16, /* of an answer, of the best priority: there are not more seeds */
    DNS_HOSTS_MAX = 32,    /* addresses of an answer                             */
    DNS_ALIASES_MAX = 8,   /* CNAMEs followed within one answer                  */
    DNS_RECORDS_MAX = 256, /* looked at in one answer; more is no answer         */
    DNS_TTL_MAX = 86400,   /* s; more counts as this                             */
};

enum dns_type {
    DNS_A = 1,
    DNS_PTR = 12,
    DNS_AAAA = 28,
    DNS_SRV = 33,
};

enum dns_code {                /* RFC 1035, 4.1.1 */
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
};

/* One SRV record. Names are lower case, without the last dot. */
struct dns_service {
    uint16_t priority, weight, port;
    char target[DNS_NAME_MAX + 1];
};

/* One address, of a host that may be another than was asked for. */
struct dns_host {
    char name[DNS_NAME_MAX + 1];
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct dns_reply {
    uint8_t code;                /* enum dns_code, or another of the server's */
    bool is_cut;                 /* there is more than fitted: ask over TCP   */
    uint32_t ttl_s;              /* least of what is used; 0 when nothing is  */
    char name[DNS_NAME_MAX + 1]; /* what was asked for is called, in the end  */
    uint32_t services, hosts;
    struct dns_service service[DNS_SERVICES_MAX];
    struct dns_host host[DNS_HOSTS_MAX];
};

/* Write a question. name: 1 to DNS_NAME_MAX characters, labels of 1 to 63. Returns its size. ERR_INVALID:
 * no such name. */
enum err dns_wire_ask(uint16_t id, const char *name, enum dns_type type,
                      uint8_t out[DNS_QUESTION_MAX], size_t *ret_size) MUST_CHECK;

/* Read an answer to this very question: any bytes. ERR_DENIED: an answer to something else (its id, name or type;
 * no answer at all), which may be anybody's; ERR_MALFORMED; ERR_LIMIT: too many records. Services of the
 * name asked for and addresses of any host are taken, up to their limits. *ret is untouched on error. */
enum err dns_wire_read(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
                       enum dns_type type, struct dns_reply *ret) MUST_CHECK;

#endif
