#include "datapath/service_capture.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/run/cell_call.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "common/run/loop.h"
#include "datapath/service.h"
#include "datapath/shell.h"
#include "datapath/text.h"
#include "proto/datapath.pb-c.h"

/* ---- packets ------------------------------------------------------------------------------------------ */

static void put(struct datapath_capture_one *one, const struct datapath_capture_packet *packet)
{
    if (one->ring.memory == NULL || one->is_ending ||
        (one->is_of_one && memcmp(one->public, packet->public, sizeof one->public) != 0)) {
        return;
    }
    bool has_room = datapath_capture_put(&one->ring, packet);

    (void)has_room; /* counted there, and told with the next answer */
    if (one->call != NULL && !one->is_gathering) {
        one->is_gathering = true; /* not at once: an answer for each packet would be the dearest part of its way */
        loop_timer_again(one->timer, DATAPATH_CAPTURE_GATHER_MS, 0);
    }
}

static void put_all(struct datapath_shell *s, struct datapath_time now, const uint8_t *public, bool is_out, bool is_frame,
                    const uint8_t *packet, size_t size)
{
    struct datapath_capture_packet p = {.time_us = now.wall_ns / 1000, .bytes = packet, .size = (uint32_t)size,
                                        .is_out = is_out};

    if (public != NULL) {
        memcpy(p.public, public, sizeof p.public);
    }
    for (uint32_t i = 0; i < DATAPATH_CAPTURE_MOST; i++) {
        if (s->captures.one[i].is_of_frames == is_frame) {
            put(&s->captures.one[i], &p);
        }
    }
}

void datapath_service_capture_out(struct datapath_shell *s, struct datapath_time now, const uint8_t *packet, size_t size)
{
    uint32_t peer;
    bool is_somebodys = datapath_guide_owner(s->core, packet, size, &peer);

    put_all(s, now, is_somebodys ? datapath_guide_key(s->core, peer) : NULL, true, false, packet, size);
}

void datapath_service_capture_in(struct datapath_shell *s, struct datapath_time now, uint32_t peer, const uint8_t *packet,
                                 size_t size)
{
    put_all(s, now, datapath_guide_key(s->core, peer), false, false, packet, size);
}

void datapath_service_capture_frame(struct datapath_shell *s, struct datapath_time now, const uint8_t *public, bool is_out,
                                    const uint8_t *frame, size_t size)
{
    put_all(s, now, public, is_out, true, frame, size);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void end(struct datapath_capture_one *one, const char *why)
{
    log_info("DATAPATH-CAPTURE-END", "capture=%016" PRIx64 " packets=%" PRIu64 " dropped=%" PRIu64 " why=\"%s\"", one->number,
             one->ring.taken, one->ring.dropped, why);
    loop_timer_free(one->timer);
    sodium_memzero(one->ring.memory, one->ring.room); /* what people said to each other is not left lying about */
    free(one->ring.memory);
    one->shell->captures.on--;
    *one = (struct datapath_capture_one){.number = 0};
}

static void answer(struct datapath_capture_one *one, struct cell_call *call);

static void on_timer(void *context)
{
    struct datapath_capture_one *one = context;
    struct cell_call *call = one->call;

    if (call == NULL) {
        end(one, "nobody asked any more");
        return;
    }
    one->call = NULL;
    answer(one, call);
}

static void on_cancel(void *context, enum err e)
{
    struct datapath_capture_one *one = context;
    struct cell_call *call = one->call;

    one->call = NULL;
    loop_timer_again(one->timer, DATAPATH_CAPTURE_IDLE_MS, 0);
    cell_reply_error(call, e, NULL, NULL);
}

void datapath_service_capture_stop(struct datapath_shell *s)
{
    for (uint32_t i = 0; i < DATAPATH_CAPTURE_MOST; i++) {
        struct datapath_capture_one *one = &s->captures.one[i];
        if (one->ring.memory == NULL) {
            continue;
        }
        if (one->call != NULL) {
            cell_reply_error(one->call, ERR_UNAVAILABLE, "the cell ends", NULL);
        }
        end(one, "the cell ends");
    }
}

/* Who looks is told to whoever reads the log: the packets are other people's. */
static void say_begin(const struct datapath_capture_one *one, const struct cell_call *call)
{
    char key[DATAPATH_TEXT_KEY_SIZE] = "all";
    struct cell_caller who;

    cell_call_caller(call, &who);
    if (one->is_of_one) {
        datapath_text_write_key(one->public, key);
    }
    log_info("DATAPATH-CAPTURE", "capture=%016" PRIx64 " of=%s peer=%.12s snap=%" PRIu32 " by=\"%s%s%s\"", one->number,
             one->is_of_frames ? "frames" : "packets", key, one->ring.snap, who.is_operator ? "the operator" : who.cell, who.from_node[0] != '\0' ? " of " : "", who.from_node);
}

/* Bytes of an answer for packets: more would be no answer at all. */
static size_t room_of_answer(const struct datapath_shell *s)
{
    size_t most = s->cell->birth.message_bytes;

    return (most < DATAPATH_CAPTURE_BYTES ? most : DATAPATH_CAPTURE_BYTES) - DATAPATH_CAPTURE_EACH;
}

static enum err take_question(struct datapath_shell *s, struct cell_call *call, const Cell__Datapath__CaptureRequest *ask,
                              struct datapath_capture_one *ret)
{
    struct datapath_capture_one one = {.shell = s, .is_of_one = ask->public_key[0] != '\0', .is_of_frames = ask->frames != 0};
    size_t most = room_of_answer(s) - DATAPATH_CAPTURE_EACH;
    uint32_t peer;

    if (one.is_of_frames && !s->frames.is_on) {
        cell_call_explain(call, "frames: this node has no interface for them");
        return ERR_PRECONDITION;
    }
    if (ask->snap > DATAPATH_CAPTURE_SNAP_MAX) {
        cell_call_explain(call, "snap: 1 to %d bytes of a packet", DATAPATH_CAPTURE_SNAP_MAX);
        return ERR_INVALID;
    }
    if (ask->snap > most) {
        cell_call_explain(call, "snap: at most %zu bytes of a packet, with limits.message as it is", most);
        return ERR_INVALID;
    }
    if (one.is_of_one && !datapath_text_read_key(ask->public_key, one.public)) {
        cell_call_explain(call, "public_key: expected 44 characters of base64");
        return ERR_INVALID;
    }
    if (one.is_of_one && !datapath_core_find(s->core, one.public, &peer)) {
        cell_call_explain(call, "no peer has this key");
        return ERR_NOT_FOUND;
    }
    *ret = one;
    return ERR_OK;
}

static enum err begin(struct datapath_shell *s, struct cell_call *call, const Cell__Datapath__CaptureRequest *ask,
                      struct datapath_capture_one **ret)
{
    struct datapath_capture_one one;
    uint32_t i = 0;
    enum err e = take_question(s, call, ask, &one);

    while (i < DATAPATH_CAPTURE_MOST && s->captures.one[i].ring.memory != NULL) {
        i++;
    }
    if (e != ERR_OK) {
        return e;
    }
    if (i == DATAPATH_CAPTURE_MOST) {
        cell_call_explain(call, "%d captures are on, and there are no more at once", DATAPATH_CAPTURE_MOST);
        return ERR_LIMIT;
    }
    /* Drawn: after a restart nobody takes another's capture for his own. */
    while (one.number == 0) {
        if (getrandom(&one.number, sizeof one.number, GRND_NONBLOCK) != sizeof one.number) {
            return ERR_UNAVAILABLE;
        }
    }
    uint8_t *memory = malloc(DATAPATH_CAPTURE_ROOM);
    one.timer = loop_timer_new(host_loop(s->cell), DATAPATH_CAPTURE_IDLE_MS, 0, on_timer, &s->captures.one[i]);
    if (memory == NULL || one.timer == NULL) {
        loop_timer_free(one.timer);
        free(memory);
        return ERR_NOMEM;
    }
    datapath_capture_init(&one.ring, memory, DATAPATH_CAPTURE_ROOM, ask->snap == 0 ? DATAPATH_CAPTURE_SNAP : ask->snap);
    s->captures.one[i] = one;
    s->captures.on++;
    say_begin(&one, call);
    *ret = &s->captures.one[i];
    return ERR_OK;
}

/* ---- answers ------------------------------------------------------------------------------------------ */

/* Packets from the oldest on into the answer; *ret_place is behind them. */
static enum err fill(const struct datapath_capture_one *one, struct cell_call *call, Cell__Datapath__CaptureReply *reply,
                     struct datapath_capture_place *ret_place)
{
    const struct datapath_capture *c = &one->ring;
    struct datapath_capture_place place = datapath_capture_begin(c), next = place;
    struct datapath_capture_packet p;
    size_t count = c->count < DATAPATH_CAPTURE_PACKETS ? c->count : DATAPATH_CAPTURE_PACKETS, room = room_of_answer(one->shell);
    Cell__Datapath__Packet *all = cell_call_alloc(call, (count + 1) * sizeof *all);
    char(*key)[DATAPATH_TEXT_KEY_SIZE] = cell_call_alloc(call, (count + 1) * sizeof *key);

    reply->packets = cell_call_alloc(call, (count + 1) * sizeof *reply->packets);
    if (all == NULL || key == NULL || reply->packets == NULL) {
        return ERR_NOMEM;
    }
    for (size_t i = 0; i < count && datapath_capture_next(c, &next, &p) && p.kept + DATAPATH_CAPTURE_EACH <= room; i++) {
        all[i] = (Cell__Datapath__Packet)CELL__DATAPATH__PACKET__INIT;
        all[i].time_us = p.time_us;
        all[i].is_out = p.is_out;
        all[i].size = p.size;
        all[i].bytes = (ProtobufCBinaryData){.data = (uint8_t *)p.bytes, .len = p.kept};
        if (!sodium_is_zero(p.public, sizeof p.public)) {
            datapath_text_write_key(p.public, key[i]);
            all[i].public_key = key[i];
        }
        room -= p.kept + DATAPATH_CAPTURE_EACH;
        reply->packets[reply->n_packets++] = &all[i];
        place = next;
    }
    *ret_place = place;
    return ERR_OK;
}

/* What there is, and from now on somebody has to ask again. */
static void answer(struct datapath_capture_one *one, struct cell_call *call)
{
    Cell__Datapath__CaptureReply reply = CELL__DATAPATH__CAPTURE_REPLY__INIT;
    struct datapath_capture_place place;
    enum err e = fill(one, call, &reply, &place);

    one->is_gathering = false;
    loop_timer_again(one->timer, DATAPATH_CAPTURE_IDLE_MS, 0);
    if (e != ERR_OK) {
        cell_reply_error(call, e, NULL, NULL);
        return;
    }
    reply.capture = one->number;
    reply.taken = one->ring.taken;
    reply.dropped = one->ring.dropped;
    reply.is_over = one->is_ending && reply.n_packets == one->ring.count;
    e = cell_reply(call, &reply);
    if (e != ERR_OK) {
        return; /* who asked waits no more, or asked for more than this at once: the next question is for these packets */
    }
    datapath_capture_drop(&one->ring, &place);
    if (reply.is_over) {
        end(one, "asked to");
    }
}

static struct datapath_capture_one *find(struct datapath_shell *s, uint64_t number)
{
    for (uint32_t i = 0; i < DATAPATH_CAPTURE_MOST; i++) {
        if (s->captures.one[i].ring.memory != NULL && s->captures.one[i].number == number) {
            return &s->captures.one[i];
        }
    }
    return NULL;
}

enum err datapath_service_capture(void *state, struct cell_call *call, const void *request)
{
    const Cell__Datapath__CaptureRequest *ask = request;
    struct datapath_shell *s = state;
    struct datapath_capture_one *one = NULL;

    if (ask->wait_ms > DATAPATH_CAPTURE_WAIT_MS_MAX) {
        cell_call_explain(call, "wait_ms: at most %d", DATAPATH_CAPTURE_WAIT_MS_MAX);
        return ERR_INVALID;
    }
    if (ask->capture == 0) {
        enum err e = begin(s, call, ask, &one);
        if (e != ERR_OK) {
            return e;
        }
    } else {
        one = find(s, ask->capture);
    }
    if (one == NULL) {
        cell_call_explain(call, "it has ended: nobody asked for %d ms, or the cell was restarted", DATAPATH_CAPTURE_IDLE_MS);
        return ERR_NOT_FOUND;
    }
    if (one->call != NULL) { /* its caller lost the connection, and asks by another */
        cell_reply_error(one->call, ERR_ABORTED, "another asks for this capture", NULL);
        one->call = NULL;
    }
    one->is_ending = one->is_ending || ask->is_end;
    if (ask->wait_ms == 0 || one->is_ending || one->ring.count > 0) {
        answer(one, call);
        return ERR_LATER;
    }
    one->call = call;
    one->is_gathering = false;
    loop_timer_again(one->timer, ask->wait_ms, 0);
    cell_call_on_cancel(call, on_cancel, one);
    return ERR_LATER;
}
