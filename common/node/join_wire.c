#include "common/node/join_wire.h"

#include <sodium.h>
#include <string.h>

static const char mac_label[] = "cell join mac 1";
static const char claim_label[] = "cell join claim 1";

const uint8_t join_wire_magic[JOIN_MAGIC] = "CELLJOIN";

void join_wire_mac(const uint8_t psk[TOKEN_PSK], const uint8_t hello[JOIN_HELLO_LEN], uint8_t ret[JOIN_MAC])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, psk, TOKEN_PSK, JOIN_MAC);
    (void)crypto_generichash_update(&state, (const uint8_t *)mac_label, sizeof mac_label);
    (void)crypto_generichash_update(&state, hello, JOIN_HELLO_LEN - JOIN_MAC);
    (void)crypto_generichash_final(&state, ret, JOIN_MAC);
    sodium_memzero(&state, sizeof state);
}

void join_wire_claim(const struct noise *noise, char by, const char *name, const uint8_t id[NODE_ID_LEN],
                     const uint8_t *request, size_t request_size, uint8_t ret[64])
{
    crypto_generichash_state state;

    /* Every field but the last has a length of its own or its end: two claims never read the same. */
    (void)crypto_generichash_init(&state, NULL, 0, 64);
    (void)crypto_generichash_update(&state, (const uint8_t *)claim_label, sizeof claim_label);
    (void)crypto_generichash_update(&state, (const uint8_t *)&by, 1);
    (void)crypto_generichash_update(&state, noise->hash, NOISE_HASH);
    (void)crypto_generichash_update(&state, (const uint8_t *)name, strlen(name) + 1);
    (void)crypto_generichash_update(&state, id, NODE_ID_LEN);
    (void)crypto_generichash_update(&state, request, request_size);
    (void)crypto_generichash_final(&state, ret, 64);
}

const uint8_t *join_wire_bytes(struct join_wire *w, size_t size)
{
    if (w->is_short || size > (size_t)(w->end - w->at)) {
        w->is_short = true;
        return NULL;
    }
    w->at += size;
    return w->at - size;
}

uint32_t join_wire_number(struct join_wire *w, size_t bytes)
{
    const uint8_t *at = join_wire_bytes(w, bytes);
    uint32_t value = 0;

    for (size_t i = 0; at != NULL && i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

bool join_wire_is_done(const struct join_wire *w)
{
    return !w->is_short && w->at == w->end;
}
