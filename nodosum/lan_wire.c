#include "nodosum/lan_wire.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

enum {
    AT_VERSION = 4,
    AT_KIND = 5,
    AT_ZERO = 6,
    AT_EPOCH = 8,
    AT_LIFE = 12,
    AT_NUMBER = 20,
    AT_NONCE = 24,
    AT_ID = 32,
    AT_PORT = 64,
    AT_NAME_LEN = 66,
    AT_NAME = 67,
    BODY = AT_NAME + NAME_MAX_LEN,
};

_Static_assert(BODY <= NODOSUM_LAN_ANSWER - NODOSUM_LAN_TAG, "an answer has room");

static const char magic[] = "CLAN";

uint16_t nodosum_lan_wire_size(enum nodosum_lan_kind kind)
{
    return kind == NODOSUM_LAN_ASK || kind == NODOSUM_LAN_ANNOUNCE ? NODOSUM_LAN_QUESTION : NODOSUM_LAN_ANSWER;
}

static void make_tag(const uint8_t *bytes, size_t size, const uint8_t *key, uint8_t tag[NODOSUM_LAN_TAG])
{
    int failed = crypto_generichash(tag, NODOSUM_LAN_TAG, bytes, size - NODOSUM_LAN_TAG, key, NODOSUM_LAN_KEY_SIZE);

    assert(failed == 0);
    (void)failed;
}

uint16_t nodosum_lan_wire_put(const struct nodosum_lan_message *m, const uint8_t key[NODOSUM_LAN_KEY_SIZE],
                              uint8_t out[NODOSUM_LAN_QUESTION])
{
    uint16_t size = nodosum_lan_wire_size(m->kind);

    assert(m->name_len > 0 && m->name_len <= NAME_MAX_LEN);
    memset(out, 0, NODOSUM_LAN_QUESTION);
    memcpy(out, magic, AT_VERSION);
    out[AT_VERSION] = NODOSUM_LAN_VERSION;
    out[AT_KIND] = (uint8_t)m->kind;
    bytes_put_be32(out + AT_EPOCH, m->epoch);
    bytes_put_be64(out + AT_LIFE, m->stamp.life);
    bytes_put_be32(out + AT_NUMBER, m->stamp.number);
    bytes_put_be64(out + AT_NONCE, m->nonce);
    memcpy(out + AT_ID, m->id.byte, NODOSUM_ID_SIZE);
    out[AT_PORT] = (uint8_t)(m->port >> 8);
    out[AT_PORT + 1] = (uint8_t)m->port;
    out[AT_NAME_LEN] = m->name_len;
    memcpy(out + AT_NAME, m->name, m->name_len);
    make_tag(out, size, key, out + size - NODOSUM_LAN_TAG);
    return size;
}

static bool are_zeros(const uint8_t *from, const uint8_t *to)
{
    while (from < to && *from == 0) {
        from++;
    }
    return from >= to;
}

enum err nodosum_lan_wire_get(const uint8_t *bytes, size_t size, struct nodosum_lan_message *ret)
{
    struct nodosum_lan_message m = {0};

    if (size > NODOSUM_LAN_QUESTION) {
        return ERR_LIMIT;
    }
    if (size < NODOSUM_LAN_ANSWER || memcmp(bytes, magic, AT_VERSION) != 0) {
        return ERR_MALFORMED;
    }
    if (bytes[AT_VERSION] != NODOSUM_LAN_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    m.kind = (enum nodosum_lan_kind)bytes[AT_KIND];
    if (m.kind < NODOSUM_LAN_ASK || m.kind > NODOSUM_LAN_BYE || size != nodosum_lan_wire_size(m.kind)) {
        return ERR_MALFORMED;
    }
    m.epoch = bytes_get_be32(bytes + AT_EPOCH);
    m.stamp.life = bytes_get_be64(bytes + AT_LIFE);
    m.stamp.number = bytes_get_be32(bytes + AT_NUMBER);
    m.nonce = bytes_get_be64(bytes + AT_NONCE);
    memcpy(m.id.byte, bytes + AT_ID, NODOSUM_ID_SIZE);
    m.port = (uint16_t)(bytes[AT_PORT] << 8 | bytes[AT_PORT + 1]);
    m.name_len = bytes[AT_NAME_LEN];
    bool has_nonce = m.kind == NODOSUM_LAN_ASK || m.kind == NODOSUM_LAN_REPLY;
    if (m.port == 0 || m.name_len > NAME_MAX_LEN || !name_valid((const char *)bytes + AT_NAME, m.name_len) ||
        (m.nonce != 0) != has_nonce || !are_zeros(bytes + AT_ZERO, bytes + AT_EPOCH) ||
        !are_zeros(bytes + AT_NAME + m.name_len, bytes + size - NODOSUM_LAN_TAG)) {
        return ERR_MALFORMED;
    }
    memcpy(m.name, bytes + AT_NAME, m.name_len);
    *ret = m;
    return ERR_OK;
}

bool nodosum_lan_wire_is_true(const uint8_t *bytes, size_t size, const uint8_t key[NODOSUM_LAN_KEY_SIZE])
{
    uint8_t tag[NODOSUM_LAN_TAG];

    make_tag(bytes, size, key, tag);
    return sodium_memcmp(tag, bytes + size - NODOSUM_LAN_TAG, sizeof tag) == 0;
}

void nodosum_lan_wire_derive(const uint8_t cluster_key[NODOSUM_LAN_KEY_SIZE], const uint8_t cluster_id[16],
                             uint8_t ret[NODOSUM_LAN_KEY_SIZE])
{
    static const uint8_t purpose[] = "cell neighbours 1";
    crypto_generichash_state state;

    /* BLAKE2b's own key: another purpose gives a key that tells nothing of this one. */
    crypto_generichash_init(&state, cluster_key, NODOSUM_LAN_KEY_SIZE, NODOSUM_LAN_KEY_SIZE);
    crypto_generichash_update(&state, purpose, sizeof purpose);
    crypto_generichash_update(&state, cluster_id, 16);
    crypto_generichash_final(&state, ret, NODOSUM_LAN_KEY_SIZE);
    sodium_memzero(&state, sizeof state);
}
