/* From a fresh directory to a member.
 *
 * Alone: a cluster of one at once. With peers: everybody asks everybody who is there. If one of them has a cluster, ours
 * is that one: as a founder if it was founded with us, otherwise by asking to be added, in the place of whoever had our
 * contact (a node that lost its disk comes back as a new member). If all are there and none has one, the first of the
 * list founds it, with all of them. Until all of them are there nothing is founded: a node that lost its disk and reaches
 * nobody must not make a second cluster. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/name.h"
#include "common/run/cell_call.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "proto/raft.pb-c.h"
#include "raft/shell.h"

/* What is known of one of the peers. */
struct told {
    struct raft_shell *shell;
    uint32_t at;
    uint64_t id, cluster; /* id 0: nothing yet */
    bool is_asked;
};

struct raft_hello {
    struct told told[RAFT_MEMBERS_MAX];
    uint8_t founders[RAFT_CONFIG_BYTES_MAX]; /* of the cluster that was heard of */
    uint32_t founders_size;
    uint64_t cluster;
    uint32_t from;                           /* who said so */
    bool is_joining;
    uint32_t asked;                          /* requests that are not answered */
};

static uint64_t draw_id(void)
{
    uint64_t id = 0;

    while (id == 0) {
        if (getrandom(&id, sizeof id, 0) != sizeof id) {
            abort(); /* a member without an id of its own is a danger to all others */
        }
    }
    return id;
}

static void set_member(struct raft_member *m, uint64_t id, const char *name, const char *contact, uint8_t flags)
{
    *m = (struct raft_member){.id = id, .flags = flags};
    (void)snprintf(m->name, sizeof m->name, "%.63s", name);
    (void)snprintf(m->contact, sizeof m->contact, "%s", contact);
}

/* The directory becomes this member's, and the core starts. */
static enum err become(struct raft_shell *s, uint64_t cluster, const uint8_t *founders, uint32_t size)
{
    struct raft_frame_owner owner = {.cluster = cluster, .member = s->member};
    enum err e = raft_store_create(&s->store, &owner, founders, size, s->settings.segment_mib << 20);

    if (e != ERR_OK) {
        log_error("RAFT-CREATE", "reason=%s why=\"%s\"", err_name(e), s->store.why);
        return e;
    }
    log_info("RAFT-MEMBER", "member=%016" PRIx64 " cluster=%016" PRIx64 " founder=%d", s->member, cluster, size > 0);
    return raft_shell_begin(s);
}

static enum err found_with(struct raft_shell *s, const struct raft_config *c)
{
    uint8_t founders[RAFT_CONFIG_BYTES_MAX];
    size_t size = raft_config_pack(c, founders);

    return become(s, draw_id(), founders, (uint32_t)size);
}

enum err raft_found_begin(struct raft_shell *s)
{
    struct raft_config alone = {0};

    s->member = draw_id();
    if (s->settings.peers > 0) {
        s->hello = calloc(1, sizeof *s->hello);
        loop_timer_again(s->timer, 1, RAFT_SHELL_HELLO_MS);
        log_info("RAFT-LOOKS", "member=%016" PRIx64 " self=%s peers=%" PRIu32, s->member, s->settings.self, s->settings.peers);
        return s->hello != NULL ? ERR_OK : ERR_NOMEM;
    }
    alone.count = 1;
    set_member(&alone.member[0], s->member, s->settings.name, s->settings.self, RAFT_VOTER);
    return found_with(s, &alone);
}

static bool is_self(const struct raft_shell *s, uint32_t at)
{
    return strcmp(s->settings.peer[at], s->settings.self) == 0;
}

/* Whose directory this is, as its newest configuration says. Another's may not take part from here: what is sent to it goes
 * elsewhere, and where it was copied from its member may run, and both would vote. Contacts that no peer has are of another
 * manifest: that is no harm. */
enum err raft_found_check(struct raft_shell *s)
{
    const struct raft_config *c = raft_core_view(s->core).config;
    uint32_t place = raft_config_find(c, s->member);
    const char *contact = place < RAFT_MEMBERS_MAX ? c->member[place].contact : s->settings.self;

    for (uint32_t i = 0; i < s->settings.peers; i++) {
        if (strcmp(s->settings.peer[i], contact) == 0 && !is_self(s, i)) {
            (void)snprintf(s->store.why, sizeof s->store.why, "the directory is that of %.48s, and this is %.48s: directories were "
                           "swapped, or one was copied", contact, s->settings.self);
            return ERR_PRECONDITION;
        }
    }
    return ERR_OK;
}

/* ---- asking ---------------------------------------------------------------------------------------- */

static void on_hello(void *context, enum err e, const ProtobufCMessage *message, const char *text)
{
    struct told *t = context;
    struct raft_hello *h = t->shell->hello;
    const Cell__Raft__HelloReply *reply = (const Cell__Raft__HelloReply *)message;

    if (h == NULL) {
        return;
    }
    if (e == ERR_DENIED) { /* it will not change by asking again, but the manifest may */
        log_warn("RAFT-HELLO-DENIED", "peer=%s why=\"%.96s\" action=\"asked again\"", t->shell->settings.peer[t->at], text);
    }
    h->asked--;
    t->is_asked = false;
    t->id = e == ERR_OK ? reply->id : 0; /* who is not there now may come back as another */
    t->cluster = e == ERR_OK ? reply->cluster : 0;
    if (t->cluster != 0 && h->cluster == 0 && reply->founders.len <= sizeof h->founders) {
        h->cluster = t->cluster;
        h->from = t->at;
        h->founders_size = (uint32_t)reply->founders.len;
        if (reply->founders.len > 0) { /* none from who was not there at the beginning */
            memcpy(h->founders, reply->founders.data, reply->founders.len);
        }
    }
}

static void ask_hello(struct raft_shell *s, uint32_t at)
{
    struct told *t = &s->hello->told[at];
    Cell__Raft__HelloRequest request = CELL__RAFT__HELLO_REQUEST__INIT;

    request.id = s->member;
    request.contact = s->settings.self;
    t->shell = s;
    t->at = at;
    struct cell_ask ask = {.target = s->settings.peer[at],
                           .operation = CELL__RAFT__OP__OP_HELLO,
                           .request = &request.base,
                           .reply = &cell__raft__hello_reply__descriptor,
                           .deadline_ms = 1000,
                           .is_hasty = true,
                           .done = on_hello,
                           .context = t};
    t->is_asked = cell_ask(s->cell, &ask) == ERR_OK;
    s->hello->asked += t->is_asked;
}

static void on_join(void *context, enum err e, const ProtobufCMessage *reply, const char *text)
{
    struct raft_shell *s = context;

    (void)reply;
    if (s->hello != NULL) {
        s->hello->asked--;
        s->hello->is_joining = false;
    }
    if (e != ERR_OK) {
        log_debug("RAFT-JOIN", "reason=%s text=\"%s\"", err_name(e), text);
    }
}

/* Ask one of the others, in turn, to be added; whoever leads will do it. */
static void ask_join(struct raft_shell *s, uint32_t at)
{
    Cell__Raft__JoinRequest request = CELL__RAFT__JOIN_REQUEST__INIT;

    request.id = s->member;
    request.name = s->settings.name;
    request.contact = s->settings.self;
    struct cell_ask ask = {.target = s->settings.peer[at],
                           .operation = CELL__RAFT__OP__OP_JOIN,
                           .request = &request.base,
                           .reply = &cell__raft__join_reply__descriptor,
                           .deadline_ms = 5000,
                           .is_hasty = true,
                           .done = on_join,
                           .context = s};
    s->hello->is_joining = cell_ask(s->cell, &ask) == ERR_OK;
    s->hello->asked += s->hello->is_joining;
}

/* All are there, none has a cluster, and we are the first. */
static bool is_time_to_found(const struct raft_shell *s)
{
    for (uint32_t i = 0; i < s->settings.peers; i++) {
        if (!is_self(s, i) && (s->hello->told[i].id == 0 || s->hello->told[i].cluster != 0)) {
            return false;
        }
    }
    return is_self(s, 0);
}

static enum err found_all(struct raft_shell *s)
{
    struct raft_config c = {0};
    struct raft_member m;
    enum err e = ERR_OK;

    for (uint32_t i = 0; i < s->settings.peers && e == ERR_OK; i++) {
        const char *contact = s->settings.peer[i];
        set_member(&m, is_self(s, i) ? s->member : s->hello->told[i].id, is_self(s, i) ? s->settings.name : contact, contact,
                   RAFT_VOTER);
        e = raft_config_put(&c, &m);
    }
    return e == ERR_OK ? found_with(s, &c) : e;
}

void raft_found_turn(struct raft_shell *s, uint64_t now_ms)
{
    struct raft_hello *h = s->hello;
    struct raft_config founders;
    enum err e = ERR_OK;

    if (h == NULL || now_ms < s->hello_ms) {
        return;
    }
    s->hello_ms = now_ms + RAFT_SHELL_HELLO_MS;
    if (h->cluster != 0) {
        bool is_founder = h->founders_size > 0 && raft_config_unpack(h->founders, h->founders_size, &founders) == ERR_OK &&
                          raft_config_find(&founders, s->member) < RAFT_MEMBERS_MAX;
        e = become(s, h->cluster, h->founders, is_founder ? h->founders_size : 0);
    } else if (is_time_to_found(s)) {
        e = found_all(s);
    }
    if (e != ERR_OK) {
        cell_stop(s->cell, "it cannot become a member");
        return;
    }
    for (uint32_t i = 0; i < s->settings.peers && s->core == NULL; i++) {
        if (!is_self(s, i) && !h->told[i].is_asked) {
            ask_hello(s, i);
        }
    }
}

/* A member that is in no configuration: it asks to be added until it is. Called each turn. */
void raft_found_join(struct raft_shell *s, uint64_t now_ms)
{
    struct raft_view v = raft_core_view(s->core);

    if (s->settings.peers == 0 || v.config->count > 0 || now_ms < s->hello_ms) {
        return;
    }
    s->hello_ms = now_ms + 5 * RAFT_SHELL_HELLO_MS;
    if (s->hello == NULL) {
        s->hello = calloc(1, sizeof *s->hello);
    }
    if (s->hello != NULL && !s->hello->is_joining) {
        s->hello->from = (s->hello->from + 1) % s->settings.peers;
        s->hello->from = is_self(s, s->hello->from) ? (s->hello->from + 1) % s->settings.peers : s->hello->from;
        ask_join(s, s->hello->from);
    }
}

void raft_found_end(struct raft_shell *s)
{
    free(s->hello); /* what it asked has ended before */
    s->hello = NULL;
}

/* ---- being asked ----------------------------------------------------------------------------------- */

enum err raft_found_take_hello(void *state, struct cell_call *call, const void *request)
{
    struct raft_shell *s = state;
    Cell__Raft__HelloReply reply = CELL__RAFT__HELLO_REPLY__INIT;
    enum err e = raft_peers_check(s, call);

    (void)request;
    if (e != ERR_OK) {
        return e;
    }
    reply.cluster = s->core != NULL ? s->cluster : 0;
    reply.id = s->member;
    reply.contact = s->settings.self;
    if (s->core != NULL) {
        reply.founders = (ProtobufCBinaryData){s->store.founders_size, s->store.founders};
    }
    return cell_reply(call, &reply);
}

/* Whoever waits until it is a member. */
struct joining {
    struct raft_pending pending;
    struct cell_call *call;
};

static void on_joined(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct joining *j = (struct joining *)p;
    Cell__Raft__JoinReply reply = CELL__RAFT__JOIN_REPLY__INIT;

    (void)answer;
    if (e == ERR_OK) {
        (void)!cell_reply(j->call, &reply); /* whoever stopped waiting asks again */
    } else {
        cell_reply_error(j->call, e, "the configuration did not change", NULL);
    }
    free(j);
}

enum err raft_found_take_join(void *state, struct cell_call *call, const void *request)
{
    struct raft_shell *s = state;
    const Cell__Raft__JoinRequest *ask = request;
    Cell__Raft__JoinReply reply = CELL__RAFT__JOIN_REPLY__INIT;
    struct raft_member m;
    struct name_ref ref;
    char hint[RAFT_HINT_SIZE];
    enum err e = raft_peers_check(s, call);

    if (e != ERR_OK) {
        return e;
    }
    if (ask->id == 0 || strlen(ask->name) >= RAFT_NAME_MAX || strlen(ask->contact) >= RAFT_CONTACT_MAX ||
        name_ref_parse(ask->name, &ref) != ERR_OK || name_ref_parse(ask->contact, &ref) != ERR_OK) {
        cell_call_explain(call, "a member has an id, a name and a contact");
        return ERR_INVALID;
    }
    if (s->core == NULL || s->lead_index == 0) {
        raft_shell_hint(s, hint);
        cell_reply_error(call, s->core == NULL ? ERR_UNAVAILABLE : ERR_NOT_LEADER, NULL, hint[0] != '\0' ? hint : NULL);
        return ERR_LATER;
    }
    struct raft_config wanted = *raft_core_view(s->core).config;
    if (raft_config_find(&wanted, ask->id) < RAFT_MEMBERS_MAX) {
        return cell_reply(call, &reply);
    }
    for (uint32_t i = wanted.count; i > 0; i--) {
        /* Who had this contact lost its disk: it leaves when its successor has caught up. */
        if (strcmp(wanted.member[i - 1].contact, ask->contact) == 0) {
            raft_config_retire(&wanted, wanted.member[i - 1].id);
        }
    }
    set_member(&m, ask->id, ask->name, ask->contact, RAFT_LEARNER | RAFT_PROMOTE);
    struct joining *j = calloc(1, sizeof *j);
    if (j == NULL) {
        return ERR_NOMEM;
    }
    *j = (struct joining){.pending = {.done = on_joined}, .call = call};
    e = raft_config_put(&wanted, &m);
    e = e == ERR_OK ? raft_shell_change(s, &wanted, &j->pending) : e;
    if (e != ERR_OK) {
        free(j);
        return e;
    }
    log_info("RAFT-JOINS", "member=%016" PRIx64 " contact=%s", ask->id, ask->contact);
    return ERR_LATER;
}
