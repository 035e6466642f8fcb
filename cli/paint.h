/* What appears on a terminal: escaped text, colours, tables. Everything that comes from a cell, a
 * log or a file goes through here before a person sees it. */
#ifndef CELL_CLI_PAINT_H
#define CELL_CLI_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLI_PAINT_COLUMNS_MAX = 16,
};

enum cli_paint_style {
    CLI_PAINT_PLAIN,
    CLI_PAINT_GOOD,
    CLI_PAINT_WARN,
    CLI_PAINT_BAD,
    CLI_PAINT_DIM,
    CLI_PAINT_BOLD,
};

/* A copy of text[0..len) in which nothing acts on a terminal: control characters, also C1, marks
 * that reorder a line and bytes that are not UTF-8 become \xNN. NULL without memory (free it). */
char *cli_paint_text(const char *text, size_t len);

/* The same for a terminated text. */
char *cli_paint_line(const char *text);

struct ProtobufCMessage;

/* The same for all texts of a reply that is printed by printf: what acts on a terminal becomes a '?', in place. */
void cli_paint_message(struct ProtobufCMessage *message);

/* Print escaped text to standard output, in a colour when colours are on. */
void cli_paint_put(bool is_colored, enum cli_paint_style style, const char *text);

/* Print somebody's value to standard output: as it is for a pipe or file, by lines that do nothing to a terminal. */
void cli_paint_value(const char *text, size_t len);

/* The sequences that switch a style on and off; "" when colours are off. */
const char *cli_paint_on(bool is_colored, enum cli_paint_style style);
const char *cli_paint_off(bool is_colored, enum cli_paint_style style);

/* A table whose columns are as wide as their widest entry: names are never cut. */
struct cli_paint_table {
    size_t columns;
    const char *const *heads; /* literals; a head that starts with '>' is right-aligned */
    struct cli_paint_cell {
        char *text; /* escaped */
        enum cli_paint_style style;
    } *cells;
    size_t count;
    size_t room;
    bool failed; /* no memory: the table would be incomplete */
};

/* columns: at most CLI_PAINT_COLUMNS_MAX. */
void cli_paint_table_init(struct cli_paint_table *t, const char *const *heads, size_t columns);
void cli_paint_table_fini(struct cli_paint_table *t);

/* Append the next entry, row by row. */
void cli_paint_table_add(struct cli_paint_table *t, enum cli_paint_style style, const char *text);
void cli_paint_table_addf(struct cli_paint_table *t, enum cli_paint_style style,
                          const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Print it. false: it is incomplete for want of memory and nothing was printed. */
bool cli_paint_table_print(struct cli_paint_table *t, bool is_colored);

/* Characters of a well-formed text, as columns of a terminal. */
size_t cli_paint_width(const char *text);

#endif
