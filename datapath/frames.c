#include "datapath/frames.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "datapath/device.h"
#include "datapath/shell.h"

/* ---- who gets one --------------------------------------------------------------------------------------- */

/* Numbers of peers are given again: what was learned of an earlier one is forgotten. True: it is the same. */
static bool is_same(struct datapath_shell *s, uint32_t peer)
{
    struct datapath_frames *f = &s->frames;
    uint32_t serial = datapath_guide_serial(s->core, peer);

    if (f->serial[peer] == serial) {
        return true;
    }
    f->serial[peer] = serial;
    datapath_bridge_forget(&f->bridge, peer);
    datapath_pieces_forget(&f->pieces, peer);
    datapath_neighbour_forget(f->neighbours, peer);
    return false;
}

static void look_for_takers(struct datapath_shell *s, struct datapath_time now)
{
    struct datapath_frames *f = &s->frames;

    if (f->looked_ms != 0 && now.ms - f->looked_ms < DATAPATH_FRAMES_LOOK_MS) {
        return;
    }
    f->looked_ms = now.ms;
    f->takers = 0;
    for (uint32_t i = 0; i < s->settings.peers_max; i++) {
        if (datapath_core_taking(s->core, i) != DATAPATH_TAKES_NONE) {
            f->taker[f->takers++] = i;
        }
    }
}

/* ---- out ------------------------------------------------------------------------------------------------ */

/* What the interface gave: a frame, or a large one of the kernel's. */
struct given {
    const uint8_t *frame;
    size_t size;
    const struct datapath_offload *large; /* NULL: it is no large one */
};

/* What a frame may have to go to this peer in one message. */
static size_t room_to(const struct datapath_shell *s, uint32_t peer)
{
    uint32_t room = datapath_ways_limit(&s->signals.ways, peer);

    return room < s->device.mtu ? room : s->device.mtu;
}

/* There is a session: each message is written to where it leaves from, and sealed there. */
static void send_leased(struct datapath_shell *s, const struct datapath_pieces_cut *cut, const struct datapath_lease *lease,
                        const uint8_t *frame)
{
    for (uint32_t i = 0; i < cut->count; i++) {
        uint8_t *out = datapath_udp_room(&s->udp), *text = out + DATAPATH_MESSAGE_HEAD;
        size_t sealed = datapath_core_seal(s->core, lease, i, text, datapath_pieces_write(cut, frame, i, text), out);
        datapath_udp_put(&s->udp, &lease->to, sealed);
    }
}

static void send_waiting(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const struct datapath_pieces_cut *cut,
                         const uint8_t *frame)
{
    uint8_t text[DATAPATH_MTU_MAX];
    struct datapath_endpoint to;
    size_t sealed;

    for (uint32_t i = 0; i < cut->count; i++) {
        size_t size = datapath_pieces_write(cut, frame, i, text);
        (void)datapath_core_send_to(s->core, now, peer, text, size, datapath_udp_room(&s->udp), &sealed, &to, &s->fx); /* counted */
        if (sealed > 0) {
            datapath_udp_put(&s->udp, &to, sealed);
        }
        datapath_shell_perform(s);
    }
}

/* One frame to one peer. Without a session it waits for one if it may; true: it would have. */
static bool send_frame(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const uint8_t *frame, size_t size,
                       bool may_wait)
{
    struct datapath_frames *f = &s->frames;
    struct datapath_pieces_cut cut;
    struct datapath_lease lease;

    if (!datapath_pieces_plan(size, room_to(s, peer), f->id, &cut)) {
        f->numbers.misfits++;
        return false;
    }
    f->id += cut.count > 1;
    uint64_t bytes = size + (uint64_t)cut.count * (cut.count > 1 ? DATAPATH_PIECES_HEAD_PIECE : DATAPATH_PIECES_HEAD);
    bool has_session = datapath_core_lease(s->core, now, peer, cut.count, &lease, &s->fx);
    if (has_session) {
        datapath_shell_perform(s);
        send_leased(s, &cut, &lease, frame);
    } else if (may_wait) {
        send_waiting(s, now, peer, &cut, frame);
    } else {
        datapath_core_call(s->core, now, peer, &s->fx);
        datapath_shell_perform(s);
    }
    if (has_session || may_wait) {
        f->numbers.sent++;
        f->numbers.pieces += cut.count;
    }
    datapath_signals_used(s, now, peer, DATAPATH_MESSAGE_HEAD + (size_t)(bytes / cut.count) + DATAPATH_MESSAGE_TAG);
    return !has_session;
}

/* The segments of a large frame, each a frame to one peer in one message, if there is a session. */
static bool send_whole(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const struct datapath_large *l)
{
    struct datapath_frames *f = &s->frames;
    struct datapath_lease lease;
    uint64_t bytes = l->all.payload_size + l->all.count * (uint64_t)(DATAPATH_PIECES_HEAD + l->link + l->all.head_size);

    if (!datapath_core_lease(s->core, now, peer, l->all.count, &lease, &s->fx)) {
        return false;
    }
    datapath_shell_perform(s);
    for (uint32_t i = 0; i < l->all.count; i++) {
        uint8_t *out = datapath_udp_room(&s->udp), *text = out + DATAPATH_MESSAGE_HEAD;
        size_t size = datapath_large_segment(l, i, text + DATAPATH_PIECES_HEAD);
        datapath_pieces_head(size, text);
        datapath_udp_put(&s->udp, &lease.to, datapath_core_seal(s->core, &lease, i, text, DATAPATH_PIECES_HEAD + size, out));
    }
    f->numbers.sent += l->all.count;
    f->numbers.pieces += l->all.count;
    datapath_signals_used(s, now, peer, DATAPATH_MESSAGE_HEAD + (size_t)(bytes / l->all.count) + DATAPATH_MESSAGE_TAG);
    return true;
}

/* As send_frame, of whatever the interface gave. */
static bool send_given(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const struct given *g, bool may_wait)
{
    struct datapath_frames *f = &s->frames;
    struct datapath_large l;
    bool is_waiting = false;

    if (g->large == NULL) {
        return send_frame(s, now, peer, g->frame, g->size, may_wait);
    }
    size_t room = room_to(s, peer);
    if (!datapath_large_open(g->large, g->frame, g->size, room > DATAPATH_PIECES_HEAD ? room - DATAPATH_PIECES_HEAD : 0, &l) ||
        l.link + l.all.head_size + l.all.each > sizeof f->segment) {
        f->numbers.misfits++;
        return false;
    }
    if (l.is_whole && send_whole(s, now, peer, &l)) {
        return false;
    }
    for (uint32_t i = 0; i < l.all.count; i++) {
        is_waiting |= send_frame(s, now, peer, f->segment, datapath_large_segment(&l, i, f->segment), may_wait);
    }
    return is_waiting;
}

static void send_to_all(struct datapath_shell *s, struct datapath_time now, const struct given *g)
{
    struct datapath_frames *f = &s->frames;
    uint32_t waiting = 0;

    look_for_takers(s, now);
    for (uint32_t i = 0; i < f->takers; i++) {
        switch (datapath_core_taking(s->core, f->taker[i])) {
        case DATAPATH_TAKES_FRAMES:
            waiting += send_given(s, now, f->taker[i], g, waiting < DATAPATH_FRAMES_WAIT);
            break;
        case DATAPATH_TAKES_UNKNOWN: /* he may be any WireGuard: the session tells, and who sent this asks again */
            datapath_core_call(s->core, now, f->taker[i], &s->fx);
            datapath_shell_perform(s);
            datapath_signals_used(s, now, f->taker[i], DATAPATH_MESSAGE_DATA); /* who is nowhere is sought */
            break;
        case DATAPATH_TAKES_NONE:
            break;
        }
    }
}

/* Behind the head that the interface wants, if it wants one. */
static bool write_frame(struct datapath_frames *f, const struct datapath_offload *o, const uint8_t *frame, size_t size)
{
    uint8_t head[DATAPATH_OFFLOAD_SIZE];
    const struct iovec vector[] = {{head, f->device.has_head ? sizeof head : 0}, {(void *)frame, size}};

    datapath_offload_write(o, head);
    return writev(f->fd, vector, 2) == (ssize_t)(vector[0].iov_len + size);
}

static const struct datapath_offload finished = {.kind = DATAPATH_OFFLOAD_NONE};

/* A question for all that is answered here, as whoever it asks for would. */
static bool answer_for_others(struct datapath_frames *f, uint64_t now_ms, const uint8_t *frame, size_t size)
{
    uint8_t answer[DATAPATH_NEIGHBOUR_ANSWER_MAX];
    size_t said = datapath_neighbour_out(f->neighbours, now_ms, frame, size, answer);

    return said > 0 && write_frame(f, &finished, answer, said); /* else they are asked */
}

static void take_frame(struct datapath_shell *s, struct datapath_time now, const struct given *g)
{
    struct datapath_frames *f = &s->frames;
    const uint8_t *frame = g->frame;
    size_t size = g->size;
    uint32_t peer = 0;
    enum datapath_bridge_verdict v = datapath_bridge_out(&f->bridge, now.ms, frame, size, &peer);

    f->numbers.read++;
    if (s->captures.on > 0) {
        datapath_service_capture_frame(s, now, v == DATAPATH_BRIDGE_ONE ? datapath_guide_key(s->core, peer) : NULL, true, frame, size);
    }
    if (answer_for_others(f, now.ms, frame, size)) {
        return;
    }
    if (v == DATAPATH_BRIDGE_ONE && is_same(s, peer) && datapath_core_taking(s->core, peer) == DATAPATH_TAKES_FRAMES) {
        (void)send_given(s, now, peer, g, true);
    } else if (v == DATAPATH_BRIDGE_ONE) {
        datapath_bridge_forget(&f->bridge, peer); /* who had it is none who takes frames */
        datapath_neighbour_forget(f->neighbours, peer);
        send_to_all(s, now, g);
    } else if (v == DATAPATH_BRIDGE_ALL) {
        send_to_all(s, now, g);
    }
}

/* What was read into f->head and f->frame. */
static void take_read(struct datapath_shell *s, struct datapath_time now, size_t size)
{
    struct datapath_frames *f = &s->frames;
    struct given g = {.frame = f->frame, .size = size};
    struct datapath_offload o = finished;

    if (f->device.has_head) {
        datapath_offload_read(f->head, &o);
    }
    if (o.kind != DATAPATH_OFFLOAD_NONE) {
        g.large = &o;
    } else if (!datapath_offload_finish(&o, f->frame, size)) {
        f->numbers.misfits++;
        return;
    }
    take_frame(s, now, &g);
}

static void on_tap(void *context, unsigned bits)
{
    struct datapath_shell *s = context;
    struct datapath_frames *f = &s->frames;
    struct datapath_time now = datapath_shell_now();
    const size_t head = f->device.has_head ? sizeof f->head : 0;
    const struct iovec vector[] = {{f->head, head}, {f->frame, sizeof f->frame}};
    size_t bytes = 0;

    for (int i = 0; i < DATAPATH_FRAMES_TURN && bytes < DATAPATH_FRAMES_BYTES; i++) {
        ssize_t got = readv(f->fd, vector, 2);
        if (got < 0 && errno != EAGAIN && errno != EINTR) {
            log_error("DATAPATH-TAP-GONE", "interface=%s reason=\"%s\" effect=\"the cell ends\"", f->device.name, strerror(errno));
            loop_watch_want(f->watch, 0);
            cell_stop(s->cell, "its interface for frames is gone");
        }
        if (got <= (ssize_t)head) {
            break;
        }
        bytes += (size_t)got;
        take_read(s, now, (size_t)got - head);
    }
    datapath_shell_changed(s);
}

/* ---- in ------------------------------------------------------------------------------------------------- */

static void write_group(struct datapath_frames *f, int group)
{
    struct datapath_coalesce_group g;
    struct datapath_offload o;
    uint8_t head[DATAPATH_OFFLOAD_SIZE + DATAPATH_LARGE_LINK_MAX + DATAPATH_OFFLOAD_HEAD_MAX], heads[DATAPATH_OFFLOAD_HEAD_MAX];
    struct iovec vector[1 + DATAPATH_COALESCE_PIECES];
    size_t heads_size;

    datapath_coalesce_take(&f->coalesce, group, &g, &o, heads, &heads_size);
    f->numbers.written += g.pieces;
    f->numbers.writes++;
    if (heads_size == 0) {
        f->numbers.unwritten += !write_frame(f, &o, g.first - g.link, g.link + g.first_size);
        return;
    }
    datapath_large_behind(g.link, &o);
    datapath_offload_write(&o, head);
    memcpy(head + DATAPATH_OFFLOAD_SIZE, g.first - g.link, g.link);
    memcpy(head + DATAPATH_OFFLOAD_SIZE + g.link, heads, heads_size);
    vector[0] = (struct iovec){head, DATAPATH_OFFLOAD_SIZE + g.link + heads_size};
    for (uint32_t i = 0; i < g.pieces; i++) {
        vector[1 + i] = (struct iovec){(void *)g.piece[i].bytes, g.piece[i].size};
    }
    f->numbers.unwritten += writev(f->fd, vector, 1 + (int)g.pieces) < 0 ? g.pieces : 0;
}

void datapath_frames_flush(struct datapath_shell *s)
{
    while (s->frames.coalesce.groups > 0) {
        write_group(&s->frames, 0);
    }
}

/* A frame for the interface: with others of its flow, or alone. stays: until datapath_frames_flush; else it goes at once, and behind
 * all that came before it. */
static void give(struct datapath_shell *s, const uint8_t *frame, size_t size, bool stays)
{
    struct datapath_frames *f = &s->frames;
    enum datapath_coalesce_result r = DATAPATH_COALESCE_ALONE;
    size_t link;
    int group;

    if (!stays) {
        datapath_frames_flush(s);
    } else if (f->device.has_head && !f->is_plain && datapath_large_is_packet(frame, size, &link)) {
        f->coalesce.link = link;
        while ((r = datapath_coalesce_add(&f->coalesce, frame + link, size - link, false, &group)) == DATAPATH_COALESCE_BLOCKED) {
            write_group(f, group);
        }
    }
    if (r == DATAPATH_COALESCE_ALONE) {
        f->numbers.unwritten += !write_frame(f, &finished, frame, size);
        f->numbers.written++;
        f->numbers.writes++;
    }
}

void datapath_frames_take(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const uint8_t *text, size_t size)
{
    struct datapath_frames *f = &s->frames;
    const uint8_t *frame;
    size_t frame_size;

    (void)is_same(s, peer);
    if (datapath_pieces_take(&f->pieces, now.ms, peer, text, size, &frame, &frame_size) != DATAPATH_PIECES_WHOLE ||
        datapath_bridge_in(&f->bridge, now.ms, peer, frame, frame_size) != DATAPATH_BRIDGE_OURS) {
        return; /* counted there */
    }
    if (s->captures.on > 0) {
        datapath_service_capture_frame(s, now, datapath_guide_key(s->core, peer), false, frame, frame_size);
    }
    datapath_neighbour_in(f->neighbours, now.ms, peer, frame, frame_size);
    give(s, frame, frame_size, frame == text + DATAPATH_PIECES_HEAD); /* what was in pieces is overwritten by the next */
}

/* ---- life ----------------------------------------------------------------------------------------------- */

enum err datapath_frames_open(struct datapath_shell *s)
{
    struct datapath_frames *f = &s->frames;
    char why[TUN_WHY_SIZE] = "as it was handed over";
    int given = cell_take_descriptor(s->cell, "tap.overlay");
    enum err e = ERR_OK;

    f->fd = -1;
    if (!s->settings.has_frames || (given < 0 && s->settings.tap.name[0] == '\0')) {
        fd_close(&given);
        return ERR_OK;
    }
    f->device = s->settings.tap;
    f->fd = given;
    if (given < 0) {
        f->device.has_head = true;
        e = tun_open(&s->settings.tap, &f->fd, why);
    } else {
        e = tun_look(given, s->udp.fd, &f->device);
        e = e == ERR_OK && !f->device.is_tap ? ERR_INVALID : e;
        uint32_t said = f->device.mtu;
        if (e == ERR_OK && datapath_device_fit(&f->device, s->settings.tap.mtu)) {
            log_warn("DATAPATH-TAP-MTU", "interface=%s mtu=%" PRIu32 " used=%" PRIu32 "%s", f->device.name, said, f->device.mtu,
                     said == 0 ? " why=\"it is in another network\"" : "");
        }
    }
    f->number = datapath_device_number(s->udp.fd, f->device.name);
    f->is_on = e == ERR_OK;
    f->is_plain = s->settings.is_plain;
    if (f->is_on && f->device.has_head) {
        (void)tun_offload(f->fd, !f->is_plain); /* what it has not comes as any frame */
    }
    if (e != ERR_OK) {
        log_error("DATAPATH-TAP", "interface=%s reason=%s why=\"%s\"", f->device.name, err_name(e), why);
    }
    return e;
}

static size_t align(size_t size)
{
    return (size + 15) / 16 * 16;
}

enum err datapath_frames_start(struct datapath_shell *s)
{
    struct datapath_frames *f = &s->frames;
    uint32_t peers = s->settings.peers_max;
    size_t bridge = align(datapath_bridge_size(DATAPATH_BRIDGE_MACS, peers)), list = align(peers * sizeof(uint32_t));
    size_t neighbours = align(sizeof *f->neighbours);
    uint8_t key[DATAPATH_BRIDGE_KEY], another[DATAPATH_NEIGHBOUR_KEY];

    if (!f->is_on) {
        return ERR_OK;
    }
    uint8_t *memory = f->memory = calloc(1, bridge + 2 * list + neighbours + datapath_pieces_size(f->device.mtu));
    if (memory == NULL) {
        return ERR_NOMEM;
    }
    if (getrandom(key, sizeof key, 0) != sizeof key || getrandom(another, sizeof another, 0) != sizeof another ||
        getrandom(&f->id, sizeof f->id, 0) != sizeof f->id) {
        return ERR_IO;
    }
    datapath_bridge_init(&f->bridge, memory, DATAPATH_BRIDGE_MACS, DATAPATH_BRIDGE_EACH, peers, key, loop_now_ms());
    f->serial = (void *)(memory + bridge);
    f->taker = (void *)(memory + bridge + list);
    f->neighbours = (void *)(memory + bridge + 2 * list);
    datapath_neighbour_init(f->neighbours, another);
    datapath_pieces_init(&f->pieces, memory + bridge + 2 * list + neighbours, f->device.mtu);
    f->watch = loop_watch_new(host_loop(s->cell), f->fd, LOOP_READ, on_tap, s);
    if (f->watch == NULL) {
        return ERR_NOMEM;
    }
    log_info("DATAPATH-FRAMES", "interface=%s mtu=%" PRIu32, f->device.name, f->device.mtu);
    return ERR_OK;
}

void datapath_frames_tick(struct datapath_shell *s, uint64_t now_ms)
{
    if (s->frames.is_on) {
        datapath_bridge_clock(&s->frames.bridge, now_ms);
        datapath_pieces_clock(&s->frames.pieces, now_ms);
    }
}

void datapath_frames_stop(struct datapath_shell *s)
{
    struct datapath_frames *f = &s->frames;

    loop_watch_free(f->watch);
    f->watch = NULL;
    if (f->fd > 0) {
        fd_close(&f->fd);
    }
    free(f->memory);
    f->memory = NULL;
    f->is_on = false;
}

/* ---- words ---------------------------------------------------------------------------------------------- */

size_t datapath_frames_counts(const struct datapath_frames *f, struct datapath_frames_count ret[DATAPATH_FRAMES_COUNTS])
{
    const struct datapath_frames_numbers *n = &f->numbers;
    const struct datapath_bridge *b = &f->bridge;
    const struct datapath_frames_count own[] = {
        {"FRAMES_READ", "of the interface for frames; one that the kernel left uncut counts once", n->read},
        {"FRAMES_WRITTEN", "to it", n->written},
        {"FRAMES_WRITTEN_CALLS", "… in so many calls", n->writes},
        {"FRAMES_UNWRITTEN", "… that it did not take", n->unwritten},
        {"FRAMES_MISFITS", "that no way takes, as long as they are", n->misfits},
        {"FRAMES_SENT", "to peers, each counted for each", n->sent},
        {"FRAMES_DATAGRAMS", "… in so many", n->pieces},
        {"FRAMES_ANSWERED", "of FRAMES_ALL, questions for an address of IP that went nowhere: they were answered here, as its owner said before", f->neighbours->answered},
        {"FRAMES_LEARNED", "addresses", b->learned},
        {"FRAMES_MOVED", "… that were elsewhere before", b->moved},
        {"FRAMES_AGED", "… that were silent for too long", b->aged},
        {"FRAMES_PUSHED", "… that went for newer ones", b->pushed},
        {"PIECES_LATE", "frames of which some pieces did not come in time", f->pieces.late},
        {"PIECES_PUSHED", "… or that went for newer ones", f->pieces.pushed},
    };
    size_t count = 0;

    for (; count < ARRAY_LEN(own); count++) {
        ret[count] = own[count];
    }
    for (int v = 0; v < DATAPATH_BRIDGE_VERDICTS; v++, count++) {
        enum datapath_bridge_verdict verdict = (enum datapath_bridge_verdict)v;
        ret[count] = (struct datapath_frames_count){datapath_bridge_verdict_name(verdict), datapath_bridge_verdict_text(verdict),
                                                    b->verdict[v]};
    }
    for (int v = 0; v < DATAPATH_PIECES_VERDICTS; v++, count++) {
        enum datapath_pieces_verdict verdict = (enum datapath_pieces_verdict)v;
        ret[count] = (struct datapath_frames_count){datapath_pieces_verdict_name(verdict), datapath_pieces_verdict_text(verdict),
                                                    f->pieces.verdict[v]};
    }
    return count;
}
