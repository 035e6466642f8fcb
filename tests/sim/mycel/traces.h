/* Requests: recorded ones, and made-up ones that policies are known to fail at. */
#ifndef CELL_TESTS_SIM_MYCEL_TRACES_H
#define CELL_TESTS_SIM_MYCEL_TRACES_H

#include "tests/sim/mycel/refs.h"

enum { TRACES_COUNT = 13 };

struct traces_item {
    const char *name;
    struct refs_trace trace; /* traces_free gives it back */
};

/* The n-th trace; directory: where recorded ones are unpacked. */
struct traces_item traces_make(uint32_t n, const char *directory, uint64_t seed);
void traces_free(struct traces_item *item);

#endif
