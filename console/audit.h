/* The audit log: what was done to a node, by whom, in lines of which each holds the hash of all before, so that whatever is changed
 * afterwards is found, and where.
 *
 *   cell-audit-1 NODE SEQ EPOCH HASH                               the head of a file: what its first record and seal will be, and the
 *                                                                  hash of all before; of the first file 1, 1 and zeros
 *   SEQ WALL_MS ACTOR ACT OBJECT OUTCOME DETAIL HASH               a record
 *   seal EPOCH WALL_MS MAC HASH                                    a seal; MAC is of the hash with the two numbers
 *
 * HASH is BLAKE2b-256 of the hash before and of what stands before it on the line; behind a head it is that of its whole line. Who may write the file can also compute it anew from
 * any line on; so now and then a seal says by a key, which is then made into the next one and wiped, what the hash is. Whoever breaks in
 * has keys of seals to come, and none of those that were made: all that was sealed stays as it is, or is found out by whoever kept the
 * first key elsewhere. What can be cut off unseen is what was not sealed yet, and whole seals at the end: so a verifier says how old the
 * last one is.
 *
 * Sources: Haber, Stornetta, "How to Time-Stamp a Digital Document", 1991 (chains); Schneier, Kelsey, "Cryptographic Support for Secure
 * Logs on Untrusted Machines", 1998 (keys that follow from each other; as systemd-journald's sealing). */
#ifndef CELL_CONSOLE_AUDIT_H
#define CELL_CONSOLE_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/bytes.h"

enum {
    CONSOLE_AUDIT_HASH_SIZE = 32,
    CONSOLE_AUDIT_KEY_SIZE = 32,
    CONSOLE_AUDIT_TEXT_MAX = 256,  /* bytes of each text of a record; of a longer one the rest is left out, and "..." stands there */
    CONSOLE_AUDIT_EPOCHS_MAX = 1 << 22, /* seals that may be gone with older files and others be proved all the same: 8 years of one a minute */
    CONSOLE_AUDIT_LINE_MAX = 6144, /* characters of the longest line, with its end: five texts of which each byte is escaped       */
};

struct console_audit_record {
    uint64_t wall_ms;                                       /* since 1970, UTC */
    const char *actor, *act, *object, *outcome, *detail;    /* any bytes but NUL; NULL or empty: none */
};

/* Who writes. */
struct console_audit {
    uint64_t seq, epoch;                    /* of the next record and seal */
    uint8_t hash[CONSOLE_AUDIT_HASH_SIZE];  /* of all before */
    uint8_t key[CONSOLE_AUDIT_KEY_SIZE];    /* of the next seal; secret */
    bool has_key;
};

/* X(constant, what it reads as) */
#define CONSOLE_AUDIT_FAULTS(X)                                                                                                            \
    X(NONE, "nothing is wrong")                                                                                                            \
    X(FORM, "this is no line of an audit log")                                                                                             \
    X(TORN, "the last line has no end")                                                                                                    \
    X(HEAD, "the file does not begin where the one before ended")                                                                          \
    X(SEQUENCE, "a line is missing or stands elsewhere")                                                                                   \
    X(HASH, "the line, or one before it, is not as it was written")                                                                        \
    X(SEAL, "what stands between the last seal and this one is not what was sealed")

enum console_audit_fault {
#define X(constant, text) CONSOLE_AUDIT_##constant,
    CONSOLE_AUDIT_FAULTS(X)
#undef X
};

/* Who verifies. */
struct console_audit_check {
    struct console_audit state;             /* as the writer's was behind the last good line */
    bool is_begun;
    uint64_t lines, bytes;                  /* good ones so far: the fault is in the next line, which begins there; in this file */
    uint64_t sealed_seq, sealed_ms;         /* the last record that a seal covers, and when it was made; 0: none */
    bool are_seals_proved;                  /* by the first key */
};

/* Begin a log. first_key: CONSOLE_AUDIT_KEY_SIZE bytes, to be kept elsewhere by whoever verifies; NULL: seals are never made. */
void console_audit_init(struct console_audit *a, const uint8_t *first_key);

/* Wipe the key. */
void console_audit_fini(struct console_audit *a);

/* Append the head of a file, a record, a seal to `to`, which has room for CONSOLE_AUDIT_LINE_MAX more characters (asserted). The caller
 * has it on disk before it does what the record says, and the new key before it forgets the old one. node: a name of common/base/name.h. */
void console_audit_add_head(struct console_audit *a, const char *node, struct bytes_text *to);
void console_audit_add(struct console_audit *a, const struct console_audit_record *r, struct bytes_text *to);

/* … only with a key. */
void console_audit_add_seal(struct console_audit *a, uint64_t wall_ms, struct bytes_text *to);

/* Begin to verify; first_key NULL: hashes alone. */
void console_audit_check_init(struct console_audit_check *c, const uint8_t *first_key);
void console_audit_check_fini(struct console_audit_check *c);

/* Verify a whole file's bytes; then the next file's, in order. The first file may be any of a log whose older ones are gone: then it is
 * verified from there on, and seals are proved if no more than CONSOLE_AUDIT_EPOCHS_MAX are gone (a second of work for a million). On a fault c->lines and c->bytes say where; c is not to be used further.
 * Any bytes; O(size). */
enum console_audit_fault console_audit_check(struct console_audit_check *c, const char *bytes, size_t size);

const char *console_audit_fault_text(enum console_audit_fault fault);

#endif
