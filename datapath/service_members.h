/* The cell's hold of its cluster's members (kin.h): it asks membership for all of them, and again when somebody came, went or
 * changed. Without an answer peers stay as they are. */
#ifndef CELL_DATAPATH_SERVICE_MEMBERS_H
#define CELL_DATAPATH_SERVICE_MEMBERS_H

#include "common/node/keys.h"
#include "datapath/kin.h"
#include "proto/nodosum.pb-c.h"

enum {
    DATAPATH_MEMBERS_TURN_MS = 250,    /* between looks at whether there is something to ask     */
    DATAPATH_MEMBERS_EVERY_MS = 30000, /* all are asked for, whatever was told                   */
    DATAPATH_MEMBERS_ASK_MS = 5000,
    DATAPATH_MEMBERS_WATCH_MS = 20000, /* that a question for changes waits                      */
    DATAPATH_MEMBERS_PAGE = 64,        /* of one answer: packets wait while they are taken       */
};

struct datapath_shell;
struct datapath_settings;
struct tun_spec;

struct datapath_members {
    bool is_on;
    uint8_t id[NODE_ID_LEN];           /* of this node */
    char name[NODE_NAME_MAX + 1];
    struct datapath_kin kin;
    void *memory;
    bool is_asking, is_wanted;
    uint64_t asked_ms;
    Cell__Nodosum__WatchRequest poll;
    struct cell_watch *watch;
    struct cell_timer *timer;
    struct datapath_effects fx;
};

/* Nothing without `membership`. Else who this node is, by the keys that were handed over, and with them its private key;
 * before the interface is looked at. ERR_PRECONDITION: there are none. It is logged. */
enum err datapath_service_members_open(struct datapath_shell *s) MUST_CHECK;
/* When there is an interface: its addresses are those that others take ours for, also what it does not say of itself. */
void datapath_service_members_own(struct datapath_shell *s);
/* After the ways began. ERR_NOMEM. */
enum err datapath_service_members_start(struct datapath_shell *s) MUST_CHECK;
void datapath_service_members_stop(struct datapath_shell *s); /* also what was zeroed */

#endif
