/* A name server's half: questions in, answers out, for names that a node has itself. Pure.
 *
 * RFC 1035, section 4; RFC 2308, section 2 (what is not there); RFC 6891 (EDNS). One question a message; no recursion, no
 * transfer of zones, and no answer but over UDP: what is answered always fits. */
#ifndef CELL_COMMON_NODE_DNS_SERVE_H
#define CELL_COMMON_NODE_DNS_SERVE_H

#include "common/node/dns_name.h"

enum {
    DNS_SERVE_PLAIN = 512,     /* bytes of an answer to who has no EDNS (RFC 1035, 2.3.4) */
    DNS_SERVE_MOST = 1232,     /* … and to who has: no fragments anywhere                 */
    DNS_SERVE_RECORDS_MAX = 8, /* of one answer; with names of 255 bytes they fit in 512  */
};

/* What was asked for. */
struct dns_asked {
    uint16_t id, type, class;
    uint8_t opcode, version;     /* of EDNS             */
    bool wants_recursion, has_edns;
    uint16_t room;               /* bytes of the answer */
    char name[DNS_NAME_MAX + 1]; /* lower case; "": the root, or no name of a host */
    size_t end;                  /* of the question in its message */
};

struct dns_record {
    enum dns_type type;
    uint8_t ip[16];              /* of A (4 bytes) and AAAA */
    char name[DNS_NAME_MAX + 1]; /* of PTR                  */
};

/* What is to be said. */
struct dns_said {
    enum dns_code code;
    char zone[DNS_NAME_MAX + 1]; /* whose authority says so; "": nobody's */
    uint32_t ttl_s;              /* also of what is not there             */
    uint32_t records;
    struct dns_record record[DNS_SERVE_RECORDS_MAX];
};

/* Read a question: any bytes. ERR_DENIED: nothing that is to be answered (an answer, or no header); *ret is untouched.
 * ERR_MALFORMED, ERR_UNSUPPORTED (opcode, version of EDNS): to be answered by dns_serve_refuse. */
enum err dns_serve_read(const uint8_t *bytes, size_t size, struct dns_asked *ret) MUST_CHECK;

/* Write the answer to a question that was read; what is not there is said with the zone's SOA, so that it is remembered.
 * Its size: at most a->room. */
size_t dns_serve_write(const uint8_t *question, const struct dns_asked *a, const struct dns_said *said,
                       uint8_t out[DNS_SERVE_MOST]);

/* Write the answer to a message that dns_serve_read refused with `e`. */
size_t dns_serve_refuse(const uint8_t *question, const struct dns_asked *a, enum err e, uint8_t out[DNS_SERVE_MOST]);

#endif
