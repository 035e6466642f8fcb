/* Two processes that race: answers against timeouts, wakes against sleeps. Small here; by hand:
 *   test_run_shm_stress timeouts COUNT SEED     0 answers to another call
 *   test_run_shm_stress wakes COUNT SEED        0 lost wakes, on the futex
 *   test_run_shm_stress socket COUNT SEED       0 lost wakes, on the socket */
#include <inttypes.h>
#include <sched.h>
#include <sys/wait.h>

#include "common/base/rng.h"
#include "common/run/shm_core.h"
#include "tests/unit/run/shm_pair.h"

enum {
    CHECKED = 1, /* answered with the request's own number, after a while */
    STOP = 2,
    PATIENT_MS = 20000,
    PAUSES_MAX = 400,
    TURNS_MAX = 1500,
};

static struct rng rng;

static void pauses(uint64_t most)
{
    for (uint64_t i = rng_below(&rng, most + 1); i > 0; i--) {
        __builtin_ia32_pause();
    }
}

/* Lie down at any moment: the wake that is to be lost arrives some microseconds after the wait began, and
 * a waiter that always slept at once would always be asleep by then. */
static void draw_patience(struct shm_wait *w)
{
    w->misses = w->resting = w->busy = 0;
    w->budget = (uint32_t)rng_below(&rng, TURNS_MAX);
}

static enum err handle(void *context, const struct shm_request *r)
{
    uint64_t number = 0;
    const uint64_t *most = context;
    size_t size = r->size < sizeof number ? r->size : sizeof number;

    if (r->operation == STOP) {
        shm_stop(r->channel);
        return shm_answer(r, ERR_OK, 0);
    }
    memcpy(&number, r->data, size);
    draw_patience(&r->channel->serve_wait);
    pauses(*most);
    uint64_t *room = shm_answer_room(r, sizeof *room);
    if (room == NULL) {
        return ERR_INTERNAL;
    }
    *room = number;
    enum err e = shm_answer(r, ERR_OK, sizeof *room);
    return e == ERR_CANCELLED ? ERR_OK : e;
}

/* Whoever misses a wake sleeps until the deadline. */
static void sleep_long(struct shm *c, bool is_socket)
{
    c->slice_ns = is_socket ? 0 : (uint64_t)2 * PATIENT_MS * 1000000;
}

enum kind { TIMEOUTS, WAKES, SOCKET };

/* The two on processors of their own, where there are two: on one they meet only when one is stopped in
 * the middle. */
static void pin(int side)
{
    static cpu_set_t all; /* before the first pinning; a child inherits it */
    cpu_set_t one;
    int seen = 0;

    CPU_ZERO(&one);
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof all, &all) != 0) {
        return;
    }
    for (int cpu = 0; cpu < CPU_SETSIZE && seen <= side; cpu++) {
        if (CPU_ISSET(cpu, &all) && seen++ == side) {
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one); /* a race less likely is no failure */
        }
    }
}

static pid_t start(enum kind kind, uint64_t most, struct shm **ret)
{
    struct shm_shape shape = {2, 128, 0, 0};
    struct shm_meet_config config = shm_pair_config(&shape);
    int at[2];

    shm_pair_sockets(at);
    pid_t child = shm_pair_fork();
    if (child == 0) {
        struct shm *c = NULL;
        fd_close(&at[0]);
        pin(1);
        rng_init(&rng, rng_next(&rng));
        REQUIRE(shm_meet_accept(&at[1], &config, PATIENT_MS, &c) == ERR_OK, "met");
        shm_handler(c, handle, &most);
        if (kind != TIMEOUTS) {
            sleep_long(c, kind == SOCKET);
        }
        CHECK(shm_serve(c, UINT32_MAX) == ERR_OK, "stopped");
        shm_close(c);
        _exit(CHECK_RESULT());
    }
    fd_close(&at[1]);
    REQUIRE(shm_meet_connect(&at[0], &config, PATIENT_MS, ret) == ERR_OK, "met");
    if (kind != TIMEOUTS) {
        sleep_long(*ret, kind == SOCKET);
    }
    return child;
}

static void stop(struct shm *c, pid_t child)
{
    char none;
    size_t size = 0;
    int status = -1;
    enum err e = ERR_LIMIT;

    for (int i = 0; i < 1000 && e == ERR_LIMIT; i++) { /* disowned slots come back by and by */
        e = shm_call(c, STOP, NULL, 0, PATIENT_MS, &none, &size);
        (void)usleep(e == ERR_LIMIT ? 1000 : 0);
    }
    CHECK(e == ERR_OK, "the server still answers: %s", err_name(e));
    shm_close(c);
    CHECK(waitpid(child, &status, 0) == child && status == 0, "and has nothing to complain of");
}

/* Send, look a drawn number of times, and give up or not: as long as the server's own time is drawn
 * from the same range every order of the two happens. */
static bool one(struct shm *c, uint64_t number, uint64_t *given_up, uint64_t *refused)
{
    struct shm_session s;
    struct shm_reply reply;
    enum err e = shm_session_open(c, &s);

    for (; e == ERR_LIMIT; e = shm_session_open(c, &s)) {
        (*refused)++; /* all are disowned: the server must run before there is another */
        (void)sched_yield();
    }
    REQUIRE(e == ERR_OK, "a slot: %s", err_name(e));
    uint64_t *room = shm_ask_room(&s, sizeof *room);
    REQUIRE(room != NULL, "a fresh slot has room");
    *room = number;
    REQUIRE(shm_ask_send(&s, CHECKED, sizeof *room) == ERR_OK, "sent");
    e = ERR_LATER;
    for (uint64_t looks = rng_below(&rng, PAUSES_MAX); looks > 0 && e == ERR_LATER; looks--) {
        __builtin_ia32_pause();
        e = shm_reply_poll(&s, &reply);
    }
    bool is_good = true;
    if (e == ERR_LATER) {
        (*given_up)++;
    } else {
        uint64_t got = 0;
        is_good = e == ERR_OK && reply.size == sizeof got && shm_reply_copy(&s, &reply, &got) == ERR_OK &&
                  got == number;
        CHECK(is_good, "call %" PRIu64 ": %s, number %" PRIu64, number, err_name(e), got);
    }
    shm_session_close(&s);
    return is_good;
}

static void late_answers_never_cross(uint64_t count)
{
    struct shm *c = NULL;
    uint64_t given_up = 0, refused = 0, wrong = 0;
    pid_t child = start(TIMEOUTS, PAUSES_MAX, &c);
    struct shm_counters mine, theirs;

    for (uint64_t i = 1; i <= count && wrong < 10; i++) {
        wrong += !one(c, i, &given_up, &refused);
    }
    shm_chan_counters(c, &mine, &theirs);
    printf("%" PRIu64 " calls: %" PRIu64 " given up, %" PRIu64 " times no slot, %" PRIu64
           " answers came late, %" PRIu64 " crossed\n", count, given_up, refused, theirs.late, wrong);
    CHECK(given_up > count / 100 && given_up < count, "both outcomes were seen");
    stop(c, child);
}

static void no_wake_is_lost(enum kind kind, uint64_t count)
{
    struct shm *c = NULL;
    struct shm_session s;
    struct shm_reply reply;
    struct shm_counters mine, theirs;
    pid_t child = start(kind, PAUSES_MAX, &c);
    uint64_t lost = 0;

    REQUIRE(shm_session_open(c, &s) == ERR_OK, "a slot");
    for (uint64_t i = 0; i < count && lost == 0; i++) {
        draw_patience(&c->asker[s.slot].wait);
        lost += shm_ask(&s, CHECKED, &i, sizeof i, PATIENT_MS, &reply) != ERR_OK;
        pauses(PAUSES_MAX); /* sometimes the server sleeps by now, sometimes not yet */
    }
    CHECK(lost == 0, "a sleeper was not woken");
    shm_session_close(&s);
    shm_chan_counters(c, &mine, &theirs);
    printf("%" PRIu64 " calls: the two slept %" PRIu64 " and %" PRIu64 " times, woke %" PRIu64 " and %" PRIu64
           " times\n", count, mine.sleeps, theirs.sleeps, mine.wakes, theirs.wakes);
    CHECK(mine.sleeps + theirs.sleeps > 0 && mine.wakes + theirs.wakes > 0, "there was something to lose");
    stop(c, child);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

    pin(0);
    rng_init(&rng, argc > 3 ? strtoull(argv[3], NULL, 10) : 1);
    if (only[0] == '\0' || strcmp(only, "timeouts") == 0) {
        late_answers_never_cross(count > 0 ? count : 20000);
    }
    if (only[0] == '\0' || strcmp(only, "wakes") == 0) {
        no_wake_is_lost(WAKES, count > 0 ? count : 5000);
    }
    if (only[0] == '\0' || strcmp(only, "socket") == 0) {
        no_wake_is_lost(SOCKET, count > 0 ? count : 2000);
    }
    return CHECK_RESULT();
}
