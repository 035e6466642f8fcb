/* A part of a document, written again in one canonical form: the same value always gives the same
 * text, however it was formatted. */
#ifndef CELL_NUCLEUS_YAML_TEXT_H
#define CELL_NUCLEUS_YAML_TEXT_H

#include "nucleus/yaml_marks.h"

enum yaml_text_form {
    YAML_TEXT_CONFIG, /* for people and for cells: indented, keys sorted, quotes where needed     */
    YAML_TEXT_QUOTED, /* for libcyaml: all in double quotes, in the order of the source, opaque
                       * nodes as {}: nothing is left in it that a parser could misunderstand     */
};

/* Write `node` and what is below it as a document of at most `limit` bytes. *ret is terminated;
 * free it. ERR_LIMIT: longer; ERR_NOMEM. */
enum err yaml_text_emit(const struct yaml_marks *m, uint32_t node, enum yaml_text_form form,
                        size_t limit, char **ret, size_t *ret_len) MUST_CHECK;

#endif
