/* Any datagrams at any time, at a node that has one friend: what is not the friend's is never delivered, no
 * answer is larger than its question, what is kept is bounded, and the friend is still heard afterwards.
 *
 * Input: datagrams one after another, each a byte of how it goes on (bit 7: it begins as the friend's last
 * datagram and the input's bytes are laid over it with XOR; bits 0 to 6: tens of ms that pass), a byte that
 * says from where, and two bytes of length. */
#include <stdlib.h>
#include <string.h>

#include "common/node/sealed.h"

enum { PEERS = 4, KEPT = 0x80, TICK_MS = 10, HEAD = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct sealed *node_of(uint8_t number, struct node_keys *keys)
{
    uint8_t seed[SEALED_SEED_LEN];
    struct sealed *s = NULL;

    *keys = (struct node_keys){.name = "n", .cluster_keys = 2, .cluster_epoch = {2, 1}};
    memset(seed, number, sizeof seed);
    keys_derive(seed, keys);
    memset(keys->cluster_id, 0xc1, sizeof keys->cluster_id);
    memset(keys->cluster_key, 0xa7, sizeof keys->cluster_key);
    must(sealed_new(keys, seed, PEERS, 0, &s) == ERR_OK);
    return s;
}

static struct sealed_address address_of(uint8_t number)
{
    return (struct sealed_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = number}, .port = 7402};
}

/* The friend speaks until the node has heard it; *ret_size bytes of what it sent last are left in `last`. */
static void friend_speaks(struct sealed *node, struct sealed *friend, const struct node_keys *keys, uint64_t now_ms,
                          uint8_t last[SEALED_PACKET_MAX], size_t *ret_size)
{
    const struct sealed_address at = address_of(1), friend_at = address_of(2);
    uint8_t answer_bytes[SEALED_PACKET_MAX], copy[SEALED_PACKET_MAX];
    struct sealed_packet out = {.bytes = last}, answer = {.bytes = answer_bytes}, none = {.bytes = copy};
    struct sealed_payload payload = {0};

    must(sealed_send(friend, now_ms, keys->id, &at, (const uint8_t *)"friend", 6, &out) == ERR_OK);
    for (unsigned i = 0; i < 16 && payload.size == 0; i++) {
        if (out.size == 0 && !sealed_next(friend, now_ms, &out)) {
            now_ms += 1000; /* what it is told, or that it hears nothing, makes it ask again */
            must(sealed_send(friend, now_ms, keys->id, &at, (const uint8_t *)"friend", 6, &out) == ERR_OK);
            continue;
        }
        *ret_size = out.size;
        memcpy(copy, last, out.size);
        (void)sealed_receive(node, now_ms, &friend_at, copy, out.size, &payload, &answer);
        if (payload.size == 0 && answer.size > 0) {
            struct sealed_payload nothing;
            (void)sealed_receive(friend, now_ms, &at, answer_bytes, answer.size, &nothing, &none);
        }
        out.size = 0;
    }
    must(payload.size == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct node_keys keys, friend_keys;
    struct sealed *node = node_of(1, &keys), *friend = node_of(2, &friend_keys);
    uint8_t last[SEALED_PACKET_MAX], bytes[SEALED_PACKET_MAX + 64], out_bytes[SEALED_PACKET_MAX];
    size_t last_size = 0, at = 0;
    uint64_t now_ms = 1;

    friend_speaks(node, friend, &keys, now_ms, last, &last_size);
    while (at + HEAD <= size) {
        struct sealed_address from = address_of(data[at + 1]);
        struct sealed_packet out = {.bytes = out_bytes};
        struct sealed_payload payload;
        size_t len = (size_t)data[at + 2] << 8 | data[at + 3];
        bool is_kept = (data[at] & KEPT) != 0;

        now_ms += (uint64_t)(data[at] & ~KEPT) * TICK_MS;
        at += HEAD;
        len = len > sizeof bytes ? sizeof bytes : len;
        memset(bytes, 0, sizeof bytes);
        memcpy(bytes, last, is_kept ? last_size : 0);
        for (size_t i = 0; i < len && at < size; i++) {
            bytes[i] ^= data[at++];
        }
        size_t total = is_kept && len < last_size ? last_size : len;
        unsigned verdict = sealed_receive(node, now_ms, &from, bytes, total, &payload, &out);
        must(payload.size == 0 && out.size <= total && verdict <= SEALED_TAKEN);
        while (sealed_next(node, now_ms, &out)) {
            must(out.bytes[0] == SEALED_HELLO); /* it has nothing to say to anybody */
        }
        must(sealed_count(node)->peers <= PEERS && sealed_count(node)->waiting == 0);
    }
    friend_speaks(node, friend, &keys, now_ms + 2000, last, &last_size);
    sealed_free(node);
    sealed_free(friend);
    return 0;
}
