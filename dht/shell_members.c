/* Whom membership knows: listed once, then followed. A cell without one goes on with whoever it finds itself. */
#include <stdlib.h>
#include <string.h>

#include "common/run/log.h"
#include "dht/shell.h"
#include "dht/wire.h"
#include "proto/nodosum.ops.h"
#include "proto/nodosum.pb-c.h"

enum { MS_US = 1000 };

/* One listing, page by page. */
struct listing {
    struct dht_shell *shell;
    uint32_t mark;
    uint64_t revision;  /* of the first page: what happened since is told by the watch */
    bool has_begun;
    uint8_t after[DHT_NODE_SIZE];
    size_t after_size;
};

static void list_all(void *context);

static bool is_living(const char *state)
{
    return strcmp(state, "alive") == 0 || strcmp(state, "suspect") == 0;
}

/* Where its cell is: as configured, or at the member's address and the common port. */
static bool place(const struct dht_shell *s, const char *name, const char *member_address, struct dht_address *ret)
{
    for (uint32_t i = 0; i < s->settings.places; i++) {
        if (strcmp(s->settings.place[i].node, name) == 0) {
            *ret = s->settings.place[i].at;
            return true;
        }
    }
    if (dht_settings_address(member_address, 0, ret) != ERR_OK) {
        return false;
    }
    ret->port = s->settings.port;
    return dht_packet_is_address(ret);
}

static void take(struct dht_shell *s, const ProtobufCBinaryData *id, const char *name, const char *address, uint32_t rtt_us, uint32_t mark)
{
    struct dht_contact who;

    if (dht_wire_node(id, &who.node) != ERR_OK || !place(s, name, address, &who.at)) {
        log_debug("DHT-MEMBER", "node=%.64s at=%.64s why=\"no address in numbers\"", name, address);
        return;
    }
    dht_shell_member(s, &who, mark);
    dht_core_rtt(s->core, &who.node, rtt_us);
}

/* ---- changes --------------------------------------------------------------------------------------- */

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Nodosum__WatchRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Nodosum__WatchReply *)reply)->last;
}

static void take_event(struct dht_shell *s, const Cell__Nodosum__Event *ev)
{
    struct dht_node node;

    if (strcmp(ev->change, "failed") != 0 && strcmp(ev->change, "left") != 0) {
        if (memcmp(s->keys.id, ev->id.data, ev->id.len == sizeof s->keys.id ? sizeof s->keys.id : 0) != 0) {
            take(s, &ev->id, ev->name, ev->address, 0, s->members.mark);
        }
    } else if (dht_wire_node(&ev->id, &node) == ERR_OK) {
        dht_shell_member_gone(s, &node);
    }
}

static void relist(struct dht_shell *s, uint64_t delay_ms)
{
    cell_watch_stop(s->members.watch);
    s->members.watch = NULL;
    cell_timer_stop(s->members.timer);
    s->members.timer = cell_timer_start(s->cell, delay_ms, 0, list_all, s);
}

/* It did not answer; where there is none it is asked once a minute. */
static void relist_later(struct dht_shell *s)
{
    uint32_t gap_ms = s->members.gap_ms == 0 ? DHT_SHELL_MEMBERS_MS : 2 * s->members.gap_ms;

    s->members.gap_ms = gap_ms < DHT_SHELL_MEMBERS_MOST_MS ? gap_ms : DHT_SHELL_MEMBERS_MOST_MS;
    relist(s, s->members.gap_ms);
}

static void on_news(void *context, const struct ProtobufCMessage *message, uint64_t last)
{
    struct dht_shell *s = context;
    const Cell__Nodosum__WatchReply *reply = (const Cell__Nodosum__WatchReply *)message;

    (void)last;
    if (reply->is_lost) {
        relist(s, 0);
        return;
    }
    for (size_t i = 0; i < reply->n_events; i++) {
        take_event(s, reply->events[i]);
    }
    dht_shell_arm(s);
}

/* A membership that was restarted counts from 1 again: what it knows now is listed anew. */
static void on_trouble(void *context, enum err e, const char *text)
{
    struct dht_shell *s = context;

    log_debug("DHT-UNWATCHED", "error=%s why=\"%.96s\" effect=\"the dead are found out by asking them\"", err_name(e), text);
    if (e == ERR_DATA_LOSS) {
        relist(s, 0);
    }
}

static void follow(struct dht_shell *s, uint64_t revision)
{
    s->members.watch = cell_watch_start(s->cell, &(struct cell_watch_def){
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_WATCH, .request = &s->members.poll->base,
        .reply = &cell__nodosum__watch_reply__descriptor, .poll_ms = DHT_SHELL_POLL_MS + DHT_SHELL_ASK_MS, .from = revision,
        .set_from = set_from, .get_last = get_last, .news = on_news, .trouble = on_trouble, .context = s});
    if (s->members.watch == NULL) {
        relist_later(s);
    }
}

/* ---- the listing ----------------------------------------------------------------------------------- */

static enum err ask_page(struct listing *l);

/* Where it is reached, unless that is configured: it may have moved. */
static void take_self(struct dht_shell *s, const Cell__Nodosum__Member *m)
{
    struct dht_address own;
    char text[ADDRESS_SIZE];

    if ((s->has_address && !s->is_told) || !place(s, m->name, m->address, &own)) {
        return;
    }
    own.port = s->address.port;
    bool is_news = !s->is_told || memcmp(own.ip, s->address.ip, sizeof own.ip) != 0;
    s->address = own;
    s->has_address = s->is_told = true;
    if (is_news) {
        dht_net_format(&own, text);
        log_info("DHT-PLACED", "node=%s at=%s", s->keys.name, text);
    }
}

static void take_member(struct dht_shell *s, const Cell__Nodosum__Member *m, uint32_t mark)
{
    if (m->is_self) {
        take_self(s, m);
    }
    if (!m->is_self && is_living(m->state)) {
        take(s, &m->id, m->name, m->address, m->rtt_us, mark);
    }
}

static void on_page(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct listing *l = context;
    struct dht_shell *s = l->shell;
    const Cell__Nodosum__MembersReply *reply = (const Cell__Nodosum__MembersReply *)message;
    const Cell__Nodosum__Member *last = e == ERR_OK && reply->n_members > 0 ? reply->members[reply->n_members - 1] : NULL;

    for (size_t i = 0; e == ERR_OK && i < reply->n_members; i++) {
        take_member(s, reply->members[i], l->mark);
    }
    if (e == ERR_OK) {
        l->revision = l->has_begun ? l->revision : reply->revision;
        l->has_begun = true;
    }
    if (e == ERR_OK && reply->has_more && last != NULL && last->id.len == sizeof l->after) {
        memcpy(l->after, last->id.data, sizeof l->after);
        l->after_size = sizeof l->after;
        e = ask_page(l);
        if (e == ERR_OK) {
            return;
        }
    }
    if (e == ERR_OK) {
        s->members.gap_ms = 0;
        s->members.has_listed = true;
        dht_shell_members_listed(s, l->mark);
        follow(s, l->revision);
    } else if (e != ERR_CANCELLED) {
        log_debug("DHT-UNLISTED", "error=%s why=\"%.96s\" effect=\"nodes are found by asking nodes\"", err_name(e), text);
        relist_later(s);
    }
    free(l);
}

static enum err ask_page(struct listing *l)
{
    Cell__Nodosum__MembersRequest request = CELL__NODOSUM__MEMBERS_REQUEST__INIT;

    request.after = (ProtobufCBinaryData){l->after_size, l->after};
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_MEMBERS, .request = &request.base,
        .reply = &cell__nodosum__members_reply__descriptor, .deadline_ms = DHT_SHELL_ASK_MS, .done = on_page, .context = l,
        .is_idempotent = CELL__NODOSUM__MEMBERS__IS_IDEMPOTENT, .is_hasty = true};
    return cell_ask(l->shell->cell, &out);
}

static void list_all(void *context)
{
    struct dht_shell *s = context;
    struct listing *l = calloc(1, sizeof *l);

    cell_timer_stop(s->members.timer);
    s->members.timer = NULL;
    if (l != NULL) {
        *l = (struct listing){.shell = s, .mark = ++s->members.mark};
    }
    if (l == NULL || ask_page(l) != ERR_OK) {
        free(l);
        relist_later(s);
    }
}

/* ---- this node ------------------------------------------------------------------------------------- */

static void on_self(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    const Cell__Nodosum__MembersReply *reply = (const Cell__Nodosum__MembersReply *)message;

    (void)text;
    if (e == ERR_OK && reply->n_members == 1 && reply->members[0]->is_self) {
        take_self(context, reply->members[0]);
    }
}

void dht_shell_look_at_self(struct dht_shell *s)
{
    Cell__Nodosum__MembersRequest request = CELL__NODOSUM__MEMBERS_REQUEST__INIT;
    uint64_t now_us = loop_now_us();
    uint8_t before[DHT_NODE_SIZE]; /* the id just before this node's: they come in their order */
    size_t at = sizeof before;

    if (!s->members.has_listed || !s->is_told || now_us < s->members.self_us + (uint64_t)DHT_SHELL_SELF_MS * MS_US) {
        return;
    }
    s->members.self_us = now_us;
    memcpy(before, s->keys.id, sizeof before);
    while (at > 0 && before[--at]-- == 0) {}
    request.after = (ProtobufCBinaryData){sizeof before, before};
    request.most = 1;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_MEMBERS, .request = &request.base,
        .reply = &cell__nodosum__members_reply__descriptor, .deadline_ms = DHT_SHELL_ASK_MS, .done = on_self, .context = s,
        .is_idempotent = CELL__NODOSUM__MEMBERS__IS_IDEMPOTENT, .is_hasty = true};
    if (cell_ask(s->cell, &out) != ERR_OK) {
        log_debug("DHT-SELF-UNASKED", "effect=\"asked again later\"");
    }
}

/* ---- life ------------------------------------------------------------------------------------------ */

enum err dht_shell_members_start(struct dht_shell *s)
{
    if (!s->settings.has_members) {
        return ERR_OK;
    }
    s->members.poll = malloc(sizeof *s->members.poll);
    if (s->members.poll == NULL) {
        return ERR_NOMEM;
    }
    cell__nodosum__watch_request__init(s->members.poll);
    s->members.poll->wait_ms = DHT_SHELL_POLL_MS;
    s->members.timer = cell_timer_start(s->cell, 0, 0, list_all, s);
    return s->members.timer == NULL ? ERR_NOMEM : ERR_OK;
}

void dht_shell_members_stop(struct dht_shell *s)
{
    cell_watch_stop(s->members.watch);
    cell_timer_stop(s->members.timer);
    free(s->members.poll);
    s->members = (struct dht_shell_members){0};
}
