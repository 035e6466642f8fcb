/* cell down: ask the nucleus, then wait until the guard, the last process of a node, is gone. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/place.h"
#include "cli/up.h"
#include "cli/view.h"
#include "common/run/fd.h"

enum {
    DEADLINE_MS = 60000, /* drain, SIGTERM and SIGKILL of the slowest cell, in reverse order */
    RETRY_MS = 50,
    REVIVE_MS = 5000, /* a guard restarts a crashed nucleus within a second */
    COMM_SIZE = 32,
};

/* The guard that signed the lock, as long as a process of that name has the pid; 0: none. */
static pid_t lock_holder(struct cli *cli)
{
    char path[CLI_PATH_SIZE], comm[CLI_PATH_SIZE];
    AUTO_FREE char *text = NULL, *name = NULL;
    size_t len;

    if (!cli_place_join(path, cli->run_dir, "lock") ||
        fd_read_file(AT_FDCWD, path, COMM_SIZE, &text, &len) != ERR_OK) {
        return 0;
    }
    long pid = strtol(text, NULL, 10);
    snprintf(comm, sizeof comm, "/proc/%ld/comm", pid);
    if (pid <= 0 || fd_read_file(AT_FDCWD, comm, COMM_SIZE, &name, &len) != ERR_OK ||
        strcmp(name, "cell-guard\n") != 0) {
        return 0;
    }
    return (pid_t)pid;
}

/* Connect, waiting for a nucleus that is just being restarted. *ret_was_up false: there is none. */
static int reach(struct cli *cli, struct cli_ask *ask, bool *ret_was_up)
{
    uint64_t until_ms = cli_clock_ms() + REVIVE_MS;
    char hint[CLI_HINT_SIZE];

    *ret_was_up = true;
    while (true) {
        enum err e = cli_ask_connect(cli, "nucleus", "nucleus.sock", ask);
        pid_t guard = e == ERR_OK ? 0 : lock_holder(cli);
        bool is_silent = e == ERR_NOT_FOUND || e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD;

        if (e == ERR_OK) {
            return CLI_DONE;
        }
        if (is_silent && guard == 0) {
            *ret_was_up = false;
            return CLI_DONE;
        }
        if (!is_silent) {
            return cli_ask_explain_connect(cli, ask, e);
        }
        if (cli_clock_ms() >= until_ms) {
            snprintf(hint, sizeof hint, "see `cell logs nucleus`; if it stays so, end the guard: "
                     "kill %d", (int)guard);
            return cli_fail(cli, ERR_UNAVAILABLE, hint,
                            "the guard (pid %d) lives, but its nucleus does not answer",
                            (int)guard);
        }
        cli_clock_pause(RETRY_MS);
    }
}

/* Who is still there, for a person who waits in vain. */
static int explain_late(struct cli *cli, pid_t guard)
{
    Cell__Nucleus__StatusReply *s = NULL;
    char name[CLI_VIEW_NAME_SIZE] = "";
    size_t alive = 0;

    if (cli_ask_status(cli, "", &s) != CLI_DONE) {
        return CLI_FAILED; /* said */
    }
    for (size_t i = 0; i < s->n_cells; i++) {
        if (s->cells[i]->pid != 0) {
            alive++;
            cli_view_name(s->cells[i], name);
        }
    }
    cli_ask_free(&s->base);
    return cli_fail(cli, ERR_TIMEOUT, "wait and try again, or look at `cell status`",
                    "the node (guard pid %d) is still going down: %zu instances live%s%s",
                    (int)guard, alive, alive > 0 ? ", among them " : "", name);
}

static int ask_down(struct cli *cli, struct cli_ask *ask, uint32_t deadline_ms, pid_t guard,
                    uint32_t *ret_instances)
{
    Cell__Nucleus__DownRequest request = CELL__NUCLEUS__DOWN_REQUEST__INIT;
    char text[SP_TEXT_SIZE] = "";
    ProtobufCMessage *reply;
    enum err e = cli_ask_try(ask, &cell__nucleus__nucleus__descriptor, "Down",
                             CELL__NUCLEUS__OP__OP_DOWN, &request.base, deadline_ms, &reply, text);

    if (e == ERR_OK) {
        *ret_instances = ((Cell__Nucleus__DownReply *)reply)->instances;
        cli_ask_free(reply);
        return CLI_DONE;
    }
    /* Somebody else was first, or the answer was lost with the nucleus that gave it: both are told
     * by whether the guard goes. */
    if (e == ERR_EXISTS || e == ERR_PEER_DEAD) {
        return CLI_DONE;
    }
    return e == ERR_TIMEOUT ? explain_late(cli, guard) : cli_ask_explain(cli, ask, "Down", e, text);
}

static int learn_guard(struct cli *cli, struct cli_ask *ask, pid_t *ret)
{
    Cell__Nucleus__StatusRequest request = CELL__NUCLEUS__STATUS_REQUEST__INIT;
    ProtobufCMessage *reply;
    int status = cli_ask_nucleus_for(cli, ask, "Status", CELL__NUCLEUS__OP__OP_STATUS,
                                     &request.base, CLI_DEADLINE_MS, &reply);

    if (status == CLI_DONE) {
        *ret = (pid_t)((Cell__Nucleus__StatusReply *)reply)->guard_pid;
        cli_ask_free(reply);
    }
    return status;
}

static int end_node(struct cli *cli, uint32_t deadline_ms, bool *ret_was_up, uint32_t *ret_instances)
{
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    AUTO_FD int pidfd = -1;
    uint64_t until_ms = cli_clock_ms() + deadline_ms;
    pid_t guard = 0;
    int status = cli_place_need_run(cli);

    if (status == CLI_DONE) {
        status = reach(cli, &ask, ret_was_up);
    }
    if (status != CLI_DONE || !*ret_was_up) {
        return status;
    }
    status = learn_guard(cli, &ask, &guard);
    /* Opened while the nucleus still vouches for the pid. */
    pidfd = status == CLI_DONE && guard > 0 ? (int)syscall(SYS_pidfd_open, guard, 0) : -1;
    if (status == CLI_DONE) {
        status = ask_down(cli, &ask, deadline_ms, guard, ret_instances);
    }
    if (status != CLI_DONE || pidfd < 0) {
        return status;
    }
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int ready;
    do {
        uint64_t now = cli_clock_ms();

        ready = poll(&wait, 1, until_ms > now ? (int)(until_ms - now) : 0);
    } while (ready < 0 && errno == EINTR);
    return ready > 0 ? CLI_DONE : explain_late(cli, guard);
}

int cli_up_end(struct cli *cli, uint32_t deadline_ms, bool *ret_was_up)
{
    uint32_t instances = 0;

    return end_node(cli, deadline_ms, ret_was_up, &instances);
}

int cli_up_down(struct cli *cli)
{
    uint32_t deadline_ms = DEADLINE_MS, instances = 0;
    bool was_up = false;
    struct jsonout out;
    int status = cli_args_duration_ms(cli, "deadline", &deadline_ms);

    if (status == CLI_DONE) {
        status = end_node(cli, deadline_ms, &was_up, &instances);
    }
    if (status != CLI_DONE) {
        return status;
    }
    if (cli->json) {
        cli_emit_begin(&out);
        jsonout_object(&out);
        cli_emit_bool(&out, "was_up", was_up);
        cli_emit_u64(&out, "instances", instances);
        jsonout_object_end(&out);
        return cli_emit_end(cli, &out);
    }
    if (was_up) {
        printf("node is down: %" PRIu32 " instance%s stopped\n", instances,
               instances == 1 ? "" : "s");
    } else {
        printf("no node runs in %s: nothing to do\n", cli->run_dir);
    }
    return CLI_DONE;
}
