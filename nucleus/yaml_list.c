/* Lists are authority: who may be called, what may be seen. So an item is either understood or
 * refused, in the line where it stands, and nothing is taken for granted because a list is empty.
 */
#include "nucleus/yaml_list.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/name.h"
#include "nucleus/yaml_listen.h"
#include "nucleus/yaml_tun.h"
#include "nucleus/yaml_path.h"

enum {
    LABEL_VALUE_MAX = 64, /* as a name */
};

/* The list that is being read: `path` names its field, items are checked one by one. */
struct list {
    const struct yaml_marks *m;
    uint32_t entry;
    const char *path;
    char *const *text;
    size_t count;
};

static enum err refuse_item(const struct list *l, size_t at, const char *what, const char *expected)
{
    char path[64], quote[YAML_MARKS_QUOTE_SIZE];

    (void)snprintf(path, sizeof path, "%s[%zu]", l->path, at);
    return yaml_marks_fault(l->m, yaml_marks_find(l->m, l->entry, path), ERR_INVALID,
                            "%s %s, expected %s", yaml_marks_quote(l->text[at], quote), what,
                            expected);
}

/* Every item once, and room for what they mean: *ret is NULL for an empty list. Twice is harmless
 * to a machine, but the person who wrote it meant something else the second time. */
static enum err begin(const struct list *l, size_t item_size, void **ret)
{
    assert(l->count <= MANIFEST_LIST_MAX); /* by the schema */
    for (size_t i = 0; i < l->count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(l->text[i], l->text[k]) == 0) {
                return refuse_item(l, i, "is given twice", "it once");
            }
        }
    }
    *ret = l->count > 0 ? calloc(l->count, item_size) : NULL;
    if (l->count > 0 && *ret == NULL) {
        return yaml_marks_fault(l->m, l->entry, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

/* An instance or another node has no place here: what is required is that a cell serves, whichever
 * of its instances does, and this node cannot start a cell of another. */
static enum err read_requires(const struct list *l, struct manifest_cell *c)
{
    void *room = NULL;
    enum err e = begin(l, sizeof *c->requires, &room);

    c->requires = room;
    for (size_t i = 0; e == ERR_OK && i < l->count; i++) {
        struct name_ref *ref = &c->requires[i];
        if (name_ref_parse(l->text[i], ref) != ERR_OK || ref->instance >= 0 ||
            ref->node[0] != '\0') {
            return refuse_item(
                l, i, "is not a cell of this node",
                "a cell's name, if need be with its namespace: nodosum, global/raft");
        }
        c->requires_count = i + 1; /* counts what is valid: the caller frees on any error */
    }
    return e;
}

/* is_wish: whether "*.Get" and "raft@db-2.*" may stand there. They may be called (an inspector reads every
 * cell's status), but nobody serves in every cell's name or in another node's. */
static enum err read_operations(const struct list *l, bool is_wish, struct name_op **ret,
                                size_t *ret_count)
{
    void *room = NULL;
    enum err e = begin(l, sizeof **ret, &room);

    *ret = room;
    for (size_t i = 0; e == ERR_OK && i < l->count; i++) {
        struct name_op *op = &(*ret)[i];
        if (name_op_parse(l->text[i], op) != ERR_OK ||
            (!is_wish && (op->cell[0] == '*' || op->node[0] != '\0'))) {
            return refuse_item(l, i, "is not an operation",
                               is_wish ? "e.g. raft.Put, raft.*, *.Get or, of another node, raft@db-2.*"
                                       : "e.g. raft.Put or raft.*");
        }
        *ret_count = i + 1;
    }
    return e;
}

/* "state" is the cell's own directory, which it may always read: it is said in `write`. */
static enum err read_paths(const struct list *l, bool is_write, struct manifest_path **ret,
                           size_t *ret_count)
{
    void *room = NULL;
    enum err e = begin(l, sizeof **ret, &room);

    *ret = room;
    for (size_t i = 0; e == ERR_OK && i < l->count; i++) {
        bool is_state = strcmp(l->text[i], "state") == 0;
        const char *wrong = is_state ? NULL : yaml_path_judge(l->text[i]);
        if (is_state && !is_write) {
            return refuse_item(l, i, "is read and written", "it in sandbox.write");
        }
        if (wrong != NULL) {
            return refuse_item(l, i, wrong,
                               is_write ? "state or an absolute path such as /srv/data"
                                        : "an absolute path such as /etc/hosts");
        }
        memcpy((*ret)[i].path, l->text[i], strlen(l->text[i]) + 1);
        (*ret)[i].is_state = is_state;
        *ret_count = i + 1;
    }
    return e;
}

/* A path in both lists would have two meanings. */
static enum err check_grants(const struct list *l, const struct manifest_cell *c)
{
    for (size_t i = 0; i < c->sandbox.read_count; i++) {
        for (size_t k = 0; k < c->sandbox.write_count; k++) {
            if (strcmp(c->sandbox.read[i].path, c->sandbox.write[k].path) == 0) {
                return refuse_item(l, i, "is in sandbox.write too", "it in one of the two");
            }
        }
    }
    return ERR_OK;
}

/* Words that stand for keys of the node. A program that does not speak on descriptor 3 could not be handed
 * any. */
static enum err read_keys(const struct list *l, struct manifest_cell *c)
{
    static const char *const words[MANIFEST_KEYS_KINDS] = {"datagram", "tls", "issuer", "renew"};
    void *room = NULL;
    enum err e = begin(l, 1, &room);

    free(room);
    for (size_t i = 0; e == ERR_OK && i < l->count; i++) {
        size_t kind = 0;
        while (kind < ARRAY_LEN(words) && strcmp(l->text[i], words[kind]) != 0) {
            kind++;
        }
        if (kind == ARRAY_LEN(words)) {
            return refuse_item(l, i, "is no key of a node", "datagram, tls, issuer or renew");
        }
        if (c->trivial) {
            return refuse_item(l, i, "is handed to nobody with protocol: none",
                               "a program that speaks on descriptor 3");
        }
        c->sandbox.keys |= 1u << kind;
    }
    return e;
}

/* ---- labels ---- */

/* Without ',' and '=', which separate labels in their one text. */
static bool is_label_value(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t len = strnlen(text, LABEL_VALUE_MAX + 1);

    return len > 0 && len <= LABEL_VALUE_MAX && strspn(text, letters) == len;
}

static enum err check_label(const struct yaml_marks *m, uint32_t node)
{
    char quote[YAML_MARKS_QUOTE_SIZE];

    if (!name_valid_str(yaml_marks_key(m, node))) {
        return yaml_marks_fault(
            m, node, ERR_INVALID,
            "%s is not a label, expected 1 to %d of a-z, 0-9, _ and -, the first "
            "not -",
            yaml_marks_quote(yaml_marks_key(m, node), quote), NAME_MAX_LEN);
    }
    if (yaml_marks_at(m, node)->kind != YAML_MARKS_SCALAR) {
        return yaml_marks_fault(m, node, ERR_MALFORMED,
                                "a list or mapping, expected a single value");
    }
    if (!is_label_value(yaml_marks_text(m, node))) {
        return yaml_marks_fault(m, node, ERR_INVALID,
                                "%s is not a label's value, expected 1 to %d letters, digits, ., _ "
                                "and -",
                                yaml_marks_quote(yaml_marks_text(m, node), quote), LABEL_VALUE_MAX);
    }
    return ERR_OK;
}

static int by_key(const void *a, const void *b, void *context)
{
    const struct yaml_marks *m = context;

    return strcmp(yaml_marks_key(m, *(const uint32_t *)a), yaml_marks_key(m, *(const uint32_t *)b));
}

/* "disk=nvme,zone=a": sorted, so that equal labels are equal texts. Sorts child[]. */
static enum err format_labels(const struct yaml_marks *m, uint32_t labels, uint32_t *child,
                              uint32_t count, char **ret)
{
    size_t size = count * (NAME_MAX_LEN + LABEL_VALUE_MAX + (size_t)2);
    char *text = malloc(size);
    struct bytes_text t;

    if (text == NULL) {
        return yaml_marks_fault(m, labels, ERR_NOMEM, "out of memory");
    }
    qsort_r(child, count, sizeof *child, by_key, (void *)m);
    bytes_text_init(&t, text, size);
    for (uint32_t i = 0; i < count; i++) {
        bytes_text_add(&t, "%s%s=%s", i > 0 ? "," : "", yaml_marks_key(m, child[i]),
                       yaml_marks_text(m, child[i]));
    }
    assert(!t.cut);
    *ret = text;
    return ERR_OK;
}

/* From the tree, as a schema has no word for "any keys". */
static enum err read_labels(const struct yaml_marks *m, uint32_t entry, struct manifest_cell *c)
{
    uint32_t labels = yaml_marks_child(m, yaml_marks_child(m, entry, "placement"), "labels");
    uint32_t child[MANIFEST_LIST_MAX], count = 0;

    if (labels == YAML_MARKS_NONE) {
        return ERR_OK;
    }
    if (yaml_marks_at(m, labels)->kind != YAML_MARKS_MAP) {
        return yaml_marks_fault(m, labels, ERR_MALFORMED,
                                "not a mapping, expected labels such as {zone: a}");
    }
    for (uint32_t n = yaml_marks_at(m, labels)->first; n != YAML_MARKS_NONE;
         n = yaml_marks_at(m, n)->next) {
        if (count == MANIFEST_LIST_MAX) {
            return yaml_marks_fault(m, n, ERR_LIMIT, "%" PRIu32 " labels, expected at most %d",
                                    yaml_marks_at(m, labels)->count, MANIFEST_LIST_MAX);
        }
        enum err e = check_label(m, n);
        if (e != ERR_OK) {
            return e;
        }
        child[count++] = n;
    }
    return count > 0 ? format_labels(m, labels, child, count, &c->labels) : ERR_OK;
}

enum err yaml_list_cell(const struct yaml_marks *m, uint32_t entry,
                        const struct yaml_schema_cell *raw, struct manifest_cell *c)
{
    struct list requires = {m, entry, "requires", raw->requires, raw->requires_count};
    struct list serves = {m, entry, "serves", raw->serves, raw->serves_count};
    struct list may_call = {m, entry, "may_call", raw->may_call, raw->may_call_count};
    struct list read = {m, entry, "sandbox.read", raw->sandbox.read, raw->sandbox.read_count};
    struct list write = {m, entry, "sandbox.write", raw->sandbox.write, raw->sandbox.write_count};
    struct list keys = {m, entry, "sandbox.keys", raw->sandbox.keys, raw->sandbox.keys_count};

    enum err e = read_requires(&requires, c);
    if (e == ERR_OK) {
        e = read_operations(&serves, false, &c->serves, &c->serves_count);
    }
    if (e == ERR_OK) {
        e = read_operations(&may_call, true, &c->may_call, &c->may_call_count);
    }
    if (e == ERR_OK) {
        e = read_paths(&read, false, &c->sandbox.read, &c->sandbox.read_count);
    }
    if (e == ERR_OK) {
        e = read_paths(&write, true, &c->sandbox.write, &c->sandbox.write_count);
    }
    if (e == ERR_OK) {
        e = check_grants(&read, c);
    }
    if (e == ERR_OK) {
        e = read_keys(&keys, c);
    }
    if (e == ERR_OK) {
        e = yaml_listen_cell(m, entry, &raw->sandbox, c);
    }
    if (e == ERR_OK) {
        e = yaml_tun_cell(m, entry, &raw->sandbox, c);
    }
    return e == ERR_OK ? read_labels(m, entry, c) : e;
}
