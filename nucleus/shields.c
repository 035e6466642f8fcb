#include "nucleus/shields.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "nucleus/junction.h"
#include "nucleus/look.h"

enum {
    KEEPER_SOCKET = 3, /* where it has its end            */
    KEEPER_FAILED = 1, /* exit statuses: datapath/keeper.h */
    KEEPER_MISUSED = 2,
    PORT_TEXT = 8,
};

/* A keeper that was started: waited for, so that nothing of it is left, and that another follows. */
struct shell_shield {
    struct shell_shield *next;
    struct shell *shell;
    struct loop_watch *watch;
    struct loop_timer *timer;      /* until the next one begins                   */
    int pidfd;
    pid_t pid;
    bool is_adopted;               /* an earlier supervisor's: whose is found out */
    uint32_t slot;                 /* whose it is, in which of his lives          */
    uint64_t generation;
    uint64_t began_ms, again_ms;
    char interface[MANIFEST_INTERFACE_SIZE], port[PORT_TEXT], address[INET6_ADDRSTRLEN], name[SHIELDS_NAME_SIZE];
};

static int start_one(struct shell_shield *k, int *ret);

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
    loop_timer_free(k->timer);
    fd_close(&k->pidfd);
    free(k);
}

/* NULL: that life of the cell is over. */
static struct shell_slot *slot_of(const struct shell_shield *k)
{
    struct shell_slot *slot = k->shell->slots[k->slot];

    return slot != NULL && slot->generation == k->generation && slot->gap_fd >= 0 ? slot : NULL;
}

/* Whose keeper it is, by the words that it was started with: interface, port and address. */
static struct shell_slot *find_cell(struct shell *s, const struct shell_shield *words, const struct manifest_listen **ret)
{
    for (uint32_t i = 0; i < NODE_INSTANCES_MAX; i++) {
        const struct node_instance *one = s->slots[i] == NULL ? NULL : node_at(s->node, i);
        if (one == NULL || one->cell >= s->manifest.cell_count) {
            continue;
        }
        const struct manifest_cell *c = &s->manifest.cells[one->cell];
        for (uint32_t l = 0; l < c->sandbox.listen_count; l++) {
            const struct manifest_listen *at = &c->sandbox.listen[l];
            if (strcmp(at->shield, words->interface) == 0 && (at->port == 0 || at->port == strtoul(words->port, NULL, 10))) {
                *ret = at;
                return s->slots[i];
            }
        }
    }
    return NULL;
}

static bool is_watched(const struct shell *s, const struct shell_slot *slot)
{
    for (const struct shell_shield *k = s->shields; k != NULL; k = k->next) {
        if (!k->is_adopted && k->slot == slot->slot && k->generation == slot->generation) {
            return true;
        }
    }
    return false;
}

/* One of an earlier supervisor's becomes the one of the cell that has none of ours; false: it has one, or is gone. */
static bool settle(struct shell_shield *k)
{
    const struct manifest_listen *l;
    struct shell_slot *slot = k->is_adopted ? find_cell(k->shell, k, &l) : NULL;

    if (slot == NULL || is_watched(k->shell, slot)) {
        return !k->is_adopted;
    }
    k->is_adopted = false;
    k->slot = slot->slot;
    k->generation = slot->generation;
    (void)snprintf(k->name, sizeof k->name, "shield.%s", l->name);
    return true;
}

static void on_again(void *context)
{
    struct shell_shield *k = context;
    struct shell_slot *slot = slot_of(k);
    AUTO_FD int fd = -1;

    loop_timer_free(k->timer);
    k->timer = NULL;
    if (slot == NULL) {
        forget(k);
        return;
    }
    int failed = start_one(k, &fd);
    enum err e = failed == 0 ? junction_replace(slot, k->name, fd) : ERR_UNAVAILABLE;
    if (e != ERR_OK) { /* with our end closed it ends again, if it began */
        log_warn("NUCLEUS-SHIELD-AGAIN", "slot=%u interface=%s reason=%s why=\"%s\" effect=\"its cell goes on without a shield\"", k->slot, k->interface,
                 err_name(e), strerror(failed));
        if (k->watch == NULL) {
            forget(k);
        }
    }
}

static void on_end(void *context, unsigned bits)
{
    struct shell_shield *k = context;
    siginfo_t info = {.si_pid = 0};
    uint64_t now_ms = loop_now_ms();

    if (waitid((idtype_t)P_PIDFD, (id_t)k->pidfd, &info, WEXITED | WNOHANG) != 0) {
        info.si_status = -1; /* the guard's child, who alone hears how it ended: whether it was before its cell is seen */
    } else if (info.si_pid == 0) {
        return; /* not yet */
    }
    loop_watch_free(k->watch);
    k->watch = NULL;
    fd_close(&k->pidfd);
    bool is_useless = info.si_code == CLD_EXITED && (info.si_status == KEEPER_FAILED || info.si_status == KEEPER_MISUSED);
    if (is_useless) { /* it may not, or was told nonsense: so would the next one */
        log_warn("NUCLEUS-SHIELD-USELESS", "pid=%d status=%d effect=\"its cell goes on without a shield\"", k->pid, info.si_status);
    }
    if (info.si_status == 0 || is_useless || !settle(k) || slot_of(k) == NULL) {
        forget(k);
        return;
    }
    k->again_ms = k->again_ms == 0 || now_ms - k->began_ms >= SHIELDS_AGAIN_MS_MAX ? SHIELDS_AGAIN_MS : 2 * k->again_ms;
    k->again_ms = k->again_ms > SHIELDS_AGAIN_MS_MAX ? SHIELDS_AGAIN_MS_MAX : k->again_ms;
    log_warn("NUCLEUS-SHIELD-END", "pid=%d status=%d again_ms=%" PRIu64 " effect=\"its cell goes on without a shield until the next\"", k->pid,
             info.si_status, k->again_ms);
    k->timer = loop_timer_new(host_loop(k->shell->cell), k->again_ms, 0, on_again, k);
    if (k->timer == NULL) {
        forget(k);
    }
}

/* Without a word of its end it stays a zombie until this process ends, and nobody follows it: no more is lost. */
static void watch(struct shell_shield *k, pid_t pid)
{
    k->pid = pid;
    k->began_ms = loop_now_ms();
    k->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    k->watch = k->pidfd < 0 ? NULL : loop_watch_new(host_loop(k->shell->cell), k->pidfd, LOOP_READ, on_end, k);
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

/* A keeper as `k` has its words; *ret: our end of its socket. 0, or what errno would say. */
static int start_one(struct shell_shield *k, int *ret)
{
    const char *argv[] = {"cell-shield", k->interface, k->port, k->address[0] != '\0' ? k->address : NULL, NULL};
    char path[SHELL_PATH_SIZE];
    AUTO_FD int theirs = -1;
    int pair[2];
    pid_t pid;

    if (!find_program(k->shell, path)) {
        return ENOENT;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return errno;
    }
    theirs = pair[1];
    int failed = start(path, argv, theirs, &pid);
    if (failed != 0) {
        fd_close(&pair[0]);
        return failed;
    }
    watch(k, pid);
    *ret = pair[0];
    return 0;
}

static int start_for(struct shell_slot *slot, const struct manifest_listen *l, int socket_fd, int *ret)
{
    struct shell_shield *k = calloc(1, sizeof *k);

    if (k == NULL) {
        return ENOMEM;
    }
    *k = (struct shell_shield){.next = slot->shell->shields, .shell = slot->shell, .pidfd = -1, .slot = slot->slot, .generation = slot->generation};
    slot->shell->shields = k;
    memcpy(k->interface, l->shield, sizeof k->interface);
    (void)snprintf(k->name, sizeof k->name, "shield.%s", l->name);
    int failed = find_place(socket_fd, k->port, k->address) ? start_one(k, ret) : errno;
    if (failed != 0 || k->watch == NULL) {
        forget(k);
    }
    return failed;
}

void shields_open(struct shell_slot *slot, const struct manifest_cell *c, const struct sockets_grant *sockets, struct shields_grant *ret)
{
    ret->fd = -1;
    for (size_t i = 0; i < sockets->count && i < c->sandbox.listen_count; i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        if (l->shield[0] == '\0') {
            continue;
        }
        int failed = start_for(slot, l, sockets->fd[i], &ret->fd);
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

/* Its words, each with its end; false: they are none of a keeper's. */
static bool read_words(pid_t pid, struct shell_shield *ret)
{
    char path[SHELL_PATH_SIZE];
    AUTO_FREE char *text = NULL;
    size_t len, at = 0, count = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    if (fd_read_file(AT_FDCWD, path, sizeof path, &text, &len) != ERR_OK) {
        return false;
    }
    char *const word[] = {NULL, ret->interface, ret->port, ret->address};
    const size_t room[] = {0, sizeof ret->interface, sizeof ret->port, sizeof ret->address};
    for (; at < len && count < ARRAY_LEN(word); count++) {
        size_t size = strnlen(text + at, len - at);
        if (word[count] != NULL && size >= room[count]) {
            return false;
        }
        if (word[count] != NULL) {
            memcpy(word[count], text + at, size);
        }
        at += size + 1;
    }
    return count >= 3;
}

/* Whose it is is found when it ends: at this moment the manifest is not read yet. */
bool shields_adopt(struct shell *s, pid_t pid)
{
    struct shell_shield words = {.pidfd = -1};
    struct shell_shield *k = shields_is_keeper(pid) && read_words(pid, &words) ? calloc(1, sizeof *k) : NULL;

    if (k == NULL) {
        return false;
    }
    *k = words;
    k->shell = s;
    k->next = s->shields;
    k->is_adopted = true;
    s->shields = k;
    watch(k, pid);
    if (k->watch == NULL) {
        forget(k);
        return false;
    }
    return true;
}

/* Of a socket that the cell has and this process does not: as the manifest has them. False: the kernel chose its port. */
static bool take_words(const struct manifest_listen *l, struct shell_shield *ret)
{
    static const uint8_t anywhere[sizeof l->ip];

    (void)snprintf(ret->port, sizeof ret->port, "%u", l->port);
    memcpy(ret->interface, l->shield, sizeof ret->interface);
    (void)snprintf(ret->name, sizeof ret->name, "shield.%s", l->name);
    ret->address[0] = '\0';
    if (memcmp(l->ip, anywhere, sizeof anywhere) != 0) {
        (void)inet_ntop(l->is_v6 ? AF_INET6 : AF_INET, l->ip, ret->address, sizeof ret->address);
    }
    return l->port != 0;
}

/* Whether it has a keeper, also of an earlier supervisor's. */
static bool has_keeper(struct shell *s, const struct shell_slot *slot)
{
    const struct manifest_listen *l;

    for (struct shell_shield *k = s->shields; k != NULL; k = k->next) {
        if (k->is_adopted ? find_cell(s, k, &l) == slot : slot_of(k) == slot) {
            return true;
        }
    }
    return false;
}

void shields_rejoined(struct shell_slot *slot)
{
    struct shell *s = slot->shell;
    const struct node_instance *one = node_at(s->node, slot->slot);
    const struct manifest_cell *c = one == NULL || one->cell >= s->manifest.cell_count ? NULL : &s->manifest.cells[one->cell];
    const struct manifest_listen *l = NULL;

    for (uint32_t i = 0; c != NULL && l == NULL && i < c->sandbox.listen_count; i++) {
        l = c->sandbox.listen[i].shield[0] != '\0' ? &c->sandbox.listen[i] : NULL;
    }
    if (l == NULL || has_keeper(s, slot)) {
        return;
    }
    struct shell_shield *k = calloc(1, sizeof *k);
    if (k == NULL) {
        return; /* as where the kernel has no memory for one: it goes on without */
    }
    *k = (struct shell_shield){.next = s->shields, .shell = s, .pidfd = -1, .slot = slot->slot, .generation = slot->generation,
                               .again_ms = SHIELDS_AGAIN_MS};
    s->shields = k;
    bool has_words = take_words(l, k);
    k->timer = has_words ? loop_timer_new(host_loop(s->cell), k->again_ms, 0, on_again, k) : NULL;
    log_warn("NUCLEUS-SHIELD-GONE", "cell=%s/%s interface=%s why=\"it ended while there was no supervisor\" effect=\"%s\"", c->space, c->name, l->shield,
             k->timer != NULL ? "its cell goes on without a shield until the next" : "its cell goes on without a shield");
    if (k->timer == NULL) {
        forget(k);
    }
}

void shields_leave(struct shell *s)
{
    while (s->shields != NULL) {
        forget(s->shields);
    }
}
