/* One TLS connection between two nodes, mutually authenticated by certificates of the cluster's authority, over a
 * socket that does not block. mbedTLS does the work; nothing here knows what is said.
 *
 * TLS 1.2 with ECDHE on P-256 or X25519, ECDSA, and AES-GCM or ChaCha20-Poly1305 (RFC 5246, 8422, 7905); no
 * renegotiation, no compression, no resumption: links live long, and a ticket would outlive a certificate. */
#ifndef CELL_COMMON_NODE_TLS_H
#define CELL_COMMON_NODE_TLS_H

#include <stdbool.h>

#include "common/node/pki.h"

enum {
    TLS_WHY_SIZE = 128,
    TLS_RECORD_MAX = 16384, /* bytes that one call writes at most */
};

/* Who we are and whom we do not believe any more: parsed once, shared by all connections, which keep what they need of it
 * until their end. */
struct tls_identity;

/* `pem`: node.key, node.crt, ca.crt and, if there is one, the list of revoked certificates, one after the other in any
 * order of the certificates, as descriptor keys.tls has them; terminated, `size` with the terminator. ERR_MALFORMED: not all three are there;
 * ERR_NOMEM; ERR_IO: no randomness. */
enum err tls_identity_new(const char *pem, size_t size, struct tls_identity **ret) MUST_CHECK;
void tls_identity_free(struct tls_identity *identity); /* NULL is fine; connections live on */

/* For a client of servers that are no nodes: `ca` are the certificates of authorities that are believed, `own` a certificate
 * (and what it was signed with) and its key, which are shown when the server asks; NULL: there is nothing to show.
 * Terminated, sizes with the terminator. ERR_MALFORMED: not what they should be, or the key is of another certificate;
 * ERR_NOMEM; ERR_IO: no randomness. Only for tls_new_named. */
enum err tls_identity_outside(const char *ca, size_t ca_size, const char *own, size_t own_size, struct tls_identity **ret)
    MUST_CHECK;

/* Who we are by our own certificate. ERR_MALFORMED: it is no node's. */
enum err tls_identity_who(const struct tls_identity *identity, struct pki_who *ret) MUST_CHECK;

struct tls;

enum tls_step {
    TLS_DONE,
    TLS_READS,  /* again when the socket is readable                                  */
    TLS_WRITES, /* … writable                                                         */
    TLS_ENDED,  /* the peer has said that it ends, or just did                        */
    TLS_FAILED, /* tls_why: not TLS, another authority's certificate, out of its time */
};

/* fd: borrowed, connected, does not block. ERR_NOMEM. */
enum err tls_new(struct tls_identity *identity, bool is_server, int fd, struct tls **ret) MUST_CHECK;

/* A client's connection to a server that is no node, whose certificate must be for the host `name` (RFC 6125). "": its name
 * is not looked at: ask tls_has_address before anything is said. fd as above. ERR_NOMEM. */
enum err tls_new_named(struct tls_identity *identity, int fd, const char *name, struct tls **ret) MUST_CHECK;

/* Whether the peer's certificate is for this address (IPv4 mapped into IPv6): one of its alternative names is. After the
 * handshake. */
bool tls_has_address(const struct tls *t, const uint8_t ip[16]);

/* Until TLS_DONE. Some milliseconds of computing in all. */
enum tls_step tls_handshake(struct tls *t) MUST_CHECK;

/* Whose certificate the peer showed: of our authority, in its time. ERR_MALFORMED: of no node. After the handshake. */
enum err tls_peer(const struct tls *t, struct pki_who *ret) MUST_CHECK;

/* Whether `identity`, which may be newer than the connection, has the peer's certificate on its list of revoked ones.
 * After the handshake. O(entries). */
bool tls_is_revoked(const struct tls *t, const struct tls_identity *identity);

/* Read some; TLS_DONE: *ret_size > 0. */
enum tls_step tls_read(struct tls *t, uint8_t *bytes, size_t size, size_t *ret_size) MUST_CHECK;

/* Write some; TLS_DONE: *ret_size > 0 were taken. After TLS_WRITES or TLS_READS it is to be called with the same
 * bytes, at the same place, again. */
enum tls_step tls_write(struct tls *t, const uint8_t *bytes, size_t size, size_t *ret_size) MUST_CHECK;

/* Whether bytes are waiting that were read from the socket already: no watch will tell. */
bool tls_has_more(const struct tls *t);

/* Whose fault a failure was. */
enum tls_fault {
    TLS_FAULT_OTHER,       /* no TLS, or none that we speak                                    */
    TLS_FAULT_CERTIFICATE, /* we refuse the peer's: none, another authority's, out of its time */
    TLS_FAULT_DECLINED,    /* the peer refuses us                                              */
};
enum tls_fault tls_fault(const struct tls *t);

/* Why it failed: one line, printable. */
const char *tls_why(const struct tls *t);

/* Say that we end, if that is possible at once, and free. NULL is fine. */
void tls_free(struct tls *t);

#endif
