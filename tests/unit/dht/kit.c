#include "tests/unit/dht/kit.h"

#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"

struct dht_contact kit_contact(uint32_t who)
{
    struct dht_contact c = {.at = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = 7403}};

    bytes_put_be32(c.node.byte, who);
    c.at.ip[13] = (uint8_t)who;
    c.at.ip[14] = (uint8_t)(who >> 8);
    return c;
}

struct dht_id kit_id(uint32_t who)
{
    struct dht_contact c = kit_contact(who);

    return dht_core_id(&c.node);
}

uint32_t kit_with_prefix(uint32_t bits, uint32_t skip)
{
    struct dht_id self = kit_id(KIT_SELF);

    for (uint32_t who = 0; who < KIT_SELF; who++) {
        struct dht_id id = kit_id(who);
        if (dht_id_common(&self, &id) == bits && skip-- == 0) {
            return who;
        }
    }
    abort();
}

static bool verify(void *context, const uint8_t *owner, const uint8_t *message, size_t size, const uint8_t *signature)
{
    uint8_t out[crypto_shorthash_BYTES];

    (void)context;
    (void)crypto_shorthash(out, message, size, owner);
    return memcmp(out, signature, sizeof out) == 0;
}

struct dht_config kit_config(void)
{
    return (struct dht_config){.node = kit_contact(KIT_SELF).node, .secret = {1}, .seed = 1, .peers_max = 512,
                               .spares_max = 16, .records_max = KIT_RECORDS, .store_bytes = KIT_STORE,
                               .owner_bytes = KIT_STORE, .source_bytes = KIT_STORE, .wishes_max = 2, .verify = verify,
                               .tuning = dht_core_usual()};
}

void kit_open_as(struct kit *k, const struct dht_config *c)
{
    k->now_us = KIT_START_US;
    k->memory = calloc(1, dht_core_size(c));
    REQUIRE(k->memory != NULL && dht_core_init(k->memory, c, k->now_us, &k->d) == ERR_OK, "a core");
}

void kit_open(struct kit *k, uint32_t members)
{
    struct dht_config c = kit_config();

    kit_open_as(k, &c);
    k->d->born_us = 0; /* not new any more: it compares with nobody of its own accord */
    for (uint32_t i = 0; i < members; i++) {
        struct dht_contact who = kit_contact(i);
        dht_core_member(k->d, k->now_us, &who, DHT_MEMBER_HERE, &k->fx);
    }
}

void kit_close(struct kit *k)
{
    free(k->memory);
}

enum err kit_hear(struct kit *k, uint32_t from, const struct dht_message *m)
{
    struct dht_contact who = kit_contact(from);
    struct dht_packet p;

    (void)dht_packet_write(&p, m, DHT_PACKET_MAX);
    REQUIRE(p.size > 0, "it is a packet");
    return dht_core_packet(k->d, k->now_us, KIT_WALL_S + k->now_us / 1000000, &who, true, p.bytes, p.size, &k->fx);
}

void kit_due(struct kit *k)
{
    k->now_us = k->fx.due_us > k->now_us ? k->fx.due_us : k->now_us;
    dht_core_clock(k->d, k->now_us, KIT_WALL_S + k->now_us / 1000000, &k->fx);
}

void kit_wait(struct kit *k, uint64_t us)
{
    uint64_t until_us = k->now_us + us;

    while (k->fx.due_us <= until_us) {
        kit_due(k);
    }
    k->now_us = until_us;
    dht_core_clock(k->d, k->now_us, KIT_WALL_S + k->now_us / 1000000, &k->fx);
}

uint32_t kit_sent(const struct kit *k, enum dht_packet_kind kind, uint32_t to, struct dht_message *ret_last,
                  uint32_t *ret_to)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < k->fx.sends; i++) {
        const struct dht_send *s = &k->fx.send[i];
        struct dht_message m;
        uint32_t who = bytes_get_be32(s->to.byte);
        REQUIRE(dht_packet_read(s->packet.bytes, s->packet.size, &m) == ERR_OK, "what is sent is a packet");
        if (m.kind == kind && (to == UINT32_MAX || who == to)) {
            count++;
            if (ret_last != NULL) {
                *ret_last = m;
            }
            if (ret_to != NULL) {
                *ret_to = who;
            }
        }
    }
    return count;
}

struct dht_message kit_answer(const struct dht_message *question, enum dht_packet_kind kind)
{
    return (struct dht_message){.kind = kind, .txn = question->txn};
}

void kit_immutable(struct kit_record *to, uint32_t number, uint16_t size, uint32_t left_ms)
{
    memset(to->value, 'v', size);
    bytes_put_be32(to->value, number);
    to->r = (struct dht_record){.kind = DHT_IMMUTABLE, .left_ms = left_ms, .value = to->value, .value_size = size};
    dht_record_place(&to->r);
    to->size = dht_record_write(&to->r, to->bytes);
}

void kit_signed(struct kit_record *to, enum dht_record_kind kind, uint32_t owner, const char *salt, const char *value,
                uint64_t seq, uint32_t left_ms)
{
    memset(to->owner, 0, sizeof to->owner);
    memset(to->signature, 0, sizeof to->signature);
    bytes_put_be32(to->owner, owner);
    memcpy(to->salt, salt, strlen(salt));
    memcpy(to->value, value, strlen(value));
    to->r = (struct dht_record){.kind = kind, .left_ms = left_ms, .seq = seq, .owner = to->owner,
                                .until_s = KIT_WALL_S + KIT_START_US / 1000000 + left_ms / 1000 + 1,
                                .salt = (const uint8_t *)to->salt, .salt_size = (uint8_t)strlen(salt),
                                .value = to->value, .value_size = (uint16_t)strlen(value), .signature = to->signature};
    dht_record_place(&to->r);
    kit_sign(to);
}

void kit_sign(struct kit_record *to)
{
    uint8_t message[DHT_RECORD_MESSAGE_MAX];

    (void)crypto_shorthash(to->signature, message, dht_record_message(&to->r, message), to->owner);
    to->size = dht_record_write(&to->r, to->bytes);
}

enum dht_status kit_store(struct kit *k, uint32_t from, const struct kit_record *r, uint8_t flags, uint64_t expected,
                          uint64_t *ret_seq)
{
    struct dht_message m = {.kind = DHT_PACKET_STORE, .txn = 7, .flags = flags, .seq = expected, .count = 1}, out;

    m.record[0] = (struct dht_packet_record){.left_ms = r->r.left_ms, .size = (uint16_t)r->size, .bytes = r->bytes};
    CHECK(kit_hear(k, from, &m) == ERR_OK, "a STORE is read");
    REQUIRE(kit_sent(k, DHT_PACKET_STORED, from, &out, NULL) == 1 && out.txn == 7, "and answered");
    if (ret_seq != NULL) {
        *ret_seq = out.seq;
    }
    return out.status;
}
