/* Frames of a join over TCP: a length in two bytes, big-endian, and so many bytes. */
#ifndef CELL_CLI_JOIN_WIRE_H
#define CELL_CLI_JOIN_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/node/join.h"

/* Connect to "HOST:PORT", whose name is looked up; until_ms is monotonic. ERR_NOT_FOUND: no such host;
 * ERR_TIMEOUT; ERR_UNAVAILABLE: nobody listens; or as errno says. */
enum err cli_join_wire_connect(const char *contact, uint64_t until_ms, int *ret_fd) MUST_CHECK;

/* Send one frame, or receive one. ERR_TIMEOUT; ERR_PEER_DEAD: the connection ended; ERR_MALFORMED: a frame that is
 * longer than any. */
enum err cli_join_wire_send(int fd, const uint8_t *frame, size_t size, uint64_t until_ms) MUST_CHECK;
enum err cli_join_wire_receive(int fd, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size, uint64_t until_ms) MUST_CHECK;

#endif
