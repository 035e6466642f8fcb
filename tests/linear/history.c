#include "tests/linear/history.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

void history_init(struct history *h)
{
    *h = (struct history){.values = 1};
    h->key_name = must(calloc(HISTORY_KEYS_MAX, sizeof h->key_name[0]));
}

void history_fini(struct history *h)
{
    for (uint32_t i = 0; i < HISTORY_KEYS_MAX; i++) {
        free(h->key_name[i].text);
    }
    for (uint32_t i = 1; h->value_name != NULL && i < h->values; i++) {
        free(h->value_name[i].text);
    }
    free(h->key_name);
    free(h->value_name);
    free(h->op);
}

struct history_op *history_add(struct history *h)
{
    if (h->count == h->room) {
        h->room = h->room > 0 ? h->room * 2 : 256;
        h->op = must(realloc(h->op, h->room * sizeof h->op[0]));
    }
    h->op[h->count] = (struct history_op){0};
    return &h->op[h->count++];
}

/* Texts become numbers, the same text the same one. Values from 1; looked for from the newest, which is most asked for. */
static bool number_of(struct history *h, bool is_key, const char *text, uint32_t *ret)
{
    struct history_name *names = is_key ? h->key_name : h->value_name;
    uint32_t count = is_key ? h->keys : h->values;

    for (uint32_t i = count; i > (is_key ? 0 : 1); i--) {
        if (strcmp(names[i - 1].text, text) == 0) {
            *ret = i - 1;
            return true;
        }
    }
    if (is_key && count == HISTORY_KEYS_MAX) {
        return false;
    }
    if (!is_key) {
        h->value_name = names = must(realloc(names, (count + 1) * sizeof names[0]));
    }
    names[count].text = must(strdup(text));
    *ret = count;
    *(is_key ? &h->keys : &h->values) = count + 1;
    return true;
}

/* A key that must be there. */
static bool key_of(struct history *h, const json_t *from, const char *field, uint32_t *ret)
{
    const char *text = json_string_value(json_object_get(from, field));

    return text != NULL && number_of(h, true, text, ret);
}

/* A value: text, or null for none. */
static bool value_of(struct history *h, const json_t *from, const char *field, uint32_t *ret)
{
    const json_t *v = json_object_get(from, field);

    *ret = 0;
    return v == NULL || json_is_null(v) || (json_is_string(v) && number_of(h, false, json_string_value(v), ret));
}

static bool read_step(struct history *h, const json_t *from, struct history_step *ret)
{
    static const char *const fields[] = {[HISTORY_PUT] = "put", [HISTORY_DELETE] = "delete", [HISTORY_GET] = "get"};

    for (int kind = HISTORY_PUT; kind <= HISTORY_GET; kind++) {
        if (json_object_get(from, fields[kind]) != NULL) {
            ret->kind = (enum history_step_kind)kind;
            return key_of(h, from, fields[kind], &ret->key) &&
                   value_of(h, from, kind == HISTORY_GET ? "result" : "value", &ret->value);
        }
    }
    return false;
}

static bool read_txn(struct history *h, const json_t *from, struct history_op *op)
{
    const json_t *compares = json_object_get(from, "compare");
    const json_t *branch[2] = {json_object_get(from, "success"), json_object_get(from, "failure")};

    if (json_array_size(compares) > HISTORY_STEPS_MAX || json_array_size(branch[0]) > HISTORY_STEPS_MAX ||
        json_array_size(branch[1]) > HISTORY_STEPS_MAX) {
        return false;
    }
    op->compares = (uint8_t)json_array_size(compares);
    op->success = (uint8_t)json_array_size(branch[0]);
    op->failure = (uint8_t)json_array_size(branch[1]);
    for (size_t i = 0; i < op->compares; i++) {
        const json_t *one = json_array_get(compares, i);
        if (!key_of(h, one, "key", &op->compare[i].key) || !value_of(h, one, "value", &op->compare[i].value)) {
            return false;
        }
    }
    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; i < json_array_size(branch[b]); i++) {
            if (!read_step(h, json_array_get(branch[b], i), &op->step[b][i])) {
                return false;
            }
        }
    }
    op->succeeded = json_is_true(json_object_get(from, "succeeded"));
    return true;
}

static bool read_op(struct history *h, const json_t *from, struct history_op *op)
{
    const char *name = json_string_value(json_object_get(from, "op"));
    struct history_step *first = &op->step[0][0];

    if (name == NULL) {
        return false;
    }
    op->is_write = strcmp(name, "get") != 0;
    if (strcmp(name, "txn") == 0) {
        return read_txn(h, from, op);
    }
    op->success = 1;
    op->succeeded = true;
    if (strcmp(name, "cas") == 0) {
        op->compares = op->failure = 1;
        op->succeeded = json_is_true(json_object_get(from, "succeeded"));
        op->is_write = op->succeeded;
        op->step[1][0].kind = HISTORY_GET;
        return key_of(h, from, "key", &first->key) && key_of(h, from, "key", &op->compare[0].key) &&
               key_of(h, from, "key", &op->step[1][0].key) && value_of(h, from, "expected", &op->compare[0].value) &&
               value_of(h, from, "value", &first->value) && value_of(h, from, "result", &op->step[1][0].value);
    }
    first->kind = strcmp(name, "put") == 0 ? HISTORY_PUT : strcmp(name, "get") == 0 ? HISTORY_GET : HISTORY_DELETE;
    bool is_known = first->kind != HISTORY_DELETE || strcmp(name, "delete") == 0;
    return is_known && key_of(h, from, "key", &first->key) &&
           value_of(h, from, first->kind == HISTORY_GET ? "result" : "value", &first->value);
}

static bool read_line(struct history *h, const json_t *from)
{
    const char *outcome = json_string_value(json_object_get(from, "outcome"));
    struct history_op *op = history_add(h);

    if (outcome == NULL || !json_is_integer(json_object_get(from, "call"))) {
        return false;
    }
    op->call = json_integer_value(json_object_get(from, "call"));
    op->end = json_integer_value(json_object_get(from, "end"));
    op->revision = (uint64_t)json_integer_value(json_object_get(from, "revision"));
    if (strcmp(outcome, "ok") == 0) {
        op->outcome = HISTORY_OK;
    } else if (strcmp(outcome, "fail") == 0) {
        op->outcome = HISTORY_FAIL;
    } else if (strcmp(outcome, "unknown") == 0) {
        op->outcome = HISTORY_UNKNOWN;
    } else {
        return false;
    }
    return read_op(h, from, op) && (op->outcome != HISTORY_OK || op->end >= op->call);
}

bool history_read(struct history *h, FILE *from, size_t *ret_line)
{
    char *line = NULL;
    size_t room = 0;
    bool is_good = true;

    for (*ret_line = 1; is_good && getline(&line, &room, from) >= 0; ++*ret_line) {
        json_t *parsed = json_loads(line, 0, NULL);

        is_good = parsed != NULL && read_line(h, parsed);
        json_decref(parsed);
    }
    free(line);
    return is_good;
}
