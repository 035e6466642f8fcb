/* The gap junction: framed protobuf messages on a SOCK_SEQPACKET pair between nucleus and cell,
 * and the order they may come in (a pure state machine both ends run).
 *
 * Packet = one gap.proto message, at most GAP_MESSAGE_MAX bytes; descriptors ride along. */
#ifndef CELL_COMMON_RUN_GAP_H
#define CELL_COMMON_RUN_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "proto/gap.pb-c.h"

enum {
    GAP_FD = 3,                  /* where a cell finds its end                            */
    GAP_MESSAGE_MAX = 64 * 1024, /* bytes of one packet                                   */
    GAP_DESCRIPTORS_MAX = 16,    /* descriptors with one packet (kernel allows 253)       */
    GAP_PATHS_MAX = 16,          /* paths in Genesis.read, and as many in Genesis.write   */
    GAP_PATH_SIZE = 1024,        /* one of them, with its terminator                      */
    GAP_INTERFACES_MAX = 2,      /* in Genesis.interfaces                                 */
    GAP_PROTOCOL = 1,            /* Booting.protocol                                      */
};

/* Where a junction stands, on both ends. */
enum gap_state {
    GAP_NEW,       /* nothing said; cell waits for Genesis                */
    GAP_GENESIS,   /* Genesis given                                       */
    GAP_BOOTING,   /* cell said Booting                                   */
    GAP_LISTENING, /* cell said where it listens                          */
    GAP_READY,
    GAP_DRAINING,
    GAP_STOPPED,   /* nothing may follow                                  */
};

/* Whether the cell may say this now; returns the state after it, or ERR_PRECONDITION and *state
 * unchanged. Booting once after Genesis; Listening from booting on (again whenever a door is
 * added); Ready once, after Listening; Draining from booting on; Stopped and Connect always; Rejoin only
 * as the first message of a junction made by connect. */
enum err gap_step_from_cell(enum gap_state *state, const Cell__Gap__ToNucleus *message) MUST_CHECK;

/* The same for what the nucleus says: Genesis first and once; Grant, LogFile, Channel from
 * Genesis on; Drain, Terminate any time after Genesis; Welcome only to answer Rejoin. */
enum err gap_step_from_nucleus(enum gap_state *state, const Cell__Gap__ToCell *message) MUST_CHECK;

const char *gap_state_name(enum gap_state state);

/* Send one packed message (either type) with `fd_count` descriptors (borrowed). Blocks no longer
 * than the socket does. ERR_LIMIT: too large or too many; ERR_PEER_DEAD; ERR_UNAVAILABLE: the
 * socket is non-blocking and full. */
enum err gap_send(int fd, const struct ProtobufCMessage *message, const int *fds, size_t fd_count)
    MUST_CHECK;

/* Receive one packet into data[GAP_MESSAGE_MAX]. *ret_len bytes; received descriptors (close-on-
 * exec) go to fds[GAP_DESCRIPTORS_MAX], the caller owns them. ERR_PEER_DEAD at end of file;
 * ERR_UNAVAILABLE when there is nothing now; ERR_LIMIT for a cut packet (consumed, descriptors
 * closed); ERR_MALFORMED when more descriptors came than fit. */
enum err gap_recv(int fd, uint8_t *data, size_t *ret_len, int *fds, size_t *ret_fd_count)
    MUST_CHECK;

#endif
