/* A spec becomes a plan or is refused: what a bad one is told before anything is started, and which
 * rights a grant turns into (NUC-14).
 *
 *   test_jail_spec root|user ESCAPE */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail_child.h"
#include "common/run/jail_plan.h"
#include "common/run/kernel.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;
static const char *const sleeper[] = {"/usr/bin/sleep", "1000", NULL};

/* ---- bad specs -------------------------------------------------------------------------------- */

static void refuse(const struct jail_spec *spec, enum err expected, const char *word,
                   const char *what)
{
    static struct jailing_end end;
    struct jailing_trace before, after;

    jailing_look(&before);
    jailing_run(spec, &end);
    jailing_look(&after);
    jailing_claim(end.e == expected && strstr(end.why, word) != NULL, "%s: %s, \"%s\"", what,
                  err_name(end.e), end.why);
    jailing_claim(jailing_same(&before, &after), "%s: something was left behind", what);
}

static void bad_programs_are_refused(void)
{
    char text[128];
    static const char *const argv_bad[][2] = {
        {"relative/path", NULL}, {"/nonexistent/program", NULL}, {"/usr", NULL}};
    static const enum err e[] = {ERR_INVALID, ERR_NOT_FOUND, ERR_INVALID};

    for (size_t i = 0; i < ARRAY_LEN(argv_bad); i++) {
        struct jail_spec spec = jailing_spec(&host, argv_bad[i]);
        refuse(&spec, e[i], "exec", argv_bad[i][0]);
    }
    (void)snprintf(text, sizeof text, "%s/text", host.inside);
    AUTO_FD int fd = open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    jailing_claim(fd_write_all(fd, "no program\n", 11) == ERR_OK && fsync(fd) == 0, "write text");
    fd_close(&fd);
    const char *argv[] = {text, NULL};
    struct jail_spec spec = jailing_spec(&host, argv);
    refuse(&spec, ERR_INVALID, "exec", "a text file");
    jailing_claim(chmod(text, 0644) == 0, "chmod");
    refuse(&spec, ERR_INVALID, "not an executable file", "a file that is not executable");
    static const char *const nothing[] = {NULL};
    spec = jailing_spec(&host, sleeper);
    spec.argv = nothing;
    refuse(&spec, ERR_INVALID, "argv", "no argv[0]");
}

static void bad_values_are_refused(void)
{
    struct jail_spec spec = jailing_spec(&host, sleeper);

    spec.files = JAIL_FILES_MIN - 1;
    refuse(&spec, ERR_INVALID, "files", "one descriptor too few");
    spec = jailing_spec(&host, sleeper);
    spec.root_dir = "relative";
    refuse(&spec, ERR_INVALID, "root_dir", "a relative root");
    spec.root_dir = "/nonexistent/root";
    refuse(&spec, ERR_NOT_FOUND, "/nonexistent/root", "a root that is missing");
    spec.root_dir = "/etc/passwd";
    refuse(&spec, ERR_NOT_FOUND, "/etc/passwd", "a root that is a file");
    spec = jailing_spec(&host, sleeper);
    spec.memory_bytes = JAIL_MEMORY_MAX + 1;
    refuse(&spec, ERR_INVALID, "memory", "too much memory");
    if (geteuid() != 0) {
        spec = jailing_spec(&host, sleeper);
        spec.uid = 0;
        refuse(&spec, ERR_INVALID, "only root", "another user");
    }
    static struct jailing_end end;
    static const char *const quick[] = {"/usr/bin/true", NULL};
    spec = jailing_spec(&host, quick);
    spec.files = JAIL_FILES_MIN;
    spec.memory_bytes = JAIL_MEMORY_MAX;
    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_OK && end.status == 0, "as few descriptors and as much memory as may be: %s%s", end.why,
                  end.output);
}

/* Each row: a place in the jail that is refused. */
static const struct {
    const char *outside;
    const char *inside;
    enum err e;
    const char *why;
} path_rows[] = {
    {"/usr", "relative", ERR_INVALID, "not absolute"},
    {"/usr", "/", ERR_INVALID, "the root is ours"},
    {"/usr", "", ERR_INVALID, "empty"},
    {"/usr", "/a/../b", ERR_INVALID, "upwards"},
    {"/usr", "/a/./b", ERR_INVALID, "on the spot"},
    {"/usr", "/a//b", ERR_INVALID, "an empty component"},
    {"/usr", "/a/", ERR_INVALID, "a trailing slash"},
    {"/usr", "/proc/x", ERR_INVALID, "in /proc"},
    {"/usr", "/proc", ERR_INVALID, "/proc itself"},
    {"/usr", "/dev/shm", ERR_INVALID, "in /dev"},
    {"relative", "/a", ERR_INVALID, "outside is not absolute"},
    {"/nonexistent/path", "/a", ERR_NOT_FOUND, "outside does not exist"},
    {NULL, "/a", ERR_INVALID, "no outside"},
    {"/usr", NULL, ERR_INVALID, "no inside"},
};

static void bad_paths_are_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(path_rows); i++) {
        struct jail_path path = {path_rows[i].outside, path_rows[i].inside, false, false};
        struct jail_spec spec = jailing_spec(&host, sleeper);
        spec.paths = &path;
        spec.path_count = 1;
        refuse(&spec, path_rows[i].e, "path", path_rows[i].why);
    }
    struct jail_spec spec = jailing_spec(&host, sleeper);
    spec.paths = &(struct jail_path){host.outside, "/usr/nonexistent", false, false};
    spec.path_count = 1;
    refuse(&spec, ERR_NOT_FOUND, "usr/nonexistent", "no such place inside another grant");
}

/* JAIL_PATHS_MAX paths are fine, one more is not. */
static void number_of_paths_is_limited(void)
{
    static struct jailing_end end;
    static const char *const quick[] = {"/usr/bin/true", NULL};
    struct jail_path paths[JAIL_PATHS_MAX + 1];
    char inside[JAIL_PATHS_MAX + 1][32];

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        (void)snprintf(inside[i], sizeof inside[i], "/grants/%zu/here", i);
        paths[i] = (struct jail_path){host.outside, inside[i], false, false};
    }
    struct jail_spec spec = jailing_spec(&host, quick);
    spec.paths = paths;
    spec.path_count = JAIL_PATHS_MAX;
    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_OK && end.status == 0, "%d paths: %s%s", JAIL_PATHS_MAX, end.why,
                  end.output);
    spec.path_count = JAIL_PATHS_MAX + 1;
    refuse(&spec, ERR_LIMIT, "paths", "one path too many");
}

/* Each row: what is granted, and the rights and mount options that come of it. Landlock and mounts
 * refuse the same things, so that running a program cannot tell which of them works. */
static const struct {
    bool writable, executable, is_dir;
    uint64_t has, lacks; /* LANDLOCK_ACCESS_FS_ */
    uint64_t attributes; /* MOUNT_ATTR_         */
} plan_rows[] = {
    {false, false, true, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
     LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_EXECUTE |
         LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_SOCK,
     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
    {true, false, true,
     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_SOCK,
     LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
         LANDLOCK_ACCESS_FS_IOCTL_DEV,
     MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
    {false, true, true, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE,
     LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE,
     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
    {false, false, false, LANDLOCK_ACCESS_FS_READ_FILE,
     LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE,
     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV},
};

static void grants_become_rights(void)
{
    static struct jail_plan plan;
    char why[JAIL_WHY_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(plan_rows); i++) {
        struct jail_spec spec = jailing_spec(&host, sleeper);
        struct jail_path path = {plan_rows[i].is_dir ? host.outside : "/etc/passwd", "/granted",
                                 plan_rows[i].writable, plan_rows[i].executable};
        spec.paths = &path;
        spec.path_count = 1;
        memset(&plan, 0, sizeof plan);
        plan.landlock_abi = KERNEL_LANDLOCK_ABI_SCOPE;
        plan.exec_fd = -1;
        jailing_claim(jail_plan_fill(&plan, &spec, why) == ERR_OK, "plan %zu: %s", i, why);
        const struct jail_bind *bind = &plan.bind[plan.bind_count - 1];
        jailing_claim((bind->rights & plan_rows[i].has) == plan_rows[i].has &&
                          (bind->rights & plan_rows[i].lacks) == 0 &&
                          bind->attributes == plan_rows[i].attributes,
                      "plan %zu: rights %" PRIx64 ", attributes %" PRIx64, i, bind->rights,
                      bind->attributes);
        memset(&plan, 0, sizeof plan);
        plan.landlock_abi = 1; /* Linux 5.13: an unknown right would be refused */
        plan.exec_fd = -1;
        jailing_claim(jail_plan_fill(&plan, &spec, why) == ERR_OK &&
                          (bind->rights & ~kernel_landlock_fs_all(1)) == 0,
                      "plan %zu: rights %" PRIx64 " with ABI 1", i, bind->rights);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], (char *[]){argv[2]}, 1);
    bad_programs_are_refused();
    bad_values_are_refused();
    bad_paths_are_refused();
    number_of_paths_is_limited();
    grants_become_rights();
    jailing_close(&host);
    return jailing_failed() > 0;
}
