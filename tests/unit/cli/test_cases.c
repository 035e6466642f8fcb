/* YAML as JSON, manifests moved to another namespace, test cases and how replies are compared. */
#include <stdio.h>
#include <string.h>

#include "cli/cases.h"
#include "cli/yamldoc.h"

static int failed;

static void fault(const char *why, const char *wanted, const char *got)
{
    fprintf(stderr, "claim fails: %s\n  wanted %s\n  got    %s\n", why, wanted, got);
    failed = 1;
}

/* ---- YAML ------------------------------------------------------------------------------------- */

static const struct {
    const char *yaml;
    const char *json; /* or a part of the refusal after '!' */
    const char *why;
} docs[] = {
    {"a: 1", "{\"a\":1}", "an integer"},
    {"a: '1'", "{\"a\":\"1\"}", "quoted is text"},
    {"a: !!str 1", "{\"a\":\"1\"}", "tagged as text"},
    {"a: 0x1F", "{\"a\":31}", "hexadecimal"},
    {"a: 0o17", "{\"a\":15}", "octal"},
    {"a: 017", "{\"a\":17}", "a leading zero is decimal"},
    {"a: -5", "{\"a\":-5}", "negative"},
    {"a: 9223372036854775808", "{\"a\":\"9223372036854775808\"}", "beyond 64 bits stays text"},
    {"a: 1.5", "{\"a\":1.5}", "a real"},
    {"a: 1e3", "{\"a\":1000.0}", "an exponent"},
    {"a: .5", "{\"a\":0.5}", "no digit before the dot"},
    {"a: 1.2.3", "{\"a\":\"1.2.3\"}", "a version is text"},
    {"a: .", "{\"a\":\".\"}", "a dot is text"},
    {"a: 10s", "{\"a\":\"10s\"}", "a duration is text"},
    {"a: yes", "{\"a\":\"yes\"}", "yes is text (YAML 1.2)"},
    {"a: true", "{\"a\":true}", "a bool"},
    {"a: ~\nb: null\nc:", "{\"a\":null,\"b\":null,\"c\":null}", "three ways to write nothing"},
    {"[1, [2], {a: 3}]", "[1,[2],{\"a\":3}]", "flow style"},
    {"a:\n  - b: 1\n    c: 2\n  - d", "{\"a\":[{\"b\":1,\"c\":2},\"d\"]}", "block style"},
    {"", "null", "an empty document"},
    {"a: 1\na: 2", "!line 2: a key appears twice", "a key twice"},
    {"a: &x 1\nb: *x", "!line 1: anchors are not read", "an anchor"},
    {"a: &x [1]", "!anchors are not read", "an anchor of a list"},
    {"a: *x", "!", "an alias"},
    {"a: !!int 1", "!tags other than !!str", "another tag"},
    {"{[1]: 2}", "!a key must be a plain value", "a list as key"},
    {"--- 1\n--- 2", "!more than one document", "two documents"},
    {"a: [1", "!line", "not closed"},
    {"a: \"\\0\"", "!a value holds a NUL byte", "NUL in a value"},
    {"\"\\0\": a", "!a key holds a NUL byte", "NUL in a key"},
    {"\t", "!", "a tab as indentation"},
    {"a: \xff", "!", "not UTF-8"},
};

static void yaml_is_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(docs); i++) {
        char why[CLI_YAMLDOC_WHY_SIZE] = "";
        json_t *value = NULL;
        enum err e = cli_yamldoc_parse(docs[i].yaml, strlen(docs[i].yaml), &value, why);
        AUTO_FREE char *json =
            e == ERR_OK ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
                        : NULL;
        bool refused = docs[i].json[0] == '!';
        bool good = refused ? e == ERR_MALFORMED && strstr(why, docs[i].json + 1) != NULL
                            : e == ERR_OK && strcmp(json, docs[i].json) == 0;

        if (!good) {
            fault(docs[i].why, docs[i].json, e == ERR_OK ? json : why);
        }
        json_decref(value);
    }
}

static void yaml_is_limited(void)
{
    static char text[CLI_YAMLDOC_BYTES_MAX + 2];
    char why[CLI_YAMLDOC_WHY_SIZE];
    json_t *value = NULL;

    for (int depth = CLI_YAMLDOC_DEPTH_MAX; depth <= CLI_YAMLDOC_DEPTH_MAX + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        value = NULL;
        if (cli_yamldoc_parse(text, 2 * (size_t)depth, &value, why) !=
            (depth == CLI_YAMLDOC_DEPTH_MAX ? ERR_OK : ERR_LIMIT)) {
            fault("100 levels are read, 101 are not", "", why);
        }
        json_decref(value);
    }
    for (size_t count = CLI_YAMLDOC_NODES_MAX - 1; count <= CLI_YAMLDOC_NODES_MAX; count++) {
        for (size_t i = 0; i < count; i++) {
            memcpy(text + 4 * i, "- a\n", 4);
        }
        value = NULL;
        if (cli_yamldoc_parse(text, 4 * count, &value, why) !=
            (count < CLI_YAMLDOC_NODES_MAX ? ERR_OK : ERR_LIMIT)) {
            fault("100000 values are read, with their list", "", why);
        }
        json_decref(value);
    }
    memset(text, '#', sizeof text);
    value = NULL;
    if (cli_yamldoc_parse(text, CLI_YAMLDOC_BYTES_MAX, &value, why) != ERR_OK) {
        fault("1 MiB is read", "", why);
    }
    json_decref(value);
    if (cli_yamldoc_parse(text, CLI_YAMLDOC_BYTES_MAX + 1, &value, why) != ERR_LIMIT) {
        fault("1 MiB and one byte is not", "", why);
    }
}

/* ---- another namespace ------------------------------------------------------------------------ */

static const struct {
    const char *yaml;
    const char *json; /* of the result, every value as its text */
    const char *why;
} spaces[] = {
    {"cells:\n  - name: a\n", "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\"}]}", "added"},
    {"cells:\n  - name: a\n    namespace: old\n    exec: x\n",
     "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\",\"exec\":\"x\"}]}", "replaced"},
    {"cells:\n  - namespace: old\n    name: a\n  - name: b\n",
     "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\"},{\"namespace\":\"lab\",\"name\":\"b\"}]}",
     "of every cell"},
    {"cells: [{name: a, namespace: {x: [1, {y: 2}]}, exec: z}]",
     "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\",\"exec\":\"z\"}]}", "whatever it was"},
    {"cells: [{name: a, config: {namespace: mine, list: [{namespace: b}]}}]",
     "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\",\"config\":{\"namespace\":\"mine\",\"list\":"
     "[{\"namespace\":\"b\"}]}}]}", "a cell's own config keeps its words"},
    {"node: n\nother: [{name: a}]\ncells: [{name: b}]\nlast: [{name: c}]",
     "{\"node\":\"n\",\"other\":[{\"name\":\"a\"}],\"cells\":[{\"namespace\":\"lab\",\"name\":\"b\"}],"
     "\"last\":[{\"name\":\"c\"}]}", "only below cells"},
    {"cells: [{name: a, config: {v: 1.10, n: 007, s: '5', d: 5 in 60s}}]",
     "{\"cells\":[{\"namespace\":\"lab\",\"name\":\"a\",\"config\":{\"v\":\"1.10\",\"n\":\"007\",\"s\":"
     "\"5\",\"d\":\"5 in 60s\"}}]}", "scalars keep their form"},
};

/* The document with every scalar as the text that stands there. */
static char *as_text(const char *yaml)
{
    char why[CLI_YAMLDOC_WHY_SIZE];
    json_t *value = NULL;

    if (cli_yamldoc_parse(yaml, strlen(yaml), &value, why) != ERR_OK) {
        return strdup(why);
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(value);
    return text;
}

static void namespaces_are_replaced(void)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        char why[CLI_YAMLDOC_WHY_SIZE] = "";
        AUTO_FREE char *moved = NULL, *got = NULL;

        if (cli_yamldoc_respace(spaces[i].yaml, strlen(spaces[i].yaml), "lab", &moved, why) !=
            ERR_OK) {
            fault(spaces[i].why, spaces[i].json, why);
            continue;
        }
        got = as_text(moved);
        bool same = strcmp(got, spaces[i].json) == 0;
        /* The last row is about the text itself: numbers must not be written anew. */
        if (i + 1 == ARRAY_LEN(spaces)) {
            same = strstr(moved, "1.10") != NULL && strstr(moved, "007") != NULL &&
                   strstr(moved, "'5'") != NULL;
        }
        if (!same) {
            fault(spaces[i].why, spaces[i].json, moved);
        }
    }
}

/* ---- cases ------------------------------------------------------------------------------------ */

static const struct {
    const char *yaml;
    const char *refusal; /* NULL: read */
    const char *why;
} files[] = {
    {"cases:\n  - {name: a, call: Greet}\n", NULL, "the least there is"},
    {"- {name: a, call: Greet, with: {x: 1}, expect: {y: 2}, deadline: 2s}\n", NULL, "a bare list"},
    {"- {name: a, call: other.Greet, expect_error: INVALID_ARGUMENT}\n", NULL, "a canonical name"},
    {"cases: []", "a list of 1 to", "no cases test nothing"},
    {"cases: [{name: a, call: G}]\nother: 1", "a list of 1 to", "something beside them"},
    {"- 1", "case 1: expected a mapping", "a number"},
    {"- {call: G}", "case 1: name: expected text", "no name"},
    {"- {name: '', call: G}", "name: expected text", "an empty name"},
    {"- {name: a}", "case 1 (a): call: expected an operation", "no call"},
    {"- {name: a, call: G, exepct: {}}", "unknown field \"exepct\", did you mean expect;", "a typo"},
    {"- {name: a, call: G, with: [1]}", "with: expected a mapping", "a list as request"},
    {"- {name: a, call: G, expect: {}, expect_error: LIMIT}", "exclude each other", "both"},
    {"- {name: a, call: G, expect_error: WRONG}", "the name of an error", "no error of ours"},
    {"- {name: a, call: G, expect_error: OK}", "the name of an error", "success is no error"},
    {"- {name: a, call: G, deadline: 0}", "deadline: expected", "no time"},
    {"- {name: a, call: G, deadline: 999us}", "deadline: expected", "less than a millisecond"},
    {"- {name: a, call: G, deadline: 1ms}", NULL, "a millisecond"},
    {"- {name: a, call: G, deadline: 10m}", NULL, "ten minutes"},
    {"- {name: a, call: G, deadline: 601s}", "deadline: expected", "one second more"},
    {"- {name: a, call: G\n", "line ", "not YAML"},
};

static void files_are_read(void)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct cli_cases cases = {0};
        char why[CLI_CASES_WHY_SIZE] = "";
        enum err e = cli_cases_parse(files[i].yaml, strlen(files[i].yaml), &cases, why);
        bool good = files[i].refusal == NULL ? e == ERR_OK && cases.count == 1
                                             : e != ERR_OK && strstr(why, files[i].refusal) != NULL;

        if (!good) {
            fault(files[i].why, files[i].refusal != NULL ? files[i].refusal : "read", why);
        }
        cli_cases_fini(&cases);
    }
}

/* ---- comparing -------------------------------------------------------------------------------- */

static const struct {
    const char *want;
    const char *got;
    const char *difference; /* NULL: it matches */
    const char *why;
} pairs[] = {
    {"{}", "{\"a\":1}", NULL, "unnamed members do not matter"},
    {"{\"a\":1}", "{\"a\":1,\"b\":2}", NULL, "named ones do"},
    {"{\"a\":1}", "{\"a\":2}", "a: expected 1, got 2", "another number"},
    {"{\"a\":1}", "{}", "a: expected 1, got nothing", "an absent member"},
    {"{\"a\":null}", "{}", NULL, "null stands for absent"},
    {"{\"a\":null}", "{\"a\":1}", "a: expected null, got 1", "present, but should not be"},
    {"{\"a\":77}", "{\"a\":\"77\"}", NULL, "64-bit integers come as text"},
    {"{\"a\":77}", "{\"a\":\"077\"}", "a: expected", "but not any text"},
    {"{\"a\":\"77\"}", "{\"a\":77}", "a: expected", "text is not a number"},
    {"{\"a\":1}", "{\"a\":1.0}", NULL, "one and one point nothing"},
    {"{\"a\":0.1}", "{\"a\":0.1}", NULL, "a real"},
    {"{\"a\":0.1}", "{\"a\":0.2}", "a: expected", "another real"},
    {"{\"a\":0.1}", "{\"a\":\"NaN\"}", "a: expected", "not a number"},
    {"{\"a\":true}", "{\"a\":true}", NULL, "a bool"},
    {"{\"a\":true}", "{\"a\":1}", "a: expected", "a bool is no number"},
    {"{\"a\":[1,2]}", "{\"a\":[1,2]}", NULL, "a list"},
    {"{\"a\":[1]}", "{\"a\":[1,2]}", "a: expected [1], got [1,2]", "a longer list"},
    {"{\"a\":[1,2]}", "{\"a\":[2,1]}", "a[0]: expected 1, got 2", "another order"},
    {"{\"a\":[{\"b\":1}]}", "{\"a\":[{\"b\":1,\"c\":2}]}", NULL, "objects in lists likewise"},
    {"{\"a\":{\"b\":{\"c\":1}}}", "{\"a\":{\"b\":{\"c\":2}}}", "a.b.c: expected 1", "a deep path"},
    {"{\"a\":{}}", "{\"a\":1}", "a: expected {}, got 1", "an object is no number"},
};

static void replies_are_compared(void)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        json_t *want = json_loads(pairs[i].want, 0, NULL), *got = json_loads(pairs[i].got, 0, NULL);
        char why[CLI_CASES_WHY_SIZE] = "";
        bool same = cli_cases_match(want, got, why);

        if (same != (pairs[i].difference == NULL) ||
            (!same && strstr(why, pairs[i].difference) == NULL)) {
            fault(pairs[i].why, pairs[i].difference != NULL ? pairs[i].difference : "match", why);
        }
        json_decref(want);
        json_decref(got);
    }
}

int main(void)
{
    yaml_is_read();
    yaml_is_limited();
    namespaces_are_replaced();
    files_are_read();
    replies_are_compared();
    return failed;
}
