/* Load for tunnels, in plain sockets: what a program without any cleverness sends and receives.
 *
 *   overlay_load tcp-sink ADDRESS PORT             takes connections, one after the other, and reads each to its end
 *   overlay_load tcp-source ADDRESS PORT SECONDS   sends as fast as it goes; prints bytes, ns, retransmitted segments
 *   overlay_load udp-sink ADDRESS PORT             counts; a datagram of 8 bytes asks for the count and begins anew
 *   overlay_load udp-source ADDRESS PORT SIZE RATE SECONDS   sends RATE a second; prints sent, arrived, ns
 *   overlay_load echo ADDRESS PORT                 sends back
 *   overlay_load rtt ADDRESS PORT SIZE COUNT       one after the other; prints p50, p90, p99 in ns, and how many were lost */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK = 128 * 1024,
    BATCH = 32,
    DATAGRAM_MAX = 9000,
    BUFFER = 4 << 20,
    LIFE_S = 120, /* nothing of this outlives the bench */
    ASK = 8,      /* bytes of a question */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
    (void)fprintf(stderr, "overlay_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_socket(char **argv, int type, bool is_bound)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    bool is_v6 = strchr(argv[0], ':') != NULL;
    uint16_t port = htons((uint16_t)atoi(argv[1]));
    int yes = 1, buffer = BUFFER;
    int fd = socket(is_v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

    if (is_v6) {
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
    } else {
        *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
    }
    if (fd < 0 || inet_pton(is_v6 ? AF_INET6 : AF_INET, argv[0], is_v6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1) {
        fail(argv[0]);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (type == SOCK_DGRAM) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    }
    socklen_t size = is_v6 ? sizeof *v6 : sizeof *v4;
    if ((is_bound ? bind(fd, (struct sockaddr *)&at, size) : connect(fd, (struct sockaddr *)&at, size)) != 0) {
        fail(is_bound ? "bind" : "connect");
    }
    return fd;
}

static void say_ready(void)
{
    (void)printf("ready\n");
    (void)fflush(stdout);
}

static int tcp_sink(char **argv)
{
    static char bytes[CHUNK];
    int fd = open_socket(argv, SOCK_STREAM, true);

    if (listen(fd, 16) != 0) {
        fail("listen");
    }
    say_ready();
    int one;
    while ((one = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        while (read(one, bytes, sizeof bytes) > 0) {
        }
        (void)close(one);
    }
    return 1;
}

static int tcp_source(char **argv)
{
    static char bytes[CHUNK];
    int fd = open_socket(argv, SOCK_STREAM, false);
    uint64_t begin = now_ns(), end = begin + (uint64_t)(atof(argv[2]) * 1e9), sent = 0, at;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    int left = 0;

    while ((at = now_ns()) < end) {
        ssize_t done = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
        if (done < 0) {
            fail("send");
        }
        sent += (uint64_t)done;
    }
    (void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    /* What is in flight has not arrived: it is not counted. */
    (void)ioctl(fd, SIOCOUTQ, &left);
    (void)printf("%" PRIu64 " %" PRIu64 " %u\n", sent - (uint64_t)left, at - begin, info.tcpi_total_retrans);
    return 0;
}

static void prepare(struct mmsghdr head[BATCH], struct iovec vector[BATCH], char (*bytes)[DATAGRAM_MAX], size_t size)
{
    for (int i = 0; i < BATCH; i++) {
        vector[i] = (struct iovec){bytes[i], size};
        head[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vector[i], .msg_iovlen = 1}};
    }
}

static int udp_sink(char **argv)
{
    static char bytes[BATCH][DATAGRAM_MAX];
    struct mmsghdr head[BATCH];
    struct iovec vector[BATCH];
    struct sockaddr_storage from[BATCH];
    int fd = open_socket(argv, SOCK_DGRAM, true);
    uint64_t count = 0;

    prepare(head, vector, bytes, DATAGRAM_MAX);
    say_ready();
    int got = 0;
    while (got >= 0 || errno == EINTR) {
        for (int i = 0; i < BATCH; i++) {
            head[i].msg_hdr.msg_name = &from[i];
            head[i].msg_hdr.msg_namelen = sizeof from[i];
        }
        got = recvmmsg(fd, head, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < got; i++) {
            if (head[i].msg_len == ASK) {
                (void)sendto(fd, &count, sizeof count, 0, head[i].msg_hdr.msg_name, head[i].msg_hdr.msg_namelen);
                count = 0;
            } else {
                count++;
            }
        }
    }
    return 1;
}

static uint64_t ask_count(int fd)
{
    struct timeval patience = {.tv_usec = 300000};
    uint64_t count = 0;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (int i = 0; i < 10; i++) {
        if (send(fd, &count, ASK, 0) == ASK && recv(fd, &count, sizeof count, 0) == sizeof count) {
            return count;
        }
    }
    return 0;
}

static int udp_source(char **argv)
{
    static char bytes[BATCH][DATAGRAM_MAX];
    struct mmsghdr head[BATCH];
    struct iovec vector[BATCH];
    int fd = open_socket(argv, SOCK_DGRAM, false);
    size_t size = (size_t)atoi(argv[2]);
    double rate = atof(argv[3]);
    const struct timespec moment = {.tv_nsec = 50000};

    prepare(head, vector, bytes, size);
    (void)ask_count(fd); /* and a way that is open */
    uint64_t begin = now_ns(), end = begin + (uint64_t)(atof(argv[4]) * 1e9), sent = 0, at;
    while ((at = now_ns()) < end) {
        uint64_t due = (uint64_t)((double)(at - begin) * rate / 1e9);
        if (due < sent + 1) {
            (void)nanosleep(&moment, NULL);
            continue;
        }
        unsigned count = due - sent < BATCH ? (unsigned)(due - sent) : BATCH;
        int done = sendmmsg(fd, head, count, 0);
        sent += done > 0 ? (uint64_t)done : 0;
    }
    const struct timespec settle = {.tv_nsec = 200000000};
    (void)nanosleep(&settle, NULL);
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sent, ask_count(fd), at - begin);
    return 0;
}

static int echo(char **argv)
{
    static char bytes[DATAGRAM_MAX];
    int fd = open_socket(argv, SOCK_DGRAM, true);
    struct sockaddr_storage from;

    say_ready();
    socklen_t size = sizeof from;
    ssize_t got;
    while ((got = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size)) >= 0) {
        (void)sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from, size);
        size = sizeof from;
    }
    return 1;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int rtt(char **argv)
{
    char bytes[DATAGRAM_MAX] = "", back[DATAGRAM_MAX];
    struct timeval patience = {.tv_sec = 1};
    int fd = open_socket(argv, SOCK_DGRAM, false);
    size_t size = (size_t)atoi(argv[2]), count = (size_t)atoi(argv[3]), have = 0, lost = 0;
    uint64_t *took = calloc(count, sizeof *took);

    if (took == NULL || count == 0 || size < sizeof count) {
        fail("count");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (size_t i = 0; i < count + count / 10; i++) { /* the first tenth warms up */
        uint64_t begin = now_ns();
        memcpy(bytes, &i, sizeof i);
        (void)send(fd, bytes, size, 0);
        ssize_t got;
        while ((got = recv(fd, back, sizeof back, 0)) >= 0 && memcmp(back, &i, sizeof i) != 0) {
        }
        if (got < 0) {
            lost++;
        } else if (i >= count / 10) {
            took[have++] = now_ns() - begin;
        }
    }
    qsort(took, have, sizeof *took, compare);
    if (have == 0) {
        fail("nothing came back");
    }
    (void)printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %zu\n", took[have / 2], took[have * 9 / 10], took[have * 99 / 100], lost);
    free(took);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int arguments;
        int (*run)(char **argv);
    } kinds[] = {
        {"tcp-sink", 2, tcp_sink}, {"tcp-source", 3, tcp_source}, {"udp-sink", 2, udp_sink},
        {"udp-source", 5, udp_source}, {"echo", 2, echo}, {"rtt", 4, rtt},
    };

    (void)alarm(LIFE_S);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (argc == kinds[i].arguments + 2 && strcmp(argv[1], kinds[i].name) == 0) {
            return kinds[i].run(argv + 2);
        }
    }
    (void)fprintf(stderr, "usage: overlay_load tcp-sink|tcp-source|udp-sink|udp-source|echo|rtt ADDRESS PORT ...\n");
    return 2;
}
