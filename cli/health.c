#include "cli/health.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/emit.h"
#include "cli/status.h"
#include "cli/view.h"

enum {
    ANSWER_MS = 1000, /* a healthy cell answers within a millisecond */
    WHY_SIZE = 640,
    TEXT_SIZE = 64,
};

/* One instance as seen from three sides: process, its own answer, the nucleus. */
struct health {
    bool is_healthy;
    bool answers;
    enum err error; /* when it does not answer */
    uint32_t calls_waiting;
    uint32_t calls_waiting_max;
    uint64_t lag_us;
    char why[WHY_SIZE]; /* when it is not healthy */
};

/* Ask the instance itself. */
static void ask_instance(struct cli *cli, const cli_view_instance *i, struct health *h)
{
    Cell__Inspect__HealthRequest request = CELL__INSPECT__HEALTH_REQUEST__INIT;
    char endpoint[NAME_REF_SIZE], name[CLI_VIEW_NAME_SIZE], text[SP_TEXT_SIZE] = "";
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    ProtobufCMessage *reply = NULL;

    cli_view_name(i, name);
    int len = snprintf(endpoint, sizeof endpoint, "%s/%s.%" PRIu32 ".sock", i->namespace_, i->cell,
                       i->instance);
    h->error = len > 0 && (size_t)len < sizeof endpoint
                   ? cli_ask_connect(cli, name, endpoint, &ask) : ERR_MALFORMED;
    if (h->error == ERR_OK) {
        h->error = cli_ask_try(&ask, &cell__inspect__inspect__descriptor, "Health",
                               CELL__INSPECT__OP__OP_HEALTH, &request.base, ANSWER_MS, &reply, text);
    }
    if (h->error != ERR_OK) {
        snprintf(h->why, sizeof h->why, "does not answer: %s: %s", err_name(h->error),
                 *text != '\0' ? text : err_text(h->error));
        return;
    }
    const Cell__Inspect__HealthReply *r = (const Cell__Inspect__HealthReply *)reply;
    h->answers = true;
    h->is_healthy = r->healthy != 0;
    h->calls_waiting = r->calls_waiting;
    h->calls_waiting_max = r->calls_waiting_max;
    h->lag_us = r->loop_lag_us_p99;
    snprintf(h->why, sizeof h->why, "%.500s", r->reason);
    cli_ask_free(reply);
}

/* What does not run is not asked; a stopped instance is nobody's illness. */
static void examine(struct cli *cli, const cli_view_instance *i, struct health *h)
{
    enum cli_view_rank rank = cli_view_rank(i);

    *h = (struct health){.error = ERR_OK};
    if (rank == CLI_VIEW_STOPPED) {
        h->is_healthy = true;
        return;
    }
    if (i->pid == 0) {
        snprintf(h->why, sizeof h->why, "%.500s", *i->reason != '\0' ? i->reason : i->state);
        return;
    }
    ask_instance(cli, i, h);
    if (h->answers && h->is_healthy && rank != CLI_VIEW_READY && rank != CLI_VIEW_OUTDATED) {
        h->is_healthy = false;
        snprintf(h->why, sizeof h->why, "the nucleus says %s%s%.400s", cli_view_state(i),
                 *i->reason != '\0' ? ": " : "", i->reason);
    }
}

static void emit(struct jsonout *out, const cli_view_instance *i, const struct health *h)
{
    jsonout_object(out);
    cli_emit_string(out, "cell", i->cell);
    cli_emit_string(out, "namespace", i->namespace_);
    cli_emit_u64(out, "instance", i->instance);
    cli_emit_bool(out, "healthy", h->is_healthy);
    cli_emit_string(out, "state", i->state);
    cli_emit_bool(out, "answers", h->answers);
    cli_emit_string(out, "error", h->error != ERR_OK ? err_name(h->error) : "");
    cli_emit_string(out, "reason", h->why);
    cli_emit_bool(out, "nucleus_healthy", i->healthy != 0);
    cli_emit_u64(out, "heartbeat_age_ms", i->heartbeat_age_ms);
    cli_emit_u64(out, "calls_waiting", h->calls_waiting);
    cli_emit_u64(out, "calls_waiting_max", h->calls_waiting_max);
    cli_emit_u64(out, "loop_lag_us_p99", h->lag_us);
    jsonout_object_end(out);
}

static const char *const heads[] = {"CELL", "HEALTH", "STATE", ">BEAT", ">CALLS", ">LAG P99", "WHY"};

static void add_row(struct cli_paint_table *t, const cli_view_instance *i, const struct health *h)
{
    char name[CLI_VIEW_NAME_SIZE], text[TEXT_SIZE];
    bool is_stopped = cli_view_rank(i) == CLI_VIEW_STOPPED;

    cli_view_name(i, name);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, name);
    cli_paint_table_add(t, is_stopped      ? CLI_PAINT_DIM
                           : h->is_healthy ? CLI_PAINT_GOOD
                                           : CLI_PAINT_BAD,
                        is_stopped ? "-" : h->is_healthy ? "healthy" : "unhealthy");
    cli_paint_table_add(t, cli_view_style(cli_view_rank(i)), cli_view_state(i));
    cli_view_us(i->heartbeat_age_ms * 1000, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    if (h->answers) {
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32 "/%" PRIu32, h->calls_waiting,
                             h->calls_waiting_max);
    } else {
        cli_paint_table_add(t, CLI_PAINT_PLAIN, "-");
    }
    cli_view_us(h->lag_us, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, h->why);
}

/* The instances that are not healthy, by name: a number alone says nothing. */
static int verdict(struct cli *cli, size_t sick, const char *first)
{
    char hint[CLI_HINT_SIZE];

    if (sick == 0) {
        return CLI_DONE;
    }
    snprintf(hint, sizeof hint, "see `cell status` and `cell logs %s`", first);
    return cli_fail(cli, ERR_UNAVAILABLE, hint, "%zu instance%s not healthy: %s%s", sick,
                    sick == 1 ? " is" : "s are", first, sick > 1 ? " and others above" : "");
}

static int show(struct cli *cli, const Cell__Nucleus__StatusReply *s)
{
    struct cli_paint_table t;
    struct jsonout out;
    char first[CLI_VIEW_NAME_SIZE] = "";
    size_t sick = 0;
    int status = CLI_DONE;

    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "node", s->node);
    jsonout_name(&out, "cells");
    jsonout_array(&out);
    for (size_t i = 0; i < s->n_cells; i++) {
        struct health h;

        examine(cli, s->cells[i], &h);
        if (!h.is_healthy && sick++ == 0) {
            cli_view_name(s->cells[i], first);
        }
        emit(&out, s->cells[i], &h);
        add_row(&t, s->cells[i], &h);
    }
    jsonout_array_end(&out);
    cli_emit_bool(&out, "healthy", sick == 0);
    jsonout_object_end(&out);
    if (cli->json) {
        status = cli_emit_end(cli, &out);
    } else if (!cli_paint_table_print(&t, cli->is_colored)) {
        status = cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    jsonout_fini(&out);
    cli_paint_table_fini(&t);
    return status == CLI_DONE ? verdict(cli, sick, first) : status;
}

int cli_health_run(struct cli *cli)
{
    Cell__Nucleus__StatusReply *reply;
    int status = cli_status_ask(cli, &reply);

    if (status == CLI_DONE) {
        status = show(cli, reply);
        cli_ask_free(&reply->base);
    }
    return status;
}
