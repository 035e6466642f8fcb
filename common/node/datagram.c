/* The socket under the sealed core: batches in, batches out, nothing unbounded. */
#include "common/node/datagram.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>

#include "common/run/fd.h"

enum {
    IN_SIZE = SEALED_PACKET_MAX + 1, /* one byte more shows that it was longer       */
    RETRIES_MAX = 3,                 /* of errors that belong to an earlier datagram */
};

/* One place of the queue. */
struct slot {
    struct sockaddr_storage to;
    socklen_t to_len;
    size_t size;
    uint8_t bytes[SEALED_PACKET_MAX];
};

struct datagram {
    struct loop *loop;
    struct loop_watch *watch;
    struct loop_timer *timer;
    struct sealed *sealed;
    struct datagram_config config;
    int fd;
    int family;
    bool is_full;    /* the socket took no more: the watch says when           */
    bool is_at_end;  /* the timer is set for the end of this turn              */
    uint64_t due_ms; /* what the timer is set for                              */
    uint32_t first;  /* of the queue                                           */
    uint32_t count;
    struct mmsghdr out[DATAGRAM_BATCH];
    struct iovec out_part[DATAGRAM_BATCH];
    struct mmsghdr in[DATAGRAM_BATCH];
    struct iovec in_part[DATAGRAM_BATCH];
    struct sockaddr_storage in_from[DATAGRAM_BATCH];
    uint8_t in_bytes[DATAGRAM_BATCH][IN_SIZE];
    uint8_t spare[SEALED_PACKET_MAX]; /* for answers that the queue has no room for */
    struct datagram_numbers numbers;
    /* A ring that begins at its beginning whenever it is empty: so a quiet node works in the same few cached pages, whatever
     * DATAGRAM_QUEUE_MAX is. In one piece with the batch, which alone would be on the heap and so zeroed, page by page, before
     * anything comes. */
    struct slot queue[DATAGRAM_QUEUE_MAX];
};

/* ---- addresses ---------------------------------------------------------------------------------- */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96, RFC 4291, section 2.5.5.2 */

static bool address_get(const struct sockaddr_storage *from, struct sealed_address *ret)
{
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        memcpy(ret->ip, mapped, sizeof mapped);
        memcpy(ret->ip + sizeof mapped, &in->sin_addr, 4);
        ret->port = ntohs(in->sin_port);
        return true;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    memcpy(ret->ip, &in6->sin6_addr, 16);
    ret->port = ntohs(in6->sin6_port);
    return from->ss_family == AF_INET6;
}

/* What the socket's family calls this address; false: it cannot get there. */
static bool address_put(const struct datagram *d, const struct sealed_address *a, struct slot *ret)
{
    if (d->family == AF_INET6) {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)&ret->to;
        *to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
        memcpy(&to->sin6_addr, a->ip, 16);
        ret->to_len = sizeof *to;
        return true;
    }
    struct sockaddr_in *to = (struct sockaddr_in *)&ret->to;
    *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
    memcpy(&to->sin_addr, a->ip + sizeof mapped, 4);
    ret->to_len = sizeof *to;
    return memcmp(a->ip, mapped, sizeof mapped) == 0;
}

/* ---- out ---------------------------------------------------------------------------------------- */

static struct slot *slot_at(struct datagram *d, uint32_t i)
{
    return &d->queue[(d->first + i) % DATAGRAM_QUEUE_MAX];
}

/* Where the next datagram is written; NULL: the queue is full. */
static struct slot *room(struct datagram *d)
{
    return d->count < DATAGRAM_QUEUE_MAX ? slot_at(d, d->count) : NULL;
}

static void drop_first(struct datagram *d, uint32_t count)
{
    assert(count <= d->count);
    d->count -= count;
    d->first = d->count == 0 ? 0 : (d->first + count) % DATAGRAM_QUEUE_MAX;
}

/* Offer the socket as many as one call takes. How many it took, or -1 as errno says. */
static int offer(struct datagram *d)
{
    uint32_t most = d->count < DATAGRAM_BATCH ? d->count : DATAGRAM_BATCH;

    for (uint32_t i = 0; i < most; i++) {
        struct slot *slot = slot_at(d, i);
        d->out_part[i] = (struct iovec){slot->bytes, slot->size};
        d->out[i].msg_hdr = (struct msghdr){.msg_name = &slot->to, .msg_namelen = slot->to_len,
                                            .msg_iov = &d->out_part[i], .msg_iovlen = 1};
    }
    return sendmmsg(d->fd, d->out, most, MSG_DONTWAIT);
}

/* The socket took so many. */
static void took(struct datagram *d, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        d->numbers.bytes_out += slot_at(d, i)->size;
    }
    d->numbers.datagrams_out += count;
    drop_first(d, count);
}

void datagram_flush(struct datagram *d)
{
    unsigned retries = 0;

    while (d->count > 0 && !d->is_full) {
        int sent = offer(d);
        if (sent > 0) {
            took(d, (uint32_t)sent);
            retries = 0;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            d->is_full = true;
            loop_watch_want(d->watch, LOOP_READ | LOOP_WRITE);
        } else if (errno == EINTR || ((errno == ECONNREFUSED || errno == EHOSTUNREACH) && retries++ < RETRIES_MAX)) {
            continue; /* what an ICMP message said about an earlier one */
        } else {
            drop_first(d, 1); /* no route, forbidden by a filter, too large for the interface */
            d->numbers.unsendable++;
        }
    }
}

/* Look again when something is due, at the end of this turn if something waits. */
static void set_timer(struct datagram *d)
{
    uint64_t due_ms = sealed_due_ms(d->sealed);
    uint64_t now_ms;

    if (d->is_at_end) {
        return;
    }
    if (due_ms == 0 || (d->count > 0 && !d->is_full)) {
        d->is_at_end = true;
        d->due_ms = 0;
        loop_timer_again(d->timer, 0, 0);
    } else if (due_ms != d->due_ms) {
        now_ms = loop_now_ms();
        d->due_ms = due_ms;
        loop_timer_again(d->timer, due_ms == UINT64_MAX ? UINT32_MAX : due_ms > now_ms ? due_ms - now_ms : 0, 0);
    }
}

/* What *packet says goes last into the queue, where it was written. */
static void enqueue(struct datagram *d, struct slot *slot, const struct sealed_packet *packet)
{
    if (!address_put(d, &packet->to, slot)) {
        d->numbers.unsendable++;
        return;
    }
    slot->size = packet->size;
    d->count++;
    if (d->count % DATAGRAM_BATCH == 0) {
        datagram_flush(d);
    }
}

/* Queue what is due, as far as there is room. */
static void pump(struct datagram *d, uint64_t now_ms)
{
    struct slot *slot = room(d);

    while (slot != NULL) {
        struct sealed_packet packet = {.bytes = slot->bytes};
        if (!sealed_next(d->sealed, now_ms, &packet)) {
            return;
        }
        enqueue(d, slot, &packet);
        slot = room(d);
    }
}

static void on_due(void *context)
{
    struct datagram *d = context;

    d->is_at_end = false;
    d->due_ms = UINT64_MAX;
    pump(d, loop_now_ms());
    datagram_flush(d);
    set_timer(d);
}

enum err datagram_send(struct datagram *d, const uint8_t id[NODE_ID_LEN], const struct sealed_address *address,
                       const uint8_t *bytes, size_t size)
{
    struct slot *slot = room(d);

    if (slot == NULL) {
        d->numbers.queue_full++;
        return ERR_LIMIT;
    }
    struct sealed_packet packet = {.bytes = slot->bytes};
    if (!address_put(d, address, slot)) {
        return ERR_INVALID; /* an IPv6 address, an IPv4 socket */
    }
    enum err e = sealed_send(d->sealed, loop_now_ms(), id, address, bytes, size, &packet);
    if (e == ERR_OK && packet.size > 0) {
        enqueue(d, slot, &packet);
    }
    set_timer(d);
    return e;
}

/* ---- in ----------------------------------------------------------------------------------------- */

/* One datagram: to the core, its payload to the owner, its answer to the queue. */
static void take(struct datagram *d, uint64_t now_us, const struct sockaddr_storage *from_socket, uint8_t *bytes,
                 size_t size)
{
    struct datagram_from from = {.arrived_us = now_us};
    struct slot *slot = room(d);
    struct sealed_packet answer = {.bytes = slot == NULL ? d->spare : slot->bytes};
    struct sealed_payload payload;

    if (!address_get(from_socket, &from.address)) {
        d->numbers.cut++;
        return;
    }
    uint64_t twins = sealed_count(d->sealed)->twins;
    (void)sealed_receive(d->sealed, now_us / 1000, &from.address, bytes, size, &payload, &answer); /* counted there */
    if (sealed_count(d->sealed)->twins != twins && d->config.twin != NULL) {
        d->config.twin(d->config.context, &from.address);
    }
    if (answer.size > 0 && slot != NULL) {
        enqueue(d, slot, &answer);
    } else if (answer.size > 0) {
        d->numbers.queue_full++;
    }
    if (payload.size > 0) {
        from.id = payload.id;
        from.session = payload.session;
        d->config.receive(d->config.context, &from, payload.bytes, payload.size);
    }
}

/* One call's worth. How many there were. */
static unsigned take_batch(struct datagram *d)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
        d->in[i].msg_hdr.msg_namelen = sizeof d->in_from[i]; /* the last call wrote here */
    }
    int got = recvmmsg(d->fd, d->in, DATAGRAM_BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0) {
        return 0; /* EAGAIN, or what an ICMP message said about a datagram of ours: the next call goes on */
    }
    uint64_t now_us = loop_now_us();
    for (int i = 0; i < got; i++) {
        size_t size = d->in[i].msg_len;
        d->numbers.datagrams_in++;
        d->numbers.bytes_in += size;
        if (size > SEALED_PACKET_MAX) {
            d->numbers.cut++;
        } else {
            take(d, now_us, &d->in_from[i], d->in_bytes[i], size);
        }
    }
    return (unsigned)got;
}

static void on_ready(void *context, unsigned bits)
{
    struct datagram *d = context;

    if ((bits & LOOP_WRITE) != 0) {
        d->is_full = false;
        loop_watch_want(d->watch, LOOP_READ);
        datagram_flush(d);
    }
    for (unsigned taken = 0; (bits & LOOP_READ) != 0 && taken < DATAGRAM_TURN_MAX;) {
        unsigned got = take_batch(d);
        taken += got;
        if (got < DATAGRAM_BATCH) {
            break;
        }
    }
    pump(d, loop_now_ms());
    datagram_flush(d);
    set_timer(d);
}

/* ---- opening and closing ------------------------------------------------------------------------ */

/* Look at the socket, and ask for buffers that outlast a turn in which we are late. */
static enum err examine(struct datagram *d)
{
    int type = 0, size = DATAGRAM_SOCKET_BYTES;
    socklen_t len = sizeof type;
    struct sockaddr_storage at;
    socklen_t at_len = sizeof at;

    if (getsockopt(d->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
        getsockname(d->fd, (struct sockaddr *)&at, &at_len) != 0) {
        return err_from_errno(errno);
    }
    if (type != SOCK_DGRAM || (at.ss_family != AF_INET && at.ss_family != AF_INET6)) {
        return ERR_INVALID;
    }
    d->family = at.ss_family;
    /* The kernel gives what net.core.rmem_max allows: less is no fault. */
    (void)setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    (void)setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return ERR_OK;
}

static void prepare_batch(struct datagram *d)
{
    for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
        d->in_part[i] = (struct iovec){d->in_bytes[i], IN_SIZE};
        d->in[i].msg_hdr = (struct msghdr){.msg_name = &d->in_from[i], .msg_iov = &d->in_part[i], .msg_iovlen = 1};
    }
}

static enum err begin(struct datagram *d, const struct node_keys *keys)
{
    uint8_t seed[SEALED_SEED_LEN];
    enum err e = examine(d);

    if (e != ERR_OK) {
        return e;
    }
    if (sodium_init() < 0) {
        return ERR_IO;
    }
    randombytes_buf(seed, sizeof seed);
    e = sealed_new(keys, seed, d->config.peers_max, loop_now_ms(), &d->sealed);
    sodium_memzero(seed, sizeof seed);
    if (e != ERR_OK) {
        return e;
    }
    d->timer = loop_timer_new(d->loop, UINT32_MAX, 0, on_due, d);
    d->watch = loop_watch_new(d->loop, d->fd, LOOP_READ, on_ready, d);
    prepare_batch(d);
    return d->timer == NULL || d->watch == NULL ? ERR_NOMEM : ERR_OK;
}

enum err datagram_open(struct loop *loop, int *fd, const struct node_keys *keys,
                       const struct datagram_config *config, struct datagram **ret)
{
    AUTO_FD int own = fd_take(fd);
    struct datagram *d = calloc(1, sizeof *d);

    if (d == NULL) {
        return ERR_NOMEM;
    }
    d->loop = loop;
    d->config = *config;
    d->due_ms = UINT64_MAX;
    d->fd = fd_take(&own);
    enum err e = begin(d, keys);
    if (e != ERR_OK) {
        datagram_close(d);
        return e;
    }
    *ret = d;
    return ERR_OK;
}

void datagram_close(struct datagram *d)
{
    if (d == NULL) {
        return;
    }
    if (d->watch != NULL) {
        datagram_flush(d);
    }
    loop_watch_free(d->watch);
    loop_timer_free(d->timer);
    sealed_free(d->sealed);
    fd_close(&d->fd);
    sodium_memzero(d->in_bytes, sizeof d->in_bytes); /* opened payloads */
    free(d);
}

enum err datagram_rekey(struct datagram *d, const struct node_keys *keys)
{
    return sealed_rekey(d->sealed, keys);
}

enum err datagram_local(const struct datagram *d, struct sealed_address *ret)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;

    if (getsockname(d->fd, (struct sockaddr *)&at, &len) != 0) {
        return err_from_errno(errno);
    }
    return address_get(&at, ret) ? ERR_OK : ERR_IO;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

void datagram_count(const struct datagram *d, struct datagram_numbers *ret)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;

    *ret = d->numbers;
    ret->sealed = *sealed_count(d->sealed);
    ret->queued = d->count;
    if (getsockopt(d->fd, SOL_SOCKET, SO_MEMINFO, memory, &len) == 0) {
        ret->kernel_drops = memory[SK_MEMINFO_DROPS];
    }
}

bool datagram_count_peer(const struct datagram *d, const uint8_t id[NODE_ID_LEN], struct sealed_peer_numbers *ret)
{
    return sealed_count_peer(d->sealed, id, ret);
}

void datagram_each_peer(const struct datagram *d,
                        void (*each)(void *context, const struct sealed_peer_numbers *peer), void *context)
{
    sealed_each_peer(d->sealed, each, context);
}
