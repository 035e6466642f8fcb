/* TUN and TAP interfaces that the manifest wants: made here, where there may be the right to, and handed over. */
#ifndef CELL_NUCLEUS_TUNS_H
#define CELL_NUCLEUS_TUNS_H

#include "common/run/jail.h"
#include "nucleus/shell.h"

enum {
    TUNS_NAME_SIZE = NAME_SIZE + 4, /* "tun." or "tap." and a name */
    TUNS_ADDRESS_SIZE = 17,         /* of IPv6, and its bits       */
    TUNS_MEND_MS = 100,             /* after somebody took addresses from one it gets them again: all that goes at once is seen by then … */
    TUNS_MEND_MS_MAX = 60000,       /* … and doubled up to this each time, and back when it kept them as long                          */
};

/* What a Genesis hands over. Descriptors are borrowed: the interface stays up, with its addresses and routes, while the
 * cell's next process starts. */
struct tuns_grant {
    int fd[MANIFEST_TUN_MAX];
    char name[MANIFEST_TUN_MAX][TUNS_NAME_SIZE];
    size_t count;
    /* … and what is said of each: its addresses as they were given to it. */
    struct {
        size_t count;
        uint8_t bytes[MANIFEST_TUN_ADDRESSES_MAX][TUNS_ADDRESS_SIZE];
        size_t size[MANIFEST_TUN_ADDRESSES_MAX];
    } at[MANIFEST_TUN_MAX];
};

/* Make the interfaces that `c` is to have and that are not there yet, or not any more. On an error *ret has none and `why` is one line
 * that names the interface and what is missing: ERR_DENIED (CAP_NET_ADMIN), ERR_EXISTS (another process has one of that
 * name), ERR_NOT_FOUND (no /dev/net/tun), ERR_PRECONDITION (another instance than the first), ERR_NOMEM … */
enum err tuns_open(struct shell *s, const struct manifest_cell *c, uint32_t instance, struct tuns_grant *ret,
                   char why[JAIL_WHY_SIZE]) MUST_CHECK;

/* After recovery: interfaces of cells that live, which they alone have now, get their addresses again, too, as those made here do from
 * the moment on that they are made: one that is up and lacks what the manifest gives it has it within TUNS_MEND_MS. */
void tuns_adopt(struct shell *s);

/* Take down those of cells that were stopped or are no more, or that have another one now. */
void tuns_sweep(struct shell *s);

/* All of them. */
void tuns_close(struct shell *s);

#endif
