/* Small packets with descriptors: what comes as it went, and what is refused leaves nothing open. */
#include "common/run/rights.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"

enum { SIZE = 12 };

static int pair[2];

/* Descriptors that this process has. */
static int open_count(void)
{
    DIR *d = opendir("/proc/self/fd");
    int count = 0;

    REQUIRE(d != NULL, "/proc");
    while (readdir(d) != NULL) {
        count++;
    }
    (void)closedir(d);
    return count;
}

static void close_all(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)close(fds[i]);
    }
}

/* Files that can be told from each other: each has its number in it. */
static void make_files(int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        fds[i] = memfd_create("rights", MFD_CLOEXEC);
        REQUIRE(fds[i] >= 0 && pwrite(fds[i], &i, sizeof i, 0) == (ssize_t)sizeof i, "a file");
    }
}

static void what_goes_comes(void)
{
    char sent[SIZE] = "hello there", got[SIZE];
    int some[RIGHTS_MAX + 1], fds[RIGHTS_MAX];
    size_t count = 9;

    make_files(some, RIGHTS_MAX + 1);
    CHECK(rights_send(pair[0], sent, SIZE, NULL, 0) == ERR_OK && rights_recv(pair[1], got, SIZE, fds, &count) == ERR_OK &&
              count == 0 && memcmp(sent, got, SIZE) == 0, "bytes alone");
    CHECK(rights_send(pair[0], sent, SIZE, some, RIGHTS_MAX) == ERR_OK && rights_recv(pair[1], got, SIZE, fds, &count) == ERR_OK &&
              count == RIGHTS_MAX, "with as many descriptors as there may be");
    for (int i = 0; i < (int)count; i++) {
        int number = -1;
        CHECK(pread(fds[i], &number, sizeof number, 0) == (ssize_t)sizeof number && number == i, "each in its place: %d", i);
        CHECK(fcntl(fds[i], F_GETFD) == FD_CLOEXEC, "and no other program gets it: %d", i);
    }
    close_all(fds, count);
    CHECK(rights_send(pair[0], sent, SIZE, some, RIGHTS_MAX + 1) == ERR_LIMIT, "one more");
    close_all(some, RIGHTS_MAX + 1);
}

static void another_size_is_refused_whole(void)
{
    static const size_t sizes[] = {1, SIZE - 1, SIZE + 1};
    char sent[SIZE + 1] = "", got[SIZE];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[RIGHTS_MAX], before = open_count();
    size_t count = 9;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        REQUIRE(rights_send(pair[0], sent, sizes[i], &null, 1) == ERR_OK, "it goes");
        CHECK(rights_recv(pair[1], got, SIZE, fds, &count) == ERR_MALFORMED && count == 9, "%zu bytes", sizes[i]);
    }
    CHECK(open_count() == before, "what came beside it is closed");
    (void)close(null);
}

/* By somebody who keeps to no limit. */
static void more_descriptors_are_refused_whole(void)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * 2 * RIGHTS_MAX)];
    } control;
    char bytes[SIZE] = "", got[SIZE];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    int some[2 * RIGHTS_MAX], fds[RIGHTS_MAX];
    size_t count = 9;

    make_files(some, 2 * RIGHTS_MAX);
    int before = open_count();
    for (size_t more = RIGHTS_MAX + 1; more <= 2 * RIGHTS_MAX; more++) {
        struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                                .msg_controllen = CMSG_SPACE(sizeof(int) * more)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&packet);
        *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * more)};
        memcpy(CMSG_DATA(c), some, sizeof(int) * more);
        REQUIRE(sendmsg(pair[0], &packet, 0) == (ssize_t)sizeof bytes, "it goes");
        CHECK(rights_recv(pair[1], got, SIZE, fds, &count) == ERR_MALFORMED && count == 9, "%zu descriptors", more);
        CHECK(open_count() == before, "all are closed: %zu", more);
    }
    close_all(some, 2 * RIGHTS_MAX);
}

static void whatever_comes_is_told(void)
{
    char sent[SIZE + 1] = "hello", got[SIZE];
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[RIGHTS_MAX], before = open_count();
    struct rights_packet packet;
    enum err e = ERR_OK;
    size_t count = 0, there = 0;

    REQUIRE(rights_send(pair[0], sent, SIZE + 1, &null, 1) == ERR_OK && rights_send(pair[0], sent, 1, NULL, 0) == ERR_OK, "two go");
    CHECK(rights_take(pair[1], got, SIZE, fds, 0, &packet) == ERR_OK && packet.size == SIZE && packet.is_cut && packet.count == 1 &&
              !packet.is_crowded, "one that is cut, with its descriptor");
    rights_drop(fds, packet.count);
    CHECK(fds[0] == -1 && open_count() == before, "which is closed");
    CHECK(rights_take(pair[1], got, SIZE, fds, 0, &packet) == ERR_OK && packet.size == 1 && !packet.is_cut && packet.count == 0, "a short one");
    CHECK(rights_take(pair[1], got, SIZE, fds, MSG_DONTWAIT, &packet) == ERR_UNAVAILABLE && packet.size == 1, "nothing, and no wait for it");
    while (e == ERR_OK && count < 1000000) {
        e = rights_put(pair[0], sent, SIZE, NULL, 0, MSG_DONTWAIT);
        count++;
    }
    CHECK(e == ERR_UNAVAILABLE && count > 1, "nor for room");
    while (rights_take(pair[1], got, SIZE, fds, MSG_DONTWAIT, &packet) == ERR_OK) {
        there++;
    }
    CHECK(there == count - 1, "what went is there: %zu of %zu", there, count);
    (void)close(null);
}

static void an_end_is_told(void)
{
    char bytes[SIZE] = "";
    int fds[RIGHTS_MAX];
    size_t count = 9;

    CHECK(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0 && rights_recv(pair[1], bytes, SIZE, fds, &count) == ERR_UNAVAILABLE,
          "nothing is there yet");
    (void)close(pair[0]);
    CHECK(rights_recv(pair[1], bytes, SIZE, fds, &count) == ERR_PEER_DEAD, "nothing will come");
    CHECK(rights_send(pair[1], bytes, SIZE, NULL, 0) == ERR_PEER_DEAD, "nobody is there, and no signal says so");
    CHECK(count == 9, "what is refused sets nothing");
}

int main(void)
{
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
    what_goes_comes();
    another_size_is_refused_whole();
    more_descriptors_are_refused_whole();
    whatever_comes_is_told();
    an_end_is_told();
    return CHECK_RESULT();
}
