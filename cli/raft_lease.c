/* Leases: grant, keep, revoke, info, list. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/raft.h"

enum { TTL_MS = 60000 };

static int id_of(struct cli_raft *r, uint64_t *ret)
{
    if (r->cli->arg_count < 3) {
        return cli_fail_usage(r->cli, "`cell raft lease list` shows them", "cell raft lease %s needs the lease's ID",
                              r->cli->args[1]);
    }
    return cli_raft_number(r->cli, r->cli->args[2], "id of a lease", ret);
}

static int grant(struct cli_raft *r)
{
    Cell__Raft__LeaseGrantRequest ask = CELL__RAFT__LEASE_GRANT_REQUEST__INIT;
    ProtobufCMessage *message;
    int status = CLI_DONE;

    ask.ttl_ms = TTL_MS;
    if (r->cli->arg_count > 2) {
        status = id_of(r, &ask.id);
    }
    if (status == CLI_DONE) {
        status = cli_args_duration_ms(r->cli, "ttl", &ask.ttl_ms);
    }
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "LeaseGrant", CELL__RAFT__OP__OP_LEASE_GRANT, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("%" PRIu64 "\n", ((const Cell__Raft__LeaseGrantReply *)message)->id);
    }
    cli_ask_free(message);
    return status;
}

static int keep(struct cli_raft *r)
{
    Cell__Raft__LeaseKeepAliveRequest ask = CELL__RAFT__LEASE_KEEP_ALIVE_REQUEST__INIT;
    ProtobufCMessage *message;
    int status = id_of(r, &ask.id);

    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "LeaseKeepAlive", CELL__RAFT__OP__OP_LEASE_KEEP_ALIVE, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("lives %" PRIu32 " ms from now\n", ((const Cell__Raft__LeaseKeepAliveReply *)message)->ttl_ms);
    }
    cli_ask_free(message);
    return status;
}

static int revoke(struct cli_raft *r)
{
    Cell__Raft__LeaseRevokeRequest ask = CELL__RAFT__LEASE_REVOKE_REQUEST__INIT;
    ProtobufCMessage *message;
    int status = id_of(r, &ask.id);

    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "LeaseRevoke", CELL__RAFT__OP__OP_LEASE_REVOKE, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (r->cli->json) {
        status = cli_emit_message(r->cli, message);
    } else {
        printf("%" PRIu64 " deleted\n", ((const Cell__Raft__LeaseRevokeReply *)message)->deleted);
    }
    cli_ask_free(message);
    return status;
}

static int info(struct cli_raft *r)
{
    Cell__Raft__LeaseInfoRequest ask = CELL__RAFT__LEASE_INFO_REQUEST__INIT;
    ProtobufCMessage *message;
    struct jsonout out;
    int status = id_of(r, &ask.id);

    ask.with_keys = true;
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "LeaseInfo", CELL__RAFT__OP__OP_LEASE_INFO, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__LeaseInfoReply *reply = (const Cell__Raft__LeaseInfoReply *)message;
    if (!r->cli->json) {
        printf("%" PRIu32 " of %" PRIu32 " ms are left, %" PRIu64 " keys\n", reply->remaining_ms, reply->ttl_ms,
               reply->key_count);
        for (size_t i = 0; i < reply->n_keys; i++) {
            Cell__Raft__Pair pair = CELL__RAFT__PAIR__INIT;
            pair.key = reply->keys[i];
            cli_raft_print(r->cli, &pair, true);
        }
        cli_ask_free(message);
        return CLI_DONE;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_u64(&out, "id", ask.id);
    cli_emit_u64(&out, "ttl_ms", reply->ttl_ms);
    cli_emit_u64(&out, "remaining_ms", reply->remaining_ms);
    cli_emit_u64(&out, "key_count", reply->key_count);
    jsonout_name(&out, "keys");
    jsonout_array(&out);
    for (size_t i = 0; i < reply->n_keys; i++) {
        jsonout_object(&out);
        cli_raft_text(&out, "key", &reply->keys[i]);
        jsonout_object_end(&out);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    cli_ask_free(message);
    return cli_emit_end(r->cli, &out);
}

static int list(struct cli_raft *r)
{
    Cell__Raft__LeaseListRequest ask = CELL__RAFT__LEASE_LIST_REQUEST__INIT;
    struct jsonout out;
    bool has_more = true;
    int status = CLI_DONE;

    cli_emit_begin(&out);
    jsonout_object(&out);
    jsonout_name(&out, "leases");
    jsonout_array(&out);
    while (has_more && status == CLI_DONE) {
        ProtobufCMessage *message;
        status = cli_raft_ask(r, "LeaseList", CELL__RAFT__OP__OP_LEASE_LIST, &ask.base, &message);
        if (status != CLI_DONE) {
            break;
        }
        const Cell__Raft__LeaseListReply *reply = (const Cell__Raft__LeaseListReply *)message;
        for (size_t i = 0; i < reply->n_ids; i++) {
            ask.after = reply->ids[i];
            if (r->cli->json) {
                jsonout_u64(&out, reply->ids[i]);
            } else {
                printf("%" PRIu64 "\n", reply->ids[i]);
            }
        }
        has_more = reply->has_more;
        cli_ask_free(message);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    if (status == CLI_DONE && r->cli->json) {
        return cli_emit_end(r->cli, &out);
    }
    jsonout_fini(&out);
    return status;
}

int cli_raft_lease(struct cli_raft *r)
{
    static const struct {
        const char *name;
        int (*run)(struct cli_raft *r);
    } actions[] = {{"grant", grant}, {"keep", keep}, {"revoke", revoke}, {"info", info}, {"list", list}};

    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (strcmp(r->cli->args[1], actions[i].name) == 0) {
            return actions[i].run(r);
        }
    }
    return cli_fail_usage(r->cli, NULL, "\"%s\" is none of grant, keep, revoke, info, list", r->cli->args[1]);
}
