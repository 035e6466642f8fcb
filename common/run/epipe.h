/* Two of libc's system calls as nng needs them; see epipe.c. */
#ifndef CELL_COMMON_RUN_EPIPE_H
#define CELL_COMMON_RUN_EPIPE_H

#include <stdbool.h>

/* Whether libnng finds them. Also what makes a linker take them in, which otherwise finds the same
 * names elsewhere first (a sanitizer has them too). */
bool epipe_is_in_force(void);

#endif
