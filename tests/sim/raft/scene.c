#include "tests/sim/raft/scene.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DELAY_US = 300,     /* one way, and as much again on average */
    SYNC_US = 400,
    SEEDS = 3,          /* without --seeds */
    BUSY_MOST = 50,     /* ms that a node may not listen */
    SEGMENT = 128 << 10, /* bytes: no scene is about room, but those that say so */
};

static const struct scene *now; /* the one being played */
static enum err last;           /* what a core answered to an event by hand */

void scene_run(struct world *w, uint64_t us)
{
    world_until(w, w->now_us + us);
}

struct raft_view scene_view(const struct world *w, uint32_t node)
{
    const struct quorum_seat *s = quorum_seat(w, node);

    return s == NULL ? (struct raft_view){.role = RAFT_FOLLOWER} : raft_core_view(s->core);
}

uint32_t scene_leader(const struct world *w)
{
    uint32_t leader = SCENE_NOBODY;
    uint64_t term = 0;

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        struct raft_view v = scene_view(w, i);
        if (v.role == RAFT_LEADER && v.term > term) {
            leader = i;
            term = v.term;
        }
    }
    return leader;
}

uint32_t scene_wait_leader(struct world *w, uint64_t us)
{
    uint64_t until_us = w->now_us + us;

    while (w->now_us < until_us && !w->has_failed) {
        uint32_t leader = scene_leader(w);
        if (leader != SCENE_NOBODY) {
            struct raft_view v = scene_view(w, leader);
            uint64_t term = 0;
            if (raft_core_term_of(quorum_seat(w, leader)->core, v.commit, &term) && term == v.term) {
                return leader;
            }
        }
        scene_run(w, SCENE_MS);
    }
    return SCENE_NOBODY;
}

void scene_order(struct world *w, uint32_t node, uint64_t what, uint64_t argument)
{
    world_order(w, 0, node, 0, what | argument << QUORUM_SHIFT);
    world_until(w, w->now_us);
}

static void result(struct world *w, uint32_t node, enum quorum_order what, enum err e)
{
    (void)w;
    (void)node;
    last = what == QUORUM_EVENT ? e : last;
}

enum err scene_event(struct world *w, uint32_t node, struct raft_event e)
{
    struct quorum_truth *t = quorum_truth(w);

    t->event = e;
    if (e.config != NULL) {
        t->event_config = *e.config;
        t->event.config = &t->event_config;
    }
    t->result = result;
    last = ERR_LATER;
    scene_order(w, node, QUORUM_EVENT, 0);
    for (int i = 0; i < BUSY_MOST && last == ERR_LATER && !w->has_failed; i++) {
        scene_run(w, SCENE_MS); /* it waits for its disk */
    }
    t->result = NULL;
    return last;
}

uint32_t scene_cut_set(struct world *w, uint32_t set)
{
    bool side[WORLD_NODES_MAX] = {false};

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        side[i] = (set >> i & 1) != 0;
    }
    return net_cut(&w->net, side, false, UINT64_MAX);
}

/* is_dumb: of one way, what the lonely node says reaches nobody; otherwise nothing reaches it. */
uint32_t scene_cut(struct world *w, uint32_t alone, bool is_one_way, bool is_dumb)
{
    bool side[WORLD_NODES_MAX] = {false};

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        side[i] = (i == alone) != is_dumb;
    }
    return net_cut(&w->net, side, is_one_way, UINT64_MAX);
}

bool scene_write(struct world *w, uint32_t node)
{
    uint64_t before = quorum_truth(w)->agreed_last;

    scene_order(w, node, QUORUM_PROPOSE, 1);
    for (int i = 0; i < SCENE_SECOND / SCENE_MS && !w->has_failed; i++) {
        if (quorum_truth(w)->agreed_last > before) {
            return true;
        }
        scene_run(w, SCENE_MS);
    }
    return false;
}

bool scene_agree(const struct world *w, uint32_t set)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if ((set >> i & 1) != 0 && scene_view(w, i).commit != quorum_truth(w)->agreed_last) {
            return false;
        }
    }
    return true;
}

/* A crash with loss of power: what was not synced may be gone. */
void scene_crash(struct world *w, uint32_t node)
{
    if (!w->has_failed && w->node[node].is_up) {
        script_crash(w, node, false);
    }
}

void scene_start(struct world *w, uint32_t node)
{
    if (!w->has_failed && !w->node[node].is_up) {
        script_start(w, node, false);
        world_until(w, w->now_us);
    }
}

struct raft_config scene_config(const uint8_t flags[], uint32_t nodes)
{
    struct raft_config c = {0};

    for (uint32_t i = 0; i < nodes; i++) {
        if (flags[i] != 0) {
            c.member[c.count++] = (struct raft_member){.id = quorum_founder(i), .flags = flags[i]};
        }
    }
    return c;
}

enum err scene_change(struct world *w, uint32_t node, const uint8_t flags[], uint32_t nodes)
{
    struct raft_config c = scene_config(flags, nodes);

    return scene_event(w, node, (struct raft_event){.kind = RAFT_EV_CHANGE, .config = &c});
}

/* ---- playing --------------------------------------------------------------------------------------------- */

static void draw(struct world *w)
{
    memset(&w->set, 0, sizeof w->set);
    w->is_scripted = true;
    w->set.nodes = now->nodes;
    w->set.net = (struct net_settings){.delay_least_us = DELAY_US, .delay_mean_us = DELAY_US};
    w->set.sync_us = SYNC_US;
    w->set.calm_us = UINT64_MAX;
    w->set.end_us = UINT64_MAX;
    quorum_begin_truth(w);
    struct quorum_truth *t = quorum_truth(w);
    t->founders = now->founders == 0 ? now->nodes : now->founders;
    t->segment_size = SEGMENT;
    t->tuning.election_us = SCENE_ELECTION;
    t->tuning.heartbeat_us = SCENE_ELECTION / 5;
    if (now->tune != NULL) {
        now->tune(t);
    }
}

static void begin(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        script_start(w, i, false);
    }
}

static bool play(const struct scene *s, uint64_t seed, bool is_loud)
{
    static struct world w;
    struct world_tenant tenant = tenant_raft;
    const struct world_tenant *const tenants[] = {&tenant};

    now = s;
    tenant.draw = draw;
    tenant.begin = begin;
    tenant.end = NULL;
    world_begin(&w, tenants, 1, seed, 0, 0, is_loud);
    s->play(&w);
    bool has_held = !w.has_failed;
    if (!has_held) {
        fprintf(stderr, "%s, seed %" PRIu64 " at %.6f s: %s\n", s->name, seed, (double)w.failed_us / 1e6, w.why);
    }
    world_end(&w);
    world_fini(&w);
    return has_held;
}

/* PROGRAM [--seeds N] [--seed N] [--loud] [--only WORD] [--list] */
int scene_main(const struct scene *scene, size_t count, int argc, char **argv)
{
    uint64_t first = 1, seeds = SEEDS;
    const char *only = NULL;
    bool is_loud = false, is_list = false;
    int failed = 0;
    size_t played = 0;

    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--loud") == 0) {
            is_loud = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            is_list = true;
        } else if (strcmp(argv[i], "--only") == 0) {
            only = value;
            i++;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            seeds = strtoull(value, NULL, 10);
            i++;
        } else if (strcmp(argv[i], "--seed") == 0) {
            first = strtoull(value, NULL, 10);
            seeds = 1;
            i++;
        } else {
            fprintf(stderr, "usage: %s [--seeds N] [--seed N] [--loud] [--only WORD] [--list]\n", argv[0]);
            return 64;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strstr(scene[i].name, only) == NULL) {
            continue;
        }
        if (is_list) {
            printf("%s\n", scene[i].name);
            continue;
        }
        uint64_t held = 0;
        for (uint64_t seed = first; seed < first + seeds && failed < 10; seed++) {
            bool holds = play(&scene[i], seed, is_loud);
            held += holds;
            failed += !holds;
        }
        played += held == seeds;
    }
    printf("%zu scenes held with %" PRIu64 " seeds each\n", played, seeds);
    return failed == 0 ? 0 : 1;
}
