#include "common/run/rights.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int) * RIGHTS_MAX)];
};

enum err rights_send(int fd, const void *data, size_t size, const int *fds, size_t count)
{
    union control control = {.room = {0}};
    struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent;

    if (count > RIGHTS_MAX) {
        return ERR_LIMIT;
    }
    if (count > 0) {
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
    }
    do {
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_from_errno(errno) : ERR_OK;
}

/* What is not taken is closed. */
static size_t take(struct msghdr *packet, int fds[RIGHTS_MAX])
{
    size_t count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(packet); c != NULL; c = CMSG_NXTHDR(packet, c)) {
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        for (size_t i = 0; i < here; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
            if (count < RIGHTS_MAX) {
                fds[count++] = one;
            } else {
                fd_close(&one);
            }
        }
    }
    return count;
}

enum err rights_recv(int fd, void *data, size_t size, int fds[RIGHTS_MAX], size_t *ret_count)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                            .msg_controllen = sizeof control.room};
    ssize_t got;

    do {
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == ECONNRESET ? ERR_PEER_DEAD : err_from_errno(errno);
    }
    size_t count = take(&packet, fds);
    if ((size_t)got == size && (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0) {
        *ret_count = count;
        return ERR_OK;
    }
    while (count > 0) {
        fd_close(&fds[--count]);
    }
    return got == 0 ? ERR_PEER_DEAD : ERR_MALFORMED;
}
