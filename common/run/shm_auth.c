#include "common/run/shm_auth.h"

#include <assert.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#define AUTH_MAGIC UINT64_C(0x314854554d485343) /* "CSHMUTH1" */

enum {
    AUTH_VERSION = 1,
    AUTH_LABEL = 16, /* bytes */
};

static const char session_label[AUTH_LABEL] = "cell shm name 1";

static struct shm_shape shape_of(const struct shm_auth_message *m)
{
    return (struct shm_shape){m->slots, m->stride, m->loan_bytes, m->ring_bytes};
}

/* What a message is authenticated under: its kind, so that none can pass for another. */
static void label_of(uint32_t kind, uint8_t out[AUTH_LABEL])
{
    memcpy(out, "cell shm mac 1 ", AUTH_LABEL);
    out[AUTH_LABEL - 1] = (uint8_t)kind;
}

/* Over the label, all that was said before and the message without its mac. */
static void mac_of(const struct shm_auth *a, const struct shm_auth_message *m,
                   uint8_t out[SHM_AUTH_MAC])
{
    crypto_generichash_state state;
    uint8_t label[AUTH_LABEL];

    label_of(m->kind, label);
    (void)crypto_generichash_init(&state, a->key, sizeof a->key, SHM_AUTH_MAC);
    (void)crypto_generichash_update(&state, label, sizeof label);
    (void)crypto_generichash_update(&state, (const uint8_t *)a->said,
                                    a->said_count * sizeof a->said[0]);
    (void)crypto_generichash_update(&state, (const uint8_t *)m,
                                    offsetof(struct shm_auth_message, mac));
    (void)crypto_generichash_final(&state, out, SHM_AUTH_MAC);
    sodium_memzero(&state, sizeof state);
}

static void say(struct shm_auth *a, const struct shm_auth_message *m)
{
    assert(a->said_count < SHM_AUTH_MESSAGES);
    a->said[a->said_count++] = *m;
}

/* Our next message, authenticated but for HELLO, which has nothing to prove yet. */
static struct shm_auth_message speak(struct shm_auth *a, enum shm_auth_kind kind)
{
    struct shm_auth_message m = {.magic = AUTH_MAGIC, .version = AUTH_VERSION, .kind = kind};

    if (kind == SHM_AUTH_HELLO || kind == SHM_AUTH_CHALLENGE) {
        memcpy(m.nonce, a->nonce, sizeof m.nonce);
        m.slots = a->shape.slots;
        m.stride = a->shape.stride;
        m.loan_bytes = a->shape.loan_bytes;
        m.ring_bytes = a->shape.ring_bytes;
    }
    if (kind != SHM_AUTH_HELLO) {
        mac_of(a, &m, m.mac);
    }
    say(a, &m);
    return m;
}

void shm_auth_init(struct shm_auth *a, enum shm_role role, const uint8_t key[SHM_AUTH_KEY],
                   const struct shm_shape *shape, const uint8_t nonce[SHM_AUTH_NONCE])
{
    assert(shm_shape_check(shape) == ERR_OK);
    memset(a, 0, sizeof *a);
    a->role = role;
    a->state = role == SHM_CONNECTOR ? SHM_AUTH_FRESH : SHM_AUTH_AWAITS_HELLO;
    a->shape = *shape;
    memcpy(a->key, key, sizeof a->key);
    memcpy(a->nonce, nonce, sizeof a->nonce);
}

void shm_auth_start(struct shm_auth *a, struct shm_auth_message *ret)
{
    assert(a->state == SHM_AUTH_FRESH);
    *ret = speak(a, SHM_AUTH_HELLO);
    a->state = SHM_AUTH_AWAITS_CHALLENGE;
}

/* ---- judging -------------------------------------------------------------------------------------- */

static enum err check_hello(const struct shm_auth *a, const struct shm_auth_message *m)
{
    struct shm_shape s = shape_of(m);

    if (shm_shape_check(&s) != ERR_OK) {
        return ERR_INVALID;
    }
    if (s.slots > a->shape.slots || s.stride > a->shape.stride ||
        s.loan_bytes > a->shape.loan_bytes || s.ring_bytes > a->shape.ring_bytes) {
        return ERR_LIMIT;
    }
    return sodium_memcmp(m->nonce, a->nonce, sizeof m->nonce) == 0 ? ERR_FORGED : ERR_OK;
}

static enum err check_mac(const struct shm_auth *a, const struct shm_auth_message *m)
{
    uint8_t mac[SHM_AUTH_MAC];

    mac_of(a, m, mac);
    return sodium_memcmp(mac, m->mac, sizeof mac) == 0 ? ERR_OK : ERR_FORGED;
}

static enum err check_challenge(const struct shm_auth *a, const struct shm_auth_message *m)
{
    struct shm_shape s = shape_of(m);
    enum err e = check_mac(a, m);

    if (e != ERR_OK) {
        return e;
    }
    if (sodium_memcmp(m->nonce, a->nonce, sizeof m->nonce) == 0) {
        return ERR_FORGED; /* our own challenge, reflected */
    }
    bool is_ours = s.slots == a->shape.slots && s.stride == a->shape.stride &&
                   s.loan_bytes == a->shape.loan_bytes && s.ring_bytes == a->shape.ring_bytes;
    return is_ours ? ERR_OK : ERR_INVALID;
}

static enum err step(struct shm_auth *a, const struct shm_auth_message *m,
                     struct shm_auth_message *ret)
{
    enum err e = ERR_PRECONDITION;

    switch (a->state) {
    case SHM_AUTH_AWAITS_HELLO:
        e = m->kind != SHM_AUTH_HELLO ? ERR_MALFORMED : check_hello(a, m);
        if (e == ERR_OK) {
            a->shape = shape_of(m);
            say(a, m);
            *ret = speak(a, SHM_AUTH_CHALLENGE);
            a->state = SHM_AUTH_AWAITS_PROOF;
        }
        return e;
    case SHM_AUTH_AWAITS_CHALLENGE:
        e = m->kind != SHM_AUTH_CHALLENGE ? ERR_MALFORMED : check_challenge(a, m);
        if (e == ERR_OK) {
            say(a, m);
            *ret = speak(a, SHM_AUTH_PROOF);
            a->state = SHM_AUTH_AWAITS_WELCOME;
        }
        return e;
    case SHM_AUTH_AWAITS_PROOF:
        e = m->kind != SHM_AUTH_PROOF ? ERR_MALFORMED : check_mac(a, m);
        if (e == ERR_OK) {
            say(a, m);
            *ret = speak(a, SHM_AUTH_WELCOME);
            a->state = SHM_AUTH_DONE;
        }
        return e;
    case SHM_AUTH_AWAITS_WELCOME:
        e = m->kind != SHM_AUTH_WELCOME ? ERR_MALFORMED : check_mac(a, m);
        if (e == ERR_OK) {
            a->state = SHM_AUTH_DONE;
        }
        return e;
    case SHM_AUTH_FRESH:
    case SHM_AUTH_DONE:
    case SHM_AUTH_FAILED:
        break;
    }
    return e;
}

enum err shm_auth_step(struct shm_auth *a, const void *bytes, size_t size,
                       struct shm_auth_message *ret)
{
    struct shm_auth_message m;
    enum err e;

    if (size != sizeof m) {
        e = ERR_MALFORMED;
    } else {
        memcpy(&m, bytes, sizeof m);
        e = m.magic != AUTH_MAGIC ? ERR_MALFORMED
            : m.version != AUTH_VERSION ? ERR_INCOMPATIBLE
            : m.zero != 0               ? ERR_MALFORMED
                                        : step(a, &m, ret);
    }
    if (e != ERR_OK) {
        a->state = SHM_AUTH_FAILED;
    }
    return e;
}

void shm_auth_session(const struct shm_auth *a, uint8_t ret[SHM_SHAPE_SESSION])
{
    crypto_generichash_state state;

    assert(a->said_count >= 2);
    (void)crypto_generichash_init(&state, a->key, sizeof a->key, SHM_SHAPE_SESSION);
    (void)crypto_generichash_update(&state, (const uint8_t *)session_label, sizeof session_label);
    (void)crypto_generichash_update(&state, (const uint8_t *)a->said, 2 * sizeof a->said[0]);
    (void)crypto_generichash_final(&state, ret, SHM_SHAPE_SESSION);
    sodium_memzero(&state, sizeof state);
}

void shm_auth_fini(struct shm_auth *a)
{
    sodium_memzero(a, sizeof *a);
    a->state = SHM_AUTH_FAILED;
}
