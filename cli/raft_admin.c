/* The cluster behind the store: status, members, leadership, snapshots, compaction, hashes. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/paint.h"
#include "cli/raft.h"
#include "cli/view.h"

enum { ID_DIGITS = 16, SIZE_TEXT = 32 };

/* ---- status ----------------------------------------------------------------------------------- */

static int print_followers(struct cli *cli, const Cell__Raft__StatusReply *s)
{
    static const char *const heads[] = {"MEMBER", "STATE", ">MATCHED", ">LAG", ">HEARD"};
    struct cli_paint_table t;

    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < s->n_followers; i++) {
        const Cell__Raft__Follower *f = s->followers[i];
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, f->name);
        cli_paint_table_add(&t, f->is_linked ? CLI_PAINT_GOOD : CLI_PAINT_BAD, f->is_linked ? f->state : "gone");
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, f->matched);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu64, f->lag);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%" PRIu32 "ms", f->heard_ms);
    }
    return cli_emit_table(cli, &t);
}

/* What an etcd cluster says of itself is less, and its own. */
static void print_etcd(const Cell__Raft__StatusReply *s)
{
    char live[SIZE_TEXT], file[SIZE_TEXT];

    cli_view_size(s->live_bytes, live, sizeof live);
    cli_view_size(s->held_bytes, file, sizeof file);
    printf("an etcd cluster: index %" PRIu64 ", applied %" PRIu64 "\nstore %" PRIu64 " keys, %s in use of a file of %s, revision %" PRIu64
           "\n%s", s->committed, s->applied, s->keys, live, file, s->revision, *s->trouble != '\0' ? "trouble: " : "");
    if (*s->trouble != '\0') {
        puts(s->trouble);
    }
}

/* Who joins has no name and no cluster until the others tell it. */
static void print_who(const Cell__Raft__StatusReply *s)
{
    if (*s->name == '\0' && s->cluster == 0) {
        printf("member %016" PRIx64 " of no cluster yet", s->id);
    } else {
        printf("%s (%016" PRIx64 ") of cluster %016" PRIx64, s->name, s->id, s->cluster);
    }
    printf(": %s in term %" PRIu64 ", leader %s\n", s->role, s->term, *s->leader_name != '\0' ? s->leader_name : "unknown");
}

static int print_status(struct cli *cli, const Cell__Raft__StatusReply *s)
{
    char live[SIZE_TEXT], quota[SIZE_TEXT], log[SIZE_TEXT];

    cli_view_size(s->live_bytes, live, sizeof live);
    cli_view_size(s->quota_bytes, quota, sizeof quota);
    cli_view_size(s->log_bytes, log, sizeof log);
    print_who(s);
    if (strcmp(s->engine, "etcd") == 0) {
        print_etcd(s);
        return CLI_DONE;
    }
    printf("log %" PRIu64 " to %" PRIu64 ", durable %" PRIu64 ", committed %" PRIu64 ", applied %" PRIu64 ", snapshot %" PRIu64
           ", %s on disk\n", s->first, s->last, s->durable, s->committed, s->applied, s->snapshot_index, log);
    printf("store %" PRIu64 " keys, %s of %s, revision %" PRIu64 ", compacted %" PRIu64 ", %" PRIu64 " leases, %" PRIu64
           " sessions\n", s->keys, live, quota, s->revision, s->compacted, s->leases, s->sessions);
    if (*s->trouble != '\0') {
        cli_paint_put(cli->is_colored, CLI_PAINT_BAD, s->trouble);
        putchar('\n');
    }
    return s->n_followers > 0 ? print_followers(cli, s) : CLI_DONE;
}

int cli_raft_status(struct cli_raft *r)
{
    Cell__Raft__StatusRequest ask = CELL__RAFT__STATUS_REQUEST__INIT;
    ProtobufCMessage *message;
    int status = cli_raft_ask(r, "Status", CELL__RAFT__OP__OP_STATUS, &ask.base, &message);

    if (status != CLI_DONE) {
        return status;
    }
    status = r->cli->json ? cli_emit_message(r->cli, message)
                          : print_status(r->cli, (const Cell__Raft__StatusReply *)message);
    cli_ask_free(message);
    return status;
}

/* ---- members ---------------------------------------------------------------------------------- */

static int print_members(struct cli *cli, Cell__Raft__Member **members, size_t count)
{
    static const char *const heads[] = {"MEMBER", "ROLE", "CONTACT", "ID"};
    struct cli_paint_table t;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < count; i++) {
        const Cell__Raft__Member *m = members[i];
        cli_paint_table_add(&t, m->is_self ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, m->name);
        cli_paint_table_add(&t, m->is_leader ? CLI_PAINT_GOOD : CLI_PAINT_PLAIN, m->is_leader ? "leader" : m->role);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, m->contact);
        cli_paint_table_addf(&t, CLI_PAINT_DIM, "%016" PRIx64, m->id);
    }
    return cli_emit_table(cli, &t);
}

static bool has_leader(const Cell__Raft__MembersReply *reply)
{
    bool is_led = false;

    for (size_t i = 0; i < reply->n_members; i++) {
        is_led |= reply->members[i]->is_leader;
    }
    return is_led;
}

/* Members that have just started are asked until one of them leads, within the time of a question; then, and of a certain
 * member (--at), what it knows is good enough: whoever has lost most of them wants to see that. */
static int ask_members(struct cli_raft *r, ProtobufCMessage **ret)
{
    Cell__Raft__MembersRequest ask = CELL__RAFT__MEMBERS_REQUEST__INIT;
    uint64_t end_ms = cli_clock_ms() + r->timeout_ms;
    bool is_one = cli_args_value(r->cli, "at") != NULL;
    int status = cli_raft_ask(r, "Members", CELL__RAFT__OP__OP_MEMBERS, &ask.base, ret);

    while (status == CLI_DONE && !is_one && !has_leader((const Cell__Raft__MembersReply *)*ret) && cli_clock_ms() < end_ms) {
        cli_ask_free(*ret);
        cli_clock_pause(CLI_RAFT_RETRY_MS);
        status = cli_raft_ask(r, "Members", CELL__RAFT__OP__OP_MEMBERS, &ask.base, ret);
    }
    return status;
}

int cli_raft_members(struct cli_raft *r)
{
    ProtobufCMessage *message;
    int status = ask_members(r, &message);

    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__MembersReply *reply = (const Cell__Raft__MembersReply *)message;
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        status = print_members(r->cli, reply->members, reply->n_members);
        if (reply->n_members == 0) {
            cli_fail_note(r->cli, "it belongs to no cluster yet: most of the peers in its configuration must be there");
        } else if (!has_leader(reply)) {
            cli_fail_note(r->cli, "nobody leads, as far as it knows");
        }
        if (reply->is_changing) {
            cli_fail_note(r->cli, "a change of members is going on");
        }
    }
    cli_ask_free(message);
    return status;
}

/* 16 hex digits are an id; everything else is a name, and then *ret_id is 0. */
static uint64_t id_of(const char *text)
{
    uint64_t id = 0;
    int read = 0;

    return strlen(text) == ID_DIGITS && sscanf(text, "%16" SCNx64 "%n", &id, &read) == 1 && read == ID_DIGITS ? id : 0;
}

/* Ask for a change; its reply has the members. */
static int change(struct cli_raft *r, const char *method, uint32_t number, const ProtobufCMessage *ask, const char *done)
{
    ProtobufCMessage *message;

    r->timeout_ms = 20000; /* a member may have to catch up first */
    int status = cli_raft_ask(r, method, number, ask, &message);
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        puts(done);
    }
    cli_ask_free(message);
    return status;
}

int cli_raft_add(struct cli_raft *r)
{
    Cell__Raft__AddMemberRequest ask = CELL__RAFT__ADD_MEMBER_REQUEST__INIT;

    ask.id = id_of(r->cli->args[1]);
    ask.name = (char *)r->cli->args[2];
    ask.contact = (char *)r->cli->args[3];
    ask.promotes = cli_args_has(r->cli, "promote");
    if (ask.id == 0) {
        return cli_fail_usage(r->cli, "`cell raft status --at raft.N` shows it", "\"%s\" is no id of a member: expected 16 hex "
                              "digits", r->cli->args[1]);
    }
    return change(r, "AddMember", CELL__RAFT__OP__OP_ADD_MEMBER, &ask.base, "added");
}

int cli_raft_remove(struct cli_raft *r)
{
    Cell__Raft__RemoveMemberRequest ask = CELL__RAFT__REMOVE_MEMBER_REQUEST__INIT;

    ask.id = id_of(r->cli->args[1]);
    ask.name = ask.id == 0 ? (char *)r->cli->args[1] : (char *)"";
    return change(r, "RemoveMember", CELL__RAFT__OP__OP_REMOVE_MEMBER, &ask.base, "removed");
}

int cli_raft_promote(struct cli_raft *r)
{
    Cell__Raft__PromoteRequest ask = CELL__RAFT__PROMOTE_REQUEST__INIT;

    ask.id = id_of(r->cli->args[1]);
    ask.name = ask.id == 0 ? (char *)r->cli->args[1] : (char *)"";
    return change(r, "Promote", CELL__RAFT__OP__OP_PROMOTE, &ask.base, "it votes now");
}

int cli_raft_transfer(struct cli_raft *r)
{
    Cell__Raft__TransferRequest ask = CELL__RAFT__TRANSFER_REQUEST__INIT;

    if (r->cli->arg_count > 1) {
        ask.id = id_of(r->cli->args[1]);
        ask.name = ask.id == 0 ? (char *)r->cli->args[1] : (char *)"";
    }
    return change(r, "Transfer", CELL__RAFT__OP__OP_TRANSFER, &ask.base, "another member leads");
}

/* ---- the store as a whole ---------------------------------------------------------------------- */

int cli_raft_snapshot(struct cli_raft *r)
{
    Cell__Raft__SnapshotRequest ask = CELL__RAFT__SNAPSHOT_REQUEST__INIT;
    ProtobufCMessage *message;

    r->timeout_ms = 60000;
    int status = cli_raft_ask(r, "Snapshot", CELL__RAFT__OP__OP_SNAPSHOT, &ask.base, &message);
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("index %" PRIu64 "\n", ((const Cell__Raft__SnapshotReply *)message)->index);
    }
    cli_ask_free(message);
    return status;
}

int cli_raft_compact(struct cli_raft *r)
{
    Cell__Raft__CompactRequest ask = CELL__RAFT__COMPACT_REQUEST__INIT;
    ProtobufCMessage *message;
    int status = cli_raft_number(r->cli, r->cli->args[1], "revision", &ask.revision);

    if (status == CLI_DONE && ask.revision == 0) {
        status = cli_fail_usage(r->cli, "`cell raft status` shows today's", "nothing was before revision 1: name a later one");
    }
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Compact", CELL__RAFT__OP__OP_COMPACT, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("what was before revision %" PRIu64 " is forgotten\n", ask.revision);
    }
    cli_ask_free(message);
    return status;
}

int cli_raft_hash(struct cli_raft *r)
{
    Cell__Raft__HashRequest ask = CELL__RAFT__HASH_REQUEST__INIT;
    ProtobufCMessage *message;

    ask.freshness = cli_args_has(r->cli, "stale") ? CELL__RAFT__FRESHNESS__STALE : CELL__RAFT__FRESHNESS__LINEARIZABLE;
    int status = cli_raft_ask(r, "Hash", CELL__RAFT__OP__OP_HASH, &ask.base, &message);
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__HashReply *reply = (const Cell__Raft__HashReply *)message;
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("%016" PRIx64 " after entry %" PRIu64 ", revision %" PRIu64 "\n", reply->hash, reply->index, reply->revision);
    }
    cli_ask_free(message);
    return status;
}
