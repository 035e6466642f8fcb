/* The event loop: what runs when, and what may be freed from where. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/loop.h"
#include "tests/support/check.h"

enum {
    SIGNALS_MAX = 8,
};

static struct loop *loop;
static unsigned idles;

static void count_idle(void *context, uint64_t now_ms)
{
    (void)context;
    CHECK(now_ms > 0, "the time is told");
    idles++;
}

static void stop(void *context)
{
    (void)context;
    loop_stop(loop);
}

/* ---- timers ------------------------------------------------------------------------------------ */

struct ticker {
    struct loop_timer *timer;
    unsigned count;
    unsigned most;
    unsigned idles_before;
    uint64_t began_us;
    uint64_t fired_us;
};

static void on_tick(void *context)
{
    struct ticker *t = context;

    t->fired_us = loop_now_us();
    t->idles_before = idles;
    if (++t->count == t->most) {
        loop_timer_free(t->timer); /* from its own callback */
        t->timer = NULL;
        loop_stop(loop);
    }
}

static void timers_fire_in_time(void)
{
    struct ticker once = {.most = 1}, often = {.most = 5};

    once.began_us = loop_now_us();
    once.timer = loop_timer_new(loop, 30, 0, on_tick, &once);
    loop_run(loop, NULL, NULL);
    CHECK(once.count == 1 && once.fired_us - once.began_us >= 29000, "once, not early: %u", once.count);
    often.began_us = loop_now_us();
    often.timer = loop_timer_new(loop, 0, 10, on_tick, &often);
    loop_run(loop, NULL, NULL);
    CHECK(often.count == 5 && often.fired_us - often.began_us >= 39000, "then every period");
}

/* A timer set again counts from then, even when the loop has been busy. */
static void a_busy_loop_shortens_no_timer(void)
{
    struct ticker t = {.most = 1};

    t.timer = loop_timer_new(loop, 1000, 0, on_tick, &t);
    uint64_t until_us = loop_now_us() + 50000;
    while (loop_now_us() < until_us) { /* a long handler */
    }
    t.began_us = loop_now_us();
    loop_timer_again(t.timer, 30, 0);
    loop_run(loop, NULL, NULL);
    CHECK(t.fired_us - t.began_us >= 29000, "the delay is whole");
}

/* What a timer's callback leaves for the end of the turn happens before the loop sleeps. */
static void a_turn_ends_before_the_loop_sleeps(void)
{
    struct ticker t = {.most = UINT32_MAX};

    idles = 0;
    t.timer = loop_timer_new(loop, 1, 0, on_tick, &t);
    struct loop_timer *end = loop_timer_new(loop, 60, 0, stop, NULL);
    loop_run(loop, count_idle, NULL);
    CHECK(t.count == 1 && idles > t.idles_before, "idle ran after the timer");
    CHECK(idles - t.idles_before <= 4, "and did not spin: %u", idles - t.idles_before);
    loop_timer_free(t.timer);
    loop_timer_free(end);
    loop_timer_free(NULL);
}

/* ---- watches ----------------------------------------------------------------------------------- */

struct watcher {
    struct loop_watch *watch;
    int fd;
    unsigned bits;
    unsigned count;
    unsigned most;
};

static void on_ready(void *context, unsigned bits)
{
    struct watcher *w = context;
    uint64_t value;

    w->bits |= bits;
    if ((bits & LOOP_READ) != 0) {
        ssize_t got = read(w->fd, &value, sizeof value);
        (void)got;
    }
    if (++w->count == w->most) {
        loop_watch_free(w->watch); /* from its own callback */
        w->watch = NULL;
        loop_stop(loop);
    }
}

static void descriptors_are_watched(void)
{
    struct watcher w = {.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .most = 2};
    uint64_t one = 1;

    w.watch = loop_watch_new(loop, w.fd, LOOP_READ, on_ready, &w);
    REQUIRE(write(w.fd, &one, sizeof one) == sizeof one, "an event");
    struct loop_timer *end = loop_timer_new(loop, 50, 0, stop, NULL);
    loop_run(loop, NULL, NULL);
    CHECK(w.count == 1 && w.bits == LOOP_READ, "one event, one call: %u", w.count);
    loop_watch_want(w.watch, LOOP_READ | LOOP_WRITE);
    loop_run(loop, NULL, NULL);
    CHECK(w.count == 2 && w.bits == (LOOP_READ | LOOP_WRITE), "writable when wanted");
    loop_timer_free(end);
    loop_watch_free(w.watch);
    (void)close(w.fd);
}

static void no_want_is_no_call(void)
{
    struct watcher w = {.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC), .most = UINT32_MAX};

    w.watch = loop_watch_new(loop, w.fd, 0, on_ready, &w);
    struct loop_timer *end = loop_timer_new(loop, 30, 0, stop, NULL);
    loop_run(loop, NULL, NULL);
    CHECK(w.count == 0, "a watch that wants nothing gets nothing: %u", w.count);
    loop_timer_free(end);
    loop_watch_free(w.watch);
    loop_watch_free(NULL);
    (void)close(w.fd);
    CHECK(loop_watch_new(loop, -1, LOOP_READ, on_ready, &w) == NULL, "no descriptor, no watch");
}

/* The other end hangs up: readable. */
static void a_hang_up_is_readable(void)
{
    int ends[2];
    struct watcher w = {.most = 1};

    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe");
    w.fd = ends[0];
    w.watch = loop_watch_new(loop, ends[0], LOOP_READ, on_ready, &w);
    (void)close(ends[1]);
    loop_run(loop, NULL, NULL);
    CHECK((w.bits & LOOP_READ) != 0, "a hang-up counts as readable");
    (void)close(ends[0]);
}

/* ---- signals and lag --------------------------------------------------------------------------- */

static void raise_it(void *context)
{
    (void)context;
    (void)raise(SIGUSR1);
}

static void signals_arrive_on_the_loop(void)
{
    REQUIRE(loop_signal(loop, SIGUSR1, stop, NULL) == ERR_OK, "the first");
    struct loop_timer *t = loop_timer_new(loop, 1, 0, raise_it, NULL);
    loop_run(loop, NULL, NULL); /* returns only because the signal stops it */
    loop_timer_free(t);
    for (int i = 1; i < SIGNALS_MAX; i++) {
        CHECK(loop_signal(loop, SIGUSR2, stop, NULL) == ERR_OK, "signal %d", i);
    }
    CHECK(loop_signal(loop, SIGUSR2, stop, NULL) == ERR_LIMIT, "one more than there is room for");
}

static void block(void *context)
{
    uint64_t until_us = loop_now_us() + 250000;

    (void)context;
    while (loop_now_us() < until_us) { /* a handler that takes far too long */
    }
}

static void lag_shows_long_handlers(void)
{
    struct loop *kept = loop;

    loop = loop_new();
    REQUIRE(loop != NULL, "a loop");
    CHECK(loop_lag_us_p99(loop) == 0, "no lag before it ran");
    struct loop_timer *busy = loop_timer_new(loop, 20, 0, block, NULL);
    struct loop_timer *end = loop_timer_new(loop, 500, 0, stop, NULL);
    loop_run(loop, NULL, NULL);
    CHECK(loop_lag_us_p99(loop) >= 200000, "a turn of 250 ms: %u us",
          (unsigned)loop_lag_us_p99(loop));
    loop_timer_free(busy);
    loop_timer_free(end);
    loop_free(loop);
    loop = kept;
    loop_free(NULL);
}

static void block_once(void *context, unsigned bits)
{
    struct loop_watch **watch = context;

    (void)bits;
    loop_watch_free(*watch);
    *watch = NULL;
    block(NULL);
}

/* What a descriptor's handler takes is lag as well, though no timer is late for it. */
static void lag_shows_long_reads(void)
{
    struct loop *kept = loop;
    struct loop_watch *watch;
    int pair[2];

    loop = loop_new();
    REQUIRE(loop != NULL && pipe(pair) == 0 && write(pair[1], "x", 1) == 1, "a loop and a byte");
    watch = loop_watch_new(loop, pair[0], LOOP_READ, block_once, &watch);
    struct loop_timer *end = loop_timer_new(loop, 600, 0, stop, NULL);
    loop_run(loop, NULL, NULL);
    CHECK(loop_lag_us_p99(loop) >= 200000, "a read of 250 ms: %u us",
          (unsigned)loop_lag_us_p99(loop));
    loop_timer_free(end);
    loop_free(loop);
    close(pair[0]);
    close(pair[1]);
    loop = kept;
}

static void count_turn(void *context, uint64_t now_ms)
{
    (void)now_ms;
    ++*(unsigned *)context;
}

/* A hundred cells that do nothing are a hundred processes that sleep. */
static void an_idle_loop_sleeps(void)
{
    struct loop *kept = loop;
    unsigned turns = 0;

    loop = loop_new();
    REQUIRE(loop != NULL, "a loop");
    struct loop_timer *end = loop_timer_new(loop, 700, 0, stop, NULL);
    loop_run(loop, count_turn, &turns);
    CHECK(turns <= 3, "%u turns while there was nothing to do", turns);
    loop_timer_free(end);
    loop_free(loop);
    loop = kept;
}

/* ---- waiting awake ----------------------------------------------------------------------------- */

struct visit {
    struct loop_timer *over;
    unsigned turns, turns_after;
    uint64_t until_us;
};

static void look_again(void *context, uint64_t now_ms)
{
    struct visit *v = context;

    (void)now_ms;
    v->turns++;
    v->turns_after += loop_now_us() > v->until_us;
}

static void a_loop_lingers_as_long_as_it_was_told(void)
{
    struct visit v = {.until_us = loop_now_us() + 20000};

    v.over = loop_timer_new(loop, 60, 0, stop, NULL);
    loop_linger(loop, v.until_us);
    loop_run(loop, look_again, &v);
    loop_timer_free(v.over);
    /* Whoever else wants this processor ends it before, and says so. */
    CHECK(v.turns > 100 || loop_crowded_us(loop) > 0, "it looked again and again");
    CHECK(v.turns_after < 10, "and slept when that was over");
    v = (struct visit){.until_us = 0};
    loop_linger(loop, loop_now_us() + 1000000);
    loop_linger(loop, 0);
    v.over = loop_timer_new(loop, 30, 0, stop, NULL);
    loop_run(loop, look_again, &v);
    loop_timer_free(v.over);
    CHECK(v.turns < 10, "who is told to sleep sleeps at once");
}

static void who_needs_the_processor_ends_it(void)
{
    struct visit v = {.until_us = loop_now_us() + 2000000};
    int here = sched_getcpu();
    cpu_set_t one, all;

    REQUIRE(here >= 0 && sched_getaffinity(0, sizeof all, &all) == 0, "processors");
    CPU_ZERO(&one);
    CPU_SET((unsigned)here, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0, "one processor for both");
    pid_t busy = fork();
    REQUIRE(busy >= 0, "a process");
    while (busy == 0) {
    }
    uint64_t began_us = loop_now_us();
    v.over = loop_timer_new(loop, 1000, 0, stop, NULL);
    loop_linger(loop, v.until_us);
    loop_run(loop, look_again, &v);
    loop_timer_free(v.over);
    CHECK(loop_crowded_us(loop) >= began_us, "it is noticed that somebody else is there");
    CHECK(v.turns < 1000, "and left to him");
    (void)kill(busy, SIGKILL);
    (void)waitpid(busy, NULL, 0);
    REQUIRE(sched_setaffinity(0, sizeof all, &all) == 0, "all of them again");
}

int main(void)
{
    loop = loop_new();
    REQUIRE(loop != NULL, "a loop");
    timers_fire_in_time();
    a_busy_loop_shortens_no_timer();
    a_turn_ends_before_the_loop_sleeps();
    descriptors_are_watched();
    no_want_is_no_call();
    a_hang_up_is_readable();
    signals_arrive_on_the_loop();
    lag_shows_long_handlers();
    lag_shows_long_reads();
    an_idle_loop_sleeps();
    a_loop_lingers_as_long_as_it_was_told();
    who_needs_the_processor_ends_it();
    loop_free(loop);
    return CHECK_RESULT();
}
