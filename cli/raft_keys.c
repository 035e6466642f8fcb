/* Keys: put, get, range, del, cas, watch. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/file.h"
#include "cli/raft.h"

enum {
    POLL_MS = CLI_LISTEN_MS, /* one long poll of a watch */
    SLACK_MS = 4000,
    PATIENCE_MS = 10000,     /* a watch goes on though members end: another one answers before this is over */
    KEY_MAX = 1024,          /* bytes of the longest key   */
    VALUE_MAX = 1 << 20,     /* bytes of the longest value */
};

static void document_begin(struct jsonout *out, uint64_t revision)
{
    cli_emit_begin(out);
    jsonout_object(out);
    cli_emit_u64(out, "revision", revision);
}

static int document_end(struct cli *cli, struct jsonout *out)
{
    jsonout_object_end(out);
    return cli_emit_end(cli, out);
}

static void add_pairs(struct jsonout *out, const char *name, Cell__Raft__Pair **pairs, size_t count)
{
    jsonout_name(out, name);
    jsonout_array(out);
    for (size_t i = 0; i < count; i++) {
        cli_raft_pair(out, pairs[i]);
    }
    jsonout_array_end(out);
}

static void add_pair(struct jsonout *out, const char *name, const Cell__Raft__Pair *p)
{
    jsonout_name(out, name);
    if (p != NULL) {
        cli_raft_pair(out, p);
    } else {
        jsonout_null(out);
    }
}

/* ---- put, get, cas ---------------------------------------------------------------------------- */

/* The value: an argument, or what is in a file. *ret_read: free it. */
static int value_of_put(struct cli_raft *r, ProtobufCBinaryData *ret, char **ret_read)
{
    const char *path = cli_args_value(r->cli, "file");
    size_t size;

    if ((path != NULL) == (r->cli->arg_count == 3)) {
        return cli_fail_usage(r->cli, "see `cell raft --help`", "usage: cell raft put KEY VALUE, or put KEY --file PATH");
    }
    if (path == NULL) {
        *ret = cli_raft_bytes(r->cli->args[2]);
        return CLI_DONE;
    }
    int status = cli_file_read(r->cli, path, VALUE_MAX, ret_read, &size);
    if (status == CLI_DONE) {
        *ret = (ProtobufCBinaryData){size, (uint8_t *)*ret_read};
    }
    return status;
}

int cli_raft_put(struct cli_raft *r)
{
    Cell__Raft__PutRequest ask = CELL__RAFT__PUT_REQUEST__INIT;
    AUTO_FREE char *read = NULL;
    ProtobufCMessage *message;
    struct jsonout out;

    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.with_previous = cli_args_has(r->cli, "previous");
    int status = value_of_put(r, &ask.value, &read);
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "lease", &ask.lease);
    }
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Put", CELL__RAFT__OP__OP_PUT, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__PutReply *reply = (const Cell__Raft__PutReply *)message;
    if (r->cli->json) {
        document_begin(&out, reply->revision);
        add_pair(&out, "previous", reply->previous);
        status = document_end(r->cli, &out);
    } else if (reply->previous != NULL) {
        cli_raft_print(r->cli, reply->previous, false);
    } else {
        printf("revision %" PRIu64 "\n", reply->revision);
    }
    cli_ask_free(message);
    return status;
}

int cli_raft_get(struct cli_raft *r)
{
    Cell__Raft__GetRequest ask = CELL__RAFT__GET_REQUEST__INIT;
    ProtobufCMessage *message;
    struct jsonout out;

    if (cli_args_has(r->cli, "prefix")) {
        return cli_raft_range(r);
    }
    int status = cli_emit_raw_check(r->cli);
    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.freshness = cli_args_has(r->cli, "stale") ? CELL__RAFT__FRESHNESS__STALE : CELL__RAFT__FRESHNESS__LINEARIZABLE;
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "revision", &ask.revision);
    }
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Get", CELL__RAFT__OP__OP_GET, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__GetReply *reply = (const Cell__Raft__GetReply *)message;
    if (reply->pair == NULL) {
        status = cli_fail(r->cli, ERR_NOT_FOUND, NULL, "there is no key \"%s\" (revision %" PRIu64 ")", r->cli->args[1],
                          reply->revision);
    } else if (r->cli->json) {
        document_begin(&out, reply->revision);
        add_pair(&out, "pair", reply->pair);
        status = document_end(r->cli, &out);
    } else {
        cli_raft_print(r->cli, reply->pair, false);
    }
    cli_ask_free(message);
    return status;
}

int cli_raft_cas(struct cli_raft *r)
{
    Cell__Raft__CasRequest ask = CELL__RAFT__CAS_REQUEST__INIT;
    bool by_revision = cli_args_has(r->cli, "revision");
    ProtobufCMessage *message;
    struct jsonout out;

    if (by_revision != (r->cli->arg_count == 3)) {
        return cli_fail_usage(r->cli, "--revision 0 means that the key must not exist",
                              "usage: cell raft cas KEY EXPECTED VALUE, or cas KEY VALUE --revision N");
    }
    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.compares_value = !by_revision;
    ask.expected = by_revision ? (ProtobufCBinaryData){0} : cli_raft_bytes(r->cli->args[2]);
    ask.value = cli_raft_bytes(r->cli->args[by_revision ? 2 : 3]);
    int status = cli_raft_option(r->cli, "revision", &ask.modified);
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "lease", &ask.lease);
    }
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Cas", CELL__RAFT__OP__OP_CAS, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__CasReply *reply = (const Cell__Raft__CasReply *)message;
    if (r->cli->json) {
        document_begin(&out, reply->revision);
        cli_emit_bool(&out, "succeeded", reply->succeeded);
        add_pair(&out, "current", reply->current);
        status = document_end(r->cli, &out);
    } else if (reply->succeeded) {
        printf("revision %" PRIu64 "\n", reply->revision);
    }
    if (status == CLI_DONE && !reply->succeeded) {
        status = cli_fail(r->cli, ERR_PRECONDITION, "read it and try again", "the key is not as expected: %s%.*s",
                          reply->current == NULL ? "it does not exist" : "its value is ",
                          reply->current == NULL ? 0 : (int)reply->current->value.len,
                          reply->current == NULL ? "" : (const char *)reply->current->value.data);
    }
    cli_ask_free(message);
    return status;
}

/* ---- ranges ----------------------------------------------------------------------------------- */

/* Where the keys with a prefix end: at the prefix with its last byte raised that can be; else above all keys. The second page
 * of a prefix begins later, and is a range. */
static ProtobufCBinaryData end_of_prefix(const ProtobufCBinaryData *prefix)
{
    static uint8_t end[KEY_MAX];
    size_t size = prefix->len < sizeof end ? prefix->len : sizeof end;

    memcpy(end, prefix->data, size);
    while (size > 0 && end[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        memset(end, 0xff, sizeof end);
        return (ProtobufCBinaryData){sizeof end, end};
    }
    end[size - 1]++;
    return (ProtobufCBinaryData){size, end};
}

/* Pages until the last one: a later page asks for the revision of the first, so that all are of one moment. */
static int range_pages(struct cli_raft *r, Cell__Raft__RangeRequest *ask, struct jsonout *out, uint64_t *ret_count)
{
    ProtobufCMessage *message = NULL, *before = NULL;
    uint64_t limit = ask->limit;
    int status;

    for (;;) {
        status = cli_raft_ask(r, "Range", CELL__RAFT__OP__OP_RANGE, &ask->base, &message);
        cli_ask_free(before);
        if (status != CLI_DONE) {
            return status;
        }
        const Cell__Raft__RangeReply *page = (const Cell__Raft__RangeReply *)message;
        for (size_t i = 0; i < page->n_pairs; i++) {
            if (r->cli->json) {
                cli_raft_pair(out, page->pairs[i]);
            } else {
                cli_raft_print(r->cli, page->pairs[i], true);
            }
        }
        *ret_count += page->count;
        ask->revision = ask->revision == 0 ? page->revision : ask->revision;
        if (!page->has_more || (limit > 0 && *ret_count >= limit)) {
            break;
        }
        ask->limit = limit > 0 ? (uint32_t)(limit - *ret_count) : 0;
        if (ask->is_prefix) {
            ask->end = end_of_prefix(&ask->key);
            ask->is_prefix = false;
        }
        ask->key = page->next;
        before = message; /* the next request borrows from it */
    }
    cli_ask_free(message);
    return CLI_DONE;
}

/* The END of a command that takes KEY [END]. */
static int span_end(struct cli_raft *r, ProtobufCBinaryData *ret)
{
    if (r->cli->arg_count < 3) {
        return CLI_DONE;
    }
    if (cli_args_has(r->cli, "prefix")) {
        return cli_fail_usage(r->cli, NULL, "a range has an END or is a --prefix, not both");
    }
    if (strcmp(r->cli->args[2], r->cli->args[1]) <= 0) {
        return cli_fail_usage(r->cli, NULL, "END \"%s\" does not come after KEY \"%s\": there is nothing between them",
                              r->cli->args[2], r->cli->args[1]);
    }
    *ret = cli_raft_bytes(r->cli->args[2]);
    return CLI_DONE;
}

int cli_raft_range(struct cli_raft *r)
{
    Cell__Raft__RangeRequest ask = CELL__RAFT__RANGE_REQUEST__INIT;
    struct jsonout out;
    uint64_t limit = 0, count = 0;

    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.is_prefix = cli_args_has(r->cli, "prefix");
    ask.keys_only = cli_args_has(r->cli, "keys-only");
    ask.freshness = cli_args_has(r->cli, "stale") ? CELL__RAFT__FRESHNESS__STALE : CELL__RAFT__FRESHNESS__LINEARIZABLE;
    int status = span_end(r, &ask.end);
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "revision", &ask.revision);
    }
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "limit", &limit);
    }
    if (status != CLI_DONE) {
        return status;
    }
    ask.limit = limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
    cli_emit_begin(&out);
    jsonout_object(&out);
    jsonout_name(&out, "pairs");
    jsonout_array(&out);
    status = range_pages(r, &ask, &out, &count);
    jsonout_array_end(&out);
    cli_emit_u64(&out, "count", count);
    cli_emit_u64(&out, "revision", ask.revision);
    if (status == CLI_DONE && r->cli->json) {
        return document_end(r->cli, &out);
    }
    jsonout_fini(&out);
    return status;
}

int cli_raft_del(struct cli_raft *r)
{
    Cell__Raft__DeleteRequest ask = CELL__RAFT__DELETE_REQUEST__INIT;
    ProtobufCMessage *message;
    struct jsonout out;

    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.is_prefix = cli_args_has(r->cli, "prefix");
    ask.with_previous = cli_args_has(r->cli, "previous");
    int status = span_end(r, &ask.end);
    if (status == CLI_DONE) {
        status = cli_raft_ask(r, "Delete", CELL__RAFT__OP__OP_DELETE, &ask.base, &message);
    }
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Raft__DeleteReply *reply = (const Cell__Raft__DeleteReply *)message;
    if (r->cli->json) {
        document_begin(&out, reply->revision);
        cli_emit_u64(&out, "deleted", reply->deleted);
        add_pairs(&out, "previous", reply->previous, reply->n_previous);
        status = document_end(r->cli, &out);
    } else {
        for (size_t i = 0; i < reply->n_previous; i++) {
            cli_raft_print(r->cli, reply->previous[i], true);
        }
        printf("%" PRIu64 " deleted\n", reply->deleted);
    }
    cli_ask_free(message);
    return status;
}

/* ---- watches ---------------------------------------------------------------------------------- */

static int print_event(struct cli *cli, const Cell__Raft__Event *e)
{
    struct jsonout out;

    if (!cli->json) {
        printf("%" PRIu64 "\t%s\t", e->pair->modified, e->is_delete ? "delete" : "put");
        cli_raft_print(cli, e->pair, true);
        return CLI_DONE;
    }
    cli_emit_begin_line(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "type", e->is_delete ? "delete" : "put");
    add_pair(&out, "pair", e->pair);
    if (e->previous != NULL) {
        add_pair(&out, "previous", e->previous);
    }
    return document_end(cli, &out);
}

/* Who reads lines learns of it by a line; there is a note for a person. */
static int print_compacted(struct cli *cli, uint64_t revision)
{
    struct jsonout out;

    if (!cli->json) {
        cli_fail_note(cli, "revisions up to %" PRIu64 " are compacted: what they changed is not shown", revision);
        return CLI_DONE;
    }
    cli_emit_begin_line(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "type", "compacted");
    cli_emit_u64(&out, "revision", revision);
    return document_end(cli, &out);
}

/* What an answer brings; *left: events still wanted. */
static int print_events(struct cli *cli, const Cell__Raft__WatchReply *reply, uint64_t *left)
{
    int status = reply->compacted != 0 ? print_compacted(cli, reply->compacted) : CLI_DONE;

    for (size_t i = 0; i < reply->n_events && status == CLI_DONE && *left > 0; i++) {
        status = print_event(cli, reply->events[i]);
        (*left)--;
    }
    return status;
}

int cli_raft_watch(struct cli_raft *r)
{
    Cell__Raft__WatchRequest ask = CELL__RAFT__WATCH_REQUEST__INIT;
    uint64_t left = UINT64_MAX;
    int status = span_end(r, &ask.end);

    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "revision", &ask.from);
    }
    ask.key = cli_raft_bytes(r->cli->args[1]);
    ask.is_prefix = cli_args_has(r->cli, "prefix");
    ask.with_previous = cli_args_has(r->cli, "previous");
    ask.wait_ms = ask.from == 0 ? 0 : POLL_MS; /* what comes from now on: when is said at once, so that nothing is missed after that */
    if (status == CLI_DONE) {
        status = cli_raft_option(r->cli, "limit", &left);
    }
    r->timeout_ms = POLL_MS + SLACK_MS;
    r->patience_ms = PATIENCE_MS;
    while (status == CLI_DONE && left > 0) {
        ProtobufCMessage *message;

        status = cli_raft_ask(r, "Watch", CELL__RAFT__OP__OP_WATCH, &ask.base, &message);
        if (status != CLI_DONE) {
            break;
        }
        const Cell__Raft__WatchReply *reply = (const Cell__Raft__WatchReply *)message;
        status = print_events(r->cli, reply, &left);
        ask.from = reply->next;
        ask.from_part = reply->next_part;
        ask.wait_ms = POLL_MS;
        cli_ask_free(message);
        if (!cli_emit_is_heard()) {
            break;
        }
    }
    return status;
}
