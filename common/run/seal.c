#include "common/run/seal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/kernel.h"
#include "common/run/narrow.h"
#include "common/run/seal_room.h"
#include "common/run/tidy.h"

static_assert((int)SEAL_WHY_SIZE == (int)NARROW_WHY_SIZE, "one text for both");

static struct seal_facts facts;

const struct seal_facts *seal_facts(void)
{
    return &facts;
}

static enum err fail(char why[SEAL_WHY_SIZE], const char *step, int error)
{
    snprintf(why, SEAL_WHY_SIZE, "%s: %s", step, strerrordesc_np(error));
    return error == ENOMEM ? ERR_NOMEM : ERR_UNSUPPORTED;
}

#if KERNEL_IS_SANITIZED
/* The leak checker stops this process's threads with ptrace, which neither jail nor seal let pass. It
 * asks here before it tries. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER;
}
#endif

/* ---- landlock --------------------------------------------------------------------------------- */

static const uint64_t socket_rights = LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;

static const uint64_t state_rights =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER |
    LANDLOCK_ACCESS_FS_TRUNCATE;

/* Remember a rule for seal_look: what it allows, less what the mount refuses. */
static void note_place(const char *path, int fd, uint64_t rights)
{
    struct statvfs mount;
    bool is_frozen = fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_RDONLY) != 0;

    assert(facts.place_count < SEAL_PLACES_MAX);
    facts.place[facts.place_count++] = (struct seal_place){
        .path = path,
        .can_read = (rights & LANDLOCK_ACCESS_FS_READ_FILE) != 0,
        .can_write = (rights & LANDLOCK_ACCESS_FS_WRITE_FILE) != 0 && !is_frozen,
        .can_bind = (rights & LANDLOCK_ACCESS_FS_MAKE_SOCK) != 0 && !is_frozen,
    };
}

/* A file takes fewer rights than a directory: more would be refused as senseless. */
static enum err add_rule(int ruleset, int fd, uint64_t rights)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    struct landlock_path_beneath_attr rule = {
        .allowed_access = rights & kernel_landlock_fs_all((int)facts.landlock_abi) &
                          (S_ISDIR(st.st_mode) ? ~UINT64_C(0) : kernel_landlock_fs_file()),
        .parent_fd = fd,
    };
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0
               ? ERR_OK : err_from_errno(errno);
}

static enum err allow(int ruleset, const char *path, uint64_t rights, char why[SEAL_WHY_SIZE])
{
    if (path == NULL) {
        return ERR_OK;
    }
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    enum err e = fd < 0 ? err_from_errno(errno) : add_rule(ruleset, fd, rights);
    if (e != ERR_OK) {
        snprintf(why, SEAL_WHY_SIZE, "landlock %.100s: %s", path, err_text(e));
        return e;
    }
    note_place(path, fd, rights);
    return ERR_OK;
}

static enum err allow_all(int ruleset, const char *const *paths, size_t count, uint64_t rights,
                          char why[SEAL_WHY_SIZE])
{
    if (count > SEAL_PATHS_MAX) {
        snprintf(why, SEAL_WHY_SIZE, "landlock: %zu paths, at most %d", count, SEAL_PATHS_MAX);
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        enum err e = allow(ruleset, paths[i], rights, why);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Connecting to a socket is a right landlock does not know: run_dir needs no rule, what is reachable
 * there is decided by what the jail put in it. */
static enum err fill_ruleset(int ruleset, const struct seal_spec *spec, char why[SEAL_WHY_SIZE])
{
    const uint64_t read = kernel_landlock_fs_read();
    enum err e = allow(ruleset, spec->bind_dir, socket_rights, why);

    if (e == ERR_OK) {
        e = allow(ruleset, spec->state_dir, state_rights, why);
    }
    if (e == ERR_OK) {
        e = allow_all(ruleset, spec->read, spec->read_count, read, why);
    }
    if (e == ERR_OK) {
        e = allow_all(ruleset, spec->write, spec->write_count, read | kernel_landlock_fs_write(),
                      why);
    }
    if (e == ERR_OK && KERNEL_IS_SANITIZED) {
        e = allow(ruleset, "/proc/self", LANDLOCK_ACCESS_FS_READ_FILE, why);
    }
    return e;
}

/* Whether reading the root directory is refused although its mode permits it: nothing else than
 * landlock does that. */
static bool root_is_refused(void)
{
    AUTO_FD int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 && errno == EACCES;
}

static enum err enter_landlock(const struct seal_spec *spec, char why[SEAL_WHY_SIZE])
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1) {
        return fail(why, "landlock", abi < 0 ? errno : ENOSYS);
    }
    facts = (struct seal_facts){.landlock_abi = (uint32_t)abi};
    facts.landlock_layers = root_is_refused(); /* the jail's, if there is one */

    struct kernel_landlock_attr attr = kernel_landlock_all((int)abi, spec->network);
    AUTO_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0) {
        return fail(why, "landlock_create_ruleset", errno);
    }
    enum err e = fill_ruleset(ruleset, spec, why);
    if (e != ERR_OK) {
        return e;
    }
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) {
        return fail(why, "landlock_restrict_self", errno);
    }
    facts.landlock_layers++;
    facts.landlock_enforced = root_is_refused();
    return facts.landlock_enforced ? ERR_OK : fail(why, "landlock does not refuse", EPROTO);
}

/* ---- doors ------------------------------------------------------------------------------------ */

enum err seal_enter(const struct seal_spec *spec, char why[SEAL_WHY_SIZE])
{
    why[0] = '\0';
    enum err e = seal_look_prepare();
    if (e != ERR_OK) {
        snprintf(why, SEAL_WHY_SIZE, "open /proc/self/status: %s", err_text(e));
        return e;
    }
    /* In a jail this is done already; a process started by hand may be root. */
    e = narrow_capabilities(NULL, 0, why);
    return e == ERR_OK ? enter_landlock(spec, why) : e;
}

static enum err load(scmp_filter_ctx filter, const struct seal_spec *spec, char why[SEAL_WHY_SIZE])
{
    enum err e = seal_calls_fill(filter, spec, why);
    if (e != ERR_OK) {
        return e;
    }
    int rc = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    rc = rc != 0 ? rc : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    rc = rc != 0 ? rc : seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    rc = rc != 0 ? rc : seccomp_load(filter);
    return rc != 0 ? fail(why, "seccomp", -rc) : ERR_OK;
}

struct filtering {
    const struct seal_spec *spec;
    char *why;
    enum err e;
};

static void make_filter(void *context)
{
    struct filtering *f = context;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (filter == NULL) {
        f->e = fail(f->why, "seccomp", ENOMEM);
        return;
    }
    f->e = load(filter, f->spec, f->why);
    seccomp_release(filter);
}

enum err seal_filter(const struct seal_spec *spec, char why[SEAL_WHY_SIZE])
{
    struct filtering f = {.spec = spec, .why = why, .e = ERR_UNSUPPORTED};

    why[0] = '\0';
    tidy_apart(make_filter, &f); /* libseccomp takes some 100 KiB in a thousand pieces */
    return f.e;
}
