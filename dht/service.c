/* Put, Get, Remove, Lookup: each is a wish of the core, and answered when that has ended. Stats, Bootstrap. */
#include "dht/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "dht/clock.h"
#include "dht/compare.h"
#include "dht/id.h"
#include "dht/say.h"
#include "dht/wire.h"

enum { PRECONDITION_SIZE = 48 };

enum err dht_service_refuse(struct cell_call *call, enum err e)
{
    if (e == ERR_LIMIT) {
        cell_call_explain(call, "%d lookups are under way", DHT_SHELL_WISHES);
        cell_call_retry_after(call, DHT_SHELL_BUSY_MS);
    }
    return e;
}

/* Why a wish found nothing, for a person. */
static const char *explain(enum err e)
{
    return e == ERR_NOT_FOUND      ? "a majority of its holders says that there is no such value"
           : e == ERR_TIMEOUT      ? "too few of its holders answered"
           : e == ERR_UNAVAILABLE  ? "this node knows no other one yet that could have it: see config.bootstrap, and `cell dht stats`"
           : e == ERR_ABORTED      ? "its holders have a higher sequence"
           : e == ERR_LIMIT        ? "its holders have no room for it"
           : e == ERR_RANGE        ? "it is over, its holders say: a clock is wrong"
                                   : NULL;
}

static void fail(struct cell_call *call, enum err e)
{
    cell_reply_error(call, e, explain(e), NULL);
}

static void fail_done(struct cell_call *call, enum err e, const struct dht_done *done)
{
    char clock[DHT_CLOCK_SIZE];

    cell_reply_error(call, e, dht_clock_explain(done, clock) ? clock : explain(e), NULL);
}

/* Nobody waits any more, or it would not fit: either way its caller is told by the runtime. */
static void answer(struct cell_call *call, const void *reply)
{
    (void)!cell_reply(call, reply);
}

/* ---- Put --------------------------------------------------------------------------------------------- */

struct putting {
    struct cell_call *call;
    bool is_kept;
    uint32_t ttl_ms;
};

/* It is said again from now on, in this life and the next. */
static enum err keep(struct dht_shell *s, const struct dht_record *r, uint32_t ttl_ms)
{
    bool has_name = r->kind == DHT_MUTABLE;
    const void *name = has_name ? r->salt : r->value;
    struct dht_own_item *item = dht_own_find(&s->own, r->kind, name, has_name ? r->salt_size : r->value_size);
    enum err e = item != NULL ? ERR_OK : dht_own_add(&s->own, r->kind, has_name ? name : "", has_name ? r->salt_size : 0, &item);

    if (e != ERR_OK) {
        return e;
    }
    dht_own_set(item, r->value, r->value_size);
    item->ttl_ms = ttl_ms;
    dht_own_go(item);
    (void)dht_own_said(item, loop_now_us(), true, r->seq); /* it has a value */
    return dht_say_keep(s);
}

/* A name that is put without being kept is not kept any more: what was would come back. */
static enum err let_go(struct dht_shell *s, const struct dht_record *r)
{
    struct dht_own_item *item = r->kind == DHT_MUTABLE ? dht_own_find(&s->own, r->kind, r->salt, r->salt_size) : NULL;

    if (item == NULL) {
        return ERR_OK;
    }
    dht_own_remove(&s->own, item);
    return dht_say_keep(s);
}

/* Its holders have it, or hold nothing any more; this node's disk has it not. In this life that is so all the same. */
static void fail_disk(struct cell_call *call, enum err e)
{
    log_warn("DHT-UNKEPT", "error=%s effect=\"the next life knows nothing of it\" advice=\"make room in the state directory, and say it again\"", err_name(e));
    cell_reply_error(call, e, "its holders know, but the state directory of this node cannot be written (full, or not writable): after a restart "
                     "what is kept is as before", NULL);
}

static void on_put(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done)
{
    struct putting *p = context;
    Cell__Dht__PutReply reply = CELL__DHT__PUT_REPLY__INIT;
    struct cell_call *call = p->call;

    enum err kept = e != ERR_OK ? ERR_OK : p->is_kept ? keep(s, r, p->ttl_ms) : let_go(s, r);
    free(p);
    if (kept != ERR_OK) {
        fail_disk(call, kept);
        return;
    }
    if (e == ERR_PRECONDITION) {
        char text[PRECONDITION_SIZE];
        (void)snprintf(text, sizeof text, r->seq == 0 ? "no sequence is held" : "sequence %" PRIu64 " is held", r->seq);
        cell_reply_error(call, e, text, NULL);
        return;
    }
    if (e != ERR_OK) {
        fail_done(call, e, done);
        return;
    }
    reply.key = (ProtobufCBinaryData){sizeof r->key.byte, (uint8_t *)r->key.byte};
    reply.seq = r->seq;
    reply.holders = done->holders;
    reply.acked = done->acked;
    answer(call, &reply);
}

static enum err check_put(struct cell_call *call, const Cell__Dht__PutRequest *ask)
{
    size_t name = strlen(ask->name);

    if (name > DHT_SALT_MAX || ask->value.len > DHT_VALUE_MAX || name + ask->value.len > DHT_VALUE_MAX) {
        cell_call_explain(call, "a name has at most %d bytes, name and value together %d (DHT_VALUE_MAX)", DHT_SALT_MAX, DHT_VALUE_MAX);
        return ERR_LIMIT;
    }
    if (ask->value.len == 0) {
        cell_call_explain(call, "a value has at least one byte; Remove takes a named one back");
        return ERR_INVALID;
    }
    if (ask->has_expected && (name == 0 || ask->expected >= DHT_SEQ_MAX)) {
        cell_call_explain(call, "only a named value has a sequence to expect, below 2^53");
        return ERR_INVALID;
    }
    if (ask->request.len > DHT_REQUEST_MAX) {
        cell_call_explain(call, "a request's name has at most %d bytes", DHT_REQUEST_MAX);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static bool is_kept(const struct dht_shell *s, const Cell__Dht__PutRequest *ask)
{
    size_t name = strlen(ask->name);

    return (name > 0 ? dht_own_find(&s->own, DHT_MUTABLE, ask->name, name)
                     : dht_own_find(&s->own, DHT_IMMUTABLE, ask->value.data, ask->value.len)) != NULL;
}

enum err dht_service_put(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__PutRequest *ask = request;
    uint32_t ttl_ms;
    enum err e = check_put(call, ask);

    e = e == ERR_OK ? dht_wire_life(call, ask->ttl_ms, &ttl_ms) : e;
    if (e != ERR_OK) {
        return e;
    }
    if (ask->keep && s->own.count == DHT_OWN_MAX && !is_kept(s, ask)) {
        cell_call_explain(call, "%d things are kept", DHT_OWN_MAX);
        return ERR_LIMIT;
    }
    struct putting *p = malloc(sizeof *p);
    if (p == NULL) {
        return ERR_NOMEM;
    }
    *p = (struct putting){.call = call, .is_kept = ask->keep, .ttl_ms = ttl_ms};
    e = dht_say(s, &(struct dht_say){.kind = ask->name[0] != '\0' ? DHT_MUTABLE : DHT_IMMUTABLE,
                                     .name = (const uint8_t *)ask->name, .name_size = strlen(ask->name),
                                     .value = ask->value.data, .value_size = ask->value.len, .ttl_ms = ttl_ms,
                                     .expected = ask->has_expected ? &ask->expected : NULL, .request = ask->request.data,
                                     .request_size = ask->request.len, .said = on_put, .context = p});
    if (e != ERR_OK) {
        free(p);
        return dht_service_refuse(call, e);
    }
    return ERR_LATER;
}

/* ---- Get, Remove --------------------------------------------------------------------------------------- */

/* What was found of a key: the highest sequence of it. */
struct getting {
    struct dht_ask ask; /* first */
    struct cell_call *call;
    bool is_there, is_own;
    struct dht_id key;
    uint32_t reads;
    uint32_t left_ms;
    uint8_t name_size, name[DHT_SALT_MAX];
    uint8_t owner[DHT_OWNER_SIZE];
    uint16_t value_size;
    uint8_t value[DHT_VALUE_MAX];
    struct dht_record r; /* its pointers are not used */
};

static void on_found(struct dht_ask *ask, const struct dht_found *found)
{
    struct getting *g = (struct getting *)ask;
    const struct dht_record *r = &found->record;

    if (g->is_there && r->seq <= g->r.seq) {
        return;
    }
    g->is_there = true;
    g->is_own = found->is_own;
    g->r = *r;
    g->left_ms = r->left_ms;
    g->value_size = r->value_size;
    memcpy(g->value, r->value, r->value_size);
    if (r->kind != DHT_IMMUTABLE) {
        memcpy(g->owner, r->owner, sizeof g->owner);
        g->name_size = r->salt_size;
        memcpy(g->name, r->salt, r->salt_size);
    }
}

/* A name is bytes, and text in a message: what is none is not told. */
static char *name_of(struct getting *g)
{
    char *text = cell_call_alloc(g->call, sizeof g->name + 1);

    if (text != NULL) {
        memcpy(text, g->name, g->name_size);
        text[bytes_is_utf8(g->name, g->name_size) ? g->name_size : 0] = '\0';
    }
    return text;
}

static void on_got(struct dht_ask *ask, const struct dht_done *done)
{
    struct getting *g = (struct getting *)ask;
    Cell__Dht__GetReply reply = CELL__DHT__GET_REPLY__INIT;
    Cell__Dht__Value value = CELL__DHT__VALUE__INIT;
    enum err e = g->is_there && g->value_size > 0 ? ERR_OK : g->is_there || done->status == ERR_OK ? ERR_NOT_FOUND : done->status;

    if (e == ERR_NOT_FOUND && done->status != ERR_CANCELLED && !g->is_there && !dht_shell_is_settled(ask->shell)) {
        dht_shell_when_settled(ask); /* nobody was there to be asked yet */
        return;
    }
    value.name = e == ERR_OK ? name_of(g) : NULL;
    if (e == ERR_OK && value.name == NULL) {
        e = ERR_NOMEM;
    }
    if (e == ERR_OK) {
        value.key = (ProtobufCBinaryData){sizeof g->r.key.byte, g->r.key.byte};
        value.value = (ProtobufCBinaryData){g->value_size, g->value};
        value.seq = g->r.seq;
        value.owner = (ProtobufCBinaryData){g->r.kind == DHT_IMMUTABLE ? 0 : sizeof g->owner, g->owner};
        value.left_ms = g->left_ms;
        value.is_own = g->is_own;
        reply.value = &value;
        reply.asked = done->asked;
        reply.hops = done->hops;
        answer(g->call, &reply);
    } else {
        fail_done(g->call, e, done);
    }
    free(g);
}

static void get_again(struct dht_ask *ask)
{
    struct getting *g = (struct getting *)ask;
    enum err e = dht_shell_get(ask->shell, &g->key, g->reads, ask);

    if (e != ERR_OK) {
        fail(g->call, e);
        free(g);
    }
}

static enum err get(struct dht_shell *s, struct cell_call *call, const struct dht_id *key, uint32_t reads, const struct getting *how)
{
    struct getting *g = malloc(sizeof *g);

    if (g == NULL) {
        return ERR_NOMEM;
    }
    *g = *how;
    g->call = call;
    g->key = *key;
    g->reads = reads;
    g->ask.shell = s;
    g->ask.found = on_found;
    enum err e = dht_shell_get(s, key, reads, &g->ask);
    if (e != ERR_OK) {
        free(g);
        return dht_service_refuse(call, e);
    }
    return ERR_LATER;
}

enum err dht_service_get(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__GetRequest *ask = request;
    struct dht_id key;
    enum err e = dht_wire_place(call, ask->place, s->signer.owner, &key);

    if (e == ERR_OK && ask->reads > DHT_REPLICAS) {
        cell_call_explain(call, "there are %d holders", DHT_REPLICAS);
        e = ERR_INVALID;
    }
    return e == ERR_OK ? get(s, call, &key, ask->reads == 0 ? 1 : ask->reads, &(struct getting){.ask = {.done = on_got, .again = get_again}}) : e;
}

static void on_removed(struct dht_shell *s, void *context, enum err e, const struct dht_record *r, const struct dht_done *done)
{
    Cell__Dht__RemoveReply reply = CELL__DHT__REMOVE_REPLY__INIT;
    struct cell_call *call = context;

    enum err kept = e == ERR_OK ? let_go(s, r) : ERR_OK;
    if (kept != ERR_OK) {
        fail_disk(call, kept);
        return;
    }
    if (e != ERR_OK) {
        fail_done(call, e, done);
        return;
    }
    reply.key = (ProtobufCBinaryData){sizeof r->key.byte, (uint8_t *)r->key.byte};
    reply.seq = r->seq;
    reply.acked = done->acked;
    answer(call, &reply);
}

/* Its holders are asked again: to hold nothing for as long as any of them may hold the value. */
static void remove_now(struct dht_ask *ask)
{
    struct getting *g = (struct getting *)ask;
    uint32_t ttl_ms = g->is_there && g->left_ms > DHT_TTL_LEAST_MS ? g->left_ms : DHT_TTL_LEAST_MS;
    const struct dht_own_item *item = dht_own_find(&ask->shell->own, DHT_MUTABLE, g->name, g->name_size);
    struct cell_call *call = g->call;

    ttl_ms = item != NULL && item->ttl_ms > ttl_ms ? item->ttl_ms : ttl_ms;
    enum err e = dht_say(ask->shell, &(struct dht_say){.kind = DHT_MUTABLE, .name = g->name, .name_size = g->name_size, .ttl_ms = ttl_ms,
                                                       .seq_least = g->r.seq + 1, .said = on_removed, .context = call});
    free(g);
    if (e != ERR_OK) {
        fail(call, e);
    }
}

static void on_seen(struct dht_ask *ask, const struct dht_done *done)
{
    struct getting *g = (struct getting *)ask;
    bool is_kept = dht_own_find(&ask->shell->own, DHT_MUTABLE, g->name, g->name_size) != NULL;
    bool is_none = g->is_there ? g->value_size == 0 : done->status == ERR_NOT_FOUND || done->status == ERR_OK;

    if ((is_none && !is_kept) || (!g->is_there && !is_none) || done->status == ERR_CANCELLED) {
        fail_done(g->call, is_none ? ERR_NOT_FOUND : done->status, done);
        free(g);
        return;
    }
    dht_shell_again(ask);
}

/* An immutable value is nobody's: others may keep it too. This node says it no more. */
static enum err let_value_go(struct dht_shell *s, struct cell_call *call, const ProtobufCBinaryData *key)
{
    Cell__Dht__RemoveReply reply = CELL__DHT__REMOVE_REPLY__INIT;
    struct dht_own_item *item = s->own.first;

    for (; item != NULL; item = item->next) {
        struct dht_record r = {.kind = item->kind, .value = item->value, .value_size = item->value_size};
        if (item->kind != DHT_IMMUTABLE) {
            continue;
        }
        dht_record_place(&r);
        if (key->len == sizeof r.key.byte && memcmp(key->data, r.key.byte, sizeof r.key.byte) == 0) {
            break;
        }
    }
    if (item == NULL) {
        cell_call_explain(call, "no value of this key is kept here");
        return ERR_NOT_FOUND;
    }
    dht_own_remove(&s->own, item);
    enum err e = dht_say_keep(s);
    reply.key = *key;
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

enum err dht_service_remove(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__RemoveRequest *ask = request;
    Cell__Dht__Place place = CELL__DHT__PLACE__INIT;
    struct getting how = {.ask = {.done = on_seen, .again = remove_now}, .name_size = (uint8_t)strlen(ask->name)};
    struct dht_id key;

    place.name = ask->name;
    place.key = ask->key;
    enum err e = dht_wire_place(call, &place, s->signer.owner, &key);
    if (e != ERR_OK) {
        return e;
    }
    if (ask->name[0] == '\0') {
        return let_value_go(s, call, &ask->key);
    }
    memcpy(how.name, ask->name, how.name_size);
    return get(s, call, &key, DHT_REPLICAS / 2, &how);
}

/* ---- Lookup -------------------------------------------------------------------------------------------- */

struct looking {
    struct dht_ask ask; /* first */
    struct cell_call *call;
    struct dht_id key;
};

static bool add_peers(struct looking *l, const struct dht_done *done, Cell__Dht__LookupReply *reply)
{
    const struct dht_shell *s = l->ask.shell;
    struct dht_contact self = {.at = s->address};
    bool is_in = false;

    memcpy(self.node.byte, s->keys.id, sizeof self.node.byte);
    struct dht_id own = dht_core_id(&self.node);
    reply->peers = cell_call_alloc(l->call, sizeof *reply->peers * (DHT_K + 1));
    for (uint32_t i = 0; reply->peers != NULL && i <= done->contacts; i++) {
        struct dht_id id = i < done->contacts ? dht_core_id(&done->contact[i].node) : own;
        if (!is_in && (i == done->contacts || dht_id_is_nearer(&l->key, &own, &id))) {
            reply->peers[reply->n_peers] = dht_wire_peer(l->call, &self, true);
            is_in = true;
            if (reply->peers[reply->n_peers++] == NULL) {
                return false;
            }
        }
        if (i < done->contacts) {
            reply->peers[reply->n_peers] = dht_wire_peer(l->call, &done->contact[i], false);
            if (reply->peers[reply->n_peers++] == NULL) {
                return false;
            }
        }
    }
    return reply->peers != NULL;
}

static bool add_path(struct looking *l, const struct dht_done *done, Cell__Dht__LookupReply *reply)
{
    reply->path = cell_call_alloc(l->call, sizeof *reply->path * DHT_STEPS_MAX);
    for (uint32_t i = 0; reply->path != NULL && i < done->steps; i++) {
        reply->path[reply->n_path] = dht_wire_step(l->call, &done->step[i]);
        if (reply->path[reply->n_path++] == NULL) {
            return false;
        }
    }
    return reply->path != NULL;
}

static void on_near(struct dht_ask *ask, const struct dht_done *done)
{
    struct looking *l = (struct looking *)ask;
    Cell__Dht__LookupReply reply = CELL__DHT__LOOKUP_REPLY__INIT;
    enum err e = done->status;

    reply.key = (ProtobufCBinaryData){sizeof l->key.byte, l->key.byte};
    reply.asked = done->asked;
    reply.hops = done->hops;
    if (e == ERR_OK && (!add_peers(l, done, &reply) || !add_path(l, done, &reply))) {
        e = ERR_NOMEM;
    }
    if (e == ERR_OK) {
        answer(l->call, &reply);
    } else {
        fail(l->call, e);
    }
    free(l);
}

enum err dht_service_lookup(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__LookupRequest *ask = request;
    struct dht_id key;
    enum err e = dht_wire_place(call, ask->place, s->signer.owner, &key);
    struct looking *l = e == ERR_OK ? malloc(sizeof *l) : NULL;

    if (l == NULL) {
        return e != ERR_OK ? e : ERR_NOMEM;
    }
    *l = (struct looking){.ask = {.shell = s, .done = on_near}, .call = call, .key = key};
    dht_shell_look_at_self(s);
    e = dht_shell_find(s, &key, &l->ask);
    if (e != ERR_OK) {
        free(l);
        return dht_service_refuse(call, e);
    }
    return ERR_LATER;
}

/* ---- Stats, Bootstrap ---------------------------------------------------------------------------------- */

static bool add_counts(const struct dht_shell *s, struct cell_call *call, Cell__Dht__StatsReply *reply)
{
    const struct dht_counters *c = dht_core_counters(s->core);
    struct datagram_numbers d;

    datagram_count(s->datagram, &d);
    uint64_t forged_datagrams = d.sealed.refused[SEALED_REFUSED_FORGED], refused_datagrams = d.cut;
    for (size_t i = 0; i < SEALED_REFUSALS; i++) {
        refused_datagrams += d.sealed.refused[i];
    }
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"packets_in", c->packets_in}, {"packets_out", c->packets_out}, {"bytes_in", c->bytes_in}, {"bytes_out", c->bytes_out},
        {"malformed", c->malformed}, {"flooded", c->flooded}, {"unasked", c->unasked}, {"requests", c->requests},
        {"timeouts", c->timeouts}, {"late", c->late}, {"hedges", c->hedges}, {"served_find", c->served_find},
        {"served_get", c->served_get}, {"served_hit", c->served_hit}, {"served_store", c->served_store},
        {"no_token", c->no_token}, {"forged", c->forged}, {"older", c->older}, {"quota", c->quota}, {"full", c->full},
        {"refused", c->refused}, {"stored", c->stored}, {"expired", c->expired}, {"evicted", c->evicted},
        {"repaired", c->repaired}, {"cached", c->cached}, {"withdrawn", c->withdrawn}, {"wishes", c->wishes},
        {"wishes_failed", c->wishes_failed}, {"evictions", c->evictions}, {"poisoned", c->poisoned}, {"sums", c->sums},
        {"sums_differ", c->sums_differ}, {"offers", c->offers}, {"wants", c->wants}, {"unsent", c->unsent},
        {"twins", c->twins}, {"own_twin", d.sealed.twins},
        {"untaken", s->untaken}, {"datagrams_in", d.datagrams_in}, {"datagrams_out", d.datagrams_out},
        {"datagram_bytes_in", d.bytes_in}, {"datagram_bytes_out", d.bytes_out}, {"datagrams_refused", refused_datagrams},
        {"datagrams_forged", forged_datagrams}, {"sessions", d.sealed.meetings}, {"acquainted", d.sealed.peers},
    };

    reply->counts = cell_call_alloc(call, sizeof *reply->counts * ARRAY_LEN(rows));
    for (; reply->counts != NULL && reply->n_counts < ARRAY_LEN(rows); reply->n_counts++) {
        reply->counts[reply->n_counts] = dht_wire_count(call, rows[reply->n_counts].name, rows[reply->n_counts].value);
        if (reply->counts[reply->n_counts] == NULL) {
            return false;
        }
    }
    return reply->counts != NULL;
}

enum err dht_service_stats(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    Cell__Dht__StatsReply reply = CELL__DHT__STATS_REPLY__INIT;
    struct dht_node self;

    (void)request;
    memcpy(self.byte, s->keys.id, sizeof self.byte);
    struct dht_id id = dht_core_id(&self);
    reply.id = (ProtobufCBinaryData){sizeof id.byte, id.byte};
    reply.owner = (ProtobufCBinaryData){sizeof s->signer.owner, s->signer.owner};
    reply.peers = dht_core_peers(s->core);
    reply.members = s->circle.in;
    reply.records = dht_core_records(s->core);
    reply.store_bytes = dht_core_store_bytes(s->core);
    reply.kept = s->own.count;
    return add_counts(s, call, &reply) ? cell_reply(call, &reply) : ERR_NOMEM;
}

enum err dht_service_bootstrap(void *state, struct cell_call *call, const void *request)
{
    struct dht_shell *s = state;
    const Cell__Dht__BootstrapRequest *ask = request;
    Cell__Dht__BootstrapReply reply = CELL__DHT__BOOTSTRAP_REPLY__INIT;
    struct dht_address at[DHT_BOOTSTRAP_MAX];

    if (ask->n_at == 0 || ask->n_at > DHT_BOOTSTRAP_MAX) {
        cell_call_explain(call, "1 to %d addresses can be asked at one time", DHT_BOOTSTRAP_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < ask->n_at; i++) {
        if (dht_settings_address(ask->at[i], s->settings.port, &at[i]) != ERR_OK || !dht_packet_is_address(&at[i])) {
            cell_call_explain(call, "\"%.80s\" is no address such as 10.0.0.1:7403", ask->at[i]);
            return ERR_INVALID;
        }
    }
    enum err e = dht_shell_bootstrap(s, at, (uint32_t)ask->n_at);
    reply.asked = (uint32_t)ask->n_at;
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}
