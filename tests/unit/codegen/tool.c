/* The core at a command line, for tests in other languages:
 *   tool snapshot SET                writes the snapshot of a descriptor set
 *   tool check BEFORE AFTER          compares two snapshots; exit 3: something breaks
 *   tool python SET SERVICE RUNTIME RUNTIME      writes a client
 *   tool go SET SERVICE RUNTIME                  the same in Go
 *   tool skeleton SET SERVICE NAME PROTO DIR     writes a cell's first files over those of `cell new` */
#include <stdio.h>
#include <string.h>

#include "codegen/compat.h"
#include "codegen/descriptor.h"
#include "codegen/go.h"
#include "codegen/python.h"
#include "codegen/skeleton.h"
#include "kit.h"

static int fail(const char *why)
{
    fprintf(stderr, "%s\n", why);
    return 1;
}

static bool read_set(struct arena *arena, const char *path, struct codegen_schema *ret, char why[CODEGEN_WHY_SIZE])
{
    size_t len = 0;
    const char *set = kit_file(arena, path, &len);

    snprintf(why, CODEGEN_WHY_SIZE, "%s cannot be read", path);
    return set != NULL && codegen_descriptor_read((const uint8_t *)set, len, arena, ret, why) == ERR_OK;
}

static int snapshot(struct arena *arena, const char *path)
{
    struct codegen_schema s;
    struct codegen_out out;
    char why[CODEGEN_WHY_SIZE];

    if (!read_set(arena, path, &s, why)) {
        return fail(why);
    }
    codegen_out_init(&out, arena);
    codegen_snapshot_write(&s, &out);
    return fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}

static int check(struct arena *arena, const char *before, const char *after)
{
    struct codegen_schema a, b;
    struct codegen_findings found;
    char why[CODEGEN_WHY_SIZE];
    size_t len = 0;
    const char *text = kit_file(arena, before, &len);

    if (text == NULL || codegen_snapshot_read(text, len, arena, &a, why) != ERR_OK) {
        return fail(text == NULL ? before : why);
    }
    text = kit_file(arena, after, &len);
    if (text == NULL || codegen_snapshot_read(text, len, arena, &b, why) != ERR_OK) {
        return fail(text == NULL ? after : why);
    }
    if (codegen_compat_check(&a, &b, arena, &found) != ERR_OK) {
        return fail("too much to compare");
    }
    for (size_t i = 0; i < found.count; i++) {
        printf("%s %s: %s\n", codegen_compat_level_name(found.items[i].level), codegen_compat_name(found.items[i].rule), found.items[i].text);
    }
    return found.counts[CODEGEN_BREAKING] > 0 ? 3 : 0;
}

static int client(struct arena *arena, bool is_go, char **words)
{
    struct codegen_schema s;
    struct codegen_out out;
    char why[CODEGEN_WHY_SIZE];
    size_t len;
    const char *const runtime[2] = {kit_file(arena, words[2], &len), is_go ? "" : kit_file(arena, words[3], &len)};

    if (!read_set(arena, words[0], &s, why)) {
        return fail(why);
    }
    const struct codegen_service *service = codegen_schema_service(&s, words[1]);
    if (service == NULL || runtime[0] == NULL || runtime[1] == NULL) {
        return fail("no such service, or no runtime");
    }
    codegen_out_init(&out, arena);
    enum err e = is_go ? codegen_go_write(&s, service, runtime[0], &out, why) : codegen_python_write(&s, service, runtime, &out, why);
    if (e != ERR_OK) {
        return fail(why);
    }
    return fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}

static int skeleton(struct arena *arena, char **words)
{
    struct codegen_skeleton_file files[CODEGEN_SKELETON_FILES];
    struct codegen_schema s;
    char why[CODEGEN_WHY_SIZE], path[4096];
    size_t len = 0;
    const char *proto = kit_file(arena, words[3], &len);

    if (proto == NULL || !read_set(arena, words[0], &s, why)) {
        return fail(proto == NULL ? words[3] : why);
    }
    const struct codegen_service *service = codegen_schema_service(&s, words[1]);
    if (service == NULL || codegen_skeleton_write(service, words[2], proto, len, NULL, 0, arena, files, why) != ERR_OK) {
        return fail(service == NULL ? "no such service" : why);
    }
    for (size_t i = 0; i < CODEGEN_SKELETON_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", words[4], files[i].path);
        FILE *f = fopen(path, "wb");
        if (f == NULL || fwrite(files[i].text, 1, files[i].len, f) != files[i].len || fclose(f) != 0) {
            return fail(path);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct arena arena;
    int status = 2;

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    if (argc == 3 && strcmp(argv[1], "snapshot") == 0) {
        status = snapshot(&arena, argv[2]);
    } else if (argc == 4 && strcmp(argv[1], "check") == 0) {
        status = check(&arena, argv[2], argv[3]);
    } else if (argc == 6 && strcmp(argv[1], "python") == 0) {
        status = client(&arena, false, argv + 2);
    } else if (argc == 5 && strcmp(argv[1], "go") == 0) {
        status = client(&arena, true, argv + 2);
    } else if (argc == 7 && strcmp(argv[1], "skeleton") == 0) {
        status = skeleton(&arena, argv + 2);
    }
    arena_fini(&arena);
    return status;
}
