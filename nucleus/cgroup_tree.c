#include "nucleus/cgroup_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"

enum {
    FILE_PATH = CGROUP_TREE_PATH + 64,
    TEXT_MAX = 64 * 1024,
    NAME_ROOM = 384, /* bytes that our own directory and a name in it need behind a path */
};

static const char aside_suffix[] = ".nucleus";

/* The group that we left for a leaf of it; "": we did not. */
static char left[CGROUP_TREE_PATH];
static char aside[CGROUP_TREE_PATH];

/* ---- files ------------------------------------------------------------------------------------ */

enum err cgroup_tree_put(const char *dir, const char *file, const char *text)
{
    char path[FILE_PATH];

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    return fd_write_all(fd, text, strlen(text));
}

void cgroup_tree_try(const char *dir, const char *file, const char *text)
{
    enum err e = cgroup_tree_put(dir, file, text);

    if (e != ERR_OK) {
        log_debug("NUCLEUS-GROUP-TRY", "dir=%s file=%s text=%s error=%s", dir, file, text, err_name(e));
    }
}

static char *get(const char *dir, const char *file)
{
    char path[FILE_PATH];
    char *text = NULL;
    size_t len;

    (void)snprintf(path, sizeof path, "%s/%s", dir, file);
    return fd_read_file(AT_FDCWD, path, TEXT_MAX, &text, &len) == ERR_OK ? text : NULL;
}

uint64_t cgroup_tree_number(const char *dir, const char *file, const char *key)
{
    AUTO_FREE char *text = get(dir, file);
    size_t len = strlen(key);

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) == 0 && (len == 0 || line[len] == ' ')) {
            return strtoull(line + len, NULL, 10);
        }
    }
    return 0;
}

/* Whether a list of controllers, "cpu io memory\n", has this one. */
static bool has_word(const char *text, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = text; at != NULL && (at = strstr(at, word)) != NULL; at += len) {
        if ((at == text || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\n' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

char *cgroup_tree_groups(int32_t pid)
{
    char dir[64];

    (void)snprintf(dir, sizeof dir, "/proc/%" PRId32, pid);
    return get(dir, "cgroup");
}

/* Each line is "<number>:<controllers>:<path>". */
bool cgroup_tree_in(const char *groups, const char *controllers, char out[CGROUP_TREE_PATH])
{
    size_t names_len = strlen(controllers);

    for (const char *line = groups, *end; line != NULL; line = *end == '\0' ? NULL : end + 1) {
        end = strchrnul(line, '\n');
        const char *names = memchr(line, ':', (size_t)(end - line));
        if (names == NULL || (size_t)(end - names) < names_len + 2 ||
            strncmp(names + 1, controllers, names_len) != 0 || names[1 + names_len] != ':') {
            continue;
        }
        const char *path = names + names_len + 2;
        int len = snprintf(out, CGROUP_TREE_PATH, "%.*s", (int)(end - path), path);
        /* "/.." is above the root of our namespace: not ours to make groups in. */
        return len < CGROUP_TREE_PATH && strstr(out, "/..") == NULL;
    }
    return false;
}

bool cgroup_tree_of(int32_t pid, const char *controllers, char out[CGROUP_TREE_PATH])
{
    AUTO_FREE char *groups = cgroup_tree_groups(pid);

    return cgroup_tree_in(groups, controllers, out);
}

/* ---- version 2 -------------------------------------------------------------------------------- */

/* Whether `dir` has no process but this one and its parent. */
static bool is_ours_alone(const char *dir)
{
    AUTO_FREE char *text = get(dir, "cgroup.procs");
    char *save = NULL;

    if (text == NULL) {
        return false;
    }
    for (char *pid = strtok_r(text, "\n", &save); pid != NULL; pid = strtok_r(NULL, "\n", &save)) {
        long number = strtol(pid, NULL, 10);
        if (number != getpid() && number != getppid()) {
            return false;
        }
    }
    return true;
}

static enum err move_us(const char *dir)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%d", (int)getppid());
    enum err e = cgroup_tree_put(dir, "cgroup.procs", text);
    return e == ERR_OK ? cgroup_tree_put(dir, "cgroup.procs", "0") : e;
}

/* Make room for limits in a group that holds nobody but us: it may have processes, or children with
 * controllers, not both (cgroup-v2, "No Internal Process Constraint"). */
static bool step_aside(const char *dir, const char *name)
{
    if (!is_ours_alone(dir) ||
        snprintf(aside, sizeof aside, "%s/%s%s", dir, name, aside_suffix) >= CGROUP_TREE_PATH) {
        return false;
    }
    (void)snprintf(left, sizeof left, "%s", dir);
    if ((mkdir(aside, 0755) != 0 && errno != EEXIST) || move_us(aside) != ERR_OK) {
        cgroup_tree_leave();
        return false;
    }
    return true;
}

void cgroup_tree_leave(void)
{
    if (left[0] == '\0') {
        return;
    }
    /* Best effort: what stays is an empty directory, or a group with us in it. */
    cgroup_tree_try(left, "cgroup.subtree_control", "-memory");
    cgroup_tree_try(left, "cgroup.subtree_control", "-cpu");
    if (move_us(left) == ERR_OK) {
        (void)rmdir(aside); /* not empty: somebody else came in */
    }
    left[0] = '\0';
}

/* Hand a controller down from `dir` to its children; *ret_is_new: it was not before. */
static bool offer(const char *dir, const char *controller, bool *ret_is_new)
{
    char text[32];
    AUTO_FREE char *now = get(dir, "cgroup.subtree_control");

    *ret_is_new = !has_word(now, controller);
    (void)snprintf(text, sizeof text, "+%s", controller);
    return !*ret_is_new || cgroup_tree_put(dir, "cgroup.subtree_control", text) == ERR_OK;
}

static bool take_controller(const char *dir, const char *path, const char *controller,
                            const char *file, struct cgroup_tree *ret)
{
    char probe[FILE_PATH], text[32];
    bool is_new = false, is_ours;

    if (!offer(dir, controller, &is_new)) {
        return false;
    }
    (void)snprintf(probe, sizeof probe, "%s/%s", path, file);
    /* Our group's own file shows that it may; then the same once more for the groups in it. */
    if (access(probe, W_OK) == 0 && offer(path, controller, &is_ours)) {
        (void)snprintf(ret->path, sizeof ret->path, "%s", path);
        ret->is_unified = true;
        return true;
    }
    if (is_new) { /* nothing is left changed that did not help */
        (void)snprintf(text, sizeof text, "-%s", controller);
        cgroup_tree_try(dir, "cgroup.subtree_control", text);
    }
    return false;
}

/* Try to have our directory in `dir`. */
static bool try_unified(const char *dir, const char *name, struct cgroup_tree *memory,
                        struct cgroup_tree *cpu)
{
    char path[CGROUP_TREE_PATH + NAME_ROOM];
    AUTO_FREE char *controllers = get(dir, "cgroup.controllers");
    bool wants_memory = has_word(controllers, "memory"), wants_cpu = has_word(controllers, "cpu");

    if ((!wants_memory && !wants_cpu) || strlen(dir) + NAME_ROOM > CGROUP_TREE_PATH) {
        return false;
    }
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return false;
    }
    bool has_any = wants_memory && take_controller(dir, path, "memory", "memory.max", memory);
    if (!has_any && step_aside(dir, name)) {
        has_any = wants_memory && take_controller(dir, path, "memory", "memory.max", memory);
    }
    has_any |= wants_cpu && take_controller(dir, path, "cpu", "cpu.max", cpu);
    if (!has_any) {
        (void)rmdir(path);
        cgroup_tree_leave();
    }
    return has_any;
}

/* Our own group; where an earlier nucleus stepped aside, the one above. */
static bool own_unified(const char *mount, const char *name, char out[CGROUP_TREE_PATH])
{
    char own[CGROUP_TREE_PATH], leaf[NAME_ROOM];

    if (!cgroup_tree_of(getpid(), "", own)) {
        return false;
    }
    (void)snprintf(leaf, sizeof leaf, "/%s%s", name, aside_suffix);
    size_t len = strlen(own), leaf_len = strlen(leaf);
    bool is_aside = len >= leaf_len && strcmp(own + len - leaf_len, leaf) == 0;
    if (is_aside) {
        own[len - leaf_len] = '\0';
    }
    if (snprintf(out, CGROUP_TREE_PATH, "%s%s", mount, strcmp(own, "/") == 0 ? "" : own) >=
        CGROUP_TREE_PATH) {
        return false;
    }
    if (is_aside) {
        (void)snprintf(left, sizeof left, "%s", out);
        (void)snprintf(aside, sizeof aside, "%.*s%s", (int)(sizeof aside - sizeof leaf), out, leaf);
    }
    return true;
}

/* ---- version 1 -------------------------------------------------------------------------------- */

static void try_version_1(const char *mount, const char *controllers, const char *file,
                          const char *name, struct cgroup_tree *ret)
{
    char own[CGROUP_TREE_PATH];
    char path[2 * CGROUP_TREE_PATH + NAME_ROOM];
    char probe[sizeof path + 64];

    if (ret->path[0] != '\0' || !cgroup_tree_of(getpid(), controllers, own)) {
        return;
    }
    int len = snprintf(path, sizeof path, "%s%s/%s", mount, strcmp(own, "/") == 0 ? "" : own, name);
    if (len < 0 || len >= CGROUP_TREE_PATH - NAME_ROOM || (mkdir(path, 0755) != 0 && errno != EEXIST)) {
        return;
    }
    (void)snprintf(probe, sizeof probe, "%s/%s", path, file);
    if (access(probe, W_OK) != 0) { /* not delegated to us */
        (void)rmdir(path);
        return;
    }
    memcpy(ret->path, path, (size_t)len + 1);
    ret->is_unified = false;
}

/* ---- both ------------------------------------------------------------------------------------- */

void cgroup_tree_find(const char *name, struct cgroup_tree *ret_memory, struct cgroup_tree *ret_cpu)
{
    static const char mount[] = "/sys/fs/cgroup";
    char own[CGROUP_TREE_PATH];

    *ret_memory = *ret_cpu = (struct cgroup_tree){0};
    left[0] = '\0';
    bool has_any = own_unified(mount, name, own) && try_unified(own, name, ret_memory, ret_cpu);
    if (!has_any && geteuid() == 0) {
        /* A login's group holds the login too. The top has no such rule, and is root's. */
        (void)try_unified(mount, name, ret_memory, ret_cpu);
    }
    try_version_1("/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", name, ret_memory);
    try_version_1("/sys/fs/cgroup/cpu", "cpu", "cpu.cfs_quota_us", name, ret_cpu);
    try_version_1("/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct", "cpu.cfs_quota_us", name, ret_cpu);
}
