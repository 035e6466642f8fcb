/* NOD-8: any bytes as a name, a reference, an operation, and as text of a log line. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The promise, not the implementation: what a valid name can never hold. */
static void must_be_harmless(const char *name)
{
    size_t len = strlen(name);

    if (len > NAME_MAX_LEN || name[0] == '-' || strpbrk(name, "/.@ \\\n\r\t;$`'\"*?%") != NULL) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        if (name[i] < 0x21 || name[i] > 0x7e) {
            abort();
        }
    }
}

static void try_reference(const char *text)
{
    struct name_ref ref, again;
    char formatted[NAME_REF_SIZE];

    if (name_ref_parse(text, &ref) != ERR_OK) {
        return;
    }
    must_be_harmless(ref.space);
    must_be_harmless(ref.cell);
    if (strcmp(ref.node, NAME_ANY) != 0) {
        must_be_harmless(ref.node);
    } else if (ref.instance >= 0) {
        abort(); /* a number means something on its own node alone */
    }
    name_ref_format(&ref, formatted);
    if (strcmp(formatted, text) != 0 || name_ref_parse(formatted, &again) != ERR_OK ||
        again.instance != ref.instance) {
        abort(); /* one reference has one spelling */
    }
}

static void try_operation(const char *text)
{
    struct name_op op;

    if (name_op_parse(text, &op) != ERR_OK) {
        return;
    }
    bool any_cell = strcmp(op.cell, "*") == 0, any_operation = strcmp(op.operation, "*") == 0;
    bool is_here = op.node[0] == '\0', any_node = strcmp(op.node, "*") == 0;
    char formatted[NAME_REF_SIZE];
    if (any_cell && any_operation && (is_here || any_node)) {
        abort(); /* grants everything */
    }
    name_op_format(&op, formatted);
    if (strcmp(formatted, text) != 0) {
        abort(); /* one pattern has one spelling */
    }
    if (!is_here && !any_node) {
        must_be_harmless(op.node);
    }
    if (!any_cell) {
        must_be_harmless(op.cell);
    }
    if (!any_operation) {
        must_be_harmless(op.operation);
    }
    if (name_op_covers(&op, any_cell ? "x" : op.cell, any_operation ? "X" : op.operation) != is_here) {
        abort();
    }
    if (name_op_reaches(&op, any_cell ? "x" : op.cell, is_here || any_node ? "n" : op.node) == is_here) {
        abort();
    }
}

/* Escaped text is printable UTF-8 in any amount of memory. */
static void try_text(const char *text, size_t size)
{
    char out[300];
    struct bytes_text t;

    bytes_text_init(&t, out, 1 + size % sizeof out);
    bytes_text_add_escaped(&t, text, size);
    if (t.len >= t.size || strlen(out) != t.len || !bytes_is_utf8((uint8_t *)out, t.len) ||
        strpbrk(out, "\n\r\t\"\x1b\x7f") != NULL) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (name_valid(text, size)) {
        must_be_harmless(text);
    }
    if (name_valid_str(text) != name_valid(text, strlen(text))) {
        abort();
    }
    (void)name_operation_valid(text, size); /* reads no byte too many: the sanitizer looks */
    try_reference(text);
    try_operation(text);
    try_text(text, size);
    free(text);
    return 0;
}
