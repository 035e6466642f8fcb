/* After a nucleus crash: adopt every cell that lives, without restarting any, and end what nobody
 * recorded. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/exits.h"
#include "nucleus/look.h"
#include "nucleus/recover.h"
#include "nucleus/shields.h"

struct recovery {
    struct shell *shell;
    struct ledger_record *records;
    uint32_t *slots; /* of each record, in the ledger and in the core */
    size_t count;
};

static void keep(void *context, uint32_t slot, const struct ledger_record *record)
{
    struct recovery *r = context;

    if (r->count < NODE_INSTANCES_MAX) {
        r->slots[r->count] = slot;
        r->records[r->count++] = *record;
    }
}

/* A pidfd of the recorded process, or -1: it is gone. The start time is compared after the pidfd
 * is open: what it holds then can no longer be recycled. */
static int open_recorded(const struct ledger_process *p)
{
    uint64_t ticks;
    char state;
    AUTO_FD int fd = p->pid <= 0 ? -1 : (int)syscall(SYS_pidfd_open, p->pid, 0);

    if (fd < 0 || look_start_ticks(p->pid, &ticks, &state) != ERR_OK || ticks != p->start_ticks) {
        return -1;
    }
    return fd_take(&fd);
}

static void fill_slot(struct shell *s, uint32_t index, const struct ledger_record *record, int pidfd)
{
    struct shell_slot *slot = calloc(1, sizeof *slot);
    int fd = pidfd;

    if (slot == NULL) {
        fd_close(&fd);
        return; /* the core believes it alive; its beats stay out and it is restarted */
    }
    *slot = (struct shell_slot){.shell = s, .slot = index, .process = record->process,
                                .generation = record->instance.generation, .pidfd = pidfd,
                                .gap_fd = -1, .log_fd = -1, .mounts_fd = -1};
    s->slots[index] = slot;
    if (slot->process.pid <= 0) {
        return;
    }
    if (pidfd >= 0) {
        cgroup_of(slot->process.pid, slot->group);
    }
    /* What ended while nobody watched is adopted too: how it ended is told by the guard that reaped
     * it, in a moment, and judged like any other end. */
    enum err e = pidfd >= 0 ? exits_watch(slot) : exits_expect(slot);
    if (e != ERR_OK) {
        log_error("NUCLEUS-ADOPT-WATCH", "pid=%" PRId32 " error=%s", slot->process.pid, err_name(e));
    }
}

static void adopt_one(struct shell *s, uint32_t slot, struct ledger_record *record)
{
    struct node_event ev = {.kind = NODE_EV_ADOPT, .now_ms = loop_now_ms(), .slot = slot,
                            .adopt = &record->instance};
    int pidfd = open_recorded(&record->process);

    record->instance.is_alive = record->process.pid > 0;
    enum err e = node_step(s->node, &ev, &s->fx);
    if (e != ERR_OK) {
        log_error("NUCLEUS-ADOPT-REFUSED", "cell=%s/%s.%" PRIu32 " error=%s action=ended",
                  record->instance.space, record->instance.name, record->instance.instance,
                  err_name(e));
        if (pidfd >= 0) {
            (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
            fd_close(&pidfd);
        }
        return;
    }
    fill_slot(s, slot, record, pidfd);
    log_info("NUCLEUS-ADOPT", "cell=%s/%s.%" PRIu32 " pid=%" PRId32 " alive=%d state=%s",
             record->instance.space, record->instance.name, record->instance.instance,
             record->process.pid, pidfd >= 0, node_state_name(record->instance.state));
}

static bool is_recorded(const struct recovery *r, int32_t pid)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->records[i].process.pid == pid) {
            return true;
        }
    }
    return false;
}

/* Parent of a process, from /proc/<pid>/stat; -1: gone. */
static int32_t parent_of(int32_t pid)
{
    char path[64];
    AUTO_FREE char *text = NULL;
    size_t len;
    int32_t parent = -1;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/stat", pid);
    if (fd_read_file(AT_FDCWD, path, 4096, &text, &len) != ERR_OK) {
        return -1;
    }
    const char *after = strrchr(text, ')');
    if (after == NULL || sscanf(after + 1, " %*c %" SCNd32, &parent) != 1) {
        return -1;
    }
    return parent;
}

static void end_if_unrecorded(struct shell *s, const struct recovery *r, int32_t pid)
{
    if (pid <= 0 || pid == getpid() || is_recorded(r, pid) || parent_of(pid) != s->guard_pid) {
        return;
    }
    if (shields_is_keeper(pid)) {
        (void)shields_adopt(s, pid); /* one of a cell that is gone ends by itself */
        return;
    }
    AUTO_FD int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0 && parent_of(pid) == s->guard_pid) {
        log_warn("NUCLEUS-UNRECORDED", "pid=%" PRId32 " action=killed", pid);
        (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
    }
}

/* The guard's children as the kernel lists them. Fails where it has no such list. */
static enum err read_children(const struct shell *s, char **ret)
{
    enum {
        LIST_MAX = NODE_INSTANCES_MAX * 12 + 4096, /* bytes: a pid and a blank each, orphans of cells */
        READINGS = 16
    };
    AUTO_FREE char *before = NULL;
    char path[64];
    size_t len;

    (void)snprintf(path, sizeof path, "/proc/%" PRId32 "/task/%" PRId32 "/children", s->guard_pid,
                   s->guard_pid);
    for (int i = 0; i < READINGS; i++) {
        char *now = NULL;
        enum err e = fd_read_file(AT_FDCWD, path, LIST_MAX, &now, &len);
        if (e != ERR_OK) {
            return e;
        }
        /* The list may skip one whose neighbour ends while it is read: believe it when it stays. */
        if (before != NULL && strcmp(before, now) == 0) {
            *ret = now;
            return ERR_OK;
        }
        free(before);
        before = now;
    }
    return ERR_UNAVAILABLE;
}

static void scan_everything(struct shell *s, const struct recovery *r)
{
    DIR *proc = opendir("/proc");

    for (struct dirent *entry = proc == NULL ? NULL : readdir(proc); entry != NULL;
         entry = readdir(proc)) {
        end_if_unrecorded(s, r, (int32_t)strtol(entry->d_name, NULL, 10));
    }
    if (proc != NULL) {
        (void)closedir(proc);
    }
}

/* Children of the guard that no record names: started by a nucleus that died before it wrote the
 * pid. They have no Genesis, so they serve nobody; what runs without a runtime must not run on. */
static void end_unrecorded(struct shell *s, const struct recovery *r)
{
    AUTO_FREE char *list = NULL;
    char *save = NULL;

    if (read_children(s, &list) != ERR_OK) {
        scan_everything(s, r);
        return;
    }
    for (char *pid = strtok_r(list, " \n", &save); pid != NULL; pid = strtok_r(NULL, " \n", &save)) {
        end_if_unrecorded(s, r, (int32_t)strtol(pid, NULL, 10));
    }
}

static enum err adopt_scales(struct shell *s)
{
    AUTO_FREE struct node_scale *list = NULL;
    size_t count;
    enum err e = ledger_get_scales(&s->ledger, &list, &count);

    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        struct node_event ev = {.kind = NODE_EV_ADOPT_SCALE, .now_ms = loop_now_ms(),
                                .scale = &list[i]};
        e = node_step(s->node, &ev, &s->fx);
    }
    if (e != ERR_OK) { /* the manifest's own numbers are a safe answer */
        log_error("NUCLEUS-SCALES", "error=%s action=manifest-numbers", err_name(e));
    }
    return ERR_OK;
}

enum err recover_adopt(struct shell *s)
{
    struct recovery r = {.shell = s};
    uint32_t damaged = 0;
    AUTO_FREE struct ledger_record *records = calloc(NODE_INSTANCES_MAX, sizeof *records);
    AUTO_FREE uint32_t *slots = calloc(NODE_INSTANCES_MAX, sizeof *slots);
    uint64_t seed;

    if (records == NULL || slots == NULL) {
        return ERR_NOMEM;
    }
    r.records = records;
    r.slots = slots;
    enum err e = ledger_read(&s->ledger, keep, &r, &damaged);
    if (e != ERR_OK) {
        return e;
    }
    if (damaged > 0) {
        log_error("NUCLEUS-LEDGER-DAMAGED", "records=%" PRIu32 " action=their-processes-are-ended",
                  damaged);
    }
    randombytes_buf(&seed, sizeof seed);
    s->node = node_new(s->ledger.generation + 1, seed);
    if (s->node == NULL) {
        return ERR_NOMEM;
    }
    if (!s->is_recovery) {
        return ERR_OK;
    }
    for (size_t i = 0; i < r.count; i++) {
        adopt_one(s, r.slots[i], &r.records[i]);
    }
    end_unrecorded(s, &r);
    explicit_bzero(records, r.count * sizeof *records); /* tokens; the rest was never touched */
    e = adopt_scales(s);
    if (e == ERR_OK && ledger_is_down(&s->ledger)) {
        struct node_event ev = {.kind = NODE_EV_DOWN, .now_ms = loop_now_ms()};
        e = node_step(s->node, &ev, &s->fx);
    }
    return e;
}

void recover_end_left(const char *dir)
{
    struct recovery r = {.shell = NULL};
    AUTO_FREE struct ledger_record *records = calloc(NODE_INSTANCES_MAX, sizeof *records);
    AUTO_FREE uint32_t *slots = calloc(NODE_INSTANCES_MAX, sizeof *slots);
    uint64_t end_ms = loop_now_ms() + RECOVER_LEFT_MS;
    struct ledger left;
    uint32_t damaged;
    const char *why;

    if (records == NULL || slots == NULL || ledger_open(&left, dir, false, &why) != ERR_OK) {
        return; /* opening it anew fails as well, and says why */
    }
    r.records = records;
    r.slots = slots;
    if (ledger_read(&left, keep, &r, &damaged) != ERR_OK) {
        r.count = 0;
    }
    ledger_close(&left);
    for (size_t i = 0; i < r.count; i++) { /* all at once; they are waited for afterwards */
        AUTO_FD int fd = open_recorded(&records[i].process);
        if (fd >= 0) {
            log_warn("NUCLEUS-LEFT", "cell=%s/%s.%" PRIu32 " pid=%" PRId32 " why=\"its node was killed\" action=killed",
                     records[i].instance.space, records[i].instance.name, records[i].instance.instance, records[i].process.pid);
            (void)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0); /* as its node was */
        }
    }
    for (size_t i = 0; i < r.count; i++) {
        AUTO_FD int fd = open_recorded(&records[i].process);
        struct pollfd gone = {.fd = fd, .events = POLLIN};
        uint64_t now = loop_now_ms();
        if (fd >= 0 && poll(&gone, 1, now < end_ms ? (int)(end_ms - now) : 0) == 0) {
            log_error("NUCLEUS-LEFT-STAYS", "pid=%" PRId32 " action=going-on", records[i].process.pid);
        }
    }
    explicit_bzero(records, r.count * sizeof *records); /* tokens */
}
