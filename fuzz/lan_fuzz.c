/* Any packets, from anywhere, at any time, tagged rightly or not: a packet that is read is written back the same, the
 * bounds hold, every packet is counted once, and nobody is there who was not asked.
 *
 * Input: packets one after another, each a byte of flags (1: it is tagged here, 2: it answers what was asked last), a
 * byte that says from where, a byte of 10 ms that pass before it, and a byte of length. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/lan_wire.h"

enum { PEERS = 4, TICK_US = 10000, AT_NONCE = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[NODOSUM_LAN_KEY_SIZE] = {9};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void reads_back(const uint8_t *bytes, size_t size)
{
    struct nodosum_lan_message m;
    uint8_t again[NODOSUM_LAN_QUESTION];

    if (nodosum_lan_wire_get(bytes, size, &m) == ERR_OK) {
        must(nodosum_lan_wire_put(&m, key, again) == size);
        must(memcmp(again, bytes, size - NODOSUM_LAN_TAG) == 0);
    }
}

/* Returns the number that was asked with last, or the one before. */
static uint64_t look(const struct nodosum_lan *l, const struct nodosum_lan_effects *fx, uint64_t packets, uint64_t nonce)
{
    const struct nodosum_lan_counters *c = nodosum_lan_counters(l);
    uint32_t remembered, there = nodosum_lan_count(l, &remembered);
    struct nodosum_lan_peer peer[PEERS + 1];

    must(there + remembered <= PEERS && nodosum_lan_list(l, peer, PEERS + 1) == there);
    must(there == 0 || c->questions > 0);
    must(c->taken + c->own + c->oversized + c->malformed + c->busy + c->strange + c->forged + c->replayed +
             c->unasked == packets);
    must(fx->sends <= NODOSUM_LAN_SENDS_MAX);
    for (uint32_t i = 0; i < fx->sends; i++) {
        struct nodosum_lan_message m;
        must(nodosum_lan_wire_get(fx->send[i].bytes, fx->send[i].size, &m) == ERR_OK);
        must(nodosum_lan_wire_is_true(fx->send[i].bytes, fx->send[i].size, key));
        nonce = m.kind == NODOSUM_LAN_ASK ? m.nonce : nonce;
    }
    return nonce;
}

/* A copy with what the flags ask for. */
static size_t prepare(uint8_t flags, const uint8_t *data, size_t size, uint64_t nonce, uint8_t out[UINT8_MAX])
{
    struct nodosum_lan_message m;

    memcpy(out, data, size);
    if ((flags & 1) != 0 && nodosum_lan_wire_get(out, size, &m) == ERR_OK) {
        m.epoch = 1;
        m.nonce = (flags & 2) != 0 && m.kind == NODOSUM_LAN_REPLY && nonce != 0 ? nonce : m.nonce;
        return nodosum_lan_wire_put(&m, key, out);
    }
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nodosum_lan_config c = {.id = {{0xee}}, .name = "self", .port = 7402, .life = 5, .seed = 1,
                                   .peers_max = PEERS, .keys = 1, .key = {{.epoch = 1}}};
    static struct nodosum_lan_effects fx;
    void *memory = malloc(nodosum_lan_size(PEERS));
    uint64_t now_us = 1, packets = 0, nonce = 0;
    struct nodosum_lan *l;

    memcpy(c.key[0].key, key, sizeof key);
    must(memory != NULL && nodosum_lan_init(memory, &c, now_us, &l) == ERR_OK);
    reads_back(data, size);
    for (fx.due_us = now_us; size >= 4; packets++) {
        struct nodosum_address from = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = data[1]}, .port = 1};
        uint64_t until_us = now_us + (uint64_t)data[2] * TICK_US;
        size_t given = data[3] < size - 4 ? data[3] : size - 4;
        uint8_t bytes[UINT8_MAX]; /* more than NODOSUM_LAN_QUESTION */
        while (fx.due_us <= until_us) {
            now_us = fx.due_us > now_us ? fx.due_us : now_us;
            nodosum_lan_clock(l, now_us, &fx);
            nonce = look(l, &fx, packets, nonce);
            must(fx.due_us > now_us || fx.sends == NODOSUM_LAN_SENDS_MAX); /* it does not ask to be woken for nothing */
        }
        now_us = until_us;
        size_t len = prepare(data[0], data + 4, given, nonce, bytes);
        reads_back(bytes, len);
        (void)!nodosum_lan_packet(l, now_us, &from, bytes, len, &fx);
        nonce = look(l, &fx, packets + 1, nonce);
        size -= 4 + given;
        data += 4 + given;
    }
    free(memory);
    return 0;
}
