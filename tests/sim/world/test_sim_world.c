/* The world's own test: a tenant small enough to be seen through, right, and then once per way of being
 * wrong. The right one must hold in every world; each wrong one must be found (--bug NAME: exit status 0
 * when it is).
 *
 * The tenant is a notary: it numbers the orders of its node, stores each before it says so, and tells the
 * next node how many there are, again and again. Whatever it has said must still be true after any
 * crash. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/sim/world/suite.h"

enum {
    WORLDS = 300,
    BUG_WORLDS = 100,        /* within which each bug is found */
    RECORD = 768,            /* bytes: one and a half sectors, so that it can be torn */
    REPEAT_US = 300000,
    ORDERS = 60,
    ORDER_BIG = 20,          /* from here on --bug big is */
    SIZE_MAX_BYTES = 64,
};

#define BUG_MAP(X)                                                                                 \
    X(NONE, "none")                                                                                \
    X(EARLY, "early")             /* says so before the sync */                                    \
    X(UNSYNCED, "unsynced")       /* never syncs */                                                \
    X(UNCHECKED, "unchecked")     /* believes whatever is on the disk */                           \
    X(SYNC_BLIND, "sync-blind")   /* takes a failed sync for a good one */                         \
    X(FULL_BLIND, "full-blind")   /* takes a failed write for a good one */                        \
    X(CACHE, "cache")             /* believes after a restart that what it reads is on the medium */ \
    X(FORGETS, "forgets")         /* does not read its disk */                                     \
    X(ONCE, "once")               /* does not repeat itself */                                     \
    X(COPIES, "copies")           /* counts what it hears instead of reading it */                 \
    X(LAST, "last")               /* believes the last packet, not the newest */                   \
    X(WALL, "wall")               /* times its repeating by the wall's clock */                    \
    X(BIG, "big")                 /* sends packets that are too long */

enum bug {
#define X(name, text) BUG_##name,
    BUG_MAP(X)
#undef X
};

static const char *const bug_names[] = {
#define X(name, text) text,
    BUG_MAP(X)
#undef X
};

static enum bug bug; /* of this run */

struct notary {
    uint32_t count, sure;   /* stored or being stored; stored */
    uint32_t heard;         /* of the node before */
    uint64_t repeated_us;
};

enum told { TOLD_STORED, TOLD_HEARD, TOLD_READ };

/* What the outside has been told. */
struct truth {
    uint32_t promised[WORLD_NODES_MAX], most[WORLD_NODES_MAX]; /* now; ever: a disk may rot */
    uint32_t heard[WORLD_NODES_MAX];
};

static void fill(uint32_t node, uint32_t index, uint8_t record[RECORD])
{
    memset(record, (int)(node * 31 + index), RECORD);
    bytes_put_be32(record + 4, index);
    bytes_put_be32(record, bytes_crc32c(0, record + 4, RECORD - 4));
}

static uint32_t read_back(struct world *w, uint32_t node)
{
    uint8_t record[RECORD];
    uint32_t count = 0;

    while (disk_read(&w->node[node].disk, 0, (size_t)count * RECORD, record, RECORD) == RECORD) {
        bool is_good = bytes_get_be32(record) == bytes_crc32c(0, record + 4, RECORD - 4) &&
                       bytes_get_be32(record + 4) == count;
        if (!is_good && bug != BUG_UNCHECKED) {
            break;
        }
        count++;
    }
    return bug == BUG_FORGETS ? 0 : count;
}

static void write_record(struct world *w, struct world_effects *fx, uint32_t node, uint32_t index)
{
    uint8_t record[RECORD];

    fill(node, index, record);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_WRITE, .offset = (uint64_t)index * RECORD},
                 record, RECORD);
}

static void tell(struct world *w, struct world_effects *fx, enum told what, uint32_t count)
{
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TELL, .value = what, .more = {count}}, NULL, 0);
}

static void sync_file(struct world *w, struct world_effects *fx)
{
    if (bug != BUG_UNSYNCED) {
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SYNC}, NULL, 0);
    }
}

static void repeat(struct world *w, uint32_t node, struct notary *n, const struct world_event *ev,
                   struct world_effects *fx)
{
    uint64_t clock_us = bug == BUG_WALL ? ev->wall_us : ev->now_us;
    uint8_t packet[2 * SIZE_MAX_BYTES] = {0};

    if (clock_us >= n->repeated_us + REPEAT_US && (bug != BUG_ONCE || n->repeated_us == 0)) {
        n->repeated_us = clock_us;
        bytes_put_be32(packet, n->sure);
        world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_SEND, .to = (node + 1) % w->set.nodes},
                     packet, bug == BUG_BIG && n->sure > ORDER_BIG ? sizeof packet : 4);
    }
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = ev->now_us + REPEAT_US}, NULL,
                 0);
}

static void start(struct world *w, uint32_t node, struct notary *n, const struct world_event *ev,
                  struct world_effects *fx)
{
    n->count = read_back(w, node);
    tell(w, fx, TOLD_READ, n->count);
    /* What a process reads may be a cache that never reaches the medium: written again, it is known. */
    if (bug != BUG_CACHE) {
        for (uint32_t i = 0; i < n->count; i++) {
            write_record(w, fx, node, i);
        }
    }
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_RESIZE, .offset = (uint64_t)n->count * RECORD},
                 NULL, 0);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_TIMER, .value = ev->now_us + REPEAT_US}, NULL,
                 0);
    sync_file(w, fx);
    tell(w, fx, TOLD_STORED, n->count);
}

static void order(struct world *w, uint32_t node, struct notary *n, struct world_effects *fx)
{
    write_record(w, fx, node, n->count++);
    if (bug == BUG_EARLY) {
        tell(w, fx, TOLD_STORED, n->count);
    }
    sync_file(w, fx);
    tell(w, fx, TOLD_STORED, n->count);
}

static void hear(struct world *w, struct notary *n, const struct world_event *ev, struct world_effects *fx)
{
    uint32_t said = bytes_get_be32(ev->bytes);

    n->heard = bug == BUG_COPIES ? n->heard + 1 : said > n->heard || bug == BUG_LAST ? said : n->heard;
    tell(w, fx, TOLD_HEARD, n->heard);
}

static void step(struct world *w, uint32_t node, void *state, const struct world_event *ev,
                 struct world_effects *fx)
{
    struct notary *n = state;

    if (ev->kind != WORLD_EV_FAILED) {
        n->sure = n->count; /* whatever was under way has been done */
    }
    switch (ev->kind) {
    case WORLD_EV_START:
        start(w, node, n, ev, fx);
        break;
    case WORLD_EV_PACKET:
        hear(w, n, ev, fx);
        break;
    case WORLD_EV_TIMER:
        repeat(w, node, n, ev, fx);
        break;
    case WORLD_EV_FAILED:
        if (bug == BUG_SYNC_BLIND || (bug == BUG_FULL_BLIND && ev->value == 0)) {
            tell(w, fx, TOLD_STORED, n->count);
            break;
        }
        /* The write: a full disk. The sync: nothing can be known about the disk any more. */
        if (ev->value == 0) {
            n->count--;
        } else {
            world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_DIE}, NULL, 0);
        }
        break;
    case WORLD_EV_ORDER:
        order(w, node, n, fx);
        break;
    case WORLD_EV_SYNCED:
        world_fail(w, "nobody asked for it");
        break;
    }
}

/* ---- the checkers ------------------------------------------------------------------------------- */

/* Whoever believes in a record has it. */
static void check_records(struct world *w, uint32_t node, uint32_t count)
{
    uint8_t is[RECORD], right[RECORD];

    for (uint32_t i = 0; i < count; i++) {
        fill(node, i, right);
        if (disk_read(&w->node[node].disk, 0, (size_t)i * RECORD, is, RECORD) != RECORD ||
            memcmp(is, right, RECORD) != 0) {
            world_fail(w, "node %" PRIu32 " believes in record %" PRIu32 ", which it has not", node, i);
            return;
        }
    }
}

static void check_heard(struct world *w, uint32_t node, uint32_t count)
{
    struct truth *t = w->aim[0];
    uint32_t before = (node + w->set.nodes - 1) % w->set.nodes;

    if (count > t->most[before]) {
        world_fail(w, "node %" PRIu32 " heard of %" PRIu32 " records of %" PRIu32 ", which promised %" PRIu32,
                   node, count, before, t->most[before]);
    } else if (count < t->heard[node]) {
        world_fail(w, "node %" PRIu32 " heard of %" PRIu32 " and now of %" PRIu32, node, t->heard[node],
                   count);
    }
    t->heard[node] = count;
}

static void told(struct world *w, uint32_t node, const struct world_effect *fx)
{
    struct truth *t = w->aim[0];
    uint32_t count = (uint32_t)fx->more[0];
    bool is_rotten = w->node[node].disk.rotten != 0; /* then a single disk may lose anything, but not lie */

    world_say(w, "node %" PRIu32 " says %s %" PRIu32, node,
              fx->value == TOLD_STORED ? "stored" : fx->value == TOLD_HEARD ? "heard" : "read", count);
    if (fx->value == TOLD_HEARD) {
        check_heard(w, node, count);
    } else if (fx->value == TOLD_READ) {
        check_records(w, node, count);
    } else if (count < t->promised[node] && !is_rotten) {
        world_fail(w, "node %" PRIu32 " promised %" PRIu32 " records and has %" PRIu32, node,
                   t->promised[node], count);
    } else {
        check_records(w, node, is_rotten ? 0 : count);
        t->promised[node] = count;
        t->most[node] = count > t->most[node] ? count : t->most[node];
    }
}

static void crashed(struct world *w, uint32_t node)
{
    struct truth *t = w->aim[0];

    t->heard[node] = 0; /* that is not kept */
}

static void end(struct world *w)
{
    struct truth *t = w->aim[0];

    for (uint32_t i = 0; i < w->set.nodes; i++) {
        uint32_t next = (i + 1) % w->set.nodes;
        if (t->heard[next] != t->promised[i] && w->node[i].disk.rotten == 0) {
            world_fail(w, "node %" PRIu32 " promised %" PRIu32 ", and the next one knows of %" PRIu32, i,
                       t->promised[i], t->heard[next]);
        }
    }
}

static void order_some(struct world *w)
{
    for (int i = 0; i < ORDERS; i++) {
        uint32_t node = (uint32_t)dice_below(&w->dice, DICE_ORDER, w->set.nodes);
        uint64_t at_us = dice_below(&w->dice, DICE_ORDER, w->set.calm_us);
        world_order(w, 0, node, at_us, 0);
    }
}

static void draw(struct world *w)
{
    w->aim[0] = calloc(1, sizeof(struct truth));
    if (w->aim[0] == NULL) {
        abort();
    }
    w->set.net.size_max = SIZE_MAX_BYTES;
    w->set.disk_bytes = w->set.disk_bytes == 0 ? 0 : RECORD + w->set.disk_bytes % (ORDERS / 4 * RECORD);
    w->set.rot_us = dice_below(&w->dice, DICE_SHAPE, 4) == 0 ? 2000000 : 0;
}

static void fini(struct world *w)
{
    free(w->aim[0]);
}

static const struct world_tenant notary = {
    .name = "notary", .state_size = sizeof(struct notary), .draw = draw, .step = step, .told = told,
    .crashed = crashed, .begin = order_some, .end = end, .fini = fini,
};

static const struct world_tenant *const tenants[] = {&notary};

static const struct suite_floor floors[] = {
    {COUNT_DELIVERED, 50000}, {COUNT_LOST, 1000}, {COUNT_DUPLICATED, 1000}, {COUNT_OVERTAKEN, 100},
    {COUNT_CUT_OFF, 1000}, {COUNT_CLOGGED, 100}, {COUNT_PARTITIONS, 100}, {COUNT_ONE_WAY, 50},
    {COUNT_CLOGS, 100}, {COUNT_CRASHES, 500}, {COUNT_CRASHES_INSIDE, 50}, {COUNT_POWER_LOSSES, 100},
    {COUNT_PAUSES, 100}, {COUNT_SYNCS_FAILED, 20}, {COUNT_WRITES_LOST, 10}, {COUNT_WRITES_TORN, 10},
    {COUNT_BITS_ROTTEN, 50}, {COUNT_DISKS_FULL, 50}, {COUNT_JUMPS, 100},
};

static const struct suite suite = {
    .name = "notary", .tenant = tenants, .tenants = 1, .worlds = WORLDS, .floor = floors,
    .floors = ARRAY_LEN(floors),
};

/* Every bug must be found, or the world is a scenery. */
static int find_bugs(void)
{
    static struct world w;
    int escaped = 0;

    for (uint32_t b = 1; b < ARRAY_LEN(bug_names); b++) {
        bool is_found = false;
        bug = (enum bug)b;
        for (uint64_t seed = 1; seed <= BUG_WORLDS && !is_found; seed++) {
            world_run(&w, tenants, 1, seed, 0, 0, false);
            if (w.has_failed) {
                printf("caught  %s: seed %" PRIu64 ": %s\n", bug_names[b], seed, w.why);
                is_found = true;
            }
            world_fini(&w);
        }
        if (!is_found) {
            printf("ESCAPED %s\n", bug_names[b]);
            escaped++;
        }
    }
    return escaped == 0 ? 0 : 1;
}

static int option(int argc, char **argv)
{
    for (uint32_t b = 0; argc > 1 && b < ARRAY_LEN(bug_names); b++) {
        if (strcmp(argv[0], "--bug") == 0 && strcmp(argv[1], bug_names[b]) == 0) {
            bug = (enum bug)b;
            return 2;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct suite s = suite;

    if (argc == 2 && strcmp(argv[1], "--bugs") == 0) {
        return find_bugs();
    }
    s.option = option;
    return suite_main(&s, argc, argv);
}
