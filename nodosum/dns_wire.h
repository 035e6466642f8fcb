/* Questions to a DNS server and what its answers say of services and addresses. Pure: bytes in, bytes out.
 *
 * RFC 1035, section 4 (messages, compression), RFC 2782 (SRV), RFC 3596 (AAAA). Only what finds seeds: one
 * question a message, answers of four types; everything else is skipped. Whatever bytes come, reading ends: a
 * compression pointer must point before itself, and a name has at most 255 bytes. */
#ifndef CELL_NODOSUM_DNS_WIRE_H
#define CELL_NODOSUM_DNS_WIRE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nodosum/types.h"

enum {
    NODOSUM_DNS_NAME_MAX = 253,       /* characters, without the last dot (RFC 1035, 2.3.4)            */
    NODOSUM_DNS_QUESTION_MAX = 12 + 255 + 4,
    NODOSUM_DNS_SERVICES_MAX = 16,    /* of an answer: there are not more seeds                        */
    NODOSUM_DNS_HOSTS_MAX = 32,       /* addresses of an answer                                        */
    NODOSUM_DNS_ALIASES_MAX = 8,      /* CNAMEs followed within one answer                             */
    NODOSUM_DNS_RECORDS_MAX = 256,    /* looked at in one answer; more is no answer                    */
    NODOSUM_DNS_TTL_MAX = 86400,      /* s; more counts as this                                        */
};

enum nodosum_dns_type {
    NODOSUM_DNS_A = 1,
    NODOSUM_DNS_AAAA = 28,
    NODOSUM_DNS_SRV = 33,
};

enum nodosum_dns_code {                /* RFC 1035, 4.1.1 */
    NODOSUM_DNS_NOERROR = 0,
    NODOSUM_DNS_NXDOMAIN = 3,
};

/* One SRV record. Names are lower case, without the last dot. */
struct nodosum_dns_service {
    uint16_t priority, weight, port;
    char target[NODOSUM_DNS_NAME_MAX + 1];
};

/* One address, of a host that may be another than was asked for. */
struct nodosum_dns_host {
    char name[NODOSUM_DNS_NAME_MAX + 1];
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d */
};

struct nodosum_dns_reply {
    uint8_t code;          /* enum nodosum_dns_code, or another of the server's    */
    bool is_cut;           /* there is more than fitted: ask over TCP              */
    uint32_t ttl_s;        /* least of what is used; 0 when nothing is             */
    char name[NODOSUM_DNS_NAME_MAX + 1]; /* what was asked for is called, in the end */
    uint32_t services, hosts;
    struct nodosum_dns_service service[NODOSUM_DNS_SERVICES_MAX];
    struct nodosum_dns_host host[NODOSUM_DNS_HOSTS_MAX];
};

/* Write a question. name: 1 to NODOSUM_DNS_NAME_MAX characters, labels of 1 to 63. Returns its size. ERR_INVALID:
 * no such name. */
enum err nodosum_dns_wire_ask(uint16_t id, const char *name, enum nodosum_dns_type type,
                              uint8_t out[NODOSUM_DNS_QUESTION_MAX], size_t *ret_size) MUST_CHECK;

/* Read an answer to this very question: any bytes. ERR_DENIED: an answer to something else (its id, name or type;
 * no answer at all), which may be anybody's; ERR_MALFORMED; ERR_LIMIT: too many records. Services of the
 * name asked for and addresses of any host are taken, up to their limits. *ret is untouched on error. */
enum err nodosum_dns_wire_read(const uint8_t *bytes, size_t size, uint16_t id, const char *name,
                               enum nodosum_dns_type type, struct nodosum_dns_reply *ret) MUST_CHECK;

#endif
