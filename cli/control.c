#include "cli/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/emit.h"
#include "cli/file.h"
#include "cli/place.h"
#include "cli/wait.h"

enum {
    INSTANCES_MAX = 1000,            /* of one cell, as in a manifest                          */
    MANIFEST_MAX = 1024 * 1024,      /* bytes; the nucleus takes no more                       */
    APPLY_MS = 10000,                /* checking a large manifest is work                      */
};

/* ---- which instances are meant --------------------------------------------------------------- */

/* A process that ran when the order was given, so that its successor can be told from it. */
struct before {
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    uint32_t instance;
    uint64_t generation;
};

/* What an order is about: the instances a reference meant when it was given. */
struct order {
    struct before *before;
    size_t count;
    uint32_t wanted; /* scale */
};

static bool same_cell(const struct before *b, const cli_view_instance *i)
{
    return strcmp(b->cell, i->cell) == 0 && strcmp(b->space, i->namespace_) == 0;
}

static const struct before *find(const struct order *o, const cli_view_instance *i)
{
    for (size_t k = 0; k < o->count; k++) {
        if (same_cell(&o->before[k], i) && o->before[k].instance == i->instance) {
            return &o->before[k];
        }
    }
    return NULL;
}

static int remember(struct cli *cli, const char *target, struct order *o)
{
    Cell__Nucleus__StatusReply *s;
    int status = cli_ask_status(cli, target, &s);

    if (status != CLI_DONE) {
        return status;
    }
    o->before = calloc(s->n_cells + 1, sizeof *o->before);
    for (size_t i = 0; o->before != NULL && i < s->n_cells; i++) {
        struct before *b = &o->before[o->count++];

        snprintf(b->space, sizeof b->space, "%s", s->cells[i]->namespace_);
        snprintf(b->cell, sizeof b->cell, "%s", s->cells[i]->cell);
        b->instance = s->cells[i]->instance;
        b->generation = s->cells[i]->generation;
    }
    cli_ask_free(&s->base);
    return o->before != NULL ? CLI_DONE
                             : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

/* ---- when an order is carried out ------------------------------------------------------------ */

static enum cli_wait_verdict started(const void *context, const cli_view_instance *i)
{
    if (find(context, i) == NULL) {
        return CLI_WAIT_DONE;
    }
    /* Stopped is how it was before the order was looked at. */
    return cli_view_rank(i) == CLI_VIEW_STOPPED ? CLI_WAIT_NOT_YET : cli_wait_ready(NULL, i);
}

static enum cli_wait_verdict stopped(const void *context, const cli_view_instance *i)
{
    return find(context, i) == NULL || cli_view_rank(i) == CLI_VIEW_STOPPED ? CLI_WAIT_DONE
                                                                            : CLI_WAIT_NOT_YET;
}

static enum cli_wait_verdict restarted(const void *context, const cli_view_instance *i)
{
    const struct before *b = find(context, i);

    if (b == NULL) {
        return CLI_WAIT_DONE;
    }
    return i->generation > b->generation ? started(context, i) : CLI_WAIT_NOT_YET;
}

/* Instances above the number go, those below it are ready. */
static enum cli_wait_verdict scaled(const void *context, const cli_view_instance *i)
{
    const struct order *o = context;

    if (o->count == 0 || !same_cell(&o->before[0], i)) {
        return CLI_WAIT_DONE;
    }
    if (i->instance >= o->wanted) {
        return cli_view_rank(i) == CLI_VIEW_STOPPED ? CLI_WAIT_DONE : CLI_WAIT_NOT_YET;
    }
    return cli_view_rank(i) == CLI_VIEW_STOPPED ? CLI_WAIT_NOT_YET : cli_wait_ready(NULL, i);
}

/* ---- one order ------------------------------------------------------------------------------- */

static int give(struct cli *cli, const char *method, uint32_t number,
                const ProtobufCMessage *request, ProtobufCMessage **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    int status = cli_ask_nucleus(cli, &ask);

    return status == CLI_DONE ? cli_ask_nucleus_for(cli, &ask, method, number, request, APPLY_MS, ret)
                              : status;
}

/* Wait unless told not to; *ret_waited says whether. */
static int await(struct cli *cli, const struct order *o,
                 enum cli_wait_verdict (*judge)(const void *, const cli_view_instance *),
                 const char *wish)
{
    struct cli_wait w = {cli, CLI_WAIT_DEADLINE_MS, judge, o, wish};
    Cell__Nucleus__StatusReply *s;
    int status = cli_args_duration_ms(cli, "deadline", &w.deadline_ms);

    if (status != CLI_DONE || cli_args_has(cli, "no-wait")) {
        return status;
    }
    status = cli_wait_until(&w, &s);
    if (status == CLI_DONE) {
        cli_ask_free(&s->base);
    }
    return status;
}

static int report(struct cli *cli, const ProtobufCMessage *reply, const char *done, uint32_t count)
{
    struct jsonout out;

    if (!cli->json) {
        printf("%s: %" PRIu32 " instance%s %s\n", cli->args[0], count, count == 1 ? "" : "s", done);
        return CLI_DONE;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_members(&out, reply);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

/* The three orders whose request is a target and whose reply is a number of instances. */
struct kind {
    const char *method;
    uint32_t number;
    enum cli_wait_verdict (*judge)(const void *, const cli_view_instance *);
    const char *wish;
};

static int carry_out(struct cli *cli, const struct kind *kind)
{
    Cell__Nucleus__StartRequest request = CELL__NUCLEUS__START_REQUEST__INIT;
    struct order o = {0};
    struct name_ref ref;
    uint32_t checked = 0;
    ProtobufCMessage *reply = NULL;
    int status = cli_ask_reference(cli, cli->args[0], &ref);

    if (status == CLI_DONE) {
        status = cli_args_duration_ms(cli, "deadline", &checked);
    }
    if (status == CLI_DONE) {
        status = remember(cli, cli->args[0], &o);
    }
    /* Start, Stop and Restart have the same fields with the same numbers; the type that is sent is
     * the method's own. */
    if (status == CLI_DONE) {
        Cell__Nucleus__StopRequest stop = CELL__NUCLEUS__STOP_REQUEST__INIT;
        Cell__Nucleus__RestartRequest restart = CELL__NUCLEUS__RESTART_REQUEST__INIT;
        const ProtobufCMessage *send = &request.base;

        request.target = stop.target = restart.target = (char *)cli->args[0];
        if (kind->number == CELL__NUCLEUS__OP__OP_STOP) {
            send = &stop.base;
        } else if (kind->number == CELL__NUCLEUS__OP__OP_RESTART) {
            send = &restart.base;
        }
        status = give(cli, kind->method, kind->number, send, &reply);
    }
    if (status == CLI_DONE) {
        status = await(cli, &o, kind->judge, kind->wish);
    }
    if (status == CLI_DONE) {
        status = report(cli, reply, kind->wish, (uint32_t)o.count);
    }
    cli_ask_free(reply);
    free(o.before);
    return status;
}

int cli_control_start(struct cli *cli)
{
    static const struct kind kind = {"Start", CELL__NUCLEUS__OP__OP_START, started, "ready"};

    return carry_out(cli, &kind);
}

int cli_control_stop(struct cli *cli)
{
    static const struct kind kind = {"Stop", CELL__NUCLEUS__OP__OP_STOP, stopped, "stopped"};

    return carry_out(cli, &kind);
}

int cli_control_restart(struct cli *cli)
{
    static const struct kind kind = {"Restart", CELL__NUCLEUS__OP__OP_RESTART, restarted, "restarted"};

    return carry_out(cli, &kind);
}

/* ---- scale ----------------------------------------------------------------------------------- */

static int read_count(struct cli *cli, uint32_t *ret)
{
    const char *text = cli->args[1];
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || strlen(text) > 4 || value > INSTANCES_MAX) {
        return cli_fail_usage(cli, NULL, "\"%s\" is no number of instances from 0 to %d", text,
                              INSTANCES_MAX);
    }
    *ret = (uint32_t)value;
    return CLI_DONE;
}

int cli_control_scale(struct cli *cli)
{
    Cell__Nucleus__ScaleRequest request = CELL__NUCLEUS__SCALE_REQUEST__INIT;
    struct order o = {0};
    struct name_ref ref;
    ProtobufCMessage *reply = NULL;
    int status = cli_ask_reference(cli, cli->args[0], &ref);

    if (status == CLI_DONE) {
        status = read_count(cli, &o.wanted);
    }
    if (status == CLI_DONE && ref.instance >= 0) {
        status = cli_fail_usage(cli, NULL, "scale takes a cell, not the instance \"%s\"",
                                cli->args[0]);
    }
    request.target = (char *)cli->args[0];
    request.instances = o.wanted;
    if (status == CLI_DONE) {
        status = give(cli, "Scale", CELL__NUCLEUS__OP__OP_SCALE, &request.base, &reply);
    }
    if (status == CLI_DONE) {
        status = remember(cli, cli->args[0], &o); /* afterwards: the new ones are there */
    }
    if (status == CLI_DONE) {
        status = await(cli, &o, scaled, "scaled");
    }
    if (status == CLI_DONE) {
        status = report(cli, reply, "wanted and ready", ((Cell__Nucleus__ScaleReply *)reply)->after);
    }
    cli_ask_free(reply);
    free(o.before);
    return status;
}

/* ---- apply ----------------------------------------------------------------------------------- */

static enum cli_paint_style change_style(const char *kind)
{
    return strcmp(kind, "add") == 0      ? CLI_PAINT_GOOD
           : strcmp(kind, "remove") == 0 ? CLI_PAINT_BAD
                                         : CLI_PAINT_WARN;
}

static int print_changes(struct cli *cli, const Cell__Nucleus__ApplyReply *r)
{
    static const char *const heads[] = {"CHANGE", "CELL", "WHAT"};
    struct cli_paint_table t;

    if (r->n_changes == 0) {
        puts("nothing to change");
        return CLI_DONE;
    }
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < r->n_changes; i++) {
        const Cell__Nucleus__Change *c = r->changes[i];

        cli_paint_table_add(&t, change_style(c->kind), c->kind);
        cli_paint_table_addf(&t, CLI_PAINT_PLAIN, "%s/%s", c->namespace_, c->cell);
        cli_paint_table_add(&t, CLI_PAINT_PLAIN, c->what);
    }
    bool printed = cli_paint_table_print(&t, cli->is_colored);
    cli_paint_table_fini(&t);
    if (!printed) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    puts(r->applied ? "applied" : "dry run: nothing was changed");
    return CLI_DONE;
}

/* Every cell that was added or changed is ready and up to date, every removed one is gone. */
static enum cli_wait_verdict applied(const void *context, const cli_view_instance *i)
{
    const Cell__Nucleus__ApplyReply *r = context;

    for (size_t k = 0; k < r->n_changes; k++) {
        const Cell__Nucleus__Change *c = r->changes[k];

        if (strcmp(c->cell, i->cell) != 0 || strcmp(c->namespace_, i->namespace_) != 0) {
            continue;
        }
        if (strcmp(c->kind, "remove") == 0) {
            return cli_view_rank(i) == CLI_VIEW_STOPPED ? CLI_WAIT_DONE : CLI_WAIT_NOT_YET;
        }
        return cli_view_rank(i) == CLI_VIEW_OUTDATED ? CLI_WAIT_NOT_YET : cli_wait_ready(NULL, i);
    }
    return CLI_WAIT_DONE;
}

static int finish_apply(struct cli *cli, const Cell__Nucleus__ApplyReply *r)
{
    struct cli_wait w = {cli, CLI_WAIT_DEADLINE_MS, applied, r, "applied"};
    Cell__Nucleus__StatusReply *s = NULL;
    struct jsonout out;
    int status = cli_args_duration_ms(cli, "deadline", &w.deadline_ms);

    if (status == CLI_DONE && r->applied && !cli_args_has(cli, "no-wait")) {
        status = cli_wait_until(&w, &s);
    }
    if (s != NULL) {
        cli_ask_free(&s->base);
    }
    if (status != CLI_DONE || !cli->json) {
        return status == CLI_DONE ? print_changes(cli, r) : status;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_members(&out, &r->base);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_control_apply(struct cli *cli)
{
    Cell__Nucleus__ApplyRequest request = CELL__NUCLEUS__APPLY_REQUEST__INIT;
    char path[CLI_PATH_SIZE];
    AUTO_FREE char *text = NULL;
    size_t len;
    ProtobufCMessage *reply = NULL;
    uint32_t checked = 0;
    int status = cli_args_duration_ms(cli, "deadline", &checked);

    if (status != CLI_DONE) {
        return status;
    }
    bool is_stdin = strcmp(cli->args[0], "-") == 0;
    if (is_stdin) {
        strcpy(path, "-");
    } else if (!cli_place_absolute(path, cli->args[0])) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", cli->args[0]);
    }
    status = cli_file_read(cli, path, MANIFEST_MAX, &text, &len);
    if (status != CLI_DONE) {
        return status;
    }
    if (strlen(text) != len) {
        return cli_fail(cli, ERR_MALFORMED, NULL, "%s: not text: it holds a NUL byte", path);
    }
    request.manifest = text;
    request.path = is_stdin ? (char *)"standard input" : path;
    request.dry_run = cli_args_has(cli, "dry-run");
    status = give(cli, "Apply", CELL__NUCLEUS__OP__OP_APPLY, &request.base, &reply);
    if (status == CLI_DONE) {
        status = finish_apply(cli, (Cell__Nucleus__ApplyReply *)reply);
    }
    cli_ask_free(reply);
    return status;
}
