/* The processes of a bench behind the system call filter of a cell: linked in the place of shm_doors.c. */
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "bench/shm_peers.h"
#include "common/run/seal.h"

static const struct cell_syscall calls[] = {
    {SYS_clock_nanosleep, "pauses between calls"},
    {SYS_kill, "ends what it has started"},
    {SYS_wait4, "and waits for its end"},
    {SYS_getrusage, "what the children took"},
};

void peers_doors(void)
{
    const struct seal_spec spec = {.calls = calls, .call_count = sizeof calls / sizeof calls[0]};
    char why[SEAL_WHY_SIZE] = "";

    peers_must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    peers_must(seal_filter(&spec, why) == ERR_OK, why);
}
