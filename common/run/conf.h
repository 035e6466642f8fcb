/* What the manifest's `config` tells a cell: YAML text into a struct, as a libcyaml schema has it, and the first
 * fault in words that name the field. */
#ifndef CELL_COMMON_RUN_CONF_H
#define CELL_COMMON_RUN_CONF_H

#include <cyaml/cyaml.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    CONF_WHY_SIZE = 256,
};

/* Fields that may be left out, of struct `type`: a text, a number and a list of texts (with `member`_count); pointers, NULL where
 * there is nothing. */
#define CONF_OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define CONF_TEXT(type, member) CYAML_FIELD_STRING_PTR(#member, CONF_OPTIONAL, struct type, member, 0, CYAML_UNLIMITED)
#define CONF_NUMBER(type, member) CYAML_FIELD_UINT_PTR(#member, CONF_OPTIONAL, struct type, member)
#define CONF_TEXTS(type, member, most) CYAML_FIELD_SEQUENCE(#member, CONF_OPTIONAL, struct type, member, &conf_text, 0, most)

/* One of a list of texts. */
extern const cyaml_schema_value_t conf_text;

/* Read `text`; *ret is to be given to conf_free, and NULL when the text holds nothing but blanks and comments.
 * Numbers are decimal and nothing but that: "10m", 1.5 and 010 are none.
 * ERR_INVALID: `why` says which field is wrong and how; ERR_NOMEM. */
enum err conf_load(const char *text, const cyaml_schema_value_t *schema, void **ret, char why[CONF_WHY_SIZE])
    MUST_CHECK;
void conf_free(const cyaml_schema_value_t *schema, void *document); /* NULL is fine */

/* Say that `text` in `field` is not `expected`; returns ERR_INVALID. */
enum err conf_refuse(char why[CONF_WHY_SIZE], const char *field, const char *text, const char *expected) MUST_CHECK;

#endif
