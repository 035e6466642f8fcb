#include "cli/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/paint.h"

enum {
    POLL_MS = CLI_LISTEN_MS, /* one long poll; the nucleus answers earlier when something happens */
    SLACK_MS = 2000,         /* for the answer to a poll that ends without events                 */
    RETRY_MS = 200,
    LINES_MAX = 100000,
    TIME_SIZE = 64,
    WHO_SIZE = 2 * NAME_REF_SIZE,
};

/* Where a reader stands; a revision outlives the nucleus that gave it. */
struct reader {
    struct cli *cli;
    struct cli_ask ask;
    uint64_t after;
    uint32_t skip; /* of the first events, with -n */
    bool failed;
};

static void format_time(uint64_t time_ms, char out[TIME_SIZE])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm t;
    size_t len = localtime_r(&seconds, &t) != NULL
                     ? strftime(out, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &t) : 0;

    snprintf(out + len, TIME_SIZE - len, ".%03u", (unsigned)(time_ms % 1000));
}

static enum cli_paint_style kind_style(const char *kind)
{
    static const struct {
        const char *kind;
        enum cli_paint_style style;
    } styles[] = {{"exit", CLI_PAINT_BAD}, {"unhealthy", CLI_PAINT_BAD}, {"refuse", CLI_PAINT_BAD},
                  {"order", CLI_PAINT_BOLD}, {"apply", CLI_PAINT_BOLD}};

    for (size_t i = 0; i < ARRAY_LEN(styles); i++) {
        if (strcmp(kind, styles[i].kind) == 0) {
            return styles[i].style;
        }
    }
    return CLI_PAINT_PLAIN;
}

static void print_event(struct reader *r, const Cell__Nucleus__Event *e)
{
    struct jsonout out;
    char when[TIME_SIZE], who[WHO_SIZE] = "node";

    if (r->cli->json) {
        cli_emit_begin_line(&out);
        jsonout_object(&out);
        cli_emit_members(&out, &e->base);
        jsonout_object_end(&out);
        r->failed = cli_emit_end(r->cli, &out) != CLI_DONE || r->failed;
        return;
    }
    if (*e->cell != '\0') {
        bool is_default = strcmp(e->namespace_, "default") == 0;

        snprintf(who, sizeof who, "%s%s%s.%" PRIu32, is_default ? "" : e->namespace_,
                 is_default ? "" : "/", e->cell, e->instance);
    }
    format_time(e->time_ms, when);
    cli_paint_put(r->cli->is_colored, CLI_PAINT_DIM, when);
    printf("  ");
    cli_paint_put(r->cli->is_colored, CLI_PAINT_PLAIN, who);
    printf("  ");
    cli_paint_put(r->cli->is_colored, kind_style(e->kind), e->kind);
    printf("  ");
    cli_paint_put(r->cli->is_colored, CLI_PAINT_PLAIN, e->detail);
    putchar('\n');
}

static void print_reply(struct reader *r, const Cell__Nucleus__EventsReply *reply)
{
    if (reply->lost > 0) {
        cli_fail_note(r->cli, "%" PRIu64 " events were dropped before they could be read", reply->lost);
    }
    for (size_t i = 0; i < reply->n_events; i++) {
        if (r->skip > 0) {
            r->skip--;
            continue;
        }
        print_event(r, reply->events[i]);
    }
    r->after = reply->last;
}

static enum err poll_events(struct reader *r, uint32_t wait_ms, ProtobufCMessage **ret,
                            char text[SP_TEXT_SIZE])
{
    Cell__Nucleus__EventsRequest request = CELL__NUCLEUS__EVENTS_REQUEST__INIT;

    request.after = r->after;
    request.wait_ms = wait_ms;
    return cli_ask_try(&r->ask, &cell__nucleus__nucleus__descriptor, "Events",
                       CELL__NUCLEUS__OP__OP_EVENTS, &request.base, wait_ms + SLACK_MS, ret, text);
}

/* Everything the nucleus still has. count: how many there are; printed unless quiet. */
static int read_kept(struct reader *r, bool quiet, uint32_t *ret_count)
{
    char text[SP_TEXT_SIZE] = "";
    size_t got = 1;

    r->after = 0;
    *ret_count = 0;
    while (got > 0) {
        ProtobufCMessage *reply;
        enum err e = poll_events(r, 0, &reply, text);

        if (e != ERR_OK) {
            return cli_ask_explain(r->cli, &r->ask, "Events", e, text);
        }
        const Cell__Nucleus__EventsReply *events = (const Cell__Nucleus__EventsReply *)reply;
        got = events->n_events;
        *ret_count += (uint32_t)got;
        if (quiet) {
            r->after = events->last;
        } else {
            print_reply(r, events);
        }
        cli_ask_free(reply);
    }
    return CLI_DONE;
}

/* A crash of the nucleus is only a gap: its successor goes on from the same revision or says what
 * was lost. A socket that is gone means that the node was taken down. */
static int follow(struct reader *r)
{
    char text[SP_TEXT_SIZE];

    while (!r->failed && cli_emit_is_heard()) {
        ProtobufCMessage *reply;
        enum err e = r->ask.fd >= 0 ? ERR_OK
                                    : cli_ask_connect(r->cli, "nucleus", "nucleus.sock", &r->ask);

        if (e == ERR_NOT_FOUND) {
            cli_fail_note(r->cli, "the node was taken down");
            return CLI_DONE;
        }
        if (e == ERR_OK) {
            e = poll_events(r, POLL_MS, &reply, text);
        }
        if (e == ERR_OK) {
            print_reply(r, (const Cell__Nucleus__EventsReply *)reply);
            cli_ask_free(reply);
        } else if (e == ERR_DENIED || e == ERR_INCOMPATIBLE || e == ERR_LIMIT) {
            return cli_ask_explain(r->cli, &r->ask, "Events", e, text);
        } else {
            cli_ask_close(&r->ask);
            cli_clock_pause(RETRY_MS);
        }
    }
    return CLI_DONE;
}

int cli_events_run(struct cli *cli)
{
    struct reader r = {.cli = cli, .ask = {.fd = -1}};
    uint32_t lines = UINT32_MAX, count = 0;
    int status = cli_args_number(cli, "lines", 0, LINES_MAX, &lines);

    if (status == CLI_DONE) {
        status = cli_ask_nucleus(cli, &r.ask);
    }
    if (status == CLI_DONE && lines != UINT32_MAX) {
        status = read_kept(&r, true, &count);
        r.skip = count > lines ? count - lines : 0;
    }
    if (status == CLI_DONE) {
        status = read_kept(&r, false, &count);
    }
    if (status == CLI_DONE && cli_args_has(cli, "follow")) {
        status = follow(&r);
    }
    cli_ask_close(&r.ask);
    return r.failed && status == CLI_DONE ? CLI_FAILED : status;
}
