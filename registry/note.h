/* Signed notes and checkpoints, as transparency logs and their witnesses have them (C2SP, "signed-note" and "tlog-checkpoint"; Go's sumdb):
 *
 *   example.org/cells                 a checkpoint is a note whose first lines are the log's origin,
 *   42                                its size,
 *   base64 of the root hash           and its root hash; others may follow
 *                                     (an empty line)
 *   — example.org/cells BASE64        for each signature: whose, and of 4 bytes of the key's hash and 64 of Ed25519 over the text
 *
 * The form fits as it is: origin, size and hash are what is to be said of a log, and whoever watches logs can watch this one without
 * knowing of Cell. It vouches for the log alone; what is installed is vouched for by trust.h, whose snapshot names the same head. */
#ifndef CELL_REGISTRY_NOTE_H
#define CELL_REGISTRY_NOTE_H

#include "registry/log.h"
#include "registry/signed.h"

enum {
    REGISTRY_NOTE_MAX = 16 * 1024, /* bytes of a note       */
    REGISTRY_NOTE_SIGNATURES_MAX = 32,
    REGISTRY_NOTE_NAME_MAX = 100,
    REGISTRY_NOTE_KEY_MAX = REGISTRY_NOTE_NAME_MAX + 64, /* characters of a key's text */
};

/* Who signs notes: "name+12345678+BASE64", the second its id, the third 0x01 and the public key. */
struct registry_note_key {
    char name[REGISTRY_NOTE_NAME_MAX + 1];
    uint8_t id[4];
    uint8_t public[REGISTRY_KEY_SIZE];
};

struct registry_checkpoint {
    struct registry_slice origin; /* borrowed */
    struct registry_log_head head;
};

/* Fill in the id. False: the name has a blank or '+', is empty or too long, or is not printable ASCII. */
bool registry_note_make_key(const char *name, const uint8_t public[REGISTRY_KEY_SIZE], struct registry_note_key *ret) MUST_CHECK;

/* Read a key's text; false: it is none, or of another algorithm. */
bool registry_note_read_key(const char *text, size_t len, struct registry_note_key *ret) MUST_CHECK;
void registry_note_add_key(struct bytes_text *t, const struct registry_note_key *key);

/* NONE: `key` has signed; *ret_text is the text, its last line's end included, borrowed. UNSIGNED: it has not, others may have; FORGED: a
 * signature in its name does not verify; MALFORMED, TOO_LARGE. */
enum registry_fault registry_note_open(const void *note, size_t size, const struct registry_note_key *key, struct registry_slice *ret_text) MUST_CHECK;

/* Write the text (whole lines) with one signature; the bytes, or 0: they are not in `room`. */
size_t registry_note_write(struct registry_slice text, const struct registry_note_key *key, const uint8_t secret[REGISTRY_SECRET_SIZE], char *to, size_t room);

/* A note's text as a checkpoint, and back. False: it is none. */
bool registry_note_read_checkpoint(struct registry_slice text, struct registry_checkpoint *ret) MUST_CHECK;
void registry_note_add_checkpoint(struct bytes_text *t, const struct registry_checkpoint *c);

#endif
