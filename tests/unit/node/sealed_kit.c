#include "tests/unit/node/sealed_kit.h"

#include <string.h>

struct node_keys kit_keys(uint8_t number, uint32_t newest, uint32_t count)
{
    struct node_keys k = {.name = "n", .cluster_keys = count};
    uint8_t seed[NODE_SEED_LEN];

    memset(seed, number, sizeof seed);
    keys_derive(seed, &k);
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    for (uint32_t i = 0; i < count; i++) {
        k.cluster_epoch[i] = newest - i;
        memset(k.cluster_key[i], (int)(0xa0 + newest - i), NODE_KEY_LEN);
    }
    return k;
}

struct sealed_address kit_address(uint8_t number)
{
    return (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = number}, .port = 7402};
}

void kit_restart(struct kit_node *n, uint64_t now_ms)
{
    uint8_t seed[SEALED_SEED_LEN] = {n->keys.id[0], n->keys.id[1], (uint8_t)++n->life, (uint8_t)(n->life >> 8)};

    sealed_free(n->sealed);
    REQUIRE(sealed_new(&n->keys, seed, KIT_PEERS, now_ms, &n->sealed) == ERR_OK, "a node starts");
}

struct kit_node kit_node(uint8_t number, uint32_t newest, uint32_t count)
{
    struct kit_node n = {.keys = kit_keys(number, newest, count), .address = kit_address(number)};

    kit_restart(&n, 0);
    return n;
}

void kit_end(struct kit_node *n)
{
    sealed_free(n->sealed);
    n->sealed = NULL;
}

static bool sent(const struct kit_node *n, const struct sealed_packet *out, struct kit_datagram *ret)
{
    ret->from = n->address;
    ret->to = out->to;
    ret->size = out->size;
    return out->size > 0;
}

bool kit_send(struct kit_node *n, uint64_t now_ms, const struct kit_node *to, const void *bytes, size_t size,
              struct kit_datagram *ret)
{
    struct sealed_packet out = {.bytes = ret->bytes};

    CHECK(sealed_send(n->sealed, now_ms, to->keys.id, &to->address, bytes, size, &out) == ERR_OK, "it is taken");
    return sent(n, &out, ret);
}

bool kit_next(struct kit_node *n, uint64_t now_ms, struct kit_datagram *ret)
{
    struct sealed_packet out = {.bytes = ret->bytes};

    (void)sealed_next(n->sealed, now_ms, &out);
    return sent(n, &out, ret);
}

bool kit_take(struct kit_node *n, uint64_t now_ms, const struct kit_datagram *d, struct kit_datagram *ret)
{
    struct kit_datagram copy = *d; /* it is opened in place */
    struct sealed_packet out = {.bytes = ret->bytes};
    struct sealed_payload payload;

    n->verdict = sealed_receive(n->sealed, now_ms, &copy.from, copy.bytes, copy.size, &payload, &out);
    if (payload.size > 0) {
        n->taken++;
        n->size = payload.size;
        memcpy(n->from_id, payload.id, NODE_ID_LEN);
        memcpy(n->bytes, payload.bytes, payload.size);
    }
    CHECK(out.size <= d->size, "an answer of %zu bytes to a question of %zu", out.size, d->size);
    return sent(n, &out, ret);
}

unsigned kit_talk(struct kit_node *a, struct kit_node *b, uint64_t now_ms)
{
    struct kit_datagram d, answer;
    unsigned count = 0;

    for (bool was_any = true; was_any && count < 1000;) {
        was_any = false;
        for (unsigned side = 0; side < 2; side++) {
            struct kit_node *from = side == 0 ? a : b, *to = side == 0 ? b : a;
            while (kit_next(from, now_ms, &d)) {
                was_any = true;
                count++;
                if (kit_take(to, now_ms, &d, &answer)) {
                    count++;
                    (void)kit_take(from, now_ms, &answer, &d);
                }
            }
        }
    }
    return count;
}

void kit_meet(struct kit_node *a, struct kit_node *b, uint64_t now_ms)
{
    struct kit_datagram d;
    uint32_t before = b->taken;

    CHECK(!kit_send(a, now_ms, b, "hello", 5, &d), "nothing goes before they are acquainted");
    (void)kit_talk(a, b, now_ms);
    REQUIRE(b->taken == before + 1, "the payload has arrived");
}
