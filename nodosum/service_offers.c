/* What nodes tell each other of themselves: Offer, Discover, where they are, and which keys they have. */
#include <string.h>

#include "nodosum/service.h"
#include "nodosum/wire.h"

/* ---- offering -------------------------------------------------------------------------------------- */

/* One of the list; `o` is for its name alone. */
static enum err take_offer(struct cell_call *call, const Cell__Nodosum__Offered *in, struct nodosum_offers *o)
{
    struct nodosum_offer item = {.ready = in->ready, .score = in->score, .latency_us = in->latency_us};

    if (in->ready == 0) {
        return ERR_OK;
    }
    if (!nodosum_offers_name_valid(in->name, strlen(in->name))) {
        cell_call_explain(call, "a name is not [namespace/]cell");
        return ERR_INVALID;
    }
    memcpy(item.name, in->name, strlen(in->name)); /* two names and a slash fit */
    enum err e = nodosum_offers_add(o, &item);
    if (e == ERR_LIMIT) {
        cell_call_explain(call, "more than %d cells", NODOSUM_OFFERS_MAX);
    } else if (e != ERR_OK) {
        cell_call_explain(call, "%s is there twice, or its ready is over %d or its score over %d", item.name,
                          NODOSUM_OFFERS_READY_MAX, NODOSUM_OFFERS_SCORE_MAX);
    }
    return e;
}

enum err nodosum_service_offer(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__OfferRequest *ask = request;
    Cell__Nodosum__OfferReply reply = CELL__NODOSUM__OFFER_REPLY__INIT;
    struct nodosum_offers offers = {0};
    enum err e = ERR_OK;

    for (size_t i = 0; i < ask->n_cells && e == ERR_OK; i++) {
        e = take_offer(call, ask->cells[i], &offers);
    }
    if (e != ERR_OK) {
        return e;
    }
    e = nodosum_shell_offer(s, &offers, ask->valid_ms);
    if (e == ERR_LIMIT) {
        cell_call_explain(call, "the list is longer than %d bytes", NODOSUM_OFFERS_BYTES);
    } else if (e != ERR_OK) {
        cell_call_explain(call, "valid_ms is %u, not %d to %d", ask->valid_ms, NODOSUM_CATALOGUE_VALID_LEAST_MS,
                          NODOSUM_CATALOGUE_VALID_MOST_MS);
    }
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

/* ---- finding --------------------------------------------------------------------------------------- */

/* A member that has what was asked for, and what it takes to go there. */
struct candidate {
    struct nodosum_view view;
    bool is_node, is_self;
    struct nodosum_offer offer;
    uint64_t cost;
};

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    return a->view.state != b->view.state ? a->view.state < b->view.state : a->cost < b->cost;
}

/* Insert into a list that keeps the best. */
static void keep_best(struct candidate *list, uint32_t *count, const struct candidate *c)
{
    uint32_t at = *count;

    while (at > 0 && is_better(c, &list[at - 1])) {
        at--;
    }
    if (at == NODOSUM_SERVICE_FOUND_MAX) {
        return;
    }
    *count += *count < NODOSUM_SERVICE_FOUND_MAX;
    memmove(&list[at + 1], &list[at], (*count - at - 1) * sizeof *list);
    list[at] = *c;
}

/* The mean of the round trips that were measured. Members measure those that they probe; of the others nothing is
 * known but that they are as far as any. */
static uint32_t usual_rtt_us(const struct nodosum *core)
{
    uint64_t sum = 0, count = 0;

    for (uint32_t i = 0; i < nodosum_core_count(core); i++) {
        struct nodosum_view v = nodosum_core_view(core, i);
        sum += v.rtt_us;
        count += v.rtt_us != 0;
    }
    return count == 0 ? 0 : (uint32_t)(sum / count);
}

static bool has(const struct nodosum_view *v, const char *name, struct candidate *ret)
{
    bool lives = v->state == NODOSUM_ALIVE || v->state == NODOSUM_SUSPECT;

    ret->is_node = strcmp(v->about->name, name) == 0;
    ret->offer = (struct nodosum_offer){.score = NODOSUM_OFFERS_SCORE_MAX};
    return lives && (ret->is_node || nodosum_offers_find(v->about->offers, v->about->offers_size, name, &ret->offer));
}

static uint32_t find_all(const struct nodosum_shell *s, const char *name, struct candidate *found)
{
    uint32_t count = 0, usual_us = usual_rtt_us(s->core);

    for (uint32_t i = 0; i < nodosum_core_count(s->core); i++) {
        struct candidate c = {.view = nodosum_core_view(s->core, i)};
        if (has(&c.view, name, &c)) {
            c.is_self = memcmp(c.view.id.byte, s->keys.id, sizeof c.view.id.byte) == 0;
            c.cost = nodosum_offers_cost(&c.offer, c.is_self ? 0 : c.view.rtt_us != 0 ? c.view.rtt_us : usual_us);
            keep_best(found, &count, &c);
        }
    }
    return count;
}

enum err nodosum_service_discover(void *state, struct cell_call *call, const void *request)
{
    const Cell__Nodosum__DiscoverRequest *ask = request;
    Cell__Nodosum__DiscoverReply reply = CELL__NODOSUM__DISCOVER_REPLY__INIT;
    struct candidate found[NODOSUM_SERVICE_FOUND_MAX + 1];

    if (!nodosum_offers_name_valid(ask->name, strlen(ask->name))) {
        cell_call_explain(call, "this is no name");
        return ERR_INVALID;
    }
    uint32_t count = find_all(state, ask->name, found);
    reply.found = cell_call_alloc(call, sizeof *reply.found * (count + 1));
    for (; reply.found != NULL && reply.n_found < count; reply.n_found++) {
        const struct candidate *c = &found[reply.n_found];
        reply.found[reply.n_found] = nodosum_wire_found(call, &c->view, c->is_node ? NULL : &c->offer, c->is_self);
        if (reply.found[reply.n_found] == NULL) {
            return ERR_NOMEM;
        }
    }
    return reply.found == NULL ? ERR_NOMEM : cell_reply(call, &reply);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

enum err nodosum_service_keys_answer(struct nodosum_shell *s, struct cell_call *call)
{
    Cell__Nodosum__KeysReply reply = CELL__NODOSUM__KEYS_REPLY__INIT;

    reply.epoch = s->epoch;
    reply.crl = s->crl;
    reply.is_newer = s->epoch > s->meta.epoch || s->crl > s->meta.crl;
    return cell_reply(call, &reply);
}

enum err nodosum_service_keys(void *state, struct cell_call *call, const void *request)
{
    struct nodosum_shell *s = state;
    const Cell__Nodosum__KeysRequest *ask = request;

    /* What the supervisor has handed us is there, whoever asks; it may not have heard of it yet. */
    uint32_t epoch = s->keys.cluster_epoch[0], crl = s->keys.crl;
    nodosum_shell_keys(s, ask->epoch > epoch ? ask->epoch : epoch, ask->crl > crl ? ask->crl : crl);
    if (ask->wait_ms == 0 || s->epoch > ask->epoch || s->crl > ask->crl) {
        return nodosum_service_keys_answer(s, call);
    }
    return nodosum_waiters_add(&s->waiters, NODOSUM_WAITING_KEYS, call, s->keys_seen, ask->wait_ms);
}
