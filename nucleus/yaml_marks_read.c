/* The one place where libyaml meets text that came from outside. It is pulled event by event, so
 * what is refused here (depth, number, anchors) costs no more than the text up to that point.
 * libcyaml sees none of this text: it gets what yaml_text.h writes of the accepted tree. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/base/bytes.h"
#include "nucleus/yaml_marks.h"

struct reader {
    struct yaml_marks *m;
    yaml_parser_t parser;
    uint32_t open[YAML_MARKS_DEPTH_MAX]; /* lists and mappings we are in, outermost first */
    uint32_t last[YAML_MARKS_DEPTH_MAX]; /* their last children so far                    */
    uint32_t depth;
    uint32_t key; /* of the value that comes next, YAML_MARKS_NONE: none */
    uint32_t key_line;
    bool is_key_plain;
    bool has_document;
};

/* Refuse what stands in `line`, below the innermost open node and the pending key. */
#define REFUSE(r, line, e, ...)                                                                    \
    yaml_marks_fault_line(                                                                         \
        (r)->m, line, (r)->depth > 0 ? (r)->open[(r)->depth - 1] : YAML_MARKS_NONE,                \
        (r)->key != YAML_MARKS_NONE ? (r)->m->pool + (r)->key : NULL, e, __VA_ARGS__)

/* No line is to blame. */
static enum err no_memory(struct yaml_marks *m)
{
    return yaml_marks_fault_line(m, 1, YAML_MARKS_NONE, NULL, ERR_NOMEM, "out of memory");
}

/* Room for `more` items of `size` bytes behind `used`; *room in items, at least doubled. */
static void *grow(void *at, uint32_t used, uint32_t *room, size_t more, size_t size)
{
    if (used + more <= *room) {
        return at;
    }
    size_t wanted = *room * (size_t)2 > used + more ? *room * (size_t)2 : used + more + 64;
    void *bigger = realloc(at, wanted * size);
    if (bigger != NULL) {
        *room = (uint32_t)wanted;
    }
    return bigger;
}

/* Keep a terminated copy of a key or scalar; *ret is its place in the pool. */
static enum err keep_text(struct reader *r, const yaml_event_t *event, uint32_t *ret)
{
    struct yaml_marks *m = r->m;
    size_t len = event->data.scalar.length;
    uint32_t line = (uint32_t)event->start_mark.line + 1;

    /* By the escape \0; in a C string it would hide what follows it. */
    if (memchr(event->data.scalar.value, '\0', len) != NULL) {
        return REFUSE(r, line, ERR_MALFORMED, "a NUL in a text, expected none");
    }
    char *pool = grow(m->pool, m->pool_used, &m->pool_room, len + 1, 1);
    if (pool == NULL) {
        return no_memory(m);
    }
    m->pool = pool;
    memcpy(pool + m->pool_used, event->data.scalar.value, len);
    pool[m->pool_used + len] = '\0';
    *ret = m->pool_used;
    m->pool_used += (uint32_t)len + 1;
    return ERR_OK;
}

/* Append a node to the innermost open one; *ret is its index. */
static enum err add_node(struct reader *r, enum yaml_marks_kind kind, uint32_t line, uint32_t *ret)
{
    struct yaml_marks *m = r->m;

    if (m->count == YAML_MARKS_NODES_MAX) {
        return REFUSE(r, line, ERR_LIMIT, "more than %d values, expected fewer",
                      YAML_MARKS_NODES_MAX);
    }
    struct yaml_marks_node *nodes = grow(m->nodes, m->count, &m->room, 1, sizeof *nodes);
    if (nodes == NULL) {
        return no_memory(m);
    }
    m->nodes = nodes;
    uint32_t parent = r->depth > 0 ? r->open[r->depth - 1] : YAML_MARKS_NONE;
    nodes[m->count] = (struct yaml_marks_node){
        .kind = kind,
        .line = r->key != YAML_MARKS_NONE ? r->key_line : line,
        .is_key_plain = r->is_key_plain,
        .parent = parent,
        .first = YAML_MARKS_NONE,
        .next = YAML_MARKS_NONE,
        .key = r->key,
        .text = YAML_MARKS_NONE,
    };
    if (parent != YAML_MARKS_NONE) {
        uint32_t *link = nodes[parent].count == 0 ? &nodes[parent].first
                                                  : &nodes[r->last[r->depth - 1]].next;
        assert(*link == YAML_MARKS_NONE);
        *link = m->count;
        nodes[m->count].place = nodes[parent].count++;
        r->last[r->depth - 1] = m->count;
    }
    r->key = YAML_MARKS_NONE;
    *ret = m->count++;
    return ERR_OK;
}

/* Mappings alternate: a scalar is a key when no key is pending. */
static bool wants_key(const struct reader *r)
{
    return r->depth > 0 && r->key == YAML_MARKS_NONE &&
           r->m->nodes[r->open[r->depth - 1]].kind == YAML_MARKS_MAP;
}

/* A key is kept until its value comes and then goes into the value's node: keys have none. */
static enum err on_scalar(struct reader *r, const yaml_event_t *event)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    uint32_t text = 0, node = YAML_MARKS_NONE;

    if (wants_key(r) && event->data.scalar.length == 0) {
        return REFUSE(r, line, ERR_MALFORMED, "an empty key, expected a name before the colon");
    }
    enum err e = keep_text(r, event, &text);
    if (e != ERR_OK) {
        return e;
    }
    if (wants_key(r)) {
        r->key = text;
        r->key_line = line;
        r->is_key_plain = is_plain;
        return ERR_OK;
    }
    e = add_node(r, YAML_MARKS_SCALAR, line, &node);
    if (e == ERR_OK) {
        r->m->nodes[node].text = text;
        r->m->nodes[node].is_plain = is_plain;
    }
    return e;
}

/* The depth is bounded before the node exists: `open` and every walk over the tree rely on it. */
static enum err on_open(struct reader *r, const yaml_event_t *event, enum yaml_marks_kind kind)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;
    uint32_t node = YAML_MARKS_NONE;

    if (wants_key(r)) {
        return REFUSE(r, line, ERR_MALFORMED, "a %s as a key, expected plain text",
                      kind == YAML_MARKS_MAP ? "mapping" : "list");
    }
    if (r->depth == YAML_MARKS_DEPTH_MAX) {
        return REFUSE(r, line, ERR_LIMIT, "nested deeper than %d levels, expected fewer",
                      YAML_MARKS_DEPTH_MAX);
    }
    enum err e = add_node(r, kind, line, &node);
    if (e == ERR_OK) {
        r->open[r->depth++] = node;
    }
    return e;
}

/* Ties by place in the file, so that it is the later twin that is blamed. */
static int by_key(const void *a, const void *b, void *context)
{
    const struct yaml_marks *m = context;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    int order = strcmp(yaml_marks_key(m, left), yaml_marks_key(m, right));

    return order != 0 ? order : left < right ? -1 : 1;
}

/* Sorted, so that a mapping of a hundred thousand keys costs no square of that. */
static enum err refuse_twins(struct yaml_marks *m, uint32_t mapping)
{
    uint32_t count = m->nodes[mapping].count, i = 0;

    if (count < 2) {
        return ERR_OK;
    }
    AUTO_FREE uint32_t *child = malloc(count * sizeof *child);
    if (child == NULL) {
        return no_memory(m);
    }
    for (uint32_t c = m->nodes[mapping].first; c != YAML_MARKS_NONE; c = m->nodes[c].next) {
        child[i++] = c;
    }
    assert(i == count);
    qsort_r(child, count, sizeof *child, by_key, m);
    for (i = 1; i < count; i++) {
        if (strcmp(yaml_marks_key(m, child[i - 1]), yaml_marks_key(m, child[i])) == 0) {
            return yaml_marks_fault(m, child[i], ERR_MALFORMED,
                                    "given twice (before in line %" PRIu32 "), expected once",
                                    m->nodes[child[i - 1]].line);
        }
    }
    return ERR_OK;
}

/* YAML says that keys are unique; libyaml leaves it to its caller, and most callers silently take
 * the last one. A limit that stands twice is a mistake, not a choice. */
static enum err on_close(struct reader *r)
{
    assert(r->depth > 0 && r->key == YAML_MARKS_NONE);
    uint32_t node = r->open[--r->depth];

    return r->m->nodes[node].kind == YAML_MARKS_MAP ? refuse_twins(r->m, node) : ERR_OK;
}

/* A directive could change what the rest means (tags), and a version asks for what may not be kept.
 */
static enum err on_document(struct reader *r, const yaml_event_t *event)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;

    if (r->has_document) {
        return REFUSE(r, line, ERR_MALFORMED, "a second document, expected one");
    }
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end) {
        return REFUSE(r, line, ERR_MALFORMED, "a %% directive, expected none");
    }
    r->has_document = true;
    return ERR_OK;
}

/* Anchors multiply (aliases), tags ask for types: a manifest needs neither. */
static enum err check_plain(struct reader *r, const yaml_event_t *event, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    uint32_t line = (uint32_t)event->start_mark.line + 1;

    if (anchor != NULL) {
        return REFUSE(r, line, ERR_MALFORMED, "an anchor (&), expected none");
    }
    return tag == NULL ? ERR_OK : REFUSE(r, line, ERR_MALFORMED, "a tag (!), expected none");
}

/* No default: libyaml's next kind of event would be a warning here. */
static enum err on_event(struct reader *r, const yaml_event_t *event)
{
    enum err e;

    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return ERR_OK;
    case YAML_DOCUMENT_START_EVENT:
        return on_document(r, event);
    case YAML_ALIAS_EVENT:
        return REFUSE(r, (uint32_t)event->start_mark.line + 1, ERR_MALFORMED,
                      "an alias (*), expected the value itself");
    case YAML_SCALAR_EVENT:
        e = check_plain(r, event, event->data.scalar.anchor, event->data.scalar.tag);
        return e != ERR_OK ? e : on_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
        e = check_plain(r, event, event->data.sequence_start.anchor,
                        event->data.sequence_start.tag);
        return e != ERR_OK ? e : on_open(r, event, YAML_MARKS_LIST);
    case YAML_MAPPING_START_EVENT:
        e = check_plain(r, event, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return e != ERR_OK ? e : on_open(r, event, YAML_MARKS_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(r);
    }
    return ERR_INTERNAL;
}

/* Whether the indentation of that line (from 1) has a tab: the commonest cause, seldom seen. */
static bool has_tab(const char *text, size_t size, uint32_t line)
{
    const char *at = text, *end = text + size;

    while (line > 1 && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        line--;
    }
    while (at != NULL && at < end && *at == ' ') {
        at++;
    }
    return at != NULL && at < end && *at == '\t';
}

/* Put libyaml's complaint into one line. */
static enum err refuse_syntax(struct reader *r, const char *text, size_t size)
{
    const yaml_parser_t *p = &r->parser;
    uint32_t line = (uint32_t)p->problem_mark.line + 1;
    uint32_t begun = (uint32_t)p->context_mark.line + 1;

    if (p->error == YAML_MEMORY_ERROR) {
        return no_memory(r->m);
    }
    if (p->error == YAML_READER_ERROR) { /* has an offset, no mark */
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < size; i++) {
            line += text[i] == '\n';
        }
    } else if (has_tab(text, size, line)) {
        return REFUSE(r, line, ERR_MALFORMED, "a tab in the indentation, expected spaces");
    }
    if (p->context != NULL) {
        return REFUSE(r, line, ERR_MALFORMED,
                      "not YAML: %s, %s of line %" PRIu32 ", expected e.g. name: value", p->problem,
                      p->context, begun);
    }
    return REFUSE(r, line, ERR_MALFORMED, "not YAML: %s, expected e.g. name: value",
                  p->problem != NULL ? p->problem : "unreadable");
}

/* The parser's queue may end in the middle of everything; only STREAM-END says that the text is
 * whole. */
static enum err read_events(struct reader *r, const char *text, size_t size)
{
    bool is_done = false;

    while (!is_done) {
        yaml_event_t event;
        if (yaml_parser_parse(&r->parser, &event) == 0) {
            return refuse_syntax(r, text, size);
        }
        is_done = event.type == YAML_STREAM_END_EVENT;
        enum err e = on_event(r, &event);
        yaml_event_delete(&event);
        if (e != ERR_OK) {
            return e;
        }
    }
    assert(r->depth == 0);
    if (r->m->count == 0) {
        return REFUSE(r, 1, ERR_MALFORMED, "nothing in it, expected a mapping with node and cells");
    }
    return ERR_OK;
}

/* libyaml guesses encodings and lets some sequences through, so this is decided before. */
static enum err check_bytes(struct yaml_marks *m, const char *text, size_t size)
{
    const char *at = text, *end = text + size;

    for (uint32_t line = 1; at < end; line++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop != NULL ? stop : end) - at);
        if (memchr(at, '\0', len) != NULL) {
            return yaml_marks_fault_line(m, line, YAML_MARKS_NONE, NULL, ERR_MALFORMED,
                                         "a NUL byte, expected text in UTF-8");
        }
        if (!bytes_is_utf8((const uint8_t *)at, len)) {
            return yaml_marks_fault_line(m, line, YAML_MARKS_NONE, NULL, ERR_MALFORMED,
                                         "a byte that is not UTF-8, expected text in UTF-8");
        }
        at += len + 1;
    }
    return ERR_OK;
}

enum err yaml_marks_read(const char *text, size_t size, const char *file, char *why,
                         size_t why_size, struct yaml_marks *ret)
{
    *ret = (struct yaml_marks){.file = file, .why = why, .why_size = why_size};
    struct reader r = {.m = ret, .key = YAML_MARKS_NONE};

    assert(size < UINT32_C(1) << 30); /* the pool's offsets; the longest escape grows by half */
    enum err e = check_bytes(ret, text, size);
    if (e != ERR_OK) {
        return e;
    }
    if (yaml_parser_initialize(&r.parser) == 0) {
        return no_memory(ret);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    e = read_events(&r, text, size);
    yaml_parser_delete(&r.parser);
    if (e != ERR_OK) {
        yaml_marks_fini(ret);
    }
    return e;
}
