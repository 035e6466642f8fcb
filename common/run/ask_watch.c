/* Following a revision by long polls: each asks for what came after the last reply that was dealt
 * with, so nothing is missed and nothing told twice, whoever restarts in between. */
#include <assert.h>
#include <inttypes.h>

#include "common/run/ask_core.h"
#include "common/run/cell_ask.h"

enum {
    WATCH_FIRST_MS = 10,  /* after a failed poll; doubles … */
    WATCH_MAX_MS = 1000,  /* … to this                      */
};

struct cell_watch {
    struct cell *cell;
    struct cell_watch_def def;
    uint64_t last;       /* revision dealt with */
    uint64_t asked_ms;
    uint64_t id;         /* of the poll under way; 0: none */
    struct loop_timer *timer;
    uint32_t wait_ms;    /* before the next try; 0: the last one went well */
    bool is_calling;     /* a callback runs: it may stop the watch */
    bool is_stopped;
};

static void poll_now(struct cell_watch *w);

static void watch_free(struct cell_watch *w)
{
    loop_timer_free(w->timer);
    free(w);
}

static void on_timer(void *context)
{
    poll_now(context);
}

/* Try again after a while, longer each time, never two watchers in step. */
static void rest(struct cell_watch *w)
{
    w->wait_ms = w->wait_ms == 0 ? WATCH_FIRST_MS : 2 * w->wait_ms;
    w->wait_ms = w->wait_ms < WATCH_MAX_MS ? w->wait_ms : WATCH_MAX_MS;
    uint64_t drawn_ms = w->wait_ms / 2 + rng_below(&w->cell->asks->rng, w->wait_ms / 2 + 1);
    loop_timer_again(w->timer, drawn_ms, 0);
}

static void tell_trouble(struct cell_watch *w, enum err e, const char *text)
{
    if (w->def.trouble != NULL) {
        w->is_calling = true;
        w->def.trouble(w->def.context, e, text);
        w->is_calling = false;
    }
}

static void take(struct cell_watch *w, const struct ProtobufCMessage *reply)
{
    uint64_t last = w->def.get_last(reply);

    if (last < w->last) {
        /* It counts anew, from less than we have seen: waiting for it to catch up would miss what
         * it says until then. All it has now is new to us. */
        w->last = 0;
        tell_trouble(w, ERR_DATA_LOSS, "the callee's revisions went backwards");
        return;
    }
    if (last == w->last) {
        return; /* its wait ended and nothing had happened */
    }
    w->wait_ms = 0;
    w->last = last; /* before the callback: it may ask how far we are */
    w->is_calling = true;
    w->def.news(w->def.context, reply, last);
    w->is_calling = false;
}

static void on_polled(void *context, enum err e, const struct ProtobufCMessage *reply,
                      const char *text)
{
    struct cell_watch *w = context;
    uint64_t last = w->last;

    w->id = 0;
    if (!w->is_stopped && e == ERR_OK) {
        take(w, reply);
    } else if (!w->is_stopped && e != ERR_TIMEOUT && e != ERR_CANCELLED) {
        /* A poll that waited too long is a poll; one that is cancelled ends with the cell. */
        tell_trouble(w, e, text);
    }
    if (w->is_stopped) {
        watch_free(w);
    } else if (e == ERR_OK && (w->last != last || loop_now_ms() >= w->asked_ms + WATCH_FIRST_MS)) {
        poll_now(w);
    } else if (e != ERR_CANCELLED) { /* the cell is stopping: its `stop` hook stops the watch */
        rest(w); /* also from a callee that answers at once that nothing has happened */
    }
}

static void poll_now(struct cell_watch *w)
{
    struct cell_ask ask = {
        .target = w->def.target,
        .operation = w->def.operation,
        .request = w->def.request,
        .reply = w->def.reply,
        .deadline_ms = w->def.poll_ms,
        .done = on_polled,
        .context = w,
        .is_idempotent = true, /* reading after a revision changes nothing */
        .ret_id = &w->id,
    };

    w->asked_ms = loop_now_ms();
    w->def.set_from((struct ProtobufCMessage *)w->def.request, w->last);
    enum err e = cell_ask(w->cell, &ask);
    if (e != ERR_OK) {
        w->id = 0;
        if (e != ERR_CANCELLED) {
            rest(w); /* too much is outstanding just now */
        }
    }
}

struct cell_watch *cell_watch_start(struct cell *cell, const struct cell_watch_def *def)
{
    struct cell_watch *w = calloc(1, sizeof *w);

    if (w == NULL) {
        return NULL;
    }
    *w = (struct cell_watch){.cell = cell, .def = *def, .last = def->from};
    w->timer = loop_timer_new(cell->loop, 0, 0, on_timer, w); /* the first poll is made there */
    if (w->timer == NULL) {
        free(w);
        return NULL;
    }
    return w;
}

void cell_watch_stop(struct cell_watch *w)
{
    if (w == NULL || w->is_stopped) {
        return;
    }
    w->is_stopped = true;
    if (w->id != 0 && cell_ask_cancel(w->cell, w->id) == ERR_OK) {
        return; /* freed when the poll has ended */
    }
    if (w->id == 0 && !w->is_calling) {
        watch_free(w);
    }
}

uint64_t cell_watch_last(const struct cell_watch *w)
{
    return w->last;
}
