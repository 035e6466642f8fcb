#include "vivaldi/service.h"

#include <math.h>

#include "vivaldi/shell.h"
#include "vivaldi/wire.h"

/* Whether the core is there; otherwise what to answer. */
static enum err is_ready(const struct vivaldi_shell *s, struct cell_call *call)
{
    if (!s->is_known) {
        cell_call_explain(call, "membership has not said yet who this node is");
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

enum err vivaldi_service_coord(void *state, struct cell_call *call, const void *request)
{
    struct vivaldi_shell *s = state;
    Cell__Vivaldi__CoordReply reply = CELL__VIVALDI__COORD_REPLY__INIT;
    enum err e = is_ready(s, call);

    (void)request;
    if (e != ERR_OK) {
        return e;
    }
    reply.node = s->node;
    reply.id = (ProtobufCBinaryData){sizeof s->id, s->id};
    reply.live = vivaldi_wire_coord(call, vivaldi_core_live(&s->core), s->settings.dims);
    reply.stable = vivaldi_wire_coord(call, vivaldi_core_stable(&s->core), s->settings.dims);
    reply.usual_ms = s->core.usual_ms;
    return reply.live == NULL || reply.stable == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}

enum err vivaldi_service_stats(void *state, struct cell_call *call, const void *request)
{
    struct vivaldi_shell *s = state;
    Cell__Vivaldi__StatsReply reply = CELL__VIVALDI__STATS_REPLY__INIT;
    enum err e = is_ready(s, call);
    const struct vivaldi_counters *c = &s->core.counters;
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"samples", c->samples}, {"observed", s->observed}, {"bad_rtt", c->bad_rtt}, {"bad_coord", c->bad_coord}, {"own", c->own},
        {"unread", s->unread}, {"lost", s->lost}, {"untold", s->untold}, {"verified", s->verified}, {"unverified", s->unverified}, {"moves", c->moves}, {"doubted", vivaldi_core_doubted(&s->core)},
        {"evicted", s->core.peers.evicted},
    };

    (void)request;
    if (e != ERR_OK) {
        return e;
    }
    reply.is_placed = s->core.usual_ms > 0;
    reply.error = s->core.live.error;
    reply.usual_ms = s->core.usual_ms;
    reply.peers = s->core.peers.count;
    reply.peers_max = s->core.peers.max;
    reply.counts = cell_call_alloc(call, sizeof *reply.counts * ARRAY_LEN(rows));
    for (; reply.counts != NULL && reply.n_counts < ARRAY_LEN(rows); reply.n_counts++) {
        reply.counts[reply.n_counts] = vivaldi_wire_count(call, rows[reply.n_counts].name, rows[reply.n_counts].value);
        if (reply.counts[reply.n_counts] == NULL) {
            return ERR_NOMEM;
        }
    }
    return reply.counts == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}

/* ---- what other cells know and want to know ------------------------------------------------------ */

static enum err check_list(struct cell_call *call, size_t count)
{
    if (count > VIVALDI_SERVICE_LIST_MAX) {
        cell_call_explain(call, "%zu are more than %d", count, VIVALDI_SERVICE_LIST_MAX);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static enum err observe(struct vivaldi_shell *s, const Cell__Vivaldi__Observation *one)
{
    struct vivaldi_coord c;
    bool has_place = false;
    uint64_t id;
    enum err e = vivaldi_wire_id(&one->id, &id);

    e = e == ERR_OK ? vivaldi_wire_place(&one->place, &has_place, &c) : e;
    return e == ERR_OK ? vivaldi_core_sample(&s->core, vivaldi_shell_now_s(s), id, one->rtt_us, has_place ? &c : NULL) : e;
}

enum err vivaldi_service_observe(void *state, struct cell_call *call, const void *request)
{
    struct vivaldi_shell *s = state;
    const Cell__Vivaldi__ObserveRequest *ask = request;
    Cell__Vivaldi__ObserveReply reply = CELL__VIVALDI__OBSERVE_REPLY__INIT;
    enum err e = is_ready(s, call);

    e = e == ERR_OK ? check_list(call, ask->n_seen) : e;
    if (e != ERR_OK) {
        return e;
    }
    for (size_t i = 0; i < ask->n_seen; i++) {
        bool is_taken = observe(s, ask->seen[i]) == ERR_OK;
        reply.taken += is_taken;
        reply.refused += !is_taken;
        s->observed += is_taken;
    }
    return cell_reply(call, &reply);
}

/* One subject; what is no node is unknown. */
static struct vivaldi_estimate estimate(const struct vivaldi_shell *s, const Cell__Vivaldi__Subject *one)
{
    struct vivaldi_coord c;
    bool has_place = false;
    uint64_t id;

    if (vivaldi_wire_id(&one->id, &id) != ERR_OK || vivaldi_wire_place(&one->place, &has_place, &c) != ERR_OK) {
        return (struct vivaldi_estimate){.source = VIVALDI_UNKNOWN};
    }
    return vivaldi_core_estimate(&s->core, vivaldi_shell_now_s(s), id, has_place ? &c : NULL);
}

enum err vivaldi_service_estimate(void *state, struct cell_call *call, const void *request)
{
    struct vivaldi_shell *s = state;
    const Cell__Vivaldi__EstimateRequest *ask = request;
    Cell__Vivaldi__EstimateReply reply = CELL__VIVALDI__ESTIMATE_REPLY__INIT;
    enum err e = is_ready(s, call);

    e = e == ERR_OK ? check_list(call, ask->n_subjects) : e;
    if (e != ERR_OK) {
        return e;
    }
    reply.estimates = cell_call_alloc(call, sizeof *reply.estimates * (ask->n_subjects + 1));
    for (; reply.estimates != NULL && reply.n_estimates < ask->n_subjects; reply.n_estimates++) {
        struct vivaldi_estimate one = estimate(s, ask->subjects[reply.n_estimates]);
        reply.estimates[reply.n_estimates] = vivaldi_wire_estimate(call, &one);
        if (reply.estimates[reply.n_estimates] == NULL) {
            return ERR_NOMEM;
        }
    }
    return reply.estimates == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}
