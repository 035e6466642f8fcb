/* The wire by hand: many requests at once over one connection, and messages that no honest client
 * sends. */
#ifndef CELL_TESTS_CELL_RAW_H
#define CELL_TESTS_CELL_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "proto/envelope.pb-c.h"

/* Connect and shake hands; ends the test when that fails. */
int raw_open(const char *path);

/* Send one message as request `id` (31 bits). False: the connection is gone. */
bool raw_send_bytes(int fd, uint32_t id, const void *data, size_t size);

/* Pack and send. */
bool raw_send(int fd, uint32_t id, const Cell__Envelope__Requests *requests);

/* One request of `operation` in an envelope of its own. */
bool raw_ask(int fd, uint32_t id, uint32_t operation, const ProtobufCMessage *request,
             uint32_t deadline_ms);

/* Next message; NULL when none came in time or the connection ended (*ret_id is then 0 or 1). Free
 * it with cell__envelope__replies__free_unpacked. */
Cell__Envelope__Replies *raw_hear(int fd, uint32_t timeout_ms, uint32_t *ret_id);

/* The status of a message that holds one reply; frees it. ERR_LATER: no message came in time;
 * ERR_PEER_DEAD: the connection ended. */
enum err raw_status(int fd, uint32_t timeout_ms, uint32_t *ret_id);

/* Pack into fresh memory. */
uint8_t *raw_pack(const ProtobufCMessage *message, size_t *ret_size);

#endif
