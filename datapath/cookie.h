/* The two MACs of a handshake message, and cookies: whoever is busy makes strangers show that they receive where they
 * say they are, before it spends a multiplication on them.
 * Source: Donenfeld, "WireGuard", NDSS 2017, sections 5.3, 5.4.4, 5.4.7. */
#ifndef CELL_DATAPATH_COOKIE_H
#define CELL_DATAPATH_COOKIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/hash.h"
#include "datapath/message.h"

enum {
    DATAPATH_COOKIE_SIZE = 16,
    DATAPATH_COOKIE_MS = 120000,     /* a secret is in use, and a cookie is shown, for this long */
    DATAPATH_COOKIE_LATENCY_MS = 5000, /* … less this: it must still be good when it arrives     */
};

/* The keys that follow from a static public key: anybody who knows it can make mac1. */
struct datapath_cookie_keys {
    uint8_t mac1[DATAPATH_HASH_SIZE];
    uint8_t seal[DATAPATH_HASH_SIZE];
};

/* What we ask of others. Cookies under the secret before the present one are good too: one that was just given must
 * not be worth nothing. */
struct datapath_cookie_gate {
    struct datapath_cookie_keys keys;
    uint8_t secret[2][DATAPATH_HASH_SIZE]; /* present, former */
    uint64_t born_ms;                      /* of the present  */
    bool has_former;
};

/* What one peer asks of us. */
struct datapath_cookie_peer {
    struct datapath_cookie_keys keys;
    uint8_t cookie[DATAPATH_COOKIE_SIZE];
    uint64_t born_ms;
    bool has_cookie;
    uint8_t mac1[DATAPATH_HASH_MAC]; /* of the last handshake message, which a cookie must answer */
    bool has_mac1;
};

/* public: the receiver's static key, 32 bytes. */
void datapath_cookie_keys(const uint8_t public[32], struct datapath_cookie_keys *ret);

/* secret: fresh. */
void datapath_cookie_open(struct datapath_cookie_gate *g, const uint8_t public[32],
                          const uint8_t secret[DATAPATH_HASH_SIZE], uint64_t now_ms);

/* Whether the secret's time is over; then datapath_cookie_renew. */
bool datapath_cookie_is_due(const struct datapath_cookie_gate *g, uint64_t now_ms);
void datapath_cookie_renew(struct datapath_cookie_gate *g, const uint8_t secret[DATAPATH_HASH_SIZE], uint64_t now_ms);

/* Whether the first MAC of a handshake message is right: its sender knows who we are. 0.5 us. */
bool datapath_cookie_knows(const struct datapath_cookie_gate *g, const uint8_t *message, size_t size);

/* Whether the second is: its sender receives at `from`. */
bool datapath_cookie_receives(const struct datapath_cookie_gate *g, const struct datapath_endpoint *from,
                              const uint8_t *message, size_t size);

/* The cookie for `from`, in answer to this handshake message (whose mac1 is right). nonce: fresh. */
void datapath_cookie_reply(const struct datapath_cookie_gate *g, const struct datapath_endpoint *from,
                           const uint8_t *message, size_t size, const uint8_t nonce[DATAPATH_MESSAGE_NONCE_SIZE],
                           uint8_t out[DATAPATH_MESSAGE_COOKIE]);

/* Put both MACs at the end of a handshake message to a peer; the second is zero without a fresh cookie. */
void datapath_cookie_stamp(struct datapath_cookie_peer *p, uint8_t *message, size_t size, uint64_t now_ms);

/* Take the cookie of a reply. ERR_PRECONDITION: nothing was sent that it could answer; ERR_FORGED: it answers
 * something else. */
enum err datapath_cookie_take(struct datapath_cookie_peer *p, const uint8_t reply[DATAPATH_MESSAGE_COOKIE],
                              uint64_t now_ms) MUST_CHECK;

#endif
