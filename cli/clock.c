#include "cli/clock.h"

#include <poll.h>
#include <stddef.h>
#include <time.h>

static uint64_t read_ms(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t); /* cannot fail for these clocks */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t cli_clock_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

uint64_t cli_clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

void cli_clock_pause(int ms)
{
    (void)poll(NULL, 0, ms); /* whoever waits looks again afterwards */
}
