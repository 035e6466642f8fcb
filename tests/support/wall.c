/* See wall.h. A cell has no environment that could tell it to load a library, and setting the machine's clock would be
 * everybody's affair: so a program is linked with this file, and its functions are in the place of libc's. */
#include "tests/support/wall.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { EVERY_MS = 200 };

atomic_long wall_ahead_s;

static time_t set_by(void)
{
    static const time_t behind[] = {0, -3600, -2, 2, -30, 3599, -600, 0};
    static _Atomic uint64_t begun_ms;
    long ahead_s = atomic_load(&wall_ahead_s);
    struct timespec t;

    if (ahead_s != 0) {
        return ahead_s;
    }
    (void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t); /* cannot fail with these arguments */
    uint64_t now_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000, none = 0;
    (void)atomic_compare_exchange_strong(&begun_ms, &none, now_ms);
    uint64_t period = (now_ms - atomic_load(&begun_ms)) / EVERY_MS;
    return period % 2 == 0 ? (time_t)(3600 + period * 300) : behind[(period * UINT64_C(0x9e3779b97f4a7c15)) >> 61];
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    int result = (int)syscall(SYS_clock_gettime, clock, ret);

    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        ret->tv_sec += set_by();
    }
    return result;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    *ret = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (ret != NULL) {
        *ret = t.tv_sec;
    }
    return t.tv_sec;
}
