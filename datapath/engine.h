/* Which library seals packets: each that is here is tried against libsodium, and of those that agree the fastest on this
 * processor is taken, or the one that was asked for. Why so: docs/decisions/0013-overlay-cryptography.md. */
#ifndef CELL_DATAPATH_ENGINE_H
#define CELL_DATAPATH_ENGINE_H

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/aead.h"

enum {
    DATAPATH_ENGINES = 3,        /* libsodium, openssl, ipsec-mb */
    DATAPATH_ENGINE_ROUNDS = 32, /* packets of one look at the speed: 50 us …             */
    DATAPATH_ENGINE_LOOKS = 16,  /* … of which the best counts: other processes run too    */
};

struct datapath_engine {
    struct datapath_aead aead[DATAPATH_ENGINES]; /* name NULL: it is not here, or not to be used */
    uint64_t packet_ns[DATAPATH_ENGINES];        /* to seal 1,420 bytes                          */
    void *sealing, *opening;                     /* OpenSSL's contexts                           */
    void *manager;                               /* ipsec-mb's                                   */
    uint32_t faulty;                             /* libraries that gave other bytes              */
    const struct datapath_aead *chosen;
};

/* name: "auto", "libsodium", "openssl" or "ipsec-mb". ERR_UNSUPPORTED: that one is not here, or gives other bytes;
 * ERR_FAULT: libsodium itself does not hold. Some milliseconds; allocates, so it belongs before doors close. */
enum err datapath_engine_open(struct datapath_engine *g, const char *name) MUST_CHECK;
void datapath_engine_close(struct datapath_engine *g); /* also what was zeroed */

#endif
