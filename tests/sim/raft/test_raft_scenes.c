/* The catalogue of situations in which consensus has gone wrong elsewhere, one scene each, named by its number
 * there and by its claim: elections 1 to 13, replication 14 to 22,
 * disks, clocks and processes 58 to 64. Each is played with several seeds. */
#include <inttypes.h>

#include "tests/sim/raft/scene.h"

enum { V = RAFT_VOTER, L = RAFT_LEARNER, P = RAFT_LEARNER | RAFT_PROMOTE, R = RAFT_VOTER | RAFT_RETIRE };

static uint32_t other(const struct world *w, uint32_t leader, uint32_t k)
{
    return (leader + k) % w->set.nodes;
}

/* ---- elections ------------------------------------------------------------------------------------------ */

static void one_leader_a_term(struct world *w)
{
    for (int i = 0; i < 30; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY); /* check_became looks for a second one */
        scene_crash(w, leader);
        scene_run(w, 20 * SCENE_MS);
        scene_start(w, leader);
    }
}

static void vote_is_durable_before_the_answer(struct world *w)
{
    w->set.sync_us = 60 * SCENE_MS; /* many crashes fall into a sync of a vote */
    for (uint32_t i = 0; i < 40; i++) {
        scene_run(w, 40 * SCENE_MS + i * 7 * SCENE_MS % 120 * SCENE_MS / 8);
        scene_crash(w, i % w->set.nodes);
        scene_run(w, 5 * SCENE_MS);
        scene_start(w, i % w->set.nodes); /* check_said looks for a second vote */
    }
    w->set.sync_us = SCENE_MS;
    CLAIM(w, scene_wait_leader(w, 5 * SCENE_SECOND) != SCENE_NOBODY);
}

static void shorter_log_does_not_win(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), behind = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, behind, false, false);
    CLAIM(w, scene_write(w, leader) && scene_write(w, leader));
    scene_crash(w, leader);
    net_heal(&w->net, cut);
    CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) == other(w, leader, 2));
}

/* Section 3.6.1: the later term of the last entry decides, whatever the length. */
static void longer_log_of_an_older_term_does_not_win(struct world *w)
{
    uint32_t old = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, old != SCENE_NOBODY && scene_write(w, old));
    scene_run(w, SCENE_ELECTION);
    uint32_t cut = scene_cut(w, old, false, false);
    scene_order(w, old, QUORUM_PROPOSE, 50); /* nobody gets them */
    scene_run(w, SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != old && scene_write(w, next));
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_view(w, old).last > scene_view(w, next).last + 20);
    scene_crash(w, next);
    net_heal(&w->net, cut);
    CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) == 3 - old - next);
}

static void split_votes_end(struct world *w)
{
    for (int i = 0; i < 20; i++) {
        for (uint32_t n = 0; n < w->set.nodes; n++) {
            scene_crash(w, n);
        }
        for (uint32_t n = 0; n < w->set.nodes; n++) {
            scene_start(w, n);
        }
        CLAIM(w, scene_wait_leader(w, 2 * SCENE_SECOND) != SCENE_NOBODY);
    }
}

static void returning_node_deposes_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);
    uint64_t term = scene_view(w, leader).term;

    CLAIM(w, leader != SCENE_NOBODY);
    for (int i = 0; i < 10; i++) {
        uint32_t cut = scene_cut(w, away, false, false);
        scene_run(w, SCENE_SECOND);
        net_heal(&w->net, cut);
        scene_run(w, 100 * SCENE_MS + (uint64_t)i * 30 * SCENE_MS);
    }
    CLAIM(w, scene_view(w, leader).role == RAFT_LEADER && scene_view(w, leader).term == term);
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_view(w, away).term == term && scene_view(w, away).leader == quorum_id(w, leader));
}

static void tune_old(struct quorum_truth *t)
{
    t->old = 1;
}

static void versions_without_prevote_mix(struct world *w)
{
    CLAIM(w, scene_wait_leader(w, SCENE_SECOND) != SCENE_NOBODY);
    for (int i = 0; i < 5; i++) {
        uint32_t cut = scene_cut(w, 0, false, false);
        scene_run(w, SCENE_SECOND); /* its term rises */
        net_heal(&w->net, cut);
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        scene_run(w, SCENE_SECOND);
        leader = scene_leader(w);
        CLAIM(w, scene_write(w, leader));
        scene_run(w, SCENE_ELECTION);
        CLAIM(w, scene_agree(w, 7));
    }
}

static void cut_off_leader_steps_down(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, leader, false, false);
    scene_order(w, leader, QUORUM_PROPOSE, 3); /* the fate of these is unknown, and says so by BECAME */
    scene_run(w, SCENE_ELECTION + SCENE_ELECTION / 4);
    CLAIM(w, scene_view(w, leader).role != RAFT_LEADER);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != leader);
    CLAIM(w, scene_write(w, next));
    net_heal(&w->net, cut);
    scene_run(w, 2 * SCENE_ELECTION);
    CLAIM(w, scene_agree(w, 7) && scene_leader(w) == next);
}

static void voters_that_hear_a_leader_refuse(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    if (leader == 0) { /* the one without pre-vote is to be the deaf one */
        CLAIM(w, scene_event(w, 0, (struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = quorum_id(w, 1)}) == ERR_OK);
        scene_run(w, SCENE_ELECTION);
        leader = scene_wait_leader(w, SCENE_SECOND);
    }
    CLAIM(w, leader != SCENE_NOBODY && leader != 0);
    uint64_t term = scene_view(w, leader).term;
    uint32_t cut = scene_cut(w, 0, true, false); /* it hears nobody, and is heard */
    scene_run(w, 2 * SCENE_SECOND);
    CLAIM(w, scene_view(w, 0).term > term); /* it asked for votes */
    CLAIM(w, scene_view(w, leader).role == RAFT_LEADER && scene_view(w, leader).term == term);
    (void)cut;
}

static void leader_that_hears_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    (void)scene_cut(w, leader, true, false);
    scene_run(w, 3 * SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != leader);
    uint64_t term = scene_view(w, next).term;
    scene_run(w, 3 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == next && scene_view(w, next).term == term && scene_write(w, next));
}

static void leader_that_nobody_hears(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    (void)scene_cut(w, leader, true, true);
    scene_run(w, 3 * SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != leader);
    uint64_t term = scene_view(w, next).term;
    scene_run(w, 3 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == next && scene_view(w, next).term == term && scene_write(w, next));
}

static void removed_node_disturbs_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), gone = other(w, leader, 1);
    uint8_t flags[3] = {V, V, V};

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, gone, false, false); /* it never hears that it is removed */
    flags[gone] = 0;
    CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_view(w, leader).config->count == 2 && scene_view(w, leader).commit == scene_view(w, leader).last);
    uint64_t term = scene_view(w, leader).term;
    net_heal(&w->net, cut);
    scene_run(w, 5 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).term == term && scene_write(w, leader));
    CLAIM(w, scene_view(w, gone).is_removed);
}

static uint32_t asked_by, asks;

static void count_asks(struct world *w, uint32_t node, const struct raft_message *m)
{
    (void)w;
    asks += node == asked_by && (m->kind == RAFT_MESSAGE_PREVOTE_ASK || m->kind == RAFT_MESSAGE_VOTE_ASK);
}

/* It comes back on its old disk, on which it is a member: it is told by those who took it out, and asks no more; what it
 * hears of a time before it was added again changes nothing then. */
static void removed_node_is_told_and_may_come_back(struct world *w)
{
    for (uint32_t life = 0; life < 4; life++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), gone = other(w, leader, 1 + life % 2);
        uint8_t flags[3] = {V, V, V};
        CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
        scene_crash(w, gone);
        flags[gone] = 0;
        CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
        scene_run(w, SCENE_SECOND);
        CLAIM(w, scene_view(w, leader).config->count == 2 && scene_view(w, leader).commit == scene_view(w, leader).last);
        if (life == 1) {
            scene_crash(w, leader); /* also those who were not there when it was decided can say so */
            scene_start(w, leader);
            leader = scene_wait_leader(w, SCENE_SECOND);
            CLAIM(w, leader != SCENE_NOBODY);
        }
        scene_start(w, gone);
        scene_run(w, 2 * SCENE_SECOND);
        CLAIM(w, scene_view(w, gone).is_removed && scene_view(w, gone).role == RAFT_FOLLOWER);
        asked_by = gone;
        asks = 0;
        quorum_truth(w)->sent = count_asks;
        scene_run(w, 5 * SCENE_SECOND);
        CLAIM(w, asks == 0 && scene_view(w, gone).is_removed);
        uint64_t index = scene_view(w, leader).config_index;
        flags[gone] = RAFT_LEARNER | RAFT_PROMOTE;
        CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
        scene_run(w, 2 * SCENE_SECOND);
        CLAIM(w, !scene_view(w, gone).is_removed && raft_config_votes(scene_view(w, gone).config, quorum_id(w, gone)));
        const struct raft_message late = {.kind = RAFT_MESSAGE_REMOVED, .from = quorum_id(w, leader), .to = quorum_id(w, gone),
                                          .term = 1, .index = index};
        CLAIM(w, scene_event(w, gone, (struct raft_event){.kind = RAFT_EV_MESSAGE, .message = &late}) == ERR_OK);
        CLAIM(w, !scene_view(w, gone).is_removed);
        scene_crash(w, leader); /* it campaigns and votes like anybody */
        CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) != SCENE_NOBODY);
        scene_start(w, leader);
        scene_run(w, SCENE_SECOND);
    }
}

/* Nobody else gets the configuration in which there is only one. */
static bool hold_the_last_configuration(struct world *w, uint32_t node, const struct raft_message *m)
{
    return m->kind == RAFT_MESSAGE_APPEND && scene_view(w, node).config->count == 1;
}

static void one_outside_its_configuration_leads_to_the_end(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), stays = 1 - leader;
    uint8_t flags[2] = {0, 0};

    CLAIM(w, leader != SCENE_NOBODY);
    scene_run(w, SCENE_ELECTION);
    flags[stays] = V;
    quorum_truth(w)->holds = hold_the_last_configuration;
    CLAIM(w, scene_change(w, leader, flags, 2) == ERR_OK);
    scene_run(w, 100 * SCENE_MS);
    struct raft_view v = scene_view(w, leader);
    CLAIM(w, v.config->count == 1 && v.stored >= v.config_index && v.commit < v.config_index);
    scene_crash(w, leader);
    quorum_truth(w)->holds = NULL;
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_leader(w) == SCENE_NOBODY); /* in the joint one the other needs a vote that it does not get */
    scene_start(w, leader);
    scene_run(w, 3 * SCENE_SECOND);
    CLAIM(w, scene_wait_leader(w, SCENE_SECOND) == stays && scene_view(w, stays).config->count == 1);
    CLAIM(w, scene_write(w, stays));
}

static void old_and_doubled_messages_change_nothing(struct world *w)
{
    w->set.calm_us = 20 * SCENE_SECOND;
    w->set.net.duplicate_ppm = 500000;
    w->net.set.duplicate_ppm = 500000;
    w->net.set.delay_mean_us = 20 * SCENE_MS; /* and overtaking */
    CLAIM(w, scene_wait_leader(w, 10 * SCENE_SECOND) != SCENE_NOBODY);
    for (int i = 0; i < 100; i++) {
        uint32_t leader = scene_leader(w);
        if (leader != SCENE_NOBODY) {
            scene_order(w, leader, QUORUM_PROPOSE, 3);
        }
        scene_run(w, 30 * SCENE_MS);
    }
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && quorum_truth(w)->agreed_last > 200);
}

/* ---- replication ---------------------------------------------------------------------------------------- */

static uint64_t appends; /* messages with or without entries, of anybody */

static void count_appends(struct world *w, uint32_t node, const struct raft_message *m)
{
    (void)w;
    (void)node;
    appends += m->kind == RAFT_MESSAGE_APPEND_ANSWER && !m->is_ok;
}

static void long_divergence_is_repaired_soon(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, leader, false, false);
    for (int i = 0; i < 100; i++) {
        scene_order(w, leader, QUORUM_PROPOSE, 100); /* 10,000 entries that nobody gets */
        scene_run(w, SCENE_MS); /* segments are made */
    }
    CLAIM(w, scene_view(w, leader).last > 10000);
    scene_run(w, SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != leader && next != SCENE_NOBODY);
    for (int i = 0; i < 55; i++) {
        scene_order(w, next, QUORUM_PROPOSE, 200); /* and as many that all others get */
        scene_run(w, 3 * SCENE_MS);
    }
    scene_run(w, 200 * SCENE_MS);
    scene_crash(w, next); /* the one after begins at the end of a long log */
    CLAIM(w, scene_wait_leader(w, SCENE_SECOND) != SCENE_NOBODY);
    appends = 0;
    quorum_truth(w)->sent = count_appends;
    net_heal(&w->net, cut);
    scene_run(w, 4 * SCENE_SECOND); /* a megabyte, and segments for it */
    CLAIM(w, scene_agree(w, 31u & ~(1u << next)));
    world_say(w, "%" PRIu64 " refusals", appends);
    CLAIM(w, appends <= 5); /* each refusal is a round trip */
}

static bool lose_some_appends(struct world *w, uint32_t node, const struct raft_message *m)
{
    (void)node;
    return m->kind == RAFT_MESSAGE_APPEND && m->to == quorum_id(w, 2) && dice_below(&w->dice, DICE_TENANT, 3) == 0;
}

static void lossy_follower_recovers(struct world *w)
{
    quorum_truth(w)->holds = lose_some_appends;
    CLAIM(w, scene_wait_leader(w, 3 * SCENE_SECOND) != SCENE_NOBODY);
    for (int i = 0; i < 200; i++) {
        uint32_t leader = scene_leader(w);
        if (leader != SCENE_NOBODY) {
            scene_order(w, leader, QUORUM_PROPOSE, 2);
        }
        scene_run(w, 2 * SCENE_MS);
    }
    quorum_truth(w)->holds = NULL;
    scene_run(w, 2 * SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && quorum_truth(w)->agreed_last > 300);
}

static void slow_follower_slows_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), slow = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    script_pause(w, slow, 3 * SCENE_SECOND);
    for (int i = 0; i < 100; i++) {
        CLAIM(w, scene_write(w, leader));
        CLAIM(w, w->now_us < 4 * SCENE_SECOND); /* a write takes milliseconds */
    }
    struct raft_peer_view p = {0};
    for (uint32_t i = 0; raft_core_peer(quorum_seat(w, leader)->core, i, &p) && p.id != quorum_id(w, slow); i++) {
    }
    CLAIM(w, p.next - p.match <= RAFT_WINDOW * 8); /* no more than a window is under way to it */
    scene_run(w, 4 * SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7));
}

static void tune_small(struct quorum_truth *t)
{
    t->tuning.uncommitted_bytes = 1000;
}

static void uncommitted_bytes_are_bounded(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    enum err e = ERR_OK;
    uint64_t last;

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, leader, false, false);
    for (int i = 0; i < 100 && e == ERR_OK; i++) {
        last = scene_view(w, leader).last;
        scene_order(w, leader, QUORUM_PROPOSE, 4);
        e = scene_view(w, leader).last == last ? ERR_LIMIT : ERR_OK;
    }
    CLAIM(w, e == ERR_LIMIT && scene_view(w, leader).uncommitted_bytes <= 1000);
    net_heal(&w->net, cut);
    leader = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
}

static void leader_counts_what_it_has_stored(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_crash(w, other(w, leader, 1));
    w->set.sync_us = 100 * SCENE_MS;
    uint64_t before = quorum_truth(w)->agreed_last;
    scene_order(w, leader, QUORUM_PROPOSE, 7);
    scene_run(w, 2 * SCENE_SECOND); /* check_durable looks whether a quorum has it on disk */
    CLAIM(w, quorum_truth(w)->agreed_last == before + 7);
}

static void idle_follower_hears_of_a_commit(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    CLAIM(w, scene_write(w, leader));
    scene_run(w, SCENE_ELECTION / 5 + 10 * SCENE_MS); /* a heartbeat */
    CLAIM(w, scene_agree(w, 7));
}

/* ---- disks, clocks, processes ------------------------------------------------------------------------------ */

static void slow_disk_is_no_reason_for_an_election(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    uint64_t term = scene_view(w, leader).term;

    CLAIM(w, leader != SCENE_NOBODY);
    w->set.sync_us = 200 * SCENE_MS; /* of everybody: as long as an election timeout */
    for (int i = 0; i < 50; i++) {
        scene_order(w, leader, QUORUM_PROPOSE, 2);
        scene_run(w, 100 * SCENE_MS);
    }
    scene_run(w, 5 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).term == term);
    CLAIM(w, scene_view(w, leader).commit == scene_view(w, leader).last);
}

static uint32_t appending; /* nodes that got something to write, a bit each */

static void note_append(struct world *w, uint32_t node, const struct raft_effect *e)
{
    (void)w;
    appending |= (uint32_t)(e->kind == RAFT_FX_APPEND) << node;
}

static void tune_stalls(struct quorum_truth *t)
{
    t->fx = note_append;
}

/* Syncs take one to three seconds, of one member or of all: whoever may rest does nothing meanwhile. */
static void disks_that_stall_depose_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), rested = 0;
    uint64_t term = scene_view(w, leader).term;

    CLAIM(w, leader != SCENE_NOBODY);
    for (uint32_t i = 0; i < 12; i++) {
        uint64_t stall_us = dice_between(&w->dice, DICE_DISK, SCENE_SECOND, 3 * SCENE_SECOND);
        uint32_t set = i < 4 ? UINT32_C(1) << i % 3 : UINT32_MAX;
        w->set.sync_us = i < 4 ? SCENE_MS : stall_us / 4; /* on average */
        scene_order(w, leader, QUORUM_PROPOSE, 2);
        for (uint32_t ms = 0; ms < 10000; ms++) {
            appending = 0;
            scene_run(w, SCENE_MS);
            for (uint32_t n = 0; n < w->set.nodes; n++) {
                if (((appending & set) >> n & 1) != 0 && raft_core_may_rest(quorum_seat(w, n)->core)) {
                    script_pause(w, n, stall_us);
                    rested++;
                }
            }
        }
        CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).term == term);
        CLAIM(w, scene_view(w, leader).commit == scene_view(w, leader).last);
    }
    CLAIM(w, rested > 4);
}

static void whoever_was_stopped_blames_nobody(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    uint64_t term = scene_view(w, leader).term;

    CLAIM(w, leader != SCENE_NOBODY);
    for (int i = 0; i < 10; i++) {
        script_pause(w, other(w, leader, 1), 5 * SCENE_SECOND);
        scene_run(w, 6 * SCENE_SECOND);
        for (uint32_t n = 0; n < 3; n++) {
            script_pause(w, n, 5 * SCENE_SECOND); /* all of them */
        }
        scene_run(w, 6 * SCENE_SECOND);
    }
    CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).term == term);
}

static void wall_clocks_do_not_matter(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    uint64_t term = scene_view(w, leader).term;

    CLAIM(w, leader != SCENE_NOBODY);
    for (uint32_t i = 0; i < 30; i++) {
        clock_jump(&w->node[i % 3].clock, &w->dice, UINT64_C(3600) * SCENE_SECOND);
        CLAIM(w, scene_write(w, leader));
        scene_run(w, 100 * SCENE_MS);
    }
    CLAIM(w, scene_leader(w) == leader && scene_view(w, leader).term == term);
}

static void killed_leader_is_followed_soon(struct world *w)
{
    uint64_t worst_us = 0;

    for (int i = 0; i < 20; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        scene_run(w, SCENE_ELECTION);
        uint64_t begun_us = w->now_us;
        script_crash(w, leader, true);
        uint32_t next = scene_wait_leader(w, SCENE_SECOND);
        CLAIM(w, next != SCENE_NOBODY);
        worst_us = w->now_us - begun_us > worst_us ? w->now_us - begun_us : worst_us;
        scene_start(w, leader);
        scene_run(w, SCENE_ELECTION);
    }
    CLAIM(w, worst_us < 150 * SCENE_MS);
}

static void all_are_killed_at_once(struct world *w)
{
    for (int i = 0; i < 100; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        for (int k = 0; k < 5; k++) {
            scene_order(w, leader, QUORUM_PROPOSE, 3);
            world_until(w, w->now_us + 300);
        }
        for (uint32_t n = 0; n < w->set.nodes; n++) {
            scene_crash(w, n); /* what was committed is found again: check_became */
        }
        for (uint32_t n = 0; n < w->set.nodes; n++) {
            scene_start(w, n);
        }
    }
    CLAIM(w, quorum_truth(w)->agreed_last > 100);
}

/* By hand with --seeds 1000: how many of a thousand starts, and of as many leaders killed, take longer. */
static void leader_within_a_second(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_run(w, SCENE_ELECTION);
    script_crash(w, leader, true);
    CLAIM(w, scene_wait_leader(w, 150 * SCENE_MS) != SCENE_NOBODY);
}

static const struct scene scenes[] = {
    {"a leader within a second, the next within 150 ms", leader_within_a_second, 3, 0, NULL},
    {"1 one leader a term", one_leader_a_term, 5, 0, NULL},
    {"2 a vote is durable before its answer", vote_is_durable_before_the_answer, 3, 0, NULL},
    {"3 a shorter log does not win", shorter_log_does_not_win, 3, 0, NULL},
    {"3 a longer log of an older term does not win", longer_log_of_an_older_term_does_not_win, 3, 0, NULL},
    {"4 split votes end", split_votes_end, 3, 0, NULL},
    {"5 a node that comes back deposes nobody", returning_node_deposes_nobody, 3, 0, NULL},
    {"6 versions without pre-vote mix", versions_without_prevote_mix, 3, 0, tune_old},
    {"7 a leader that is cut off steps down", cut_off_leader_steps_down, 3, 0, NULL},
    {"8 voters that hear a leader refuse", voters_that_hear_a_leader_refuse, 3, 0, tune_old},
    {"9 a leader that hears nobody", leader_that_hears_nobody, 3, 0, NULL},
    {"9 a leader that nobody hears", leader_that_nobody_hears, 3, 0, NULL},
    {"10 a removed node disturbs nobody", removed_node_disturbs_nobody, 3, 0, NULL},
    {"10 a removed node on its old disk is told, and may come back", removed_node_is_told_and_may_come_back, 3, 0, NULL},
    {"12 one outside its configuration leads to the end", one_outside_its_configuration_leads_to_the_end, 2, 0, NULL},
    {"13 old and doubled messages change nothing", old_and_doubled_messages_change_nothing, 3, 0, NULL},
    {"14 a long divergence is repaired in five round trips", long_divergence_is_repaired_soon, 5, 0, NULL},
    {"17 a lossy follower recovers", lossy_follower_recovers, 3, 0, NULL},
    {"18 a slow follower slows nobody", slow_follower_slows_nobody, 3, 0, NULL},
    {"19 uncommitted bytes are bounded", uncommitted_bytes_are_bounded, 3, 0, tune_small},
    {"21 a leader counts what it has stored", leader_counts_what_it_has_stored, 3, 0, NULL},
    {"22 an idle follower hears of a commit", idle_follower_hears_of_a_commit, 3, 0, NULL},
    {"58 a slow disk is no reason for an election", slow_disk_is_no_reason_for_an_election, 3, 0, NULL},
    {"58 disks that stall depose nobody", disks_that_stall_depose_nobody, 3, 0, tune_stalls},
    {"60 wall clocks do not matter", wall_clocks_do_not_matter, 3, 0, NULL},
    {"62 whoever was stopped blames nobody", whoever_was_stopped_blames_nobody, 3, 0, NULL},
    {"64 all are killed at once", all_are_killed_at_once, 3, 0, NULL},
    {"a killed leader is followed within 150 ms", killed_leader_is_followed_soon, 3, 0, NULL},
};

int main(int argc, char **argv)
{
    return scene_main(scenes, ARRAY_LEN(scenes), argc, argv);
}
