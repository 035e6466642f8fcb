#include "datapath/flow.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "datapath/loop.h"
#include "datapath/shell.h"
#include "datapath/toolarge.h"

/* ---- out ------------------------------------------------------------------------------------------------ */

/* Whoever captures sees a packet here, once, whatever becomes of it: in one piece, as `tcpdump` on the interface has it. */
static void look(struct datapath_shell *s, struct datapath_time now, const uint8_t *packet, size_t size)
{
    if (s->captures.on > 0) {
        datapath_service_capture_out(s, now, packet, size);
    }
}

/* Nobody has the address, or nobody knows where he is: the sender is told, as a router would. Not each of a flood is. */
static void refuse(struct datapath_shell *s, struct datapath_time now, const uint8_t *packet, size_t size)
{
    static const uint8_t nothing[DATAPATH_OFFLOAD_SIZE];
    struct datapath_flow *f = &s->flow;
    uint8_t answer[DATAPATH_TOOLARGE_MOST];

    if (now.ms - f->second_ms >= DATAPATH_FLOW_UNREACHED_MS) {
        f->second_ms = now.ms;
        f->told = 0;
    }
    size_t written = f->told < DATAPATH_FLOW_UNREACHED ? datapath_toolarge_unreached(packet, size, answer) : 0;
    if (written > 0) {
        const struct iovec vector[] = {{(void *)nothing, sizeof nothing}, {answer, written}};
        bool is_told = writev(s->tun, vector, 2) >= 0;
        f->told++;
        f->numbers.unreached += is_told;
        f->numbers.unwritten += !is_told;
    }
}

/* One packet that has all that it needs. */
static void send_packet(struct datapath_shell *s, struct datapath_time now, const uint8_t *packet, size_t size)
{
    struct datapath_endpoint to;
    size_t sealed;

    s->flow.numbers.read++;
    if (datapath_signals_refuse(s, packet, size, size)) {
        return;
    }
    enum datapath_verdict v = datapath_core_send(s->core, now, packet, size, datapath_udp_room(&s->udp), &sealed, &to, &s->fx);
    if (sealed > 0) {
        datapath_udp_put(&s->udp, &to, sealed);
    }
    datapath_shell_perform(s);
    if (v == DATAPATH_ROUTE || (v == DATAPATH_ENDPOINT && s->signals.ways.believed == 0)) { /* nor is there anybody who could say where he is */
        refuse(s, now, packet, size);
    }
    if (v == DATAPATH_TAKEN || v == DATAPATH_WAITING || v == DATAPATH_ENDPOINT) {
        datapath_signals_used(s, now, datapath_guide_last(s->core), sealed);
    }
}

/* There is no session yet: each segment waits for one, or is refused, as any packet. */
static void send_waiting(struct datapath_shell *s, struct datapath_time now, const struct datapath_segments *all)
{
    uint8_t packet[DATAPATH_MTU_MAX];

    for (uint32_t i = 0; i < all->count; i++) {
        send_packet(s, now, packet, datapath_offload_segment(all, i, packet));
    }
}

/* A packet of many segments: each is written to where it leaves from, and sealed there. */
static void send_segments(struct datapath_shell *s, struct datapath_time now, const struct datapath_offload *o,
                          const uint8_t *packet, size_t size)
{
    struct datapath_segments all;
    struct datapath_lease lease;
    uint32_t peer;

    if (!datapath_offload_open(o, packet, size, &all) || (uint32_t)all.head_size + all.each > s->device.mtu) {
        s->flow.numbers.misfits++;
        return;
    }
    if (datapath_signals_refuse(s, packet, size, (size_t)all.head_size + all.each)) {
        return;
    }
    enum datapath_verdict v = datapath_core_route(s->core, packet, size, &peer);
    if (v != DATAPATH_TAKEN) {
        if (v == DATAPATH_ROUTE) {
            refuse(s, now, packet, size);
        }
        return; /* counted there */
    }
    if (!datapath_core_lease(s->core, now, peer, all.count, &lease, &s->fx)) {
        send_waiting(s, now, &all);
        return;
    }
    datapath_shell_perform(s);
    all.is_unfinished = all.is_plain && datapath_core_unfinished(&lease);
    for (uint32_t i = 0; i < all.count; i++) {
        uint8_t *out = datapath_udp_room(&s->udp), *text = out + DATAPATH_MESSAGE_HEAD;
        size_t sealed = datapath_core_seal(s->core, &lease, i, text, datapath_offload_segment(&all, i, text), out);
        datapath_udp_put(&s->udp, &lease.to, sealed);
    }
    s->flow.numbers.read += all.count;
    datapath_signals_used(s, now, peer, (size_t)all.head_size + all.each + DATAPATH_MESSAGE_HEAD + DATAPATH_MESSAGE_TAG);
}

bool datapath_flow_from_tun(struct datapath_shell *s, struct datapath_time now)
{
    struct datapath_flow *f = &s->flow;
    const struct iovec vector[] = {{f->head, sizeof f->head}, {f->packet, sizeof f->packet}};
    size_t bytes = 0;
    bool was_alone = f->was_alone;

    f->was_alone = false;
    for (int i = 0; i < DATAPATH_FLOW_PACKETS && bytes < DATAPATH_FLOW_BYTES; i++) {
        struct datapath_offload o;
        if (i == 1 && was_alone) {
            datapath_udp_flush(&s->udp); /* nobody is expected that it would have to wait for */
        }
        ssize_t got = readv(s->tun, vector, 2);
        f->was_alone = got < 0 && i == 1;
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (got <= DATAPATH_OFFLOAD_SIZE) {
            return true;
        }
        size_t size = (size_t)got - DATAPATH_OFFLOAD_SIZE;
        f->numbers.reads++;
        bytes += size;
        datapath_offload_read(f->head, &o);
        if (datapath_loop_take(s, f->packet, size)) {
            continue;
        }
        if (o.kind != DATAPATH_OFFLOAD_NONE) {
            look(s, now, f->packet, size);
            send_segments(s, now, &o, f->packet, size);
        } else if (datapath_offload_finish(&o, f->packet, size)) {
            look(s, now, f->packet, size);
            send_packet(s, now, f->packet, size);
        } else {
            f->numbers.misfits++;
        }
    }
    return true;
}

/* ---- in ------------------------------------------------------------------------------------------------- */

static void write_packet(struct datapath_shell *s, const struct datapath_offload *o, const uint8_t *packet, size_t size)
{
    uint8_t head[DATAPATH_OFFLOAD_SIZE];
    const struct iovec vector[] = {{head, sizeof head}, {(void *)packet, size}};

    datapath_offload_write(o, head);
    s->flow.numbers.unwritten += writev(s->tun, vector, 2) < 0;
    s->flow.numbers.written++;
    s->flow.numbers.writes++;
}

static void write_group(struct datapath_shell *s, int group)
{
    struct datapath_coalesce_group g;
    struct datapath_offload o;
    uint8_t head[DATAPATH_OFFLOAD_SIZE + DATAPATH_OFFLOAD_HEAD_MAX];
    struct iovec vector[1 + DATAPATH_COALESCE_PIECES];
    size_t head_size;

    datapath_coalesce_take(&s->flow.coalesce, group, &g, &o, head + DATAPATH_OFFLOAD_SIZE, &head_size);
    if (head_size == 0) {
        write_packet(s, &o, g.first, g.first_size);
        return;
    }
    datapath_offload_write(&o, head);
    vector[0] = (struct iovec){head, DATAPATH_OFFLOAD_SIZE + head_size};
    for (uint32_t i = 0; i < g.pieces; i++) {
        vector[1 + i] = (struct iovec){(void *)g.piece[i].bytes, g.piece[i].size};
    }
    s->flow.numbers.unwritten += writev(s->tun, vector, 1 + (int)g.pieces) < 0 ? g.pieces : 0;
    s->flow.numbers.written += g.pieces;
    s->flow.numbers.writes++;
}

static void take_packet(struct datapath_shell *s, const uint8_t *packet, size_t size, bool is_unfinished)
{
    struct datapath_offload o = {.kind = DATAPATH_OFFLOAD_NONE}; /* the kernel looks at the checksum itself */
    enum datapath_coalesce_result r = DATAPATH_COALESCE_ALONE;
    int group;

    if (s->ping.waiting > 0 && datapath_service_ping_take(s, packet, size)) {
        return;
    }
    while (!s->flow.is_plain &&
           (r = datapath_coalesce_add(&s->flow.coalesce, packet, size, is_unfinished, &group)) == DATAPATH_COALESCE_BLOCKED) {
        write_group(s, group);
    }
    if (r == DATAPATH_COALESCE_ALONE) {
        if (is_unfinished) {
            datapath_coalesce_alone(packet, size, &o);
        }
        write_packet(s, &o, packet, size);
    }
}

/* Whoever captures sees what the sender would have sent to anybody. */
static void finish(uint8_t *packet, size_t size)
{
    struct datapath_offload o;

    datapath_coalesce_alone(packet, size, &o);
    (void)datapath_offload_finish(&o, packet, size); /* what cannot be finished is shown as it is */
}

static void take_datagram(struct datapath_shell *s, struct datapath_time now, const struct datapath_endpoint *from,
                          uint8_t *bytes, size_t size)
{
    const uint8_t *packet = NULL;
    size_t packet_size;
    uint32_t peer;
    enum datapath_verdict v = datapath_core_receive(s->core, now, from, bytes, size, &packet, &packet_size, &peer, &s->fx);
    bool is_unfinished = s->fx.is_unfinished;

    datapath_shell_perform(s);
    if (v == DATAPATH_TAKEN && packet_size > 0) {
        if (s->frames.is_on && datapath_pieces_is(packet, packet_size)) {
            datapath_frames_take(s, now, peer, packet, packet_size);
            return;
        }
        if (s->captures.on > 0) {
            if (is_unfinished) {
                finish(bytes + (packet - bytes), packet_size);
                is_unfinished = false;
            }
            datapath_service_capture_in(s, now, peer, packet, packet_size);
        }
        take_packet(s, packet, packet_size, is_unfinished);
    }
}

/* Of WireGuard's kinds, or of ours, which may have one of those in it. */
static void take_any(struct datapath_shell *s, struct datapath_time now, const struct datapath_endpoint *from, uint8_t *bytes, size_t size)
{
    struct datapath_endpoint by;
    size_t passed_size;

    if (datapath_message_own(bytes, size) == DATAPATH_KIND_NONE) {
        take_datagram(s, now, from, bytes, size);
        return;
    }
    uint8_t *passed = datapath_signals_take(s, now, from, bytes, size, &passed_size, &by);
    if (passed != NULL) {
        take_datagram(s, now, &by, passed, passed_size);
    }
}

/* One buffer: a datagram, or several of one size that the kernel had together. */
static void take_buffer(struct datapath_shell *s, struct datapath_time now, uint32_t index)
{
    struct datapath_endpoint from;
    size_t size, each, at = 0;
    uint8_t *bytes = datapath_udp_at(&s->udp, index, &size, &each, &from);

    do {
        size_t one = size - at < each ? size - at : each;
        take_any(s, now, &from, bytes + at, one);
        at += one;
    } while (at < size);
}

void datapath_flow_from_udp(struct datapath_shell *s, struct datapath_time now)
{
    uint32_t count = DATAPATH_UDP_BATCH;

    for (int turn = 0; turn < DATAPATH_FLOW_TURNS && count == DATAPATH_UDP_BATCH; turn++) {
        count = datapath_udp_receive(&s->udp);
        for (uint32_t i = 0; i < count; i++) {
            take_buffer(s, now, i);
        }
        while (s->flow.coalesce.groups > 0) { /* their bytes are overwritten by what comes next */
            write_group(s, 0);
        }
        datapath_frames_flush(s);
    }
}

void datapath_flow_from_lane(struct datapath_shell *s, struct datapath_time now, uint32_t queue)
{
    struct datapath_endpoint from;
    uint8_t *bytes;
    size_t size;

    while ((bytes = datapath_lane_take(&s->lane, queue, s->udp.at.port, &from, &size)) != NULL) {
        s->udp.numbers.received++;
        take_any(s, now, &from, bytes, size);
    }
    while (s->flow.coalesce.groups > 0) { /* their bytes are the frames', which others get now */
        write_group(s, 0);
    }
    datapath_frames_flush(s);
    datapath_lane_done(&s->lane, queue);
}
