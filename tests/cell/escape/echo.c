/* The smallest sealed server: nng rep0 on a libuv loop behind every door there is. Tells on stderr
 * what the kernel says about it, then answers requests until it is sent "end".
 *
 *   echo BIND_DIR [STATE_DIR]      listens at BIND_DIR/echo.sock */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "common/run/seal.h"

static nng_socket server;

static int must(int failed, const char *what)
{
    if (failed != 0) {
        fprintf(stderr, "echo: %s: %s\n", what, nng_strerror(failed));
        exit(1);
    }
    return failed;
}

static void seal(enum err e, const char *why)
{
    if (e != ERR_OK) {
        fprintf(stderr, "echo: %s: %s\n", err_name(e), why);
        exit(1);
    }
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    nng_msg *message;

    (void)status;
    (void)events;
    while (nng_recvmsg(server, &message, NNG_FLAG_NONBLOCK) == 0) {
        bool is_end = nng_msg_len(message) == 3 && memcmp(nng_msg_body(message), "end", 3) == 0;
        must(nng_sendmsg(server, message, 0), "answer");
        if (is_end) {
            uv_stop(poll->loop);
        }
    }
}

/* What the test looks for, as key=value. */
static void tell(void)
{
    Cell__Inspect__Sandbox look;

    seal_look(&look);
    fprintf(stderr,
            "seccomp=%u filters=%u allowed=%u known=%u nnp=%d eff=%llx prm=%llx bnd=%llx amb=%llx "
            "abi=%u layers=%u enforced=%d dumpable=%d uid=%u files=%u\n",
            look.seccomp_mode, look.seccomp_filters, look.syscalls_allowed, look.syscalls_known,
            look.no_new_privs, (unsigned long long)look.capabilities_effective,
            (unsigned long long)look.capabilities_permitted,
            (unsigned long long)look.capabilities_bounding,
            (unsigned long long)look.capabilities_ambient, look.landlock_abi, look.landlock_layers,
            look.landlock_enforced, look.dumpable, look.uid, look.open_files);
    for (size_t i = 0; i < look.n_namespaces; i++) {
        fprintf(stderr, "namespace=%s own=%d\n", look.namespaces[i]->kind, look.namespaces[i]->own);
    }
    for (size_t i = 0; i < look.n_rlimits; i++) {
        fprintf(stderr, "limit=%s soft=%llu\n", look.rlimits[i]->name,
                (unsigned long long)look.rlimits[i]->soft);
    }
}

static void listen_at(const char *dir)
{
    char path[128], url[192];
    nng_listener listener;

    (void)snprintf(path, sizeof path, "%s/echo.tmp", dir);
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    must(nng_listener_create(&listener, server, url), "listener");
    must(nng_listener_set_int(listener, NNG_OPT_IPC_PERMISSIONS, 0600), "permissions");
    must(nng_listener_start(listener, 0), "listen");
    (void)snprintf(url, sizeof url, "%s/echo.sock", dir);
    must(rename(path, url), "rename");
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    uv_poll_t poll;
    uv_timer_t timer;
    char why[SEAL_WHY_SIZE] = "";
    int fd;

    if (argc < 2) {
        return 64;
    }
    struct seal_spec spec = {.bind_dir = argv[1], .run_dir = argv[1], .state_dir = argv[2]};
    seal(seal_enter(&spec, why), why);
    seal(seal_look_open(), "look");
    must(nng_rep0_open(&server), "open");
    seal(seal_filter(&spec, why), why);

    listen_at(argv[1]);
    must(nng_socket_get_int(server, NNG_OPT_RECVFD, &fd), "descriptor");
    must(uv_poll_init(loop, &poll, fd), "poll");
    must(uv_poll_start(&poll, UV_READABLE, on_readable), "poll");
    must(uv_timer_init(loop, &timer), "timer");
    must(uv_timer_start(&timer, (uv_timer_cb)uv_update_time, 1, 1), "timer");
    tell();
    uv_run(loop, UV_RUN_DEFAULT);
    nng_msleep(100); /* nng does not linger: the last answer is still being written */
    must(nng_close(server), "close");
    fputs("end\n", stderr);
    return 0;
}
