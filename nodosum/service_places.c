/* Where members are, and how far: what whoever makes coordinates asks and says. */
#include "common/run/loop.h"
#include "nodosum/service.h"
#include "nodosum/shell.h"
#include "nodosum/wire.h"

enum err nodosum_service_place(void *state, struct cell_call *call, const void *request)
{
    const Cell__Nodosum__PlaceRequest *ask = request;
    Cell__Nodosum__PlaceReply reply = CELL__NODOSUM__PLACE_REPLY__INIT;

    if (ask->place.len > NODOSUM_META_PLACE_MAX) {
        cell_call_explain(call, "a place of %zu bytes is longer than %d", ask->place.len, NODOSUM_META_PLACE_MAX);
        return ERR_LIMIT;
    }
    nodosum_shell_place(state, ask->place.data, ask->place.len, ask->is_for_pings);
    return cell_reply(call, &reply);
}

enum err nodosum_service_places(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__PlacesRequest *ask = request;
    Cell__Nodosum__PlacesReply reply = CELL__NODOSUM__PLACES_REPLY__INIT;
    uint32_t count = nodosum_core_count(s->core);
    struct nodosum_id after;
    bool has_after;
    enum err e = nodosum_wire_id(&ask->after, &has_after, &after);

    if (e != ERR_OK) {
        cell_call_explain(call, "after has %zu bytes, expected 0 or %d", ask->after.len, NODOSUM_ID_SIZE);
        return e;
    }
    reply.located = cell_call_alloc(call, sizeof *reply.located * NODOSUM_SERVICE_PLACES_MAX);
    for (uint32_t i = has_after ? nodosum_service_after(s->core, &after) : 0; reply.located != NULL && i < count; i++) {
        struct nodosum_view v = nodosum_core_view(s->core, i);
        if (v.state != NODOSUM_ALIVE && v.state != NODOSUM_SUSPECT) {
            continue;
        }
        if (reply.n_located == NODOSUM_SERVICE_PLACES_MAX) {
            reply.has_more = true;
            break;
        }
        reply.located[reply.n_located] = nodosum_wire_located(call, &v);
        if (reply.located[reply.n_located] == NULL) {
            return ERR_NOMEM;
        }
        reply.n_located++;
    }
    return reply.located == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}

enum err nodosum_service_measure(void *state, struct cell_call *call, const void *request)
{
    const Cell__Nodosum__MeasureRequest *ask = request;
    Cell__Nodosum__MeasureReply reply = CELL__NODOSUM__MEASURE_REPLY__INIT;

    if (ask->n_ids > NODOSUM_SERVICE_MEASURE_MAX) {
        cell_call_explain(call, "%zu are more than %d", ask->n_ids, NODOSUM_SERVICE_MEASURE_MAX);
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < ask->n_ids; i++) {
        struct nodosum_id id;
        bool is_given;
        enum err e = nodosum_wire_id(&ask->ids[i], &is_given, &id);
        bool is_begun = e == ERR_OK && is_given && nodosum_shell_look(state, &id) == ERR_OK;
        reply.begun += is_begun;
        reply.refused += !is_begun;
    }
    return cell_reply(call, &reply);
}
