/* Requests to other cells (ask.c) as the frame of a process uses them. Apart from ask.c, so that a
 * program which calls nobody links without it and without nng. */
#include "common/run/host.h"

const struct host_outlet outlet_asks = {
    .open = asks_open,
    .cancel = asks_cancel,
    .close = asks_close,
    .flush = asks_flush,
    .describe = ask_endpoint_describe,
    .read = asks_read,
};
