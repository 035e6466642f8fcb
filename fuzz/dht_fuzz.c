/* Any packets, of members and strangers, proved and not, in any order and at any time: a packet is refused whole or
 * reads back as it was written, a record the same; whatever a core is told, it stays within its memory, what it sends are
 * packets, an unproved address is sent three times what it sent at most, and nothing forged is found.
 *
 * Input: packets one after another, each a byte that says who sends it (0 to 3: members, more: strangers; the top bit:
 * its address is not proved), a byte of 10 ms that pass before it, and two bytes of length. */
#include <stdlib.h>
#include <string.h>

#include "dht/core.h"

enum { MEMBERS = 4, UNPROVED = 0x80, TICK_US = 10000, WALL_S = 1800000000, LIFE_MS = 60000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static struct dht_contact contact_of(uint8_t who)
{
    struct dht_contact c = {.at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = who}, .port = 7403}};

    memset(c.node.byte, who, DHT_NODE_SIZE);
    return c;
}

static void record_reads_back(const uint8_t *bytes, size_t size)
{
    uint8_t again[DHT_RECORD_MAX];
    struct dht_record r;

    if (dht_record_read(bytes, size, &r) == ERR_OK) {
        must(dht_record_check(&r) == ERR_OK && dht_record_write(&r, again) == size && memcmp(again, bytes, size) == 0);
    }
}

static void reads_back(const uint8_t *bytes, size_t size)
{
    struct dht_message m;
    struct dht_packet again;

    record_reads_back(bytes, size);
    if (dht_packet_read(bytes, size, &m) != ERR_OK) {
        return;
    }
    (void)dht_packet_write(&again, &m, DHT_PACKET_MAX);
    must(again.size == size && memcmp(again.bytes, bytes, size) == 0);
    for (uint32_t i = 0; (m.kind == DHT_PACKET_STORE || m.kind == DHT_PACKET_VALUES) && i < m.count; i++) {
        record_reads_back(m.record[i].bytes, m.record[i].size);
    }
}

static size_t look(const struct dht *d, const struct dht_effects *fx)
{
    struct dht_message m;
    size_t out = 0;

    must(fx->sends <= DHT_SENDS_MAX && fx->found_count <= DHT_FOUND_MAX && fx->done_count <= DHT_DONE_MAX);
    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct dht_packet *p = &fx->send[i].packet;
        must(fx->send[i].at.port != 0 && dht_packet_read(p->bytes, p->size, &m) == ERR_OK);
        out += p->size;
    }
    for (uint32_t i = 0; i < fx->found_count; i++) {
        const struct dht_record *r = &fx->found[i].record;
        must(dht_record_check(r) == ERR_OK && (r->owner == NULL || memcmp(r->owner, r->signature, 4) == 0));
    }
    must(dht_core_peers(d) <= 64 && dht_core_records(d) <= 8);
    for (uint32_t i = 0; i < dht_core_records(d); i++) {
        uint8_t bytes[DHT_RECORD_MAX];
        struct dht_record r;
        dht_core_look(d, i, bytes, &r);
        must(r.left_ms <= DHT_TTL_MOST_MS);
    }
    return out;
}

static struct dht *make(void *memory, const struct dht_config *c, struct dht_effects *fx)
{
    const struct dht_record r = {.kind = DHT_IMMUTABLE, .left_ms = LIFE_MS, .value = (const uint8_t *)"v", .value_size = 1};
    struct dht_record put = r;
    struct dht *d;

    must(dht_core_init(memory, c, 1, &d) == ERR_OK);
    dht_record_place(&put);
    must(dht_core_put(d, 1, 1, &put, NULL, fx) == ERR_OK); /* alone: held here */
    for (uint8_t i = 0; i < MEMBERS; i++) {
        struct dht_contact who = contact_of(i);
        dht_core_member(d, 1, &who, DHT_MEMBER_HERE, fx);
    }
    put.key.byte[0] ^= 1;
    must(dht_core_get(d, 1, 2, &put.key, 1, fx) == ERR_OK);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dht_effects fx;
    struct dht_config c = {.node = contact_of(0x7f).node, .peers_max = 64, .spares_max = 8, .records_max = 8,
                           .store_bytes = 4096, .owner_bytes = 2048, .source_bytes = 2048, .wishes_max = 2, .seed = 1,
                           .verify = verify, .tuning = dht_core_usual()};
    void *memory = calloc(1, dht_core_size(&c));
    uint64_t now_us = 1;

    must(memory != NULL);
    struct dht *d = make(memory, &c, &fx);
    reads_back(data, size);
    while (size >= 4) {
        struct dht_contact from = contact_of(data[0] & 0x7f);
        bool is_proved = (data[0] & UNPROVED) == 0;
        uint64_t until_us = now_us + (uint64_t)data[1] * TICK_US;
        size_t len = (size_t)data[2] << 8 | data[3];
        data += 4;
        size -= 4;
        len = len < size ? len : size;
        for (uint32_t turns = 0; fx.due_us <= until_us; turns++) {
            now_us = fx.due_us > now_us ? fx.due_us : now_us;
            dht_core_clock(d, now_us, WALL_S + now_us / 1000000, &fx);
            (void)look(d, &fx);
            must(turns < 20000); /* it does not ask to be woken for nothing */
        }
        now_us = until_us;
        reads_back(data, len);
        struct dht_message m;
        enum err e = dht_packet_read(data, len, &m);
        must(dht_core_packet(d, now_us, WALL_S + now_us / 1000000, &from, is_proved, data, len, &fx) == e);
        size_t out = look(d, &fx);
        /* An answer may let a wish go on, which asks others: not more than four packets for one. */
        must(is_proved || out <= 3 * len || fx.sends > 1 || e != ERR_OK || m.kind == DHT_PACKET_NODES ||
             m.kind == DHT_PACKET_VALUES);
        data += len;
        size -= len;
    }
    free(memory);
    return 0;
}
