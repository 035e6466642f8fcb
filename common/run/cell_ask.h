/* More ways to ask other cells: taking a request back, asking every instance, following a revision.
 * Public; cell.h has the plain request. Everything here runs on the cell's one thread. */
#ifndef CELL_COMMON_RUN_CELL_ASK_H
#define CELL_COMMON_RUN_CELL_ASK_H

#include "common/run/cell.h"

/* Give a request up. Its `done` is called with ERR_CANCELLED in this turn of the loop, but not before
 * this returns; a callee that has it is told, and its handler may stop. ERR_NOT_FOUND: it has ended
 * already, or `done` is about to be called. */
enum err cell_ask_cancel(struct cell *cell, uint64_t id) MUST_CHECK;

/* Let the callee send so many parts more (1 to 2^31 - 1; only with holds_credit). ERR_NOT_FOUND: the
 * request has ended; ERR_PRECONDITION: nobody answers it just now. */
enum err cell_ask_credit(struct cell *cell, uint64_t id, uint32_t parts) MUST_CHECK;

/* `target`, an instance by its number or a cell of another node, has just spoken to this cell by itself, so it lives: if it
 * was left alone because requests to it failed, the next one tries it, and if a connection to it waits for another attempt,
 * that is made now. Nothing where nothing is known of it. O(endpoints). */
void cell_ask_heard(struct cell *cell, const char *target);

/* ---- messages of other people ----------------------------------------------------------------- */

/* How a request ends whose messages this cell does not know. Everything dies on return. */
struct cell_packed_answer {
    enum err e;
    const uint8_t *body;     /* NULL unless e is ERR_OK and there are bytes */
    size_t size;
    const char *text, *hint; /* never NULL */
    uint32_t retry_after_ms;
    bool is_unread;          /* nobody has begun with the request: it can be asked elsewhere whatever it is */
};

struct cell_ask_packed {
    struct cell_ask ask;  /* request, reply, done and part are not used; with `part` below credit is what it says, and 0
                           * none at all */
    const uint8_t *body;  /* copied */
    size_t size;
    uint64_t schema;      /* the asker's fingerprint of the operation; 0: unchecked */
    const uint8_t *key;   /* its idempotency key, at most 32 bytes; copied          */
    size_t key_size;
    const char *from_cell; /* whose request it is, if that is a cell of another node (struct cell_caller): believed when
                            * this cell is the gateway. Copied; NULL: nobody's                                  */
    const char *from_node;
    const uint8_t *trace; /* its trace context, 25 bytes; NULL: that of on_behalf_of */
    void (*done)(void *context, const struct cell_packed_answer *answer);
    void (*part)(void *context, const uint8_t *body, size_t size); /* as cell_part; NULL: whole answers only */
};

/* cell_ask without looking into the messages: what a gateway does. Errors as cell_ask; ERR_INVALID also: a key
 * or a name that is too long. */
enum err cell_ask_packed(struct cell *cell, const struct cell_ask_packed *packed) MUST_CHECK;

/* ---- every instance -------------------------------------------------------------------------- */

/* What one instance answered; as cell_answer. instance: its number. */
typedef void (*cell_answer_one)(void *context, uint32_t instance, enum err e,
                                const struct ProtobufCMessage *reply, const char *text);

struct cell_ask_all {
    struct cell_ask ask;   /* target without instance number; `context` is given to both functions;
                            * done, part and ret_id are not used; the deadline covers finding the
                            * instances, too. is_hasty is implied                                 */
    cell_answer_one each;  /* once for every instance the supervisor knows, ready or not          */
    /* After the last of them; e: ERR_OK (count results were told, 0 to 64), or why the instances
     * could not be found (count is 0). */
    void (*all)(void *context, enum err e, uint32_t count);
};

/* Ask all instances of a name at once. ERR_OK: `all` will be called exactly once, at the deadline at
 * the latest. Errors as cell_ask; a target with an instance number is ERR_INVALID. More than 64
 * instances: the first 64, and `all` says ERR_LIMIT. */
enum err cell_ask_all(struct cell *cell, const struct cell_ask_all *all) MUST_CHECK;

/* ---- following a revision --------------------------------------------------------------------- */

/* An operation that answers what happened after a revision, and waits when nothing did (a long poll):
 * Events of the nucleus, Watch of raft. */
struct cell_watch_def {
    const char *target;
    uint32_t operation;
    const struct ProtobufCMessage *request; /* template; packed anew for each poll, so it must live
                                             * until cell_watch_stop                              */
    const struct ProtobufCMessageDescriptor *reply;
    uint32_t poll_ms;      /* deadline of one poll: longer than the callee waits, 1000 or more    */
    uint64_t from;         /* revision that is known already                                      */
    /* Put a revision into the request. */
    void (*set_from)(struct ProtobufCMessage *request, uint64_t revision);
    /* The revision a reply leads to: all up to it is in this reply or was before. */
    uint64_t (*get_last)(const struct ProtobufCMessage *reply);
    /* Take a reply whose revision is new. Replies come in order, each revision once, whatever
     * restarts; to go on after a restart of our own, begin from the last revision dealt with. May
     * stop the watch. */
    void (*news)(void *context, const struct ProtobufCMessage *reply, uint64_t last);
    /* A poll failed with e and is made again after a while; may be NULL. May stop the watch. */
    void (*trouble)(void *context, enum err e, const char *text);
    void *context;
};

struct cell_watch;

/* NULL without memory. `def` is copied, what it points to is borrowed until the stop. A callee whose
 * revisions go backwards has lost them: `trouble` is told ERR_DATA_LOSS and the watch begins anew
 * at revision 0. */
struct cell_watch *cell_watch_start(struct cell *cell, const struct cell_watch_def *def);
void cell_watch_stop(struct cell_watch *watch); /* NULL is fine; also from the callbacks */
uint64_t cell_watch_last(const struct cell_watch *watch); /* revision dealt with */

#endif
