/* What the store answers, claim by claim; both sides of each limit. The model test has the rest (test_kv_model.c). */
#include <inttypes.h>

#include "tests/unit/raft/store_kit.h"

static struct store s;

static void puts_and_deletes(void)
{
    store_init(&s);
    CHECK(store_put(&s, "a", "1") == ERR_OK && s.answer.revision == 1, "the first revision is 1");
    CHECK(store_put(&s, "a", "2") == ERR_OK && s.answer.revision == 2 && s.answer.body.size > 0, "the value before is shown");
    CHECK(store_delete(&s, "b", NULL) == ERR_OK && s.answer.revision == 2 && s.answer.number == 0,
          "what changes nothing is no revision");
    CHECK(store_delete(&s, "a", NULL) == ERR_OK && s.answer.revision == 3 && s.answer.number == 1, "a key ends");
    CHECK(strcmp(store_get(&s, "a", 0), "-") == 0 && strcmp(store_get(&s, "a", 2), "2") == 0 &&
          strcmp(store_get(&s, "a", 1), "1") == 0, "but not its past");
    CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, 2, 0, 0) == ERR_OK && strcmp(store_get(&s, "a", 1), "RANGE") == 0 &&
          strcmp(store_get(&s, "a", 2), "2") == 0, "until that is compacted; the revision itself can still be read");
    CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, 1, 0, 0) == ERR_RANGE, "compacted already");
    CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, 4, 0, 0) == ERR_RANGE, "still to come");
    store_fini(&s);
}

static void put_of(const struct raft_put *put)
{
    raft_command_begin(&s.writer, s.bytes, sizeof s.bytes, RAFT_COMMAND_PUT, s.time_ms, NULL);
    raft_command_put(&s.writer, put);
    (void)store_apply(&s);
}

static void something_is_kept(void)
{
    store_init(&s);
    put_of(&(struct raft_put){.key = store_text("a"), .keeps_value = true});
    CHECK(s.answer.error == ERR_NOT_FOUND, "no value to keep");
    put_of(&(struct raft_put){.key = store_text("a"), .keeps_lease = true});
    CHECK(s.answer.error == ERR_NOT_FOUND && s.kv.revision == 0, "no lease to keep");
    CHECK(store_put_leased(&s, "a", "1", 9) == ERR_NOT_FOUND, "no such lease");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 9, 0, 1000) == ERR_OK && store_put_leased(&s, "a", "1", 9) == ERR_OK,
          "but now");
    put_of(&(struct raft_put){.key = store_text("a"), .value = store_text("2"), .keeps_lease = true});
    const struct raft_record *r = NULL;
    REQUIRE(raft_kv_get(&s.kv, store_text("a"), 0, &r) == ERR_OK, "it is there");
    CHECK(raft_record_lease(r) == 9 && strcmp(store_get(&s, "a", 0), "2") == 0, "the lease was kept");
    put_of(&(struct raft_put){.key = store_text("a"), .keeps_value = true});
    REQUIRE(raft_kv_get(&s.kv, store_text("a"), 0, &r) == ERR_OK, "it is there");
    CHECK(raft_record_lease(r) == 0 && strcmp(store_get(&s, "a", 0), "2") == 0, "the value was kept, the lease was not");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_REVOKE, 9, 0, 0) == ERR_OK && s.answer.number == 0,
          "nothing ends with a lease that keys have left");
    store_fini(&s);
}

static void leases_end(void)
{
    struct raft_due due[4];

    store_init(&s);
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 0, 0, 1) == ERR_OK && s.answer.ttl_ms == RAFT_TTL_LEAST_MS,
          "no shorter than the shortest");
    uint64_t id = s.answer.number;
    CHECK(id == 1, "its number is the index of its entry");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, id, 0, 1000) == ERR_EXISTS, "a number once");
    CHECK(store_put_leased(&s, "b", "1", id) == ERR_OK && store_put_leased(&s, "a", "1", id) == ERR_OK, "two keys");
    CHECK(raft_kv_due(&s.kv, s.time_ms + RAFT_TTL_LEAST_MS - 1, due, 4) == 0, "a moment before");
    s.time_ms += 300;
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_KEEP, id, 0, 0) == ERR_OK, "kept alive");
    CHECK(raft_kv_due(&s.kv, s.time_ms + RAFT_TTL_LEAST_MS - 1, due, 4) == 0, "so it lives on");
    CHECK(raft_kv_due(&s.kv, s.time_ms + RAFT_TTL_LEAST_MS, due, 4) == 1 && due[0].id == id &&
          due[0].kind == RAFT_COMMAND_LEASE_EXPIRE, "until then");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_KEEP, id, 0, 0) == ERR_OK, "kept alive in the last moment");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_EXPIRE, id, due[0].stamp, 0) == ERR_ABORTED && s.kv.keys == 2,
          "an end that was decided before is void");
    s.time_ms += RAFT_TTL_LEAST_MS;
    CHECK(raft_kv_due(&s.kv, s.time_ms, due, 4) == 1, "it runs out");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_EXPIRE, id, due[0].stamp, 0) == ERR_OK && s.answer.number == 2 &&
          s.kv.keys == 0, "its keys end with it");
    CHECK(s.answer.revision == 3, "in one revision");
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_KEEP, id, 0, 0) == ERR_NOT_FOUND, "too late");
    CHECK(raft_kv_due(&s.kv, UINT64_MAX / 2, due, 4) == 0, "nothing else runs out");
    store_fini(&s);
}

static uint64_t cost_of(const char *key, size_t value)
{
    return 64 + strlen(key) + value;
}

static void a_full_store_heals(void)
{
    store_init(&s);
    CHECK(store_numbers(&s, RAFT_COMMAND_LIMITS, cost_of("a", 10) + cost_of("b", 10), 0, 0) == ERR_OK, "a quota");
    CHECK(store_put(&s, "a", "0123456789") == ERR_OK && store_put(&s, "b", "0123456789") == ERR_OK, "exactly full");
    CHECK(store_put(&s, "c", "") == ERR_LIMIT && s.kv.revision == 2, "one more key");
    CHECK(store_put(&s, "b", "0123456789+") == ERR_LIMIT && strcmp(store_get(&s, "b", 0), "0123456789") == 0,
          "one more byte; nothing has changed");
    CHECK(store_put(&s, "b", "another 10") == ERR_OK, "another value of the same size");
    store_txn(&s);
    raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("c")}});
    raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("d")}});
    CHECK(store_apply(&s) == ERR_LIMIT && s.kv.keys == 2, "nor a transaction");
    CHECK(store_delete(&s, "a", NULL) == ERR_OK && store_put(&s, "c", "") == ERR_OK, "and heals by a delete alone");
    store_fini(&s);
}

static void transactions(void)
{
    const struct {
        struct raft_compare compare;
        bool holds;
        const char *why;
    } rows[] = {
        {{.span = store_span("a", NULL), .target = RAFT_COMPARE_VALUE, .value = store_text("2")}, true, "its value"},
        {{.span = store_span("a", NULL), .target = RAFT_COMPARE_VALUE, .result = RAFT_COMPARE_LESS, .value = store_text("1")},
         false, "2 < 1"},
        {{.span = store_span("a", NULL), .target = RAFT_COMPARE_VERSION, .number = 2}, true, "put twice"},
        {{.span = store_span("a", NULL), .target = RAFT_COMPARE_CREATED, .number = 1}, true, "created first"},
        {{.span = store_span("a", NULL), .target = RAFT_COMPARE_MODIFIED, .result = RAFT_COMPARE_GREATER, .number = 1}, true,
         "changed later"},
        {{.span = store_span("x", NULL), .target = RAFT_COMPARE_VERSION, .number = 0}, true, "what is not there has version 0"},
        {{.span = store_span("x", NULL), .target = RAFT_COMPARE_VALUE, .result = RAFT_COMPARE_UNEQUAL, .value = store_text("1")},
         false, "and no value, of which nothing holds"},
        {{.span = store_span("a", "c"), .target = RAFT_COMPARE_VERSION, .result = RAFT_COMPARE_GREATER, .number = 0}, true,
         "all of a range"},
        {{.span = store_span("a", "c"), .target = RAFT_COMPARE_VERSION, .number = 2}, false, "b has another one"},
        {{.span = store_span("m", "z"), .target = RAFT_COMPARE_CREATED, .number = 0}, true, "an empty range is as a missing key"},
        {{.span = store_span("", ""), .target = RAFT_COMPARE_LEASE, .result = RAFT_COMPARE_EQUAL, .number = 0}, true, "no leases"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        store_init(&s);
        REQUIRE(store_put(&s, "a", "1") == ERR_OK && store_put(&s, "a", "2") == ERR_OK && store_put(&s, "b", "1") == ERR_OK,
                "row %zu", i);
        store_txn(&s);
        raft_command_compare(&s.writer, &rows[i].compare);
        raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("yes")}});
        raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_DELETE, .del = {.span = store_span("a", NULL)}});
        raft_command_op(&s.writer, true, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("no")}});
        CHECK(store_apply(&s) == ERR_OK && s.answer.succeeded == rows[i].holds, "%s", rows[i].why);
        CHECK(strcmp(store_get(&s, rows[i].holds ? "yes" : "no", 0), "") == 0, "%s: its branch", rows[i].why);
        CHECK(strcmp(store_get(&s, rows[i].holds ? "no" : "yes", 0), "-") == 0, "%s: and not the other", rows[i].why);
        CHECK(s.kv.revision == 4, "%s: one revision", rows[i].why);
        store_fini(&s);
    }
    store_init(&s);
    store_txn(&s);
    raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("a")}});
    raft_command_op(&s.writer, false, &(struct raft_op){.kind = RAFT_OP_PUT, .put = {.key = store_text("b"), .lease = 4}});
    CHECK(store_apply(&s) == ERR_NOT_FOUND && s.kv.keys == 0 && s.kv.revision == 0, "all or nothing");
    store_fini(&s);
}

static void the_window_is_bounded(void)
{
    static char large[RAFT_VALUE_MAX / 2];

    store_init(&s);
    for (int i = 0; i < RAFT_JOURNAL_EVENTS; i++) {
        REQUIRE(store_put(&s, "a", "x") == ERR_OK, "a put");
    }
    CHECK(s.kv.journal.compacted == 0, "as many events as it holds");
    CHECK(store_put(&s, "a", "x") == ERR_OK && s.kv.journal.compacted == 1, "one more, and the oldest is forgotten");
    store_fini(&s);

    store_init(&s);
    memset(large, 'x', sizeof large - 1);
    uint64_t each = cost_of("a", sizeof large - 1);
    for (uint64_t i = 0; i <= RAFT_JOURNAL_BYTES / each; i++) {
        REQUIRE(store_put(&s, "a", large) == ERR_OK, "a put");
    }
    CHECK(s.kv.journal.compacted == 0 && s.kv.journal.window_bytes + each > RAFT_JOURNAL_BYTES, "as many bytes");
    CHECK(store_put(&s, "a", large) == ERR_OK && s.kv.journal.compacted == 2, "and one value more");
    CHECK(s.kv.held_bytes <= RAFT_JOURNAL_BYTES + each, "what it keeps is bounded: %" PRIu64, s.kv.held_bytes);
    store_fini(&s);
}

static void one_command_ends_so_many(void)
{
    char key[16];

    store_init(&s);
    for (int i = 0; i <= RAFT_DELETE_MAX; i++) {
        snprintf(key, sizeof key, "%07d", i);
        REQUIRE(store_put(&s, key, "") == ERR_OK, "a put");
    }
    CHECK(store_delete(&s, "", "") == ERR_LIMIT && s.kv.keys == RAFT_DELETE_MAX + 1, "one too many: nothing is done");
    CHECK(store_delete(&s, "0000001", "") == ERR_OK && s.answer.number == RAFT_DELETE_MAX, "the most");
    CHECK(s.kv.journal.compacted < s.kv.revision, "its revision is kept, though it is larger than the window");
    store_fini(&s);
}

/* Keys from `first` on, by one transaction. */
static enum err put_many(int first, int count, uint64_t lease)
{
    char key[16];

    store_txn(&s);
    for (int i = first; i < first + count; i++) {
        (void)snprintf(key, sizeof key, "%07d", i);
        struct raft_op op = {.kind = RAFT_OP_PUT, .put = {.key = store_text(key), .lease = lease}};
        raft_command_op(&s.writer, false, &op);
    }
    return store_apply(&s);
}

static void a_lease_has_so_many_keys(void)
{
    static struct store copy;
    int keys = 0;

    store_init(&s);
    REQUIRE(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 7, 0, 10000) == ERR_OK, "a lease");
    for (; keys + 500 < RAFT_DELETE_MAX; keys += 500) {
        REQUIRE(put_many(keys, 500, 7) == ERR_OK, "keys of it");
    }
    CHECK(put_many(keys, 500, 7) == ERR_LIMIT && s.kv.keys == (uint64_t)keys, "all of a transaction are too many: none is put");
    CHECK(put_many(keys, RAFT_DELETE_MAX - keys, 7) == ERR_OK, "as many as there may be");
    CHECK(store_put_leased(&s, "one", "more", 7) == ERR_LIMIT, "and no more");
    store_copy(&s, &copy, 1 << 16);
    CHECK(store_hash(&copy) == store_hash(&s), "an image of all of it can be read");
    store_fini(&copy);
    CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_REVOKE, 7, 0, 0) == ERR_OK && s.answer.number == RAFT_DELETE_MAX, "all end with it");
    store_fini(&s);
}

/* A backup brings sessions and leases of a cluster whose log was longer: an index that would number a new one may be taken. */
static void what_was_restored_keeps_its_number(void)
{
    static struct store from;
    uint8_t *part = malloc(RAFT_IMAGE_ROOM);
    struct raft_image image;
    size_t size = 0;

    store_init(&from);
    REQUIRE(store_put(&from, "a", "1") == ERR_OK && store_put(&from, "a", "2") == ERR_OK, "the log goes on");
    REQUIRE(store_numbers(&from, RAFT_COMMAND_SESSION_OPEN, 0, 0, 10000) == ERR_OK && from.answer.number == 3, "a session");
    REQUIRE(store_put(&from, "a", "3") == ERR_OK, "and on");
    REQUIRE(store_numbers(&from, RAFT_COMMAND_LEASE_GRANT, 0, 0, 10000) == ERR_OK && from.answer.number == 5, "a lease");
    from.once = (struct raft_once){.session = 3, .sequence = 1};
    REQUIRE(store_put(&from, "once", "1") == ERR_OK, "what is done once");
    REQUIRE(part != NULL && raft_image_begin(&image, &from.kv) == ERR_OK &&
            raft_image_next(&image, part, RAFT_IMAGE_ROOM, RAFT_IMAGE_ROOM, &size) == ERR_OK && image.is_ended, "a backup");
    raft_image_end(&image);
    store_fini(&from);

    store_init(&s);
    raft_command_begin(&s.writer, s.bytes, sizeof s.bytes, RAFT_COMMAND_RESTORE, s.time_ms, &s.once);
    raft_command_restore(&s.writer, 0, (struct raft_bytes){part, (uint32_t)size});
    REQUIRE(store_apply(&s) == ERR_OK, "it is restored");
    for (int i = 0; i < 3; i++) { /* by entries 2, 3 and 4; then 5, 6 and 7 */
        CHECK(store_numbers(&s, RAFT_COMMAND_SESSION_OPEN, 0, 0, 10000) == ERR_OK && s.answer.number != 3, "another session");
    }
    for (int i = 0; i < 3; i++) {
        CHECK(store_numbers(&s, RAFT_COMMAND_LEASE_GRANT, 0, 0, 10000) == ERR_OK && s.answer.number != 5, "another lease");
    }
    CHECK(s.kv.sessions.map.count == 4 && s.kv.leases.map.count == 4, "each is one of its own");
    s.once = (struct raft_once){.session = 3, .sequence = 1};
    CHECK(store_put(&s, "once", "2") == ERR_OK && s.answer.is_repeat, "and the first one answers as before");
    store_fini(&s);
    free(part);
}

static void pages_are_bounded(void)
{
    struct raft_query all = {.span = store_span("", ""), .count_only = true};
    struct raft_page page;
    char key[16];

    store_init(&s);
    for (int i = 0; i <= RAFT_PAGE_LOOKED; i++) {
        snprintf(key, sizeof key, "%07d", i);
        REQUIRE(store_put(&s, key, "") == ERR_OK, "a put");
    }
    CHECK(raft_kv_range(&s.kv, &all, RAFT_PAGE_BYTES, NULL, NULL, &page) == ERR_OK && page.count == RAFT_PAGE_LOOKED &&
          page.has_more && memcmp(page.next.at, key, page.next.size) == 0, "a page looks at so many");
    store_fini(&s);
}

int main(void)
{
    puts_and_deletes();
    something_is_kept();
    leases_end();
    a_full_store_heals();
    transactions();
    the_window_is_bounded();
    one_command_ends_so_many();
    a_lease_has_so_many_keys();
    what_was_restored_keeps_its_number();
    pages_are_bounded();
    return CHECK_RESULT();
}
