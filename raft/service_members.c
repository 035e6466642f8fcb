/* Who takes part, and how this node stands. */
#include <string.h>

#include "common/base/name.h"
#include "raft/service_wait.h"

static struct raft_service *service_of(void *state)
{
    return raft_shell_service(state);
}

/* ---- status --------------------------------------------------------------------------------- */

static const char *name_of(const struct raft_config *c, uint64_t id)
{
    uint32_t place = raft_config_find(c, id);

    return place < RAFT_MEMBERS_MAX ? c->member[place].name : "";
}

static const char *state_of(enum raft_peer_state state)
{
    switch (state) {
    case RAFT_PEER_PROBE:
        return "probe";
    case RAFT_PEER_REPLICATE:
        return "replicate";
    case RAFT_PEER_SNAPSHOT:
        return "snapshot";
    }
    return "";
}

static void fill_store(const struct raft_kv *kv, Cell__Raft__StatusReply *reply)
{
    reply->applied = kv->applied;
    reply->revision = kv->revision;
    reply->compacted = kv->journal.compacted;
    reply->keys = kv->keys;
    reply->live_bytes = kv->live_bytes;
    reply->held_bytes = kv->held_bytes;
    reply->quota_bytes = kv->quota_bytes;
    reply->leases = kv->leases.map.count;
    reply->sessions = kv->sessions.map.count;
}

static void fill_log(const struct raft_shell_status *s, Cell__Raft__StatusReply *reply)
{
    reply->cluster = s->cluster;
    reply->id = s->self;
    reply->name = (char *)name_of(s->config, s->self);
    reply->role = (char *)s->role;
    reply->term = s->term;
    reply->leader = s->leader;
    reply->leader_name = (char *)name_of(s->config, s->leader);
    reply->committed = s->committed;
    reply->last = s->last;
    reply->durable = s->durable;
    reply->first = s->first;
    reply->snapshot_index = s->snapshot_index;
    reply->log_bytes = s->log_bytes;
    reply->trouble = (char *)s->trouble;
    reply->engine = (char *)"embedded";
}

enum err raft_service_status(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    Cell__Raft__StatusReply reply = CELL__RAFT__STATUS_REPLY__INIT;
    Cell__Raft__Follower all[RAFT_MEMBERS_MAX], *slot[RAFT_MEMBERS_MAX];
    struct raft_shell_status s;

    (void)request;
    raft_shell_status(v->shell, &s);
    fill_log(&s, &reply);
    fill_store(raft_shell_kv(v->shell), &reply);
    for (uint32_t i = 0; i < s.peer_count; i++) {
        cell__raft__follower__init(&all[i]);
        all[i].id = s.peers[i].id;
        all[i].name = (char *)name_of(s.config, s.peers[i].id);
        all[i].state = (char *)state_of(s.peers[i].state);
        all[i].matched = s.peers[i].matched;
        all[i].lag = s.last > s.peers[i].matched ? s.last - s.peers[i].matched : 0;
        all[i].heard_ms = s.peers[i].heard_ms;
        all[i].is_linked = s.peers[i].is_linked;
        slot[i] = &all[i];
    }
    reply.followers = slot;
    reply.n_followers = s.peer_count;
    return cell_reply(call, &reply);
}

enum err raft_service_members(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    Cell__Raft__MembersReply reply = CELL__RAFT__MEMBERS_REPLY__INIT;
    struct raft_shell_status s;

    (void)request;
    raft_shell_status(v->shell, &s);
    reply.index = s.config_index;
    reply.is_changing = s.is_changing;
    reply.members = raft_wire_members(call, &s);
    reply.n_members = s.config->count;
    return reply.members != NULL ? cell_reply(call, &reply) : ERR_NOMEM;
}

/* ---- changes -------------------------------------------------------------------------------- */

/* Changes are the leader's alone, and so are answers about what could be changed: whoever follows, or is about to join, may know
 * members that are gone and not know those that came. */
static bool leads(struct raft_service *v, struct cell_call *call, struct raft_shell_status *ret)
{
    raft_shell_status(v->shell, ret);
    if (ret->leader == 0 || ret->leader != ret->self) {
        raft_service_refuse(v, call, ERR_NOT_LEADER);
        return false;
    }
    return true;
}

/* A member by its id or its name. */
static enum err find_member(struct cell_call *call, const struct raft_config *c, uint64_t id, const char *name,
                            uint32_t *ret_place)
{
    uint32_t place = raft_config_find(c, id), namesakes = 0;

    if ((id != 0) == (*name != '\0')) {
        cell_call_explain(call, "a member is named by its id or by its name");
        return ERR_INVALID;
    }
    for (uint32_t i = 0; id == 0 && i < c->count; i++) {
        bool is_it = strcmp(c->member[i].name, name) == 0;
        place = is_it ? i : place;
        namesakes += is_it;
    }
    if (namesakes > 1) { /* a node that lost its disk, and who comes in its place */
        cell_call_explain(call, "%u members have that name, one in the place of another: say which by its id", namesakes);
        return ERR_INVALID;
    }
    if (place >= c->count) {
        cell_call_explain(call, "no member has that %s", id != 0 ? "id" : "name");
        return ERR_NOT_FOUND;
    }
    *ret_place = place;
    return ERR_OK;
}

static void on_changed(struct raft_pending *p, enum err e, const struct raft_answer *answer)
{
    struct raft_service_wait *w = (struct raft_service_wait *)p;

    (void)answer;
    if (e != ERR_OK) {
        raft_service_refuse(w->v, w->call, e);
    } else {
        w->respond(w->v, w->call, w->request);
    }
}

/* What the replies of the three changes have alike, which are not of one type: the configuration's members; and its index. */
static uint64_t list_members(struct raft_service *v, struct cell_call *call, Cell__Raft__Member ***ret, size_t *ret_count)
{
    struct raft_shell_status s;

    raft_shell_status(v->shell, &s);
    *ret = raft_wire_members(call, &s);
    *ret_count = *ret != NULL ? s.config->count : 0;
    return s.config_index;
}

static void respond_added(struct raft_service *v, struct cell_call *call, const void *request)
{
    Cell__Raft__AddMemberReply reply = CELL__RAFT__ADD_MEMBER_REPLY__INIT;

    (void)request;
    reply.index = list_members(v, call, &reply.members, &reply.n_members);
    raft_service_reply(call, &reply);
}

static void respond_removed(struct raft_service *v, struct cell_call *call, const void *request)
{
    Cell__Raft__RemoveMemberReply reply = CELL__RAFT__REMOVE_MEMBER_REPLY__INIT;

    (void)request;
    reply.index = list_members(v, call, &reply.members, &reply.n_members);
    raft_service_reply(call, &reply);
}

static void respond_promoted(struct raft_service *v, struct cell_call *call, const void *request)
{
    Cell__Raft__PromoteReply reply = CELL__RAFT__PROMOTE_REPLY__INIT;

    (void)request;
    reply.index = list_members(v, call, &reply.members, &reply.n_members);
    raft_service_reply(call, &reply);
}

static enum err change(struct raft_service *v, struct cell_call *call, const void *request,
                       const struct raft_config *wanted, raft_service_respond respond)
{
    struct raft_service_wait *w = raft_service_wait_new(v, call, request);

    if (w == NULL) {
        return ERR_NOMEM;
    }
    w->pending.done = on_changed;
    w->respond = respond;
    enum err e = raft_shell_change(v->shell, wanted, &w->pending);
    if (e == ERR_PRECONDITION) {
        cell_call_explain(call, "another change is going on, the term is too young, or the member is not caught up");
    }
    if (e != ERR_OK) {
        raft_service_refuse(v, call, e);
    }
    return ERR_LATER;
}

static enum err new_member(struct cell_call *call, const Cell__Raft__AddMemberRequest *ask, struct raft_member *ret)
{
    size_t name = strlen(ask->name), contact = strlen(ask->contact);
    struct name_ref ref;

    if (ask->id == 0 || name == 0 || name >= RAFT_NAME_MAX || contact == 0 || contact >= RAFT_CONTACT_MAX) {
        cell_call_explain(call, "a member has an id, a name of 1 to %d and a contact of 1 to %d bytes", RAFT_NAME_MAX - 1,
                          RAFT_CONTACT_MAX - 1);
        return ERR_INVALID;
    }
    if (name_ref_parse(ask->contact, &ref) != ERR_OK || (ref.instance < 0 && ref.node[0] == '\0')) {
        cell_call_explain(call, "a contact is an instance here, raft.1, or a cell of another node, raft@db-2");
        return ERR_INVALID;
    }
    if (name_ref_parse(ask->name, &ref) != ERR_OK) {
        cell_call_explain(call, "a name is like raft.1, raft@db-2 or third: a-z, 0-9, _ and -");
        return ERR_INVALID;
    }
    *ret = (struct raft_member){.id = ask->id,
                                .flags = (uint8_t)(RAFT_LEARNER | (ask->promotes || ask->replaces != 0 ? RAFT_PROMOTE : 0))};
    memcpy(ret->name, ask->name, name);
    memcpy(ret->contact, ask->contact, contact);
    return ERR_OK;
}

/* Two at one contact would get each other's messages, and one of them would never be heard of. */
static enum err check_new(struct cell_call *call, const struct raft_config *c, const Cell__Raft__AddMemberRequest *ask)
{
    for (uint32_t i = 0; i < c->count; i++) {
        const struct raft_member *m = &c->member[i];

        if (m->id == ask->id || strcmp(m->name, ask->name) == 0) {
            cell_call_explain(call, "a member of this id or name exists; a node that lost its disk is another member");
            return ERR_EXISTS;
        }
        if (m->id != ask->replaces && strcmp(m->contact, ask->contact) == 0) {
            cell_call_explain(call, "%.64s has that contact: remove it first", m->name);
            return ERR_EXISTS;
        }
    }
    return ERR_OK;
}

enum err raft_service_add_member(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__AddMemberRequest *ask = request;
    struct raft_shell_status s;
    struct raft_member member;
    enum err e = new_member(call, ask, &member);

    if (e != ERR_OK || !leads(v, call, &s)) {
        return e != ERR_OK ? e : ERR_LATER;
    }
    struct raft_config wanted = *s.config;
    e = check_new(call, &wanted, ask);
    if (e != ERR_OK) {
        return e;
    }
    if (ask->replaces != 0) {
        uint32_t place;
        e = find_member(call, &wanted, ask->replaces, "", &place);
        if (e != ERR_OK) {
            return e;
        }
        raft_config_retire(&wanted, ask->replaces);
    }
    e = raft_config_put(&wanted, &member);
    if (e != ERR_OK) {
        cell_call_explain(call, "a cluster has at most %d members", RAFT_MEMBERS_MAX);
        return e;
    }
    return change(v, call, request, &wanted, respond_added);
}

/* Who was to come in the place of others does not come: they stay. */
static void call_off(struct raft_config *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        if ((c->member[i].flags & RAFT_PROMOTE) != 0) {
            return;
        }
    }
    for (uint32_t i = 0; i < c->count; i++) {
        c->member[i].flags &= (uint8_t)~RAFT_RETIRE;
    }
}

enum err raft_service_remove_member(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__RemoveMemberRequest *ask = request;
    struct raft_shell_status s;
    uint32_t place;

    if (!leads(v, call, &s)) {
        return ERR_LATER;
    }
    struct raft_config wanted = *s.config;
    enum err e = find_member(call, &wanted, ask->id, ask->name, &place);
    if (e == ERR_OK) {
        e = raft_config_remove(&wanted, wanted.member[place].id);
        call_off(&wanted);
    }
    if (e == ERR_OK && !raft_config_is_target(&wanted)) {
        cell_call_explain(call, "a cluster needs a voter, and one change at a time");
        e = ERR_PRECONDITION;
    }
    return e != ERR_OK ? e : change(v, call, request, &wanted, respond_removed);
}

enum err raft_service_promote(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__PromoteRequest *ask = request;
    struct raft_shell_status s;
    uint32_t place;

    if (!leads(v, call, &s)) {
        return ERR_LATER;
    }
    struct raft_config wanted = *s.config;
    enum err e = find_member(call, &wanted, ask->id, ask->name, &place);
    if (e != ERR_OK) {
        return e;
    }
    if ((wanted.member[place].flags & RAFT_LEARNER) == 0) {
        cell_call_explain(call, "it is no learner");
        return ERR_PRECONDITION;
    }
    wanted.member[place].flags = RAFT_VOTER;
    return change(v, call, request, &wanted, respond_promoted);
}

/* Who leads is known when the other's first word has come. */
static bool look_leader(struct raft_service_waiter *w, bool is_over)
{
    Cell__Raft__TransferReply reply = CELL__RAFT__TRANSFER_REPLY__INIT;
    struct raft_shell_status s;

    raft_shell_status(w->v->shell, &s);
    if (s.leader == 0 && !is_over) {
        return false;
    }
    reply.leader = s.leader;
    reply.leader_name = (char *)name_of(s.config, s.leader);
    reply.term = s.term;
    raft_service_reply(w->call, &reply);
    return true;
}

static void respond_transferred(struct raft_service *v, struct cell_call *call, const void *request)
{
    struct raft_service_waiter *w = cell_call_alloc(call, sizeof *w);

    if (w == NULL) {
        cell_reply_error(call, ERR_NOMEM, "it was done, but could not be shown", NULL);
        return;
    }
    *w = (struct raft_service_waiter){.v = v, .call = call, .request = request, .look = look_leader};
    if (raft_service_wait(w, RAFT_SERVICE_LEADER_MS) != ERR_LATER) {
        (void)look_leader(w, true); /* it was done: that is more than whom by */
    }
}

enum err raft_service_transfer(void *state, struct cell_call *call, const void *request)
{
    struct raft_service *v = service_of(state);
    const Cell__Raft__TransferRequest *ask = request;
    struct raft_service_wait *w = raft_service_wait_new(v, call, request);
    struct raft_shell_status s;
    uint64_t to = 0;
    uint32_t place;
    enum err e = w != NULL ? ERR_OK : ERR_NOMEM;

    if (e == ERR_OK && !leads(v, call, &s)) {
        return ERR_LATER;
    }
    if (e == ERR_OK && (ask->id != 0 || *ask->name != '\0')) {
        e = find_member(call, s.config, ask->id, ask->name, &place);
        to = e == ERR_OK ? s.config->member[place].id : 0;
    }
    if (e != ERR_OK) {
        return e;
    }
    w->pending.done = on_changed;
    w->respond = respond_transferred;
    e = raft_shell_transfer(v->shell, to, &w->pending);
    if (e == ERR_INVALID) {
        cell_call_explain(call, to == s.self ? "it leads already" : "there is no voter to hand over to, or it is none");
    }
    if (e != ERR_OK) {
        raft_service_refuse(v, call, e);
    }
    return ERR_LATER;
}
