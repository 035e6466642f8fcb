#include "tests/unit/nodosum/kit.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nodosum/table.h"
#include "tests/support/words.h"

struct nodosum_id kit_id(uint32_t who)
{
    struct nodosum_id id = {0};

    bytes_put_be64(id.byte, (uint64_t)(who + 1) << 32);
    return id;
}

struct nodosum_address kit_address(uint32_t who)
{
    struct nodosum_address a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 7402};

    bytes_put_be32(a.ip + 12, UINT32_C(10) << 24 | who);
    return a;
}

struct nodosum_about kit_about(uint32_t who)
{
    struct nodosum_about about = {.address = kit_address(who), .meta_version = 1};

    about.name_len = (uint8_t)snprintf(about.name, sizeof about.name, "node-%u", who);
    return about;
}

struct nodosum_words kit_words(uint32_t who)
{
    static struct nodosum_id ids[KIT_IDS];

    assert(who < KIT_IDS);
    ids[who] = kit_id(who);
    return words_for(&ids[who]);
}

struct nodosum_config kit_config(uint32_t members_max)
{
    return (struct nodosum_config){.id = kit_id(KIT_SELF), .about = kit_about(KIT_SELF), .incarnation = 1,
                                   .seed = 1, .members_max = members_max, .tuning = nodosum_core_usual(),
                                   .words = kit_words(KIT_SELF)};
}

void kit_open(struct kit *k, uint32_t members_max, uint32_t members)
{
    struct nodosum_config c = kit_config(members_max);

    k->now_us = KIT_START_US;
    k->memory = malloc(nodosum_core_size(members_max));
    REQUIRE(k->memory != NULL && nodosum_core_init(k->memory, &c, k->now_us, &k->n) == ERR_OK, "a core");
    for (uint32_t i = 0; i < members; i++) {
        kit_alive(k, i, i, 1);
    }
}

void kit_close(struct kit *k)
{
    free(k->memory);
}

enum err kit_hear(struct kit *k, uint32_t from, const struct nodosum_message *m)
{
    struct nodosum_packet p = {0};
    struct nodosum_id id = kit_id(from);
    struct nodosum_address at = kit_address(from);

    CHECK(nodosum_packet_add(&p, m), "it fits");
    return nodosum_core_packet(k->n, k->now_us, &id, &at, p.bytes, p.size, &k->fx);
}

void kit_alive(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_ALIVE, .id = kit_id(who), .incarnation = incarnation};

    m.about = kit_about(who);
    CHECK(kit_hear(k, from, &m) == ERR_OK, "a good packet");
}

void kit_suspect(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation, uint64_t accuser)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_SUSPECT, .id = kit_id(who),
                                .incarnation = incarnation, .count = 1};

    m.accuser[0] = accuser;
    CHECK(kit_hear(k, from, &m) == ERR_OK, "a good packet");
}

void kit_dead(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_DEAD, .id = kit_id(who), .incarnation = incarnation};

    m.accuser[0] = 1;
    CHECK(kit_hear(k, from, &m) == ERR_OK, "a good packet");
}

void kit_left(struct kit *k, uint32_t from, uint32_t who, uint64_t incarnation)
{
    struct nodosum_message m = {.kind = NODOSUM_PACKET_LEFT, .id = kit_id(who), .incarnation = incarnation};

    words_of(&m.id, incarnation, m.word);
    CHECK(kit_hear(k, from, &m) == ERR_OK, "a good packet");
}

void kit_due(struct kit *k)
{
    k->now_us = k->fx.due_us > k->now_us ? k->fx.due_us : k->now_us;
    nodosum_core_clock(k->n, k->now_us, &k->fx);
}

void kit_wait(struct kit *k, uint64_t us)
{
    uint64_t until_us = k->now_us + us;

    while (k->fx.due_us <= until_us) {
        kit_due(k);
    }
    k->now_us = until_us;
}

uint32_t kit_sent(const struct kit *k, enum nodosum_packet_kind kind, uint32_t to,
                  struct nodosum_message *ret_last)
{
    struct nodosum_id id = kit_id(to);
    uint32_t count = 0;

    for (uint32_t i = 0; i < k->fx.sends; i++) {
        const struct nodosum_send *s = &k->fx.send[i];
        struct nodosum_message m;
        size_t at = 1;
        CHECK(nodosum_packet_check(s->packet.bytes, s->packet.size) == ERR_OK, "packet %u is one", i);
        while (nodosum_packet_next(s->packet.bytes, s->packet.size, &at, &m)) {
            if (m.kind == kind && (to == UINT32_MAX || (s->has_id && memcmp(&s->to, &id, sizeof id) == 0))) {
                count++;
                if (ret_last != NULL) {
                    *ret_last = m;
                }
            }
        }
    }
    return count;
}

uint16_t kit_index(const struct kit *k, uint32_t who)
{
    struct nodosum_id id = kit_id(who);

    return nodosum_table_find(k->n, &id);
}

const struct nodosum_member *kit_member(const struct kit *k, uint32_t who)
{
    uint16_t index = kit_index(k, who);

    REQUIRE(index != NODOSUM_NOBODY, "%u is known", who);
    return &k->n->member[index];
}
