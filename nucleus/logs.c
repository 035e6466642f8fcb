/* Log files. A cell writes its lines straight into an append-only file that it was handed as
 * descriptors 1 and 2: no process stands between, so none can lose, mix or slow them, and a nucleus
 * crash concerns no log. Rotation: rename, make a new file, hand it over the junction. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/exits.h"
#include "nucleus/junction.h"
#include "nucleus/logs.h"
#include "nucleus/rest.h"

enum {
    LOGS_TAIL_BYTES = 8192, /* at most, of the end of a file */
    LOGS_EVENTS = 4096,     /* bytes of events told apart at a look, about a hundred: looking at every
                             * file costs less than more of them */
    LOGS_EVENT_MAX = sizeof(struct inotify_event) + NAME_MAX + 1,
};

static void path_of(const struct shell *s, const char *space, const char *cell, uint32_t instance,
                    char out[LOGS_PATH])
{
    (void)snprintf(out, LOGS_PATH, "%s/logs/%s.%s.%" PRIu32 ".log", s->state_dir, space, cell,
                   instance);
}

void logs_path(const struct shell *s, const struct node_instance *i, char out[LOGS_PATH])
{
    path_of(s, i->space, i->name, i->instance, out);
}

enum err logs_open_file(struct shell *s, const char *space, const char *cell, uint32_t instance,
                        int *ret_fd)
{
    char path[LOGS_PATH];

    path_of(s, space, cell, instance, path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    *ret_fd = fd;
    return ERR_OK;
}

/* log.3 becomes log.4, …, log becomes log.1; the oldest goes. */
static enum err shift(const char *path, uint32_t files)
{
    char from[LOGS_PATH + 16], to[LOGS_PATH + 16];

    for (uint32_t i = files; i > 0; i--) {
        if (i == 1) {
            (void)snprintf(from, sizeof from, "%s", path);
        } else {
            (void)snprintf(from, sizeof from, "%s.%" PRIu32, path, i - 1);
        }
        (void)snprintf(to, sizeof to, "%s.%" PRIu32, path, i);
        if (rename(from, to) != 0 && errno != ENOENT) {
            return err_from_errno(errno);
        }
    }
    return ERR_OK;
}

static void offer(struct shell_slot *slot)
{
    Cell__Gap__LogFile file = CELL__GAP__LOG_FILE__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;

    file.sequence = ++slot->process.log_sequence;
    message.what_case = CELL__GAP__TO_CELL__WHAT_LOG_FILE;
    message.log_file = &file;
    slot->log_is_offered = junction_say(slot, &message, &slot->log_fd, 1) == ERR_OK;
    if (!slot->log_is_offered) {
        fd_close(&slot->log_fd);
    }
}

static void rotate(struct shell_slot *slot, const struct node_instance *i,
                   const struct manifest_cell *c)
{
    char path[LOGS_PATH];

    path_of(slot->shell, i->space, i->name, i->instance, path);
    enum err e = shift(path, c->limits.log_files);
    if (e == ERR_OK) {
        e = logs_open_file(slot->shell, i->space, i->name, i->instance, &slot->log_fd);
    }
    if (e == ERR_OK) {
        offer(slot);
    } else if (slot->log_failures++ == 0) {
        log_error("NUCLEUS-ROTATE", "cell=%s/%s.%" PRIu32 " error=%s action=file-grows-on", i->space,
                  i->name, i->instance, err_name(e));
    }
}

/* A cell that was offered a new file and writes on into the old one, past everything it may keep,
 * fills the disk: it is ended. (One that is only hung is found by its heartbeat.) */
static void check_refusal(struct shell_slot *slot, const struct node_instance *i,
                          const struct manifest_cell *c)
{
    char path[LOGS_PATH + 8];
    struct stat facts;

    logs_path(slot->shell, i, path);
    (void)strcat(path, ".1");
    if (stat(path, &facts) == 0 &&
        (uint64_t)facts.st_size > c->limits.log_bytes * (c->limits.log_files + 1)) {
        log_error("NUCLEUS-LOG-REFUSED", "cell=%s/%s.%" PRIu32 " bytes=%" PRIu64 " action=killed",
                  i->space, i->name, i->instance, (uint64_t)facts.st_size);
        exits_signal(slot, SIGKILL);
    }
}

static void check_one(struct shell *s, uint32_t index)
{
    struct shell_slot *slot = s->slots[index];
    const struct node_instance *i = node_at(s->node, index);
    char path[LOGS_PATH];
    struct stat facts;

    if (i == NULL || slot == NULL || slot->gap_fd < 0 || slot->gap_state < GAP_BOOTING ||
        i->cell >= s->manifest.cell_count || s->manifest.cells[i->cell].trivial) {
        return;
    }
    if (slot->log_is_offered) {
        check_refusal(slot, i, &s->manifest.cells[i->cell]);
        return;
    }
    path_of(s, i->space, i->name, i->instance, path);
    if (stat(path, &facts) == 0 &&
        (uint64_t)facts.st_size > s->manifest.cells[i->cell].limits.log_bytes) {
        rotate(slot, i, &s->manifest.cells[i->cell]);
    }
}

/* ---- who has written ---------------------------------------------------------------------------- */

/* The first line wakes us once; the lines that follow until the look are read with it. */
static void on_written(void *context, unsigned bits)
{
    struct shell *s = context;

    (void)bits;
    loop_watch_want(s->logs_watch, 0);
    rest_soon(s);
}

void logs_open(struct shell *s)
{
    char path[LOGS_PATH];

    (void)snprintf(path, sizeof path, "%s/logs", s->state_dir);
    s->logs_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s->logs_fd < 0 || inotify_add_watch(s->logs_fd, path, IN_MODIFY | IN_ONLYDIR) < 0) {
        log_warn("NUCLEUS-LOGS-UNWATCHED", "errno=%d action=looking-at-every-file", errno);
        fd_close(&s->logs_fd);
    } else {
        s->logs_watch = loop_watch_new(host_loop(s->cell), s->logs_fd, 0, on_written, s);
    }
    s->logs_are_known = false;
    rest_soon(s);
}

void logs_close(struct shell *s)
{
    loop_watch_free(s->logs_watch);
    s->logs_watch = NULL;
    fd_close(&s->logs_fd);
}

bool logs_wait(struct shell *s)
{
    if (s->logs_watch != NULL) {
        loop_watch_want(s->logs_watch, LOOP_READ);
    }
    return s->logs_watch != NULL;
}

/* The instance whose file this is, the one in use or an older one. */
static void check_named(struct shell *s, const char *file)
{
    char space[NAME_SIZE], cell[NAME_SIZE];
    uint32_t instance;

    if (sscanf(file, "%64[a-z0-9_-].%64[a-z0-9_-].%" SCNu32 ".log", space, cell, &instance) == 3) {
        int32_t index = node_find(s->node, space, cell, instance);
        if (index >= 0) {
            check_one(s, (uint32_t)index);
        }
    }
}

/* False: there were too many to tell apart, or the kernel has lost some. */
static bool check_events(struct shell *s, const char *events, size_t size)
{
    if (size > LOGS_EVENTS - LOGS_EVENT_MAX) {
        return false;
    }
    for (size_t at = 0; at < size;) {
        const struct inotify_event *event = (const void *)(events + at);
        if ((event->mask & IN_Q_OVERFLOW) != 0) {
            return false;
        }
        check_named(s, event->len > 0 ? event->name : "");
        at += sizeof *event + event->len;
    }
    return true;
}

bool logs_check(struct shell *s)
{
    _Alignas(struct inotify_event) char events[LOGS_EVENTS];
    ssize_t got = s->logs_fd < 0 ? -1 : read(s->logs_fd, events, sizeof events);

    if (s->logs_are_known && s->logs_fd >= 0 && check_events(s, events, got > 0 ? (size_t)got : 0)) {
        return got > 0;
    }
    while (got > 0) {
        got = read(s->logs_fd, events, sizeof events);
    }
    s->logs_are_known = true; /* what was written before anybody watched is seen now */
    for (uint32_t k = 0; k < node_slots(s->node); k++) {
        check_one(s, k);
    }
    return true;
}

void logs_taken(struct shell_slot *slot, uint64_t sequence)
{
    if (slot->log_is_offered && sequence == slot->process.log_sequence) {
        slot->log_is_offered = false;
        fd_close(&slot->log_fd);
    }
}

enum err logs_tail(const struct shell *s, const struct node_instance *i, size_t lines, char **ret)
{
    char path[LOGS_PATH];
    struct stat facts;

    path_of(s, i->space, i->name, i->instance, path);
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        return err_from_errno(errno);
    }
    AUTO_FREE char *text = calloc(1, LOGS_TAIL_BYTES + 1);
    if (text == NULL) {
        return ERR_NOMEM;
    }
    off_t from = facts.st_size > LOGS_TAIL_BYTES ? facts.st_size - LOGS_TAIL_BYTES : 0;
    ssize_t len = pread(fd, text, LOGS_TAIL_BYTES, from);
    if (len < 0) {
        return err_from_errno(errno);
    }
    while (len > 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }
    char *start = text + len;
    for (size_t found = 0; start > text; start--) {
        if (start[-1] == '\n' && ++found == lines) {
            break;
        }
    }
    char *tail = strdup(start);
    if (tail == NULL) {
        return ERR_NOMEM;
    }
    *ret = tail;
    return ERR_OK;
}
