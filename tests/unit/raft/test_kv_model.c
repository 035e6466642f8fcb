/* The store against a list of everything that ever happened, which answers each question by reading it from the start.
 * A second store does the same commands while images of it are written, and is now and then replaced by one that was
 * made from an image: it must give the same answers, byte for byte, and have the same hash. What is old is on a disk there,
 * but for a drawn number of bytes and while that is full.
 *
 *   test_raft_kv_model [FIRST SEED] [SEEDS] */
#include <inttypes.h>

#include "common/base/rng.h"
#include "raft/span.h"
#include "tests/unit/raft/store_kit.h"

enum {
    KEYS = 48,
    STEPS = 600,
    EVENTS_MAX = STEPS * 64,
    LEASES = 6,
};

/* One thing that happened. */
struct event {
    int key;
    uint64_t revision, created, version, lease;
    uint32_t value; /* each has another one */
    bool is_delete;
};

struct world {
    struct rng rng;
    struct event event[EVENTS_MAX];
    size_t count;
    uint64_t revision, compacted;
    uint64_t lease[LEASES]; /* 0: none */
    uint32_t next_value;
    struct store ours, twin;
    struct past_disk disk[2]; /* of the twin; and of the next one */
    uint64_t loads;           /* records that came from a disk    */
    uint32_t held; /* images of the twin that are being written */
    struct raft_image image[2];
};

static char names[KEYS][16];

static int draw(struct world *w, int below)
{
    return (int)rng_below(&w->rng, (uint64_t)below);
}

/* ---- what the list says --------------------------------------------------------------------- */

static const struct event *state_at(const struct world *w, int key, uint64_t revision)
{
    const struct event *found = NULL;

    for (size_t i = 0; i < w->count; i++) {
        if (w->event[i].key == key && w->event[i].revision <= revision) {
            found = &w->event[i];
        }
    }
    return found != NULL && !found->is_delete ? found : NULL;
}

static void list_put(struct world *w, int key, uint32_t value, uint64_t lease, uint64_t revision)
{
    const struct event *old = state_at(w, key, UINT64_MAX);

    w->event[w->count] = (struct event){.key = key, .revision = revision, .value = value, .lease = lease,
                                        .created = old != NULL ? old->created : revision,
                                        .version = old != NULL ? old->version + 1 : 1};
    w->count++;
}

static uint64_t list_delete(struct world *w, int from, int to, uint64_t revision)
{
    uint64_t deleted = 0;

    for (int key = from; key < to; key++) {
        if (state_at(w, key, UINT64_MAX) != NULL) {
            w->event[w->count++] = (struct event){.key = key, .revision = revision, .is_delete = true};
            deleted++;
        }
    }
    return deleted;
}

/* ---- both stores do the same ---------------------------------------------------------------- */

static void both(struct world *w)
{
    struct store *a = &w->ours, *b = &w->twin;

    (void)store_apply(a);
    b->writer = a->writer;
    b->writer.at = b->bytes;
    memcpy(b->bytes, a->bytes, a->writer.size);
    (void)store_apply(b);
    CHECK(a->answer.error == b->answer.error && a->answer.revision == b->answer.revision &&
          a->answer.number == b->answer.number && a->answer.succeeded == b->answer.succeeded,
          "twins answer the same");
    CHECK(a->answer.body.size == b->answer.body.size &&
          (a->answer.body.size == 0 || memcmp(a->answer.body.at, b->answer.body.at, a->answer.body.size) == 0),
          "and show the same");
    CHECK(a->answer.revision == w->revision, "revision %" PRIu64 ", the list says %" PRIu64, a->answer.revision,
          w->revision);
}

static void begin(struct world *w, enum raft_command_kind kind)
{
    raft_command_begin(&w->ours.writer, w->ours.bytes, sizeof w->ours.bytes, kind, w->ours.time_ms, NULL);
}

static struct raft_bytes value_bytes(const uint32_t *value)
{
    return (struct raft_bytes){(const uint8_t *)value, sizeof *value};
}

static void do_put(struct world *w)
{
    int key = draw(w, KEYS);
    uint32_t value = w->next_value++;
    uint64_t lease = draw(w, 4) == 0 ? w->lease[draw(w, LEASES)] : 0;

    begin(w, RAFT_COMMAND_PUT);
    raft_command_put(&w->ours.writer, &(struct raft_put){.key = store_text(names[key]), .value = value_bytes(&value),
                                                         .lease = lease, .with_previous = draw(w, 2) == 0});
    list_put(w, key, value, lease, ++w->revision);
    both(w);
}

static void do_delete(struct world *w)
{
    int from = draw(w, KEYS), to = draw(w, 3) > 0 ? from + 1 : from + draw(w, KEYS - from) + 1;
    struct raft_span span = to == from + 1 ? store_span(names[from], NULL)
                                           : store_span(names[from], to < KEYS ? names[to] : "");

    begin(w, RAFT_COMMAND_DELETE);
    raft_command_delete(&w->ours.writer, &(struct raft_delete){.span = span, .with_previous = draw(w, 2) == 0});
    uint64_t deleted = list_delete(w, from, to, w->revision + 1);
    w->revision += deleted > 0;
    both(w);
    CHECK(w->ours.answer.number == deleted, "%" PRIu64 " deleted", w->ours.answer.number);
}

/* If one key is as it is (or is not), put some others and delete a range; else put one. */
static void do_txn(struct world *w)
{
    int looked = draw(w, KEYS), first = draw(w, KEYS / 2), puts = draw(w, 6) + 1;
    const struct event *state = state_at(w, looked, UINT64_MAX);
    bool holds = draw(w, 2) == 0;
    uint64_t version = (state != NULL ? state->version : 0) + (holds ? 0 : 1);
    uint32_t values[8];

    store_txn(&w->ours);
    raft_command_compare(&w->ours.writer, &(struct raft_compare){.span = store_span(names[looked], NULL), .number = version,
                                                                 .target = RAFT_COMPARE_VERSION});
    if (holds) {
        w->revision++;
    }
    for (int i = 0; i < puts; i++) {
        values[i] = w->next_value++;
        raft_command_op(&w->ours.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {
            .key = store_text(names[first + i]), .value = value_bytes(&values[i])}});
        if (holds) {
            list_put(w, first + i, values[i], 0, w->revision);
        }
    }
    raft_command_op(&w->ours.writer, false, &(struct raft_op){.kind = RAFT_OP_RANGE,
                                                              .query = {.span = store_span(names[0], "")}});
    raft_command_op(&w->ours.writer, false, &(struct raft_op){.kind = RAFT_OP_DELETE, .del = {
        .span = store_span(names[first + puts], names[first + puts + 4])}});
    if (holds) {
        (void)list_delete(w, first + puts, first + puts + 4, w->revision);
    }
    both(w);
    CHECK(w->ours.answer.succeeded == holds, "a comparison with version %" PRIu64, version);
}

static void do_lease(struct world *w)
{
    int which = draw(w, LEASES);

    if (w->lease[which] == 0) {
        begin(w, RAFT_COMMAND_LEASE_GRANT);
        raft_command_numbers(&w->ours.writer, 0, 0, 5000);
        both(w);
        w->lease[which] = w->ours.answer.number;
        return;
    }
    begin(w, RAFT_COMMAND_LEASE_REVOKE);
    raft_command_numbers(&w->ours.writer, w->lease[which], 0, 0);
    bool any = false;
    for (int key = 0; key < KEYS; key++) {
        const struct event *state = state_at(w, key, UINT64_MAX);
        if (state != NULL && state->lease == w->lease[which]) {
            (void)list_delete(w, key, key + 1, w->revision + 1);
            any = true;
        }
    }
    w->revision += any;
    w->lease[which] = 0;
    both(w);
}

static void do_compact(struct world *w)
{
    uint64_t to = w->compacted + (uint64_t)draw(w, (int)(w->revision - w->compacted) + 1);

    begin(w, RAFT_COMMAND_COMPACT);
    raft_command_numbers(&w->ours.writer, to, 0, 0);
    both(w);
    w->compacted = to;
}

/* ---- questions ------------------------------------------------------------------------------ */

static bool is_same(const struct raft_record *r, const struct event *e)
{
    return r->created == e->created && r->modified == e->revision && r->version == e->version &&
           raft_record_lease(r) == e->lease && r->value_size == sizeof e->value &&
           memcmp(raft_record_value(r).at, &e->value, sizeof e->value) == 0 &&
           raft_span_order(raft_record_key(r), store_text(names[e->key])) == 0;
}

struct expecting {
    const struct world *w;
    uint64_t revision;
    int at, step;
};

static void expect_next(void *context, const struct raft_record *r)
{
    struct expecting *x = context;
    const struct event *e = NULL;

    while (x->at >= 0 && x->at < KEYS && (e = state_at(x->w, x->at, x->revision)) == NULL) {
        x->at += x->step;
    }
    CHECK(e != NULL && is_same(r, e), "a range at %" PRIu64 " shows what the list has", x->revision);
    x->at += x->step;
}

static void ask_range(struct world *w, struct raft_kv *kv)
{
    uint64_t at = draw(w, 2) == 0 ? 0 : w->compacted + (uint64_t)draw(w, (int)(w->revision - w->compacted) + 1);
    int from = draw(w, KEYS);
    struct raft_query q = {.span = store_span(names[from], ""), .revision = at, .limit = (uint32_t)draw(w, 9) + 1,
                           .is_descending = draw(w, 2) == 0};
    struct expecting x = {.w = w, .revision = at != 0 ? at : UINT64_MAX, .at = q.is_descending ? KEYS - 1 : from,
                          .step = q.is_descending ? -1 : 1};
    struct raft_page page = {.has_more = true};
    uint8_t next[RAFT_KEY_MAX];
    uint64_t count = 0, expected = 0;

    for (int pages = 0; page.has_more && pages <= KEYS; pages++) {
        REQUIRE(raft_kv_range(kv, &q, RAFT_PAGE_BYTES, expect_next, &x, &page) == ERR_OK, "revision %" PRIu64, at);
        CHECK(page.count <= q.limit, "no more than was asked for");
        count += page.count;
        if (page.has_more) {
            memcpy(next, page.next.at, page.next.size);
            struct raft_bytes mark = {next, page.next.size};
            q.span = q.is_descending ? (struct raft_span){.kind = RAFT_SPAN_BETWEEN, .key = q.span.key, .end = mark}
                                     : (struct raft_span){.kind = RAFT_SPAN_FROM, .key = mark};
        }
    }
    for (int key = from; key < KEYS; key++) {
        expected += state_at(w, key, x.revision) != NULL;
    }
    CHECK(!page.has_more && count == expected, "%" PRIu64 " pairs, the list has %" PRIu64, count, expected);
}

static void ask_get(struct world *w, struct raft_kv *kv)
{
    uint64_t at = w->compacted + (uint64_t)draw(w, (int)(w->revision - w->compacted) + 1);
    int key = draw(w, KEYS);
    const struct event *e = state_at(w, key, at);
    const struct raft_record *r;
    enum err got = raft_kv_get(kv, store_text(names[key]), at, &r);

    if (at == 0) {
        return; /* is "now" */
    }
    CHECK(e != NULL ? got == ERR_OK && is_same(r, e) : got == ERR_NOT_FOUND, "%s at %" PRIu64, names[key], at);
    CHECK(w->compacted < 2 || raft_kv_get(kv, store_text(names[key]), w->compacted - 1, &r) == ERR_RANGE,
          "what is compacted is refused");
    CHECK(raft_kv_get(kv, store_text(names[key]), w->revision + 1, &r) == ERR_RANGE, "what is to come is refused");
}

/* ---- watches: ordered, unique, atomic, reliable, resumable, previous values, creation, filters ---- */

struct watching {
    const struct world *w;
    size_t at; /* in the list */
    int from, to;
    bool without_puts, without_deletes;
    uint64_t revision;
    uint32_t shown;
};

static bool is_wanted(const struct watching *x, const struct event *e)
{
    return e->key >= x->from && e->key < x->to && !(e->is_delete ? x->without_deletes : x->without_puts);
}

static void expect_event(void *context, const struct raft_record *r, const struct raft_record *previous)
{
    struct watching *x = context;

    while (x->at < x->w->count && !is_wanted(x, &x->w->event[x->at])) {
        x->at++;
    }
    REQUIRE(x->at < x->w->count, "no event that never happened");
    const struct event *e = &x->w->event[x->at++];
    CHECK(r->modified == e->revision && raft_record_is_delete(r) == e->is_delete &&
          raft_span_order(raft_record_key(r), store_text(names[e->key])) == 0, "each event, once, in order");
    CHECK(e->is_delete || is_same(r, e), "as it was");
    const struct event *old = state_at(x->w, e->key, e->revision - 1);
    bool has_old = previous != NULL && !raft_record_is_delete(previous);
    CHECK(has_old == (old != NULL) && (old == NULL || is_same(previous, old)), "with what was there before");
    CHECK(e->is_delete || (r->created == r->modified) == (old == NULL), "created where nothing was");
    x->shown++;
}

static void ask_watch(struct world *w, struct raft_kv *kv)
{
    struct watching x = {.w = w, .from = draw(w, KEYS), .without_puts = draw(w, 6) == 0, .without_deletes = draw(w, 6) == 0};
    x.to = x.from + draw(w, KEYS - x.from) + 1;
    struct raft_watch watch = {.span = store_span(names[x.from], x.to < KEYS ? names[x.to] : ""),
                               .from = w->compacted + 1 + (uint64_t)draw(w, (int)(w->revision - w->compacted) + 1),
                               .without_puts = x.without_puts, .without_deletes = x.without_deletes, .with_previous = true};
    struct raft_seen seen = {.has_more = true};
    size_t bytes = draw(w, 3) == 0 ? RAFT_PAGE_BYTES : 1 + (size_t)draw(w, 600);

    while (x.at < w->count && w->event[x.at].revision < watch.from) {
        x.at++;
    }
    while (seen.has_more) {
        uint64_t from = watch.from;
        uint32_t part = watch.from_part;

        REQUIRE(raft_watch_collect(kv, &watch, bytes, expect_event, &x, &seen) == ERR_OK, "from %" PRIu64, watch.from);
        CHECK(seen.next > from || seen.next_part > part || !seen.has_more, "it goes forward");
        watch.from = seen.next;
        watch.from_part = seen.next_part;
    }
    while (x.at < w->count && !is_wanted(&x, &w->event[x.at])) {
        x.at++;
    }
    CHECK(x.at == w->count, "nothing is left out");
    CHECK(seen.next >= w->revision + 1 && seen.next_part == 0, "and the place says so");
    watch.from = w->compacted;
    CHECK(w->compacted == 0 || raft_watch_collect(kv, &watch, bytes, expect_event, &x, &seen) == ERR_RANGE,
          "who is too late is told");
}

/* ---- the twin ------------------------------------------------------------------------------- */

/* Images begin, go on a little, and end, or are thrown away. */
static void do_images(struct world *w)
{
    static uint8_t part[RAFT_IMAGE_ROOM];
    size_t size;

    for (size_t i = 0; i < ARRAY_LEN(w->image); i++) {
        if ((w->held & 1u << i) == 0) {
            if (draw(w, 20) == 0) {
                REQUIRE(raft_image_begin(&w->image[i], &w->twin.kv) == ERR_OK, "an image begins");
                w->held |= 1u << i;
            }
            continue;
        }
        REQUIRE(raft_image_next(&w->image[i], part, sizeof part, 200, &size) == ERR_OK, "it goes on");
        if (size == 0 || draw(w, 60) == 0) {
            raft_image_end(&w->image[i]);
            w->held &= ~(1u << i);
        }
    }
}

static void end_images(struct world *w)
{
    for (size_t i = 0; i < ARRAY_LEN(w->image); i++) {
        if (w->held & 1u << i) {
            raft_image_end(&w->image[i]);
        }
    }
    w->held = 0;
}

static void replace_twin(struct world *w)
{
    static struct store copy;

    end_images(w);
    store_init_past(&copy, &w->disk[1], (uint64_t)draw(w, 2000));
    store_copy_into(&w->twin, &copy, 1 + (size_t)draw(w, 2000));
    store_fini(&w->twin);
    w->twin.kv = copy.kv;
    w->loads += w->disk[0].reads;
    past_disk_fini(&w->disk[0]);
    w->twin.kv.past->disk.context = &w->disk[0];
    w->disk[0] = w->disk[1];
    w->disk[1] = (struct past_disk){0};
    CHECK(store_hash(&w->ours) == store_hash(&w->twin), "a store made from an image is the same store");
}

static void step(struct world *w)
{
    int dice = draw(w, 100);

    w->ours.time_ms = w->twin.time_ms = w->ours.time_ms + (uint64_t)draw(w, 50);
    if (dice < 50) {
        do_put(w);
    } else if (dice < 70) {
        do_delete(w);
    } else if (dice < 85) {
        do_txn(w);
    } else if (dice < 95) {
        do_lease(w);
    } else if (dice < 98) {
        do_compact(w);
    } else {
        replace_twin(w);
    }
    w->disk[0].is_full = draw(w, 40) == 0 ? !w->disk[0].is_full : w->disk[0].is_full;
    do_images(w);
    struct raft_kv *kv = draw(w, 2) == 0 ? &w->ours.kv : &w->twin.kv;
    ask_get(w, kv);
    if (draw(w, 8) == 0) {
        ask_range(w, kv);
        ask_watch(w, kv);
    }
}

static void run(uint64_t seed)
{
    static struct world w;

    w = (struct world){0};
    rng_init(&w.rng, seed);
    store_init(&w.ours);
    store_init_past(&w.twin, &w.disk[0], (uint64_t)draw(&w, 2000));
    for (int i = 0; i < STEPS && check_failures == 0; i++) {
        step(&w);
    }
    end_images(&w);
    CHECK(store_hash(&w.ours) == store_hash(&w.twin), "twins end the same");
    CHECK(w.ours.kv.live_bytes == w.twin.kv.live_bytes && w.ours.kv.keys == w.twin.kv.keys &&
          w.ours.kv.journal.window_bytes == w.twin.kv.journal.window_bytes, "and count the same");
    begin(&w, RAFT_COMMAND_COMPACT);
    raft_command_numbers(&w.ours.writer, w.revision, 0, 0);
    both(&w);
    w.loads += w.disk[0].reads;
    CHECK(w.loads > 0, "something came from the disk");
    CHECK(w.disk[0].largest < (size_t)EVENTS_MAX * 16, "room on the disk is used again");
    CHECK(w.twin.kv.tree.count == w.twin.kv.keys && w.twin.kv.held_bytes == w.twin.kv.live_bytes &&
          w.twin.kv.journal.window_bytes == 0, "a store without a past keeps nothing but what is");
    store_fini(&w.ours);
    store_fini(&w.twin);
    past_disk_fini(&w.disk[0]);
    if (check_failures > 0) {
        fprintf(stderr, "seed %" PRIu64 "\n", seed);
    }
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : 20;

    for (int i = 0; i < KEYS; i++) {
        /* Some are beginnings of others. */
        snprintf(names[i], sizeof names[i], i % 3 == 0 ? "k%02d" : "k%02d/%d", i / 3 * 3, i % 3);
    }
    for (uint64_t seed = first; seed < first + seeds && check_failures == 0; seed++) {
        run(seed);
    }
    return CHECK_RESULT();
}
