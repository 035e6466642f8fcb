/* Datagrams past the host's stack at a real interface: a pair of veth in a network namespace of its own, with the shield's
 * program and AF_XDP sockets at one end, frames in and out at the other. What goes past and what through the stack, that each
 * comes once, and what leaves. Needs root, BPF and veth: skipped without. */
#include "datapath/lane.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "datapath/checksum.h"
#include "tests/support/check.h"

/* Nobody sleeps in a loop here. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, unsigned want, void (*ready)(void *context, unsigned bits), void *context)
{
    return NULL;
}

void loop_watch_free(struct loop_watch *w)
{
}

#ifdef HAVE_SHIELD

#include <bpf/bpf.h>
#include <linux/bpf.h>

enum { PORT = 51820, OTHER_PORT = 51821, ALIVE = 0x11223344, DEAD = 0x55667788, WAIT_MS = 10000, ROOM = 4096, MANY = 5000 };

static const uint8_t far_mac[6] = {2, 0, 0, 0, 0, 9};
static int wire, ours, others;      /* the other end of the cable; the host's sockets */
static struct datapath_shield *shield;
static struct datapath_shield_maps maps;
static struct datapath_lane lane;
static uint8_t own_mac[6];

static bool set_up(void)
{
    if (unshare(CLONE_NEWNET) != 0 ||
        system("ip link add in0 address 02:00:00:00:00:09 mtu 3000 type veth peer name out0 mtu 3000 2>/dev/null && ip addr add 10.0.0.1/24 dev out0 && "
               "ip addr add fd00:7::1/64 dev out0 nodad && ip link set in0 up && ip link set out0 up && ip link set lo up && "
               "ip addr add 10.0.0.1/32 dev lo && ip route add 10.8.0.0/16 via 10.0.0.9 && ip route add blackhole 10.7.0.0/16 && ip link add other0 type veth peer name other1 && ip addr add 10.6.0.1/24 dev other0 && ip link set other0 up") != 0) {
        return false;
    }
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex("in0")};
    wire = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(wire >= 0 && bind(wire, (struct sockaddr *)&at, sizeof at) == 0, "the other end");
    return true;
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "a socket");
    return fd;
}

static struct datapath_endpoint place(const char *address, uint16_t port)
{
    struct datapath_endpoint e = {.port = port};
    struct in_addr v4;

    if (inet_pton(AF_INET, address, &v4) == 1) {
        e.ip[10] = e.ip[11] = 0xff;
        memcpy(e.ip + 12, &v4, sizeof v4);
    } else {
        REQUIRE(inet_pton(AF_INET6, address, e.ip) == 1, "%s", address);
    }
    return e;
}

static void open_all(void)
{
    struct datapath_shield_setup setup = {.peers = 16, .port = PORT};
    struct datapath_keeper_answer a = {.queues = 0};
    struct datapath_xsk x;
    int map[DATAPATH_SHIELD_MAPS], fds[DATAPATH_KEEPER_GIVEN];
    char why[DATAPATH_XSK_WHY] = "";
    uint8_t anywhere[16] = {0};

    REQUIRE(datapath_shield_open(&setup, &shield, why) == ERR_OK, "%s", why);
    uint32_t processors = datapath_shield_descriptors(shield, map);
    REQUIRE(datapath_shield_maps_open(&maps, map, datapath_live_sets(16), processors, (const uint8_t[32]){3}, (const uint8_t[16]){5}) == ERR_OK,
            "its maps");
    datapath_live_add(&maps.ids, ALIVE);
    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_XDP);
    REQUIRE(datapath_xsk_open(&x, "out0", why) == ERR_OK, "%s", why);
    CHECK(!x.is_direct && x.queues >= 1 && strcmp(x.link.driver, "veth") == 0 && x.link.mtu == 3000, "what it is");
    fds[DATAPATH_KEEPER_MEMORY] = x.memory;
    fds[DATAPATH_KEEPER_ROUTES] = x.routes;
    for (uint32_t i = 0; i < x.queues; i++) {
        fds[DATAPATH_KEEPER_QUEUES + i] = x.socket[i];
        REQUIRE(datapath_shield_socket(shield, i, x.socket[i], why) == ERR_OK, "%s", why);
    }
    a.queues = x.queues;
    a.link = x.link;
    memcpy(own_mac, x.link.mac, sizeof own_mac);
    CHECK(ftruncate(x.memory, 4096) != 0, "nobody cuts its memory");
    REQUIRE(datapath_lane_open(&lane, &a, anywhere, fds) == ERR_OK && fds[DATAPATH_KEEPER_MEMORY] == -1, "the cell's side");
    REQUIRE(datapath_shield_attach(shield, DATAPATH_SHIELD_XDP, x.link.interface, why) == ERR_OK, "%s", why);
}

/* ---- in ------------------------------------------------------------------------------------------------- */

/* A datagram of a session as somebody sends it; returns the frame's size, at *ret. */
static size_t make(uint8_t room[ROOM], const char *from, const char *to, uint16_t port, uint32_t id, size_t size, uint8_t **ret)
{
    struct datapath_underlay_link link = {.tags = 0};
    struct datapath_endpoint source = place(from, 1000), target = place(to, port);
    uint8_t *payload = room + DATAPATH_UNDERLAY_HEAD_MAX;

    memcpy(link.to, own_mac, sizeof link.to);
    memcpy(link.from, far_mac, sizeof link.from);
    for (size_t i = 0; i < size; i++) {
        payload[i] = (uint8_t)(i * 7);
    }
    memcpy(payload, (uint8_t[]){4, 0, 0, 0}, 4);
    memcpy(payload + 4, &id, sizeof id);
    size_t head = datapath_underlay_write(&link, &source, &target, 1, false, payload, size);
    REQUIRE(head > 0, "it is made");
    *ret = payload - head;
    return head + size;
}

static void put(const uint8_t *frame, size_t size)
{
    while (write(wire, frame, size) != (ssize_t)size) {
        REQUIRE(errno == EAGAIN || errno == ENOBUFS, "a frame goes in: %s", strerror(errno));
        (void)poll(NULL, 0, 1);
    }
}

/* Bytes of the datagram that comes past the stack, -1: none in this time. Whatever comes is looked at and given back. */
static int past(int wait_ms, struct datapath_endpoint *ret_from)
{
    size_t size;
    int left_ms = wait_ms;

    for (;;) {
        for (uint32_t q = 0; q < lane.queues; q++) {
            uint8_t *bytes = datapath_lane_take(&lane, q, PORT, ret_from, &size);
            if (bytes != NULL) {
                for (size_t i = 8; i < size; i++) {
                    CHECK(bytes[i] == (uint8_t)(i * 7), "byte %zu", i);
                }
            }
            datapath_lane_done(&lane, q);
            if (bytes != NULL) {
                return (int)size;
            }
        }
        if (left_ms-- <= 0) {
            return -1;
        }
        (void)poll(NULL, 0, 1);
    }
}

/* … that comes by a socket. */
static int through(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint8_t bytes[ROOM];

    return poll(&p, 1, wait_ms) == 1 ? (int)recv(fd, bytes, sizeof bytes, 0) : -1;
}

static void past_or_through(void)
{
    uint8_t room[ROOM], *frame;
    struct datapath_endpoint from, sender = place("10.0.0.9", 1000), sender6 = place("fd00:7::9", 1000);

    size_t size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 100, &frame);
    put(frame, size);
    CHECK(through(ours, WAIT_MS) == 100 && past(0, &from) == -1, "through the stack, while nobody said otherwise");
    datapath_shield_maps_frames(&maps, true);
    lane.is_on = true;
    put(frame, size);
    CHECK(past(WAIT_MS, &from) == 100 && datapath_message_is_same(&from, &sender), "past it");
    size = make(room, "fd00:7::9", "fd00:7::1", PORT, ALIVE, 1400, &frame);
    put(frame, size);
    CHECK(past(WAIT_MS, &from) == 1400 && datapath_message_is_same(&from, &sender6), "IPv6");
    size = make(room, "10.0.0.9", "10.0.0.1", OTHER_PORT, ALIVE, 100, &frame);
    put(frame, size);
    CHECK(through(others, WAIT_MS) == 100, "what is not for us comes through the stack");
    size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 1792 - 42, &frame);
    put(frame, size);
    CHECK(past(WAIT_MS, &from) == 1792 - 42, "as long as a frame takes");
    size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 1792 - 41, &frame);
    put(frame, size);
    CHECK(through(ours, WAIT_MS) == 1792 - 41, "longer ones come through the stack");
    size = make(room, "10.0.0.9", "10.0.0.1", PORT, DEAD, 100, &frame);
    put(frame, size);
    size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 101, &frame);
    put(frame, size);
    CHECK(past(WAIT_MS, &from) == 101 && through(ours, 0) == -1, "what is dropped comes nowhere");
    CHECK(lane.numbers.broken == 0 && lane.numbers.foreign == 0, "each was as it was sent");
}

/* A fragment, and a datagram behind another head: the stack reads those. */
static void pieces_are_the_stacks(void)
{
    uint8_t room[ROOM], behind[ROOM], *frame;
    struct datapath_endpoint from;
    enum { IP = 14, FLAGS = IP + 6, SUM = IP + 10, SIX = IP + 40 };

    size_t size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 104, &frame);
    frame[FLAGS] = 0x20; /* more follow: none does */
    memset(frame + SUM, 0, 2);
    uint16_t sum = datapath_checksum_end(datapath_checksum_add(0, frame + IP, 20));
    memcpy(frame + SUM, &sum, sizeof sum);
    put(frame, size);
    size = make(room, "fd00:7::9", "fd00:7::1", PORT, ALIVE, 104, &frame);
    memcpy(behind, frame, SIX);
    memcpy(behind + SIX, (uint8_t[8]){17, 0, 1, 4}, 8); /* options for the destination: padding */
    memcpy(behind + SIX + 8, frame + SIX, size - SIX);
    behind[IP + 6] = 60;
    behind[IP + 5] = (uint8_t)(behind[IP + 5] + 8);
    put(behind, size + 8);
    CHECK(through(ours, WAIT_MS) == 104 && past(0, &from) == -1, "through the stack");
    CHECK(lane.numbers.foreign == 0, "nothing of it was led past it");
}

static void what_is_broken_is_dropped(void)
{
    uint8_t room[ROOM], *frame;
    struct datapath_endpoint from;
    uint64_t broken = lane.numbers.broken;

    size_t size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 100, &frame);
    frame[size - 1] ^= 1;
    put(frame, size);
    frame[size - 1] ^= 1;
    frame[14 + 10] ^= 1; /* the head's own */
    put(frame, size);
    frame[14 + 10] ^= 1;
    put(frame, size);
    CHECK(past(WAIT_MS, &from) == 100 && past(0, &from) == -1, "the third alone");
    CHECK(lane.numbers.broken == broken + 2, "%d", (int)(lane.numbers.broken - broken));
}

/* More than there are frames: each comes back to the kernel. */
static void frames_go_around(void)
{
    uint8_t room[ROOM], *frame;
    struct datapath_endpoint from;
    size_t size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 100, &frame);

    for (int i = 0; i < MANY; i++) {
        put(frame, size);
        REQUIRE(past(WAIT_MS, &from) == 100, "frame %d", i);
    }
    uint32_t waiting = 0;
    for (uint32_t q = 0; q < lane.queues; q++) {
        waiting += datapath_rings_room(&lane.queue[q].fill);
    }
    CHECK(waiting <= lane.queues, "%u frames are not the kernel's", waiting);
}

/* ---- out ------------------------------------------------------------------------------------------------ */

/* The next frame of UDP that leaves, its size; 0: none. */
static size_t leaving(uint8_t frame[ROOM], struct datapath_underlay *ret)
{
    struct sockaddr_ll at;

    for (int waited_ms = 0; waited_ms < WAIT_MS; waited_ms++) {
        socklen_t place_size = sizeof at;
        ssize_t got = recvfrom(wire, frame, ROOM, 0, (struct sockaddr *)&at, &place_size);
        if (got > 0 && at.sll_pkttype != PACKET_OUTGOING && datapath_underlay_read(frame, (size_t)got, ret) == DATAPATH_UNDERLAY_TAKEN) {
            return (size_t)got;
        }
        if (got < 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    return 0;
}

static bool sends(uint64_t now_ms, const char *to, size_t size)
{
    const struct datapath_endpoint from = place("::", PORT), target = place(to, 1000);
    uint8_t bytes[ROOM];

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 3);
    }
    return datapath_lane_send(&lane, now_ms, &from, &target, bytes, size);
}

static void leaves(uint64_t now_ms, const char *to, const char *own, size_t size)
{
    const struct datapath_endpoint from = place(own, PORT), target = place(to, 1000);
    uint8_t frame[ROOM];
    struct datapath_underlay d;

    REQUIRE(sends(now_ms, to, size), "to %s", to);
    size_t got = leaving(frame, &d);
    REQUIRE(got > 0, "it leaves");
    CHECK(d.size == size && datapath_message_is_same(&d.from, &from) && datapath_message_is_same(&d.to, &target), "from whom to whom");
    CHECK(memcmp(d.link.to, far_mac, 6) == 0 && memcmp(d.link.from, own_mac, 6) == 0, "by their cables");
    for (size_t i = 0; i < size; i++) {
        CHECK(frame[d.at + i] == (uint8_t)(i * 3), "byte %zu", i);
    }
}

static void who_is_near_is_sent_to(void)
{
    CHECK(!sends(1000, "10.0.0.9", 100) && lane.numbers.far == 1, "nobody knows who that is");
    REQUIRE(system("ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev out0 nud reachable && "
                   "ip neigh replace fd00:7::9 lladdr 02:00:00:00:00:09 dev out0 nud permanent && "
                   "ip neigh replace 10.6.0.9 lladdr 02:00:00:00:00:09 dev out0 nud permanent") == 0, "neighbours");
    CHECK(!sends(1099, "10.0.0.9", 100), "an answer holds for a moment");
    leaves(1100, "10.0.0.9", "10.0.0.1", 100);
    leaves(1100, "fd00:7::9", "fd00:7::1", 1232);
    leaves(1100, "10.8.4.4", "10.0.0.1", 1); /* by a router */
    CHECK(!sends(1100, "10.0.0.9", 1233), "large ones are the socket's");
    CHECK(!sends(1100, "10.7.0.1", 100), "where the kernel sends nothing");
    CHECK(!sends(1100, "10.0.0.1", 100), "to ourselves");
    CHECK(!sends(1100, "10.5.0.1", 100), "where no way leads");
    CHECK(!sends(1100, "10.6.0.9", 100) && !sends(1100, "127.0.0.1", 100), "by another interface");
    CHECK(!sends(1100, "fe80::9", 100), "whose place is not said by his address alone");
    REQUIRE(system("ip neigh change 10.0.0.9 dev out0 nud stale") == 0, "not heard of for a while");
    leaves(2099, "10.0.0.9", "10.0.0.1", 100);
    CHECK(!sends(2100, "10.0.0.9", 100), "that the kernel is to ask again");
    REQUIRE(system("ip neigh change 10.0.0.9 lladdr 02:00:00:00:00:09 dev out0 nud permanent") == 0, "heard of again");
    REQUIRE(system("ip link set out0 mtu 1279") == 0, "an mtu that carries no IPv6");
    CHECK(!sends(3300, "10.0.0.9", 100), "what is small is not small enough");
    REQUIRE(system("ip link set out0 mtu 3000 address 02:00:00:00:00:17 && "
                   "ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:09 dev out0 nud permanent") == 0, "another address of ours");
    memcpy(own_mac, (const uint8_t[]){2, 0, 0, 0, 0, 0x17}, sizeof own_mac);
    leaves(3400, "10.0.0.9", "10.0.0.1", 100);
    for (int i = 0; i < MANY; i++) { /* more than there are frames */
        leaves(2300, "10.0.0.9", "10.0.0.1", 200);
    }
    CHECK(lane.numbers.full == 0, "each frame comes back");
    lane.is_on = false;
    CHECK(!sends(2300, "10.0.0.9", 100), "when it is off");
    lane.is_on = true;
}

/* The sockets go, as when a cell dies: all comes through the stack again, and the queues are free. */
static void the_stack_has_it_again(void)
{
    uint8_t room[ROOM], *frame;
    struct datapath_xsk x;
    char why[DATAPATH_XSK_WHY] = "";
    size_t size = make(room, "10.0.0.9", "10.0.0.1", PORT, ALIVE, 100, &frame);

    REQUIRE(datapath_xsk_open(&x, "out0", why) == ERR_EXISTS, "a queue has one");
    datapath_lane_close(&lane);
    put(frame, size);
    CHECK(through(ours, WAIT_MS) == 100, "by the program, which finds no socket");
    REQUIRE(datapath_xsk_open(&x, "out0", why) == ERR_OK, "%s", why);
    datapath_xsk_close(&x);
    CHECK(datapath_xsk_open(&x, "lo", why) == ERR_UNSUPPORTED && strstr(why, "lo is no Ethernet") != NULL, "%s", why);
    CHECK(datapath_xsk_open(&x, "none0", why) == ERR_NOT_FOUND, "%s", why);
}

int main(void)
{
    if (!set_up()) {
        printf("skipped: no network namespace, or no veth\n");
        return CHECK_SKIPPED;
    }
    ours = open_socket(PORT);
    others = open_socket(OTHER_PORT);
    open_all();
    past_or_through();
    pieces_are_the_stacks();
    what_is_broken_is_dropped();
    frames_go_around();
    who_is_near_is_sent_to();
    the_stack_has_it_again();
    datapath_shield_maps_close(&maps);
    datapath_shield_close(shield);
    return CHECK_RESULT();
}

#else

int main(void)
{
    printf("skipped: built without the shield\n");
    return CHECK_SKIPPED;
}

#endif
