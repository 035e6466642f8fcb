/* Where nodes are: membership is asked by name when a request needs it, and believed for a while. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/node/address.h"
#include "common/run/cell_ask.h"
#include "common/run/log.h"
#include "gateway/names.h"
#include "gateway/shell.h"
#include "proto/nodosum.ops.h"
#include "proto/nodosum.pb-c.h"

/* Of whom membership was asked about. */
struct asking {
    struct gateway_shell *shell;
    struct gateway_node *node;
};

/* Let those go who waited. */
static void release(struct gateway_node *n, enum err e, const char *text)
{
    struct gateway_out *out = n->waiting;

    n->waiting = NULL;
    while (out != NULL) {
        struct gateway_out *next = *gateway_outbound_next(out);
        gateway_outbound_go(out, e == ERR_OK ? n : NULL, e, text);
        out = next;
    }
}

/* Where its gateway listens: as configured, or at the address that membership knows and the common port. */
static bool place(const struct gateway_shell *s, struct gateway_node *n, const char *member_address)
{
    const char *text = member_address;
    uint16_t port = s->config->port;

    for (uint32_t i = 0; i < s->config->places; i++) {
        if (strcmp(s->config->place[i].node, n->name) == 0) {
            text = s->config->place[i].contact;
            port = 0; /* it says its own */
        }
    }
    if (address_parse(text, &n->at) != ERR_OK) {
        log_warn("GATEWAY-PLACE", "node=%s at=\"%.96s\" why=\"no address in numbers\"", n->name, text);
        return false;
    }
    n->at.port = port != 0 ? port : n->at.port;
    return true;
}

static bool take(const struct gateway_shell *s, struct gateway_node *n, const Cell__Nodosum__Found *f)
{
    if (f->id.len != NODE_ID_LEN || !place(s, n, f->address)) {
        return false;
    }
    memcpy(n->id, f->id.data, NODE_ID_LEN);
    n->is_known = true;
    return true;
}

static void learn(struct gateway_shell *s, struct gateway_node *n, const Cell__Nodosum__DiscoverReply *reply)
{
    n->is_known = false;
    for (size_t i = 0; i < reply->n_found && !n->is_known; i++) {
        const Cell__Nodosum__Found *f = reply->found[i];
        n->is_known = strcmp(f->node, n->name) == 0 && take(s, n, f);
    }
    n->fresh_until_ms = cell_now_ms(s->cell) + GATEWAY_FRESH_MS;
}

static void on_found(void *context, enum err e, const struct ProtobufCMessage *reply, const char *text)
{
    struct asking *asking = context;
    struct gateway_shell *s = asking->shell;
    struct gateway_node *n = asking->node;

    free(asking);
    n->is_asking = false;
    if (e == ERR_OK) {
        learn(s, n, (const Cell__Nodosum__DiscoverReply *)reply);
        e = n->is_known ? ERR_OK : ERR_UNAVAILABLE;
        text = "no living node of the cluster has this name";
    } else if (n->is_known) {
        e = ERR_OK; /* membership is away: what it said last is the best there is */
    }
    release(n, e, text);
}

static enum err ask(struct gateway_shell *s, struct gateway_node *n)
{
    Cell__Nodosum__DiscoverRequest request = CELL__NODOSUM__DISCOVER_REQUEST__INIT;
    struct asking *asking = malloc(sizeof *asking);

    if (asking == NULL) {
        return ERR_NOMEM;
    }
    *asking = (struct asking){.shell = s, .node = n};
    request.name = n->name;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_DISCOVER, .request = &request.base,
        .reply = &cell__nodosum__discover_reply__descriptor, .deadline_ms = GATEWAY_MEMBERSHIP_MS, .done = on_found,
        .context = asking, .is_idempotent = CELL__NODOSUM__DISCOVER__IS_IDEMPOTENT};
    enum err e = cell_ask(s->cell, &out);
    if (e != ERR_OK) {
        free(asking);
        return e;
    }
    n->is_asking = true;
    return ERR_OK;
}

static_assert(NODELINK_PEERS_MAX >= 2 * GATEWAY_NODES_MAX, "what is urgent has a link of its own to each of them");

/* The slot of a name; the one used longest ago for which nobody waits makes room. NULL: there is none. */
static struct gateway_node *node_for(struct gateway_shell *s, const char *name)
{
    size_t place_at = GATEWAY_NODES_MAX;

    for (size_t i = 0; i < GATEWAY_NODES_MAX; i++) {
        struct gateway_node *n = s->nodes[i];
        if (n == NULL) {
            place_at = i;
            break; /* slots fill from the left and are only reused */
        }
        if (strcmp(n->name, name) == 0) {
            return n;
        }
        if (!n->is_asking && (place_at == GATEWAY_NODES_MAX || n->used_ms < s->nodes[place_at]->used_ms)) {
            place_at = i;
        }
    }
    struct gateway_node *fresh = place_at == GATEWAY_NODES_MAX ? NULL : calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return NULL;
    }
    (void)snprintf(fresh->name, sizeof fresh->name, "%s", name);
    free(s->nodes[place_at]);
    s->nodes[place_at] = fresh;
    return fresh;
}

bool gateway_nodes_learn(struct gateway_shell *s, const struct Cell__Nodosum__Found *f)
{
    struct gateway_node *n = node_for(s, f->node);

    if (n == NULL || !take(s, n, f)) {
        return false;
    }
    n->used_ms = cell_now_ms(s->cell);
    n->fresh_until_ms = n->used_ms + GATEWAY_FRESH_MS;
    return true;
}

const struct gateway_node *gateway_nodes_known(struct gateway_shell *s, const char *name)
{
    struct gateway_node *n = node_for(s, name);

    if (n == NULL || !n->is_known) {
        return NULL;
    }
    n->used_ms = cell_now_ms(s->cell);
    return n;
}

/* ---- changes ----------------------------------------------------------------------------------- */

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Nodosum__WatchRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Nodosum__WatchReply *)reply)->last;
}

/* Who is dead answers nothing any more: what was asked of it ends now and may go elsewhere. */
static void on_news(void *context, const struct ProtobufCMessage *message, uint64_t last)
{
    struct gateway_shell *s = context;
    const Cell__Nodosum__WatchReply *reply = (const Cell__Nodosum__WatchReply *)message;

    (void)last;
    gateway_names_doubt(s);
    for (size_t i = 0; i < reply->n_events; i++) {
        const Cell__Nodosum__Event *ev = reply->events[i];
        if (strcmp(ev->change, "failed") == 0 && ev->id.len == NODE_ID_LEN) {
            nodelink_gone(s->links, ev->id.data);
        }
    }
}

static void on_trouble(void *context, enum err e, const char *text)
{
    (void)context;
    log_debug("GATEWAY-UNWATCHED", "error=%s why=\"%.96s\" effect=\"deaths of nodes show in their links\"", err_name(e), text);
}

enum err gateway_nodes_watch(struct gateway_shell *s)
{
    static Cell__Nodosum__WatchRequest request = CELL__NODOSUM__WATCH_REQUEST__INIT;

    request.wait_ms = GATEWAY_WATCH_MS;
    s->members = cell_watch_start(s->cell, &(struct cell_watch_def){
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_WATCH, .request = &request.base,
        .reply = &cell__nodosum__watch_reply__descriptor, .poll_ms = 2 * GATEWAY_WATCH_MS, .set_from = set_from,
        .get_last = get_last, .news = on_news, .trouble = on_trouble, .context = s});
    return s->members == NULL ? ERR_NOMEM : ERR_OK;
}

void gateway_nodes_route(struct gateway_shell *s, const char *name, struct gateway_out *out)
{
    struct gateway_node *n = node_for(s, name);
    uint64_t now_ms = cell_now_ms(s->cell);

    if (n == NULL) {
        gateway_outbound_go(out, NULL, ERR_LIMIT, "too many nodes are being looked for");
        return;
    }
    n->used_ms = now_ms;
    if (n->is_known && now_ms < n->fresh_until_ms && !n->is_asking) {
        gateway_outbound_go(out, n, ERR_OK, NULL);
        return;
    }
    if (!n->is_asking) {
        enum err e = ask(s, n);
        if (e != ERR_OK) {
            gateway_outbound_go(out, n->is_known ? n : NULL, e, "membership cannot be asked");
            return;
        }
    }
    struct gateway_out **last = &n->waiting; /* in the order they came */
    while (*last != NULL) {
        last = gateway_outbound_next(*last);
    }
    *last = out;
}

void gateway_nodes_free(struct gateway_shell *s)
{
    for (size_t i = 0; i < GATEWAY_NODES_MAX && s->nodes[i] != NULL; i++) {
        assert(s->nodes[i]->waiting == NULL); /* what was asked has ended before */
        free(s->nodes[i]);
        s->nodes[i] = NULL;
    }
}
