/* A cell that gives back every kind of field, fails as it is told, and answers late: for clients in other languages. */
#include <stdlib.h>

#include "common/run/cell.h"
#include "common/run/cell_call.h"
#include "everything.schema.h"
#include "everything_cell.pb-c.h"

struct everything {
    struct cell *cell;
    uint64_t calls, cancelled, expired;
    struct late *late; /* all that wait */
};

struct late {
    struct everything *of;
    struct late *next;
    struct cell_call *call;
    struct cell_timer *timer;
    uint64_t number;
    uint32_t remaining_ms;
};

static enum err on_open(struct cell *cell, void *state)
{
    struct everything *e = state;

    e->cell = cell;
    return ERR_OK;
}

static void forget(struct late *l)
{
    struct late **at = &l->of->late;

    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    cell_timer_stop(l->timer);
    free(l);
}

static void on_stop(void *state)
{
    struct everything *e = state;

    while (e->late != NULL) {
        forget(e->late);
    }
}

static enum err mirror(void *state, struct cell_call *call, const void *request)
{
    (void)state;
    return cell_reply(call, request);
}

static enum err fail(void *state, struct cell_call *call, const void *request)
{
    const Cell__Everything__FailRequest *ask = request;
    enum err e = err_from_wire(ask->status);

    (void)state;
    cell_reply_error(call, e, ask->text, ask->hint);
    return e;
}

static void on_late(void *context)
{
    struct late *l = context;
    Cell__Everything__SlowReply reply = CELL__EVERYTHING__SLOW_REPLY__INIT;

    reply.number = l->number;
    reply.remaining_ms = l->remaining_ms;
    enum err e = cell_reply(l->call, &reply);
    (void)e; /* who has given up needs none */
    forget(l);
}

static void on_cancel(void *context, enum err e)
{
    struct late *l = context;

    l->of->cancelled += e == ERR_CANCELLED;
    l->of->expired += e == ERR_TIMEOUT;
    cell_reply_error(l->call, e, NULL, NULL);
    forget(l);
}

static enum err slow(void *state, struct cell_call *call, const void *request)
{
    struct everything *e = state;
    const Cell__Everything__SlowRequest *ask = request;
    struct late *l = calloc(1, sizeof *l);

    if (l == NULL) {
        return ERR_NOMEM;
    }
    *l = (struct late){e, e->late, call, NULL, ask->number, cell_call_remaining_ms(call)};
    l->timer = cell_timer_start(e->cell, ask->delay_ms, 0, on_late, l);
    if (l->timer == NULL) {
        free(l);
        return ERR_NOMEM;
    }
    e->late = l;
    cell_call_on_cancel(call, on_cancel, l);
    return ERR_LATER;
}

static enum err count(void *state, struct cell_call *call, const void *request)
{
    struct everything *e = state;
    Cell__Everything__CountReply reply = CELL__EVERYTHING__COUNT_REPLY__INIT;

    (void)request;
    reply.calls = ++e->calls;
    reply.cancelled = e->cancelled;
    reply.expired = e->expired;
    return cell_reply(call, &reply);
}

static const struct cell_op ops[] = {
    {CELL__EVERYTHING__OP__OP_MIRROR, &cell__everything__mirrored__descriptor, mirror},
    {CELL__EVERYTHING__OP__OP_FAIL, &cell__everything__fail_request__descriptor, fail},
    {CELL__EVERYTHING__OP__OP_SLOW, &cell__everything__slow_request__descriptor, slow},
    {CELL__EVERYTHING__OP__OP_COUNT, &cell__everything__count_request__descriptor, count},
};

static const struct cell_def everything = {
    .name = "everything",
    .state_size = sizeof(struct everything),
    .open = on_open,
    .stop = on_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__everything__everything__descriptor,
    .schema = everything_schema,
    .schema_size = sizeof everything_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&everything, argc, argv);
}
