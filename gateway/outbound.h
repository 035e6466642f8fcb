/* One request of a local cell on its way to another node. */
#ifndef CELL_GATEWAY_OUTBOUND_H
#define CELL_GATEWAY_OUTBOUND_H

#include "common/run/cell_call.h"
#include "gateway/names.h"
#include "gateway/shell.h"

enum {
    OUTBOUND_ID = 1,              /* of the one request in its message                          */
    OUTBOUND_TEXT_SIZE = 256,
    GATEWAY_NOTE_BYTES = 64,      /* an envelope with one note                                  */
    GATEWAY_TRIES_MAX = 4,        /* nodes that one request for any of them is taken to         */
    GATEWAY_PATIENCE_MS = 1000,   /* without a link to one of them: the next one                */
};

/* It is freed when its caller, the link and whoever looks for nodes have done with it. */
struct gateway_out {
    struct gateway_out *next, **back; /* of all */
    struct gateway_out *next_waiting; /* for membership */
    struct gateway_waiter waiter;     /* the same, of any node */
    struct gateway_shell *shell;
    struct cell_call *call;           /* NULL: its caller has gone, and `request` with it */
    struct cell_forward request;
    struct name_ref ref;              /* what it asked for */
    bool is_any;
    bool is_asked;                    /* the link will say what became of it */
    bool is_waiting;                  /* so will who looks for nodes         */
    bool has_parts;                   /* some of its answer has been handed on */
    uint64_t until_ms, asked_us;
    char node[NAME_SIZE];             /* of this try */
    uint8_t id[NODE_ID_LEN];
    uint32_t number;                  /* of the question */
    uint32_t lent;                    /* parts that the other side may send */
    uint32_t tries;
    char tried[GATEWAY_TRIES_MAX][NAME_SIZE];
    enum err e;                       /* of the last try */
    bool all_unread;                  /* nobody has begun with it so far */
    char text[OUTBOUND_TEXT_SIZE];
};

/* Look for a node that has it and was not tried, and take it there. */
void gateway_outbound_find(struct gateway_out *out);

#endif
