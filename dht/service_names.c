/* Announce and Find: which nodes have a cell, for those whom no membership tells. */
#include <stdlib.h>
#include <string.h>

#include "common/base/name.h"
#include "common/run/cell_call.h"
#include "common/run/unpack.h"
#include "dht/clock.h"
#include "dht/limits.h"
#include "dht/say.h"
#include "dht/service.h"
#include "dht/wire.h"

/* ---- Announce ------------------------------------------------------------------------------------------ */

static bool is_name(const char *text)
{
    struct name_ref ref;

    return name_ref_parse(text, &ref) == ERR_OK && ref.instance < 0 && ref.node[0] == '\0';
}

/* How many of them are not said again yet, whether they have a good name or not. */
static uint32_t count_new(const struct dht_shell *s, const Cell__Dht__AnnounceRequest *ask)
{
    uint8_t salt[DHT_SALT_MAX];
    uint32_t count = 0;

    for (size_t i = 0; i < ask->n_cells && i < DHT_SERVICE_OFFERS_MAX; i++) {
        size_t size = dht_record_service_salt(ask->cells[i]->name, salt);
        count += ask->cells[i]->ready > 0 && dht_own_find(&s->own, DHT_SERVICE, salt, size) == NULL;
    }
    return count;
}

static enum err check(struct cell_call *call, const struct dht_shell *s, const Cell__Dht__AnnounceRequest *ask)
{
    if (ask->n_cells > DHT_SERVICE_OFFERS_MAX || count_new(s, ask) > DHT_OWN_MAX - s->own.count) {
        cell_call_explain(call, "more than %d cells, or more than %d things are kept", DHT_SERVICE_OFFERS_MAX, DHT_OWN_MAX);
        return ERR_LIMIT;
    }
    if (ask->valid_ms < DHT_SERVICE_VALID_LEAST_MS || ask->valid_ms > DHT_SERVICE_VALID_MOST_MS) {
        cell_call_explain(call, "valid_ms is %u, not %d to %d", ask->valid_ms, DHT_SERVICE_VALID_LEAST_MS, DHT_SERVICE_VALID_MOST_MS);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ask->n_cells; i++) {
        if (!is_name(ask->cells[i]->name)) {
            cell_call_explain(call, "\"%.80s\" is no [namespace/]cell", ask->cells[i]->name);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* What is said of one cell. Its size; 0: longer than a record has room for. */
static size_t describe(const struct dht_shell *s, const Cell__Dht__AnnounceRequest *ask, const Cell__Dht__Offer *offer,
                       uint8_t to[DHT_VALUE_MAX])
{
    Cell__Dht__Endpoint one = CELL__DHT__ENDPOINT__INIT;
    char at[ADDRESS_SIZE];

    dht_net_format(&s->address, at);
    one.node = (char *)s->keys.name;
    one.id = (ProtobufCBinaryData){sizeof s->keys.id, (uint8_t *)s->keys.id};
    one.address = at;
    one.ready = offer->ready;
    one.score = offer->score;
    one.latency_us = offer->latency_us;
    one.place = ask->place;
    size_t size = cell__dht__endpoint__get_packed_size(&one);
    return size + DHT_SALT_MAX > DHT_VALUE_MAX ? 0 : cell__dht__endpoint__pack(&one, to);
}

/* NULL: it is none. */
static Cell__Dht__Endpoint *endpoint_of(const uint8_t *value, size_t size)
{
    ProtobufCMessage *one = NULL;
    enum err e = unpack_message(&cell__dht__endpoint__descriptor, NULL, value, size, &one, NULL);

    return e == ERR_OK ? (Cell__Dht__Endpoint *)one : NULL;
}

/* Whether who looks for the cell goes elsewhere by what is said now. */
static bool is_news(const struct dht_shell *s, const struct dht_own_item *item, uint32_t ready)
{
    Cell__Dht__Endpoint *one = endpoint_of(item->value, item->value_size);
    char at[ADDRESS_SIZE];

    dht_net_format(&s->address, at);
    bool is_it = one == NULL || one->ready != ready || strcmp(one->address, at) != 0;
    cell__dht__endpoint__free_unpacked(one, NULL);
    return is_it;
}

static enum err offer_one(struct dht_shell *s, const Cell__Dht__AnnounceRequest *ask, const Cell__Dht__Offer *offer, uint64_t now_us)
{
    uint8_t value[DHT_VALUE_MAX], salt[DHT_SALT_MAX];
    size_t size = describe(s, ask, offer, value), salt_size = dht_record_service_salt(offer->name, salt);
    struct dht_own_item *item = dht_own_find(&s->own, DHT_SERVICE, salt, salt_size);
    enum err e = size == 0 ? ERR_LIMIT : item != NULL ? ERR_OK : dht_own_add(&s->own, DHT_SERVICE, salt, salt_size, &item);

    if (e != ERR_OK) {
        return e;
    }
    if (item->value_size == 0 || is_news(s, item, offer->ready)) {
        item->next_us = now_us; /* the rest is told with the next telling */
    }
    dht_own_set(item, value, size);
    item->ttl_ms = DHT_SERVICE_OFFER_TTL_MS;
    item->lapse_us = now_us + (uint64_t)ask->valid_ms * 1000;
    return ERR_OK;
}

static bool is_offered(const Cell__Dht__AnnounceRequest *ask, const struct dht_own_item *item)
{
    for (size_t i = 0; i < ask->n_cells; i++) {
        const Cell__Dht__Offer *offer = ask->cells[i];
        uint8_t salt[DHT_SALT_MAX];
        size_t size = dht_record_service_salt(offer->name, salt);
        if (offer->ready > 0 && size == item->salt_size && memcmp(salt, item->salt, size) == 0) {
            return true;
        }
    }
    return false;
}

enum err dht_service_announce(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__AnnounceRequest *ask = request;
    Cell__Dht__AnnounceReply reply = CELL__DHT__ANNOUNCE_REPLY__INIT;
    uint64_t now_us = loop_now_us();
    enum err e = check(call, s, ask);

    dht_shell_look_at_self(s); /* for the next time */

    if (e == ERR_OK && !s->has_address) {
        cell_call_explain(call, "where others reach this node is not known yet: set advertise, or run nodosum");
        e = ERR_PRECONDITION;
    }
    for (size_t i = 0; e == ERR_OK && i < ask->n_cells; i++) {
        e = ask->cells[i]->ready > 0 ? offer_one(s, ask, ask->cells[i], now_us) : ERR_OK;
    }
    if (e != ERR_OK) {
        return e;
    }
    for (struct dht_own_item *item = s->own.first; item != NULL; item = item->next) {
        if (item->kind == DHT_SERVICE && !is_offered(ask, item)) {
            item->lapse_us = now_us;
        }
    }
    dht_say_own(s);
    dht_shell_arm(s);
    return cell_reply(call, &reply);
}

/* ---- Find ---------------------------------------------------------------------------------------------- */

struct finding {
    struct dht_ask ask; /* first */
    struct cell_call *call;
    uint32_t count;
    struct {
        uint8_t owner[DHT_OWNER_SIZE];
        uint64_t seq;
        uint32_t left_ms;
        uint16_t size;
        uint8_t *value; /* owned */
    } seen[DHT_OWNERS_MAX];
};

/* Of each owner what it said last. */
static void on_found(struct dht_ask *ask, const struct dht_found *found)
{
    struct finding *f = (struct finding *)ask;
    const struct dht_record *r = &found->record;
    uint32_t at = 0;

    if (r->kind != DHT_SERVICE) {
        return;
    }
    while (at < f->count && memcmp(f->seen[at].owner, r->owner, DHT_OWNER_SIZE) != 0) {
        at++;
    }
    if (at == ARRAY_LEN(f->seen) || (at < f->count && r->seq <= f->seen[at].seq)) {
        return;
    }
    uint8_t *copy = malloc(r->value_size + 1u);
    if (copy == NULL) {
        return; /* as if that holder had not known it */
    }
    memcpy(copy, r->value, r->value_size);
    free(at < f->count ? f->seen[at].value : NULL);
    memcpy(f->seen[at].owner, r->owner, DHT_OWNER_SIZE);
    f->seen[at].seq = r->seq;
    f->seen[at].left_ms = r->left_ms;
    f->seen[at].size = r->value_size;
    f->seen[at].value = copy;
    f->count += at == f->count;
}

/* One as a message; borrows from `one`. NULL: there is no memory. */
static Cell__Dht__Found *to_message(struct finding *f, uint32_t at, const Cell__Dht__Endpoint *one)
{
    Cell__Dht__Found *to = cell_call_alloc(f->call, sizeof *to);

    if (to != NULL) {
        *to = (Cell__Dht__Found)CELL__DHT__FOUND__INIT;
        to->node = one->node;
        to->id = one->id;
        to->address = one->address;
        to->ready = one->ready;
        to->score = one->score;
        to->latency_us = one->latency_us;
        to->place = one->place;
        to->is_self = memcmp(one->id.data, f->ask.shell->keys.id, NODE_ID_LEN) == 0;
        to->left_ms = f->seen[at].left_ms;
    }
    return to;
}

/* What somebody says of itself is a claim: its form is checked here, who it is by whoever goes there. */
static Cell__Dht__Endpoint *read_one(const struct finding *f, uint32_t at)
{
    struct dht_address where;
    Cell__Dht__Endpoint *one = f->seen[at].size == 0 ? NULL : endpoint_of(f->seen[at].value, f->seen[at].size);

    if (one != NULL && (!name_valid_str(one->node) || one->id.len != NODE_ID_LEN || one->ready == 0 ||
                        dht_settings_address(one->address, 0, &where) != ERR_OK || !dht_packet_is_address(&where))) {
        cell__dht__endpoint__free_unpacked(one, NULL);
        one = NULL;
    }
    return one;
}

static void on_ended(struct dht_ask *ask, const struct dht_done *done)
{
    struct finding *f = (struct finding *)ask;
    Cell__Dht__FindReply reply = CELL__DHT__FIND_REPLY__INIT;
    Cell__Dht__Endpoint *one[DHT_OWNERS_MAX];
    Cell__Dht__Found *slot[DHT_OWNERS_MAX];
    bool is_known = done->status == ERR_OK || done->status == ERR_NOT_FOUND || f->count > 0;

    reply.found = slot;
    for (uint32_t i = 0; i < f->count; i++) {
        one[i] = read_one(f, i);
        slot[reply.n_found] = one[i] == NULL ? NULL : to_message(f, i, one[i]);
        reply.n_found += slot[reply.n_found] != NULL;
    }
    if (is_known) {
        (void)!cell_reply(f->call, &reply); /* or nobody waits any more */
    } else {
        char clock[DHT_CLOCK_SIZE];
        cell_reply_error(f->call, done->status,
                         dht_clock_explain(done, clock) ? clock
                         : done->status == ERR_UNAVAILABLE ? "this node knows no other one yet" : "too few of those who would know answered", NULL);
    }
    for (uint32_t i = 0; i < f->count; i++) {
        cell__dht__endpoint__free_unpacked(one[i], NULL);
        free(f->seen[i].value);
    }
    free(f);
}

enum err dht_service_find(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__FindRequest *ask = request;
    uint8_t salt[DHT_SALT_MAX];
    struct dht_id key;

    if (!is_name(ask->name) || ask->reads > DHT_REPLICAS) {
        cell_call_explain(call, "\"%.80s\" is no [namespace/]cell, or there are not so many holders", ask->name);
        return ERR_INVALID;
    }
    struct finding *f = calloc(1, sizeof *f);
    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->ask = (struct dht_ask){.shell = s, .found = on_found, .done = on_ended};
    f->call = call;
    dht_record_service_key(salt, dht_record_service_salt(ask->name, salt), &key);
    enum err e = dht_shell_get(s, &key, ask->reads == 0 ? DHT_SERVICE_READS : ask->reads, &f->ask);
    if (e != ERR_OK) {
        free(f);
        return dht_service_refuse(call, e);
    }
    return ERR_LATER;
}
