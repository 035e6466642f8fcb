/* Packets with descriptors between two processes, on a SOCK_SEQPACKET pair: what gap junctions (gap.h), the supervisor's guard
 * and helper processes have in common. */
#ifndef CELL_COMMON_RUN_RIGHTS_H
#define CELL_COMMON_RUN_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    RIGHTS_MAX = 16, /* descriptors with one packet (kernel allows 253) */
};

/* What a packet was. */
struct rights_packet {
    size_t size;     /* bytes of it that are there; 0: the end of file, or an empty one */
    size_t count;    /* descriptors                                                     */
    bool is_cut;     /* it had more bytes                                               */
    bool is_crowded; /* … more descriptors, which are closed                            */
};

/* Send `size` bytes with `count` descriptors (borrowed). flags: MSG_DONTWAIT or 0. Blocks no longer than the socket does.
 * ERR_LIMIT: more than RIGHTS_MAX; ERR_PEER_DEAD; ERR_UNAVAILABLE: it is not to wait, or has a time limit, and is full. */
enum err rights_put(int fd, const void *data, size_t size, const int *fds, size_t count, int flags) MUST_CHECK;

/* Receive one packet of at most `room` bytes, whatever it is; its descriptors (close-on-exec) go to fds[RIGHTS_MAX], the
 * caller owns them. flags: MSG_DONTWAIT or 0. ERR_PEER_DEAD: the connection broke; ERR_UNAVAILABLE when nothing is there (in
 * time). */
enum err rights_take(int fd, void *data, size_t room, int fds[RIGHTS_MAX], int flags, struct rights_packet *ret) MUST_CHECK;

/* Close the descriptors of a packet. */
void rights_drop(int *fds, size_t count);

/* rights_put that waits. */
enum err rights_send(int fd, const void *data, size_t size, const int *fds, size_t count) MUST_CHECK;

/* Receive one packet of exactly `size` bytes. ERR_PEER_DEAD at end of file; ERR_UNAVAILABLE as of rights_take; ERR_MALFORMED: a
 * packet of another size, or with more descriptors (consumed, descriptors closed). */
enum err rights_recv(int fd, void *data, size_t size, int fds[RIGHTS_MAX], size_t *ret_count) MUST_CHECK;

#endif
