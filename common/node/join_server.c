#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/join_wire.h"

void join_server_init(struct join_server *s, struct node_keys *keys, const uint8_t ephemeral[NOISE_KEY])
{
    memset(s, 0, sizeof *s);
    s->state = JOIN_AWAITS_HELLO;
    s->keys = keys;
    memcpy(s->ephemeral, ephemeral, NOISE_KEY);
}

size_t join_server_refusal(enum token_verdict verdict, uint8_t out[JOIN_FRAME_MAX])
{
    memcpy(out, join_wire_magic, JOIN_MAGIC);
    out[JOIN_MAGIC] = JOIN_VERSION;
    out[JOIN_MAGIC + 1] = (uint8_t)verdict;
    return JOIN_REFUSAL_LEN;
}

/* ---- HELLO ------------------------------------------------------------------------------------------- */

/* Everything that costs nothing: shape, token, keyed hash. ERR_OK: *ret_token is who spoke of. */
static enum err look_at_hello(const uint8_t *bytes, size_t size, struct tickets *tickets,
                              struct tickets_token **ret_token, enum token_verdict *ret_verdict)
{
    uint8_t mac[JOIN_MAC];

    if (size <= JOIN_MAGIC || memcmp(bytes, join_wire_magic, JOIN_MAGIC) != 0 ||
        (bytes[JOIN_MAGIC] == JOIN_VERSION && size != JOIN_HELLO_LEN)) {
        *ret_verdict = TOKEN_MALFORMED;
        return ERR_MALFORMED;
    }
    if (bytes[JOIN_MAGIC] != JOIN_VERSION) {
        *ret_verdict = TOKEN_VERSION;
        return ERR_MALFORMED;
    }
    struct tickets_token *token = tickets_find(tickets, bytes + JOIN_MAGIC + 1);
    *ret_verdict = TOKEN_UNKNOWN;
    if (token == NULL) {
        return ERR_NOT_FOUND;
    }
    join_wire_mac(token->psk, bytes, mac);
    if (sodium_memcmp(mac, bytes + JOIN_HELLO_LEN - JOIN_MAC, JOIN_MAC) != 0) {
        return ERR_NOT_FOUND;
    }
    *ret_token = token;
    return ERR_OK;
}

static enum err shake(struct join_server *s, const uint8_t *hello, const struct tickets_token *token,
                      enum token_verdict verdict, uint64_t now_s, uint8_t out[JOIN_FRAME_MAX])
{
    uint8_t payload[1 + 8], nothing[1];

    noise_init(&s->noise, false, hello, JOIN_PROLOGUE, token->psk, s->keys->dh_public, s->ephemeral);
    sodium_memzero(s->ephemeral, sizeof s->ephemeral);
    enum err e = noise_read_first(&s->noise, s->keys->dh_secret, hello + JOIN_PROLOGUE, NOISE_MESSAGE, nothing);
    if (e != ERR_OK) {
        return ERR_FORGED;
    }
    payload[0] = (uint8_t)verdict;
    bytes_put_be64(payload + 1, now_s);
    e = noise_write(&s->noise, payload, sizeof payload, out);
    if (e == ERR_OK) {
        noise_split(&s->noise, &s->send, &s->receive);
    }
    return e;
}

enum err join_server_hello(struct join_server *s, const uint8_t *bytes, size_t size, struct tickets *tickets,
                           uint64_t now_s, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size)
{
    struct tickets_token *token = NULL;
    enum token_verdict verdict = TOKEN_UNKNOWN;

    assert(s->state == JOIN_AWAITS_HELLO);
    s->state = JOIN_ENDED;
    enum err e = look_at_hello(bytes, size, tickets, &token, &verdict);
    if (e == ERR_OK) {
        verdict = tickets_judge(token, now_s);
        e = shake(s, bytes, token, verdict, now_s, out);
        if (e != ERR_OK) {
            verdict = TOKEN_UNKNOWN;
        }
    }
    if (e != ERR_OK) {
        *ret_size = join_server_refusal(verdict, out);
        return e;
    }
    *ret_size = JOIN_WELCOME_LEN;
    if (verdict != TOKEN_GRANTED) {
        return ERR_DENIED;
    }
    memcpy(s->token_id, token->id, sizeof s->token_id);
    s->state = JOIN_AWAITS_REQUEST;
    return ERR_OK;
}

/* ---- REQUEST ----------------------------------------------------------------------------------------- */

static bool is_claimed(const struct join_server *s, const struct join_request *r, char by,
                       const uint8_t signer[NODE_ID_LEN], const uint8_t *signature)
{
    uint8_t claim[64];

    join_wire_claim(&s->noise, by, r->name, r->id, r->request, r->request_size, claim);
    return crypto_sign_verify_detached(signature, claim, sizeof claim, signer) == 0;
}

static enum err take_request(const struct join_server *s, struct join_wire *w, struct join_request *r)
{
    size_t len = join_wire_number(w, 1);
    const uint8_t *name = join_wire_bytes(w, len);
    const uint8_t *id = join_wire_bytes(w, NODE_ID_LEN);
    const uint8_t *signature = join_wire_bytes(w, JOIN_SIGNATURE);
    uint32_t former = join_wire_number(w, 1);
    const uint8_t *previous = former == 1 ? join_wire_bytes(w, NODE_ID_LEN) : NULL;
    const uint8_t *previous_signature = former == 1 ? join_wire_bytes(w, JOIN_SIGNATURE) : NULL;
    r->request_size = join_wire_number(w, 2);
    const uint8_t *request = join_wire_bytes(w, r->request_size);

    if (!join_wire_is_done(w) || former > 1 || !name_valid((const char *)name, len) ||
        r->request_size < 1 || r->request_size > JOIN_REQUEST_MAX) {
        return ERR_MALFORMED;
    }
    memcpy(r->name, name, len);
    memcpy(r->id, id, NODE_ID_LEN);
    memcpy(r->request, request, r->request_size);
    memcpy(r->token, s->token_id, TOKEN_ID);
    if (!is_claimed(s, r, 'n', r->id, signature)) {
        return ERR_FORGED;
    }
    if (previous != NULL) {
        r->has_previous = true;
        memcpy(r->previous, previous, NODE_ID_LEN);
        return is_claimed(s, r, 'p', previous, previous_signature) ? ERR_OK : ERR_FORGED;
    }
    return ERR_OK;
}

enum err join_server_request(struct join_server *s, const uint8_t *bytes, size_t size, struct join_request *ret)
{
    uint8_t text[JOIN_FRAME_MAX];
    struct join_request r = {0};

    assert(s->state == JOIN_AWAITS_REQUEST);
    s->state = JOIN_ENDED;
    enum err e = size > JOIN_FRAME_MAX ? ERR_MALFORMED : noise_open(&s->receive, bytes, size, text);
    if (e != ERR_OK) {
        return e;
    }
    struct join_wire w = {.at = text, .end = text + size - NOISE_TAG};
    e = take_request(s, &w, &r);
    if (e == ERR_OK) {
        *ret = r;
        s->state = JOIN_DECIDES;
    }
    return e;
}

/* ---- ANSWER ------------------------------------------------------------------------------------------ */

static uint8_t *put_text(uint8_t *at, size_t length_bytes, const char *text)
{
    size_t len = strlen(text);

    if (length_bytes == 2) {
        *at++ = (uint8_t)(len >> 8);
    }
    *at++ = (uint8_t)len;
    memcpy(at, text, len);
    return at + len;
}

/* cluster id, keys (1) each epoch (4) and key, seeds (1) each a text (1), authority (2), certificate (2). */
static uint8_t *write_grant(uint8_t *at, const struct join_grant *g)
{
    const struct cluster *k = &g->cluster;

    memcpy(at, k->id, sizeof k->id);
    at += sizeof k->id;
    *at++ = (uint8_t)k->keys;
    for (uint32_t i = 0; i < k->keys; i++) {
        bytes_put_be32(at, k->epoch[i]);
        memcpy(at + 4, k->key[i], NODE_KEY_LEN);
        at += 4 + NODE_KEY_LEN;
    }
    *at++ = (uint8_t)k->seeds;
    for (uint32_t i = 0; i < k->seeds; i++) {
        at = put_text(at, 1, k->seed[i]);
    }
    at = put_text(at, 2, g->authority);
    return put_text(at, 2, g->certificate);
}

_Static_assert(1 + NODE_CLUSTER_ID_LEN + 1 + NODE_CLUSTER_KEYS * (4 + NODE_KEY_LEN) + 1 +
                       CLUSTER_SEEDS_MAX * (1 + CONTACT_MAX) + 2 * (2 + JOIN_PEM_MAX) + NOISE_TAG <=
                   JOIN_FRAME_MAX, "the longest answer fits");

void join_server_answer(struct join_server *s, enum token_verdict verdict, const struct join_grant *grant,
                        uint8_t out[JOIN_FRAME_MAX], size_t *ret_size)
{
    uint8_t text[JOIN_FRAME_MAX], *at = text;

    assert(s->state == JOIN_DECIDES);
    assert((verdict == TOKEN_GRANTED) == (grant != NULL));
    *at++ = (uint8_t)verdict;
    if (grant != NULL) {
        assert(cluster_check(&grant->cluster) == ERR_OK);
        at = write_grant(at, grant);
    }
    noise_seal(&s->send, text, (size_t)(at - text), out);
    *ret_size = (size_t)(at - text) + NOISE_TAG;
    s->state = JOIN_ENDED;
    sodium_memzero(text, sizeof text);
}

void join_server_fini(struct join_server *s)
{
    sodium_memzero(s, sizeof *s);
    s->state = JOIN_ENDED;
}
