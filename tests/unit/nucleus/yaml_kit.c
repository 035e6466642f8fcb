#include "tests/unit/nucleus/yaml_kit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

int kit_failed;

void kit_fault(const char *file, int line, const char *claim, const char *format, ...)
{
    va_list args;

    kit_failed = 1;
    fprintf(stderr, "%s:%d: %s: ", file, line, claim);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static bool is_one_line(const char *why)
{
    for (const char *c = why; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return why[0] != '\0' && bytes_is_utf8((const uint8_t *)why, strlen(why));
}

enum err kit_parse(const char *text, size_t size, struct manifest *ret, char *why)
{
    struct manifest out;
    char *block = malloc(size > 0 ? size : 1);

    if (block == NULL) {
        exit(1);
    }
    memcpy(block, text, size);
    memset(&out, 0x5a, sizeof out);
    memset(why, 0x7f, MANIFEST_WHY_SIZE); /* no terminator: a message that is not written shows */
    enum err e = yaml_manifest_parse(block, size, "t.yaml", &out, why);
    free(block);
    if (e != ERR_OK) {
        KIT_CHECK(memchr(why, '\0', MANIFEST_WHY_SIZE) != NULL, "no message");
        why[MANIFEST_WHY_SIZE - 1] = '\0';
        KIT_CHECK(is_one_line(why), "not one line: %s", why);
        for (size_t i = 0; i < sizeof out; i++) {
            KIT_CHECK(((unsigned char *)&out)[i] == 0x5a, "*ret was touched");
        }
        return e;
    }
    *ret = out;
    return e;
}

struct manifest kit_good(const char *text)
{
    char why[MANIFEST_WHY_SIZE];
    struct manifest m;

    if (kit_parse(text, strlen(text), &m, why) != ERR_OK) {
        fprintf(stderr, "refused: %s\n%s\n", why, text);
        exit(1);
    }
    return m;
}

uint64_t kit_hash(const char *text)
{
    struct manifest m = kit_good(text);
    uint64_t hash = m.cell_count == 1 ? m.cells[0].hash : 0;

    KIT_CHECK(m.cell_count == 1, "%zu cells in: %s", m.cell_count, text);
    manifest_fini(&m);
    return hash;
}

void kit_bad(const char *text, size_t size, enum err e, uint32_t line, const char *word,
             const char *expected, const char *reason)
{
    char why[MANIFEST_WHY_SIZE], place[32];
    struct manifest m;
    enum err got = kit_parse(text, size, &m, why);

    if (got == ERR_OK) {
        KIT_CHECK(got == e, "accepted, though %s:\n%.400s", reason, text);
        manifest_fini(&m);
        return;
    }
    (void)snprintf(place, sizeof place, "t.yaml:%" PRIu32 ": ", line);
    KIT_CHECK(got == e, "%s instead of %s: %s (%s)", err_name(got), err_name(e), why, reason);
    KIT_CHECK(strncmp(why, place, strlen(place)) == 0, "not %s but %s (%s)", place, why, reason);
    KIT_CHECK(strstr(why, word) != NULL, "no '%s' in %s (%s)", word, why, reason);
    KIT_CHECK(strstr(why, expected) != NULL, "no '%s' in %s (%s)", expected, why, reason);
}

static void make_room(struct kit_text *t, size_t more)
{
    if (t->len + more + 1 > t->room) {
        t->room = 2 * (t->len + more + 1);
        t->at = realloc(t->at, t->room);
        if (t->at == NULL) {
            exit(1);
        }
    }
}

void kit_add(struct kit_text *t, const char *format, ...)
{
    char piece[4096];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(piece, sizeof piece, format, args);
    va_end(args);
    if (len < 0 || len >= (int)sizeof piece) {
        exit(1);
    }
    kit_fill(t, piece, 1);
}

void kit_fill(struct kit_text *t, const char *piece, size_t count)
{
    size_t len = strlen(piece);

    make_room(t, len * count);
    for (size_t i = 0; i < count; i++) {
        memcpy(t->at + t->len, piece, len);
        t->len += len;
    }
    t->at[t->len] = '\0';
}

char *kit_file(const char *path_from_root, size_t *ret_size)
{
    enum { FILE_MAX = 4 * 1024 * 1024 };
    char path[1024];
    char *text = malloc(FILE_MAX);

    (void)snprintf(path, sizeof path, "%s/%s", KIT_TREE, path_from_root);
    FILE *f = fopen(path, "r");
    if (text == NULL || f == NULL) {
        fprintf(stderr, "%s cannot be opened\n", path);
        exit(1);
    }
    *ret_size = fread(text, 1, FILE_MAX - 1, f);
    text[*ret_size] = '\0';
    (void)fclose(f);
    return text;
}
