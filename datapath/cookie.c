#include "datapath/cookie.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum {
    LABEL = 8, /* characters of "mac1----" and "cookie--" */
};

_Static_assert(DATAPATH_MESSAGE_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "a nonce of XChaCha20");
_Static_assert((int)DATAPATH_COOKIE_SIZE == (int)DATAPATH_HASH_MAC, "a cookie is a MAC");

void datapath_cookie_keys(const uint8_t public[32], struct datapath_cookie_keys *ret)
{
    datapath_hash_of("mac1----", LABEL, public, 32, ret->mac1);
    datapath_hash_of("cookie--", LABEL, public, 32, ret->seal);
}

void datapath_cookie_open(struct datapath_cookie_gate *g, const uint8_t public[32],
                          const uint8_t secret[DATAPATH_HASH_SIZE], uint64_t now_ms)
{
    *g = (struct datapath_cookie_gate){.born_ms = now_ms};
    datapath_cookie_keys(public, &g->keys);
    memcpy(g->secret[0], secret, sizeof g->secret[0]);
}

bool datapath_cookie_is_due(const struct datapath_cookie_gate *g, uint64_t now_ms)
{
    return now_ms - g->born_ms >= DATAPATH_COOKIE_MS;
}

void datapath_cookie_renew(struct datapath_cookie_gate *g, const uint8_t secret[DATAPATH_HASH_SIZE], uint64_t now_ms)
{
    memcpy(g->secret[1], g->secret[0], sizeof g->secret[1]);
    memcpy(g->secret[0], secret, sizeof g->secret[0]);
    /* One that was out of use for as long again has given no cookie that anybody may still show. */
    g->has_former = now_ms - g->born_ms < 2 * (uint64_t)DATAPATH_COOKIE_MS;
    g->born_ms = now_ms;
}

bool datapath_cookie_knows(const struct datapath_cookie_gate *g, const uint8_t *message, size_t size)
{
    uint8_t mac[DATAPATH_HASH_MAC];
    size_t covered = size - DATAPATH_MESSAGE_MACS;

    assert(size > DATAPATH_MESSAGE_MACS);
    datapath_hash_mac(g->keys.mac1, sizeof g->keys.mac1, message, covered, mac);
    return sodium_memcmp(mac, message + covered, sizeof mac) == 0;
}

/* What being at an endpoint is worth. */
static void cookie_for(const uint8_t secret[DATAPATH_HASH_SIZE], const struct datapath_endpoint *from,
                       uint8_t ret[DATAPATH_COOKIE_SIZE])
{
    uint8_t place[sizeof from->ip + 2];

    memcpy(place, from->ip, sizeof from->ip);
    place[sizeof from->ip] = (uint8_t)(from->port >> 8);
    place[sizeof from->ip + 1] = (uint8_t)from->port;
    datapath_hash_mac(secret, DATAPATH_HASH_SIZE, place, sizeof place, ret);
}

bool datapath_cookie_receives(const struct datapath_cookie_gate *g, const struct datapath_endpoint *from,
                              const uint8_t *message, size_t size)
{
    uint8_t cookie[DATAPATH_COOKIE_SIZE], mac[DATAPATH_HASH_MAC];
    size_t covered = size - DATAPATH_HASH_MAC;

    assert(size > DATAPATH_MESSAGE_MACS);
    for (int i = 0; i < (g->has_former ? 2 : 1); i++) {
        cookie_for(g->secret[i], from, cookie);
        datapath_hash_mac(cookie, sizeof cookie, message, covered, mac);
        if (sodium_memcmp(mac, message + covered, sizeof mac) == 0) {
            return true;
        }
    }
    return false;
}

void datapath_cookie_reply(const struct datapath_cookie_gate *g, const struct datapath_endpoint *from,
                           const uint8_t *message, size_t size, const uint8_t nonce[DATAPATH_MESSAGE_NONCE_SIZE],
                           uint8_t out[DATAPATH_MESSAGE_COOKIE])
{
    uint8_t cookie[DATAPATH_COOKIE_SIZE];

    assert(size > DATAPATH_MESSAGE_MACS);
    datapath_message_begin(out, DATAPATH_KIND_COOKIE);
    memcpy(out + DATAPATH_MESSAGE_RECEIVER, message + DATAPATH_MESSAGE_SENDER, sizeof(uint32_t));
    memcpy(out + DATAPATH_MESSAGE_NONCE, nonce, DATAPATH_MESSAGE_NONCE_SIZE);
    cookie_for(g->secret[0], from, cookie);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(out + DATAPATH_MESSAGE_SEALED_COOKIE, NULL, cookie, sizeof cookie,
                                                     message + size - DATAPATH_MESSAGE_MACS, DATAPATH_HASH_MAC, NULL,
                                                     nonce, g->keys.seal);
}

void datapath_cookie_stamp(struct datapath_cookie_peer *p, uint8_t *message, size_t size, uint64_t now_ms)
{
    uint8_t *mac1 = message + size - DATAPATH_MESSAGE_MACS, *mac2 = mac1 + DATAPATH_HASH_MAC;

    assert(size > DATAPATH_MESSAGE_MACS);
    datapath_hash_mac(p->keys.mac1, sizeof p->keys.mac1, message, size - DATAPATH_MESSAGE_MACS, mac1);
    memcpy(p->mac1, mac1, sizeof p->mac1);
    p->has_mac1 = true;
    memset(mac2, 0, DATAPATH_HASH_MAC);
    if (p->has_cookie && now_ms - p->born_ms < DATAPATH_COOKIE_MS - DATAPATH_COOKIE_LATENCY_MS) {
        datapath_hash_mac(p->cookie, sizeof p->cookie, message, size - DATAPATH_HASH_MAC, mac2);
    } else {
        p->has_cookie = false;
    }
}

enum err datapath_cookie_take(struct datapath_cookie_peer *p, const uint8_t reply[DATAPATH_MESSAGE_COOKIE],
                              uint64_t now_ms)
{
    uint8_t cookie[DATAPATH_COOKIE_SIZE];

    if (!p->has_mac1) {
        return ERR_PRECONDITION;
    }
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(cookie, NULL, NULL, reply + DATAPATH_MESSAGE_SEALED_COOKIE,
                                                   sizeof cookie + DATAPATH_MESSAGE_TAG, p->mac1, sizeof p->mac1,
                                                   reply + DATAPATH_MESSAGE_NONCE, p->keys.seal) != 0) {
        return ERR_FORGED;
    }
    memcpy(p->cookie, cookie, sizeof p->cookie);
    p->born_ms = now_ms;
    p->has_cookie = true;
    p->has_mac1 = false; /* one answer is enough */
    return ERR_OK;
}
