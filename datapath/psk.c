#include "datapath/psk.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"

/* One use of Argon2id in this tree, one salt: two clusters differ in the fields. */
static const uint8_t salt[crypto_pwhash_SALTBYTES + 1] = "cell overlay psk";

static size_t put_field(uint8_t *out, const struct datapath_psk_field *field)
{
    bytes_put_be32(out, (uint32_t)field->size);
    if (field->size > 0) {
        memcpy(out + 4, field->bytes, field->size);
    }
    return 4 + field->size;
}

enum err datapath_psk_cluster(const struct datapath_psk_field *cluster, const struct datapath_psk_field *secret,
                              const struct datapath_psk_field *context, uint8_t ret[DATAPATH_PSK_SIZE])
{
    const struct datapath_psk_field *all[] = {cluster, secret, context};
    uint8_t text[3 * (4 + DATAPATH_PSK_FIELD_MAX)], key[DATAPATH_PSK_SIZE];
    size_t size = 0;

    if (secret->size == 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (all[i]->size > DATAPATH_PSK_FIELD_MAX) {
            sodium_memzero(text, sizeof text);
            return ERR_INVALID;
        }
        size += put_field(text + size, all[i]);
    }
    int failed = crypto_pwhash(key, sizeof key, (const char *)text, size, salt, DATAPATH_PSK_PASSES,
                               DATAPATH_PSK_MEMORY, crypto_pwhash_ALG_ARGON2ID13);
    sodium_memzero(text, sizeof text);
    if (failed != 0) {
        return ERR_NOMEM;
    }
    memcpy(ret, key, sizeof key);
    sodium_memzero(key, sizeof key);
    return ERR_OK;
}

void datapath_psk_pair(const uint8_t cluster[DATAPATH_PSK_SIZE], const uint8_t a[32], const uint8_t b[32],
                       uint8_t ret[DATAPATH_PSK_SIZE])
{
    uint8_t both[64];
    bool a_first = memcmp(a, b, 32) < 0;

    memcpy(both, a_first ? a : b, 32);
    memcpy(both + 32, a_first ? b : a, 32);
    (void)crypto_generichash(ret, DATAPATH_PSK_SIZE, both, sizeof both, cluster, DATAPATH_PSK_SIZE);
}
