/* Any bytes as a descriptor set. What is accepted is written as a snapshot, which is read again, is the same schema and breaks nothing;
 * and as clients, twice the same, without a sign that ends a string, a comment or a line. */
#include <assert.h>
#include <string.h>

#include "codegen/compat.h"
#include "codegen/descriptor.h"
#include "codegen/go.h"
#include "codegen/python.h"
#include "codegen/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_line(const char *why)
{
    assert(*why != '\0');
    for (; *why != '\0'; why++) {
        assert((uint8_t)*why >= 0x20 && (uint8_t)*why < 0x7f);
    }
}

/* A runtime without quotes, so that every one of them is the writer's: all come in threes, in pairs, or around a name. */
static void write_clients(const struct codegen_schema *s, struct arena *arena)
{
    static const char *const runtime[2] = {"", ""};
    char why[CODEGEN_WHY_SIZE] = "";

    for (size_t i = 0; i < 2 * s->service_count && i < 8; i++) {
        const struct codegen_service *service = &s->services[i / 2];
        struct codegen_out out, again;

        codegen_out_init(&out, arena);
        codegen_out_init(&again, arena);
        enum err e = i % 2 ? codegen_go_write(s, service, "\n", &out, why) : codegen_python_write(s, service, runtime, &out, why);
        if (e != ERR_OK) {
            must_be_line(why);
            continue;
        }
        e = i % 2 ? codegen_go_write(s, service, "\n", &again, why) : codegen_python_write(s, service, runtime, &again, why);
        assert(e == ERR_NOMEM || (e == ERR_OK && again.len == out.len && memcmp(again.at, out.at, out.len) == 0));
        for (size_t k = 0; k < out.len; k++) {
            assert((uint8_t)out.at[k] >= 0x20 || out.at[k] == '\n' || out.at[k] == '\t');
            assert(out.at[k] != '\\' && out.at[k] != 0x7f);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct codegen_schema s, again;
    struct codegen_findings found;
    struct codegen_out out;
    char why[CODEGEN_WHY_SIZE] = "";

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    if (codegen_descriptor_read(data, size, &arena, &s, why) != ERR_OK) {
        must_be_line(why);
        arena_fini(&arena);
        return 0;
    }
    codegen_out_init(&out, &arena);
    codegen_snapshot_write(&s, &out);
    enum err e = out.failed ? ERR_NOMEM : codegen_snapshot_read(out.at, out.len, &arena, &again, why);
    assert(e == ERR_OK || e == ERR_NOMEM || e == ERR_LIMIT);
    if (e == ERR_OK && codegen_compat_check(&s, &again, &arena, &found) == ERR_OK) {
        assert(found.counts[CODEGEN_FINE] + found.counts[CODEGEN_CAREFUL] + found.counts[CODEGEN_BREAKING] == 0);
    }
    write_clients(&s, &arena);
    arena_fini(&arena);
    return 0;
}
