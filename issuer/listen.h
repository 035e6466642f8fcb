/* The socket that joins come in by, and the addresses it is reached at. Doors open. */
#ifndef CELL_ISSUER_LISTEN_H
#define CELL_ISSUER_LISTEN_H

#include "issuer/shell.h"

/* Take the socket that was handed over (descriptor listen.join), or open the one of config.listen; then learn
 * where others reach it: config.advertise, or the addresses of this machine. Errors are logged. */
enum err issuer_listen_open(struct issuer_shell *s) MUST_CHECK;

#endif
