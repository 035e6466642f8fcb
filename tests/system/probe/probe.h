/* cell-probe: does what a test asks of it, good or bad. `config: never-ready` or `config: fail`
 * decide how it starts. */
#ifndef CELL_TESTS_SYSTEM_PROBE_PROBE_H
#define CELL_TESTS_SYSTEM_PROBE_PROBE_H

#include "common/run/cell.h"

extern const struct cell_def probe_cell;

#endif
