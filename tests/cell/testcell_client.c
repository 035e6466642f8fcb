/* Calls to other cells, as the test wants them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/run/cell_ask.h"
#include "common/run/cell_call.h"
#include "common/run/log.h"
#include "common/run/loop.h"
#include "testcell.h"
#include "testcell.ops.h"
#include "testcell.pb-c.h"

/* ---- one after the other, or all at once ------------------------------------------------------- */

struct asking {
    struct testcell *cell;
    struct cell_call *call;
    struct cell_timer *timer;
    struct cell_timer *cancel_timer;
    Cell__Testcell__AskRequest want; /* numbers only: its texts are gone */
    char *target;
    uint8_t *data;
    uint32_t count;
    uint32_t begun;
    uint32_t left;
    uint64_t began_us;
    struct one *one; /* of each request */
    Cell__Testcell__Outcome *outcome;
    Cell__Testcell__Outcome **slot;
};

struct one {
    struct asking *asking;
    uint32_t index;
    uint32_t again;
    uint64_t began_us;
    uint64_t id;
};

static void asking_free(struct asking *a)
{
    for (uint32_t i = 0; a->outcome != NULL && i < a->count; i++) {
        if (a->outcome[i].text != NULL && a->outcome[i].text[0] != '\0') {
            free(a->outcome[i].text);
        }
    }
    cell_timer_stop(a->timer);
    cell_timer_stop(a->cancel_timer);
    free(a->one);
    free(a->outcome);
    free(a->slot);
    free(a->target);
    free(a->data);
    free(a);
}

static void asking_done(struct asking *a)
{
    Cell__Testcell__AskReply reply = CELL__TESTCELL__ASK_REPLY__INIT;

    reply.outcomes = a->slot;
    reply.n_outcomes = a->count;
    enum err e = cell_reply(a->call, &reply);
    if (e != ERR_OK) {
        log_info("TESTCELL-ASK-LATE", "error=%s", err_name(e));
    }
    asking_free(a);
}

static enum err ask_one(struct asking *a, struct one *one);

static void on_answer(void *context, enum err e, const struct ProtobufCMessage *reply,
                      const char *text)
{
    struct one *one = context;
    struct asking *a = one->asking;
    Cell__Testcell__Outcome *o = &a->outcome[one->index];

    assert(!a->cell->has_stopped); /* what a cell waits for ends before the cell does */
    one->id = 0;
    if (e != ERR_OK && one->again > 0) {
        one->again--;
        if (ask_one(a, one) == ERR_OK) {
            return;
        }
    }
    o->status = err_to_wire(e);
    o->took_us = loop_now_us() - one->began_us;
    o->text = text[0] != '\0' ? strdup(text) : (char *)"";
    if (e == ERR_OK && a->want.operation == CELL__TESTCELL__OP__OP_ECHO) {
        o->remaining_ms = ((const Cell__Testcell__EchoReply *)reply)->remaining_ms;
        o->instance = ((const Cell__Testcell__EchoReply *)reply)->instance;
    } else if (e == ERR_OK && a->want.operation == CELL__TESTCELL__OP__OP_SLOW) {
        o->remaining_ms = ((const Cell__Testcell__SlowReply *)reply)->remaining_ms;
    } else if (e == ERR_OK && a->want.operation == CELL__TESTCELL__OP__OP_STREAM) {
        const Cell__Testcell__StreamReply *last = (const Cell__Testcell__StreamReply *)reply;
        o->out_of_order = o->out_of_order || !last->last || last->number != o->parts + 1;
    }
    if (--a->left == 0) {
        asking_done(a);
    }
}

static void cancel_one(struct one *one)
{
    uint64_t id = one->id;

    if (id != 0) {
        one->asking->outcome[one->index].cancelled_us = loop_now_us();
        enum err e = cell_ask_cancel(one->asking->cell->cell, id);
        log_debug("TESTCELL-CANCEL", "error=%s", err_name(e));
    }
}

static void on_part(void *context, const struct ProtobufCMessage *message)
{
    struct one *one = context;
    struct asking *a = one->asking;
    Cell__Testcell__Outcome *o = &a->outcome[one->index];
    const Cell__Testcell__StreamReply *part = (const Cell__Testcell__StreamReply *)message;

    o->parts++;
    a->cell->heard++;
    o->out_of_order = o->out_of_order || part->number != o->parts || part->last;
    if (a->want.cancel_parts != 0 && o->parts == a->want.cancel_parts) {
        cancel_one(one);
    }
}

static enum err ask_one(struct asking *a, struct one *one)
{
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    Cell__Testcell__StreamRequest stream = CELL__TESTCELL__STREAM_REQUEST__INIT;
    char number[16];
    struct cell_ask ask = {
        .target = a->target,
        .operation = a->want.operation,
        .deadline_ms = a->want.deadline_ms,
        .on_behalf_of = a->want.on_behalf ? a->call : NULL,
        .done = on_answer,
        .context = one,
        .is_idempotent = a->want.idempotent,
        .is_hasty = a->want.hasty,
        .is_urgent = a->want.urgent,
        .balance = (enum cell_balance)a->want.balance,
        .ret_id = &one->id,
    };

    if (a->want.number > 0) {
        (void)snprintf(number, sizeof number, "%u", a->want.number + one->index);
        echo.text = number;
    }
    echo.data.data = a->data;
    echo.data.len = a->want.fill;
    slow.delay_ms = a->want.delay_ms;
    stream.parts = a->want.parts;
    stream.size = a->want.fill;
    if (ask.operation == CELL__TESTCELL__OP__OP_SLOW) {
        ask.request = &slow.base;
        ask.reply = &cell__testcell__slow_reply__descriptor;
    } else if (ask.operation == CELL__TESTCELL__OP__OP_NEVER) {
        ask.request = &never.base;
        ask.reply = &cell__testcell__never_reply__descriptor;
    } else if (ask.operation == CELL__TESTCELL__OP__OP_STREAM) {
        ask.request = &stream.base;
        ask.reply = &cell__testcell__stream_reply__descriptor;
        ask.part = on_part;
        ask.credit = a->want.credit;
        ask.holds_credit = a->want.holds_credit;
    } else {
        ask.request = &echo.base;
        ask.reply = &cell__testcell__echo_reply__descriptor;
    }
    return cell_ask(a->cell->cell, &ask);
}

static void begin_one(struct asking *a)
{
    struct one *one = &a->one[a->begun];

    *one = (struct one){.asking = a, .index = a->begun++, .again = a->want.again,
                        .began_us = loop_now_us()};
    enum err e = ask_one(a, one);
    if (e != ERR_OK) {
        a->outcome[one->index].status = err_to_wire(e);
        a->left--;
    }
}

static void on_gap(void *context)
{
    struct asking *a = context;

    begin_one(a);
    if (a->begun == a->count) {
        cell_timer_stop(a->timer);
        a->timer = NULL;
        if (--a->left == 0) {
            asking_done(a);
        }
    }
}

static void ask_all(void *context)
{
    struct asking *a = context;

    a->left = a->count + 1; /* one more: an ask that fails at once must not end it inside the loop */
    if (a->want.gap_ms > 0 && a->count > 0) {
        cell_timer_stop(a->timer);
        a->timer = cell_timer_start(a->cell->cell, 1, a->want.gap_ms, on_gap, a);
        assert(a->timer != NULL);
        return;
    }
    while (a->begun < a->count) {
        begin_one(a);
    }
    if (--a->left == 0) {
        asking_done(a);
    }
}

static void on_cancel_time(void *context)
{
    struct asking *a = context;

    for (uint32_t i = 0; i < a->begun; i++) {
        cancel_one(&a->one[i]);
    }
}

enum err testcell_ask(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__AskRequest *ask = request;
    struct asking *a = calloc(1, sizeof *a);

    if (a == NULL) {
        return ERR_NOMEM;
    }
    *a = (struct asking){.cell = state, .call = call, .want = *ask, .count = ask->count};
    a->want.target = NULL;
    a->target = strdup(ask->target);
    a->data = calloc(1, (size_t)ask->fill + 1);
    a->one = calloc((size_t)a->count + 1, sizeof *a->one);
    a->outcome = calloc((size_t)a->count + 1, sizeof *a->outcome);
    a->slot = calloc((size_t)a->count + 1, sizeof *a->slot);
    if (a->target == NULL || a->data == NULL || a->one == NULL || a->outcome == NULL ||
        a->slot == NULL) {
        asking_free(a);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        a->outcome[i] = (Cell__Testcell__Outcome)CELL__TESTCELL__OUTCOME__INIT;
        a->slot[i] = &a->outcome[i];
    }
    if (ask->cancel_ms > 0) {
        a->cancel_timer = cell_timer_start(a->cell->cell, ask->cancel_ms, 0, on_cancel_time, a);
    }
    if (ask->from_timer) {
        a->timer = cell_timer_start(a->cell->cell, 1, 0, ask_all, a);
        return a->timer == NULL ? ERR_NOMEM : ERR_LATER;
    }
    ask_all(a);
    return ERR_LATER;
}

/* ---- every instance ---------------------------------------------------------------------------- */

struct all {
    struct cell_call *call;
    uint64_t began_us;
    uint32_t count;
    Cell__Testcell__Outcome outcome[64], *slot[64];
};

static void on_each(void *context, uint32_t instance, enum err e, const struct ProtobufCMessage *reply,
                    const char *text)
{
    struct all *all = context;
    Cell__Testcell__Outcome *o = &all->outcome[all->count];

    *o = (Cell__Testcell__Outcome)CELL__TESTCELL__OUTCOME__INIT;
    o->status = err_to_wire(e);
    o->instance = instance;
    o->took_us = loop_now_us() - all->began_us;
    o->text = strdup(text);
    o->out_of_order = e == ERR_OK && ((const Cell__Testcell__EchoReply *)reply)->instance != instance;
    all->slot[all->count] = o;
    all->count++;
}

static void on_all(void *context, enum err e, uint32_t count)
{
    struct all *all = context;
    Cell__Testcell__AllReply reply = CELL__TESTCELL__ALL_REPLY__INIT;

    reply.status = err_to_wire(e);
    reply.count = count;
    reply.outcomes = all->slot;
    reply.n_outcomes = all->count;
    if (cell_reply(all->call, &reply) != ERR_OK) {
        log_info("TESTCELL-ALL-LATE", "count=%u", count);
    }
    for (uint32_t i = 0; i < all->count; i++) {
        free(all->outcome[i].text);
    }
    free(all);
}

enum err testcell_all(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__AllRequest *want = request;
    const struct testcell *t = state;
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    struct all *all = calloc(1, sizeof *all);

    if (all == NULL) {
        return ERR_NOMEM;
    }
    all->call = call;
    all->began_us = loop_now_us();
    enum err e = cell_ask_all(t->cell, &(struct cell_ask_all){
        .ask = {.target = want->target, .operation = CELL__TESTCELL__OP__OP_ECHO,
                .request = &echo.base, .reply = &cell__testcell__echo_reply__descriptor,
                .deadline_ms = want->deadline_ms, .on_behalf_of = call, .context = all,
                .is_idempotent = CELL__TESTCELL__ECHO__IS_IDEMPOTENT},
        .each = on_each, .all = on_all});
    if (e != ERR_OK) {
        free(all);
        return e;
    }
    return ERR_LATER;
}

/* ---- following a list -------------------------------------------------------------------------- */

struct testcell_follow {
    struct testcell_follow *next, **back;
    struct cell_call *call;
    struct cell_watch *watch;
    char *target;
    Cell__Testcell__WatchRequest request;
    uint64_t until;
    uint64_t *items;
    size_t count;
    uint32_t troubles;
};

static void follow_free(struct testcell_follow *f)
{
    *f->back = f->next;
    if (f->next != NULL) {
        f->next->back = f->back;
    }
    cell_watch_stop(f->watch);
    free(f->items);
    free(f->target);
    free(f);
}

static void set_from(struct ProtobufCMessage *request, uint64_t revision)
{
    ((Cell__Testcell__WatchRequest *)request)->after = revision;
}

static uint64_t get_last(const struct ProtobufCMessage *reply)
{
    return ((const Cell__Testcell__WatchReply *)reply)->last;
}

static void on_news(void *context, const struct ProtobufCMessage *message, uint64_t last)
{
    struct testcell_follow *f = context;
    const Cell__Testcell__WatchReply *news = (const Cell__Testcell__WatchReply *)message;
    uint64_t *more = realloc(f->items, (f->count + news->n_items + 1) * sizeof *more);

    assert(more != NULL);
    f->items = more;
    for (size_t i = 0; i < news->n_items; i++) {
        f->items[f->count++] = news->items[i];
    }
    if (last < f->until) {
        return;
    }
    Cell__Testcell__FollowReply reply = CELL__TESTCELL__FOLLOW_REPLY__INIT;
    reply.items = f->items;
    reply.n_items = f->count;
    reply.troubles = f->troubles;
    reply.last = cell_watch_last(f->watch);
    if (cell_reply(f->call, &reply) != ERR_OK) {
        log_info("TESTCELL-FOLLOW-LATE", "count=%zu", f->count);
    }
    follow_free(f);
}

static void on_trouble(void *context, enum err e, const char *text)
{
    struct testcell_follow *f = context;

    f->troubles++;
    log_info("TESTCELL-FOLLOW", "error=%s text=\"%s\"", err_name(e), text);
}

enum err testcell_follow(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__FollowRequest *want = request;
    struct testcell *t = state;
    struct testcell_follow *f = calloc(1, sizeof *f);

    if (f == NULL) {
        return ERR_NOMEM;
    }
    *f = (struct testcell_follow){.call = call, .until = want->until, .next = t->follows,
                                  .back = &t->follows, .target = strdup(want->target),
                                  .request = CELL__TESTCELL__WATCH_REQUEST__INIT};
    if (f->next != NULL) {
        f->next->back = &f->next;
    }
    t->follows = f;
    f->request.wait_ms = 500;
    f->watch = cell_watch_start(t->cell, &(struct cell_watch_def){
        .target = f->target, .operation = CELL__TESTCELL__OP__OP_WATCH, .request = &f->request.base,
        .reply = &cell__testcell__watch_reply__descriptor, .poll_ms = 1500, .from = want->from,
        .set_from = set_from, .get_last = get_last, .news = on_news, .trouble = on_trouble,
        .context = f});
    if (f->watch == NULL) {
        follow_free(f);
        return ERR_NOMEM;
    }
    return ERR_LATER;
}

/* Calls that a cell is stopped with are nobody's any more. */
void testcell_client_stop(struct testcell *t)
{
    while (t->follows != NULL) {
        follow_free(t->follows);
    }
}

/* ---- passing on --------------------------------------------------------------------------------- */

/* A request that is passed on, and its route twice: as it is lent, and as it was. */
struct passing {
    struct cell_call *call;
    const char *route;
    char was[128];
};

static void on_passed(void *context, const struct cell_packed_answer *answer)
{
    const struct passing *one = context;
    struct cell_call *call = one->call;

    assert(strcmp(one->route, one->was) == 0); /* lent for as long as the call lives, whatever else has come */
    if (answer->e != ERR_OK) {
        cell_call_retry_after(call, answer->retry_after_ms);
        cell_reply_error(call, answer->e, answer->text, answer->hint);
    } else if (cell_reply_packed(call, answer->body, answer->size) != ERR_OK) {
        (void)fprintf(stderr, "testcell: nobody waits for what was passed on\n");
    }
}

/* A gateway without a network: the cell of that name and number is taken to be here. */
enum err testcell_forward(void *state, struct cell_call *call, const struct cell_forward *request)
{
    struct testcell *t = state;
    char target[128];
    size_t key_size;
    const uint8_t *key = cell_call_key(call, &key_size);
    struct passing *one = cell_call_alloc(call, sizeof *one);

    if (one == NULL) {
        return ERR_NOMEM;
    }
    *one = (struct passing){.call = call, .route = request->route};
    (void)snprintf(one->was, sizeof one->was, "%s", request->route);

    (void)snprintf(target, sizeof target, "%.*s", (int)strcspn(request->route, "@"), request->route);
    const struct cell_ask_packed packed = {
        .ask = {.target = target, .operation = request->operation, .on_behalf_of = call, .context = one},
        .body = request->body, .size = request->size, .schema = request->schema, .key = key,
        .key_size = key_size, .done = on_passed};
    enum err e = cell_ask_packed(t->cell, &packed);
    return e == ERR_OK ? ERR_LATER : e;
}
