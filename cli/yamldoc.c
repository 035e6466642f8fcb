#include "cli/yamldoc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "common/base/bytes.h"

/* ---- errors --------------------------------------------------------------------------------- */

static enum err refuse(char *why, enum err e, const yaml_mark_t *mark, const char *what)
{
    struct bytes_text text;

    bytes_text_init(&text, why, CLI_YAMLDOC_WHY_SIZE);
    bytes_text_add(&text, "line %zu: ", mark->line + 1);
    bytes_text_add_escaped(&text, what, strlen(what));
    return e;
}

static enum err parser_error(const yaml_parser_t *p, char *why)
{
    if (p->error == YAML_MEMORY_ERROR) {
        snprintf(why, CLI_YAMLDOC_WHY_SIZE, "out of memory");
        return ERR_NOMEM;
    }
    /* A reader error has no mark, only an offset. */
    return refuse(why, ERR_MALFORMED, &p->problem_mark,
                  p->problem != NULL ? p->problem : "not YAML");
}

/* ---- scalars -------------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

/* [-+]?[0-9]+, 0x…, 0o… (YAML 1.2, section 10.3.2). false: it is something else, or too large. */
static bool as_integer(const char *text, json_int_t *ret)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool is_hex = strncmp(text, "0x", 2) == 0, is_octal = strncmp(text, "0o", 2) == 0;
    const char *alphabet = is_hex ? "0123456789abcdefABCDEF" : is_octal ? "01234567" : "0123456789";
    int base = is_hex ? 16 : is_octal ? 8 : 10;
    char *end;

    digits = is_hex || is_octal ? text + 2 : digits;
    if (*digits == '\0' || digits[strspn(digits, alphabet)] != '\0') {
        return false;
    }
    errno = 0;
    *ret = strtoll(base == 10 ? text : digits, &end, base);
    return errno == 0;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?, with a dot or an exponent in it. */
static bool as_real(const char *text, double *ret)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t whole = strspn(at, "0123456789");
    char *end;

    if (text[strspn(text, "0123456789+-.eE")] != '\0' || strpbrk(text, ".eE") == NULL ||
        (whole == 0 && (at[0] != '.' || at[1] < '0' || at[1] > '9'))) {
        return false;
    }
    *ret = strtod(text, &end);
    return *end == '\0' && *ret - *ret == 0; /* finite */
}

static json_t *plain_scalar(const char *text, size_t len)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    json_int_t integer;
    double real;

    if (is_one_of(text, nulls)) {
        return json_null();
    }
    if (is_one_of(text, yes) || is_one_of(text, no)) {
        return json_boolean(is_one_of(text, yes));
    }
    if (as_integer(text, &integer)) {
        return json_integer(integer);
    }
    return as_real(text, &real) ? json_real(real) : json_stringn(text, len);
}

static enum err scalar(const yaml_event_t *event, json_t **ret, char *why)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    const char *tag = (const char *)event->data.scalar.tag;
    bool is_text = tag != NULL && strcmp(tag, YAML_STR_TAG) == 0;

    if (tag != NULL && !is_text) {
        return refuse(why, ERR_MALFORMED, &event->start_mark, "tags other than !!str are not read");
    }
    if (strlen(text) != len) {
        return refuse(why, ERR_MALFORMED, &event->start_mark, "a value holds a NUL byte");
    }
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !is_text;
    *ret = is_plain ? plain_scalar(text, len) : json_stringn(text, len);
    return *ret != NULL ? ERR_OK : refuse(why, ERR_NOMEM, &event->start_mark, "out of memory");
}

/* ---- to JSON -------------------------------------------------------------------------------- */

/* The collections that are open, and the key that waits for its value. */
struct reader {
    yaml_parser_t parser;
    json_t *open[CLI_YAMLDOC_DEPTH_MAX];
    char *key[CLI_YAMLDOC_DEPTH_MAX]; /* of an open mapping; NULL: the next scalar is a key */
    size_t depth;
    size_t nodes;
    json_t *root; /* owned; the open ones are inside it */
    char *why;
};

static bool wants_key(const struct reader *r)
{
    return r->depth > 0 && json_is_object(r->open[r->depth - 1]) && r->key[r->depth - 1] == NULL;
}

/* Put a value where the document is. Takes it whatever happens. */
static enum err place(struct reader *r, json_t *value, const yaml_event_t *event)
{
    int failed;

    if (++r->nodes > CLI_YAMLDOC_NODES_MAX) {
        json_decref(value);
        return refuse(r->why, ERR_LIMIT, &event->start_mark, "more than 100000 values");
    }
    if (r->depth == 0) {
        r->root = value;
        return ERR_OK;
    }
    json_t *parent = r->open[r->depth - 1];
    if (json_is_array(parent)) {
        failed = json_array_append_new(parent, value);
    } else {
        AUTO_FREE char *key = take_ptr(&r->key[r->depth - 1]);

        failed = json_object_set_new(parent, key, value);
    }
    return failed == 0 ? ERR_OK : refuse(r->why, ERR_MALFORMED, &event->start_mark,
                                         "text that is not UTF-8, or no memory");
}

static enum err take_key(struct reader *r, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;

    if (strlen(text) != event->data.scalar.length) {
        return refuse(r->why, ERR_MALFORMED, &event->start_mark, "a key holds a NUL byte");
    }
    if (json_object_get(r->open[r->depth - 1], text) != NULL) {
        return refuse(r->why, ERR_MALFORMED, &event->start_mark, "a key appears twice");
    }
    r->key[r->depth - 1] = strdup(text);
    return r->key[r->depth - 1] != NULL
               ? ERR_OK : refuse(r->why, ERR_NOMEM, &event->start_mark, "out of memory");
}

static enum err open_collection(struct reader *r, json_t *value, const yaml_event_t *event)
{
    if (value == NULL) {
        return refuse(r->why, ERR_NOMEM, &event->start_mark, "out of memory");
    }
    if (wants_key(r)) {
        json_decref(value);
        return refuse(r->why, ERR_MALFORMED, &event->start_mark, "a key must be a plain value");
    }
    if (r->depth == CLI_YAMLDOC_DEPTH_MAX) {
        json_decref(value);
        return refuse(r->why, ERR_LIMIT, &event->start_mark, "more than 100 levels deep");
    }
    enum err e = place(r, value, event);
    if (e == ERR_OK) {
        r->open[r->depth++] = value;
    }
    return e;
}

static enum err read_scalar(struct reader *r, const yaml_event_t *event)
{
    json_t *value;

    if (event->data.scalar.anchor != NULL) {
        return refuse(r->why, ERR_MALFORMED, &event->start_mark, "anchors are not read");
    }
    if (wants_key(r)) {
        return take_key(r, event);
    }
    enum err e = scalar(event, &value, r->why);
    return e == ERR_OK ? place(r, value, event) : e;
}

static enum err read_event(struct reader *r, const yaml_event_t *event, bool *ret_end)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return read_scalar(r, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        if (event->data.mapping_start.anchor != NULL) { /* the same place in both structs */
            return refuse(r->why, ERR_MALFORMED, &event->start_mark, "anchors are not read");
        }
        return open_collection(
            r, event->type == YAML_SEQUENCE_START_EVENT ? json_array() : json_object(), event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: r->depth--; return ERR_OK;
    case YAML_ALIAS_EVENT:
        return refuse(r->why, ERR_MALFORMED, &event->start_mark, "aliases are not read");
    case YAML_DOCUMENT_START_EVENT:
        return r->root == NULL ? ERR_OK
                               : refuse(r->why, ERR_MALFORMED, &event->start_mark,
                                        "more than one document");
    case YAML_STREAM_END_EVENT: *ret_end = true; return ERR_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: return ERR_OK;
    }
    return ERR_OK;
}

static enum err read_all(struct reader *r)
{
    bool end = false;
    enum err e = ERR_OK;

    while (e == ERR_OK && !end) {
        yaml_event_t event;

        if (yaml_parser_parse(&r->parser, &event) == 0) {
            return parser_error(&r->parser, r->why);
        }
        e = read_event(r, &event, &end);
        yaml_event_delete(&event);
    }
    return e;
}

enum err cli_yamldoc_parse(const char *text, size_t size, json_t **ret, char why[CLI_YAMLDOC_WHY_SIZE])
{
    AUTO_FREE struct reader *r = calloc(1, sizeof *r);

    if (size > CLI_YAMLDOC_BYTES_MAX) {
        snprintf(why, CLI_YAMLDOC_WHY_SIZE, "larger than 1 MiB");
        return ERR_LIMIT;
    }
    if (r == NULL || yaml_parser_initialize(&r->parser) == 0) {
        snprintf(why, CLI_YAMLDOC_WHY_SIZE, "out of memory");
        return ERR_NOMEM;
    }
    r->why = why;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, size);
    enum err e = read_all(r);
    yaml_parser_delete(&r->parser);
    for (size_t i = 0; i < CLI_YAMLDOC_DEPTH_MAX; i++) {
        free(r->key[i]);
    }
    if (e != ERR_OK) {
        json_decref(r->root);
        return e;
    }
    *ret = r->root != NULL ? r->root : json_null(); /* an empty document */
    return ERR_OK;
}

/* ---- another namespace ----------------------------------------------------------------------- */

enum {
    DEPTH_ROOT = 1,  /* inside the document's mapping     */
    DEPTH_CELLS = 2, /* inside the list "cells"           */
    DEPTH_CELL = 3,  /* inside one cell's mapping         */
};

/* A manifest on its way from the parser to the emitter. */
struct respacer {
    yaml_parser_t parser;
    yaml_emitter_t emitter;
    const char *space;
    size_t depth;
    bool in_cells;    /* the list below the key "cells"                     */
    bool at_key;      /* in the mapping at DEPTH_ROOT or DEPTH_CELL         */
    size_t skip;      /* > 0: inside the value of an old "namespace"        */
    bool skip_value;  /* the next node is that value                        */
    char *out;
    size_t len;
    size_t room;
};

static int write_out(void *context, unsigned char *data, size_t size)
{
    struct respacer *r = context;

    if (r->len + size + 1 > r->room) {
        size_t room = (r->len + size + 1) * 2;
        char *out = realloc(r->out, room);

        if (out == NULL) {
            return 0;
        }
        r->out = out;
        r->room = room;
    }
    memcpy(r->out + r->len, data, size);
    r->len += size;
    r->out[r->len] = '\0';
    return 1;
}

static bool emit_text(struct respacer *r, const char *text)
{
    yaml_event_t event;

    return yaml_scalar_event_initialize(&event, NULL, NULL, (yaml_char_t *)text, (int)strlen(text), 1,
                                        1, YAML_PLAIN_SCALAR_STYLE) != 0 &&
           yaml_emitter_emit(&r->emitter, &event) != 0;
}

static bool is_key(const struct respacer *r, const yaml_event_t *event, size_t depth,
                   const char *name)
{
    return event->type == YAML_SCALAR_EVENT && r->depth == depth && r->at_key &&
           strcmp((const char *)event->data.scalar.value, name) == 0;
}

static int nesting(const yaml_event_t *event)
{
    bool opens = event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    bool closes = event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT;

    return opens ? 1 : closes ? -1 : 0;
}

/* Whether the event belongs to an old namespace entry and is left out. */
static bool left_out(struct respacer *r, const yaml_event_t *event)
{
    if (r->skip > 0 || r->skip_value) {
        r->skip_value = false;
        r->skip += (size_t)nesting(event);
        if (r->skip == 0) {
            r->at_key = true;
        }
        return true;
    }
    if (r->in_cells && is_key(r, event, DEPTH_CELL, "namespace")) {
        r->skip_value = true;
        return true;
    }
    return false;
}

/* Keep track of where the event leads; what it is was decided before. */
static void move(struct respacer *r, const yaml_event_t *event)
{
    int step = nesting(event);
    bool in_mapping = r->depth == DEPTH_ROOT || (r->depth == DEPTH_CELL && r->in_cells);

    if (is_key(r, event, DEPTH_ROOT, "cells")) {
        r->in_cells = true;
    } else if (r->depth == DEPTH_ROOT && r->at_key && step == 0) {
        r->in_cells = false;
    }
    if (in_mapping && (event->type == YAML_SCALAR_EVENT || event->type == YAML_ALIAS_EVENT)) {
        r->at_key = !r->at_key;
    }
    r->depth += (size_t)step;
    /* Behind an opening bracket a key comes first, behind a closed value again one. */
    if (step != 0) {
        r->at_key = true;
    }
}

static bool pass(struct respacer *r, yaml_event_t *event)
{
    bool opens_cell = event->type == YAML_MAPPING_START_EVENT && r->depth == DEPTH_CELLS &&
                      r->in_cells;

    move(r, event);
    /* The emitter frees the event, also when it fails. */
    return yaml_emitter_emit(&r->emitter, event) != 0 &&
           (!opens_cell || (emit_text(r, "namespace") && emit_text(r, r->space)));
}

static enum err respace_all(struct respacer *r, char *why)
{
    bool end = false;

    while (!end) {
        yaml_event_t event;

        if (yaml_parser_parse(&r->parser, &event) == 0) {
            return parser_error(&r->parser, why);
        }
        end = event.type == YAML_STREAM_END_EVENT;
        if (left_out(r, &event)) {
            yaml_event_delete(&event);
        } else if (!pass(r, &event)) {
            snprintf(why, CLI_YAMLDOC_WHY_SIZE, "out of memory");
            return ERR_NOMEM;
        }
    }
    return ERR_OK;
}

enum err cli_yamldoc_respace(const char *text, size_t size, const char *space, char **ret,
                          char why[CLI_YAMLDOC_WHY_SIZE])
{
    AUTO_FREE struct respacer *r = calloc(1, sizeof *r);

    if (r == NULL || yaml_parser_initialize(&r->parser) == 0) {
        snprintf(why, CLI_YAMLDOC_WHY_SIZE, "out of memory");
        return ERR_NOMEM;
    }
    if (yaml_emitter_initialize(&r->emitter) == 0) {
        yaml_parser_delete(&r->parser);
        snprintf(why, CLI_YAMLDOC_WHY_SIZE, "out of memory");
        return ERR_NOMEM;
    }
    r->space = space;
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, size);
    yaml_emitter_set_output(&r->emitter, write_out, r);
    yaml_emitter_set_width(&r->emitter, -1);
    yaml_emitter_set_unicode(&r->emitter, 1);
    enum err e = respace_all(r, why);
    yaml_emitter_delete(&r->emitter);
    yaml_parser_delete(&r->parser);
    if (e != ERR_OK || r->out == NULL) {
        free(r->out);
        return e != ERR_OK ? e : ERR_MALFORMED;
    }
    *ret = r->out;
    return ERR_OK;
}
