/* Images of the lookups' state as a disk or a person could give them: what is taken is whole and within its limits, and
 * gives an image that is taken as well; a core goes on with what it holds.
 *
 * Input: a byte of what it is (0: peers, 1: records, 2: own; the top bit: read as it is) and what follows the head of such an
 * image; the head and the checksum are put around it, or nothing would get past them. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "dht/image.h"

enum { AS_IT_IS = 0x80, WALL_S = 1800000000, AWAY_S = 5, RECORDS = 8, STORE = 4096, MAGIC = 8, CRC = 4, COUNT = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dht_node self = {{1, 2, 3}};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A signature is good when it repeats the owner's first bytes. */
static bool verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature)
{
    (void)context;
    must(size > 0 && message[0] == 'c');
    return memcmp(owner, signature, 4) == 0;
}

static void try_peers(const uint8_t *bytes, size_t size)
{
    struct dht_contact peer[DHT_SAVED_MAX], again[DHT_SAVED_MAX];
    uint8_t image[DHT_IMAGE_PEERS_MAX];
    uint32_t count = 0, count_again = 0;

    if (dht_image_read_peers(&self, bytes, size, peer, &count) != ERR_OK) {
        must(count == 0);
        return;
    }
    must(count <= DHT_SAVED_MAX);
    size = dht_image_write_peers(&self, WALL_S, peer, count, image);
    must(size <= sizeof image && dht_image_read_peers(&self, image, size, again, &count_again) == ERR_OK && count_again == count);
    for (uint32_t i = 0; i < count; i++) {
        must(dht_packet_is_address(&peer[i].at) && memcmp(&peer[i].at.ip, &again[i].at.ip, 16) == 0);
    }
}

static struct dht *new_core(void **ret_memory)
{
    const struct dht_config c = {.node = self, .peers_max = 4, .spares_max = 4, .records_max = RECORDS, .store_bytes = STORE,
                                 .owner_bytes = STORE, .source_bytes = STORE, .wishes_max = 1, .verify = verify,
                                 .tuning = dht_core_usual()};
    struct dht *d = NULL;

    *ret_memory = calloc(1, dht_core_size(&c));
    must(*ret_memory != NULL && dht_core_init(*ret_memory, &c, 1, &d) == ERR_OK);
    return d;
}

static void try_records(const uint8_t *bytes, size_t size)
{
    static uint8_t image[DHT_IMAGE_FRAME + RECORDS * DHT_IMAGE_RECORD_MAX];
    static struct dht_effects fx;
    void *memory, *memory_again;
    struct dht *d = new_core(&memory), *again = new_core(&memory_again);
    uint32_t held = 0, held_again = 0;

    enum err e = dht_image_read_records(&self, WALL_S + AWAY_S, d, bytes, size, &held);
    must(e == ERR_OK || (held == 0 && dht_core_records(d) == 0));
    must(dht_core_records(d) <= RECORDS && dht_core_store_bytes(d) <= STORE);
    size = dht_image_write_records(&self, WALL_S, d, image);
    must(size <= sizeof image && dht_image_read_records(&self, WALL_S, again, image, size, &held_again) == ERR_OK);
    must(held_again == dht_core_records(d));
    dht_core_clock(d, 1 + (uint64_t)DHT_TTL_MOST_MS * 1000, WALL_S, &fx);
    must(dht_core_records(d) == 0); /* nothing lives longer than anything may */
    free(memory);
    free(memory_again);
}

static void try_own(const uint8_t *bytes, size_t size)
{
    static uint8_t image[DHT_IMAGE_OWN_MAX];
    struct dht_own own = {0}, again = {0};

    must(dht_image_read_own(&self, &own, bytes, size) == ERR_OK || own.count == 0);
    must(own.count <= DHT_OWN_MAX);
    for (struct dht_own_item *i = own.first; i != NULL; i = i->next) {
        const void *name = i->kind == DHT_IMMUTABLE ? i->value : i->salt;
        must(dht_own_find(&own, i->kind, name, i->kind == DHT_IMMUTABLE ? i->value_size : i->salt_size) == i); /* the only one */
        must(i->value_size > 0 && i->value_size + i->salt_size <= DHT_VALUE_MAX && i->ttl_ms <= DHT_TTL_MOST_MS);
    }
    size = dht_image_write_own(&self, WALL_S, &own, image);
    must(size <= sizeof image && dht_image_read_own(&self, &again, image, size) == ERR_OK && again.count == own.count);
    dht_own_free(&own);
    dht_own_free(&again);
}

/* The head and the checksum around `data`, whose first four bytes are the count. */
static uint8_t *frame(const char *magic, const uint8_t *data, size_t size, size_t *ret_size)
{
    size_t head = DHT_IMAGE_HEAD - COUNT;
    uint8_t *bytes = calloc(1, head + size + CRC);

    must(bytes != NULL);
    memcpy(bytes, magic, MAGIC);
    memcpy(bytes + MAGIC, self.byte, sizeof self.byte);
    for (unsigned i = 0; i < 8; i++) { /* little-endian, as the rest of it */
        bytes[MAGIC + DHT_NODE_SIZE + i] = (uint8_t)((uint64_t)WALL_S >> 8 * i);
    }
    memcpy(bytes + head, data, size);
    bytes_put_be32(bytes + head + size, bytes_crc32c(0, bytes, head + size));
    *ret_size = head + size + CRC;
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const magic[] = {"CELLDHP1", "CELLDHR1", "CELLDHO1"};
    static void (*const attempt[])(const uint8_t *, size_t) = {try_peers, try_records, try_own};

    if (size == 0) {
        return 0;
    }
    uint8_t what = data[0];
    unsigned kind = (what & ~AS_IT_IS) % ARRAY_LEN(magic);
    size_t framed_size = size - 1;
    uint8_t *framed = (what & AS_IT_IS) != 0 ? NULL : frame(magic[kind], data + 1, size - 1, &framed_size);
    attempt[kind](framed == NULL ? data + 1 : framed, framed_size);
    free(framed);
    return 0;
}
