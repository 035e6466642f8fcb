#include "cli/logfile.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    PATH_SIZE = 4096 + 8,
    SCANS_MAX = 8,  /* looks at the names until nothing moved meanwhile: a rotation takes microseconds */
    LATE_PARTS = 2, /* parts that were left but are still looked at for late lines */
};

struct cli_logfile_part {
    int fd;
    dev_t device;
    ino_t inode;
    off_t offset;  /* read so far */
    char *held;    /* read but not given yet; room is CLI_LOGFILE_LINE_MAX */
    size_t start;  /* of the next line in `held` */
    size_t len;
};

/* ---- finding parts -------------------------------------------------------------------------- */

static bool is_known(const struct cli_logfile *f, const struct stat *st)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->parts[i].device == st->st_dev && f->parts[i].inode == st->st_ino) {
            return true;
        }
    }
    return false;
}

/* Part number n of the log: 0 is the current file. -1 when there is none; errno says why. */
static int open_number(const struct cli_logfile *f, unsigned n, struct stat *ret)
{
    char path[PATH_SIZE];
    int len = n == 0 ? snprintf(path, sizeof path, "%s", f->path)
                     : snprintf(path, sizeof path, "%s.%u", f->path, n);

    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, ret) != 0 || !S_ISREG(ret->st_mode))) {
        fd_close(&fd);
        errno = EACCES; /* a pipe or device in its place is nobody's log */
    }
    return fd;
}

/* Unknown parts, newest first, into found[]. Reading the names from low to high while files only
 * move from low to high can show a part twice but never hide one. *ret_met: an already known part
 * ended the search, so nothing lies between it and what was found. */
static size_t scan(const struct cli_logfile *f, struct cli_logfile_part *found, bool *ret_met,
                   int *ret_errno)
{
    size_t count = 0;

    *ret_met = false;
    *ret_errno = 0;
    for (unsigned n = 0; n < CLI_LOGFILE_PARTS_MAX && !*ret_met; n++) {
        struct stat st;
        int fd = open_number(f, n, &st);

        if (fd < 0) {
            *ret_errno = n == 0 ? errno : *ret_errno;
            continue;
        }
        bool twice = count > 0 && found[count - 1].inode == st.st_ino &&
                     found[count - 1].device == st.st_dev;
        *ret_met = is_known(f, &st);
        if (twice || *ret_met) {
            fd_close(&fd);
        } else {
            found[count++] = (struct cli_logfile_part){.fd = fd, .device = st.st_dev,
                                                       .inode = st.st_ino};
        }
    }
    return count;
}

static void close_part(struct cli_logfile_part *part)
{
    fd_close(&part->fd);
    free(part->held);
    part->held = NULL;
}

/* The file that is the current one, or 0. */
static ino_t current(const struct cli_logfile *f)
{
    struct stat st;
    AUTO_FD int fd = open_number(f, 0, &st);

    return fd >= 0 ? st.st_ino : 0;
}

/* As scan, of one moment: two rotations during a look would show parts out of their order, and some again. */
static size_t scan_still(const struct cli_logfile *f, struct cli_logfile_part *found, bool *ret_met, int *ret_errno)
{
    for (int tries = 1;; tries++) {
        ino_t before = current(f);
        size_t count = scan(f, found, ret_met, ret_errno);

        if (tries == SCANS_MAX || current(f) == before) {
            return count;
        }
        while (count > 0) {
            close_part(&found[--count]);
        }
    }
}

/* Append parts that appeared since the last look. Returns the errno of the current file, 0 when it
 * is there. */
static int find_parts(struct cli_logfile *f)
{
    struct cli_logfile_part found[CLI_LOGFILE_PARTS_MAX];
    bool met;
    int error;
    size_t count = scan_still(f, found, &met, &error);

    f->lost = f->lost || (count > 0 && f->count > 0 && !met);
    while (count > 0) {
        struct cli_logfile_part *part = &found[--count];

        if (f->count == CLI_LOGFILE_PARTS_MAX) {
            close_part(part); /* more unread parts than can be kept */
            f->lost = true;
        } else {
            f->parts[f->count++] = *part;
        }
    }
    return error;
}

enum err cli_logfile_open(struct cli_logfile *f, const char *path, bool follow)
{
    *f = (struct cli_logfile){.follow = follow};
    f->path = strdup(path);
    f->parts = calloc(CLI_LOGFILE_PARTS_MAX, sizeof *f->parts);
    if (f->path == NULL || f->parts == NULL) {
        return ERR_NOMEM;
    }
    int error = find_parts(f);
    if (f->count == 0) {
        return err_from_errno(error != 0 ? error : ENOENT);
    }
    return ERR_OK;
}

void cli_logfile_close(struct cli_logfile *f)
{
    for (size_t i = 0; i < f->count; i++) {
        close_part(&f->parts[i]);
    }
    free(f->parts);
    free(f->path);
    *f = (struct cli_logfile){0};
}

/* ---- reading -------------------------------------------------------------------------------- */

/* Read more of a part behind what is held. Returns the bytes read; 0: nothing there now. */
static size_t fill(struct cli_logfile_part *part)
{
    struct stat st;

    if (part->held == NULL && (part->held = malloc(CLI_LOGFILE_LINE_MAX)) == NULL) {
        return 0;
    }
    if (part->start > 0) {
        memmove(part->held, part->held + part->start, part->len - part->start);
        part->len -= part->start;
        part->start = 0;
    }
    if (part->len == CLI_LOGFILE_LINE_MAX) {
        return 0;
    }
    ssize_t got = pread(part->fd, part->held + part->len, CLI_LOGFILE_LINE_MAX - part->len,
                        part->offset);
    if (got == 0 && fstat(part->fd, &st) == 0 && st.st_size < part->offset) {
        part->offset = 0; /* somebody emptied it: start over */
        got = pread(part->fd, part->held + part->len, CLI_LOGFILE_LINE_MAX - part->len, 0);
    }
    if (got <= 0) {
        return 0;
    }
    part->offset += got;
    part->len += (size_t)got;
    return (size_t)got;
}

/* A line that is held whole. */
static bool held_line(struct cli_logfile_part *part, const char **ret, size_t *ret_len)
{
    size_t size = part->len - part->start;
    const char *from = part->held + part->start;
    const char *end = size > 0 ? memchr(from, '\n', size) : NULL;

    if (end != NULL) {
        *ret = from;
        *ret_len = (size_t)(end - from);
        part->start += *ret_len + 1;
        return true;
    }
    if (size == CLI_LOGFILE_LINE_MAX) {
        *ret = from;
        *ret_len = size;
        part->start += size;
        return true;
    }
    return false;
}

static bool part_line(struct cli_logfile_part *part, const char **ret, size_t *ret_len)
{
    do {
        if (held_line(part, ret, ret_len)) {
            return true;
        }
    } while (fill(part) > 0);
    return false;
}

/* What is left of a part that will not grow: a line that was never finished. */
static bool rest(struct cli_logfile_part *part, const char **ret, size_t *ret_len)
{
    if (part->len == part->start) {
        return false;
    }
    *ret = part->held + part->start;
    *ret_len = part->len - part->start;
    part->start = part->len;
    return true;
}

static bool has_content(const struct cli_logfile_part *part)
{
    struct stat st;

    return fstat(part->fd, &st) == 0 && st.st_size > 0;
}

/* A part that was left may still get a line from a process that kept the old descriptor. */
static bool late_line(struct cli_logfile *f, const char **ret, size_t *ret_len)
{
    for (size_t i = 0; i < f->now; i++) {
        if (part_line(&f->parts[i], ret, ret_len)) {
            return true;
        }
    }
    return false;
}

/* Whether the part after this one can be begun. Asked before this one is read for the last time. */
static bool may_leave(struct cli_logfile *f)
{
    if (f->now + 1 == f->count && f->follow) {
        (void)find_parts(f);
    }
    if (f->now + 1 >= f->count) {
        return false;
    }
    return !f->follow || f->now + 2 < f->count || has_content(&f->parts[f->now + 1]);
}

static void leave_part(struct cli_logfile *f)
{
    if (f->now == LATE_PARTS) {
        close_part(&f->parts[0]);
        memmove(f->parts, f->parts + 1, (f->count - 1) * sizeof *f->parts);
        f->count--;
    } else {
        f->now++;
    }
}

static bool is_time(const char *line, size_t len)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";

    if (len < CLI_LOGFILE_TIME_LEN) {
        return false;
    }
    for (size_t i = 0; i < CLI_LOGFILE_TIME_LEN; i++) {
        bool fits = shape[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == shape[i];

        if (!fits) {
            return false;
        }
    }
    return true;
}

static bool next_line(struct cli_logfile *f, const char **ret, size_t *ret_len)
{
    while (true) {
        struct cli_logfile_part *part = &f->parts[f->now];

        if (part_line(part, ret, ret_len)) {
            return true;
        }
        if (!may_leave(f)) {
            return (f->follow && late_line(f, ret, ret_len)) ||
                   (!f->follow && rest(part, ret, ret_len));
        }
        part = &f->parts[f->now]; /* may_leave may have moved the table */
        if (part_line(part, ret, ret_len) || rest(part, ret, ret_len)) {
            return true;
        }
        leave_part(f);
    }
}

bool cli_logfile_next(struct cli_logfile *f, const char **ret, size_t *ret_len)
{
    if (f->count == 0 || !next_line(f, ret, ret_len)) {
        return false;
    }
    if (is_time(*ret, *ret_len)) {
        memcpy(f->time, *ret, CLI_LOGFILE_TIME_LEN);
        f->time[CLI_LOGFILE_TIME_LEN] = '\0';
    }
    assert(f->now < f->count);
    return true;
}
