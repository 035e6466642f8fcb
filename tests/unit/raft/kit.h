/* Cores by hand: a few of them, what they say to each other, and a disk that is as fast as one likes. */
#ifndef CELL_TESTS_UNIT_RAFT_KIT_H
#define CELL_TESTS_UNIT_RAFT_KIT_H

#include "raft/core.h"
#include "tests/support/check.h"

enum { KIT_MEMBERS = 5, KIT_WIRE = 4096, KIT_ELECTION = 200000 };

struct kit_member {
    void *memory;
    struct raft *core;
    struct raft_effects fx;   /* of the last step */
    bool stores;              /* what it writes is durable at once */
};

struct kit {
    struct kit_member member[KIT_MEMBERS + 1]; /* by id, from 1 */
    uint64_t now_us;
    struct raft_message wire[KIT_WIRE];
    uint8_t *wire_bytes[KIT_WIRE];
    uint32_t first, end;
};

/* Member `id` of voters 1 to `voters`, with a log of entries of these terms. */
void kit_make(struct kit *k, uint64_t id, uint32_t voters, const uint64_t *terms, uint32_t entries, uint64_t term);
void kit_make_of(struct kit *k, const struct raft_setup *setup, const uint64_t *terms, uint32_t entries);
void kit_free(struct kit *k);

enum err kit_step(struct kit *k, uint64_t id, const struct raft_event *e);
enum err kit_hear(struct kit *k, uint64_t id, const struct raft_message *m);
void kit_wait(struct kit *k, uint64_t id, uint64_t us); /* and CLOCK */
uint32_t kit_deliver(struct kit *k, uint32_t most);     /* what is on the wire, to whom there is */
void kit_lead(struct kit *k, uint64_t id);              /* let it campaign, with all that are there */
struct raft_view kit_view(const struct kit *k, uint64_t id);

/* The last step's effect of that kind, or NULL; of a SEND with that message. */
const struct raft_effect *kit_fx(const struct kit *k, uint64_t id, enum raft_effect_kind kind);
const struct raft_message *kit_sent(const struct kit *k, uint64_t id, enum raft_message_kind kind);

#endif
