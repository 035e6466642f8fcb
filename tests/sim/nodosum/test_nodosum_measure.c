/* What the membership core reaches, measured: one thing a world, faults by hand, the same for our tuning and
 * for SWIM alone. As a test it runs small worlds and holds them to bounds; by hand it prints a table.
 *
 *   test_nodosum_measure [--only SCENE]                           bounded sizes, checks
 *   test_nodosum_measure --nodes 1000 [--runs N] [--seconds N] [--only SCENE]   one size, prints */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nodosum/check.h"
#include "tests/sim/world/script.h"

enum {
    MS = 1000,
    SECOND = 1000000,
    SAMPLES = 1 << 16,
    PER_CENT = DICE_PPM / 100,
    WARM_S = 10,      /* until all know all, and comparisons are rare */
    RTT_US = 400,     /* of a LAN, with a long tail */
    SLOW_PER_CENT = 10,
    SESSION_S = 60,   /* a session is kept: SEALED_IDLE_MS of common/node/sealed.h */
};

/* What happens in a world after it is warm. */
enum scene {
    SCENE_CRASH,
    SCENE_JOIN,
    SCENE_LEAVE,
    SCENE_UPDATE,
    SCENE_OFFER,
    SCENE_IDLE,       /* nothing: what it costs */
    SCENE_PLACES,     /* … and all say where they are */
    SCENE_LOSS,       /* 30 % of packets are lost: who is held dead? */
    SCENE_SLOW,       /* one of ten stops for seconds, again and again (Lifeguard, V: anomalies) */
    SCENE_STOP,       /* one stops for half a second: it must not be held dead */
    SCENE_HEAL,       /* halves for 30 s, then whole again */
    SCENE_STORM,      /* all start at once */
    SCENE_AGAIN,      /* a crash and at once another life that remembers nothing */
    SCENE_SESSIONS,   /* a death: with how many others each speaks within the time a session is kept */
    SCENES,
};

static const char *const scene_names[] = {"crash", "join", "leave", "update", "offer", "idle", "places", "loss", "slow", "stop",
                                          "heal", "storm", "again", "sessions"};

/* The result of the worlds of one row. */
struct result {
    double ms[SAMPLES];       /* of each node that learned it */
    uint32_t count;
    uint64_t missed;          /* nodes that did not */
    uint64_t false_deaths;    /* at any node */
    uint64_t slow_deaths;     /* of the slow ones themselves: longer than what a stop may take */
    uint64_t nodes_wronged;   /* different nodes held dead by somebody though they live */
    double bytes_s, packets_s, busiest_bytes_s;   /* a node sends, on average and at most */
    double seconds;           /* of measured time, all runs */
    uint32_t sessions, sessions_most; /* of the median node, of any; of the last run */
};

static struct {
    enum scene scene;
    uint32_t nodes, victim, warm_s, length_s;
    bool is_plain;
    uint64_t began_us;
    bool has_begun, has_agreed;
    uint64_t agreed_us;
    uint64_t bytes_before[WORLD_NODES_MAX], packets_before;
    bool wronged[WORLD_NODES_MAX];
    struct result *result;
} run;

static uint32_t seconds; /* a world lasts after it is warm; 0: as its scene wants */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The smallest that at least this share is not above. */
static double at_share(struct result *r, double share)
{
    if (r->count == 0) {
        return INFINITY;
    }
    qsort(r->ms, r->count, sizeof *r->ms, compare);
    return r->ms[(uint32_t)ceil(share * r->count) - 1];
}

static uint32_t slow_count(uint32_t nodes)
{
    return (nodes * SLOW_PER_CENT + 99) / 100;
}

/* ---- watching -------------------------------------------------------------------------------------- */

static void event(struct world *w, uint32_t node, uint32_t about, enum nodosum_change change)
{
    static const enum nodosum_change awaited[SCENES] = {
        [SCENE_CRASH] = NODOSUM_FAILED, [SCENE_JOIN] = NODOSUM_JOINED, [SCENE_LEAVE] = NODOSUM_WENT,
        [SCENE_UPDATE] = NODOSUM_UPDATED, [SCENE_OFFER] = NODOSUM_UPDATED, [SCENE_AGAIN] = NODOSUM_UPDATED,
    };
    struct result *r = run.result;
    bool is_timed = run.scene <= SCENE_OFFER || run.scene == SCENE_AGAIN;

    if (!run.has_begun) {
        return;
    }
    if (is_timed && about == run.victim && change == awaited[run.scene] && r->count < SAMPLES) {
        r->ms[r->count++] = (double)(w->now_us - run.began_us) / MS;
    }
    /* Lifeguard counts what is said of members that are well (section V: FP). */
    bool is_slow = run.scene == SCENE_SLOW && about >= w->set.nodes - slow_count(w->set.nodes);
    if (change == NODOSUM_FAILED && is_slow) {
        r->slow_deaths++;
    } else if (change == NODOSUM_FAILED && tenant_core(w, about) != NULL) {
        r->false_deaths++;
        r->nodes_wronged += !run.wronged[about];
        run.wronged[about] = true;
    }
}

static bool all_agree(const struct world *w)
{
    const struct tenant_truth *t = tenant_truth(w);

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if (tenant_core(w, i) == NULL || t->node[i].believed_count + 1 != w->set.nodes) {
            return false;
        }
    }
    return true;
}

static uint64_t bytes_of(const struct world *w, uint32_t node)
{
    const struct nodosum *core = tenant_core(w, node);

    return core == NULL ? 0 : nodosum_core_counters(core)->bytes_out;
}

/* ---- acting ---------------------------------------------------------------------------------------- */

static void split(struct world *w)
{
    bool side[WORLD_NODES_MAX];

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        side[i] = i % 2 == 0;
    }
    (void)net_cut(&w->net, side, false, UINT64_MAX); /* the first one: there is room */
}

static void begin(struct world *w)
{
    run.has_begun = true;
    run.began_us = w->now_us;
    run.packets_before = tenant_sum(w).packets_out;
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        run.bytes_before[i] = bytes_of(w, i);
    }
    switch (run.scene) {
    case SCENE_CRASH:
    case SCENE_SESSIONS:
        script_crash(w, run.victim, true);
        break;
    case SCENE_JOIN:
        script_start(w, run.victim, false);
        break;
    case SCENE_AGAIN:
        script_crash(w, run.victim, true);
        script_start(w, run.victim, true);
        break;
    case SCENE_LEAVE:
    case SCENE_UPDATE:
    case SCENE_OFFER:
        world_order(w, 0, run.victim, 0, run.scene == SCENE_LEAVE ? TENANT_LEAVE
                                         : run.scene == SCENE_OFFER ? TENANT_OFFER : TENANT_UPDATE);
        break;
    case SCENE_LOSS:
        w->set.net.loss_ppm = 30 * PER_CENT;
        break;
    case SCENE_STOP:
        script_pause(w, run.victim, 500 * MS);
        break;
    case SCENE_HEAL:
        split(w);
        break;
    case SCENE_IDLE:
    case SCENE_PLACES:
    case SCENE_SLOW:
    case SCENE_STORM:
    case SCENES:
        break;
    }
}

/* Lifeguard's experiment (section V): members that get no CPU for a while, again and again. */
static void slow_down(struct world *w)
{
    for (uint32_t i = 0; i < slow_count(w->set.nodes); i++) {
        uint32_t node = w->set.nodes - 1 - i;
        if (w->node[node].busy_until_us <= w->now_us) {
            script_pause(w, node, dice_between(&w->dice, DICE_PAUSE, 200 * MS, 3 * SECOND));
        }
    }
}

/* Every 100 ms (check_us). */
static void look(struct world *w)
{
    uint64_t warm_us = (uint64_t)run.warm_s * SECOND;

    if (!run.has_begun && w->now_us >= warm_us) {
        if (run.scene != SCENE_STORM && run.scene != SCENE_JOIN && !all_agree(w)) {
            world_fail(w, "%d s after the start not all agree", run.warm_s);
        }
        begin(w);
    }
    if (!run.has_begun) {
        return;
    }
    if (run.scene == SCENE_SLOW) {
        slow_down(w);
    }
    if (run.scene == SCENE_HEAL && w->net.cut[0].is_on && w->now_us >= run.began_us + UINT64_C(30) * SECOND) {
        net_calm(&w->net);
        run.began_us = w->now_us;
        run.result->false_deaths = run.result->nodes_wronged = 0; /* in a partition they are no mistake */
        memset(run.wronged, 0, sizeof run.wronged);
    }
    bool can_agree = run.scene == SCENE_STORM || (run.scene == SCENE_HEAL && !w->net.cut[0].is_on);
    if (can_agree && !run.has_agreed && all_agree(w)) {
        run.has_agreed = true;
        run.agreed_us = w->now_us - run.began_us;
        w->set.end_us = w->now_us; /* it is over */
    }
}

static void draw(struct world *w)
{
    struct tenant_truth *t;

    memset(&w->set, 0, sizeof w->set);
    w->is_scripted = true;
    w->set.nodes = run.nodes;
    w->set.net = (struct net_settings){.delay_least_us = RTT_US / 4, .delay_mean_us = RTT_US / 4,
                                       .spread_us = RTT_US / 4};
    w->set.check_us = run.scene == SCENE_STORM || run.scene == SCENE_SLOW ? 10 * MS : 100 * MS;
    w->set.calm_us = UINT64_MAX;
    w->set.end_us = (uint64_t)(run.warm_s + run.length_s) * SECOND;
    tenant_begin_truth(w, run.nodes);
    t = tenant_truth(w);
    t->forgets = true;
    t->event = event;
    t->place = run.scene == SCENE_PLACES ? tenant_own_place : NULL;
    if (run.is_plain) {
        t->tuning.is_plain = true;
        t->tuning.suspect_tenths = 50; /* alpha = 5, as Lifeguard's SWIM (section V) */
        t->tuning.suspect_least_ms = 0;
    }
}

static void first_step(struct world *w)
{
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        if (run.scene != SCENE_JOIN || i != run.victim) {
            script_start(w, i, false);
        }
    }
}

static void count_sessions(struct world *w)
{
    double count[WORLD_NODES_MAX];

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        count[i] = tenant_sessions(w, i, (uint64_t)SESSION_S * SECOND);
    }
    qsort(count, w->set.nodes, sizeof *count, compare);
    run.result->sessions = (uint32_t)count[w->set.nodes / 2];
    run.result->sessions_most = (uint32_t)count[w->set.nodes - 1];
}

static void end(struct world *w)
{
    struct result *r = run.result;
    double lasted_s = (double)(w->set.end_us - run.began_us) / SECOND;

    count_sessions(w);

    if (run.scene == SCENE_STORM || run.scene == SCENE_HEAL) {
        if (run.has_agreed) {
            r->ms[r->count++] = (double)run.agreed_us / MS;
        } else {
            r->missed++;
        }
    }
    r->seconds += lasted_s;
    for (uint32_t i = 0; i < w->set.nodes; i++) {
        double bytes_s = (double)(bytes_of(w, i) - run.bytes_before[i]) / lasted_s;
        if (tenant_core(w, i) != NULL && bytes_of(w, i) >= run.bytes_before[i]) {
            r->busiest_bytes_s = bytes_s > r->busiest_bytes_s ? bytes_s : r->busiest_bytes_s;
            r->bytes_s += bytes_s / w->set.nodes;
        }
    }
    r->packets_s += (double)(tenant_sum(w).packets_out - run.packets_before) / lasted_s / w->set.nodes;
}

/* ---- rows -------------------------------------------------------------------------------------------- */

static bool run_row(enum scene scene, uint32_t nodes, uint32_t runs, bool is_plain, struct result *r)
{
    static struct world w;
    static const uint32_t lengths_s[SCENES] = {[SCENE_CRASH] = 20, [SCENE_JOIN] = 3, [SCENE_LEAVE] = 3,
                                               [SCENE_UPDATE] = 3, [SCENE_OFFER] = 3, [SCENE_IDLE] = 60, [SCENE_PLACES] = 20, [SCENE_LOSS] = 60,
                                               [SCENE_SLOW] = 60, [SCENE_STOP] = 10, [SCENE_HEAL] = 90,
                                               [SCENE_STORM] = 120, [SCENE_AGAIN] = 10,
                                               [SCENE_SESSIONS] = 55};
    struct world_tenant tenant = tenant_nodosum;
    const struct world_tenant *const tenants[] = {&tenant};

    tenant.draw = draw;
    tenant.begin = first_step;
    tenant.check = look;
    tenant.end = end;
    memset(r, 0, sizeof *r);
    for (uint32_t i = 0; i < runs; i++) {
        memset(&run, 0, sizeof run);
        run.scene = scene;
        run.nodes = nodes;
        run.is_plain = is_plain;
        run.victim = nodes - 1;
        run.result = r;
        run.warm_s = scene == SCENE_STORM ? 0 : nodes > 200 ? 3 * WARM_S : WARM_S;
        run.warm_s += scene == SCENE_PLACES ? NODOSUM_EAGER_MS / 1000 : 0;
        run.length_s = seconds != 0 ? seconds : lengths_s[scene];
        world_run(&w, tenants, 1, 1 + i, 0, 0, false);
        bool failed = w.has_failed;
        if (failed) {
            fprintf(stderr, "%s, %" PRIu32 " nodes, run %" PRIu32 ": %s\n", scene_names[scene], nodes, i, w.why);
        }
        world_fini(&w);
        if (failed) {
            return false;
        }
    }
    r->bytes_s /= runs;
    r->packets_s /= runs;
    if (scene <= SCENE_OFFER || scene == SCENE_AGAIN) {
        r->missed += (uint64_t)runs * (nodes - 1) - (r->count < (uint64_t)runs * (nodes - 1)
                                                         ? r->count : (uint64_t)runs * (nodes - 1));
    }
    return true;
}

static void print_row(enum scene scene, uint32_t nodes, bool is_plain, struct result *r)
{
    printf("%-6s %5" PRIu32 " %-5s", scene_names[scene], nodes, is_plain ? "swim" : "ours");
    if (r->count > 0) {
        printf(" p50 %8.1f p99 %8.1f max %8.1f ms", at_share(r, 0.5), at_share(r, 0.99), at_share(r, 1));
    }
    printf(" missed %" PRIu64 " false deaths %" PRIu64 " of %" PRIu64 " nodes (and %" PRIu64 " of slow ones); a node sends %.0f B/s, %.1f "
           "packets/s, the busiest %.0f B/s; %" PRIu32 " sessions, at most %" PRIu32 "\n", r->missed, r->false_deaths, r->nodes_wronged, r->slow_deaths, r->bytes_s,
           r->packets_s, r->busiest_bytes_s, r->sessions, r->sessions_most);
    fflush(stdout);
}

static struct result result;
static int failures;

static void hold(bool holds, enum scene scene, uint32_t nodes, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s, %" PRIu32 " nodes: %s\n", scene_names[scene], nodes, what);
        failures++;
    }
}

static void row(enum scene scene, uint32_t nodes, uint32_t runs, bool is_plain)
{
    hold(run_row(scene, nodes, runs, is_plain, &result), scene, nodes, "the world fails");
    print_row(scene, nodes, is_plain, &result);
}

static int by_hand(uint32_t nodes, uint32_t runs, const char *only)
{
    for (int s = 0; s < SCENES; s++) {
        if (only == NULL || strcmp(only, scene_names[s]) == 0) {
            row((enum scene)s, nodes, runs, false);
            if (s == SCENE_CRASH || s == SCENE_LOSS || s == SCENE_SLOW) {
                row((enum scene)s, nodes, runs, true);
            }
        }
    }
    return failures == 0 ? 0 : 1;
}

/* ---- bounds: the goals, and what makes them mean something ------------------------------------------- */

static void bound_time(enum scene scene, uint32_t nodes, double p99_ms)
{
    row(scene, nodes, 1, false);
    hold(result.missed == 0, scene, nodes, "somebody never learned it");
    hold(at_share(&result, 0.99) <= p99_ms, scene, nodes, "it took too long");
    hold(result.nodes_wronged == 0, scene, nodes, "somebody who lives was held dead");
}

/* A tenth of the false deaths of SWIM alone, which must have some or the comparison is none; and no more than
 * so many at all, whatever SWIM has. */
static void bound_mistakes(enum scene scene, uint32_t nodes, uint64_t most)
{
    row(scene, nodes, 1, false);
    uint64_t ours = result.false_deaths;
    hold(ours <= most, scene, nodes, "too many who live were held dead");
    row(scene, nodes, 1, true);
    hold(result.false_deaths > 0, scene, nodes, "SWIM alone makes no mistakes to compare with");
    hold(10 * ours <= result.false_deaths, scene, nodes, "more than a tenth of SWIM's mistakes");
}

static void bound_idle(void)
{
    double few_s, many_s;

    row(SCENE_IDLE, 8, 1, false);
    few_s = result.bytes_s;
    row(SCENE_IDLE, 64, 1, false);
    many_s = result.bytes_s;
    hold(many_s <= 200, SCENE_IDLE, 64, "idle is not quiet");
    hold(many_s <= 1.5 * few_s && result.busiest_bytes_s <= 1.5 * many_s, SCENE_IDLE, 64,
         "the load grows with the cluster, or lies on one");
}

static void bound(enum scene scene)
{
    switch (scene) {
    case SCENE_CRASH:
        bound_time(scene, 3, 1200);
        bound_time(scene, 64, 1200);
        break;
    case SCENE_JOIN:
    case SCENE_LEAVE:
    case SCENE_UPDATE:
    case SCENE_OFFER:
        bound_time(scene, 64, 15); /* the goal is 50: more than the push takes, less than gossip does */
        break;
    case SCENE_AGAIN:
        bound_time(scene, 64, 200);
        break;
    case SCENE_STORM:
        bound_time(scene, 64, 2000);
        break;
    case SCENE_HEAL:
        bound_time(scene, 32, 5000);
        break;
    case SCENE_STOP:
        row(scene, 32, 5, false);
        hold(result.false_deaths == 0, scene, 32, "half a second's stop was death");
        break;
    case SCENE_IDLE:
        bound_idle();
        break;
    case SCENE_PLACES:
        row(scene, 64, 1, false);
        hold(result.bytes_s <= 250, scene, 64, "places cost more than membership");
        break;
    case SCENE_SESSIONS:
        row(scene, 100, 1, false);
        hold(result.sessions < 40 && result.sessions_most < 60, scene, 100, "too many sessions");
        break;
    case SCENE_LOSS:
        bound_mistakes(scene, 32, 2);
        break;
    case SCENE_SLOW:
        bound_mistakes(scene, 64, 0);
        break;
    case SCENES:
        break;
    }
}

static int by_bounds(const char *only)
{
    for (int s = 0; s < SCENES; s++) {
        if (only == NULL || strcmp(only, scene_names[s]) == 0) {
            bound((enum scene)s);
        }
    }
    return failures == 0 ? 0 : 1;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [--nodes N [--runs N] [--seconds N]] [--only SCENE]\n", program);
    return 64;
}

int main(int argc, char **argv)
{
    uint32_t nodes = 0, runs = 1;
    const char *only = NULL;

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            return usage(argv[0]);
        } else if (strcmp(argv[i], "--nodes") == 0) {
            nodes = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--runs") == 0) {
            runs = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            seconds = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0) {
            only = argv[i + 1];
        } else {
            return usage(argv[0]);
        }
    }
    if (nodes > WORLD_NODES_MAX || (nodes == 1) || runs == 0) {
        return usage(argv[0]);
    }
    return nodes == 0 ? by_bounds(only) : by_hand(nodes, runs, only);
}
