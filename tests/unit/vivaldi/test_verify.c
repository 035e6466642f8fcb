/* Claims about measuring before answering: who is measured, how long that is waited for, and that each wait ends once. The
 * runtime is played here. */
#include <stdlib.h>
#include <string.h>

#include "proto/nodosum.ops.h"
#include "tests/support/check.h"
#include "vivaldi/shell.h"

enum { ASKS = VIVALDI_VERIFY_MAX + 1, PEERS = 8 };

struct cell_timer {
    void (*fire)(void *context);
    void *context;
    uint64_t delay_ms;
};

static struct cell_ask asked[ASKS];
static uint32_t asks, timers, ends;
static enum err ask_result;
static struct cell_timer *last_timer;

enum err cell_ask(struct cell *cell, const struct cell_ask *ask)
{
    (void)cell;
    if (ask_result == ERR_OK) {
        asked[asks++] = *ask;
    }
    return ask_result;
}

struct cell_timer *cell_timer_start(struct cell *cell, uint64_t delay_ms, uint64_t period_ms, void (*fire)(void *context),
                                    void *context)
{
    (void)cell;
    CHECK(period_ms == 0, "once");
    last_timer = malloc(sizeof *last_timer);
    REQUIRE(last_timer != NULL, "memory");
    *last_timer = (struct cell_timer){fire, context, delay_ms};
    timers++;
    return last_timer;
}

void cell_timer_stop(struct cell_timer *timer)
{
    timers -= timer != NULL;
    free(timer);
}

uint32_t vivaldi_shell_now_s(const struct vivaldi_shell *s)
{
    (void)s;
    return 100;
}

static void open_shell(struct vivaldi_shell *s)
{
    struct vivaldi_config c = {.self = 1, .dims = VIVALDI_DIMS_MAX, .peers_max = PEERS};

    *s = (struct vivaldi_shell){.memory = malloc(vivaldi_core_size(PEERS))};
    REQUIRE(s->memory != NULL && vivaldi_core_init(&s->core, &c, s->memory) == ERR_OK, "a core");
    asks = timers = ends = 0;
    ask_result = ERR_OK;
}

static void close_shell(struct vivaldi_shell *s)
{
    CHECK(s->verifies == NULL && timers == 0, "nothing is left");
    free(s->memory);
}

static void on_done(void *context)
{
    (void)context;
    ends++;
}

static struct vivaldi_verify of(uint64_t a, uint64_t b)
{
    return (struct vivaldi_verify){.done = on_done, .count = 2, .wait_ms = 120, .id = {a, b}, .key = {{(uint8_t)a}, {(uint8_t)b}}};
}

static void measure(struct vivaldi_shell *s, uint64_t id)
{
    CHECK(vivaldi_core_sample(&s->core, 100, id, 5000, NULL) == ERR_OK, "a round trip");
    vivaldi_verify_heard(s);
}

static void begun(uint32_t ask, enum err e, uint32_t count)
{
    Cell__Nodosum__MeasureReply reply = CELL__NODOSUM__MEASURE_REPLY__INIT;

    reply.begun = count;
    asked[ask].done(asked[ask].context, e, e == ERR_OK ? &reply.base : NULL, "");
}

static void both_round_trips_end_it(void)
{
    struct vivaldi_verify v = of(7, 8);
    struct vivaldi_shell s;

    open_shell(&s);
    CHECK(vivaldi_verify_begin(&s, &v) == ERR_OK && asks == 1 && asked[0].operation == CELL__NODOSUM__OP__OP_MEASURE, "asked");
    begun(0, ERR_OK, 2);
    CHECK(timers == 1 && last_timer->delay_ms == 120 && ends == 0, "it waits");
    measure(&s, 7);
    CHECK(ends == 0, "for both");
    measure(&s, 9);
    CHECK(ends == 0, "and for no other");
    measure(&s, 8);
    CHECK(ends == 1 && s.verified == 1 && s.unverified == 0, "measured");
    measure(&s, 8);
    CHECK(ends == 1, "once");
    close_shell(&s);
}

static void the_time_ends_it(void)
{
    struct vivaldi_verify v = of(7, 8);
    struct vivaldi_shell s;

    open_shell(&s);
    CHECK(vivaldi_verify_begin(&s, &v) == ERR_OK, "asked");
    begun(0, ERR_OK, 2);
    measure(&s, 7);
    last_timer->fire(last_timer->context);
    CHECK(ends == 1 && s.verified == 0 && s.unverified == 1, "one did not answer");
    close_shell(&s);
}

/* Round trips that come in before membership has said that it began count all the same, and nothing ends twice. */
static void whoever_is_quick_is_heard(void)
{
    struct vivaldi_verify v = of(7, 8);
    struct vivaldi_shell s;

    open_shell(&s);
    CHECK(vivaldi_verify_begin(&s, &v) == ERR_OK, "asked");
    measure(&s, 7);
    measure(&s, 8);
    CHECK(ends == 0, "membership still has the request");
    begun(0, ERR_OK, 2);
    CHECK(ends == 1 && s.verified == 1, "now");
    close_shell(&s);
}

static void what_cannot_be_measured_is_answered_all_the_same(void)
{
    static const struct {
        enum err e;
        uint32_t begun;
        const char *why;
    } rows[] = {
        {ERR_OK, 0, "membership began with none"},
        {ERR_DENIED, 0, "the manifest does not let it"},
        {ERR_TIMEOUT, 0, "membership is stuck"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vivaldi_verify v = of(7, 8);
        struct vivaldi_shell s;
        open_shell(&s);
        CHECK(vivaldi_verify_begin(&s, &v) == ERR_OK, "asked");
        begun(0, rows[i].e, rows[i].begun);
        CHECK(ends == 1 && s.unverified == 1 && timers == 0, "%s", rows[i].why);
        close_shell(&s);
    }
}

static void so_many_wait_and_no_more(void)
{
    struct vivaldi_verify v[VIVALDI_VERIFY_MAX + 1];
    struct vivaldi_shell s;

    open_shell(&s);
    for (uint32_t i = 0; i <= VIVALDI_VERIFY_MAX; i++) {
        v[i] = of(7, 8);
        CHECK(vivaldi_verify_begin(&s, &v[i]) == (i < VIVALDI_VERIFY_MAX ? ERR_OK : ERR_LIMIT), "wait %u", i);
    }
    for (uint32_t i = 0; i + 1 < VIVALDI_VERIFY_MAX; i++) {
        begun(i, ERR_OK, 1);
    }
    vivaldi_verify_stop(&s);
    CHECK(ends == VIVALDI_VERIFY_MAX - 1, "the end of the cell ends all whose request is over: %u", ends);
    begun(VIVALDI_VERIFY_MAX - 1, ERR_CANCELLED, 0);
    CHECK(ends == VIVALDI_VERIFY_MAX, "and the runtime ends the other one");
    ask_result = ERR_UNAVAILABLE;
    CHECK(vivaldi_verify_begin(&s, &v[0]) == ERR_UNAVAILABLE, "who cannot ask");
    close_shell(&s);
}

int main(void)
{
    both_round_trips_end_it();
    the_time_ends_it();
    whoever_is_quick_is_heard();
    what_cannot_be_measured_is_answered_all_the_same();
    so_many_wait_and_no_more();
    return CHECK_RESULT();
}
