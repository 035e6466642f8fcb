#include "cli/call.h"

#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/file.h"
#include "cli/target.h"
#include "common/base/bytes.h"
#include "common/reflect/near.h"
#include "proto/inspect.schema.h"
#include "proto/nucleus.schema.h"

enum {
    DEADLINE_MS = 5000, /* the envelope's own default */
    KNOWN_SIZE = 512,   /* of a list of operations in an error */
    AGAIN_MS = 20,      /* between two looks for an instance that takes it */
};

/* ---- the schema ----------------------------------------------------------------------------- */

static const Cell__Inspect__Operation *find_operation(const Cell__Inspect__DescribeReply *d,
                                                      const char *name)
{
    for (size_t i = 0; i < d->n_operations; i++) {
        if (strcmp(d->operations[i]->name, name) == 0) {
            return d->operations[i];
        }
    }
    return NULL;
}

static int unknown_operation(struct cli *cli, const struct cli_ask *ask,
                             const Cell__Inspect__DescribeReply *d, const char *name)
{
    char known[KNOWN_SIZE], hint[CLI_HINT_SIZE];
    struct bytes_text list;
    struct near near;

    near_begin(&near, name);
    bytes_text_init(&list, known, sizeof known);
    for (size_t i = 0; i < d->n_operations; i++) {
        near_try(&near, d->operations[i]->name);
        bytes_text_add(&list, "%s%s", i > 0 ? ", " : "", d->operations[i]->name);
    }
    snprintf(hint, sizeof hint, "%s%s%sit serves %s", near.best != NULL ? "did you mean " : "",
             near.best != NULL ? near.best : "", near.best != NULL ? "? " : "", known);
    return cli_fail(cli, ERR_UNIMPLEMENTED, hint, "%s has no operation %s", ask->who, name);
}

/* Take the two types from a descriptor set. */
static int use_schema(struct cli *cli, const struct cli_ask *ask, const uint8_t *data, size_t size,
                      const Cell__Inspect__Operation *op, struct cli_call *ret)
{
    char why[SCHEMA_WHY_SIZE];
    enum err e = schema_parse(data, size, &ret->schema, why);

    if (e != ERR_OK) {
        return cli_fail(cli, e, "the cell was built with a broken schema", "%s: %s", ask->who, why);
    }
    ret->request = schema_find_message(ret->schema, op->request);
    ret->reply = schema_find_message(ret->schema, op->reply);
    if (ret->request == NULL || ret->reply == NULL) {
        return cli_fail(cli, ERR_NOT_FOUND,
                        "build it with protoc --include_imports --descriptor_set_out",
                        "%s: its schema lacks %s or %s", ask->who, op->request, op->reply);
    }
    return CLI_DONE;
}

/* What every cell answers is known without asking; the rest the cell hands out. */
static int fetch_schema(struct cli *cli, struct cli_ask *ask, const Cell__Inspect__Operation *op,
                        struct cli_call *ret)
{
    Cell__Inspect__SchemaRequest request = CELL__INSPECT__SCHEMA_REQUEST__INIT;
    ProtobufCMessage *reply;

    if (strncmp(op->request, "cell.inspect.", 13) == 0) {
        return use_schema(cli, ask, inspect_schema, sizeof inspect_schema, op, ret);
    }
    if (strncmp(op->request, "cell.nucleus.", 13) == 0) {
        return use_schema(cli, ask, nucleus_schema, sizeof nucleus_schema, op, ret);
    }
    int status = cli_ask_cell_for(cli, ask, "Schema", CELL__INSPECT__OP__OP_SCHEMA, &request.base,
                                  CLI_DEADLINE_MS, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Inspect__SchemaReply *s = (const Cell__Inspect__SchemaReply *)reply;
    status = use_schema(cli, ask, s->descriptor_set.data, s->descriptor_set.len, op, ret);
    cli_ask_free(reply);
    return status;
}

int cli_call_learn(struct cli *cli, struct cli_ask *ask, const char *operation,
                   struct cli_call *ret)
{
    Cell__Inspect__DescribeRequest request = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    ProtobufCMessage *reply;

    *ret = (struct cli_call){0};
    int status = cli_ask_cell_for(cli, ask, "Describe", CELL__INSPECT__OP__OP_DESCRIBE,
                                  &request.base, CLI_DEADLINE_MS, &reply);
    if (status != CLI_DONE) {
        return status;
    }
    const Cell__Inspect__DescribeReply *d = (const Cell__Inspect__DescribeReply *)reply;
    const Cell__Inspect__Operation *op = find_operation(d, operation);
    if (op == NULL) {
        status = unknown_operation(cli, ask, d, operation);
    } else {
        ret->number = op->number;
        ret->fingerprint = op->schema;
        status = fetch_schema(cli, ask, op, ret);
    }
    cli_ask_free(reply);
    return status;
}

void cli_call_fini(struct cli_call *call)
{
    schema_free(call->schema);
    call->schema = NULL;
}

/* ---- the request ---------------------------------------------------------------------------- */

/* The request's text: given, in a file, or on standard input. */
static int request_text(struct cli *cli, char **ret, size_t *ret_len)
{
    const char *text = cli->arg_count > 1 ? cli->args[1] : "{}";

    if (*text == '@' || strcmp(text, "-") == 0) {
        return cli_file_read(cli, *text == '@' ? text + 1 : text, JSONPB_BYTES_MAX, ret, ret_len);
    }
    *ret = strdup(text);
    *ret_len = strlen(text);
    return *ret != NULL ? CLI_DONE : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

static int bad_request(struct cli *cli, const struct cli_call *call, enum err e, const char *why)
{
    struct jsonout out;
    AUTO_FREE char *example = NULL;
    char hint[KNOWN_SIZE];

    jsonout_init(&out, false);
    jsonpb_example(call->request, &out);
    if (jsonout_take(&out, &example) != ERR_OK || strlen(example) > sizeof hint - 32) {
        jsonout_fini(&out);
        return cli_fail(cli, e, NULL, "the request: %s", why);
    }
    jsonout_fini(&out);
    snprintf(hint, sizeof hint, "it has the form %s", example);
    return cli_fail(cli, e, hint, "the request: %s", why);
}

static int pack_request(struct cli *cli, const struct cli_call *call, uint8_t **ret,
                        size_t *ret_size)
{
    AUTO_FREE char *text = NULL;
    char why[JSONPB_WHY_SIZE];
    size_t len = 0;
    json_t *value = NULL;
    int status = request_text(cli, &text, &len);

    if (status != CLI_DONE) {
        return status;
    }
    enum err e = jsonpb_parse(text, len, &value, why);
    if (e == ERR_OK) {
        e = jsonpb_encode(call->request, value, ret, ret_size, why);
    }
    json_decref(value);
    return e == ERR_OK ? CLI_DONE : bad_request(cli, call, e, why);
}

static int print_reply(struct cli *cli, const struct cli_call *call, const struct cli_ask *ask,
                       const uint8_t *body, size_t size)
{
    struct jsonout out;
    char why[JSONPB_WHY_SIZE];

    cli_emit_begin(&out);
    enum err e = jsonpb_decode(call->reply, body, size, &out, why);
    if (e != ERR_OK) {
        jsonout_fini(&out);
        return cli_fail(cli, e, "the answer does not match the cell's own schema", "%s: %s",
                        ask->who, why);
    }
    return cli_emit_end(cli, &out);
}

/* *ret_again: nothing was done, for this instance drains; NULL: then that is said. */
static int call_operation(struct cli *cli, struct cli_ask *ask, const char *operation,
                          uint32_t deadline_ms, bool *ret_again)
{
    struct cli_call call;
    AUTO_FREE uint8_t *request = NULL, *reply = NULL;
    size_t request_size, reply_size;
    char text[SP_TEXT_SIZE] = "";
    int status = cli_call_learn(cli, ask, operation, &call);

    if (status == CLI_DONE) {
        status = pack_request(cli, &call, &request, &request_size);
    }
    if (status == CLI_DONE) {
        enum err e = sp_ask_packed_routed(ask->fd, ask->route, call.number, call.fingerprint, request,
                                          request_size, deadline_ms, &reply, &reply_size, text);

        if (ret_again != NULL && e == ERR_UNAVAILABLE && strcmp(text, "draining") == 0) { /* the runtime's word, before any handler */
            *ret_again = true;
        } else {
            status = e == ERR_OK ? print_reply(cli, &call, ask, reply, reply_size)
                                 : cli_ask_explain(cli, ask, operation, e, text);
        }
    }
    cli_call_fini(&call);
    return status;
}

/* One instance is found and asked; the one that was found may be on its way to an end or a restart, and another one, or its next
 * process, takes the call: `ret_again`, as above. */
static int call_once(struct cli *cli, const struct name_ref *ref, const char *operation, uint32_t deadline_ms, bool *ret_again)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct cli_target target;
    int status = cli_target_find_anywhere(cli, ref, &target);

    if (status != CLI_DONE) {
        return status;
    }
    enum err e = cli_ask_connect(cli, target.who, target.endpoint, &ask);
    if (ret_again != NULL && (e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD)) {
        *ret_again = true;
        return CLI_DONE;
    }
    if (e != ERR_OK) {
        return cli_ask_explain_connect(cli, &ask, e);
    }
    (void)snprintf(ask.route, sizeof ask.route, "%s", target.route);
    return call_operation(cli, &ask, operation, deadline_ms, ret_again);
}

int cli_call_run(struct cli *cli)
{
    bool is_read = cli->arg_count > 1 && strcmp(cli->args[1], "-") == 0; /* what was read is gone */
    uint64_t end_ms = cli_clock_ms() + CLI_DEADLINE_MS;
    struct name_ref ref;
    char operation[NAME_SIZE];
    uint32_t deadline_ms = DEADLINE_MS;
    int status = cli_args_duration_ms(cli, "deadline", &deadline_ms);

    if (status == CLI_DONE) {
        status = cli_target_operation(cli, cli->args[0], &ref, operation);
    }
    for (bool again = true; status == CLI_DONE && again;) {
        bool is_last = is_read || cli_clock_ms() >= end_ms;
        again = false;
        status = call_once(cli, &ref, operation, deadline_ms, is_last ? NULL : &again);
        if (again) {
            cli_clock_pause(AGAIN_MS);
        }
    }
    return status;
}
