/* The socket on which names of the overlay are asked for: a name server for whoever reaches it. */
#ifndef CELL_DATAPATH_NAMER_H
#define CELL_DATAPATH_NAMER_H

#include "common/run/loop.h"
#include "datapath/config.h"
#include "datapath/names.h"

enum {
    DATAPATH_NAMER_TURN = 16,         /* questions between which packets are looked at again */
    DATAPATH_NAMER_QUESTION_MAX = 512, /* bytes; a longer one is none of ours                */
};

struct datapath_namer {
    int fd;                  /* -1: nobody asks */
    struct datapath_names names;
    struct loop_watch *watch;
    uint64_t answered, dropped; /* dropped: no question, or the answer was not taken */
};

/* Take the socket that was handed over (*given, -1: none), or bind at `at` (port 0: there is to be none). Errors as errno
 * says. */
enum err datapath_namer_open(struct datapath_namer *n, const struct datapath_endpoint *at, int *given) MUST_CHECK;

/* Know the names of the configuration, which checked them, and answer on the loop. ERR_NOMEM. */
enum err datapath_namer_start(struct datapath_namer *n, struct loop *loop, const struct datapath_ways *ways,
                              const struct datapath_settings *settings, const struct tun_spec *device) MUST_CHECK;
void datapath_namer_close(struct datapath_namer *n); /* also half-open, and what was zeroed */

#endif
