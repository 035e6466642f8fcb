/* Commands as bytes: what is written is read, what is cut, longer or over a limit is refused, and no bytes at all do
 * harm. */
#include <assert.h>

#include "common/base/rng.h"
#include "raft/span.h"
#include "raft/types.h"
#include "tests/unit/raft/store_kit.h"

static uint8_t room[RAFT_COMMAND_MAX + 16], big[RAFT_VALUE_MAX + 1];

static struct raft_writer begin(enum raft_command_kind kind)
{
    struct raft_writer w;

    raft_command_begin(&w, room, sizeof room, kind, 77, &(struct raft_once){.session = 5, .sequence = 6, .acknowledged = 4});
    return w;
}

static struct raft_bytes of_size(uint32_t size)
{
    return (struct raft_bytes){big, size};
}

static bool is_text(struct raft_bytes b, const char *text)
{
    return raft_span_order(b, store_text(text)) == 0;
}

static size_t a_txn(void)
{
    struct raft_writer w = begin(RAFT_COMMAND_TXN);
    size_t size = 0;

    raft_command_txn(&w);
    raft_command_compare(&w, &(struct raft_compare){.span = store_span("a", NULL), .target = RAFT_COMPARE_VALUE,
                                                    .result = RAFT_COMPARE_LESS, .value = store_text("v")});
    raft_command_compare(&w, &(struct raft_compare){.span = store_span("b", "c"), .target = RAFT_COMPARE_LEASE,
                                                    .result = RAFT_COMPARE_UNEQUAL, .number = 9});
    raft_command_op(&w, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("k"),
                                                 .value = store_text("value"), .lease = 3, .keeps_value = true}});
    raft_command_op(&w, false, &(struct raft_op){.kind = RAFT_OP_DELETE, .del = {.span = store_span("", "")}});
    raft_command_op(&w, true, &(struct raft_op){.kind = RAFT_OP_RANGE, .query = {.span = store_span("x", "z"), .limit = 3,
                                                .is_descending = true, .created_least = 8}});
    CHECK(raft_command_end(&w, &size) == ERR_OK, "a transaction");
    return size;
}

static void what_is_written_is_read(void)
{
    size_t size = a_txn();
    struct raft_command c;
    struct raft_compare compare;
    struct raft_op op;

    REQUIRE(raft_command_read(room, size, &c) == ERR_OK, "it reads");
    CHECK(c.kind == RAFT_COMMAND_TXN && c.time_ms == 77 && c.once.session == 5 && c.once.sequence == 6 &&
          c.once.acknowledged == 4, "its head");
    CHECK(c.txn.compares.count == 2 && c.txn.success.count == 2 && c.txn.failure.count == 1, "its lists");
    CHECK(raft_command_next_compare(&c.txn.compares, &compare) && compare.result == RAFT_COMPARE_LESS &&
          is_text(compare.value, "v") && compare.span.kind == RAFT_SPAN_ONE && is_text(compare.span.key, "a"), "first");
    CHECK(raft_command_next_compare(&c.txn.compares, &compare) && compare.number == 9 && is_text(compare.span.end, "c") &&
          compare.target == RAFT_COMPARE_LEASE && compare.result == RAFT_COMPARE_UNEQUAL, "second");
    CHECK(!raft_command_next_compare(&c.txn.compares, &compare), "and no third");
    CHECK(raft_command_next_op(&c.txn.success, &op) && op.kind == RAFT_OP_PUT && is_text(op.put.value, "value") &&
          op.put.lease == 3 && op.put.keeps_value && !op.put.keeps_lease && !op.put.with_previous, "a put");
    CHECK(raft_command_next_op(&c.txn.success, &op) && op.kind == RAFT_OP_DELETE && op.del.span.kind == RAFT_SPAN_FROM,
          "a delete of everything");
    CHECK(!raft_command_next_op(&c.txn.success, &op), "and no third");
    CHECK(raft_command_next_op(&c.txn.failure, &op) && op.kind == RAFT_OP_RANGE && op.query.limit == 3 &&
          op.query.is_descending && op.query.created_least == 8 && is_text(op.query.span.end, "z"), "a range");
}

/* The bytes of docs/PROTOCOL.md: a log that was written once is read for ever. */
static void a_put_has_these_bytes(void)
{
    static const uint8_t expected[] = {
        1, 1, 1, 0,                                            /* version, put, of a session */
        77, 0, 0, 0, 0, 0, 0, 0,                               /* the clock */
        5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
        5, 9, 0, 0, 0, 0, 0, 0, 0,                             /* show and keep the lease; lease */
        1, 0, 2, 0, 0, 0, 'k', 'v', 'w'};
    struct raft_writer w = begin(RAFT_COMMAND_PUT);
    size_t size = 0;

    raft_command_put(&w, &(struct raft_put){.key = store_text("k"), .value = store_text("vw"), .lease = 9,
                                            .with_previous = true, .keeps_lease = true});
    CHECK(raft_command_end(&w, &size) == ERR_OK && size == sizeof expected && memcmp(room, expected, size) == 0,
          "a put, byte for byte");
}

static void no_other_length_is_taken(void)
{
    size_t size = a_txn();
    struct raft_command c;

    for (size_t cut = 0; cut < size; cut++) {
        CHECK(raft_command_read(room, cut, &c) == ERR_MALFORMED, "cut to %zu of %zu", cut, size);
    }
    room[size] = 0;
    CHECK(raft_command_read(room, size + 1, &c) == ERR_MALFORMED, "a byte more");
    room[0]++;
    CHECK(raft_command_read(room, size, &c) == ERR_MALFORMED, "another version");
}

static enum err put_of(uint32_t key, uint32_t value)
{
    struct raft_writer w = begin(RAFT_COMMAND_PUT);
    size_t size;

    raft_command_put(&w, &(struct raft_put){.key = of_size(key), .value = of_size(value)});
    return raft_command_end(&w, &size);
}

static enum err delete_of(enum raft_span_kind kind, uint32_t key, uint32_t end)
{
    struct raft_writer w = begin(RAFT_COMMAND_DELETE);
    size_t size;

    raft_command_delete(&w, &(struct raft_delete){.span = {kind, of_size(key), of_size(end)}});
    return raft_command_end(&w, &size);
}

static enum err txn_of(int compares, int success, int failure)
{
    struct raft_writer w = begin(RAFT_COMMAND_TXN);
    struct raft_op op = {.kind = RAFT_OP_DELETE, .del = {.span = store_span("k", NULL)}};
    size_t size;

    raft_command_txn(&w);
    for (int i = 0; i < compares; i++) {
        raft_command_compare(&w, &(struct raft_compare){.span = store_span("k", NULL)});
    }
    for (int i = 0; i < success; i++) {
        raft_command_op(&w, false, &op);
    }
    for (int i = 0; i < failure; i++) {
        raft_command_op(&w, true, &op);
    }
    return raft_command_end(&w, &size);
}

static void limits_are_kept(void)
{
    const struct {
        enum err got, expected;
        const char *why;
    } rows[] = {
        {put_of(1, 0), ERR_OK, "the shortest key, an empty value"},
        {put_of(0, 1), ERR_INVALID, "no key"},
        {put_of(RAFT_KEY_MAX, 1), ERR_OK, "the longest key"},
        {put_of(RAFT_KEY_MAX + 1, 1), ERR_INVALID, "one byte more"},
        {put_of(70000, 1), ERR_INVALID, "a key whose size does not fit its field"},
        {put_of(RAFT_KEY_MAX, RAFT_VALUE_MAX), ERR_OK, "the longest of both: an entry of the log holds them"},
        {put_of(1, RAFT_VALUE_MAX + 1), ERR_INVALID, "a value too long"},
        {delete_of(RAFT_SPAN_ONE, 0, 0), ERR_INVALID, "no key to delete"},
        {delete_of(RAFT_SPAN_FROM, 0, 0), ERR_OK, "all keys"},
        {delete_of(RAFT_SPAN_BETWEEN, RAFT_KEY_MAX, RAFT_KEY_MAX), ERR_OK, "the longest of both"},
        {delete_of(RAFT_SPAN_BETWEEN, 1, RAFT_KEY_MAX + 1), ERR_INVALID, "an end too long"},
        {txn_of(RAFT_TXN_MAX, RAFT_TXN_MAX, RAFT_TXN_MAX), ERR_OK, "the most of all"},
        {txn_of(RAFT_TXN_MAX + 1, 0, 0), ERR_INVALID, "a comparison too many"},
        {txn_of(0, RAFT_TXN_MAX + 1, 0), ERR_INVALID, "an operation too many"},
        {txn_of(0, 0, RAFT_TXN_MAX + 1), ERR_INVALID, "one too many on failure"},
    };

    static_assert((int)RAFT_COMMAND_MAX == (int)RAFT_ENTRY_MAX, "the log takes every command");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(rows[i].got == rows[i].expected, "%s: %s", rows[i].why, err_name(rows[i].got));
    }
    struct raft_writer w;
    size_t size;
    raft_command_begin(&w, room, 20, RAFT_COMMAND_PUT, 1, NULL);
    raft_command_put(&w, &(struct raft_put){.key = store_text("k"), .value = store_text("does not fit")});
    CHECK(raft_command_end(&w, &size) == ERR_LIMIT, "what does not fit its room");
}

static void a_key_is_changed_once(void)
{
    const struct {
        const char *put[2], *del[2]; /* del: key and end */
        bool is_single;
        const char *why;
    } rows[] = {
        {{"a", "b"}, {0}, true, "two keys"},
        {{"a", "a"}, {0}, false, "a key twice"},
        {{"a", NULL}, {"a", NULL}, false, "put and deleted"},
        {{"a", NULL}, {"b", NULL}, true, "another one deleted"},
        {{"c", NULL}, {"b", "d"}, false, "in a range that is deleted"},
        {{"d", NULL}, {"b", "d"}, true, "at its end, which is not in it"},
        {{"d", NULL}, {"b", ""}, false, "in a range without end"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raft_writer w = begin(RAFT_COMMAND_TXN);
        struct raft_command c;
        size_t size;

        raft_command_txn(&w);
        for (int put = 0; put < 2 && rows[i].put[put] != NULL; put++) {
            raft_command_op(&w, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text(rows[i].put[put])}});
        }
        if (rows[i].del[0] != NULL) {
            raft_command_op(&w, false, &(struct raft_op){.kind = RAFT_OP_DELETE,
                                                         .del = {.span = store_span(rows[i].del[0], rows[i].del[1])}});
        }
        REQUIRE(raft_command_end(&w, &size) == ERR_OK && raft_command_read(room, size, &c) == ERR_OK, "row %zu", i);
        CHECK(raft_command_is_single(&c.txn.success) == rows[i].is_single, "%s", rows[i].why);
    }
}

static void prefixes_have_ends(void)
{
    const struct {
        const char *prefix, *in, *out;
    } rows[] = {{"a", "a", "b"}, {"a", "a\xff\xff", "b"}, {"a\xff", "a\xffz", "b"}, {"ab", "abz", "ac"},
                {"", "anything", NULL}, {"\xff\xff", "\xff\xff\xff", NULL}};
    uint8_t end[RAFT_KEY_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raft_span span = raft_span_prefix(store_text(rows[i].prefix), end);

        CHECK(raft_span_has(&span, store_text(rows[i].in)), "row %zu: has %s", i, rows[i].in);
        CHECK(rows[i].out == NULL || !raft_span_has(&span, store_text(rows[i].out)), "row %zu: not %s", i, rows[i].out);
    }
}

/* Whatever the bytes: what is taken can be applied. */
static void bytes_do_no_harm(void)
{
    static struct store s;
    struct raft_answer answer;
    struct rng rng;
    uint64_t taken = 0;

    store_init(&s);
    rng_init(&rng, 11);
    for (int i = 0; i < 60000; i++) {
        size_t size = a_txn();

        for (uint64_t changes = rng_below(&rng, 4) + 1; changes > 0; changes--) {
            room[rng_below(&rng, i % 2 == 0 ? 16 : size)] = (uint8_t)rng_below(&rng, i % 3 == 0 ? 16 : 256);
        }
        room[12] = room[13] = room[14] = 0; /* a session of no number that exists would end most of it */
        taken += raft_kv_apply(&s.kv, s.kv.applied + 1, room, size - rng_below(&rng, 2), &answer) == ERR_OK;
    }
    CHECK(taken > 100, "some are still commands: %d", (int)taken);
    store_fini(&s);
}

int main(void)
{
    memset(big, 'x', sizeof big);
    what_is_written_is_read();
    a_put_has_these_bytes();
    no_other_length_is_taken();
    limits_are_kept();
    a_key_is_changed_once();
    prefixes_have_ends();
    bytes_do_no_harm();
    return CHECK_RESULT();
}
