/* SHM-13: streams: bounds on both sides, hostile frames, refusal, staleness, and what they cost. */
#include "common/run/shm_stream.h"

#include <inttypes.h>
#include <malloc.h>
#include <string.h>
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
size_t __sanitizer_get_current_allocated_bytes(void); /* gcc brings no header of it */
#endif

#include "common/base/rng.h"
#include "tests/support/check.h"

enum {
    COST_MAX = 4096, /* of a stream that announced much and sent little */
};

static uint64_t allocated(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return __sanitizer_get_current_allocated_bytes();
#else
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#endif
}

static struct shm_stream_frame frame(uint32_t kind, uint64_t number, uint32_t index, uint64_t bytes)
{
    return (struct shm_stream_frame){.kind = kind, .number = number, .index = index, .bytes = bytes};
}

/* The receiver's side of a trace: what arrives, with how much behind it, and what comes of it. */
static const struct row {
    struct shm_stream_frame frame;
    uint64_t payload;
    enum err answer;
    enum shm_stream_event event;
    const char *why;
} rows[] = {
    {{SHM_STREAM_OPEN, 3, 5, 100, 77, 0}, 0, ERR_OK, SHM_STREAM_EV_OPENED, "an opening"},
    {{SHM_STREAM_OPEN, 1, 5, 1, 0, 0}, 0, ERR_MALFORMED, 0, "its number again"},
    {{SHM_STREAM_OPEN, 1, 4, 1, 0, 0}, 0, ERR_MALFORMED, 0, "numbers grow"},
    {{SHM_STREAM_OPEN, 1, 0, 1, 0, 0}, 0, ERR_MALFORMED, 0, "no number"},
    {{SHM_STREAM_OPEN, 1, 6, 1, 0, 1}, 0, ERR_MALFORMED, 0, "what must be zero is not"},
    {{SHM_STREAM_OPEN, 1, 6, 1, 0, 0}, 1, ERR_MALFORMED, 0, "an opening has no bytes"},
    {{0, 1, 6, 1, 0, 0}, 0, ERR_MALFORMED, 0, "no kind"},
    {{SHM_STREAM_REFUSE + 1, 1, 6, 1, 0, 0}, 0, ERR_MALFORMED, 0, "a kind that is none"},
    {{SHM_STREAM_OPEN, 1, 6, SHM_STREAM_BYTES_MAX + 1, 0, 0}, 0, ERR_MALFORMED, 0, "a byte too many"},
    {{SHM_STREAM_OPEN, SHM_STREAM_CHUNKS_MAX + 1, 6, 1, 0, 0}, 0, ERR_MALFORMED, 0, "a chunk too many"},
    {{SHM_STREAM_OPEN, SHM_STREAM_CHUNKS_MAX, 7, SHM_STREAM_BYTES_MAX, 0, 0}, 0, ERR_OK,
     SHM_STREAM_EV_OPENED, "as large as they come"},
    {{SHM_STREAM_CHUNK, 1, 5, 0, 0, 0}, 10, ERR_MALFORMED, 0, "the second chunk first"},
    {{SHM_STREAM_CHUNK, 0, 5, 1, 0, 0}, 10, ERR_MALFORMED, 0, "a chunk with a gap before it"},
    {{SHM_STREAM_CHUNK, 0, 5, 0, 0, 0}, 101, ERR_MALFORMED, 0, "more than announced"},
    {{SHM_STREAM_CHUNK, 0, 5, 0, 0, 0}, UINT64_MAX, ERR_MALFORMED, 0, "much more"},
    {{SHM_STREAM_CHUNK, 0, 5, 0, 0, 0}, 60, ERR_OK, SHM_STREAM_EV_BYTES, "the first chunk"},
    {{SHM_STREAM_CHUNK, 0, 5, 0, 0, 0}, 60, ERR_MALFORMED, 0, "again"},
    {{SHM_STREAM_END, 1, 5, 60, 0, 0}, 0, ERR_MALFORMED, 0, "the end too soon"},
    {{SHM_STREAM_CHUNK, 1, 5, 60, 0, 0}, 0, ERR_OK, SHM_STREAM_EV_BYTES, "an empty chunk"},
    {{SHM_STREAM_CHUNK, 2, 5, 60, 0, 0}, 41, ERR_MALFORMED, 0, "one byte more than are left"},
    {{SHM_STREAM_CHUNK, 2, 5, 60, 0, 0}, 40, ERR_OK, SHM_STREAM_EV_BYTES, "the last bytes"},
    {{SHM_STREAM_CHUNK, 3, 5, 100, 0, 0}, 0, ERR_MALFORMED, 0, "a chunk more than announced"},
    {{SHM_STREAM_END, 2, 5, 100, 0, 0}, 0, ERR_MALFORMED, 0, "an end that counted otherwise"},
    {{SHM_STREAM_END, 3, 5, 99, 0, 0}, 0, ERR_MALFORMED, 0, "or summed otherwise"},
    {{SHM_STREAM_END, 3, 5, 100, 0, 0}, 0, ERR_OK, SHM_STREAM_EV_ENDED, "the end"},
    {{SHM_STREAM_END, 3, 5, 100, 0, 0}, 0, ERR_OK, SHM_STREAM_EV_NONE, "closed: late, dropped"},
    {{SHM_STREAM_CHUNK, 0, 6, 0, 0, 0}, 5, ERR_OK, SHM_STREAM_EV_NONE, "never opened, older: late"},
    {{SHM_STREAM_CHUNK, 0, 8, 0, 0, 0}, 5, ERR_MALFORMED, 0, "never opened, newer: a lie"},
    {{SHM_STREAM_ABORT, 0, 7, 0, 19, 0}, 0, ERR_OK, SHM_STREAM_EV_ABORTED, "given up"},
    {{SHM_STREAM_REFUSE, 0, 12345, 0, 3, 0}, 0, ERR_OK, SHM_STREAM_EV_REFUSED, "ours is refused"},
};

static void a_receiver_believes_nothing(void)
{
    struct shm_streams s = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct shm_stream_in *one = (void *)&s;
        enum shm_stream_event event = 99;
        uint64_t late = s.late;
        enum err e = shm_stream_receive(&s, &rows[i].frame, rows[i].payload, 10, &event, &one);
        CHECK(e == rows[i].answer, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        if (e != ERR_OK) {
            CHECK(event == 99 && one == (void *)&s, "row %zu: untouched", i);
            continue;
        }
        CHECK(event == rows[i].event, "row %zu: %s: event %d", i, rows[i].why, (int)event);
        CHECK(s.late == late + (event == SHM_STREAM_EV_NONE), "row %zu: late ones are counted", i);
        CHECK((one != NULL) == (event != SHM_STREAM_EV_NONE && event != SHM_STREAM_EV_REFUSED),
              "row %zu: whose", i);
        if (event == SHM_STREAM_EV_OPENED) {
            CHECK(one->tag == rows[i].frame.tag && one->bytes == rows[i].frame.bytes, "what it is");
        } else if (event == SHM_STREAM_EV_ENDED || event == SHM_STREAM_EV_ABORTED) {
            shm_stream_close(&s, one);
        }
    }
    CHECK(s.count == 0, "all closed");
    shm_streams_fini(&s);
}

static void a_sender_keeps_its_bounds(void)
{
    struct shm_stream_out out = {0};
    struct shm_stream_frame f;

    CHECK(shm_stream_open(&out, 1, SHM_STREAM_BYTES_MAX + 1, 1, 0, &f) == ERR_LIMIT, "a byte too many");
    CHECK(shm_stream_open(&out, 1, 1, SHM_STREAM_CHUNKS_MAX + 1, 0, &f) == ERR_LIMIT, "a chunk");
    CHECK(out.number == 0, "nothing was begun");
    CHECK(shm_stream_open(&out, 1, SHM_STREAM_BYTES_MAX, SHM_STREAM_CHUNKS_MAX, 0, &f) == ERR_OK,
          "as large as they come");
    CHECK(shm_stream_open(&out, 2, 10, 2, 9, &f) == ERR_OK && f.tag == 9, "a small one");
    CHECK(shm_stream_end(&out, &f) == ERR_PRECONDITION, "not before its bytes");
    CHECK(shm_stream_chunk(&out, 11, &f) == ERR_RANGE, "not more than announced");
    CHECK(shm_stream_chunk(&out, 4, &f) == ERR_OK && f.index == 0 && f.bytes == 0, "the first");
    CHECK(shm_stream_chunk(&out, 6, &f) == ERR_OK && f.index == 1 && f.bytes == 4, "the second");
    CHECK(shm_stream_chunk(&out, 0, &f) == ERR_RANGE, "not a third");
    CHECK(shm_stream_end(&out, &f) == ERR_OK && f.index == 2 && f.bytes == 10, "now");
    CHECK(shm_stream_chunk(&out, 0, &f) == ERR_PRECONDITION, "after the end there is nothing");
    CHECK(shm_stream_abort(&out, ERR_INTERNAL, &f) == ERR_PRECONDITION, "not even an abort");
    CHECK(shm_stream_open(&out, 3, 0, 0, 0, &f) == ERR_OK, "an empty one");
    CHECK(shm_stream_end(&out, &f) == ERR_OK, "ends at once");
    CHECK(shm_stream_open(&out, 4, 10, 2, 0, &f) == ERR_OK, "one that is given up");
    CHECK(shm_stream_abort(&out, ERR_INTERNAL, &f) == ERR_OK, "because of a fault");
    CHECK(f.tag == err_to_wire(ERR_INTERNAL), "which is said");
    CHECK(shm_stream_chunk(&out, 1, &f) == ERR_CANCELLED, "and over");
}

static void who_is_not_wanted_hears_why(void)
{
    struct shm_streams s = {0};
    struct shm_stream_in *one;
    enum shm_stream_event event;
    struct shm_stream_out out;
    struct shm_stream_frame f, back;

    CHECK(shm_stream_open(&out, 1, 10, 3, 0, &f) == ERR_OK, "opened");
    CHECK(shm_stream_receive(&s, &f, 0, 1, &event, &one) == ERR_OK, "heard of");
    shm_stream_refuse(one, ERR_DENIED, &back);
    CHECK(shm_stream_chunk(&out, 4, &f) == ERR_OK, "a chunk is on its way");
    CHECK(shm_stream_receive(&s, &f, 4, 2, &event, &one) == ERR_OK, "it comes");
    CHECK(event == SHM_STREAM_EV_NONE && s.late == 1, "and is dropped");
    f.index = 9;
    CHECK(shm_stream_receive(&s, &f, 4, 2, &event, &one) == ERR_MALFORMED, "if it is one");
    shm_stream_refused(&out, &back);
    CHECK(shm_stream_chunk(&out, 1, &f) == ERR_DENIED, "the sender hears why");
    CHECK(shm_stream_end(&out, &f) == ERR_DENIED, "and need not end it");
    CHECK(s.count == 1, "known until stale");
    CHECK(shm_streams_stale(&s, 11, 10) == NULL, "heard 9 ms ago");
    one = shm_streams_stale(&s, 12, 10);
    CHECK(one != NULL && one->is_refused, "stale");
    shm_stream_close(&s, one);
    CHECK(shm_stream_open(&out, 2, 10, 3, 0, &f) == ERR_OK, "another");
    CHECK(shm_stream_receive(&s, &f, 0, 1, &event, &one) == ERR_OK, "heard of");
    shm_stream_refuse(one, ERR_DENIED, &back);
    CHECK(shm_stream_abort(&out, ERR_INTERNAL, &f) == ERR_OK, "given up before it heard of that");
    CHECK(shm_stream_receive(&s, &f, 0, 2, &event, &one) == ERR_OK && event == SHM_STREAM_EV_NONE,
          "nobody is told");
    CHECK(s.count == 0, "and it is forgotten");
    back = shm_stream_refuse_frame(1, ERR_LIMIT);
    back.tag = err_to_wire(ERR_OK);
    CHECK(shm_stream_open(&out, 1, 10, 3, 0, &f) == ERR_OK, "another sender");
    shm_stream_refused(&out, &back);
    CHECK(shm_stream_chunk(&out, 1, &f) == ERR_CANCELLED, "a refusal that says ok is one");
    shm_streams_fini(&s);
}

static void as_many_as_may_be_open_and_one_more(void)
{
    struct shm_streams s = {0};
    struct shm_stream_in *one;
    enum shm_stream_event event;
    uint64_t before = allocated();

    for (uint64_t n = 1; n <= SHM_STREAM_OPEN_MAX; n++) {
        struct shm_stream_frame f = frame(SHM_STREAM_OPEN, n, SHM_STREAM_CHUNKS_MAX,
                                          SHM_STREAM_BYTES_MAX);
        CHECK(shm_stream_receive(&s, &f, 0, n, &event, &one) == ERR_OK &&
                  event == SHM_STREAM_EV_OPENED, "stream %" PRIu64, n);
    }
    struct shm_stream_frame f = frame(SHM_STREAM_OPEN, SHM_STREAM_OPEN_MAX + 1, 1, 1);
    CHECK(shm_stream_receive(&s, &f, 0, 0, &event, &one) == ERR_OK, "one more is honest");
    CHECK(event == SHM_STREAM_EV_FULL && one == NULL, "but there is no room");
    f = frame(SHM_STREAM_CHUNK, SHM_STREAM_OPEN_MAX + 1, 0, 0);
    CHECK(shm_stream_receive(&s, &f, 1, 0, &event, &one) == ERR_OK && event == SHM_STREAM_EV_NONE,
          "what it had on its way is dropped");
    CHECK(allocated() - before <= (uint64_t)128 * SHM_STREAM_OPEN_MAX, "all together 128 KiB");
    /* They go stale in the order in which they were heard. */
    f = frame(SHM_STREAM_CHUNK, 1, 0, 0);
    CHECK(shm_stream_receive(&s, &f, 1, 5000, &event, &one) == ERR_OK, "the first speaks again");
    f = frame(SHM_STREAM_CHUNK, 2, 0, 0);
    CHECK(shm_stream_receive(&s, &f, 1, 1500, &event, &one) == ERR_OK, "the second did earlier");
    for (uint64_t n = 3; n <= SHM_STREAM_OPEN_MAX + 1; n++) {
        uint64_t expected = n <= SHM_STREAM_OPEN_MAX ? n : 2;
        one = shm_streams_stale(&s, 5000, 3000);
        CHECK(one != NULL && one->number == expected, "stale: %" PRIu64, expected);
        if (one != NULL) {
            shm_stream_close(&s, one);
        }
    }
    CHECK(s.count == 1 && s.slot[0]->number == 1, "whoever speaks stays");
    CHECK(shm_streams_stale(&s, 100, 1) == NULL, "a clock read too early finds nothing stale");
    shm_streams_fini(&s);
}

static void announcing_costs_nothing(void)
{
    struct shm_stream_kept kept = {0};
    struct shm_streams s = {0};
    struct shm_stream_in *one;
    enum shm_stream_event event;
    uint64_t before = allocated();
    struct shm_stream_frame f = frame(SHM_STREAM_OPEN, 1, SHM_STREAM_CHUNKS_MAX, 1);

    CHECK(shm_stream_receive(&s, &f, 0, 1, &event, &one) == ERR_OK, "a byte in 2^20 chunks");
    f = frame(SHM_STREAM_CHUNK, 1, 0, 0);
    CHECK(shm_stream_receive(&s, &f, 1, 1, &event, &one) == ERR_OK, "which comes");
    CHECK(shm_stream_keep(&kept, one, "x", 1) == ERR_OK, "and is kept");
    CHECK(allocated() - before < COST_MAX, "%" PRIu64 " bytes", allocated() - before);
    shm_stream_kept_fini(&kept);
    f = frame(SHM_STREAM_OPEN, 2, SHM_STREAM_CHUNKS_MAX, SHM_STREAM_BYTES_MAX);
    CHECK(shm_stream_receive(&s, &f, 0, 1, &event, &one) == ERR_OK, "a GiB announced");
    f = frame(SHM_STREAM_CHUNK, 2, 0, 0);
    CHECK(shm_stream_receive(&s, &f, 1, 1, &event, &one) == ERR_OK, "and a byte sent");
    CHECK(shm_stream_keep(&kept, one, "x", 1) == ERR_OK, "kept");
    CHECK(allocated() - before < COST_MAX, "%" PRIu64 " bytes", allocated() - before);
    shm_stream_kept_fini(&kept);
    shm_streams_fini(&s);
}

/* ---- drawn: several streams at a time, with refusals, aborts and silence ------------------------- */

enum {
    SENDERS = 12,
    RUNS = 60,
    STEPS = 4000,
};

struct drawn {
    struct shm_stream_out out;
    bool is_used, is_over, may_be_stale;
    struct shm_stream_kept kept;
};

static uint8_t byte_of(uint64_t number, uint64_t at)
{
    return (uint8_t)(number * 131 + at * 7 + at / 256);
}

static void keep_chunk(struct drawn *d, const struct shm_stream_in *one, uint64_t size)
{
    uint8_t data[600];

    for (uint64_t i = 0; i < size; i++) {
        data[i] = byte_of(one->number, d->kept.size + i);
    }
    CHECK(shm_stream_keep(&d->kept, one, data, size) == ERR_OK, "kept");
    CHECK(d->kept.room <= SHM_STREAM_KEEP_MIN || d->kept.room <= 2 * one->received,
          "%" PRIu64 " for %" PRIu64, d->kept.room, one->received);
}

static void check_whole(const struct drawn *d)
{
    CHECK(d->kept.size == d->out.bytes, "whole");
    for (uint64_t i = 0; i < d->kept.size; i++) {
        if (d->kept.bytes[i] != byte_of(d->out.number, i)) {
            CHECK(false, "byte %" PRIu64 " of stream %" PRIu64, i, d->out.number);
            return;
        }
    }
}

static void deliver(struct shm_streams *s, struct drawn *d, const struct shm_stream_frame *f,
                    uint64_t size, uint64_t now, struct rng *r)
{
    struct shm_stream_in *one;
    enum shm_stream_event event;
    struct shm_stream_frame back;

    REQUIRE(shm_stream_receive(s, f, size, now, &event, &one) == ERR_OK, "an honest frame");
    switch (event) {
    case SHM_STREAM_EV_OPENED:
        one->owner = d;
        if (rng_below(r, 10) == 0) {
            shm_stream_refuse(one, ERR_DENIED, &back);
            shm_stream_refused(&d->out, &back);
        }
        break;
    case SHM_STREAM_EV_BYTES:
        CHECK(one->owner == d, "of its owner");
        keep_chunk(d, one, size);
        break;
    case SHM_STREAM_EV_ENDED:
        check_whole(d);
        shm_stream_close(s, one);
        break;
    case SHM_STREAM_EV_ABORTED:
        shm_stream_close(s, one);
        break;
    case SHM_STREAM_EV_NONE:
    case SHM_STREAM_EV_REFUSED:
    case SHM_STREAM_EV_FULL:
        CHECK(event == SHM_STREAM_EV_NONE && d->may_be_stale, "only of what was pruned");
        break;
    }
}

/* One frame of sender `d`; true when a stream came whole. */
static bool step(struct shm_streams *s, struct drawn *d, uint64_t *number, uint64_t now,
                 struct rng *r)
{
    struct shm_stream_frame f;
    uint64_t size = 0;
    bool is_end = false;

    if (!d->is_used) {
        uint64_t bytes = rng_below(r, 5000);
        CHECK(shm_stream_open(&d->out, ++*number, bytes, 64, 0, &f) == ERR_OK, "begins");
        d->is_used = true;
        d->may_be_stale = false;
    } else if (d->out.fault != ERR_OK || rng_below(r, 50) == 0) {
        bool is_told = shm_stream_abort(&d->out, ERR_INTERNAL, &f) == ERR_OK;
        shm_stream_kept_fini(&d->kept);
        d->is_used = false;
        if (!is_told) {
            return false;
        }
    } else if (d->out.sent == d->out.bytes) {
        CHECK(shm_stream_end(&d->out, &f) == ERR_OK, "ends");
        is_end = true;
    } else {
        uint64_t left = d->out.bytes - d->out.sent;
        size = d->out.index == 63 || left < 100 ? left : rng_below(r, 600);
        size = size < left ? size : left;
        size = size < 600 ? size : 600;
        if (shm_stream_chunk(&d->out, size, &f) != ERR_OK) {
            d->out.fault = ERR_CANCELLED; /* ran out of chunks: gives up in silence, to go stale */
            return false;
        }
    }
    deliver(s, d, &f, size, now, r);
    if (is_end) {
        shm_stream_kept_fini(&d->kept);
        d->is_used = false;
    }
    return is_end;
}

static void streams_do_not_disturb_each_other(void)
{
    static struct drawn d[SENDERS];
    uint64_t whole = 0, pruned = 0;
    struct rng r;

    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct shm_streams s = {0};
        struct shm_stream_in *one;
        uint64_t number = 0, now = 0;
        memset(d, 0, sizeof d);
        rng_init(&r, seed);
        for (unsigned i = 0; i < STEPS; i++) {
            now += rng_below(&r, 4);
            whole += step(&s, &d[rng_below(&r, SENDERS)], &number, now, &r);
            while ((one = shm_streams_stale(&s, now, 120)) != NULL) {
                if (one->owner != NULL) {
                    ((struct drawn *)one->owner)->may_be_stale = true;
                    ((struct drawn *)one->owner)->out.fault = ERR_TIMEOUT;
                }
                shm_stream_close(&s, one);
                pruned++;
            }
            CHECK(s.count <= 2 * SENDERS + 40, "few stay");
        }
        shm_streams_fini(&s);
        for (size_t i = 0; i < SENDERS; i++) {
            shm_stream_kept_fini(&d[i].kept);
        }
    }
    printf("%" PRIu64 " streams came whole, %" PRIu64 " went stale\n", whole, pruned);
    CHECK(whole > 50 * RUNS && pruned > RUNS, "both happen");
}

int main(void)
{
    a_receiver_believes_nothing();
    a_sender_keeps_its_bounds();
    who_is_not_wanted_hears_why();
    as_many_as_may_be_open_and_one_more();
    announcing_costs_nothing();
    streams_do_not_disturb_each_other();
    return CHECK_RESULT();
}
