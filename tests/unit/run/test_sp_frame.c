/* The server's framing: whatever bytes come, in whatever pieces. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/rng.h"
#include "common/run/sp_frame.h"
#include "tests/support/check.h"

enum {
    MOST = 4096,
    BODY_MAX = 64 * 1024,
    SPLITS = 400, /* drawn ways to cut one stream */
};

static const uint8_t req_hello[] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};

/* What was taken, one after the other: length of the backtrace, length of the body, both. */
struct taken {
    uint32_t count;
    uint64_t dropped;
    size_t size;
    uint8_t data[BODY_MAX];
};

static void take(void *context, const uint8_t *trace, size_t trace_len, const uint8_t *body,
                 size_t size)
{
    struct taken *t = context;

    REQUIRE(t->size + trace_len + size + 2 <= sizeof t->data, "room for what was taken");
    t->count++;
    t->data[t->size++] = (uint8_t)trace_len;
    t->data[t->size++] = (uint8_t)size;
    memcpy(t->data + t->size, trace, trace_len);
    memcpy(t->data + t->size + trace_len, body, size);
    t->size += trace_len + size;
}

/* Frame, `hops` words without and one with the end mark, `size` bytes. Returns its length. */
static size_t put(uint8_t *out, size_t hops, size_t size, uint8_t fill)
{
    size_t at = SP_WIRE_FRAME_LEN;

    out[0] = 1;
    bytes_put_be64(out + 1, (hops + 1) * SP_WIRE_ID_LEN + size);
    for (size_t i = 0; i <= hops; i++) {
        bytes_put_be32(out + at, (uint32_t)i | (i == hops ? 0x80000000u : 0));
        at += SP_WIRE_ID_LEN;
    }
    memset(out + at, fill, size);
    return at + size;
}

static enum err feed(const uint8_t *data, size_t size, struct taken *t)
{
    struct sp_frame f = {.most = MOST};

    *t = (struct taken){0};
    enum err e = sp_frame_feed(&f, data, size, take, t, &t->dropped);
    sp_frame_fini(&f);
    return e;
}

/* ---- single streams ---------------------------------------------------------------------------- */

static void greetings_other_than_req_are_refused(void)
{
    static const struct {
        uint8_t hello[8];
        enum err expected;
        const char *why;
    } rows[] = {
        {{0, 'S', 'P', 0, 0, 0x30, 0, 0}, ERR_OK, "a REQ peer"},
        {{0, 'S', 'P', 0, 0, 0x31, 0, 0}, ERR_MALFORMED, "a REP peer asks nothing"},
        {{0, 'S', 'P', 0, 0, 0x10, 0, 0}, ERR_MALFORMED, "a PAIR peer"},
        {{0, 'S', 'P', 1, 0, 0x30, 0, 0}, ERR_MALFORMED, "another version of SP"},
        {{0, 'S', 'P', 0, 0, 0x30, 0, 1}, ERR_MALFORMED, "reserved bytes are zero"},
        {{'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}, ERR_MALFORMED, "a lost web browser"},
    };
    struct taken t;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(feed(rows[i].hello, 8, &t) == rows[i].expected, "%s", rows[i].why);
    }
}

static void frames_are_judged_by_their_head(void)
{
    static const struct {
        uint8_t type;
        uint64_t length;
        enum err expected;
        const char *why;
    } rows[] = {
        {1, 4, ERR_OK, "an id and nothing else"},
        {1, 3, ERR_MALFORMED, "no room for an id"},
        {1, 0, ERR_MALFORMED, "nothing"},
        {0, 4, ERR_MALFORMED, "another type of frame"},
        {2, 4, ERR_MALFORMED, "shared memory was never part of it"},
        {1, MOST, ERR_OK, "exactly the limit (the rest is awaited)"},
        {1, MOST + 1, ERR_LIMIT, "one past it"},
        {1, UINT64_C(1) << 30, ERR_LIMIT, "an announced GiB"},
        {1, UINT64_MAX, ERR_LIMIT, "a length that would overflow"},
    };
    uint8_t stream[8 + SP_WIRE_FRAME_LEN + 4];
    struct taken t;

    memcpy(stream, req_hello, 8);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        stream[8] = rows[i].type;
        bytes_put_be64(stream + 9, rows[i].length);
        bytes_put_be32(stream + 8 + SP_WIRE_FRAME_LEN, 0x80000007u);
        CHECK(feed(stream, sizeof stream, &t) == rows[i].expected, "%s", rows[i].why);
    }
}

static void hops_end_at_a_mark(void)
{
    uint8_t stream[8 + 256];
    struct taken t;

    memcpy(stream, req_hello, 8);
    size_t size = put(stream + 8, SP_FRAME_HOPS_MAX, 3, 'x');
    CHECK(feed(stream, 8 + size, &t) == ERR_OK && t.count == 1 && t.dropped == 0 &&
              t.data[0] == SP_FRAME_TRACE_MAX && t.data[1] == 3, "as many hops as nng takes");
    size = put(stream + 8, SP_FRAME_HOPS_MAX + 1, 3, 'x');
    CHECK(feed(stream, 8 + size, &t) == ERR_OK && t.count == 0 && t.dropped == 1,
          "one more: dropped and counted, the connection goes on");
    size = put(stream + 8, 2, 0, 'x');
    stream[8 + size - SP_WIRE_ID_LEN] = 0;
    CHECK(feed(stream, 8 + size, &t) == ERR_MALFORMED && t.count == 0, "no end mark at all");
}

static void memory_grows_with_what_came(void)
{
    uint8_t head[8 + SP_WIRE_FRAME_LEN];
    struct sp_frame f = {.most = SP_MESSAGE_MAX};
    struct taken t = {0};

    memcpy(head, req_hello, 8);
    head[8] = 1;
    bytes_put_be64(head + 9, SP_MESSAGE_MAX);
    CHECK(sp_frame_feed(&f, head, sizeof head, take, &t, &t.dropped) == ERR_OK, "16 MiB announced");
    CHECK(f.room <= 1024, "%zu bytes are held for %zu that came", f.room, sizeof head);
    sp_frame_fini(&f);
}

static void answers_carry_the_trace_back(void)
{
    uint8_t trace[SP_FRAME_TRACE_MAX], head[SP_FRAME_HEAD_MAX];

    memset(trace, 7, sizeof trace);
    size_t len = sp_frame_head_put(trace, 8, 1000, head);
    CHECK(len == SP_WIRE_FRAME_LEN + 8 && head[0] == 1 && bytes_get_be64(head + 1) == 1008 &&
              memcmp(head + SP_WIRE_FRAME_LEN, trace, 8) == 0, "two hops");
    CHECK(sp_frame_head_put(trace, sizeof trace, 0, head) == sizeof head, "the longest");
}

/* The other end: a requester takes answers from a REP peer, and from nobody else. */
static void a_requester_hears_a_replier(void)
{
    static struct taken t;
    uint8_t stream[64], hello[SP_WIRE_HELLO_LEN];
    struct sp_frame f = {.most = MOST, .is_requester = true};

    t = (struct taken){0};
    sp_frame_hello_put(stream);
    size_t size = SP_WIRE_HELLO_LEN + put(stream + SP_WIRE_HELLO_LEN, 0, 5, 'a');
    CHECK(sp_frame_feed(&f, stream, size, take, &t, &t.dropped) == ERR_OK && t.count == 1, "an answer");
    sp_frame_fini(&f);
    f = (struct sp_frame){.most = MOST, .is_requester = true};
    sp_wire_hello_put(hello);
    CHECK(sp_frame_feed(&f, hello, sizeof hello, take, &t, &t.dropped) == ERR_MALFORMED, "REQ at REQ");
    sp_frame_fini(&f);
}

/* ---- any pieces -------------------------------------------------------------------------------- */

/* sp-tcp-mapping-01: the same without the byte that says what kind of frame it is. */
static void the_tcp_mapping_has_no_type(void)
{
    static const struct {
        uint8_t head[8];
        enum err expected;
        uint32_t count;
        const char *why;
    } rows[] = {
        {{0, 0, 0, 0, 0, 0, 0, 9}, ERR_OK, 1, "an id and five bytes"},
        {{0, 0, 0, 0, 0, 0, 0, 4}, ERR_OK, 1, "an id alone"},
        {{0, 0, 0, 0, 0, 0, 0, 3}, ERR_MALFORMED, 0, "no room for an id"},
        {{0, 0, 0, 0, 0, 0, 0x10, 0}, ERR_OK, 0, "MOST: the rest is to come"},
        {{0, 0, 0, 0, 0, 0, 0x10, 1}, ERR_LIMIT, 0, "one more"},
        {{1, 0, 0, 0, 0, 0, 0, 9}, ERR_LIMIT, 0, "what would be a type is the length's first byte"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t data[8 + 8 + 9] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
        for (size_t piece = 1; piece <= sizeof data; piece++) {
            struct sp_frame f = {.most = MOST, .is_tcp = true};
            static struct taken t;
            enum err e = ERR_OK;
            size_t size = rows[i].head[7] == 4 ? sizeof data - 5 : sizeof data;
            t.count = 0;
            t.size = 0;
            memcpy(data + 8, rows[i].head, 8);
            bytes_put_be32(data + 16, 0x80000007u);
            for (size_t at = 0; at < size && e == ERR_OK; at += piece) {
                e = sp_frame_feed(&f, data + at, size - at < piece ? size - at : piece, take, &t, &t.dropped);
            }
            CHECK(e == rows[i].expected && t.count == rows[i].count, "row %zu in pieces of %zu: %s", i, piece, rows[i].why);
            sp_frame_fini(&f);
        }
    }
}

static void pieces_make_no_difference(uint64_t seed)
{
    static uint8_t stream[BODY_MAX];
    static struct taken whole, parts;
    struct rng rng;
    size_t size = 8;

    rng_init(&rng, seed);
    memcpy(stream, req_hello, 8);
    for (int i = 0; i < 40; i++) {
        size += put(stream + size, rng_below(&rng, SP_FRAME_HOPS_MAX + 2), rng_below(&rng, 200),
                    (uint8_t)i);
    }
    REQUIRE(feed(stream, size, &whole) == ERR_OK && whole.count > 20, "the stream is a good one");
    for (int i = 0; i < SPLITS; i++) {
        struct sp_frame f = {.most = MOST};
        uint32_t longest = 1 + (uint32_t)rng_below(&rng, i % 2 == 0 ? 12 : 900);
        parts = (struct taken){0};
        for (size_t at = 0; at < size;) {
            size_t piece = 1 + rng_below(&rng, longest);
            piece = piece < size - at ? piece : size - at;
            enum err e = sp_frame_feed(&f, stream + at, piece, take, &parts, &parts.dropped);
            REQUIRE(e == ERR_OK, "seed %llu split %d: %s", (unsigned long long)seed, i, err_name(e));
            at += piece;
        }
        CHECK(f.have == 0 && parts.count == whole.count && parts.dropped == whole.dropped &&
                  parts.size == whole.size && memcmp(parts.data, whole.data, whole.size) == 0,
              "seed %llu split %d gives the same messages", (unsigned long long)seed, i);
        sp_frame_fini(&f);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

    greetings_other_than_req_are_refused();
    frames_are_judged_by_their_head();
    hops_end_at_a_mark();
    a_requester_hears_a_replier();
    memory_grows_with_what_came();
    answers_carry_the_trace_back();
    the_tcp_mapping_has_no_type();
    for (uint64_t i = 0; i < 5; i++) {
        pieces_make_no_difference(seed + i);
    }
    return CHECK_RESULT();
}
