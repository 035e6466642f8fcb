/* A cell that goes past its runtime: it asks the supervisor for channels by hand, as often and to whom a
 * test likes, and reads the answers off the junction. */
#ifndef CELL_TESTS_SYSTEM_PROBE_KNOCK_H
#define CELL_TESTS_SYSTEM_PROBE_KNOCK_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "probe.pb-c.h"

enum { KNOCK_WHY_SIZE = 128 };

/* Count the answers in `reply`; `why` gets the last one's reason. ERR_TIMEOUT: one did not come; others as
 * gap_send. */
enum err knock(const Cell__Probe__KnockRequest *ask, Cell__Probe__KnockReply *reply, char why[KNOCK_WHY_SIZE])
    MUST_CHECK;

#endif
