#include "common/run/loop.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

#include "common/base/hist.h"

enum {
    LOOP_SIGNALS_MAX = 8,
};

struct loop_timer {
    uv_timer_t handle; /* first: a handle is its timer */
    uint64_t due_us;
    void (*fire)(void *context);
    void *context;
};

struct loop_watch {
    uv_poll_t handle; /* first: a handle is its watch */
    void (*ready)(void *context, unsigned bits);
    void *context;
};

struct loop_signal_slot {
    uv_signal_t handle; /* first: a handle is its slot */
    void (*fire)(void *context);
    void *context;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare; /* runs right before the loop would sleep: what timers and
                           * descriptors left to do is not delayed by that sleep */
    uv_idle_t hot;        /* while it runs the loop does not sleep */
    uv_idle_t linger;     /* the same, until linger_until_us */
    uint64_t linger_until_us, crowded_us;
    struct loop_signal_slot signal[LOOP_SIGNALS_MAX];
    unsigned signal_count;
    void (*idle)(void *context, uint64_t now_ms);
    void *idle_context;
    uint64_t woke_us; /* when the first of this turn's callbacks began; 0: none has yet */
    struct hist lag;
};

/* Every callback of libuv's begins with it. libuv would measure its sleep itself, but asks the kernel twice a turn then:
 * once without waiting. */
static void wake(struct loop *loop)
{
    if (loop->woke_us == 0) {
        loop->woke_us = loop_now_us();
    }
}

uint64_t loop_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

uint64_t loop_now_ms(void)
{
    return loop_now_us() / 1000u;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;

    if (loop->idle != NULL) {
        loop->idle(loop->idle_context, loop_now_ms());
        uv_update_time(&loop->uv); /* it may have taken a while: the sleep counts from now */
    }
    if (loop->woke_us != 0) { /* so long did the last turn keep waiting whatever came meanwhile */
        hist_record(&loop->lag, loop_now_us() - loop->woke_us);
        loop->woke_us = 0;
    }
}

struct loop *loop_new(void)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        return NULL;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    hist_init(&loop->lag);
    loop->uv.data = loop;
    (void)uv_prepare_init(&loop->uv, &loop->prepare); /* these only fail on a NULL loop */
    loop->prepare.data = loop;
    (void)uv_prepare_start(&loop->prepare, on_prepare);
    (void)uv_idle_init(&loop->uv, &loop->hot);
    loop->hot.data = loop;
    (void)uv_idle_init(&loop->uv, &loop->linger);
    loop->linger.data = loop;
    return loop;
}

static void close_any(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle)) {
        /* Timers and watches that a careless owner left behind leak a few bytes; the process is
         * about to end, and freeing what an owner still points to would be worse. */
        uv_close(handle, NULL);
    }
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    uv_walk(&loop->uv, close_any, NULL);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {
    }
    int left = uv_loop_close(&loop->uv);
    assert(left == 0);
    free(loop);
}

void loop_run(struct loop *loop, void (*idle)(void *context, uint64_t now_ms), void *context)
{
    loop->idle = idle;
    loop->idle_context = context;
    loop->woke_us = 0;
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->idle = NULL;
}

static void on_hot(uv_idle_t *hot)
{
    wake(hot->data); /* that it is there is what counts */
}

void loop_hot(struct loop *loop, bool is_hot)
{
    if (is_hot) {
        (void)uv_idle_start(&loop->hot, on_hot); /* again is nothing; fails only without a function */
    } else {
        (void)uv_idle_stop(&loop->hot);
    }
}

static void on_linger(uv_idle_t *linger)
{
    struct loop *loop = linger->data;
    uint64_t before_us = loop_now_us(), after_us;

    if (before_us >= loop->linger_until_us) {
        (void)uv_idle_stop(linger);
        return;
    }
    (void)sched_yield(); /* cannot fail here */
    after_us = loop_now_us();
    if (after_us - before_us >= LOOP_CROWDED_US) {
        loop->crowded_us = after_us;
        (void)uv_idle_stop(linger);
    }
}

void loop_linger(struct loop *loop, uint64_t until_us)
{
    loop->linger_until_us = until_us;
    if (until_us > 0) {
        (void)uv_idle_start(&loop->linger, on_linger);
    } else {
        (void)uv_idle_stop(&loop->linger);
    }
}

uint64_t loop_crowded_us(const struct loop *loop)
{
    return loop->crowded_us;
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_timer(uv_timer_t *handle)
{
    struct loop_timer *t = (struct loop_timer *)handle;
    struct loop *loop = handle->loop->data;
    uint64_t now_us;

    wake(loop);
    now_us = loop_now_us();
    /* How late a timer is, is how long a request would have waited: also when we did not get the CPU,
     * which the length of our turns does not show. */
    hist_record(&loop->lag, now_us > t->due_us ? now_us - t->due_us : 0);
    t->due_us = now_us + uv_timer_get_repeat(handle) * 1000u;
    t->fire(t->context);
}

struct loop_timer *loop_timer_new(struct loop *loop, uint64_t delay_ms, uint64_t period_ms,
                                  void (*fire)(void *context), void *context)
{
    struct loop_timer *t = calloc(1, sizeof *t);

    if (t == NULL) {
        return NULL;
    }
    t->fire = fire;
    t->context = context;
    (void)uv_timer_init(&loop->uv, &t->handle);
    loop_timer_again(t, delay_ms, period_ms);
    return t;
}

void loop_timer_again(struct loop_timer *t, uint64_t delay_ms, uint64_t period_ms)
{
    uv_update_time(t->handle.loop); /* a long handler must not shorten the delay */
    /* libuv counts whole milliseconds from a rounded-down now: one more, or it would fire early. */
    t->due_us = loop_now_us() + (delay_ms > 0 ? delay_ms + 1 : 0) * 1000u;
    (void)uv_timer_start(&t->handle, on_timer, delay_ms > 0 ? delay_ms + 1 : 0, period_ms);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle); /* the handle is the first member of what was allocated */
}

void loop_timer_free(struct loop_timer *t)
{
    if (t != NULL) {
        uv_close((uv_handle_t *)&t->handle, on_closed);
    }
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct loop_watch *w = (struct loop_watch *)handle;
    unsigned bits = 0;

    wake(handle->loop->data);
    if (status < 0 || (events & (UV_READABLE | UV_DISCONNECT)) != 0) {
        bits |= LOOP_READ;
    }
    if (status < 0 || (events & UV_WRITABLE) != 0) {
        bits |= LOOP_WRITE;
    }
    w->ready(w->context, bits);
}

void loop_watch_want(struct loop_watch *w, unsigned want)
{
    int events = 0;

    if ((want & LOOP_READ) != 0) {
        events |= UV_READABLE | UV_DISCONNECT;
    }
    if ((want & LOOP_WRITE) != 0) {
        events |= UV_WRITABLE;
    }
    if (events == 0) {
        (void)uv_poll_stop(&w->handle);
    } else {
        (void)uv_poll_start(&w->handle, events, on_poll); /* fails only on a closing handle */
    }
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, unsigned want,
                                  void (*ready)(void *context, unsigned bits), void *context)
{
    struct loop_watch *w = calloc(1, sizeof *w);

    if (w == NULL) {
        return NULL;
    }
    w->ready = ready;
    w->context = context;
    if (uv_poll_init(&loop->uv, &w->handle, fd) != 0) {
        free(w);
        return NULL;
    }
    loop_watch_want(w, want);
    return w;
}

void loop_watch_free(struct loop_watch *w)
{
    if (w != NULL) {
        uv_close((uv_handle_t *)&w->handle, on_closed);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct loop_signal_slot *slot = (struct loop_signal_slot *)handle;

    (void)number;
    wake(handle->loop->data);
    slot->fire(slot->context);
}

enum err loop_signal(struct loop *loop, int signal_number, void (*fire)(void *context),
                     void *context)
{
    if (loop->signal_count == LOOP_SIGNALS_MAX) {
        return ERR_LIMIT;
    }
    struct loop_signal_slot *slot = &loop->signal[loop->signal_count];
    slot->fire = fire;
    slot->context = context;
    if (uv_signal_init(&loop->uv, &slot->handle) != 0 ||
        uv_signal_start(&slot->handle, on_signal, signal_number) != 0) {
        return ERR_IO;
    }
    uv_unref((uv_handle_t *)&slot->handle);
    loop->signal_count++;
    return ERR_OK;
}

uint64_t loop_lag_us_p99(const struct loop *loop)
{
    return hist_permille(&loop->lag, 990);
}
