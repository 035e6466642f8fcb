/* One instance's log, read line by line across its rotations: NAME.log is written, older parts are
 * NAME.log.1 (newest) to NAME.log.64. A part is known by its inode, not by its name, so a rename
 * while it is being read costs no line.
 *
 * Order: a cell writes through one descriptor, which is moved from the old file to the new one in
 * one step. So when the new file has its first byte, the old one has its last: a part is left only
 * when its successor has content and it is read to its end after that was seen. */
#ifndef CELL_CLI_LOGFILE_H
#define CELL_CLI_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CLI_LOGFILE_PARTS_MAX = 65,         /* a manifest keeps at most 64 old ones          */
    CLI_LOGFILE_LINE_MAX = 64 * 1024,   /* bytes; a longer line is given in pieces       */
    CLI_LOGFILE_TIME_LEN = 27,          /* "2024-01-31T23:59:59.123456Z", as in log.h    */
};

struct cli_logfile_part;

struct cli_logfile {
    char *path;
    struct cli_logfile_part *parts; /* oldest first */
    size_t count;
    size_t now;   /* index of the part being read */
    bool follow;  /* look for new parts at the end */
    bool lost;    /* parts were rotated away unread since this was last cleared */
    char time[CLI_LOGFILE_TIME_LEN + 1]; /* of the last line that had one; "" before it */
};

/* Open all parts of the log at `path` (the current file's name). ERR_NOT_FOUND: there is none;
 * ERR_DENIED …; ERR_NOMEM. `f` may be closed after any result. */
enum err cli_logfile_open(struct cli_logfile *f, const char *path, bool follow) MUST_CHECK;
void cli_logfile_close(struct cli_logfile *f);

/* The next line without its end. true: *ret[0..*ret_len) is valid until the next call, and f->time
 * is its time or that of the last line before it that had one. false: nothing more now. When
 * following, an unfinished line is held back until its end is there. */
bool cli_logfile_next(struct cli_logfile *f, const char **ret, size_t *ret_len);

#endif
