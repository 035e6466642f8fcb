/* From text to manifest in five steps, each of which may only assume what the one before has made
 * sure: marks     text to a tree with lines; nothing that YAML offers beyond plain data gets
 * further schema    the tree has the manifest's shape libcyaml  loads the tree, written anew and
 * all in quotes, into structs of texts value     texts to names, quantities, paths, operations
 *   check     the entries together: names, requirements, cycles
 * The first fault ends it, with a message that points at a line. */
#include "nucleus/yaml.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "nucleus/yaml_hash.h"
#include "nucleus/yaml_marks.h"
#include "nucleus/yaml_schema.h"
#include "nucleus/yaml_value.h"

/* What a name may not hold becomes '-', which may not come first. */
void yaml_manifest_node_name(const char *host, char out[NAME_SIZE])
{
    size_t len = 0;

    for (; *host != '\0' && *host != '.' && len < NAME_MAX_LEN; host++) {
        char c = *host >= 'A' && *host <= 'Z' ? (char)(*host - 'A' + 'a') : *host;
        c = name_valid(&c, 1) ? c : '-';
        if (len > 0 || c != '-') {
            out[len++] = c;
        }
    }
    out[len] = '\0';
    if (len == 0) {
        memcpy(out, "node", sizeof "node");
    }
    assert(name_valid_str(out));
}

/* ---- parsing ---- */

/* Tell the schema what it cannot say itself: `sandbox` is a mapping or the word none, `config` is
 * anything, `labels` have any keys. */
static void mark_opaque(struct yaml_marks *m)
{
    uint32_t cells = yaml_marks_child(m, YAML_MARKS_ROOT, "cells");
    uint32_t entry = cells != YAML_MARKS_NONE ? yaml_marks_at(m, cells)->first : YAML_MARKS_NONE;

    for (; entry != YAML_MARKS_NONE; entry = yaml_marks_at(m, entry)->next) {
        uint32_t sandbox = yaml_marks_child(m, entry, "sandbox");
        uint32_t config = yaml_marks_child(m, entry, "config");
        uint32_t labels = yaml_marks_child(m, yaml_marks_child(m, entry, "placement"), "labels");
        if (sandbox != YAML_MARKS_NONE && m->nodes[sandbox].kind == YAML_MARKS_SCALAR &&
            strcmp(yaml_marks_text(m, sandbox), "none") == 0) {
            m->nodes[sandbox].is_opaque = true;
        }
        if (config != YAML_MARKS_NONE) {
            m->nodes[config].is_opaque = true;
        }
        if (labels != YAML_MARKS_NONE) {
            m->nodes[labels].is_opaque = true;
        }
    }
}

/* A node needs a name that others can call it by; most people have named the host already. */
static enum err read_node(const struct yaml_marks *m, const char *text, struct manifest *ret)
{
    char host[HOST_NAME_MAX + 1] = "";

    ret->has_node = text != NULL;
    if (text != NULL) {
        return yaml_value_name(m, YAML_MARKS_ROOT, "node", text, ret->node);
    }
    if (gethostname(host, sizeof host - 1) != 0) {
        host[0] = '\0'; /* longer than the limit: the default of the default */
    }
    yaml_manifest_node_name(host, ret->node);
    return ERR_OK;
}

/* Fill *ret, zeroed; on error the caller frees what is in it. */
static enum err read_document(const struct yaml_marks *m, const struct yaml_schema_doc *doc,
                              struct manifest *ret)
{
    uint32_t entry = yaml_marks_at(m, yaml_marks_child(m, YAML_MARKS_ROOT, "cells"))->first;
    enum err e = read_node(m, doc->node, ret);

    if (e != ERR_OK || doc->cells_count == 0) {
        return e;
    }
    assert(doc->cells_count <= MANIFEST_CELLS_MAX); /* by the schema */
    ret->cells = calloc(doc->cells_count, sizeof *ret->cells);
    if (ret->cells == NULL) {
        return yaml_marks_fault(m, YAML_MARKS_ROOT, ERR_NOMEM, "out of memory");
    }
    for (unsigned i = 0; e == ERR_OK && i < doc->cells_count; i++) {
        struct manifest_cell *c = &ret->cells[i];
        manifest_cell_init(c);
        ret->cell_count = i + 1; /* from here on manifest_fini frees what this entry gets */
        c->line = yaml_marks_at(m, entry)->line;
        e = yaml_value_cell(m, entry, &doc->cells[i], c);
        if (e == ERR_OK) {
            c->hash = yaml_hash_cell(c);
        }
        entry = yaml_marks_at(m, entry)->next;
    }
    return e;
}

/* manifest_check knows an entry's line and says "line 12: cells[2].requires[0]: ...": tell it with
 * the line of that very item. */
static enum err check_whole(const struct yaml_marks *m, const struct manifest *manifest)
{
    char said[MANIFEST_WHY_SIZE];
    enum err e = manifest_check(manifest, said);

    if (e == ERR_OK) {
        return e;
    }
    /* Three parts: line, path, text; only the last may hold ": " itself. */
    char *path = strstr(said, ": ");
    assert(path != NULL);
    path += 2;
    char *rest = strstr(path, ": ");
    assert(rest != NULL);
    *rest = '\0';
    return yaml_marks_fault(m, yaml_marks_find(m, YAML_MARKS_ROOT, path), e, "%s", rest + 2);
}

/* The structs of libcyaml live only here: what is kept of them has been copied. */
static enum err read_tree(struct yaml_marks *m, struct manifest *ret)
{
    struct yaml_schema_doc *doc = NULL;

    mark_opaque(m);
    enum err e = yaml_schema_check(m);
    if (e == ERR_OK) {
        e = yaml_schema_load(m, &doc);
    }
    if (e == ERR_OK) {
        e = read_document(m, doc, ret);
    }
    yaml_schema_free(doc);
    return e == ERR_OK ? check_whole(m, ret) : e;
}

enum err yaml_manifest_parse(const char *text, size_t size, const char *file, struct manifest *ret,
                             char why[MANIFEST_WHY_SIZE])
{
    struct manifest manifest = {0};
    struct yaml_marks marks = {.file = file, .why = why, .why_size = MANIFEST_WHY_SIZE};

    if (size > MANIFEST_BYTES_MAX) {
        return yaml_marks_fault_line(&marks, 1, YAML_MARKS_NONE, NULL, ERR_LIMIT,
                                     "%zu bytes, expected at most %d", size, MANIFEST_BYTES_MAX);
    }
    enum err e = yaml_marks_read(text, size, file, why, MANIFEST_WHY_SIZE, &marks);
    if (e == ERR_OK) {
        e = read_tree(&marks, &manifest);
    }
    yaml_marks_fini(&marks);
    if (e != ERR_OK) {
        manifest_fini(&manifest); /* half of it may be filled */
        return e;
    }
    *ret = manifest;
    return ERR_OK;
}
