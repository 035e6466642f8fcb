/* The judge is judged: small drawn histories by trying every order, large ones that a store really gave, and one of each
 * kind of fault that it exists to find.
 *
 *   test_linear [SEED] [SMALL HISTORIES] */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/macros.h"
#include "common/base/rng.h"
#include "tests/linear/check.h"
#include "tests/support/check.h"

enum { CLIENTS_MAX = 12 };

static uint32_t draw(struct rng *rng, uint32_t below)
{
    return (uint32_t)rng_below(rng, below);
}

/* A request of some kind. */
static void draw_op(struct rng *rng, uint32_t keys, uint32_t values, struct history_op *op)
{
    uint32_t kind = draw(rng, 10);

    op->success = 1;
    op->step[0][0] = (struct history_step){.kind = kind < 4 ? HISTORY_PUT : kind < 5 ? HISTORY_DELETE : HISTORY_GET,
                                           .key = draw(rng, keys), .value = 1 + draw(rng, values)};
    op->is_write = op->step[0][0].kind != HISTORY_GET;
    if (kind >= 8) {
        op->compares = op->failure = 1;
        op->is_write = true;
        op->compare[0] = (struct history_compare){draw(rng, keys), draw(rng, values + 1)};
        op->step[0][0].kind = HISTORY_PUT;
        op->step[1][0] = (struct history_step){.kind = HISTORY_GET, .key = draw(rng, keys)};
        if (kind == 9) {
            op->success = 2;
            op->step[0][1] = (struct history_step){.kind = HISTORY_GET, .key = draw(rng, keys)};
        }
    }
}

/* Do it, and write down what it sees. True when it makes a revision. */
static bool tell(struct history_op *op, uint32_t *values)
{
    bool has_changed = false;

    op->succeeded = op->compares == 0 || values[op->compare[0].key] == op->compare[0].value;
    struct history_step *step = op->step[op->succeeded ? 0 : 1];
    for (size_t i = 0; i < (op->succeeded ? op->success : op->failure); i++) {
        if (step[i].kind == HISTORY_GET) {
            step[i].value = values[step[i].key];
        } else {
            has_changed = has_changed || step[i].kind == HISTORY_PUT || values[step[i].key] != 0;
            values[step[i].key] = step[i].kind == HISTORY_PUT ? step[i].value : 0;
        }
    }
    return has_changed;
}

/* What clients see of a store that does their requests one by one: each at a moment between its begin and its end.
 * One of `lost` is not answered; half of these were done. */
static void draw_history(struct rng *rng, struct history *h, size_t count, uint32_t clients, uint32_t keys,
                         uint32_t values, uint32_t lost)
{
    uint32_t state[64] = {0};
    int64_t free_at[CLIENTS_MAX] = {0}, now = 0;
    uint64_t revision = 0;

    for (size_t i = 0; i < count; i++) {
        struct history_op *op = history_add(h);
        uint32_t client = draw(rng, clients);

        now += 10;
        draw_op(rng, keys, values, op);
        op->call = now - draw(rng, 40);
        op->call = op->call > free_at[client] ? op->call : free_at[client];
        op->call = op->call < now ? op->call : now;
        op->end = now + draw(rng, 40);
        free_at[client] = op->end + 1;
        bool is_lost = draw(rng, lost) == 0;
        if (!is_lost || draw(rng, 2) == 0) {
            revision += tell(op, state);
            op->revision = revision;
        }
        if (is_lost) {
            op->outcome = HISTORY_UNKNOWN;
        }
        if (draw(rng, 20) == 0) {
            struct history_op *refused = history_add(h);

            draw_op(rng, keys, values, refused);
            refused->call = now;
            refused->outcome = HISTORY_FAIL;
        }
    }
}

static void spoil(struct rng *rng, struct history *h, uint32_t values)
{
    struct history_op *op = &h->op[draw(rng, (uint32_t)h->count)];

    switch (draw(rng, 4)) {
    case 0:
        op->step[0][0].value = draw(rng, values + 1);
        break;
    case 1:
        op->step[1][0].value = draw(rng, values + 1);
        break;
    case 2:
        op->succeeded = op->compares == 0 || !op->succeeded;
        break;
    case 3:
        op->end = op->call + draw(rng, 10);
        break;
    }
}

/* The judge and force agree on small histories, right ones and spoilt ones. */
static void small_ones(uint64_t seed, uint64_t histories)
{
    uint64_t violated = 0;
    struct rng rng;

    rng_init(&rng, seed);
    for (uint64_t i = 0; i < histories && check_failures == 0; i++) {
        struct history h;
        size_t worst;

        history_init(&h);
        /* With few values they are seen; with many, writes of unknown outcome are seen by nobody. */
        uint32_t values = draw(&rng, 2) == 0 ? 2 : 7;
        draw_history(&rng, &h, 3 + draw(&rng, 3), 1 + draw(&rng, 4), 1 + draw(&rng, 2), values, 2 + draw(&rng, 4));
        h.count = h.count > 6 ? 6 : h.count;
        bool is_spoilt = draw(&rng, 4) > 0;
        for (uint32_t changes = is_spoilt ? 1 + draw(&rng, 2) : 0; changes > 0; changes--) {
            spoil(&rng, &h, values);
        }
        bool expected = check_by_force(&h);
        enum check_verdict got = check_linear(&h, &worst);
        CHECK(got == (expected ? CHECK_LINEAR : CHECK_VIOLATED), "seed %" PRIu64 ", history %" PRIu64 ": force says %s",
              seed, i, expected ? "linearizable" : "not");
        CHECK(is_spoilt || expected, "what a store gave is linearizable: history %" PRIu64, i);
        violated += !expected;
        history_fini(&h);
    }
    CHECK(violated > histories / 20 && violated < histories * 19 / 20, "some of each: %" PRIu64 " of %" PRIu64 " are not",
          violated, histories);
}

static void large_ones(uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed);
    for (int i = 0; i < 6; i++) {
        struct history h;
        size_t worst;

        history_init(&h);
        draw_history(&rng, &h, 1500, 8, 30, 1000, 100);
        CHECK(check_linear(&h, &worst) == CHECK_LINEAR, "a large history of a store, %d", i);
        CHECK(check_revisions(&h, &worst), "with its revisions, %d", i);
        history_fini(&h);
    }
}

/* ---- faults with names ---------------------------------------------------------------------- */

static const struct {
    const char *why;
    bool is_linear, is_ordered;
    const char *lines;
} rows[] = {
    {"a read between", true, true,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\",\"revision\":1}\n"
     "{\"call\":3,\"end\":4,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\",\"revision\":1}\n"},
    {"a stale read", false, false,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\",\"revision\":1}\n"
     "{\"call\":3,\"end\":4,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"2\",\"revision\":2}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\",\"revision\":1}\n"},
    {"an acknowledged write is lost", false, true,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":null}\n"},
    {"a write that failed is read", false, true,
     "{\"call\":1,\"outcome\":\"fail\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"},
    {"a write of unknown outcome is read", true, true,
     "{\"call\":1,\"outcome\":\"unknown\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"},
    {"a comparison of unknown outcome is read", true, true,
     "{\"call\":1,\"outcome\":\"unknown\",\"op\":\"cas\",\"key\":\"a\",\"expected\":null,\"value\":\"1\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"},
    {"and not read", true, true,
     "{\"call\":1,\"outcome\":\"unknown\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":null}\n"},
    {"but not before it was asked for", false, true,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"
     "{\"call\":5,\"outcome\":\"unknown\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"},
    {"a value comes back: done twice", false, true,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":3,\"end\":4,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"2\"}\n"
     "{\"call\":5,\"end\":6,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"2\"}\n"
     "{\"call\":7,\"end\":8,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"},
    {"two succeed with the same expectation", false, true,
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"cas\",\"key\":\"a\",\"expected\":null,\"value\":\"1\",\"succeeded\":true}\n"
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"cas\",\"key\":\"a\",\"expected\":null,\"value\":\"2\",\"succeeded\":true}\n"},
    {"one of them does not", true, true,
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"cas\",\"key\":\"a\",\"expected\":null,\"value\":\"1\",\"succeeded\":true}\n"
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"cas\",\"key\":\"a\",\"expected\":null,\"value\":\"2\",\"succeeded\":false,"
     "\"result\":\"1\"}\n"},
    {"half of a transaction is read", false, true,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"txn\",\"success\":[{\"put\":\"a\",\"value\":\"1\"},{\"put\":\"b\",\"value\":"
     "\"1\"}],\"succeeded\":true}\n"
     "{\"call\":1,\"end\":4,\"outcome\":\"ok\",\"op\":\"txn\",\"success\":[{\"get\":\"a\",\"result\":\"1\"},{\"get\":\"b\",\"result\":"
     "null}],\"succeeded\":true}\n"},
    {"two see two orders", false, true,
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\"}\n"
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"2\"}\n"
     "{\"call\":2,\"end\":3,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"
     "{\"call\":4,\"end\":5,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"2\"}\n"
     "{\"call\":6,\"end\":7,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\",\"result\":\"1\"}\n"},
    {"a revision goes down", true, false,
     "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\",\"revision\":7}\n"
     "{\"call\":3,\"end\":4,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"b\",\"value\":\"2\",\"revision\":6}\n"},
    {"two writes share a revision", true, false,
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"a\",\"value\":\"1\",\"revision\":7}\n"
     "{\"call\":1,\"end\":9,\"outcome\":\"ok\",\"op\":\"put\",\"key\":\"b\",\"value\":\"2\",\"revision\":7}\n"},
};

static void named_ones(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        FILE *from = fmemopen((void *)rows[i].lines, strlen(rows[i].lines), "r");
        struct history h;
        size_t line, worst;

        history_init(&h);
        REQUIRE(from != NULL && history_read(&h, from, &line), "%s: line %zu", rows[i].why, line);
        CHECK((check_linear(&h, &worst) == CHECK_LINEAR) == rows[i].is_linear, "%s", rows[i].why);
        CHECK(check_by_force(&h) == rows[i].is_linear, "%s: by force", rows[i].why);
        CHECK(check_revisions(&h, &worst) == rows[i].is_ordered, "%s: revisions", rows[i].why);
        fclose(from);
        history_fini(&h);
    }
}

static void no_history(void)
{
    static const char *const lines[] = {
        "", "[]", "{\"call\":1}", "{\"call\":1,\"outcome\":\"perhaps\",\"op\":\"get\",\"key\":\"a\"}",
        "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"get\"}", "{\"call\":2,\"end\":1,\"outcome\":\"ok\",\"op\":\"get\",\"key\":\"a\"}",
        "{\"call\":1,\"end\":2,\"outcome\":\"ok\",\"op\":\"increment\",\"key\":\"a\"}", "not JSON"};

    for (size_t i = 1; i < ARRAY_LEN(lines); i++) {
        FILE *from = fmemopen((void *)lines[i], strlen(lines[i]), "r");
        struct history h;
        size_t line;

        history_init(&h);
        CHECK(from != NULL && !history_read(&h, from, &line), "%s", lines[i]);
        fclose(from);
        history_fini(&h);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;

    small_ones(seed, argc > 2 ? strtoull(argv[2], NULL, 10) : 600);
    large_ones(seed);
    named_ones();
    no_history();
    return CHECK_RESULT();
}
