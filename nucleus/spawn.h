/* Starting processes: the jail around them, the junction to them, the Genesis they wait for. */
#ifndef CELL_NUCLEUS_SPAWN_H
#define CELL_NUCLEUS_SPAWN_H

#include "nucleus/shell.h"

/* Check that this host can sandbox and make the directory that new roots are mounted on. ERR_UNSUPPORTED
 * names the missing primitive in `why`. */
enum err spawn_open(struct shell *s, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;

/* Start the process of a slot: a waiting twin of its cell becomes it, else a new one is jailed. The
 * ledger has its pid before it gets its Genesis. Feeds SPAWNED or SPAWN_FAILED; blocks for about a
 * millisecond (until exec). */
void spawn_instance(struct shell *s, uint32_t slot, uint64_t generation);

/* Have one initialised twin of manifest entry `cell` waiting, or none. A twin that cannot be made is
 * logged: restarts are cold then. */
void spawn_spare_keep(struct shell *s, uint32_t cell, bool is_wanted);

/* End a twin that waits; what is left of it goes when it has ended. None is fine. */
void spawn_spare_end(struct shell *s, uint32_t cell);

/* End every twin and wait until each has. */
void spawn_spare_close(struct shell *s);

#endif
