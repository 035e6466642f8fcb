/* The heartbeat: a sign of life with the numbers that the supervisor shows and decides by. */
#include <sys/resource.h>

#include "common/run/door.h"
#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

static void on_beat_answered(void *context, enum err e, const struct ProtobufCMessage *reply,
                             const char *text)
{
    (void)context;
    (void)reply;
    if (e != ERR_OK) {
        log_debug("CELL-BEAT", "error=%s text=\"%s\"", err_name(e), text);
    }
}

static void on_beat(void *context)
{
    struct cell *cell = context;
    Cell__Nucleus__HeartbeatRequest beat = CELL__NUCLEUS__HEARTBEAT_REQUEST__INIT;
    struct door_numbers numbers;
    struct rusage usage;

    if (cell->lost_ms != 0) {
        return; /* nobody hears it; the new nucleus counts from Rejoin */
    }
    door_read(cell, &numbers, true);
    (void)getrusage(RUSAGE_SELF, &usage);
    beat.token.data = cell->birth.token;
    beat.token.len = HOST_TOKEN_LEN;
    beat.sequence = ++cell->beat_sequence;
    beat.generation = cell->birth.generation;
    beat.load = (double)numbers.window_count * 1000.0 / cell->birth.heartbeat_ms;
    beat.calls_waiting = door_calls_in_flight(cell);
    beat.latency_p50_us = numbers.window_p50_us;
    beat.latency_p99_us = numbers.window_p99_us;
    beat.rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
    beat.requests_total = numbers.requests;
    beat.errors_total = numbers.errors;

    struct cell_ask ask = {
        .target = "nucleus",
        .operation = CELL__NUCLEUS__OP__OP_HEARTBEAT,
        .request = &beat.base,
        .reply = &cell__nucleus__heartbeat_reply__descriptor,
        .deadline_ms = cell->birth.heartbeat_ms,
        .is_idempotent = CELL__NUCLEUS__HEARTBEAT__IS_IDEMPOTENT,
        .done = on_beat_answered,
    };
    enum err e = cell_ask(cell, &ask);
    if (e != ERR_OK) {
        log_warn("CELL-BEAT-UNSENT", "error=%s", err_name(e));
    }
}

enum err beat_begin(struct cell *cell)
{
    if (!cell->is_supervised) {
        return ERR_OK;
    }
    cell->beat_timer = loop_timer_new(cell->loop, 0, cell->birth.heartbeat_ms, on_beat, cell);
    return cell->beat_timer == NULL ? ERR_NOMEM : ERR_OK;
}
