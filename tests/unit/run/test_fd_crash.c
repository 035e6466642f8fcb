/* Kill a process at every system call of fd_replace_file: whoever reads afterwards finds the old or
 * the new content, whole. The order of the calls is what a power cut relies on, so it is checked. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum {
    CALLS_MAX = 64, /* the function makes about ten */
    SIZE = 50000,
};

static int dir;
static char old_content[SIZE], new_content[SIZE];

/* The traced process: stops, replaces, ends. */
static void replace_traced(void)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(CHECK_SKIPPED);
    }
    raise(SIGSTOP);
    _exit(fd_replace_file(dir, "state", new_content, SIZE, 0600) == ERR_OK ? 0 : 1);
}

/* Let it run to its next system call, entering only; its number, or -1: it has ended. */
static long next_call(pid_t child, int *status)
{
    struct __ptrace_syscall_info info;

    for (;;) {
        REQUIRE(ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0, "go on");
        REQUIRE(waitpid(child, status, 0) == child, "stop or end");
        if (!WIFSTOPPED(*status)) {
            return -1;
        }
        REQUIRE(ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0, "which call");
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            return (long)info.entry.nr;
        }
    }
}

/* Start it and kill it on entry of call `victim`. Returns how many calls it entered; *ret_ended:
 * it came to its end first. */
static unsigned run_and_kill(unsigned victim, long call[CALLS_MAX], bool *ret_ended)
{
    int status;
    unsigned count = 0;
    pid_t child = fork();

    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        replace_traced();
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it stops");
    if (WIFEXITED(status)) {
        fprintf(stderr, "skipped: this host does not allow ptrace\n");
        exit(CHECK_SKIPPED);
    }
    REQUIRE(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) == 0,
            "it ends with the test");
    for (long nr; (nr = next_call(child, &status)) >= 0; count++) {
        REQUIRE(count < CALLS_MAX, "more calls than foreseen");
        call[count] = nr;
        if (count == victim) {
            REQUIRE(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child, "it dies");
            *ret_ended = false;
            return count;
        }
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "undisturbed it succeeds");
    *ret_ended = true;
    return count;
}

/* 'o' old, 'n' new, '?' anything else. */
static char content(void)
{
    AUTO_FREE char *text = NULL;
    size_t len = 0;

    if (fd_read_file(dir, "state", 2 * SIZE, &text, &len) != ERR_OK || len != SIZE) {
        return '?';
    }
    return memcmp(text, old_content, SIZE) == 0 ? 'o'
           : memcmp(text, new_content, SIZE) == 0 ? 'n' : '?';
}

static bool is_rename(long nr)
{
#ifdef SYS_renameat
    if (nr == SYS_renameat) {
        return true;
    }
#endif
    return nr == SYS_renameat2;
}

/* Written, synced, renamed, the directory synced: each after the one before. */
static void the_order_survives_a_power_cut(const long *call, unsigned count)
{
    unsigned step = 0;

    for (unsigned i = 0; i < count; i++) {
        bool is_next = step == 0   ? call[i] == SYS_write
                       : step == 2 ? is_rename(call[i])
                                   : call[i] == SYS_fsync;
        CHECK(!is_rename(call[i]) || step == 2, "renamed before it was synced");
        step += step < 4 && is_next;
    }
    CHECK(step == 4, "write, fsync, rename, fsync of the directory: only %u of them", step);
}

int main(void)
{
    long call[CALLS_MAX];
    unsigned old_seen = 0, new_seen = 0;
    bool has_ended = false;

    memset(old_content, 'o', SIZE);
    memset(new_content, 'n', SIZE);
    dir = scratch_open();
    for (unsigned victim = 0; !has_ended; victim++) {
        REQUIRE(fd_replace_file(dir, "state", old_content, SIZE, 0600) == ERR_OK,
                "after a crash it works as before");
        unsigned count = run_and_kill(victim, call, &has_ended);
        char found = content();
        CHECK(found == 'o' || found == 'n', "killed at call %u (%ld): neither old nor new", victim,
              call[victim < CALLS_MAX ? victim : 0]);
        CHECK(!has_ended || found == 'n', "not killed: the new content");
        CHECK(new_seen == 0 || found == 'n', "call %u: new stays new from the rename on", victim);
        old_seen += found == 'o';
        new_seen += found == 'n';
        if (has_ended) {
            the_order_survives_a_power_cut(call, count);
        }
    }
    /* Before the rename there are at least open, write and fsync; after it one fsync and the end. */
    CHECK(old_seen >= 4 && new_seen >= 2, "killed before %u times, after %u times", old_seen,
          new_seen);
    return CHECK_RESULT();
}
