#include "datapath/udp.h"

#include <errno.h>
#include <string.h>

#include "common/run/fd.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool is_v4(const struct datapath_endpoint *at)
{
    return memcmp(at->ip, mapped, sizeof mapped) == 0;
}

/* is_v6: of the socket, which takes IPv4 as ::ffff:a.b.c.d. 0: an IPv4 socket cannot send there. */
static socklen_t to_place(const struct datapath_endpoint *at, bool is_v6, union datapath_udp_place *p)
{
    if (is_v6) {
        p->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(at->port), .sin6_scope_id = at->scope};
        memcpy(&p->v6.sin6_addr, at->ip, sizeof at->ip);
        return sizeof p->v6;
    }
    p->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(at->port)};
    memcpy(&p->v4.sin_addr, at->ip + 12, 4);
    return is_v4(at) ? sizeof p->v4 : 0;
}

static void from_place(const union datapath_udp_place *p, struct datapath_endpoint *ret)
{
    *ret = (struct datapath_endpoint){.port = 0};
    if (p->any.sa_family == AF_INET6) {
        memcpy(ret->ip, &p->v6.sin6_addr, sizeof ret->ip);
        ret->port = ntohs(p->v6.sin6_port);
        ret->scope = p->v6.sin6_scope_id;
    } else {
        memcpy(ret->ip, mapped, sizeof mapped);
        memcpy(ret->ip + 12, &p->v4.sin_addr, 4);
        ret->port = ntohs(p->v4.sin_port);
    }
}

static enum err bind_at(const struct datapath_endpoint *at, int *ret)
{
    union datapath_udp_place p;
    bool is_v6 = !is_v4(at);
    socklen_t size = to_place(at, is_v6, &p);
    int off = 0;
    AUTO_FD int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, &p.any, size) != 0) {
        return err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

static void prepare(struct datapath_udp_batch *b)
{
    for (uint32_t i = 0; i < DATAPATH_UDP_BATCH; i++) {
        b->vector[i] = (struct iovec){.iov_base = b->bytes[i], .iov_len = sizeof b->bytes[i]};
        b->head[i].msg_hdr = (struct msghdr){.msg_name = &b->place[i], .msg_namelen = sizeof b->place[i],
                                             .msg_iov = &b->vector[i], .msg_iovlen = 1};
    }
}

enum err datapath_udp_open(struct datapath_udp *u, const struct datapath_endpoint *listen, int *given)
{
    union datapath_udp_place p;
    socklen_t size = sizeof p;
    int bytes = DATAPATH_UDP_BUFFER;
    enum err e = ERR_OK;

    u->fd = fd_take(given);
    if (u->fd < 0) {
        e = bind_at(listen, &u->fd);
    }
    if (e == ERR_OK && getsockname(u->fd, &p.any, &size) != 0) {
        e = err_from_errno(errno);
    }
    if (e != ERR_OK) {
        datapath_udp_close(u);
        return e;
    }
    /* Larger than everybody may, if we still may; otherwise as much as is allowed. */
    if (setsockopt(u->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (setsockopt(u->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(u->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    u->is_v6 = p.any.sa_family == AF_INET6;
    from_place(&p, &u->at);
    prepare(&u->in);
    prepare(&u->out);
    return ERR_OK;
}

void datapath_udp_close(struct datapath_udp *u)
{
    if (u->fd > 0) {
        fd_close(&u->fd);
    }
    u->fd = -1;
}

uint8_t *datapath_udp_room(struct datapath_udp *u)
{
    if (u->out.count == DATAPATH_UDP_BATCH) {
        datapath_udp_flush(u);
    }
    return u->out.bytes[u->out.count];
}

void datapath_udp_put(struct datapath_udp *u, const struct datapath_endpoint *to, size_t size)
{
    struct datapath_udp_batch *b = &u->out;
    socklen_t place_size = to_place(to, u->is_v6, &b->place[b->count]);

    if (place_size == 0) {
        u->unsent++;
        return;
    }
    b->head[b->count].msg_hdr.msg_namelen = place_size;
    b->vector[b->count].iov_len = size;
    b->count++;
}

void datapath_udp_flush(struct datapath_udp *u)
{
    uint32_t done = 0;

    while (done < u->out.count) {
        int sent = sendmmsg(u->fd, u->out.head + done, u->out.count - done, 0);
        if (sent > 0) {
            done += (uint32_t)sent;
        } else if (errno != EINTR) {
            /* The first of them cannot go (no route, a full buffer): it is lost, and the others are tried. */
            u->unsent++;
            done++;
        }
    }
    u->out.count = 0;
}

uint32_t datapath_udp_receive(struct datapath_udp *u)
{
    for (uint32_t i = 0; i < u->in.count; i++) {
        u->in.head[i].msg_hdr.msg_namelen = sizeof u->in.place[i];
    }
    int got = recvmmsg(u->fd, u->in.head, DATAPATH_UDP_BATCH, 0, NULL);
    u->in.count = got > 0 ? (uint32_t)got : 0;
    return u->in.count;
}

uint8_t *datapath_udp_at(struct datapath_udp *u, uint32_t index, size_t *ret_size, struct datapath_endpoint *ret_from)
{
    bool is_cut = (u->in.head[index].msg_hdr.msg_flags & MSG_TRUNC) != 0;

    from_place(&u->in.place[index], ret_from);
    *ret_size = is_cut ? 0 : u->in.head[index].msg_len; /* longer than any of ours */
    return u->in.bytes[index];
}
