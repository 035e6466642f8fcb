#include "common/run/tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "common/run/fd.h"

#ifndef TUN_F_USO4
enum {
    TUN_F_USO4 = 0x20, /* Linux 6.2 */
    TUN_F_USO6 = 0x40,
};
#endif

enum {
    LISTED = 256, /* addresses of IPv4 of a host, of which one is looked for */
};

static enum err failed(const char *step, char why[TUN_WHY_SIZE])
{
    int number = errno;

    (void)snprintf(why, TUN_WHY_SIZE, "%s: %s", step, strerror(number));
    return err_from_errno(number);
}

static struct ifreq request(const char *name)
{
    struct ifreq r;

    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, name, strnlen(name, sizeof r.ifr_name - 1));
    return r;
}

static enum err bring_up(const struct tun_spec *spec, char why[TUN_WHY_SIZE])
{
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = request(spec->name);
    enum err e = ERR_OK;

    r.ifr_mtu = (int)spec->mtu;
    if (fd < 0 || ioctl(fd, SIOCSIFMTU, &r) != 0) {
        return failed("mtu", why);
    }
    for (size_t i = 0; e == ERR_OK && i < spec->address_count; i++) {
        e = tun_address_add(if_nametoindex(spec->name), &spec->address[i], spec->is_tap, why);
    }
    r = request(spec->name);
    if (e == ERR_OK && ioctl(fd, SIOCGIFFLAGS, &r) != 0) {
        e = failed("state", why);
    }
    r.ifr_flags |= IFF_UP;
    if (e == ERR_OK && ioctl(fd, SIOCSIFFLAGS, &r) != 0) {
        e = failed("up", why);
    }
    return e;
}

bool tun_name_valid(const char *text, size_t len)
{
    bool is_dots = (len == 1 || len == 2) && memcmp(text, "..", len) == 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] == 0x7f || strchr("/:%", text[i]) != NULL) {
            return false;
        }
    }
    return len > 0 && len < TUN_NAME_SIZE && !is_dots;
}

enum err tun_open(const struct tun_spec *spec, int *ret, char why[TUN_WHY_SIZE])
{
    AUTO_FD int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct ifreq r = request(spec->name);

    if (fd < 0) {
        return failed("/dev/net/tun", why);
    }
    r.ifr_flags = (spec->is_tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_VNET_HDR;
    if (ioctl(fd, TUNSETIFF, &r) != 0) {
        if (errno == EPERM) {
            (void)snprintf(why, TUN_WHY_SIZE, "a %s interface needs CAP_NET_ADMIN", spec->is_tap ? "TAP" : "TUN");
            return ERR_DENIED;
        }
        if (errno == EBUSY) {
            (void)snprintf(why, TUN_WHY_SIZE, "another process has it");
            return ERR_EXISTS;
        }
        if (errno == EINVAL) { /* the kernel has one word for all that does not fit */
            (void)snprintf(why, TUN_WHY_SIZE, "there is an interface of that name, and it is no %s of one queue", spec->is_tap ? "TAP" : "TUN");
            return ERR_EXISTS;
        }
        if (errno == ENOTTY) {
            (void)snprintf(why, TUN_WHY_SIZE, "/dev/net/tun is there, and is not the kernel's");
            return ERR_NOT_FOUND;
        }
        return failed(spec->is_tap ? "TAP interface" : "TUN interface", why);
    }
    enum err e = bring_up(spec, why);
    if (e == ERR_OK) {
        *ret = fd_take(&fd);
    }
    return e;
}

/* Its first address of IPv4. A socket of IPv6 is not told that of one interface, but the list of all. */
static bool find_address(int socket, const char *name, struct sockaddr_in *ret)
{
    struct ifreq r = request(name), all[LISTED];
    struct ifconf list = {.ifc_len = sizeof all, .ifc_req = all};

    if (ioctl(socket, SIOCGIFADDR, &r) == 0) {
        memcpy(ret, &r.ifr_addr, sizeof *ret);
        return true;
    }
    if (ioctl(socket, SIOCGIFCONF, &list) != 0) {
        return false;
    }
    for (size_t i = 0; i < (size_t)list.ifc_len / sizeof *all; i++) {
        if (strncmp(all[i].ifr_name, name, IFNAMSIZ) == 0 && all[i].ifr_addr.sa_family == AF_INET) {
            memcpy(ret, &all[i].ifr_addr, sizeof *ret);
            return true;
        }
    }
    return false;
}

bool tun_is_there(int fd)
{
    struct ifreq r = {.ifr_flags = 0};

    return ioctl(fd, TUNGETIFF, &r) == 0;
}

enum err tun_look(int fd, int socket, struct tun_spec *ret)
{
    struct tun_spec spec = {.mtu = 0};
    struct ifreq r = {.ifr_flags = 0};
    struct sockaddr_in at;

    int made = ioctl(fd, TUNGETIFF, &r) == 0 ? r.ifr_flags & (IFF_TUN | IFF_TAP | IFF_VNET_HDR | IFF_NO_PI) : 0;
    if (made != (IFF_TUN | IFF_VNET_HDR | IFF_NO_PI) && (made & ~IFF_VNET_HDR) != (IFF_TAP | IFF_NO_PI)) {
        return ERR_INVALID;
    }
    spec.has_head = (made & IFF_VNET_HDR) != 0;
    spec.is_tap = (made & IFF_TAP) != 0;
    memcpy(spec.name, r.ifr_name, sizeof spec.name);
    spec.name[sizeof spec.name - 1] = '\0';
    r = request(spec.name);
    spec.mtu = ioctl(socket, SIOCGIFMTU, &r) == 0 ? (uint32_t)r.ifr_mtu : 0;
    if (find_address(socket, spec.name, &at)) { /* it may have none */
        spec.address[0] = (struct tun_address){.bits = 32};
        memcpy(spec.address[0].ip, &at.sin_addr, sizeof at.sin_addr);
        spec.address_count = 1;
    }
    *ret = spec;
    return ERR_OK;
}

enum tun_offloads tun_offload(int fd, bool is_on)
{
    const unsigned long tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

    if (is_on && ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0) {
        return TUN_OFFLOADS_ALL;
    }
    if (is_on && ioctl(fd, TUNSETOFFLOAD, tcp) == 0) {
        return TUN_OFFLOADS_TCP;
    }
    (void)ioctl(fd, TUNSETOFFLOAD, 0UL); /* a process before us may have had some */
    return TUN_OFFLOADS_NONE;
}

const char *tun_offload_text(enum tun_offloads offloads)
{
    static const char *const text[] = {[TUN_OFFLOADS_NONE] = "none", [TUN_OFFLOADS_TCP] = "tcp", [TUN_OFFLOADS_ALL] = "tcp,udp"};

    return text[offloads];
}
