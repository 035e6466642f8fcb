/* The one grammar of names, shared by every entry point: manifest, command line, envelope, gap
 * junction, state file, DNS. */
#ifndef CELL_COMMON_BASE_NAME_H
#define CELL_COMMON_BASE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    NAME_MAX_LEN = 64,                  /* characters; well inside a path component (255)    */
    NAME_SIZE = NAME_MAX_LEN + 1,       /* bytes with the terminator                          */
    NAME_INSTANCE_MAX = 9999,           /* highest instance number: four digits in a path     */
    NAME_REF_SIZE = 4 * NAME_SIZE + 16, /* bytes that hold any formatted reference            */
};

#define NAME_GATEWAY "gateway" /* the cell that passes requests on to other nodes */
#define NAME_SPACE_DEFAULT "default" /* the namespace of whoever names none           */
#define NAME_SPACE_GLOBAL "global"   /* looked up after a cell's own                  */
#define NAME_ANY "*"           /* of a name_ref's node and of a name_op's parts: any */

/* Whether text[0..len) matches [a-z0-9_][a-z0-9_-]{0,63}. A leading '-' is refused although the
 * general alphabet has it, so that no name can be read as a command-line option. */
bool name_valid(const char *text, size_t len);

/* Like name_valid on a terminated string; NULL is invalid. */
bool name_valid_str(const char *text);

/* Whether text is an operation's own name: [A-Z][A-Za-z0-9]{0,63}. */
bool name_operation_valid(const char *text, size_t len);

/* A parsed reference "[namespace/]cell[.instance][@node]" or "[namespace/]cell@*". Missing parts are empty or -1. */
struct name_ref {
    char space[NAME_SIZE];
    char cell[NAME_SIZE];
    char node[NAME_SIZE]; /* NAME_ANY: whichever other node has the cell */
    int32_t instance; /* 0..NAME_INSTANCE_MAX, or -1: any */
};

/* Parse `text` (terminated, any content). ERR_MALFORMED when it is not a reference; then *ret is
 * untouched. */
enum err name_ref_parse(const char *text, struct name_ref *ret) MUST_CHECK;

/* Write the shortest text that parses back to `ref` into out[NAME_REF_SIZE]. */
void name_ref_format(const struct name_ref *ref, char out[NAME_REF_SIZE]);

/* A parsed operation "cell.Operation" or "cell@node.*", as in `serves` and `may_call`. "*" stands for any
 * cell, any operation or any node. */
struct name_op {
    char cell[NAME_SIZE];      /* a name or "*"                      */
    char node[NAME_SIZE];      /* a name or "*"; "": this node       */
    char operation[NAME_SIZE]; /* an operation or "*"; "*" of a node */
};

/* Parse "cell.Operation", "cell.*" or "*.Operation" ("*.*" is refused: it would grant everything); or
 * "cell@node.*", "cell@*.*", "*@node.*" ("*@*.*" is refused): cells of other nodes are granted whole, for what
 * they let strangers do is theirs to say. ERR_MALFORMED otherwise; then *ret is untouched. */
enum err name_op_parse(const char *text, struct name_op *ret) MUST_CHECK;

/* Whether the granted pattern covers this call on this node. */
bool name_op_covers(const struct name_op *pattern, const char *cell, const char *operation);

/* Whether it reaches a cell of another node. */
bool name_op_reaches(const struct name_op *pattern, const char *cell, const char *node);

/* Write the text that parses back to `op` into out[NAME_REF_SIZE]. */
void name_op_format(const struct name_op *op, char out[NAME_REF_SIZE]);

#endif
