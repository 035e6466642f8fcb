/* Peers whose endpoint is the name of a host: it is asked for by DNS, and again when the answer's time is over. The name says where he is
 * until he himself says so: who speaks from elsewhere is there, and the name leads to him again when it changes while he still is where
 * it said, or when there is no session with him. */
#ifndef CELL_DATAPATH_HOSTS_H
#define CELL_DATAPATH_HOSTS_H

#include "common/node/resolver.h"
#include "datapath/config.h"

struct datapath_shell;

struct datapath_hosts_one {
    uint32_t listed;                /* settings.peer's                      */
    struct datapath_endpoint told;  /* what his name last said; port 0: nothing yet */
};

struct datapath_hosts {
    bool is_on;
    uint32_t count;
    struct datapath_hosts_one one[DATAPATH_CONFIG_HOSTS_MAX];
    struct resolver resolver;
};

/* Look whether any is a name, and where to ask. ERR_PRECONDITION: the cell has no network to ask by; ERR_NOT_FOUND: no server of DNS is known;
 * both are logged. */
enum err datapath_hosts_open(struct datapath_shell *s) MUST_CHECK;
enum err datapath_hosts_start(struct datapath_shell *s) MUST_CHECK;
void datapath_hosts_close(struct datapath_hosts *h); /* also what was never opened, or zeroed */

#endif
