/* The catalogue of situations in which consensus has gone wrong elsewhere, one scene each, named by its number
 * there and by its claim: membership 23 to 30, handing over 31,
 * reads 32 to 35, snapshots 38 to 40. Each is played with several seeds. */
#include "tests/sim/raft/scene.h"

enum { V = RAFT_VOTER, L = RAFT_LEARNER, P = RAFT_LEARNER | RAFT_PROMOTE, R = RAFT_VOTER | RAFT_RETIRE };

static uint32_t other(const struct world *w, uint32_t leader, uint32_t k)
{
    return (leader + k) % w->set.nodes;
}

/* ---- membership ----------------------------------------------------------------------------------------- */

static void grows_and_shrinks(struct world *w)
{
    static const uint8_t step[][7] = {
        {V, P, P}, {V, V, V, P}, {V, V, V, V, P}, {V, V, V, V, V, P, P}, {V, V, V, V, V, V, V},
        {0, 0, V, V, V, V, V}, {0, 0, 0, V, V, V, V}, {0, 0, 0, 0, V, V, V}, {0, 0, 0, 0, 0, V, V}, {0, 0, 0, 0, 0, 0, V},
    };
    static const uint32_t voters[] = {3, 4, 5, 7, 7, 5, 4, 3, 2, 1};

    for (size_t i = 0; i < ARRAY_LEN(step); i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        CLAIM(w, scene_change(w, leader, step[i], 7) == ERR_OK);
        scene_run(w, SCENE_SECOND);
        leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
        const struct raft_config *c = scene_view(w, leader).config;
        CLAIM(w, c->count == voters[i] && !raft_config_is_joint(c));
        for (uint32_t k = 0; k < c->count; k++) {
            CLAIM(w, c->member[k].flags == V);
        }
    }
}

static void dead_node_is_replaced_in_one_call(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), dead = other(w, leader, 1) % 3;

    dead = dead == leader ? (leader + 1) % 3 : dead;
    CLAIM(w, leader != SCENE_NOBODY);
    scene_crash(w, dead);
    uint8_t flags[4] = {V, V, V, P};
    flags[dead] = R;
    CLAIM(w, scene_write(w, leader));
    CLAIM(w, scene_change(w, leader, flags, 4) == ERR_OK);
    scene_run(w, 2 * SCENE_SECOND);
    const struct raft_config *c = scene_view(w, leader).config;
    CLAIM(w, c->count == 3 && raft_config_votes(c, quorum_id(w, 3)) && !raft_config_votes(c, quorum_id(w, dead)));
    CLAIM(w, scene_write(w, leader));
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_agree(w, 15u & ~(1u << dead)));
}

/* Somebody was to be added and never came; a node that loses its disk then is replaced all the same. */
static void nobody_waits_for_who_does_not_come(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), dead;
    uint8_t flags[5] = {V, V, V, P, 0};

    CLAIM(w, leader < 3);
    scene_crash(w, 3);
    CLAIM(w, scene_change(w, leader, flags, 5) == ERR_OK);
    scene_run(w, SCENE_SECOND);
    leader = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, leader < 3);
    dead = (leader + 1) % 3;
    scene_crash(w, dead);
    scene_crash(w, 4);
    flags[dead] = R;
    flags[4] = P;
    struct raft_config wanted = scene_config(flags, 5);
    for (uint32_t i = 0; i < wanted.count; i++) { /* who comes has the contact of who goes */
        bool is_either = wanted.member[i].id == quorum_id(w, 4) || wanted.member[i].id == quorum_id(w, dead);
        (void)snprintf(wanted.member[i].contact, sizeof wanted.member[i].contact, "raft.%u", is_either ? 9 : i);
    }
    CLAIM(w, scene_event(w, leader, (struct raft_event){.kind = RAFT_EV_CHANGE, .config = &wanted}) == ERR_OK);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, raft_config_votes(scene_view(w, leader).config, quorum_id(w, dead))); /* until its successor is there */
    scene_start(w, 4);
    scene_run(w, 2 * SCENE_SECOND);
    const struct raft_config *c = scene_view(w, leader).config;
    CLAIM(w, c->count == 4 && raft_config_votes(c, quorum_id(w, 4)) && !raft_config_votes(c, quorum_id(w, dead)));
    CLAIM(w, !raft_config_votes(c, quorum_id(w, 3)) && scene_write(w, leader));
    scene_start(w, 3);
    scene_run(w, 2 * SCENE_SECOND);
    CLAIM(w, raft_config_votes(scene_view(w, leader).config, quorum_id(w, 3)) && scene_write(w, leader));
}

static void leader_removes_itself(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    uint8_t flags[3] = {V, V, V};

    CLAIM(w, leader != SCENE_NOBODY);
    flags[leader] = 0;
    CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK);
    CLAIM(w, scene_view(w, leader).role == RAFT_LEADER);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_view(w, leader).role != RAFT_LEADER);
    uint32_t next = scene_wait_leader(w, 2 * SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != leader && scene_write(w, next));
    CLAIM(w, scene_view(w, next).config->count == 2);
    scene_run(w, 3 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == next);
}

static void change_is_taken_back(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    uint8_t flags[3] = {V, V, V};

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, leader, false, false);
    flags[other(w, leader, 1)] = 0;
    CLAIM(w, scene_change(w, leader, flags, 3) == ERR_OK); /* nobody hears of it */
    CLAIM(w, raft_config_is_joint(scene_view(w, leader).config));
    scene_run(w, SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && next != leader && scene_write(w, next));
    net_heal(&w->net, cut);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && scene_view(w, leader).config->count == 3);
    CLAIM(w, !raft_config_is_joint(scene_view(w, leader).config));
}

/* The leader's side has all but one of the new voters and none but itself of the old: in one step each side would have
 * a majority of its own (thesis, 4.3). */
static void change_needs_both_majorities(struct world *w)
{
    uint8_t grown[5] = {V, V, V, L, L}, swapped[5] = {0, 0, 0, V, V};
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader < 3 && scene_change(w, leader, grown, 5) == ERR_OK);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_leader(w) == leader && scene_agree(w, 31));
    uint32_t cut = scene_cut_set(w, 1u << leader | 1u << 3 | 1u << 4);
    swapped[leader] = V;
    CLAIM(w, scene_change(w, leader, swapped, 5) == ERR_OK);
    uint64_t before = quorum_truth(w)->agreed_last;
    scene_order(w, leader, QUORUM_PROPOSE, 1);
    scene_run(w, SCENE_ELECTION / 4);
    CLAIM(w, quorum_truth(w)->agreed_last == before);
    scene_run(w, SCENE_SECOND);
    uint32_t next = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, next < 3 && next != leader && scene_write(w, next));
    net_heal(&w->net, cut);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 31) && scene_view(w, leader).config->count == 5);
}

static void learner_counts_for_nothing(struct world *w)
{
    static const uint8_t flags[4] = {V, V, L, L}, hasty[4] = {V, V, V, L};

    CLAIM(w, scene_wait_leader(w, SCENE_SECOND) != SCENE_NOBODY);
    scene_crash(w, 2);
    scene_crash(w, 3);
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, scene_change(w, leader, flags, 4) == ERR_OK);
    CLAIM(w, scene_write(w, leader));
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_change(w, leader, hasty, 4) == ERR_PRECONDITION); /* it has not caught up */
    scene_start(w, 2);
    scene_start(w, 3);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 15));
    scene_crash(w, 1 - leader);
    uint64_t before = quorum_truth(w)->agreed_last;
    scene_order(w, leader, QUORUM_PROPOSE, 1);
    scene_run(w, 100 * SCENE_MS);
    CLAIM(w, quorum_truth(w)->agreed_last == before); /* two learners are no voter */
    scene_run(w, 3 * SCENE_SECOND);
    CLAIM(w, scene_leader(w) == SCENE_NOBODY);
    scene_start(w, 1 - leader);
    leader = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, leader < 2);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_change(w, leader, hasty, 4) == ERR_OK);
}

static void crash_at_every_point_of_a_change(struct world *w)
{
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t leader = scene_wait_leader(w, 5 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY);
        uint8_t flags[5] = {V, V, V, V, V};
        const struct raft_config *c = scene_view(w, leader).config;
        uint32_t out = (i + 1) % 5 == leader ? (i + 2) % 5 : (i + 1) % 5;
        for (uint32_t k = 0; k < 5; k++) {
            flags[k] = raft_config_votes(c, quorum_id(w, k)) ? V : P;
        }
        flags[out] = flags[out] == V ? 0 : flags[out];
        enum err e = scene_change(w, leader, flags, 5);
        CLAIM(w, e == ERR_OK || e == ERR_PRECONDITION); /* the last one may be under way still */
        world_until(w, w->now_us + (i * 13 % 40) * 100);
        scene_crash(w, i % 3 == 0 ? out : leader);
        scene_run(w, 30 * SCENE_MS);
        scene_start(w, leader);
        scene_start(w, out);
    }
    scene_run(w, 2 * SCENE_SECOND);
    uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
}

static void change_waits_for_the_one_before(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);
    static const uint8_t one[4] = {V, V, V, L}, two[4] = {V, V, V, 0}, none[4] = {L, L, L, L};

    CLAIM(w, leader != SCENE_NOBODY);
    CLAIM(w, scene_change(w, leader, none, 4) == ERR_INVALID);
    CLAIM(w, scene_change(w, leader, one, 4) == ERR_OK);
    CLAIM(w, scene_change(w, leader, two, 4) == ERR_PRECONDITION);
    CLAIM(w, scene_change(w, other(w, leader, 1), two, 4) == ERR_NOT_LEADER);
    scene_run(w, 100 * SCENE_MS);
    CLAIM(w, scene_change(w, leader, two, 4) == ERR_OK);
}

/* ---- handing over ---------------------------------------------------------------------------------------- */

static enum err hand_over(struct world *w, uint32_t leader, uint64_t to)
{
    return scene_event(w, leader, (struct raft_event){.kind = RAFT_EV_TRANSFER, .peer = to});
}

static void leadership_is_handed_over(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), to = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, hand_over(w, leader, quorum_id(w, leader)) == ERR_INVALID);
    CLAIM(w, hand_over(w, leader, 4711) == ERR_INVALID);
    CLAIM(w, hand_over(w, to, quorum_id(w, to)) == ERR_NOT_LEADER);
    uint64_t begun_us = w->now_us;
    CLAIM(w, hand_over(w, leader, quorum_id(w, to)) == ERR_OK);
    CLAIM(w, hand_over(w, leader, quorum_id(w, to)) == ERR_UNAVAILABLE);
    scene_run(w, 10 * SCENE_MS);
    CLAIM(w, scene_wait_leader(w, 20 * SCENE_MS) == to); /* no client waits longer than that */
    CLAIM(w, w->now_us - begun_us <= 30 * SCENE_MS && scene_write(w, to));
}

static void who_lags_catches_up_first(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), to = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, to, false, false);
    for (int i = 0; i < 20; i++) {
        CLAIM(w, scene_write(w, leader));
    }
    net_heal(&w->net, cut);
    CLAIM(w, hand_over(w, leader, quorum_id(w, to)) == ERR_OK);
    scene_run(w, SCENE_ELECTION);
    CLAIM(w, scene_wait_leader(w, SCENE_ELECTION) == to);
}

static void handing_over_to_the_dead_ends(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), to = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    quorum_truth(w)->has_no_hints = true;
    scene_crash(w, to);
    scene_order(w, leader, QUORUM_PROPOSE, 1);
    CLAIM(w, hand_over(w, leader, quorum_id(w, to)) == ERR_OK);
    CLAIM(w, scene_view(w, leader).is_transferring);
    scene_run(w, SCENE_ELECTION + SCENE_ELECTION / 4);
    CLAIM(w, !scene_view(w, leader).is_transferring && scene_view(w, leader).role == RAFT_LEADER);
    CLAIM(w, scene_write(w, leader));
}

static void learner_takes_nothing_over(struct world *w)
{
    static const uint8_t flags[4] = {V, V, V, L};
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader < 3 && scene_change(w, leader, flags, 4) == ERR_OK);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_leader(w) == leader && scene_agree(w, 15));
    CLAIM(w, hand_over(w, leader, quorum_id(w, 3)) == ERR_INVALID && !scene_view(w, leader).is_transferring);
    CLAIM(w, hand_over(w, leader, 0) == ERR_OK); /* to whom it suits: a voter */
    scene_run(w, SCENE_ELECTION);
    uint32_t next = scene_wait_leader(w, SCENE_SECOND);
    CLAIM(w, next < 3 && next != leader && scene_write(w, next));
}

/* ---- reads ------------------------------------------------------------------------------------------------ */

static void reads_follow_writes(struct world *w)
{
    CLAIM(w, scene_wait_leader(w, SCENE_SECOND) != SCENE_NOBODY);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
        for (uint32_t n = 0; n < 3; n++) {
            scene_order(w, n, QUORUM_READ, 0); /* check_read: sees all that was committed */
        }
        if (i % 20 == 19) {
            script_pause(w, leader, SCENE_SECOND);
            scene_run(w, 700 * SCENE_MS); /* another leads; then the first goes on and is asked */
            uint32_t next = scene_leader(w);
            if (next != leader && next != SCENE_NOBODY) {
                (void)scene_write(w, next);
            }
            world_order(w, 0, leader, 0, QUORUM_READ);
            scene_run(w, SCENE_SECOND);
        }
    }
    scene_run(w, SCENE_SECOND);
    CLAIM(w, quorum_truth(w)->read_ready > 150);
}

static void cut_off_leader_answers_no_read(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY);
    uint32_t cut = scene_cut(w, leader, false, false);
    uint64_t ready = quorum_truth(w)->read_ready;
    for (int i = 0; i < 20; i++) {
        scene_order(w, leader, QUORUM_READ, 0);
        scene_run(w, 50 * SCENE_MS);
        uint32_t next = scene_leader(w);
        if (next != leader && next != SCENE_NOBODY) {
            CLAIM(w, scene_write(w, next));
        }
    }
    CLAIM(w, quorum_truth(w)->read_ready == ready);
    net_heal(&w->net, cut);
}

static bool hold_all_appends(struct world *w, uint32_t node, const struct raft_message *m)
{
    (void)w;
    (void)node;
    return m->kind == RAFT_MESSAGE_APPEND;
}

static void new_leader_reads_after_its_first_commit(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND);

    CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
    quorum_truth(w)->holds = hold_all_appends;
    scene_crash(w, leader);
    while (scene_leader(w) == SCENE_NOBODY && w->now_us < 5 * SCENE_SECOND) {
        scene_run(w, SCENE_MS);
    }
    uint32_t next = scene_leader(w);
    CLAIM(w, next != SCENE_NOBODY);
    uint64_t ready = quorum_truth(w)->read_ready;
    scene_order(w, next, QUORUM_READ, 0);
    scene_run(w, 100 * SCENE_MS);
    CLAIM(w, quorum_truth(w)->read_ready == ready && scene_view(w, next).role == RAFT_LEADER);
    quorum_truth(w)->holds = NULL;
    scene_run(w, 200 * SCENE_MS);
    CLAIM(w, quorum_truth(w)->read_ready == ready + 1);
}

static void tune_lease(struct quorum_truth *t)
{
    t->tuning.has_lease = true;
}

static void paused_leader_has_no_lease(struct world *w)
{
    for (int i = 0; i < 10; i++) {
        uint32_t leader = scene_wait_leader(w, 5 * SCENE_SECOND);
        CLAIM(w, leader != SCENE_NOBODY && scene_write(w, leader));
        scene_run(w, SCENE_ELECTION / 2);
        uint64_t ready = quorum_truth(w)->read_ready;
        scene_order(w, leader, QUORUM_READ, 0);
        CLAIM(w, quorum_truth(w)->read_ready == ready + 1); /* at once: no message was needed */
        script_pause(w, leader, SCENE_SECOND);
        uint32_t cut = scene_cut(w, leader, false, false); /* it hears nothing of what happens, when it wakes */
        for (int k = 0; k < 20; k++) {
            scene_run(w, 45 * SCENE_MS);
            uint32_t next = scene_leader(w);
            if (next != leader && next != SCENE_NOBODY) {
                scene_order(w, next, QUORUM_PROPOSE, 1);
            }
        }
        world_order(w, 0, leader, 0, QUORUM_READ); /* waits in front of it: check_read */
        scene_run(w, 120 * SCENE_MS);
        net_heal(&w->net, cut);
        scene_run(w, 500 * SCENE_MS);
    }
}

static bool lose_answer_of_transfer;

static bool hold_transfer(struct world *w, uint32_t node, const struct raft_message *m)
{
    (void)w;
    (void)node;
    return lose_answer_of_transfer && m->kind == RAFT_MESSAGE_TRANSFER;
}

static void lease_ends_when_leadership_is_offered(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, 3 * SCENE_SECOND), to = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_run(w, SCENE_ELECTION);
    lose_answer_of_transfer = true;
    quorum_truth(w)->holds = hold_transfer;
    CLAIM(w, hand_over(w, leader, quorum_id(w, to)) == ERR_OK);
    scene_run(w, SCENE_ELECTION + SCENE_ELECTION / 2); /* it came to nothing: but the offer may be on its way */
    lose_answer_of_transfer = false;
    CLAIM(w, scene_view(w, leader).role == RAFT_LEADER && !scene_view(w, leader).is_transferring);
    uint64_t ready = quorum_truth(w)->read_ready;
    scene_order(w, leader, QUORUM_READ, 0);
    CLAIM(w, quorum_truth(w)->read_ready == ready); /* it asks the others now */
    scene_run(w, 20 * SCENE_MS);
    CLAIM(w, quorum_truth(w)->read_ready == ready + 1);
}

/* ---- snapshots -------------------------------------------------------------------------------------------- */

static void tune_tail(struct quorum_truth *t)
{
    t->tuning.tail = 5;
}

static void follower_comes_up_by_snapshot(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_crash(w, away);
    for (int i = 0; i < 40; i++) {
        CLAIM(w, scene_write(w, leader));
    }
    scene_order(w, leader, QUORUM_SNAPSHOT, 0);
    scene_run(w, 20 * SCENE_MS); /* it is written, and has its name */
    CLAIM(w, scene_view(w, leader).base + 6 >= scene_view(w, leader).last && scene_view(w, leader).base > 30);
    scene_start(w, away);
    for (int i = 0; i < 40; i++) {
        CLAIM(w, scene_write(w, leader)); /* under load, with newer snapshots overtaking */
        if (i % 10 == 5) {
            scene_order(w, leader, QUORUM_SNAPSHOT, 0);
        }
        if (i == 12 || i == 25) {
            scene_crash(w, away);
            scene_start(w, away);
        }
    }
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7) && quorum_truth(w)->installs > 0);
    scene_crash(w, away);
    scene_start(w, away);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7));
}

static void snapshot_survives_a_new_leader(struct world *w)
{
    uint32_t leader = scene_wait_leader(w, SCENE_SECOND), away = other(w, leader, 1);

    CLAIM(w, leader != SCENE_NOBODY);
    scene_crash(w, away);
    for (int i = 0; i < 40; i++) {
        CLAIM(w, scene_write(w, leader));
    }
    scene_order(w, leader, QUORUM_SNAPSHOT, 0);
    scene_order(w, other(w, leader, 2), QUORUM_SNAPSHOT, 0);
    scene_start(w, away);
    scene_run(w, 2 * SCENE_MS);
    scene_crash(w, leader);
    uint32_t next = scene_wait_leader(w, 3 * SCENE_SECOND);
    CLAIM(w, next != SCENE_NOBODY && scene_write(w, next));
    scene_start(w, leader);
    scene_run(w, SCENE_SECOND);
    CLAIM(w, scene_agree(w, 7));
}

static const struct scene scenes[] = {
    {"16, 23 a change waits for the one before", change_waits_for_the_one_before, 4, 3, NULL},
    {"24 a dead node is replaced in one call", dead_node_is_replaced_in_one_call, 4, 3, NULL},
    {"24 nobody waits for who does not come", nobody_waits_for_who_does_not_come, 5, 3, NULL},
    {"25 a leader removes itself", leader_removes_itself, 3, 0, NULL},
    {"26 a change is taken back", change_is_taken_back, 3, 0, NULL},
    {"23 a change needs a majority of both", change_needs_both_majorities, 5, 3, NULL},
    {"27 a learner counts for nothing", learner_counts_for_nothing, 4, 2, NULL},
    {"28 crashes at every point of a change", crash_at_every_point_of_a_change, 5, 0, NULL},
    {"23, 30 one to seven members and back", grows_and_shrinks, 7, 1, NULL},
    {"31 leadership is handed over", leadership_is_handed_over, 3, 0, NULL},
    {"31 who lags catches up first", who_lags_catches_up_first, 3, 0, NULL},
    {"31 handing over to the dead ends", handing_over_to_the_dead_ends, 3, 0, NULL},
    {"31 a learner takes nothing over", learner_takes_nothing_over, 4, 3, NULL},
    {"32, 35 reads follow writes", reads_follow_writes, 3, 0, NULL},
    {"32 a leader that is cut off answers no read", cut_off_leader_answers_no_read, 3, 0, NULL},
    {"33 a new leader reads after its first commit", new_leader_reads_after_its_first_commit, 3, 0, NULL},
    {"34 a paused leader has no lease", paused_leader_has_no_lease, 3, 0, tune_lease},
    {"34 a lease ends when leadership is offered", lease_ends_when_leadership_is_offered, 3, 0, tune_lease},
    {"38, 40 a follower comes up by snapshot", follower_comes_up_by_snapshot, 3, 0, tune_tail},
    {"40 a snapshot survives a new leader", snapshot_survives_a_new_leader, 3, 0, tune_tail},
};

int main(int argc, char **argv)
{
    return scene_main(scenes, ARRAY_LEN(scenes), argc, argv);
}
