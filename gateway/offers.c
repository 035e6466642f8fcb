#include "gateway/offers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/cell_ask.h"
#include "common/run/log.h"
#include "gateway/names.h"
#include "proto/dht.ops.h"
#include "proto/dht.pb-c.h"
#include "proto/nodosum.ops.h"
#include "proto/nodosum.pb-c.h"
#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

/* ---- telling the dht --------------------------------------------------------------------------- */

static void announce(struct gateway_shell *s);

static void on_announced(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct gateway_shell *s = context;

    (void)reply;
    s->offers.is_announcing = false;
    if (e != ERR_OK) {
        gateway_names_unheard(s, e, text);
    } else if (s->offers.is_stale) {
        announce(s);
    }
}

/* The same as membership is told, for nodes that are no members; where there is no dht nobody misses it. */
static void announce(struct gateway_shell *s)
{
    Cell__Dht__AnnounceRequest request = CELL__DHT__ANNOUNCE_REQUEST__INIT;
    Cell__Dht__Offer item[GATEWAY_OFFERS_MAX], *slot[GATEWAY_OFFERS_MAX];
    struct gateway_offers *o = &s->offers;

    o->is_stale = o->is_announcing;
    if (o->is_announcing || cell_now_ms(s->cell) < s->further_ms) {
        return;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        if (o->item[i].ready > 0 && strlen(o->item[i].name) <= GATEWAY_OFFERS_NAME_MAX) {
            Cell__Dht__Offer *one = &item[request.n_cells];
            *one = (Cell__Dht__Offer)CELL__DHT__OFFER__INIT;
            one->name = o->item[i].name;
            one->ready = o->item[i].ready;
            one->score = o->item[i].score;
            one->latency_us = o->item[i].latency_us;
            slot[request.n_cells++] = one;
        }
    }
    request.cells = slot;
    request.valid_ms = GATEWAY_OFFERS_VALID_MS;
    const struct cell_ask out = {
        .target = "dht", .operation = CELL__DHT__OP__OP_ANNOUNCE, .request = &request.base,
        .reply = &cell__dht__announce_reply__descriptor, .deadline_ms = GATEWAY_OFFERS_EVERY_MS, .done = on_announced,
        .context = s, .is_idempotent = CELL__DHT__ANNOUNCE__IS_IDEMPOTENT, .is_hasty = true};
    o->is_announcing = cell_ask(s->cell, &out) == ERR_OK; /* else the timer tries again */
}

/* ---- telling membership ------------------------------------------------------------------------ */

static void tell(struct gateway_shell *s);

static void on_told(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct gateway_shell *s = context;

    (void)reply;
    s->offers.is_telling = false;
    if (e != ERR_OK && e != ERR_CANCELLED) {
        log_warn("GATEWAY-UNOFFERED", "error=%s why=\"%.96s\" action=\"again within %d ms\"", err_name(e), text,
                 GATEWAY_OFFERS_EVERY_MS);
    } else if (s->offers.is_news) {
        tell(s);
    }
}

/* One at a time, so that what is newest is heard last. */
static void tell(struct gateway_shell *s)
{
    Cell__Nodosum__OfferRequest request = CELL__NODOSUM__OFFER_REQUEST__INIT;
    Cell__Nodosum__Offered item[GATEWAY_OFFERS_MAX], *slot[GATEWAY_OFFERS_MAX];
    struct gateway_offers *o = &s->offers;

    o->is_news = true;
    if (o->is_telling) {
        return;
    }
    for (uint32_t i = 0; i < o->count; i++) {
        if (o->item[i].ready > 0) {
            Cell__Nodosum__Offered *one = &item[request.n_cells];
            *one = (Cell__Nodosum__Offered)CELL__NODOSUM__OFFERED__INIT;
            one->name = o->item[i].name;
            one->ready = o->item[i].ready;
            one->score = o->item[i].score;
            one->latency_us = o->item[i].latency_us;
            slot[request.n_cells++] = one;
        }
    }
    request.cells = slot;
    request.valid_ms = GATEWAY_OFFERS_VALID_MS;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_OFFER, .request = &request.base,
        .reply = &cell__nodosum__offer_reply__descriptor, .deadline_ms = GATEWAY_OFFERS_EVERY_MS, .done = on_told,
        .context = s, .is_idempotent = CELL__NODOSUM__OFFER__IS_IDEMPOTENT};
    o->is_telling = cell_ask(s->cell, &out) == ERR_OK; /* else the timer tries again */
    o->is_news = !o->is_telling;
}

/* ---- asking the supervisor --------------------------------------------------------------------- */

struct looking {
    struct gateway_shell *shell;
    struct gateway_offered *item;
};

static void look(struct gateway_shell *s, struct gateway_offered *item);

/* Instances that will do, and the means of their scores and latencies. */
static void sum_up(struct gateway_offered *item, const Cell__Nucleus__ResolveReply *reply)
{
    double score = 0;
    uint64_t latency_us = 0;

    item->ready = 0;
    for (size_t i = 0; i < reply->n_instances; i++) {
        const Cell__Nucleus__Resolved *r = reply->instances[i];
        if (r->healthy) {
            item->ready++;
            score += r->score > 0 && r->score <= 1 ? r->score : 0;
            latency_us += r->latency_us;
        }
    }
    uint32_t count = item->ready > 0 ? item->ready : 1;
    item->score = (uint32_t)(score * GATEWAY_CHOICE_SCORE_ONE / count + 0.5);
    latency_us /= count;
    item->latency_us = latency_us < UINT32_MAX ? (uint32_t)latency_us : UINT32_MAX;
}

static void on_seen(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct looking *looking = context;
    struct gateway_shell *s = looking->shell;
    struct gateway_offered *item = looking->item;
    uint32_t before = item->ready;

    free(looking);
    item->is_asking = false;
    if (e == ERR_OK) {
        sum_up(item, (const Cell__Nucleus__ResolveReply *)reply);
    } else if (e == ERR_NOT_FOUND) {
        item->ready = 0; /* exported, and not in the manifest: it may come */
    } else if (e != ERR_CANCELLED) {
        log_debug("GATEWAY-OFFER-UNSEEN", "cell=%s error=%s why=\"%.96s\"", item->name, err_name(e), text);
    }
    if (item->ready != before) {
        tell(s);
        announce(s);
    }
    if (item->is_stale && e != ERR_CANCELLED) {
        item->is_stale = false;
        look(s, item);
    }
}

static void look(struct gateway_shell *s, struct gateway_offered *item)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;

    if (item->is_asking) {
        item->is_stale = true; /* the answer under way may be older than what made us ask */
        return;
    }
    struct looking *looking = malloc(sizeof *looking);
    if (looking == NULL) {
        return; /* the timer comes again */
    }
    *looking = (struct looking){.shell = s, .item = item};
    request.target = item->name;
    const struct cell_ask out = {
        .target = "nucleus", .operation = CELL__NUCLEUS__OP__OP_RESOLVE, .request = &request.base,
        .reply = &cell__nucleus__resolve_reply__descriptor, .deadline_ms = GATEWAY_OFFERS_EVERY_MS, .done = on_seen,
        .context = looking, .is_idempotent = CELL__NUCLEUS__RESOLVE__IS_IDEMPOTENT};
    item->is_asking = cell_ask(s->cell, &out) == ERR_OK;
    if (!item->is_asking) {
        free(looking);
    }
}

static void on_time(void *context)
{
    struct gateway_shell *s = context;

    for (uint32_t i = 0; i < s->offers.count; i++) {
        look(s, &s->offers.item[i]);
    }
    tell(s); /* what is known: the rest follows if it differs */
    announce(s);
}

/* ---- events ------------------------------------------------------------------------------------ */

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Nucleus__EventsRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Nucleus__EventsReply *)reply)->last;
}

static bool is_about(const struct gateway_shell *s, const Cell__Nucleus__EventsReply *reply, const struct gateway_offered *item)
{
    for (size_t i = 0; i < reply->n_events; i++) {
        const Cell__Nucleus__Event *ev = reply->events[i];
        struct name_ref ref = {.instance = -1};
        char name[GATEWAY_NAMES_SIZE];
        if (!name_valid_str(ev->cell) || !name_valid_str(ev->namespace_)) {
            continue; /* about the node itself */
        }
        (void)snprintf(ref.cell, sizeof ref.cell, "%s", ev->cell);
        (void)snprintf(ref.space, sizeof ref.space, "%s", ev->namespace_);
        gateway_names_format(s, &ref, name);
        if (strcmp(name, item->name) == 0) {
            return true;
        }
    }
    return false;
}

static void on_news(void *context, const struct ProtobufCMessage *message, uint64_t last)
{
    struct gateway_shell *s = context;
    const Cell__Nucleus__EventsReply *reply = (const Cell__Nucleus__EventsReply *)message;

    (void)last;
    for (uint32_t i = 0; i < s->offers.count; i++) {
        if (reply->lost > 0 || is_about(s, reply, &s->offers.item[i])) {
            look(s, &s->offers.item[i]);
        }
    }
}

static void on_trouble(void *context, enum err e, const char *text)
{
    (void)context;
    log_debug("GATEWAY-UNTOLD-EVENTS", "error=%s why=\"%.96s\" effect=\"changes are told within %d ms\"", err_name(e), text,
              GATEWAY_OFFERS_EVERY_MS);
}

static bool is_listed(const struct gateway_offers *o, const char *name)
{
    for (uint32_t i = 0; i < o->count; i++) {
        if (strcmp(o->item[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

enum err gateway_offers_start(struct gateway_shell *s)
{
    static Cell__Nucleus__EventsRequest request = CELL__NUCLEUS__EVENTS_REQUEST__INIT;
    struct gateway_offers *o = &s->offers;

    for (uint32_t i = 0; i < s->config->exports.count; i++) {
        char name[GATEWAY_NAMES_SIZE];
        gateway_names_format(s, &s->config->exports.item[i].cell, name);
        if (is_listed(o, name)) {
            continue; /* exported twice, to different nodes */
        }
        if (o->count == GATEWAY_OFFERS_MAX) {
            log_warn("GATEWAY-OFFERS", "exports=%" PRIu32 " offered=%d effect=\"the others are reached by their node's name\"",
                     s->config->exports.count, GATEWAY_OFFERS_MAX);
            break;
        }
        (void)snprintf(o->item[o->count++].name, GATEWAY_NAMES_SIZE, "%s", name);
    }
    if (o->count == 0) {
        return ERR_OK;
    }
    request.wait_ms = GATEWAY_OFFERS_POLL_MS;
    o->events = cell_watch_start(s->cell, &(struct cell_watch_def){
        .target = "nucleus", .operation = CELL__NUCLEUS__OP__OP_EVENTS, .request = &request.base,
        .reply = &cell__nucleus__events_reply__descriptor, .poll_ms = 2 * GATEWAY_OFFERS_POLL_MS, .set_from = set_from,
        .get_last = get_last, .news = on_news, .trouble = on_trouble, .context = s});
    o->timer = cell_timer_start(s->cell, 0, GATEWAY_OFFERS_EVERY_MS, on_time, s);
    return o->events == NULL || o->timer == NULL ? ERR_NOMEM : ERR_OK;
}

void gateway_offers_stop(struct gateway_shell *s)
{
    cell_watch_stop(s->offers.events);
    cell_timer_stop(s->offers.timer);
    s->offers.events = NULL;
    s->offers.timer = NULL;
}
