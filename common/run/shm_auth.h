/* The handshake of a channel, as a pure machine for both sides: who holds the key proves it to the
 * other, and both agree on the shape and on a name of this very channel. No I/O, no randomness: nonces
 * come in.
 *
 *   connector                                acceptor
 *   HELLO      nonce, shape           ->
 *                                     <-     CHALLENGE  nonce, shape, mac
 *   PROOF      mac, (its half)        ->
 *                                     <-     WELCOME    mac, (its half)
 *
 * Each mac is keyed BLAKE2b over a label of the message's kind, everything said before and the message
 * itself: it cannot be replayed (both nonces are in it), reflected (the kind says who speaks) or moved
 * to another shape. The acceptor proves itself first: an impostor never sees an answer to a challenge
 * of its choice. Secrets never travel. */
#ifndef CELL_COMMON_RUN_SHM_AUTH_H
#define CELL_COMMON_RUN_SHM_AUTH_H

#include "common/run/shm_shape.h"

enum {
    SHM_AUTH_KEY = 32,   /* bytes */
    SHM_AUTH_NONCE = 32,
    SHM_AUTH_MAC = 32,
    SHM_AUTH_MESSAGES = 4,
};

enum shm_auth_kind {
    SHM_AUTH_HELLO = 1,
    SHM_AUTH_CHALLENGE = 2,
    SHM_AUTH_PROOF = 3,
    SHM_AUTH_WELCOME = 4,
};

/* One packet; what its kind does not use is zero. */
struct shm_auth_message {
    uint64_t magic;
    uint32_t version;
    uint32_t kind; /* enum shm_auth_kind */
    uint8_t nonce[SHM_AUTH_NONCE];
    uint32_t slots;
    uint32_t stride;
    uint32_t loan_bytes;
    uint32_t zero;
    uint64_t ring_bytes;
    uint8_t mac[SHM_AUTH_MAC];
};
SHM_SHAPE_AT(shm_auth_message, version, 8);
SHM_SHAPE_AT(shm_auth_message, kind, 12);
SHM_SHAPE_AT(shm_auth_message, nonce, 16);
SHM_SHAPE_AT(shm_auth_message, slots, 48);
SHM_SHAPE_AT(shm_auth_message, stride, 52);
SHM_SHAPE_AT(shm_auth_message, loan_bytes, 56);
SHM_SHAPE_AT(shm_auth_message, zero, 60);
SHM_SHAPE_AT(shm_auth_message, ring_bytes, 64);
SHM_SHAPE_AT(shm_auth_message, mac, 72);
_Static_assert(sizeof(struct shm_auth_message) == 104, "a handshake message");

enum shm_auth_state {
    SHM_AUTH_FRESH,         /* connector: nothing said                    */
    SHM_AUTH_AWAITS_HELLO,  /* acceptor                                   */
    SHM_AUTH_AWAITS_CHALLENGE,
    SHM_AUTH_AWAITS_PROOF,
    SHM_AUTH_AWAITS_WELCOME,
    SHM_AUTH_DONE,
    SHM_AUTH_FAILED,        /* for ever: a second guess is another handshake */
};

struct shm_auth {
    enum shm_role role;
    enum shm_auth_state state;
    uint8_t key[SHM_AUTH_KEY];
    uint8_t nonce[SHM_AUTH_NONCE]; /* ours */
    struct shm_shape shape;        /* acceptor: the largest it grants, until HELLO says which */
    struct shm_auth_message said[SHM_AUTH_MESSAGES];
    uint32_t said_count;
};

/* `shape` is checked. `nonce` is fresh random bytes. */
void shm_auth_init(struct shm_auth *a, enum shm_role role, const uint8_t key[SHM_AUTH_KEY],
                   const struct shm_shape *shape, const uint8_t nonce[SHM_AUTH_NONCE]);

/* The connector's first message. */
void shm_auth_start(struct shm_auth *a, struct shm_auth_message *ret);

/* Take the peer's next message: any bytes. ERR_OK: *ret is to be sent, with our half if it is PROOF or
 * WELCOME; or, when the state is DONE and the role CONNECTOR, nothing more is to be sent. Otherwise
 * the handshake has failed for ever, *ret is untouched and nothing is to be sent:
 *   ERR_MALFORMED     no message of a handshake, or not the kind whose turn it is
 *   ERR_INCOMPATIBLE  another version
 *   ERR_INVALID       a shape out of all bounds, or not the one that was asked for
 *   ERR_LIMIT         more than the acceptor grants
 *   ERR_FORGED        the mac does not verify, or our own nonce came back
 *   ERR_PRECONDITION  it has ended or failed before */
enum err shm_auth_step(struct shm_auth *a, const void *bytes, size_t size,
                       struct shm_auth_message *ret) MUST_CHECK;

/* The name of the channel: known to both after HELLO and CHALLENGE, to nobody without the key. */
void shm_auth_session(const struct shm_auth *a, uint8_t ret[SHM_SHAPE_SESSION]);

/* Forget the key. */
void shm_auth_fini(struct shm_auth *a);

#endif
