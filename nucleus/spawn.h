/* Starting processes: the jail around them, the junction to them, the Genesis they wait for. */
#ifndef CELL_NUCLEUS_SPAWN_H
#define CELL_NUCLEUS_SPAWN_H

#include "nucleus/shell.h"

enum err spawn_open(struct shell *s, char why[MANIFEST_WHY_SIZE]) MUST_CHECK;
void spawn_instance(struct shell *s, uint32_t slot, uint64_t generation);
void spawn_spare(struct shell *s, uint32_t cell, bool is_wanted);
void spawn_end_spare(struct shell *s, uint32_t cell);

#endif
