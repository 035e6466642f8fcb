/* The lists of an entry: requirements, operations, paths, labels. Each holds an item once. */
#ifndef CELL_NUCLEUS_YAML_LIST_H
#define CELL_NUCLEUS_YAML_LIST_H

#include "nucleus/manifest.h"
#include "nucleus/yaml_marks.h"
#include "nucleus/yaml_schema.h"

/* Fill requires, serves, may_call, sandbox paths and labels of *c. Errors as yaml_value_cell's. */
enum err yaml_list_cell(const struct yaml_marks *m, uint32_t entry,
                        const struct yaml_schema_cell *raw, struct manifest_cell *c) MUST_CHECK;

#endif
