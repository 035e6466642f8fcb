#include "cli/paint.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <protobuf-c/protobuf-c.h>

#include "common/base/bytes.h"
#include "common/base/macros.h"

enum {
    ESCAPED_LEN = 4,   /* \xNN                                       */
    CELL_SIZE = 1024,  /* of one formatted entry; longer ones are cut */
    ROOM_FIRST = 256,
    GAP = 2, /* blanks between columns */
};

/* Bytes of the character at text[0..left) that may be shown as it is; 0: escape one byte. */
static size_t shown_len(const char *text, size_t left)
{
    uint8_t c = (uint8_t)*text;
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (len == 1) {
        return c >= 0x20 && c != 0x7f ? 1 : 0;
    }
    if (len > left || !bytes_is_utf8((const uint8_t *)text, len)) {
        return 0;
    }
    uint8_t second = (uint8_t)text[1];
    if (c == 0xc2 && second < 0xa0) {
        return 0; /* C1: 0x9b is another way to write ESC [ */
    }
    if (c == 0xe2 && (second == 0x80 || second == 0x81)) {
        uint8_t third = (uint8_t)text[2];

        /* U+2028 to U+202E and U+2066 to U+2069 break or reorder the line (UAX #9). */
        if ((second == 0x80 && third >= 0xa8 && third <= 0xae) ||
            (second == 0x81 && third >= 0xa6 && third <= 0xa9)) {
            return 0;
        }
    }
    return len;
}

char *cli_paint_text(const char *text, size_t len)
{
    char *out = malloc(len * ESCAPED_LEN + 1), *at = out;

    if (out == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < len;) {
        size_t n = shown_len(text + i, len - i);

        if (n == 0) {
            at += snprintf(at, ESCAPED_LEN + 1, "\\x%02x", (uint8_t)text[i]);
            i++;
        } else {
            memcpy(at, text + i, n);
            at += n;
            i += n;
        }
    }
    *at = '\0';
    return out;
}

char *cli_paint_line(const char *text)
{
    return cli_paint_text(text, strlen(text));
}

static void make_plain(char *text)
{
    for (size_t left = strlen(text), n; left > 0; text += n, left -= n) {
        n = shown_len(text, left);
        if (n == 0) {
            *text = '?';
            n = 1;
        }
    }
}

static void make_field_plain(const ProtobufCFieldDescriptor *f, void *value)
{
    if (f->type == PROTOBUF_C_TYPE_STRING && *(char **)value != NULL) {
        make_plain(*(char **)value);
    } else if (f->type == PROTOBUF_C_TYPE_MESSAGE && *(ProtobufCMessage **)value != NULL) {
        cli_paint_message(*(ProtobufCMessage **)value);
    }
}

/* As deep as a message is nested: unpack.h bounds that. */
void cli_paint_message(ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];
        char *at = (char *)message + f->offset;
        const void *quantifier = (char *)message + f->quantifier_offset;

        if (f->label == PROTOBUF_C_LABEL_REPEATED && (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE)) {
            for (size_t k = 0; k < *(const size_t *)quantifier; k++) {
                make_field_plain(f, *(void ***)at + k);
            }
        } else if (f->label != PROTOBUF_C_LABEL_REPEATED &&
                   ((f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0 || *(const uint32_t *)quantifier == f->id)) {
            make_field_plain(f, at);
        }
    }
}

void cli_paint_value(const char *text, size_t len)
{
    if (isatty(STDOUT_FILENO) == 0) {
        (void)fwrite(text, 1, len, stdout);
        return;
    }
    for (size_t done = 0; done < len;) {
        const char *end = memchr(text + done, '\n', len - done);
        size_t line = end == NULL ? len - done : (size_t)(end - text) - done;
        AUTO_FREE char *shown = cli_paint_text(text + done, line);
        fputs(shown != NULL ? shown : "", stdout);
        done += line + (end != NULL);
        if (end != NULL) {
            putchar('\n');
        }
    }
}

const char *cli_paint_on(bool is_colored, enum cli_paint_style style)
{
    if (!is_colored) {
        return "";
    }
    switch (style) {
    case CLI_PAINT_PLAIN: return "";
    case CLI_PAINT_GOOD: return "\x1b[32m";
    case CLI_PAINT_WARN: return "\x1b[33m";
    case CLI_PAINT_BAD: return "\x1b[31m";
    case CLI_PAINT_DIM: return "\x1b[2m";
    case CLI_PAINT_BOLD: return "\x1b[1m";
    }
    return "";
}

const char *cli_paint_off(bool is_colored, enum cli_paint_style style)
{
    return is_colored && style != CLI_PAINT_PLAIN ? "\x1b[0m" : "";
}

void cli_paint_put(bool is_colored, enum cli_paint_style style, const char *text)
{
    AUTO_FREE char *shown = cli_paint_line(text);

    printf("%s%s%s", cli_paint_on(is_colored, style), shown != NULL ? shown : "",
           cli_paint_off(is_colored, style));
}

size_t cli_paint_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((uint8_t)*text & 0xc0) != 0x80; /* count first bytes only */
    }
    return width;
}

/* ---- tables --------------------------------------------------------------------------------- */

void cli_paint_table_init(struct cli_paint_table *t, const char *const *heads, size_t columns)
{
    assert(columns > 0 && columns <= CLI_PAINT_COLUMNS_MAX);
    *t = (struct cli_paint_table){.columns = columns, .heads = heads};
}

void cli_paint_table_fini(struct cli_paint_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->cells[i].text);
    }
    free(t->cells);
    t->cells = NULL;
    t->count = 0;
}

void cli_paint_table_add(struct cli_paint_table *t, enum cli_paint_style style, const char *text)
{
    if (t->count == t->room) {
        size_t room = t->room == 0 ? ROOM_FIRST : t->room * 2;
        struct cli_paint_cell *cells = realloc(t->cells, room * sizeof *cells);

        if (cells == NULL) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->room = room;
    }
    char *shown = cli_paint_line(text);
    if (shown == NULL) {
        t->failed = true;
        return;
    }
    t->cells[t->count++] = (struct cli_paint_cell){shown, style};
}

void cli_paint_table_addf(struct cli_paint_table *t, enum cli_paint_style style,
                          const char *format, ...)
{
    char text[CELL_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cli_paint_table_add(t, style, text);
}

static bool is_right(const char *head)
{
    return *head == '>';
}

static const char *head_text(const char *head)
{
    return head + is_right(head);
}

static void measure(const struct cli_paint_table *t, size_t width[CLI_PAINT_COLUMNS_MAX])
{
    for (size_t c = 0; c < t->columns; c++) {
        width[c] = cli_paint_width(head_text(t->heads[c]));
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t w = cli_paint_width(t->cells[i].text);

        if (w > width[i % t->columns]) {
            width[i % t->columns] = w;
        }
    }
}

/* One entry, padded by hand: printf would count bytes and colour codes as columns. *blanks are owed
 * to the line and only printed when something follows, so no line ends in them. */
static void print_cell(const struct cli_paint_table *t, size_t column, size_t width,
                       enum cli_paint_style style, const char *text, bool is_colored, int *blanks)
{
    int pad = (int)(width - cli_paint_width(text));
    bool pads_left = is_right(t->heads[column]);

    if (*text != '\0') {
        printf("%*s%s%s%s", *blanks + (pads_left ? pad : 0), "", cli_paint_on(is_colored, style), text,
               cli_paint_off(is_colored, style));
        *blanks = pads_left ? 0 : pad;
    } else {
        *blanks += pad;
    }
    *blanks += GAP;
    if (column + 1 == t->columns) {
        putchar('\n');
        *blanks = 0;
    }
}

bool cli_paint_table_print(struct cli_paint_table *t, bool is_colored)
{
    size_t width[CLI_PAINT_COLUMNS_MAX];
    int blanks = 0;

    if (t->failed) {
        return false;
    }
    assert(t->count % t->columns == 0);
    measure(t, width);
    for (size_t c = 0; c < t->columns; c++) {
        print_cell(t, c, width[c], CLI_PAINT_BOLD, head_text(t->heads[c]), is_colored, &blanks);
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t c = i % t->columns;

        print_cell(t, c, width[c], t->cells[i].style, t->cells[i].text, is_colored, &blanks);
    }
    return true;
}
