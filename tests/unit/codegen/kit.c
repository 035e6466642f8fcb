#include "kit.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "common/base/bytes.h"

char *kit_snapshot(struct arena *arena, const char *body, size_t *ret_len)
{
    size_t len = strlen("cell-schema 1\n") + strlen(body);
    char *text = arena_alloc(arena, len + 80);
    uint8_t hash[32];
    char hex[65];

    if (text == NULL) {
        abort();
    }
    snprintf(text, len + 80, "cell-schema 1\n%s", body);
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len, NULL, 0);
    bytes_to_hex(hash, sizeof hash, hex);
    *ret_len = len + (size_t)snprintf(text + len, 80, "hash %s\n", hex);
    return text;
}

enum err kit_read(struct arena *arena, const char *body, struct codegen_schema *ret, char why[CODEGEN_WHY_SIZE])
{
    size_t len;
    const char *text = kit_snapshot(arena, body, &len);

    return codegen_snapshot_read(text, len, arena, ret, why);
}

bool kit_is_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e) {
            return false;
        }
    }
    return true;
}

char *kit_file(struct arena *arena, const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    char *text = f != NULL ? arena_alloc(arena, 1 << 22) : NULL;

    if (text == NULL) {
        return NULL;
    }
    *ret_len = fread(text, 1, (1 << 22) - 1, f);
    text[*ret_len] = '\0';
    fclose(f);
    return text;
}
