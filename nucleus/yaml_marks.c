/* Looking things up in the tree, and pointing at them. Nodes refer to each other by index, as the
 * array moves while it grows. */
#include "nucleus/yaml_marks.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

const struct yaml_marks_node *yaml_marks_at(const struct yaml_marks *m, uint32_t node)
{
    assert(node < m->count);
    return &m->nodes[node];
}

const char *yaml_marks_text(const struct yaml_marks *m, uint32_t node)
{
    assert(yaml_marks_at(m, node)->kind == YAML_MARKS_SCALAR);
    return m->pool + m->nodes[node].text;
}

const char *yaml_marks_key(const struct yaml_marks *m, uint32_t node)
{
    assert(yaml_marks_at(m, node)->key != YAML_MARKS_NONE);
    return m->pool + m->nodes[node].key;
}

void yaml_marks_fini(struct yaml_marks *m)
{
    free(m->nodes);
    free(m->pool);
    *m = (struct yaml_marks){0};
}

/* ---- looking up ---- */

/* Linear: mappings that pass the schema have at most 17 keys, and the larger ones of a config are
 * never looked up. key[0..len) need not be terminated. */
static uint32_t child_named(const struct yaml_marks *m, uint32_t node, const char *key, size_t len)
{
    if (node == YAML_MARKS_NONE || yaml_marks_at(m, node)->kind != YAML_MARKS_MAP) {
        return YAML_MARKS_NONE;
    }
    for (uint32_t c = m->nodes[node].first; c != YAML_MARKS_NONE; c = m->nodes[c].next) {
        const char *name = yaml_marks_key(m, c);
        if (strncmp(name, key, len) == 0 && name[len] == '\0') {
            return c;
        }
    }
    return YAML_MARKS_NONE;
}

uint32_t yaml_marks_child(const struct yaml_marks *m, uint32_t node, const char *key)
{
    return child_named(m, node, key, strlen(key));
}

static uint32_t child_at(const struct yaml_marks *m, uint32_t node, unsigned long place)
{
    uint32_t c = yaml_marks_at(m, node)->first;

    if (m->nodes[node].kind != YAML_MARKS_LIST) {
        return YAML_MARKS_NONE;
    }
    while (c != YAML_MARKS_NONE && m->nodes[c].place < place) {
        c = m->nodes[c].next;
    }
    return c;
}

/* Paths come from this room's own tables and from manifest_check, so a path that leads nowhere is
 * one of a field that was not written: the innermost node there is answers for it. */
uint32_t yaml_marks_find(const struct yaml_marks *m, uint32_t node, const char *path)
{
    const char *at = path;

    while (*at != '\0') {
        uint32_t next;
        if (*at == '[') {
            char *end;
            next = child_at(m, node, strtoul(at + 1, &end, 10));
            at = end + strspn(end, "].");
        } else {
            size_t len = strcspn(at, ".[");
            next = child_named(m, node, at, len);
            at += len + strspn(at + len, ".");
        }
        if (next == YAML_MARKS_NONE) {
            break;
        }
        node = next;
    }
    return node;
}

bool yaml_marks_is_null(const struct yaml_marks *m, uint32_t node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    if (yaml_marks_at(m, node)->kind != YAML_MARKS_SCALAR || !m->nodes[node].is_plain) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(yaml_marks_text(m, node), words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- messages ---- */

/* Text of any origin and length, fit for one line. */
static void add_cut(struct bytes_text *t, const char *text, size_t most)
{
    size_t len = strlen(text);

    bytes_text_add_escaped(t, text, len < most ? len : most);
    if (len > most) {
        bytes_text_add(t, "...");
    }
}

const char *yaml_marks_quote(const char *text, char out[YAML_MARKS_QUOTE_SIZE])
{
    char body[YAML_MARKS_QUOTE_MAX - 2];
    struct bytes_text in, t;

    /* Escaping makes text longer, so what is cut is the escaped form. */
    bytes_text_init(&in, body, sizeof body);
    bytes_text_add_escaped(&in, text, strlen(text));
    bytes_text_init(&t, out, YAML_MARKS_QUOTE_SIZE);
    bytes_text_add(&t, "\"%s%s\"", body, in.cut ? "..." : "");
    assert(!t.cut);
    return out;
}

/* Keys are foreign text as well, unlike the paths of yaml_marks_find. */
static void add_path(struct bytes_text *t, const struct yaml_marks *m, uint32_t node)
{
    uint32_t up[YAML_MARKS_DEPTH_MAX + 1];
    size_t depth = 0;

    for (; node != YAML_MARKS_ROOT; node = m->nodes[node].parent) {
        assert(depth < ARRAY_LEN(up));
        up[depth++] = node;
    }
    for (size_t i = depth; i-- > 0;) {
        const struct yaml_marks_node *n = &m->nodes[up[i]];
        if (n->key != YAML_MARKS_NONE) {
            bytes_text_add(t, "%s", i + 1 < depth ? "." : "");
            add_cut(t, m->pool + n->key, YAML_MARKS_QUOTE_MAX);
        } else {
            bytes_text_add(t, "[%" PRIu32 "]", n->place);
        }
    }
}

/* "FILE:LINE: ", of a long file name its end, which tells files apart better than their beginning.
 */
static void begin_fault(struct bytes_text *t, const struct yaml_marks *m, uint32_t line)
{
    size_t len = strlen(m->file);
    size_t skip = len > YAML_MARKS_FILE_MAX ? len - YAML_MARKS_FILE_MAX : 0;

    bytes_text_init(t, m->why, m->why_size);
    bytes_text_add(t, "%s", skip > 0 ? "..." : "");
    bytes_text_add_escaped(t, m->file + skip, len - skip);
    bytes_text_add(t, ":%" PRIu32 ": ", line);
}

enum err yaml_marks_fault(const struct yaml_marks *m, uint32_t node, enum err e, const char *format,
                          ...)
{
    struct bytes_text t;
    va_list args;

    begin_fault(&t, m, yaml_marks_at(m, node)->line);
    if (node != YAML_MARKS_ROOT) {
        add_path(&t, m, node);
        bytes_text_add(&t, ": ");
    }
    va_start(args, format);
    bytes_text_addv(&t, format, args);
    va_end(args);
    return e;
}

enum err yaml_marks_fault_line(const struct yaml_marks *m, uint32_t line, uint32_t node,
                               const char *key, enum err e, const char *format, ...)
{
    struct bytes_text t;
    va_list args;

    begin_fault(&t, m, line);
    size_t before = t.len;
    if (node != YAML_MARKS_NONE) {
        add_path(&t, m, node);
    }
    if (key != NULL) {
        bytes_text_add(&t, "%s", t.len > before ? "." : "");
        add_cut(&t, key, YAML_MARKS_QUOTE_MAX);
    }
    bytes_text_add(&t, "%s", t.len > before ? ": " : "");
    va_start(args, format);
    bytes_text_addv(&t, format, args);
    va_end(args);
    return e;
}
