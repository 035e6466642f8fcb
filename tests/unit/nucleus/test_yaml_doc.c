/* docs/MANIFEST.md says what the parser does: every field of the code is in its table and the other
 * way round; each default, each end of each range and each example is tried. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/unit.h"
#include "tests/unit/nucleus/yaml_kit.h"

enum {
    COLUMNS = 6,
    COLUMN_SIZE = 300,
    ROWS_MAX = 100,
};

enum {
    FIELD,
    TYPE,
    DEFAULT,
    RANGE,
    EXAMPLE,
    MEANING,
};

struct row {
    char column[COLUMNS][COLUMN_SIZE];
};

static struct row rows[ROWS_MAX];
static size_t row_count;

/* Copy a cell of the table without spaces and backticks around it; a backtick inside is kept. */
static void copy_column(char out[COLUMN_SIZE], const char *at, size_t len)
{
    while (len > 0 && (*at == ' ' || *at == '`')) {
        at++;
        len--;
    }
    while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '`')) {
        len--;
    }
    if (len >= COLUMN_SIZE) {
        abort();
    }
    memcpy(out, at, len);
    out[len] = '\0';
}

static void read_table(const char *doc)
{
    const char *at = strstr(doc, "\n| field |");

    KIT_CHECK(at != NULL, "no table of fields");
    at = at != NULL ? strchr(at + 1, '\n') : NULL; /* behind the heading */
    at = at != NULL ? strchr(at + 1, '\n') : NULL; /* and the dashes     */
    for (; at != NULL && at[1] == '|' && row_count < ROWS_MAX; at = strchr(at, '\n')) {
        struct row *row = &rows[row_count++];
        at += 2;
        for (size_t i = 0; i < COLUMNS; i++) {
            size_t len = strcspn(at, "|\n");
            copy_column(row->column[i], at, len);
            at += len + (at[len] == '|');
        }
    }
}

static const struct row *find_row(const char *field)
{
    for (size_t i = 0; i < row_count; i++) {
        if (strcmp(rows[i].column[FIELD], field) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* ---- the fields ---- */

/* Ask the parser itself which fields it knows: it lists them when it meets a stranger. Groups are
 * fields whose own fields are in the table. */
static size_t check_level(const char *text, const char *prefix)
{
    char why[MANIFEST_WHY_SIZE], list[MANIFEST_WHY_SIZE], *save = NULL;
    struct manifest m;
    size_t count = 0;

    KIT_CHECK(kit_parse(text, strlen(text), &m, why) == ERR_MALFORMED, "a stranger was accepted");
    const char *names = strstr(why, "an unknown field, expected ");
    if (names == NULL) {
        KIT_CHECK(names != NULL, "%s", why);
        return 0;
    }
    (void)snprintf(list, sizeof list, "%s", names + strlen("an unknown field, expected "));
    for (char *name = strtok_r(list, ", ", &save); name != NULL;
         name = strtok_r(NULL, ", ", &save)) {
        char field[128], below[128];
        bool is_documented = false;
        if (strcmp(name, "or") == 0) {
            continue;
        }
        (void)snprintf(field, sizeof field, "%.60s%.60s", prefix, name);
        (void)snprintf(below, sizeof below, "%.120s.", field);
        for (size_t i = 0; i < row_count; i++) {
            is_documented |= strncmp(rows[i].column[FIELD], below, strlen(below)) == 0;
        }
        KIT_CHECK(is_documented || find_row(field) != NULL, "%s is not in the document", field);
        count += find_row(field) != NULL;
    }
    return count;
}

static void every_field_is_documented(void)
{
    static const char *const groups[] = {"sandbox", "limits",    "heartbeat",
                                         "restart", "deadlines", "placement"};
    size_t count = check_level("x: 1\n", "") + check_level("cells: [{x: 1}]\n", "");

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        char text[64], prefix[32];
        (void)snprintf(text, sizeof text, "cells: [{%s: {x: 1}}]\n", groups[i]);
        (void)snprintf(prefix, sizeof prefix, "%s.", groups[i]);
        count += check_level(text, prefix);
    }
    KIT_CHECK(count == row_count, "%zu fields in the code, %zu in the document", count, row_count);
}

/* ---- the values ---- */

/* An entry (the file, for the two outermost fields) in which `field` has this value. */
static void write_field(struct kit_text *t, const char *field, const char *value)
{
    const char *dot = strchr(field, '.');

    if (strcmp(field, "node") == 0) {
        kit_add(t, "node: %s\ncells: [{name: a}]\n", value);
    } else if (strcmp(field, "cells") == 0) {
        kit_add(t, "cells: %s\n", value);
    } else if (strcmp(field, "name") == 0) {
        kit_add(t, "cells:\n- name: %s\n", value);
    } else if (dot == NULL) {
        kit_add(t, "cells:\n- name: a\n  %s: %s\n", field, value);
    } else {
        kit_add(t, "cells:\n- name: a\n  %.*s:\n    %s: %s\n", (int)(dot - field), field, dot + 1,
                value);
        /* The first wait is also bounded by the longest one, whose default is short. */
        kit_add(t, "%s", strcmp(field, "restart.first") == 0 ? "    max: 1h\n" : "");
    }
    kit_add(t, "%s",
            strcmp(field, "requires") == 0 ? "- name: nodosum\n- {name: raft, namespace: global}\n"
                                           : "");
}

static void try_value(const char *field, const char *value, enum err expected)
{
    char why[MANIFEST_WHY_SIZE] = "accepted";
    struct kit_text t = {0};
    struct manifest m;

    write_field(&t, field, value);
    enum err e = kit_parse(t.at, t.len, &m, why);
    KIT_CHECK(e == expected, "%s: %s: %s", field, value, why);
    if (e == ERR_OK) {
        manifest_fini(&m);
    }
    free(t.at);
}

/* One step beyond an end of a range: `text` and `step` more, in the smallest unit; false: there is
 * no such value. */
static bool step_over(const char *type, const char *text, int step, char out[64])
{
    uint64_t value = 0;
    unsigned whole = 0, milli = 0;
    const char *unit = "";

    if (strcmp(type, "count") == 0) {
        value = strtoull(text, NULL, 10);
    } else if (strcmp(type, "size") == 0) {
        KIT_CHECK(unit_size_parse(text, &value) == ERR_OK, "%s", text);
    } else if (strcmp(type, "duration") == 0) {
        KIT_CHECK(unit_duration_parse(text, &value) == ERR_OK, "%s", text);
        value /= 1000;
        unit = "ms";
    } else {
        (void)sscanf(text, "%u.%u", &whole,
                     &milli); /* of cores; the ends have two decimals or none */
        value = whole * 1000 + milli * 10;
    }
    if (value == 0 && step < 0) {
        return false;
    }
    value += (uint64_t)(int64_t)step;
    if (strcmp(type, "cores") == 0) {
        (void)snprintf(out, 64, "%" PRIu64 ".%03" PRIu64, value / 1000, value % 1000);
    } else {
        (void)snprintf(out, 64, "%" PRIu64 "%s", value, unit);
    }
    return true;
}

static void check_range(const struct row *row)
{
    const char *field = row->column[FIELD], *type = row->column[TYPE];
    char low[64], high[64], beyond[64];

    if (sscanf(row->column[RANGE], "%63s to %63s", low, high) != 2) {
        KIT_CHECK(false, "%s: no range", field);
        return;
    }
    try_value(field, low, ERR_OK);
    try_value(field, high, ERR_OK);
    KIT_CHECK(step_over(type, high, 1, beyond), "%s", field);
    try_value(field, beyond, ERR_INVALID);
    if (step_over(type, low, -1, beyond)) {
        try_value(field, beyond, ERR_INVALID);
    }
}

static void check_words(const struct row *row)
{
    char list[COLUMN_SIZE], *save = NULL;

    memcpy(list, row->column[RANGE], sizeof list);
    for (char *word = strtok_r(list, ", ", &save); word != NULL;
         word = strtok_r(NULL, ", ", &save)) {
        try_value(row->column[FIELD], word, ERR_OK);
        KIT_CHECK(strlen(word) > 2, "%s", row->column[FIELD]);
    }
}

/* Said or unsaid, a default is the same entry. */
static void check_default(const struct row *row)
{
    const char *value = row->column[DEFAULT];
    struct kit_text said = {0}, unsaid = {0};

    if (strcmp(value, "none") == 0 || strcmp(value, "required") == 0 ||
        strchr(value, '\'') != NULL) {
        return;
    }
    if (strcmp(row->column[FIELD], "exec") == 0) {
        value = "cell-a"; /* described in words there */
    }
    write_field(&said, row->column[FIELD], value);
    kit_add(&unsaid, "cells: [{name: a%s}]\n",
            strcmp(row->column[FIELD], "restart.first") == 0 ? ", restart: {max: 1h}" : "");
    struct manifest one = kit_good(said.at), other = kit_good(unsaid.at);
    KIT_CHECK(one.cells[0].hash == other.cells[0].hash &&
                  one.cells[0].instances == other.cells[0].instances,
              "%s is not %s by default", row->column[FIELD], value);
    manifest_fini(&one);
    manifest_fini(&other);
    free(said.at);
    free(unsaid.at);
}

static void every_value_is_as_documented(void)
{
    for (size_t i = 0; i < row_count; i++) {
        static const char *const measures[] = {"count", "size", "duration", "cores"};
        const struct row *row = &rows[i];
        try_value(row->column[FIELD], row->column[EXAMPLE], ERR_OK);
        check_default(row);
        for (size_t k = 0; k < ARRAY_LEN(measures); k++) {
            if (strcmp(row->column[TYPE], measures[k]) == 0) {
                check_range(row);
            }
        }
        if (strcmp(row->column[TYPE], "truth") == 0 || strcmp(row->column[TYPE], "word") == 0) {
            check_words(row);
        }
        KIT_CHECK(row->column[MEANING][0] != '\0', "%s has no meaning", row->column[FIELD]);
    }
}

static void the_example_is_a_manifest(const char *doc)
{
    const char *begin = strstr(doc, "```yaml\n");
    const char *end = begin != NULL ? strstr(begin + 8, "```") : NULL;

    if (end == NULL) {
        KIT_CHECK(end != NULL, "no example");
        return;
    }
    struct kit_text t = {0};
    kit_fill(&t, begin + 8, 1);
    t.at[end - begin - 8] = '\0';
    struct manifest m = kit_good(t.at);
    KIT_CHECK(m.cell_count == 2 && m.cells[0].labels != NULL && m.cells[0].config != NULL, "poor");
    manifest_fini(&m);
    free(t.at);
}

/* The message that the document quotes is the one that is given. */
static void the_quoted_message_is_given(const char *doc)
{
    static const char text[] =
        "node: n\ncells:\n- name: a\n- name: b\n\n\n\n- name: c\n\n  limits:\n"
        "    files: 16\n    memory: 10 parsecs\n";
    char why[MANIFEST_WHY_SIZE];
    struct manifest m;

    KIT_CHECK(yaml_manifest_parse(text, sizeof text - 1, "node.yaml", &m, why) == ERR_INVALID,
              "good?");
    KIT_CHECK(strstr(doc, why) != NULL, "%s", why);
}

int main(void)
{
    size_t size;
    char *doc = kit_file("docs/MANIFEST.md", &size);

    read_table(doc);
    every_field_is_documented();
    every_value_is_as_documented();
    the_example_is_a_manifest(doc);
    the_quoted_message_is_given(doc);
    free(doc);
    return kit_failed;
}
