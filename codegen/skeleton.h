/* The first version of a cell that serves a .proto: what depends on the .proto, with a handler for each operation that says there is none yet.
 * It builds, runs and passes its own test as it is. What depends on the cell's name alone (meson.build, README.md) `cell new` has. */
#ifndef CELL_CODEGEN_SKELETON_H
#define CELL_CODEGEN_SKELETON_H

#include "codegen/schema.h"

enum {
    CODEGEN_SKELETON_FILES = 6,
    CODEGEN_SKELETON_PROTO_MAX = 1024 * 1024, /* bytes of the .proto's text */
};

struct codegen_skeleton_file {
    const char *path; /* relative, its folder before it: "tests/cases.yaml" */
    const char *text;
    size_t len;
};

/* The files of cell `name` (name_valid, and the last word of the service's package, '-' for '_' if need be), in one order and the same bytes each
 * time: NAME.proto (proto[0..proto_len) as it is), main.c, service.h, service.c, cell.yaml, tests/cases.yaml. Both live in `arena`.
 *
 * existing: paths, as above, of what is there where they are to be written; if one of these is among them ERR_EXISTS, and none is given.
 * ERR_INVALID: no name, or not the package's, or an operation that a manifest cannot name; ERR_UNSUPPORTED: a request that streams;
 * ERR_LIMIT; ERR_NOMEM. `why` is one printable line then and ret untouched. */
enum err codegen_skeleton_write(const struct codegen_service *service, const char *name, const char *proto, size_t proto_len,
                                const char *const *existing, size_t existing_count, struct arena *arena,
                                struct codegen_skeleton_file ret[CODEGEN_SKELETON_FILES], char why[CODEGEN_WHY_SIZE]) MUST_CHECK;

#endif
