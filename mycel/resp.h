/* What clients of redis say, read from a stream in any pieces: arrays of bulk strings, and lines as a person types them. Many commands may
 * stand one after the other. Nothing is copied: arguments lie in the caller's buffer, and lengths that are announced reserve nothing. No
 * clock, no I/O, nothing is allocated.
 *
 * Source: Redis serialization protocol specification (redis.io), RESP2 and RESP3; errors read as redis 7's do. */
#ifndef CELL_MYCEL_RESP_H
#define CELL_MYCEL_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    MYCEL_RESP_ARGS_MAX = 1 << 20,      /* of a command: redis' own limit                          */
    MYCEL_RESP_INLINE_MAX = 64 << 10,   /* bytes of a line, a length's included: redis' own limit  */
    MYCEL_RESP_BULK_MAX = 16 << 20,     /* bytes of an argument: what a value may have             */
};

/* An argument: bytes from the command's beginning. */
struct mycel_resp_arg {
    uint32_t at, size;
};

/* How far the command has been read whose beginning stands first in the buffer. Zero-initialise, and set the first three. */
struct mycel_resp {
    struct mycel_resp_arg *arg; /* borrowed */
    uint32_t args_max;          /* of them, > 0: a command with more is refused */
    uint32_t command_max;       /* bytes of a whole command, > 0: the buffer never needs to be larger */
    uint32_t count;             /* arguments so far; of a whole command all of them. 0: an empty line, nothing is to be answered */
    uint32_t expected;          /* of an array */
    uint32_t seen;              /* bytes of the command that need not be looked at again */
    int64_t bulk;               /* bytes of the argument that comes; below 0: its length comes */
    bool is_array;
    const char *error;          /* of ERR_MALFORMED and ERR_LIMIT, to be told to the client, who is then to go */
};

/* Read bytes[0..size), which begin with the command that is being read: more of the same bytes at each call, wherever they lie.
 *
 * ERR_OK: a whole command; *ret_used bytes of the buffer are done with once its arguments are, and mycel_resp_next begins the one behind
 * it. Lines with quotes are unquoted in place. ERR_LATER: more bytes are needed. ERR_MALFORMED, ERR_LIMIT: it cannot be read, nor can
 * what follows. O(new bytes). */
enum err mycel_resp_read(struct mycel_resp *r, uint8_t *bytes, size_t size, size_t *ret_used) MUST_CHECK;

void mycel_resp_next(struct mycel_resp *r);

/* A whole number as redis takes it: no plus, no space, no leading zero. false: it is none, or does not fit. */
bool mycel_resp_number(const uint8_t *text, size_t size, int64_t *ret);

#endif
