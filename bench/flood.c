/* Floods the far end of a veth with datagrams of nobody's: live frames of the kernel's test run, paced.
 * Usage: flood INTERFACE MAC ADDRESS PORT KIND RATE SECONDS; KIND: data (96 bytes, of no session), initiation (148, forged).
 * Prints "ready" and then how many went and in how many ns. Needs root, and NAPI at the far end, which is made there by
 *        flood gro INTERFACE */
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_SHIELD

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <inttypes.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "flood.skel.h"

enum {
    HEADS = 14 + 20 + 8,
    BATCH = 64,
    TURN_MS = 100,       /* of one call: making its frames takes some ms */
    LIVE_FRAMES = 1 << 1, /* BPF_F_TEST_XDP_LIVE_FRAMES */
    FAILED = 1,
    MISUSED = 2,
};

static uint8_t frame[HEADS + 148];

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* All but the source, the checksum and the ids, which each frame has its own of. */
static uint32_t build(const char *mac, const char *address, int port, uint32_t type)
{
    uint32_t size = type == 1 ? 148 : 96, udp = size + 8, total = udp + 20;
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

int main(int argc, char **argv)
{
    bool is_initiation = argc == 8 && strcmp(argv[5], "initiation") == 0;

    if (argc == 3 && strcmp(argv[1], "gro") == 0) {
        return poll_on(argv[2]);
    }
    if (argc != 8 || (!is_initiation && strcmp(argv[5], "data") != 0)) {
        fprintf(stderr, "usage: flood INTERFACE MAC ADDRESS PORT data|initiation RATE SECONDS\n");
        return MISUSED;
    }
    uint32_t size = build(argv[2], argv[3], atoi(argv[4]), is_initiation ? 1 : 4), interface = if_nametoindex(argv[1]);
    struct flood_bpf *skeleton = flood_bpf__open_and_load();
    if (size == 0 || interface == 0 || skeleton == NULL) {
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
