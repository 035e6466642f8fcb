#include "tests/unit/node/datagram_kit.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"

struct node_keys kit_node_keys(uint8_t number)
{
    struct node_keys k = {.name = "n", .cluster_keys = 1, .cluster_epoch = {1}};
    uint8_t seed[NODE_SEED_LEN];

    memset(seed, number, sizeof seed);
    keys_derive(seed, &k);
    memset(k.cluster_id, 0xc1, sizeof k.cluster_id);
    memset(k.cluster_key[0], 0xa7, NODE_KEY_LEN);
    return k;
}

int kit_socket(struct sockaddr_in *ret)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int size = 8 << 20;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0, "a socket");
    REQUIRE(getsockname(fd, (struct sockaddr *)&at, &len) == 0, "its name");
    /* As the supervisor does: past what an ordinary user may ask for, where that is allowed. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    *ret = at;
    return fd;
}

struct sealed_address kit_address_of(const struct sockaddr_in *at)
{
    struct sealed_address a = {.ip = {[10] = 0xff, [11] = 0xff}, .port = ntohs(at->sin_port)};

    memcpy(a.ip + 12, &at->sin_addr, 4);
    return a;
}

struct kit_child kit_fork(void (*run)(int control, int report, void *context), void *context)
{
    int control[2], report[2];

    REQUIRE(pipe(control) == 0 && pipe(report) == 0, "pipes");
    pid_t pid = fork();
    REQUIRE(pid >= 0, "a process");
    if (pid == 0) {
        (void)close(control[1]);
        (void)close(report[0]);
        run(control[0], report[1], context);
        _exit(check_failures == 0 ? 0 : 1);
    }
    (void)close(control[0]);
    (void)close(report[1]);
    return (struct kit_child){pid, control[1], report[0]};
}

void kit_finish(struct kit_child *child, void *report, size_t size)
{
    size_t len = 0;
    int status = 0;

    (void)close(child->control);
    while (len < size) {
        ssize_t got = read(child->report, (uint8_t *)report + len, size - len);
        REQUIRE(got > 0, "a whole report");
        len += (size_t)got;
    }
    (void)close(child->report);
    CHECK(waitpid(child->pid, &status, 0) == child->pid && status == 0, "a good end: %d", status);
}
