#include "common/run/jail_plan.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/kernel.h"

enum {
    COMPONENTS_MAX = 32, /* of one path: /var/lib/cell/<space>/<cell> has six */
};

/* ---- text ------------------------------------------------------------------------------------- */

/* Bytes that live as long as the plan; NULL when it is full. */
static const char *keep(struct jail_plan *p, const char *text, size_t len)
{
    if (len >= sizeof p->text - p->text_used) {
        return NULL;
    }
    char *at = p->text + p->text_used;
    memcpy(at, text, len);
    at[len] = '\0';
    p->text_used += len + 1;
    return at;
}

/* ---- the new root ----------------------------------------------------------------------------- */

static bool is_listed(const char *const *list, size_t count, const char *path, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == len && memcmp(list[i], path, len) == 0) {
            return true;
        }
    }
    return false;
}

/* A directory of the new root, once however often it is named. */
static enum err add_dir(struct jail_plan *p, const char *path, size_t len)
{
    if (is_listed(p->dir, p->dir_count, path, len)) {
        return ERR_OK;
    }
    const char *kept = keep(p, path, len);
    if (kept == NULL || p->dir_count == JAIL_DIRS_MAX) {
        return ERR_LIMIT;
    }
    p->dir[p->dir_count++] = kept;
    return ERR_OK;
}

static enum err add_parents(struct jail_plan *p, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        enum err e = add_dir(p, path, (size_t)(slash - path));
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Whether something was bound already at a directory above `path`: then the mount point is in
 * there and not ours to make. */
static bool is_inside_bind(const struct jail_plan *p, const char *path)
{
    for (size_t i = 0; i < p->bind_count; i++) {
        size_t len = strlen(p->bind[i].inside);
        if (strncmp(p->bind[i].inside, path, len) == 0 && (path[len] == '/' || path[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* The place to mount on: a directory, or an empty file for anything else. */
static enum err add_mount_point(struct jail_plan *p, const char *path, bool is_dir)
{
    if (is_inside_bind(p, path)) {
        return ERR_OK;
    }
    enum err e = add_parents(p, path);
    if (e != ERR_OK || is_dir) {
        return e != ERR_OK ? e : add_dir(p, path, strlen(path));
    }
    if (is_listed(p->file, p->file_count, path, strlen(path))) {
        return ERR_OK;
    }
    const char *kept = keep(p, path, strlen(path));
    if (kept == NULL || p->file_count == ARRAY_LEN(p->file)) {
        return ERR_LIMIT;
    }
    p->file[p->file_count++] = kept;
    return ERR_OK;
}

static enum err add_bind(struct jail_plan *p, const struct jail_path *path, bool is_dir)
{
    const char *inside = keep(p, path->inside + 1, strlen(path->inside + 1));
    if (inside == NULL || p->bind_count == JAIL_BINDS_MAX) {
        return ERR_LIMIT;
    }
    enum err e = add_mount_point(p, inside, is_dir);
    if (e != ERR_OK) {
        return e;
    }
    uint64_t rights = kernel_landlock_fs_read() |
                      (path->writable ? kernel_landlock_fs_write() : 0) |
                      (path->executable ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
    if (!is_dir) {
        rights &= kernel_landlock_fs_file();
    }
    uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                          (path->writable ? 0 : MOUNT_ATTR_RDONLY) |
                          (path->executable ? 0 : MOUNT_ATTR_NOEXEC);
    p->bind[p->bind_count++] = (struct jail_bind){
        .outside = path->outside,
        .inside = inside,
        .attributes = attributes,
        .rights = rights & kernel_landlock_fs_all(p->landlock_abi),
        .tree_fd = -1,
    };
    return ERR_OK;
}

/* ---- what every program needs ----------------------------------------------------------------- */

/* /lib, /bin …: links into /usr where it is merged, else directories of their own. */
static enum err add_system_link(struct jail_plan *p, const char *path)
{
    struct stat st;
    char target[64];

    if (lstat(path, &st) != 0) {
        return errno == ENOENT ? ERR_OK : err_from_errno(errno);
    }
    if (!S_ISLNK(st.st_mode)) {
        return add_bind(p, &(struct jail_path){path, path, false, true}, S_ISDIR(st.st_mode));
    }
    ssize_t len = readlink(path, target, sizeof target);
    if (len < 0) {
        return err_from_errno(errno);
    }
    const char *to = keep(p, target, (size_t)len);
    const char *at = keep(p, path + 1, strlen(path + 1));
    if ((size_t)len == sizeof target || to == NULL || at == NULL ||
        p->link_count == JAIL_LINKS_MAX) {
        return ERR_LIMIT;
    }
    p->link[p->link_count++] = (struct jail_link){to, at};
    return ERR_OK;
}

/* The numbers of our own namespaces, "user:4026531837 pid:…". They never change while we run. */
static const char *own_namespaces(void)
{
    static const char *const kinds[] = {"user", "pid", "mnt", "net", "ipc", "uts", "cgroup", "time"};
    static char text[JAIL_HOST_NOTE_SIZE];
    struct bytes_text note;

    if (text[0] != '\0') {
        return text;
    }
    bytes_text_init(&note, text, sizeof text);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char path[32];
        struct stat st;
        (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        if (stat(path, &st) == 0) {
            bytes_text_add(&note, "%s:%ju ", kinds[i], (uintmax_t)st.st_ino);
        }
    }
    return text;
}

/* Leave a note for the program's runtime: a process in namespaces of its own cannot see the host's,
 * so it could not tell that they differ. */
static enum err add_host_note(struct jail_plan *p)
{
    const char *text = own_namespaces();

    if (text[0] == '\0') {
        return ERR_UNSUPPORTED; /* no /proc: nothing else would work either */
    }
    if (p->link_count == JAIL_LINKS_MAX) {
        return ERR_LIMIT;
    }
    p->link[p->link_count++] = (struct jail_link){text, &JAIL_HOST_NOTE[1]};
    return ERR_OK;
}

static enum err add_system(struct jail_plan *p)
{
    static const char *const links[] = {"/bin", "/sbin", "/lib", "/lib64"};
    static const char *const dirs[] = {"proc", "dev"};
    static const char cache[] = "/etc/ld.so.cache"; /* where the libraries are: saves a search */
    enum err e = add_bind(p, &(struct jail_path){"/usr", "/usr", false, true}, true);

    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(links); i++) {
        e = add_system_link(p, links[i]);
    }
    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(dirs); i++) {
        e = add_dir(p, dirs[i], strlen(dirs[i]));
    }
    for (size_t i = 0; e == ERR_OK && i < JAIL_DEVICES; i++) {
        e = add_mount_point(p, jail_device[i].inside, false);
    }
    if (e == ERR_OK && access(cache, R_OK) == 0) {
        e = add_bind(p, &(struct jail_path){cache, cache, false, false}, false);
    }
    return e == ERR_OK ? add_host_note(p) : e;
}

/* ---- what the spec lists ---------------------------------------------------------------------- */

/* Whether a path in the jail is absolute and plain ("/a/b"), and not one of the places that are
 * never the host's. */
static bool inside_valid(const char *path)
{
    static const char *const taken[] = {"/proc", "/dev"};
    unsigned components = 0;

    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        size_t len = strlen(taken[i]);
        if (strncmp(path, taken[i], len) == 0 && (path[len] == '/' || path[len] == '\0')) {
            return false;
        }
    }
    for (const char *at = path; *at != '\0'; components++) {
        if (*at != '/') {
            return false;
        }
        size_t len = strcspn(++at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.')) {
            return false;
        }
        at += len;
    }
    return components > 0 && components <= COMPONENTS_MAX;
}

static enum err add_path(struct jail_plan *p, const struct jail_path *path, char why[JAIL_WHY_SIZE])
{
    struct stat st;

    if (path->outside == NULL || path->outside[0] != '/' || path->inside == NULL ||
        !inside_valid(path->inside)) {
        snprintf(why, JAIL_WHY_SIZE, "path %.100s: not absolute, not plain, or below /proc or /dev",
                 path->inside != NULL ? path->inside : "(none)");
        return ERR_INVALID;
    }
    if (stat(path->outside, &st) != 0) {
        int error = errno;
        snprintf(why, JAIL_WHY_SIZE, "path %.100s: %s", path->outside, strerrordesc_np(error));
        return err_from_errno(error);
    }
    enum err e = add_bind(p, path, S_ISDIR(st.st_mode));
    if (e != ERR_OK) {
        snprintf(why, JAIL_WHY_SIZE, "path %.100s: too many paths, or too long", path->outside);
    }
    return e;
}

/* Shorter paths first: what is mounted inside another must come after it or it would be hidden. */
static enum err add_paths(struct jail_plan *p, const struct jail_spec *spec,
                          char why[JAIL_WHY_SIZE])
{
    bool done[JAIL_PATHS_MAX] = {false};

    if (spec->path_count > JAIL_PATHS_MAX) {
        snprintf(why, JAIL_WHY_SIZE, "%zu paths, at most %d", spec->path_count, JAIL_PATHS_MAX);
        return ERR_LIMIT;
    }
    for (size_t n = 0; n < spec->path_count; n++) {
        size_t best = spec->path_count;
        for (size_t i = 0; i < spec->path_count; i++) {
            const char *inside = spec->paths[i].inside != NULL ? spec->paths[i].inside : "";
            if (!done[i] && (best == spec->path_count ||
                             strlen(inside) < strlen(spec->paths[best].inside))) {
                best = i;
            }
        }
        done[best] = true;
        enum err e = add_path(p, &spec->paths[best], why);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* ---- the program ------------------------------------------------------------------------------ */

/* A script's interpreter opens it again by name, so a script must exist in the jail: at its own
 * path. A program proper is run by descriptor and needs no name. */
static enum err add_script(struct jail_plan *p, const struct jail_spec *spec,
                           char why[JAIL_WHY_SIZE])
{
    char magic[2];

    if (pread(p->exec_fd, magic, sizeof magic, 0) != sizeof magic || magic[0] != '#' ||
        magic[1] != '!') {
        return ERR_OK;
    }
    p->exec_path = spec->exec;
    return add_path(p, &(struct jail_path){spec->exec, spec->exec, false, true}, why);
}

static void add_limit(struct jail_plan *p, int resource, uint64_t value)
{
    assert(p->limit_count < JAIL_LIMITS_MAX);
    p->limit[p->limit_count++] = (struct jail_limit){resource, {value, value}};
}

static void add_limits(struct jail_plan *p, const struct jail_spec *spec)
{
    add_limit(p, RLIMIT_CORE, 0); /* a core file holds secrets */
    add_limit(p, RLIMIT_NOFILE, spec->files);
    add_limit(p, RLIMIT_NPROC, JAIL_PROCESSES_MAX);
    add_limit(p, RLIMIT_STACK, JAIL_STACK_BYTES);
    add_limit(p, RLIMIT_MSGQUEUE, 0);
    if (spec->log_bytes > 0) {
        add_limit(p, RLIMIT_FSIZE, spec->log_bytes);
    }
    /* Data is what a program has of its own: heap and private memory, but also its thread stacks,
     * which are reserved whole. Address space counts everything else as well. The address sanitizer
     * reserves 20 TB of both: in such a build there is no limit. */
    if (spec->memory_bytes > 0 && !KERNEL_IS_SANITIZED) {
        uint64_t stacks = (uint64_t)JAIL_STACKS_MAX * JAIL_STACK_BYTES;
        add_limit(p, RLIMIT_DATA, spec->memory_bytes + stacks);
        add_limit(p, RLIMIT_AS, spec->memory_bytes + stacks + JAIL_RESERVED_BYTES);
    }
}

static enum err add_identity(struct jail_plan *p, const struct jail_spec *spec)
{
    const char *slash = strrchr(spec->argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : spec->argv[0];

    snprintf(p->uid_map, sizeof p->uid_map, "%u %u 1", spec->uid, spec->uid);
    snprintf(p->gid_map, sizeof p->gid_map, "%u %u 1", spec->gid, spec->gid);
    p->name = keep(p, name, strnlen(name, JAIL_HOST_NAME_MAX));
    return p->name != NULL ? ERR_OK : ERR_LIMIT;
}

enum err jail_plan_fill(struct jail_plan *p, const struct jail_spec *spec, char why[JAIL_WHY_SIZE])
{
    snprintf(why, JAIL_WHY_SIZE, "the system's own paths do not fit");
    enum err e = add_identity(p, spec);
    add_limits(p, spec);
    if (e != ERR_OK || !spec->confined) {
        return e;
    }
    e = add_system(p);
    p->system_count = p->bind_count;
    if (e == ERR_OK) {
        e = add_paths(p, spec, why);
    }
    if (e == ERR_OK) {
        e = add_script(p, spec, why);
    }
    return e;
}
