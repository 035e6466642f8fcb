/* Signed documents: a body of lines, an empty line, and signatures.
 *
 *   signature KEY SIGNATURE     in hex, by ascending key, so nobody signs twice; at most REGISTRY_SIGNATURES_MAX
 *
 * A key is named by itself, so no name can stand for two. What is signed (Ed25519, RFC 8032) is "cell-registry-signature-1\n" and the
 * BLAKE2b-256 of the body, whose first line says what it is: no document is another, and no other program's signature is one of these. */
#ifndef CELL_REGISTRY_SIGNED_H
#define CELL_REGISTRY_SIGNED_H

#include "registry/fault.h"
#include "registry/text.h"

enum {
    REGISTRY_KEY_SIZE = 32,
    REGISTRY_SECRET_SIZE = 64, /* libsodium's form: seed and public key */
    REGISTRY_SIGNATURE_SIZE = 64,
    REGISTRY_SIGNATURES_MAX = 32,
    REGISTRY_KEYS_MAX = 16,    /* of a role or space */
    REGISTRY_REVOKED_MAX = 64,
    REGISTRY_SIGNATURE_LINE = 10 + 2 * REGISTRY_KEY_SIZE + 1 + 2 * REGISTRY_SIGNATURE_SIZE + 1,
};

/* Who may sign, and how many of them must: "threshold key …". */
struct registry_keys {
    uint8_t threshold, count; /* 1 to count, 1 to REGISTRY_KEYS_MAX */
    uint8_t key[REGISTRY_KEYS_MAX][REGISTRY_KEY_SIZE]; /* ascending */
};

/* Keys that count for nothing any more. */
struct registry_revoked {
    uint8_t count;
    uint8_t key[REGISTRY_REVOKED_MAX][REGISTRY_KEY_SIZE]; /* ascending */
};

struct registry_signed {
    struct registry_slice body; /* borrowed; its last line's end included */
    uint8_t count;
    struct {
        uint8_t key[REGISTRY_KEY_SIZE], signature[REGISTRY_SIGNATURE_SIZE];
    } by[REGISTRY_SIGNATURES_MAX];
};

/* Take the two apart; false: not of this form. Nothing is verified. */
bool registry_signed_split(const void *bytes, size_t size, struct registry_signed *ret) MUST_CHECK;

/* NONE: as many of `keys` as must have signed the body. FORGED: a signature by one of them does not verify, though others may be enough;
 * REVOKED, UNSIGNED. Signatures of others are passed over. revoked: may be NULL. */
enum registry_fault registry_signed_judge(const struct registry_signed *s, const struct registry_keys *keys, const struct registry_revoked *revoked) MUST_CHECK;

/* Write body[0..len) and what signs it into `to`: `signers` secrets, of different keys. Returns the bytes; 0: they are not in `room`. */
size_t registry_signed_write(struct registry_slice body, const uint8_t (*secret)[REGISTRY_SECRET_SIZE], size_t signers, char *to, size_t room);

/* Read and write "threshold key …"; whether `key` is among them, and where. */
bool registry_signed_read_keys(struct registry_slice line, struct registry_keys *ret) MUST_CHECK;
void registry_signed_add_keys(struct bytes_text *t, const struct registry_keys *keys);
bool registry_signed_has_key(const uint8_t (*keys)[REGISTRY_KEY_SIZE], size_t count, const uint8_t key[REGISTRY_KEY_SIZE]);

#endif
