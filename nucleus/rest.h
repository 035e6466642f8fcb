/* What is looked after while nothing else happens: log files that were written, memory that is no longer
 * needed. A look comes a quarter of a second after there is a reason for it; without one none comes, and
 * an idle supervisor sleeps. */
#ifndef CELL_NUCLEUS_REST_H
#define CELL_NUCLEUS_REST_H

#include "nucleus/shell.h"

enum {
    REST_AFTER_CHANGE = 4,  /* looks until memory is tidied after a change of the whole node … */
    REST_AFTER_STATUS = 20, /* … and after it was asked how all are: who asks more often than every
                             * five seconds finds what it needs in memory                      */
};

enum err rest_open(struct shell *s) MUST_CHECK; /* ERR_NOMEM */
void rest_close(struct shell *s);

/* Have a look come; asked again until then, it is the same look. Nothing before rest_open. */
void rest_soon(struct shell *s);

/* Tidy memory (tidy.h) after so many looks from now. */
void rest_tidy_in(struct shell *s, uint32_t looks);

#endif
