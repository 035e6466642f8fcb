/* Two handshakes of the Noise Protocol Framework (Perrin, revision 34, 2018), with X25519, ChaCha20-Poly1305
 * and BLAKE2b:
 *
 *   Noise_NKpsk0_…               Noise_IK_…
 *   <- s                         <- s
 *   ...                          ...
 *   -> psk, e, es                -> e, es, s, ss
 *   <- e, ee                     <- e, ee, se
 *
 * In both the connector knows the acceptor's static key. NKpsk0: both know a secret; neither it nor names travel.
 * IK: the connector's own static key goes with the first message, readable for the acceptor alone, and both sides
 * have proved theirs when the second was read and what follows it came. The second message is bound to a fresh key of each side, so
 * nothing after it can be replayed; the first alone can. Pure: ephemeral keys come in. */
#ifndef CELL_COMMON_NODE_NOISE_H
#define CELL_COMMON_NODE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    NOISE_KEY = 32,
    NOISE_HASH = 64, /* HASHLEN of BLAKE2b, section 12.6 */
    NOISE_TAG = 16,
    NOISE_MESSAGE = NOISE_KEY + NOISE_TAG, /* bytes that a handshake message is longer than its payload */
    NOISE_IK_FIRST = NOISE_MESSAGE + NOISE_KEY + NOISE_TAG, /* … the first of IK, with its static key   */
};

/* CipherState, section 5.1. */
struct noise_cipher {
    uint8_t key[NOISE_KEY];
    uint64_t counter;
};

/* SymmetricState and the keys of a handshake, sections 5.2 and 5.3. */
struct noise {
    bool is_connector;
    uint8_t chain[NOISE_HASH];
    uint8_t hash[NOISE_HASH]; /* of all that was said: what a signature binds to this session */
    struct noise_cipher cipher;
    uint8_t secret[NOISE_KEY];  /* our ephemeral one */
    uint8_t remote[NOISE_KEY];  /* connector: the acceptor's static key; acceptor: the connector's ephemeral */
    uint8_t own[NOISE_KEY];     /* IK: our static secret                                     */
    uint8_t peer[NOISE_KEY];    /* IK, acceptor: the connector's static key, after its first message */
};

/* Begin. connector: `key` is the acceptor's static public key; acceptor: its own. */
void noise_init(struct noise *n, bool is_connector, const uint8_t *prologue, size_t prologue_size,
                const uint8_t psk[NOISE_KEY], const uint8_t key[NOISE_KEY],
                const uint8_t ephemeral[NOISE_KEY]);

/* Write our handshake message with `size` bytes of payload: size + NOISE_MESSAGE bytes. Connector: first
 * message; acceptor: second, after noise_read_first. ERR_FORGED: the peer's key is of small order. */
enum err noise_write(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out) MUST_CHECK;

/* Read the peer's: any bytes. secret: the acceptor's static one. payload: size - NOISE_MESSAGE bytes.
 * ERR_MALFORMED: too short; ERR_FORGED: it does not open. After an error the handshake is over. */
enum err noise_read_first(struct noise *n, const uint8_t secret[NOISE_KEY], const uint8_t *message,
                          size_t size, uint8_t *payload) MUST_CHECK;
enum err noise_read_second(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload) MUST_CHECK;

/* The same for IK. own: our static secret; key: the acceptor's static public key, on both sides. */
void noise_ik_init(struct noise *n, bool is_connector, const uint8_t *prologue, size_t prologue_size,
                   const uint8_t own[NOISE_KEY], const uint8_t key[NOISE_KEY], const uint8_t ephemeral[NOISE_KEY]);

/* The first message is NOISE_IK_FIRST bytes longer than its payload, the second NOISE_MESSAGE. Errors as above. A
 * first message that is read may be a replay: act on what comes after the second alone. */
enum err noise_ik_write_first(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out) MUST_CHECK;
enum err noise_ik_read_first(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload) MUST_CHECK;
enum err noise_ik_write_second(struct noise *n, const uint8_t *payload, size_t size, uint8_t *out) MUST_CHECK;
enum err noise_ik_read_second(struct noise *n, const uint8_t *message, size_t size, uint8_t *payload) MUST_CHECK;

/* Section 5.2, Split: after the second message, the ciphers of what we send and what we receive. */
void noise_split(struct noise *n, struct noise_cipher *ret_send, struct noise_cipher *ret_receive);

/* Seal size bytes into size + NOISE_TAG, or open them. ERR_MALFORMED: shorter than a tag; ERR_FORGED: it does
 * not open; then out is unspecified and the counter stays. */
void noise_seal(struct noise_cipher *c, const uint8_t *text, size_t size, uint8_t *out);
enum err noise_open(struct noise_cipher *c, const uint8_t *sealed, size_t size, uint8_t *out) MUST_CHECK;

/* Wipe it. */
void noise_fini(struct noise *n);

#endif
