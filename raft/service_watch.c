/* Watches: long polls from a revision, over a place in the journal (watch.h). */
#include <inttypes.h>
#include <stdlib.h>

#include "common/run/log.h"
#include "raft/service_wait.h"
#include "raft/watch.h"

/* The watch of a poll that waits; its place goes on over what is not its own, so that nothing is looked at twice. */
struct raft_watch_place {
    struct raft_watch watch;
    uint8_t buffer[RAFT_KEY_MAX];
};

/* Events under construction. */
struct events {
    struct event {
        Cell__Raft__Event base;
        Cell__Raft__Pair pair, previous;
    } *all;
    size_t count, room;
    bool is_short;
};

static void show_event(void *context, const struct raft_record *r, const struct raft_record *previous)
{
    struct events *x = context;
    struct raft_pair pair;

    if (x->count == x->room && !x->is_short) {
        size_t room = x->room > 0 ? x->room * 2 : 16;
        struct event *wide = realloc(x->all, room * sizeof wide[0]);

        x->is_short = wide == NULL;
        x->all = wide != NULL ? wide : x->all;
        x->room = wide != NULL ? room : x->room;
    }
    if (x->is_short) {
        return;
    }
    struct event *one = &x->all[x->count++];
    cell__raft__event__init(&one->base);
    one->base.is_delete = raft_record_is_delete(r);
    raft_answer_pair_of(r, &pair);
    raft_wire_pair(&pair, false, &one->pair);
    if (previous != NULL && !raft_record_is_delete(previous)) {
        raft_answer_pair_of(previous, &pair);
        raft_wire_pair(&pair, false, &one->previous);
        one->base.previous = &one->previous;
    }
}

static void reply_events(struct cell_call *call, const struct raft_kv *kv, struct events *x, const struct raft_seen *seen)
{
    Cell__Raft__WatchReply reply = CELL__RAFT__WATCH_REPLY__INIT;
    AUTO_FREE Cell__Raft__Event **slot = calloc(x->count + 1, sizeof slot[0]);

    if (slot == NULL || x->is_short) {
        cell_reply_error(call, ERR_NOMEM, NULL, NULL);
        return;
    }
    /* Only now: the array moved while it grew. */
    for (size_t i = 0; i < x->count; i++) {
        struct event *one = &x->all[i];

        one->base.pair = &one->pair;
        one->base.previous = one->base.previous != NULL ? &one->previous : NULL;
        slot[i] = &one->base;
    }
    reply.revision = kv->revision;
    reply.events = slot;
    reply.n_events = x->count;
    reply.next = seen->next;
    reply.next_part = seen->next_part;
    raft_service_reply(call, &reply);
}

/* Nothing is delivered, and `missed` is the last revision that this member cannot tell of. */
static void reply_missed(struct cell_call *call, const struct raft_kv *kv, uint64_t missed)
{
    Cell__Raft__WatchReply reply = CELL__RAFT__WATCH_REPLY__INIT;

    reply.revision = kv->revision;
    reply.compacted = missed;
    reply.next = kv->revision + 1;
    raft_service_reply(call, &reply);
}

static bool look_events(struct raft_service_waiter *w, bool is_over)
{
    const struct raft_kv *kv = raft_shell_kv(w->v->shell);
    struct raft_watch *watch = &w->place->watch;
    struct events x = {0};
    struct raft_seen seen;
    enum err e = raft_watch_collect(kv, watch, RAFT_PAGE_BYTES, show_event, &x, &seen);

    if (e == ERR_RANGE) {
        reply_missed(w->call, kv, kv->journal.compacted);
        return true;
    }
    if (e != ERR_OK) {
        cell_reply_error(w->call, e, NULL, NULL);
        free(x.all);
        return true;
    }
    if (seen.lost != 0 && x.count == 0 && !x.is_short) {
        /* Refused it would come again, to the same place, until that is forgotten. */
        log_error("RAFT-WATCH-ROTTEN", "revision=%" PRIu64 " effect=\"a watcher is told that it is forgotten, and looks at what is now\"", seen.lost);
        reply_missed(w->call, kv, seen.lost);
        free(x.all);
        return true;
    }
    if (x.count > 0 || x.is_short || seen.has_more || is_over) {
        reply_events(w->call, kv, &x, &seen);
        free(x.all);
        return true;
    }
    if (raft_shell_is_removed(w->v->shell)) { /* nothing will ever come */
        raft_service_refuse(w->v, w->call, ERR_NOT_LEADER);
        return true;
    }
    watch->from = seen.next;
    watch->from_part = seen.next_part;
    return false;
}

enum err raft_service_watch(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = raft_shell_service(state);
    const Cell__Raft__WatchRequest *ask = request;
    struct raft_service_waiter *w = cell_call_alloc(call, sizeof *w);
    struct raft_watch_place *place = cell_call_alloc(call, sizeof *place);

    if (w == NULL || place == NULL) {
        return ERR_NOMEM;
    }
    if (raft_shell_kv(v->shell)->is_loading) {
        cell_call_explain(call, "a restore is going on");
        return ERR_UNAVAILABLE;
    }
    /* From now on means: after what there is now, also when the poll waits for it. */
    uint64_t from = ask->from != 0 ? ask->from : raft_shell_kv(v->shell)->revision + 1;
    place->watch = (struct raft_watch){.from = from, .from_part = ask->from_part, .without_puts = ask->without_puts,
                                       .without_deletes = ask->without_deletes, .with_previous = ask->with_previous};
    enum err e = raft_wire_span(call, &ask->key, &ask->end, ask->is_prefix, place->buffer, &place->watch.span);
    if (e != ERR_OK) {
        return e;
    }
    *w = (struct raft_service_waiter){.v = v, .call = call, .request = request, .place = place, .look = look_events};
    return raft_service_wait(w, ask->wait_ms);
}
