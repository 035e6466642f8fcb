/* The handshake of a pair: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (Perrin, "The Noise Protocol Framework",
 * revision 34, 2018), as WireGuard uses it (Donenfeld, NDSS 2017, section 5.4).
 *
 *   <- s
 *   ...
 *   -> e, es, s, ss
 *   <- e, ee, se, psk
 *
 * Pure: ephemeral keys come in. Every function verifies on a copy: after an error the handshake is what it was
 * before, so nobody can spoil it by sending something. */
#ifndef CELL_DATAPATH_NOISE_H
#define CELL_DATAPATH_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "datapath/hash.h"

enum {
    DATAPATH_NOISE_KEY = 32,
    DATAPATH_NOISE_TAG = 16,
    DATAPATH_NOISE_FIRST = 2 * DATAPATH_NOISE_KEY + 2 * DATAPATH_NOISE_TAG, /* first message without its payload */
    DATAPATH_NOISE_SECOND = DATAPATH_NOISE_KEY + DATAPATH_NOISE_TAG,        /* second …                          */
};

/* A static key pair. */
struct datapath_noise_self {
    uint8_t secret[DATAPATH_NOISE_KEY];
    uint8_t public[DATAPATH_NOISE_KEY];
};

/* SymmetricState (section 5.2) and the keys of a handshake. */
struct datapath_noise {
    uint8_t chain[DATAPATH_HASH_SIZE];
    uint8_t hash[DATAPATH_HASH_SIZE];
    uint8_t key[DATAPATH_NOISE_KEY];       /* of the CipherState; its counter is 0 whenever it is used */
    uint8_t ephemeral[DATAPATH_NOISE_KEY]; /* our secret one                                           */
    uint8_t remote[DATAPATH_NOISE_KEY];    /* responder: the initiator's public ephemeral key          */
    uint8_t peer[DATAPATH_NOISE_KEY];      /* the other's static public key                            */
};

/* The public key of self->secret. ERR_INVALID: the secret is zero, which nobody drew. */
enum err datapath_noise_public(struct datapath_noise_self *self) MUST_CHECK;

/* What the two static keys have in common, the same for all handshakes of a pair. ERR_FORGED: `peer` is zero or of
 * small order, so no honest node's. 30 us. */
enum err datapath_noise_shared(const struct datapath_noise_self *self, const uint8_t peer[DATAPATH_NOISE_KEY],
                               uint8_t ret[DATAPATH_NOISE_KEY]) MUST_CHECK;

/* Begin. responder: its static public key. */
void datapath_noise_begin(struct datapath_noise *n, const void *prologue, size_t prologue_size,
                          const uint8_t responder[DATAPATH_NOISE_KEY]);

/* Initiator: write size + DATAPATH_NOISE_FIRST bytes. peer: the responder's static key; shared: of
 * datapath_noise_shared. ERR_FORGED: a key of small order. */
enum err datapath_noise_write_first(struct datapath_noise *n, const struct datapath_noise_self *self,
                                    const uint8_t peer[DATAPATH_NOISE_KEY], const uint8_t shared[DATAPATH_NOISE_KEY],
                                    const uint8_t ephemeral[DATAPATH_NOISE_KEY], const void *payload, size_t size,
                                    uint8_t *out) MUST_CHECK;

/* Responder, first half: who says so (n->peer), which anybody can say. size: of the whole message. ERR_MALFORMED: too
 * short; ERR_FORGED: it does not open. */
enum err datapath_noise_read_who(struct datapath_noise *n, const struct datapath_noise_self *self,
                                 const uint8_t *message, size_t size) MUST_CHECK;

/* Second half, for the shared key of that peer: it is he, now or earlier: a first message can be a replay. payload:
 * size - DATAPATH_NOISE_FIRST bytes. Errors as above. */
enum err datapath_noise_read_first(struct datapath_noise *n, const uint8_t shared[DATAPATH_NOISE_KEY],
                                   const uint8_t *message, size_t size, void *payload) MUST_CHECK;

/* Responder: write size + DATAPATH_NOISE_SECOND bytes. psk: zeros when the pair has none. ERR_FORGED: the initiator's
 * ephemeral or static key is of small order. */
enum err datapath_noise_write_second(struct datapath_noise *n, const uint8_t psk[DATAPATH_NOISE_KEY],
                                     const uint8_t ephemeral[DATAPATH_NOISE_KEY], const void *payload, size_t size,
                                     uint8_t *out) MUST_CHECK;

/* Initiator: read it. ERR_FORGED also when the two have different pre-shared keys. */
enum err datapath_noise_read_second(struct datapath_noise *n, const struct datapath_noise_self *self,
                                    const uint8_t psk[DATAPATH_NOISE_KEY], const uint8_t *message, size_t size,
                                    void *payload) MUST_CHECK;

/* Section 5.2, Split: the keys of what we send and receive. The handshake is wiped, but for its hash. */
void datapath_noise_split(struct datapath_noise *n, bool is_initiator, uint8_t ret_send[DATAPATH_NOISE_KEY],
                          uint8_t ret_receive[DATAPATH_NOISE_KEY]);

/* Wipe it. */
void datapath_noise_fini(struct datapath_noise *n);

#endif
