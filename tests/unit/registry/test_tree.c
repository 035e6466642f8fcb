/* The files of a package: paths that are the same everywhere and lead nowhere else, git's ids, one hash. */
#include "registry/tree.h"

#include <sodium.h>
#include <string.h>

#include "common/base/rng.h"
#include "tests/support/check.h"
#include "tests/unit/registry/kit.h"

#define TEN "abcdefghij"
#define N100 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define D16 "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"

#define BYTES(text) {(text), sizeof(text) - 1}

static const struct {
    struct registry_slice path;
    bool is_good;
    const char *why;
} paths[] = {
    {BYTES("src/main.c"), true, "usual"},
    {BYTES("README.md"), true, "upper case"},
    {BYTES("a+b=c,d@e_f-g.h"), true, "all signs"},
    {BYTES(".gitignore"), true, "a dot first"},
    {BYTES(".github/workflows/x.yml"), true, "a folder with a dot"},
    {BYTES(""), false, "nothing"},
    {BYTES("/a"), false, "absolute"},
    {BYTES("a/"), false, "a folder"},
    {BYTES("a//b"), false, "an empty component"},
    {BYTES("."), false, "this folder"},
    {BYTES(".."), false, "the parent"},
    {BYTES("../x"), false, "out of it"},
    {BYTES("a/../b"), false, "through the parent"},
    {BYTES("a/./b"), false, "a second spelling"},
    {BYTES("..a"), false, "two dots first"},
    {BYTES("-x"), false, "an option"},
    {BYTES("a/-rf"), false, "an option in a folder"},
    {BYTES("+a"), false, "an option of some"},
    {BYTES("@a"), false, "a list of files to others"},
    {BYTES("a."), false, "a dot last"},
    {BYTES("a..b"), true, "two inside"},
    {BYTES(".git/config"), false, "git's folder"},
    {BYTES("a/.git/hooks/post-checkout"), false, "a hook"},
    {BYTES(".GIT/config"), false, "in upper case (CVE-2014-9390)"},
    {BYTES("git~1/config"), false, "under its short name (CVE-2014-9390)"},
    {BYTES("GIT~1"), false, "in upper case"},
    {BYTES(".gitmodules"), false, "submodules (CVE-2018-11235)"},
    {BYTES("a/.gitModules"), false, "anywhere, in any case"},
    {BYTES("gitmod~1"), false, "under their short name"},
    {BYTES(".gitx"), true, "not git's"},
    {BYTES("git"), true, "nor this"},
    {BYTES("a~1"), false, "a short name of something"},
    {BYTES("CON"), false, "a device"},
    {BYTES("a/aux.c"), false, "a device with an ending"},
    {BYTES("nul"), false, "a device"},
    {BYTES("Com1.txt"), false, "a device with a number"},
    {BYTES("lpt9"), false, "the last"},
    {BYTES("com"), true, "none"},
    {BYTES("com10"), true, "nor this"},
    {BYTES("console"), true, "nor this"},
    {BYTES("a b"), false, "a blank"},
    {BYTES("a\nb"), false, "a line's end"},
    {BYTES("a\0b"), false, "a NUL"},
    {BYTES("a\\b"), false, "a separator elsewhere"},
    {BYTES("c:a"), false, "a drive, or a stream"},
    {BYTES("a;id"), false, "a command"},
    {BYTES("$(id)"), false, "a command"},
    {BYTES("a*"), false, "a pattern"},
    {BYTES("a?"), false, "a pattern"},
    {BYTES("caf\xc3\xa9"), false, "a letter, composed (NFC)"},
    {BYTES("cafe\xcc\x81"), false, "the same, decomposed (NFD)"},
    {BYTES(".g\xe2\x80\x8cit"), false, "git's folder with a sign that some hosts pass over (CVE-2014-9390)"},
    {BYTES("\xff"), false, "no character"},
    {BYTES(N100), true, "the longest component"},
    {BYTES(N100 "a"), false, "one more"},
    {BYTES(N100 "/" N100 "/" N100 "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN "abcdefg"), true, "the longest path"},
    {BYTES(N100 "/" N100 "/" N100 "/" TEN TEN TEN TEN TEN TEN TEN TEN TEN "abcdefgh"), false, "one more"},
    {BYTES(D16 "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), true, "the deepest"},
    {BYTES(D16 D16 "a"), false, "one deeper"},
};

static void a_path_is_the_same_everywhere(void)
{
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *fault = registry_tree_path_fault(paths[i].path);

        CHECK((fault == NULL) == paths[i].is_good, "row %zu: %s (%s)", i, paths[i].why, fault == NULL ? "good" : fault);
    }
}

static const struct {
    const char *path, *target;
    bool is_good;
    const char *why;
} links[] = {
    {"a", "b", true, "beside it"},
    {"a", "b/c", true, "below"},
    {"d/a", "../b", true, "above"},
    {"d/e/a", "../../b", true, "at the root"},
    {"d/e/a", "../f/b", true, "elsewhere"},
    {"d/a", "..", true, "the folder above"},
    {"a", "..", false, "out"},
    {"a", "../b", false, "out and on"},
    {"d/a", "../../b", false, "out, from below"},
    {"d/e/a", "../../..", false, "out at its end"},
    {"d/a", "x/../../b", false, "upwards behind something that may be a link itself"},
    {"d/a", "../x/../b", false, "the same"},
    {"a", "/etc/passwd", false, "absolute"},
    {"a", "", false, "nowhere"},
    {"a", ".", false, "this folder: a tree without an end"},
    {"a", "./b", false, "a second spelling"},
    {"d/a", "../", false, "an empty component"},
    {"a", "b/", false, "at the end"},
    {"a", "...", false, "three dots"},
    {"a", "..b", false, "two dots and a letter"},
    {"a", ".git/config", false, "git's folder"},
    {"a", "b c", false, "a blank"},
};

static void a_link_stays_in_the_tree(void)
{
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        const char *fault = registry_tree_link_fault(kit_slice(links[i].path), kit_slice(links[i].target));

        CHECK((fault == NULL) == links[i].is_good, "row %zu: %s (%s)", i, links[i].why, fault == NULL ? "good" : fault);
    }
}

static const struct {
    uint32_t mode;
    int kind; /* below 0: refused */
    const char *why;
} modes[] = {
    {0100644, REGISTRY_TREE_FILE, "a file"},        {0100600, REGISTRY_TREE_FILE, "a private one"}, {0100755, REGISTRY_TREE_EXEC, "a program"},
    {0100700, REGISTRY_TREE_EXEC, "a private one"}, {0100655, REGISTRY_TREE_FILE, "not its owner's to run"},
    {0120000, REGISTRY_TREE_LINK, "a link"},        {0120777, REGISTRY_TREE_LINK, "a link on disk"}, {0160000, -1, "a submodule"},
    {0040000, -1, "a folder"},                      {0041777, -1, "a folder of all"},               {0020644, -1, "a character device"},
    {0060644, -1, "a block device"},                {0010644, -1, "a pipe"},                        {0140755, -1, "a socket"},
    {0104755, -1, "runs as its owner"},             {0102755, -1, "runs as its group"},             {0101644, -1, "sticky"},
    {0, -1, "nothing"},                             {0170000, -1, "everything"},
};

static void only_files_and_links_are_taken(void)
{
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        enum registry_tree_kind kind = REGISTRY_TREE_FILE;
        const char *fault = registry_tree_mode_fault(modes[i].mode, &kind);

        CHECK((fault == NULL) == (modes[i].kind >= 0) && (fault != NULL || (int)kind == modes[i].kind), "row %zu: %s (%s)", i, modes[i].why,
              fault == NULL ? "taken" : fault);
    }
}

/* ---- git ---------------------------------------------------------------------------------------------- */

static struct registry_tree_entry made(enum registry_tree_kind kind, const char *path, const void *bytes, size_t size)
{
    struct registry_tree_entry e = {.kind = kind, .path = kit_slice(path), .target = {.at = ""}};
    struct registry_tree_hashing h;

    registry_tree_file_begin(&h, size);
    registry_tree_file_add(&h, bytes, size / 3); /* in pieces */
    registry_tree_file_add(&h, (const char *)bytes + size / 3, size - size / 3);
    REQUIRE(registry_tree_file_end(&h, &e) == ERR_OK, "%s", path);
    if (kind == REGISTRY_TREE_LINK) {
        e.target = (struct registry_slice){.at = bytes, .len = size};
    }
    return e;
}

static struct registry_tree_entry file(const char *path, const char *text)
{
    return made(REGISTRY_TREE_FILE, path, text, strlen(text));
}

static void check_ids(const struct registry_tree_entry *entry, size_t count, const char *sha1, const char *sha256, const char *why)
{
    uint8_t one[SHA1_SIZE], two[32];
    char hex[65];

    registry_tree_git_sha1(entry, count, one);
    bytes_to_hex(one, sizeof one, hex);
    CHECK(strcmp(hex, sha1) == 0, "%s: %s", why, hex);
    registry_tree_git_sha256(entry, count, two);
    bytes_to_hex(two, sizeof two, hex);
    CHECK(strcmp(hex, sha256) == 0, "%s: %s", why, hex);
}

/* What git 2.39 says of the same files. */
static void ids_are_gits(void)
{
    static const char zeros[1000];
    char hex[65];
    struct registry_tree_entry none = file("a", ""), hello = file("a", "hello\n");

    bytes_to_hex(none.sha1, sizeof none.sha1, hex);
    CHECK(strcmp(hex, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391") == 0, "an empty file: %s", hex);
    bytes_to_hex(none.sha256, sizeof none.sha256, hex);
    CHECK(strcmp(hex, "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813") == 0, "an empty file: %s", hex);
    bytes_to_hex(hello.sha1, sizeof hello.sha1, hex);
    CHECK(strcmp(hex, "ce013625030ba8dba906f756967f9e9ca394464a") == 0, "a file: %s", hex);
    check_ids(&none, 0, "4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321", "an empty folder");

    const struct registry_tree_entry order[] = {file("a-b", "1\n"), file("a.b", "2\n"), file("a/b", "3\n"), file("a0", "4\n")};
    check_ids(order, ARRAY_LEN(order), "0a22c18d806fe7df039b57fb6932ded1c66cf76f", "ef47a457ead0413073fb4781f7cf2db9e050bd2fdbe0ac4cbfdf3f4fa00f7a0f", "folders are in order as if they ended with /");
    const struct registry_tree_entry kinds[] = {file("README.md", "hello\n"), made(REGISTRY_TREE_EXEC, "bin/run.sh", "#!/bin/sh\n", 10),
                                                made(REGISTRY_TREE_LINK, "doc/index", "../README.md", 12), file("src/a/b/c.txt", "")};
    check_ids(kinds, ARRAY_LEN(kinds), "71907f3d87142909072b4a5e58968251f1af737c", "297a38cae7a97b3eecff7fa6bc89b876f35dcd21150fe29c4dffb4b654b0b1f6", "a program, a link, folders in folders");
    const struct registry_tree_entry names[] = {file("a-a/a", "x\n"), file("a.a/a", "x\n"), file("a/a-a", "x\n"), file("a/a.a", "x\n"),
                                                file("a/a/a", "x\n"), file("aa", "x\n"), made(REGISTRY_TREE_FILE, "z/y/x/w", zeros, sizeof zeros)};
    check_ids(names, ARRAY_LEN(names), "96afc07b2f656f57cf013f698030c9bee946a256", "83d5b0edad73b1d294adbfacf6dd48245e10456cbfbd249d4d89ee702b09f5a6", "names that begin alike");
}

static void a_file_has_the_size_that_was_said(void)
{
    struct registry_tree_entry e = {.size = 77};
    struct registry_tree_hashing h;

    registry_tree_file_begin(&h, 3);
    registry_tree_file_add(&h, "ab", 2);
    CHECK(registry_tree_file_end(&h, &e) == ERR_MALFORMED && e.size == 77, "one less");
    registry_tree_file_begin(&h, 3);
    registry_tree_file_add(&h, "abcd", 4);
    CHECK(registry_tree_file_end(&h, &e) == ERR_MALFORMED, "one more");
}

/* ---- all of them -------------------------------------------------------------------------------------- */

static const struct {
    const char *paths[4];
    const char *fault; /* a part of it; NULL: good */
    const char *why;
} trees[] = {
    {{"a"}, NULL, "one file"},
    {{"a", "b"}, NULL, "two"},
    {{"a-b", "a.b", "a/b", "a0"}, NULL, "signs around the separator"},
    {{0}, "no files", "none"},
    {{"b", "a"}, "ascend", "descending"},
    {{"a", "a"}, "ascend", "twice"},
    {{"A", "a"}, "case alone", "a file in two spellings"},
    {{"Makefile", "b", "makefile"}, "case alone", "with something between"},
    {{"A/x", "a/y"}, "case alone", "a folder in two spellings"},
    {{"d/A/x", "d/a/y"}, "case alone", "… below another"},
    {{"A/x", "B", "a-b", "a/y"}, "case alone", "… with others between"},
    {{"A", "a/b"}, "case alone", "a file and a folder"},
    {{"A/b", "a"}, "case alone", "a folder and a file"},
    {{"a", "a/b"}, "folder of another", "a file is a folder"},
    {{"a", "a-b", "a/b"}, "folder of another", "… with others between"},
    {{"A-b", "a-B/x"}, "case alone", "a folder whose name is a file's"},
    {{"a", "b/../c"}, "..", "a bad path"},
};

static void a_tree_is_whole(void)
{
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        struct registry_tree_entry entry[4];
        uint32_t scratch[4];
        size_t count = 0, at;

        for (; count < 4 && trees[i].paths[count] != NULL; count++) {
            entry[count] = (struct registry_tree_entry){.path = kit_slice(trees[i].paths[count])};
        }
        const char *fault = registry_tree_fault(entry, count, scratch, &at);
        CHECK(trees[i].fault == NULL ? fault == NULL : fault != NULL && strstr(fault, trees[i].fault) != NULL, "row %zu: %s (%s)", i, trees[i].why,
              fault == NULL ? "good" : fault);
    }
}

static void a_tree_has_an_end(void)
{
    static struct registry_tree_entry entry[REGISTRY_TREE_FILES_MAX + 1];
    static uint32_t scratch[REGISTRY_TREE_FILES_MAX + 1];
    static char name[REGISTRY_TREE_FILES_MAX + 1][8];
    size_t at;

    for (uint32_t i = 0; i <= REGISTRY_TREE_FILES_MAX; i++) {
        snprintf(name[i], sizeof name[i], "f%06u", i);
        entry[i] = (struct registry_tree_entry){.path = kit_slice(name[i])};
    }
    CHECK(registry_tree_fault(entry, REGISTRY_TREE_FILES_MAX, scratch, &at) == NULL, "as many as there may be");
    CHECK(registry_tree_fault(entry, REGISTRY_TREE_FILES_MAX + 1, scratch, &at) != NULL, "one more");
    entry[3].size = REGISTRY_TREE_FILE_MAX;
    CHECK(registry_tree_fault(entry, 10, scratch, &at) == NULL, "the largest file");
    entry[3].size++;
    CHECK(registry_tree_fault(entry, 10, scratch, &at) != NULL && at == 3, "a byte more");
    for (unsigned i = 0; i < 4; i++) {
        entry[i].size = REGISTRY_TREE_FILE_MAX;
    }
    CHECK(registry_tree_fault(entry, 5, scratch, &at) == NULL, "the largest tree");
    entry[4].size = 1;
    CHECK(registry_tree_fault(entry, 5, scratch, &at) != NULL && at == 4, "a byte more");
}

/* Against a list that looks at every pair. */
static bool collides(const struct registry_tree_entry *a, const struct registry_tree_entry *b)
{
    for (size_t i = 0;; i++) {
        bool a_ends = i == a->path.len, b_ends = i == b->path.len;
        char x = a_ends ? '/' : a->path.at[i], y = b_ends ? '/' : b->path.at[i];

        if ((x | 0x20) != (y | 0x20)) {
            return false; /* letters and '/' alone are drawn; '/' has that bit */
        }
        if (x == '/' && (memcmp(a->path.at, b->path.at, i) != 0 || a_ends || b_ends)) {
            return true;
        }
    }
}

static void drawn_trees_are_judged_pair_by_pair(void)
{
    unsigned bad = 0, good = 0;
    struct rng r;

    rng_init(&r, 4);
    for (unsigned n = 0; n < 40000; n++) {
        static const char letters[] = "abABa//b";
        struct registry_tree_entry entry[6];
        char name[6][8];
        uint32_t scratch[6];
        size_t count = 0, at;
        bool is_bad = false;

        for (unsigned i = 0; i < 6; i++) {
            size_t len = rng_below(&r, 6) + 1;

            for (size_t k = 0; k < len; k++) {
                name[count][k] = letters[rng_below(&r, sizeof letters - 1)];
            }
            entry[count] = (struct registry_tree_entry){.path = {.at = name[count], .len = len}};
            bool is_last = count == 0 || registry_text_compare(entry[count - 1].path, entry[count].path) < 0;
            count += is_last && registry_tree_path_fault(entry[count].path) == NULL;
        }
        for (size_t i = 0; i < count; i++) {
            for (size_t k = i + 1; k < count; k++) {
                is_bad = is_bad || collides(&entry[i], &entry[k]);
            }
        }
        if (count > 0) {
            CHECK((registry_tree_fault(entry, count, scratch, &at) != NULL) == is_bad, "tree %u", n);
            bad += is_bad;
            good += !is_bad;
        }
    }
    CHECK(bad > 2000 && good > 2000, "both were drawn: %u and %u", bad, good);
}

static void the_hash_is_of_all_of_it(void)
{
    struct registry_tree_entry entry[] = {file("README.md", "hello\n"), made(REGISTRY_TREE_EXEC, "bin/run.sh", "#!/bin/sh\n", 10),
                                          made(REGISTRY_TREE_LINK, "doc/index", "../README.md", 12)};
    uint8_t real[REGISTRY_HASH_SIZE], other[REGISTRY_HASH_SIZE], said[REGISTRY_HASH_SIZE];
    char text[2048] = "", line[REGISTRY_TREE_LINE_MAX];
    struct registry_tree_entry back, saved;
    struct registry_slice lines;

    registry_tree_hash(entry, 3, real);
    strcat(text, registry_tree_head);
    for (unsigned i = 0; i < 3; i++) {
        (void)registry_tree_line(&entry[i], line);
        strcat(text, line);
    }
    registry_text_hash(text, strlen(text), said);
    CHECK(memcmp(real, said, sizeof real) == 0, "it is that of the lines: %s", text);
    lines = kit_slice(text + strlen(registry_tree_head));
    for (unsigned i = 0; i < 3; i++) {
        REQUIRE(registry_tree_next(&lines, &back), "line %u", i);
        CHECK(back.kind == entry[i].kind && registry_text_compare(back.path, entry[i].path) == 0 && registry_text_compare(back.target, entry[i].target) == 0 &&
                  (back.kind == REGISTRY_TREE_LINK || (back.size == entry[i].size && memcmp(back.hash, entry[i].hash, sizeof back.hash) == 0)),
              "line %u is read as it was", i);
    }
    CHECK(lines.len == 0 && !registry_tree_next(&lines, &back), "and nothing else");
    for (unsigned i = 0; i < 7; i++) {
        unsigned at = i < 4 ? 0 : i < 5 ? 1 : 2;

        saved = entry[at];
        switch (i) {
        case 0: entry[0].hash[31] ^= 1; break;
        case 1: entry[0].size++; break;
        case 2: entry[0].kind = REGISTRY_TREE_EXEC; break;
        case 3: entry[0].path = kit_slice("READMF.md"); break;
        case 4: entry[1].path = kit_slice("bin/run.s"); break;
        case 5: entry[2].target = kit_slice("../README.mD"); break;
        default: entry[2].path = kit_slice("doc/indey"); break;
        }
        registry_tree_hash(entry, 3, other);
        CHECK(memcmp(real, other, sizeof real) != 0, "case %u", i);
        entry[at] = saved;
    }
    registry_tree_hash(entry, 2, other);
    CHECK(memcmp(real, other, sizeof real) != 0, "a file less");
}

static const struct {
    const char *line;
    const char *why;
} bad_lines[] = {
    {"", "nothing"}, {"\n", "an empty line"}, {"file 1 07 a\n", "a short hash"}, {"link a\n", "no target"}, {"link a b c\n", "a word more"}, {"link a ../b\n", "out of the tree"},
    {"file 01 0700000000000000000000000000000000000000000000000000000000000000 a\n", "a leading zero"},
    {"file 1 0700000000000000000000000000000000000000000000000000000000000000 a", "no end"},
    {"file 1 0700000000000000000000000000000000000000000000000000000000000000 ../a\n", "no path"},
    {"file  1 0700000000000000000000000000000000000000000000000000000000000000 a\n", "two blanks"},
    {"file 1 0700000000000000000000000000000000000000000000000000000000000000 a b\n", "a word more"},
    {"fifo 1 0700000000000000000000000000000000000000000000000000000000000000 a\n", "another kind"},
    {"file 268435457 0700000000000000000000000000000000000000000000000000000000000000 a\n", "too large"},
};

static void a_line_has_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_lines); i++) {
        struct registry_slice lines = kit_slice(bad_lines[i].line);
        struct registry_tree_entry e;

        CHECK(!registry_tree_next(&lines, &e), "row %zu: %s", i, bad_lines[i].why);
    }
}

int main(void)
{
    a_path_is_the_same_everywhere();
    a_link_stays_in_the_tree();
    only_files_and_links_are_taken();
    ids_are_gits();
    a_file_has_the_size_that_was_said();
    a_tree_is_whole();
    a_tree_has_an_end();
    drawn_trees_are_judged_pair_by_pair();
    the_hash_is_of_all_of_it();
    a_line_has_one_form();
    return CHECK_RESULT();
}
