#include "tests/sim/world/suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t from, worlds;
    uint32_t off, nodes;
    bool is_loud, shrinks, is_whole;
};

/* Runs one; true when it held. ret_why: WORLD_WHY_SIZE bytes or NULL. */
static bool run_one(const struct suite *s, const struct options *o, uint64_t seed, struct count *count,
                    uint64_t *ret_digest, char *ret_why)
{
    static struct world w;

    world_run(&w, s->tenant, s->tenants, seed, o->off, o->nodes, o->is_loud);
    bool held = !w.has_failed;
    if (count != NULL) {
        count_add(count, &w.count);
        if (s->add != NULL) {
            s->add(&w);
        }
    }
    if (!held && ret_why != NULL) {
        (void)snprintf(ret_why, WORLD_WHY_SIZE + 64, "seed %" PRIu64 " at %.6f s: %s", seed,
                       (double)w.failed_us / 1e6, w.why);
    }
    *ret_digest = w.digest;
    world_fini(&w);
    return held;
}

static void print_replay(const char *program, uint64_t seed, const struct options *o)
{
    const char *before = " --without ";

    fprintf(stderr, "replay: %s --seed %" PRIu64, program, seed);
    for (uint32_t k = 0; k < DICE_KINDS; k++) {
        if ((o->off >> k & 1) != 0) {
            fprintf(stderr, "%s%s", before, dice_name((enum dice_kind)k));
            before = ",";
        }
    }
    if (o->nodes != 0) {
        fprintf(stderr, " --nodes %" PRIu32, o->nodes);
    }
    fprintf(stderr, " --loud\n");
}

/* Each kind of fault in turn, then nodes one by one, as long as it still fails: greedy, for streams of
 * chance are independent. Any failure counts; it need not be the same one. */
static int shrink(const struct suite *s, const char *program, struct options o)
{
    uint64_t digest;
    char why[WORLD_WHY_SIZE + 64];

    o.is_loud = false;
    if (run_one(s, &o, o.from, NULL, &digest, why)) {
        fprintf(stderr, "seed %" PRIu64 " holds\n", o.from);
        return 0;
    }
    for (uint32_t k = DICE_DELAY; k < DICE_KINDS; k++) {
        struct options fewer = o;
        fewer.off |= 1u << k;
        if (fewer.off != o.off && !run_one(s, &fewer, o.from, NULL, &digest, why)) {
            o = fewer;
        }
    }
    for (uint32_t nodes = 1; nodes <= WORLD_NODES_MAX; nodes++) {
        struct options fewer = o;
        fewer.nodes = nodes;
        if ((o.nodes != 0 && nodes >= o.nodes) || !run_one(s, &fewer, o.from, NULL, &digest, why)) {
            o.nodes = nodes;
            break;
        }
    }
    (void)run_one(s, &o, o.from, NULL, &digest, why);
    fprintf(stderr, "%s\n", why);
    print_replay(program, o.from, &o);
    return 1;
}

static bool is_enough(const struct suite *s, const struct count *count)
{
    bool enough = true;

    for (size_t i = 0; i < s->floors; i++) {
        const struct suite_floor *f = &s->floor[i];
        if (count->of[f->kind] < f->least) {
            fprintf(stderr, "only %" PRIu64 " %s in all worlds: at least %" PRIu64 " must be\n",
                    count->of[f->kind], count_name(f->kind), f->least);
            enough = false;
        }
    }
    return enough;
}

static int run(const struct suite *s, const char *program, const struct options *o)
{
    struct count count = {0};
    uint64_t digest = 0, other = 0;
    char why[WORLD_WHY_SIZE + 64];

    for (uint64_t seed = o->from; seed < o->from + o->worlds; seed++) {
        if (!run_one(s, o, seed, &count, &digest, why)) {
            fprintf(stderr, "%s\n", why);
            print_replay(program, seed, o);
            return 1;
        }
    }
    printf("%s: %" PRIu64 " worlds from seed %" PRIu64 ": ", s->name, o->worlds, o->from);
    count_print(&count);
    /* A world that is not the same twice cannot be replayed. */
    (void)run_one(s, o, o->from + o->worlds - 1, NULL, &other, why);
    if (other != digest) {
        fprintf(stderr, "seed %" PRIu64 " is not the same twice\n", o->from + o->worlds - 1);
        return 1;
    }
    bool is_whole = o->is_whole && o->worlds >= s->worlds;
    bool content = !is_whole || is_enough(s, &count);
    if (s->end != NULL && !s->end(is_whole)) {
        content = false;
    }
    return content ? 0 : 1;
}

static bool parse_without(char *list, uint32_t *off)
{
    char *rest = NULL;

    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        uint32_t kind = dice_find(name);
        if (kind < DICE_DELAY || kind == DICE_KINDS) {
            fprintf(stderr, "no fault is called %s\n", name);
            return false;
        }
        *off |= 1u << kind;
    }
    return true;
}

/* How many arguments were taken; 0: not understood. */
static int parse(struct options *o, int argc, char **argv)
{
    bool has_value = argc > 1;

    if (strcmp(argv[0], "--loud") == 0) {
        o->is_loud = true;
        return 1;
    }
    if (strcmp(argv[0], "--shrink") == 0) {
        o->shrinks = true;
        return 1;
    }
    if (!has_value) {
        return 0;
    }
    if (strcmp(argv[0], "--seed") == 0) {
        o->from = strtoull(argv[1], NULL, 10);
        o->worlds = 1;
        o->is_whole = false;
    } else if (strcmp(argv[0], "--from") == 0) {
        o->from = strtoull(argv[1], NULL, 10);
    } else if (strcmp(argv[0], "--worlds") == 0) {
        o->worlds = strtoull(argv[1], NULL, 10);
    } else if (strcmp(argv[0], "--nodes") == 0) {
        o->nodes = (uint32_t)strtoul(argv[1], NULL, 10);
        o->is_whole = false;
        return o->nodes <= WORLD_NODES_MAX ? 2 : 0;
    } else if (strcmp(argv[0], "--without") == 0) {
        o->is_whole = false;
        return parse_without(argv[1], &o->off) ? 2 : 0;
    } else {
        return 0;
    }
    return 2;
}

int suite_main(const struct suite *s, int argc, char **argv)
{
    struct options o = {.from = s->from == 0 ? 1 : s->from, .worlds = s->worlds, .is_whole = true};

    for (int i = 1; i < argc;) {
        int taken = parse(&o, argc - i, argv + i);
        if (taken == 0 && s->option != NULL) {
            taken = s->option(argc - i, argv + i);
        }
        if (taken == 0) {
            fprintf(stderr, "usage: %s [--seed N [--loud | --shrink]] [--from N] [--worlds N] "
                            "[--without FAULT,…] [--nodes N]\n", argv[0]);
            return 64;
        }
        i += taken;
    }
    if (o.worlds == 0) {
        fprintf(stderr, "%s: no world shows nothing\n", argv[0]);
        return 64;
    }
    return o.shrinks ? shrink(s, argv[0], o) : run(s, argv[0], &o);
}
