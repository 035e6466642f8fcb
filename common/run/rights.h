/* Small packets with descriptors between two processes, on a SOCK_SEQPACKET pair: for what is no gap junction (gap.h). */
#ifndef CELL_COMMON_RUN_RIGHTS_H
#define CELL_COMMON_RUN_RIGHTS_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    RIGHTS_MAX = 4, /* descriptors with one packet */
};

/* Send `size` bytes with `count` descriptors (borrowed). Blocks no longer than the socket does. ERR_LIMIT: more than
 * RIGHTS_MAX; ERR_PEER_DEAD; ERR_UNAVAILABLE: it is non-blocking, or has a time limit, and is full. */
enum err rights_send(int fd, const void *data, size_t size, const int *fds, size_t count) MUST_CHECK;

/* Receive one packet of exactly `size` bytes; its descriptors (close-on-exec) go to fds[RIGHTS_MAX], the caller owns
 * them. ERR_PEER_DEAD at end of file; ERR_UNAVAILABLE when nothing is there (in time); ERR_MALFORMED: a packet of another
 * size, or with more descriptors (consumed, descriptors closed). */
enum err rights_recv(int fd, void *data, size_t size, int fds[RIGHTS_MAX], size_t *ret_count) MUST_CHECK;

#endif
