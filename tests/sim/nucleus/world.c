/* Time: a heap of happenings, and the machine's clock between them. */
#include "tests/sim/nucleus/world.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/nucleus/check.h"

enum {
    START_MS = 1000 * 1000,
    CALM_LIMIT_MS = 1800 * 1000, /* of virtual time, to come to rest after the last fault: fifty
                                  * cells in a chain, each with every deadline used up twice    */
    CALM_LOOK_MS = 2000,
};

uint64_t world_draw(struct world *w, uint64_t bound)
{
    return rng_below(&w->rng, bound);
}

bool world_chance(struct world *w, uint64_t one_in)
{
    return one_in != 0 && world_draw(w, one_in) == 0;
}

bool world_is_calm(const struct world *w)
{
    return w->now_ms >= w->storm_ms;
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->has_failed) {
        return; /* the first one tells most */
    }
    w->has_failed = true;
    va_start(args, format);
    vsnprintf(w->why, sizeof w->why, format, args);
    va_end(args);
}

void world_tell_loud(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->is_loud) {
        return;
    }
    va_start(args, format);
    printf("%10.3f ", (double)(w->now_ms - START_MS) / 1000);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

/* ---- the heap -------------------------------------------------------------------------------- */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->seq < b->seq);
}

/* Put `h` in, keeping its place among those of the same time. */
static void put(struct world *w, struct happening h)
{
    if (w->heap_count == w->heap_room) {
        w->heap_room = w->heap_room == 0 ? 1024 : w->heap_room * 2;
        w->heap = realloc(w->heap, w->heap_room * sizeof *w->heap);
        assert(w->heap != NULL);
    }
    uint32_t i = w->heap_count++;
    for (; i > 0 && is_before(&h, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        w->heap[i] = w->heap[(i - 1) / 2];
    }
    w->heap[i] = h;
}

void world_later(struct world *w, uint64_t in_ms, struct happening h)
{
    h.at_ms = w->now_ms + in_ms;
    h.seq = w->seq++;
    put(w, h);
}

static struct happening next_happening(struct world *w)
{
    struct happening first = w->heap[0], last = w->heap[--w->heap_count];
    uint32_t i = 0;

    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= w->heap_count) {
            break;
        }
        child += child + 1 < w->heap_count && is_before(&w->heap[child + 1], &w->heap[child]);
        if (is_before(&last, &w->heap[child])) {
            break;
        }
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return first;
}

/* ---- happenings of the supervisor -------------------------------------------------------------- */

static void tell(struct world *w, const struct happening *h)
{
    if (w->node == NULL || h->incarnation != w->incarnation) {
        return; /* said to a dead supervisor: lost */
    }
    if (w->now_ms < w->stall_until_ms) {
        struct happening queued = *h; /* waits in the queue, in order */
        queued.at_ms = w->stall_until_ms;
        put(w, queued);
        return;
    }
    struct node_event ev = h->tell;
    if (ev.kind == NODE_EV_REJOIN || ev.kind == NODE_EV_SPAWNED) {
        w->proc[h->proc].joined_ms = w->now_ms;
    }
    bool is_ready = ev.kind == NODE_EV_READY ||
                    (ev.kind == NODE_EV_REJOIN && ev.state == NODE_READY) ||
                    (ev.kind == NODE_EV_SPAWNED && w->proc[h->proc].is_trivial);
    if (is_ready && w->proc[h->proc].ready_told_ms == 0) {
        w->proc[h->proc].ready_told_ms = w->now_ms;
    }
    if (is_ready || ev.kind == NODE_EV_BEAT || ev.kind == NODE_EV_REJOIN) {
        w->proc[h->proc].heard_ms = w->now_ms;
    }
    bool is_sure = false;
    if (ev.kind == NODE_EV_EXITED || ev.kind == NODE_EV_SPAWN_FAILED) {
        const struct proc *p = &w->proc[h->proc];
        w->unknown_ends += p->died_ms != 0 && !p->is_end_known;
        is_sure = !p->is_ended && !p->ends_itself && world_is_wanted(w, p->cell, p->seat);
        if (p->is_posthumous || p->died_ms == 0 || p->died_ms >= w->incarnation_ms) {
            check_restart_ended(w, h->proc, is_sure); /* else recovery has seen it */
        }
        w->proc[h->proc].is_posthumous = false;
    }
    bool is_dead = h->proc != WORLD_NOBODY && !w->proc[h->proc].lives;
    enum err e = world_shell_feed(w, ev);
    if (e != ERR_OK && !(e == ERR_NOT_FOUND && is_dead)) { /* last words of what is forgotten */
        world_fail(w, "%s is refused: %s", node_event_name(ev.kind), err_name(e));
    }
    if (is_sure) {
        check_restart_group(w, h->proc);
    }
}

static void stall(struct world *w)
{
    bool is_long = world_chance(w, w->is_moody ? 2 : 4);
    uint64_t lasts_ms = 10 + world_draw(w, is_long ? 8000 : 400);

    w->stall_until_ms = w->now_ms + lasts_ms;
    w->last_stall_ms = w->stall_until_ms;
    if (!world_chance(w, 3)) { /* else its counters stood still too: stopped, or the host was */
        w->own_delay_us += lasts_ms * 1000;
    }
    world_tell_loud(w, "the supervisor stalls for %lu ms", (unsigned long)lasts_ms);
}

static void again(struct world *w, enum happening_kind kind, uint64_t within_ms)
{
    if (!world_is_calm(w)) {
        world_later(w, 1 + world_draw(w, within_ms), (struct happening){.kind = kind, .proc = -1});
    }
}

static void happen(struct world *w, const struct happening *h)
{
    switch (h->kind) {
    case HAPPEN_TELL:
        tell(w, h);
        return;
    case HAPPEN_ORDER:
        world_order(w);
        again(w, HAPPEN_ORDER, 8000);
        return;
    case HAPPEN_RECOVER:
        world_shell_recover(w);
        return;
    case HAPPEN_STALL:
        if (w->node != NULL && w->stall_one_in != 0 && w->now_ms >= w->stall_until_ms) {
            stall(w);
        }
        again(w, HAPPEN_STALL, w->is_moody ? 5000 : 20000);
        return;
    case HAPPEN_SUDDEN:
        if (w->node != NULL && w->crash_one_in != 0) {
            world_shell_crash(w);
        }
        again(w, HAPPEN_SUDDEN, 30000);
        return;
    case HAPPEN_LOOK:
        check_health_look(w, h->proc);
        return;
    case HAPPEN_GUARD_DIES:
    case HAPPEN_GUARD_NEW:
        world_guard_happen(w, h);
        return;
    case HAPPEN_STAGE:
    case HAPPEN_BEAT:
    case HAPPEN_MOOD:
    case HAPPEN_WELL:
    case HAPPEN_DIE:
    case HAPPEN_REJOIN:
    case HAPPEN_DRAIN:
    case HAPPEN_DRAINED:
    case HAPPEN_TERM:
        world_process_happen(w, h);
        return;
    }
}

/* ---- the run ------------------------------------------------------------------------------------ */

/* When the machine's clock is due; a loop's timers come up to 2 ms late. */
static uint64_t clock_ms(const struct world *w)
{
    uint64_t due = w->node != NULL ? node_next_ms(w->node) : UINT64_MAX;

    if (due == UINT64_MAX) {
        return due;
    }
    due += due % 3;
    due = due > w->stall_until_ms ? due : w->stall_until_ms;
    return due > w->now_ms ? due : w->now_ms;
}

/* One thing happens, not after limit_ms. False: nothing does. */
static bool turn(struct world *w, uint64_t limit_ms)
{
    uint64_t clock = clock_ms(w);
    uint64_t next = w->heap_count > 0 ? w->heap[0].at_ms : UINT64_MAX;

    if ((clock < next ? clock : next) > limit_ms) {
        w->now_ms = limit_ms;
        return false;
    }
    if (clock <= next) { /* timers before sockets, as in the real loop */
        w->now_ms = clock;
        world_shell_must(w, (struct node_event){.kind = NODE_EV_CLOCK});
        return true;
    }
    struct happening h = next_happening(w);
    w->now_ms = h.at_ms;
    happen(w, &h);
    return true;
}

static void run_until(struct world *w, uint64_t limit_ms)
{
    while (!w->has_failed && !w->has_ended && turn(w, limit_ms)) {
    }
}

/* Faults are over: what is left must come to rest. */
static void calm_down(struct world *w)
{
    char why[256] = "";
    uint64_t until_ms = w->now_ms + CALM_LIMIT_MS;

    while (w->node == NULL && !w->has_failed && !w->has_ended) {
        run_until(w, w->now_ms + CALM_LOOK_MS);
    }
    if (w->ends_with_down && !w->has_failed && !w->has_ended) {
        w->is_down = true;
        world_tell_loud(w, "order: down");
        world_shell_must(w, (struct node_event){.kind = NODE_EV_DOWN});
    }
    while (!w->has_failed && !w->has_ended && !check_progress_reached(w, why)) {
        if (w->now_ms > until_ms) {
            world_fail(w, "never comes to rest: %s", why);
        }
        run_until(w, w->now_ms + CALM_LOOK_MS);
    }
}

void world_run(struct world *w, uint64_t seed, bool is_loud)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->is_loud = is_loud;
    w->now_ms = START_MS;
    rng_init(&w->rng, seed);
    world_draw_settings(w);
    w->incarnation = 1;
    w->incarnation_ms = w->now_ms;
    w->node = node_new(1, world_draw(w, UINT64_MAX));
    assert(w->node != NULL);
    world_draw_manifest(w, true);
    again(w, HAPPEN_ORDER, 20000);
    again(w, HAPPEN_STALL, 20000);
    again(w, HAPPEN_SUDDEN, 30000);
    world_guard_begin(w);
    world_shell_must(w, (struct node_event){.kind = NODE_EV_MANIFEST, .manifest = &w->manifest});
    run_until(w, w->storm_ms);
    calm_down(w);
}

void world_fini(struct world *w)
{
    node_free(w->node);
    node_effects_fini(&w->fx);
    world_manifest_free(&w->manifest);
    free(w->proc);
    free(w->heap);
    w->node = NULL;
    w->proc = NULL;
    w->heap = NULL;
}
