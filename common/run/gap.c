#include "common/run/gap.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/fd.h"

enum err gap_send(int fd, const struct ProtobufCMessage *message, const int *fds, size_t fd_count)
{
    uint8_t data[GAP_MESSAGE_MAX];
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * GAP_DESCRIPTORS_MAX)];
    } control;
    size_t size = protobuf_c_message_get_packed_size(message);

    if (size > sizeof data || fd_count > GAP_DESCRIPTORS_MAX) {
        return ERR_LIMIT;
    }
    (void)protobuf_c_message_pack(message, data);

    struct iovec part = {.iov_base = data, .iov_len = size};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.room;
        packet.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(fd, &packet, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    explicit_bzero(data, size); /* a Genesis holds the instance token */
    return sent < 0 ? err_from_errno(errno) : ERR_OK;
}

/* Move the descriptors of one control message to fds[]; false when they do not fit. */
static bool take_rights(const struct cmsghdr *rights, int *fds, size_t *count)
{
    size_t here = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    bool fits = true;

    for (size_t i = 0; i < here; i++) {
        int one;
        memcpy(&one, CMSG_DATA(rights) + i * sizeof one, sizeof one);
        if (*count < GAP_DESCRIPTORS_MAX) {
            fds[(*count)++] = one;
        } else {
            fits = false;
            fd_close(&one);
        }
    }
    return fits;
}

enum err gap_recv(int fd, uint8_t *data, size_t *ret_len, int *fds, size_t *ret_fd_count)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * GAP_DESCRIPTORS_MAX)];
    } control;
    struct iovec part = {.iov_base = data, .iov_len = GAP_MESSAGE_MAX};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
                            .msg_controllen = sizeof control.room};
    size_t count = 0;
    ssize_t got;

    do {
        got = recvmsg(fd, &packet, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return err_from_errno(errno);
    }
    bool fits = (packet.msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&packet); c != NULL; c = CMSG_NXTHDR(&packet, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            fits = take_rights(c, fds, &count) && fits;
        }
    }
    enum err e = ERR_OK;
    if (!fits) {
        e = ERR_MALFORMED;
    } else if ((packet.msg_flags & MSG_TRUNC) != 0) {
        e = ERR_LIMIT;
    } else if (got == 0) {
        e = ERR_PEER_DEAD; /* no valid message is empty: every one sets its oneof */
    }
    if (e != ERR_OK) {
        while (count > 0) {
            fd_close(&fds[--count]);
        }
        return e;
    }
    *ret_len = (size_t)got;
    *ret_fd_count = count;
    return ERR_OK;
}
