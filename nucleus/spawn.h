/* Starting processes: the jail around them, the junction to them, the Genesis they wait for. */
#ifndef CELL_NUCLEUS_SPAWN_H
#define CELL_NUCLEUS_SPAWN_H

#include "nucleus/shell.h"

enum {
    SPAWN_GROUP_SIZE = 2 * NAME_SIZE + 16
};

/* Name of the control group of an instance, where it has one. */
void spawn_group_name(const char *space, const char *cell, uint32_t instance,
                      char out[SPAWN_GROUP_SIZE]);

/* Check that this host can sandbox and make the directory that new roots are mounted on. ERR_UNSUPPORTED
 * names the missing primitive in `why`. */
enum err spawn_open(struct shell *s, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Start the process of a slot: a waiting twin of its cell becomes it, else a new one is jailed. The
 * ledger has its pid before it gets its Genesis. Feeds SPAWNED or SPAWN_FAILED; blocks for about a
 * millisecond (until exec). */
void spawn_instance(struct shell *s, uint32_t slot, uint64_t generation);

/* Have one initialised twin of manifest entry `cell` waiting, or none. A twin that cannot be made is
 * logged: restarts are cold then. */
void spawn_spare(struct shell *s, uint32_t cell, bool is_wanted);

/* Let a twin go: it sees end of file instead of a Genesis. None is fine. */
void spawn_end_spare(struct shell *s, uint32_t cell);

#endif
