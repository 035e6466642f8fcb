/* gateway.Resolve: NUC-16 for other nodes. */
#include <string.h>

#include "gateway/names.h"
#include "gateway/service.h"
#include "proto/gateway.pb-c.h"

/* A call that waits for membership. */
struct resolving {
    struct gateway_waiter waiter;
    struct gateway_shell *shell;
    struct cell_call *call;
};

static Cell__Gateway__Endpoint *describe(struct cell_call *call, const struct gateway_candidate *k, uint64_t now_ms)
{
    Cell__Gateway__Endpoint *one = cell_call_alloc(call, sizeof *one);

    if (one == NULL) {
        return NULL;
    }
    *one = (Cell__Gateway__Endpoint)CELL__GATEWAY__ENDPOINT__INIT;
    one->node = (char *)k->said.node;
    one->ready = k->said.ready;
    one->score = gateway_choice_score(k);
    one->latency_us = gateway_choice_latency_us(k, now_ms);
    one->is_measured = gateway_choice_measured_us(k, now_ms) > 0;
    one->state = (char *)(now_ms < k->rest_until_ms ? "resting" : k->said.is_alive ? "alive" : "suspect");
    return one;
}

static void on_found(void *context, struct gateway_name *name)
{
    struct resolving *r = context;
    struct cell_call *call = r->call;
    uint64_t now_ms = cell_now_ms(r->shell->cell);
    Cell__Gateway__ResolveReply reply = CELL__GATEWAY__RESOLVE_REPLY__INIT;
    Cell__Gateway__Endpoint *slot[GATEWAY_CHOICE_MAX];
    bool is_told[GATEWAY_CHOICE_MAX] = {false};

    free(r);
    if (name == NULL) {
        cell_reply_error(call, ERR_LIMIT, "too many cells are being looked for", NULL);
        return;
    }
    struct gateway_choice order = *gateway_names_choice(name); /* a copy: looking takes nobody's turn */
    for (;;) {
        uint32_t at = gateway_choice_pick(&order, is_told, now_ms);
        if (at == GATEWAY_CHOICE_NONE) {
            break;
        }
        is_told[at] = true;
        slot[reply.n_nodes] = describe(call, &order.item[at], now_ms);
        reply.n_nodes += slot[reply.n_nodes] != NULL;
    }
    reply.nodes = slot;
    if (cell_reply(call, &reply) != ERR_OK) {
        return; /* its caller knows why already */
    }
}

enum err gateway_resolve_serve(void *state, struct cell_call *call, const void *request)
{
    struct gateway_shell *s = state;
    const Cell__Gateway__ResolveRequest *ask = request;
    struct name_ref ref;

    if (name_ref_parse(ask->name, &ref) != ERR_OK || ref.instance >= 0 || ref.node[0] != '\0') {
        cell_call_explain(call, "\"%.80s\" is no [namespace/]cell", ask->name);
        return ERR_INVALID;
    }
    struct resolving *r = calloc(1, sizeof *r);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    *r = (struct resolving){.waiter = {.found = on_found, .context = r}, .shell = s, .call = call};
    gateway_names_find(s, &ref, &r->waiter);
    return ERR_LATER;
}
