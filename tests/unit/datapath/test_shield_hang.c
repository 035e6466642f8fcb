/* The shield at a real interface: a pair of veth in a network namespace of its own, frames in at one end, a socket behind
 * the other. Needs root, BPF and veth: skipped without. */
#include "datapath/shield.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

enum { PORT = 51820, OTHER_PORT = 51821, ALIVE = 0x11223344, DEAD = 0x55667788, FRAMES = 50, WAIT_MS = 10000 };

static int in, ours, others;        /* frames go in here and come out there */
static uint8_t mac[6];              /* of the end that they come to         */
static char why[DATAPATH_SHIELD_WHY];
static struct datapath_shield_maps first_maps, second_maps;

static struct datapath_shield *make(struct datapath_shield_maps *maps, enum err *ret)
{
    struct datapath_shield_setup setup = {.peers = 16, .port = PORT};
    struct datapath_shield *s = NULL;
    int fd[DATAPATH_SHIELD_MAPS];

    *ret = datapath_shield_open(&setup, &s, why);
    if (*ret == ERR_OK) {
        uint32_t processors = datapath_shield_descriptors(s, fd);
        REQUIRE(datapath_shield_maps_open(maps, fd, datapath_live_sets(16), processors, (const uint8_t[32]){3},
                                          (const uint8_t[16]){5}) == ERR_OK, "its maps");
        datapath_live_add(&maps->ids, ALIVE);
    }
    return s;
}

static uint32_t sum(const uint8_t *p, size_t size)
{
    uint32_t total = 0;

    for (size_t i = 0; i < size; i += 2) {
        total += (uint32_t)p[i] << 8 | p[i + 1];
    }
    while (total >> 16 != 0) {
        total = (total & 0xffff) + (total >> 16);
    }
    return ~total & 0xffff;
}

/* A datagram of a session with this id, to a port of the other end. */
static void send_frame(uint16_t port, uint32_t id)
{
    uint8_t f[14 + 20 + 8 + 32] = {[12] = 8, [14] = 0x45, [17] = sizeof f - 14, [22] = 64, [23] = 17, [26] = 10, [29] = 9,
                                   [30] = 10, [33] = 1, [34] = 4, [36] = (uint8_t)(port >> 8), [37] = (uint8_t)port,
                                   [39] = 8 + 32, [42] = 4};
    uint32_t check;

    memcpy(f, mac, sizeof mac);
    f[6] = 2;
    memcpy(f + 46, &id, sizeof id);
    check = sum(f + 14, 20);
    f[24] = (uint8_t)(check >> 8);
    f[25] = (uint8_t)check;
    REQUIRE(write(in, f, sizeof f) == (ssize_t)sizeof f, "a frame goes in: %s", strerror(errno));
}

static bool receives(int socket_fd, int wait_ms)
{
    struct pollfd p = {.fd = socket_fd, .events = POLLIN};
    char bytes[100];

    return poll(&p, 1, wait_ms) == 1 && recv(socket_fd, bytes, sizeof bytes, 0) > 0;
}

/* Rubbish, a good packet, and one for somebody else, in this order: what comes out. */
static int rubbish_received(void)
{
    int rubbish = 0;

    for (int i = 0; i < FRAMES; i++) {
        send_frame(PORT, DEAD);
    }
    send_frame(PORT, ALIVE);
    send_frame(OTHER_PORT, DEAD);
    CHECK(receives(others, WAIT_MS), "what is not for us comes through");
    while (receives(ours, 0)) {
        rubbish++;
    }
    CHECK(rubbish > 0, "a session's packet comes through");
    return rubbish - 1;
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "a socket");
    return fd;
}

static bool set_up(void)
{
    if (unshare(CLONE_NEWNET) != 0 ||
        system("ip link add in0 type veth peer name out0 2>/dev/null && ip addr add 10.0.0.1/24 dev out0 && "
               "ip link set in0 up && ip link set out0 up && ip link set lo up") != 0) {
        return false;
    }
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("in0")};
    struct ifreq r = {.ifr_name = "out0"};
    in = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* no protocol: it receives nothing */
    ours = open_socket(PORT);
    others = open_socket(OTHER_PORT);
    REQUIRE(in >= 0 && bind(in, (struct sockaddr *)&at, sizeof at) == 0, "a way in");
    REQUIRE(ioctl(in, SIOCGIFHWADDR, &r) == 0, "the other end's address");
    memcpy(mac, r.ifr_hwaddr.sa_data, sizeof mac);
    return true;
}

static void each_hook_drops(struct datapath_shield *s, uint32_t out)
{
    uint64_t count[DATAPATH_SHIELD_VERDICTS];

    CHECK(rubbish_received() == FRAMES, "without a shield all comes through");
    CHECK(datapath_shield_attach(s, DATAPATH_SHIELD_TC, out, why) == ERR_OK, "%s", why);
    CHECK(rubbish_received() == FRAMES, "it hangs, and judges nothing before it is told to");
    datapath_shield_maps_set(&first_maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    CHECK(rubbish_received() == 0, "tcx judges");
    CHECK(datapath_shield_attach(s, DATAPATH_SHIELD_TC, out, why) == ERR_PRECONDITION, "once is enough");
    enum err e = datapath_shield_attach(s, DATAPATH_SHIELD_XDP, out, why);
    CHECK(e == ERR_OK, "%s", why);
    datapath_shield_maps_set(&first_maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_XDP);
    CHECK(rubbish_received() == 0, "XDP judges");
    datapath_shield_maps_set(&first_maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    datapath_shield_detach(s, DATAPATH_SHIELD_XDP);
    CHECK(rubbish_received() == 0, "tcx judges again");
    datapath_shield_maps_count(&first_maps, count);
    CHECK(count[DATAPATH_SHIELD_INDEX] == 3 * FRAMES, "%d dropped", (int)count[DATAPATH_SHIELD_INDEX]);
    CHECK(count[DATAPATH_SHIELD_DATA] == 3, "%d let through", (int)count[DATAPATH_SHIELD_DATA]);
    CHECK(count[DATAPATH_SHIELD_FOREIGN] >= 3, "%d were not ours", (int)count[DATAPATH_SHIELD_FOREIGN]);
}

static void others_are_left_alone(struct datapath_shield *s, uint32_t out)
{
    enum err e;
    struct datapath_shield *second = make(&second_maps, &e);

    REQUIRE(e == ERR_OK, "a second one");
    CHECK(datapath_shield_attach(s, DATAPATH_SHIELD_XDP, out, why) == ERR_OK, "%s", why);
    CHECK(datapath_shield_attach(second, DATAPATH_SHIELD_XDP, out, why) == ERR_EXISTS, "a place that is taken stays so");
    CHECK(datapath_shield_attach(second, DATAPATH_SHIELD_TC, out, why) == ERR_OK, "tcx has room for both: %s", why);
    datapath_shield_maps_set(&second_maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    datapath_shield_maps_close(&first_maps);
    datapath_shield_close(s);
    CHECK(rubbish_received() == 0, "the first goes, as it does when a cell is replaced: no packet slips through");
    CHECK(datapath_shield_attach(second, DATAPATH_SHIELD_XDP, out, why) == ERR_OK, "and its place is free: %s", why);
    datapath_shield_maps_close(&second_maps);
    datapath_shield_close(second);
    CHECK(rubbish_received() == FRAMES, "all are gone, with all that they hung");
}

static void what_cannot_be_is_refused(struct datapath_shield *s)
{
    CHECK(datapath_shield_attach(s, DATAPATH_SHIELD_TC, 9999, why) == ERR_NOT_FOUND, "no such interface");
    if (system("ip tuntap add mode tun name tun0 2>/dev/null") == 0) {
        CHECK(datapath_shield_attach(s, DATAPATH_SHIELD_TC, if_nametoindex("tun0"), why) == ERR_UNSUPPORTED,
              "no Ethernet: its packets have no such heads");
        CHECK(strstr(why, "tun0") != NULL, "%s", why);
    }
}

/* Whoever has no right to it hears that, in words. */
static void nobody_may_not(void)
{
    pid_t child = fork();
    int status = -1;

    if (child == 0) {
        enum err e;
        if (setgid(65534) != 0 || setuid(65534) != 0) {
            _exit(2);
        }
        (void)make(&second_maps, &e);
        _exit(e == ERR_DENIED && strstr(why, "CAP_BPF") != NULL ? 0 : 1);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0, "denied, status %x", status);
}

int main(void)
{
    enum err e;
    struct datapath_shield *s = make(&first_maps, &e);

    if (e == ERR_DENIED || e == ERR_UNSUPPORTED) {
        printf("skipped: %s\n", why);
        return CHECK_SKIPPED;
    }
    REQUIRE(e == ERR_OK, "%s", why);
    if (!set_up()) {
        printf("skipped: no network namespace with veth\n");
        datapath_shield_close(s);
        return CHECK_SKIPPED;
    }
    uint32_t out = if_nametoindex("out0");
    what_cannot_be_is_refused(s);
    each_hook_drops(s, out);
    others_are_left_alone(s, out);
    nobody_may_not();
    return CHECK_RESULT();
}
