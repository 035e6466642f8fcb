/* The version of what runs: a hash of the program's bytes and of its manifest entry. An identical
 * rebuild is the same version; one byte changed is another. */
#ifndef CELL_NUCLEUS_VERSION_H
#define CELL_NUCLEUS_VERSION_H

#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "nucleus/manifest.h"

/* Which file a program is, and since when it has been as it is. */
struct version_file {
    uint64_t device, inode, size, changed_ns;
};

/* Remember programs' hashes in the file `programs` of dir_fd (borrowed until the process ends), and know
 * those that are in it. Without this, or where it cannot be written, they are remembered by this process
 * alone. */
void version_open(int dir_fd);

/* Look at the program of `cell`: one stat(2). ERR_NOT_FOUND, ERR_IO. */
enum err version_look(const struct manifest_cell *cell, struct version_file *ret) MUST_CHECK;

/* Version of manifest entry `cell` with the program as it is on disk now: first 8 bytes of BLAKE2b
 * over both. The program's hash is remembered by file, so that a repeated question costs one stat(2).
 * started: what version_look said before a process was started from it, NULL: none was; ERR_ABORTED when
 * it is another file by now, and nobody can tell which of the two runs. ERR_NOT_FOUND, ERR_IO when it
 * cannot be read. */
enum err version_now(const struct manifest_cell *cell, const struct version_file *started,
                     uint64_t *ret) MUST_CHECK;

#endif
