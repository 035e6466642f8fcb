/* Descriptor sets as protoc writes them, whole and with faults. */
#include "codegen/descriptor.h"

#include <string.h>

#include "codegen_everything.schema.h"
#include "codegen_old.schema.h"
#include "codegen_ordered.schema.h"
#include "codegen_shuffled.schema.h"
#include "common/base/rng.h"
#include "kit.h"
#include "tests/support/check.h"

static struct codegen_schema must_read(struct arena *arena, const unsigned char *data, size_t size)
{
    struct codegen_schema s;
    char why[CODEGEN_WHY_SIZE];

    REQUIRE(codegen_descriptor_read(data, size, arena, &s, why) == ERR_OK, "%s", why);
    return s;
}

static void a_schema_is_written_as_it_is_kept(const char *file, const unsigned char *data, size_t size)
{
    struct arena arena;
    struct codegen_out out;
    struct codegen_schema again;
    char path[4096], why[CODEGEN_WHY_SIZE];
    size_t len = 0;

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    struct codegen_schema s = must_read(&arena, data, size);
    codegen_out_init(&out, &arena);
    codegen_snapshot_write(&s, &out);
    snprintf(path, sizeof path, "%s/%s", HERE, file);
    const char *kept = kit_file(&arena, path, &len);
    bool is_same = kept != NULL && len == out.len && memcmp(kept, out.at, len) == 0;

    CHECK(is_same, "%s is another one:\n%s", file, out.at);
    CHECK(codegen_snapshot_read(out.at, out.len, &arena, &again, why) == ERR_OK, "%s: what was written is read: %s", file, why);
    arena_fini(&arena);
}

static void a_fingerprint_is_of_what_is_said_not_how(void)
{
    struct arena arena;
    uint8_t one[32], other[32];

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    struct codegen_schema a = must_read(&arena, ordered_schema, sizeof ordered_schema), b = must_read(&arena, shuffled_schema, sizeof shuffled_schema);
    CHECK(codegen_snapshot_fingerprint(&a, &arena, one) == ERR_OK && codegen_snapshot_fingerprint(&b, &arena, other) == ERR_OK, "there is memory");
    CHECK(memcmp(one, other, 32) == 0, "files, order and comments are not in it");
    a.messages[0].fields[0].number++;
    CHECK(codegen_snapshot_fingerprint(&a, &arena, one) == ERR_OK && memcmp(one, other, 32) != 0, "a number is");
    arena_fini(&arena);
}

static void comments_come_along(void)
{
    struct arena arena;

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    struct codegen_schema s = must_read(&arena, everything_schema, sizeof everything_schema);
    const struct codegen_service *service = codegen_schema_service(&s, "cell.everything.Everything");
    const struct codegen_message *m = codegen_schema_message(&s, "cell.everything.Mirrored"), *inner = codegen_schema_message(&s, "cell.everything.Mirrored.Inner");
    const struct codegen_enum *mood = codegen_schema_enum(&s, "cell.everything.Mood");

    REQUIRE(service != NULL && m != NULL && inner != NULL && mood != NULL, "all are there");
    CHECK(strcmp(service->doc, "The cell that it is tried with.") == 0, "%s", service->doc);
    CHECK(strcmp(service->operations[2].doc, "Gives back what it was given.") == 0, "%s", service->operations[2].doc);
    CHECK(*service->operations[3].doc == '\0', "%s", service->operations[3].doc);
    CHECK(strcmp(codegen_schema_field(m, 60)->doc, "in itself") == 0, "%s", codegen_schema_field(m, 60)->doc);
    CHECK(strcmp(inner->doc, "A message in a message, and one in that.") == 0, "%s", inner->doc);
    CHECK(strcmp(codegen_schema_value(mood, -1)->doc, "a negative number takes ten bytes") == 0, "%s", codegen_schema_value(mood, -1)->doc);
    CHECK(*codegen_schema_field(m, 1)->doc == '\0', "%s", codegen_schema_field(m, 1)->doc);
    CHECK(codegen_schema_field(m, 30)->label == CODEGEN_OPTIONAL && codegen_schema_field(m, 30)->oneof == -1, "an optional is in no oneof");
    CHECK(m->oneof_count == 1 && service->operations[2].number == 20100, "numbers come from Op");
    arena_fini(&arena);
}

/* Any bytes of a true set another: an answer, and what is accepted can be written and read again. */
static void a_set_with_faults_gives_an_answer(void)
{
    static uint8_t bytes[sizeof everything_schema + sizeof old_schema];
    struct rng rng;
    size_t accepted = 0;

    rng_init(&rng, 4711);
    for (int turn = 0; turn < 4000; turn++) {
        bool is_old = turn % 2;
        size_t size = is_old ? sizeof old_schema : sizeof everything_schema;
        struct arena arena;
        struct codegen_schema s, again;
        struct codegen_out out;
        char why[CODEGEN_WHY_SIZE];

        memcpy(bytes, is_old ? old_schema : everything_schema, size);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--) {
            bytes[rng_below(&rng, size)] = (uint8_t)rng_below(&rng, 256);
        }
        arena_init(&arena, 1 << 26);
        if (codegen_descriptor_read(bytes, turn % 7 == 0 ? rng_below(&rng, size) : size, &arena, &s, why) == ERR_OK) {
            accepted++;
            codegen_out_init(&out, &arena);
            codegen_snapshot_write(&s, &out);
            CHECK(codegen_snapshot_read(out.at, out.len, &arena, &again, why) == ERR_OK, "turn %d: %s", turn, why);
        } else {
            CHECK(kit_is_line(why), "turn %d: %s", turn, why);
        }
        arena_fini(&arena);
    }
    CHECK(accepted > 400 && accepted < 3900, "%zu of 4000", accepted);
}

int main(void)
{
    a_schema_is_written_as_it_is_kept("everything.txt", everything_schema, sizeof everything_schema);
    a_schema_is_written_as_it_is_kept("old.txt", old_schema, sizeof old_schema);
    a_fingerprint_is_of_what_is_said_not_how();
    comments_come_along();
    a_set_with_faults_gives_an_answer();
    return CHECK_RESULT();
}
