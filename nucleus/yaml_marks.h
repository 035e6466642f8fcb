/* A YAML document as a tree in which every value knows its line: what error messages point into,
 * and the only form in which the rest of this room sees text that came from outside.
 *
 * Refused while reading, before anything else looks at the text: what is not UTF-8, NUL, anchors,
 * aliases, tags, directives, a second document, keys that are not plain text, keys given twice,
 * more nodes or a deeper nesting than the limits. */
#ifndef CELL_NUCLEUS_YAML_MARKS_H
#define CELL_NUCLEUS_YAML_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    YAML_MARKS_NODES_MAX =
        200000, /* about 10 MiB of tree; a manifest of 1024 full entries has 100,000 */
    YAML_MARKS_DEPTH_MAX =
        32, /* lists and mappings inside each other: the manifest has four levels */
    YAML_MARKS_QUOTE_MAX = 48, /* bytes shown of an offending text                          */
    YAML_MARKS_QUOTE_SIZE = YAML_MARKS_QUOTE_MAX + 8,
    YAML_MARKS_FILE_MAX = 96, /* bytes shown of the file's name, its end                   */
    YAML_MARKS_ROOT = 0,
};
#define YAML_MARKS_NONE UINT32_MAX

enum yaml_marks_kind {
    YAML_MARKS_SCALAR,
    YAML_MARKS_LIST,
    YAML_MARKS_MAP,
};

struct yaml_marks_node {
    enum yaml_marks_kind kind;
    bool is_plain; /* a scalar without quotes: 7 may be a number, "7" may not               */
    bool is_key_plain;
    bool is_opaque;  /* set by the reader: yaml_text_emit writes {} instead of it             */
    uint32_t line;   /* from 1; of the key when there is one                                  */
    uint32_t parent; /* YAML_MARKS_NONE: the root                                             */
    uint32_t first;  /* child, YAML_MARKS_NONE: none                                          */
    uint32_t next;   /* sibling                                                               */
    uint32_t place;  /* among its siblings, from 0                                            */
    uint32_t count;  /* of children                                                           */
    uint32_t key;    /* of a mapping's child: where its key begins in the pool                */
    uint32_t text;   /* of a scalar: likewise                                                 */
};

/* Zero-initialised is empty. */
struct yaml_marks {
    const char *file; /* borrowed: how messages name the source */
    char *why;        /* borrowed: where messages go            */
    size_t why_size;
    struct yaml_marks_node *nodes; /* [0] is the root */
    uint32_t count;
    uint32_t room;
    char *pool; /* keys and scalars, each terminated, none with a NUL inside */
    uint32_t pool_used;
    uint32_t pool_room;
};

/* Read text[0..size), size below 2^30. `file` and why[why_size] are borrowed until fini. On error
 * `why` is one line and *ret is empty: ERR_MALFORMED (not YAML, or refused as said above),
 * ERR_LIMIT (nodes, depth), ERR_NOMEM. A text without a document is ERR_MALFORMED. O(size log
 * size). */
enum err yaml_marks_read(const char *text, size_t size, const char *file, char *why,
                         size_t why_size, struct yaml_marks *ret) MUST_CHECK;
void yaml_marks_fini(struct yaml_marks *m);

const struct yaml_marks_node *yaml_marks_at(const struct yaml_marks *m, uint32_t node);
const char *yaml_marks_text(const struct yaml_marks *m, uint32_t node); /* of a scalar */
const char *yaml_marks_key(const struct yaml_marks *m, uint32_t node);  /* of a mapping's child */

/* The child of mapping `node` with that key, or YAML_MARKS_NONE: also when `node` is
 * YAML_MARKS_NONE or no mapping, so that lookups chain. */
uint32_t yaml_marks_child(const struct yaml_marks *m, uint32_t node, const char *key);

/* The node at `path` ("limits.memory", "requires[2]") below `node`, or as far down as there are
 * nodes: what a message about it points at. */
uint32_t yaml_marks_find(const struct yaml_marks *m, uint32_t node, const char *path);

/* Whether the scalar is one of YAML's words for nothing: empty, ~, null, without quotes. */
bool yaml_marks_is_null(const struct yaml_marks *m, uint32_t node);

/* Write "FILE:LINE: PATH: " and the rest to the tree's `why`, and return `e`. */
enum err yaml_marks_fault(const struct yaml_marks *m, uint32_t node, enum err e, const char *format,
                          ...) PRINTF_LIKE(4, 5);

/* The same where there is no node yet: at `line`, below `node` (YAML_MARKS_NONE: the file as a
 * whole) and `key` (NULL: none). */
enum err yaml_marks_fault_line(const struct yaml_marks *m, uint32_t line, uint32_t node,
                               const char *key, enum err e, const char *format, ...)
    PRINTF_LIKE(6, 7);

/* `text` in double quotes for a message: escaped, cut when long. Returns `out`. */
const char *yaml_marks_quote(const char *text, char out[YAML_MARKS_QUOTE_SIZE]);

#endif
