/* Packets of a gap junction: sizes, descriptors, what is no message. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/gap.h"
#include "tests/support/check.h"

enum {
    DESCRIPTORS = 64,
};

static int pair[2];
static uint8_t data[GAP_MESSAGE_MAX + 64]; /* the guard bytes behind the limit must stay */
static int fds[GAP_DESCRIPTORS_MAX];

static size_t open_count(void)
{
    size_t count = 0;

    for (int fd = 0; fd < 1024; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* A Terminate of exactly `size` bytes. */
static Cell__Gap__ToCell *sized(size_t size, char **ret_text)
{
    static Cell__Gap__ToCell message;
    static Cell__Gap__Terminate terminate;
    char *text = calloc(1, size + 1);

    REQUIRE(text != NULL, "memory");
    message = (Cell__Gap__ToCell)CELL__GAP__TO_CELL__INIT;
    terminate = (Cell__Gap__Terminate)CELL__GAP__TERMINATE__INIT;
    message.what_case = CELL__GAP__TO_CELL__WHAT_TERMINATE;
    message.terminate = &terminate;
    terminate.reason = text;
    for (size_t n = size > 16 ? size - 16 : 0;
         cell__gap__to_cell__get_packed_size(&message) < size && n < size; n++) {
        memset(text, 'x', n);
    }
    *ret_text = text;
    return &message;
}

static void messages_have_a_size(void)
{
    static const struct {
        size_t size;
        enum err status;
    } rows[] = {{16, ERR_OK}, {GAP_MESSAGE_MAX - 1, ERR_OK}, {GAP_MESSAGE_MAX, ERR_OK},
                {GAP_MESSAGE_MAX + 1, ERR_LIMIT}, {GAP_MESSAGE_MAX * 4, ERR_LIMIT}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = NULL;
        size_t len = 7, count = 7;
        const Cell__Gap__ToCell *message = sized(rows[i].size, &text);
        enum err e = gap_send(pair[0], &message->base, NULL, 0);
        CHECK(e == rows[i].status, "%zu bytes: %s", rows[i].size, err_name(e));
        if (e == ERR_OK) {
            CHECK(gap_recv(pair[1], data, &len, fds, &count) == ERR_OK && len == rows[i].size &&
                  count == 0, "%zu bytes arrive as %zu", rows[i].size, len);
            Cell__Gap__ToCell *got = cell__gap__to_cell__unpack(NULL, len, data);
            REQUIRE(got != NULL, "and parse");
            CHECK(strcmp(got->terminate->reason, text) == 0, "and are the same");
            cell__gap__to_cell__free_unpacked(got, NULL);
        }
        free(text);
    }
}

static void send_raw(size_t size, size_t fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * DESCRIPTORS)];
    } control = {.room = {0}};
    static uint8_t bytes[GAP_MESSAGE_MAX * 2];
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd_count > 0) {
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        for (size_t i = 0; i < fd_count; i++) {
            memcpy(CMSG_DATA(rights) + i * sizeof(int), &pair[0], sizeof(int));
        }
    }
    REQUIRE(sendmsg(pair[0], &packet, MSG_NOSIGNAL) == (ssize_t)size, "%zu raw bytes", size);
}

/* What is refused is consumed, closes what rode along, and leaves the outputs alone. */
static void packets_are_judged(void)
{
    static const struct {
        size_t size;
        size_t fd_count;
        enum err status;
        const char *why;
    } rows[] = {
        {10, 0, ERR_OK, "a packet"},
        {10, 1, ERR_OK, "with a descriptor"},
        {10, GAP_DESCRIPTORS_MAX, ERR_OK, "with as many as may be"},
        {10, GAP_DESCRIPTORS_MAX + 1, ERR_MALFORMED, "with one more"},
        {10, DESCRIPTORS, ERR_MALFORMED, "with many more"},
        {GAP_MESSAGE_MAX, 2, ERR_OK, "a full packet"},
        {GAP_MESSAGE_MAX + 1, 2, ERR_LIMIT, "a packet that is cut"},
        {GAP_MESSAGE_MAX * 2, 0, ERR_LIMIT, "much too large a packet"},
        {GAP_MESSAGE_MAX + 1, DESCRIPTORS, ERR_MALFORMED, "too much of everything"},
        {0, 3, ERR_PEER_DEAD, "an empty packet: no message is"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t before = open_count(), len = 7, count = 7;
        memset(data, 0xee, sizeof data);
        send_raw(rows[i].size, rows[i].fd_count);
        enum err e = gap_recv(pair[1], data, &len, fds, &count);
        CHECK(e == rows[i].status, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(data[GAP_MESSAGE_MAX] == 0xee, "row %zu: nothing is written past the limit", i);
        if (e == ERR_OK) {
            CHECK(len == rows[i].size && count == rows[i].fd_count, "row %zu: %zu bytes, %zu fds", i,
                  len, count);
            for (size_t k = 0; k < count; k++) {
                CHECK((fcntl(fds[k], F_GETFD) & FD_CLOEXEC) != 0, "row %zu: close-on-exec", i);
                fd_close(&fds[k]);
            }
        } else {
            CHECK(len == 7 && count == 7, "row %zu: outputs are untouched", i);
        }
        CHECK(open_count() == before, "row %zu: no descriptor is left: %zu, %zu", i, before,
              open_count());
        send_raw(5, 0);
        CHECK(gap_recv(pair[1], data, &len, fds, &count) == ERR_OK && len == 5,
              "row %zu: the next packet is whole", i);
    }
}

static void descriptors_have_a_number(void)
{
    int many[GAP_DESCRIPTORS_MAX + 1];
    char *text = NULL;
    size_t len, count;
    const Cell__Gap__ToCell *message = sized(20, &text);

    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = pair[0];
    }
    CHECK(gap_send(pair[0], &message->base, many, GAP_DESCRIPTORS_MAX + 1) == ERR_LIMIT, "17");
    CHECK(gap_send(pair[0], &message->base, many, GAP_DESCRIPTORS_MAX) == ERR_OK, "16");
    REQUIRE(gap_recv(pair[1], data, &len, fds, &count) == ERR_OK, "arrive");
    CHECK(count == GAP_DESCRIPTORS_MAX, "all of them: %zu", count);
    while (count > 0) {
        fd_close(&fds[--count]);
    }
    free(text);
}

/* No room for a descriptor in this process: refused, not handed on without it. */
static void a_full_table_is_noticed(void)
{
    struct rlimit before, few;
    size_t len = 7, count = 7;

    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0, "a limit");
    send_raw(10, 3);
    few = before;
    few.rlim_cur = (rlim_t)pair[1] + 2; /* room for one */
    REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0, "a lower one");
    enum err e = gap_recv(pair[1], data, &len, fds, &count);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0, "and back");
    CHECK(e == ERR_MALFORMED && count == 7, "three came and do not fit: %s", err_name(e));
}

static void an_empty_or_dead_junction_says_so(void)
{
    size_t len, count;
    char *text = NULL;
    const Cell__Gap__ToCell *message = sized(60000, &text);

    REQUIRE(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0 && fcntl(pair[0], F_SETFL, O_NONBLOCK) == 0,
            "without waiting");
    CHECK(gap_recv(pair[1], data, &len, fds, &count) == ERR_UNAVAILABLE, "nothing there yet");
    enum err e = ERR_OK;
    size_t sent = 0;
    while (sent < 1000 && (e = gap_send(pair[0], &message->base, NULL, 0)) == ERR_OK) {
        sent++;
    }
    CHECK(e == ERR_UNAVAILABLE && sent > 0, "a full socket: %s after %zu", err_name(e), sent);
    (void)close(pair[0]);
    while (sent > 0 && gap_recv(pair[1], data, &len, fds, &count) == ERR_OK) {
        sent--; /* what was sent before the end arrives */
    }
    CHECK(sent == 0, "all of it: %zu missing", sent);
    CHECK(gap_recv(pair[1], data, &len, fds, &count) == ERR_PEER_DEAD, "then the end");
    CHECK(gap_send(pair[1], &message->base, NULL, 0) == ERR_PEER_DEAD, "nobody hears");
    CHECK(gap_recv(-1, data, &len, fds, &count) == ERR_IO, "no junction at all");
    free(text);
}

int main(void)
{
    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
    messages_have_a_size();
    packets_are_judged();
    descriptors_have_a_number();
    a_full_table_is_noticed();
    an_empty_or_dead_junction_says_so();
    return CHECK_RESULT();
}
