#include "common/run/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/name.h"
#include "common/base/rate.h"

enum {
    LOG_FD = STDERR_FILENO,
    LOG_TAIL_SIZE = 48, /* " suppressed=" and 20 digits, line end, terminator */
};

/* U+2026 and a word, so that a reader and a program both see it. */
static const char cut_mark[] = "\xe2\x80\xa6" "cut";

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

struct speaker {
    const char *id; /* a literal: kept, not copied; NULL: free */
    struct rate rate;
};

/* The lock covers the fields before the atomics and is held for a table lookup only, never while
 * formatting or writing. */
static struct {
    pthread_mutex_t lock;
    char who[2 * NAME_SIZE + 16];
    struct speaker speakers[LOG_IDS_MAX];
    struct rate others; /* shared by ids past LOG_IDS_MAX: still limited, together */
    atomic_int level;
    atomic_bool is_torn; /* the last line was written in part */
    _Atomic uint64_t suppressed;
    _Atomic uint64_t failed;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .who = "-", .level = LOG_INFO};

/* A full log file (RLIMIT_FSIZE) or a reader that left must be an error of write(2), which is
 * counted, and not the end of the process. A handler that somebody else installed is left. */
static void survive(int signal_number)
{
    struct sigaction now;
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    if (sigaction(signal_number, NULL, &now) == 0 && now.sa_handler == SIG_DFL) {
        (void)sigaction(signal_number, &ignore, NULL); /* only a wrong number can fail */
    }
}

void log_init(const char *space, const char *cell, uint32_t instance)
{
    struct bytes_text who;

    survive(SIGXFSZ);
    survive(SIGPIPE);
    pthread_mutex_lock(&state.lock);
    bytes_text_init(&who, state.who, sizeof state.who);
    bytes_text_add(&who, "%s/%s.%" PRIu32, space, cell, instance);
    pthread_mutex_unlock(&state.lock);
}

void log_set_level(enum log_level level)
{
    assert((unsigned)level < ARRAY_LEN(level_names));
    atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&state.level, memory_order_relaxed);
}

enum err log_level_parse(const char *text, enum log_level *ret)
{
    for (size_t i = 0; text != NULL && i < ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return ERR_OK;
        }
    }
    return ERR_MALFORMED;
}

const char *log_level_name(enum log_level level)
{
    assert((unsigned)level < ARRAY_LEN(level_names));
    return level_names[level];
}

uint64_t log_suppressed_count(void)
{
    return atomic_load_explicit(&state.suppressed, memory_order_relaxed);
}

uint64_t log_failed_count(void)
{
    return atomic_load_explicit(&state.failed, memory_order_relaxed);
}

/* FNV-1a (Fowler, Noll, Vo): ids are ours, nobody can aim collisions at the table. */
static uint32_t hash(const char *id)
{
    uint32_t h = UINT32_C(2166136261);

    for (; *id != '\0'; id++) {
        h = (h ^ (uint8_t)*id) * UINT32_C(16777619);
    }
    return h;
}

/* The rate of this id; the lock is held. */
static struct rate *find_rate(const char *id)
{
    uint32_t first = hash(id);

    for (uint32_t i = 0; i < LOG_IDS_MAX; i++) {
        struct speaker *s = &state.speakers[(first + i) % LOG_IDS_MAX];
        if (s->id == NULL) {
            s->id = id;
        }
        if (s->id == id || strcmp(s->id, id) == 0) {
            return &s->rate;
        }
    }
    return &state.others;
}

static uint64_t now_us(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts) != 0) {
        return 0; /* these two clocks always exist */
    }
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* Whether `id` may speak now; also copies who speaks. */
static bool take_turn(const char *id, char who[sizeof state.who], uint64_t *ret_held)
{
    pthread_mutex_lock(&state.lock);
    bool may = rate_pass(find_rate(id), LOG_RATE_PER_S, 1000000, now_us(CLOCK_MONOTONIC), ret_held);
    if (may) {
        memcpy(who, state.who, sizeof state.who);
    }
    pthread_mutex_unlock(&state.lock);
    if (!may) {
        atomic_fetch_add_explicit(&state.suppressed, 1, memory_order_relaxed);
    }
    return may;
}

/* RFC 3339 in UTC. Not gmtime_r: it takes the time zone lock and opens /etc/localtime, which is
 * over once a process has closed its doors. The calendar starts its years in March, so that the
 * leap day is the last of the year. */
static void add_time(struct bytes_text *line, uint64_t us)
{
    uint64_t second = us / 1000000;
    uint64_t of_day = second % 86400;
    uint64_t day = second / 86400 + 719468; /* since 1 March of year 0 */
    uint64_t era = day / 146097;            /* of 400 years            */
    uint64_t of_era = day % 146097;
    uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * of_year + 2) / 153; /* 0: March */
    uint64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    bool is_next_year = month >= 10;

    bytes_text_add(line, "%04" PRIu64 "-%02" PRIu64 "-%02" PRIu64 "T%02" PRIu64 ":%02" PRIu64
                   ":%02" PRIu64 ".%06" PRIu64 "Z", 400 * era + year + is_next_year,
                   is_next_year ? month - 9 : month + 3, of_month, of_day / 3600,
                   of_day / 60 % 60, of_day % 60, us % 1000000);
}

struct record {
    enum log_level level;
    const char *id;
    const char *who;
    const char *message; /* formatted, not yet escaped */
    uint64_t time_us;
    bool is_cut; /* the message is only the start of it */
};

/* Everything before the tail into `line`. False: it did not fit. */
static bool add_body(struct bytes_text *line, const struct record *r)
{
    add_time(line, r->time_us);
    bytes_text_add(line, " %s %s %s ", level_names[r->level], r->id, r->who);
    /* The quotes of key="…" are the format's own and stay. */
    bytes_text_add_printable(line, r->message, strlen(r->message));
    return !line->cut && !r->is_cut;
}

/* Compose the whole line, its '\n' included, in out; returns its length, at most LOG_LINE_MAX. */
static size_t compose(const struct record *r, uint64_t held, char out[LOG_LINE_MAX + 1])
{
    char tail[LOG_TAIL_SIZE] = "\n";
    struct bytes_text line;

    if (held > 0) {
        snprintf(tail, sizeof tail, " suppressed=%" PRIu64 "\n", held);
    }
    size_t room = LOG_LINE_MAX - strlen(tail);
    bytes_text_init(&line, out, room + 1);
    if (!add_body(&line, r)) {
        bytes_text_init(&line, out, room + 1 - strlen(cut_mark));
        (void)add_body(&line, r); /* known not to fit: this time with room for the mark */
        memcpy(out + line.len, cut_mark, strlen(cut_mark));
        line.len += strlen(cut_mark);
    }
    memcpy(out + line.len, tail, strlen(tail) + 1);
    return line.len + strlen(tail);
}

/* One write(2): the kernel appends it in one piece, so lines of processes that share the file
 * stay whole. The rest of a short write is not written later (another line may already follow);
 * the next line of this process starts with a line end instead, so only one record is damaged. */
static void emit(char *line, size_t len)
{
    ssize_t put;
    bool was_torn = atomic_exchange(&state.is_torn, false);
    char *start = was_torn ? line : line + 1; /* line[0] is '\n' */

    len = was_torn ? len + 1 : len;
    do {
        put = write(LOG_FD, start, len);
    } while (put < 0 && errno == EINTR);
    if (put == (ssize_t)len) {
        return;
    }
    atomic_fetch_add_explicit(&state.failed, 1, memory_order_relaxed);
    if (put > 0 || was_torn) {
        atomic_store(&state.is_torn, true);
    }
}

void log_write(enum log_level level, const char *id, const char *format, ...)
{
    char who[sizeof state.who], message[LOG_LINE_MAX], line[1 + LOG_LINE_MAX + 1];
    uint64_t held;
    va_list args;
    int kept = errno; /* a caller may log before it looks at errno */

    assert((unsigned)level < ARRAY_LEN(level_names));
    assert(id != NULL && id[0] != '\0');
    if (level > log_get_level() || !take_turn(id, who, &held)) {
        return;
    }
    struct bytes_text text;
    bytes_text_init(&text, message, sizeof message);
    va_start(args, format);
    errno = kept; /* %m */
    bytes_text_addv(&text, format, args);
    va_end(args);
    struct record r = {.level = level, .id = id, .who = who, .message = message,
                       .time_us = now_us(CLOCK_REALTIME), .is_cut = text.cut};
    line[0] = '\n';
    emit(line, compose(&r, held, line + 1));
    errno = kept;
}
