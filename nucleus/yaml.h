/* YAML text to manifest, through libcyaml; every error names file, line, field and what was
 * expected. */
#ifndef CELL_NUCLEUS_YAML_H
#define CELL_NUCLEUS_YAML_H

#include "nucleus/manifest.h"

/* Parse and check text[0..size). `file` is only for messages. On ERR_OK *ret is a checked manifest
 * (manifest_fini it). ERR_MALFORMED: not YAML or a wrong type or unknown field; ERR_INVALID: a
 * value out of range, a cycle, a duplicate; ERR_LIMIT: too large. `why` is one line,
 * "node.yaml:12: cells[2].limits.memory: \"10 parsecs\" is not a size, expected e.g. 256M". *ret is
 * untouched on error. */
enum err yaml_manifest_parse(const char *text, size_t size, const char *file, struct manifest *ret,
                             char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

#endif
