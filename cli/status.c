#include "cli/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/ask.h"
#include "cli/counters.h"
#include "cli/emit.h"
#include "cli/view.h"

enum {
    LAST_LINES = 3, /* of a failed instance's log: enough to see why, few enough for one screen */
    TEXT_SIZE = 64,
};

static const char *const heads[] = {"CELL", "STATE",   ">PID",     ">UPTIME", ">RESTARTS",
                                    ">CPU", ">MEMORY", ">CALLS/S", ">P99",    ">BEAT"};

static void add_row(struct cli_paint_table *t, const cli_view_instance *i)
{
    char name[CLI_VIEW_NAME_SIZE], text[TEXT_SIZE];
    bool runs = i->pid != 0;

    cli_view_name(i, name);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, name);
    cli_paint_table_add(t, cli_view_style(cli_view_rank(i)), cli_view_state(i));
    if (!runs) {
        /* The dead use nothing: what they used last would be read as being used now. */
        cli_paint_table_add(t, CLI_PAINT_PLAIN, "-");
        cli_paint_table_add(t, CLI_PAINT_PLAIN, "-");
        cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32, i->restarts);
        for (int column = 0; column < 5; column++) {
            cli_paint_table_add(t, CLI_PAINT_PLAIN, "-");
        }
        return;
    }
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32, i->pid);
    cli_view_uptime(i->uptime_s, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%" PRIu32, i->restarts);
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%.1f%%", i->cpu_percent);
    cli_view_size(i->rss_bytes, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_paint_table_addf(t, CLI_PAINT_PLAIN, "%.0f", i->load);
    cli_view_us(i->latency_p99_us, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
    cli_view_us(i->heartbeat_age_ms * 1000, text, sizeof text);
    cli_paint_table_add(t, CLI_PAINT_PLAIN, text);
}

/* What a person can do about an instance in this state; NULL: nothing is wrong. */
static const char *next_step(enum cli_view_rank rank)
{
    switch (rank) {
    case CLI_VIEW_CRASH_LOOP: return "cell logs %s, then cell start %s";
    case CLI_VIEW_FAILED: return "cell logs %s";
    case CLI_VIEW_UNHEALTHY: return "cell health %s, cell logs %s, cell restart %s";
    case CLI_VIEW_UNKNOWN: return "cell version: this command may be older than the node (%s)";
    case CLI_VIEW_STARTING: return "cell logs -f %s";
    case CLI_VIEW_OUTDATED: return "cell restart %s";
    case CLI_VIEW_DRAINING:
    case CLI_VIEW_READY:
    case CLI_VIEW_STOPPED: return NULL;
    }
    return NULL;
}

static const char *default_reason(enum cli_view_rank rank)
{
    switch (rank) {
    case CLI_VIEW_UNHEALTHY: return "its heartbeat is late";
    case CLI_VIEW_OUTDATED: return "its binary or manifest entry has changed since it was started";
    case CLI_VIEW_CRASH_LOOP:
    case CLI_VIEW_FAILED:
    case CLI_VIEW_UNKNOWN:
    case CLI_VIEW_STARTING:
    case CLI_VIEW_DRAINING:
    case CLI_VIEW_READY:
    case CLI_VIEW_STOPPED: break;
    }
    return "";
}

/* Put `name` wherever the advice says so. */
static void print_advice(bool is_colored, const char *advice, const char *name)
{
    printf("    next: ");
    for (; *advice != '\0'; advice++) {
        if (advice[0] == '%' && advice[1] == 's') {
            cli_paint_put(is_colored, CLI_PAINT_BOLD, name);
            advice++;
        } else {
            putchar(*advice);
        }
    }
    putchar('\n');
}

/* Why an instance is not simply ready, its last words, and the next step. */
static void explain(bool is_colored, const cli_view_instance *i)
{
    enum cli_view_rank rank = cli_view_rank(i);
    const char *reason = *i->reason != '\0' ? i->reason : default_reason(rank);
    const char *advice = next_step(rank);
    char name[CLI_VIEW_NAME_SIZE], wait[TEXT_SIZE];

    if (rank == CLI_VIEW_READY || (advice == NULL && *reason == '\0')) {
        return;
    }
    cli_view_name(i, name);
    cli_paint_put(is_colored, cli_view_style(rank), name);
    printf(": %s", cli_view_state(i));
    if (*reason != '\0') {
        printf(": ");
        cli_paint_put(is_colored, CLI_PAINT_PLAIN, reason);
    }
    if (i->next_restart_ms > 0) {
        cli_view_us(i->next_restart_ms * 1000, wait, sizeof wait);
        printf(" (next attempt in %s)", wait);
    }
    putchar('\n');
    size_t first = i->n_last_log > LAST_LINES ? i->n_last_log - LAST_LINES : 0;
    for (size_t k = first; k < i->n_last_log; k++) {
        printf("    | ");
        cli_paint_put(is_colored, CLI_PAINT_DIM, i->last_log[k]);
        putchar('\n');
    }
    if (advice != NULL) {
        print_advice(is_colored, advice, name);
    }
}

static void print_summary(struct cli *cli, const Cell__Nucleus__StatusReply *reply)
{
    static const struct {
        enum cli_view_rank rank;
        const char *word;
    } parts[] = {
        {CLI_VIEW_CRASH_LOOP, "crash-loop"}, {CLI_VIEW_FAILED, "failed"},
        {CLI_VIEW_UNHEALTHY, "unhealthy"},   {CLI_VIEW_UNKNOWN, "unknown"},
        {CLI_VIEW_STARTING, "starting"},     {CLI_VIEW_DRAINING, "draining"},
        {CLI_VIEW_OUTDATED, "outdated"},     {CLI_VIEW_READY, "ready"},
        {CLI_VIEW_STOPPED, "stopped"},
    };
    size_t count[CLI_VIEW_STOPPED + 1];
    bool any = false;

    cli_view_count(reply->cells, reply->n_cells, count);
    printf("node ");
    cli_paint_put(cli->is_colored, CLI_PAINT_BOLD, reply->node);
    printf(": ");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t n = count[parts[i].rank];
        char text[TEXT_SIZE];

        if (n > 0) {
            snprintf(text, sizeof text, "%zu %s", n, parts[i].word);
            printf("%s", any ? ", " : "");
            cli_paint_put(cli->is_colored, cli_view_style(parts[i].rank), text);
            any = true;
        }
    }
    printf("%s\n", any ? "" : "no cells");
    if (*reply->manifest != '\0') {
        printf("manifest ");
        cli_paint_put(cli->is_colored, CLI_PAINT_PLAIN, reply->manifest);
        printf(", nucleus pid %" PRIu32 " (generation %" PRIu64 ")\n", reply->nucleus_pid,
               reply->nucleus_generation);
    }
}

int cli_status_print(struct cli *cli, Cell__Nucleus__StatusReply *reply)
{
    struct cli_paint_table t;

    cli_view_sort(reply->cells, reply->n_cells);
    print_summary(cli, reply);
    if (reply->n_cells == 0) {
        return CLI_DONE;
    }
    putchar('\n');
    cli_paint_table_init(&t, heads, ARRAY_LEN(heads));
    for (size_t i = 0; i < reply->n_cells; i++) {
        add_row(&t, reply->cells[i]);
    }
    bool printed = cli_paint_table_print(&t, cli->is_colored);
    cli_paint_table_fini(&t);
    if (!printed) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    bool is_first = true;
    for (size_t i = 0; i < reply->n_cells; i++) {
        enum cli_view_rank rank = cli_view_rank(reply->cells[i]);

        if (rank != CLI_VIEW_READY && rank != CLI_VIEW_STOPPED) {
            printf("%s", is_first ? "\n" : "");
            explain(cli->is_colored, reply->cells[i]);
            is_first = false;
        }
    }
    return CLI_DONE;
}

int cli_status_emit(struct cli *cli, const Cell__Nucleus__StatusReply *reply, bool is_line,
                    const struct cli_counters_rates *rates)
{
    struct jsonout out;

    if (is_line) {
        cli_emit_begin_line(&out);
    } else {
        cli_emit_begin(&out);
    }
    jsonout_object(&out);
    cli_emit_string(&out, "node", reply->node);
    jsonout_name(&out, "cells");
    jsonout_array(&out);
    for (size_t i = 0; i < reply->n_cells; i++) {
        jsonout_object(&out);
        cli_emit_members(&out, &reply->cells[i]->base);
        jsonout_object_end(&out);
    }
    jsonout_array_end(&out);
    cli_emit_string(&out, "manifest", reply->manifest);
    cli_emit_u64(&out, "nucleus_generation", reply->nucleus_generation);
    cli_emit_u64(&out, "nucleus_pid", reply->nucleus_pid);
    cli_emit_u64(&out, "guard_pid", reply->guard_pid);
    if (rates != NULL) {
        cli_counters_emit_rates(&out, rates);
    }
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_status_ask(struct cli *cli, Cell__Nucleus__StatusReply **ret)
{
    const char *target = cli->arg_count > 0 ? cli->args[0] : "";
    struct name_ref ref;
    int status = *target != '\0' ? cli_ask_reference(cli, target, &ref) : CLI_DONE;

    if (status == CLI_DONE) {
        status = cli_ask_status(cli, target, ret);
    }
    if (status == CLI_DONE) {
        cli_view_sort((*ret)->cells, (*ret)->n_cells);
    }
    return status;
}

int cli_status_run(struct cli *cli)
{
    Cell__Nucleus__StatusReply *reply;
    int status = cli_status_ask(cli, &reply);

    if (status == CLI_DONE) {
        status = cli->json ? cli_status_emit(cli, reply, false, NULL) : cli_status_print(cli, reply);
        cli_ask_free(&reply->base);
    }
    return status;
}
