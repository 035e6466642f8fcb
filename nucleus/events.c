/* What happened, for `cell events`: a ring in memory with a sequence number, read by long polls
 * from a revision. Sequences start at the nucleus's start count in the upper bits, so that they
 * grow across a crash and a reader sees that it lost the ring. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nucleus/events.h"
#include "nucleus/service.h"

enum {
    EVENTS_REPLY_MAX = 512,  /* in one answer; the reader asks again           */
    EVENTS_WAIT_MAX_MS = 60000,
    EVENTS_START_SHIFT = 40, /* 10^12 events a nucleus life                    */
};

static void on_waiters_due(void *context);

enum err events_open(struct shell *s)
{
    s->events = calloc(SHELL_EVENTS_MAX, sizeof(struct shell_event *));
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
    for (size_t i = 0; s->events != NULL && i < SHELL_EVENTS_MAX; i++) {
        free(s->events[i]);
    }
    free(s->events);
    s->events = NULL;
}

static uint64_t wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* `e` is borrowed until the answer is packed. */
static void fill(struct shell_event *e, Cell__Nucleus__Event *out)
{
    *out = (Cell__Nucleus__Event)CELL__NUCLEUS__EVENT__INIT;
    out->sequence = e->sequence;
    out->time_ms = e->time_ms;
    out->instance = e->instance;
    out->cell = e->text;
    out->namespace_ = e->text + e->space_at;
    out->kind = e->text + e->kind_at;
    out->detail = e->text + e->detail_at;
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
        struct shell_event *e = s->events[(from + i) % SHELL_EVENTS_MAX];
        if (e != NULL) { /* else it was lost for want of memory, as its number shows */
            fill(e, &item[reply.n_events]);
            slot[reply.n_events] = &item[reply.n_events];
            reply.n_events++;
        }
    }
    reply.events = slot;
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
    char detail[SHELL_EVENT_DETAIL_SIZE];
    size_t cell_size = strlen(cell) + 1, space_size = strlen(space) + 1;
    size_t kind_size = strlen(kind) + 1;
    va_list args;

    if (s->events == NULL) {
        return;
    }
    assert(cell_size <= NAME_SIZE && space_size <= NAME_SIZE && kind_size <= SHELL_EVENT_KIND_MAX + 1);
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    size_t detail_at = cell_size + space_size + kind_size;
    struct shell_event *e = malloc(sizeof *e + detail_at + strlen(detail) + 1);
    if (e == NULL) {
        log_error("NUCLEUS-EVENT-NOMEM", "kind=%s action=lost", kind);
    } else {
        *e = (struct shell_event){.sequence = s->event_last + 1, .time_ms = wall_ms(),
                                  .instance = instance, .space_at = (uint8_t)cell_size,
                                  .kind_at = (uint8_t)(cell_size + space_size),
                                  .detail_at = (uint8_t)detail_at};
        memcpy(e->text, cell, cell_size);
        memcpy(e->text + e->space_at, space, space_size);
        memcpy(e->text + e->kind_at, kind, kind_size);
        memcpy(e->text + e->detail_at, detail, strlen(detail) + 1);
    }
    struct shell_event **place = &s->events[++s->event_last % SHELL_EVENTS_MAX];
    free(*place);
    *place = e;
    wake_waiters(s, false);
}

enum err events_serve(void *state, struct cell_call *call, const void *request)
{
    struct shell *s = state;
    const Cell__Nucleus__EventsRequest *ask = request;
    enum err e = service_check_right(s, call, "Events");

    if (e != ERR_OK) {
        return e;
    }
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
