#include "cli/test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/emit.h"
#include "cli/lab.h"
#include "cli/logset.h"
#include "cli/paint.h"
#include "cli/place.h"
#include "cli/subject.h"
#include "cli/target.h"
#include "cli/view.h"

enum {
    LOG_LINES_MAX = 40, /* of one failing case */
    US = 1000000,
};

/* Set by Ctrl-C: the case in hand ends at its deadline, then everything is cleaned up. */
static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* What one case came to. */
struct outcome {
    bool passed;
    uint64_t took_us;
    char why[CLI_CASES_WHY_SIZE]; /* when it failed */
};

struct run {
    struct cli *cli; /* how to print */
    struct cli_lab lab;
    struct cli_subject subject;
    struct cli_logset logs; /* of the private node, read up to the case in hand */
    size_t passed;
    size_t failed;
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * US + (uint64_t)t.tv_nsec / 1000;
}

/* ---- one case ------------------------------------------------------------------------------- */

/* "Greet" is the tested cell's, "other.Greet" that of another cell of the manifest. */
static int find_target(struct run *r, const struct cli_case *c, struct cli_target *target,
                       char operation[NAME_SIZE])
{
    char text[2 * NAME_REF_SIZE];
    struct name_ref ref;

    snprintf(text, sizeof text, "%s%s%.300s", strchr(c->call, '.') == NULL ? r->subject.cell : "",
             strchr(c->call, '.') == NULL ? "." : "", c->call);
    int status = cli_target_operation(&r->lab.cli, text, &ref, operation);
    if (status == CLI_DONE) {
        memcpy(ref.space, r->lab.space, sizeof ref.space);
        status = cli_target_find(&r->lab.cli, &ref, target);
    }
    return status;
}

static void judge_error(const struct cli_case *c, enum err e, const char *text, struct outcome *o)
{
    if (c->expect_error != NULL) {
        o->passed = cli_cases_is_error(c->expect_error, e);
        if (!o->passed) {
            snprintf(o->why, sizeof o->why, "expected error %s, got %s: %s", c->expect_error,
                     err_name(e), *text != '\0' ? text : err_text(e));
        }
    } else {
        snprintf(o->why, sizeof o->why, "%s: %s", err_name(e), *text != '\0' ? text : err_text(e));
    }
}

static void judge_reply(const struct cli_case *c, const struct cli_call *call, const uint8_t *body,
                        size_t size, struct outcome *o)
{
    struct jsonout out;
    AUTO_FREE char *text = NULL;
    char why[JSONPB_WHY_SIZE] = "the reply is too large";
    json_t *got = NULL;

    jsonout_init(&out, false);
    enum err e = jsonpb_decode(call->reply, body, size, &out, why);
    if (e == ERR_OK) {
        e = jsonout_take(&out, &text);
    }
    if (e == ERR_OK) {
        e = jsonpb_parse(text, strlen(text), &got, why);
    }
    jsonout_fini(&out);
    if (e != ERR_OK) {
        snprintf(o->why, sizeof o->why, "the reply: %s", why);
    } else if (c->expect_error != NULL) {
        snprintf(o->why, sizeof o->why, "expected error %s, got the reply %.700s", c->expect_error,
                 text);
    } else {
        o->passed = c->expect == NULL || cli_cases_match(c->expect, got, o->why);
    }
    json_decref(got);
}

static void call_and_judge(struct cli_ask *ask, const struct cli_case *c,
                           const struct cli_call *call, struct outcome *o)
{
    AUTO_FREE uint8_t *request = NULL, *reply = NULL;
    size_t request_size, reply_size;
    char text[SP_TEXT_SIZE] = "", why[JSONPB_WHY_SIZE];
    json_t *empty = json_object();
    enum err e = jsonpb_encode(call->request, c->with != NULL ? c->with : empty, &request,
                               &request_size, why);

    json_decref(empty);
    if (e != ERR_OK) {
        snprintf(o->why, sizeof o->why, "with: %s", why);
        return;
    }
    uint64_t begun_us = now_us();
    e = sp_ask_packed(ask->fd, call->number, call->fingerprint, request, request_size,
                      c->deadline_ms, &reply, &reply_size, text);
    o->took_us = now_us() - begun_us;
    if (e == ERR_OK) {
        judge_reply(c, call, reply, reply_size, o);
    } else {
        judge_error(c, e, text, o);
    }
}

static void run_case(struct run *r, const struct cli_case *c, struct outcome *o)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    struct cli_target target;
    struct cli_call call = {.schema = NULL};
    char operation[NAME_SIZE];

    *o = (struct outcome){.passed = false};
    int status = find_target(r, c, &target, operation);
    if (status == CLI_DONE) {
        status = cli_ask_cell(&r->lab.cli, target.who, target.endpoint, &ask);
    }
    if (status == CLI_DONE) {
        status = cli_call_learn(&r->lab.cli, &ask, operation, &call);
    }
    if (status == CLI_DONE) {
        call_and_judge(&ask, c, &call, o);
    } else {
        snprintf(o->why, sizeof o->why, "it could not be called: standard error says why");
    }
    cli_call_fini(&call);
}

/* ---- its log -------------------------------------------------------------------------------- */

/* Read past what was logged so far; with `show`, print it (at most the last lines) or emit it. */
static void read_logs(struct run *r, bool show, struct jsonout *out)
{
    struct cli_logset_source *s;
    const char *line;
    size_t len, count = 0;

    /* A cell may have got its log file after the first look. */
    if (cli_logset_scan(&r->lab.cli, &r->logs) != CLI_DONE) {
        return; /* said */
    }
    while ((s = cli_logset_next(&r->logs, &line, &len)) != NULL) {
        if (!show || *s->space == '\0' || count++ >= LOG_LINES_MAX) {
            continue; /* the nucleus's own log is not the cell's */
        }
        if (out != NULL) {
            jsonout_string_n(out, line, len);
        } else {
            AUTO_FREE char *shown = cli_paint_text(line, len);
            printf("       | %s\n", shown != NULL ? shown : "");
        }
    }
    if (count > LOG_LINES_MAX && out == NULL) {
        printf("       | … %zu more lines\n", count - LOG_LINES_MAX);
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static void print_outcome(struct run *r, const struct cli_case *c, const struct outcome *o)
{
    bool is_colored = r->cli->is_colored;
    char took[64];

    cli_view_us(o->took_us, took, sizeof took);
    cli_paint_put(is_colored, o->passed ? CLI_PAINT_GOOD : CLI_PAINT_BAD, o->passed ? "ok  " : "FAIL");
    printf("   ");
    cli_paint_put(is_colored, CLI_PAINT_PLAIN, c->name);
    printf(" (%s)\n", took);
    if (!o->passed) {
        printf("       ");
        cli_paint_put(is_colored, CLI_PAINT_PLAIN, o->why);
        putchar('\n');
    }
}

static int report(struct run *r, const struct cli_case *c, const struct outcome *o)
{
    struct jsonout out;

    if (!r->cli->json) {
        print_outcome(r, c, o);
        read_logs(r, !o->passed, NULL);
        fflush(stdout);
        return CLI_DONE;
    }
    cli_emit_begin_line(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "case", c->name);
    cli_emit_bool(&out, "passed", o->passed);
    cli_emit_u64(&out, "took_us", o->took_us);
    cli_emit_string(&out, "why", o->why);
    jsonout_name(&out, "log");
    jsonout_array(&out);
    read_logs(r, !o->passed, &out);
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    int status = cli_emit_end(r->cli, &out);
    fflush(stdout);
    return status;
}

static int summarize(struct run *r)
{
    struct jsonout out;
    size_t left = r->subject.cases.count - r->passed - r->failed;

    if (r->cli->json) {
        cli_emit_begin_line(&out);
        jsonout_object(&out);
        cli_emit_string(&out, "cell", r->subject.cell);
        cli_emit_u64(&out, "passed", r->passed);
        cli_emit_u64(&out, "failed", r->failed);
        cli_emit_u64(&out, "not_run", left);
        jsonout_object_end(&out);
        if (cli_emit_end(r->cli, &out) != CLI_DONE) {
            return CLI_FAILED;
        }
    } else {
        printf("%s: %zu passed, %zu failed", r->subject.cell, r->passed, r->failed);
        printf(left > 0 ? ", %zu not run\n" : "\n", left);
    }
    return r->failed == 0 && left == 0 ? CLI_DONE : CLI_FAILED;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static int run_cases(struct run *r)
{
    int status = CLI_DONE;

    r->logs.follow = true;
    if (!cli_place_join(r->logs.dir, r->lab.cli.state_dir, "logs")) {
        return cli_fail(r->cli, ERR_LIMIT, NULL, "the path is too long");
    }
    read_logs(r, false, NULL);
    for (size_t i = 0; status == CLI_DONE && i < r->subject.cases.count && !is_interrupted; i++) {
        const struct cli_case *c = &r->subject.cases.cases[i];
        struct outcome o;

        run_case(r, c, &o);
        r->passed += o.passed;
        r->failed += !o.passed;
        status = report(r, c, &o);
    }
    return status == CLI_DONE ? summarize(r) : status;
}

int cli_test_run(struct cli *cli)
{
    struct sigaction on_interrupt = {.sa_handler = interrupt};
    struct run *r = calloc(1, sizeof *r);
    int status;

    if (r == NULL) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    r->cli = cli;
    status = cli_subject_open(cli, cli->arg_count > 0 ? cli->args[0] : NULL, &r->subject);
    if (status == CLI_DONE) {
        (void)sigaction(SIGINT, &on_interrupt, NULL); /* only a wrong number can fail */
        (void)sigaction(SIGTERM, &on_interrupt, NULL);
        (void)sigaction(SIGHUP, &on_interrupt, NULL);
        status = cli_lab_open(cli, r->subject.manifest, r->subject.cells_dir, &r->lab);
        if (status == CLI_DONE) {
            status = run_cases(r);
        }
        cli_logset_close(&r->logs);
        int closed = cli_lab_close(&r->lab);
        status = status == CLI_DONE ? closed : status;
    }
    cli_subject_fini(&r->subject);
    free(r);
    return status;
}
