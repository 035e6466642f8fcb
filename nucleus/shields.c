#include "nucleus/shields.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/log.h"
#include "nucleus/look.h"

enum {
    KEEPER_SOCKET = 3, /* where it has its end */
    PORT_TEXT = 8,
};

/* A keeper that was started: waited for, so that nothing of it is left. */
struct shell_shield {
    struct shell_shield *next;
    struct shell *shell;
    struct loop_watch *watch;
    int pidfd;
    pid_t pid;
};

/* ---- its end ------------------------------------------------------------------------------------------------ */

static void forget(struct shell_shield *k)
{
    for (struct shell_shield **at = &k->shell->shields; *at != NULL; at = &(*at)->next) {
        if (*at == k) {
            *at = k->next;
            break;
        }
    }
    loop_watch_free(k->watch);
    fd_close(&k->pidfd);
    free(k);
}

static void on_end(void *context, unsigned bits)
{
    struct shell_shield *k = context;
    siginfo_t info = {.si_pid = 0};

    if (waitid((idtype_t)P_PIDFD, (id_t)k->pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
        return; /* not yet */
    }
    if (info.si_status != 0) {
        log_warn("NUCLEUS-SHIELD-END", "pid=%d status=%d effect=\"its cell goes on without a shield\"", k->pid, info.si_status);
    }
    forget(k);
}

static void watch(struct shell *s, pid_t pid)
{
    struct shell_shield *k = calloc(1, sizeof *k);

    if (k == NULL) {
        return; /* it stays a zombie until this process ends: no more is lost */
    }
    *k = (struct shell_shield){.next = s->shields, .shell = s, .pid = pid, .pidfd = (int)syscall(SYS_pidfd_open, pid, 0)};
    s->shields = k;
    k->watch = k->pidfd < 0 ? NULL : loop_watch_new(host_loop(s->cell), k->pidfd, LOOP_READ, on_end, k);
    if (k->watch == NULL) {
        forget(k);
    }
}

/* ---- its beginning --------------------------------------------------------------------------------------------- */

/* The port that the socket has, and its address when it has but one. */
static bool find_place(int fd, char port[PORT_TEXT], char address[INET6_ADDRSTRLEN])
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } at;
    socklen_t size = sizeof at;

    address[0] = '\0';
    if (getsockname(fd, &at.any, &size) != 0) {
        return false;
    }
    bool is_v6 = at.any.sa_family == AF_INET6;
    (void)snprintf(port, PORT_TEXT, "%u", ntohs(is_v6 ? at.v6.sin6_port : at.v4.sin_port));
    if (is_v6 ? !IN6_IS_ADDR_UNSPECIFIED(&at.v6.sin6_addr) : at.v4.sin_addr.s_addr != htonl(INADDR_ANY)) {
        (void)inet_ntop(at.any.sa_family, is_v6 ? (const void *)&at.v6.sin6_addr : &at.v4.sin_addr, address, INET6_ADDRSTRLEN);
    }
    return true;
}

static bool find_program(const struct shell *s, char path[SHELL_PATH_SIZE])
{
    for (size_t i = 0; i < s->dir_count; i++) {
        int len = snprintf(path, SHELL_PATH_SIZE, "%s/cell-shield", s->dirs[i]);
        if (len < SHELL_PATH_SIZE && access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* 0, or what errno would say. It gets nothing of ours that is open, such as the lock of this node, but standard output and
 * error: what it cannot tell the cell, it says there. */
static int start(const char *path, const char *const argv[], int socket, pid_t *ret)
{
    char *const nothing[] = {NULL};
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);

    if (failed != 0) {
        return failed;
    }
    failed = posix_spawn_file_actions_adddup2(&actions, socket, KEEPER_SOCKET);
    failed = failed != 0 ? failed : posix_spawn_file_actions_addclosefrom_np(&actions, KEEPER_SOCKET + 1);
    failed = failed != 0 ? failed : posix_spawn(ret, path, &actions, NULL, (char *const *)argv, nothing);
    (void)posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* A socket whose other end is nobody's: what a cell would have of a keeper that ended, so that it can say so. */
static int nobodys_socket(void)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return -1;
    }
    fd_close(&pair[1]);
    return pair[0];
}

static int start_for(struct shell *s, const struct manifest_listen *l, int socket_fd, int *ret)
{
    char path[SHELL_PATH_SIZE], port[PORT_TEXT], address[INET6_ADDRSTRLEN], interface[MANIFEST_INTERFACE_SIZE];
    const char *argv[] = {"cell-shield", interface, port, address, NULL};
    AUTO_FD int theirs = -1;
    int pair[2];
    pid_t pid;

    memcpy(interface, l->shield, sizeof interface);
    if (!find_program(s, path)) {
        return ENOENT;
    }
    if (!find_place(socket_fd, port, address) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return errno;
    }
    theirs = pair[1];
    argv[3] = address[0] != '\0' ? address : NULL;
    int failed = start(path, argv, theirs, &pid);
    if (failed != 0) {
        fd_close(&pair[0]);
        return failed;
    }
    watch(s, pid);
    *ret = pair[0];
    return 0;
}

void shields_open(struct shell *s, const struct manifest_cell *c, const struct sockets_grant *sockets, struct shields_grant *ret)
{
    ret->fd = -1;
    for (size_t i = 0; i < sockets->count && i < c->sandbox.listen_count; i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        if (l->shield[0] == '\0') {
            continue;
        }
        int failed = start_for(s, l, sockets->fd[i], &ret->fd);
        if (failed != 0) {
            log_warn("NUCLEUS-SHIELD", "cell=%s/%s interface=%s why=\"cell-shield: %s\" effect=\"it starts without a shield\"",
                     c->space, c->name, l->shield, strerror(failed));
            ret->fd = nobodys_socket();
        }
        (void)snprintf(ret->name, sizeof ret->name, "shield.%s", l->name);
        return; /* a cell has one */
    }
}

void shields_close(struct shields_grant *g)
{
    fd_close(&g->fd);
}

bool shields_is_keeper(pid_t pid)
{
    return look_is_program(pid, "cell-shield");
}

void shields_leave(struct shell *s)
{
    while (s->shields != NULL) {
        forget(s->shields);
    }
}
