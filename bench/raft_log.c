/* The log's writer against the floor of the same file system: batches a second by way of the writing thread, and by bare
 * pwrite and fdatasync over a file of zeros, in turns.
 *
 *   raft_log DIR [SECONDS]    one line of JSON a size */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "raft/le.h"
#include "raft/syncer.h"

enum { ENTRY = 256, ROUNDS = 5, US = 1000000 };

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * US + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * US + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void must(bool is_so, const char *what)
{
    if (!is_so) {
        perror(what);
        exit(1);
    }
}

/* What one way of writing reached. */
struct result {
    uint64_t batches, us, cpu_us, worst_us;
};

static void floor_of(const char *dir, uint32_t size, uint64_t for_us, struct result *r)
{
    static uint8_t bytes[1 << 20];
    char path[600];

    (void)snprintf(path, sizeof path, "%s/floor", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must(fd >= 0, path);
    for (uint32_t at = 0; at < RAFT_STORE_SEGMENT_USUAL; at += sizeof bytes) {
        must(pwrite(fd, bytes, sizeof bytes, at) == (ssize_t)sizeof bytes, "fill");
    }
    must(fsync(fd) == 0, "fsync");
    memset(bytes, 7, sizeof bytes);
    uint64_t began = now_us(), cpu = cpu_us();
    for (uint32_t at = 0; now_us() - began < for_us; at = at + 2 * size > RAFT_STORE_SEGMENT_USUAL ? 0 : at + size) {
        uint64_t one = now_us();
        must(pwrite(fd, bytes, size, at) == (ssize_t)size && fdatasync(fd) == 0, "write");
        one = now_us() - one;
        r->worst_us = one > r->worst_us ? one : r->worst_us;
        r->batches++;
    }
    r->us += now_us() - began;
    r->cpu_us += cpu_us() - cpu;
    (void)close(fd);
    (void)unlink(path);
}

static void log_of(struct raft_syncer *y, uint64_t *last, uint32_t count, uint64_t for_us, struct result *r)
{
    static uint8_t bytes[1 << 20];
    const struct raft_syncer_done *done;
    uint64_t ticket = 0, written = 0;
    uint32_t dones;

    for (uint32_t i = 0; i < count; i++) {
        raft_le_put32(bytes + i * (5 + ENTRY), ENTRY);
        bytes[i * (5 + ENTRY) + 4] = RAFT_ENTRY_COMMAND;
        memset(bytes + i * (5 + ENTRY) + 5, 7, ENTRY);
    }
    struct raft_run run = {.term = 1, .count = count, .size = count * (5 + ENTRY), .bytes = bytes};
    uint64_t began = now_us(), cpu = cpu_us();
    while (now_us() - began < for_us) {
        uint64_t one = now_us();
        run.first = *last + 1;
        while (raft_syncer_put(y, &(struct raft_syncer_item){.run = run, .prev_term = *last == 0 ? 0 : 1}, &ticket) != ERR_OK) {
            (void)poll(NULL, 0, 1); /* a segment is being made: it counts against us */
        }
        raft_syncer_go(y);
        while (written < ticket) {
            (void)poll(&(struct pollfd){.fd = raft_syncer_fd(y), .events = POLLIN}, 1, -1);
            must(raft_syncer_take(y, &done, &dones, &written) == ERR_OK, "sync");
        }
        *last += count;
        one = now_us() - one;
        r->worst_us = one > r->worst_us ? one : r->worst_us;
        r->batches++;
    }
    r->us += now_us() - began;
    r->cpu_us += cpu_us() - cpu;
}

int main(int argc, char **argv)
{
    static const uint32_t counts[] = {1, 16, 64, 256, 1024};
    const char *dir = argc > 1 ? argv[1] : ".";
    uint64_t for_us = (argc > 2 ? strtoull(argv[2], NULL, 10) : 1) * US;
    char path[512];
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    struct raft_syncer *y;
    bool fresh;

    (void)snprintf(path, sizeof path, "%s/raft_log.XXXXXX", dir);
    must(mkdtemp(path) != NULL, path);
    must(raft_store_open(&s, path, &fresh) == ERR_OK && fresh, s.why);
    must(raft_store_create(&s, &(struct raft_frame_owner){1, 2}, NULL, 0, RAFT_STORE_SEGMENT_USUAL) == ERR_OK, s.why);
    must(raft_store_recover(&s, 0, &w, &p, NULL, NULL, &found) == ERR_OK, s.why);
    must(raft_syncer_open(&s, &w, &y) == ERR_OK, "threads");
    uint64_t last = 0;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct result ours = {0}, bare = {0};
        for (int round = 0; round < ROUNDS; round++) {
            floor_of(path, counts[i] * (5 + ENTRY), for_us / ROUNDS, &bare);
            log_of(y, &last, counts[i], for_us / ROUNDS, &ours);
        }
        double a = (double)ours.batches * US / (double)ours.us, b = (double)bare.batches * US / (double)bare.us;
        printf("{\"entries\":%u,\"batches_s\":%.0f,\"floor_s\":%.0f,\"ratio\":%.3f,\"cpu_us\":%.1f,\"floor_cpu_us\":%.1f,"
               "\"worst_us\":%" PRIu64 ",\"floor_worst_us\":%" PRIu64 "}\n", counts[i], a, b, a / b,
               (double)ours.cpu_us / (double)ours.batches, (double)bare.cpu_us / (double)bare.batches, ours.worst_us,
               bare.worst_us);
    }
    raft_syncer_close(y);
    raft_store_retire(&s, s.newest);
    raft_store_close(&s);
    raft_places_fini(&p);
    printf("left: %s\n", path);
    return 0;
}
