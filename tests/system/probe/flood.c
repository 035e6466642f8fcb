/* Garbage at a rate, for membership under a flood: ADDRESS PORT SECONDS RATE. Half of it begins as a sealed datagram
 * does. Prints how many datagrams the kernel took. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, LARGEST = 1200, SECOND_NS = 1000000000 };

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[BATCH][LARGEST];
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct mmsghdr messages[BATCH] = {0};
    struct iovec parts[BATCH];
    uint64_t sent = 0;

    if (argc != 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "flood ADDRESS PORT SECONDS RATE\n");
        return 64;
    }
    to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("flood");
        return 1;
    }
    for (size_t i = 0; i < BATCH; i++) {
        for (size_t k = 0; k < LARGEST; k++) {
            bytes[i][k] = (uint8_t)rand();
        }
        bytes[i][0] = i % 2 == 0 ? (uint8_t)(0x11 + rand() % 5) : bytes[i][0];
        parts[i] = (struct iovec){.iov_base = bytes[i], .iov_len = 1 + (size_t)rand() % LARGEST};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    uint64_t begin = now_ns(), rate = strtoull(argv[4], NULL, 10);
    uint64_t end = begin + strtoull(argv[3], NULL, 10) * SECOND_NS;
    for (uint64_t now = begin; now < end; now = now_ns()) {
        if (sent * SECOND_NS / rate > now - begin) {
            usleep(200);
            continue;
        }
        int taken = sendmmsg(fd, messages, BATCH, 0);
        sent += taken > 0 ? (uint64_t)taken : 0;
    }
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}
