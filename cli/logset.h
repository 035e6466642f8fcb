/* The logs that patterns mean, as one stream of lines. */
#ifndef CELL_CLI_LOGSET_H
#define CELL_CLI_LOGSET_H

#include <stdint.h>

#include "cli/cli.h"
#include "cli/logfile.h"
#include "common/base/name.h"

struct cli_logset_source {
    struct cli_logfile file;
    char space[NAME_SIZE]; /* "" for the nucleus */
    char cell[NAME_SIZE];
    uint32_t instance;
    char label[NAME_REF_SIZE]; /* "greeter.0", "other/greeter.0", "nucleus" */
    const char *line;          /* read ahead, for merging; NULL: none now   */
    size_t len;
};

struct cli_logset {
    char dir[CLI_PATH_SIZE];
    const char *const *patterns; /* borrowed; none: everything */
    size_t pattern_count;
    bool follow;
    struct cli_logset_source **sources;
    size_t count;
    size_t room;
};

/* Whether `pattern` can mean a log: a reference, or one with *, ? and [ ]. */
bool cli_logset_pattern_ok(const char *pattern);

/* Open every log in $STATE/logs that a pattern means and that is not open yet. CLI_FAILED after
 * saying why; no log at all is no error here. */
int cli_logset_scan(struct cli *cli, struct cli_logset *set) MUST_CHECK;
void cli_logset_close(struct cli_logset *set);

/* The next line of all sources, by time (lines without one follow the line before them). NULL:
 * nothing now. Valid until the next call; *ret_len is its length. */
struct cli_logset_source *cli_logset_next(struct cli_logset *set, const char **ret, size_t *ret_len);

#endif
