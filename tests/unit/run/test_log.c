/* Takes the source in, not the library, to reach the calendar and the composition of one line. */
#include "common/run/log.c" /* NOLINT */

#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "common/base/rng.h"
#include "common/run/fd.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static int dir;

/* Run `act` in a process whose stderr is the file "log", opened to append. Its output is returned
 * (free it); the process must end with status 0. */
static char *logged_by(void (*act)(void))
{
    char *text = NULL;
    size_t len;
    int status = -1;
    AUTO_FD int fd = openat(dir, "log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

    REQUIRE(fd >= 0, "a log file");
    pid_t child = fork();
    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        if (dup2(fd, STDERR_FILENO) < 0) {
            _exit(9);
        }
        act();
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it ends");
    CHECK(status == 0, "a process that logs: status %d", status);
    REQUIRE(fd_read_file(dir, "log", 64 << 20, &text, &len) == ERR_OK, "its log");
    return text;
}

static size_t count_lines(const char *text, const char *part)
{
    size_t count = 0;
    size_t part_len = strlen(part);

    for (const char *at = text; (at = strstr(at, part)) != NULL; at += part_len) {
        count++;
    }
    return count;
}

/* ---- what a line says -------------------------------------------------------------------------- */

static void say_levels(void)
{
    log_info("TEST-EARLY", "n=%d", 1);
    log_init("lab", "greeter", 3);
    log_error("TEST-ERROR", "why=\"%s\"", "two words");
    log_debug("TEST-HIDDEN", "n=%d", 2);
    log_set_level(LOG_DEBUG);
    log_debug("TEST-DEBUG", "path=\xc3\xa9");
    log_set_level(LOG_WARN);
    log_info("TEST-HIDDEN", "n=%d", 3);
    log_warn("TEST-WARN", "%s", "");
    log_set_level(LOG_ERROR);
    log_warn("TEST-HIDDEN", "n=%d", 4);
}

static void a_line_has_time_level_id_speaker_and_message(void)
{
    AUTO_FREE char *text = logged_by(say_levels);
    regex_t re;

#define TIME "2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9][.][0-9]{6}Z "
    REQUIRE(regcomp(&re, "^" TIME "info TEST-EARLY - n=1\n"
                    TIME "error TEST-ERROR lab/greeter[.]3 why=\"two words\"\n"
                    TIME "debug TEST-DEBUG lab/greeter[.]3 path=\xc3\xa9\n"
                    TIME "warn TEST-WARN lab/greeter[.]3 \n$", REG_EXTENDED | REG_NOSUB) == 0,
            "compiles");
    CHECK(regexec(&re, text, 0, NULL, 0) == 0, "four lines, none of a hidden level:\n%s", text);
    regfree(&re);
}

static void the_time_is_that_of_the_c_library(void)
{
    struct rng r;

    rng_init(&r, 10);
    for (unsigned i = 0; i < 200000; i++) {
        /* Up to the year 9999, the last that RFC 3339 can say; often around a leap day. */
        uint64_t second = rng_below(&r, UINT64_C(253402300800));
        if (i % 2 == 0) {
            uint64_t leap = 68169600 + rng_below(&r, 2000) * 126230400; /* 29 February 1972, + 4 a */
            second = leap - 86400 + rng_below(&r, 4 * 86400);
        }
        time_t t = (time_t)second;
        struct tm tm;
        char wanted[64], got[64];
        struct bytes_text line;
        REQUIRE(gmtime_r(&t, &tm) != NULL, "a date");
        strftime(wanted, sizeof wanted, "%Y-%m-%dT%H:%M:%S.000042Z", &tm);
        bytes_text_init(&line, got, sizeof got);
        add_time(&line, second * 1000000 + 42);
        CHECK(strcmp(wanted, got) == 0, "second %" PRIu64 ": %s is %s", second, got, wanted);
    }
}

static void say_now(void)
{
    log_info("TEST-NOW", "x");
}

static void the_time_is_now(void)
{
    time_t before = time(NULL);
    AUTO_FREE char *text = logged_by(say_now);
    struct tm tm = {0};

    REQUIRE(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL, "a time: %s", text);
    time_t said = timegm(&tm);
    CHECK(said >= before && said <= time(NULL), "UTC whatever TZ says: %s", text);
}

static void say_hostile_things(void)
{
    log_warn("TEST-A", "name=%s", "x\n2026-01-01T00:00:00.000000Z error FORGED - y");
    log_warn("TEST-B", "name=%s", "\r\x1b[2Jgone\x7f\xff\xc2\x9b");
    errno = ENOENT;
    log_warn("TEST-C", "why=%m");
    if (errno != ENOENT) {
        _exit(3);
    }
}

static void one_event_is_one_line_whatever_it_says(void)
{
    AUTO_FREE char *text = logged_by(say_hostile_things);

    CHECK(count_lines(text, "\n") == 3, "three lines:\n%s", text);
    CHECK(strstr(text, "name=x\\x0a2026-01") != NULL, "a line end is escaped");
    CHECK(strstr(text, "name=\\x0d\\x1b[2Jgone\\x7f\\xff\\xc2\\x9b\n") != NULL,
          "so is what a terminal obeys");
    CHECK(strstr(text, "why=No such file or directory\n") != NULL, "errno is the caller's");
}

static void levels_have_names(void)
{
    static const char *const bad[] = {"", "INFO", "info ", "warning", "4", NULL};
    enum log_level level = LOG_WARN;

    for (int l = LOG_ERROR; l <= LOG_DEBUG; l++) {
        CHECK(log_level_parse(log_level_name((enum log_level)l), &level) == ERR_OK &&
                  (int)level == l, "there and back");
    }
    level = LOG_WARN;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CHECK(log_level_parse(bad[i], &level) == ERR_MALFORMED && level == LOG_WARN, "<%s>", bad[i]);
    }
}

/* ---- length ------------------------------------------------------------------------------------ */

static void lines_are_cut_at_the_limit_and_not_before(void)
{
    static char message[LOG_LINE_MAX], out[LOG_LINE_MAX + 1];
    struct record r = {.level = LOG_INFO, .id = "TEST", .who = "a/b.0", .message = message};
    static const uint64_t held[] = {0, 7, UINT64_MAX};

    for (size_t h = 0; h < ARRAY_LEN(held); h++) {
        message[0] = '\0';
        size_t fixed = compose(&r, held[h], out);
        size_t longest = LOG_LINE_MAX - fixed;
        for (size_t len = longest - 8; len <= longest + 8; len++) {
            memset(message, 'm', len);
            message[len] = '\0';
            size_t got = compose(&r, held[h], out);
            bool is_cut = strstr(out, cut_mark) != NULL;
            CHECK(is_cut == (len > longest), "message of %zu, longest %zu", len, longest);
            CHECK(got == (is_cut ? LOG_LINE_MAX : fixed + len), "length %zu", got);
            CHECK(got == strlen(out) && out[got - 1] == '\n', "ends the line");
            CHECK((strstr(out, " suppressed=") != NULL) == (held[h] > 0), "says what was held back");
        }
        /* Characters of three bytes: cut between them, wherever the limit falls. */
        for (size_t shift = 0; shift < 3; shift++) {
            memset(message, 'm', shift);
            for (size_t at = shift; at + 3 < sizeof message; at += 3) {
                memcpy(message + at, "\xe2\x82\xac", 4);
            }
            size_t got = compose(&r, held[h], out);
            CHECK(got <= LOG_LINE_MAX && got > LOG_LINE_MAX - 3, "length %zu", got);
            CHECK(bytes_is_utf8((const uint8_t *)out, got), "whole characters");
            CHECK(strstr(out, cut_mark) != NULL, "marked");
        }
    }
    memset(message, 'm', 10);
    message[10] = '\0';
    r.is_cut = true;
    (void)compose(&r, 0, out);
    CHECK(strstr(out, "mmmmmmmmmm\xe2\x80\xa6" "cut\n") != NULL, "the start of a longer message");
}

static void say_much(void)
{
    char much[3 * LOG_LINE_MAX];

    memset(much, 'x', sizeof much);
    much[sizeof much - 1] = '\0';
    log_info("TEST-LONG", "%s", much);
    log_info("TEST-SHORT", "x");
}

static void a_message_longer_than_any_buffer_is_cut(void)
{
    AUTO_FREE char *text = logged_by(say_much);
    char *end = strchr(text, '\n');

    REQUIRE(end != NULL, "a line");
    CHECK(end - text == LOG_LINE_MAX - 1, "a line of %td", end - text + 1);
    CHECK(strncmp(end - strlen(cut_mark), cut_mark, strlen(cut_mark)) == 0, "marked");
    CHECK(strstr(end, "TEST-SHORT - x\n") != NULL, "the next line is not touched");
}

/* ---- rate -------------------------------------------------------------------------------------- */

static uint64_t elapsed_us(uint64_t since)
{
    return now_us(CLOCK_MONOTONIC) - since;
}

/* The last line carries the sums. */
static void say_too_often(void)
{
    uint64_t start = now_us(CLOCK_MONOTONIC), held = 0;
    unsigned loud = 0;

    for (unsigned i = 0; i < LOG_RATE_PER_S + 50; i++, loud++) {
        log_info("TEST-LOUD", "n=%u", i);
        if (i % 2 == 0) {
            log_info("TEST-QUIET", "n=%u", i);
        }
    }
    uint64_t burst_us = elapsed_us(start);
    do { /* it speaks again in the next second: ask until then */
        (void)poll(NULL, 0, 5);
        held = log_suppressed_count();
        log_info("TEST-LOUD", "again");
        loud++;
    } while (log_suppressed_count() != held && elapsed_us(start) < 10000000);
    log_info("TEST-SUMS", "loud=%u held=%" PRIu64 " windows=%" PRIu64, loud,
             log_suppressed_count(), 1 + burst_us / 1000000);
}

static void a_loud_id_is_held_back_and_the_count_reported(void)
{
    AUTO_FREE char *text = logged_by(say_too_often);
    unsigned loud = 0, held = 0, windows = 0, reported = 0;
    const char *sums = strstr(text, "loud=");
    const char *report = strstr(text, "suppressed=");

    REQUIRE(sums != NULL && sscanf(sums, "loud=%u held=%u windows=%u", &loud, &held, &windows) == 3,
            "the sums:\n%s", text);
    REQUIRE(report != NULL && sscanf(report, "suppressed=%u", &reported) == 1, "a report");
    size_t passed = count_lines(text, " TEST-LOUD ");
    CHECK(passed + held == loud, "%zu written and %u held back of %u", passed, held, loud);
    CHECK(passed <= (windows + 1) * LOG_RATE_PER_S, "%zu lines in %u windows", passed, windows + 1);
    CHECK(windows > 1 || count_lines(text, " TEST-LOUD - n=") == LOG_RATE_PER_S,
          "the limit is exact within one second");
    CHECK(reported > 0 && reported <= held, "reported %u of %u", reported, held);
    CHECK(windows > 1 || reported == held, "all held back are reported when it speaks again");
    CHECK(count_lines(text, " TEST-QUIET ") == LOG_RATE_PER_S / 2 + 25, "another id is not touched");
}

static char many_ids[LOG_IDS_MAX + 3][16];

static void say_with_many_ids(void)
{
    for (unsigned i = 0; i < ARRAY_LEN(many_ids); i++) {
        snprintf(many_ids[i], sizeof many_ids[i], "TEST-MANY-%u", i);
        log_info(many_ids[i], "first");
    }
    /* Three more than the table holds: two of them, at least, share a limit with the third. */
    for (unsigned i = 0; i < 60; i++) {
        log_info(many_ids[0], "mine");
        for (unsigned k = LOG_IDS_MAX; k < ARRAY_LEN(many_ids); k++) {
            log_info(many_ids[k], "shared");
        }
    }
}

static void ids_past_the_table_share_a_limit(void)
{
    AUTO_FREE char *text = logged_by(say_with_many_ids);

    CHECK(count_lines(text, " first\n") == ARRAY_LEN(many_ids), "each speaks once");
    CHECK(count_lines(text, " mine\n") == 60, "an id of the table has its own limit");
    size_t shared = count_lines(text, " shared\n");
    /* 180 wanted, 3 of the shared 100 are used up; a slow machine may reach the next second. */
    CHECK(shared >= LOG_RATE_PER_S - 3 && shared < 180, "the others together: %zu", shared);
}

/* ---- when it cannot be written ----------------------------------------------------------------- */

static void say_into_a_full_file(void)
{
    struct rlimit limit, room;

    log_init("a", "b", 0);
    if (getrlimit(RLIMIT_FSIZE, &room) != 0) {
        _exit(3);
    }
    limit = room;
    limit.rlim_cur = 160; /* in the middle of the third line */
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        _exit(4);
    }
    for (unsigned i = 0; i < 10; i++) {
        log_info("TEST-FULL", "number=%u", i);
    }
    uint64_t failed = log_failed_count();
    if (setrlimit(RLIMIT_FSIZE, &room) != 0) {
        _exit(5);
    }
    log_info("TEST-ROOM", "failed=%" PRIu64, failed);
    log_info("TEST-ROOM", "last");
}

static void a_full_file_is_counted_and_damages_one_line(void)
{
    AUTO_FREE char *text = logged_by(say_into_a_full_file);
    size_t whole = 0;
    char *rest = text, *line;
    unsigned failed = 0;

    while ((line = strsep(&rest, "\n")) != NULL) {
        whole += strstr(line, " info TEST-") != NULL && line[0] == '2' &&
                 (strstr(line, "number=") != NULL || strstr(line, "failed=") != NULL ||
                  strstr(line, "last") != NULL);
        const char *said = strstr(line, "failed=");
        if (said != NULL) {
            sscanf(said, "failed=%u", &failed);
        }
        CHECK(count_lines(line, "Z info") <= 1, "the torn line is ended first: %s", line);
    }
    CHECK(failed >= 7 && failed <= 9, "%u lines did not fit in 160 bytes", failed);
    CHECK(whole == 10 - failed + 2, "%zu whole lines, %u failed", whole, failed);
}

static void say_to_nobody(void)
{
    int ends[2];

    log_init("a", "b", 0);
    if (pipe(ends) != 0 || close(ends[0]) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        _exit(3);
    }
    log_info("TEST-NOBODY", "n=1");
    _exit(log_failed_count() == 1 ? 0 : 4);
}

static void say_to_a_slow_reader(void)
{
    int ends[2];
    char pad[2000];
    unsigned said = 0, n;

    memset(pad, 'p', sizeof pad);
    pad[sizeof pad - 1] = '\0';
    if (pipe2(ends, O_NONBLOCK) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
        _exit(3);
    }
    for (; said < LOG_RATE_PER_S && log_failed_count() == 0; said++) {
        log_info("TEST-SLOW", "%s", pad);
    }
    /* A pipe takes a line of at most PIPE_BUF whole or not at all: what came through is whole. */
    size_t got = 0, lines = 0;
    char chunk[4096];
    while ((n = (unsigned)read(ends[0], chunk, sizeof chunk)) != 0 && n <= sizeof chunk) {
        got += n;
        for (unsigned i = 0; i < n; i++) {
            lines += chunk[i] == '\n';
        }
    }
    _exit(log_failed_count() == 1 && lines == said - 1 && got % lines == 0 ? 0 : 4);
}

static void say_into_nothing(void)
{
    close(STDERR_FILENO);
    log_info("TEST-CLOSED", "n=1");
    errno = EXDEV;
    log_info("TEST-CLOSED", "n=2");
    _exit(log_failed_count() == 2 && errno == EXDEV ? 0 : 3);
}

static void what_cannot_be_written_is_counted(void)
{
    free(logged_by(say_to_nobody));
    free(logged_by(say_to_a_slow_reader));
    free(logged_by(say_into_nothing));
}

static void on_signal(int signal_number)
{
    (void)signal_number;
}

static void keep_a_handler(void)
{
    struct sigaction now = {0};

    signal(SIGPIPE, on_signal);
    log_init("a", "b", 0);
    _exit(sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == on_signal ? 0 : 3);
}

static void a_handler_of_somebody_else_is_left(void)
{
    free(logged_by(keep_a_handler));
}

/* ---- together ---------------------------------------------------------------------------------- */

enum {
    PROCESSES = 8,
    LINES = 10000,
    IDS = LINES / LOG_RATE_PER_S, /* none reaches its limit */
};

static char our_ids[IDS][16];

static void make_ids(void)
{
    for (unsigned i = 0; i < IDS; i++) {
        snprintf(our_ids[i], sizeof our_ids[i], "TEST-%u", i);
    }
}

static void say_all(unsigned process)
{
    char pad[256];

    for (unsigned n = 0; n < LINES; n++) {
        unsigned len = (n * 7 + process) % 200;
        memset(pad, 'a' + (int)process, len);
        pad[len] = '\0';
        log_info(our_ids[n % IDS], "process=%u n=%u pad=%s.", process, n, pad);
    }
}

static void say_together(void)
{
    pid_t child[PROCESSES];
    int status;

    make_ids();
    for (unsigned p = 0; p < PROCESSES; p++) {
        child[p] = fork();
        if (child[p] == 0) {
            say_all(p);
            _exit(log_suppressed_count() == 0 && log_failed_count() == 0 ? 0 : 1);
        }
    }
    for (unsigned p = 0; p < PROCESSES; p++) {
        if (child[p] < 0 || waitpid(child[p], &status, 0) != child[p] || status != 0) {
            _exit(3);
        }
    }
}

/* A line of say_all, whole to the last byte, is the next one of its process. */
static bool is_next_line(char *line, unsigned next[PROCESSES])
{
    unsigned process, n;
    char *message = strstr(line, "process=");

    if (message == NULL || line[0] != '2' ||
        sscanf(message, "process=%u n=%u pad=", &process, &n) != 2 || process >= PROCESSES ||
        n != next[process]) {
        return false;
    }
    char *pad = strstr(message, "pad=") + 4;
    size_t len = (n * 7 + process) % 200;
    char letter[2] = {(char)('a' + process), '\0'};
    next[process]++;
    return strspn(pad, letter) == len && strcmp(pad + len, ".") == 0;
}

static void processes_that_share_a_file_never_mix_their_lines(void)
{
    AUTO_FREE char *text = logged_by(say_together);
    unsigned next[PROCESSES] = {0};
    char *rest = text, *line;
    size_t wrong = 0, lines = 0;

    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        lines++;
        if (!is_next_line(line, next) && wrong++ < 5) {
            CHECK(false, "line %zu: <%s>", lines, line);
        }
    }
    CHECK(wrong == 0 && lines == PROCESSES * LINES, "%zu lines, %zu of them damaged", lines, wrong);
    for (unsigned p = 0; p < PROCESSES; p++) {
        CHECK(next[p] == LINES, "process %u lost lines after %u", p, next[p]);
    }
}

static void *say_as_thread(void *arg)
{
    unsigned thread = *(unsigned *)arg;

    for (unsigned n = 0; n < LINES / 4; n++) { /* each thread its own quarter of the ids */
        log_info(our_ids[thread * (IDS / 4) + n % (IDS / 4)], "thread=%u n=%u.", thread, n);
    }
    return NULL;
}

static void say_in_threads(void)
{
    pthread_t thread[4];
    unsigned number[4];

    make_ids();
    for (unsigned i = 0; i < 4; i++) {
        number[i] = i;
        if (pthread_create(&thread[i], NULL, say_as_thread, &number[i]) != 0) {
            _exit(3);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
    }
}

static void threads_never_mix_their_lines(void)
{
    AUTO_FREE char *text = logged_by(say_in_threads);
    unsigned next[4] = {0}, thread, n;
    char *rest = text, *line;
    size_t wrong = 0;

    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        char *message = strstr(line, "thread=");
        bool is_good = message != NULL && line[0] == '2' &&
                       sscanf(message, "thread=%u n=%u.", &thread, &n) == 2 && thread < 4 &&
                       n == next[thread]++ && line[strlen(line) - 1] == '.';
        wrong += !is_good;
    }
    CHECK(wrong == 0, "%zu damaged lines", wrong);
    CHECK(next[0] + next[1] + next[2] + next[3] == LINES, "no line is lost");
}

int main(void)
{
    dir = scratch_open();
    a_line_has_time_level_id_speaker_and_message();
    the_time_is_that_of_the_c_library();
    the_time_is_now();
    one_event_is_one_line_whatever_it_says();
    levels_have_names();
    lines_are_cut_at_the_limit_and_not_before();
    a_message_longer_than_any_buffer_is_cut();
    a_loud_id_is_held_back_and_the_count_reported();
    ids_past_the_table_share_a_limit();
    a_full_file_is_counted_and_damages_one_line();
    what_cannot_be_written_is_counted();
    a_handler_of_somebody_else_is_left();
    processes_that_share_a_file_never_mix_their_lines();
    threads_never_mix_their_lines();
    fd_close(&dir);
    return CHECK_RESULT();
}
