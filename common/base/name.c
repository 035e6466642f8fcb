#include "common/base/name.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Written out instead of isalnum(): the grammar must not depend on a locale. */
static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool name_valid(const char *text, size_t len)
{
    if (len == 0 || len > NAME_MAX_LEN || text[0] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower_or_digit(text[i]) && text[i] != '_' && text[i] != '-') {
            return false;
        }
    }
    return true;
}

bool name_valid_str(const char *text)
{
    /* strnlen: the text may come from a peer and be as long as it likes. */
    return text != NULL && name_valid(text, strnlen(text, NAME_SIZE));
}

bool name_operation_valid(const char *text, size_t len)
{
    if (len == 0 || len > NAME_MAX_LEN || !is_upper(text[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        bool is_letter = is_upper(text[i]) || (text[i] >= 'a' && text[i] <= 'z');
        if (!is_letter && !(text[i] >= '0' && text[i] <= '9')) {
            return false;
        }
    }
    return true;
}

/* Copy a part whose length a validator has already bounded. */
static void copy_part(char out[NAME_SIZE], const char *text, size_t len)
{
    assert(len <= NAME_MAX_LEN);
    memcpy(out, text, len);
    out[len] = '\0';
}

static bool is_star(const char *text, size_t len)
{
    return len == 1 && text[0] == '*';
}

static bool take_name(const char *text, size_t len, char out[NAME_SIZE])
{
    if (!name_valid(text, len)) {
        return false;
    }
    copy_part(out, text, len);
    return true;
}

static bool take_node(const char *text, size_t len, char out[NAME_SIZE])
{
    if (!is_star(text, len)) {
        return take_name(text, len, out);
    }
    copy_part(out, NAME_ANY, 1);
    return true;
}

/* One to four digits. "00" and "01" are refused: each instance has one spelling, or two paths and
 * two log lines could mean the same process. */
static bool take_instance(const char *text, size_t len, int32_t *ret)
{
    int32_t value = 0;

    if (len == 0 || len > 4 || (text[0] == '0' && len > 1)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    assert(value <= NAME_INSTANCE_MAX);
    *ret = value;
    return true;
}

enum err name_ref_parse(const char *text, struct name_ref *ret)
{
    struct name_ref ref = {.instance = -1};

    if (text == NULL) {
        return ERR_MALFORMED;
    }
    size_t len = strnlen(text, NAME_REF_SIZE);
    if (len == NAME_REF_SIZE) {
        return ERR_MALFORMED;
    }
    /* Separators are no name characters, so a second one makes the name around it invalid. */
    const char *at = memchr(text, '@', len);
    const char *end = at != NULL ? at : text + len;
    if (at != NULL && !take_node(at + 1, len - (size_t)(at + 1 - text), ref.node)) {
        return ERR_MALFORMED;
    }
    const char *slash = memchr(text, '/', (size_t)(end - text));
    if (slash != NULL && !take_name(text, (size_t)(slash - text), ref.space)) {
        return ERR_MALFORMED;
    }
    const char *cell = slash != NULL ? slash + 1 : text;
    const char *dot = memchr(cell, '.', (size_t)(end - cell));
    if (dot != NULL && !take_instance(dot + 1, (size_t)(end - dot - 1), &ref.instance)) {
        return ERR_MALFORMED;
    }
    if (!take_name(cell, (size_t)((dot != NULL ? dot : end) - cell), ref.cell)) {
        return ERR_MALFORMED;
    }
    /* An instance's number means something on its own node alone. */
    if (ref.instance >= 0 && strcmp(ref.node, NAME_ANY) == 0) {
        return ERR_MALFORMED;
    }
    *ret = ref;
    return ERR_OK;
}

void name_ref_format(const struct name_ref *ref, char out[NAME_REF_SIZE])
{
    char instance[8] = "";

    assert(ref->instance >= -1 && ref->instance <= NAME_INSTANCE_MAX);
    assert(ref->cell[0] != '\0');
    if (ref->instance >= 0) {
        snprintf(instance, sizeof instance, ".%d", (int)ref->instance);
    }
    int len = snprintf(out, NAME_REF_SIZE, "%s%s%s%s%s%s", ref->space, ref->space[0] ? "/" : "",
                       ref->cell, instance, ref->node[0] ? "@" : "", ref->node);
    assert(len > 0 && len < NAME_REF_SIZE);
}

/* "cell" or "cell@node" before the dot. */
static bool take_op_cell(const char *text, size_t len, struct name_op *op)
{
    const char *at = memchr(text, '@', len);
    size_t cell_len = at == NULL ? len : (size_t)(at - text);
    size_t node_len = at == NULL ? 0 : len - cell_len - 1;

    if (!is_star(text, cell_len) && !name_valid(text, cell_len)) {
        return false;
    }
    if (at != NULL && !is_star(at + 1, node_len) && !name_valid(at + 1, node_len)) {
        return false;
    }
    copy_part(op->cell, text, cell_len);
    copy_part(op->node, at == NULL ? "" : at + 1, node_len);
    return true;
}

enum err name_op_parse(const char *text, struct name_op *ret)
{
    struct name_op op;

    if (text == NULL) {
        return ERR_MALFORMED;
    }
    size_t len = strnlen(text, NAME_REF_SIZE);
    const char *dot = memchr(text, '.', len);
    if (len == NAME_REF_SIZE || dot == NULL || !take_op_cell(text, (size_t)(dot - text), &op)) {
        return ERR_MALFORMED;
    }
    size_t operation_len = len - (size_t)(dot - text) - 1;
    bool any_operation = is_star(dot + 1, operation_len);
    if (!any_operation && (op.node[0] != '\0' || !name_operation_valid(dot + 1, operation_len))) {
        return ERR_MALFORMED;
    }
    /* Everything here, everything everywhere: nobody's right. */
    if (any_operation && op.cell[0] == '*' && (op.node[0] == '\0' || op.node[0] == '*')) {
        return ERR_MALFORMED;
    }
    copy_part(op.operation, dot + 1, operation_len);
    *ret = op;
    return ERR_OK;
}

static bool matches(const char *pattern, const char *name)
{
    return strcmp(pattern, NAME_ANY) == 0 || strcmp(pattern, name) == 0;
}

bool name_op_covers(const struct name_op *pattern, const char *cell, const char *operation)
{
    assert(pattern->cell[0] != '\0' && pattern->operation[0] != '\0');
    return pattern->node[0] == '\0' && matches(pattern->cell, cell) && matches(pattern->operation, operation);
}

bool name_op_reaches(const struct name_op *pattern, const char *cell, const char *node)
{
    assert(pattern->cell[0] != '\0' && node[0] != '\0');
    return pattern->node[0] != '\0' && matches(pattern->cell, cell) && matches(pattern->node, node);
}

void name_op_format(const struct name_op *op, char out[NAME_REF_SIZE])
{
    int len = snprintf(out, NAME_REF_SIZE, "%s%s%s.%s", op->cell, op->node[0] == '\0' ? "" : "@", op->node,
                       op->operation);

    assert(len > 0 && len < NAME_REF_SIZE);
}
