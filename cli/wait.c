#include "cli/wait.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/place.h"
#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    POLL_MS = 1000,      /* longest wait for an event, so that progress is shown                */
    RETRY_MS = 50,       /* between attempts to reach a nucleus that is just being restarted    */
    LAST_LINES = 5,
    TAIL_BYTES = 8192,   /* of a log file: five long lines                                      */
    NAMED_MAX = 5,       /* instances named in one line; the others are counted                 */
    LIST_SIZE = 1024,
};

enum cli_wait_verdict cli_wait_ready(const void *context, const cli_view_instance *i)
{
    (void)context;
    switch (cli_view_rank(i)) {
    case CLI_VIEW_READY:
    case CLI_VIEW_OUTDATED:
    case CLI_VIEW_STOPPED: return CLI_WAIT_DONE;
    case CLI_VIEW_CRASH_LOOP: return CLI_WAIT_NEVER;
    case CLI_VIEW_FAILED:
    case CLI_VIEW_UNHEALTHY:
    case CLI_VIEW_UNKNOWN:
    case CLI_VIEW_STARTING:
    case CLI_VIEW_DRAINING: return CLI_WAIT_NOT_YET;
    }
    return CLI_WAIT_NOT_YET;
}

/* ---- last words ----------------------------------------------------------------------------- */

static void print_last_line(const char *text, size_t len)
{
    AUTO_FREE char *shown = cli_paint_text(text, len);

    fprintf(stderr, "    | %s\n", shown != NULL ? shown : "");
}

static void print_tail(const char *text, size_t len)
{
    size_t start = len;
    int lines = 0;

    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    for (start = len; start > 0; start--) {
        if (text[start - 1] == '\n' && ++lines == LAST_LINES) {
            break;
        }
    }
    while (start < len) {
        const char *end = memchr(text + start, '\n', len - start);
        size_t n = end != NULL ? (size_t)(end - text) - start : len - start;

        print_last_line(text + start, n);
        start += n + 1;
    }
}

void cli_wait_last_words(struct cli *cli, const cli_view_instance *i)
{
    char name[CLI_VIEW_NAME_SIZE], path[CLI_PATH_SIZE], text[TAIL_BYTES];

    if (cli->json) {
        return; /* they are in `cell status --json` */
    }
    for (size_t k = 0; k < i->n_last_log; k++) {
        print_last_line(i->last_log[k], strlen(i->last_log[k]));
    }
    snprintf(name, sizeof name, "logs/%s.%s.%" PRIu32 ".log", i->namespace_, i->cell, i->instance);
    if (i->n_last_log > 0 || !name_valid_str(i->cell) || !name_valid_str(i->namespace_) ||
        !cli_place_join(path, cli->state_dir, name)) {
        return;
    }
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
    ssize_t len = size > 0
                      ? pread(fd, text, sizeof text, size > TAIL_BYTES ? size - TAIL_BYTES : 0)
                      : 0;
    if (len > 0) {
        print_tail(text, (size_t)len);
    }
}

/* ---- one look ------------------------------------------------------------------------------- */

struct look {
    const cli_view_instance *open[NAMED_MAX]; /* not as wished */
    size_t open_count;
    bool is_hopeless;
};

static struct look look_at(const struct cli_wait *w, const Cell__Nucleus__StatusReply *s)
{
    struct look l = {0};

    for (size_t i = 0; i < s->n_cells; i++) {
        enum cli_wait_verdict v = w->judge(w->context, s->cells[i]);

        if (v == CLI_WAIT_DONE) {
            continue;
        }
        l.is_hopeless = l.is_hopeless || v == CLI_WAIT_NEVER;
        if (l.open_count < NAMED_MAX) {
            l.open[l.open_count] = s->cells[i];
        }
        l.open_count++;
    }
    return l;
}

static void list_open(const struct look *l, struct bytes_text *text)
{
    for (size_t i = 0; i < l->open_count && i < NAMED_MAX; i++) {
        const cli_view_instance *c = l->open[i];
        char name[CLI_VIEW_NAME_SIZE];

        cli_view_name(c, name);
        bytes_text_add(text, "%s%s is %s%s%s", i > 0 ? ", " : "", name, cli_view_state(c),
                       *c->reason != '\0' ? ": " : "", c->reason);
    }
    if (l->open_count > NAMED_MAX) {
        bytes_text_add(text, " and %zu more", l->open_count - NAMED_MAX);
    }
}

static int give_up(struct cli_wait *w, const struct look *l)
{
    char list[LIST_SIZE], hint[CLI_HINT_SIZE], name[CLI_VIEW_NAME_SIZE];
    struct bytes_text text;

    bytes_text_init(&text, list, sizeof list);
    list_open(l, &text);
    cli_view_name(l->open[0], name);
    snprintf(hint, sizeof hint, "the node keeps running; see `cell status` and `cell logs %s`",
             name);
    int status = cli_fail(w->cli, l->is_hopeless ? ERR_PRECONDITION : ERR_TIMEOUT, hint,
                          "not %s%s: %s", w->wish, l->is_hopeless ? "" : " in time", list);
    for (size_t i = 0; i < l->open_count && i < NAMED_MAX; i++) {
        cli_wait_last_words(w->cli, l->open[i]);
    }
    return status;
}

static void show_progress(const struct cli_wait *w, const struct look *l)
{
    if (w->cli->is_interactive && !w->cli->json) {
        char name[CLI_VIEW_NAME_SIZE] = "";

        if (l != NULL && l->open_count > 0) {
            cli_view_name(l->open[0], name);
        }
        AUTO_FREE char *shown = cli_paint_line(name);
        fprintf(stderr, "\r\x1b[K");
        if (*name != '\0') {
            fprintf(stderr, "waiting for %zu instance%s to be %s (%s)", l->open_count, l->open_count == 1 ? "" : "s", w->wish,
                    shown != NULL ? shown : "");
        }
    }
}

/* ---- the wait ------------------------------------------------------------------------------- */

/* Whether the nucleus may be back in a moment: a crash costs it some milliseconds. */
static bool may_return(enum err e)
{
    return e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD || e == ERR_TIMEOUT;
}

static int ask_status(struct cli_wait *w, struct cli_ask *ask, uint64_t until_ms,
                      Cell__Nucleus__StatusReply **ret)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    char text[SP_TEXT_SIZE] = "";
    ProtobufCMessage *reply;

    while (true) {
        enum err e = ask->fd >= 0 ? ERR_OK
                                  : cli_ask_connect(w->cli, "nucleus", "nucleus.sock", ask);
        bool is_connected = e == ERR_OK;

        if (is_connected) {
            e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Status",
                            CELL__NUCLEUS__OP__OP_STATUS, &request.base, CLI_DEADLINE_MS, &reply,
                            text);
        }
        if (e == ERR_OK) {
            *ret = (Cell__Nucleus__StatusReply *)reply;
            return CLI_DONE;
        }
        cli_ask_close(ask);
        if (!may_return(e) || cli_clock_ms() >= until_ms) {
            return is_connected ? cli_ask_explain(w->cli, ask, "Status", e, text)
                                : cli_ask_explain_connect(w->cli, ask, e);
        }
        cli_clock_pause(RETRY_MS);
    }
}

/* Sleep until something happens on the node. A lost connection is found by the next look. */
static void await_event(struct cli_ask *ask, uint64_t until_ms, uint64_t *after)
{
    Cell__Nucleus__EventsRequest request = CELL__NUCLEUS__EVENTS_REQUEST__INIT;
    char text[SP_TEXT_SIZE];
    ProtobufCMessage *reply;
    uint64_t now = cli_clock_ms(), left = until_ms > now ? until_ms - now : 1;

    request.after = *after;
    request.wait_ms = (uint32_t)(left < POLL_MS ? left : POLL_MS);
    enum err e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Events",
                             CELL__NUCLEUS__OP__OP_EVENTS, &request.base, request.wait_ms, &reply,
                             text);
    if (e == ERR_OK) {
        *after = ((Cell__Nucleus__EventsReply *)reply)->last;
        cli_ask_free(reply);
        return;
    }
    cli_ask_close(ask);
    if (e != ERR_TIMEOUT) {
        cli_clock_pause(RETRY_MS);
    }
}

int cli_wait_until(struct cli_wait *w, Cell__Nucleus__StatusReply **ret)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    uint64_t until_ms = cli_clock_ms() + w->deadline_ms, after = 0;
    int status;

    while (true) {
        Cell__Nucleus__StatusReply *s = NULL;

        status = ask_status(w, &ask, until_ms, &s);
        if (status != CLI_DONE) {
            break;
        }
        struct look l = look_at(w, s);
        if (l.open_count == 0) {
            show_progress(w, NULL);
            *ret = s;
            return CLI_DONE;
        }
        if (l.is_hopeless || cli_clock_ms() >= until_ms) {
            show_progress(w, NULL);
            status = give_up(w, &l);
            cli_ask_free(&s->base);
            break;
        }
        show_progress(w, &l);
        cli_ask_free(&s->base);
        await_event(&ask, until_ms, &after);
    }
    return status;
}
