/* Bits and marks of written commands, for the two files that know them. */
#ifndef CELL_RAFT_COMMAND_WIRE_H
#define CELL_RAFT_COMMAND_WIRE_H

#include "raft/command.h"

enum {
    COMMAND_ONCE = 1,            /* u16 flags of the head */

    COMMAND_WITH_PREVIOUS = 1,   /* u8 flags of an operation */
    COMMAND_KEEPS_VALUE = 2,
    COMMAND_KEEPS_LEASE = 4,
    COMMAND_PUT_FLAGS = 7,
    COMMAND_KEYS_ONLY = 1,
    COMMAND_COUNT_ONLY = 2,
    COMMAND_DESCENDING = 4,
    COMMAND_QUERY_FLAGS = 7,

    COMMAND_END_ONE = 0xfffe,    /* in the place of the size of a span's end */
    COMMAND_END_NONE = 0xffff,
};

#endif
