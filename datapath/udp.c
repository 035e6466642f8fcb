#include "datapath/udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>

#include "common/run/fd.h"
#include "common/run/loop.h"

/* is_v6: of the socket, which takes IPv4 as ::ffff:a.b.c.d. 0: an IPv4 socket cannot send there. */
static socklen_t to_place(const struct datapath_endpoint *at, bool is_v6, union datapath_udp_place *p)
{
    if (is_v6) {
        p->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(at->port), .sin6_scope_id = at->scope};
        memcpy(&p->v6.sin6_addr, at->ip, sizeof at->ip);
        return sizeof p->v6;
    }
    p->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(at->port)};
    memcpy(&p->v4.sin_addr, at->ip + DATAPATH_MESSAGE_V4, 4);
    return datapath_message_is_v4(at->ip) ? sizeof p->v4 : 0;
}

static void from_place(const union datapath_udp_place *p, struct datapath_endpoint *ret)
{
    *ret = (struct datapath_endpoint){.port = 0};
    if (p->any.sa_family == AF_INET6) {
        memcpy(ret->ip, &p->v6.sin6_addr, sizeof ret->ip);
        ret->port = ntohs(p->v6.sin6_port);
        ret->scope = p->v6.sin6_scope_id;
    } else {
        datapath_message_put_v4(ret->ip, &p->v4.sin_addr);
        ret->port = ntohs(p->v4.sin_port);
    }
}

enum err datapath_udp_bind(const struct datapath_endpoint *at, int *ret)
{
    union datapath_udp_place p;
    bool is_v6 = !datapath_message_is_v4(at->ip);
    socklen_t size = to_place(at, is_v6, &p);
    int off = 0;
    AUTO_FD int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) ||
        bind(fd, &p.any, size) != 0) {
        return errno == EADDRNOTAVAIL ? ERR_NOT_FOUND : errno == EAFNOSUPPORT ? ERR_UNSUPPORTED : err_from_errno(errno);
    }
    *ret = fd_take(&fd);
    return ERR_OK;
}

const char *datapath_udp_bind_why(enum err e)
{
    return e == ERR_EXISTS ? "another program has this port" : e == ERR_NOT_FOUND ? "no interface of this host has this address"
         : e == ERR_UNSUPPORTED ? "this host has no IPv6" : e == ERR_DENIED ? "the port takes CAP_NET_BIND_SERVICE" : err_text(e);
}

static void prepare(struct datapath_udp_inbox *in)
{
    for (uint32_t i = 0; i < DATAPATH_UDP_BATCH; i++) {
        in->vector[i] = (struct iovec){.iov_base = in->bytes[i], .iov_len = sizeof in->bytes[i]};
        in->head[i].msg_hdr = (struct msghdr){.msg_name = &in->place[i], .msg_namelen = sizeof in->place[i],
                                              .msg_iov = &in->vector[i], .msg_iovlen = 1,
                                              .msg_control = &in->control[i],
                                              .msg_controllen = sizeof in->control[i]};
    }
}

/* Larger than everybody may, if we still may; otherwise as much as is allowed. */
static void widen(int fd)
{
    int bytes = DATAPATH_UDP_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
}

/* Neither way the kernel believes what ICMP says of a path, which anybody can say: it would cut all that goes to a peer in
 * pieces for minutes. IP_PMTUDISC_PROBE sends with "do not fragment", which is what a probe is there for; IP_PMTUDISC_OMIT
 * without, so that routers of IPv4 cut what is too large until probes have found how large it may be. */
static void set_whole(struct datapath_udp *u, bool is_whole)
{
    int v4 = is_whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT, v6 = is_whole ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_OMIT;

    (void)setsockopt(u->fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
    if (u->is_v6) {
        (void)setsockopt(u->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
    }
}

enum err datapath_udp_open(struct datapath_udp *u, const struct datapath_endpoint *listen, bool is_plain, int *given)
{
    union datapath_udp_place p;
    socklen_t size = sizeof p;
    int on = !is_plain, each = 0;
    bool is_given = *given >= 0;
    enum err e = ERR_OK;

    u->fd = fd_take(given);
    if (u->fd < 0) {
        e = datapath_udp_bind(listen, &u->fd);
    }
    if (e == ERR_OK && getsockname(u->fd, &p.any, &size) != 0) {
        e = err_from_errno(errno);
    }
    if (e != ERR_OK) {
        datapath_udp_close(u);
        return e;
    }
    if (!is_given) { /* the supervisor's is wide already, and we would make it narrower */
        widen(u->fd);
    }
    u->can_train = setsockopt(u->fd, IPPROTO_UDP, UDP_SEGMENT, &each, sizeof each) == 0 &&
                   setsockopt(u->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0 && !is_plain;
    u->has_trains = u->can_train;
    u->is_v6 = p.any.sa_family == AF_INET6;
    set_whole(u, false);
    from_place(&p, &u->at);
    prepare(&u->in);
    return ERR_OK;
}

enum err datapath_udp_mark(struct datapath_udp *u, uint32_t mark)
{
    socklen_t size = sizeof u->mark;

    if (mark != 0 && setsockopt(u->fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
        return err_from_errno(errno);
    }
    if (getsockopt(u->fd, SOL_SOCKET, SO_MARK, &u->mark, &size) != 0) {
        u->mark = 0; /* a kernel that has no marks */
    }
    return ERR_OK;
}

void datapath_udp_trains(struct datapath_udp *u, bool is_wanted)
{
    u->has_trains = u->can_train && is_wanted;
}

void datapath_udp_close(struct datapath_udp *u)
{
    if (u->fd > 0) {
        fd_close(&u->fd);
    }
    u->fd = -1;
}

/* ---- out -------------------------------------------------------------------------------------------- */

uint8_t *datapath_udp_room(struct datapath_udp *u)
{
    struct datapath_udp_train *t = &u->out;

    if (t->count == 0) {
        t->begin = t->end = 0;
    }
    return t->bytes + t->end;
}

static bool can_follow(const struct datapath_udp *u, const struct datapath_endpoint *to, size_t size)
{
    const struct datapath_udp_train *t = &u->out;

    return u->has_trains && !t->is_closed && size <= t->each && t->count < DATAPATH_UDP_TRAIN_MAX &&
           t->end - t->begin + size <= DATAPATH_UDP_TRAIN && datapath_message_is_same(&t->to, to);
}

void datapath_udp_put(struct datapath_udp *u, const struct datapath_endpoint *to, size_t size)
{
    struct datapath_udp_train *t = &u->out;

    if (to->relay != 0) {
        uint8_t *at = t->bytes + t->end;
        memmove(at + DATAPATH_MESSAGE_RELAY, at, size);
        datapath_message_begin(at, DATAPATH_KIND_RELAYED);
        datapath_message_put32(at + DATAPATH_MESSAGE_RELAY_ID, to->relay);
        size += DATAPATH_MESSAGE_RELAY;
    }
    if (t->count > 0 && !can_follow(u, to, size)) {
        size_t end = t->end;
        datapath_udp_flush(u);
        t->begin = t->end = end; /* where it stands */
    }
    if (t->count == 0) {
        t->to = *to;
        t->each = (uint32_t)size;
    }
    t->is_closed = size < t->each;
    t->end += size;
    t->count++;
    if (t->begin > DATAPATH_UDP_TRAIN) {
        /* The buffer has room for what is begun in its first half. */
        memmove(t->bytes, t->bytes + t->begin, t->end - t->begin);
        t->end -= t->begin;
        t->begin = 0;
    }
}

static bool send_one(struct datapath_udp *u, struct msghdr *m, uint8_t *bytes, size_t size, uint32_t each)
{
    struct iovec vector = {.iov_base = bytes, .iov_len = size};
    union datapath_udp_control control = {.align = {.cmsg_len = CMSG_LEN(sizeof(uint16_t)), .cmsg_level = IPPROTO_UDP,
                                                    .cmsg_type = UDP_SEGMENT}};
    uint16_t segment = (uint16_t)each;
    ssize_t done;

    m->msg_iov = &vector;
    m->msg_iovlen = 1;
    if (size > each) {
        memcpy(CMSG_DATA(&control.align), &segment, sizeof segment);
        m->msg_control = &control;
        m->msg_controllen = CMSG_SPACE(sizeof segment);
    }
    do {
        done = sendmsg(u->fd, m, 0);
        u->numbers.sends++;
    } while (done < 0 && errno == EINTR);
    m->msg_control = NULL;
    m->msg_controllen = 0;
    u->numbers.is_held = u->numbers.is_held || (done < 0 && errno == EPERM);
    return done >= 0;
}

/* What the kernel does not take together it may take one by one: a datagram that is longer than the path is fragmented
 * then, and one that goes where no checksum can be made is made whole. */
static void send_singly(struct datapath_udp *u, struct msghdr *m)
{
    struct datapath_udp_train *t = &u->out;

    u->numbers.singly += t->count > 1;
    for (size_t at = t->begin; at < t->end; at += t->each) {
        size_t size = t->end - at < t->each ? t->end - at : t->each;
        u->numbers.unsent += !send_one(u, m, t->bytes + at, size, t->each);
    }
}

void datapath_udp_flush(struct datapath_udp *u)
{
    struct datapath_udp_train *t = &u->out;
    union datapath_udp_place place;
    struct msghdr m = {.msg_name = &place};

    if (t->count == 0) {
        return;
    }
    if (t->count == 1 && u->lane != NULL && u->lane->is_on && u->mark == 0 && /* rules that go by a mark are the host's stack's */
        datapath_lane_send(u->lane, loop_now_ms(), &u->at, &t->to, t->bytes + t->begin, t->end - t->begin)) {
        u->numbers.sent++;
        t->count = 0;
        t->is_closed = false;
        return;
    }
    m.msg_namelen = to_place(&t->to, u->is_v6, &place);
    u->numbers.sent += t->count;
    if (m.msg_namelen == 0) {
        u->numbers.unsent += t->count;
    } else if (!send_one(u, &m, t->bytes + t->begin, t->end - t->begin, t->each)) {
        if (t->count == 1 || errno == EAGAIN || errno == ENOBUFS) {
            u->numbers.unsent += t->count; /* no room: it is lost, as any datagram may be */
        } else {
            u->has_trains = u->has_trains && errno != EIO; /* no checksums in hardware there, and there will be none */
            send_singly(u, &m);
        }
    }
    t->count = 0;
    t->is_closed = false;
}

void datapath_udp_send_whole(struct datapath_udp *u, const struct datapath_endpoint *to, const uint8_t *bytes, size_t size)
{
    datapath_udp_flush(u);
    uint64_t unsent = u->numbers.unsent;
    memcpy(datapath_udp_room(u), bytes, size);
    datapath_udp_put(u, to, size);
    struct datapath_lane *lane = u->lane;
    u->lane = NULL; /* the kernel knows what is too large for the interface */
    set_whole(u, true);
    datapath_udp_flush(u);
    set_whole(u, false);
    u->lane = lane;
    u->numbers.unsent = unsent; /* too large for our own interface is an answer, too */
}

/* ---- in --------------------------------------------------------------------------------------------- */

uint32_t datapath_udp_receive(struct datapath_udp *u)
{
    for (uint32_t i = 0; i < DATAPATH_UDP_BATCH; i++) {
        u->in.head[i].msg_hdr.msg_namelen = sizeof u->in.place[i];
        u->in.head[i].msg_hdr.msg_controllen = sizeof u->in.control[i];
    }
    int got = recvmmsg(u->fd, u->in.head, DATAPATH_UDP_BATCH, 0, NULL);
    u->numbers.receives += got > 0 ? (uint64_t)got : 0;
    return got > 0 ? (uint32_t)got : 0;
}

uint8_t *datapath_udp_at(struct datapath_udp *u, uint32_t index, size_t *ret_size, size_t *ret_each,
                         struct datapath_endpoint *ret_from)
{
    struct msghdr *m = &u->in.head[index].msg_hdr;
    int each = 0;

    from_place(&u->in.place[index], ret_from);
    *ret_size = (m->msg_flags & MSG_TRUNC) != 0 ? 0 : u->in.head[index].msg_len; /* longer than any of ours */
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&each, CMSG_DATA(c), sizeof each);
        }
    }
    *ret_each = each > 0 && (size_t)each < *ret_size ? (size_t)each : *ret_size;
    u->numbers.received += *ret_each == 0 ? 1 : (*ret_size + *ret_each - 1) / *ret_each;
    return u->in.bytes[index];
}

const char *datapath_udp_unreachable(const struct datapath_udp *u, const struct datapath_endpoint *at)
{
    const struct datapath_endpoint here = {.ip = {[15] = 1}};
    struct datapath_endpoint kept = *at;

    if (datapath_message_keep_places(&kept, 1, &here) == 0) {
        return "an address of many or of nobody";
    }
    return !u->is_v6 && !datapath_message_is_v4(at->ip) ? "an address of IPv6, and this node's socket takes IPv4 alone (listen at [::])" : NULL;
}
