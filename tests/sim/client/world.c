#include "tests/sim/client/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/client/check.h"

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
    return w->now_ms >= w->calm_ms;
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    if (!w->has_failed) {
        va_start(args, format);
        (void)vsnprintf(w->why, sizeof w->why, format, args);
        va_end(args);
        w->has_failed = true;
        world_tell_loud(w, "FAILED %s", w->why);
    }
}

void world_tell_loud(struct world *w, const char *format, ...)
{
    va_list args;

    if (w->is_loud) {
        printf("%8" PRIu64 " ", w->now_ms);
        va_start(args, format);
        (void)vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
}

/* ---- time -------------------------------------------------------------------------------------- */

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

void world_later(struct world *w, uint64_t in_ms, struct happening h)
{
    if (w->heap_count == w->heap_room) {
        w->heap_room = w->heap_room == 0 ? 1024 : 2 * w->heap_room;
        w->heap = realloc(w->heap, w->heap_room * sizeof *w->heap);
        if (w->heap == NULL) {
            abort();
        }
    }
    h.at_ms = w->now_ms + in_ms;
    h.seq = w->seq++;
    uint32_t at = w->heap_count++;
    while (at > 0 && is_before(&h, &w->heap[(at - 1) / 2])) {
        w->heap[at] = w->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    w->heap[at] = h;
}

static struct happening next(struct world *w)
{
    struct happening first = w->heap[0], last = w->heap[--w->heap_count];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= w->heap_count) {
            break;
        }
        if (child + 1 < w->heap_count && is_before(&w->heap[child + 1], &w->heap[child])) {
            child++;
        }
        if (!is_before(&w->heap[child], &last)) {
            break;
        }
        w->heap[at] = w->heap[child];
        at = child;
    }
    w->heap[at] = last;
    return first;
}

/* ---- what happens ------------------------------------------------------------------------------ */

static void ask(struct world *w)
{
    int i = w->asked++;
    struct request *r = &w->request[i];

    world_draw_ask(w, r);
    check_budget_asked(w);
    world_tell_loud(w, "ask %d%s, %" PRIu64 " ms%s", i, r->ask.is_idempotent ? "" : " once",
                    r->ask.deadline_ms - w->now_ms, r->ask.is_hasty ? ", hasty" : "");
    world_shell_step(w, i, CLIENT_EV_ASKED, ERR_OK, 0, WORLD_NOBODY);
    if (!r->is_ended && world_chance(w, w->cancel_one_in)) {
        world_later(w, world_draw(w, 200), (struct happening){.kind = HAPPEN_CANCEL, .index = i});
    }
}

static void ask_some(struct world *w)
{
    uint64_t count = 1 + world_draw(w, w->burst);
    int most = world_is_calm(w) ? w->asks : w->asks / 2; /* half are for the time after the storm */

    for (uint64_t k = 0; k < count && w->asked < most && w->now_ms < w->end_ms; k++) {
        ask(w);
    }
    if (w->asked < w->asks && w->now_ms < w->end_ms) {
        world_later(w, world_draw(w, 2 * w->gap_ms + 1), (struct happening){.kind = HAPPEN_ASK});
    }
}

static void reply(struct world *w, const struct happening *h)
{
    struct request *r = &w->request[h->index];
    int server = (int)h->value;

    if (r->is_ended || r->server != server || r->is_queued || h->serial != r->serial) {
        return; /* nobody waits for it */
    }
    if (h->is_unread) {
        r->sends--;
        check_budget_unread(w);
        world_shell_step(w, h->index, CLIENT_EV_UNSENT, ERR_OK, 0, WORLD_NOBODY);
    } else if (h->is_part) {
        check_breaker_answered(w, h->index, server);
        r->got_parts = true;
        world_shell_step(w, h->index, CLIENT_EV_PART, ERR_OK, 0, WORLD_NOBODY);
    } else {
        r->said = h->e;
        w->server[server].rest_until_ms = h->e == ERR_UNAVAILABLE || h->retry_after_ms > 0
                                              ? w->now_ms + h->retry_after_ms
                                              : w->server[server].rest_until_ms;
        if (h->e == ERR_UNAVAILABLE) {
            check_breaker_failed(w, h->index, server);
        } else {
            check_breaker_answered(w, h->index, server);
        }
        world_shell_step(w, h->index, CLIENT_EV_ANSWERED, h->e, h->retry_after_ms, h->hint);
    }
}

static void outage(struct world *w, bool begins)
{
    w->in_outage = begins;
    for (int i = 0; begins && i < w->asked; i++) {
        w->outage_offered += !w->request[i].is_ended;
    }
    for (int s = 0; s < w->servers; s++) {
        world_server_trouble(w, s, begins ? w->outage_kind : TROUBLE_NONE);
    }
}

static void calm(struct world *w)
{
    w->in_outage = false;
    for (int s = 0; s < w->servers; s++) {
        world_server_trouble(w, s, TROUBLE_NONE);
        w->server[s].is_clogged = false;
        w->server[s].is_listed = true;
    }
    world_shell_list(w);
}

static void happen(struct world *w, const struct happening *h)
{
    struct request *r = &w->request[h->index];

    switch (h->kind) {
    case HAPPEN_ASK:
        ask_some(w);
        break;
    case HAPPEN_DUE:
        if (!r->is_ended && r->ask.due_ms == w->now_ms) {
            world_shell_step(w, h->index, CLIENT_EV_DUE, ERR_OK, 0, WORLD_NOBODY);
        }
        break;
    case HAPPEN_REACH:
        world_server_reach(w, h);
        break;
    case HAPPEN_REPLY:
        reply(w, h);
        break;
    case HAPPEN_DIAL:
        world_shell_dial(w, h);
        break;
    case HAPPEN_CANCEL:
        if (!r->is_ended) {
            r->was_cancelled = true;
            world_shell_step(w, h->index, CLIENT_EV_CANCELLED, ERR_OK, 0, WORLD_NOBODY);
        }
        break;
    case HAPPEN_TROUBLE:
        world_draw_trouble(w, h->index);
        break;
    case HAPPEN_CLOG:
        w->server[h->index].is_clogged = !world_is_calm(w) && h->value != 0;
        if (!world_is_calm(w)) {
            world_later(w, world_draw(w, 4000), (struct happening){
                .kind = HAPPEN_CLOG, .index = h->index, .value = h->value == 0 && world_chance(w, 2)});
        }
        break;
    case HAPPEN_LIST:
        world_shell_list(w);
        world_later(w, 1000, (struct happening){.kind = HAPPEN_LIST});
        break;
    case HAPPEN_OUTAGE:
        outage(w, h->value != 0);
        break;
    case HAPPEN_IDLE:
        world_shell_idle(w);
        world_later(w, 5000, (struct happening){.kind = HAPPEN_IDLE});
        break;
    case HAPPEN_CALM:
        calm(w);
        break;
    }
}

void world_run(struct world *w, uint64_t seed, bool is_loud)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->is_loud = is_loud;
    w->now_ms = 1000 * 1000; /* no clock begins at 0 */
    rng_init(&w->rng, seed);
    world_draw_settings(w);
    while (w->heap_count > 0 && !w->has_failed) {
        struct happening h = next(w);
        if (h.at_ms > w->end_ms + 60000) {
            break; /* every deadline is over */
        }
        w->now_ms = h.at_ms;
        happen(w, &h);
        world_shell_flush(w);
        check_count_step(w);
    }
    if (!w->has_failed) {
        check_end_all(w);
        check_budget_all(w);
        check_count_all(w);
        check_balance_all(w);
        check_progress_all(w);
    }
}

void world_fini(struct world *w)
{
    free(w->heap);
    w->heap = NULL;
}
