/* Rtt and Route: membership is asked who has the name, and where they are; then it is a matter of reckoning. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/nodosum.ops.h"
#include "vivaldi/service.h"
#include "vivaldi/shell.h"
#include "vivaldi/verify.h"
#include "vivaldi/wire.h"

enum { NAME_TEXT_SIZE = 2 * NAME_SIZE };

/* A call that waits for membership: first for whom it is seen from, if that is another node, then for whom it looks. */
struct routing {
    struct vivaldi_shell *shell;
    struct cell_call *call;
    char name[NAME_TEXT_SIZE], from[NAME_SIZE];
    bool is_rtt;             /* Rtt; otherwise Route */
    bool is_final;           /* answered by what is known, measured or not */
    struct vivaldi_verify verify;
    uint32_t most;
    bool has_source;         /* `from` was found, and `source` is where it is */
    struct vivaldi_coord source;
    uint64_t source_id;
};

static enum err look_up(struct routing *r);

static void refuse(struct routing *r, enum err e, const char *text)
{
    cell_reply_error(r->call, e, text, NULL);
    free(r);
}

/* ---- answers ------------------------------------------------------------------------------------- */

static uint32_t choose(const struct routing *r, const Cell__Nodosum__DiscoverReply *found, size_t *index,
                       struct vivaldi_choice *ret)
{
    struct vivaldi_candidate candidate[VIVALDI_ROUTE_MAX];
    uint32_t count = 0;

    for (size_t i = 0; i < found->n_found && count < VIVALDI_ROUTE_MAX; i++) {
        bool is_node = strcmp(found->found[i]->kind, "node") == 0;
        bool is_wanted = r->is_rtt ? is_node : is_node || found->found[i]->ready > 0;
        if (is_wanted && vivaldi_wire_candidate(found->found[i], &candidate[count]) == ERR_OK) {
            if (r->has_source && candidate[count].id == r->source_id) {
                candidate[count].coord = r->source; /* not what it has said since */
            }
            index[count++] = i;
        }
    }
    uint32_t chosen = vivaldi_route_choose(&r->shell->core, vivaldi_shell_now_s(r->shell), r->has_source ? &r->source : NULL, candidate, count,
                                           r->most < VIVALDI_ROUTE_VERIFY ? VIVALDI_ROUTE_VERIFY : r->most, ret);
    for (uint32_t i = 0; i < chosen; i++) {
        if (r->has_source && candidate[ret[i].candidate].id == r->source_id) {
            ret[i].estimate = (struct vivaldi_estimate){.source = VIVALDI_SELF, .confidence = 1};
        }
    }
    return chosen;
}

static void answer_rtt(struct routing *r, const struct vivaldi_choice *choice)
{
    Cell__Vivaldi__RttReply reply = CELL__VIVALDI__RTT_REPLY__INIT;

    reply.estimate = vivaldi_wire_estimate(r->call, &choice->estimate);
    if (reply.estimate == NULL) {
        cell_reply_error(r->call, ERR_NOMEM, NULL, NULL);
    } else if (cell_reply(r->call, &reply) != ERR_OK) {
        return; /* nobody waits any more, and the runtime has counted that */
    }
}

static void answer_route(struct routing *r, const Cell__Nodosum__DiscoverReply *found, const size_t *index,
                         const struct vivaldi_choice *choice, uint32_t count)
{
    Cell__Vivaldi__RouteReply reply = CELL__VIVALDI__ROUTE_REPLY__INIT;

    reply.hops = cell_call_alloc(r->call, sizeof *reply.hops * (count + 1));
    for (; reply.hops != NULL && reply.n_hops < count; reply.n_hops++) {
        const struct vivaldi_choice *one = &choice[reply.n_hops];
        reply.hops[reply.n_hops] = vivaldi_wire_hop(r->call, found->found[index[one->candidate]], one);
        if (reply.hops[reply.n_hops] == NULL) {
            reply.hops = NULL;
            break;
        }
    }
    if (reply.hops == NULL) {
        cell_reply_error(r->call, ERR_NOMEM, NULL, NULL);
    } else if (cell_reply(r->call, &reply) != ERR_OK) {
        return; /* the same */
    }
}

/* ---- measuring first ----------------------------------------------------------------------------- */

/* Ask membership again: who was measured may have gone meanwhile. */
static void on_verified(void *context)
{
    struct routing *r = context;
    enum err e = look_up(r);

    if (e != ERR_OK) {
        refuse(r, e, "membership cannot be asked");
    }
}

/* Measure those of the first few that are only predicted, unless nothing hangs on it or there is no time for it. false:
 * it is not done. */
static bool verify(struct routing *r, const Cell__Nodosum__DiscoverReply *found, const size_t *index,
                   const struct vivaldi_choice *choice, uint32_t count)
{
    struct vivaldi_verify *v = &r->verify;
    float longest_ms = 0;

    *v = (struct vivaldi_verify){.done = on_verified, .context = r};
    for (uint32_t i = 0; i < count && i < VIVALDI_ROUTE_VERIFY; i++) {
        const struct vivaldi_estimate *e = &choice[i].estimate;
        const Cell__Nodosum__Found *one = found->found[index[choice[i].candidate]];
        if (choice[i].is_doubted && vivaldi_wire_id(&one->id, &v->id[v->count]) == ERR_OK) {
            float rtt_ms = e->source == VIVALDI_UNKNOWN ? r->shell->core.usual_ms : e->rtt_ms;
            longest_ms = rtt_ms > longest_ms ? rtt_ms : longest_ms;
            memcpy(v->key[v->count++], one->id.data, one->id.len);
        }
    }
    float wait_ms = VIVALDI_VERIFY_LEAST_MS + 2 * longest_ms;
    v->wait_ms = wait_ms < VIVALDI_VERIFY_MOST_MS ? (uint32_t)wait_ms : VIVALDI_VERIFY_MOST_MS;
    bool is_worth_it = v->count > 0 && count > 1 && choice[0].estimate.source != VIVALDI_SELF &&
                       cell_call_remaining_ms(r->call) > 2 * v->wait_ms;
    r->is_final = true;
    return is_worth_it && vivaldi_verify_begin(r->shell, v) == ERR_OK;
}

static void answer(struct routing *r, const Cell__Nodosum__DiscoverReply *found)
{
    struct vivaldi_choice choice[VIVALDI_ROUTE_MAX];
    size_t index[VIVALDI_ROUTE_MAX];
    uint32_t count = choose(r, found, index, choice);

    if (count == 0) {
        refuse(r, ERR_NOT_FOUND, r->is_rtt ? "no living node of the cluster has this name" : "nobody has this name");
        return;
    }
    if (!r->is_final && verify(r, found, index, choice, count)) {
        return;
    }
    if (r->is_rtt) {
        answer_rtt(r, &choice[0]);
    } else {
        answer_route(r, found, index, choice, count < r->most ? count : r->most);
    }
    free(r);
}

/* Where the asked-for observer is; false: the call has been answered. */
static bool take_source(struct routing *r, const Cell__Nodosum__DiscoverReply *found)
{
    struct vivaldi_candidate c;

    for (size_t i = 0; i < found->n_found; i++) {
        if (strcmp(found->found[i]->kind, "node") == 0 && vivaldi_wire_candidate(found->found[i], &c) == ERR_OK) {
            r->has_source = c.has_coord && !found->found[i]->is_self;
            r->source = c.coord;
            r->source_id = c.id;
            if (!c.has_coord && !found->found[i]->is_self) {
                refuse(r, ERR_UNAVAILABLE, "the node that it is to be seen from has not said where it is");
                return false;
            }
            return true;
        }
    }
    refuse(r, ERR_NOT_FOUND, "no living node of the cluster has the name that it is to be seen from");
    return false;
}

static void on_found(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct routing *r = context;
    const Cell__Nodosum__DiscoverReply *found = (const Cell__Nodosum__DiscoverReply *)reply;

    if (e != ERR_OK) {
        refuse(r, e, text);
        return;
    }
    if (r->from[0] == '\0') {
        answer(r, found);
        return;
    }
    if (take_source(r, found)) {
        r->from[0] = '\0';
        e = look_up(r);
        if (e != ERR_OK) {
            refuse(r, e, "membership cannot be asked");
        }
    }
}

/* ---- questions ----------------------------------------------------------------------------------- */

static enum err look_up(struct routing *r)
{
    Cell__Nodosum__DiscoverRequest request = CELL__NODOSUM__DISCOVER_REQUEST__INIT;

    request.name = r->from[0] != '\0' ? r->from : r->name;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_DISCOVER, .request = &request.base,
        .reply = &cell__nodosum__discover_reply__descriptor, .on_behalf_of = r->call, .done = on_found, .context = r,
        .is_idempotent = CELL__NODOSUM__DISCOVER__IS_IDEMPOTENT};
    return cell_ask(r->shell->cell, &out);
}

static enum err start(struct vivaldi_shell *s, struct cell_call *call, const struct routing *what, const char *name,
                      const char *from)
{
    if (!s->is_known) {
        cell_call_explain(call, "membership has not said yet who this node is");
        return ERR_UNAVAILABLE;
    }
    if (*name == '\0' || strlen(name) >= NAME_TEXT_SIZE || (*from != '\0' && !name_valid_str(from))) {
        cell_call_explain(call, "this is no name");
        return ERR_INVALID;
    }
    struct routing *r = malloc(sizeof *r);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    *r = *what;
    r->shell = s;
    r->call = call;
    (void)snprintf(r->name, sizeof r->name, "%s", name);
    (void)snprintf(r->from, sizeof r->from, "%s", strcmp(from, s->node) == 0 ? "" : from);
    enum err e = look_up(r);
    if (e != ERR_OK) {
        free(r);
    }
    return e == ERR_OK ? ERR_LATER : e;
}

enum err vivaldi_service_rtt(void *state, struct cell_call *call, const void *request)
{
    const Cell__Vivaldi__RttRequest *ask = request;

    return start(state, call, &(struct routing){.is_rtt = true, .is_final = true, .most = 1}, ask->node, ask->from);
}

enum err vivaldi_service_route(void *state, struct cell_call *call, const void *request)
{
    const Cell__Vivaldi__RouteRequest *ask = request;
    uint32_t most = ask->most == 0 || ask->most > VIVALDI_ROUTE_MAX ? VIVALDI_ROUTE_MAX : ask->most;

    return start(state, call, &(struct routing){.is_final = ask->is_hasty, .most = most}, ask->name, ask->from);
}
