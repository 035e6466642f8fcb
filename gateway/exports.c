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

static const char *space_of(const struct name_ref *ref, const char *own_space)
{
    return ref->space[0] != '\0' ? ref->space : own_space;
}

bool gateway_exports_allow(const struct gateway_exports *x, const struct name_ref *route, const char *own_space,
                           const char *node)
{
    assert(name_valid_str(node));
    for (uint32_t i = 0; i < x->count; i++) {
        const struct gateway_export *one = &x->item[i];
        if (strcmp(one->cell.cell, route->cell) != 0 ||
            strcmp(space_of(&one->cell, own_space), space_of(route, own_space)) != 0) {
            continue;
        }
        for (uint32_t k = 0; k < one->nodes; k++) {
            if (strcmp(one->node[k], "*") == 0 || strcmp(one->node[k], node) == 0) {
                return true;
            }
        }
    }
    return false;
}
