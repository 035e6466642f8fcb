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

enum err rights_put(int fd, const void *data, size_t size, const int *fds, size_t count, int flags)
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
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL | flags);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? err_from_errno(errno) : ERR_OK;
}

/* The descriptors of one control message; false when they do not fit. */
static bool take(const struct cmsghdr *rights, int fds[RIGHTS_MAX], size_t *count)
{
    size_t here = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = true;

    for (size_t i = 0; i < here; i++) {
        int one;
        memcpy(&one, CMSG_DATA(rights) + i * sizeof one, sizeof one);
        if (*count < RIGHTS_MAX) {
            fds[(*count)++] = one;
        } else {
            fits = false;
            fd_close(&one);
        }
    }
    return fits;
}

enum err rights_take(int fd, void *data, size_t room, int fds[RIGHTS_MAX], int flags, struct rights_packet *ret)
{
    union control control;
    struct iovec part = {.iov_base = data, .iov_len = room};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                            .msg_controllen = sizeof control.room};
    ssize_t got;

    do {
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC | flags);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return err_from_errno(errno);
    }
    *ret = (struct rights_packet){.size = (size_t)got, .is_cut = (packet.msg_flags & MSG_TRUNC) != 0,
                                  .is_crowded = (packet.msg_flags & MSG_CTRUNC) != 0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&packet); c != NULL; c = CMSG_NXTHDR(&packet, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && !take(c, fds, &ret->count)) {
            ret->is_crowded = true;
        }
    }
    return ERR_OK;
}

void rights_drop(int *fds, size_t count)
{
    while (count > 0) {
        fd_close(&fds[--count]);
    }
}

enum err rights_send(int fd, const void *data, size_t size, const int *fds, size_t count)
{
    return rights_put(fd, data, size, fds, count, 0);
}

enum err rights_recv(int fd, void *data, size_t size, int fds[RIGHTS_MAX], size_t *ret_count)
{
    struct rights_packet packet;
    enum err e = rights_take(fd, data, size, fds, 0, &packet);

    if (e != ERR_OK) {
        return e;
    }
    if (packet.size == size && !packet.is_cut && !packet.is_crowded) {
        *ret_count = packet.count;
        return ERR_OK;
    }
    rights_drop(fds, packet.count);
    return packet.size == 0 ? ERR_PEER_DEAD : ERR_MALFORMED;
}
