/* Sealing of packets behind one interface, because the libraries that have it differ by more than two in speed (decision
 * 13): ChaCha20-Poly1305 (RFC 8439), which WireGuard has, and AES-256-GCM (NIST SP 800-38D), which nodes of ours take
 * when both have an engine for it (own.h). A nonce is a counter and there is no additional data: WireGuard, section
 * 5.4.6. All libraries give the same bytes; datapath_aead_check says whether one does. */
#ifndef CELL_DATAPATH_AEAD_H
#define CELL_DATAPATH_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    DATAPATH_AEAD_KEY = 32,
    DATAPATH_AEAD_TAG = 16,
};

/* One library. Neither function allocates or blocks. */
struct datapath_aead {
    const char *name;
    void *context; /* the library's own; one thread at a time */
    /* text[0..size) to out[0..size + DATAPATH_AEAD_TAG); out may be text's own place. */
    void (*seal)(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *text,
                 size_t size, uint8_t *out);
    /* sealed[0..size + DATAPATH_AEAD_TAG) to out[0..size), the same place or another. False: it is not genuine, and
     * out is unspecified. */
    bool (*open)(void *context, const uint8_t key[DATAPATH_AEAD_KEY], uint64_t counter, const uint8_t *sealed,
                 size_t size, uint8_t *out);
};

/* libsodium's: ChaCha20-Poly1305 is always there, AES-256-GCM on processors that have instructions for it. */
extern const struct datapath_aead datapath_aead_sodium;
extern const struct datapath_aead datapath_aead_aes;
bool datapath_aead_has_aes(void);

/* The 12 bytes that stand for a counter. */
void datapath_aead_nonce(uint64_t counter, uint8_t ret[12]);

/* Compare `a` with `sound`, one of libsodium's, at lengths around every block's end, in place and not and under keys that
 * take turns, and let it refuse each flipped bit of a short message. ERR_FAULT: it is not to be used. Some milliseconds. */
enum err datapath_aead_check(const struct datapath_aead *a, const struct datapath_aead *sound) MUST_CHECK;

#endif
