/* A helper process that is no cell makes itself small: what it keeps of root's power is listed, and so is what it may ask
 * of the kernel. seal.h is the same for cells, which keep nothing. */
#ifndef CELL_COMMON_RUN_NARROW_H
#define CELL_COMMON_RUN_NARROW_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    NARROW_WHY_SIZE = 160,
};

/* Keep these capabilities (as far as the process has them) and no other, for itself and all it may execute, and
 * no_new_privs. ERR_UNSUPPORTED: `why` names the step that failed. */
enum err narrow_capabilities(const int *caps, size_t count, char why[NARROW_WHY_SIZE]) MUST_CHECK;

/* From now on only these system calls, by name, beside what memory, signals and an orderly end take; anything else ends
 * the process. A name that this kernel's architecture lacks is skipped. ERR_UNSUPPORTED as above, also for a name that no
 * architecture has; ERR_NOMEM. */
enum err narrow_calls(const char *const *names, size_t count, char why[NARROW_WHY_SIZE]) MUST_CHECK;

#endif
