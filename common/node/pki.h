/* The certificates of a cluster: one authority (its key lives on the initial node alone) and one
 * certificate a node, for TLS between nodes. ECDSA on P-256 with SHA-256 (RFC 5280, RFC 5480); mbedTLS
 * does the work. Texts are PEM, terminated.
 *
 * A node's certificate says who it is twice: the subject's common name and the DNS name are the node's
 * name, for TLS libraries that compare names; the URI cell://CLUSTER/ID (32 and 64 hex digits) is what
 * cells compare. It may serve and ask (serverAuth, clientAuth). */
#ifndef CELL_COMMON_NODE_PKI_H
#define CELL_COMMON_NODE_PKI_H

#include <stdbool.h>

#include "common/node/keys.h"

enum {
    PKI_PEM_MAX = 2048,          /* bytes of any text here, with its terminator             */
    PKI_REQUEST_MAX = 512,       /* bytes of a certificate request (PKCS #10, RFC 2986), DER */
    PKI_SERIAL = 16,             /* random bytes                                             */
    PKI_HASH = 32,               /* SHA-256 of a certificate: its fingerprint                */
    PKI_AUTHORITY_DAYS = 3650,   /* a cluster's authority is good for this long              */
    PKI_NODE_DAYS = 365,         /* a node's certificate, never longer than the authority's  */
    PKI_RENEW_DAYS = 120,        /* left of one that is renewed                              */
    PKI_LIST_MAX = 52 * 1024,    /* bytes of a revocation list as text, with its terminator  */
    PKI_SLACK_DAYS = 30,         /* both hold so long before they were made: a node whose clock is behind by
                                  * less is not locked out                                   */
};

/* Whose certificate it is. */
struct pki_who {
    char name[NODE_NAME_MAX + 1];
    uint8_t id[NODE_ID_LEN];
    uint8_t cluster_id[NODE_CLUSTER_ID_LEN];
};

struct pki_facts {
    struct pki_who who;
    uint64_t not_before_s, not_after_s; /* since 1970 */
    uint8_t fingerprint[PKI_HASH];
    uint8_t serial[PKI_SERIAL];
};

/* A certificate that is good no more. */
struct pki_revoked {
    uint8_t serial[PKI_SERIAL];
    uint64_t since_s;
};

/* Draw a key pair; its secret half as text (SEC 1). ERR_UNSUPPORTED: no randomness; ERR_INTERNAL. */
enum err pki_key(char ret[PKI_PEM_MAX]) MUST_CHECK;

/* The authority's own certificate, good from now_s. ERR_MALFORMED: no such key. */
enum err pki_authority(const char *key, const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], uint64_t now_s,
                       char ret[PKI_PEM_MAX]) MUST_CHECK;

/* A request for a certificate, signed with the key it is for. */
enum err pki_request(const char *key, const char *name, uint8_t ret[PKI_REQUEST_MAX], size_t *ret_size)
    MUST_CHECK;

/* Sign a certificate for `who`, over the key of a request: any bytes. What the request says of names is not
 * looked at. ERR_MALFORMED: no request, or for a key that is not on P-256; ERR_FORGED: not signed with that
 * key; ERR_INVALID: `key` or `authority` is not an authority's. Opens no file, reads no clock. */
enum err pki_issue(const char *key, const char *authority, const uint8_t *request, size_t size,
                   const struct pki_who *who, uint64_t now_s, char ret[PKI_PEM_MAX]) MUST_CHECK;

/* Sign another certificate for `who` over the key of one that it has: `certificate`, of this authority and of the same
 * id and cluster, whenever it was good. Whoever asks must have proved to be `who`. ERR_MALFORMED, ERR_FORGED: it is not
 * so; ERR_INVALID as above. */
enum err pki_renew(const char *key, const char *authority, const char *certificate, const struct pki_who *who,
                   uint64_t now_s, char ret[PKI_PEM_MAX]) MUST_CHECK;

/* Sign the list of revoked certificates of this number (> 0), good from PKI_SLACK_DAYS before now_s to the
 * authority's end (pki_list.c). *ret_len: without its terminator. ERR_INVALID: no authority's key; ERR_LIMIT:
 * too many for PKI_LIST_MAX; ERR_NOMEM. */
enum err pki_list(const char *key, const char *authority, uint32_t number, const struct pki_revoked *revoked, size_t count,
                  uint64_t now_s, char ret[PKI_LIST_MAX], size_t *ret_len) MUST_CHECK;

/* Read such a list and its number. ERR_MALFORMED: none, or without a number; ERR_FORGED: another authority's. */
enum err pki_list_check(const char *authority, const char *list, uint32_t *ret_number) MUST_CHECK;

/* Read a node's certificate and see that the authority signed it, for its key (NULL: not looked at), that it
 * says who it is and may serve and ask. Time is not judged: compare not_before_s and not_after_s.
 * ERR_MALFORMED: no certificate of a node; ERR_FORGED: another authority's, or for another key. */
enum err pki_check(const char *authority, const char *certificate, const char *key, struct pki_facts *ret)
    MUST_CHECK;

/* Whether two certificates are for one key. */
bool pki_same_key(const char *a, const char *b);

/* Who a certificate (DER), whose signature and time were verified already, is for. ERR_MALFORMED: not one of a
 * node that may serve and ask. */
enum err pki_who_of(const uint8_t *der, size_t size, struct pki_who *ret) MUST_CHECK;

#endif
