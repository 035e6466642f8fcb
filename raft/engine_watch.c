/* Watches in etcd. A long poll opens a stream of etcd's, waits for its first events, answers with them and closes it; the
 * next one begins where that ended, so nothing is kept between two. Events of one revision come together, or in fragments;
 * an answer may end within a revision and says after how many of its events.
 *
 * A poll without events says where to go on: at the same revision, for etcd does not tell up to where it has looked
 * (progress that is asked for may overtake events that are still to come: etcd-io/etcd#15220). */
#include <stdlib.h>
#include <string.h>

#include "common/run/cell_call.h"
#include "raft/engine_keys.h"
#include "raft/service.h"
#include "raft/wire.h"

enum { EVENT_COST = 128 }; /* what an event costs in an answer beside keys and values */

struct raft_engine_etcd_watch {
    uint64_t from;     /* 0: from now on, until etcd says what that is */
    uint64_t revision; /* of etcd when the stream began                */
    uint32_t skip;     /* events of `from` that were delivered already */
    bool has_begun;
    bool with_previous;
};

struct event {
    Cell__Raft__Event base;
    Cell__Raft__Pair pair, previous;
};

/* The stream is of no more use. */
static void end_stream(struct raft_engine_etcd_ask *k)
{
    if (k->is_asking) {
        raft_engine_link_withdraw(k->engine->links, &k->question);
        k->is_asking = false;
    }
}

/* ---- an answer ------------------------------------------------------------------------------------ */

static enum err fill_event(const struct raft_engine_etcd_watch *w, const json_t *from, struct arena *a, struct event *ret)
{
    const json_t *previous = w->with_previous ? raft_engine_json_get(from, "prev_kv") : NULL;

    cell__raft__event__init(&ret->base);
    enum err e = raft_engine_keys_pair(raft_engine_json_get(from, "kv"), a, &ret->pair);
    if (e == ERR_OK && previous != NULL) {
        e = raft_engine_keys_pair(previous, a, &ret->previous);
        ret->base.previous = &ret->previous;
    }
    ret->base.is_delete = strcmp(raft_engine_json_string(from, "type"), "DELETE") == 0; /* puts are the default: left out */
    ret->base.pair = &ret->pair;
    return e;
}

/* Events that were not delivered before, as many as a page holds; *ret_is_cut: there are more. It goes on at `next`, behind
 * `next_part` of its events. */
static enum err fill_events(const struct raft_engine_etcd_watch *w, const json_t *events, struct arena *a,
                            Cell__Raft__WatchReply *out, bool *ret_is_cut)
{
    size_t count = json_array_size(events), bytes = 0;
    struct event *all = arena_alloc(a, (count + 1) * sizeof all[0]);
    uint32_t skipped = 0, part = 0;

    out->events = arena_alloc(a, (count + 1) * sizeof out->events[0]);
    if (all == NULL || out->events == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct event *one = &all[i];
        enum err e = fill_event(w, json_array_get(events, i), a, one);

        if (e != ERR_OK) {
            return e;
        }
        if (one->pair.modified == w->from && skipped < w->skip) {
            skipped++;
            part = skipped;
            out->next = one->pair.modified;
            continue;
        }
        bytes += EVENT_COST + one->pair.key.len + one->pair.value.len +
                 (one->base.previous != NULL ? one->previous.key.len + one->previous.value.len : 0);
        if (out->n_events > 0 && bytes > RAFT_PAGE_BYTES) {
            out->next_part = one->pair.modified == out->next ? part : 0;
            out->next = one->pair.modified;
            *ret_is_cut = true;
            return ERR_OK;
        }
        part = one->pair.modified == out->next ? part + 1 : 1;
        out->next = one->pair.modified; /* of the last event: it goes on behind it */
        out->events[out->n_events++] = &one->base;
    }
    out->next_part = part;
    return ERR_OK;
}

static void answer_events(struct raft_engine_etcd_ask *k, const json_t *result, size_t size)
{
    struct raft_engine_etcd_watch *w = k->watch;
    Cell__Raft__WatchReply out = CELL__RAFT__WATCH_REPLY__INIT;
    const json_t *events = raft_engine_json_get(result, "events");
    struct arena arena;
    bool is_cut = false;

    arena_init(&arena, RAFT_ENGINE_ETCD_ARENA_FACTOR * (size + 4096));
    enum err e = fill_events(w, events, &arena, &out, &is_cut);
    out.revision = raft_engine_etcd_revision(result);
    if (e != ERR_OK) {
        end_stream(k);
        raft_engine_keys_unread(k, e);
    } else if (out.n_events > 0) {
        /* All of this message was taken: its last revision is whole unless more fragments of it follow. */
        if (!is_cut && !raft_engine_json_is(result, "fragment")) {
            out.next++;
            out.next_part = 0;
        }
        end_stream(k);
        raft_engine_etcd_reply(k, &out);
    } else if (!raft_engine_json_is(result, "fragment")) {
        w->from = out.next + 1; /* all of it was delivered before */
        w->skip = 0;
    } else {
        w->skip -= out.next_part; /* the next fragment goes on within the revision */
    }
    arena_fini(&arena);
}

static void answer_compacted(struct raft_engine_etcd_ask *k, const json_t *result)
{
    Cell__Raft__WatchReply out = CELL__RAFT__WATCH_REPLY__INIT;

    out.revision = raft_engine_etcd_revision(result);
    out.compacted = raft_engine_json_number(result, "compact_revision");
    out.next = (k->watch->revision > out.revision ? k->watch->revision : out.revision) + 1;
    end_stream(k);
    raft_engine_etcd_reply(k, &out);
}

/* Nothing happened so far. */
static void answer_nothing(struct raft_engine_etcd_ask *k)
{
    Cell__Raft__WatchReply out = CELL__RAFT__WATCH_REPLY__INIT;

    out.revision = k->watch->revision;
    out.next = k->watch->from;
    out.next_part = k->watch->skip;
    end_stream(k);
    raft_engine_etcd_reply(k, &out);
}

static void on_due(void *context)
{
    answer_nothing(context);
}

/* etcd stops, or the connection was lost: whoever asked goes on from where it is. */
bool raft_engine_watch_ended(struct raft_engine_etcd_ask *k)
{
    bool has_begun = k->watch->has_begun;

    if (has_begun) {
        answer_nothing(k);
    }
    return has_begun;
}

/* The stream is there, and what is true from now on is known. */
static void begun(struct raft_engine_etcd_ask *k, const json_t *result)
{
    const Cell__Raft__WatchRequest *asked = k->request;
    struct raft_engine_etcd_watch *w = k->watch;
    uint64_t now_ms = cell_now_ms(k->engine->cell), wait_ms = asked->wait_ms;

    w->revision = raft_engine_etcd_revision(result);
    w->has_begun = true;
    k->question.is_repeatable = false; /* its end is answered */
    if (w->from == 0) {
        w->from = w->revision + 1;
    } else if (w->from <= w->revision && wait_ms < RAFT_ENGINE_ETCD_SETTLE_MS) {
        wait_ms = RAFT_ENGINE_ETCD_SETTLE_MS; /* what was before comes a moment later than what is new */
    }
    uint64_t due_ms = now_ms + wait_ms < k->question.until_ms ? now_ms + wait_ms : k->question.until_ms;
    k->timer = cell_timer_start(k->engine->cell, due_ms > now_ms ? due_ms - now_ms : 0, 0, on_due, k);
    if (k->timer == NULL) {
        end_stream(k);
        raft_engine_etcd_fail(k, ERR_NOMEM, NULL);
    }
    /* The end of the poll is the timer's, or, when its clock is late, the runtime's. */
    k->question.until_ms = UINT64_MAX;
}

/* ---- the stream ----------------------------------------------------------------------------------- */

void raft_engine_watch_line(struct raft_engine_question *q, const char *text, size_t size)
{
    struct raft_engine_etcd_ask *k = q->context;
    json_t *message = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    const json_t *result = raft_engine_json_get(message, "result"), *error = raft_engine_json_get(message, "error");

    if (error != NULL) {
        const char *why;
        enum err e = raft_engine_etcd_error((uint32_t)raft_engine_json_number(error, "grpc_code"),
                                            raft_engine_json_string(error, "message"), &why);
        end_stream(k);
        raft_engine_etcd_fail(k, e, why);
    } else if (result == NULL) {
        end_stream(k);
        raft_engine_etcd_fail(k, ERR_ABORTED, "etcd's stream has what is no message of a watch");
    } else if (raft_engine_json_number(result, "compact_revision") > 0) {
        answer_compacted(k, result);
    } else if (raft_engine_json_is(result, "canceled")) {
        end_stream(k);
        cell_call_explain(k->call, "etcd has ended the watch: %s", raft_engine_json_string(result, "cancel_reason"));
        raft_engine_etcd_fail(k, ERR_UNAVAILABLE, NULL);
    } else if (raft_engine_json_is(result, "created")) {
        begun(k, result);
    } else if (json_array_size(raft_engine_json_get(result, "events")) > 0) {
        answer_events(k, result, size);
    }
    json_decref(message);
}

/* The stream ended by itself, which etcd does when it stops. */
static void take_end(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    (void)reply;
    (void)a;
    if (!raft_engine_watch_ended(k)) {
        raft_engine_etcd_fail(k, ERR_UNAVAILABLE, "etcd has ended the stream");
    }
}

static json_t *watch_body(struct raft_engine_json *j, const Cell__Raft__WatchRequest *asked, const struct raft_span *span)
{
    json_t *body = raft_engine_json_object(j), *create = raft_engine_json_object(j), *filters = raft_engine_json_array(j);

    raft_engine_keys_span(j, create, span);
    raft_engine_json_u64(j, create, "start_revision", asked->from);
    raft_engine_json_flag(j, create, "prev_kv", asked->with_previous);
    raft_engine_json_flag(j, create, "fragment", true);
    if (asked->without_puts) {
        raft_engine_json_push(j, filters, json_string("NOPUT"));
    }
    if (asked->without_deletes) {
        raft_engine_json_push(j, filters, json_string("NODELETE"));
    }
    raft_engine_json_set(j, create, "filters", filters);
    raft_engine_json_set(j, body, "create_request", create);
    return body;
}

enum err raft_engine_watch_watch(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__WatchRequest *asked = request;
    struct raft_engine_json j = {0};
    struct raft_span span;
    uint8_t buffer[RAFT_KEY_MAX];
    enum err e = raft_wire_span(call, &asked->key, &asked->end, asked->is_prefix, buffer, &span);

    if (e == ERR_OK && asked->wait_ms > RAFT_SERVICE_WAIT_MAX_MS) {
        cell_call_explain(call, "wait_ms is %u, at most %d", asked->wait_ms, RAFT_SERVICE_WAIT_MAX_MS);
        e = ERR_INVALID;
    }
    if (e == ERR_OK && asked->from > INT64_MAX) {
        cell_call_explain(call, "etcd's revisions end at %lld", (long long)INT64_MAX);
        e = ERR_INVALID;
    }
    struct raft_engine_etcd_ask *k = e == ERR_OK ? raft_engine_etcd_new(state, call, request) : NULL;
    if (k == NULL) {
        return e == ERR_OK ? ERR_NOMEM : e;
    }
    k->watch = calloc(1, sizeof *k->watch);
    if (k->watch == NULL) {
        j.is_short = true;
    } else {
        *k->watch = (struct raft_engine_etcd_watch){.from = asked->from, .skip = asked->from_part, .with_previous = asked->with_previous};
    }
    return raft_engine_etcd_ask(k, "/v3/watch", &j, watch_body(&j, asked, &span), true, take_end);
}
