/* REG-2: a record, a catalogue and the documents of the roles have one form each, to the byte. */
#include "registry/record.h"

#include <string.h>

#include "common/base/rng.h"
#include "registry/catalogue.h"
#include "registry/lock.h"
#include "tests/support/check.h"
#include "tests/unit/registry/kit.h"

#define H "0700000000000000000000000000000000000000000000000000000000000000"
#define HEAD "cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2.3\nmade 1790000000\n"
#define PLACE "repository https://example.org/a\ncommit 0123456789abcdef0123456789abcdef01234567\ntree " H "\n"
#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} records[] = {
    {HEAD PLACE, true, "the least that there is"},
    {HEAD "summary Says hello.\n" PLACE, true, "with a summary"},
    {HEAD "summary\n" PLACE, false, "an empty summary"},
    {HEAD "summary  a\n" PLACE, false, "a summary that begins with a blank"},
    {HEAD "summary a \n" PLACE, false, "one that ends with a blank"},
    {HEAD "summary a\tb\n" PLACE, false, "a tab"},
    {HEAD "summary \x1b[2J\n" PLACE, false, "a terminal's escape"},
    {HEAD "summary \xc3\xa9\n" PLACE, false, "beyond ASCII"},
    {HEAD "summary a delete\x7f behind it\n" PLACE, false, "a delete"},
    {HEAD "summary many words and a \x01\n" PLACE, false, "a control character far behind"},
    {HEAD "summary ~~~~~~~~~ ~~~~~~~\n" PLACE, true, "the last sign that there is"},
    {HEAD "summary a\nsummary b\n" PLACE, false, "two"},
    {HEAD "summary a\r\n" PLACE, false, "a line of another host"},
    {HEAD PLACE "depends acme/log ^1.2\n", true, "something that it needs"},
    {HEAD PLACE "depends acme/log ^1.2 || ^2\ndepends b *\n", true, "two, ascending"},
    {HEAD PLACE "depends b *\ndepends acme/log ^1.2\n", false, "descending: a second form"},
    {HEAD PLACE "depends b *\ndepends b ^1\n", false, "twice"},
    {HEAD PLACE "depends acme/greeter *\n", false, "itself"},
    {HEAD PLACE "depends b\n", false, "without a range"},
    {HEAD PLACE "depends b latest\n", false, "no range"},
    {HEAD PLACE "depends b  ^1\n", false, "two blanks"},
    {HEAD PLACE "depends b ^1 \n", false, "a blank at the end"},
    {HEAD PLACE "depends ../b ^1\n", false, "no name"},
    {HEAD PLACE "build x86_64-linux-gnu " H "\n", true, "a build"},
    {HEAD PLACE "build a " H "\nbuild b " H "\ndepends b *\n", true, "two, and something that it needs"},
    {HEAD PLACE "build b " H "\nbuild a " H "\n", false, "descending"},
    {HEAD PLACE "build a " H "\nbuild a " H "\n", false, "twice"},
    {HEAD PLACE "build ../a " H "\n", false, "no target"},
    {HEAD PLACE "depends b *\nbuild a " H "\n", false, "in another order"},
    {HEAD PLACE "\n", false, "an empty line"},
    {HEAD PLACE "a b\n", false, "a line that is none of it"},
    {HEAD PLACE "depends b *", false, "without its end"},
    {"\n" HEAD PLACE, false, "an empty line before"},
    {"cell-registry-record-2\norigin example.org/cells\n", false, "of a later form"},
    {PLACE HEAD, false, "in another order"},
    {HEAD "repository ext::sh\ncommit 0123456789abcdef0123456789abcdef01234567\ntree " H "\n", false, "no url"},
    {HEAD "repository https://example.org/a\ncommit " SHA256 "\ntree " H "\n", true, "a commit of SHA-256"},
    {HEAD "repository https://example.org/a\ncommit HEAD\ntree " H "\n", false, "no hash"},
    {HEAD "repository https://example.org/a\ncommit 0123456789ABCDEF0123456789abcdef01234567\ntree " H "\n", false, "upper case"},
    {HEAD "repository https://example.org/a\ncommit 0123456789abcdef0123456789abcdef0123456\ntree " H "\n", false, "a digit less"},
    {HEAD "repository https://example.org/a\ncommit 0123456789abcdef0123456789abcdef01234567\ntree 07\n", false, "a short tree"},
    {"cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2\nmade 1\n" PLACE, false, "no version"},
    {"cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2.3+b\nmade 1\n" PLACE, true, "build metadata"},
    {"cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2.3\nmade 01\n" PLACE, false, "a leading zero"},
    {"cell-registry-record-1\norigin example.org/cells\nname acme/greeter\nversion 1.2.3\nmade 9007199254740992\n" PLACE, false, "past all numbers"},
    {"cell-registry-record-1\norigin Example.org\nname acme/greeter\nversion 1.2.3\nmade 1\n" PLACE, false, "no origin"},
    {"cell-registry-record-1\norigin  example.org\nname acme/greeter\nversion 1.2.3\nmade 1\n" PLACE, false, "two blanks"},
    {"cell-registry-record-1\nname acme/greeter\norigin example.org/cells\nversion 1.2.3\nmade 1\n" PLACE, false, "name first"},
    {"", false, "nothing"},
};

static void a_record_has_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct registry_record r;
        struct bytes_text text;
        char again[4096];
        bool is_good = registry_record_read(kit_slice(records[i].text), &r);

        CHECK(is_good == records[i].is_good, "row %zu: %s", i, records[i].why);
        bytes_text_init(&text, again, sizeof again);
        CHECK(!is_good || (registry_record_write(&r, &text) && strcmp(again, records[i].text) == 0), "row %zu: written the same: %s", i, again);
    }
}

static void numbers_of_lines_have_an_end(void)
{
    struct kit k;
    static char names[REGISTRY_RECORD_DEPENDS_MAX + 1][8], body[REGISTRY_RECORD_MAX + 1];
    struct bytes_text text;
    struct registry_record r;

    kit_init(&k);
    k.record.depends = REGISTRY_RECORD_DEPENDS_MAX;
    for (unsigned i = 0; i <= REGISTRY_RECORD_DEPENDS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "n%03u", i);
        if (i < REGISTRY_RECORD_DEPENDS_MAX) {
            k.record.depend[i].name = kit_slice(names[i]);
            k.record.depend[i].range = kit_slice("*");
        }
    }
    bytes_text_init(&text, body, sizeof body);
    CHECK(registry_record_write(&k.record, &text), "as many as there may be");
    bytes_text_add(&text, "depends n%03u *\n", REGISTRY_RECORD_DEPENDS_MAX);
    CHECK(!registry_record_read((struct registry_slice){.at = body, .len = text.len}, &r), "one more");
    char summary[REGISTRY_RECORD_SUMMARY_MAX + 2];
    memset(summary, 'a', sizeof summary);
    summary[REGISTRY_RECORD_SUMMARY_MAX + 1] = '\0';
    k.record.summary = kit_slice(summary);
    bytes_text_init(&text, body, sizeof body);
    CHECK(!registry_record_write(&k.record, &text), "a summary that is too long");
    k.record.summary.len--;
    bytes_text_init(&text, body, sizeof body);
    CHECK(registry_record_write(&k.record, &text), "the longest");
    char small[64];
    bytes_text_init(&text, small, sizeof small);
    CHECK(!registry_record_write(&k.record, &text), "no room");
}

/* ---- the catalogue -------------------------------------------------------------------------------------- */

#define CAT "cell-registry-catalogue-1\norigin example.org/cells\n"

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} catalogues[] = {
    {CAT, true, "an empty one"},
    {CAT "a 1.0.0 listed " H "\n", true, "one"},
    {CAT "a 1.0.0-a yanked " H "\na 1.0.0 listed " H "\na/a 0.1.0 listed " H "\nb 0.1.0 listed " H "\n", true, "several"},
    {CAT "b 1.0.0 listed " H "\na 1.0.0 listed " H "\n", false, "names descend"},
    {CAT "a 1.0.0 listed " H "\na 1.0.0-a listed " H "\n", false, "versions descend"},
    {CAT "a 1.0.0 listed " H "\na 1.0.0 yanked " H "\n", false, "one twice"},
    {CAT "a 1.0.0+a listed " H "\na 1.0.0+b listed " H "\n", false, "two that differ in metadata alone"},
    {CAT "a 1.0.0 gone " H "\n", false, "another state"},
    {CAT "a 1.0.0 listed " H "0\n", false, "a longer hash"},
    {CAT "a 1.0.0 listed\n", false, "no hash"},
    {CAT "a 1.0.0  listed " H "\n", false, "two blanks"},
    {CAT "-a 1.0.0 listed " H "\n", false, "no name"},
    {CAT "a 1.0 listed " H "\n", false, "no version"},
    {CAT "a 1.0.0 listed " H, false, "no end"},
    {CAT "\n", false, "an empty line"},
    {"cell-registry-catalogue-1\n", false, "no origin"},
};

static void a_catalogue_has_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(catalogues); i++) {
        struct registry_catalogue c;

        CHECK(registry_catalogue_read(catalogues[i].text, strlen(catalogues[i].text), &c) == catalogues[i].is_good, "row %zu: %s", i, catalogues[i].why);
    }
}

static void what_is_in_a_catalogue_is_found(void)
{
    static char text[256 * 1024];
    struct registry_catalogue c;
    struct registry_entry e;
    struct bytes_text t;
    unsigned lines = 0;

    bytes_text_init(&t, text, sizeof text);
    registry_catalogue_add_head(&t, kit_slice("example.org/cells"));
    for (unsigned name = 0; name < 100; name++) {
        for (unsigned v = 0; v < name % 7; v++) {
            char version[16], named[16];

            snprintf(named, sizeof named, "n%03u", name);
            snprintf(version, sizeof version, "%u.0.0", 9 + v); /* 9 is before 10 as a number alone */
            struct registry_entry add = {.name = kit_slice(named), .version = kit_slice(version), .hash = {(uint8_t)name, (uint8_t)v}};
            registry_catalogue_add(&t, &add);
            lines++;
        }
    }
    REQUIRE(registry_catalogue_read(text, t.len, &c) && lines > 250, "%u lines", lines);
    for (unsigned name = 0; name < 101; name++) {
        char named[16];
        unsigned count = 0;

        snprintf(named, sizeof named, "n%03u", name);
        struct registry_slice of = registry_catalogue_of(&c, kit_slice(named));
        while (registry_catalogue_next(&of, &e)) {
            CHECK(registry_text_same(e.name, named) && e.hash[1] == count, "%s", named);
            count++;
        }
        CHECK(count == (name < 100 ? name % 7 : 0), "%s has %u", named, count);
        for (unsigned v = 0; v < 8; v++) {
            const struct registry_version version = {.major = 8 + v};
            bool is_found = registry_catalogue_find(&c, kit_slice(named), &version, &e);

            CHECK(is_found == (name < 100 && v >= 1 && v - 1 < name % 7), "%s %u.0.0", named, 8 + v);
            CHECK(!is_found || (e.hash[0] == name && e.hash[1] == v - 1), "%s %u.0.0 is itself", named, 8 + v);
        }
    }
}

/* ---- spaces ------------------------------------------------------------------------------------------- */

#define K1 "0100000000000000000000000000000000000000000000000000000000000000"
#define K2 "0200000000000000000000000000000000000000000000000000000000000000"
#define SPACES "cell-registry-spaces-1\norigin example.org/cells\nversion 1\nexpires 2\n"

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} spaces[] = {
    {SPACES, true, "none"},
    {SPACES "space - 1 " K1 "\nspace acme 2 " K1 " " K2 "\n", true, "two"},
    {SPACES "space acme 1 " K1 "\nspace - 1 " K1 "\n", false, "descending"},
    {SPACES "space acme 1 " K1 "\nspace acme 1 " K2 "\n", false, "one twice"},
    {SPACES "space a/b 1 " K1 "\n", false, "a space in a space"},
    {SPACES "space -- 1 " K1 "\n", false, "no name"},
    {SPACES "space acme 0 " K1 "\n", false, "nobody need sign"},
    {SPACES "space acme 2 " K1 "\n", false, "more than there are"},
    {SPACES "space acme 1\n", false, "no key"},
    {SPACES "space acme 2 " K1 " " K1 "\n", false, "one key twice: it alone would be two"},
    {SPACES "space acme 1 " K2 " " K1 "\n", false, "keys descend"},
    {SPACES "space acme 01 " K1 "\n", false, "a leading zero"},
    {"cell-registry-spaces-1\norigin example.org/cells\nversion 0\nexpires 2\n", false, "version 0 is none"},
    {SPACES "space acme 1 " K1 " \n", false, "a blank at the end"},
};

static void spaces_have_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        struct registry_spaces s;

        CHECK(registry_roles_read_spaces(kit_slice(spaces[i].text), &s) == spaces[i].is_good, "row %zu: %s", i, spaces[i].why);
    }
}

/* ---- the lock file -------------------------------------------------------------------------------------- */

#define LOCK "cell-registry-lock-1\norigin example.org/cells\n"

static const struct {
    const char *text;
    bool is_good;
    const char *why;
} locks[] = {
    {LOCK, true, "nothing needed, nothing got"},
    {LOCK "needs a ^1\npackage a 1.0.0 " H " " H "\npackage b 2.0.0-rc.1 " H " " H "\n", true, "something"},
    {LOCK "needs a ^1\nneeds b *\n", true, "needs alone"},
    {LOCK "needs b ^1\nneeds a *\n", false, "needs descend"},
    {LOCK "needs a ^1\nneeds a *\n", false, "a need twice"},
    {LOCK "package b 1.0.0 " H " " H "\npackage a 1.0.0 " H " " H "\n", false, "packages descend"},
    {LOCK "package a 1.0.0 " H " " H "\npackage a 2.0.0 " H " " H "\n", false, "two versions of a package"},
    {LOCK "package a 1.0.0 " H " " H "\nneeds a *\n", false, "packages first"},
    {LOCK "package a 1.0.0 " H "\n", false, "without the files' hash"},
    {LOCK "package a ^1.0.0 " H " " H "\n", false, "a range is no version"},
    {LOCK "needs a latest\n", false, "no range"},
    {LOCK "needs a  ^1\n", false, "two blanks"},
    {LOCK "package ../a 1.0.0 " H " " H "\n", false, "no name"},
    {LOCK "package a 1.0.0 " H " " H, false, "no end"},
    {LOCK "<<<<<<< ours\npackage a 1.0.0 " H " " H "\n", false, "what a merge left behind"},
    {"cell-registry-lock-1\n", false, "no origin"},
};

static void a_lock_file_has_one_form(void)
{
    for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
        struct registry_lock_package p, found;
        struct registry_lock_need n;
        struct registry_lock l;
        struct bytes_text t;
        char again[4096];

        CHECK(registry_lock_read(locks[i].text, strlen(locks[i].text), &l) == locks[i].is_good, "row %zu: %s", i, locks[i].why);
        if (!locks[i].is_good) {
            continue;
        }
        bytes_text_init(&t, again, sizeof again);
        registry_lock_add_head(&t, l.origin);
        struct registry_slice needs = l.needs, packages = l.packages;
        while (registry_lock_next_need(&needs, &n)) {
            registry_lock_add_need(&t, &n);
        }
        while (registry_lock_next_package(&packages, &p)) {
            registry_lock_add_package(&t, &p);
            CHECK(registry_lock_find(&l, p.name, &found) && found.name.at == p.name.at, "row %zu: it is found", i);
        }
        CHECK(strcmp(again, locks[i].text) == 0, "row %zu: written the same", i);
        CHECK(!registry_lock_find(&l, kit_slice("c"), &found), "row %zu: another is not", i);
    }
}

int main(void)
{
    a_lock_file_has_one_form();
    a_record_has_one_form();
    numbers_of_lines_have_an_end();
    a_catalogue_has_one_form();
    what_is_in_a_catalogue_is_found();
    spaces_have_one_form();
    return CHECK_RESULT();
}
