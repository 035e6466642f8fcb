/* What happened, kept in a ring for `cell events`. */
#ifndef CELL_NUCLEUS_EVENTS_H
#define CELL_NUCLEUS_EVENTS_H

#include "nucleus/shell.h"

enum err events_open(struct shell *s) MUST_CHECK;
void events_close(struct shell *s); /* answers those who wait with UNAVAILABLE */

/* Keep one event; names are "" when it concerns no cell. Long texts are cut. */
void events_add(struct shell *s, const char *space, const char *cell, uint32_t instance,
                const char *kind, const char *format, ...) PRINTF_LIKE(6, 7);

/* Handler of nucleus.Events: a long poll from a sequence number. */
enum err events_serve(void *state, struct cell_call *call, const void *request);

#endif
