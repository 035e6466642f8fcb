#include "vivaldi/verify.h"

#include "proto/nodosum.ops.h"
#include "vivaldi/shell.h"

static bool is_measured(const struct vivaldi_verify *v)
{
    for (uint32_t i = 0; i < v->count; i++) {
        if (vivaldi_core_estimate(&v->shell->core, vivaldi_shell_now_s(v->shell), v->id[i], NULL).source != VIVALDI_MEASURED) {
            return false;
        }
    }
    return true;
}

static void end(struct vivaldi_verify *v)
{
    struct vivaldi_shell *s = v->shell;
    struct vivaldi_verify **at = &s->verifies;
    bool is_good = is_measured(v);

    while (*at != v) {
        at = &(*at)->next;
    }
    *at = v->next;
    cell_timer_stop(v->timer);
    v->timer = NULL;
    s->verified += is_good;
    s->unverified += !is_good;
    v->done(v->context); /* v is gone */
}

static void on_time(void *context)
{
    end(context);
}

static void on_begun(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct vivaldi_verify *v = context;
    const Cell__Nodosum__MeasureReply *reply = (const Cell__Nodosum__MeasureReply *)message;

    (void)text; /* whoever asks is answered by what is known, and Stats says how often */
    v->timer = e == ERR_OK && reply->begun > 0 ? cell_timer_start(v->shell->cell, v->wait_ms, 0, on_time, v) : NULL;
    if (v->timer == NULL || is_measured(v)) {
        end(v);
    }
}

enum err vivaldi_verify_begin(struct vivaldi_shell *s, struct vivaldi_verify *v)
{
    Cell__Nodosum__MeasureRequest request = CELL__NODOSUM__MEASURE_REQUEST__INIT;
    ProtobufCBinaryData ids[VIVALDI_ROUTE_VERIFY];
    uint32_t waiting = 0;

    for (const struct vivaldi_verify *other = s->verifies; other != NULL; other = other->next) {
        waiting++;
    }
    if (waiting >= VIVALDI_VERIFY_MAX) {
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < v->count; i++) {
        ids[i] = (ProtobufCBinaryData){sizeof v->key[i], v->key[i]};
    }
    request.ids = ids;
    request.n_ids = v->count;
    const struct cell_ask out = {
        .target = "nodosum", .operation = CELL__NODOSUM__OP__OP_MEASURE, .request = &request.base,
        .reply = &cell__nodosum__measure_reply__descriptor, .deadline_ms = VIVALDI_VERIFY_MOST_MS, .done = on_begun, .context = v,
        .is_idempotent = CELL__NODOSUM__MEASURE__IS_IDEMPOTENT, .is_hasty = true};
    enum err e = cell_ask(s->cell, &out);
    if (e == ERR_OK) {
        v->shell = s;
        v->timer = NULL;
        v->next = s->verifies;
        s->verifies = v;
    }
    return e;
}

void vivaldi_verify_heard(struct vivaldi_shell *s)
{
    struct vivaldi_verify *next;

    for (struct vivaldi_verify *v = s->verifies; v != NULL; v = next) {
        next = v->next; /* done may begin another wait, which comes first in the list */
        if (v->timer != NULL && is_measured(v)) {
            end(v);
        }
    }
}

void vivaldi_verify_stop(struct vivaldi_shell *s)
{
    struct vivaldi_verify *next;

    for (struct vivaldi_verify *v = s->verifies; v != NULL; v = next) {
        next = v->next;
        if (v->timer != NULL) {
            end(v);
        } /* otherwise membership's answer, or that there is none, ends it */
    }
}
