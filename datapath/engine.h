/* Which library seals packets: each that is here is tried against libsodium, and of those that agree the fastest on this
 * processor is taken, or the one that was asked for. AES-256-GCM, of which each keeps what it made of the last key, is
 * for sessions between nodes of ours (own.h). Why so: docs/decisions/0013-overlay-cryptography.md. */
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

/* One way to seal, by each of the libraries. */
struct datapath_engine_kind {
    struct datapath_aead aead[DATAPATH_ENGINES]; /* name NULL: it is not here, or not to be used */
    uint64_t packet_ns[DATAPATH_ENGINES];        /* to seal 1,420 bytes                          */
    const struct datapath_aead *chosen;          /* NULL: none                                   */
    uint64_t chosen_ns;
};

struct datapath_engine_keys;

struct datapath_engine {
    struct datapath_engine_kind usual;  /* ChaCha20-Poly1305                                                */
    struct datapath_engine_kind own;    /* AES-256-GCM; none is chosen where it is no faster than the other */
    void *sealing, *opening;            /* OpenSSL's contexts …                                             */
    void *aes_sealing, *aes_opening;    /* … and for AES, with the keys that they have                      */
    uint8_t seal_key[DATAPATH_AEAD_KEY], open_key[DATAPATH_AEAD_KEY];
    void *manager;                      /* ipsec-mb's                                                       */
    struct datapath_engine_keys *keys;  /* … for AES                                                        */
    uint32_t faulty;                    /* libraries that gave other bytes                                  */
};

/* name: "auto", "libsodium", "openssl" or "ipsec-mb". has_own: with AES. ERR_UNSUPPORTED: that one is not here, or gives
 * other bytes; ERR_FAULT: libsodium itself does not hold. Some milliseconds; allocates, so it belongs before doors close. */
enum err datapath_engine_open(struct datapath_engine *g, const char *name, bool has_own) MUST_CHECK;
/* Forget what was made of the last keys: their sessions may be over. */
void datapath_engine_forget(struct datapath_engine *g);

void datapath_engine_close(struct datapath_engine *g); /* also what was zeroed */

#endif
