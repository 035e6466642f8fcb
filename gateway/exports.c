#include "gateway/exports.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum err gateway_exports_add(struct gateway_exports *x, const char *cell, const char *const *nodes, size_t count)
{
    struct name_ref ref;

    if (name_ref_parse(cell, &ref) != ERR_OK || ref.instance >= 0 || ref.node[0] != '\0' || count == 0) {
        return ERR_INVALID;
    }
    if (x->count == GATEWAY_EXPORTS_MAX || count > GATEWAY_EXPORTS_NODES_MAX) {
        return ERR_LIMIT;
    }
    struct gateway_export *one = &x->item[x->count];
    *one = (struct gateway_export){.cell = ref, .nodes = (uint32_t)count};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(nodes[i], "*") != 0 && !name_valid_str(nodes[i])) {
            return ERR_INVALID;
        }
        (void)snprintf(one->node[i], sizeof one->node[i], "%s", nodes[i]);
    }
    x->count++;
    return ERR_OK;
}

enum err gateway_exports_narrow(struct gateway_exports *x, const char *const *callers, size_t count)
{
    struct gateway_export *one = &x->item[x->count - 1];
    struct name_ref ref;

    assert(x->count > 0);
    if (count > GATEWAY_EXPORTS_CALLERS_MAX) {
        return ERR_LIMIT;
    }
    for (size_t i = 0; i < count; i++) {
        if (name_ref_parse(callers[i], &ref) != ERR_OK || ref.instance >= 0 || ref.node[0] != '\0') {
            return ERR_INVALID;
        }
        one->caller[i] = ref;
    }
    one->callers = (uint32_t)count;
    return ERR_OK;
}

static const char *space_of(const struct name_ref *ref, const char *own_space)
{
    return ref->space[0] != '\0' ? ref->space : own_space;
}

static bool has_node(const struct gateway_export *one, const char *node)
{
    for (uint32_t i = 0; i < one->nodes; i++) {
        if (strcmp(one->node[i], "*") == 0 || strcmp(one->node[i], node) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_caller(const struct gateway_export *one, const char *own_space, const char *caller)
{
    struct name_ref ref;

    if (one->callers == 0) {
        return true;
    }
    if (name_ref_parse(caller, &ref) != ERR_OK) {
        return false; /* an operator is no cell */
    }
    for (uint32_t i = 0; i < one->callers; i++) {
        if (strcmp(one->caller[i].cell, ref.cell) == 0 && strcmp(space_of(&one->caller[i], own_space), ref.space) == 0) {
            return true;
        }
    }
    return false;
}

bool gateway_exports_allow(const struct gateway_exports *x, const struct name_ref *route, const char *own_space,
                           const char *node, const char *caller)
{
    assert(name_valid_str(node));
    for (uint32_t i = 0; i < x->count; i++) {
        const struct gateway_export *one = &x->item[i];
        if (strcmp(one->cell.cell, route->cell) != 0 ||
            strcmp(space_of(&one->cell, own_space), space_of(route, own_space)) != 0) {
            continue;
        }
        if (has_node(one, node) && has_caller(one, own_space, caller)) {
            return true;
        }
    }
    return false;
}
