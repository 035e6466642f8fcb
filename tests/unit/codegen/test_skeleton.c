/* The first files of a cell: which bytes, for whom, and for whom not. */
#include "codegen/skeleton.h"

#include <string.h>

#include "codegen/protobufc.h"
#include "kit.h"
#include "tests/support/check.h"

#define TEN "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN

/* A schema with one service S of a package, and the operations given. */
static struct codegen_schema made(struct arena *arena, const char *package, const char *operations)
{
    struct codegen_schema s;
    char text[2000], why[CODEGEN_WHY_SIZE];

    snprintf(text, sizeof text, "message %s/Asked\nmessage %s/Told\nservice %s/S\n%s", package, package, package, operations);
    REQUIRE(kit_read(arena, text, &s, why) == ERR_OK, "%s", why);
    return s;
}

static const struct {
    const char *name, *package, *operations;
    enum err e;
    const char *why;
} rows[] = {
    {"pot", "a.pot", "operation 1 Do a.pot.Asked a.pot.Told once\n", ERR_OK, ""},
    {"tea-pot", "tea_pot", "operation 1 Do tea_pot.Asked tea_pot.Told once\n", ERR_OK, ""},
    {"pot", "pot.a", "operation 1 Do pot.a.Asked pot.a.Told once\n", ERR_INVALID, "the package's last word"},
    {"pot", "pan", "operation 1 Do pan.Asked pan.Told once\n", ERR_INVALID, "the package's last word"},
    {"../pot", "pot", "operation 1 Do pot.Asked pot.Told once\n", ERR_INVALID, "a cell's name"},
    {"-pot", "_pot", "operation 1 Do _pot.Asked _pot.Told once\n", ERR_INVALID, "a cell's name"},
    {"Pot", "Pot", "operation 1 Do Pot.Asked Pot.Told once\n", ERR_INVALID, "a cell's name"},
    {"po\nt", "pot", "operation 1 Do pot.Asked pot.Told once\n", ERR_INVALID, "a cell's name"},
    {"", "pot", "operation 1 Do pot.Asked pot.Told once\n", ERR_INVALID, "a cell's name"},
    {SIXTY "aaaa", SIXTY "aaaa", "operation 1 Do " SIXTY "aaaa.Asked " SIXTY "aaaa.Told once\n", ERR_OK, ""},
    {SIXTY "aaaaa", SIXTY "aaaaa", "operation 1 Do " SIXTY "aaaaa.Asked " SIXTY "aaaaa.Told once\n", ERR_INVALID, "a cell's name"},
    {"pot", "pot", "", ERR_LIMIT, "a service has operations"},
    {"pot", "pot", "operation 1 do pot.Asked pot.Told once\n", ERR_INVALID, "do: an operation's name"},
    {"pot", "pot", "operation 1 D_o pot.Asked pot.Told once\n", ERR_INVALID, "D_o: an operation's name"},
    {"pot", "pot", "operation 1 Do pot.Asked pot.Told once takes-stream\n", ERR_UNSUPPORTED, "Do: a request has one part"},
};

static void a_cell_has_a_name_and_its_package_the_same(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct codegen_skeleton_file files[CODEGEN_SKELETON_FILES] = {{.path = "untouched"}};
        struct arena arena;
        char why[CODEGEN_WHY_SIZE] = "";

        arena_init(&arena, 1 << 22);
        struct codegen_schema s = made(&arena, rows[i].package, rows[i].operations);
        enum err e = codegen_skeleton_write(&s.services[0], rows[i].name, "proto", 5, NULL, 0, &arena, files, why);
        CHECK(e == rows[i].e && strstr(why, rows[i].why) != NULL && kit_is_line(why), "row %zu: %s: %s", i, err_name(e), why);
        CHECK((strcmp(files[0].path, "untouched") == 0) == (e != ERR_OK), "row %zu: %s", i, files[0].path);
        arena_fini(&arena);
    }
}

static void what_is_there_stays(void)
{
    static const char *const there[] = {"other.c", "service.c"}, *const not_there[] = {"service.cc", "cases.yaml", "POT.proto"};
    struct codegen_skeleton_file files[CODEGEN_SKELETON_FILES] = {{.path = "untouched"}};
    struct arena arena;
    char why[CODEGEN_WHY_SIZE] = "";

    arena_init(&arena, 1 << 22);
    struct codegen_schema s = made(&arena, "pot", "operation 1 Do pot.Asked pot.Told once\n");
    CHECK(codegen_skeleton_write(&s.services[0], "pot", "x", 1, there, 2, &arena, files, why) == ERR_EXISTS, "%s", why);
    CHECK(strcmp(why, "service.c: is there already") == 0 && strcmp(files[0].path, "untouched") == 0, "%s", why);
    CHECK(codegen_skeleton_write(&s.services[0], "pot", "x", 1, not_there, 3, &arena, files, why) == ERR_OK, "%s", why);
    arena_fini(&arena);
}

/* With `write` those that are kept are made anew: test_codegen_skeleton write. */
static void the_same_bytes_each_time(bool write)
{
    static const char *const paths[] = {"tea-pot.proto", "main.c", "service.h", "service.c", "cell.yaml", "tests/cases.yaml"};
    struct codegen_skeleton_file one[CODEGEN_SKELETON_FILES], two[CODEGEN_SKELETON_FILES];
    struct arena arena;
    char why[CODEGEN_WHY_SIZE], path[4096];
    size_t len;

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    struct codegen_schema s = made(&arena, "my.tea_pot", "operation 3 Open my.tea_pot.Asked my.tea_pot.Told once\noperation 1 PourURL my.tea_pot.Told my.tea_pot.Asked idempotent\n");
    s.services[0].operations[0].doc = "*/ int main(void) { return 3; } /*\nsecond \\\nthird \xe2\x80\xae";
    REQUIRE(codegen_skeleton_write(&s.services[0], "tea-pot", "text\n", 5, NULL, 0, &arena, one, why) == ERR_OK, "%s", why);
    REQUIRE(codegen_skeleton_write(&s.services[0], "tea-pot", "text\n", 5, NULL, 0, &arena, two, why) == ERR_OK, "%s", why);
    for (size_t i = 0; i < CODEGEN_SKELETON_FILES; i++) {
        const char *base = strrchr(one[i].path, '/') != NULL ? strrchr(one[i].path, '/') + 1 : one[i].path;

        CHECK(strcmp(one[i].path, paths[i]) == 0 && one[i].len == two[i].len && memcmp(one[i].text, two[i].text, one[i].len) == 0, "%s", one[i].path);
        snprintf(path, sizeof path, "%s/skeleton/%s.txt", HERE, base);
        FILE *anew = write ? fopen(path, "wb") : NULL;
        if (anew != NULL) {
            fwrite(one[i].text, 1, one[i].len, anew);
            fclose(anew);
        }
        const char *kept = kit_file(&arena, path, &len);
        CHECK(kept != NULL && len == one[i].len && memcmp(kept, one[i].text, len) == 0, "%s is another one:\n%s", path, one[i].text);
    }
    arena_fini(&arena);
}

static void names_are_protobuf_cs(void)
{
    static const char *const names[][4] = {
        {"cell.greeter.GreetRequest", "Cell__Greeter__GreetRequest", "cell__greeter__greet_request", "CELL__GREETER__GREET_REQUEST"},
        {"tea_pot.HTTPGet", "TeaPot__HTTPGet", "tea_pot__httpget", "TEA_POT__HTTPGET"},
        {"a.B.cD_e", "A__B__CDE", "a__b__c_d_e", "A__B__C_D_E"},
        {"x1.Y2z", "X1__Y2z", "x1__y2z", "X1__Y2Z"},
    };
    char out[CODEGEN_PROTOBUFC_SIZE];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        for (int f = 0; f < 3; f++) {
            codegen_protobufc_name(names[i][0], (enum codegen_protobufc_form)f, out);
            CHECK(strcmp(out, names[i][f + 1]) == 0, "%s: %s", names[i][0], out);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argv;
    a_cell_has_a_name_and_its_package_the_same();
    what_is_there_stays();
    the_same_bytes_each_time(argc > 1);
    names_are_protobuf_cs();
    return CHECK_RESULT();
}
