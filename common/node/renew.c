#include "common/node/renew.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/join_wire.h"

static const uint8_t prologue[RENEW_PROLOGUE] = "CELLRENW\001";

_Static_assert(RENEW_FRAME_MAX <= UINT16_MAX, "a frame's length has two bytes");

bool renew_is_hello(const uint8_t *bytes, size_t size)
{
    return size >= JOIN_MAGIC && memcmp(bytes, prologue, JOIN_MAGIC) == 0;
}

/* ---- the node ---------------------------------------------------------------------------------------- */

enum err renew_client_start(struct renew_client *c, const struct node_keys *own, const uint8_t issuer[NODE_ID_LEN],
                            const struct renew_ask *ask, const uint8_t ephemeral[NOISE_KEY],
                            uint8_t out[RENEW_FRAME_MAX], size_t *ret_size)
{
    uint8_t key[NODE_KEY_LEN];

    memset(c, 0, sizeof *c);
    c->state = JOIN_ENDED;
    enum err e = keys_dh_of_id(issuer, key);
    if (e != ERR_OK) {
        return e;
    }
    c->ask = *ask;
    noise_ik_init(&c->noise, true, prologue, sizeof prologue, own->dh_secret, key, ephemeral);
    memcpy(out, prologue, sizeof prologue);
    e = noise_ik_write_first(&c->noise, own->id, NODE_ID_LEN, out + RENEW_PROLOGUE);
    if (e == ERR_OK) {
        *ret_size = RENEW_HELLO_LEN;
        c->state = JOIN_AWAITS_WELCOME;
    }
    return e;
}

static enum err refused(struct renew_client *c, uint32_t verdict, bool is_proven)
{
    c->verdict = verdict;
    c->is_proven = is_proven;
    return ERR_DENIED;
}

/* epoch (4), list (4), certificate length (2), certificate. */
static size_t write_request(struct renew_client *c, uint8_t *out)
{
    uint8_t text[RENEW_REQUEST_MAX];
    size_t len = strlen(c->ask.certificate);

    bytes_put_be32(text, c->ask.epoch);
    bytes_put_be32(text + 4, c->ask.crl);
    text[8] = (uint8_t)(len >> 8);
    text[9] = (uint8_t)len;
    memcpy(text + 10, c->ask.certificate, len);
    noise_seal(&c->send, text, 10 + len, out);
    return 10 + len + NOISE_TAG;
}

static enum err take_welcome(struct renew_client *c, const uint8_t *bytes, size_t size, uint8_t *out, size_t *ret_size)
{
    uint8_t payload[1 + 8];

    if (size == JOIN_REFUSAL_LEN && memcmp(bytes, join_wire_magic, JOIN_MAGIC) == 0) {
        return refused(c, bytes[JOIN_MAGIC + 1], false);
    }
    if (size != RENEW_WELCOME_LEN) {
        return ERR_MALFORMED;
    }
    enum err e = noise_ik_read_second(&c->noise, bytes, size, payload);
    if (e != ERR_OK) {
        return e;
    }
    c->issuer_clock_s = bytes_get_be64(payload + 1);
    if (payload[0] != TOKEN_GRANTED) {
        return refused(c, payload[0], true);
    }
    noise_split(&c->noise, &c->send, &c->receive);
    *ret_size = write_request(c, out);
    return ERR_OK;
}

static enum err take_answer(struct renew_client *c, const uint8_t *bytes, size_t size, uint8_t *out, size_t *ret_size)
{
    if (size > RENEW_FRAME_MAX || size < NOISE_TAG + 1) {
        return ERR_MALFORMED;
    }
    enum err e = noise_open(&c->receive, bytes, size, out);
    if (e != ERR_OK) {
        return e;
    }
    if (out[0] != TOKEN_GRANTED) {
        return refused(c, out[0], true);
    }
    *ret_size = size - NOISE_TAG - 1;
    memmove(out, out + 1, *ret_size);
    return *ret_size > 0 ? ERR_OK : ERR_MALFORMED;
}

enum err renew_client_step(struct renew_client *c, const uint8_t *bytes, size_t size, uint8_t out[RENEW_FRAME_MAX],
                           size_t *ret_size, bool *ret_is_done)
{
    enum join_state before = c->state;
    enum err e = ERR_PRECONDITION;

    c->state = JOIN_ENDED;
    if (before == JOIN_AWAITS_WELCOME) {
        e = take_welcome(c, bytes, size, out, ret_size);
        c->state = e == ERR_OK ? JOIN_AWAITS_ANSWER : JOIN_ENDED;
    } else if (before == JOIN_AWAITS_ANSWER) {
        e = take_answer(c, bytes, size, out, ret_size);
    }
    *ret_is_done = e == ERR_OK && before == JOIN_AWAITS_ANSWER;
    return e;
}

void renew_client_fini(struct renew_client *c)
{
    sodium_memzero(c, sizeof *c);
    c->state = JOIN_ENDED;
}

/* ---- the issuer --------------------------------------------------------------------------------------- */

void renew_server_init(struct renew_server *s, const struct node_keys *keys, const uint8_t ephemeral[NOISE_KEY])
{
    memset(s, 0, sizeof *s);
    s->state = JOIN_AWAITS_HELLO;
    s->keys = keys;
    memcpy(s->ephemeral, ephemeral, NOISE_KEY);
}

/* Who speaks, as the handshake proves it: the id in the payload has the key that was sent. */
static enum err look_at_hello(struct renew_server *s, const uint8_t *bytes)
{
    uint8_t key[NODE_KEY_LEN];

    noise_ik_init(&s->noise, false, prologue, sizeof prologue, s->keys->dh_secret, s->keys->dh_public, s->ephemeral);
    sodium_memzero(s->ephemeral, sizeof s->ephemeral);
    enum err e = noise_ik_read_first(&s->noise, bytes + RENEW_PROLOGUE, RENEW_HELLO_LEN - RENEW_PROLOGUE, s->node);
    if (e == ERR_OK && (keys_dh_of_id(s->node, key) != ERR_OK || memcmp(key, s->noise.peer, sizeof key) != 0)) {
        e = ERR_FORGED;
    }
    return e;
}

enum err renew_server_hello(struct renew_server *s, const uint8_t *bytes, size_t size, const struct tickets *tickets,
                            uint64_t now_s, uint8_t out[RENEW_FRAME_MAX], size_t *ret_size)
{
    uint8_t payload[1 + 8];

    assert(s->state == JOIN_AWAITS_HELLO);
    s->state = JOIN_ENDED;
    if (!renew_is_hello(bytes, size) || size <= JOIN_MAGIC || bytes[JOIN_MAGIC] != RENEW_VERSION ||
        size != RENEW_HELLO_LEN) {
        bool is_other = renew_is_hello(bytes, size) && size > JOIN_MAGIC && bytes[JOIN_MAGIC] != RENEW_VERSION;
        *ret_size = join_server_refusal(is_other ? TOKEN_VERSION : TOKEN_MALFORMED, out);
        return ERR_MALFORMED;
    }
    enum err e = look_at_hello(s, bytes);
    bool is_member = e == ERR_OK && tickets_member(tickets, s->node) != NULL;
    if (e == ERR_OK) {
        payload[0] = is_member ? TOKEN_GRANTED : TOKEN_STRANGER;
        bytes_put_be64(payload + 1, now_s);
        e = noise_ik_write_second(&s->noise, payload, sizeof payload, out);
    }
    if (e != ERR_OK) {
        *ret_size = join_server_refusal(TOKEN_UNKNOWN, out);
        return ERR_FORGED;
    }
    *ret_size = RENEW_WELCOME_LEN;
    if (!is_member) {
        return ERR_DENIED;
    }
    noise_split(&s->noise, &s->send, &s->receive);
    s->state = JOIN_AWAITS_REQUEST;
    return ERR_OK;
}

enum err renew_server_request(struct renew_server *s, const uint8_t *bytes, size_t size, struct renew_ask *ret)
{
    uint8_t text[RENEW_REQUEST_MAX];
    struct renew_ask ask = {0};

    assert(s->state == JOIN_AWAITS_REQUEST);
    s->state = JOIN_ENDED;
    enum err e = size > RENEW_REQUEST_MAX ? ERR_MALFORMED : noise_open(&s->receive, bytes, size, text);
    if (e != ERR_OK) {
        return e;
    }
    struct join_wire w = {.at = text, .end = text + size - NOISE_TAG};
    ask.epoch = join_wire_number(&w, 4);
    ask.crl = join_wire_number(&w, 4);
    size_t len = join_wire_number(&w, 2);
    const uint8_t *certificate = join_wire_bytes(&w, len);
    if (!join_wire_is_done(&w) || len >= sizeof ask.certificate || (len > 0 && memchr(certificate, 0, len) != NULL)) {
        return ERR_MALFORMED;
    }
    memcpy(ask.certificate, certificate, len);
    *ret = ask;
    s->state = JOIN_DECIDES;
    return ERR_OK;
}

void renew_server_answer(struct renew_server *s, enum token_verdict verdict, const uint8_t *update, size_t update_size,
                         uint8_t out[RENEW_FRAME_MAX], size_t *ret_size)
{
    static uint8_t text[1 + UPDATE_MAX]; /* wiped: one thread */

    assert(s->state == JOIN_DECIDES && update_size <= UPDATE_MAX);
    assert((verdict == TOKEN_GRANTED) == (update_size > 0));
    text[0] = (uint8_t)verdict;
    if (update_size > 0) {
        memcpy(text + 1, update, update_size);
    }
    noise_seal(&s->send, text, 1 + update_size, out);
    *ret_size = 1 + update_size + NOISE_TAG;
    s->state = JOIN_ENDED;
    sodium_memzero(text, 1 + update_size);
}

void renew_server_fini(struct renew_server *s)
{
    sodium_memzero(s, sizeof *s);
    s->state = JOIN_ENDED;
}
