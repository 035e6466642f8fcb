#include "datapath/xsk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_xdp.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    AGAIN_MS = 20, /* between tries at a queue that is busy */
    MILLION = 1000000,
};

static enum err refuse(char *why, const char *what, int error)
{
    (void)snprintf(why, DATAPATH_XSK_WHY, "%s: %s", what, strerror(error));
    switch (error) {
    case EPERM:
    case EACCES:
        return ERR_DENIED;
    case EAFNOSUPPORT:
    case EOPNOTSUPP:
    case ENOPROTOOPT:
        return ERR_UNSUPPORTED;
    case EBUSY:
        return ERR_EXISTS;
    default:
        return err_from_errno(error);
    }
}

enum err datapath_xsk_look(const char *interface, struct datapath_xsk_link *ret, char why[DATAPATH_XSK_WHY])
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ifreq hardware = {0}, mtu, driver, flags;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *ret = (struct datapath_xsk_link){.mtu = 0};
    if (fd < 0) { /* what if_nametoindex would say of that is something else */
        return refuse(why, "a socket to ask for interfaces", errno);
    }
    ret->interface = if_nametoindex(interface);
    (void)snprintf(hardware.ifr_name, sizeof hardware.ifr_name, "%s", interface);
    mtu = driver = flags = hardware;
    driver.ifr_data = (void *)&info;
    if (ret->interface == 0 || ioctl(fd, SIOCGIFHWADDR, &hardware) != 0 || ioctl(fd, SIOCGIFMTU, &mtu) != 0) {
        return refuse(why, "the underlay's interface", errno);
    }
    if (hardware.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        (void)snprintf(why, DATAPATH_XSK_WHY, "%s is no Ethernet", interface);
        return ERR_UNSUPPORTED;
    }
    memcpy(ret->mac, hardware.ifr_hwaddr.sa_data, sizeof ret->mac);
    ret->mtu = (uint32_t)mtu.ifr_mtu;
    ret->is_up = ioctl(fd, SIOCGIFFLAGS, &flags) == 0 && (flags.ifr_flags & IFF_UP) != 0;
    if (ioctl(fd, SIOCETHTOOL, &driver) == 0) {
        (void)snprintf(ret->driver, sizeof ret->driver, "%.*s", (int)sizeof ret->driver - 1, info.driver);
    }
    driver.ifr_data = (void *)&channels;
    if (ioctl(fd, SIOCETHTOOL, &driver) == 0) {
        ret->queues = channels.rx_count + channels.combined_count;
    }
    return ERR_OK;
}

static enum err make_memory(int *ret, char *why)
{
    AUTO_FD int fd = memfd_create("cell-frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)DATAPATH_XSK_QUEUE * DATAPATH_SHIELD_QUEUES) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        return refuse(why, "memory for frames", errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

/* Its memory stays with the socket when the mapping goes. */
static enum err register_memory(int fd, int memory, uint32_t queue, char *why)
{
    void *at = mmap(NULL, DATAPATH_XSK_QUEUE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, (off_t)queue * DATAPATH_XSK_QUEUE);
    const struct xdp_umem_reg umem = {.addr = (uintptr_t)at, .len = DATAPATH_XSK_QUEUE, .chunk_size = DATAPATH_XSK_FRAME};
    const int rx = DATAPATH_XSK_RX, tx = DATAPATH_XSK_TX;

    if (at == MAP_FAILED) {
        return refuse(why, "memory for frames", errno);
    }
    int failed = setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem) != 0 ? errno : 0;
    (void)munmap(at, DATAPATH_XSK_QUEUE);
    if (failed == 0 && (setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &rx, sizeof rx) != 0 ||
                        setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &tx, sizeof tx) != 0 ||
                        setsockopt(fd, SOL_XDP, XDP_RX_RING, &rx, sizeof rx) != 0 ||
                        setsockopt(fd, SOL_XDP, XDP_TX_RING, &tx, sizeof tx) != 0)) {
        failed = errno;
    }
    return failed == 0 ? ERR_OK : refuse(why, "an AF_XDP socket's frames (they take CAP_IPC_LOCK)", failed);
}

/* 0, or what errno would say. What a process that just ended had is given back a moment later. */
static int bind_queue(int fd, uint32_t interface, uint32_t queue, bool is_direct)
{
    const struct sockaddr_xdp at = {.sxdp_family = AF_XDP, .sxdp_ifindex = interface, .sxdp_queue_id = queue,
                                    .sxdp_flags = (uint16_t)(XDP_USE_NEED_WAKEUP | (is_direct ? XDP_ZEROCOPY : XDP_COPY))};
    const struct timespec pause = {.tv_nsec = AGAIN_MS * MILLION};
    int failed = EBUSY;

    for (int waited_ms = 0; failed == EBUSY && waited_ms < DATAPATH_XSK_BUSY_MS; waited_ms += AGAIN_MS) {
        failed = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno;
        if (failed == EBUSY) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return failed;
}

/* The next queue. *ret_is_last: there is none. */
static enum err open_queue(struct datapath_xsk *x, bool is_direct, bool *ret_is_last, char *why)
{
    AUTO_FD int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return refuse(why, "an AF_XDP socket (it takes CAP_NET_RAW)", errno);
    }
    enum err e = register_memory(fd, x->memory, x->queues, why);
    if (e != ERR_OK) {
        return e;
    }
    int failed = bind_queue(fd, x->link.interface, x->queues, is_direct);
    if (failed == EINVAL && x->queues > 0) {
        *ret_is_last = true;
        return ERR_OK;
    }
    if (failed != 0) {
        return refuse(why, "an AF_XDP socket at a queue of the interface", failed);
    }
    x->socket[x->queues++] = fd_take(&fd);
    return ERR_OK;
}

static void close_queues(struct datapath_xsk *x)
{
    while (x->queues > 0) {
        fd_close(&x->socket[--x->queues]);
    }
}

static enum err open_queues(struct datapath_xsk *x, bool is_direct, char *why)
{
    bool is_last = false;
    enum err e = ERR_OK;

    while (e == ERR_OK && !is_last && x->queues < DATAPATH_SHIELD_QUEUES) {
        e = open_queue(x, is_direct, &is_last, why);
    }
    if (e != ERR_OK) {
        close_queues(x);
    }
    x->is_direct = is_direct;
    return e;
}

/* All that there is of it before its sockets. */
static enum err begin(struct datapath_xsk *x, const char *interface, char *why)
{
    *x = (struct datapath_xsk){.memory = -1, .routes = -1};
    enum err e = datapath_xsk_look(interface, &x->link, why);
    if (e == ERR_OK && x->link.mtu < DATAPATH_XSK_MTU_MIN) {
        (void)snprintf(why, DATAPATH_XSK_WHY, "%s has an mtu of %u: less than %d", interface, x->link.mtu, DATAPATH_XSK_MTU_MIN);
        return ERR_UNSUPPORTED;
    }
    e = e == ERR_OK ? make_memory(&x->memory, why) : e;
    if (e == ERR_OK) {
        x->routes = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        e = x->routes < 0 ? refuse(why, "a socket to ask for neighbours", errno) : ERR_OK;
    }
    return e;
}

enum err datapath_xsk_open(struct datapath_xsk *x, const char *interface, char why[DATAPATH_XSK_WHY])
{
    enum err e = begin(x, interface, why);

    if (e == ERR_OK) {
        e = open_queues(x, true, why);
        e = e == ERR_UNSUPPORTED ? open_queues(x, false, why) : e;
    }
    if (e != ERR_OK) {
        datapath_xsk_close(x);
    }
    return e;
}

enum err datapath_xsk_try(struct datapath_xsk *x, const char *interface, char why[DATAPATH_XSK_WHY])
{
    bool is_last;
    enum err e = begin(x, interface, why);

    e = e == ERR_OK ? open_queue(x, false, &is_last, why) : e;
    if (e != ERR_OK) {
        datapath_xsk_close(x);
    }
    return e;
}

void datapath_xsk_close(struct datapath_xsk *x)
{
    close_queues(x);
    if (x->link.interface != 0) { /* not what was only zeroed */
        fd_close(&x->memory);
        fd_close(&x->routes);
    }
    x->link.interface = 0;
}
