/* SHM-11, SHM-13: rings and streams on a real channel: who waits is woken, whose peer ends hears of it
 * after everything that was committed. */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/run/shm_post.h"
#include "common/run/shm_stream.h"
#include "tests/unit/run/shm_pair.h"

enum {
    CAPACITY = 16384,
    PATIENT_MS = 60000,
    MESSAGES = 20000,
    SIZE = 100,
    STREAM_BYTES = 3 << 20,
    CHUNK = 4000,
#ifdef __SANITIZE_THREAD__
    SENDERS = 1, /* two mappings of one memory: what orders two senders' turns is not seen */
#else
    SENDERS = 2,
#endif
};

struct pair {
    struct shm *channel[2];
    struct shm_post *post[2];
};

static struct shm_shape shape_with_ring(void)
{
    struct shm_shape shape = shm_pair_shape;

    shape.ring_bytes = shm_post_ring_bytes(CAPACITY);
    return shape;
}

static void open_pair(struct pair *p)
{
    struct shm_shape shape = shape_with_ring();

    shm_pair_open(p->channel, &shape);
    for (int side = 0; side < 2; side++) {
        REQUIRE(shm_post_open(p->channel[side], &p->post[side]) == ERR_OK, "rings of side %d", side);
    }
}

static void close_pair(struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        shm_post_close(p->post[side]);
        shm_close(p->channel[side]);
    }
}

static void without_a_ring_there_is_none(void)
{
    struct shm_post *post = NULL;
    struct shm *ends[2];

    shm_pair_open(ends, &shm_pair_shape);
    CHECK(shm_post_open(ends[0], &post) == ERR_UNSUPPORTED && post == NULL, "no ring in the shape");
    shm_pair_close(ends);
}

static void limits_and_deadlines_are_kept(void)
{
    struct shm_ring_loan loan;
    struct shm_ring_room room;
    struct pair p;

    open_pair(&p);
    CHECK(shm_post_max(p.post[0]) == CAPACITY / 2 - 8, "half the ring");
    CHECK(shm_post_reserve(p.post[0], shm_post_max(p.post[0]) + 1, 0, &room) == ERR_INVALID, "more");
    CHECK(shm_post_take(p.post[1], 0, &loan) == ERR_LATER, "nothing there");
    CHECK(shm_post_take(p.post[1], 5, &loan) == ERR_TIMEOUT, "nor in 5 ms");
    CHECK(shm_post_arm(p.post[1]), "a loop may sleep");
    CHECK(shm_post_send(p.post[0], 7, "seven", 5, 0) == ERR_OK, "sent");
    CHECK(shm_disarm(p.channel[1]) == ERR_OK, "woken");
    CHECK(!shm_post_arm(p.post[1]), "now it may not");
    CHECK(shm_disarm(p.channel[1]) == ERR_OK, "up again");
    CHECK(shm_post_take(p.post[1], 0, &loan) == ERR_OK && loan.tag == 7, "taken");
    CHECK(memcmp(loan.payload, "seven", 5) == 0, "as it was sent");
    CHECK(shm_post_reserve(p.post[0], 5, 0, &room) == ERR_OK, "one that is given up");
    shm_post_abort(p.post[0], &room);
    while (shm_post_send(p.post[0], 0, NULL, 0, 0) == ERR_OK) {
    }
    CHECK(shm_post_send(p.post[0], 0, NULL, 0, 0) == ERR_LIMIT, "full");
    CHECK(shm_post_send(p.post[0], 0, NULL, 0, 5) == ERR_TIMEOUT, "for 5 ms too");
    CHECK(shm_post_release(p.post[1], &loan) == ERR_OK, "given back");
    CHECK(shm_post_release(p.post[1], &loan) == ERR_INVALID, "once");
    close_pair(&p);
}

struct sender {
    struct shm_post *post;
    uint32_t number;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;
    uint8_t data[SIZE];

    for (uint32_t i = 0; i < MESSAGES; i++) {
        memset(data, (int)i, sizeof data);
        memcpy(data, &i, sizeof i);
        enum err e = shm_post_send(s->post, s->number, data, 4 + i % (SIZE - 4), PATIENT_MS);
        REQUIRE(e == ERR_OK, "message %u of %u: %s", i, s->number, err_name(e));
    }
    return NULL;
}

/* Take until an error comes; returns it. */
static enum err take_all(struct shm_post *post, uint32_t expected[2], uint64_t most)
{
    struct shm_ring_loan loan;
    enum err e = ERR_OK;

    for (uint64_t got = 0; got < most; got++) {
        uint32_t i;
        e = shm_post_take(post, PATIENT_MS, &loan);
        if (e != ERR_OK) {
            return e;
        }
        REQUIRE(loan.tag < 2 && loan.size >= sizeof i, "one of ours");
        memcpy(&i, loan.payload, sizeof i);
        CHECK(i == expected[loan.tag] && loan.size == 4 + i % (SIZE - 4), "%u, not %u", i,
              expected[loan.tag]);
        expected[loan.tag] = i + 1;
        CHECK(shm_post_release(post, &loan) == ERR_OK, "given back");
    }
    return e;
}

static void senders_and_receiver_wait_for_each_other(void)
{
    pthread_t thread[SENDERS];
    struct sender s[SENDERS];
    uint32_t expected[2] = {0};
    struct pair p;

    open_pair(&p);
    for (uint32_t i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){.post = p.post[0], .number = i};
        REQUIRE(pthread_create(&thread[i], NULL, send_all, &s[i]) == 0, "a thread");
    }
    CHECK(take_all(p.post[1], expected, (uint64_t)SENDERS * MESSAGES) == ERR_OK, "all of them");
    for (uint32_t i = 0; i < SENDERS; i++) {
        pthread_join(thread[i], NULL);
    }
    close_pair(&p);
}

/* A peer that leaves in good order. */
static void what_was_sent_before_the_end_comes(void)
{
    uint32_t expected[2] = {0}, i;
    struct shm_ring_loan loan;
    struct pair p;

    open_pair(&p);
    for (i = 0; i < 10; i++) {
        uint8_t data[SIZE] = {0};
        memcpy(data, &i, sizeof i);
        CHECK(shm_post_send(p.post[0], 0, data, 4 + i % (SIZE - 4), 0) == ERR_OK, "message %u", i);
    }
    shm_post_close(p.post[0]);
    shm_close(p.channel[0]);
    CHECK(take_all(p.post[1], expected, 1000) == ERR_UNAVAILABLE, "it has left");
    CHECK(expected[0] == 10, "after all its messages");
    CHECK(shm_post_take(p.post[1], 0, &loan) == ERR_UNAVAILABLE, "for ever");
    while (shm_post_send(p.post[1], 0, NULL, 0, 0) == ERR_OK) {
    }
    CHECK(shm_post_send(p.post[1], 0, NULL, 0, PATIENT_MS) == ERR_UNAVAILABLE, "nobody reads");
    shm_post_close(p.post[1]);
    shm_close(p.channel[1]);
}

/* A child at the other end of a channel, which does `what` until it is killed. */
static pid_t start(struct pair *p, void (*what)(struct shm_post *))
{
    struct shm_shape shape = shape_with_ring();
    struct shm_meet_config config = shm_pair_config(&shape);
    int at[2];

    shm_pair_sockets(at);
    pid_t child = fork();
    REQUIRE(child >= 0, "a process");
    if (child == 0) {
        struct shm *c;
        struct shm_post *post;
        close(at[0]);
        if (shm_meet_connect(&at[1], &config, PATIENT_MS, &c) == ERR_OK &&
            shm_post_open(c, &post) == ERR_OK) {
            what(post);
        }
        _exit(1);
    }
    close(at[1]);
    REQUIRE(shm_meet_accept(&at[0], &config, PATIENT_MS, &p->channel[0]) == ERR_OK, "they meet");
    REQUIRE(shm_post_open(p->channel[0], &p->post[0]) == ERR_OK, "rings");
    return child;
}

static void send_some_and_die(struct shm_post *post)
{
    struct shm_ring_room room;

    for (uint32_t i = 0; i < 50; i++) {
        uint8_t data[SIZE] = {0};
        memcpy(data, &i, sizeof i);
        if (shm_post_send(post, 0, data, 4 + i % (SIZE - 4), 0) != ERR_OK) {
            _exit(1);
        }
    }
    if (shm_post_reserve(post, 8, 0, &room) == ERR_OK) {
        (void)raise(SIGKILL); /* with a reservation open */
    }
}

static void read_nothing(struct shm_post *post)
{
    struct shm_ring_loan loan;

    if (shm_post_take(post, PATIENT_MS, &loan) == ERR_OK) {
        (void)raise(SIGKILL);
    }
}

static void finish(struct pair *p, pid_t child)
{
    int status;

    REQUIRE(waitpid(child, &status, 0) == child, "the child ends");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "by its own hand");
    shm_post_close(p->post[0]);
    shm_close(p->channel[0]);
}

static void the_killed_are_known_to_be_dead(void)
{
    uint32_t expected[2] = {0};
    struct pair p;
    enum err e;

    pid_t child = start(&p, send_some_and_die);
    CHECK(take_all(p.post[0], expected, 1000) == ERR_PEER_DEAD, "a dead sender");
    CHECK(expected[0] == 50, "after all that it had committed");
    finish(&p, child);

    child = start(&p, read_nothing);
    while ((e = shm_post_send(p.post[0], 0, "....", 4, PATIENT_MS)) == ERR_OK) {
    }
    CHECK(e == ERR_PEER_DEAD, "a dead receiver: %s", err_name(e));
    CHECK(shm_post_send(p.post[0], 0, "....", 4, 0) == ERR_PEER_DEAD, "for ever");
    finish(&p, child);
}

/* ---- a stream much larger than the ring ----------------------------------------------------------- */

static enum err send_frame(struct shm_post *post, const struct shm_stream_frame *frame,
                           uint64_t at, uint32_t size)
{
    struct shm_ring_room room;
    enum err e = shm_post_reserve(post, (uint32_t)sizeof *frame + size, PATIENT_MS, &room);

    if (e == ERR_OK) {
        memcpy(room.payload, frame, sizeof *frame);
        for (uint32_t i = 0; i < size; i++) {
            ((uint8_t *)room.payload)[sizeof *frame + i] = (uint8_t)((at + i) * 31 >> 5);
        }
        shm_post_commit(post, &room, room.size, 0);
    }
    return e;
}

static void *send_stream(void *arg)
{
    struct shm_post *post = arg;
    struct shm_stream_frame f;
    struct shm_stream_out out;

    REQUIRE(shm_stream_open(&out, 1, STREAM_BYTES, SHM_STREAM_CHUNKS_MAX, 5, &f) == ERR_OK, "open");
    REQUIRE(send_frame(post, &f, 0, 0) == ERR_OK, "the opening goes");
    while (out.sent < out.bytes) {
        uint64_t at = out.sent, left = out.bytes - at, size = left < CHUNK ? left : CHUNK;
        REQUIRE(shm_stream_chunk(&out, size, &f) == ERR_OK, "a chunk");
        REQUIRE(send_frame(post, &f, at, (uint32_t)size) == ERR_OK, "it goes");
    }
    REQUIRE(shm_stream_end(&out, &f) == ERR_OK && send_frame(post, &f, 0, 0) == ERR_OK, "the end");
    return NULL;
}

static enum shm_stream_event receive(struct shm_post *post, struct shm_streams *s,
                                     struct shm_stream_kept *kept)
{
    struct shm_ring_loan loan;
    struct shm_stream_frame f;
    struct shm_stream_in *one;
    enum shm_stream_event event;

    REQUIRE(shm_post_take(post, PATIENT_MS, &loan) == ERR_OK && loan.size >= sizeof f, "a frame");
    memcpy(&f, loan.payload, sizeof f);
    REQUIRE(shm_stream_receive(s, &f, loan.size - sizeof f, 0, &event, &one) == ERR_OK, "honest");
    if (event == SHM_STREAM_EV_BYTES) {
        REQUIRE(shm_stream_keep(kept, one, (const uint8_t *)loan.payload + sizeof f,
                                loan.size - sizeof f) == ERR_OK, "kept");
    } else if (event == SHM_STREAM_EV_ENDED) {
        shm_stream_close(s, one);
    }
    CHECK(shm_post_release(post, &loan) == ERR_OK, "given back");
    return event;
}

static void a_stream_is_larger_than_its_ring(void)
{
    struct shm_stream_kept kept = {0};
    struct shm_streams s = {0};
    pthread_t thread;
    uint64_t wrong = 0;
    struct pair p;

    open_pair(&p);
    REQUIRE(pthread_create(&thread, NULL, send_stream, p.post[0]) == 0, "a thread");
    while (receive(p.post[1], &s, &kept) != SHM_STREAM_EV_ENDED) {
    }
    pthread_join(thread, NULL);
    CHECK(kept.size == STREAM_BYTES, "all of it");
    for (uint64_t i = 0; i < kept.size; i++) {
        wrong += kept.bytes[i] != (uint8_t)(i * 31 >> 5);
    }
    CHECK(wrong == 0, "%" PRIu64 " bytes are wrong", wrong);
    shm_stream_kept_fini(&kept);
    shm_streams_fini(&s);
    close_pair(&p);
}

int main(void)
{
    without_a_ring_there_is_none();
    limits_and_deadlines_are_kept();
    senders_and_receiver_wait_for_each_other();
    what_was_sent_before_the_end_comes();
    the_killed_are_known_to_be_dead();
    a_stream_is_larger_than_its_ring();
    return CHECK_RESULT();
}
