/* Coordinates over measured networks and made-up ones, ours and plain Vivaldi's on the same round trips, held to bounds.
 *
 *   test_sim_vivaldi [--seed N] [--only WORD]          the worlds of the suite, with checks; --share N: every Nth, others each day
 *   test_sim_vivaldi --table [--seed N] [--only WORD]  all worlds, longer, printed
 *   … --trace FILE                                     and what serf_swarm replays (the last of the worlds)
 *   test_sim_vivaldi --nodes 10000 [--rounds N] [--liars PER-CENT] [--cluster] [--peers N]   a made-up world of one size, printed */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/vivaldi/swarm.h"

enum { MADE_UP = 200, HOMES = 150, SITE_NODES = 10, SITES = 4, TWO_SITES = 2, LONG_ROUNDS = 2000 };

#define EARLY_ERROR 0.11

static int failures;

/* A world, and what it must reach; 0: not asked for. */
struct row {
    const char *name, *data;         /* planetlab wonder made-up sites two-sites homes seattle */
    uint32_t rounds, dims;
    bool has_no_height, has_noise, is_bad;
    uint32_t liars_per_cent, peers_max, slice_rounds, newcomers_round, longer_round;
    enum swarm_lie lie;
    double p50, p90;                 /* relative errors at the end                        */
    double of_plain;                 /* … p50 over the plain one's                        */
    double of_honest;                /* … p50 over that of the same world when all say the truth */
    double early_rounds;             /* until p50 is EARLY_ERROR                          */
    double first, stretch, within;   /* one of ten by coordinates alone                   */
    double all_first, all_stretch;   /* … by all that is known                            */
    double stable_ms;                /* that the stable one moves in the last tenth, a round */
    bool is_by_hand;                 /* too long for the suite */
    enum swarm_way way;
    double sure_first, sure_stretch; /* … with the first three measured                   */
};

static const struct row rows[] = {
    {.name = "planetlab", .data = "planetlab", .rounds = 100, .dims = 7, .p50 = .066, .p90 = .27, .of_plain = .75,
     .early_rounds = 23, .first = .68, .stretch = 2.4, .within = .82, .stable_ms = 1.5},
    {.name = "wonder", .data = "wonder", .rounds = 250, .dims = 7, .p50 = .060, .p90 = .24, .of_plain = .85, .early_rounds = 25,
     .first = .70, .stretch = 1.25, .within = .84, .all_first = .92, .all_stretch = 1.06, .stable_ms = .35},
    {.name = "wonder, noise and spikes", .data = "wonder", .rounds = 250, .dims = 7, .has_noise = true, .is_bad = true, .p50 = .068,
     .p90 = .26, .of_plain = .5, .early_rounds = 28, .first = .68, .stretch = 1.2, .all_first = .75, .all_stretch = 1.08, .stable_ms = .4},
    {.name = "wonder, 3-d and height", .data = "wonder", .rounds = 250, .dims = 3, .p50 = .083, .p90 = .30, .of_plain = 1,
     .first = .6, .stretch = 1.3},
    {.name = "wonder, 3-d alone", .data = "wonder", .rounds = 150, .dims = 3, .has_no_height = true, .p50 = .12, .p90 = .40},
    {.name = "wonder, 10 % liars", .data = "wonder", .rounds = 250, .dims = 7, .is_bad = true, .liars_per_cent = 10, .p50 = .064,
     .p90 = .25, .of_plain = .1, .first = .68, .stretch = 1.2},
    {.name = "made up, 20 % liars", .data = "made-up", .rounds = 150, .dims = 7, .liars_per_cent = 20, .p50 = .1, .p90 = .32,
     .of_plain = .1},
    {.name = "made up", .data = "made-up", .rounds = 150, .dims = 7, .p50 = .090, .p90 = .27, .of_plain = .9, .early_rounds = 45,
     .first = .8, .stretch = 1.5, .stable_ms = .5},
    {.name = "made up, room for 24 peers", .data = "made-up", .rounds = 150, .dims = 7, .peers_max = 24, .p50 = .105, .p90 = .35},
    {.name = "sites", .data = "sites", .rounds = 400, .dims = 7, .p50 = .008, .p90 = .1, .first = .8, .stretch = 1.07,
     .within = .91},
    {.name = "sites, a cluster", .data = "sites", .rounds = 1500, .dims = 7, .way = SWARM_CLUSTER, .p50 = .008, .p90 = .15,
     .first = .74, .stretch = 1.08, .within = .89},
    {.name = "two sites, for long", .data = "two-sites", .rounds = 5000, .dims = 7, .p50 = .0028},
    {.name = "wonder, all ways get longer", .data = "wonder", .rounds = 350, .dims = 7, .longer_round = 300, .p50 = .2},
    {.name = "homes", .data = "homes", .rounds = 250, .dims = 7, .p50 = .028, .p90 = .085},
    {.name = "wonder, colluders move away", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_FROG,
     .of_honest = 1.5},
    {.name = "wonder, liars pull", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_PULL,
     .of_honest = 1.2},
    {.name = "planetlab, liars pull", .data = "planetlab", .rounds = 300, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_PULL,
     .of_honest = 1.2},
    {.name = "wonder, liars are elsewhere", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_ELSEWHERE,
     .of_honest = 1.5},
    {.name = "wonder, liars are high up", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_HEIGHT,
     .of_honest = 1.2},
    {.name = "planetlab, liars are very high up", .data = "planetlab", .rounds = 150, .dims = 7, .liars_per_cent = 10,
     .lie = SWARM_LIE_HIGHEST, .of_honest = 1.3},
    {.name = "wonder, liars take their time", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_DELAY,
     .of_honest = 1.5},
    {.name = "wonder, newcomers are lied to", .data = "wonder", .rounds = 200, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_NEWCOMERS,
     .newcomers_round = 120, .of_honest = 1.5},
    {.name = "wonder, liars are beside, together", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_JOINT,
     .of_honest = 1.3},
    {.name = "wonder, liars drift, together", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_DRIFT,
     .of_honest = 1.2},
    {.name = "wonder, liars are in the mirror", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_MIRROR,
     .of_honest = 1.3},
    {.name = "wonder, liars crowd around one", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_CROWD,
     .of_honest = 1.3},
    {.name = "wonder, liars pull a third", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_THIRD,
     .of_honest = 1.4},
    {.name = "wonder, liars pull later", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_LATER,
     .of_honest = 1.4},
    {.name = "wonder, liars pull within what all hear", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_WITHIN,
     .of_honest = 1.2},
    {.name = "wonder, liars pull one by one", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_TURNS,
     .of_honest = 1.3},
    {.name = "wonder, liars pull, unheard by all", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_HIDDEN,
     .of_honest = 1.2},
    {.name = "wonder, liars pull, and slander", .data = "wonder", .rounds = 150, .dims = 7, .liars_per_cent = 10, .lie = SWARM_LIE_SLANDER,
     .of_honest = 1.2},
    {.name = "wonder, a cluster, liars pull", .data = "wonder", .rounds = 1000, .dims = 7, .liars_per_cent = 10, .way = SWARM_CLUSTER,
     .lie = SWARM_LIE_PULL, .of_honest = 1.3},
    {.name = "wonder, a fifth lies, pulling", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_PULL, .of_honest = 1.4, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling within what all hear", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_WITHIN, .of_honest = 1.4, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling one by one", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_TURNS, .of_honest = 1.4, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling, unheard by all", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_HIDDEN, .of_honest = 1.4, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling, and slandering", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_SLANDER, .of_honest = 1.4, .is_by_hand = true},
    {.name = "wonder, a fifth lies, beside, together", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_JOINT, .of_honest = 1.6, .is_by_hand = true},
    {.name = "wonder, a fifth lies, drifting, together", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_DRIFT, .of_honest = 1.6, .is_by_hand = true},
    {.name = "wonder, a fifth lies, in the mirror", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_MIRROR, .of_honest = 1.6, .is_by_hand = true},
    {.name = "wonder, a fifth lies, around one", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_CROWD, .of_honest = 1.6, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling a third", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_THIRD, .of_honest = 1.6, .is_by_hand = true},
    {.name = "wonder, a fifth lies, pulling later", .data = "wonder", .rounds = 250, .dims = 7, .liars_per_cent = 20,
     .lie = SWARM_LIE_LATER, .of_honest = 1.6, .is_by_hand = true},
    {.name = "planetlab, 500 rounds", .data = "planetlab", .rounds = 500, .dims = 7, .p50 = .056, .p90 = .185, .of_plain = .8,
     .early_rounds = 22, .first = .8, .stretch = 1.15, .within = .92, .all_first = .95, .all_stretch = 1.03, .stable_ms = .2,
     .is_by_hand = true},
    {.name = "planetlab, 3-d and height", .data = "planetlab", .rounds = 500, .dims = 3, .p50 = .066, .p90 = .23, .is_by_hand = true},
    {.name = "planetlab, 7-d alone", .data = "planetlab", .rounds = 500, .dims = 7, .has_no_height = true, .is_by_hand = true},
    {.name = "planetlab, noise and spikes", .data = "planetlab", .rounds = 500, .dims = 7, .has_noise = true, .p50 = .065, .p90 = .21,
     .early_rounds = 27, .all_first = .83, .all_stretch = 1.06, .is_by_hand = true},
    {.name = "planetlab, 10 % liars", .data = "planetlab", .rounds = 500, .dims = 7, .liars_per_cent = 10, .p50 = .065,
     .is_by_hand = true},
    {.name = "planetlab, 20 % liars", .data = "planetlab", .rounds = 500, .dims = 7, .liars_per_cent = 20, .p50 = .08,
     .is_by_hand = true},
    {.name = "planetlab, noise and 10 % liars", .data = "planetlab", .rounds = 500, .dims = 7, .liars_per_cent = 10, .has_noise = true,
     .p50 = .08, .is_by_hand = true},
    {.name = "planetlab, long", .data = "planetlab", .rounds = LONG_ROUNDS, .dims = 7, .p50 = .056, .p90 = .185, .all_first = .97, .all_stretch = 1.02,
     .stable_ms = .2, .is_by_hand = true},
    {.name = "seattle, 20 rounds a slice", .data = "seattle", .rounds = LONG_ROUNDS, .dims = 7, .slice_rounds = 20, .is_by_hand = true},
    {.name = "wonder, a cluster", .data = "wonder", .rounds = 600, .dims = 7, .way = SWARM_CLUSTER, .p50 = .070, .p90 = .28, .of_plain = .7,
     .first = .63, .stretch = 1.25, .within = .78, .sure_first = .94, .sure_stretch = 1.06},
    {.name = "planetlab, a cluster", .data = "planetlab", .rounds = 3000, .dims = 7, .way = SWARM_CLUSTER, .is_by_hand = true},
    {.name = "planetlab, a cluster, noise", .data = "planetlab", .rounds = 3000, .dims = 7, .way = SWARM_CLUSTER, .has_noise = true,
     .is_by_hand = true},
    {.name = "planetlab, a cluster, only told", .data = "planetlab", .rounds = 3000, .dims = 7, .way = SWARM_TOLD, .is_by_hand = true},
    {.name = "made up, a cluster", .data = "made-up-2", .rounds = 3000, .dims = 7, .way = SWARM_CLUSTER, .is_by_hand = true},
    {.name = "made up, another", .data = "made-up-2", .rounds = 500, .dims = 7, .is_by_hand = true},
};

static const char *folder = ".", *trace;

static void load(const struct row *row, struct places *p)
{
    char path[512];
    bool is_measured = strncmp(row->data, "made-up", 7) != 0;

    (void)snprintf(path, sizeof path, "%s/%s.rttm", folder, row->data);
    if (strcmp(row->data, "sites") == 0) {
        places_make_sites(p, row->data, SITES * SITE_NODES, SITES, 1);
    } else if (strcmp(row->data, "two-sites") == 0) {
        places_make_sites(p, row->data, TWO_SITES * SITE_NODES, TWO_SITES, 1);
    } else if (strcmp(row->data, "homes") == 0) {
        places_make_homes(p, row->data, HOMES, 1);
    } else if (is_measured) {
        bool is_seattle = strcmp(row->data, "seattle") == 0;
        places_load(p, row->data, path, strcmp(row->data, "wonder") == 0 ? 1 : 0, is_seattle ? 100 : 1);
    } else {
        places_make(p, row->data, strcmp(row->data, "made-up") == 0 ? MADE_UP : 2 * MADE_UP, row->data[strlen(row->data) - 1]);
    }
}

static void hold(const struct row *row, const char *what, double value, double bound, bool is_most)
{
    if (bound > 0 && (is_most ? !(value <= bound) : !(value >= bound))) {
        fprintf(stderr, "%s: %s is %.4f, bound %.4f\n", row->name, what, value, bound);
        failures++;
    }
}

static void print_line(const struct swarm *s, const char *name)
{
    struct swarm_errors e = swarm_look(s), plain = s->set.has_plain ? swarm_look_plain(s) : (struct swarm_errors){0};

    printf("%-32s %5u  %.3f %.3f %6.2f", name, s->round, e.p50, e.p90, e.p99);
    if (s->set.has_plain) {
        printf("   plain %.3f %.3f %6.2f", plain.p50, plain.p90, plain.p99);
    }
    printf("   moves %.3f, stable %.3f ms\n", s->live_moved_ms / s->nodes, s->stable_moved_ms / s->nodes);
}

static void print_choices(const struct swarm *s)
{
    static const char *const names[] = {"coordinates", "with round trips", "measuring three", "plain"};

    for (enum swarm_by by = SWARM_BY_COORD; by <= (s->set.has_plain ? SWARM_BY_PLAIN : SWARM_BY_VERIFIED); by++) {
        struct swarm_choice c = swarm_choose(s, by, SWARM_TRIALS);
        printf("    one of ten by %-17s first %.3f, among three %.3f, stretch %.3f, within 1.2: %.3f\n", names[by], c.first, c.third,
               c.stretch, c.within);
    }
}

static bool is_printed(uint32_t round, uint32_t rounds)
{
    static const uint32_t at[] = {10, 20, 25, 50, 100, 200, 500, 1000, 2000, 3000, 6000};

    for (size_t i = 0; i < ARRAY_LEN(at); i++) {
        if (round == at[i]) {
            return true;
        }
    }
    return round == rounds;
}

/* p50 of the same world, round trips and newcomers, in which nobody lies. */
static double honest_p50(const struct swarm *s)
{
    struct swarm_set set = s->set;
    struct swarm twin;

    set.liars_per_cent = 0;
    set.has_plain = false;
    swarm_init(&twin, &set);
    for (uint32_t t = 1; t <= set.rounds; t++) {
        swarm_round(&twin);
    }
    double p50 = swarm_look(&twin).p50;
    swarm_free(&twin);
    return p50;
}

static void judge(const struct row *row, const struct swarm *s, uint32_t early, double stable_ms)
{
    struct swarm_errors e = swarm_look(s);

    hold(row, "p50", e.p50, row->p50, true);
    hold(row, "p90", e.p90, row->p90, true);
    hold(row, "rounds until the early error", early == 0 ? INFINITY : early, row->early_rounds, true);
    hold(row, "what the stable one moves", stable_ms, row->stable_ms, true);
    if (row->of_plain > 0) {
        hold(row, "p50 over the plain one's", e.p50 / swarm_look_plain(s).p50, row->of_plain, true);
    }
    if (row->of_honest > 0) {
        double honest = honest_p50(s);
        printf("%s: p50 %.4f, %.2f times that of an honest world\n", row->name, e.p50, e.p50 / honest);
        hold(row, "p50 over an honest world's", e.p50 / honest, row->of_honest, true);
    }
    if (row->first > 0) {
        struct swarm_choice c = swarm_choose(s, SWARM_BY_COORD, SWARM_TRIALS_MANY);
        hold(row, "the nearest of ten", c.first, row->first, false);
        hold(row, "stretch", c.stretch, row->stretch, true);
        hold(row, "within 1.2", c.within, row->within, false);
    }
    if (row->all_first > 0) {
        struct swarm_choice c = swarm_choose(s, SWARM_BY_ALL, SWARM_TRIALS_MANY);
        hold(row, "the nearest of ten, with round trips", c.first, row->all_first, false);
        hold(row, "stretch, with round trips", c.stretch, row->all_stretch, true);
    }
    if (row->sure_first > 0) {
        struct swarm_choice c = swarm_choose(s, SWARM_BY_VERIFIED, SWARM_TRIALS_MANY);
        hold(row, "the nearest of ten, three measured", c.first, row->sure_first, false);
        hold(row, "stretch, three measured", c.stretch, row->sure_stretch, true);
    }
    if (row->is_bad && s->refused == 0) {
        fprintf(stderr, "%s: nothing bad was tried\n", row->name);
        failures++;
    }
}

static void run(const struct row *row, uint64_t seed, bool is_table)
{
    struct places places;
    struct swarm s;
    uint32_t early = 0, counted = 0;
    double stable_ms = 0;

    load(row, &places);
    struct swarm_set set = {.places = &places, .seed = seed, .rounds = row->rounds, .has_noise = row->has_noise, .is_bad = row->is_bad,
                            .liars_per_cent = row->liars_per_cent, .dims = row->dims, .has_height = !row->has_no_height,
                            .peers_max = row->peers_max == 0 ? 512 : row->peers_max, .slice_rounds = row->slice_rounds, .way = row->way,
                            .has_plain = is_table || row->of_plain > 0, .lie = row->lie, .newcomers_round = row->newcomers_round,
                            .longer_round = row->longer_round};
    set.trace = trace == NULL ? NULL : fopen(trace, "wb");
    swarm_init(&s, &set);
    swarm_trace_begin(&s);
    for (uint32_t t = 1; t <= row->rounds; t++) {
        swarm_round(&s);
        if (early == 0 && t >= 10 && t < 60 && (row->early_rounds > 0 || is_table) && swarm_look(&s).p50 <= EARLY_ERROR) {
            early = t;
        }
        if (t > row->rounds - row->rounds / 10) {
            stable_ms += s.stable_moved_ms / s.nodes;
            counted++;
        }
        if (is_table && is_printed(t, row->rounds)) {
            print_line(&s, row->name);
        }
    }
    stable_ms /= counted;
    if (is_table) {
        printf("    p50 is %.2f after %u rounds; the stable one moves %.3f ms a round\n", EARLY_ERROR, early, stable_ms);
        print_choices(&s);
    }
    if (set.trace != NULL && fclose(set.trace) != 0) {
        fprintf(stderr, "%s: not all of it was written\n", trace);
        failures++;
    }
    s.set.trace = NULL; /* choices are in it once */
    judge(row, &s, early, stable_ms);
    swarm_free(&s);
    places_free(&places);
}

static void run_size(uint32_t nodes, uint32_t rounds, uint64_t seed, uint32_t liars_per_cent, uint32_t peers, enum swarm_way way)
{
    struct places places;
    struct swarm s;
    clock_t spent = 0;

    places_make(&places, "made-up", nodes, seed);
    struct swarm_set set = {.places = &places, .seed = seed, .rounds = rounds, .dims = 7, .has_height = true, .peers_max = peers, .way = way,
                            .liars_per_cent = liars_per_cent, .has_noise = liars_per_cent > 0};
    swarm_init(&s, &set);
    for (uint32_t t = 1; t <= rounds; t++) {
        clock_t began = clock();
        swarm_round(&s);
        spent += clock() - began;
        if (is_printed(t, rounds)) {
            print_line(&s, "made up");
        }
    }
    printf("    %.2f us an update with all that is around it; %zu bytes a node\n", 1e6 * (double)spent / CLOCKS_PER_SEC / s.updates,
           sizeof *s.node + vivaldi_core_size(set.peers_max));
    print_choices(&s);
    swarm_free(&s);
    places_free(&places);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, share = 1, world = 0;
    uint32_t nodes = 0, rounds = 200, liars = 0, peers = 128;
    enum swarm_way way = SWARM_ANY;
    const char *only = "";
    bool is_table = false;

    for (int i = 1; i < argc; i++) {
        bool has_value = i + 1 < argc;
        if (strcmp(argv[i], "--table") == 0) {
            is_table = true;
        } else if (has_value && strcmp(argv[i], "--seed") == 0) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (has_value && strcmp(argv[i], "--share") == 0) {
            share = strtoull(argv[++i], NULL, 10);
        } else if (has_value && strcmp(argv[i], "--only") == 0) {
            only = argv[++i];
        } else if (has_value && strcmp(argv[i], "--data") == 0) {
            folder = argv[++i];
        } else if (has_value && strcmp(argv[i], "--nodes") == 0) {
            nodes = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (has_value && strcmp(argv[i], "--rounds") == 0) {
            rounds = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (has_value && strcmp(argv[i], "--trace") == 0) {
            trace = argv[++i];
            is_table = true;
        } else if (strcmp(argv[i], "--cluster") == 0) {
            way = SWARM_CLUSTER;
        } else if (has_value && strcmp(argv[i], "--peers") == 0) {
            peers = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (has_value && strcmp(argv[i], "--liars") == 0) {
            liars = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "test_sim_vivaldi: what is %s?\n", argv[i]);
            return 2;
        }
    }
    if (share == 0) {
        fprintf(stderr, "test_sim_vivaldi: --share is a number from 1 on\n");
        return 2;
    }
    const uint64_t today = (uint64_t)time(NULL) / 86400;
    printf("seed %lu, every world of %lu\n", (unsigned long)seed, (unsigned long)share);
    if (nodes > 0) {
        run_size(nodes, rounds, seed, liars, peers, way);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows) && nodes == 0; i++) {
        bool is_asked = strstr(rows[i].name, only) != NULL && (is_table || !rows[i].is_by_hand);
        if (is_asked && world++ % share == today % share) {
            run(&rows[i], seed, is_table);
        }
    }
    return failures == 0 ? 0 : 1;
}
