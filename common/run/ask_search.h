/* Who has a cell: the order in which a plain name is looked for (NOD-5). One step after the other, until one finds
 * somebody:
 *
 *   1. this node, the caller's namespace    the supervisor says (nucleus.Resolve)
 *   2. this node, `global`                  likewise
 *   3. other nodes                          the gateways of this node are asked for "cell@*"; they look among the
 *                                           members, then where it was last (gateway/names.c)
 *   4. nowhere: this node starts it         nucleus.Start, when the manifest says `start: on-demand`
 *
 * "cell@node" and "cell@*" begin and end with the gateways. */
#ifndef CELL_COMMON_RUN_ASK_SEARCH_H
#define CELL_COMMON_RUN_ASK_SEARCH_H

#include "common/run/ask_core.h"

/* A name without instance number, and whom it stands for. */
struct ask_name {
    struct client_target target;
    char ref[NAME_REF_SIZE];
    char route[NAME_REF_SIZE];   /* what gateways are asked for; of a plain name "cell@*"              */
    struct ask_endpoint *listed[BALANCE_ENDPOINTS_MAX];
    size_t count;
    uint64_t fresh_until_ms;
    uint64_t used_ms;
    uint64_t nobody_until_ms;    /* other nodes said that they do not have it: not asked before then   */
    uint32_t uses;               /* requests that have not ended                                       */
    bool is_urgent;              /* of urgent requests, which have connections of their own            */
    bool is_plain;               /* no "@": this node first                                            */
    bool is_abroad;              /* plain, and the gateways are listed                                 */
    bool is_resolving;
    bool may_start;              /* as the supervisor said last                                        */
    bool was_started;            /* in this search: once                                               */
    struct ask_list waiting;     /* until there is somebody                                            */
};

/* Search; those who wait are told. ERR_LIMIT, ERR_NOMEM, ERR_CANCELLED: nothing happened. */
enum err ask_search_begin(struct cell *cell, struct ask_name *name);

/* Whether `reply` to a request that went to `from` says that no other node has the cell, and nobody began with the
 * request: then it is to be searched for further. */
bool ask_search_is_over(struct ask_request *r, const struct ask_endpoint *from, const Cell__Envelope__Reply *reply);

void ask_search_unlist(struct ask_name *name);
bool ask_search_is_listed(const struct ask_name *name, const struct ask_endpoint *e);

#endif
