/* Addresses of TUN and TAP interfaces: given, and given again to who lost them. */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/tun.h"

enum {
    QUESTION = 128, /* bytes: a head and three addresses */
    V4_SIZE = 4,
    V4_BITS = 32,
    V6_SIZE = 16,
    BROADCAST_BITS_MAX = 30, /* a longer network has no address for all (RFC 3021) */
};

struct question {
    union {
        struct nlmsghdr head;
        uint8_t bytes[QUESTION];
    };
};

struct answer {
    struct nlmsghdr head;
    struct nlmsgerr body;
};

static enum err failed(const char *step, int number, char why[TUN_WHY_SIZE])
{
    (void)snprintf(why, TUN_WHY_SIZE, "%s: %s", step, strerror(number));
    return err_from_errno(number);
}

static void add_attribute(struct question *q, uint16_t kind, const void *value, size_t size)
{
    struct rtattr *a = (struct rtattr *)(q->bytes + NLMSG_ALIGN(q->head.nlmsg_len));

    a->rta_type = kind;
    a->rta_len = (uint16_t)RTA_LENGTH(size);
    memcpy(RTA_DATA(a), value, size);
    q->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->head.nlmsg_len) + RTA_SPACE(size));
}

static size_t size_of(const struct tun_address *a)
{
    return a->is_v6 ? V6_SIZE : V4_SIZE;
}

static void ask_for(struct question *q, uint32_t interface, const struct tun_address *a, bool is_tap)
{
    struct ifaddrmsg *body = NLMSG_DATA(&q->head);
    uint32_t all;

    *q = (struct question){.head = {.nlmsg_len = NLMSG_LENGTH(sizeof *body), .nlmsg_type = RTM_NEWADDR,
                                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL}};
    *body = (struct ifaddrmsg){.ifa_family = a->is_v6 ? AF_INET6 : AF_INET, .ifa_prefixlen = a->bits, .ifa_index = interface};
    add_attribute(q, IFA_LOCAL, a->ip, size_of(a));
    add_attribute(q, IFA_ADDRESS, a->ip, size_of(a));
    if (is_tap && !a->is_v6 && a->bits <= BROADCAST_BITS_MAX) {
        memcpy(&all, a->ip, sizeof all);
        all |= htonl(a->bits == 0 ? UINT32_MAX : UINT32_MAX >> a->bits);
        add_attribute(q, IFA_BROADCAST, &all, sizeof all);
    }
}

/* By rtnetlink: the older way has one address of IPv4 alone, and a second one puts itself in the place of the first. */
enum err tun_address_add(uint32_t interface, const struct tun_address *address, bool is_tap, char why[TUN_WHY_SIZE])
{
    const char *step = address->is_v6 ? "IPv6 address" : "address";
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct question q;
    struct answer a;
    ssize_t got = -1;

    ask_for(&q, interface, address, is_tap);
    if (fd < 0 || send(fd, q.bytes, q.head.nlmsg_len, 0) < 0) {
        return failed(step, errno, why);
    }
    do {
        got = recv(fd, &a, sizeof a, 0);
    } while (got < 0 && errno == EINTR);
    if (got < (ssize_t)sizeof a || a.head.nlmsg_type != NLMSG_ERROR) {
        return failed(step, got < 0 ? errno : EPROTO, why);
    }
    return a.body.error == 0 || a.body.error == -EEXIST ? ERR_OK : failed(step, -a.body.error, why);
}

/* ---- again -------------------------------------------------------------------------------------------- */

/* Whether it is a TUN or a TAP interface, as its driver says. */
static bool is_of_tun(int socket, struct ifreq r)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};

    r.ifr_data = (char *)&info;
    return ioctl(socket, SIOCETHTOOL, &r) == 0 && strncmp(info.driver, "tun", sizeof info.driver) == 0;
}

/* What it is called, if it is here and up. */
static bool find_name(int fd, uint32_t interface, char ret[IFNAMSIZ])
{
    AUTO_FD int socket_here = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = {.ifr_ifindex = (int)interface}, made = {.ifr_flags = 0};

    if (socket_here < 0 || interface == 0 || ioctl(socket_here, SIOCGIFNAME, &r) != 0 || ioctl(socket_here, SIOCGIFFLAGS, &r) != 0 ||
        (r.ifr_flags & IFF_UP) == 0 || !is_of_tun(socket_here, r)) {
        return false;
    }
    /* One that was moved to another network may have left its number to somebody else. */
    if (fd >= 0 && (ioctl(fd, TUNGETIFF, &made) != 0 || strncmp(made.ifr_name, r.ifr_name, IFNAMSIZ) != 0)) {
        return false;
    }
    memcpy(ret, r.ifr_name, IFNAMSIZ);
    ret[IFNAMSIZ - 1] = '\0';
    return true;
}

static bool is_there(const struct ifaddrs *all, const char *name, const struct tun_address *address)
{
    for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
        if (a->ifa_addr == NULL || strcmp(a->ifa_name, name) != 0 || a->ifa_addr->sa_family != (address->is_v6 ? AF_INET6 : AF_INET)) {
            continue;
        }
        const void *ip = address->is_v6 ? (const void *)&((const struct sockaddr_in6 *)a->ifa_addr)->sin6_addr :
                                          (const void *)&((const struct sockaddr_in *)a->ifa_addr)->sin_addr;
        if (memcmp(ip, address->ip, size_of(address)) == 0) {
            return true;
        }
    }
    return false;
}

enum err tun_mend(int fd, uint32_t interface, const struct tun_spec *spec, size_t *ret, char why[TUN_WHY_SIZE])
{
    char name[IFNAMSIZ];
    struct ifaddrs *all = NULL;
    enum err e = ERR_OK;
    size_t given = 0;

    if (!find_name(fd, interface, name)) {
        *ret = 0;
        return ERR_OK;
    }
    if (getifaddrs(&all) != 0) {
        return failed("addresses", errno, why);
    }
    for (size_t i = 0; e == ERR_OK && i < spec->address_count; i++) {
        if (!is_there(all, name, &spec->address[i])) {
            e = tun_address_add(interface, &spec->address[i], spec->is_tap, why);
            given += e == ERR_OK;
        }
    }
    freeifaddrs(all);
    if (e == ERR_OK) {
        *ret = given;
    }
    return e;
}
