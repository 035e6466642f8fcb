#include "dht/id.h"

#include "common/base/sha1.h"
#include "dht/core.h"

void dht_id_sha1(const void *bytes, size_t size, uint8_t ret[DHT_ID_SIZE])
{
    struct sha1 s;

    sha1_init(&s);
    sha1_add(&s, bytes, size);
    sha1_end(&s, ret);
}

struct dht_id dht_core_id(const struct dht_node *node)
{
    struct dht_id id;

    dht_id_sha1(node->byte, sizeof node->byte, id.byte);
    return id;
}

uint32_t dht_id_common(const struct dht_id *a, const struct dht_id *b)
{
    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        uint8_t differs = a->byte[i] ^ b->byte[i];
        if (differs != 0) {
            return i * 8 + (uint32_t)__builtin_clz(differs) - 24;
        }
    }
    return DHT_BITS;
}

bool dht_id_is_nearer(const struct dht_id *target, const struct dht_id *a, const struct dht_id *b)
{
    for (uint32_t i = 0; i < DHT_ID_SIZE; i++) {
        if (a->byte[i] != b->byte[i]) {
            return (a->byte[i] ^ target->byte[i]) < (b->byte[i] ^ target->byte[i]);
        }
    }
    return false;
}
