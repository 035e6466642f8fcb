/* Time for commands that wait. */
#ifndef CELL_CLI_CLOCK_H
#define CELL_CLI_CLOCK_H

#include <stdint.h>

/* Monotonic milliseconds. */
uint64_t cli_clock_ms(void);

/* Wall clock, milliseconds since 1970. */
uint64_t cli_clock_wall_ms(void);

/* Wait up to `ms`; a signal may cut it short. */
void cli_clock_pause(int ms);

#endif
