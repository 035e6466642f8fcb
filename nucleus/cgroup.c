#include "nucleus/cgroup.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "nucleus/cgroup_tree.h"

enum {
    PERIOD_US = 100000, /* of CPU bandwidth control: the kernel's default                        */
    TRIES_MAX = 4096,   /* numbers of a name that an earlier nucleus's groups may still have     */
    PENDING_MAX = 64,   /* groups that were not empty when they should go; later ones are swept
                         * by the next nucleus                                                   */
    DIR_SIZE = CGROUP_TREE_PATH + CGROUP_NAME_SIZE,
};

static struct cgroup_tree memory, cpu;
static char pending[PENDING_MAX][CGROUP_NAME_SIZE];
static size_t pending_count;
static bool has_older; /* groups that the last sweep left, since something lives in them */

/* ---- all of them ------------------------------------------------------------------------------- */

/* The directories we have: one or two, since version 2 keeps both limits in one. */
static size_t list_trees(const struct cgroup_tree *ret[2])
{
    size_t count = 0;

    if (memory.path[0] != '\0') {
        ret[count++] = &memory;
    }
    if (cpu.path[0] != '\0' && strcmp(cpu.path, memory.path) != 0) {
        ret[count++] = &cpu;
    }
    return count;
}

/* Remove what is empty below ours: of processes that ended while no nucleus looked. What is not empty
 * refuses. */
static void sweep(void)
{
    const struct cgroup_tree *tree[2];
    size_t count = list_trees(tree);

    has_older = false;
    for (size_t i = 0; i < count; i++) {
        DIR *dir = opendir(tree[i]->path);
        for (struct dirent *e = dir == NULL ? NULL : readdir(dir); e != NULL; e = readdir(dir)) {
            if (e->d_type == DT_DIR && e->d_name[0] != '.') {
                has_older |= unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR) != 0;
            }
        }
        if (dir != NULL) {
            (void)closedir(dir);
        }
    }
    pending_count = 0;
}

static const char *tree_text(const struct cgroup_tree *t)
{
    return t->path[0] == '\0' ? "none" : t->is_unified ? "v2" : "v1";
}

void cgroup_open(const char *run_dir)
{
    char name[128] = "cell";
    size_t len = strlen(name);

    /* One node a run directory: its path makes the group's name unique and readable. */
    for (const char *p = run_dir; *p != '\0' && len + 1 < sizeof name; p++) {
        name[len++] = *p == '/' ? '-' : *p;
    }
    name[len] = '\0';
    cgroup_tree_find(name, &memory, &cpu);
    sweep();
    log_info("NUCLEUS-GROUPS", "memory=%s cpu=%s", tree_text(&memory), tree_text(&cpu));
}

void cgroup_close(void)
{
    const struct cgroup_tree *tree[2];
    size_t count = list_trees(tree);

    sweep();
    for (size_t i = 0; i < count; i++) {
        (void)rmdir(tree[i]->path);
    }
    cgroup_tree_leave();
}

bool cgroup_has_memory(void)
{
    return memory.path[0] != '\0';
}

bool cgroup_has_cpu(void)
{
    return cpu.path[0] != '\0';
}

/* ---- one --------------------------------------------------------------------------------------- */

/* Of the limit and what belongs to it. Only the limit must be accepted: the rest is not in every
 * kernel. */
static enum err limit_memory(const char *dir, uint64_t bytes)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%" PRIu64, bytes);
    if (!memory.is_unified) {
        enum err e = cgroup_tree_put(dir, "memory.limit_in_bytes", text);
        cgroup_tree_try(dir, "memory.memsw.limit_in_bytes", text); /* with swap: no more */
        return e;
    }
    cgroup_tree_try(dir, "memory.swap.max", "0");
    cgroup_tree_try(dir, "memory.oom.group", "1"); /* an instance dies whole, then restarts */
    return cgroup_tree_put(dir, "memory.max", text);
}

static enum err limit_cpu(const char *dir, double cores)
{
    char text[64];
    long quota_us = (long)(cores * PERIOD_US);

    if (cpu.is_unified) {
        (void)snprintf(text, sizeof text, "%ld %d", quota_us, PERIOD_US);
        return cgroup_tree_put(dir, "cpu.max", text);
    }
    (void)snprintf(text, sizeof text, "%ld", quota_us);
    enum err e = cgroup_tree_put(dir, "cpu.cfs_quota_us", text);
    /* Version 1 refuses more than the group above has, which holds anyway. */
    return e == ERR_INVALID ? ERR_OK : e;
}

/* A descriptor through which a process gets in: see jail.h. */
static enum err open_seat(const struct cgroup_tree *tree, const char *dir, struct cgroup_seat *seat)
{
    char tasks[DIR_SIZE + 16];
    int fd;

    assert(seat->group_count < JAIL_GROUPS_MAX);
    (void)snprintf(tasks, sizeof tasks, "%s/tasks", dir);
    fd = tree->is_unified ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                          : open(tasks, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    seat->group[seat->group_count++] = (struct jail_group){fd, tree->is_unified};
    return ERR_OK;
}

/* The group in one hierarchy, with the limits it keeps. ERR_EXISTS: the name is taken. */
static enum err make_in(const struct cgroup_tree *tree, uint64_t memory_bytes, double cores,
                        struct cgroup_seat *seat)
{
    char dir[DIR_SIZE];
    enum err e = ERR_OK;

    (void)snprintf(dir, sizeof dir, "%s/%s", tree->path, seat->name);
    if (mkdir(dir, 0755) != 0) {
        return err_from_errno(errno);
    }
    if (memory_bytes > 0 && strcmp(tree->path, memory.path) == 0) {
        e = limit_memory(dir, memory_bytes);
    }
    if (e == ERR_OK && cores > 0 && strcmp(tree->path, cpu.path) == 0) {
        e = limit_cpu(dir, cores);
    }
    return e == ERR_OK ? open_seat(tree, dir, seat) : e;
}

/* Whether nothing is left of a group. */
static bool remove_now(const char *name)
{
    const struct cgroup_tree *tree[2];
    size_t count = list_trees(tree);
    bool is_gone = true;

    for (size_t i = 0; i < count; i++) {
        char dir[DIR_SIZE];
        (void)snprintf(dir, sizeof dir, "%s/%s", tree[i]->path, name);
        is_gone &= rmdir(dir) == 0 || errno == ENOENT;
    }
    return is_gone;
}

static enum err make_named(uint64_t memory_bytes, double cores, struct cgroup_seat *seat)
{
    const struct cgroup_tree *tree[2];
    size_t count = list_trees(tree);

    for (size_t i = 0; i < count; i++) {
        bool is_needed = (memory_bytes > 0 && strcmp(tree[i]->path, memory.path) == 0) ||
                         (cores > 0 && strcmp(tree[i]->path, cpu.path) == 0);
        enum err e = is_needed ? make_in(tree[i], memory_bytes, cores, seat) : ERR_OK;
        if (e != ERR_OK) {
            cgroup_seat_close(seat);
            if (e != ERR_EXISTS) { /* what exists is somebody's */
                (void)remove_now(seat->name);
            }
            return e;
        }
    }
    return ERR_OK;
}

enum err cgroup_make(const char *label, uint64_t memory_bytes, double cores, struct cgroup_seat *ret)
{
    static unsigned number;
    struct cgroup_seat seat = {0};
    enum err e = ERR_EXISTS;

    if ((memory_bytes > 0 && !cgroup_has_memory()) || (cores > 0 && !cgroup_has_cpu())) {
        return ERR_UNSUPPORTED;
    }
    if (memory_bytes == 0 && cores <= 0) {
        *ret = seat;
        return ERR_OK;
    }
    for (int i = 0; e == ERR_EXISTS && i < TRIES_MAX; i++) {
        seat = (struct cgroup_seat){0};
        (void)snprintf(seat.name, sizeof seat.name, "%.*s-%u", 2 * NAME_SIZE + 16, label, number++);
        e = make_named(memory_bytes, cores, &seat);
    }
    if (e == ERR_OK) {
        *ret = seat;
    }
    return e;
}

void cgroup_seat_close(struct cgroup_seat *seat)
{
    for (size_t i = 0; i < seat->group_count; i++) {
        fd_close(&seat->group[i].fd);
    }
    seat->group_count = 0;
}

void cgroup_of(int32_t pid, char ret[CGROUP_NAME_SIZE])
{
    static const char *const controllers[] = {"", "memory", "cpu", "cpu,cpuacct"};
    const struct cgroup_tree *tree[2];
    size_t count = list_trees(tree);
    char path[CGROUP_TREE_PATH];

    ret[0] = '\0';
    if (!has_older) {
        return; /* most nodes: a successor would read a file for each of its cells to learn nothing */
    }
    AUTO_FREE char *groups = cgroup_tree_groups(pid);
    for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
        char *slash = cgroup_tree_in(groups, controllers[i], path) ? strrchr(path, '/') : NULL;
        for (size_t k = 0; slash != NULL && k < count; k++) {
            /* Its directory must be ours: the last part of the path is, and the part before it. */
            size_t above = (size_t)(slash - path), len = strlen(tree[k]->path);
            if (above > 0 && len > above && strncmp(tree[k]->path + len - above, path, above) == 0 &&
                strlen(slash + 1) < CGROUP_NAME_SIZE) {
                (void)snprintf(ret, CGROUP_NAME_SIZE, "%s", slash + 1);
                return;
            }
        }
    }
}

bool cgroup_ran_out(const char *name)
{
    char dir[DIR_SIZE];

    if (name[0] == '\0' || !cgroup_has_memory()) {
        return false;
    }
    (void)snprintf(dir, sizeof dir, "%s/%s", memory.path, name);
    return cgroup_tree_number(dir, memory.is_unified ? "memory.events" : "memory.oom_control",
                              "oom_kill") > 0;
}

void cgroup_remove(const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < pending_count; i++) {
        if (!remove_now(pending[i])) {
            memmove(pending[kept++], pending[i], CGROUP_NAME_SIZE);
        }
    }
    pending_count = kept;
    if (name[0] != '\0' && !remove_now(name) && pending_count < PENDING_MAX) {
        (void)snprintf(pending[pending_count++], CGROUP_NAME_SIZE, "%s", name);
    }
}
