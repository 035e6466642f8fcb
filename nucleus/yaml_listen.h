/* Sockets that a cell is handed: `sandbox.listen`. */
#ifndef CELL_NUCLEUS_YAML_LISTEN_H
#define CELL_NUCLEUS_YAML_LISTEN_H

#include "nucleus/manifest.h"
#include "nucleus/yaml_schema.h"

enum {
    YAML_LISTEN_AT_MAX = 114, /* characters: unix:// and a path of MANIFEST_LISTEN_PATH_SIZE - 1 */
};

/* Where a socket is bound, "udp://0.0.0.0:7402", "tcp://[::1]:0" or "unix:///run/x.sock", into everything of *ret but its name.
 * Addresses are numbers: a name could mean another one at every start. False: it says nothing of the kind,
 * and *ret is untouched. */
bool yaml_listen_parse(const char *text, struct manifest_listen *ret);

/* Read a cell's list. On a fault the message points at the item's line; the caller frees. */
enum err yaml_listen_cell(const struct yaml_marks *m, uint32_t entry, const struct yaml_schema_sandbox *raw,
                          struct manifest_cell *c) MUST_CHECK;

#endif
