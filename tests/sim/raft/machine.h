/* The replicated store of a node of the world, and its leader's clock: what raft/shell_apply.c and service_wait.c do with
 * committed entries, leases and snapshots. */
#ifndef CELL_TESTS_SIM_RAFT_MACHINE_H
#define CELL_TESTS_SIM_RAFT_MACHINE_H

#include "raft/config.h"
#include "raft/kv.h"
#include "raft/lessor.h"
#include "raft/snapshot_form.h"
#include "tests/support/past_disk.h"
#include "tests/sim/world/world.h"

struct quorum_seat;

enum {
    MACHINE_HASH_EVERY = 32, /* entries between two comparisons of whole stores */
    MACHINE_DUE_MAX = 16,
    MACHINE_WARM = 300,      /* bytes of old values that every other node has in memory; the rest have none */
    MACHINE_ROT_ENTRIES = 25,  /* in every fifth row of so many, of worlds with such disks, it rots; of a different one each */
    MACHINE_FULL_ENTRIES = 40, /* in every fifth row of so many a node's file of old values is full         */
};

struct machine {
    struct raft_kv kv;
    struct past_disk past;   /* of `kv`: nothing of it outlives a process */
    struct raft_lessor lessor;
    struct raft_config applied_config;
    uint64_t applied;
    uint64_t lead_index;     /* its own first entry; 0: it does not lead */
    uint64_t tick_us;
    uint64_t mark_index;     /* of a CLOCK that is under way; 0: none */
    bool is_on;
};

void machine_init(struct machine *m, uint32_t node);
void machine_fini(struct machine *m);

/* Apply the entry after the last one, bytes with their head, and tell who waits for it. */
void machine_apply(struct world *w, uint32_t node, struct quorum_seat *s, const uint8_t *bytes, uint32_t size, uint64_t now_us);

/* A snapshot of what is applied: *ret_bytes to be freed. false: there is none, for old values have rotted. */
bool machine_image(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t term, uint8_t **ret_bytes, size_t *ret_size);

/* Take a snapshot's state for the own. false: it is not whole. */
bool machine_load(struct world *w, uint32_t node, struct quorum_seat *s, const uint8_t *bytes, size_t size);
bool machine_is_whole(const uint8_t *bytes, size_t size, struct raft_snapshot_head *ret);

/* It leads from now on, or no longer. */
void machine_lead(struct quorum_seat *s, bool leads);

/* The cluster's clock for a command that is written now. */
uint64_t machine_time_ms(struct quorum_seat *s, uint64_t now_us);

/* What ran out is proposed; to be called at tick_us while it leads. */
void machine_tick(struct world *w, uint32_t node, struct quorum_seat *s, uint64_t now_us, struct world_effects *fx);

#endif
