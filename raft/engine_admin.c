/* What an etcd cluster says of itself. How it is run is its own: who takes part, and its backups, are etcdctl's. */
#include <string.h>

#include "common/run/cell_call.h"
#include "raft/engine_keys.h"

/* ---- status: of the endpoint that answers, the names of its members, the number of keys ------------ */

/* A member by its id, as the list has it. */
static const json_t *member_of(const json_t *members, uint64_t id)
{
    for (size_t i = 0; i < json_array_size(members); i++) {
        if (raft_engine_json_number(json_array_get(members, i), "ID") == id) {
            return json_array_get(members, i);
        }
    }
    return NULL;
}

static void fill_status(const json_t *status, Cell__Raft__StatusReply *out)
{
    const json_t *header = raft_engine_json_get(status, "header");

    out->cluster = raft_engine_json_number(header, "cluster_id");
    out->id = raft_engine_json_number(header, "member_id");
    out->revision = raft_engine_json_number(header, "revision");
    out->leader = raft_engine_json_number(status, "leader");
    out->term = raft_engine_json_number(status, "raftTerm");
    out->committed = out->last = out->durable = raft_engine_json_number(status, "raftIndex");
    out->applied = raft_engine_json_number(status, "raftAppliedIndex");
    out->held_bytes = raft_engine_json_number(status, "dbSize");
    out->live_bytes = raft_engine_json_number(status, "dbSizeInUse");
    out->role = (char *)(out->leader == out->id ? "leader" : raft_engine_json_is(status, "isLearner") ? "learner" : "follower");
    out->engine = (char *)"etcd";
    const char *fault = json_string_value(json_array_get(raft_engine_json_get(status, "errors"), 0));
    if (fault != NULL) {
        out->trouble = (char *)fault;
    } else if (out->leader == 0) {
        out->trouble = (char *)"no leader is known";
    }
}

/* The three answers come one after the other; those before are kept with the ask. */
static void take_count(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__StatusReply out = CELL__RAFT__STATUS_REPLY__INIT;
    const json_t *members = raft_engine_json_get(k->kept[1], "members");

    (void)a;
    fill_status(k->kept[0], &out);
    out.name = (char *)raft_engine_json_string(member_of(members, out.id), "name");
    out.leader_name = (char *)raft_engine_json_string(member_of(members, out.leader), "name");
    out.keys = raft_engine_json_number(reply, "count");
    raft_engine_etcd_reply(k, &out);
}

static void take_names(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    struct raft_engine_json j = {0};
    const struct raft_query all = {.span = {.kind = RAFT_SPAN_FROM}, .count_only = true};
    json_t *body = raft_engine_keys_range_body(&j, &all, 0);

    (void)a;
    k->kept[1] = json_incref((json_t *)reply);
    raft_engine_json_flag(&j, body, "serializable", true); /* also where nobody leads */
    raft_engine_etcd_ask_more(k, "/v3/kv/range", &j, body, true, take_count);
}

static void take_status(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    struct raft_engine_json j = {0};

    (void)a;
    k->kept[0] = json_incref((json_t *)reply);
    raft_engine_etcd_ask_more(k, "/v3/cluster/member/list", &j, raft_engine_json_object(&j), true, take_names);
}

enum err raft_engine_admin_status(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_json j = {0};
    struct raft_engine_etcd_ask *k = raft_engine_etcd_new(state, call, request);

    return k == NULL ? ERR_NOMEM : raft_engine_etcd_ask(k, "/v3/maintenance/status", &j, raft_engine_json_object(&j), true, take_status);
}

/* ---- members --------------------------------------------------------------------------------------- */

static void take_leader(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    Cell__Raft__MembersReply out = CELL__RAFT__MEMBERS_REPLY__INIT;
    const json_t *members = raft_engine_json_get(k->kept[0], "members");
    size_t count = json_array_size(members);
    Cell__Raft__Member *all = arena_alloc(a, (count + 1) * sizeof all[0]);
    uint64_t leader = raft_engine_json_number(reply, "leader");
    uint64_t self = raft_engine_json_number(raft_engine_json_get(reply, "header"), "member_id");

    out.members = arena_alloc(a, (count + 1) * sizeof out.members[0]);
    if (all == NULL || out.members == NULL) {
        raft_engine_keys_unread(k, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *m = json_array_get(members, i);
        const char *url = json_string_value(json_array_get(raft_engine_json_get(m, "clientURLs"), 0));

        cell__raft__member__init(&all[i]);
        all[i].id = raft_engine_json_number(m, "ID");
        all[i].name = (char *)raft_engine_json_string(m, "name");
        all[i].contact = (char *)(url != NULL ? url : "");
        all[i].role = (char *)(raft_engine_json_is(m, "isLearner") ? "learner" : "voter");
        all[i].is_leader = all[i].id == leader;
        all[i].is_self = all[i].id == self;
        out.members[out.n_members++] = &all[i];
    }
    raft_engine_etcd_reply(k, &out);
}

static void take_members(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    struct raft_engine_json j = {0};

    (void)a;
    k->kept[0] = json_incref((json_t *)reply);
    raft_engine_etcd_ask_more(k, "/v3/maintenance/status", &j, raft_engine_json_object(&j), true, take_leader);
}

enum err raft_engine_admin_members(void *state, struct cell_call *call, const void *request)
{
    struct raft_engine_json j = {0};
    struct raft_engine_etcd_ask *k = raft_engine_etcd_new(state, call, request);

    return k == NULL ? ERR_NOMEM : raft_engine_etcd_ask(k, "/v3/cluster/member/list", &j, raft_engine_json_object(&j), true, take_members);
}

/* ---- compaction ------------------------------------------------------------------------------------ */

static void take_compact(struct raft_engine_etcd_ask *k, const json_t *reply, struct arena *a)
{
    const Cell__Raft__CompactRequest *asked = k->request;
    Cell__Raft__CompactReply out = CELL__RAFT__COMPACT_REPLY__INIT;

    (void)a;
    out.revision = raft_engine_etcd_revision(reply);
    out.compacted = asked->revision;
    raft_engine_etcd_reply(k, &out);
}

enum err raft_engine_admin_compact(void *state, struct cell_call *call, const void *request)
{
    const Cell__Raft__CompactRequest *asked = request;
    struct raft_engine_json j = {0};
    struct raft_engine_etcd_ask *k = raft_engine_etcd_new(state, call, request);

    if (k == NULL) {
        return ERR_NOMEM;
    }
    json_t *body = raft_engine_json_object(&j);
    raft_engine_json_u64(&j, body, "revision", asked->revision);
    return raft_engine_etcd_ask(k, "/v3/kv/compaction", &j, body, false, take_compact);
}
