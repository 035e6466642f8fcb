#include "nucleus/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    PORT_UNPRIVILEGED = 1024, /* where the kernel does not say another one */
    PLACE_SIZE = INET6_ADDRSTRLEN + 16,
};

struct shell_socket {
    struct shell_socket *next;
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    struct manifest_listen at;
    int fd;      /* -1: the cell has it from an earlier supervisor; made anew for its next process  */
    dev_t device; /* of a path: what is to go when nobody is behind it any more, and nothing else  */
    ino_t inode;
};

static bool is_same(const struct manifest_listen *a, const struct manifest_listen *b)
{
    return strcmp(a->name, b->name) == 0 && a->is_udp == b->is_udp && a->is_unix == b->is_unix && a->is_v6 == b->is_v6 &&
           a->port == b->port && a->mark == b->mark && memcmp(a->ip, b->ip, sizeof a->ip) == 0 && strcmp(a->path, b->path) == 0;
}

static bool is_of(const struct shell_socket *k, const struct manifest_cell *c)
{
    return strcmp(k->space, c->space) == 0 && strcmp(k->cell, c->name) == 0;
}

/* ---- binding ------------------------------------------------------------------------------------ */

static void put_place(const struct manifest_listen *l, char out[PLACE_SIZE])
{
    char host[INET6_ADDRSTRLEN];

    (void)inet_ntop(l->is_v6 ? AF_INET6 : AF_INET, l->ip, host, sizeof host);
    (void)snprintf(out, PLACE_SIZE, "%s://%s%s%s:%u", l->is_udp ? "udp" : "tcp", l->is_v6 ? "[" : "", host,
                   l->is_v6 ? "]" : "", l->port);
}

/* The first port that anybody may bind. */
static unsigned first_free_port(void)
{
    char text[16] = "";
    AUTO_FD int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? (unsigned)strtoul(text, NULL, 10) : PORT_UNPRIVILEGED;
}

/* What a person can do about it; short, as a status has room for some ninety characters. */
static enum err explain(const struct manifest_listen *l, int errno_value, char why[JAIL_WHY_SIZE])
{
    char place[PLACE_SIZE];

    put_place(l, place);
    switch (errno_value) {
    case EADDRINUSE:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %s is in use", l->name, place);
        return ERR_EXISTS;
    case EACCES:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: port %u needs CAP_NET_BIND_SERVICE (below %u)", l->name,
                       l->port, first_free_port());
        return ERR_DENIED;
    case EPERM:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: mark %" PRIu32 " needs CAP_NET_ADMIN", l->name, l->mark);
        return ERR_DENIED;
    case EADDRNOTAVAIL:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %s is no address here", l->name, place);
        return ERR_NOT_FOUND;
    case EAFNOSUPPORT:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %s: this host has no %s", l->name, place,
                       l->is_v6 ? "IPv6" : "IPv4");
        return ERR_UNSUPPORTED;
    default:
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %s: %.50s", l->name, place, strerror(errno_value));
        return err_from_errno(errno_value);
    }
}

/* Large buffers: past what an ordinary process may have, where we may. What is refused is no fault. */
static void widen(int fd)
{
    const int size = SOCKETS_BUFFER_BYTES;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
}

static bool look(const char *path, struct stat *ret)
{
    return lstat(path, ret) == 0 && S_ISSOCK(ret->st_mode);
}

/* A socket that was left by somebody who is no more gives way. Only the node's user and root may connect. */
static enum err make_unix(struct shell_socket *k, char why[JAIL_WHY_SIZE])
{
    const char *path = k->at.path;
    char dir[MANIFEST_LISTEN_PATH_SIZE];
    struct stat st;

    memcpy(dir, path, sizeof dir);
    *strrchr(dir, '/') = '\0'; /* the path is absolute, and of more than one name or directly in / */
    enum err e = dir[0] == '\0' ? ERR_OK : fd_make_dirs(dir, 0755);
    if (e != ERR_OK) {
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %.70s: %s", k->at.name, dir,
                       e == ERR_EXISTS ? "is no directory, or in none" : err_text(e));
        return e;
    }
    e = fd_relisten_unix(path, SOMAXCONN, &k->fd);
    if (e != ERR_OK) {
        bool is_file = e == ERR_EXISTS && !look(path, &st);
        (void)snprintf(why, JAIL_WHY_SIZE, "listen.%.32s: %.70s: %s", k->at.name, path,
                       is_file ? "is there, and no socket" : e == ERR_EXISTS ? "is in use" : err_text(e));
        return e;
    }
    if (look(path, &st)) {
        k->device = st.st_dev;
        k->inode = st.st_ino;
    }
    return ERR_OK;
}

/* A bound socket, or -1 as errno says. */
static int make(const struct manifest_listen *l)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(l->port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(l->port)};
    const struct sockaddr *at = l->is_v6 ? (const struct sockaddr *)&in6 : (const struct sockaddr *)&in;
    const int yes = 1, no = 0;

    memcpy(&in.sin_addr, l->ip, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, l->ip, sizeof in6.sin6_addr);
    AUTO_FD int fd = socket(at->sa_family, (l->is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -1;
    }
    if (l->is_v6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no); /* whatever the host's default is */
    }
    if (l->is_udp) {
        widen(fd);
    } else {
        /* Connections that ended a minute ago do not keep the port from us. */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    if (l->mark != 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &l->mark, sizeof l->mark) != 0) {
        return -1;
    }
    if (bind(fd, at, l->is_v6 ? sizeof in6 : sizeof in) != 0 || (!l->is_udp && listen(fd, SOMAXCONN) != 0)) {
        return -1;
    }
    return fd_take(&fd);
}

/* ---- keeping ------------------------------------------------------------------------------------ */

static void drop(struct shell_socket **at)
{
    struct shell_socket *k = *at;

    struct stat st;

    *at = k->next;
    /* Nobody is behind it any more; but somebody else may have taken the name since. */
    if (k->at.is_unix && look(k->at.path, &st) && st.st_dev == k->device && st.st_ino == k->inode) {
        (void)unlink(k->at.path);
    }
    fd_close(&k->fd);
    free(k);
}

/* The socket that is kept for `l`; NULL: none yet. One of its name that is bound elsewhere goes. */
static struct shell_socket *kept_for(struct shell *s, const struct manifest_cell *c, const struct manifest_listen *l)
{
    for (struct shell_socket **at = &s->sockets; *at != NULL;) {
        if (is_of(*at, c) && strcmp((*at)->at.name, l->name) == 0) {
            if (is_same(&(*at)->at, l)) {
                return *at;
            }
            drop(at);
        } else {
            at = &(*at)->next;
        }
    }
    return NULL;
}

static struct shell_socket *add(struct shell *s, const struct manifest_cell *c, const struct manifest_listen *l)
{
    struct shell_socket *k = calloc(1, sizeof *k);

    if (k != NULL) {
        memcpy(k->space, c->space, sizeof k->space);
        memcpy(k->cell, c->name, sizeof k->cell);
        k->at = *l;
        k->fd = -1;
        k->next = s->sockets;
        s->sockets = k;
    }
    return k;
}

static enum err keep(struct shell *s, const struct manifest_cell *c, const struct manifest_listen *l,
                     struct shell_socket **ret, char why[JAIL_WHY_SIZE])
{
    struct shell_socket *k = kept_for(s, c, l);
    enum err e = ERR_OK;

    if (k == NULL) {
        k = add(s, c, l);
        if (k == NULL) {
            (void)snprintf(why, JAIL_WHY_SIZE, "out of memory");
            return ERR_NOMEM;
        }
    }
    if (k->fd < 0 && l->is_unix) {
        e = make_unix(k, why);
    } else if (k->fd < 0) {
        k->fd = make(l);
        e = k->fd < 0 ? explain(l, errno, why) : ERR_OK;
    }
    *ret = k;
    return e;
}

enum err sockets_open(struct shell *s, const struct manifest_cell *c, uint32_t instance, struct sockets_grant *ret,
                      char why[JAIL_WHY_SIZE])
{
    struct shell_socket *k = NULL;
    enum err e = ERR_OK;

    ret->count = 0;
    if (c->sandbox.listen_count > 0 && instance > 0) {
        (void)snprintf(why, JAIL_WHY_SIZE, "sandbox.listen is for one instance: scale it to 1");
        return ERR_PRECONDITION;
    }
    for (size_t i = 0; e == ERR_OK && i < c->sandbox.listen_count; i++) {
        e = keep(s, c, &c->sandbox.listen[i], &k, why);
        if (e == ERR_OK) {
            ret->fd[i] = k->fd;
            (void)snprintf(ret->name[i], SOCKETS_NAME_SIZE, "listen.%s", k->at.name);
            ret->count = i + 1;
        }
    }
    ret->count = e == ERR_OK ? ret->count : 0;
    return e;
}

/* Whether the manifest in force wants it, for an instance that there is; one that a person stopped has no socket of a path:
 * who asks for it there is then refused at once instead of waiting for ever. */
static bool is_wanted(const struct shell *s, const struct shell_socket *k)
{
    int index = manifest_find(&s->manifest, k->space, k->cell);
    int slot = node_find(s->node, k->space, k->cell, 0);

    if (index < 0 || slot < 0 || (k->at.is_unix && node_at(s->node, (uint32_t)slot)->state == NODE_STOPPED)) {
        return false;
    }
    const struct manifest_cell *c = &s->manifest.cells[index];
    for (size_t i = 0; i < c->sandbox.listen_count; i++) {
        if (is_same(&c->sandbox.listen[i], &k->at)) {
            return true;
        }
    }
    return false;
}

void sockets_sweep(struct shell *s)
{
    for (struct shell_socket **at = &s->sockets; *at != NULL;) {
        if (is_wanted(s, *at)) {
            at = &(*at)->next;
        } else {
            drop(at);
        }
    }
}

int sockets_addresses(const struct manifest_cell *c)
{
    static const uint8_t all[16];
    bool is_anywhere = false;

    for (size_t i = 0; i < c->sandbox.listen_count; i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        is_anywhere = is_anywhere || (l->is_udp && l->is_v6 && memcmp(l->ip, all, sizeof all) == 0);
    }
    return !is_anywhere ? -1 : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
}

void sockets_adopt(struct shell *s)
{
    for (size_t i = 0; i < s->manifest.cell_count; i++) {
        const struct manifest_cell *c = &s->manifest.cells[i];
        for (size_t j = 0; j < c->sandbox.listen_count; j++) {
            const struct manifest_listen *l = &c->sandbox.listen[j];
            struct shell_socket new = {.at = *l}, *k;
            struct stat st;
            memcpy(new.space, c->space, sizeof new.space);
            memcpy(new.cell, c->name, sizeof new.cell);
            if (!l->is_unix || !is_wanted(s, &new) || kept_for(s, c, l) != NULL || !look(l->path, &st) || st.st_uid != geteuid()) {
                continue;
            }
            k = add(s, c, l);
            if (k != NULL) { /* else its name is left there when the cell goes: no more is lost */
                k->device = st.st_dev;
                k->inode = st.st_ino;
            }
        }
    }
}

void sockets_close(struct shell *s)
{
    while (s->sockets != NULL) {
        if (!s->is_down) {
            s->sockets->inode = 0; /* cells live on, and serve there */
        }
        drop(&s->sockets);
    }
}
