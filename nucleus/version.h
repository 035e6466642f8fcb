/* The version of what runs: a hash of the program's bytes and of its manifest entry. An identical
 * rebuild is the same version; one byte changed is another. */
#ifndef CELL_NUCLEUS_VERSION_H
#define CELL_NUCLEUS_VERSION_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nucleus/manifest.h"

/* Version of manifest entry `cell` with the program as it is on disk now: first 8 bytes of BLAKE2b
 * over both. The program's hash is remembered by device, inode, size and change time, so that a
 * repeated question costs one stat(2). ERR_NOT_FOUND, ERR_IO when it cannot be read. */
enum err version_now(const struct manifest_cell *cell, uint64_t *ret) MUST_CHECK;

#endif
