/* Floods the far end of a veth with datagrams of nobody's: live frames of the kernel's test run, paced.
 * Usage: flood INTERFACE MAC ADDRESS PORT KIND RATE SECONDS; KIND: data (96 bytes, of no session), initiation (148, forged),
 * signal (192, of nobody), relayed (192, of no relay), repeated (192, a signal's number that was heard on this interface).
 * Prints "ready" and then how many went and in how many ns. Needs root, and NAPI at the far end, which is made there by
 *        flood gro INTERFACE
 * What the shield is compared with hangs there until it is ended, after "ready":
 *        flood drop INTERFACE */
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_SHIELD

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flood.skel.h"

enum {
    HEADS = 14 + 20 + 8,
    BATCH = 64,
    TURN_MS = 100,       /* of one call: making its frames takes some ms */
    LIVE_FRAMES = 1 << 1, /* BPF_F_TEST_XDP_LIVE_FRAMES */
    FAILED = 1,
    MISUSED = 2,
};

static uint8_t frame[HEADS + 192];

static const struct {
    const char *name;
    uint32_t type, size;
} kinds[] = {{"data", 4, 96}, {"initiation", 1, 148}, {"signal", 0x6c656305, 192}, {"relayed", 0x6c656306, 192}, {"repeated", 0x6c656305, 192}};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* All but the source, the checksum and the ids, which each frame has its own of. */
static uint32_t build(const char *mac, const char *address, int port, uint32_t type, uint32_t size)
{
    uint32_t udp = size + 8, total = udp + 20;
    const struct ether_addr *to = ether_aton(mac);
    struct in_addr host;

    if (to == NULL || inet_pton(AF_INET, address, &host) != 1) {
        return 0;
    }
    memcpy(frame, to, 6);
    memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 9}, 6);
    memcpy(frame + 12, (uint8_t[]){8, 0, 0x45, 0, (uint8_t)(total >> 8), (uint8_t)total, 0, 1, 0, 0, 64, 17}, 12);
    memcpy(frame + 30, &host, sizeof host);
    memcpy(frame + 34, (uint8_t[]){3, 0xe8, (uint8_t)(port >> 8), (uint8_t)port, (uint8_t)(udp >> 8), (uint8_t)udp}, 6);
    memcpy(frame + HEADS, &type, sizeof type);
    return HEADS + size;
}

/* The number of a signal that goes from here to the far end's port: whoever is on the way may repeat it. 0: none came. */
static uint64_t overhear(uint32_t interface, int port)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)interface};
    struct timeval patience = {.tv_sec = 20};
    uint8_t heard[HEADS + 192];
    uint64_t who = 0;
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0) {
        while (who == 0 && recv(fd, heard, sizeof heard, 0) > 0) {
            bool is_one = memcmp(heard + HEADS, "\5cel", 4) == 0 && heard[36] == (uint8_t)(port >> 8) && heard[37] == (uint8_t)port &&
                          memcmp(heard + 30, frame + 30, 4) == 0;
            memcpy(&who, heard + HEADS + 4, is_one ? sizeof who : 0);
        }
    }
    (void)close(fd);
    return who;
}

static int run(int program, uint32_t interface, uint32_t size, uint64_t rate, double seconds)
{
    struct xdp_md context = {.data_end = size, .ingress_ifindex = interface};
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = size, .ctx_in = &context,
                        .ctx_size_in = sizeof context, .flags = LIVE_FRAMES, .batch_size = BATCH);
    uint64_t begin = now_ns(), planned = 0, skipped = 0;

    printf("ready\n");
    fflush(stdout);
    for (uint64_t passed = 0; passed < (uint64_t)(seconds * 1e9); passed = now_ns() - begin) {
        uint64_t due = (passed + TURN_MS * 1000000ull) * rate / 1000000000ull;
        if (due > planned + rate / 2) { /* what was missed is not made up for at once, and was not sent */
            skipped += due - rate / 2 - planned;
            planned = due - rate / 2;
        }
        o.repeat = due > planned ? (int)(due - planned) : 0;
        if (o.repeat > 0 && bpf_prog_test_run_opts(program, &o) != 0) {
            perror("flood: live frames");
            return FAILED;
        }
        planned += (uint64_t)o.repeat;
        uint64_t next = begin + passed + TURN_MS * 1000000ull, now = now_ns();
        if (now < next) {
            struct timespec pause = {.tv_nsec = (long)(next - now)};
            (void)nanosleep(&pause, NULL);
        }
    }
    printf("%" PRIu64 " %" PRIu64 "\n", planned - skipped, now_ns() - begin);
    return 0;
}

/* A veth takes frames that no stack sent when it polls, and it polls when it has to put packets together. */
static int poll_on(const char *interface)
{
    struct ethtool_value on = {.cmd = ETHTOOL_SGRO, .data = 1};
    struct ifreq r = {.ifr_data = (char *)&on};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memcpy(r.ifr_name, interface, strnlen(interface, sizeof r.ifr_name - 1));
    if (fd < 0 || ioctl(fd, SIOCETHTOOL, &r) != 0) {
        perror("flood: gro");
        return FAILED;
    }
    return 0;
}

/* At the driver, as the shield hangs under a flood; it goes with this process. */
static int hang_drop(const char *interface)
{
    LIBBPF_OPTS(bpf_link_create_opts, o, .flags = XDP_FLAGS_DRV_MODE);
    struct flood_bpf *skeleton = flood_bpf__open_and_load();

    if (skeleton == NULL ||
        bpf_link_create(bpf_program__fd(skeleton->progs.flood_drop), (int)if_nametoindex(interface), BPF_XDP, &o) < 0) {
        perror("flood: drop");
        return FAILED;
    }
    printf("ready\n");
    fflush(stdout);
    (void)pause();
    return FAILED;
}

int main(int argc, char **argv)
{
    size_t kind = 0;

    if (argc == 3 && strcmp(argv[1], "gro") == 0) {
        return poll_on(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "drop") == 0) {
        return hang_drop(argv[2]);
    }
    while (argc == 8 && kind < sizeof kinds / sizeof kinds[0] && strcmp(argv[5], kinds[kind].name) != 0) {
        kind++;
    }
    if (argc != 8 || kind == sizeof kinds / sizeof kinds[0]) {
        fprintf(stderr, "usage: flood INTERFACE MAC ADDRESS PORT data|initiation|signal|relayed|repeated RATE SECONDS\n");
        return MISUSED;
    }
    uint32_t size = build(argv[2], argv[3], atoi(argv[4]), kinds[kind].type, kinds[kind].size), interface = if_nametoindex(argv[1]);
    struct flood_bpf *skeleton = flood_bpf__open();
    if (skeleton != NULL && strcmp(argv[5], "repeated") == 0) {
        skeleton->rodata->flood_who = overhear(interface, atoi(argv[4]));
        if (skeleton->rodata->flood_who == 0) {
            fprintf(stderr, "flood: no signal was heard\n");
            return FAILED;
        }
    }
    if (size == 0 || interface == 0 || skeleton == NULL || flood_bpf__load(skeleton) != 0) {
        fprintf(stderr, "flood: %s\n", skeleton == NULL ? "no BPF here" : "no such interface or address");
        return FAILED;
    }
    int status = run(bpf_program__fd(skeleton->progs.flood_frame), interface, size, strtoull(argv[6], NULL, 10), atof(argv[7]));
    flood_bpf__destroy(skeleton);
    return status;
}

#else

int main(void)
{
    fprintf(stderr, "built without BPF\n");
    return 1;
}

#endif
