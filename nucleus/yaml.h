/* YAML text to manifest, through libcyaml; every error names file, line, field and what was
 * expected. */
#ifndef CELL_NUCLEUS_YAML_H
#define CELL_NUCLEUS_YAML_H

#include "nucleus/manifest.h"

/* Parse and check text[0..size). `file` is only for messages. On ERR_OK *ret is a checked manifest
 * (manifest_fini it). ERR_MALFORMED: not YAML or a wrong type or unknown field; ERR_INVALID: a
 * value out of range, a cycle, a duplicate; ERR_LIMIT: too large; ERR_NOMEM, and ERR_INTERNAL when
 * it was libcyaml that failed for want of memory. `why` is one line, "node.yaml:12:
 * cells[2].limits.memory: \"10 parsecs\" is not a size, expected e.g. 256M". *ret is untouched on
 * error. About 0.1 s and 40 MiB for the largest text; 200 KiB of stack. */
enum err yaml_manifest_parse(const char *text, size_t size, const char *file, struct manifest *ret,
                             char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Rewrite every `exec` to the absolute path of a regular file that this process may execute: a bare
 * file name is looked for in dirs[0..dir_count), absolute paths, in this order. Hashes stay.
 * ERR_NOT_FOUND: `why` names the entry, the file and where it was looked for; then `m` is
 * unchanged. ERR_NOMEM. Blocks for the file system. */
enum err yaml_manifest_find_binaries(struct manifest *m, const char *const *dirs, size_t dir_count,
                                     const char *file, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* The same for a manifest that is in force already: what is there is found, the rest keeps its name and
 * fails when it is started, without keeping the other cells from being looked after. */
void yaml_manifest_find_some(struct manifest *m, const char *const *dirs, size_t dir_count);

/* Refuse sandbox paths, also of sockets, that are, hold or lie in one of roots[0..count), absolute and normalised:
 * the node's run and state directories, which hold every cell's sockets and data. ERR_INVALID. */
enum err yaml_manifest_check_roots(const struct manifest *m, const char *const *roots, size_t count,
                                   const char *file, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Make a node name of a host's: "DB-1.example.org" becomes "db-1". Never empty. */
void yaml_manifest_node_name(const char *host, char out[NAME_SIZE]);

#endif
