#include "cli/cases.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/yamldoc.h"
#include "common/base/bytes.h"
#include "common/base/unit.h"
#include "common/reflect/near.h"

enum {
    SHOWN_SIZE = 200, /* of a value in an explanation */
    PATH_SIZE = 256,
};

/* ---- parsing -------------------------------------------------------------------------------- */

static const char *const fields[] = {"name", "call", "with", "expect", "expect_error", "deadline"};

static enum err refuse(char *why, size_t index, const struct cli_case *c, const char *what)
{
    struct bytes_text text;

    bytes_text_init(&text, why, CLI_CASES_WHY_SIZE);
    bytes_text_add(&text, "case %zu", index + 1);
    if (c->name != NULL) {
        bytes_text_add(&text, " (");
        bytes_text_add_escaped(&text, c->name, strlen(c->name));
        bytes_text_add(&text, ")");
    }
    bytes_text_add(&text, ": %s", what);
    return ERR_INVALID;
}

static enum err check_fields(const json_t *object, size_t index, const struct cli_case *c, char *why)
{
    const char *key;
    json_t *value;
    char what[SHOWN_SIZE];

    json_object_foreach((json_t *)object, key, value) {
        struct near near;
        bool known = false;

        near_begin(&near, key);
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            known = known || strcmp(key, fields[i]) == 0;
            near_try(&near, fields[i]);
        }
        if (!known) {
            snprintf(what, sizeof what, "unknown field \"%.40s\"%s%s; known: name, call, with, "
                     "expect, expect_error, deadline", key,
                     near.best != NULL ? ", did you mean " : "", near.best != NULL ? near.best : "");
            return refuse(why, index, c, what);
        }
    }
    return ERR_OK;
}

static bool is_error_name(const char *name)
{
    for (unsigned e = 0; e < ERR_COUNT; e++) {
        if (e != ERR_OK && cli_cases_is_error(name, (enum err)e)) {
            return true;
        }
    }
    return false;
}

static enum err read_deadline(const json_t *value, size_t index, struct cli_case *c, char *why)
{
    uint64_t us;

    c->deadline_ms = CLI_CASES_DEADLINE_MS;
    if (value == NULL) {
        return ERR_OK;
    }
    if (!json_is_string(value) || unit_duration_parse(json_string_value(value), &us) != ERR_OK ||
        us < 1000 || us / 1000 > 600000) {
        return refuse(why, index, c, "deadline: expected a duration from 1ms to 10m, e.g. 500ms");
    }
    c->deadline_ms = (uint32_t)(us / 1000);
    return ERR_OK;
}

static enum err read_case(const json_t *object, size_t index, struct cli_case *c, char *why)
{
    const json_t *error = json_object_get(object, "expect_error");

    *c = (struct cli_case){.name = json_string_value(json_object_get(object, "name")),
                           .call = json_string_value(json_object_get(object, "call")),
                           .with = json_object_get(object, "with"),
                           .expect = json_object_get(object, "expect"),
                           .expect_error = json_string_value(error)};
    if (!json_is_object(object)) {
        return refuse(why, index, c, "expected a mapping with name and call");
    }
    enum err e = check_fields(object, index, c, why);
    if (e != ERR_OK) {
        return e;
    }
    if (c->name == NULL || *c->name == '\0') {
        return refuse(why, index, c, "name: expected text");
    }
    if (c->call == NULL) {
        return refuse(why, index, c, "call: expected an operation, e.g. Greet");
    }
    if (c->with != NULL && !json_is_object(c->with)) {
        return refuse(why, index, c, "with: expected a mapping, the request");
    }
    if (c->expect != NULL && error != NULL) {
        return refuse(why, index, c, "expect and expect_error exclude each other");
    }
    if (error != NULL && (c->expect_error == NULL || !is_error_name(c->expect_error))) {
        return refuse(why, index, c, "expect_error: expected the name of an error, e.g. INVALID");
    }
    return read_deadline(json_object_get(object, "deadline"), index, c, why);
}

/* A list, or a mapping whose only member is the list `cases`. */
static const json_t *find_list(const json_t *document)
{
    const json_t *list = json_is_array(document) ? document : json_object_get(document, "cases");

    return json_is_object(document) && json_object_size(document) != 1 ? NULL : list;
}

enum err cli_cases_parse(const char *text, size_t size, struct cli_cases *ret,
                         char why[CLI_CASES_WHY_SIZE])
{
    struct cli_cases made = {0};
    char yaml_why[CLI_YAMLDOC_WHY_SIZE];
    enum err e = cli_yamldoc_parse(text, size, &made.document, yaml_why);

    if (e != ERR_OK) {
        snprintf(why, CLI_CASES_WHY_SIZE, "%s", yaml_why);
        return e;
    }
    const json_t *list = find_list(made.document);
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count == 0 || count > CLI_CASES_MAX) {
        snprintf(why, CLI_CASES_WHY_SIZE, "expected `cases:` and a list of 1 to %d cases",
                 CLI_CASES_MAX);
        e = ERR_INVALID;
    } else if ((made.cases = calloc(count, sizeof *made.cases)) == NULL) {
        snprintf(why, CLI_CASES_WHY_SIZE, "out of memory");
        e = ERR_NOMEM;
    }
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        e = read_case(json_array_get(list, i), i, &made.cases[i], why);
        made.count += e == ERR_OK;
    }
    if (e != ERR_OK) {
        cli_cases_fini(&made);
        return e;
    }
    *ret = made;
    return ERR_OK;
}

void cli_cases_fini(struct cli_cases *cases)
{
    free(cases->cases);
    json_decref(cases->document);
    *cases = (struct cli_cases){0};
}

/* ---- comparing ------------------------------------------------------------------------------ */

struct place {
    char path[PATH_SIZE];
    char *why;
};

static void show(const json_t *value, char out[SHOWN_SIZE])
{
    AUTO_FREE char *text = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    snprintf(out, SHOWN_SIZE, "%s", text != NULL ? text : "nothing");
}

static bool differ(struct place *p, const json_t *want, const json_t *got)
{
    char wanted[SHOWN_SIZE], found[SHOWN_SIZE];

    show(want, wanted);
    show(got, found);
    snprintf(p->why, CLI_CASES_WHY_SIZE, "%s%sexpected %s, got %s", p->path,
             *p->path != '\0' ? ": " : "", wanted, found);
    return false;
}

/* 77 and "77", 1 and 1.0 are the same; 0.1 and 0.1 are, whatever wrote them. */
static bool same_number(const json_t *want, const json_t *got)
{
    if (json_is_integer(want) && json_is_string(got)) {
        char text[32];

        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(want));
        return strcmp(text, json_string_value(got)) == 0;
    }
    if (json_is_integer(want) && json_is_integer(got)) {
        return json_integer_value(want) == json_integer_value(got);
    }
    return json_is_number(got) && !isnan(json_number_value(got)) &&
           !(json_number_value(want) < json_number_value(got)) &&
           !(json_number_value(want) > json_number_value(got));
}

static bool match(struct place *p, const json_t *want, const json_t *got);

/* Compare below one more step of the path. */
static bool match_at(struct place *p, const char *step, const json_t *want, const json_t *got)
{
    size_t len = strlen(p->path);

    snprintf(p->path + len, sizeof p->path - len, "%s%s", len > 0 && *step != '[' ? "." : "", step);
    bool same = match(p, want, got);
    p->path[len] = '\0';
    return same;
}

static bool match_object(struct place *p, const json_t *want, const json_t *got)
{
    const char *key;
    json_t *value;

    if (!json_is_object(got)) {
        return differ(p, want, got);
    }
    json_object_foreach((json_t *)want, key, value) {
        if (!match_at(p, key, value, json_object_get(got, key))) {
            return false;
        }
    }
    return true;
}

static bool match_list(struct place *p, const json_t *want, const json_t *got)
{
    char step[32];

    if (!json_is_array(got) || json_array_size(got) != json_array_size(want)) {
        return differ(p, want, got);
    }
    for (size_t i = 0; i < json_array_size(want); i++) {
        snprintf(step, sizeof step, "[%zu]", i);
        if (!match_at(p, step, json_array_get(want, i), json_array_get(got, i))) {
            return false;
        }
    }
    return true;
}

static bool match(struct place *p, const json_t *want, const json_t *got)
{
    if (json_is_null(want)) {
        return got == NULL || json_is_null(got) || differ(p, want, got);
    }
    if (got == NULL) {
        return differ(p, want, got);
    }
    if (json_is_object(want)) {
        return match_object(p, want, got);
    }
    if (json_is_array(want)) {
        return match_list(p, want, got);
    }
    bool same = json_is_number(want) ? same_number(want, got) : json_equal(want, got) != 0;
    return same || differ(p, want, got);
}

bool cli_cases_match(const json_t *want, const json_t *got, char why[CLI_CASES_WHY_SIZE])
{
    struct place p = {.path = "", .why = why};

    return match(&p, want, got);
}

bool cli_cases_is_error(const char *want, enum err got)
{
    return strcmp(want, err_name(got)) == 0 || strcmp(want, err_canonical_name(got)) == 0;
}
