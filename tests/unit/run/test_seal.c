/* The inner sandbox (NUC-14, DAT-15): what holds after it is closed, read back from the kernel; what
 * the loop can still do; and that it does not half close.
 *
 *   test_seal root|user ECHO */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/kernel.h"
#include "common/run/loop.h"
#include "common/run/seal.h"
#include "common/run/seal_room.h"
#include "tests/unit/run/jailing.h"

static struct jailing host;

/* ---- the kernel's view ------------------------------------------------------------------------ */

static void look_reports_what_holds(void)
{
    Cell__Inspect__Sandbox look;
    struct seal_spec spec = jailing_seal_spec(&host);
    const uint32_t filters_before = (uint32_t)(prctl(PR_GET_SECCOMP) == 2);

    jailing_seal(&spec);
    seal_look(&look);
    jailing_claim(look.seccomp_mode == 2, "seccomp mode %u", look.seccomp_mode);
    jailing_claim(look.seccomp_filters >= 1 + filters_before, "%u filters", look.seccomp_filters);
    jailing_claim(look.no_new_privs, "no_new_privs");
    jailing_claim((look.capabilities_effective | look.capabilities_permitted |
                   look.capabilities_ambient) == 0, "capabilities");
    jailing_claim(geteuid() != 0 || look.capabilities_bounding == 0, "bounding %" PRIx64,
                  look.capabilities_bounding);
    jailing_claim(look.landlock_abi >= 1 && look.landlock_layers >= 1 && look.landlock_enforced,
                  "landlock %u %u %d", look.landlock_abi, look.landlock_layers,
                  look.landlock_enforced);
    jailing_claim(!look.dumpable, "dumpable");
    jailing_claim(look.uid == geteuid() && look.gid == getegid(), "ids");
    jailing_claim(look.syscalls_known >= 300 && look.syscalls_allowed >= 60 &&
                      look.syscalls_allowed <= 140, "%u of %u calls", look.syscalls_allowed,
                  look.syscalls_known);
    jailing_claim(look.n_namespaces == 8, "%zu namespaces", look.n_namespaces);
    for (size_t i = 0; i < look.n_calls; i++) {
        jailing_claim(look.calls[i]->name[0] != '\0' && look.calls[i]->reason[0] != '\0',
                      "call %zu has no name or reason", i);
    }
}

static const Cell__Inspect__Rlimit *limit_of(const Cell__Inspect__Sandbox *look, const char *name)
{
    for (size_t i = 0; i < look->n_rlimits; i++) {
        if (strcmp(look->rlimits[i]->name, name) == 0) {
            return look->rlimits[i];
        }
    }
    return NULL;
}

/* Looked at anew each time: nothing is remembered from before. */
static void look_is_live(void)
{
    Cell__Inspect__Sandbox look;
    struct seal_spec spec = jailing_seal_spec(&host);

    setrlimit(RLIMIT_NOFILE, &(struct rlimit){100, 200});
    jailing_seal(&spec);
    seal_look(&look);
    uint32_t before = look.open_files;
    const Cell__Inspect__Rlimit *files = limit_of(&look, "files");
    jailing_claim(files != NULL && files->soft == 100 && files->hard == 200, "rlimit files");
    int fd = dup(STDERR_FILENO);
    seal_look(&look);
    jailing_claim(fd >= 0 && look.open_files == before + 1, "%u open, %u before", look.open_files,
                  before);
}

/* In no namespace of its own, so it must not claim one. */
static void shared_namespaces_are_not_own(void)
{
    Cell__Inspect__Sandbox look;
    struct seal_spec spec = jailing_seal_spec(&host);

    jailing_seal(&spec);
    seal_look(&look);
    for (size_t i = 0; i < look.n_namespaces; i++) {
        jailing_claim(!look.namespaces[i]->own, "%s claims to be own", look.namespaces[i]->kind);
    }
}

/* ---- the list of calls -------------------------------------------------------------------------- */

static long call_getpgid(void)
{
    return syscall(SYS_getpgid, 0);
}

/* A cell's own call, with its reason, is allowed and shown; so is the lifting of a condition. */
static void own_calls_are_added(void)
{
    static const struct cell_syscall own[] = {{SYS_getpgid, "the test asks"}};
    struct seal_spec spec = jailing_seal_spec(&host);
    Cell__Inspect__Sandbox look;
    bool is_shown = false;

    spec.calls = own;
    spec.call_count = ARRAY_LEN(own);
    jailing_seal(&spec);
    jailing_claim(call_getpgid() >= 0, "the own call is refused: %s", strerror(errno));
    seal_look(&look);
    for (size_t i = 0; i < look.n_calls; i++) {
        is_shown = is_shown || (strcmp(look.calls[i]->name, "getpgid") == 0 &&
                                strcmp(look.calls[i]->reason, "the test asks") == 0);
    }
    jailing_claim(is_shown, "the own call is not shown");
}

/* The calls of every message have no condition: such a verdict is cached by the kernel. */
static void hot_calls_are_judged_by_number(void)
{
    static const char *const hot[] = {"futex", "epoll_wait", "epoll_ctl", "read", "readv", "write",
                                      "writev", "sendmsg", "recvmsg", "getrandom"};
    struct seal_spec spec = jailing_seal_spec(&host);
    size_t count;

    jailing_seal(&spec);
    const struct seal_call *list = seal_calls_list(&count);
    for (size_t k = 0; k < ARRAY_LEN(hot); k++) {
        size_t found = 0;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(list[i].name, hot[k]) == 0) {
                found++;
                jailing_claim(list[i].condition == NULL, "%s has a condition", hot[k]);
            }
        }
        jailing_claim(found == 1, "%s has %zu rows", hot[k], found);
    }
}

/* ---- threads ---------------------------------------------------------------------------------- */

static int gate[2];

static void *try_after_gate(void *answer)
{
    char byte;
    ssize_t got = read(gate[0], &byte, 1);
    *(bool *)answer = got == 1 && syscall(SYS_getpgid, 0) < 0 && errno == EPERM;
    return NULL;
}

/* nng's threads run before the filter: it must close on them as well. */
static void running_threads_are_filtered(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    char why[SEAL_WHY_SIZE] = "";
    pthread_t thread;
    bool is_refused = false;

    jailing_claim(pipe(gate) == 0 && seal_enter(&spec, why) == ERR_OK, "enter %s", why);
    jailing_claim(pthread_create(&thread, NULL, try_after_gate, &is_refused) == 0, "thread");
    jailing_claim(seal_filter(&spec, why) == ERR_OK, "filter %s", why);
    jailing_claim(write(gate[1], "x", 1) == 1, "gate");
    pthread_join(thread, NULL);
    jailing_claim(is_refused, "a thread that ran before is not filtered");
}

static void threads_start_and_abort_works(void)
{
    struct seal_spec spec = jailing_seal_spec(&host);
    pthread_t thread;
    bool is_refused = false;

    jailing_claim(pipe(gate) == 0, "pipe");
    jailing_seal(&spec);
    jailing_claim(pthread_create(&thread, NULL, try_after_gate, &is_refused) == 0,
                  "no new thread: %s", strerror(errno));
    jailing_claim(write(gate[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0 && is_refused,
                  "the new thread");
}

static void aborting_ends_by_sigabrt(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct seal_spec spec = jailing_seal_spec(&host);
        jailing_seal(&spec);
        abort();
    }
    (void)waitpid(pid, &status, 0);
    jailing_claim(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "abort: status %x", status);
}

/* ---- refusing to half close ------------------------------------------------------------------- */

static void missing_directory_is_an_error(void)
{
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = {.bind_dir = "/nonexistent/bind"};
    jailing_claim(seal_enter(&spec, why) == ERR_NOT_FOUND && strstr(why, "/nonexistent/bind") != NULL,
                  "missing bind_dir: %s", why);
}

/* SEAL_PATHS_MAX of a kind are fine, one more is not; and one that is not there refuses them all. */
static void number_of_paths_is_limited(void)
{
    const char *paths[SEAL_PATHS_MAX + 1];
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = jailing_seal_spec(&host);

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        paths[i] = host.outside;
    }
    spec.read = spec.write = paths;
    spec.read_count = ARRAY_LEN(paths);
    jailing_claim(seal_enter(&spec, why) == ERR_LIMIT, "one path too many to read: %s", why);
    spec.read_count = 0;
    spec.write_count = ARRAY_LEN(paths);
    jailing_claim(seal_enter(&spec, why) == ERR_LIMIT, "one path too many to write: %s", why);
    spec.read_count = spec.write_count = SEAL_PATHS_MAX;
    paths[SEAL_PATHS_MAX - 1] = "/nonexistent/granted";
    jailing_claim(seal_enter(&spec, why) == ERR_NOT_FOUND && strstr(why, paths[SEAL_PATHS_MAX - 1]),
                  "a path that is not there: %s", why);
    paths[SEAL_PATHS_MAX - 1] = host.outside;
    jailing_claim(seal_enter(&spec, why) == ERR_OK, "as many as may be: %s", why);
}

static void unknown_call_is_an_error(void)
{
    static const struct cell_syscall own[] = {{-1, "there is none"}};
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = jailing_seal_spec(&host);

    spec.calls = own;
    spec.call_count = 1;
    jailing_claim(seal_enter(&spec, why) == ERR_OK && seal_filter(&spec, why) == ERR_INVALID &&
                      prctl(PR_GET_SECCOMP) == 0, "call -1: %s", why);
}

/* SEAL_CALLS_MAX rows in all are fine, one more is not. */
static void number_of_calls_is_limited(void)
{
    static struct cell_syscall own[SEAL_CALLS_MAX];
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = jailing_seal_spec(&host);
    size_t rows;

    for (int i = 0; i < SEAL_CALLS_MAX; i++) {
        own[i] = (struct cell_syscall){i, "many"};
    }
    jailing_claim(seal_enter(&spec, why) == ERR_OK, "enter: %s", why);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    jailing_claim(seal_calls_fill(filter, &spec, why) == ERR_OK, "fill: %s", why);
    seccomp_release(filter);
    (void)seal_calls_list(&rows);
    spec.calls = own;
    spec.call_count = SEAL_CALLS_MAX - rows + 1;
    jailing_claim(seal_filter(&spec, why) == ERR_LIMIT && prctl(PR_GET_SECCOMP) == 0,
                  "one call too many: %s", why);
    spec.call_count--;
    jailing_claim(seal_filter(&spec, why) == ERR_OK && prctl(PR_GET_SECCOMP) == 2,
                  "as many as may be: %s", why);
}

/* Without landlock there is no seal. */
static void missing_landlock_is_an_error(void)
{
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = jailing_seal_spec(&host);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    jailing_claim(filter != NULL &&
                      seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
                                       SCMP_SYS(landlock_create_ruleset), 0) == 0 &&
                      seccomp_load(filter) == 0, "filter");
    seccomp_release(filter);
    jailing_claim(seal_enter(&spec, why) == ERR_UNSUPPORTED && strstr(why, "landlock") != NULL,
                  "no landlock: %s", why);
}

/* A layer that refuses nothing is noticed: the proof is a real access. */
static void silent_landlock_is_an_error(void)
{
    char why[SEAL_WHY_SIZE];
    struct seal_spec spec = jailing_seal_spec(&host);
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    jailing_claim(filter != NULL &&
                      seccomp_rule_add(filter, SCMP_ACT_ERRNO(0), SCMP_SYS(landlock_restrict_self),
                                       0) == 0 &&
                      seccomp_load(filter) == 0, "filter");
    seccomp_release(filter);
    jailing_claim(seal_enter(&spec, why) == ERR_UNSUPPORTED && strstr(why, "landlock") != NULL,
                  "landlock that does nothing: %s", why);
}

/* ---- a server behind the doors ---------------------------------------------------------------- */

static bool await_file(const char *path, pid_t pid)
{
    uint64_t deadline_ms = loop_now_ms() + JAILING_DEADLINE_MS;

    while (access(path, F_OK) != 0 && loop_now_ms() < deadline_ms && kill(pid, 0) == 0) {
        sched_yield();
    }
    return access(path, F_OK) == 0;
}

static void ask(const char *url, const char *word)
{
    nng_socket client;
    char answer[16];
    size_t size = sizeof answer;

    jailing_claim(nng_req0_open(&client) == 0, "client");
    nng_socket_set_ms(client, NNG_OPT_RECVTIMEO, JAILING_DEADLINE_MS);
    int failed = nng_dial(client, url, NULL, 0);
    failed = failed != 0 ? failed : nng_send(client, (void *)(uintptr_t)word, strlen(word), 0);
    failed = failed != 0 ? failed : nng_recv(client, answer, &size, 0);
    jailing_claim(failed == 0 && size == strlen(word) && memcmp(answer, word, size) == 0,
                  "answer to %s: %s", word, nng_strerror(failed));
    nng_close(client);
}

/* What the server says about itself in a jail: words that must be there. */
static const char *const told[] = {
    "seccomp=2 filters=2 ", " nnp=1 eff=0 prm=0 bnd=0 amb=0 ", " layers=2 enforced=1 dumpable=0 ",
    "namespace=user own=1\n", "namespace=pid own=1\n", "namespace=mnt own=1\n",
    "namespace=net own=1\n", "namespace=ipc own=1\n", "namespace=uts own=1\n",
    "namespace=cgroup own=1\n", "namespace=time own=0\n", "limit=files soft=64\n",
    "limit=core soft=0\n", "limit=processes soft=256\n", "\nend\n",
};

/* An nng server on a libuv loop, in jail and seal: binds, changes the mode of and renames its socket,
 * answers, and ends in order. Every call refused on the way would stop it. */
static void sealed_server_serves(const char *program)
{
    char path[128], url[192], why[JAIL_WHY_SIZE];
    static char text[JAILING_OUTPUT_MAX];
    const char *argv[] = {program, "/bind", NULL};
    struct jail_path bind = {host.inside, "/bind", true, false};
    struct jail_spec spec = jailing_spec(&host, argv);
    struct jail_started started;
    struct stat st;
    siginfo_t info = {0};
    AUTO_FD int log = -1;

    spec.paths = &bind;
    spec.path_count = 1;
    enum err e = jailing_start(&spec, &started, &log, why);
    jailing_claim(e == ERR_OK, "server: %s", why);
    if (e != ERR_OK) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/echo.sock", host.inside);
    (void)snprintf(url, sizeof url, "ipc://%s", path);
    if (await_file(path, started.pid)) {
        jailing_claim(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode);
        for (int i = 0; i < 50; i++) {
            ask(url, "hello");
        }
        ask(url, "end");
    }
    struct pollfd ended = {.fd = started.pidfd, .events = POLLIN};
    bool has_ended = poll(&ended, 1, JAILING_DEADLINE_MS) == 1;
    if (!has_ended) {
        jailing_kill(&started);
    } else {
        (void)waitid(P_PIDFD, (id_t)started.pidfd, &info, WEXITED);
        fd_close(&started.pidfd);
    }
    ssize_t len = pread(log, text, sizeof text - 1, 0);
    text[len > 0 ? len : 0] = '\0';
    jailing_claim(has_ended && info.si_code == CLD_EXITED && info.si_status == 0,
                  "server: status %d", info.si_status);
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        jailing_claim(strstr(text, told[i]) != NULL, "the server does not say \"%s\":\n%s", told[i],
                      text);
    }
}

static const struct {
    void (*claim)(void);
    const char *name;
} claims[] = {
    {look_reports_what_holds, "look_reports_what_holds"},
    {look_is_live, "look_is_live"},
    {shared_namespaces_are_not_own, "shared_namespaces_are_not_own"},
    {number_of_paths_is_limited, "number_of_paths_is_limited"},
    {own_calls_are_added, "own_calls_are_added"},
    {hot_calls_are_judged_by_number, "hot_calls_are_judged_by_number"},
    {running_threads_are_filtered, "running_threads_are_filtered"},
    {threads_start_and_abort_works, "threads_start_and_abort_works"},
    {aborting_ends_by_sigabrt, "aborting_ends_by_sigabrt"},
    {missing_directory_is_an_error, "missing_directory_is_an_error"},
    {unknown_call_is_an_error, "unknown_call_is_an_error"},
    {number_of_calls_is_limited, "number_of_calls_is_limited"},
    {missing_landlock_is_an_error, "missing_landlock_is_an_error"},
    {silent_landlock_is_an_error, "silent_landlock_is_an_error"},
};

int main(int argc, char **argv)
{
    char program[160];

    if (argc != 3) {
        return 64;
    }
    jailing_open(&host, argv[1], (char *[]){argv[2]}, 1);
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        jailing_in_child(claims[i].claim, claims[i].name);
    }
    (void)snprintf(program, sizeof program, "%s", jailing_bin(&host, argv[2]));
    sealed_server_serves(program);
    jailing_close(&host);
    return jailing_failed() > 0;
}
