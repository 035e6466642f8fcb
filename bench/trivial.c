/* The smallest service there is, under every supervisor the same: it says on stdout when main() was
 * reached and, when it has a readiness to tell, when it had told it, and then waits to be killed.
 *
 *   "<ns in main> <ns ready> <pid> <name>\n"     CLOCK_MONOTONIC, one write
 *
 * Statically linked, so that what is measured is the supervisor and not the dynamic loader.
 *   argv[1] "notify"    ready is a newline on descriptor 3 (s6)
 *   -DTRIVIAL_GAP=1     ready is the gap junction on descriptor 3: Genesis in, three packets out
 *   SIGRTMIN + n        exits with status n: what a supervisor then says of it can be compared */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READY_FD = 3,
    PACKET_MAX = 64 * 1024,
    TAG_GENESIS = 0x0a, /* ToCell.genesis, drain, terminate of proto/gap.proto */
    TAG_DRAIN = 0x1a,
    TAG_TERMINATE = 0x22,
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_signal(int number)
{
    _exit(number - SIGRTMIN);
}

static void report(uint64_t main_ns, uint64_t ready_ns, const char *name)
{
    char line[160];
    int len = snprintf(line, sizeof line, "%llu %llu %d %s\n", (unsigned long long)main_ns,
                       (unsigned long long)ready_ns, (int)getpid(), name);

    if (write(STDOUT_FILENO, line, (size_t)len) != len) {
        _exit(125);
    }
}

/* The three packets are written out by hand: a protobuf library would be most of the program. */
static void say(const void *packet, size_t size)
{
    if (send(READY_FD, packet, size, MSG_NOSIGNAL) != (ssize_t)size) {
        _exit(124);
    }
}

/* Returns when the junction is gone; ends the process when told to. */
static void live_on_junction(uint64_t main_ns, const char *name)
{
    static const uint8_t booting[] = {0x0a, 0x05, 0x08, 0x01, 0x12, 0x01, '1'};
    static const uint8_t listening[] = {0x12, 0x00};
    static const uint8_t ready[] = {0x1a, 0x00};
    static uint8_t packet[PACKET_MAX];

    for (;;) {
        ssize_t got = recv(READY_FD, packet, sizeof packet, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return;
        }
        if (packet[0] == TAG_GENESIS) {
            say(booting, sizeof booting);
            say(listening, sizeof listening);
            say(ready, sizeof ready);
            report(main_ns, now_ns(), name);
        } else if (packet[0] == TAG_DRAIN || packet[0] == TAG_TERMINATE) {
            _exit(0);
        }
    }
}

static void say_newline(void)
{
    if (write(READY_FD, "\n", 1) != 1) {
        _exit(124);
    }
    (void)close(READY_FD);
}

int main(int argc, char **argv)
{
    uint64_t main_ns = now_ns();
    const char *name = argc > 2 ? argv[2] : argv[0];

    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) {
        (void)signal(number, on_signal);
    }
    if (TRIVIAL_GAP) {
        live_on_junction(main_ns, name);
    } else {
        if (argc > 1 && strcmp(argv[1], "notify") == 0) {
            say_newline();
        }
        report(main_ns, now_ns(), name);
    }
    for (;;) {
        (void)pause();
    }
}
