/* NUC-4, NUC-5, NUC-15: what several entries say together: names, requirements, differences. */
#include "nucleus/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed;

#define CHECK(claim, ...)                                                                          \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            failed = 1;                                                                            \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #claim);                            \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
        }                                                                                          \
    } while (0)

/* "a b:a x/c:b,x/d": entries in order, each with what it requires; lines 10, 20, ... */
static struct manifest make(const char *spec)
{
    struct manifest m = {.node = "here"};
    char text[4096], *entries = NULL;

    (void)snprintf(text, sizeof text, "%s", spec);
    m.cells = calloc(64, sizeof *m.cells);
    for (char *e = strtok_r(text, " ", &entries); e != NULL; e = strtok_r(NULL, " ", &entries)) {
        struct manifest_cell *c = &m.cells[m.cell_count++];
        char *list = strchr(e, ':'), *items = NULL;
        struct name_ref ref;
        if (list != NULL) {
            *list++ = '\0';
        }
        manifest_cell_init(c);
        if (name_ref_parse(e, &ref) != ERR_OK) {
            abort();
        }
        memcpy(c->name, ref.cell, sizeof c->name);
        if (ref.space[0] != '\0') {
            memcpy(c->space, ref.space, sizeof c->space);
        }
        c->line = 10 * (uint32_t)m.cell_count;
        c->requires = calloc(MANIFEST_LIST_MAX, sizeof *c->requires);
        for (char *r = list ? strtok_r(list, ",", &items) : NULL; r != NULL;
             r = strtok_r(NULL, ",", &items)) {
            if (name_ref_parse(r, &c->requires[c->requires_count++]) != ERR_OK) {
                abort();
            }
        }
    }
    return m;
}

/* ---- check ---- */

static const struct {
    const char *spec;
    const char *said; /* NULL: accepted */
    const char *why;
} checks[] = {
    {"", NULL, "an empty manifest is one"},
    {"a", NULL, "one cell"},
    {"a b:a c:a,b", NULL, "requirements before"},
    {"a:b b:c c", NULL, "requirements after"},
    {"a x/a y/a global/a", NULL, "the same name in several namespaces"},
    {"a:default/b b x/a:b x/b", NULL, "a requirement in one's own namespace"},
    {"x/a:b global/b", NULL, "else in the shared one"},
    {"x/a:y/b y/b", NULL, "else where it says"},
    {"x/a:a@here,global/a global/a:default/c c",
     "line 10: cells[0].requires[0]: \"a@here\" is the cell itself, expected another one",
     "one's own name is one's own, not the shared one"},
    {"a:b@here b", NULL, "this node by its name"},
    {"a:b@there b",
     "line 10: cells[0].requires[0]: \"b@there\" is not a cell of this manifest, expected one in "
     "namespace \"default\" or \"global\", or another namespace before a slash",
     "another node"},
    {"a b a",
     "line 30: cells[2].name: \"a\" is the name of cells[0] (line 10) too, expected one entry of a "
     "name in namespace \"default\"",
     "a name twice"},
    {"x/a x/b:a x/a",
     "line 30: cells[2].name: \"a\" is the name of cells[0] (line 10) too, expected one entry of a "
     "name in namespace \"x\"",
     "twice in another namespace"},
    {"a b:a,c",
     "line 20: cells[1].requires[1]: \"c\" is not a cell of this manifest, expected one in "
     "namespace "
     "\"default\" or \"global\", or another namespace before a slash",
     "no such cell"},
    {"x/a:b b",
     "line 10: cells[0].requires[0]: \"b\" is not a cell of this manifest, expected one in "
     "namespace "
     "\"x\" or \"global\", or another namespace before a slash",
     "default is not shared"},
    {"a:a", "line 10: cells[0].requires[0]: \"a\" is the cell itself, expected another one",
     "itself"},
    {"global/a:a", "line 10: cells[0].requires[0]: \"a\" is the cell itself, expected another one",
     "itself, shared"},
    {"a:b b:a",
     "line 10: cells[0].requires: a cycle: a -> b -> a, expected an order in which each "
     "cell can start after what it requires",
     "a cycle of two"},
    {"d c:b b:a a:d,c",
     "line 20: cells[1].requires: a cycle: c -> b -> a -> c, expected an order in which each cell "
     "can "
     "start after what it requires",
     "a cycle of three, from its first entry on"},
    {"e:a a:b b:c c:b d",
     "line 30: cells[2].requires: a cycle: b -> c -> b, expected an order in which each cell can "
     "start "
     "after what it requires",
     "what only leads to a cycle is not named"},
    {"e:c b:c c:b",
     "line 20: cells[1].requires: a cycle: b -> c -> b, expected an order in which each cell can "
     "start "
     "after what it requires",
     "from its first entry on, wherever it was entered"},
    {"x/a:y/a y/a:x/a a",
     "line 10: cells[0].requires: a cycle: x/a -> y/a -> x/a, expected an order in which each cell "
     "can "
     "start after what it requires",
     "namespaces are named"},
};

static void what_entries_say_together_is_checked(void)
{
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        struct manifest m = make(checks[i].spec);
        char why[MANIFEST_WHY_SIZE] = "untouched";
        enum err e = manifest_check(&m, why);
        const char *said = checks[i].said != NULL ? checks[i].said : "untouched";
        CHECK(e == (checks[i].said != NULL ? ERR_INVALID : ERR_OK), "%s: %s", checks[i].why, why);
        CHECK(strcmp(why, said) == 0, "%s: %s", checks[i].why, why);
        manifest_fini(&m);
    }
}

/* A number as a name of `len` digits. */
static void number_name(char out[NAME_SIZE], size_t number, int len)
{
    memset(out, '0', NAME_SIZE - 1);
    out[len] = '\0';
    for (int i = len; i-- > 0 && number > 0; number /= 10) {
        out[i] = (char)('0' + number % 10);
    }
}

/* `count` cells in a ring, each with a name of `len` characters. */
static struct manifest make_ring(size_t count, int len)
{
    struct manifest m = {.cells = calloc(count, sizeof *m.cells), .cell_count = count};

    for (size_t i = 0; i < count; i++) {
        struct manifest_cell *c = &m.cells[i];
        manifest_cell_init(c);
        number_name(c->name, i, len);
        c->requires = calloc(1, sizeof *c->requires);
        c->requires_count = 1;
        c->requires[0].instance = -1;
        number_name(c->requires[0].cell, (i + 1) % count, len);
    }
    return m;
}

static void a_long_cycle_is_named_as_far_as_a_line_goes(void)
{
    char why[MANIFEST_WHY_SIZE];
    struct manifest m = make_ring(20, 20);

    CHECK(manifest_check(&m, why) == ERR_INVALID, "a ring of 20");
    CHECK(strstr(why, "more") == NULL, "20 names of 20 characters are named in full: %s", why);
    for (size_t i = 0; i < m.cell_count; i++) {
        CHECK(strstr(why, m.cells[i].name) != NULL, "%s is missing in: %s", m.cells[i].name, why);
    }
    manifest_fini(&m);
    for (int len = 4; len <= NAME_MAX_LEN; len += 4) {
        m = make_ring(MANIFEST_CELLS_MAX, len);
        CHECK(manifest_check(&m, why) == ERR_INVALID, "a ring of all cells");
        CHECK(strlen(why) < MANIFEST_WHY_SIZE && strstr(why, " more) -> 0") != NULL, "%s", why);
        CHECK(strstr(why, ", expected an order") != NULL, "the advice is kept: %s", why);
        manifest_fini(&m);
    }
}

static void there_is_a_limit_of_cells(void)
{
    char why[MANIFEST_WHY_SIZE];
    struct manifest m = make_ring(MANIFEST_CELLS_MAX + 1, 8);

    for (size_t i = 0; i < m.cell_count; i++) {
        m.cells[i].requires_count = 0;
        m.cells[i].line = (uint32_t)i + 1;
    }
    CHECK(manifest_check(&m, why) == ERR_LIMIT, "1025 cells");
    CHECK(strcmp(why, "line 1025: cells[1024]: 1025 entries, expected at most 1024") == 0, "%s",
          why);
    struct manifest fewer = {.cells = m.cells, .cell_count = MANIFEST_CELLS_MAX};
    CHECK(manifest_check(&fewer, why) == ERR_OK, "1024 cells: %s", why);
    manifest_fini(&m);
}

/* ---- looking up ---- */

static const struct {
    const char *space;
    const char *ref;
    int index, next;
    const char *why;
} lookups[] = {
    {"default", "a", 0, 2, "in one's own namespace, then the shared one"},
    {"x", "a", 1, 2, "in another it is another cell"},
    {"y", "a", 2, -1, "shared, as y has none"},
    {"default", "b", 3, -1, "only there"},
    {"x", "b", -1, -1, "what is in default is not shared"},
    {"x", "default/b", 3, -1, "but can be named"},
    {"x", "y/a", -1, -1, "a named namespace is the only one looked into"},
    {"x", "x/a", 1, -1, "also if it is one's own"},
    {"default", "global/a", 2, -1, "the shared one by its name"},
    {"global", "a", 2, -1, "and in its own namespace"},
    {"default", "a.7", 0, 2, "an instance is not the manifest's matter"},
    {"default", "a@here", 0, 2, "this node"},
    {"default", "a@there", -1, -1, "another node"},
    {"default", "a@*", -1, -1, "any other node"},
    {"default", "c", -1, -1, "no such cell"},
};

static void a_reference_means_ones_own_cell_first(void)
{
    struct manifest m = make("a x/a global/a b");

    for (size_t i = 0; i < ARRAY_LEN(lookups); i++) {
        struct name_ref ref;
        if (name_ref_parse(lookups[i].ref, &ref) != ERR_OK) {
            abort();
        }
        int got = manifest_resolve(&m, lookups[i].space, &ref);
        int next = manifest_resolve_next(&m, lookups[i].space, &ref);
        CHECK(got == lookups[i].index, "%s: %d", lookups[i].why, got);
        CHECK(next == lookups[i].next, "%s: then %d", lookups[i].why, next);
    }
    CHECK(manifest_find(&m, "x", "a") == 1, "found");
    CHECK(manifest_find(&m, "y", "a") == -1, "nothing is shared in find");
    manifest_fini(&m);
}

/* ---- the difference ---- */

/* "a b2 c!": entries with that many instances; ! for another hash. */
static struct manifest make_counts(const char *spec)
{
    struct manifest m = {.cells = calloc(32, sizeof *m.cells)};
    char text[256], *save = NULL;

    (void)snprintf(text, sizeof text, "%s", spec);
    for (char *e = strtok_r(text, " ", &save); e != NULL; e = strtok_r(NULL, " ", &save)) {
        struct manifest_cell *c = &m.cells[m.cell_count++];
        manifest_cell_init(c);
        c->name[0] = e[0];
        c->instances = e[1] >= '0' && e[1] <= '9' ? (uint32_t)(e[1] - '0') : 1;
        c->hash = strchr(e, '!') != NULL ? 2 : 1;
        if (strchr(e, '/') != NULL) {
            (void)snprintf(c->space, sizeof c->space, "x");
        }
    }
    return m;
}

static const struct {
    const char *now;
    const char *next;
    const char *changes;
    const char *why;
} diffs[] = {
    {"", "", "", "nothing"},
    {"a b c", "a b c", "", "no difference"},
    {"a b c", "c a b", "", "the order is none"},
    {"", "a b", "+a +b", "all new"},
    {"a b", "", "-a -b", "all gone"},
    {"a b c", "a b2 c", "*b", "another number"},
    {"a b c", "a! b c", "~a", "another entry"},
    {"a", "a3!", "~a", "both: it is replaced"},
    {"a b c d", "e d2 b! a", "+e *d ~b -c", "in the order of the new one, what is gone last"},
    {"a", "a/", "+a -a", "another namespace is another cell"},
    {"a0", "a", "*a", "none before"},
};

static void differences_are_told_in_order(void)
{
    static const char sign[] = {[MANIFEST_ADD] = '+',
                                [MANIFEST_REMOVE] = '-',
                                [MANIFEST_CHANGE] = '~',
                                [MANIFEST_SCALE] = '*'};

    for (size_t i = 0; i < ARRAY_LEN(diffs); i++) {
        struct manifest now = make_counts(diffs[i].now), next = make_counts(diffs[i].next);
        struct manifest_change change[64];
        char said[256] = "";
        size_t count = manifest_diff(&now, &next, change, ARRAY_LEN(change));
        for (size_t k = 0; k < count; k++) {
            const struct manifest_change *c = &change[k];
            char one[8];
            (void)snprintf(one, sizeof one, "%s%c%c", k > 0 ? " " : "", sign[c->kind],
                           c->after >= 0 ? next.cells[c->after].name[0]
                                         : now.cells[c->before].name[0]);
            strcat(said, one);
            CHECK((c->kind == MANIFEST_ADD) == (c->before < 0), "%s", diffs[i].why);
            CHECK((c->kind == MANIFEST_REMOVE) == (c->after < 0), "%s", diffs[i].why);
            CHECK(c->before < 0 || c->after < 0 ||
                      now.cells[c->before].name[0] == next.cells[c->after].name[0],
                  "%s", diffs[i].why);
        }
        CHECK(strcmp(said, diffs[i].changes) == 0, "%s: %s", diffs[i].why, said);
        manifest_fini(&now);
        manifest_fini(&next);
    }
}

static void a_difference_is_counted_beyond_the_room_for_it(void)
{
    struct manifest now = make_counts("a b"), next = make_counts("c d e");
    struct manifest_change change[3];

    change[2].kind = MANIFEST_SCALE;
    CHECK(manifest_diff(&now, &next, change, 2) == 5, "five changes");
    CHECK(change[1].kind == MANIFEST_ADD && change[1].after == 1, "two are told");
    CHECK(change[2].kind == MANIFEST_SCALE, "no more than two are written");
    CHECK(manifest_diff(&now, &next, NULL, 0) == 5, "counting alone");
    manifest_fini(&now);
    manifest_fini(&next);
}

static void fini_takes_what_is_there(void)
{
    struct manifest m = {0};

    manifest_fini(&m);
    m = make("a b:a");
    m.cells[1].config = strdup("x");
    m.cells[1].labels = strdup("x=y");
    m.cells[1].serves = calloc(1, sizeof *m.cells[1].serves);
    m.cells[1].may_call = calloc(1, sizeof *m.cells[1].may_call);
    m.cells[1].sandbox.read = calloc(1, sizeof *m.cells[1].sandbox.read);
    m.cells[1].sandbox.write = calloc(1, sizeof *m.cells[1].sandbox.write);
    manifest_fini(&m); /* the leak checker sees what it forgets */
    CHECK(m.cells == NULL && m.cell_count == 0, "nothing is left");
    manifest_fini(&m);
}

int main(void)
{
    what_entries_say_together_is_checked();
    a_long_cycle_is_named_as_far_as_a_line_goes();
    there_is_a_limit_of_cells();
    a_reference_means_ones_own_cell_first();
    differences_are_told_in_order();
    a_difference_is_counted_beyond_the_room_for_it();
    fini_takes_what_is_there();
    return failed;
}
