/* The socket that `wg` speaks to: callers, their requests and what they have not read yet. */
#ifndef CELL_DATAPATH_CONTROL_H
#define CELL_DATAPATH_CONTROL_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/run/loop.h"
#include "datapath/uapi.h"

enum {
    DATAPATH_CONTROL_CALLERS = 8,               /* at once: another takes the place of who did nothing for longest */
    DATAPATH_CONTROL_ANSWER_MAX = 32 * 1024 * 1024, /* bytes of an answer: 16,384 peers with many prefixes */
};

struct datapath_control;

struct datapath_control_caller {
    struct datapath_control *control;
    int fd;                /* -1: there is none */
    struct loop_watch *watch;
    char *request;         /* what he said and what is not answered, at most DATAPATH_UAPI_REQUEST_MAX */
    size_t request_size, request_room;
    size_t searched;       /* … of which no request ends in so many bytes */
    char *answer;          /* what is still to be written */
    size_t answer_size, answer_room, written;
    bool is_lost;          /* no memory for the answer */
    uint64_t turn;         /* of what he last did      */
};

struct datapath_control {
    int fd;                /* listens; -1: there is no control socket */
    struct loop *loop;
    struct loop_watch *watch;
    struct datapath_uapi uapi; /* put and context are ours */
    void (*changed)(void *context, bool is_set); /* something may be due now; is_set: peers may have changed */
    void *context;
    uint64_t turns;
    struct datapath_control_caller caller[DATAPATH_CONTROL_CALLERS];
};

/* Listen at `path`, in place of whatever socket stands there; for this user alone (mode 0600). Its directory is made if
 * it is not there. */
enum err datapath_control_open(struct datapath_control *c, const char *path) MUST_CHECK;

/* Serve on the loop; c->uapi, changed and context are set. ERR_NOMEM. */
enum err datapath_control_start(struct datapath_control *c, struct loop *loop) MUST_CHECK;
void datapath_control_close(struct datapath_control *c); /* also half-open, and what was zeroed */

#endif
