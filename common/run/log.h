/* Structured log: one line per event on stderr, "time level ID cell key=value …".
 *
 *   log_warn("RAFT-VOTE-STALE", "peer=%s term=%" PRIu64, peer, term);
 *
 * A line is written with one write(2), so lines of processes that share a file never mix. Each id
 * may speak 100 times a second; what is held back is counted and reported when it speaks again.
 * error: cannot do what was promised; warn: tolerated, says what happens instead; info: life
 * events; debug: state changes and messages. */
#ifndef CELL_COMMON_RUN_LOG_H
#define CELL_COMMON_RUN_LOG_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG,
};

enum {
    LOG_LINE_MAX = 4096,   /* bytes; longer lines are cut and end in "…cut" */
    LOG_IDS_MAX = 256,     /* distinct ids limited separately; further ones share a limit */
    LOG_RATE_PER_S = 100,  /* lines a second and id                         */
};

/* Who speaks; kept by copy. Before this call lines carry "-". Also ignores SIGXFSZ and SIGPIPE
 * where nobody handles them: a full or closed log is counted, not deadly. */
void log_init(const char *space, const char *cell, uint32_t instance);

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* "error", "warn", "info", "debug"; ERR_MALFORMED otherwise. */
enum err log_level_parse(const char *text, enum log_level *ret) MUST_CHECK;
const char *log_level_name(enum log_level level);

/* Use the macros. `id` is a literal (kept, not copied). Control characters and what is not UTF-8
 * become \xNN, so a line is always one line; a stranger's text inside quotes goes through
 * bytes_text_add_escaped first. Keeps errno. Safe from any thread; not from a signal handler. Never
 * waits for a reader: what cannot be written at once is dropped and counted. */
void log_write(enum log_level level, const char *id, const char *format, ...) PRINTF_LIKE(3, 4);

#define log_error(id, ...) log_write(LOG_ERROR, id, __VA_ARGS__)
#define log_warn(id, ...) log_write(LOG_WARN, id, __VA_ARGS__)
#define log_info(id, ...) log_write(LOG_INFO, id, __VA_ARGS__)
#define log_debug(id, ...) log_write(LOG_DEBUG, id, __VA_ARGS__)

/* Lines held back since start by the rate limit, and lines that could not be written. */
uint64_t log_suppressed_count(void);
uint64_t log_failed_count(void);

#endif
