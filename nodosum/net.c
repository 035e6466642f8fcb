#include "nodosum/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/netlink.h"

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

/* … of an IPv4 socket: connecting a datagram socket sends nothing, and with the family "none" it is as it was, for its port
 * was bound by name. */
static bool connects_from(int fd, const struct nodosum_address *target, struct nodosum_address *ret)
{
    union place p;
    bool ignored, is_connected = nodosum_seeds_is_v4(target) && connect(fd, &p.any, to_place(target, false, &p)) == 0;
    bool is_known = is_connected && where(fd, ret, &ignored) == ERR_OK;

    if (is_connected) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        (void)connect(fd, &none, sizeof none);
    }
    return is_known;
}

/* … of an IPv6 socket: it would hear nobody any more but the one that it was connected to once, whatever is done then (Linux 6.18).
 * So the kernel is asked for the route. */
static bool routes_from(int routes, const struct nodosum_address *target, struct nodosum_address *ret)
{
    static uint32_t turn;
    bool is_v4 = nodosum_seeds_is_v4(target);
    uint8_t ip_size = is_v4 ? 4 : 16;
    size_t at = sizeof target->ip - ip_size;
    const struct rtmsg way = {.rtm_family = is_v4 ? AF_INET : AF_INET6, .rtm_dst_len = (unsigned char)(8 * ip_size)};
    struct netlink q;

    netlink_begin(&q, RTM_GETROUTE, 0, &way, sizeof way);
    netlink_add(&q, RTA_DST, target->ip + at, ip_size);
    const struct rtmsg *said = routes < 0 || netlink_ask(&q, routes, &turn, RTM_NEWROUTE) != 0 ? NULL : netlink_body(&q.said, sizeof *said);
    *ret = (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff}};
    return said != NULL && (said->rtm_type == RTN_UNICAST || said->rtm_type == RTN_LOCAL) && netlink_take(&q.said, sizeof *said, RTA_PREFSRC, ret->ip + at, ip_size);
}

/* The address the kernel sends to `target` from. */
static bool sends_from(const struct nodosum_net *net, bool is_v6, const struct nodosum_address *target, struct nodosum_address *ret)
{
    struct nodosum_address seen;

    if (!(is_v6 ? routes_from(net->routes, target, &seen) : connects_from(net->fd, target, &seen)) || nodosum_seeds_is_nowhere(&seen)) {
        return false;
    }
    memcpy(ret->ip, seen.ip, sizeof ret->ip);
    return true;
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
static bool find_way(const struct nodosum_net *net, bool is_v6, const struct nodosum_settings *s, const struct nodosum_address *found,
                     struct nodosum_address *self)
{
    /* For documentation (RFC 5737, RFC 3849): the way to them is the way to everywhere. */
    static const char *const world[] = {"192.0.2.1", "2001:db8::1"};

    for (uint32_t i = 0; i < s->seeds; i++) {
        struct nodosum_address target = nodosum_seeds_from(&s->seed[i].address);
        if (!s->seed[i].is_name && sends_from(net, is_v6, &target, self)) {
            return true;
        }
    }
    if (found != NULL && sends_from(net, is_v6, found, self)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(world); i++) {
        struct nodosum_address target;
        if (nodosum_seeds_parse_address(world[i], 1, &target) == ERR_OK && sends_from(net, is_v6, &target, self)) {
            return true;
        }
    }
    return false;
}

bool nodosum_net_look(const struct nodosum_net *net, const struct nodosum_settings *settings, const struct nodosum_address *found,
                      struct nodosum_address *ret_self)
{
    struct nodosum_address self;
    bool is_v6 = false;

    if (settings->has_advertise || where(net->fd, &self, &is_v6) != ERR_OK || !nodosum_seeds_is_nowhere(&self) ||
        !find_way(net, is_v6, settings, found, &self)) {
        return false;
    }
    *ret_self = self;
    return true;
}

static void find_self(const struct nodosum_net *net, bool is_v6, const struct nodosum_settings *s, struct nodosum_address *self)
{
    if (find_way(net, is_v6, s, NULL, self)) {
        return;
    }
    if (!first_v4(net->fd, self) && !(is_v6 && first_v6(self))) {
        *self = (struct nodosum_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = IN_LOOPBACKNET, [15] = 1},
                                         .port = self->port};
    }
}

enum err nodosum_net_open(const struct nodosum_settings *settings, int *fd, int *routes, int *ret_fd, int *ret_routes,
                          struct nodosum_address *ret_self)
{
    bool is_given = *fd >= 0;
    AUTO_FD int own = fd_take(fd), ways = fd_take(routes);
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
        if (is_v6 && !is_given && ways < 0) {
            ways = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        }
        find_self(&(struct nodosum_net){.fd = own, .routes = ways}, is_v6, settings, &self);
    }
    *ret_fd = fd_take(&own);
    *ret_routes = fd_take(&ways);
    *ret_self = self;
    return ERR_OK;
}
