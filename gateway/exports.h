/* What other nodes may ask of this one: cells by name, each for the nodes it names. Pure. What they may ask them
 * for is the gateway's own may_call. */
#ifndef CELL_GATEWAY_EXPORTS_H
#define CELL_GATEWAY_EXPORTS_H

#include "common/base/name.h"

enum {
    GATEWAY_EXPORTS_MAX = 64,
    GATEWAY_EXPORTS_NODES_MAX = 32, /* of one */
    GATEWAY_EXPORTS_CALLERS_MAX = 16, /* the same */
};

struct gateway_export {
    struct name_ref cell; /* namespace "": the gateway's own; no instance, no node */
    uint32_t nodes, callers;
    struct name_ref caller[GATEWAY_EXPORTS_CALLERS_MAX]; /* their cells that may; none named: all, and their operators */
    char node[GATEWAY_EXPORTS_NODES_MAX][NAME_SIZE]; /* "*": every node of the cluster */
};

struct gateway_exports {
    uint32_t count;
    struct gateway_export item[GATEWAY_EXPORTS_MAX];
};

/* Take one in: `cell` as a person writes it, "greeter" or "lab/greeter". ERR_INVALID: it is no cell of this node,
 * a node is no name, or there is none (whoever means all says "*"); ERR_LIMIT. *x is untouched then. */
enum err gateway_exports_add(struct gateway_exports *x, const char *cell, const char *const *nodes, size_t count)
    MUST_CHECK;

/* Let no others than these cells of those nodes reach what was added last. ERR_INVALID: one is no cell; ERR_LIMIT. Then *x is
 * untouched. */
enum err gateway_exports_narrow(struct gateway_exports *x, const char *const *callers, size_t count) MUST_CHECK;

/* Whether a cell of `node` may reach the cell that `route` names. caller: "namespace/cell" by that node's word; "": its
 * operator. own_space: the gateway's namespace, which stands for none. */
bool gateway_exports_allow(const struct gateway_exports *x, const struct name_ref *route, const char *own_space,
                           const char *node, const char *caller);

#endif
