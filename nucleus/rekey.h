/* Keys that change while cells run: taking what the issuer signed, handing it out, dropping what is over. */
#ifndef CELL_NUCLEUS_REKEY_H
#define CELL_NUCLEUS_REKEY_H

#include "nucleus/shell.h"

/* Handler of nucleus.Rekey. Blocks as writing three small files does. */
enum err rekey_serve(void *state, struct cell_call *call, const void *request);

/* At the start: the cluster's key before has its time again, if it has one. */
void rekey_begin(struct shell *s);
void rekey_end(struct shell *s);

/* Hand the cell of `slot` the keys of its manifest entry as they are now; it may have heard of them from somebody who has
 * died since. A cell without keys hears nothing. */
void rekey_hand(struct shell_slot *slot);

#endif
