/* The words of schemas: what is an identifier, what a type is called, and the constant of an operation. */
#ifndef CELL_CODEGEN_WORD_H
#define CELL_CODEGEN_WORD_H

#include <stdbool.h>
#include <stddef.h>

#include "codegen/schema.h"

/* Whether text[0..len) is [A-Za-z_][A-Za-z0-9_]* of at most CODEGEN_SCHEMA_WORD_MAX characters. */
bool codegen_word_valid(const char *text, size_t len);

/* Whether text[0..len) is words with single dots between them, at most CODEGEN_SCHEMA_NAME_MAX characters. */
bool codegen_word_full_valid(const char *text, size_t len);

/* "GetAll" as "GET_ALL", upper case, or "get_all": a new word where a capital follows a small letter or a digit, or comes before a small letter.
 * At most twice the size of `name`. */
void codegen_word_split(const char *name, bool is_upper, char out[2 * CODEGEN_SCHEMA_WORD_MAX + 1]);

/* "get_all" and "getAll" as "GetAll". */
void codegen_word_camel(const char *name, char out[CODEGEN_SCHEMA_WORD_MAX + 1]);

/* "sint32" …, "message", "enum"; "" for a number that is none. And back: 0. */
const char *codegen_word_type(enum codegen_type type);
enum codegen_type codegen_word_type_of(const char *text, size_t len);

#endif
