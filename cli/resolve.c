#include "cli/resolve.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/emit.h"
#include "cli/paint.h"
#include "cli/view.h"

enum {
    TEXT_SIZE = 64,
    SCORE_ONE = 100, /* of who never fails */
};

/* One line: an instance here, or all of another node. */
struct row {
    const char *node, *state, *endpoint;
    uint64_t latency_us;
    uint32_t score, ready;
    int64_t instance; /* -1: all of the node's */
    bool is_here, is_measured;
};

/* Where the rows go. */
struct listing {
    struct cli *cli;
    struct cli_paint_table table;
    struct jsonout out;
    const char *cell, *space;
    size_t count;
};

/* ---- asking ------------------------------------------------------------------------------------ */

Cell__Gateway__ResolveReply *cli_resolve_elsewhere(struct cli *cli, const struct name_ref *ref)
{
    Cell__Gateway__ResolveRequest request = CELL__GATEWAY__RESOLVE_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct name_ref gateway = {.instance = -1}, cell = *ref;
    struct cli_target target;
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE] = "", name[NAME_REF_SIZE];

    (void)snprintf(gateway.cell, sizeof gateway.cell, NAME_GATEWAY);
    if (!cli_target_socket(cli, &gateway, &target) ||
        cli_ask_connect(cli, target.who, target.endpoint, &ask) != ERR_OK) {
        return NULL;
    }
    cell.instance = -1;
    cell.node[0] = '\0';
    name_ref_format(&cell, name);
    request.name = name;
    enum err e = cli_ask_try(&ask, &cell__gateway__gateway__descriptor, "Resolve", CELL__GATEWAY__OP__OP_RESOLVE,
                             &request.base, CLI_DEADLINE_MS, &reply, text);
    return e == ERR_OK ? (Cell__Gateway__ResolveReply *)reply : NULL;
}

/* This node's instances. NOT_FOUND is none: it may be elsewhere. */
static int ask_here(struct cli *cli, struct cli_ask *ask, const char *name, ProtobufCMessage **ret)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;
    char text[SP_TEXT_SIZE] = "";

    request.target = (char *)name;
    enum err e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Resolve", CELL__NUCLEUS__OP__OP_RESOLVE,
                             &request.base, CLI_DEADLINE_MS, ret, text);
    return e == ERR_OK || e == ERR_NOT_FOUND ? CLI_DONE : cli_ask_explain(cli, ask, "Resolve", e, text);
}

/* ---- showing ----------------------------------------------------------------------------------- */

static void emit_row(struct listing *l, const struct row *r)
{
    jsonout_object(&l->out);
    cli_emit_string(&l->out, "node", r->node);
    cli_emit_string(&l->out, "cell", l->cell);
    cli_emit_string(&l->out, "namespace", l->space);
    cli_emit_bool(&l->out, "is_here", r->is_here);
    if (r->instance >= 0) {
        cli_emit_u64(&l->out, "instance", (uint64_t)r->instance);
        cli_emit_string(&l->out, "endpoint", r->endpoint);
    }
    cli_emit_string(&l->out, "state", r->state);
    cli_emit_u64(&l->out, "ready", r->ready);
    cli_emit_u64(&l->out, "score", r->score);
    cli_emit_u64(&l->out, "latency_us", r->latency_us);
    cli_emit_bool(&l->out, "is_measured", r->is_measured);
    jsonout_object_end(&l->out);
}

static void paint_row(struct listing *l, const struct row *r)
{
    struct cli_paint_table *t = &l->table;
    char text[TEXT_SIZE];
    bool is_well = strcmp(r->state, "ready") == 0 || strcmp(r->state, "alive") == 0;

    cli_paint_table_add(t, r->is_here ? CLI_PAINT_BOLD : CLI_PAINT_PLAIN, r->node);
    if (r->instance >= 0) {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%s.%" PRId64, l->cell, r->instance);
    } else {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%s@%s", l->cell, r->node);
    }
    cli_paint_table_add(t, is_well ? CLI_PAINT_GOOD : CLI_PAINT_WARN, r->state);
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32, r->ready);
    cli_paint_table_addf(t, r->score == SCORE_ONE ? CLI_PAINT_PLAIN : CLI_PAINT_WARN, "%" PRIu32, r->score);
    cli_view_us(r->latency_us, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_paint_table_add(t, CLI_PAINT_DIM, r->is_here ? "inside" : r->is_measured ? "measured" : "as told");
}

static void add_row(struct listing *l, const struct row *r)
{
    l->count++;
    if (l->cli->json) {
        emit_row(l, r);
    } else {
        paint_row(l, r);
    }
}

static void add_here(struct listing *l, const char *node, const Cell__Nucleus__ResolveReply *reply)
{
    for (size_t i = 0; reply != NULL && i < reply->n_instances; i++) {
        const Cell__Nucleus__Resolved *one = reply->instances[i];
        double score = one->score > 0 && one->score <= 1 ? one->score : 0;
        add_row(l, &(struct row){.node = node, .state = one->healthy ? "ready" : "unhealthy", .endpoint = one->endpoint,
                                 .latency_us = one->latency_us, .score = (uint32_t)(score * SCORE_ONE + 0.5), .ready = 1,
                                 .instance = one->instance, .is_here = true, .is_measured = one->latency_us > 0});
    }
}

static void add_elsewhere(struct listing *l, const Cell__Gateway__ResolveReply *reply)
{
    for (size_t i = 0; reply != NULL && i < reply->n_nodes; i++) {
        const Cell__Gateway__Endpoint *one = reply->nodes[i];
        add_row(l, &(struct row){.node = one->node, .state = one->state, .latency_us = one->latency_us, .score = one->score,
                                 .ready = one->ready, .instance = -1, .is_measured = one->is_measured});
    }
}

static void begin(struct listing *l)
{
    static const char *const heads[] = {"NODE", "WHO", "STATE", ">READY", ">SCORE", ">LATENCY", "HOW"};

    if (!l->cli->json) {
        cli_paint_table_init(&l->table, heads, ARRAY_LEN(heads));
        return;
    }
    cli_emit_begin(&l->out);
    jsonout_object(&l->out);
    jsonout_name(&l->out, "endpoints");
    jsonout_array(&l->out);
}

static int end(struct listing *l, bool is_shown)
{
    if (l->cli->json) {
        jsonout_array_end(&l->out);
        jsonout_object_end(&l->out);
        return cli_emit_end(l->cli, &l->out);
    }
    bool is_printed = !is_shown || cli_paint_table_print(&l->table, l->cli->is_colored);
    cli_paint_table_fini(&l->table);
    return is_printed ? CLI_DONE : cli_fail(l->cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

static int show(struct cli *cli, const struct name_ref *ref, const char *node, const Cell__Nucleus__ResolveReply *here,
                const Cell__Gateway__ResolveReply *there)
{
    struct listing l = {.cli = cli, .cell = ref->cell, .space = ref->space[0] != '\0' ? ref->space : "default"};

    begin(&l);
    add_here(&l, node, here);
    add_elsewhere(&l, there);
    int status = end(&l, l.count > 0);
    if (status == CLI_DONE && l.count == 0) {
        status = cli_fail(cli, ERR_NOT_FOUND,
                          here != NULL && here->on_demand ? "it starts when somebody calls it"
                                                          : "`cell status` shows this node's cells, `cell discover` other nodes'",
                          "nobody has an instance of %s that is ready", ref->cell);
    }
    return status;
}

int cli_resolve_run(struct cli *cli)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    ProtobufCMessage *here = NULL;
    Cell__Nucleus__StatusReply *node = NULL;
    struct name_ref ref;
    int status = cli_ask_reference(cli, cli->args[0], &ref);

    if (status == CLI_DONE && ref.node[0] != '\0') {
        return cli_fail_usage(cli, "write [NAMESPACE/]CELL[.INSTANCE]; other nodes are looked at anyway",
                              "\"%s\" names a node", cli->args[0]);
    }
    if (status == CLI_DONE) {
        status = cli_ask_nucleus(cli, &ask);
    }
    if (status == CLI_DONE) {
        status = ask_here(cli, &ask, cli->args[0], &here);
    }
    if (status == CLI_DONE) {
        status = cli_ask_status(cli, "", &node);
    }
    if (status == CLI_DONE) {
        Cell__Gateway__ResolveReply *there = ref.instance < 0 ? cli_resolve_elsewhere(cli, &ref) : NULL;
        status = show(cli, &ref, node->node, (const Cell__Nucleus__ResolveReply *)here, there);
        cli_ask_free(there == NULL ? NULL : &there->base);
    }
    cli_ask_free(here);
    cli_ask_free(node == NULL ? NULL : &node->base);
    return status;
}
