/* The version of a manifest entry: equal for equal entries, however they were written. */
#ifndef CELL_NUCLEUS_YAML_HASH_H
#define CELL_NUCLEUS_YAML_HASH_H

#include <stdint.h>

#include "nucleus/manifest.h"

/* First 8 bytes (big-endian) of BLAKE2b-256 over every field of the entry but instances, line and
 * hash itself, in a fixed order, each with its length. Lists count as sets: their order does not
 * matter. Stable across builds and machines. */
uint64_t yaml_hash_cell(const struct manifest_cell *c);

#endif
