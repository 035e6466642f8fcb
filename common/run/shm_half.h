/* One side's memory: made, sealed and passed; received, checked and mapped. */
#ifndef CELL_COMMON_RUN_SHM_HALF_H
#define CELL_COMMON_RUN_SHM_HALF_H

#include <sys/types.h>

#include "common/run/shm_shape.h"

/* Make our half: a memfd without a name, mapped for us to write, then sealed so that nobody can write,
 * grow or shrink it any more through the descriptor. *ret_fd is to be passed and closed, *ret_map to
 * be unmapped (header->half_bytes). Errors: NOMEM, LIMIT (descriptors), UNSUPPORTED: no sealing. */
enum err shm_half_make(const struct shm_shape_header *header, int *ret_fd, void **ret_map) MUST_CHECK;

/* Judge the peer's half and map it read-only. `fd` stays the caller's. ERR_DENIED: another user's, or
 * no sealed memory: it could shrink under us; ERR_INVALID: another size than agreed, or the header is
 * not `wanted`, with the errors of shm_shape_match. */
enum err shm_half_take(int fd, const struct shm_shape_header *wanted, uid_t owner,
                       const void **ret_map) MUST_CHECK;

/* Read the counters of a half in another process's descriptor, also of a dead one: for tools. Errors of
 * shm_half_take and shm_shape_read. */
enum err shm_half_counters(int fd, struct shm_counters *ret) MUST_CHECK;

#endif
