#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/node/datagram_kit.h"

enum { SEEN_MAX = 512, BURST_MAX = 256 };

/* The last datagrams that went from A to B. */
struct seen {
    size_t size;
    uint8_t bytes[SEALED_PACKET_MAX];
};

struct net {
    const struct foe *foe;
    struct foe_report report;
    struct rng rng;
    int elsewhere;
    int raw; /* -1: not allowed */
    struct seen seen[SEEN_MAX];
    uint32_t seen_count;
};

static void remember(struct net *n, const uint8_t *bytes, size_t size)
{
    struct seen *s = &n->seen[n->seen_count++ % SEEN_MAX];

    s->size = size;
    memcpy(s->bytes, bytes, size);
}

static void forward(struct net *n, int from, int to, const struct sockaddr_in *at, bool is_kept)
{
    uint8_t bytes[2048];
    ssize_t got;

    while ((got = recv(from, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0) {
        if (is_kept && (size_t)got <= SEALED_PACKET_MAX) {
            remember(n, bytes, (size_t)got);
        }
        n->report.forwarded += sendto(to, bytes, (size_t)got, MSG_DONTWAIT, (const struct sockaddr *)at,
                                      sizeof *at) == got;
    }
}

/* From the address that B takes for A's, though another socket sends it. */
static void forge(struct net *n, const uint8_t *bytes, size_t size)
{
    uint8_t packet[sizeof(struct iphdr) + sizeof(struct udphdr) + SEALED_PACKET_MAX] = {0};
    struct iphdr *ip = (struct iphdr *)packet;
    struct udphdr *udp = (struct udphdr *)(ip + 1);
    struct sockaddr_in own;
    socklen_t len = sizeof own;

    if (n->raw < 0 || getsockname(n->foe->to_b, (struct sockaddr *)&own, &len) != 0) {
        return;
    }
    *ip = (struct iphdr){.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
                         .saddr = own.sin_addr.s_addr, .daddr = n->foe->b.sin_addr.s_addr};
    *udp = (struct udphdr){.source = own.sin_port, .dest = n->foe->b.sin_port,
                           .len = htons((uint16_t)(sizeof *udp + size))};
    memcpy(udp + 1, bytes, size);
    n->report.forged += sendto(n->raw, packet, sizeof *ip + sizeof *udp + size, MSG_DONTWAIT,
                               (const struct sockaddr *)&n->foe->b, sizeof n->foe->b) > 0;
}

static void throw_one(struct net *n)
{
    uint8_t bytes[SEALED_PACKET_MAX];
    size_t size = 1 + rng_below(&n->rng, 300);
    int from = n->foe->to_b;
    const struct seen *s = n->seen_count == 0 ? NULL : &n->seen[rng_below(&n->rng, n->seen_count < SEEN_MAX ? n->seen_count
                                                                                                          : SEEN_MAX)];
    uint64_t kind = s == NULL ? 0 : rng_below(&n->rng, 5);

    if (kind == 0) { /* noise, half of it with a first byte of ours */
        for (size_t i = 0; i < size; i++) {
            bytes[i] = (uint8_t)rng_next(&n->rng);
        }
        bytes[0] = rng_below(&n->rng, 2) == 0 ? bytes[0] : (uint8_t)(SEALED_HELLO + rng_below(&n->rng, 5));
    } else {
        size = s->size;
        memcpy(bytes, s->bytes, size);
        if (kind == 1) { /* changed anywhere */
            bytes[rng_below(&n->rng, size)] ^= (uint8_t)(1u << rng_below(&n->rng, 8));
        } else if (kind == 2 && size > SEALED_DATA_MIN) { /* a later counter, so that the tag is looked at */
            bytes[5] ^= (uint8_t)(1 + rng_below(&n->rng, 255));
        } else if (kind == 3) {
            from = n->elsewhere;
        }
    }
    if (kind == 4 && n->raw >= 0) {
        forge(n, bytes, size);
    } else {
        (void)sendto(from, bytes, size, MSG_DONTWAIT, (const struct sockaddr *)&n->foe->b, sizeof n->foe->b);
    }
    n->report.thrown++;
}

void foe_run(int control, int report, void *context)
{
    struct net *n = calloc(1, sizeof *n);
    struct sockaddr_in at;
    struct pollfd end = {.fd = control, .events = POLLIN};
    uint64_t begun = loop_now_us();

    REQUIRE(n != NULL, "memory");
    n->foe = context;
    n->elsewhere = kit_socket(&at);
    n->raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    rng_init(&n->rng, 11);
    while (poll(&end, 1, 0) == 0) {
        forward(n, n->foe->to_a, n->foe->to_b, &n->foe->b, true);
        forward(n, n->foe->to_b, n->foe->to_a, &n->foe->a, false);
        uint64_t due = (loop_now_us() - begun) * n->foe->rate / 1000000;
        for (unsigned i = 0; i < BURST_MAX && n->report.thrown < due; i++) {
            throw_one(n);
        }
        if (n->report.thrown >= due) {
            struct pollfd any[2] = {{.fd = n->foe->to_a, .events = POLLIN}, {.fd = n->foe->to_b, .events = POLLIN}};
            (void)poll(any, 2, 1);
        }
    }
    n->report.us = loop_now_us() - begun;
    REQUIRE(write(report, &n->report, sizeof n->report) == (ssize_t)sizeof n->report, "reported");
    free(n);
}
