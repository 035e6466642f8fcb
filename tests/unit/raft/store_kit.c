#include "tests/unit/raft/store_kit.h"

void store_init(struct store *s)
{
    *s = (struct store){.time_ms = 1000};
    raft_kv_init(&s->kv);
}

void store_init_past(struct store *s, struct past_disk *disk, uint64_t warm)
{
    struct raft_past_tuning small = past_disk_small(warm);
    struct raft_past_disk of = past_disk_of(disk);

    store_init(s);
    REQUIRE(raft_kv_keep_past(&s->kv, &of, &small) == ERR_OK, "it keeps what is old on a disk");
}

void store_fini(struct store *s)
{
    raft_kv_fini(&s->kv);
}

struct raft_span store_span(const char *key, const char *end)
{
    if (end == NULL) {
        return (struct raft_span){.kind = RAFT_SPAN_ONE, .key = store_text(key)};
    }
    return (struct raft_span){.kind = *end != '\0' ? RAFT_SPAN_BETWEEN : RAFT_SPAN_FROM, .key = store_text(key),
                              .end = store_text(end)};
}

static void begin(struct store *s, enum raft_command_kind kind)
{
    raft_command_begin(&s->writer, s->bytes, sizeof s->bytes, kind, s->time_ms, &s->once);
}

enum err store_apply(struct store *s)
{
    size_t size;
    enum err e = raft_command_end(&s->writer, &size);

    REQUIRE(e == ERR_OK, "the command is one: %s", err_name(e));
    e = raft_kv_apply(&s->kv, s->kv.applied + 1, s->bytes, size, &s->answer);
    REQUIRE(e == ERR_OK, "it is applied: %s", err_name(e));
    return s->answer.error;
}

enum err store_put_leased(struct store *s, const char *key, const char *value, uint64_t lease)
{
    begin(s, RAFT_COMMAND_PUT);
    raft_command_put(&s->writer, &(struct raft_put){.key = store_text(key), .value = store_text(value), .lease = lease,
                                                    .with_previous = true});
    return store_apply(s);
}

enum err store_put(struct store *s, const char *key, const char *value)
{
    return store_put_leased(s, key, value, 0);
}

enum err store_delete(struct store *s, const char *key, const char *end)
{
    begin(s, RAFT_COMMAND_DELETE);
    raft_command_delete(&s->writer, &(struct raft_delete){.span = store_span(key, end), .with_previous = true});
    return store_apply(s);
}

enum err store_numbers(struct store *s, enum raft_command_kind kind, uint64_t id, uint64_t stamp, uint32_t ttl_ms)
{
    begin(s, kind);
    raft_command_numbers(&s->writer, id, stamp, ttl_ms);
    return store_apply(s);
}

void store_txn(struct store *s)
{
    begin(s, RAFT_COMMAND_TXN);
    raft_command_txn(&s->writer);
}

const char *store_get(struct store *s, const char *key, uint64_t revision)
{
    static char text[4096];
    const struct raft_record *r;
    enum err e = raft_kv_get(&s->kv, store_text(key), revision, &r);

    if (e != ERR_OK) {
        return e == ERR_NOT_FOUND ? "-" : err_name(e);
    }
    struct raft_bytes value = raft_record_value(r);
    REQUIRE(value.size < sizeof text, "a short value");
    memcpy(text, value.at, value.size);
    text[value.size] = '\0';
    return text;
}

void store_copy(struct store *from, struct store *to, size_t want)
{
    store_init(to);
    store_copy_into(from, to, want);
}

void store_copy_into(struct store *from, struct store *to, size_t want)
{
    uint8_t *part = malloc(RAFT_IMAGE_ROOM);
    struct raft_image image;
    bool is_done = false;
    size_t size = 1;

    to->time_ms = from->time_ms;
    raft_image_expect(&to->kv);
    REQUIRE(part != NULL && raft_image_begin(&image, &from->kv) == ERR_OK, "an image begins");
    while (size > 0) {
        REQUIRE(raft_image_next(&image, part, RAFT_IMAGE_ROOM, want, &size) == ERR_OK, "it goes on");
        REQUIRE(size == 0 || !is_done, "nothing comes after its end");
        if (size > 0) {
            REQUIRE(raft_image_load(&to->kv, part, size, &is_done) == ERR_OK, "it is read");
        }
    }
    raft_image_end(&image);
    REQUIRE(is_done, "it has an end");
    free(part);
}

enum err store_sum(struct store *s, size_t want, uint64_t *ret)
{
    struct raft_image_sum *sum;
    bool is_done = false;
    enum err e = raft_image_sum_new(&s->kv, &sum);

    REQUIRE(e == ERR_OK, "a sum begins: %s", err_name(e));
    while (e == ERR_OK && !is_done) {
        e = raft_image_sum_next(sum, want, &is_done, ret);
    }
    raft_image_sum_free(sum);
    return e;
}

uint64_t store_hash(struct store *s)
{
    uint64_t hash = 0;

    REQUIRE(store_sum(s, RAFT_IMAGE_ROOM, &hash) == ERR_OK, "a hash");
    return hash;
}
