/* Logs: merged, cut, filtered; followed through rotation without losing or repeating a line. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/logfile.h"
#include "common/base/macros.h"
#include "fake.h"
#include "proto/nucleus.pb-c.h"

/* In the place of libc's: something may happen before a file is opened whose name ends in `open_of`, once. */
static void (*before_open)(void);
static const char *open_of;

int open(const char *path, int flags, ...)
{
    void (*happens)(void) = before_open;
    size_t len = strlen(path), end = open_of != NULL ? strlen(open_of) : 0;
    va_list args;

    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (happens != NULL && len >= end && strcmp(path + len - end, open_of) == 0) {
        before_open = NULL;
        happens();
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- what is kept ----------------------------------------------------------------------------- */

static void write_logs(const struct fake_node *node)
{
    fake_write(node, "state/logs/default.a.0.log.2", "2024-01-01T00:00:01.000000Z info A-1 default/a.0 n=1\n");
    fake_write(node, "state/logs/default.a.0.log.1", "2024-01-01T00:00:03.000000Z info A-3 default/a.0 n=3\n"
               "  more of three\n");
    fake_write(node, "state/logs/default.a.0.log", "2024-01-01T00:00:05.000000Z warn A-5 default/a.0 n=5\n"
               "2024-01-01T00:00:06.000000Z info A-6 default/a.0 no end");
    fake_write(node, "state/logs/default.a.1.log", "2024-01-01T00:00:02.000000Z info A-2 default/a.1 n=2\n");
    fake_write(node, "state/logs/other.ab.0.log", "2024-01-01T00:00:04.000000Z error B-4 other/ab.0 \x1b[2Jn=4\n");
    fake_write(node, "state/logs/nucleus.log", "2024-01-01T00:00:07.000000Z info N-7 cell/nucleus.0 n=7\n");
    fake_write(node, "state/logs/README", "not a log\n");
    fake_write(node, "state/logs/default.a.x.log", "not an instance\n");
}

static const struct {
    const char *words[10];
    int status;
    const char *out; /* whole output; NULL: nothing */
    const char *err; /* part of it; NULL: nothing   */
    const char *why;
} rows[] = {
    {{"logs", "a.0"}, 0,
     "2024-01-01T00:00:01.000000Z info A-1 default/a.0 n=1\n"
     "2024-01-01T00:00:03.000000Z info A-3 default/a.0 n=3\n"
     "  more of three\n"
     "2024-01-01T00:00:05.000000Z warn A-5 default/a.0 n=5\n"
     "2024-01-01T00:00:06.000000Z info A-6 default/a.0 no end\n",
     NULL, "oldest part first, an unfinished last line too, no prefix for one log"},
    {{"logs", "a"}, 0,
     "a.0 | 2024-01-01T00:00:01.000000Z info A-1 default/a.0 n=1\n"
     "a.1 | 2024-01-01T00:00:02.000000Z info A-2 default/a.1 n=2\n"
     "a.0 | 2024-01-01T00:00:03.000000Z info A-3 default/a.0 n=3\n"
     "a.0 |   more of three\n"
     "a.0 | 2024-01-01T00:00:05.000000Z warn A-5 default/a.0 n=5\n"
     "a.0 | 2024-01-01T00:00:06.000000Z info A-6 default/a.0 no end\n",
     NULL, "merged by time; a line without one stays behind its own"},
    {{"logs", "a*", "-n", "2"}, 0,
     "a.0 | 2024-01-01T00:00:05.000000Z warn A-5 default/a.0 n=5\n"
     "a.0 | 2024-01-01T00:00:06.000000Z info A-6 default/a.0 no end\n",
     NULL, "the last two of all"},
    {{"logs", "ab", "--lines=1"}, 0,
     "2024-01-01T00:00:04.000000Z error B-4 other/ab.0 \x1b[2Jn=4\n", NULL,
     "any namespace; a file gets the bytes as they are"},
    {{"logs", "default/a*", "--grep", "A-[13]"}, 0,
     "a.0 | 2024-01-01T00:00:01.000000Z info A-1 default/a.0 n=1\n"
     "a.0 | 2024-01-01T00:00:03.000000Z info A-3 default/a.0 n=3\n", NULL, "one namespace, a pattern"},
    {{"logs", "?.1"}, 0, "2024-01-01T00:00:02.000000Z info A-2 default/a.1 n=2\n", NULL,
     "any letter, one instance"},
    {{"logs", "nucleus"}, 0, "2024-01-01T00:00:07.000000Z info N-7 cell/nucleus.0 n=7\n", NULL,
     "the nucleus's own"},
    {{"logs", "a.1", "nucleus", "-n", "1", "--json"}, 0,
     "{\"cell\":\"nucleus\",\"namespace\":\"\",\"instance\":0,\"time\":\"2024-01-01T00:00:07.000000Z\","
     "\"level\":\"info\",\"id\":\"N-7\",\"message\":\"n=7\",\"line\":\"2024-01-01T00:00:07.000000Z info "
     "N-7 cell/nucleus.0 n=7\"}\n", NULL, "as JSON"},
    {{"logs", "a.0", "--grep", "more", "--json"}, 0,
     "{\"cell\":\"a\",\"namespace\":\"default\",\"instance\":0,\"line\":\"  more of three\"}\n", NULL,
     "a line of another form has no parts"},
    {{"logs", "a.0", "-n", "0"}, 0, NULL, NULL, "none"},
    {{"logs", "--since", "1h"}, 0, NULL, NULL, "all of them are old"},
    {{"logs", "x"}, 1, NULL, "no log of x in", "an unknown cell"},
    {{"logs", "../a"}, 2, NULL, "is no name of a log", "path traversal"},
    {{"logs", "a;rm"}, 2, NULL, "is no name of a log", "another alphabet"},
    {{"logs", "-n", "x"}, 2, NULL, "--lines: \"x\" is no number from 0 to 1000000", "no number"},
    {{"logs", "-n", "1000001"}, 2, NULL, "is no number", "one line too many"},
    {{"logs", "--grep", "["}, 2, NULL, "--grep: \"[\"", "a broken pattern"},
    {{"logs", "--since", "yesterday"}, 2, NULL, "is no duration", "no duration"},
};

static void kept_lines_are_shown(void)
{
    struct fake_node node;

    fake_make_dirs(&node);
    write_logs(&node);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_result r;
        char detail[8192];

        fake_cell(&node, rows[i].words, NULL, &r);
        snprintf(detail, sizeof detail, "row %zu: exit status %d\n%s\n%s", i, r.status, r.out, r.err);
        bool good = r.status == rows[i].status &&
                    strcmp(r.out, rows[i].out != NULL ? rows[i].out : "") == 0;
        good = good && (rows[i].err != NULL ? strstr(r.err, rows[i].err) != NULL : *r.err == '\0');
        fake_claim(good, rows[i].why, detail);
        fake_result_fini(&r);
    }
    fake_stop(&node);
}

/* A line of now is within the last minute, one of two minutes ago is not. */
static void since_counts_back_from_now(void)
{
    struct fake_node node;
    struct fake_result r;
    char text[256], old[64], now[64];
    time_t t = time(NULL), before = t - 120;
    struct tm tm;

    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&t, &tm));
    strftime(old, sizeof old, "%Y-%m-%dT%H:%M:%S.000000Z", gmtime_r(&before, &tm));
    snprintf(text, sizeof text, "%s info OLD x/y.0\nold too\n%s info NEW x/y.0\nnew too\n", old, now);
    fake_make_dirs(&node);
    fake_write(&node, "state/logs/x.y.0.log", text);
    fake_cell(&node, FAKE_WORDS("logs", "--since", "1m"), NULL, &r);
    fake_claim(strstr(r.out, "NEW") != NULL && strstr(r.out, "new too") != NULL &&
               strstr(r.out, "OLD") == NULL && strstr(r.out, "old too") == NULL,
               "only the last minute", r.out);
    fake_result_fini(&r);
    fake_stop(&node);
}

/* ---- following -------------------------------------------------------------------------------- */

enum {
    LINES = 200000,
    LINES_A_FILE = 4000, /* 50 rotations; at most 64 old parts are kept, so none may be lost */
};

static char done_path[FAKE_PATH_SIZE * 2];

/* Says that the instance is ready until the writer has made its file, then that it is stopped. */
static void nucleus(const Cell__Envelope__Request *request, struct fake_reply *reply)
{
    Cell__Nucleus__InstanceStatus i = CELL__NUCLEUS__INSTANCE_STATUS__INIT;
    Cell__Nucleus__InstanceStatus *list[] = {&i};
    Cell__Nucleus__StatusReply s = CELL__NUCLEUS__STATUS_REPLY__INIT;
    bool is_done = access(done_path, F_OK) == 0;

    if (request->operation != CELL__NUCLEUS__OP__OP_STATUS) {
        return;
    }
    i.cell = (char *)"w";
    i.namespace_ = (char *)"default";
    i.healthy = !is_done;
    i.state = (char *)(is_done ? "crash-loop" : "ready");
    i.reason = (char *)(is_done ? "exit status 7" : "");
    s.cells = list;
    s.n_cells = 1;
    fake_say(reply, &s.base);
}

/* As the nucleus rotates: the oldest first, then the current file, then a new one. */
static int rotate(const char *path)
{
    char from[600], to[600];

    for (int n = 63; n >= 0; n--) {
        if (n == 0) {
            snprintf(from, sizeof from, "%s", path);
        } else {
            snprintf(from, sizeof from, "%s.%d", path, n);
        }
        snprintf(to, sizeof to, "%s.%d", path, n + 1);
        if (rename(from, to) != 0 && errno != ENOENT) {
            _exit(1);
        }
    }
    return open(path, O_WRONLY | O_APPEND | O_CREAT, 0640);
}

/* The cell: writes on into the old file for a while after the new one is there, as a real one does
 * until it has read its junction. */
static void be_writer(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0640), next = -1;

    for (int n = 0; n < LINES; n++) {
        char line[64];
        int len = snprintf(line, sizeof line, "line %d of the writer\n", n);

        if (n % LINES_A_FILE == LINES_A_FILE - 1) {
            next = rotate(path);
        }
        if (n % LINES_A_FILE == 100 && next >= 0) {
            dup2(next, fd);
            close(next);
            next = -1;
        }
        if (write(fd, line, (size_t)len) != len) {
            _exit(1);
        }
    }
    close(open(done_path, O_WRONLY | O_CREAT, 0600));
    _exit(0);
}

static void check_sequence(const char *out)
{
    int expected = 0;

    for (; *out != '\0'; out += strcspn(out, "\n") + 1) {
        char line[64], detail[128];
        int len = snprintf(line, sizeof line, "line %d of the writer\n", expected);

        if (strncmp(out, line, (size_t)len) != 0) {
            snprintf(detail, sizeof detail, "expected line %d, got %.60s", expected, out);
            fake_claim(false, "no line is lost, repeated or cut", detail);
            return;
        }
        expected++;
    }
    fake_claim(expected == LINES, "the last line is shown", "");
}

static void following_survives_rotation(void)
{
    static const struct fake_door doors[] = {{"nucleus.sock", nucleus}};
    struct fake_node node;
    struct fake_result r;
    char path[FAKE_PATH_SIZE * 2];
    int status;

    /* The server is forked with the path: make the directory's name known before. */
    snprintf(done_path, sizeof done_path, "/tmp/cell-test-done-%d", (int)getpid());
    (void)unlink(done_path);
    fake_start(&node, doors, 1);
    fake_write(&node, "state/logs/default.w.0.log", "");
    snprintf(path, sizeof path, "%s/logs/default.w.0.log", node.state);
    fflush(NULL);
    pid_t writer = fork();
    if (writer == 0) {
        be_writer(path);
    }
    fake_cell(&node, FAKE_WORDS("logs", "-f", "w", "-n", "1000000"), NULL, &r);
    waitpid(writer, &status, 0);
    fake_claim(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the writer wrote", "");
    fake_claim(r.status == 0, "following ends by itself", r.err);
    fake_claim(strstr(r.err, "w.0: crash-loop: exit status 7") != NULL, "and says why", r.err);
    check_sequence(r.out);
    fake_result_fini(&r);
    fake_stop(&node);
    (void)unlink(done_path);
}

/* ---- one file at a time ----------------------------------------------------------------------- */

static void append(const struct fake_node *node, const char *name, const char *text)
{
    char path[FAKE_PATH_SIZE * 2];

    snprintf(path, sizeof path, "%s/%s", node->root, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
    fake_claim(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "append", text);
    close(fd);
}

static void move(const struct fake_node *node, const char *from, const char *to)
{
    char a[FAKE_PATH_SIZE * 2], b[FAKE_PATH_SIZE * 2];

    snprintf(a, sizeof a, "%s/%s", node->root, from);
    snprintf(b, sizeof b, "%s/%s", node->root, to);
    fake_claim(rename(a, b) == 0, "rename", from);
}

static void expect(struct cli_logfile *f, const char *line, const char *why)
{
    const char *got;
    size_t len;
    bool any = cli_logfile_next(f, &got, &len);
    char text[128];

    snprintf(text, sizeof text, "%.*s", any ? (int)len : 0, any ? got : "");
    fake_claim(line == NULL ? !any : any && strcmp(text, line) == 0, why, any ? text : "no line");
}

static void each_step_of_a_rotation(void)
{
    struct fake_node node;
    struct cli_logfile f;
    char path[FAKE_PATH_SIZE * 2];

    fake_make_dirs(&node);
    snprintf(path, sizeof path, "%s/x.log", node.root);
    fake_claim(cli_logfile_open(&f, path, true) == ERR_NOT_FOUND, "no log", "");
    cli_logfile_close(&f);
    append(&node, "x.log", "one\ntw");
    fake_claim(cli_logfile_open(&f, path, true) == ERR_OK, "a log", "");
    expect(&f, "one", "a whole line");
    expect(&f, NULL, "an unfinished line is held back");
    append(&node, "x.log", "o\n");
    expect(&f, "two", "until it is finished");
    move(&node, "x.log", "x.log.1");
    expect(&f, NULL, "renamed, no successor yet");
    append(&node, "x.log.1", "three\n");
    expect(&f, "three", "the old file is still written to");
    append(&node, "x.log", "");
    append(&node, "x.log.1", "four\n");
    expect(&f, "four", "also when the new one is there");
    append(&node, "x.log", "five\n");
    append(&node, "x.log.1", "late\n");
    expect(&f, "late", "what was written before the switch comes first");
    expect(&f, "five", "then the new file");
    append(&node, "x.log.1", "later\n");
    expect(&f, "later", "a straggler is not lost either");
    move(&node, "x.log", "x.log.2"); /* two rotations between two looks */
    append(&node, "x.log.1", "");
    append(&node, "x.log.2", "six\n");
    append(&node, "y", "seven\n");
    move(&node, "y", "x.log.1");
    append(&node, "x.log", "eight\n");
    expect(&f, "six", "the rest of the file in hand");
    expect(&f, "seven", "the one between");
    expect(&f, "eight", "the newest");
    fake_claim(!f.lost, "nothing was lost", "");
    append(&node, "x.log", "torn"); /* by a cell that was killed */
    move(&node, "x.log", "x.log.3");
    append(&node, "x.log", "after\n");
    move(&node, "x.log.2", "x.log.5");
    move(&node, "x.log.1", "x.log.4");
    move(&node, "x.log.3", "x.log.1");
    expect(&f, "torn", "what was never finished is shown when its file is left");
    expect(&f, "after", "and what comes after it");
    move(&node, "x.log", "gone"); /* rotated off the end, all that we know of */
    move(&node, "x.log.1", "gone.1");
    move(&node, "x.log.4", "gone.4");
    move(&node, "x.log.5", "gone.5");
    append(&node, "x.log", "nine\n");
    expect(&f, "nine", "a new file with no trace of the old");
    fake_claim(f.lost, "a gap is noticed", "");
    cli_logfile_close(&f);
    fake_stop(&node);
}

static struct fake_node *turning;

static void turn(const char *line)
{
    move(turning, "x.log.2", "x.log.3");
    move(turning, "x.log.1", "x.log.2");
    move(turning, "x.log", "x.log.1");
    append(turning, "x.log", line);
}

static void turn_twice(void)
{
    move(turning, "x.log.3", "x.log.5");
    turn("four\n");
    move(turning, "x.log.3", "x.log.4");
    turn("five\n");
}

/* Whoever looks is stopped between two names, and the writer is fast. */
static void two_rotations_during_a_look(void)
{
    static const char *const lines[] = {"one", "two", "three", "four", "five"};
    struct fake_node node;
    struct cli_logfile f;
    char path[FAKE_PATH_SIZE * 2];

    fake_make_dirs(&node);
    turning = &node;
    snprintf(path, sizeof path, "%s/x.log", node.root);
    append(&node, "x.log.2", "zero\n");
    append(&node, "x.log.1", "zero\n");
    append(&node, "x.log", "one\n");
    fake_claim(cli_logfile_open(&f, path, true) == ERR_OK, "a log", "");
    expect(&f, "zero", "the oldest");
    expect(&f, "zero", "the next");
    expect(&f, lines[0], "the current one");
    turn("two\n");
    move(&node, "x.log.3", "x.log.6");
    turn("three\n");
    before_open = turn_twice;
    open_of = "x.log.1";
    for (size_t i = 1; i < ARRAY_LEN(lines); i++) {
        expect(&f, lines[i], "each once, in their order");
    }
    expect(&f, NULL, "and nothing again");
    fake_claim(before_open == NULL && !f.lost, "it was stopped", "");
    cli_logfile_close(&f);
    fake_stop(&node);
}

static void long_lines_come_in_pieces(void)
{
    struct fake_node node;
    struct cli_logfile f;
    char path[FAKE_PATH_SIZE * 2];
    const char *got;
    size_t len;
    char *text = malloc(CLI_LOGFILE_LINE_MAX + 3);

    fake_make_dirs(&node);
    snprintf(path, sizeof path, "%s/x.log", node.root);
    memset(text, 'a', CLI_LOGFILE_LINE_MAX + 1);
    strcpy(text + CLI_LOGFILE_LINE_MAX - 1, "\n");
    append(&node, "x.log", text);
    text[CLI_LOGFILE_LINE_MAX - 1] = 'a';
    strcpy(text + CLI_LOGFILE_LINE_MAX, "b\n");
    append(&node, "x.log", text);
    fake_claim(cli_logfile_open(&f, path, false) == ERR_OK, "open", "");
    fake_claim(cli_logfile_next(&f, &got, &len) && len == CLI_LOGFILE_LINE_MAX - 1,
               "the longest line there is", "");
    fake_claim(cli_logfile_next(&f, &got, &len) && len == CLI_LOGFILE_LINE_MAX,
               "the first piece of a longer one", "");
    expect(&f, "b", "and its rest");
    cli_logfile_close(&f);
    free(text);
    fake_stop(&node);
}

int main(void)
{
    kept_lines_are_shown();
    since_counts_back_from_now();
    each_step_of_a_rotation();
    two_rotations_during_a_look();
    long_lines_come_in_pieces();
    following_survives_rotation();
    return fake_failed;
}
