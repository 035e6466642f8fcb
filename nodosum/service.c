#include "nodosum/service.h"

#include <string.h>

#include "common/run/loop.h"
#include "nodosum/wire.h"

enum { LAN_COUNTS = 13 };

static bool is_self(const struct nodosum_shell *s, const struct nodosum_id *id)
{
    return memcmp(id->byte, s->keys.id, sizeof id->byte) == 0;
}

static bool is_living(const struct nodosum_view *v)
{
    return v->state == NODOSUM_ALIVE || v->state == NODOSUM_SUSPECT;
}

/* ---- members --------------------------------------------------------------------------------------- */

uint32_t nodosum_service_after(const struct nodosum *core, const struct nodosum_id *id)
{
    uint32_t low = 0, high = nodosum_core_count(core);

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct nodosum_view v = nodosum_core_view(core, middle);
        bool is_after = memcmp(v.id.byte, id->byte, sizeof id->byte) > 0;
        low = is_after ? low : middle + 1;
        high = is_after ? middle : high;
    }
    return low;
}

enum err nodosum_service_members(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__MembersRequest *ask = request;
    Cell__Nodosum__MembersReply reply = CELL__NODOSUM__MEMBERS_REPLY__INIT;
    uint32_t count = nodosum_core_count(s->core), most = ask->most;
    struct nodosum_id after;
    bool has_after;
    enum err e = nodosum_wire_id(&ask->after, &has_after, &after);

    if (e != ERR_OK) {
        cell_call_explain(call, "after has %zu bytes, expected 0 or %d", ask->after.len, NODOSUM_ID_SIZE);
        return e;
    }
    most = most == 0 || most > NODOSUM_SERVICE_PAGE_MAX ? NODOSUM_SERVICE_PAGE_MAX : most;
    reply.members = cell_call_alloc(call, sizeof *reply.members * (most < count ? most : count));
    for (uint32_t i = has_after ? nodosum_service_after(s->core, &after) : 0; reply.members != NULL && i < count; i++) {
        struct nodosum_view v = nodosum_core_view(s->core, i);
        if (!is_living(&v) && !ask->with_gone && !is_self(s, &v.id)) {
            continue;
        }
        if (reply.n_members == most) {
            reply.has_more = true;
            break;
        }
        Cell__Nodosum__Member *one = nodosum_wire_member(call, &v, is_self(s, &v.id));
        if (one == NULL) {
            return ERR_NOMEM;
        }
        reply.members[reply.n_members++] = one;
    }
    reply.revision = s->revision;
    reply.living = nodosum_core_living(s->core);
    return reply.members == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}

/* ---- long polls ------------------------------------------------------------------------------------ */

static enum err answer_watch(struct nodosum_shell *s, struct cell_call *call, uint64_t after)
{
    Cell__Nodosum__WatchReply reply = CELL__NODOSUM__WATCH_REPLY__INIT;
    struct nodosum_event event[NODOSUM_SERVICE_EVENTS_MAX];
    uint32_t count = 0;

    reply.is_lost = nodosum_core_events(s->core, after, event, ARRAY_LEN(event), &count) != ERR_OK;
    reply.events = cell_call_alloc(call, sizeof *reply.events * (count + 1));
    if (reply.events == NULL) {
        return ERR_NOMEM;
    }
    for (; reply.n_events < count; reply.n_events++) {
        reply.events[reply.n_events] = nodosum_wire_event(call, s->core, &event[reply.n_events]);
        if (reply.events[reply.n_events] == NULL) {
            return ERR_NOMEM;
        }
    }
    reply.last = reply.is_lost ? s->revision : after + count;
    return cell_reply(call, &reply);
}

enum err nodosum_service_watch(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__WatchRequest *ask = request;

    /* A revision of the future is of another process: it is told so at once. */
    if (ask->after != s->revision || ask->wait_ms == 0) {
        return answer_watch(s, call, ask->after);
    }
    return nodosum_waiters_add(&s->waiters, NODOSUM_WAITING_WATCH, call, ask->after, ask->wait_ms);
}

static enum err answer_rtts(struct nodosum_shell *s, struct cell_call *call, uint64_t after)
{
    Cell__Nodosum__RttsReply reply = CELL__NODOSUM__RTTS_REPLY__INIT;
    uint64_t oldest = s->rtts > NODOSUM_SHELL_RTTS_MAX ? s->rtts - NODOSUM_SHELL_RTTS_MAX : 0;
    uint64_t now_ms = loop_now_ms();

    after = after > s->rtts ? 0 : after; /* of another process: everything here is new to the caller */
    reply.lost = after < oldest ? oldest - after : 0;
    after += reply.lost;
    reply.samples = cell_call_alloc(call, sizeof *reply.samples * NODOSUM_SERVICE_RTTS_MAX);
    if (reply.samples == NULL) {
        return ERR_NOMEM;
    }
    for (; after < s->rtts && reply.n_samples < NODOSUM_SERVICE_RTTS_MAX; after++) {
        const struct nodosum_sample *sample = &s->rtt[after % NODOSUM_SHELL_RTTS_MAX];
        struct nodosum_view v;
        bool is_known = nodosum_core_find(s->core, &sample->rtt.id, &v);
        Cell__Nodosum__Rtt *one = nodosum_wire_rtt(call, sample, is_known ? &v : NULL, after + 1, now_ms);
        if (one == NULL) {
            return ERR_NOMEM;
        }
        reply.samples[reply.n_samples++] = one;
    }
    reply.last = after;
    return cell_reply(call, &reply);
}

enum err nodosum_service_rtts(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__RttsRequest *ask = request;

    if (ask->after != s->rtts || ask->wait_ms == 0) {
        return answer_rtts(s, call, ask->after);
    }
    return nodosum_waiters_add(&s->waiters, NODOSUM_WAITING_RTTS, call, ask->after, ask->wait_ms);
}

enum err nodosum_service_leave(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    Cell__Nodosum__LeaveReply reply = CELL__NODOSUM__LEAVE_REPLY__INIT;

    (void)request;
    /* It waits until the core says so, or for its caller; a leave that began goes on without one. */
    return nodosum_shell_leave(s) ? cell_reply(call, &reply)
                                  : nodosum_waiters_add(&s->waiters, NODOSUM_WAITING_LEAVE, call, 0,
                                                        NODOSUM_WAITERS_MS_MAX);
}

void nodosum_service_answer(void *context, const struct nodosum_waiter *w)
{
    struct nodosum_shell *s = context;
    Cell__Nodosum__LeaveReply left = CELL__NODOSUM__LEAVE_REPLY__INIT;
    enum err e = ERR_INTERNAL;

    switch (w->kind) {
    case NODOSUM_WAITING_WATCH:
        e = answer_watch(s, w->call, w->after);
        break;
    case NODOSUM_WAITING_RTTS:
        e = answer_rtts(s, w->call, w->after);
        break;
    case NODOSUM_WAITING_LEAVE:
        e = s->fx.has_left ? cell_reply(w->call, &left) : ERR_TIMEOUT;
        if (e == ERR_TIMEOUT && !s->fx.has_left) {
            cell_reply_error(w->call, e, "not everybody was told in time; it goes on", NULL);
        }
        return;
    case NODOSUM_WAITING_KEYS:
        e = nodosum_service_keys_answer(s, w->call);
        break;
    case NODOSUM_WAITING_NONE:
        return;
    }
    if (e == ERR_NOMEM) {
        cell_reply_error(w->call, e, NULL, NULL);
    } /* otherwise cell_reply has ended the call, whatever it says */
}

/* ---- topology -------------------------------------------------------------------------------------- */

/* Insert `v` into a list that is ordered by round trip and keeps the nearest; 0 is unknown, and last. */
static void keep_nearest(struct nodosum_view *list, uint32_t *count, uint32_t most, const struct nodosum_view *v)
{
    uint32_t at = *count;

    while (at > 0 && v->rtt_us != 0 && (list[at - 1].rtt_us == 0 || list[at - 1].rtt_us > v->rtt_us)) {
        at--;
    }
    if (at == most) {
        return;
    }
    *count += *count < most;
    memmove(&list[at + 1], &list[at], (*count - at - 1) * sizeof *list);
    list[at] = *v;
}

static bool add_counts(struct nodosum_shell *s, struct cell_call *call, Cell__Nodosum__TopologyReply *reply)
{
    const struct nodosum_counters *c = nodosum_core_counters(s->core);
    struct datagram_numbers d;

    datagram_count(s->datagram, &d);
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"packets_in", c->packets_in}, {"packets_out", c->packets_out}, {"bytes_in", c->bytes_in},
        {"bytes_out", c->bytes_out}, {"malformed", c->malformed}, {"strangers", c->strangers}, {"forged", c->forged}, {"doubted", c->doubted}, {"full", c->full},
        {"unsent", c->unsent}, {"held", c->held}, {"probes", c->probes}, {"probes_failed", c->probes_failed},
        {"acks_late", c->acks_late}, {"lateness", c->lateness}, {"suspected", c->suspected},
        {"confirmed", c->confirmed}, {"refuted", c->refuted}, {"died", c->died}, {"datagrams_in", d.datagrams_in},
        {"datagrams_out", d.datagrams_out}, {"sessions", d.sealed.meetings}, {"peers", d.sealed.peers}, {"idle", d.sealed.idle},
        {"kernel_drops", d.kernel_drops}, {"queue_full", d.queue_full}, {"unsendable", d.unsendable}, {"untaken", s->untaken},
    };
    reply->counts = cell_call_alloc(call, sizeof *reply->counts * (ARRAY_LEN(rows) + LAN_COUNTS));
    for (; reply->counts != NULL && reply->n_counts < ARRAY_LEN(rows); reply->n_counts++) {
        Cell__Nodosum__Count *one = nodosum_wire_count(call, rows[reply->n_counts].name, rows[reply->n_counts].value);
        if (one == NULL) {
            return false;
        }
        reply->counts[reply->n_counts] = one;
    }
    return reply->counts != NULL;
}

/* The neighbours' counts, where they are looked for. */
static bool add_lan_counts(struct nodosum_shell *s, struct cell_call *call, Cell__Nodosum__TopologyReply *reply)
{
    const struct nodosum_lan_counters *c = nodosum_lan_counters(s->neighbours.lan);
    const struct {
        const char *name;
        uint64_t value;
    } rows[LAN_COUNTS] = {
        {"lan_taken", c->taken}, {"lan_own", c->own}, {"lan_oversized", c->oversized}, {"lan_malformed", c->malformed},
        {"lan_busy", c->busy}, {"lan_strange", c->strange}, {"lan_forged", c->forged}, {"lan_replayed", c->replayed},
        {"lan_unasked", c->unasked}, {"lan_questions", c->questions}, {"lan_answers", c->answers},
        {"lan_unsent", c->unsent}, {"lan_evicted", c->evicted},
    };

    for (size_t i = 0; i < LAN_COUNTS; i++) {
        Cell__Nodosum__Count *one = nodosum_wire_count(call, rows[i].name, rows[i].value);
        if (one == NULL) {
            return false;
        }
        reply->counts[reply->n_counts++] = one;
    }
    return true;
}

static bool add_near(struct nodosum_shell *s, struct cell_call *call, Cell__Nodosum__TopologyReply *reply)
{
    struct nodosum_view near[NODOSUM_SERVICE_NEAR_MAX + 1];
    uint32_t count = 0;

    for (uint32_t i = 0; i < nodosum_core_count(s->core); i++) {
        struct nodosum_view v = nodosum_core_view(s->core, i);
        if (v.rtt_us != 0 && is_living(&v)) {
            keep_nearest(near, &count, NODOSUM_SERVICE_NEAR_MAX, &v);
        }
    }
    reply->near = cell_call_alloc(call, sizeof *reply->near * (count + 1));
    for (; reply->near != NULL && reply->n_near < count; reply->n_near++) {
        reply->near[reply->n_near] = nodosum_wire_near(call, &near[reply->n_near]);
        if (reply->near[reply->n_near] == NULL) {
            return false;
        }
    }
    return reply->near != NULL;
}

static bool add_seeds(struct nodosum_shell *s, struct cell_call *call, Cell__Nodosum__TopologyReply *reply)
{
    reply->seeds = cell_call_alloc(call, sizeof *reply->seeds * NODOSUM_SHELL_FOUND_MAX);
    for (; reply->seeds != NULL && reply->n_seeds < s->founds; reply->n_seeds++) {
        reply->seeds[reply->n_seeds] = nodosum_wire_seed(call, &s->found[reply->n_seeds]);
        if (reply->seeds[reply->n_seeds] == NULL) {
            return false;
        }
    }
    return reply->seeds != NULL;
}

enum err nodosum_service_topology(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    Cell__Nodosum__TopologyReply reply = CELL__NODOSUM__TOPOLOGY_REPLY__INIT;
    struct nodosum_id self;
    struct nodosum_view view;

    (void)request;
    memcpy(self.byte, s->keys.id, sizeof self.byte);
    if (!nodosum_core_find(s->core, &self, &view)) {
        return ERR_INTERNAL;
    }
    reply.name = s->keys.name;
    reply.address = nodosum_wire_address(call, &view.about->address);
    reply.incarnation = view.incarnation;
    reply.health = nodosum_core_health(s->core);
    reply.living = nodosum_core_living(s->core);
    reply.known = nodosum_core_count(s->core);
    reply.revision = s->revision;
    if (reply.address == NULL || !nodosum_wire_bytes(call, &self, &reply.id) || !add_seeds(s, call, &reply) ||
        !add_near(s, call, &reply) || !add_counts(s, call, &reply) ||
        (s->neighbours.lan != NULL && !add_lan_counts(s, call, &reply))) {
        return ERR_NOMEM;
    }
    return cell_reply(call, &reply);
}
