/* What the seed decides: how wild the world is, manifests, characters, what a person does. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nucleus/world.h"

static uint64_t between(struct world *w, uint64_t low, uint64_t high)
{
    return low + world_draw(w, high - low + 1);
}

void world_draw_settings(struct world *w)
{
    static const uint64_t rare[] = {0, 30, 100, 1000};

    w->cells_max = (uint32_t)(world_chance(w, 10) ? WORLD_CELLS : between(w, 1, 10));
    w->crash_one_in = rare[world_draw(w, ARRAY_LEN(rare))];
    w->spawn_fails_one_in = world_chance(w, 2) ? 0 : between(w, 5, 50);
    w->stall_one_in = world_draw(w, 2);
    w->bad_one_in = (uint64_t[]){0, 2, 5, 20}[world_draw(w, 4)];
    w->lose_one_in = world_chance(w, 2) ? 0 : between(w, 5, 100);
    w->delay_ms_max = (uint32_t)(world_chance(w, 2) ? 2 : between(w, 0, 100));
    w->storm_ms = w->now_ms + between(w, 5000, 90000);
    w->ends_with_down = world_chance(w, 3);
    w->is_moody = world_chance(w, 3);
    w->guard_dies = world_chance(w, 2);
    w->kernel_keeps = world_chance(w, 2);
    for (int c = 0; c < WORLD_CELLS; c++) {
        snprintf(w->place[c].name, sizeof w->place[c].name, "c%02d", c);
        w->place[c].is_rotten = world_chance(w, 12);
        for (int s = 0; s < WORLD_SEATS; s++) {
            w->place[c].seat[s].live = WORLD_NOBODY;
        }
    }
}

/* ---- manifests -------------------------------------------------------------------------------------- */

static void draw_entry(struct world *w, int cell)
{
    struct manifest_cell *c = &w->place[cell].entry;
    uint32_t instances = c->instances;

    manifest_cell_init(c);
    memcpy(c->name, w->place[cell].name, sizeof c->name);
    c->instances = instances;
    c->hash = world_draw(w, UINT64_MAX);
    c->spare = world_chance(w, 5);
    c->trivial = world_chance(w, 10);
    c->heartbeat.every_ms = (uint32_t)between(w, 200, 3000);
    c->heartbeat.dead_after = (uint32_t)between(w, 1, 5);
    c->restart.first_ms = (uint32_t)(world_chance(w, 2) ? 0 : between(w, 10, 1000));
    c->restart.max_ms = (uint32_t)between(w, 1000, 4000);
    c->restart.give_up_count = (uint32_t)between(w, 1, 6);
    c->restart.give_up_ms = between(w, 1000, 60000);
    c->restart.stable_ms = between(w, 100, 10000);
    c->restart.strategy = (enum manifest_strategy)world_draw(w, 3);
    c->deadlines.ready_ms = (uint32_t)between(w, 500, 5000);
    c->deadlines.drain_ms = (uint32_t)(world_chance(w, 8) ? 0 : between(w, 100, 2000));
    c->deadlines.term_ms = (uint32_t)(world_chance(w, 8) ? 0 : between(w, 100, 1000));
}

/* Only of lower numbers, so there is no cycle. */
static void draw_requires(struct world *w, int cell)
{
    struct place *p = &w->place[cell];

    p->requires_count = 0;
    for (int tries = (int)world_draw(w, 4); tries > 0 && cell > 0; tries--) {
        int other = (int)world_draw(w, (uint64_t)cell);
        bool is_new = w->place[other].is_listed;
        for (int r = 0; r < p->requires_count; r++) {
            is_new = is_new && p->requires[r] != other;
        }
        if (is_new) {
            p->requires[p->requires_count++] = other;
        }
    }
}

static uint32_t draw_instances(struct world *w)
{
    return (uint32_t)(world_chance(w, 10) ? 0 : world_chance(w, 2) ? 1 : between(w, 1, WORLD_SEATS));
}

static void list(struct world *w, int cell)
{
    struct place *p = &w->place[cell];

    p->is_listed = true;
    draw_entry(w, cell);
    p->entry.instances = draw_instances(w);
    draw_requires(w, cell);
}

/* Take it out, and out of what others require: their entries change with it. */
static void unlist(struct world *w, int cell)
{
    w->place[cell].is_listed = false;
    for (int c = 0; c < WORLD_CELLS; c++) {
        struct place *p = &w->place[c];
        for (int r = 0; p->is_listed && r < p->requires_count; r++) {
            if (p->requires[r] == cell) {
                p->requires[r] = p->requires[--p->requires_count];
                p->entry.hash = world_draw(w, UINT64_MAX);
                break;
            }
        }
    }
}

static void mutate(struct world *w)
{
    int cell = (int)world_draw(w, w->cells_max);
    struct place *p = &w->place[cell];

    switch (world_draw(w, 5)) {
    case 0:
        if (p->is_listed) {
            unlist(w, cell);
        } else {
            list(w, cell);
        }
        return;
    case 1:
        if (p->is_listed) {
            p->entry.instances = draw_instances(w);
        }
        return;
    case 2:
        if (p->is_listed) {
            p->entry.hash = world_draw(w, UINT64_MAX); /* another binary */
        }
        return;
    case 3:
        if (p->is_listed) {
            draw_entry(w, cell);
            draw_requires(w, cell);
        }
        return;
    default: /* the same again */
        return;
    }
}

void world_manifest_free(struct manifest *m)
{
    for (size_t i = 0; i < m->cell_count; i++) {
        free(m->cells[i].requires);
    }
    free(m->cells);
    *m = (struct manifest){0};
}

static void write_manifest(struct world *w)
{
    struct manifest *m = &w->manifest;
    int begin = (int)world_draw(w, WORLD_CELLS); /* any order in the file */

    world_manifest_free(m);
    m->cells = calloc(WORLD_CELLS, sizeof *m->cells);
    assert(m->cells != NULL);
    for (int i = 0; i < WORLD_CELLS; i++) {
        const struct place *p = &w->place[(begin + i) % WORLD_CELLS];
        if (!p->is_listed) {
            continue;
        }
        struct manifest_cell *c = &m->cells[m->cell_count++];
        *c = p->entry;
        c->requires_count = (size_t)p->requires_count;
        c->requires = calloc(WORLD_CELLS, sizeof *c->requires);
        assert(c->requires != NULL);
        for (int r = 0; r < p->requires_count; r++) {
            enum err e = name_ref_parse(w->place[p->requires[r]].name, &c->requires[r]);
            assert(e == ERR_OK);
        }
    }
}

/* A cell that a person stopped as a whole stays stopped when it grows. */
void world_hold_new_seats(struct world *w, int cell)
{
    struct place *p = &w->place[cell];
    uint32_t wanted = world_wanted(w, cell);
    bool any = false, all = true;

    for (uint32_t s = 0; s < wanted; s++) {
        any = any || p->seat[s].is_known;
        all = all && (!p->seat[s].is_known || p->seat[s].is_held);
    }
    for (uint32_t s = 0; s < wanted; s++) {
        if (!p->seat[s].is_known) {
            p->seat[s].is_known = true;
            p->seat[s].is_held = any && all;
        }
    }
}

static void settle_manifest(struct world *w, const struct place *before)
{
    for (int c = 0; c < WORLD_CELLS; c++) {
        struct place *p = &w->place[c];
        if (!p->is_listed) {
            p->is_scaled = false;
            p->entry = before[c].entry; /* what was last in force, not what was drawn and undone */
            p->requires_count = before[c].requires_count;
            memcpy(p->requires, before[c].requires, sizeof p->requires);
            continue;
        }
        if (p->is_scaled && p->scale_of != p->entry.instances) {
            p->is_scaled = false;
        }
        for (int s = 0; s < WORLD_SEATS; s++) {
            p->seat[s].maybe_anew_ms = w->now_ms; /* any apply tries a crash-looping one again */
            if (before[c].entry.hash != p->entry.hash) {
                p->seat[s].asked_ms = w->now_ms;
            }
        }
        world_hold_new_seats(w, c);
    }
    write_manifest(w);
}

void world_draw_manifest(struct world *w, bool is_first)
{
    static struct place before[WORLD_CELLS];

    memcpy(before, w->place, sizeof before);
    if (is_first) {
        for (uint32_t c = 0; c < w->cells_max; c++) {
            if (!world_chance(w, 6)) {
                list(w, (int)c);
            }
        }
    }
    for (uint64_t changes = is_first ? 0 : between(w, 1, 4); changes > 0; changes--) {
        mutate(w);
    }
    settle_manifest(w, before);
}

/* ---- characters -------------------------------------------------------------------------------------- */

static void draw_starvation(struct world *w, struct proc *p)
{
    p->mood_drawn = MOOD_STARVED;
    p->mood_lasts_ms = between(w, 1, (world_chance(w, 4) ? 45 : 20) * (uint64_t)p->every_ms);
    p->slice_ms = between(w, 1, world_chance(w, 2) ? 100 : 5000);
}

/* In a moody world it comes back about when it would be ended. */
static void draw_hang(struct world *w, struct proc *p)
{
    uint64_t longest_ms = w->is_moody ? 2 * (uint64_t)p->every_ms * (p->dead_after + 1) : 20000;

    p->mood_drawn = (enum mood[]){MOOD_ASLEEP, MOOD_BUSY, MOOD_STOPPED}[world_draw(w, 3)];
    p->mood_lasts_ms = world_chance(w, w->is_moody ? 4 : 2) ? UINT64_MAX : between(w, 1, longest_ms);
    p->hangs_after_beat = world_chance(w, 2);
}

static void draw_fault(struct world *w, struct proc *p)
{
    switch (world_draw(w, w->is_moody ? 30 : 9)) {
    case 0:
        p->stage_ms[world_draw(w, 3)] = UINT64_MAX; /* never ready, or never speaks */
        return;
    case 1:
        p->crash_ms = between(w, 1, 300);
        return;
    case 2:
        p->crash_ms = between(w, 300, 20000);
        return;
    case 3:
        p->obeys_drain = false;
        return;
    case 4:
        p->obeys_drain = p->obeys_term = false;
        return;
    case 5:
        p->stage_ms[2] = p->ready_limit_ms; /* too late, or nearly */
        return;
    case 6:
        draw_starvation(w, p);
        return;
    default:
        draw_hang(w, p);
        return;
    }
}

void world_draw_character(struct world *w, struct proc *p)
{
    uint64_t third = p->ready_limit_ms / 8;

    for (int s = 0; s < 3; s++) {
        p->stage_ms[s] = between(w, 0, third);
    }
    p->crash_ms = UINT64_MAX;
    p->obeys_drain = p->obeys_term = true;
    p->drain_takes_ms = between(w, 0, 1500);
    p->term_takes_ms = between(w, 0, 50);
    p->mood_ms = between(w, 1, 15000);
    p->exit_code = (int[]){0, 1, 1, 1, 2, 64, 78, 139}[world_draw(w, 8)];
    p->signal = world_chance(w, 3) ? 11 : 0;
    p->exit_code = p->signal != 0 ? -1 : p->exit_code;
    if (world_is_calm(w)) {
        return;
    }
    if (w->place[p->cell].is_rotten) {
        p->crash_ms = between(w, 1, 200);
    } else if (world_chance(w, w->bad_one_in)) {
        draw_fault(w, p);
    }
    if (p->is_trivial) {
        p->mood_drawn = MOOD_WELL; /* nobody can tell how one is that does not speak */
    }
}

/* ---- a person ---------------------------------------------------------------------------------------- */

/* Any listed cell, or -1. */
static int any_cell(struct world *w)
{
    for (int tries = 0; tries < 20; tries++) {
        int cell = (int)world_draw(w, w->cells_max);
        if (w->place[cell].is_listed) {
            return cell;
        }
    }
    return -1;
}

static void order_seats(struct world *w, enum node_event_kind kind, int cell, int instance)
{
    struct place *p = &w->place[cell];
    uint32_t wanted = world_wanted(w, cell);

    for (uint32_t s = 0; s < wanted; s++) {
        struct seat *seat = &p->seat[s];
        if (instance >= 0 && (uint32_t)instance != s) {
            continue;
        }
        seat->is_held = kind == NODE_EV_STOP;
        if (kind != NODE_EV_STOP) {
            seat->maybe_anew_ms = w->now_ms;
            seat->in_group = false; /* a person does not wait for the others */
        }
        if (kind == NODE_EV_RESTART) {
            seat->asked_ms = w->now_ms;
        }
    }
}

static void surely_anew(struct world *w, int cell, int instance)
{
    uint32_t wanted = world_wanted(w, cell);

    for (uint32_t s = 0; s < wanted; s++) {
        if (instance < 0 || (uint32_t)instance == s) {
            w->place[cell].seat[s].surely_anew_ms = w->now_ms;
        }
    }
}

static void order_cell(struct world *w, enum node_event_kind kind)
{
    int cell = any_cell(w);

    if (cell < 0) {
        return;
    }
    uint32_t wanted = world_wanted(w, cell);
    int instance = wanted > 0 && world_chance(w, 2) ? (int)world_draw(w, wanted) : -1;
    int entry = manifest_find(&w->manifest, "default", w->place[cell].name);
    struct node_event ev = {.kind = kind, .cell = (uint32_t)entry, .instance = instance};

    world_tell_loud(w, "order: %s c%02d.%d", node_event_name(kind), cell, instance);
    order_seats(w, kind, cell, instance);
    world_shell_must(w, ev);
    if (w->node != NULL && kind != NODE_EV_STOP) {
        surely_anew(w, cell, instance);
    }
}

static void order_scale(struct world *w)
{
    int cell = any_cell(w);

    if (cell < 0) {
        return;
    }
    struct place *p = &w->place[cell];
    int entry = manifest_find(&w->manifest, "default", p->name);
    struct node_event ev = {.kind = NODE_EV_SCALE, .cell = (uint32_t)entry,
                            .count = (uint32_t)world_draw(w, WORLD_SEATS + 1)};

    world_tell_loud(w, "order: scale c%02d to %u", cell, ev.count);
    p->is_scaled = ev.count != p->entry.instances;
    p->scale = ev.count;
    p->scale_of = p->entry.instances;
    world_hold_new_seats(w, cell);
    world_shell_must(w, ev);
}

void world_order(struct world *w)
{
    if (w->node == NULL || w->now_ms < w->stall_until_ms || world_is_calm(w)) {
        return; /* the command line says: try again */
    }
    switch (world_draw(w, 8)) {
    case 0:
    case 1:
    case 2:
        world_draw_manifest(w, false);
        world_tell_loud(w, "order: apply");
        world_shell_must(w, (struct node_event){.kind = NODE_EV_MANIFEST, .manifest = &w->manifest});
        return;
    case 3:
        order_scale(w);
        return;
    case 4:
        order_cell(w, NODE_EV_STOP);
        return;
    case 5:
        order_cell(w, NODE_EV_START);
        return;
    default:
        order_cell(w, NODE_EV_RESTART);
        return;
    }
}
