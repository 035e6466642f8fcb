#include "testcell.h"

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
    return testcell_stream_open(t);
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
    t->echo_count++;
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
    reply.from_node = (char *)caller.from_node;
    reply.from_cell = (char *)caller.from_cell;
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

    if (ask->raw.len > 0 && ask->raw.len < 64) {
        char raw[64] = "";
        memcpy(raw, ask->raw.data, ask->raw.len);
        cell_reply_error(call, e, raw, raw);
        return e;
    }
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
    testcell_stream_stop(t);
    testcell_client_stop(t);
    t->has_stopped = true;
}
