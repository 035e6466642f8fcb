/* Any bytes between a snapshot's first and last line, which are made to fit, and as they are. What is accepted is written the same. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "codegen/compat.h"
#include "codegen/snapshot.h"
#include "common/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read(const char *text, size_t size)
{
    struct arena arena;
    struct codegen_schema s;
    struct codegen_findings found;
    struct codegen_out out;
    char why[CODEGEN_WHY_SIZE] = "";

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    if (codegen_snapshot_read(text, size, &arena, &s, why) == ERR_OK) {
        codegen_out_init(&out, &arena);
        codegen_snapshot_write(&s, &out);
        assert(out.failed || (out.len == size && memcmp(out.at, text, size) == 0));
        enum err e = codegen_compat_check(&s, &s, &arena, &found);
        assert(e != ERR_OK || found.count == 0);
    } else {
        for (const char *c = why; *c != '\0'; c++) {
            assert((uint8_t)*c >= 0x20 && (uint8_t)*c < 0x7f);
        }
        assert(*why != '\0');
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char head[] = "cell-schema 1\n";
    size_t len = sizeof head - 1 + size;
    char *text = malloc(len + 71);
    uint8_t hash[32];
    char hex[65];

    assert(text != NULL);
    memcpy(text, head, sizeof head - 1);
    memcpy(text + sizeof head - 1, data, size);
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len, NULL, 0);
    bytes_to_hex(hash, sizeof hash, hex);
    len += (size_t)snprintf(text + len, 71, "hash %s\n", hex);
    read(text, len);
    free(text);
    read((const char *)data, size);
    return 0;
}
