#include "tests/unit/raft/kit.h"

#include <stdlib.h>
#include <string.h>

#include "raft/le.h"

enum { ENTRY = RAFT_ENTRY_HEAD + 8 };

/* Entries with nothing in them but zeros. */
static uint8_t *entries(uint32_t count)
{
    uint8_t *bytes = calloc(count + 1, ENTRY);

    REQUIRE(bytes != NULL, "memory");
    for (uint32_t i = 0; i < count; i++) {
        raft_le_put32(bytes + (size_t)i * ENTRY, ENTRY - RAFT_ENTRY_HEAD);
        bytes[(size_t)i * ENTRY + 4] = RAFT_ENTRY_COMMAND;
    }
    return bytes;
}

void kit_make_of(struct kit *k, const struct raft_setup *setup, const uint64_t *terms, uint32_t count)
{
    struct kit_member *m = &k->member[setup->self];
    uint8_t *bytes = entries(1);

    m->memory = malloc(raft_core_size());
    m->stores = true;
    REQUIRE(m->memory != NULL && raft_core_init(m->memory, setup, &m->core) == ERR_OK, "a core");
    for (uint32_t i = 0; i < count; i++) {
        struct raft_run run = {.first = setup->snapshot + i + 1, .term = terms[i], .count = 1, .size = ENTRY, .bytes = bytes};
        REQUIRE(raft_core_recover(m->core, &run) == ERR_OK, "entry %u", i);
    }
    free(bytes);
    raft_core_start(m->core, k->now_us, &m->fx);
}

void kit_make(struct kit *k, uint64_t id, uint32_t voters, const uint64_t *terms, uint32_t count, uint64_t term)
{
    struct raft_setup s = {.cluster = 1, .self = id, .seed = id, .vote = {.term = term}, .tuning = raft_core_usual()};

    s.tuning.election_us = KIT_ELECTION;
    for (uint32_t i = 0; i < voters; i++) {
        s.config.member[s.config.count++] = (struct raft_member){.id = i + 1, .flags = RAFT_VOTER};
    }
    kit_make_of(k, &s, terms, count);
}

void kit_free(struct kit *k)
{
    for (uint64_t id = 1; id <= KIT_MEMBERS; id++) {
        if (k->member[id].core != NULL) {
            raft_core_fini(k->member[id].core);
        }
        free(k->member[id].memory);
    }
    for (uint32_t i = 0; i < k->end; i++) {
        free(k->wire_bytes[i % KIT_WIRE]);
    }
    memset(k, 0, sizeof *k);
}

static void put(struct kit *k, const struct raft_message *m)
{
    uint32_t at = k->end++ % KIT_WIRE;

    REQUIRE(k->end - k->first <= KIT_WIRE, "room on the wire");
    free(k->wire_bytes[at]);
    k->wire[at] = *m;
    k->wire_bytes[at] = entries(m->run.count);
    k->wire[at].run.bytes = k->wire_bytes[at];
    k->wire[at].run.size = m->run.count * ENTRY;
}

static void store(struct kit *k, uint64_t id)
{
    struct kit_member *m = &k->member[id];
    struct raft_event vote = {.kind = RAFT_EV_CLOCK}, log = {.kind = RAFT_EV_CLOCK};

    for (uint32_t i = 0; i < m->fx.count; i++) {
        const struct raft_effect *e = &m->fx.item[i];
        if (e->kind == RAFT_FX_STORE_VOTE) {
            vote = (struct raft_event){.kind = RAFT_EV_VOTE_STORED, .vote = e->vote};
        } else if (e->kind == RAFT_FX_APPEND) {
            log = (struct raft_event){.kind = RAFT_EV_STORED, .index = e->run.first + e->run.count - 1, .term = e->run.term,
                                      .epoch = e->epoch};
        }
    }
    if (vote.kind != RAFT_EV_CLOCK) {
        (void)kit_step(k, id, &vote);
    }
    if (log.kind != RAFT_EV_CLOCK) {
        (void)kit_step(k, id, &log);
    }
}

enum err kit_step(struct kit *k, uint64_t id, const struct raft_event *ev)
{
    struct kit_member *m = &k->member[id];
    enum err e = raft_core_step(m->core, k->now_us, ev, &m->fx);

    for (uint32_t i = 0; i < m->fx.count; i++) {
        if (m->fx.item[i].kind == RAFT_FX_SEND) {
            put(k, &m->fx.item[i].message);
        }
    }
    if (m->stores) {
        store(k, id);
    }
    return e;
}

enum err kit_hear(struct kit *k, uint64_t id, const struct raft_message *m)
{
    return kit_step(k, id, &(struct raft_event){.kind = RAFT_EV_MESSAGE, .message = m});
}

void kit_wait(struct kit *k, uint64_t id, uint64_t us)
{
    k->now_us += us;
    (void)kit_step(k, id, &(struct raft_event){.kind = RAFT_EV_CLOCK});
}

uint32_t kit_deliver(struct kit *k, uint32_t most)
{
    uint32_t count = 0;

    while (k->first < k->end && count < most) {
        struct raft_message m = k->wire[k->first++ % KIT_WIRE];
        if (m.to <= KIT_MEMBERS && k->member[m.to].core != NULL) {
            (void)kit_hear(k, m.to, &m);
            count++;
        }
    }
    return count;
}

void kit_lead(struct kit *k, uint64_t id)
{
    for (int i = 0; i < 200 && kit_view(k, id).role != RAFT_LEADER; i++) {
        kit_wait(k, id, KIT_ELECTION / 20);
        kit_deliver(k, KIT_WIRE);
    }
    REQUIRE(kit_view(k, id).role == RAFT_LEADER, "%lu leads", (unsigned long)id);
}

struct raft_view kit_view(const struct kit *k, uint64_t id)
{
    return raft_core_view(k->member[id].core);
}

const struct raft_effect *kit_fx(const struct kit *k, uint64_t id, enum raft_effect_kind kind)
{
    const struct raft_effects *fx = &k->member[id].fx;

    for (uint32_t i = fx->count; i > 0; i--) {
        if (fx->item[i - 1].kind == kind) {
            return &fx->item[i - 1];
        }
    }
    return NULL;
}

const struct raft_message *kit_sent(const struct kit *k, uint64_t id, enum raft_message_kind kind)
{
    const struct raft_effects *fx = &k->member[id].fx;

    for (uint32_t i = fx->count; i > 0; i--) {
        if (fx->item[i - 1].kind == RAFT_FX_SEND && fx->item[i - 1].message.kind == kind) {
            return &fx->item[i - 1].message;
        }
    }
    return NULL;
}
