#include "nucleus/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    CGROUP_PATH = 1024,
    CGROUP_PERIOD_US = 100000, /* of CPU bandwidth control: the kernel's default */
    CGROUP_TEXT = 64 * 1024
};

/* A hierarchy we may make groups in; empty path: none. */
struct hierarchy {
    char path[CGROUP_PATH]; /* our own directory in it */
    bool is_unified;
};

static struct hierarchy memory, cpu;

static enum err put(const char *dir, const char *file, const char *text)
{
    char path[CGROUP_PATH + 64];

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    return fd_write_all(fd, text, strlen(text));
}

/* The path of this process in the hierarchy that /proc/self/cgroup lists with `controller`
 * ("memory"), or the unified one (""). */
static bool own_path(const char *controller, char out[CGROUP_PATH])
{
    AUTO_FREE char *text = NULL;
    size_t len;
    char *save = NULL;

    if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_TEXT, &text, &len) != ERR_OK) {
        return false;
    }
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        char *names = strchr(line, ':');
        char *path = names == NULL ? NULL : strchr(names + 1, ':');
        if (path == NULL) {
            continue;
        }
        *path++ = '\0';
        if (strcmp(names + 1, controller) == 0) {
            return snprintf(out, CGROUP_PATH, "%s", path) < CGROUP_PATH;
        }
    }
    return false;
}

/* Try to have a directory of our own under `mount`; leaves h empty when that is not possible. */
static void try_hierarchy(struct hierarchy *h, const char *mount, const char *controller,
                          const char *file, const char *name, bool is_unified)
{
    char own[CGROUP_PATH];
    char path[3 * CGROUP_PATH];
    char probe[3 * CGROUP_PATH + 64];

    if (h->path[0] != '\0' || !own_path(controller, own)) {
        return;
    }
    int len = snprintf(path, sizeof path, "%s%s/%s", mount, strcmp(own, "/") == 0 ? "" : own, name);
    if (len < 0 || len >= CGROUP_PATH - 128 || (mkdir(path, 0755) != 0 && errno != EEXIST)) {
        return;
    }
    (void)snprintf(probe, sizeof probe, "%s/%s", path, file);
    if (access(probe, W_OK) != 0) { /* the controller is not delegated to us */
        (void)rmdir(path);
        return;
    }
    memcpy(h->path, path, (size_t)len + 1);
    h->is_unified = is_unified;
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
    memory = cpu = (struct hierarchy){0};
    try_hierarchy(&memory, "/sys/fs/cgroup", "", "memory.max", name, true);
    try_hierarchy(&cpu, "/sys/fs/cgroup", "", "cpu.max", name, true);
    try_hierarchy(&memory, "/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", name, false);
    try_hierarchy(&cpu, "/sys/fs/cgroup/cpu", "cpu", "cpu.cfs_quota_us", name, false);
    try_hierarchy(&cpu, "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct", "cpu.cfs_quota_us", name,
                  false);
    if (memory.is_unified && memory.path[0] != '\0') {
        (void)put(memory.path, "cgroup.subtree_control", "+memory +cpu"); /* seen by access below */
    }
}

bool cgroup_has_memory(void)
{
    return memory.path[0] != '\0';
}

bool cgroup_has_cpu(void)
{
    return cpu.path[0] != '\0';
}

/* Make the group, set one limit, move the process. */
static enum err enter(const struct hierarchy *h, const char *name, int32_t pid, const char *file,
                      const char *value)
{
    char dir[CGROUP_PATH + 160];
    char text[24];

    if (h->path[0] == '\0') {
        return ERR_UNSUPPORTED;
    }
    (void)snprintf(dir, sizeof dir, "%s/%s", h->path, name);
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return err_from_errno(errno);
    }
    enum err e = put(dir, file, value);
    (void)snprintf(text, sizeof text, "%" PRId32, pid);
    return e == ERR_OK ? put(dir, "cgroup.procs", text) : e;
}

enum err cgroup_enter(const char *name, int32_t pid, uint64_t memory_bytes, double cores)
{
    char value[64];
    enum err e = ERR_OK;

    if (memory_bytes > 0) {
        (void)snprintf(value, sizeof value, "%" PRIu64, memory_bytes);
        e = enter(&memory, name, pid, memory.is_unified ? "memory.max" : "memory.limit_in_bytes",
                  value);
    }
    if (e == ERR_OK && cores > 0) {
        long quota_us = (long)(cores * CGROUP_PERIOD_US);
        if (cpu.is_unified) {
            (void)snprintf(value, sizeof value, "%ld %d", quota_us, CGROUP_PERIOD_US);
        } else {
            (void)snprintf(value, sizeof value, "%ld", quota_us);
        }
        e = enter(&cpu, name, pid, cpu.is_unified ? "cpu.max" : "cpu.cfs_quota_us", value);
    }
    return e;
}

void cgroup_remove(const char *name)
{
    const struct hierarchy *const all[] = {&memory, &cpu};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        char dir[CGROUP_PATH + 160];
        if (all[i]->path[0] != '\0') {
            (void)snprintf(dir, sizeof dir, "%s/%s", all[i]->path, name);
            (void)rmdir(dir); /* not empty or not there: both leave nothing to do */
        }
    }
}

void cgroup_close(void)
{
    if (memory.path[0] != '\0') {
        (void)rmdir(memory.path);
    }
    if (cpu.path[0] != '\0') {
        (void)rmdir(cpu.path);
    }
}
