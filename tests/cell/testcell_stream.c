/* Answers in parts, and long polls on a list that survives the process. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "common/run/loop.h"
#include "testcell.h"
#include "testcell.pb-c.h"

enum { ITEMS_MAX = 100000, PART_MAX = 1 << 16 };

struct testcell_stream {
    struct testcell_stream *next, **back;
    struct testcell *t;
    struct cell_call *call;
    uint32_t parts, sent;
    Cell__Testcell__StreamReply reply;
};

struct testcell_waiter {
    struct testcell_waiter *next, **back;
    struct testcell *t;
    struct cell_call *call;
    struct cell_timer *timer;
    uint64_t after;
};

/* ---- streams ----------------------------------------------------------------------------------- */

static void stream_free(struct testcell_stream *s)
{
    *s->back = s->next;
    if (s->next != NULL) {
        s->next->back = s->back;
    }
    free(s->reply.data.data);
    free(s);
}

static void on_void(void *context, enum err e)
{
    struct testcell_stream *s = context;

    s->t->cancels += e == ERR_CANCELLED;
    s->t->expired += e == ERR_TIMEOUT;
    s->t->cancel_us = loop_now_us();
    cell_reply_error(s->call, e, NULL, NULL);
    stream_free(s);
}

/* Send what the caller takes, and the last one after that. */
static void on_credit(void *context)
{
    struct testcell_stream *s = context;

    while (cell_call_credit(s->call) > 0 && (s->parts == 0 || s->sent < s->parts)) {
        s->reply.number = s->sent + 1;
        enum err e = cell_reply_part(s->call, &s->reply);
        if (e != ERR_OK) {
            log_info("TESTCELL-PART", "error=%s", err_name(e));
            return;
        }
        s->sent++;
        s->t->parts++;
        s->t->part_us = loop_now_us();
    }
    if (s->parts != 0 && s->sent == s->parts) {
        s->reply.number = s->sent + 1;
        s->reply.last = true;
        if (cell_reply(s->call, &s->reply) != ERR_OK) {
            log_info("TESTCELL-PART", "what=last");
        }
        stream_free(s);
    }
}

enum err testcell_stream(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__StreamRequest *ask = request;
    struct testcell *t = state;

    if (ask->size > PART_MAX) {
        return ERR_RANGE;
    }
    if (cell_call_credit(call) == 0) {
        Cell__Testcell__StreamReply reply = CELL__TESTCELL__STREAM_REPLY__INIT;
        enum err e = cell_reply_part(call, &reply); /* says why */
        return e == ERR_OK ? ERR_INTERNAL : e;
    }
    struct testcell_stream *s = calloc(1, sizeof *s);
    uint8_t *data = calloc(1, ask->size + 1);
    if (s == NULL || data == NULL) {
        free(s);
        free(data);
        return ERR_NOMEM;
    }
    *s = (struct testcell_stream){.t = t, .call = call, .parts = ask->parts, .next = t->streams,
                                  .back = &t->streams, .reply = CELL__TESTCELL__STREAM_REPLY__INIT};
    s->reply.data.data = data;
    s->reply.data.len = ask->size;
    if (s->next != NULL) {
        s->next->back = &s->next;
    }
    t->streams = s;
    cell_call_on_cancel(call, on_void, s);
    cell_call_on_credit(call, on_credit, s);
    on_credit(s);
    return ERR_LATER;
}

enum err testcell_counts(void *state, struct cell_call *call, const void *request)
{
    const struct testcell *t = state;
    Cell__Testcell__CountsReply reply = CELL__TESTCELL__COUNTS_REPLY__INIT;

    (void)request;
    reply.echoes = t->echo_count;
    reply.parts = t->parts;
    reply.part_us = t->part_us;
    reply.cancels = t->cancels;
    reply.cancel_us = t->cancel_us;
    reply.expired = t->expired;
    reply.heard = t->heard;
    return cell_reply(call, &reply);
}

/* ---- the list ---------------------------------------------------------------------------------- */

static void waiter_free(struct testcell_waiter *w)
{
    *w->back = w->next;
    if (w->next != NULL) {
        w->next->back = w->back;
    }
    cell_timer_stop(w->timer);
    free(w);
}

static enum err answer_watch(const struct testcell *t, struct cell_call *call, uint64_t after)
{
    Cell__Testcell__WatchReply reply = CELL__TESTCELL__WATCH_REPLY__INIT;

    reply.last = t->item_count;
    if (after < t->item_count) {
        reply.items = t->items + after;
        reply.n_items = t->item_count - (size_t)after;
    }
    return cell_reply(call, &reply);
}

static void on_waited(void *context)
{
    struct testcell_waiter *w = context;

    if (answer_watch(w->t, w->call, w->after) != ERR_OK) {
        log_info("TESTCELL-WATCH", "what=late");
    }
    waiter_free(w);
}

static void on_watch_void(void *context, enum err e)
{
    struct testcell_waiter *w = context;

    w->t->cancels += e == ERR_CANCELLED;
    cell_reply_error(w->call, e, NULL, NULL);
    waiter_free(w);
}

enum err testcell_watch(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__WatchRequest *ask = request;
    struct testcell *t = state;

    if (ask->after != t->item_count || ask->wait_ms == 0) {
        return answer_watch(t, call, ask->after);
    }
    struct testcell_waiter *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return ERR_NOMEM;
    }
    *w = (struct testcell_waiter){.t = t, .call = call, .after = ask->after, .next = t->waiters,
                                  .back = &t->waiters};
    w->timer = cell_timer_start(t->cell, ask->wait_ms, 0, on_waited, w);
    if (w->timer == NULL) {
        free(w);
        return ERR_NOMEM;
    }
    if (w->next != NULL) {
        w->next->back = &w->next;
    }
    t->waiters = w;
    cell_call_on_cancel(call, on_watch_void, w);
    return ERR_LATER;
}

enum err testcell_push(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__PushRequest *ask = request;
    struct testcell *t = state;
    Cell__Testcell__PushReply reply = CELL__TESTCELL__PUSH_REPLY__INIT;

    if (t->item_count == ITEMS_MAX) {
        return ERR_LIMIT;
    }
    if (write(t->list_fd, &ask->item, sizeof ask->item) != sizeof ask->item) {
        return ERR_IO;
    }
    t->items[t->item_count++] = ask->item;
    while (t->waiters != NULL) {
        on_waited(t->waiters);
    }
    reply.last = t->item_count;
    return cell_reply(call, &reply);
}

/* The list as the last process left it. Runs while files may be opened. */
enum err testcell_stream_open(struct testcell *t)
{
    char path[512];

    t->list_fd = -1;
    t->items = calloc(ITEMS_MAX, sizeof *t->items);
    if (t->items == NULL) {
        return ERR_NOMEM;
    }
    if (cell_state_dir(t->cell)[0] == '\0') {
        return ERR_OK;
    }
    (void)snprintf(path, sizeof path, "%s/list", cell_state_dir(t->cell));
    t->list_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t size = t->list_fd < 0 ? -1 : read(t->list_fd, t->items, ITEMS_MAX * sizeof *t->items);
    t->item_count = size < 0 ? 0 : (size_t)size / sizeof *t->items;
    return t->list_fd < 0 ? ERR_IO : ERR_OK;
}

void testcell_stream_stop(struct testcell *t)
{
    while (t->streams != NULL) {
        stream_free(t->streams);
    }
    while (t->waiters != NULL) {
        waiter_free(t->waiters);
    }
    if (t->items != NULL && t->list_fd >= 0) {
        (void)close(t->list_fd);
    }
    free(t->items);
    t->items = NULL;
}
