/* Connections of nodes that join: frames in, frames out, a deadline each. */
#ifndef CELL_ISSUER_LINK_H
#define CELL_ISSUER_LINK_H

#include "issuer/shell.h"

/* Watch the listening socket. ERR_NOMEM. */
enum err issuer_link_begin(struct issuer_shell *s) MUST_CHECK;

/* Close every connection and stop listening. Twice is fine. */
void issuer_link_end(struct issuer_shell *s);

#endif
