#include "datapath/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"

static enum err failed(const char *step, char why[DATAPATH_TUN_WHY_SIZE])
{
    int number = errno;

    (void)snprintf(why, DATAPATH_TUN_WHY_SIZE, "%s: %s", step, strerror(number));
    return err_from_errno(number);
}

static struct ifreq request(const char *name)
{
    struct ifreq r;

    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
    return r;
}

static enum err add_v4(int fd, const char *name, const struct datapath_tun_address *a, char why[DATAPATH_TUN_WHY_SIZE])
{
    struct ifreq r = request(name);
    struct sockaddr_in at = {.sin_family = AF_INET};
    uint32_t mask = a->bits == 0 ? 0 : UINT32_MAX << (32 - a->bits);

    memcpy(&at.sin_addr, a->ip, sizeof at.sin_addr);
    memcpy(&r.ifr_addr, &at, sizeof at);
    if (ioctl(fd, SIOCSIFADDR, &r) != 0) {
        return failed("address", why);
    }
    at.sin_addr.s_addr = htonl(mask);
    memcpy(&r.ifr_netmask, &at, sizeof at);
    return ioctl(fd, SIOCSIFNETMASK, &r) == 0 ? ERR_OK : failed("network", why);
}

static enum err add_v6(const char *name, const struct datapath_tun_address *a, char why[DATAPATH_TUN_WHY_SIZE])
{
    AUTO_FD int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct in6_ifreq r = {.ifr6_prefixlen = a->bits, .ifr6_ifindex = (int)if_nametoindex(name)};

    memcpy(&r.ifr6_addr, a->ip, sizeof r.ifr6_addr);
    if (fd < 0 || (ioctl(fd, SIOCSIFADDR, &r) != 0 && errno != EEXIST)) {
        return failed("IPv6 address", why);
    }
    return ERR_OK;
}

static enum err bring_up(const char *name, uint32_t mtu, const struct datapath_tun_address *address, size_t count,
                         char why[DATAPATH_TUN_WHY_SIZE])
{
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = request(name);
    enum err e = ERR_OK;

    r.ifr_mtu = (int)mtu;
    if (fd < 0 || ioctl(fd, SIOCSIFMTU, &r) != 0) {
        return failed("mtu", why);
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = address[i].size == DATAPATH_ALLOWED_V4 ? add_v4(fd, name, &address[i], why) : add_v6(name, &address[i], why);
    }
    r = request(name);
    if (e == ERR_OK && ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        e = failed("state", why);
    }
    r.ifr_flags |= IFF_UP;
    if (e == ERR_OK && ioctl(fd, SIOCSIFFLAGS, &r) != 0) {
        e = failed("up", why);
    }
    return e;
}

enum err datapath_tun_open(const char *name, uint32_t mtu, const struct datapath_tun_address *address, size_t count,
                           int *ret, char why[DATAPATH_TUN_WHY_SIZE])
{
    AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct ifreq r = request(name);

    if (fd < 0) {
        return failed("/dev/net/tun", why);
    }
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (ioctl(fd, TUNSETIFF, &r) != 0) {
        return failed("TUN device (needs CAP_NET_ADMIN)", why);
    }
    enum err e = bring_up(name, mtu, address, count, why);
    if (e == ERR_OK) {
        *ret = fd_take(&fd);
    }
    return e;
}
