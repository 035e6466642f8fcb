/* One form for every value. What a YAML reader may distinguish is kept (7 and "7"), what none does
 * goes (order of keys, comments, quotes around words). The test of it: what is written here, read
 * and written again, is the same text; the fuzzer tries that with everything it can think of. */
#include "nucleus/yaml_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct writer {
    const struct yaml_marks *m;
    enum yaml_text_form form;
    yaml_emitter_t emitter;
    char *text;
    size_t len;
    size_t room;
    size_t limit;
    bool is_too_long;
};

/* libyaml's write handler: 1 goes on, 0 ends the writing at once. */
static int append(void *context, unsigned char *bytes, size_t size)
{
    struct writer *w = context;

    if (size > w->limit - w->len) {
        w->is_too_long = true;
        return 0;
    }
    if (w->len + size + 1 > w->room) {
        size_t room = 2 * (w->len + size + 1);
        char *bigger = realloc(w->text, room);
        if (bigger == NULL) {
            return 0;
        }
        w->text = bigger;
        w->room = room;
    }
    memcpy(w->text + w->len, bytes, size);
    w->len += size;
    w->text[w->len] = '\0';
    return 1;
}

/* The emitter takes the event over whatever happens. */
static bool put(struct writer *w, yaml_event_t *event, int is_made)
{
    return is_made != 0 && yaml_emitter_emit(&w->emitter, event) != 0;
}

/* Readers differ in which spellings of case they accept; all are taken for typed. */
static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a scalar without quotes may be something else than a text to some reader (YAML 1.1
 * and 1.2: truth, nothing, numbers, times, merge keys). Wide on purpose: what is taken for typed
 * keeps its form. The emitter never quotes any of these, so the form is kept. */
static bool is_typed(const char *text)
{
    static const char *const words[] = {"true", "false", "yes",   "no",    "on",   "off",
                                        "y",    "n",     "t",     "f",     "~",    "<<",
                                        "=",    ".inf",  "+.inf", "-.inf", ".nan", "null"};
    static const char letters[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+-.: ";
    const char *digit = text + (text[0] == '+' || text[0] == '-');

    digit += digit[0] == '.';
    return is_one_of(text, words, ARRAY_LEN(words)) ||
           (digit[0] >= '0' && digit[0] <= '9' && text[strspn(text, letters)] == '\0' &&
            text[strlen(text) - 1] != ':'); /* of a key in brackets, [1:: x]: a text */
}

/* Line breaks of YAML 1.1, tabs too. */
static bool has_break(const char *text)
{
    return strpbrk(text, "\n\r\t") != NULL || strstr(text, "\xc2\x85") != NULL ||
           strstr(text, "\xe2\x80\xa8") != NULL || strstr(text, "\xe2\x80\xa9") != NULL;
}

/* Whether a text looks like one without quotes: then it goes without, where the emitter agrees.
 * Line breaks only ever go as escapes: the emitter's other ways to keep them are less plain. */
static bool is_plain_text(const char *text)
{
    bool is_letter = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z') ||
                     (unsigned char)text[0] >= 0x80;

    return (is_letter || text[0] == '/') && !is_typed(text) && !has_break(text);
}

/* Plain or in double quotes. Asked for plain, the emitter may still choose single quotes (": " or "
 * #" inside); that choice depends on the text alone. */
static bool put_scalar(struct writer *w, const char *text, bool is_plain)
{
    bool is_bare = w->form == YAML_TEXT_CONFIG &&
                   ((is_plain && is_typed(text)) || is_plain_text(text));
    yaml_event_t event;

    return put(w, &event,
               yaml_scalar_event_initialize(
                   &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
                   is_bare ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE));
}

static int by_key(const void *a, const void *b, void *context)
{
    const struct yaml_marks *m = context;

    return strcmp(yaml_marks_key(m, *(const uint32_t *)a), yaml_marks_key(m, *(const uint32_t *)b));
}

/* The children of `node`, sorted by key where the form says so; NULL without memory. */
static uint32_t *children(const struct writer *w, uint32_t node)
{
    const struct yaml_marks_node *n = yaml_marks_at(w->m, node);
    uint32_t *child = malloc((n->count + (size_t)1) * sizeof *child);
    uint32_t i = 0;

    if (child == NULL) {
        return NULL;
    }
    for (uint32_t c = n->first; c != YAML_MARKS_NONE; c = yaml_marks_at(w->m, c)->next) {
        child[i++] = c;
    }
    assert(i == n->count);
    if (n->kind == YAML_MARKS_MAP && w->form == YAML_TEXT_CONFIG && i > 1) {
        qsort_r(child, i, sizeof *child, by_key, (void *)w->m);
    }
    return child;
}

static bool put_node(struct writer *w, uint32_t node);

/* Children come from one array, not from the list, because of their order. */
static bool put_children(struct writer *w, uint32_t node)
{
    const struct yaml_marks_node *n = yaml_marks_at(w->m, node);
    AUTO_FREE uint32_t *child = children(w, node);
    bool is_good = child != NULL;

    for (uint32_t i = 0; is_good && i < n->count; i++) {
        if (n->kind == YAML_MARKS_MAP) {
            is_good = put_scalar(w, yaml_marks_key(w->m, child[i]),
                                 yaml_marks_at(w->m, child[i])->is_key_plain);
        }
        is_good = is_good && put_node(w, child[i]);
    }
    return is_good;
}

/* Calls itself at most YAML_MARKS_DEPTH_MAX deep. */
static bool put_node(struct writer *w, uint32_t node)
{
    const struct yaml_marks_node *n = yaml_marks_at(w->m, node);
    bool is_hidden = n->is_opaque && w->form == YAML_TEXT_QUOTED;
    yaml_event_t event;

    if (n->kind == YAML_MARKS_LIST && !is_hidden) {
        return put(w, &event,
                   yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                                        YAML_BLOCK_SEQUENCE_STYLE)) &&
               put_children(w, node) && put(w, &event, yaml_sequence_end_event_initialize(&event));
    }
    if (n->kind == YAML_MARKS_MAP || is_hidden) {
        return put(w, &event,
                   yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                                       YAML_BLOCK_MAPPING_STYLE)) &&
               (is_hidden || put_children(w, node)) &&
               put(w, &event, yaml_mapping_end_event_initialize(&event));
    }
    if (yaml_marks_is_null(w->m, node) && w->form == YAML_TEXT_CONFIG) {
        return put_scalar(w, "null", true);
    }
    return put_scalar(w, yaml_marks_text(w->m, node), n->is_plain);
}

/* Without markers and version: the text stands alone. */
static bool put_document(struct writer *w, uint32_t node)
{
    yaml_event_t event;

    return put(w, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           put(w, &event, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1)) &&
           put_node(w, node) && put(w, &event, yaml_document_end_event_initialize(&event, 1)) &&
           put(w, &event, yaml_stream_end_event_initialize(&event)) &&
           yaml_emitter_flush(&w->emitter) != 0;
}

enum err yaml_text_emit(const struct yaml_marks *m, uint32_t node, enum yaml_text_form form,
                        size_t limit, char **ret, size_t *ret_len)
{
    struct writer w = {.m = m, .form = form, .limit = limit};

    if (yaml_emitter_initialize(&w.emitter) == 0) {
        return ERR_NOMEM;
    }
    yaml_emitter_set_output(&w.emitter, append, &w);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, -1); /* never fold a line */
    bool is_good = put_document(&w, node);
    yaml_emitter_delete(&w.emitter);
    if (!is_good) {
        free(w.text);
        return w.is_too_long ? ERR_LIMIT : ERR_NOMEM;
    }
    assert(w.text != NULL && strlen(w.text) == w.len);
    *ret = w.text;
    *ret_len = w.len;
    return ERR_OK;
}
