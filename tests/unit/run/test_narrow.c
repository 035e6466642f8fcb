/* What a helper process keeps: listed capabilities and calls, and no way back. Each claim in a process of its own. */
#include "common/run/narrow.h"

#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

static char why[NARROW_WHY_SIZE];

/* Its wait status. */
static int of_child(int (*claim)(void))
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        _exit(claim());
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child, "a child");
    return status;
}

static uint64_t permitted(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {{0}, {0}};

    return syscall(SYS_capget, &header, has) == 0 ? (uint64_t)has[1].permitted << 32 | has[0].permitted : UINT64_MAX;
}

static uint64_t effective(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {{0}, {0}};

    return syscall(SYS_capget, &header, has) == 0 ? (uint64_t)has[1].effective << 32 | has[0].effective : 0;
}

static int two_are_kept(void)
{
    static const int caps[] = {CAP_NET_ADMIN, CAP_BPF};
    uint64_t wanted = UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_BPF, had = permitted();
    bool can_empty = (had >> CAP_SETPCAP & 1) != 0;

    if (narrow_capabilities(caps, 2, why) != ERR_OK) {
        return 1;
    }
    for (int cap = 0; can_empty && cap <= CAP_LAST_CAP; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) {
            return 3; /* what it executes could have this one */
        }
    }
    return permitted() == (had & wanted) && effective() == permitted() && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                   prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 2;
}

static int none_come_back(void)
{
    static const int caps[] = {CAP_NET_ADMIN};
    uint64_t before;

    if (narrow_capabilities(NULL, 0, why) != ERR_OK || permitted() != 0) {
        return 1;
    }
    before = permitted();
    return narrow_capabilities(caps, 1, why) == ERR_OK && permitted() == before ? 0 : 2;
}

static int listed_calls_go_on(void)
{
    static const char *const calls[] = {"socket", "riscv_flush_icache"}; /* of another architecture: skipped */

    if (narrow_capabilities(NULL, 0, why) != ERR_OK || narrow_calls(calls, 2, why) != ERR_OK) {
        return 1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return fd >= 0 && close(fd) == 0 ? 0 : 2;
}

/* Left out in silence it would be a call that ends the process, once somebody comes by. */
static int a_name_that_nobody_knows_is_refused(void)
{
    static const char *const calls[] = {"socket", "sokcet"};

    if (narrow_capabilities(NULL, 0, why) != ERR_OK || narrow_calls(calls, 2, why) != ERR_UNSUPPORTED) {
        return 1;
    }
    return strcmp(why, "seccomp: no call is named sokcet") == 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : 2;
}

static int others_end_it(void)
{
    if (narrow_capabilities(NULL, 0, why) != ERR_OK || narrow_calls(NULL, 0, why) != ERR_OK) {
        return 1;
    }
    (void)socket(AF_UNIX, SOCK_STREAM, 0);
    return 0;
}

int main(void)
{
    CHECK(of_child(two_are_kept) == 0, "two capabilities, as far as there were");
    CHECK(of_child(none_come_back) == 0, "what is gone is gone");
    CHECK(of_child(listed_calls_go_on) == 0, "a call that is listed");
    CHECK(of_child(a_name_that_nobody_knows_is_refused) == 0, "a name that is misspelled");
    int status = of_child(others_end_it);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "another ends the process: %x", status);
    if (permitted() == 0) {
        printf("skipped: capabilities that are kept, by a process that has none\n");
        return check_failures == 0 ? CHECK_SKIPPED : CHECK_RESULT();
    }
    return CHECK_RESULT();
}
