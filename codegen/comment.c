#include "codegen/comment.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/pbwire.h"

enum {
    INFO_LOCATION = 1,
    LOCATION_PATH = 1,
    LOCATION_LEADING = 3,
    LOCATION_TRAILING = 4,
};

struct codegen_comment {
    const uint32_t *path;
    size_t depth;
    const char *text; /* borrowed */
    size_t len;
};

void codegen_comment_init(struct codegen_comments *c)
{
    *c = (struct codegen_comments){0};
}

static int compare(const void *a, const void *b)
{
    const struct codegen_comment *x = a, *y = b;

    for (size_t i = 0; i < x->depth && i < y->depth; i++) {
        if (x->path[i] != y->path[i]) {
            return x->path[i] < y->path[i] ? -1 : 1;
        }
    }
    return (x->depth > y->depth) - (x->depth < y->depth);
}

/* A packed path; 0 in *depth: none, or too deep. false: not well-formed. */
static bool read_path(const struct pbwire_field *f, uint32_t path[CODEGEN_COMMENT_PATH_MAX], size_t *depth)
{
    struct pbwire w = pbwire_over(f->data, f->size);
    uint64_t value;

    *depth = 0;
    while (w.at < w.end) {
        if (!pbwire_varint(&w, &value)) {
            return false;
        }
        if (*depth == CODEGEN_COMMENT_PATH_MAX) {
            *depth = 0;
            return true;
        }
        path[(*depth)++] = (uint32_t)value;
    }
    return true;
}

static enum err read_location(struct codegen_comments *c, const struct pbwire_field *field, struct arena *arena)
{
    struct pbwire w = pbwire_over(field->data, field->size);
    uint32_t path[CODEGEN_COMMENT_PATH_MAX];
    struct codegen_comment found = {0};
    struct pbwire_field f;
    bool is_leading = false;

    while (w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return ERR_MALFORMED;
        }
        if (f.type != PBWIRE_BYTES) {
            continue;
        }
        if (f.number == LOCATION_PATH && !read_path(&f, path, &found.depth)) {
            return ERR_MALFORMED;
        }
        if ((f.number == LOCATION_LEADING || (f.number == LOCATION_TRAILING && !is_leading)) && f.size > 0) {
            found.text = (const char *)f.data;
            found.len = f.size;
            is_leading = f.number == LOCATION_LEADING;
        }
    }
    if (found.len == 0 || found.depth == 0 || c->count == CODEGEN_SCHEMA_ITEMS_MAX) {
        return ERR_OK;
    }
    uint32_t *kept = arena_alloc(arena, found.depth * sizeof *kept);
    struct codegen_comment *at = kept != NULL ? codegen_schema_grow(arena, (void **)&c->items, &c->count, &c->room, sizeof *at) : NULL;
    if (at == NULL) {
        return ERR_NOMEM;
    }
    memcpy(kept, path, found.depth * sizeof *kept);
    found.path = kept;
    *at = found;
    return ERR_OK;
}

enum err codegen_comment_read(struct codegen_comments *c, const uint8_t *data, size_t size, struct arena *arena)
{
    struct pbwire w = pbwire_over(data, size);
    struct pbwire_field f;
    enum err e = ERR_OK;

    while (e == ERR_OK && w.at < w.end) {
        if (!pbwire_next(&w, &f)) {
            return ERR_MALFORMED;
        }
        if (f.number == INFO_LOCATION && f.type == PBWIRE_BYTES) {
            e = read_location(c, &f, arena);
        }
    }
    if (c->count > 1) {
        qsort(c->items, c->count, sizeof *c->items, compare);
    }
    return e;
}

const char *codegen_comment_at(const struct codegen_comments *c, const uint32_t *path, size_t depth, struct codegen_schema *s)
{
    struct codegen_comment key = {.path = path, .depth = depth};
    const struct codegen_comment *found = c->count > 0 ? bsearch(&key, c->items, c->count, sizeof key, compare) : NULL;

    if (found == NULL || !bytes_is_utf8((const uint8_t *)found->text, found->len)) {
        return "";
    }
    const char *begin = found->text, *end = begin + found->len;

    while (begin < end && strchr(" \t\r\n", *begin) != NULL) {
        begin++;
    }
    if (end - begin > CODEGEN_SCHEMA_DOC_MAX) {
        end = begin + CODEGEN_SCHEMA_DOC_MAX;
        while (((uint8_t)*end & 0xc0) == 0x80) { /* the middle of a character */
            end--;
        }
    }
    while (begin < end && strchr(" \t\r\n", end[-1]) != NULL) {
        end--;
    }
    return codegen_schema_text(s, begin, (size_t)(end - begin));
}
