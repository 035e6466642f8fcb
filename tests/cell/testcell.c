#include "testcell.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/run/log.h"
#include "common/run/loop.h"
#include "testcell.pb-c.h"

/* A call that a timer answers. */
struct testcell_later {
    struct testcell_later *next;
    struct testcell_later **back;
    struct testcell *cell;
    struct cell_call *call;
    struct cell_timer *timer;
    enum err e; /* ERR_OK: as Slow */
    char *text;
    char *hint;
    uint32_t remaining_ms;
};

enum err testcell_open(struct cell *cell, void *state)
{
    struct testcell *t = state;

    t->cell = cell;
    t->echoes = cell_metric_counter(cell, "cell_testcell_echoes_total", "echoes given");
    t->delays = cell_metric_histogram(cell, "cell_testcell_delay_seconds", "delays asked for");
    return ERR_OK;
}

void testcell_drain(void *state)
{
    (void)state;
    log_info("TESTCELL-DRAIN", "pid=%d", (int)getpid());
}

/* ---- answers now ------------------------------------------------------------------------------- */

enum err testcell_echo(void *state, struct cell_call *call, const void *request)
{
    struct testcell *t = state;
    const Cell__Testcell__EchoRequest *ask = request;
    Cell__Testcell__EchoReply reply = CELL__TESTCELL__ECHO_REPLY__INIT;

    cell_metric_add(t->echoes, 1);
    reply.text = ask->text;
    reply.data = ask->data;
    reply.remaining_ms = cell_call_remaining_ms(call);
    reply.instance = cell_instance(t->cell);
    return cell_reply(call, &reply);
}

enum err testcell_big(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__BigRequest *ask = request;
    Cell__Testcell__BigReply reply = CELL__TESTCELL__BIG_REPLY__INIT;
    AUTO_FREE uint8_t *data = calloc(1, (size_t)ask->size + 1);

    (void)state;
    if (data == NULL) {
        return ERR_NOMEM;
    }
    reply.data.data = data;
    reply.data.len = ask->size;
    return cell_reply(call, &reply);
}

enum err testcell_forgetful(void *state, struct cell_call *call, const void *request)
{
    (void)state;
    (void)call;
    (void)request;
    return ERR_OK; /* without an answer */
}

enum err testcell_who(void *state, struct cell_call *call, const void *request)
{
    struct testcell *t = state;
    Cell__Testcell__WhoReply reply = CELL__TESTCELL__WHO_REPLY__INIT;
    struct cell_caller caller;
    static const char *const names[] = {"one", "two"};

    (void)request;
    cell_call_caller(call, &caller);
    reply.space = (char *)caller.space;
    reply.cell = (char *)caller.cell;
    reply.is_operator = caller.is_operator;
    reply.pid = caller.pid;
    reply.uid = caller.uid;
    reply.key.data = (uint8_t *)cell_call_key(call, &reply.key.len);
    reply.config = (char *)cell_config(t->cell);
    reply.state_dir = (char *)cell_state_dir(t->cell);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int fd = cell_take_descriptor(t->cell, names[i]);
        if (fd >= 0) {
            reply.descriptors++;
            (void)close(fd);
        }
    }
    return cell_reply(call, &reply);
}

/* ---- answers later, or never ------------------------------------------------------------------- */

static void later_free(struct testcell_later *l)
{
    *l->back = l->next;
    if (l->next != NULL) {
        l->next->back = l->back;
    }
    cell_timer_stop(l->timer);
    free(l->text);
    free(l->hint);
    free(l);
}

static void on_later(void *context)
{
    struct testcell_later *l = context;
    Cell__Testcell__SlowReply reply = CELL__TESTCELL__SLOW_REPLY__INIT;

    if (l->e != ERR_OK) {
        cell_reply_error(l->call, l->e, l->text, l->hint);
    } else {
        reply.text = l->text;
        reply.remaining_ms = l->remaining_ms;
        enum err e = cell_reply(l->call, &reply);
        if (e != ERR_OK) {
            log_info("TESTCELL-LATE", "error=%s", err_name(e));
        }
    }
    later_free(l);
}

static enum err later_new(struct testcell *t, struct cell_call *call, uint32_t delay_ms,
                          const char *text, const char *hint, enum err e)
{
    struct testcell_later *l = calloc(1, sizeof *l);

    if (l == NULL) {
        return ERR_NOMEM;
    }
    l->cell = t;
    l->call = call;
    l->e = e;
    l->text = strdup(text);
    l->hint = strdup(hint);
    l->remaining_ms = cell_call_remaining_ms(call);
    l->next = t->later;
    l->back = &t->later;
    if (l->next != NULL) {
        l->next->back = &l->next;
    }
    t->later = l;
    l->timer = cell_timer_start(t->cell, delay_ms, 0, on_later, l);
    if (l->timer == NULL || l->text == NULL || l->hint == NULL) {
        later_free(l);
        return ERR_NOMEM;
    }
    return ERR_LATER;
}

enum err testcell_slow(void *state, struct cell_call *call, const void *request)
{
    struct testcell *t = state;
    const Cell__Testcell__SlowRequest *ask = request;

    cell_metric_record_us(t->delays, ask->delay_ms * UINT64_C(1000));
    return later_new(t, call, ask->delay_ms, ask->text, "", ERR_OK);
}

enum err testcell_never(void *state, struct cell_call *call, const void *request)
{
    (void)state;
    (void)call;
    (void)request;
    return ERR_LATER;
}

enum err testcell_fail(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__FailRequest *ask = request;
    enum err e = err_from_wire(ask->status);

    if (ask->later) {
        return later_new(state, call, 1, ask->text, ask->hint, e);
    }
    if (ask->hint[0] != '\0') {
        cell_reply_error(call, e, ask->text, ask->hint);
        return e;
    }
    if (ask->text[0] != '\0') {
        cell_call_explain(call, "%s", ask->text);
    }
    return e;
}

/* A cell may be stopped with calls unanswered: nobody waits for them, their timers must go. */
void testcell_stop(void *state)
{
    struct testcell *t = state;

    while (t->later != NULL) {
        later_free(t->later);
    }
    t->has_stopped = true;
}

/* ---- calls to another cell --------------------------------------------------------------------- */

struct asking {
    struct testcell *cell;
    struct cell_call *call;
    struct cell_timer *timer;
    char *target;
    uint8_t *data;
    size_t size;
    uint32_t operation;
    uint32_t deadline_ms;
    uint32_t delay_ms;
    uint32_t count;
    uint32_t left;
    uint32_t again;
    bool on_behalf;
    uint64_t began_us;
    Cell__Testcell__Outcome *outcome;
    Cell__Testcell__Outcome **slot;
};

struct one {
    struct asking *asking;
    uint32_t index;
    uint32_t again;
};

static void asking_free(struct asking *a)
{
    for (uint32_t i = 0; a->outcome != NULL && i < a->count; i++) {
        if (a->outcome[i].text != NULL && a->outcome[i].text[0] != '\0') {
            free(a->outcome[i].text);
        }
    }
    cell_timer_stop(a->timer);
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
    if (e != ERR_OK && one->again > 0) {
        one->again--;
        if (ask_one(a, one) == ERR_OK) {
            return;
        }
    }
    o->status = err_to_wire(e);
    o->took_us = loop_now_us() - a->began_us;
    o->text = text[0] != '\0' ? strdup(text) : (char *)"";
    if (e == ERR_OK && a->operation == CELL__TESTCELL__OP__OP_ECHO) {
        o->remaining_ms = ((const Cell__Testcell__EchoReply *)reply)->remaining_ms;
        o->instance = ((const Cell__Testcell__EchoReply *)reply)->instance;
    } else if (e == ERR_OK && a->operation == CELL__TESTCELL__OP__OP_SLOW) {
        o->remaining_ms = ((const Cell__Testcell__SlowReply *)reply)->remaining_ms;
    }
    free(one);
    if (--a->left == 0) {
        asking_done(a);
    }
}

static enum err ask_one(struct asking *a, struct one *one)
{
    Cell__Testcell__EchoRequest echo = CELL__TESTCELL__ECHO_REQUEST__INIT;
    Cell__Testcell__SlowRequest slow = CELL__TESTCELL__SLOW_REQUEST__INIT;
    Cell__Testcell__NeverRequest never = CELL__TESTCELL__NEVER_REQUEST__INIT;
    struct cell_ask ask = {
        .target = a->target,
        .operation = a->operation,
        .deadline_ms = a->deadline_ms,
        .on_behalf_of = a->on_behalf ? a->call : NULL,
        .done = on_answer,
        .context = one,
    };

    echo.data.data = a->data;
    echo.data.len = a->size;
    slow.delay_ms = a->delay_ms;
    if (a->operation == CELL__TESTCELL__OP__OP_SLOW) {
        ask.request = &slow.base;
        ask.reply = &cell__testcell__slow_reply__descriptor;
    } else if (a->operation == CELL__TESTCELL__OP__OP_NEVER) {
        ask.request = &never.base;
        ask.reply = &cell__testcell__never_reply__descriptor;
    } else {
        ask.request = &echo.base;
        ask.reply = &cell__testcell__echo_reply__descriptor;
    }
    return cell_ask(a->cell->cell, &ask);
}

static void ask_all(void *context)
{
    struct asking *a = context;
    uint32_t count = a->count;

    a->began_us = loop_now_us();
    a->left = count + 1; /* one more: an ask that fails at once must not end it inside the loop */
    for (uint32_t i = 0; i < count; i++) {
        struct one *one = calloc(1, sizeof *one);
        if (one == NULL) {
            abort();
        }
        *one = (struct one){.asking = a, .index = i, .again = a->again};
        enum err e = ask_one(a, one);
        if (e != ERR_OK) {
            a->outcome[i].status = err_to_wire(e);
            a->left--;
            free(one);
        }
    }
    if (--a->left == 0) {
        asking_done(a);
    }
}

enum err testcell_ask(void *state, struct cell_call *call, const void *request)
{
    const Cell__Testcell__AskRequest *ask = request;
    struct asking *a = calloc(1, sizeof *a);

    if (a == NULL) {
        return ERR_NOMEM;
    }
    *a = (struct asking){.cell = state, .call = call, .operation = ask->operation,
                         .deadline_ms = ask->deadline_ms, .delay_ms = ask->delay_ms,
                         .count = ask->count, .again = ask->again, .on_behalf = ask->on_behalf,
                         .size = ask->fill};
    a->target = strdup(ask->target);
    a->data = calloc(1, (size_t)ask->fill + 1);
    a->outcome = calloc(a->count + 1, sizeof *a->outcome);
    a->slot = calloc(a->count + 1, sizeof *a->slot);
    if (a->target == NULL || a->data == NULL || a->outcome == NULL || a->slot == NULL) {
        asking_free(a);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        a->outcome[i] = (Cell__Testcell__Outcome)CELL__TESTCELL__OUTCOME__INIT;
        a->slot[i] = &a->outcome[i];
    }
    if (ask->from_timer) {
        a->timer = cell_timer_start(a->cell->cell, 1, 0, ask_all, a);
        return a->timer == NULL ? ERR_NOMEM : ERR_LATER;
    }
    ask_all(a);
    return ERR_LATER;
}
