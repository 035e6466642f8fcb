/* Groups for limits (NUC-4, NUC-14): made with what was asked, told apart, found again after a crash,
 * removed when they can be, and nothing left. Needs a host on which groups can be made. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/cgroup.h"
#include "nucleus/cgroup_tree.h"
#include "tests/support/check.h"

enum {
    MEMORY = 64 << 20,
    DIR_SIZE = 2 * CGROUP_TREE_PATH + CGROUP_NAME_SIZE,
};

static char run_dir[64];
static struct cgroup_tree memory, cpu; /* as found, to look into behind cgroup.c's back */

static void dir_of(const struct cgroup_tree *tree, const char *name, char out[DIR_SIZE])
{
    (void)snprintf(out, DIR_SIZE, "%s/%s", tree->path, name);
}

static bool exists(const struct cgroup_tree *tree, const char *name)
{
    char dir[DIR_SIZE];

    dir_of(tree, name, dir);
    return access(dir, F_OK) == 0;
}

static uint64_t number(const struct cgroup_tree *tree, const char *name, const char *v2, const char *v1)
{
    char dir[DIR_SIZE];

    dir_of(tree, name, dir);
    return cgroup_tree_number(dir, tree->is_unified ? v2 : v1, "");
}

/* A process that sits in the group until told to end. */
struct sitter {
    pid_t pid;
    int gate;
};

static struct sitter sit(const struct cgroup_seat *seat)
{
    int in[2], out[2];
    char byte;

    REQUIRE(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
    struct sitter s = {.pid = fork(), .gate = in[1]};
    if (s.pid == 0) {
        (void)close(in[1]);
        for (size_t i = 0; i < seat->group_count; i++) {
            int fd = seat->group[i].is_unified
                         ? openat(seat->group[i].fd, "cgroup.procs", O_WRONLY | O_CLOEXEC)
                         : seat->group[i].fd;
            if (write(fd, "0", 1) != 1) {
                _exit(1);
            }
        }
        _exit(write(out[1], "x", 1) == 1 && read(in[0], &byte, 1) == 0 ? 0 : 1);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    REQUIRE(s.pid > 0 && read(out[0], &byte, 1) == 1, "a process is in the group");
    (void)close(out[0]);
    return s;
}

static void stand_up(struct sitter *s)
{
    int status;

    (void)close(s->gate);
    CHECK(waitpid(s->pid, &status, 0) == s->pid && status == 0, "it ends: %x", status);
}

static struct cgroup_seat make(uint64_t memory_bytes, double cores)
{
    struct cgroup_seat seat = {.name = "untouched"};

    enum err e = cgroup_make("space.cell.0", memory_bytes, cores, &seat);
    REQUIRE(e == ERR_OK, "a group is made: %s", err_name(e));
    return seat;
}

static void limits_are_those_asked_for(void)
{
    if (!cgroup_has_memory()) {
        return;
    }
    struct cgroup_seat seat = make(MEMORY, 0);
    CHECK(number(&memory, seat.name, "memory.max", "memory.limit_in_bytes") == MEMORY, "memory");
    CHECK(!cgroup_ran_out(seat.name), "nobody was killed in it");
    CHECK(seat.group_count == 1, "one hierarchy: %zu", seat.group_count);
    CHECK(strcmp(memory.path, cpu.path) == 0 || !exists(&cpu, seat.name), "and no other");
    cgroup_seat_close(&seat);
    cgroup_remove(seat.name);
    CHECK(!exists(&memory, seat.name), "it is gone");
}

static void cores_become_a_quota(void)
{
    static const struct {
        double cores;
        uint64_t quota_us;
        const char *why;
    } rows[] = {
        {0.01, 1000, "the smallest a manifest may ask for, and the kernel takes"},
        {0.2, 20000, "a share"},
        {1.5, 150000, "more than one core"},
        {1024, 102400000, "the largest"},
    };

    for (size_t i = 0; cgroup_has_cpu() && i < ARRAY_LEN(rows); i++) {
        struct cgroup_seat seat = make(0, rows[i].cores);
        uint64_t got = number(&cpu, seat.name, "cpu.max", "cpu.cfs_quota_us");
        CHECK(got == rows[i].quota_us, "row %zu: %" PRIu64 ": %s", i, got, rows[i].why);
        cgroup_seat_close(&seat);
        cgroup_remove(seat.name);
    }
}

static void without_limits_there_is_no_group(void)
{
    struct cgroup_seat seat = make(0, 0);

    CHECK(seat.name[0] == '\0' && seat.group_count == 0, "none");
    cgroup_remove(seat.name);
    CHECK(!cgroup_ran_out(seat.name), "and nobody was killed in it");
}

static void equal_labels_are_told_apart(void)
{
    struct cgroup_seat a = make(MEMORY, 0), b = make(MEMORY, 0);

    CHECK(strcmp(a.name, b.name) != 0, "%s and %s", a.name, b.name);
    CHECK(strncmp(a.name, "space.cell.0-", strlen("space.cell.0-")) == 0, "%s", a.name);
    cgroup_seat_close(&a);
    cgroup_seat_close(&b);
    cgroup_remove(a.name);
    cgroup_remove(b.name);
}

/* Of the next number, by an earlier nucleus: it is passed over, not used. */
static void taken_names_are_left_alone(void)
{
    struct cgroup_seat first = make(MEMORY, 0);
    const char *dash = strrchr(first.name, '-');
    char taken[CGROUP_NAME_SIZE], dir[DIR_SIZE];

    REQUIRE(dash != NULL, "%s", first.name);
    (void)snprintf(taken, sizeof taken, "space.cell.0-%d", atoi(dash + 1) + 1);
    dir_of(&memory, taken, dir);
    CHECK(mkdir(dir, 0755) == 0, "somebody takes %s", taken);
    struct cgroup_seat next = make(MEMORY, 0);
    CHECK(strcmp(next.name, taken) != 0, "%s is somebody's", taken);
    CHECK(number(&memory, taken, "memory.max", "memory.limit_in_bytes") != MEMORY, "and has no limit");
    cgroup_seat_close(&first);
    cgroup_seat_close(&next);
    cgroup_remove(first.name);
    cgroup_remove(next.name);
    cgroup_remove(taken);
}

static void a_process_is_found_again(void)
{
    char name[CGROUP_NAME_SIZE] = "untouched";
    struct cgroup_seat seat = make(MEMORY, cgroup_has_cpu() ? 0.5 : 0);
    struct sitter s = sit(&seat);

    cgroup_of(s.pid, name);
    CHECK(name[0] == '\0', "none of an earlier nucleus was there at the start: nobody is asked about");
    cgroup_open(run_dir); /* as its successor */
    cgroup_of(s.pid, name);
    CHECK(strcmp(name, seat.name) == 0, "found in %s, is in %s", name, seat.name);
    cgroup_of(getpid(), name);
    CHECK(name[0] == '\0', "who is in none of ours is in none: %s", name);
    cgroup_of(1 << 30, name);
    CHECK(name[0] == '\0', "nor is who does not exist");
    cgroup_seat_close(&seat);
    /* Not empty: it goes with the next that goes. */
    cgroup_remove(seat.name);
    CHECK(exists(&memory, seat.name), "it is not removed under its process");
    stand_up(&s);
    cgroup_remove("");
    CHECK(!exists(&memory, seat.name) && (cpu.path[0] == '\0' || !exists(&cpu, seat.name)),
          "it is when that has ended");
}

/* What a nucleus left that died. */
static void empty_groups_are_swept(void)
{
    struct cgroup_seat empty = make(MEMORY, 0), full = make(MEMORY, 0);
    struct sitter s = sit(&full);

    cgroup_seat_close(&empty);
    cgroup_seat_close(&full);
    cgroup_open(run_dir);
    CHECK(!exists(&memory, empty.name), "the empty one is gone");
    CHECK(exists(&memory, full.name), "the other is not");
    stand_up(&s);
    cgroup_remove(full.name);
}

int main(void)
{
    (void)snprintf(run_dir, sizeof run_dir, "/tmp/test-cgroup-%d", (int)getpid());
    cgroup_open(run_dir);
    if (!cgroup_has_memory()) {
        fprintf(stderr, "SKIPPED: needs a writable control group with the memory controller\n");
        return 77;
    }
    char name[64] = "cell-tmp-test-cgroup-";
    (void)snprintf(name + strlen(name), 16, "%d", (int)getpid());
    cgroup_tree_find(name, &memory, &cpu);
    fprintf(stderr, "memory: version %d; cpu: %s\n", memory.is_unified ? 2 : 1,
            cpu.path[0] == '\0' ? "none" : cpu.is_unified ? "version 2" : "version 1");
    limits_are_those_asked_for();
    cores_become_a_quota();
    without_limits_there_is_no_group();
    equal_labels_are_told_apart();
    taken_names_are_left_alone();
    a_process_is_found_again();
    empty_groups_are_swept();
    cgroup_close();
    CHECK(access(memory.path, F_OK) != 0 && (cpu.path[0] == '\0' || access(cpu.path, F_OK) != 0),
          "nothing is left");
    return CHECK_RESULT();
}
