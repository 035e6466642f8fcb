/* A service whose second is said, and what is decided of it. */
#ifndef CELL_TESTS_UNIT_AUTOSCALER_KIT_H
#define CELL_TESTS_UNIT_AUTOSCALER_KIT_H

#include <string.h>

#include "autoscaler/decide.h"
#include "tests/support/check.h"

enum { KIT_MONDAY = 4 * 24 * 3600 /* 1970-01-05, UTC */, KIT_AGES = 64 };

extern struct autoscaler_decide kit_d; /* 119 KB */
extern struct autoscaler_decide_seen kit_seen;
extern struct autoscaler_decision kit_last;
extern uint32_t kit_ages[KIT_AGES];

/* The last record but `back`, as text; empty if there is none. */
const char *kit_line(uint64_t back);

#define SAYS(what) CHECK(strstr(kit_line(0), what) != NULL, "%s: %s", what, kit_line(0))

/* Up at once and without a limit, down by the most of 10 s: what a test wants to see is the signals. */
struct autoscaler_policy kit_quick(enum autoscaler_policy_kind kind, double target);

void kit_begin(const struct autoscaler_policy *p, uint32_t serving);

/* Signal i is heard of all that serve. */
void kit_say(size_t i, double value);

/* What is wanted after one second, and after several. */
uint32_t kit_step(void);
uint32_t kit_steps(uint32_t count);

#endif
