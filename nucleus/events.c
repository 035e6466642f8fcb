/* What happened, for `cell events`: a ring in memory with a sequence number, read by long polls
 * from a revision. Sequences start at the nucleus's start count in the upper bits, so that they
 * grow across a crash and a reader sees that it lost the ring. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "nucleus/events.h"

enum {
    EVENTS_REPLY_MAX = 512,  /* in one answer; the reader asks again           */
    EVENTS_WAIT_MAX_MS = 60000,
    EVENTS_START_SHIFT = 40, /* 10^12 events a nucleus life                    */
};

static void on_waiters_due(void *context);

enum err events_open(struct shell *s)
{
    s->events = calloc(SHELL_EVENTS_MAX, sizeof *s->events);
    if (s->events == NULL) {
        return ERR_NOMEM;
    }
    s->event_last = s->ledger.starts << EVENTS_START_SHIFT;
    s->event_first = s->event_last + 1;
    s->waiter_timer = loop_timer_new(host_loop(s->cell), UINT32_MAX, 0, on_waiters_due, s);
    return s->waiter_timer == NULL ? ERR_NOMEM : ERR_OK;
}

void events_close(struct shell *s)
{
    for (size_t i = 0; i < SHELL_WAITERS_MAX; i++) {
        if (s->waiters[i] != NULL) {
            cell_reply_error(s->waiters[i], ERR_UNAVAILABLE, "the node is going down", NULL);
            s->waiters[i] = NULL;
        }
    }
    loop_timer_free(s->waiter_timer);
    s->waiter_timer = NULL;
    free(s->events);
    s->events = NULL;
}

static uint64_t wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* Answer with what came after `after`. */
static enum err answer(struct shell *s, struct cell_call *call, uint64_t after)
{
    Cell__Nucleus__EventsReply reply = CELL__NUCLEUS__EVENTS_REPLY__INIT;
    uint64_t oldest = s->event_last - s->event_first >= SHELL_EVENTS_MAX
                          ? s->event_last - SHELL_EVENTS_MAX + 1 : s->event_first;
    uint64_t from = after + 1 > oldest ? after + 1 : oldest;
    size_t count = s->event_last >= from ? (size_t)(s->event_last - from + 1) : 0;

    if (count > EVENTS_REPLY_MAX) {
        count = EVENTS_REPLY_MAX;
    }
    Cell__Nucleus__Event *item = cell_call_alloc(call, (count + 1) * sizeof *item);
    Cell__Nucleus__Event **slot = cell_call_alloc(call, (count + 1) * sizeof *slot);
    if (item == NULL || slot == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct shell_event *e = &s->events[(from + i) % SHELL_EVENTS_MAX];
        item[i] = (Cell__Nucleus__Event)CELL__NUCLEUS__EVENT__INIT;
        item[i].sequence = e->sequence;
        item[i].time_ms = e->time_ms;
        item[i].cell = e->cell;
        item[i].namespace_ = e->space;
        item[i].instance = e->instance;
        item[i].kind = e->kind;
        item[i].detail = e->detail;
        slot[i] = &item[i];
    }
    reply.events = slot;
    reply.n_events = count;
    reply.last = count > 0 ? from + count - 1 : s->event_last;
    reply.lost = after != 0 && after + 1 < oldest ? oldest - after - 1 : 0;
    return cell_reply(call, &reply);
}

static void wake_waiters(struct shell *s, bool only_due)
{
    for (size_t i = 0; i < SHELL_WAITERS_MAX; i++) {
        struct cell_call *call = s->waiters[i];
        if (call != NULL && (!only_due || cell_call_remaining_ms(call) < 20)) {
            s->waiters[i] = NULL;
            enum err e = answer(s, call, s->waiter_after[i]);
            if (e != ERR_OK) {
                log_debug("NUCLEUS-EVENTS-UNSAID", "error=%s", err_name(e));
            }
        }
    }
}

/* An answer a little before the deadline says "nothing yet" instead of a time-out. */
static void on_waiters_due(void *context)
{
    struct shell *s = context;
    uint32_t next_ms = UINT32_MAX;

    wake_waiters(s, true);
    for (size_t i = 0; i < SHELL_WAITERS_MAX; i++) {
        if (s->waiters[i] != NULL) {
            uint32_t left_ms = cell_call_remaining_ms(s->waiters[i]);
            next_ms = left_ms < next_ms ? left_ms : next_ms;
        }
    }
    if (next_ms != UINT32_MAX) {
        loop_timer_again(s->waiter_timer, next_ms > 15 ? next_ms - 15 : 1, 0);
    }
}

void events_add(struct shell *s, const char *space, const char *cell, uint32_t instance,
                const char *kind, const char *format, ...)
{
    va_list args;

    if (s->events == NULL) {
        return;
    }
    struct shell_event *e = &s->events[++s->event_last % SHELL_EVENTS_MAX];
    *e = (struct shell_event){.sequence = s->event_last, .time_ms = wall_ms(),
                              .instance = instance};
    (void)snprintf(e->cell, sizeof e->cell, "%s", cell);
    (void)snprintf(e->space, sizeof e->space, "%s", space);
    (void)snprintf(e->kind, sizeof e->kind, "%s", kind);
    va_start(args, format);
    (void)vsnprintf(e->detail, sizeof e->detail, format, args);
    va_end(args);
    wake_waiters(s, false);
}

enum err events_serve(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__EventsRequest *ask = request;

    if (ask->wait_ms == 0 || ask->after < s->event_last) {
        return answer(s, call, ask->after);
    }
    if (ask->wait_ms > EVENTS_WAIT_MAX_MS) {
        cell_call_explain(call, "wait_ms is %" PRIu32 ", at most %d", ask->wait_ms,
                          EVENTS_WAIT_MAX_MS);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < SHELL_WAITERS_MAX; i++) {
        if (s->waiters[i] == NULL) {
            s->waiters[i] = call;
            s->waiter_after[i] = ask->after;
            on_waiters_due(s);
            return ERR_LATER;
        }
    }
    cell_call_explain(call, "%d readers wait for events already", SHELL_WAITERS_MAX);
    return ERR_LIMIT;
}
