#include "nodosum/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"

union place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* is_v6: of the socket, which takes IPv4 as ::ffff:a.b.c.d. */
static socklen_t to_place(const struct nodosum_address *a, bool is_v6, union place *p)
{
    memset(p, 0, sizeof *p);
    if (is_v6) {
        p->v6.sin6_family = AF_INET6;
        p->v6.sin6_port = htons(a->port);
        memcpy(&p->v6.sin6_addr, a->ip, sizeof a->ip);
        return sizeof p->v6;
    }
    p->v4.sin_family = AF_INET;
    p->v4.sin_port = htons(a->port);
    memcpy(&p->v4.sin_addr, a->ip + 12, 4);
    return sizeof p->v4;
}

static enum err where(int fd, struct nodosum_address *ret, bool *ret_is_v6)
{
    union place p;
    socklen_t size = sizeof p;

    if (getsockname(fd, &p.any, &size) != 0) {
        return err_from_errno(errno);
    }
    *ret = (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff}};
    *ret_is_v6 = p.any.sa_family == AF_INET6;
    if (*ret_is_v6) {
        memcpy(ret->ip, &p.v6.sin6_addr, sizeof ret->ip);
        ret->port = ntohs(p.v6.sin6_port);
    } else if (p.any.sa_family == AF_INET) {
        memcpy(ret->ip + 12, &p.v4.sin_addr, 4);
        ret->port = ntohs(p.v4.sin_port);
    } else {
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err bind_at(const struct nodosum_address *at, int *ret)
{
    bool is_v6 = !nodosum_seeds_is_v4(at);
    union place p;
    socklen_t size = to_place(at, is_v6, &p);
    int off = 0;
    AUTO_FD int fd = socket(p.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, &p.any, size) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

/* The address the kernel sends to `target` from: connecting a datagram socket sends nothing, and with the family
 * "none" it is as it was, for its port was bound by name. */
static bool sends_from(int fd, bool is_v6, const struct nodosum_address *target, struct nodosum_address *ret)
{
    union place p;
    struct nodosum_address seen;
    socklen_t size = to_place(target, is_v6, &p);
    bool ignored, is_connected = (is_v6 || nodosum_seeds_is_v4(target)) && connect(fd, &p.any, size) == 0;
    bool is_known = is_connected && where(fd, &seen, &ignored) == ERR_OK && !nodosum_seeds_is_nowhere(&seen);

    if (is_connected) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        (void)connect(fd, &none, sizeof none); /* Linux says EAFNOSUPPORT for an IPv6 socket, and does it */
    }
    if (is_known) {
        memcpy(ret->ip, seen.ip, sizeof ret->ip);
    }
    return is_known;
}

/* The first IPv4 address of an interface that is up and not the loopback. Asked of the socket itself: it may be one
 * of another network namespace than this process's, handed over. */
static bool first_v4(int fd, struct nodosum_address *self)
{
    enum { INTERFACES_MAX = 64 };
    struct ifreq all[INTERFACES_MAX];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};

    if (ioctl(fd, SIOCGIFCONF, &list) != 0) {
        return false;
    }
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof *all; i++) {
        struct sockaddr_in at;
        struct ifreq flags = all[i];
        memcpy(&at, &all[i].ifr_addr, sizeof at);
        if (at.sin_family == AF_INET && ioctl(fd, SIOCGIFFLAGS, &flags) == 0 &&
            (flags.ifr_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP) {
            *self = (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff}, .port = self->port};
            memcpy(self->ip + 12, &at.sin_addr, 4);
            return true;
        }
    }
    return false;
}

/* The same for IPv6; link-local addresses are none without their interface (RFC 4007). */
static bool first_v6(struct nodosum_address *self)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;

    if (getifaddrs(&all) != 0) {
        return false;
    }
    for (struct ifaddrs *i = all; i != NULL && !is_found; i = i->ifa_next) {
        const union place *p = (const union place *)i->ifa_addr;
        if (p != NULL && p->any.sa_family == AF_INET6 && (i->ifa_flags & (IFF_UP | IFF_LOOPBACK)) == IFF_UP &&
            !IN6_IS_ADDR_LINKLOCAL(&p->v6.sin6_addr)) {
            memcpy(self->ip, &p->v6.sin6_addr, sizeof self->ip);
            is_found = true;
        }
    }
    freeifaddrs(all);
    return is_found;
}

/* The way to a seed, to somebody on a network that leads nowhere else, or to everywhere. */
static bool find_way(int fd, bool is_v6, const struct nodosum_settings *s, const struct nodosum_address *found,
                     struct nodosum_address *self)
{
    /* For documentation (RFC 5737, RFC 3849): the way to them is the way to everywhere. */
    static const char *const world[] = {"192.0.2.1", "2001:db8::1"};

    for (uint32_t i = 0; i < s->seeds; i++) {
        struct nodosum_address target = nodosum_seeds_from(&s->seed[i].address);
        if (!s->seed[i].is_name && sends_from(fd, is_v6, &target, self)) {
            return true;
        }
    }
    if (found != NULL && sends_from(fd, is_v6, found, self)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(world); i++) {
        struct nodosum_address target;
        if (nodosum_seeds_parse_address(world[i], 1, &target) == ERR_OK && sends_from(fd, is_v6, &target, self)) {
            return true;
        }
    }
    return false;
}

bool nodosum_net_look(int fd, const struct nodosum_settings *settings, const struct nodosum_address *found,
                      struct nodosum_address *ret_self)
{
    struct nodosum_address self;
    bool is_v6 = false;

    if (settings->has_advertise || where(fd, &self, &is_v6) != ERR_OK || !nodosum_seeds_is_nowhere(&self) ||
        !find_way(fd, is_v6, settings, found, &self)) {
        return false;
    }
    *ret_self = self;
    return true;
}

static void find_self(int fd, bool is_v6, const struct nodosum_settings *s, struct nodosum_address *self)
{
    if (find_way(fd, is_v6, s, NULL, self)) {
        return;
    }
    if (!first_v4(fd, self) && !(is_v6 && first_v6(self))) {
        *self = (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = IN_LOOPBACKNET, [15] = 1},
                                         .port = self->port};
    }
}

enum err nodosum_net_open(const struct nodosum_settings *settings, int *fd, int *ret_fd,
                          struct nodosum_address *ret_self)
{
    AUTO_FD int own = fd_take(fd);
    struct nodosum_address self;
    bool is_v6 = false;
    enum err e = own >= 0 ? ERR_OK : bind_at(&settings->listen, &own);

    if (e == ERR_OK) {
        e = where(own, &self, &is_v6);
    }
    if (e != ERR_OK) {
        return e;
    }
    if (settings->has_advertise) {
        memcpy(self.ip, settings->advertise.ip, sizeof self.ip);
        self.port = settings->advertise.port != 0 ? settings->advertise.port : self.port;
    } else if (nodosum_seeds_is_nowhere(&self)) {
        find_self(own, is_v6, settings, &self);
    }
    *ret_fd = fd_take(&own);
    *ret_self = self;
    return ERR_OK;
}
