#include "datapath/probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/netlink.h"
#include "datapath/rings.h"

enum {
    LEAST = DATAPATH_PROBE_ROUNDS / 8, /* rounds that say something */
    TRAIN = 44,               /* datagrams: what a packet of the kernel's longest makes at 1,500 bytes      */
    HEAD = 14,                /* of a frame                                                                 */
    FRAME = HEAD + DATAPATH_PROBE_SIZE + 28,
    EXPERIMENT = 0x88b5,
    GROUP = 0xe0000001,       /* 224.0.0.1, all hosts: the one of which an interface is always a member. To one of which
                               * it is not the kernel sends with a time to live of 0, too                       */
    WAIT_US = 200,            /* between looks whether frames have left …                                   */
    WAITS = 100,              /* … of which so many: 20 ms                                                  */
    NS = 1000000000,
    /* Of the kernel's `netdev`, of which headers of Debian 12 know nothing. */
    NETDEV_GET = 1,
    NETDEV_IFINDEX = 1,
    NETDEV_XDP_FEATURES = 3,
    XDP_BASIC = 1,
    XDP_REDIRECT = 2,
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static int compare_ns(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* One of the cheapest eighth: a host that is busy with others makes many dearer, and none cheaper. */
static uint32_t lowest(uint32_t *ns, uint32_t count)
{
    qsort(ns, count, sizeof *ns, compare_ns);
    return ns[count / 8] > 0 ? ns[count / 8] : 1;
}

/* ---- what the interface is ----------------------------------------------------------------------------------- */

static bool ask_ethtool(int fd, const char *interface, void *question)
{
    struct ifreq r = {.ifr_data = question};

    (void)snprintf(r.ifr_name, sizeof r.ifr_name, "%s", interface);
    return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

void datapath_probe_look(const char *interface, struct datapath_probe_features *ret)
{
    union {
        struct ethtool_sset_info ask;
        uint8_t bytes[sizeof(struct ethtool_sset_info) + sizeof(uint32_t)];
    } set = {.ask = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
    union {
        struct ethtool_gstrings ask;
        uint8_t bytes[sizeof(struct ethtool_gstrings) + DATAPATH_PROBE_FEATURES * ETH_GSTRING_LEN];
    } names = {.ask = {.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_FEATURES}};
    union {
        struct ethtool_gfeatures ask;
        uint8_t bytes[sizeof(struct ethtool_gfeatures) + sizeof ret->active / sizeof ret->active[0] * sizeof(struct ethtool_get_features_block)];
    } blocks = {.ask = {.cmd = ETHTOOL_GFEATURES, .size = DATAPATH_PROBE_FEATURES / 32}};
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    uint32_t count = 0;

    _Static_assert((int)DATAPATH_CHOICE_FEATURE == (int)ETH_GSTRING_LEN, "the kernel's");
    *ret = (struct datapath_probe_features){.count = 0};
    if (fd < 0 || !ask_ethtool(fd, interface, &set)) {
        return;
    }
    memcpy(&count, set.bytes + sizeof set.ask, sizeof count);
    names.ask.len = count;
    if (count > DATAPATH_PROBE_FEATURES || !ask_ethtool(fd, interface, &names) || !ask_ethtool(fd, interface, &blocks)) {
        return;
    }
    ret->count = count;
    memcpy(ret->name, names.bytes + sizeof names.ask, (size_t)count * ETH_GSTRING_LEN);
    for (uint32_t i = 0; i < blocks.ask.size && i < DATAPATH_PROBE_FEATURES / 32; i++) {
        struct ethtool_get_features_block b;
        memcpy(&b, blocks.bytes + sizeof blocks.ask + i * sizeof b, sizeof b);
        ret->active[i] = b.active;
    }
}

static bool is_on(const struct datapath_probe_features *f, uint32_t i)
{
    return (f->active[i / 32] >> i % 32 & 1) != 0;
}

void datapath_probe_compare(const struct datapath_probe_features *before, const struct datapath_probe_features *now,
                            struct datapath_choice_facts *f)
{
    for (uint32_t i = 0; i < before->count && i < now->count; i++) {
        if (is_on(before, i) && !is_on(now, i)) {
            (void)snprintf(f->lost, sizeof f->lost, "%.*s", (int)sizeof f->lost - 1, before->name[i]);
            return;
        }
    }
}

/* What is joined in hardware or by its driver: frames of XDP are single ones. */
static void find_joining(const char *interface, struct datapath_choice_facts *f)
{
    struct datapath_probe_features now;

    datapath_probe_look(interface, &now);
    for (uint32_t i = 0; i < now.count; i++) {
        if (is_on(&now, i) && (strncmp(now.name[i], "rx-lro", DATAPATH_CHOICE_FEATURE) == 0 ||
                               strncmp(now.name[i], "rx-gro-hw", DATAPATH_CHOICE_FEATURE) == 0)) {
            memcpy(f->joins, now.name[i], sizeof f->joins);
            f->joins[sizeof f->joins - 1] = '\0';
        }
    }
}

/* Of a veth the kernel says which interface is its other end; a card has none. */
static bool is_pair(uint32_t interface)
{
    const struct ifinfomsg who = {.ifi_index = (int)interface};
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct netlink q;
    uint32_t other = 0, turn = 0;

    netlink_begin(&q, RTM_GETLINK, 0, &who, sizeof who);
    if (netlink_ask(&q, fd, &turn, RTM_NEWLINK) != 0 || !netlink_take(&q.said, sizeof who, IFLA_LINK, &other, sizeof other)) {
        return false;
    }
    return other != 0 && (other != interface || netlink_has(&q.said, sizeof who, IFLA_LINK_NETNSID));
}

/* True also where the kernel, before 6.3, does not say: then trying tells. */
static bool has_xdp(uint32_t interface)
{
    const struct genlmsghdr family = {.cmd = CTRL_CMD_GETFAMILY, .version = 1}, get = {.cmd = NETDEV_GET, .version = 1};
    AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
    struct netlink q;
    uint32_t turn = 0;
    uint64_t features;
    uint16_t id;

    netlink_begin(&q, GENL_ID_CTRL, 0, &family, sizeof family);
    netlink_add(&q, CTRL_ATTR_FAMILY_NAME, "netdev", sizeof "netdev");
    if (netlink_ask(&q, fd, &turn, GENL_ID_CTRL) != 0 || !netlink_take(&q.said, sizeof family, CTRL_ATTR_FAMILY_ID, &id, sizeof id)) {
        return true;
    }
    netlink_begin(&q, id, 0, &get, sizeof get);
    netlink_add(&q, NETDEV_IFINDEX, &interface, sizeof interface);
    if (netlink_ask(&q, fd, &turn, id) != 0 || !netlink_take(&q.said, sizeof get, NETDEV_XDP_FEATURES, &features, sizeof features)) {
        return true;
    }
    return (features & (XDP_BASIC | XDP_REDIRECT)) == (XDP_BASIC | XDP_REDIRECT);
}

/* ---- through the host's stack ------------------------------------------------------------------------------------ */

/* One that sends by this interface, and no further than to its driver. */
static int open_socket(uint32_t interface)
{
    const struct ip_mreqn by = {.imr_ifindex = (int)interface};
    const int none = 0;
    AUTO_FD int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &none, sizeof none) != 0 ||
        setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &none, sizeof none) != 0) {
        return -1;
    }
    return fd_take(&fd);
}

/* What each of `count` in one call costs; 0: none went, *ret_error says why. */
static uint32_t time_socket(int fd, uint32_t count, uint32_t *ret_error)
{
    static uint8_t bytes[TRAIN * DATAPATH_PROBE_SIZE];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(DATAPATH_PROBE_PORT), .sin_addr.s_addr = htonl(GROUP)};
    struct iovec vector = {.iov_base = bytes, .iov_len = (size_t)count * DATAPATH_PROBE_SIZE};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.align = {.cmsg_len = CMSG_LEN(sizeof(uint16_t)), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT}};
    const uint16_t each = DATAPATH_PROBE_SIZE;
    struct msghdr m = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &vector, .msg_iovlen = 1};
    uint32_t took[DATAPATH_PROBE_ROUNDS], done = 0;

    memcpy(CMSG_DATA(&control.align), &each, sizeof each);
    if (count > 1) {
        m.msg_control = &control;
        m.msg_controllen = sizeof control.bytes;
    }
    uint64_t begin_ns = now_ns(), until_ns = begin_ns + DATAPATH_PROBE_MS_MAX / 3 * (NS / 1000), end_ns;
    for (; done < DATAPATH_PROBE_ROUNDS && begin_ns < until_ns; begin_ns = end_ns) {
        if (sendmsg(fd, &m, 0) < 0) {
            *ret_error = (uint32_t)errno;
            return 0;
        }
        end_ns = now_ns();
        took[done++] = (uint32_t)((end_ns - begin_ns) / count);
    }
    return done < LEAST ? 0 : lowest(took, done); /* too slow to be measured is no refusal */
}

void datapath_probe_stack(const char *interface, const struct datapath_xsk_link *link, struct datapath_choice_facts *ret)
{
    uint64_t begin_ns = now_ns();
    AUTO_FD int fd = open_socket(link->interface);

    *ret = (struct datapath_choice_facts){.has_xdp = has_xdp(link->interface), .is_pair = is_pair(link->interface)};
    find_joining(interface, ret);
    if (fd < 0) {
        ret->alone_error = (uint32_t)errno;
    } else {
        ret->alone_ns = time_socket(fd, 1, &ret->alone_error);
        ret->train_ns = ret->alone_ns > 0 ? time_socket(fd, TRAIN, &ret->train_error) : 0;
    }
    ret->took_us = (uint32_t)((now_ns() - begin_ns) / 1000) + 1;
}

/* ---- past it --------------------------------------------------------------------------------------------------- */

/* The two rings of sending, and the frames to send in. */
struct past {
    struct datapath_ring tx, done;
    void *tx_at, *done_at;
    size_t tx_size, done_size;
    uint8_t *frames;
};

static bool map_ring(int fd, off_t at, const struct xdp_ring_offset *o, size_t each, void **ret_at, size_t *ret_size, struct datapath_ring *ret)
{
    *ret_size = (size_t)o->desc + DATAPATH_XSK_TX * each;
    uint8_t *p = mmap(NULL, *ret_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
    if (p == MAP_FAILED) {
        return false;
    }
    *ret_at = p;
    *ret = (struct datapath_ring){.producer = (uint32_t *)(p + o->producer), .consumer = (uint32_t *)(p + o->consumer),
                                  .flags = (const uint32_t *)(p + o->flags), .entry = p + o->desc, .size = DATAPATH_XSK_TX};
    return true;
}

static bool open_past(const struct datapath_xsk *x, struct past *p)
{
    struct xdp_mmap_offsets o;
    socklen_t size = sizeof o;

    if (getsockopt(x->socket[0], SOL_XDP, XDP_MMAP_OFFSETS, &o, &size) != 0 || size != sizeof o ||
        !map_ring(x->socket[0], XDP_PGOFF_TX_RING, &o.tx, sizeof(struct xdp_desc), &p->tx_at, &p->tx_size, &p->tx) ||
        !map_ring(x->socket[0], (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &o.cr, sizeof(uint64_t), &p->done_at, &p->done_size, &p->done)) {
        return false;
    }
    uint8_t *at = mmap(NULL, DATAPATH_XSK_QUEUE, PROT_READ | PROT_WRITE, MAP_SHARED, x->memory, 0);
    p->frames = at == MAP_FAILED ? NULL : at;
    return p->frames != NULL;
}

static void close_past(struct past *p)
{
    if (p->tx_at != NULL) {
        (void)munmap(p->tx_at, p->tx_size);
    }
    if (p->done_at != NULL) {
        (void)munmap(p->done_at, p->done_size);
    }
    if (p->frames != NULL) {
        (void)munmap(p->frames, DATAPATH_XSK_QUEUE);
    }
}

/* How many have left. A driver that does without a copy says so later than the call ends. */
static uint32_t wait_for(int fd, struct past *p, uint32_t count)
{
    const struct timespec pause = {.tv_nsec = WAIT_US * 1000};
    uint32_t left = 0;
    uint64_t frame;

    for (int i = 0; left < count && i < WAITS; i++) {
        while (datapath_rings_sent(&p->done, &frame)) {
            left++;
        }
        if (left < count) {
            (void)sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0); /* what it did not take before */
            (void)nanosleep(&pause, NULL);
        }
    }
    return left;
}

void datapath_probe_past(const struct datapath_xsk *x, struct datapath_choice_facts *f, bool *ret_is_whole)
{
    const uint8_t type[] = {EXPERIMENT >> 8, EXPERIMENT & 0xff};
    uint64_t begin_ns = now_ns(), until_ns = begin_ns + DATAPATH_PROBE_MS_MAX / 3 * (NS / 1000), before_ns = begin_ns;
    uint32_t took[DATAPATH_PROBE_ROUNDS], sent = 0;
    struct past p = {.frames = NULL};
    bool is_open = open_past(x, &p);

    f->past_ns = 0;
    f->past_error = is_open ? 0 : EINVAL;
    for (; f->past_error == 0 && sent < DATAPATH_PROBE_ROUNDS && before_ns < until_ns; sent++) {
        const struct datapath_rings_frame d = {.at = (uint64_t)(DATAPATH_XSK_RX + sent) * DATAPATH_XSK_FRAME, .size = FRAME};
        uint8_t *frame = p.frames + d.at;
        before_ns = now_ns();
        memset(frame, 0, FRAME);
        memcpy(frame, x->link.mac, sizeof x->link.mac);
        memcpy(frame + sizeof x->link.mac, x->link.mac, sizeof x->link.mac);
        memcpy(frame + 2 * sizeof x->link.mac, type, sizeof type);
        (void)datapath_rings_send(&p.tx, &d); /* there is room for all of them */
        if (sendto(x->socket[0], NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN && errno != EBUSY && errno != ENOBUFS) {
            f->past_error = (uint32_t)errno;
        }
        uint64_t end_ns = now_ns();
        took[sent] = (uint32_t)(end_ns - before_ns);
    }
    *ret_is_whole = is_open && wait_for(x->socket[0], &p, sent) == sent;
    if (f->past_error == 0 && (!*ret_is_whole || sent < LEAST)) {
        f->past_error = ETIME;
    }
    f->past_ns = f->past_error == 0 ? lowest(took, sent) : 0;
    f->is_direct = x->is_direct;
    f->took_us += (uint32_t)((now_ns() - begin_ns) / 1000);
    close_past(&p);
}
