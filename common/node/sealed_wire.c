#include "common/node/sealed_wire.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

/* Offsets: the table in the header. */
enum {
    AT_COUNTER = 2, AT_TO = 8, AT_FROM = 12,                                     /* DATA, NOTICE     */
    HELLO_FROM = 4, HELLO_SALT = 8, HELLO_ID = 24, HELLO_TARGET = 56, HELLO_CLUSTER = 88, HELLO_TOKEN = 104,
    HELLO_EPOCH = 120,
    COOKIE_TO = 4, COOKIE_EPOCH = 8, COOKIE_ZERO = 12, COOKIE_TOKEN = 16,
    WELCOME_TO = 4, WELCOME_FROM = 8, WELCOME_EPOCH = 12, WELCOME_SALT = 16, WELCOME_ID = 32,
};
_Static_assert(HELLO_TOKEN + SEALED_TOKEN_LEN == HELLO_EPOCH && HELLO_EPOCH + 4 * NODE_CLUSTER_KEYS == SEALED_HELLO_BODY,
               "a HELLO has no gap");
_Static_assert(COOKIE_TOKEN + SEALED_TOKEN_LEN == SEALED_COOKIE_BODY, "nor has a COOKIE");
_Static_assert(WELCOME_ID + NODE_ID_LEN == SEALED_WELCOME_TAG && SEALED_WELCOME_TAG + SEALED_MAC_LEN == SEALED_WELCOME_BODY,
               "nor has a WELCOME");
/* No answer is larger than the smallest question it answers. */
_Static_assert((int)SEALED_COOKIE_LEN <= (int)SEALED_HELLO_MIN &&
                   (int)SEALED_WELCOME_LEN <= (int)SEALED_HELLO_MIN &&
                   (int)SEALED_NOTICE_LEN <= (int)SEALED_DATA_MIN,
               "nobody is hit harder by our answers than by the questions");

void sealed_wire_put_header(enum sealed_type type, const struct sealed_header *h, uint8_t out[SEALED_HEADER_LEN])
{
    assert(h->counter <= SEALED_COUNTER_MAX);
    /* Type, epoch and counter in one store: 8 + 8 + 48 bits. */
    bytes_put_be64(out, (uint64_t)type << 56 | (uint64_t)h->epoch << 48 | h->counter);
    bytes_put_be32(out + AT_TO, h->to);
    bytes_put_be32(out + AT_FROM, h->from);
}

void sealed_wire_get_header(const uint8_t *bytes, struct sealed_header *ret)
{
    *ret = (struct sealed_header){
        .epoch = bytes[1],
        .counter = bytes_get_be64(bytes) & SEALED_COUNTER_MAX,
        .to = bytes_get_be32(bytes + AT_TO),
        .from = bytes_get_be32(bytes + AT_FROM),
    };
}

size_t sealed_wire_put_hello(const struct sealed_hello *h, uint8_t out[SEALED_HELLO_MAX])
{
    uint32_t keys = h->keys; /* writing to `out` might change the other, as a compiler sees it */

    assert(keys >= 1 && keys <= NODE_CLUSTER_KEYS);
    memset(out, 0, SEALED_HELLO_BODY);
    out[0] = SEALED_HELLO;
    out[1] = (uint8_t)keys;
    bytes_put_be32(out + HELLO_FROM, h->from);
    memcpy(out + HELLO_SALT, h->salt, SEALED_SALT_LEN);
    memcpy(out + HELLO_ID, h->id, NODE_ID_LEN);
    memcpy(out + HELLO_TARGET, h->target, NODE_ID_LEN);
    memcpy(out + HELLO_CLUSTER, h->cluster, NODE_CLUSTER_ID_LEN);
    memcpy(out + HELLO_TOKEN, h->token, SEALED_TOKEN_LEN);
    for (uint32_t i = 0; i < keys; i++) {
        bytes_put_be32(out + HELLO_EPOCH + i * 4, h->key[i].epoch);
        memcpy(out + SEALED_HELLO_BODY + i * SEALED_MAC_LEN, h->key[i].mac, SEALED_MAC_LEN);
    }
    return SEALED_HELLO_BODY + keys * SEALED_MAC_LEN;
}

bool sealed_wire_get_hello(const uint8_t *bytes, struct sealed_hello *ret)
{
    ret->keys = bytes[1]; /* the length says the same: sealed_wire_fits */
    ret->from = bytes_get_be32(bytes + HELLO_FROM);
    memcpy(ret->salt, bytes + HELLO_SALT, SEALED_SALT_LEN);
    memcpy(ret->id, bytes + HELLO_ID, NODE_ID_LEN);
    memcpy(ret->target, bytes + HELLO_TARGET, NODE_ID_LEN);
    memcpy(ret->cluster, bytes + HELLO_CLUSTER, NODE_CLUSTER_ID_LEN);
    memcpy(ret->token, bytes + HELLO_TOKEN, SEALED_TOKEN_LEN);
    for (uint32_t i = 0; i < ret->keys; i++) {
        ret->key[i].epoch = bytes_get_be32(bytes + HELLO_EPOCH + i * 4);
        memcpy(ret->key[i].mac, bytes + SEALED_HELLO_BODY + i * SEALED_MAC_LEN, SEALED_MAC_LEN);
    }
    return bytes[2] == 0 && bytes[3] == 0;
}

void sealed_wire_put_cookie(const struct sealed_cookie *c, uint8_t out[SEALED_COOKIE_LEN])
{
    memset(out, 0, SEALED_COOKIE_BODY);
    out[0] = SEALED_COOKIE;
    bytes_put_be32(out + COOKIE_TO, c->to);
    bytes_put_be32(out + COOKIE_EPOCH, c->epoch);
    memcpy(out + COOKIE_TOKEN, c->token, SEALED_TOKEN_LEN);
    memcpy(out + SEALED_COOKIE_BODY, c->mac, SEALED_MAC_LEN);
}

bool sealed_wire_get_cookie(const uint8_t *bytes, struct sealed_cookie *ret)
{
    ret->to = bytes_get_be32(bytes + COOKIE_TO);
    ret->epoch = bytes_get_be32(bytes + COOKIE_EPOCH);
    memcpy(ret->token, bytes + COOKIE_TOKEN, SEALED_TOKEN_LEN);
    memcpy(ret->mac, bytes + SEALED_COOKIE_BODY, SEALED_MAC_LEN);
    return (bytes[1] | bytes[2] | bytes[3]) == 0 && bytes_get_be32(bytes + COOKIE_ZERO) == 0;
}

void sealed_wire_put_welcome(const struct sealed_welcome *w, uint8_t out[SEALED_WELCOME_LEN])
{
    memset(out, 0, SEALED_WELCOME_BODY);
    out[0] = SEALED_WELCOME;
    bytes_put_be32(out + WELCOME_TO, w->to);
    bytes_put_be32(out + WELCOME_FROM, w->from);
    bytes_put_be32(out + WELCOME_EPOCH, w->epoch);
    memcpy(out + WELCOME_SALT, w->salt, SEALED_SALT_LEN);
    memcpy(out + WELCOME_ID, w->id, NODE_ID_LEN);
    memcpy(out + SEALED_WELCOME_TAG, w->tag, SEALED_MAC_LEN);
    memcpy(out + SEALED_WELCOME_BODY, w->mac, SEALED_MAC_LEN);
}

bool sealed_wire_get_welcome(const uint8_t *bytes, struct sealed_welcome *ret)
{
    ret->to = bytes_get_be32(bytes + WELCOME_TO);
    ret->from = bytes_get_be32(bytes + WELCOME_FROM);
    ret->epoch = bytes_get_be32(bytes + WELCOME_EPOCH);
    memcpy(ret->salt, bytes + WELCOME_SALT, SEALED_SALT_LEN);
    memcpy(ret->id, bytes + WELCOME_ID, NODE_ID_LEN);
    memcpy(ret->tag, bytes + SEALED_WELCOME_TAG, SEALED_MAC_LEN);
    memcpy(ret->mac, bytes + SEALED_WELCOME_BODY, SEALED_MAC_LEN);
    return (bytes[1] | bytes[2] | bytes[3]) == 0;
}

bool sealed_wire_fits(const uint8_t *bytes, size_t size, bool *ret_is_type)
{
    *ret_is_type = true;
    if (size < SEALED_DATA_MIN || size > SEALED_PACKET_MAX) {
        return false; /* a NOTICE is as short as the shortest DATA */
    }
    switch (bytes[0]) {
    case SEALED_DATA:
        return true;
    case SEALED_HELLO:
        return bytes[1] >= 1 && bytes[1] <= NODE_CLUSTER_KEYS &&
               size == SEALED_HELLO_BODY + bytes[1] * (size_t)SEALED_MAC_LEN;
    case SEALED_COOKIE:
        return size == SEALED_COOKIE_LEN;
    case SEALED_WELCOME:
        return size == SEALED_WELCOME_LEN;
    case SEALED_NOTICE:
        return size == SEALED_NOTICE_LEN;
    default: /* any byte may stand here: no enum */
        *ret_is_type = false;
        return false;
    }
}

bool sealed_wire_same(const struct sealed_address *a, const struct sealed_address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}
