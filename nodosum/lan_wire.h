/* The bytes of neighbours' packets. Integers are big-endian.
 *
 *   "CLAN" 4 | version 1 | kind 1 | zero 2 | epoch 4 | life 8 | number 4 | nonce 8 | id 32 | port 2 | name length 1 |
 *   name 64 | zeros behind the name up to the tag | BLAKE2b-256 of all before, under the key of the epoch 32 */
#ifndef CELL_NODOSUM_LAN_WIRE_H
#define CELL_NODOSUM_LAN_WIRE_H

#include "nodosum/lan.h"

enum {
    NODOSUM_LAN_VERSION = 1,
    NODOSUM_LAN_TAG = 32,
};

enum nodosum_lan_kind {
    NODOSUM_LAN_ASK = 1,
    NODOSUM_LAN_REPLY,
    NODOSUM_LAN_ANNOUNCE,
    NODOSUM_LAN_BYE,
};

/* When a sender said something: lives, and numbers within one, only grow. */
struct nodosum_lan_stamp {
    uint64_t life;
    uint32_t number;
};

struct nodosum_lan_message {
    enum nodosum_lan_kind kind;
    uint32_t epoch;
    struct nodosum_lan_stamp stamp;
    uint64_t nonce;                 /* of the asker; an announcement and a farewell have 0 */
    struct nodosum_id id;
    uint16_t port;
    uint8_t name_len;
    char name[NAME_SIZE];
};

/* Bytes of a packet of this kind. */
uint16_t nodosum_lan_wire_size(enum nodosum_lan_kind kind);

/* Write and tag; returns the size. */
uint16_t nodosum_lan_wire_put(const struct nodosum_lan_message *m, const uint8_t key[NODOSUM_LAN_KEY_SIZE],
                              uint8_t out[NODOSUM_LAN_QUESTION]);

/* Read any bytes, but not the tag. ERR_LIMIT: longer than any packet; ERR_MALFORMED; ERR_INCOMPATIBLE: another
 * version. *ret is untouched on error. */
enum err nodosum_lan_wire_get(const uint8_t *bytes, size_t size, struct nodosum_lan_message *ret) MUST_CHECK;

/* Whether the tag of a packet that was read is right. */
bool nodosum_lan_wire_is_true(const uint8_t *bytes, size_t size, const uint8_t key[NODOSUM_LAN_KEY_SIZE]);

/* The key of these packets, from a cluster's key and its id (16 bytes). */
void nodosum_lan_wire_derive(const uint8_t cluster_key[NODOSUM_LAN_KEY_SIZE], const uint8_t cluster_id[16],
                             uint8_t ret[NODOSUM_LAN_KEY_SIZE]);

#endif
