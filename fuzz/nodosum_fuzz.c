/* Any packets, from members and strangers, in any order and at any time: a packet is refused whole or reads
 * back as it was written; whatever a core is told, it stays within its memory, what it sends is a packet, its
 * counts add up and its revisions have no gaps.
 *
 * Input: packets one after another, each a byte that says who sends it (0 to 3: members, more: strangers), a
 * byte of 10 ms that pass before it, and two bytes of length. */
#include <stdlib.h>
#include <string.h>

#include "nodosum/core.h"
#include "tests/support/words.h"

enum { MEMBERS = 8, KNOWN = 4, TICK_US = 10000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static struct nodosum_id id_of(uint8_t who)
{
    struct nodosum_id id = {0};

    memset(id.byte, who, NODOSUM_ID_SIZE);
    return id;
}

static struct nodosum_address address_of(uint8_t who)
{
    return (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = who}, .port = 7402};
}

static void reads_back(const uint8_t *bytes, size_t size)
{
    struct nodosum_packet again = {0};
    struct nodosum_message m;
    size_t at = 1;

    if (nodosum_packet_check(bytes, size) != ERR_OK) {
        return;
    }
    while (nodosum_packet_next(bytes, size, &at, &m)) {
        must(nodosum_packet_add(&again, &m));
    }
    must(again.size == size && memcmp(again.bytes, bytes, size) == 0);
}

static void look(const struct nodosum *n, const struct nodosum_effects *fx, uint64_t *revision)
{
    struct nodosum_event event[64];
    uint32_t count, living = 0;

    must(fx->sends <= NODOSUM_SENDS_MAX && fx->rtts <= NODOSUM_RTTS_MAX);
    for (uint32_t i = 0; i < fx->sends; i++) {
        const struct nodosum_packet *p = &fx->send[i].packet;
        must(fx->send[i].at.port != 0 && nodosum_packet_check(p->bytes, p->size) == ERR_OK);
    }
    must(nodosum_core_count(n) <= MEMBERS && fx->revision >= *revision);
    for (uint32_t i = 0; i < nodosum_core_count(n); i++) {
        struct nodosum_view v = nodosum_core_view(n, i);
        living += v.state == NODOSUM_ALIVE || v.state == NODOSUM_SUSPECT;
        must(v.incarnation > 0 && v.incarnation <= NODOSUM_INCARNATION_MAX);
        must(name_valid(v.about->name, v.about->name_len) && v.about->meta_size <= NODOSUM_META_MAX);
    }
    must(living == nodosum_core_living(n));
    must(nodosum_core_events(n, *revision, event, 64, &count) == ERR_OK && count == fx->revision - *revision);
    for (uint32_t i = 0; i < count; i++) {
        must(event[i].revision == ++*revision);
    }
}

static struct nodosum *make(void *memory, struct nodosum_effects *fx)
{
    struct nodosum_config c = {.id = id_of(0xee), .members_max = MEMBERS, .seed = 1, .seeds = 1,
                               .tuning = nodosum_core_usual()};
    static struct nodosum_id self;
    struct nodosum *n;

    self = c.id;
    c.words = words_for(&self);
    c.about = (struct nodosum_about){.address = address_of(0xee), .name = "self", .name_len = 4};
    c.seed_at[0] = address_of(0);
    must(nodosum_core_init(memory, &c, 1, &n) == ERR_OK);
    for (uint8_t i = 0; i < KNOWN; i++) {
        struct nodosum_packet p = {0};
        struct nodosum_id id = id_of(i);
        struct nodosum_address at = address_of(i);
        struct nodosum_about about = {.address = at, .meta_version = 1, .name = "peer", .name_len = 4};
        must(nodosum_packet_add_alive(&p, &id, 1, &about));
        must(nodosum_core_packet(n, 1, &id, &at, p.bytes, p.size, fx) == ERR_OK);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct nodosum_effects fx;
    void *memory = malloc(nodosum_core_size(MEMBERS));
    uint64_t now_us = 1, revision = 0;

    must(memory != NULL);
    struct nodosum *n = make(memory, &fx);
    look(n, &fx, &revision);
    reads_back(data, size);
    while (size >= 4) {
        struct nodosum_id from = id_of(data[0]);
        struct nodosum_address at = address_of(data[0]);
        uint64_t until_us = now_us + (uint64_t)data[1] * TICK_US;
        size_t len = (size_t)data[2] << 8 | data[3];
        data += 4;
        size -= 4;
        len = len < size ? len : size;
        while (fx.due_us <= until_us) {
            now_us = fx.due_us > now_us ? fx.due_us : now_us;
            nodosum_core_clock(n, now_us, &fx);
            look(n, &fx, &revision);
            must(fx.due_us > now_us || fx.sends > 0); /* it does not ask to be woken for nothing */
        }
        now_us = until_us;
        reads_back(data, len);
        enum err e = nodosum_packet_check(data, len);
        must(nodosum_core_packet(n, now_us, &from, &at, data, len, &fx) == e);
        look(n, &fx, &revision);
        data += len;
        size -= len;
    }
    free(memory);
    return 0;
}
