/* What is looked after while nothing else happens: log files that were written, memory that is no longer
 * needed. A look comes a quarter of a second after there is a reason for it; without one none comes, and
 * an idle supervisor sleeps. */
#ifndef CELL_NUCLEUS_REST_H
#define CELL_NUCLEUS_REST_H

#include "nucleus/shell.h"

enum err rest_open(struct shell *s) MUST_CHECK; /* ERR_NOMEM */
void rest_close(struct shell *s);

/* Have a look come; asked again until then, it is the same look. Nothing before rest_open. */
void rest_soon(struct shell *s);

/* Memory is to be tidied (tidy.h): a second after the last change of the whole node, whoever asks
 * meanwhile; five seconds after it was asked for the last time how all are, so that who asks more often
 * finds what that needs in memory. */
void rest_after_change(struct shell *s);
void rest_after_status(struct shell *s);

#endif
