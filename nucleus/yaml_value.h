/* From what was written to what is meant: texts of an entry become names, quantities, paths and
 * operations of a struct manifest_cell, or a message that says what was expected. */
#ifndef CELL_NUCLEUS_YAML_VALUE_H
#define CELL_NUCLEUS_YAML_VALUE_H

#include "nucleus/manifest.h"
#include "nucleus/yaml_marks.h"
#include "nucleus/yaml_schema.h"

/* Fill *c, which manifest_cell_init has been at, from `raw` and (for what the schema leaves open)
 * the tree below `entry`; all but line, hash. On error what is in *c is freed by manifest_fini.
 * ERR_INVALID, ERR_LIMIT (a list, the config), ERR_NOMEM; `why` of the tree is filled. */
enum err yaml_value_cell(const struct yaml_marks *m, uint32_t entry,
                         const struct yaml_schema_cell *raw, struct manifest_cell *c) MUST_CHECK;

/* Copy a name into out[NAME_SIZE], or refuse it; `path` below `node` is its field. */
enum err yaml_value_name(const struct yaml_marks *m, uint32_t node, const char *path,
                         const char *text, char *out) MUST_CHECK;

#endif
