/* Registries in memory for the resolver: said in lines, or drawn. */
#ifndef CELL_TESTS_UNIT_REGISTRY_UNIVERSE_H
#define CELL_TESTS_UNIT_REGISTRY_UNIVERSE_H

#include "common/base/rng.h"
#include "registry/resolve.h"

enum { UNIVERSE_PACKAGES = 1200, UNIVERSE_VERSIONS = 24, UNIVERSE_NEEDS = 12 };

struct universe {
    struct registry_resolve_question q;
    struct registry_resolve_package package[UNIVERSE_PACKAGES];
    struct registry_resolve_version version[UNIVERSE_PACKAGES][UNIVERSE_VERSIONS];
    struct registry_resolve_need need[UNIVERSE_PACKAGES][UNIVERSE_VERSIONS][UNIVERSE_NEEDS], own[UNIVERSE_PACKAGES];
    struct registry_version locked[UNIVERSE_PACKAGES];
    char name[UNIVERSE_PACKAGES][16];
};

/* Lines "a 1.0.0: b ^1; c *"; "a 1.0.0 yanked"; "lock a 1.0.0"; "a" (a name without versions). The project's needs: "project: a ^1; b *".
 * Versions of a package ascend. Borrows the text. */
void universe_read(struct universe *u, const char *text);

/* Drawn: up to `packages` of up to `versions`, with yanked versions, pre-releases, locks and cycles. */
void universe_draw(struct universe *u, struct rng *r, uint32_t packages, uint32_t versions);

/* A thousand packages of twenty versions, each with five others that it needs: they have lived together since long. */
void universe_large(struct universe *u);

/* The answer by trying everything in the documented order: whether there is one, and choice. */
bool universe_try_all(const struct universe *u, uint32_t *choice);

/* Whether an answer keeps every requirement, and installs nothing that nobody needs. */
bool universe_is_answer(const struct universe *u, const uint32_t *choice);

#endif
