/* Who a node is: an Ed25519 seed and a name, as the file `identity` keeps them. Pure; vault.h reads and
 * writes files.
 *
 *   cell-identity 1
 *   name db-1
 *   created 1764316800              seconds since 1970, for people
 *   seed 9d61…                      64 hex digits (RFC 8032: the private key)
 *   previous 4ccd…                  only while a new identity is not yet known to the cluster
 *   hash …                          lines.h */
#ifndef CELL_COMMON_NODE_IDENTITY_H
#define CELL_COMMON_NODE_IDENTITY_H

#include <stdbool.h>

#include "common/node/keys.h"

enum {
    IDENTITY_TEXT_MAX = 512, /* bytes of the file */
};

struct identity {
    char name[NODE_NAME_MAX + 1];
    uint64_t created_s;
    uint8_t seed[NODE_SEED_LEN];
    bool has_previous;
    uint8_t previous[NODE_SEED_LEN]; /* the seed before; vouches for the new one when it joins */
};

/* Write the file's text, terminated, and say how long it is. The name is valid. */
size_t identity_format(const struct identity *i, char out[IDENTITY_TEXT_MAX]);

/* Read it: any bytes. ERR_MALFORMED: no identity, or not exactly as identity_format writes it;
 * ERR_INCOMPATIBLE: another version; ERR_DATA_LOSS: damaged. On error *ret is untouched. */
enum err identity_parse(const char *text, size_t size, struct identity *ret) MUST_CHECK;

/* Wipe it. */
void identity_forget(struct identity *i);

#endif
