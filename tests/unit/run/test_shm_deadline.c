/* A deadline is the waiter's: no peer moves it, neither one that is busy and honest nor one that shows things and takes
 * them back. Handlers that take a known time count how often the clock was looked at. */
#include <pthread.h>
#include <time.h>

#include "common/run/shm_loop.h"
#include "common/run/shm_post.h"
#include "tests/unit/run/shm_pair.h"

enum {
    HANDLER_MS = 5,
    TIMEOUT_MS = 8,
    IN_TIME = 2,      /* handlers of HANDLER_MS that can begin within TIMEOUT_MS          */
    ABORTS_MS = 2000, /* records are given up for so long                                 */
    ABORT_MS = 5,     /* between two, or none                                             */
    SHORT_MS = 50,    /* of a wait that ends long before ABORTS_MS, on a loaded host too  */
};

static uint64_t now_ms(void)
{
    return shm_bell_now_ns() / 1000000;
}

static int handled;

static enum err take_time(void *context, const struct shm_request *r)
{
    (void)context;
    handled++;
    for (uint64_t end_ms = now_ms() + HANDLER_MS + 1; now_ms() < end_ms;) {
    }
    return shm_answer(r, ERR_OK, 0);
}

/* Every slot of ends[1] has asked; ends[0] is to serve them. */
static void open_busy_pair(struct shm *ends[2], struct shm_session ask[])
{
    shm_pair_open(ends, &shm_pair_shape);
    shm_handler(ends[0], take_time, NULL);
    handled = 0;
    for (uint32_t i = 0; i < shm_pair_shape.slots; i++) {
        REQUIRE(shm_session_open(ends[1], &ask[i]) == ERR_OK && shm_ask_room(&ask[i], 0) != NULL &&
                    shm_ask_send(&ask[i], 1, 0) == ERR_OK, "slot %u asks", i);
    }
}

static void close_busy_pair(struct shm *ends[2], struct shm_session ask[])
{
    for (uint32_t i = 0; i < shm_pair_shape.slots; i++) {
        shm_session_close(&ask[i]);
    }
    shm_pair_close(ends);
}

static void serving_begins_nothing_after_its_deadline(void)
{
    struct shm *ends[2];
    struct shm_session ask[SHM_SHAPE_SLOTS_MAX];

    open_busy_pair(ends, ask);
    CHECK(shm_serve(ends[0], TIMEOUT_MS) == ERR_TIMEOUT && handled <= IN_TIME, "%d handlers", handled);
    CHECK(shm_turn(ends[0]) == shm_pair_shape.slots - (size_t)handled || handled == (int)shm_pair_shape.slots,
          "the others are still there");
    close_busy_pair(ends, ask);
}

static void asking_begins_nothing_after_its_deadline(void)
{
    struct shm *ends[2];
    struct shm_session ask[SHM_SHAPE_SLOTS_MAX], s;
    struct shm_reply reply;

    open_busy_pair(ends, ask);
    REQUIRE(shm_session_open(ends[0], &s) == ERR_OK, "a slot of our own");
    CHECK(shm_ask(&s, 1, "x", 1, TIMEOUT_MS, &reply) == ERR_TIMEOUT, "nobody answers");
    CHECK(handled <= IN_TIME, "%d handlers", handled);
    CHECK(shm_ask_room(&s, 0) == NULL, "it is disowned");
    shm_session_close(&s);
    close_busy_pair(ends, ask);
}

/* One at a time, and yet none is left behind. */
static void slots_come_by_turns(void)
{
    struct shm *ends[2];
    struct shm_session ask[SHM_SHAPE_SLOTS_MAX];
    struct shm_reply reply;

    open_busy_pair(ends, ask);
    for (uint32_t turn = 0; turn < shm_pair_shape.slots; turn++) {
        bool is_new = false;
        REQUIRE(shm_serve_begin(ends[0], &is_new) && is_new, "the right to serve");
        CHECK(shm_serve_turn(ends[0], 1) == 1, "one");
        shm_serve_end(ends[0]);
        CHECK(shm_reply_poll(&ask[turn], &reply) == ERR_OK, "of slot %u", turn);
        /* The first asks again and again, and has to wait for the others. */
        if (turn == 0) {
            REQUIRE(shm_ask_room(&ask[0], 0) != NULL && shm_ask_send(&ask[0], 1, 0) == ERR_OK, "again");
        }
    }
    CHECK(shm_turn(ends[0]) == 1 && shm_reply_poll(&ask[0], &reply) == ERR_OK, "now it is its turn");
    close_busy_pair(ends, ask);
}

static int looks;

static enum shm_core_sight always_filling(const void *context)
{
    (void)context;
    looks++;
    return SHM_CORE_FILLING;
}

static void a_mark_of_filling_holds_up_nobody_who_does_not_wait(void)
{
    struct shm *ends[2];
    struct shm_wait wait;
    enum shm_core_sight sight;
    uint64_t ns;

    shm_pair_open(ends, &shm_pair_shape);
    shm_wait_init(&wait, 1000000);
    struct shm_loop l = shm_loop_begin(ends[0], &wait, 0);
    CHECK(shm_loop_spin(&l, 0, always_filling, NULL, &sight, &ns) == 0 && looks == 1, "%d looks", looks);
    looks = 0;
    CHECK(shm_loop_wait(&l, always_filling, NULL) == ERR_TIMEOUT && looks <= 2, "%d looks", looks);
    looks = 0;
    CHECK(shm_loop_spin(&l, 1, always_filling, NULL, &sight, &ns) == shm_wait_filling(&wait), "who waits waits longer");
    shm_pair_close(ends);
}

/* ---- rings ------------------------------------------------------------------------------------------ */

struct giver {
    struct shm_post *post;
    long pause_ms;
};

/* Nothing but records that are given up: something is seen there again and again, and it is never a message. */
static void *give_up(void *context)
{
    const struct giver *g = context;
    struct timespec pause = {.tv_nsec = g->pause_ms * 1000000};
    struct shm_ring_room room;

    for (uint64_t end_ms = now_ms() + ABORTS_MS; now_ms() < end_ms;) {
        if (shm_post_reserve(g->post, 8, 0, &room) == ERR_OK) {
            shm_post_abort(g->post, &room);
        }
        if (g->pause_ms > 0) {
            (void)nanosleep(&pause, NULL);
        }
    }
    return NULL;
}

static void taking_ends_in_time(long pause_ms)
{
    struct shm_shape shape = shm_pair_shape;
    struct shm_ring_loan loan;
    struct shm_post *post[2];
    struct shm *ends[2];
    pthread_t thread;

    shape.ring_bytes = shm_post_ring_bytes(1 << 16);
    shm_pair_open(ends, &shape);
    for (int side = 0; side < 2; side++) {
        REQUIRE(shm_post_open(ends[side], &post[side]) == ERR_OK, "rings");
    }
    struct giver giver = {post[1], pause_ms};
    uint64_t begun_ms = now_ms();
    REQUIRE(pthread_create(&thread, NULL, give_up, &giver) == 0, "a thread");
    CHECK(shm_post_take(post[0], SHORT_MS, &loan) == ERR_TIMEOUT, "no message");
    CHECK(now_ms() - begun_ms < ABORTS_MS / 2, "in time, not when the other has done: %d ms",
          (int)(now_ms() - begun_ms));
    pthread_join(thread, NULL);
    for (int side = 0; side < 2; side++) {
        shm_post_close(post[side]);
    }
    shm_pair_close(ends);
}

int main(void)
{
    serving_begins_nothing_after_its_deadline();
    asking_begins_nothing_after_its_deadline();
    slots_come_by_turns();
    a_mark_of_filling_holds_up_nobody_who_does_not_wait();
    taking_ends_in_time(ABORT_MS);
    taking_ends_in_time(0);
    return CHECK_RESULT();
}
