/* A program is born in its control groups (NUC-14): of version 1 and 2, with everything it starts; what
 * cannot be entered stops the start. Needs groups that may be made; says which it had.
 *
 *   test_jail_group root PROGRAM */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/jail_child.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;

/* A hierarchy with a group of our own in it. */
struct place {
    const char *name;
    const char *line; /* of /proc/<pid>/cgroup */
    const char *mount;
    bool is_unified;
    char dir[256];
    char seen[256]; /* as /proc/<pid>/cgroup has it */
};

static struct place places[] = {
    {.name = "version 1", .line = ":memory:", .mount = "/sys/fs/cgroup/memory"},
    {.name = "version 2", .line = "0::", .mount = "/sys/fs/cgroup", .is_unified = true},
    {.name = "version 2 beside version 1", .line = "0::", .mount = "/sys/fs/cgroup/unified",
     .is_unified = true},
};

/* The path behind `line` in /proc/<pid>/cgroup; false: there is no such line. */
static bool group_of(const char *pid, const char *line, char out[256])
{
    char file[64], text[512];
    bool found = false;

    (void)snprintf(file, sizeof file, "/proc/%s/cgroup", pid);
    FILE *in = fopen(file, "re");
    while (in != NULL && !found && fgets(text, sizeof text, in) != NULL) {
        char *at = strstr(text, line);
        text[strcspn(text, "\n")] = '\0';
        found = at != NULL && (line[0] == ':' || at == text);
        if (found) {
            (void)snprintf(out, 256, "%.255s", at + strlen(line));
        }
    }
    if (in != NULL) {
        fclose(in);
    }
    return found;
}

/* Make our group; false: this host has none there. */
static bool make(struct place *p)
{
    char own[256], file[300];

    (void)snprintf(file, sizeof file, "%s/cgroup.procs", p->mount);
    if (access(file, F_OK) != 0 || !group_of("self", p->line, own)) {
        return false;
    }
    const char *base = strcmp(own, "/") == 0 ? "" : own;
    (void)snprintf(p->seen, sizeof p->seen, "%.200s/cell-test-%d", base, getpid());
    (void)snprintf(p->dir, sizeof p->dir, "%.50s%.200s", p->mount, p->seen);
    return mkdir(p->dir, 0755) == 0;
}

static int open_group(const struct place *p)
{
    char tasks[300];

    (void)snprintf(tasks, sizeof tasks, "%s/tasks", p->dir);
    return p->is_unified ? open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                         : open(tasks, O_WRONLY | O_CLOEXEC);
}

static enum err start_in(const struct place *p, const char *const *argv, struct jail_started *ret,
                         char why[JAIL_WHY_SIZE])
{
    struct jail_spec spec = jailing_spec(&host, argv);
    struct jail_group group = {open_group(p), p->is_unified};
    int log = -1;

    spec.groups = &group;
    spec.group_count = 1;
    enum err e = jailing_start(&spec, ret, &log, why);
    fd_close(&group.fd);
    fd_close(&log);
    return e;
}

static void is_in(const struct place *p, pid_t pid, const char *who)
{
    char number[16], seen[256] = "";

    (void)snprintf(number, sizeof number, "%d", pid);
    jailing_claim(group_of(number, p->line, seen) && strcmp(seen, p->seen) == 0, "%s, %s: in %s",
                  p->name, who, seen);
}

/* The first child of a process; 0: none yet. */
static pid_t child_of(pid_t pid)
{
    char path[64];
    pid_t child = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    FILE *in = fopen(path, "re");
    if (in == NULL || fscanf(in, "%d", &child) != 1) {
        child = 0;
    }
    if (in != NULL) {
        fclose(in);
    }
    return child;
}

static void a_program_and_its_children_are_in(const struct place *p)
{
    static const char *const argv[] = {"/bin/sh", "-c", "sleep 1000 & wait", NULL};
    uint64_t steps[JAIL_STEPS];
    struct jail_started started;
    char why[JAIL_WHY_SIZE];
    pid_t child = 0;

    enum err e = start_in(p, argv, &started, why);
    jailing_claim(e == ERR_OK, "%s: not started: %s", p->name, why);
    if (e != ERR_OK) {
        return;
    }
    jail_steps_ns(steps);
    fprintf(stderr, "%s: entering took %ju us of %ju\n", p->name,
            (uintmax_t)(steps[JAIL_STEP_GROUP] + (p->is_unified ? steps[JAIL_STEP_CLONE] : 0)) / 1000,
            (uintmax_t)started.jail_us);
    is_in(p, started.pid, "the program");
    for (int i = 0; child == 0 && i < 1000; i++) {
        child = child_of(started.pid);
        usleep(1000);
    }
    is_in(p, child, "its child");
    jailing_kill(&started);
}

/* A container's filter hides clone3: the child then moves itself. */
static void it_works_without_clone3(const struct place *p)
{
    static const char *const argv[] = {"/usr/bin/sleep", "1000", NULL};
    struct jail_started started;
    char why[JAIL_WHY_SIZE];
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    jailing_claim(filter != NULL &&
                      seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
                      seccomp_load(filter) == 0, "filter");
    seccomp_release(filter);
    enum err e = start_in(p, argv, &started, why);
    jailing_claim(e == ERR_OK, "%s without clone3: %s", p->name, why);
    if (e == ERR_OK) {
        is_in(p, started.pid, "without clone3");
        jailing_kill(&started);
    }
}

static const struct place *hidden_place;
static void without_clone3(void)
{
    it_works_without_clone3(hidden_place);
}

/* A group that is gone, though its descriptor is open: no program, nothing left. */
static void a_group_that_is_gone_stops_the_start(struct place *p)
{
    static const char *const argv[] = {"/usr/bin/sleep", "1000", NULL};
    struct jailing_trace before, after;
    struct jailing_end end;
    struct jail_spec spec = jailing_spec(&host, argv);
    struct jail_group group = {open_group(p), p->is_unified};

    jailing_claim(group.fd >= 0 && rmdir(p->dir) == 0, "%s: rmdir: %s", p->name, strerror(errno));
    spec.groups = &group;
    spec.group_count = 1;
    jailing_look(&before);
    jailing_run(&spec, &end);
    jailing_look(&after);
    jailing_claim(end.e == ERR_UNSUPPORTED && strstr(end.why, "control group") != NULL, "%s: %s \"%s\"",
                  p->name, err_name(end.e), end.why);
    jailing_claim(jailing_same(&before, &after), "%s: something was left behind", p->name);
    fd_close(&group.fd);
}

static void number_of_groups_is_limited(void)
{
    static const char *const argv[] = {"/usr/bin/true", NULL};
    struct jail_group groups[JAIL_GROUPS_MAX + 1] = {{.fd = -1}};
    struct jail_spec spec = jailing_spec(&host, argv);
    struct jailing_end end;

    spec.groups = groups;
    spec.group_count = ARRAY_LEN(groups);
    jailing_run(&spec, &end);
    jailing_claim(end.e == ERR_INVALID && strstr(end.why, "groups") != NULL, "%s", end.why);
}

int main(int argc, char **argv)
{
    size_t count = 0;

    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], &argv[2], 1);
    number_of_groups_is_limited();
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (!make(&places[i])) {
            fprintf(stderr, "%s: SKIPPED: no group can be made there\n", places[i].name);
            continue;
        }
        count++;
        a_program_and_its_children_are_in(&places[i]);
        hidden_place = &places[i];
        jailing_in_child(without_clone3, "without clone3");
        a_group_that_is_gone_stops_the_start(&places[i]);
    }
    jailing_close(&host);
    return jailing_failed() > 0 ? 1 : count > 0 ? 0 : JAILING_SKIP;
}
