#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "common/run/netlink.h"

static int say(struct netlink *n, int fd, uint32_t *turn)
{
    n->head.nlmsg_seq = ++*turn;
    return send(fd, n->question, n->head.nlmsg_len, 0) < 0 ? errno : 0;
}

/* 0, or an errno: EPROTO, there is nothing; EMSGSIZE, it was larger than there is room for; ENOBUFS, some was lost. */
static int hear(struct netlink *n, int fd, struct netlink_reader *ret)
{
    ssize_t got;

    do {
        got = recv(fd, n->answer, sizeof n->answer, MSG_DONTWAIT | MSG_TRUNC);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return errno == EAGAIN ? EPROTO : errno;
    }
    *ret = (struct netlink_reader){.at = n->answer, .left = (size_t)got, .sequence = n->head.nlmsg_seq};
    return (size_t)got > sizeof n->answer ? EMSGSIZE : 0;
}

int netlink_ask(struct netlink *n, int fd, uint32_t *turn, uint16_t expected)
{
    struct netlink_reader r = {.error = NETLINK_MORE};
    int error = say(n, fd, turn);

    /* What stayed of an earlier question is before what was said to ours. */
    for (int i = 0; error == 0 && r.error == NETLINK_MORE && i <= NETLINK_STALE; i++) {
        error = hear(n, fd, &r);
        if (error == 0 && netlink_next(&r, &n->said)) {
            return n->said.type == expected ? 0 : EPROTO;
        }
    }
    return error != 0 ? error : r.error > 0 ? r.error : r.error == 0 && expected == NLMSG_ERROR ? 0 : EPROTO;
}

int netlink_list(struct netlink *n, int fd, uint32_t *turn, uint16_t expected,
                 void (*take)(void *context, const struct netlink_message *m), void *context)
{
    struct netlink_reader r = {.error = NETLINK_MORE};
    bool is_interrupted = false;
    int error = say(n, fd, turn);

    for (int i = 0; error == 0 && r.error == NETLINK_MORE && i < NETLINK_PARTS_MAX; i++) {
        error = hear(n, fd, &r);
        while (error == 0 && netlink_next(&r, &n->said)) {
            if (n->said.type == expected) {
                take(context, &n->said);
            }
        }
        is_interrupted = is_interrupted || r.is_interrupted;
    }
    error = error != 0 ? error : r.error == NETLINK_MORE ? EMSGSIZE : r.error;
    return error == 0 && is_interrupted ? EINTR : error;
}
