#include "cli/logs.h"

#include <inttypes.h>
#include <poll.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/logset.h"
#include "cli/paint.h"
#include "cli/place.h"
#include "cli/view.h"
#include "common/run/fd.h"

enum {
    TAIL_MAX = 1000000,     /* lines kept for -n; each costs its length and a pointer             */
    FOLLOW_TAIL = 10,       /* lines shown before following, like tail(1)                         */
    LOOK_MS = 1000,         /* between two questions whether the cells still live                 */
    GATHER_MS = 10,         /* after an event: a busy cell makes one a line, a person reads slower */
    TIME_SIZE = 40,
};

/* One printed line; kept while the last n are not known yet. */
struct kept {
    char *text;
    size_t len;
    const struct cli_logset_source *source;
    char time[CLI_LOGFILE_TIME_LEN + 1];
};

struct logs {
    struct cli *cli;
    struct cli_logset set;
    bool has_grep;
    regex_t grep;
    char since[TIME_SIZE];   /* "": from the beginning */
    uint32_t tail;           /* UINT32_MAX: all        */
    struct kept *ring;       /* the last `tail` lines  */
    size_t ring_count;       /* ever put in            */
    bool is_terminal;
    bool failed;
    bool was_up;             /* a nucleus answered since we follow */
};

/* ---- one line ------------------------------------------------------------------------------- */

/* grep and since decide; a line without a time has that of the line before it. */
static bool passes(struct logs *l, const struct cli_logset_source *s, const char *line, size_t len)
{
    regmatch_t whole = {0, (regoff_t)len};

    if (*l->since != '\0' && strcmp(s->file.time, l->since) < 0) {
        return false;
    }
    return !l->has_grep || regexec(&l->grep, line, 1, &whole, REG_STARTEND) == 0;
}

/* "time level id who message" as members; a line of another form is only `line`. */
static void emit_parts(struct jsonout *out, const char *line, size_t len)
{
    static const char *const names[] = {"time", "level", "id"};
    const char *at = line, *end = line + len;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));

        if (blank == NULL) {
            return;
        }
        jsonout_name(out, names[i]);
        jsonout_string_n(out, at, (size_t)(blank - at));
        at = blank + 1;
    }
    const char *blank = memchr(at, ' ', (size_t)(end - at)); /* who it is stands outside already */
    jsonout_name(out, "message");
    jsonout_string_n(out, blank != NULL ? blank + 1 : at,
                     blank != NULL ? (size_t)(end - blank - 1) : (size_t)(end - at));
}

static void emit_line(struct logs *l, const struct kept *k)
{
    struct jsonout out;
    bool has_form = k->len > CLI_LOGFILE_TIME_LEN &&
                    memcmp(k->text, k->time, CLI_LOGFILE_TIME_LEN) == 0;

    cli_emit_begin_line(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "cell", k->source->cell);
    cli_emit_string(&out, "namespace", k->source->space);
    cli_emit_u64(&out, "instance", k->source->instance);
    if (has_form) {
        emit_parts(&out, k->text, k->len);
    }
    jsonout_name(&out, "line");
    jsonout_string_n(&out, k->text, k->len);
    jsonout_object_end(&out);
    l->failed = cli_emit_end(l->cli, &out) != CLI_DONE || l->failed;
}

static enum cli_paint_style label_style(const char *label)
{
    static const enum cli_paint_style styles[] = {CLI_PAINT_GOOD, CLI_PAINT_WARN, CLI_PAINT_BOLD,
                                                  CLI_PAINT_DIM};
    unsigned sum = 0;

    for (; *label != '\0'; label++) {
        sum = sum * 31 + (uint8_t)*label;
    }
    return styles[sum % ARRAY_LEN(styles)];
}

/* On a terminal everything is escaped; a file or pipe gets the bytes as they are. */
static void print_line(struct logs *l, const struct kept *k)
{
    bool is_colored = l->cli->is_colored;

    if (l->cli->json) {
        emit_line(l, k);
        return;
    }
    if (l->set.count > 1) {
        cli_paint_put(is_colored, label_style(k->source->label), k->source->label);
        fputs(" | ", stdout);
    }
    AUTO_FREE char *shown = l->is_terminal ? cli_paint_text(k->text, k->len) : NULL;
    if (shown != NULL) {
        fputs(shown, stdout);
    } else {
        fwrite(k->text, 1, k->len, stdout);
    }
    putchar('\n');
}

/* Put a line into the ring of the last ones. */
static void keep(struct logs *l, const struct kept *k)
{
    struct kept *slot = &l->ring[l->ring_count++ % l->tail];
    char *copy = malloc(k->len + 1);

    free(slot->text);
    *slot = *k;
    slot->text = copy;
    if (copy == NULL) {
        slot->len = 0;
        l->failed = true;
        return;
    }
    memcpy(copy, k->text, k->len);
}

static void print_kept(struct logs *l)
{
    size_t count = l->ring_count < l->tail ? l->ring_count : l->tail;

    for (size_t i = l->ring_count - count; i < l->ring_count; i++) {
        struct kept *k = &l->ring[i % l->tail];

        if (k->text != NULL) {
            print_line(l, k);
        }
        free(k->text);
        k->text = NULL;
    }
}

/* Take every line there is now. kept: only the last ones are wanted. */
static void take_lines(struct logs *l, bool kept)
{
    struct cli_logset_source *s;
    const char *line;
    size_t len;

    while ((s = cli_logset_next(&l->set, &line, &len)) != NULL) {
        struct kept k = {.text = (char *)line, .len = len, .source = s};

        if (s->file.lost) {
            cli_fail_note(l->cli, "%s: lines were rotated away before they could be read", s->label);
            s->file.lost = false;
        }
        if (!passes(l, s, line, len)) {
            continue;
        }
        memcpy(k.time, s->file.time, sizeof k.time);
        if (kept) {
            keep(l, &k);
        } else {
            print_line(l, &k);
        }
    }
}

/* ---- following ------------------------------------------------------------------------------ */

static const cli_view_instance *find_instance(const Cell__Nucleus__StatusReply *s,
                                              const struct cli_logset_source *source)
{
    for (size_t i = 0; i < s->n_cells; i++) {
        const cli_view_instance *c = s->cells[i];

        if (strcmp(c->cell, source->cell) == 0 && strcmp(c->namespace_, source->space) == 0 &&
            c->instance == source->instance) {
            return c;
        }
    }
    return NULL;
}

/* Ended for good: nothing will write to this log unless a person starts it again. */
static bool has_ended(const cli_view_instance *i)
{
    enum cli_view_rank rank = i != NULL ? cli_view_rank(i) : CLI_VIEW_STOPPED;

    return rank == CLI_VIEW_STOPPED || rank == CLI_VIEW_CRASH_LOOP;
}

static void say_ends(struct logs *l, const Cell__Nucleus__StatusReply *s)
{
    for (size_t k = 0; k < l->set.count; k++) {
        const struct cli_logset_source *source = l->set.sources[k];
        const cli_view_instance *i = s != NULL ? find_instance(s, source) : NULL;

        if (s == NULL) {
            cli_fail_note(l->cli, "%s: the node was taken down", source->label);
        } else if (i == NULL) {
            cli_fail_note(l->cli, "%s: no longer part of the node", source->label);
        } else {
            cli_fail_note(l->cli, "%s: %s%s%s", source->label, i->state, *i->reason != '\0' ? ": " : "",
                          i->reason);
        }
    }
}

static bool all_ended(const struct logs *l, const Cell__Nucleus__StatusReply *s)
{
    for (size_t k = 0; k < l->set.count; k++) {
        const struct cli_logset_source *source = l->set.sources[k];

        if (*source->space == '\0' || !has_ended(find_instance(s, source))) {
            return false;
        }
    }
    return l->set.count > 0;
}

/* Whether there is nothing left to follow; says why. Without a nucleus nobody knows, unless there
 * was one and its socket is gone: then the node was taken down. */
static bool is_over(struct logs *l)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    char text[SP_TEXT_SIZE];
    ProtobufCMessage *reply = NULL;
    enum err e = *l->cli->run_dir != '\0'
                     ? cli_ask_connect(l->cli, "nucleus", "nucleus.sock", &ask) : ERR_MALFORMED;

    if (e == ERR_NOT_FOUND && l->was_up) {
        take_lines(l, false);
        fflush(stdout);
        say_ends(l, NULL);
        return true;
    }
    if (e != ERR_OK ||
        cli_ask_try(&ask, &cell__nucleus__nucleus__descriptor, "Status",
                    CELL__NUCLEUS__OP__OP_STATUS, &request.base, CLI_DEADLINE_MS, &reply,
                    text) != ERR_OK) {
        return false;
    }
    const Cell__Nucleus__StatusReply *s = (const Cell__Nucleus__StatusReply *)reply;
    bool over = all_ended(l, s);
    l->was_up = true;
    if (over) {
        take_lines(l, false); /* its last words, written before it ended */
        fflush(stdout);
        say_ends(l, s);
    }
    cli_ask_free(reply);
    return over;
}

/* Events only say that something happened; what, is read from the files. Returns whether a new file
 * may have appeared. */
static bool drain_events(int watch)
{
    char events[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool any_new = false;
    ssize_t len;

    while ((len = read(watch, events, sizeof events)) > 0) {
        for (char *at = events; at < events + len;) {
            const struct inotify_event *e = (const struct inotify_event *)at;

            /* An overflow of the queue may have swallowed anything. */
            any_new = any_new || (e->mask & (IN_CREATE | IN_MOVED_TO | IN_Q_OVERFLOW)) != 0;
            at += sizeof *e + e->len;
        }
    }
    return any_new;
}

static int follow(struct logs *l, int watch)
{
    uint64_t look_ms = cli_clock_ms();
    int status = CLI_DONE;

    while (status == CLI_DONE && !l->failed) {
        struct pollfd wait = {.fd = watch, .events = POLLIN};

        take_lines(l, false);
        if (!cli_emit_is_heard()) {
            break; /* what could not be written is told by the caller */
        }
        if (cli_clock_ms() >= look_ms) {
            if (is_over(l)) {
                break;
            }
            look_ms = cli_clock_ms() + LOOK_MS;
        }
        if (poll(&wait, 1, LOOK_MS) > 0) { /* an error looks like a time-out: look again */
            cli_clock_pause(GATHER_MS);
        }
        if (drain_events(watch)) {
            status = cli_logset_scan(l->cli, &l->set);
        }
    }
    return status;
}

/* ---- options -------------------------------------------------------------------------------- */

static int read_since(struct logs *l)
{
    uint32_t ago_ms = 0;
    struct tm t;
    int status = cli_args_duration_ms(l->cli, "since", &ago_ms);

    if (status != CLI_DONE || ago_ms == 0) {
        return status;
    }
    uint64_t from_ms = cli_clock_wall_ms() - ago_ms;
    time_t seconds = (time_t)(from_ms / 1000);
    if (gmtime_r(&seconds, &t) == NULL) {
        return cli_fail_usage(l->cli, NULL, "--since goes back too far");
    }
    size_t len = strftime(l->since, sizeof l->since, "%Y-%m-%dT%H:%M:%S", &t);
    snprintf(l->since + len, sizeof l->since - len, ".%06uZ", (unsigned)(from_ms % 1000) * 1000);
    return CLI_DONE;
}

static int read_grep(struct logs *l)
{
    const char *pattern = cli_args_value(l->cli, "grep");
    char why[128];

    if (pattern == NULL) {
        return CLI_DONE;
    }
    int error = regcomp(&l->grep, pattern, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        regerror(error, &l->grep, why, sizeof why);
        return cli_fail_usage(l->cli, NULL, "--grep: \"%s\": %s", pattern, why);
    }
    l->has_grep = true;
    return CLI_DONE;
}

static int read_options(struct logs *l)
{
    struct cli *cli = l->cli;
    int status = read_since(l);

    l->set.follow = cli_args_has(cli, "follow");
    l->tail = l->set.follow ? FOLLOW_TAIL : UINT32_MAX;
    l->is_terminal = isatty(STDOUT_FILENO) != 0;
    if (status == CLI_DONE) {
        status = cli_args_number(cli, "lines", 0, TAIL_MAX, &l->tail);
    }
    if (status == CLI_DONE) {
        status = read_grep(l);
    }
    for (size_t i = 0; status == CLI_DONE && i < cli->arg_count; i++) {
        if (!cli_logset_pattern_ok(cli->args[i])) {
            status = cli_fail_usage(cli, "write [NAMESPACE/]CELL[.INSTANCE], * and ? stand for any",
                                    "\"%s\" is no name of a log", cli->args[i]);
        }
    }
    l->set.patterns = cli->args;
    l->set.pattern_count = cli->arg_count;
    return status;
}

static int open_set(struct logs *l)
{
    int status = cli_place_need_state(l->cli);

    if (status == CLI_DONE && !cli_place_join(l->set.dir, l->cli->state_dir, "logs")) {
        status = cli_fail(l->cli, ERR_LIMIT, NULL, "the state directory's path is too long");
    }
    if (status == CLI_DONE) {
        status = cli_logset_scan(l->cli, &l->set);
    }
    if (status == CLI_DONE && l->set.count == 0) {
        status = cli_fail(l->cli, ERR_NOT_FOUND,
                          "`cell status` names the cells; another node's logs need its --state",
                          "no log of %s in %s", l->cli->arg_count > 0 ? l->cli->args[0] : "any cell",
                          l->set.dir);
    }
    return status;
}

static int show(struct logs *l)
{
    AUTO_FD int watch = -1;
    int status = CLI_DONE;

    /* Watched before it is read: what comes in between is seen twice rather than never. */
    if (l->set.follow) {
        watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (watch < 0 || inotify_add_watch(watch, l->set.dir, IN_CREATE | IN_MOVED_TO | IN_MODIFY |
                                           IN_MOVED_FROM | IN_DELETE) < 0) {
            return cli_fail(l->cli, ERR_LIMIT, "raise fs.inotify.max_user_watches and _instances",
                            "%s cannot be watched", l->set.dir);
        }
    }
    if (l->tail == UINT32_MAX) {
        take_lines(l, false);
    } else if (l->tail > 0) {
        l->ring = calloc(l->tail, sizeof *l->ring);
        l->failed = l->ring == NULL;
        if (l->ring != NULL) {
            take_lines(l, true);
            print_kept(l);
        }
    } else {
        struct cli_logset_source *s;
        const char *line;
        size_t len;

        while ((s = cli_logset_next(&l->set, &line, &len)) != NULL) {
            s->file.lost = false; /* -n 0: what was written before is not wanted */
        }
    }
    if (l->set.follow && !l->failed) {
        status = follow(l, watch);
    }
    if (l->failed && status == CLI_DONE) {
        status = cli_fail(l->cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    return status;
}

int cli_logs_run(struct cli *cli)
{
    struct logs l = {.cli = cli};
    int status = read_options(&l);

    if (status == CLI_DONE) {
        status = open_set(&l);
    }
    if (status == CLI_DONE) {
        status = show(&l);
    }
    if (l.has_grep) {
        regfree(&l.grep);
    }
    for (size_t i = 0; l.ring != NULL && i < l.tail; i++) {
        free(l.ring[i].text);
    }
    free(l.ring);
    cli_logset_close(&l.set);
    return status;
}
