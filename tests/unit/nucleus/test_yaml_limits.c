/* NUC-4: every limit of a manifest at its end and one past it, and hostile text of the full size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nucleus/yaml_marks.h"
#include "tests/unit/nucleus/yaml_kit.h"

#define A "cells:\n- name: a\n"

/* Frees the text. */
static void accept(struct kit_text *t, const char *why)
{
    char said[MANIFEST_WHY_SIZE];
    struct manifest m;
    enum err e = kit_parse(t->at, t->len, &m, said);

    KIT_CHECK(e == ERR_OK, "%s: %s", why, said);
    if (e == ERR_OK) {
        manifest_fini(&m);
    }
    free(t->at);
    *t = (struct kit_text){0};
}

/* Frees the text. */
static void refuse(struct kit_text *t, enum err e, uint32_t line, const char *word,
                   const char *expected, const char *why)
{
    kit_bad(t->at, t->len, e, line, word, expected, why);
    free(t->at);
    *t = (struct kit_text){0};
}

static struct kit_text text_of_size(size_t size)
{
    struct kit_text t = {0};

    kit_add(&t, A "#");
    kit_fill(&t, "x", size - t.len);
    return t;
}

static void a_megabyte_and_no_more(void)
{
    struct kit_text t = text_of_size(MANIFEST_BYTES_MAX);
    accept(&t, "exactly 1 MiB");
    t = text_of_size(MANIFEST_BYTES_MAX + 1);
    refuse(&t, ERR_LIMIT, 1, "1048577 bytes", "at most 1048576", "1 MiB and one byte");
}

static struct kit_text text_of_cells(unsigned count)
{
    struct kit_text t = {0};

    kit_add(&t, "cells:\n");
    for (unsigned i = 0; i < count; i++) {
        kit_add(&t, "- {name: c%u, requires: [%s]}\n", i, i == 0 ? "" : "c0");
    }
    return t;
}

static void cells_have_a_limit(void)
{
    struct kit_text t = text_of_cells(MANIFEST_CELLS_MAX);
    accept(&t, "1024 cells");
    t = text_of_cells(MANIFEST_CELLS_MAX + 1);
    refuse(&t, ERR_LIMIT, 1026, "cells[1024]: 1025 entries", "at most 1024", "one more");
    t = text_of_cells(10000);
    refuse(&t, ERR_LIMIT, 1026, "cells[1024]: 10000 entries", "at most 1024", "ten thousand");
}

/* "field: [item0, item1, ...]" in an entry, closed by `end`. */
static struct kit_text text_of_list(const char *begin, const char *item, unsigned count,
                                    const char *end)
{
    struct kit_text t = {0};

    kit_add(&t, A "  %s[", begin);
    for (unsigned i = 0; i < count; i++) {
        kit_add(&t, "%s%s%u", i == 0 ? "" : ", ", item, i);
    }
    kit_add(&t, "]%s\n", end);
    return t;
}

static void lists_have_a_limit(void)
{
    static const struct {
        const char *begin;
        const char *item;
        unsigned most;
        const char *end;
        const char *word;
    } rows[] = {
        {"serves: ", "a.Op", MANIFEST_LIST_MAX, "", "serves[64]: 65 entries"},
        {"may_call: ", "b.Op", MANIFEST_LIST_MAX, "", "may_call[64]: 65 entries"},
        {"sandbox: {read: ", "/srv/", MANIFEST_PATHS_MAX, "}", "sandbox.read[14]: 15 entries"},
        {"sandbox: {write: ", "/srv/", MANIFEST_PATHS_MAX, "}", "sandbox.write[14]: 15 entries"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit_text t = text_of_list(rows[i].begin, rows[i].item, rows[i].most, rows[i].end);
        accept(&t, rows[i].begin);
        t = text_of_list(rows[i].begin, rows[i].item, rows[i].most + 1, rows[i].end);
        refuse(&t, ERR_LIMIT, 3, rows[i].word, "at most", rows[i].begin);
    }
}

static void sockets_have_a_limit(void)
{
    for (unsigned extra = 0; extra < 2; extra++) {
        struct kit_text t = {0};
        kit_add(&t, A "  sandbox:\n    listen:\n");
        for (unsigned i = 0; i < MANIFEST_LISTEN_MAX + extra; i++) {
            kit_add(&t, "    - {name: s%u, at: 'udp://[::1]:%u'}\n", i, 1000 + i);
        }
        if (extra == 0) {
            accept(&t, "as many sockets as there may be");
        } else {
            refuse(&t, ERR_LIMIT, 5 + MANIFEST_LISTEN_MAX, "sandbox.listen", "at most 8", "one more");
        }
    }
}

static void interfaces_have_a_limit(void)
{
    for (unsigned extra = 0; extra < 3; extra++) {
        struct kit_text t = {0};
        unsigned tuns = MANIFEST_TUN_MAX + (extra & 1), addresses = MANIFEST_TUN_ADDRESSES_MAX + (extra >> 1);
        kit_add(&t, A "  sandbox:\n    tun:\n");
        for (unsigned i = 0; i < tuns; i++) {
            kit_add(&t, "    - {name: s%u, interface: i%u, address: [", i, i);
            for (unsigned k = 0; k < addresses; k++) {
                kit_add(&t, "%s10.%u.%u.1/24", k == 0 ? "" : ", ", i, k);
            }
            kit_add(&t, "]}\n");
        }
        if (extra == 0) {
            accept(&t, "as many interfaces and addresses as there may be");
        } else if ((extra & 1) != 0) {
            refuse(&t, ERR_LIMIT, 5 + MANIFEST_TUN_MAX, "sandbox.tun", "at most 2", "one interface more");
        } else {
            refuse(&t, ERR_LIMIT, 5, "address", "at most 8", "one address more");
        }
    }
    struct kit_text both = {0};
    kit_add(&both, A "  sandbox:\n    tun: [{name: a, interface: a}, {name: b, interface: b}]\n    tap:\n    - {name: a, interface: c}\n");
    refuse(&both, ERR_LIMIT, 5, "sandbox.tap", "at most 2", "one of the other kind more");
}

static void requirements_have_a_limit(void)
{
    for (unsigned count = MANIFEST_LIST_MAX; count <= MANIFEST_LIST_MAX + 1; count++) {
        struct kit_text t = text_of_list("requires: ", "c", count, "");
        for (unsigned i = 0; i < count; i++) {
            kit_add(&t, "- name: c%u\n", i);
        }
        if (count == MANIFEST_LIST_MAX) {
            accept(&t, "64 requirements");
        } else {
            refuse(&t, ERR_LIMIT, 3, "requires[64]: 65 entries", "at most 64", "one more");
        }
    }
}

static void labels_have_a_limit(void)
{
    for (unsigned count = MANIFEST_LIST_MAX; count <= MANIFEST_LIST_MAX + 1; count++) {
        struct kit_text t = {0};
        kit_add(&t, A "  placement:\n    labels:\n");
        for (unsigned i = 0; i < count; i++) {
            kit_add(&t, "      l%u: v\n", i);
        }
        if (count == MANIFEST_LIST_MAX) {
            accept(&t, "64 labels");
        } else {
            refuse(&t, ERR_LIMIT, 69, "placement.labels.l64: 65 labels", "at most 64", "one more");
        }
    }
}

/* "/xx…": an absolute path of that many bytes. */
static void add_path(struct kit_text *t, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        kit_fill(t, i % 200 == 0 ? "/" : "x", 1);
    }
}

static void paths_and_programs_have_a_length(void)
{
    for (size_t more = 0; more <= 1; more++) {
        enum { NAME_LEN = 255 }; /* of a file: the kernel's own limit */
        struct kit_text path = {0}, exec = {0}, name = {0};
        kit_add(&path, A "  sandbox:\n    read: [");
        add_path(&path, MANIFEST_PATH_MAX - 1 + more);
        kit_add(&path, "]\n");
        kit_add(&exec, A "  exec: ");
        add_path(&exec, MANIFEST_PATH_MAX - 1 + more);
        kit_add(&name, A "  exec: ");
        kit_fill(&name, "x", NAME_LEN + more);
        if (more == 0) {
            accept(&path, "a path of 1023 bytes");
            accept(&exec, "a program's path of 1023 bytes");
            accept(&name, "a program's name of 255 bytes");
        } else {
            refuse(&path, ERR_INVALID, 4, "sandbox.read[0]: \"/xxx", "is too long",
                   "one byte more");
            refuse(&exec, ERR_INVALID, 3, "exec: \"/xxx", "is too long", "one byte more");
            refuse(&name, ERR_INVALID, 3, "exec: \"xxx", "is too long", "one byte more");
        }
    }
}

/* A config whose text, newline included, is `size` bytes long. */
static struct kit_text text_of_config(size_t size)
{
    struct kit_text t = {0};

    kit_add(&t, A "  config:\n    k: ");
    kit_fill(&t, "x", size - strlen("k: \n"));
    kit_add(&t, "\n");
    return t;
}

static void a_config_has_a_limit(void)
{
    struct kit_text t = text_of_config(MANIFEST_CONFIG_MAX);
    struct manifest m = kit_good(t.at);
    KIT_CHECK(strlen(m.cells[0].config) == MANIFEST_CONFIG_MAX, "%zu bytes",
              strlen(m.cells[0].config));
    manifest_fini(&m);
    free(t.at);
    t = text_of_config(MANIFEST_CONFIG_MAX + 1);
    refuse(&t, ERR_LIMIT, 3, "cells[0].config: longer than 32768 bytes", "less", "one byte more");
}

/* The limit is on all values of a file: five stand around the list. */
static void values_have_a_limit(void)
{
    enum { AROUND = 5 };

    for (unsigned more = 0; more <= 1; more++) {
        struct kit_text t = {0};
        kit_add(&t, A "  config: [");
        kit_fill(&t, "1,", YAML_MARKS_NODES_MAX - AROUND + more);
        kit_add(&t, "]\n");
        if (more == 0) {
            refuse(&t, ERR_LIMIT, 3, "config: longer than", "less",
                   "200000 values: read, too long");
        } else {
            refuse(&t, ERR_LIMIT, 3, "config: more than 200000 values", "fewer", "one value more");
        }
    }
}

/* Three levels are the manifest's own. */
static struct kit_text text_of_depth(unsigned depth)
{
    struct kit_text t = {0};

    kit_add(&t, A "  config: ");
    kit_fill(&t, "[", depth - 3);
    kit_fill(&t, "]", depth - 3);
    kit_add(&t, "\n");
    return t;
}

static void nesting_has_a_limit(void)
{
    struct kit_text t = text_of_depth(YAML_MARKS_DEPTH_MAX);
    accept(&t, "32 levels");
    t = text_of_depth(YAML_MARKS_DEPTH_MAX + 1);
    refuse(&t, ERR_LIMIT, 3, "nested deeper than 32 levels", "fewer", "33 levels");
}

/* Full-size text of one repeated piece: refused, and in time that grows with the size, not with its
 * square. Which error it is depends on the piece; that there is one is checked. */
static void hostile_text_is_refused_in_time(void)
{
    static const char *const pieces[] = {
        "[",       "{",          "- ",
        "? ",      "a: ",        "\"",
        "'",       "#",          "%",
        "!",       "&a ",        "*a ",
        "|\n ",    ">",          ",",
        ":",       "@",          "\n",
        " ",       "\r",         "\xc2\x85",
        "---\n",   "a,",         "a:\n",
        "[a: ",    "[{",         "- - ",
        "? a\n: ", "\"\\n\" : ", "x\n\n",
        "!!a ",    "a\n",        "\xef\xbb\xbf",
        "k: {",
    };
    enum { SECONDS_MAX = 60 }; /* of CPU for all, sanitizers included; a square would take hours */
    clock_t begin = clock();

    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct kit_text t = {0};
        char why[MANIFEST_WHY_SIZE];
        struct manifest m;
        kit_fill(&t, pieces[i], MANIFEST_BYTES_MAX / strlen(pieces[i]));
        enum err e = kit_parse(t.at, t.len, &m, why);
        KIT_CHECK(e != ERR_OK, "accepted: much of '%s'", pieces[i]);
        free(t.at);
        t = (struct kit_text){0};
        kit_add(&t, A "  config: ");
        kit_fill(&t, pieces[i], (MANIFEST_BYTES_MAX - t.len) / strlen(pieces[i]));
        if (kit_parse(t.at, t.len, &m, why) == ERR_OK) { /* much of nothing is nothing */
            KIT_CHECK(m.cells[0].config == NULL, "accepted as config: much of '%s'", pieces[i]);
            manifest_fini(&m);
        }
        free(t.at);
    }
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    KIT_CHECK(seconds < SECONDS_MAX, "%.1f s", seconds);
}

/* All byte values in a fixed disorder. */
static void garbage_is_refused(void)
{
    uint32_t state = 1;

    for (unsigned round = 0; round < 8; round++) {
        char *text = malloc(MANIFEST_BYTES_MAX), why[MANIFEST_WHY_SIZE];
        struct manifest m;
        for (size_t i = 0; text != NULL && i < MANIFEST_BYTES_MAX; i++) {
            state = state * 1664525 + 1013904223;
            text[i] = (char)(round < 4 ? state >> 24 : 0x20 + (state >> 24) % 0x5f);
        }
        enum err e = text != NULL ? kit_parse(text, MANIFEST_BYTES_MAX, &m, why) : ERR_OK;
        KIT_CHECK(e == ERR_MALFORMED, "round %u: %s", round, err_name(e));
        free(text);
    }
}

/* A mapping of very many keys, the last of which is the first again. */
static void twins_are_found_among_many(void)
{
    struct kit_text t = {0};

    kit_add(&t, A "  config:\n    k0: x\n");
    for (unsigned i = 1; i < 60000; i++) {
        kit_add(&t, "    k%u: x\n", i);
    }
    kit_add(&t, "    k0: x\n");
    refuse(&t, ERR_MALFORMED, 60004, "config.k0: given twice (before in line 4)", "once",
           "60000 keys");
}

int main(void)
{
    a_megabyte_and_no_more();
    cells_have_a_limit();
    lists_have_a_limit();
    requirements_have_a_limit();
    sockets_have_a_limit();
    interfaces_have_a_limit();
    labels_have_a_limit();
    paths_and_programs_have_a_length();
    a_config_has_a_limit();
    values_have_a_limit();
    nesting_has_a_limit();
    hostile_text_is_refused_in_time();
    garbage_is_refused();
    twins_are_found_among_many();
    return kit_failed;
}
