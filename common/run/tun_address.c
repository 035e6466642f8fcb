/* Addresses of TUN and TAP interfaces: given, and given again to who lost them. */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
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
#include "common/run/netlink.h"
#include "common/run/tun.h"

enum {
    V4_SIZE = 4,
    V4_BITS = 32,
    V6_SIZE = 16,
    BROADCAST_BITS_MAX = 30, /* a longer network has no address for all (RFC 3021) */
};

static enum err failed(const char *step, int number, char why[TUN_WHY_SIZE])
{
    (void)snprintf(why, TUN_WHY_SIZE, "%s: %s", step, strerror(number));
    return err_from_errno(number);
}

static size_t size_of(const struct tun_address *a)
{
    return a->is_v6 ? V6_SIZE : V4_SIZE;
}

static void ask_for(struct netlink *q, uint32_t interface, const struct tun_address *a, bool is_tap)
{
    const struct ifaddrmsg body = {.ifa_family = a->is_v6 ? AF_INET6 : AF_INET, .ifa_prefixlen = a->bits, .ifa_index = interface};
    uint32_t all;

    netlink_begin(q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
    netlink_add(q, IFA_LOCAL, a->ip, size_of(a));
    netlink_add(q, IFA_ADDRESS, a->ip, size_of(a));
    if (is_tap && !a->is_v6 && a->bits <= BROADCAST_BITS_MAX) {
        memcpy(&all, a->ip, sizeof all);
        all |= htonl(a->bits == 0 ? UINT32_MAX : UINT32_MAX >> a->bits);
        netlink_add(q, IFA_BROADCAST, &all, sizeof all);
    }
}

/* By rtnetlink: the older way has one address of IPv4 alone, and a second one puts itself in the place of the first. */
enum err tun_address_add(uint32_t interface, const struct tun_address *address, bool is_tap, char why[TUN_WHY_SIZE])
{
    const char *step = address->is_v6 ? "IPv6 address" : "address";
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct netlink q;
    uint32_t turn = 0;

    if (fd < 0) {
        return failed(step, errno, why);
    }
    ask_for(&q, interface, address, is_tap);
    int error = netlink_ask(&q, fd, &turn, NLMSG_ERROR);
    if (error == EACCES && address->is_v6) { /* who may not is told EPERM */
        (void)snprintf(why, TUN_WHY_SIZE, "IPv6 address: the interface has no IPv6 (net.ipv6.conf.*.disable_ipv6)");
        return ERR_UNSUPPORTED;
    }
    return error == 0 || error == EEXIST ? ERR_OK : failed(step, error, why);
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
