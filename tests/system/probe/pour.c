#include "pour.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/cell_ask.h"
#include "common/run/cell_call.h"
#include "probe.pb-c.h"

/* ---- sending ------------------------------------------------------------------------------------ */

struct pouring {
    struct cell_call *call;
    uint32_t parts, sent;
    size_t size;
    uint8_t *data;
};

static uint32_t cancelled, most_ahead;

static void pour_free(struct pouring *p)
{
    free(p->data);
    free(p);
}

static void pour_on(void *context)
{
    struct pouring *p = context;
    Cell__Probe__PourReply reply = CELL__PROBE__POUR_REPLY__INIT;

    most_ahead = cell_call_credit(p->call) > most_ahead ? cell_call_credit(p->call) : most_ahead;
    reply.data.data = p->data;
    reply.data.len = p->size;
    while (p->sent < p->parts) {
        reply.number = p->sent;
        if (cell_reply_part(p->call, &reply) != ERR_OK) {
            return; /* not now: more credit calls again, or nobody waits */
        }
        p->sent++;
    }
    reply.data.len = 0;
    reply.number = p->sent;
    (void)!cell_reply(p->call, &reply);
    pour_free(p);
}

static void pour_cancel(void *context, enum err e)
{
    struct pouring *p = context;

    cancelled++;
    cell_reply_error(p->call, e, NULL, NULL);
    pour_free(p);
}

enum err pour(struct cell *cell, struct cell_call *call, const void *request)
{
    const Cell__Probe__PourRequest *ask = request;
    Cell__Probe__PourReply reply = CELL__PROBE__POUR_REPLY__INIT;

    (void)cell;
    if (ask->parts == 0) { /* only what happened so far */
        reply.cancelled = cancelled;
        reply.most_ahead = most_ahead;
        return cell_reply(call, &reply);
    }
    struct pouring *p = calloc(1, sizeof *p);
    uint8_t *data = malloc(ask->bytes + 1);
    if (p == NULL || data == NULL) {
        free(p);
        free(data);
        return ERR_NOMEM;
    }
    memset(data, 'p', ask->bytes + 1);
    *p = (struct pouring){.call = call, .parts = ask->parts, .size = ask->bytes, .data = data};
    cell_call_on_cancel(call, pour_cancel, p);
    cell_call_on_credit(call, pour_on, p);
    pour_on(p);
    return ERR_LATER;
}

/* ---- asking ------------------------------------------------------------------------------------- */

struct drinking {
    struct cell *cell;
    struct cell_call *call;
    uint32_t parts, cancel_after;
    uint64_t bytes, id;
    bool is_in_order;
};

static void on_part(void *context, const struct ProtobufCMessage *message)
{
    struct drinking *d = context;
    const Cell__Probe__PourReply *part = (const Cell__Probe__PourReply *)message;

    d->is_in_order = d->is_in_order && part->number == d->parts;
    d->parts++;
    d->bytes += part->data.len;
    if (d->parts == d->cancel_after) {
        (void)!cell_ask_cancel(d->cell, d->id);
    }
}

static void on_end(void *context, enum err e, const struct ProtobufCMessage *message, const char *text)
{
    struct drinking *d = context;
    Cell__Probe__DrinkReply reply = CELL__PROBE__DRINK_REPLY__INIT;

    reply.error = (char *)err_name(e);
    reply.text = (char *)text;
    reply.parts = d->parts;
    reply.bytes = d->bytes;
    reply.in_order = d->is_in_order && (e != ERR_OK || ((const Cell__Probe__PourReply *)message)->number == d->parts);
    (void)!cell_reply(d->call, &reply);
    free(d);
}

enum err drink(struct cell *cell, struct cell_call *call, const void *request)
{
    const Cell__Probe__DrinkRequest *ask = request;
    Cell__Probe__PourRequest out = CELL__PROBE__POUR_REQUEST__INIT;
    struct drinking *d = calloc(1, sizeof *d);

    if (d == NULL) {
        return ERR_NOMEM;
    }
    *d = (struct drinking){.cell = cell, .call = call, .cancel_after = ask->cancel_after, .is_in_order = true};
    out.parts = ask->parts;
    out.bytes = ask->bytes;
    enum err e = cell_ask(cell, &(struct cell_ask){.target = ask->target, .operation = CELL__PROBE__OP__OP_POUR,
                                                   .request = &out.base, .reply = &cell__probe__pour_reply__descriptor,
                                                   .on_behalf_of = call, .done = on_end, .context = d, .part = on_part,
                                                   .credit = ask->credit, .ret_id = &d->id});
    if (e != ERR_OK) {
        free(d);
        return e;
    }
    return ERR_LATER;
}
