#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/join_wire.h"

enum err join_client_init(struct join_client *c, const struct token *token, const struct identity *identity,
                          const uint8_t *request, size_t request_size, const uint8_t ephemeral[NOISE_KEY])
{
    uint8_t key[NODE_KEY_LEN], psk[TOKEN_PSK], prologue[JOIN_PROLOGUE];

    assert(request_size >= 1 && request_size <= JOIN_REQUEST_MAX);
    memset(c, 0, sizeof *c);
    enum err e = keys_dh_of_id(token->issuer, key);
    if (e != ERR_OK) {
        c->state = JOIN_ENDED;
        return e;
    }
    c->identity = *identity;
    memcpy(c->issuer, token->issuer, sizeof c->issuer);
    memcpy(c->token_id, token->id, sizeof c->token_id);
    memcpy(c->request, request, request_size);
    c->request_size = request_size;
    token_psk(token, psk);
    memcpy(c->mac_key, psk, sizeof psk);
    memcpy(prologue, join_wire_magic, JOIN_MAGIC);
    prologue[JOIN_MAGIC] = JOIN_VERSION;
    memcpy(prologue + JOIN_MAGIC + 1, token->id, TOKEN_ID);
    memcpy(c->hello, prologue, sizeof prologue);
    noise_init(&c->noise, true, prologue, sizeof prologue, psk, key, ephemeral);
    sodium_memzero(psk, sizeof psk);
    return ERR_OK;
}

enum err join_client_start(struct join_client *c, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size)
{
    assert(c->state == JOIN_FRESH);
    enum err e = noise_write(&c->noise, NULL, 0, c->hello + JOIN_PROLOGUE);
    if (e != ERR_OK) {
        c->state = JOIN_ENDED;
        return e;
    }
    join_wire_mac(c->mac_key, c->hello, c->hello + JOIN_HELLO_LEN - JOIN_MAC);
    sodium_memzero(c->mac_key, sizeof c->mac_key);
    memcpy(out, c->hello, JOIN_HELLO_LEN);
    *ret_size = JOIN_HELLO_LEN;
    c->state = JOIN_AWAITS_WELCOME;
    return ERR_OK;
}

/* ---- REQUEST ---------------------------------------------------------------------------------------- */

static uint8_t *put_signature(const struct join_client *c, const uint8_t seed[NODE_SEED_LEN], char by,
                              const uint8_t id[NODE_ID_LEN], uint8_t *at)
{
    uint8_t secret[crypto_sign_SECRETKEYBYTES], own[NODE_ID_LEN], claim[64];

    (void)crypto_sign_seed_keypair(own, secret, seed);
    join_wire_claim(&c->noise, by, c->identity.name, id, c->request, c->request_size, claim);
    if (by == 'p') {
        memcpy(at, own, NODE_ID_LEN); /* which former id it is is said beside its signature */
        at += NODE_ID_LEN;
    }
    (void)crypto_sign_detached(at, NULL, claim, sizeof claim, secret);
    sodium_memzero(secret, sizeof secret);
    return at + JOIN_SIGNATURE;
}

/* name length (1), name, id, signature, former (1) [id, signature], request length (2), request. */
static size_t write_request(struct join_client *c, uint8_t out[JOIN_FRAME_MAX])
{
    uint8_t text[JOIN_FRAME_MAX], *at = text;
    struct node_keys keys;
    size_t len = strlen(c->identity.name);

    keys_derive(c->identity.seed, &keys);
    *at++ = (uint8_t)len;
    memcpy(at, c->identity.name, len);
    memcpy(at += len, keys.id, NODE_ID_LEN);
    at = put_signature(c, c->identity.seed, 'n', keys.id, at + NODE_ID_LEN);
    *at++ = c->identity.has_previous;
    if (c->identity.has_previous) {
        at = put_signature(c, c->identity.previous, 'p', keys.id, at);
    }
    *at++ = (uint8_t)(c->request_size >> 8);
    *at++ = (uint8_t)c->request_size;
    memcpy(at, c->request, c->request_size);
    at += c->request_size;
    keys_forget(&keys);
    noise_seal(&c->send, text, (size_t)(at - text), out);
    return (size_t)(at - text) + NOISE_TAG;
}

/* ---- frames ----------------------------------------------------------------------------------------- */

static enum err refused(struct join_client *c, uint32_t verdict, bool is_proven)
{
    c->verdict = verdict;
    c->is_proven = is_proven;
    return ERR_DENIED;
}

static enum err take_welcome(struct join_client *c, const uint8_t *bytes, size_t size)
{
    uint8_t payload[1 + 8];

    if (size == JOIN_REFUSAL_LEN && memcmp(bytes, join_wire_magic, JOIN_MAGIC) == 0) {
        return refused(c, bytes[JOIN_MAGIC + 1], false);
    }
    if (size != JOIN_WELCOME_LEN) {
        return ERR_MALFORMED;
    }
    enum err e = noise_read_second(&c->noise, bytes, size, payload);
    if (e != ERR_OK) {
        return e;
    }
    c->issuer_clock_s = bytes_get_be64(payload + 1);
    if (payload[0] != TOKEN_GRANTED) {
        return refused(c, payload[0], true);
    }
    noise_split(&c->noise, &c->send, &c->receive);
    return ERR_OK;
}

/* A text of the peer's: no zero in it, room for its end. */
static bool take_text(struct join_wire *w, size_t length_bytes, char *out, size_t room)
{
    size_t len = join_wire_number(w, length_bytes);
    const uint8_t *at = join_wire_bytes(w, len);

    if (at == NULL || len >= room || memchr(at, 0, len) != NULL) {
        return false;
    }
    memcpy(out, at, len);
    out[len] = '\0';
    return true;
}

/* As write_grant of the issuer. */
static enum err take_grant(const struct join_client *c, struct join_wire *w, struct join_grant *g)
{
    struct cluster *k = &g->cluster;
    const uint8_t *id = join_wire_bytes(w, NODE_CLUSTER_ID_LEN);

    k->keys = join_wire_number(w, 1);
    for (uint32_t i = 0; i < k->keys && i < NODE_CLUSTER_KEYS; i++) {
        k->epoch[i] = join_wire_number(w, 4);
        const uint8_t *key = join_wire_bytes(w, NODE_KEY_LEN);
        if (key != NULL) {
            memcpy(k->key[i], key, NODE_KEY_LEN);
        }
    }
    k->seeds = join_wire_number(w, 1);
    for (uint32_t i = 0; i < k->seeds && i < CLUSTER_SEEDS_MAX; i++) {
        if (!take_text(w, 1, k->seed[i], CONTACT_SIZE)) {
            return ERR_MALFORMED;
        }
    }
    if (!take_text(w, 2, g->authority, sizeof g->authority) ||
        !take_text(w, 2, g->certificate, sizeof g->certificate) || !join_wire_is_done(w) || id == NULL) {
        return ERR_MALFORMED;
    }
    memcpy(k->id, id, sizeof k->id);
    memcpy(k->issuer, c->issuer, sizeof k->issuer);
    return cluster_check(k);
}

static enum err take_answer(struct join_client *c, const uint8_t *bytes, size_t size, struct join_grant *ret)
{
    uint8_t text[JOIN_FRAME_MAX];
    struct join_grant grant = {0};

    if (size > JOIN_FRAME_MAX) {
        return ERR_MALFORMED;
    }
    enum err e = noise_open(&c->receive, bytes, size, text);
    if (e != ERR_OK) {
        return e;
    }
    struct join_wire w = {.at = text, .end = text + size - NOISE_TAG};
    uint32_t verdict = join_wire_number(&w, 1);
    e = w.is_short                   ? ERR_MALFORMED
        : verdict != TOKEN_GRANTED ? refused(c, verdict, true)
                                     : take_grant(c, &w, &grant);
    if (e == ERR_OK) {
        *ret = grant;
    }
    sodium_memzero(text, sizeof text);
    sodium_memzero(&grant, sizeof grant);
    return e;
}

static enum err step(struct join_client *c, const uint8_t *bytes, size_t size, uint8_t out[JOIN_FRAME_MAX],
                     size_t *ret_size, struct join_grant *ret)
{
    enum err e = ERR_PRECONDITION;

    switch (c->state) {
    case JOIN_AWAITS_WELCOME:
        e = take_welcome(c, bytes, size);
        if (e == ERR_OK) {
            *ret_size = write_request(c, out);
            c->state = JOIN_AWAITS_ANSWER;
        }
        return e;
    case JOIN_AWAITS_ANSWER:
        e = take_answer(c, bytes, size, ret);
        if (e == ERR_OK) {
            *ret_size = 0;
            c->state = JOIN_ENDED;
        }
        return e;
    case JOIN_FRESH:
    case JOIN_AWAITS_HELLO:
    case JOIN_AWAITS_REQUEST:
    case JOIN_DECIDES:
    case JOIN_ENDED:
        break;
    }
    return e;
}

enum err join_client_step(struct join_client *c, const uint8_t *bytes, size_t size, uint8_t out[JOIN_FRAME_MAX],
                          size_t *ret_size, struct join_grant *ret)
{
    enum err e = step(c, bytes, size, out, ret_size, ret);

    if (e != ERR_OK) {
        c->state = JOIN_ENDED;
    }
    return e;
}

void join_client_fini(struct join_client *c)
{
    sodium_memzero(c, sizeof *c);
    c->state = JOIN_ENDED;
}
