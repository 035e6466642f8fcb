/* The catalogue of situations in which consensus has gone wrong elsewhere, one scene each, named by its number there and
 * by its claim: what is on disks and in the store: identity 29, reads 36 and 37, snapshots 39 to 43, clients 44 to 50,
 * disks 52 to 58, clocks 60 and 61, crashes 65. */
#include <inttypes.h>

#include "tests/sim/raft/scene.h"

enum { V = RAFT_VOTER, P = RAFT_LEARNER | RAFT_PROMOTE, TAIL = 5, REPEATS = 25, LIES = 8, HEARTBEAT_MS = 40, WAY_MS = 5 };

static uint32_t other(const struct world *w, uint32_t leader, uint32_t k)
{
    return (leader + k) % w->set.nodes;
}

static const struct raft_kv *kv_of(const struct world *w, uint32_t node)
{
    return &quorum_seat(w, node)->machine.kv;
}

static void tune_tail(struct quorum_truth *t)
{
    t->tuning.tail = TAIL;
}

static void tune_small(struct quorum_truth *t)
{
    t->tuning.tail = TAIL;
    t->segment_size = 8 << 10;
}

static bool write_some(struct world *w, uint32_t node, int count)
{
    bool is_done = true;

    for (int i = 0; i < count && is_done; i++) {
        is_done = scene_write(w, node);
    }
    return is_done;
}

/* One client, one that watches everything, one holder of leases. */
static struct clients *bring_clients(struct world *w)
{
    struct clients *c = &quorum_truth(w)->clients;

    c->clients = c->watchers = c->holders = 1;
    c->client[0] = (struct client){.op = SIZE_MAX, .wants_session = true};
    c->watcher[0] = (struct client_watcher){.from = 1, .is_wide = true};
    return c;
}

/* ---- identity ------------------------------------------------------------------------------------------------- */

static void lost_disk_is_another_member(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1), third = other(w, leader, 2);
    uint64_t old = quorum_id(w, away);

    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 20));
    quorum_truth(w)->loses_disk[away] = true;
    scene_crash(w, away);
    scene_start(w, away);
    CLAIM(w, quorum_id(w, away) != old && scene_view(w, away).config->count == 0);
    scene_crash(w, third);
    uint64_t before = quorum_truth(w)->agreed_last;
    scene_order(w, leader, QUORUM_PROPOSE, 1);
    scene_run(w, 2 * SCENE_SECOND);
    CLAIM(w, quorum_truth(w)->agreed_last == before); /* it counts for nobody: not for the one it was */
    scene_start(w, third);
    leader = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, leader != SCENE_NOBODY && leader != away);
    scene_order(w, leader, QUORUM_CHANGE, 7); /* the new one, in the place of the old one */
    scene_run(w, 2 * SCENE_SECOND);
    const struct raft_config *c = scene_view(w, leader).config;
    CLAIM(w, c->count == 3 && raft_config_votes(c, quorum_id(w, away)) && raft_config_find(c, old) == RAFT_MEMBERS_MAX);
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_agree(w, 7));
}

/* ---- reads ------------------------------------------------------------------------------------------------------ */

static void stale_read_says_as_of_when(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);
    static const uint8_t key[] = {'p', 'a', '1'};
    const struct raft_bytes name = {key, sizeof key};
    const struct raft_record *there, *then;

    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 60));
    scene_run(w, SCENE_ELECTION);
    uint32_t cut = scene_cut(w, away, false, false);
    CLAIM(w, write_some(w, leader, 60));
    uint64_t revision = kv_of(w, away)->revision;
    CLAIM(w, revision < kv_of(w, leader)->revision);
    /* What it gives is the past, and the revision that comes with it says which. */
    CLAIM(w, raft_kv_get(kv_of(w, away), name, 0, &there) == ERR_OK && raft_kv_get(kv_of(w, leader), name, revision, &then) == ERR_OK);
    CLAIM(w, there->modified == then->modified && there->modified <= revision);
    net_heal(&w->net, cut);
}

static void reads_not_older_than(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    for (int i = 0; i < 10; i++) {
        uint32_t cut = scene_cut(w, away, false, false);
        CLAIM(w, write_some(w, leader, 3));
        uint64_t revision = kv_of(w, leader)->revision;
        scene_run(w, 10 * SCENE_MS);
        CLAIM(w, kv_of(w, away)->revision < revision); /* whoever asks it for that revision waits */
        net_heal(&w->net, cut);
        scene_run(w, SCENE_ELECTION);
        CLAIM(w, scene_leader(w) == leader && kv_of(w, away)->revision >= revision);
    }
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static void log_is_cut_below_the_snapshot(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), slow = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    for (int round = 0; round < 10; round++) {
        CLAIM(w, write_some(w, leader, 30 - TAIL));
        scene_run(w, SCENE_ELECTION);
        uint32_t cut = scene_cut(w, slow, false, false);
        CLAIM(w, write_some(w, leader, TAIL - 1)); /* no more than the tail has */
        uint64_t base = scene_view(w, leader).base, applied = quorum_seat(w, leader)->machine.applied;
        scene_order(w, leader, QUORUM_SNAPSHOT, 0);
        CLAIM(w, scene_view(w, leader).base == base); /* not before it is on disk */
        scene_run(w, 20 * SCENE_MS);
        struct raft_view v = scene_view(w, leader);
        CLAIM(w, v.snapshot == applied && v.base == applied - TAIL && v.last - v.base >= TAIL);
        net_heal(&w->net, cut);
        scene_run(w, SCENE_ELECTION);
        CLAIM(w, scene_agree(w, 7) && quorum_truth(w)->installs == 0);
    }
}

/* At moments that are drawn all over the time that one takes: written, synced, named, its name synced, the log cut. */
static void crash_while_a_snapshot_is_made(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    for (uint32_t i = 0; i < 60; i++) {
        leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 4));
        uint32_t node = i % 3;
        scene_order(w, node, QUORUM_SNAPSHOT, 0);
        world_until(w, w->now_us + i % 20 * 150);
        scene_crash(w, node);
        scene_start(w, node); /* its state is compared: machine_load */
    }
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && quorum_truth(w)->snapshots > 50);
}

static void crash_while_a_snapshot_is_installed(struct world *w)
{
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), away = other(w, leader, 1);
        CLAIM(w, leader != SCENE_NOBODY);
        scene_crash(w, away);
        CLAIM(w, write_some(w, leader, 12));
        scene_order(w, leader, QUORUM_SNAPSHOT, 0);
        scene_run(w, 20 * SCENE_MS);
        scene_start(w, away);
        world_until(w, w->now_us + 50 * SCENE_MS + i * 400);
        scene_crash(w, away);
        scene_start(w, away);
        scene_run(w, SCENE_SECOND);
        CLAIM(w, scene_agree(w, 7));
    }
    CLAIM(w, quorum_truth(w)->installs > 10);
}

static void snapshot_keeps_everything(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);
    struct clients *c = bring_clients(w);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_crash(w, away);
    for (int i = 0; i < REPEATS; i++) {
        scene_order(w, leader, QUORUM_CLIENT, 0);
        scene_order(w, leader, QUORUM_LEASE, 0);
        scene_run(w, 10 * SCENE_MS);
    }
    CLAIM(w, c->granted > 0 && kv_of(w, leader)->sessions.map.count == 1);
    scene_order(w, leader, QUORUM_SNAPSHOT, 0);
    scene_run(w, 20 * SCENE_MS);
    scene_start(w, away);
    for (int life = 0; life < 2; life++) {
        scene_run(w, 300 * SCENE_MS);
        CLAIM(w, quorum_truth(w)->installs == 1 && scene_agree(w, 7));
        const struct raft_kv *a = kv_of(w, leader), *b = kv_of(w, away);
        CLAIM(w, a->applied == b->applied && a->revision == b->revision && a->time_ms == b->time_ms);
        CLAIM(w, a->leases.map.count == b->leases.map.count && b->sessions.map.count == 1 && a->sessions.bytes == b->sessions.bytes);
        CLAIM(w, quorum_seat(w, away)->machine.applied_config.count == 3);
        scene_crash(w, away); /* and from its own disk */
        scene_start(w, away);
    }
}

static void writes_go_on_while_a_snapshot_is_written(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 20));
    w->set.sync_us = 20 * SCENE_MS;
    scene_order(w, leader, QUORUM_SNAPSHOT, 0);
    uint64_t before = quorum_truth(w)->agreed_last, during = before;
    for (int i = 0; i < 200 && quorum_seat(w, leader)->made.bytes != NULL; i++) {
        scene_order(w, leader, QUORUM_PROPOSE, 1);
        scene_run(w, SCENE_MS);
        during = quorum_truth(w)->agreed_last;
    }
    CLAIM(w, quorum_seat(w, leader)->snapshot_index > 0 && scene_leader(w) == leader);
    CLAIM(w, during >= before); /* how much is chance; that it is not stopped is not */
    scene_run(w, SCENE_SECOND);
    CLAIM(w, quorum_truth(w)->agreed_last > before && scene_view(w, leader).commit == scene_view(w, leader).last);
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */

static void retried_request_is_done_once(struct world *w)
{
    struct clients *c = bring_clients(w);

    for (uint32_t i = 0; i < 2 * REPEATS; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        scene_order(w, leader, QUORUM_CLIENT, 0);
        world_until(w, w->now_us + 300 + i % 10 * 300);
        scene_crash(w, leader); /* it may have been done: the client does not know */
        scene_start(w, leader);
        leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        scene_order(w, leader, QUORUM_CLIENT, 0);
        scene_run(w, 20 * SCENE_MS);
        if (i % 10 == 5) {
            scene_order(w, leader, QUORUM_SNAPSHOT, 0); /* answers are kept in it */
            scene_run(w, 20 * SCENE_MS);
        }
    }
    world_say(w, "%" PRIu64 " done, %" PRIu64 " answered again, %" PRIu64 " unknown", c->done, c->repeats, c->unknown);
    CLAIM(w, c->done > 20 && c->repeats > 0 && c->unknown == 0);
    check_history(w);
}

static void watch_misses_and_repeats_nothing(struct world *w)
{
    struct clients *c = bring_clients(w);

    for (uint32_t i = 0; i < 2 * REPEATS; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 6));
        scene_order(w, i % 3, QUORUM_WATCH, 0); /* wherever; each answer is compared with what happened */
        if (i % 5 == 1) {
            scene_order(w, leader, QUORUM_SNAPSHOT, 0);
        }
        if (i % 4 == 2) {
            scene_crash(w, leader);
            scene_run(w, 5 * SCENE_MS);
            scene_start(w, leader);
        }
    }
    uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
    for (int i = 0; i < 200; i++) {
        scene_order(w, leader, QUORUM_WATCH, 0);
    }
    CLAIM(w, c->events > 200 && c->watcher[0].place == c->events && c->watched > 50);
}

static uint64_t remaining_ms(const struct world *w, uint32_t node)
{
    struct quorum_seat *s = quorum_seat(w, node);
    uint64_t time_ms = machine_time_ms(s, clock_mono_us(&w->node[node].clock, w->now_us));

    for (uint32_t i = 0; i < s->machine.kv.leases.map.room; i++) {
        const struct raft_lease *l = s->machine.kv.leases.map.slot[i];
        if (l != NULL) {
            return raft_lease_deadline_ms(l) > time_ms ? raft_lease_deadline_ms(l) - time_ms : 0;
        }
    }
    return UINT64_MAX;
}

/* A lease of some length, which nobody keeps; how much is left of it. */
static uint64_t grant(struct world *w, uint32_t leader)
{
    struct clients *c = bring_clients(w);

    c->holder[0] = (struct client_holder){0};
    scene_order(w, leader, QUORUM_LEASE, 0);
    scene_run(w, 10 * SCENE_MS);
    return remaining_ms(w, leader);
}

static void lease_survives_a_failover(struct world *w)
{
    uint64_t worst_ms = 0;

    for (uint32_t i = 0; i < REPEATS; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        if (grant(w, leader) < 400 + i * 60) {
            scene_run(w, 4 * SCENE_SECOND); /* too short to look at */
            continue;
        }
        scene_run(w, 100 * SCENE_MS + i * 60 * SCENE_MS);
        uint64_t before_ms = remaining_ms(w, leader);
        scene_crash(w, leader);
        uint32_t next = scene_wait_leader(w, SCENE_SECOND);
        CLAIM(w, next != SCENE_NOBODY && next != leader);
        scene_run(w, SCENE_MS);
        uint64_t after_ms = remaining_ms(w, next);
        CLAIM(w, after_ms != UINT64_MAX && after_ms + 150 >= before_ms); /* nobody led meanwhile: nothing ran */
        worst_ms = after_ms > before_ms + worst_ms ? after_ms - before_ms : worst_ms;
        scene_start(w, leader);
        scene_run(w, 4 * SCENE_SECOND);
        CLAIM(w, remaining_ms(w, scene_leader(w)) == UINT64_MAX); /* it ends under the next one */
    }
    world_say(w, "a lease got %" PRIu64 " ms back", worst_ms);
    CLAIM(w, worst_ms <= HEARTBEAT_MS + WAY_MS); /* what went by since he last told anybody */
}

/* Then nobody remembers what was heard: the log alone says how late it was. */
static void lease_survives_the_loss_of_all(struct world *w)
{
    uint64_t worst_ms = 0;

    for (uint32_t i = 0; i < REPEATS / 2; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        if (grant(w, leader) < 1500) {
            scene_run(w, 4 * SCENE_SECOND);
            continue;
        }
        scene_run(w, 800 * SCENE_MS + i * 40 * SCENE_MS);
        uint64_t before_ms = remaining_ms(w, leader);
        for (uint32_t n = 0; n < 3; n++) {
            scene_crash(w, n);
        }
        for (uint32_t n = 0; n < 3; n++) {
            scene_start(w, n);
        }
        uint32_t next = scene_wait_leader(w, SCENE_SECOND);
        CLAIM(w, next != SCENE_NOBODY);
        uint64_t after_ms = remaining_ms(w, next);
        CLAIM(w, after_ms != UINT64_MAX && after_ms + 150 >= before_ms);
        worst_ms = after_ms > before_ms + worst_ms ? after_ms - before_ms : worst_ms;
        scene_run(w, 4 * SCENE_SECOND);
    }
    world_say(w, "a lease got %" PRIu64 " ms back", worst_ms);
    CLAIM(w, worst_ms > 0 && worst_ms <= RAFT_LESSOR_MARK_MS + RAFT_LESSOR_TICK_MS + WAY_MS);
}

/* check_answer looks whether it ends before its time. */
static void paused_leader_ends_no_lease_early(struct world *w)
{
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && grant(w, leader) != UINT64_MAX);
        for (uint32_t n = 0; n < 3; n++) {
            script_pause(w, n, (i % 2 == 0 || n == leader ? 5 : 0) * SCENE_SECOND); /* all, or whoever leads */
        }
        scene_run(w, 5 * SCENE_SECOND + 50 * SCENE_MS);
        if (i % 2 == 0) {
            CLAIM(w, remaining_ms(w, leader) != UINT64_MAX && remaining_ms(w, leader) > 100);
        }
        scene_run(w, 5 * SCENE_SECOND);
    }
    CLAIM(w, quorum_truth(w)->clients.ended >= 9);
}

static void wall_clocks_end_no_lease(struct world *w)
{
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        uint64_t left_ms = leader == SCENE_NOBODY ? 0 : grant(w, leader);
        CLAIM(w, leader != SCENE_NOBODY && left_ms != UINT64_MAX);
        for (uint32_t k = 0; k < 20; k++) {
            clock_jump(&w->node[k % 3].clock, &w->dice, UINT64_C(3600) * SCENE_SECOND);
            scene_run(w, 10 * SCENE_MS);
        }
        uint64_t later_ms = remaining_ms(w, leader);
        CLAIM(w, later_ms <= left_ms && later_ms + 250 >= left_ms);
        scene_run(w, 4 * SCENE_SECOND);
        CLAIM(w, remaining_ms(w, leader) == UINT64_MAX);
    }
}

static void boots_at_different_times(struct world *w)
{
    for (uint32_t i = 0; i < 3; i++) {
        scene_crash(w, i);
        w->node[i].clock.base_us = UINT64_C(1000000000000) * (3 - i) + 7 * i; /* weeks apart */
        scene_start(w, i);
    }
    lease_survives_a_failover(w);
}

/* ---- disks ------------------------------------------------------------------------------------------------------- */

static void rotten_log_is_repaired(struct world *w)
{
    for (uint32_t i = 0; i < REPEATS; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), node = other(w, leader, 1 + i % 2);
        CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 6));
        scene_run(w, SCENE_ELECTION);
        quorum_truth(w)->rotten = 1u << node;
        scene_order(w, node, QUORUM_ROT, 1 + i * 7919);
        scene_crash(w, node);
        scene_start(w, node);
        bool was_damaged = scene_view(w, node).is_damaged;
        if (was_damaged) {
            CLAIM(w, scene_view(w, node).role == RAFT_FOLLOWER);
            /* It has no vote: the two that are there cannot do without the third. */
            scene_crash(w, leader);
            scene_run(w, 50 * SCENE_MS);
            CLAIM(w, scene_view(w, node).role != RAFT_LEADER);
            scene_start(w, leader);
        }
        CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) != SCENE_NOBODY);
        scene_run(w, SCENE_SECOND);
        CLAIM(w, scene_agree(w, 7) && !scene_view(w, node).is_damaged);
    }
    CLAIM(w, quorum_truth(w)->damaged > 3 && quorum_truth(w)->repaired > 3);
}

/* The last batch is durable and was acknowledged: a bit of it that flips makes it no torn one. */
static void last_batch_that_rots_is_damage(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), node = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    quorum_truth(w)->rotten = 1u << node;
    for (uint32_t i = 0; i < REPEATS; i++) {
        CLAIM(w, write_some(w, leader, 1 + (int)i % 3));
        scene_run(w, SCENE_ELECTION);
        CLAIM(w, scene_leader(w) == leader && scene_agree(w, 7));
        const struct store *t = &quorum_seat(w, node)->store;
        struct disk_file *f = &w->node[node].disk.file[store_file(t, store_name(STORE_SEGMENT, t->wal.segment))];
        uint32_t at = t->wal.at - 1 - (i * 5) % 40; /* the end of the last frame, and what is before it */
        f->kept[at] ^= 4;
        f->seen[at] ^= 4;
        scene_crash(w, node);
        scene_start(w, node);
        CLAIM(w, scene_view(w, node).is_damaged);
        scene_run(w, SCENE_SECOND);
        CLAIM(w, !scene_view(w, node).is_damaged && scene_agree(w, 7));
    }
}

/* A bit of its newest snapshot, which is all that it has of the state, flips. */
static void rot_snapshot(struct world *w, uint32_t node, uint32_t bit)
{
    const struct quorum_seat *s = quorum_seat(w, node);
    uint32_t file = store_file(&s->store, store_name(STORE_SNAPSHOT, s->snapshot_index));
    struct disk_file *f = &w->node[node].disk.file[file < DISK_FILES ? file : 0];

    CLAIM(w, file < DISK_FILES && f->kept_size > 0);
    bit %= 8 * (uint32_t)f->kept_size;
    f->kept[bit / 8] ^= (uint8_t)(1u << bit % 8);
    f->seen[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Write and make snapshots until its log begins behind one: else the log alone has all of it. */
static bool fill_until_cut(struct world *w, uint32_t leader, uint32_t node)
{
    bool is_done = true;

    for (int i = 0; i < 80 && is_done && (i < 3 || quorum_seat(w, node)->store.oldest == 1); i++) {
        is_done = write_some(w, leader, 12);
        scene_run(w, SCENE_ELECTION);
        scene_order(w, node, QUORUM_SNAPSHOT, 0);
        scene_run(w, 30 * SCENE_MS);
    }
    return is_done && quorum_seat(w, node)->store.oldest > 1;
}

/* Removed while it was away, and what it had rots: it has no vote to ask for, is told all the same, and is a member like any
 * when it is added again. */
static void damaged_and_removed_is_told(struct world *w)
{
    uint32_t damaged = 0;

    for (uint32_t i = 0; i < REPEATS / 2; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), gone = other(w, leader, 1 + i % 2);
        uint8_t flags[3] = {V, V, V};
        CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 12) && fill_until_cut(w, leader, gone));
        scene_run(w, SCENE_ELECTION);
        quorum_truth(w)->rotten = 1u << gone;
        if (i % 2 == 0) {
            rot_snapshot(w, gone, i * 7919);
        } else {
            scene_order(w, gone, QUORUM_ROT, 1 + i * 7919);
        }
        scene_crash(w, gone);
        flags[gone] = 0;
        CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
        scene_run(w, SCENE_SECOND);
        scene_start(w, gone);
        damaged += scene_view(w, gone).is_damaged;
        scene_run(w, 2 * SCENE_SECOND);
        CLAIM(w, scene_view(w, gone).is_removed && scene_view(w, gone).role == RAFT_FOLLOWER);
        flags[gone] = P;
        CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
        scene_run(w, 3 * SCENE_SECOND);
        CLAIM(w, !scene_view(w, gone).is_removed && !scene_view(w, gone).is_damaged);
        CLAIM(w, raft_config_votes(scene_view(w, gone).config, quorum_id(w, gone)) && scene_agree(w, 7));
    }
    CLAIM(w, damaged > 0); /* rot may also be where nothing is that is needed */
}

/* It has lost what it acknowledged: no vote, and nothing that it says counts for what it had, until a leader has sent all of
 * it again. The other two can do without its vote, one of them alone cannot. */
static void rotten_snapshot_is_sent_again(struct world *w)
{
    for (uint32_t i = 0; i < REPEATS / 2; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), node = other(w, leader, 1 + i % 2), third = other(w, leader, 2 - i % 2);
        CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 12));
        CLAIM(w, fill_until_cut(w, leader, node));
        if (i % 3 == 0) {
            scene_order(w, leader, QUORUM_SNAPSHOT, 0); /* else the log itself brings all of it */
        }
        scene_run(w, 30 * SCENE_MS);
        uint64_t last = scene_view(w, node).stored;
        quorum_truth(w)->rotten = 1u << node;
        rot_snapshot(w, node, i * 7919);
        uint32_t cut = scene_cut(w, third, false, false);
        CLAIM(w, write_some(w, leader, 1)); /* committed by the two alone, on the word of the one that rots */
        last = scene_view(w, node).stored > last ? scene_view(w, node).stored : last;
        scene_crash(w, node);
        scene_crash(w, leader);
        net_heal(&w->net, cut);
        scene_start(w, node);
        if (scene_view(w, node).is_damaged) { /* else the power left an older one, which had been removed, or the log has all */
            CLAIM(w, scene_view(w, node).last < last && quorum_seat(w, node)->store.ballot.repair_to >= last);
            scene_run(w, 2 * SCENE_SECOND);
            CLAIM(w, scene_leader(w) == SCENE_NOBODY); /* the third has not all that is committed */
            if (i % 4 == 1) {
                scene_crash(w, node); /* and a restart changes nothing of that */
                scene_start(w, node);
                CLAIM(w, scene_view(w, node).is_damaged);
            }
        }
        scene_start(w, leader);
        CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) != SCENE_NOBODY && write_some(w, scene_leader(w), 2));
        scene_run(w, 2 * SCENE_SECOND);
        CLAIM(w, scene_agree(w, 7) && !scene_view(w, node).is_damaged);
    }
    CLAIM(w, quorum_truth(w)->rotten_snapshots >= REPEATS / 2 && quorum_truth(w)->repaired >= REPEATS / 5);
}

static void failed_sync_ends_the_process(struct world *w)
{
    w->set.down_us = 20 * SCENE_MS;
    for (uint32_t i = 0; i < 2 * REPEATS; i++) {
        uint32_t leader = scene_wait_leader(w, 5 * SCENE_SECOND), one = i % 3;
        CLAIM(w, leader != SCENE_NOBODY);
        uint32_t epoch = w->node[one].epoch;
        w->set.sync_fails_ppm = DICE_PPM / 10;
        for (int k = 0; k < 50 && w->node[one].epoch == epoch; k++) {
            scene_order(w, scene_leader(w) == SCENE_NOBODY ? leader : scene_leader(w), QUORUM_PROPOSE, 2);
            scene_run(w, SCENE_MS);
        }
        w->set.sync_fails_ppm = 0;
        scene_run(w, 300 * SCENE_MS); /* whoever died reads what its cache has, and goes on with it */
        for (uint32_t n = 0; n < 3; n++) {
            scene_crash(w, n); /* now the power goes, everywhere: what was acknowledged is there (check_became) */
        }
        for (uint32_t n = 0; n < 3; n++) {
            scene_start(w, n);
        }
    }
    CLAIM(w, quorum_truth(w)->agreed_last > 100 && w->count.of[COUNT_SYNCS_FAILED] > 20);
}

static enum err answer;
static uint64_t refusals;

static void note_answer(struct world *w, uint32_t node, enum quorum_order what, enum err e)
{
    (void)w;
    (void)node;
    answer = what == QUORUM_PROPOSE ? e : answer;
    refusals += what == QUORUM_PROPOSE && e == ERR_LIMIT;
}

static void full_disk_is_survived(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), epochs = 0;

    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 10));
    scene_run(w, SCENE_ELECTION);
    for (uint32_t n = 0; n < 3; n++) {
        epochs += w->node[n].epoch;
        for (uint32_t f = 0; f < DISK_FILES; f++) {
            w->node[n].disk.room_bytes += disk_size(&w->node[n].disk, f); /* not a byte more */
        }
    }
    quorum_truth(w)->result = note_answer;
    refusals = 0;
    for (int i = 0; i < 400; i++) {
        scene_order(w, leader, QUORUM_PROPOSE, 3);
        scene_run(w, SCENE_MS);
    }
    CLAIM(w, refusals > 100 && w->count.of[COUNT_DISKS_FULL] > 0); /* an answer, and certainly not done */
    CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).commit == scene_view(w, leader).last);
    scene_order(w, leader, QUORUM_SNAPSHOT, 0); /* not even for that */
    scene_run(w, 100 * SCENE_MS);
    for (uint32_t n = 0; n < 3; n++) {
        w->node[n].disk.room_bytes = 0;
        CLAIM(w, w->node[n].is_up);
        epochs -= w->node[n].epoch;
    }
    CLAIM(w, epochs == 0); /* nobody died of it */
    scene_run(w, SCENE_SECOND);
    scene_order(w, leader, QUORUM_PROPOSE, 1);
    CLAIM(w, answer == ERR_OK && write_some(w, leader, 10));
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7));
}

/* One that may not be there at all may as well lie, as long as the others are and stay together. */
static void liar_loses_nothing_of_the_others(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), liar = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 5));
    quorum_truth(w)->liars = 1u << liar;
    for (uint32_t i = 0; i < LIES; i++) {
        w->node[liar].disk.lies = true;
        CLAIM(w, write_some(w, leader, 8)); /* also with its word */
        scene_crash(w, liar);
        w->node[liar].disk.lies = false; /* or it would never have what it needs to start */
        scene_start(w, liar);
        scene_run(w, 300 * SCENE_MS);
        CLAIM(w, scene_leader(w) == leader && scene_agree(w, 7));
    }
    scene_run(w, 2 * SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7));
    scene_crash(w, leader); /* what was acknowledged is with the third at the least: check_became */
    CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) != SCENE_NOBODY);
}

static void leadership_moves_off_a_slow_disk(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), to = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_run(w, SCENE_ELECTION);
    w->set.sync_us = 200 * SCENE_MS;
    scene_order(w, leader, QUORUM_PROPOSE, 5);
    CLAIM(w, scene_event(w, leader, (struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = quorum_id(w, to)}) == ERR_OK);
    scene_run(w, 4 * SCENE_SECOND);
    w->set.sync_us = SCENE_MS;
    uint32_t next = scene_wait_leader(w, 2 * SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && write_some(w, next, 3));
}

static void crash_at_any_effect(struct world *w)
{
    w->set.down_us = 10 * SCENE_MS;
    w->set.power_ppm = DICE_PPM / 2;
    w->set.crash_step_ppm = DICE_PPM / 300; /* before, between and after effects: what a process does to the world */
    for (int i = 0; i < 300; i++) {
        uint32_t leader = scene_leader(w);
        if (leader != SCENE_NOBODY) {
            scene_order(w, leader, QUORUM_PROPOSE, 2);
            scene_order(w, (uint32_t)i % 3, QUORUM_SNAPSHOT, 0);
        }
        scene_run(w, 10 * SCENE_MS);
    }
    w->set.crash_step_ppm = 0;
    uint32_t leader = scene_wait_leader(w, 5 * SCENE_SECOND);
    CLAIM(w, leader != SCENE_NOBODY && write_some(w, leader, 3));
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && w->count.of[COUNT_CRASHES_INSIDE] > 10);
}

static const struct scene scenes[] = {
    {"29 a member that lost its disk is another", lost_disk_is_another_member, 3, 0, NULL},
    {"36 a stale read says as of when", stale_read_says_as_of_when, 3, 0, NULL},
    {"37 a read not older than a revision", reads_not_older_than, 3, 0, NULL},
    {"39 the log is cut below the snapshot and keeps a tail", log_is_cut_below_the_snapshot, 3, 0, tune_tail},
    {"41 crashes while a snapshot is made", crash_while_a_snapshot_is_made, 3, 0, tune_small},
    {"41 crashes while a snapshot is installed", crash_while_a_snapshot_is_installed, 3, 0, tune_small},
    {"42 a snapshot keeps sessions, leases, configuration and revision", snapshot_keeps_everything, 3, 0, tune_tail},
    {"43 writes go on while a snapshot is written", writes_go_on_while_a_snapshot_is_written, 3, 0, tune_tail},
    {"44, 46 a request that is sent again is done once", retried_request_is_done_once, 3, 0, tune_tail},
    {"49 a watch misses and repeats nothing", watch_misses_and_repeats_nothing, 3, 0, tune_small},
    {"45, 50 what is left of a lease survives a failover", lease_survives_a_failover, 3, 0, NULL},
    {"50 what is left of a lease survives the loss of all", lease_survives_the_loss_of_all, 3, 0, NULL},
    {"50 a leader that was stopped ends no lease early", paused_leader_ends_no_lease_early, 3, 0, NULL},
    {"10 a removed node whose disk rotted is told, and may come back", damaged_and_removed_is_told, 3, 0, tune_small},
    {"52 a rotten log is repaired, and has no vote before", rotten_log_is_repaired, 3, 0, tune_small},
    {"52 the last batch rots: that is no tear", last_batch_that_rots_is_damage, 3, 0, tune_small},
    {"52 a rotten snapshot is sent again, and there is no vote before", rotten_snapshot_is_sent_again, 3, 0, tune_small},
    {"53 a failed sync ends the process and loses nothing", failed_sync_ends_the_process, 3, 0, tune_small},
    {"54 a full disk is survived", full_disk_is_survived, 3, 0, tune_small},
    {"56 a disk that lies loses nothing of the others'", liar_loses_nothing_of_the_others, 3, 0, NULL},
    {"58 leadership moves off a slow disk when asked", leadership_moves_off_a_slow_disk, 3, 0, NULL},
    {"60 jumps of wall clocks end no lease", wall_clocks_end_no_lease, 3, 0, NULL},
    {"61 nodes that booted weeks apart", boots_at_different_times, 3, 0, NULL},
    {"65 crashes between any two effects", crash_at_any_effect, 3, 0, tune_small},
};

int main(int argc, char **argv)
{
    return scene_main(scenes, ARRAY_LEN(scenes), argc, argv);
}
