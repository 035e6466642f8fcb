#include "datapath/service_members.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/inner.h"
#include "common/run/cell_ask.h"
#include "common/run/log.h"
#include "datapath/shell.h"
#include "datapath/text.h"
#include "proto/nodosum.ops.h"

_Static_assert((int)DATAPATH_KIN_ID == (int)NODE_ID_LEN, "an id is a node's");
_Static_assert((int)DATAPATH_KIN_PREFIXES == (int)DATAPATH_CONFIG_NETWORKS_MAX, "an address in each network");

/* ---- who is who --------------------------------------------------------------------------------------- */

static uint32_t derive(const struct datapath_settings *set, const uint8_t id[NODE_ID_LEN], struct datapath_prefix ret[DATAPATH_KIN_PREFIXES])
{
    for (uint32_t i = 0; i < set->networks; i++) {
        const struct datapath_prefix *net = &set->network[i];
        ret[i] = (struct datapath_prefix){.size = net->size, .bits = (uint8_t)(8 * net->size)};
        inner_derive(id, net->ip, net->size, net->bits, ret[i].ip);
    }
    return set->networks;
}

static void take_name(const char *name, char ret[DATAPATH_LABEL_SIZE])
{
    ret[0] = '\0';
    if (datapath_label_valid(name, strlen(name))) {
        memcpy(ret, name, strlen(name) + 1);
    }
}

/* False: it is this node, or what is said of him cannot be. */
static bool read_member(const struct datapath_shell *s, const Cell__Nodosum__Member *in, struct datapath_kin_member *ret)
{
    const struct datapath_kin *k = &s->members.kin;
    uint32_t peer;

    *ret = (struct datapath_kin_member){.has_left = strcmp(in->state, "left") == 0,
                                        .is_living = strcmp(in->state, "alive") == 0 || strcmp(in->state, "suspect") == 0};
    if (in->is_self || in->id.len != sizeof ret->id) {
        return false;
    }
    memcpy(ret->id, in->id.data, sizeof ret->id);
    if (datapath_kin_find(k, ret->id, &peer)) { /* his key was made of it before: a multiplication */
        memcpy(ret->key, datapath_guide_key(s->core, peer), sizeof ret->key);
    } else if (keys_dh_of_id(ret->id, ret->key) != ERR_OK) {
        return false;
    }
    if (datapath_text_read_place(in->address, &ret->at, NULL)) {
        ret->at.port = s->udp.at.port;
    }
    take_name(in->name, ret->name);
    ret->prefixes = derive(&s->settings, ret->id, ret->prefix);
    return true;
}

static void say(enum datapath_kin_verdict v, const Cell__Nodosum__Member *in, const struct datapath_kin_member *m)
{
    char key[DATAPATH_TEXT_KEY_SIZE];

    datapath_text_write_key(m->key, key);
    switch (v) {
    case DATAPATH_KIN_KNOWN:
    case DATAPATH_KIN_OTHERS:
        break;
    case DATAPATH_KIN_CAME:
        log_info("DATAPATH-MEMBER", "node=%.64s peer=%.12s at=%.64s", in->name, key, in->address);
        break;
    case DATAPATH_KIN_WENT:
        log_info("DATAPATH-MEMBER-LEFT", "node=%.64s peer=%.12s", in->name, key);
        break;
    case DATAPATH_KIN_COLLIDES:
        log_warn("DATAPATH-MEMBER-ADDRESS", "node=%.64s peer=%.12s effect=\"an address of it is another's; it has the others\" "
                 "advice=\"a larger network, or this peer by hand\"", in->name, key);
        break;
    case DATAPATH_KIN_REFUSED:
        log_warn("DATAPATH-MEMBER-REFUSED", "node=%.64s peer=%.12s reason=\"no room, or no key\"", in->name, key);
        break;
    }
}

/* ---- asking ------------------------------------------------------------------------------------------- */

static void list(struct datapath_shell *s, const ProtobufCBinaryData *after);

static void on_page(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct datapath_shell *s = context;
    struct datapath_members *x = &s->members;
    const Cell__Nodosum__MembersReply *reply = (const Cell__Nodosum__MembersReply *)message;
    struct datapath_kin_member m;

    x->is_asking = false;
    if (e != ERR_OK) {
        x->is_wanted = true;
        log_debug("DATAPATH-MEMBERS", "error=%s why=\"%.96s\" effect=\"peers stay as they are\"", err_name(e), text);
        return;
    }
    for (size_t i = 0; i < reply->n_members; i++) {
        if (read_member(s, reply->members[i], &m)) {
            say(datapath_kin_take(&x->kin, datapath_shell_now(), &m, &x->fx), reply->members[i], &m);
            datapath_shell_carry_out(s, &x->fx);
        }
    }
    if (reply->has_more && reply->n_members > 0) {
        list(s, &reply->members[reply->n_members - 1]->id);
    } else {
        datapath_kin_end(&x->kin, datapath_shell_now().ms);
    }
    datapath_shell_changed(s);
}

/* A page of all, those who are gone, too; after NULL: the first. */
static void list(struct datapath_shell *s, const ProtobufCBinaryData *after)
{
    Cell__Nodosum__MembersRequest request = CELL__NODOSUM__MEMBERS_REQUEST__INIT;

    request.most = DATAPATH_MEMBERS_PAGE;
    request.with_gone = true;
    if (after != NULL) {
        request.after = *after;
    } else {
        datapath_kin_begin(&s->members.kin);
    }
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_MEMBERS, .request = &request.base,
        .reply = &cell__nodosum__members_reply__descriptor, .deadline_ms = DATAPATH_MEMBERS_ASK_MS, .done = on_page, .context = s,
        .is_idempotent = CELL__NODOSUM__MEMBERS__IS_IDEMPOTENT};
    s->members.is_asking = cell_ask(s->cell, &out) == ERR_OK;
    s->members.is_wanted = !s->members.is_asking;
}

static void on_turn(void *context)
{
    struct datapath_shell *s = context;
    struct datapath_members *x = &s->members;
    uint64_t now_ms = datapath_shell_now().ms;
    char key[DATAPATH_TEXT_KEY_SIZE];
    uint8_t public[DATAPATH_NOISE_KEY];

    while (datapath_kin_bury(&x->kin, now_ms, public)) {
        datapath_text_write_key(public, key);
        log_info("DATAPATH-MEMBER-DEAD", "peer=%.12s", key);
    }
    if (!x->is_asking && (x->is_wanted || now_ms - x->asked_ms >= DATAPATH_MEMBERS_EVERY_MS)) {
        x->asked_ms = now_ms;
        list(s, NULL);
    }
}

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Nodosum__WatchRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Nodosum__WatchReply *)reply)->last;
}

static void on_news(void *context, const struct ProtobufCMessage *reply, uint64_t last)
{
    ((struct datapath_shell *)context)->members.is_wanted = true;
}

static void on_trouble(void *context, enum err e, const char *text)
{
    ((struct datapath_shell *)context)->members.is_wanted = true; /* another process of membership has other revisions */
}

/* ---- life --------------------------------------------------------------------------------------------- */

enum err datapath_service_members_open(struct datapath_shell *s)
{
    struct node_keys keys;
    const char *why = "";

    if (s->settings.networks == 0) {
        return ERR_OK;
    }
    enum err e = keys_take(cell_take_descriptor(s->cell, "keys.datagram"), "", &keys, &why);
    if (e != ERR_OK) {
        log_error("DATAPATH-MEMBERSHIP", "reason=%s why=\"%s\" advice=\"sandbox: {keys: [datagram]}, and `cell init` or `cell join`\"",
                  err_name(e), why);
        return e;
    }
    memcpy(s->members.id, keys.id, sizeof keys.id);
    memcpy(s->members.name, keys.name, sizeof keys.name);
    memcpy(s->secret, keys.dh_secret, sizeof keys.dh_secret);
    keys_forget(&keys);
    if (s->settings.name[0] == '\0') {
        take_name(s->members.name, s->settings.name);
    }
    s->members.is_on = true;
    return ERR_OK;
}

void datapath_service_members_own(struct datapath_shell *s)
{
    struct datapath_members *x = &s->members;
    struct datapath_prefix own[DATAPATH_KIN_PREFIXES];
    char text[DATAPATH_TEXT_PLACE_SIZE];
    uint32_t count = x->is_on ? derive(&s->settings, x->id, own) : 0;

    for (uint32_t i = 0; i < count; i++) {
        bool is_there = false, is_known = false;
        for (size_t k = 0; k < s->device.address_count; k++) {
            const struct tun_address *a = &s->device.address[k];
            bool is_like = a->is_v6 == (own[i].size == DATAPATH_ALLOWED_V6);
            is_known = is_known || is_like;
            is_there = is_there || (is_like && memcmp(a->ip, own[i].ip, own[i].size) == 0);
        }
        if (!is_there && is_known) {
            datapath_text_write_prefix(&own[i], text);
            log_warn("DATAPATH-MEMBERSHIP-OWN", "address=%s effect=\"the interface has another: no member hears it\" "
                     "advice=\"the network itself as an address in sandbox.tun\"", text);
        } else if (!is_there && s->device.address_count < TUN_ADDRESSES_MAX) { /* nobody says that it has any of that family */
            struct tun_address *a = &s->device.address[s->device.address_count++];
            *a = (struct tun_address){.is_v6 = own[i].size == DATAPATH_ALLOWED_V6, .bits = own[i].bits};
            memcpy(a->ip, own[i].ip, own[i].size);
        }
    }
}

enum err datapath_service_members_start(struct datapath_shell *s)
{
    struct datapath_members *x = &s->members;

    if (!x->is_on) {
        return ERR_OK;
    }
    x->memory = malloc(datapath_kin_size(s->settings.peers_max));
    if (x->memory == NULL) {
        return ERR_NOMEM;
    }
    datapath_kin_init(&x->kin, x->memory, &s->signals.ways);
    x->kin.own_prefixes = derive(&s->settings, x->id, x->kin.own);
    x->is_wanted = true;
    x->poll = (Cell__Nodosum__WatchRequest)CELL__NODOSUM__WATCH_REQUEST__INIT;
    x->poll.wait_ms = DATAPATH_MEMBERS_WATCH_MS;
    x->watch = cell_watch_start(s->cell, &(struct cell_watch_def){
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_WATCH, .request = &x->poll.base,
        .reply = &cell__nodosum__watch_reply__descriptor, .poll_ms = DATAPATH_MEMBERS_WATCH_MS + DATAPATH_MEMBERS_ASK_MS,
        .set_from = set_from, .get_last = get_last, .news = on_news, .trouble = on_trouble, .context = s});
    x->timer = cell_timer_start(s->cell, 1, DATAPATH_MEMBERS_TURN_MS, on_turn, s);
    return x->watch == NULL || x->timer == NULL ? ERR_NOMEM : ERR_OK;
}

void datapath_service_members_stop(struct datapath_shell *s)
{
    cell_watch_stop(s->members.watch);
    cell_timer_stop(s->members.timer);
    s->members.watch = NULL;
    s->members.timer = NULL;
    s->members.kin.ways = NULL;
    free(s->members.memory);
    s->members.memory = NULL;
}
