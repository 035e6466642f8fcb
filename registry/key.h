/* A publisher's private key at rest: encrypted under a passphrase, and on the publisher's own host alone.
 *
 *   cell-registry-key-1
 *   public 64 digits
 *   argon2id OPS MEMORY SALT          passes, bytes, 32 digits
 *   box NONCE BYTES                   24 and 48 bytes in hex: XSalsa20 and Poly1305 over the seed
 *
 * The box's key is BLAKE2b of all lines above it under what Argon2id makes of the passphrase: whoever edits one of them, the public key
 * or a parameter, has a file that does not open. Parameters are bounded on reading, so that a file of somebody else neither costs more
 * memory than there is nor is one that is quick to guess. Sources: RFC 9106; libsodium, "Password hashing", "Authenticated encryption". */
#ifndef CELL_REGISTRY_KEY_H
#define CELL_REGISTRY_KEY_H

#include "registry/signed.h"

enum {
    REGISTRY_KEY_SEED_SIZE = 32,
    REGISTRY_KEY_SALT_SIZE = 16,
    REGISTRY_KEY_NONCE_SIZE = 24,
    REGISTRY_KEY_FILE_MAX = 1024,
    REGISTRY_KEY_OPS_LEAST = 2,              /* with 64 MiB: RFC 9106's second choice by half, libsodium's "interactive" */
    REGISTRY_KEY_OPS_MOST = 16,
    REGISTRY_KEY_MEMORY_LEAST = 64 << 20,
    REGISTRY_KEY_MEMORY_MOST = 1 << 30,
    REGISTRY_KEY_PASSPHRASE_MAX = 1024,
};

struct registry_key_cost {
    uint64_t ops, memory_bytes; /* within the limits above */
};

/* Write the file of `seed`. salt, nonce: drawn for this file. Returns its bytes, or 0: the passphrase is empty or longer than
 * REGISTRY_KEY_PASSPHRASE_MAX, the cost is out of its limits, or there is no such memory. Takes what the cost says: a second or so. */
size_t registry_key_seal(const uint8_t seed[REGISTRY_KEY_SEED_SIZE], const char *passphrase, size_t passphrase_len, const struct registry_key_cost *cost,
                         const uint8_t salt[REGISTRY_KEY_SALT_SIZE], const uint8_t nonce[REGISTRY_KEY_NONCE_SIZE], char to[REGISTRY_KEY_FILE_MAX]);

/* Read such a file. ERR_MALFORMED: it is none; ERR_LIMIT: its cost is below or above the limits, and was not spent; ERR_FORGED: another
 * passphrase, or an edited file: nobody can tell which; ERR_NOMEM: not so much memory; ERR_INVALID: no passphrase.
 * ret_secret (the caller wipes it) is then untouched. */
enum err registry_key_open(const void *bytes, size_t size, const char *passphrase, size_t passphrase_len, uint8_t ret_secret[REGISTRY_SECRET_SIZE]) MUST_CHECK;

/* The public key that a file names, without a passphrase: a claim until it was opened. ERR_MALFORMED. */
enum err registry_key_public(const void *bytes, size_t size, uint8_t ret[REGISTRY_KEY_SIZE]) MUST_CHECK;

#endif
