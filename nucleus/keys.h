/* Keys of the node for cells that may have them: the files of $STATE/node, as sealed memory. No cell sees
 * the files. */
#ifndef CELL_NUCLEUS_KEYS_H
#define CELL_NUCLEUS_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"
#include "common/base/name.h"
#include "common/node/keys.h"

enum {
    KEYS_GRANT_MAX = 4,  /* kinds there are  */
    KEYS_WHY_SIZE = 160, /* of one line: JAIL_WHY_SIZE */
};

/* Descriptors as Genesis hands them over: keys.datagram (packed, common/node/keys.h), keys.tls (PEM texts
 * one after the other: the node's key, its certificate, the authority's, the list of revoked ones if there is one), keys.issuer
 * (five texts, each after its length in 4 bytes, big-endian: identity, cluster, ca.key, ca.crt, node.crt), keys.renew (packed keys, and
 * the texts cluster, ca.crt, node.crt, each after its length). */
struct keys_grant {
    int fd[KEYS_GRANT_MAX];
    const char *name[KEYS_GRANT_MAX]; /* literals */
    size_t count;
};

/* Read what `kinds` (MANIFEST_KEYS_…) names and make a sealed memfd of each: nobody can change it, and who has
 * it maps or reads it at most. No kinds: no file is touched. On an error nothing is open and `why` is one line
 * that says what to do. ERR_NOT_FOUND: the node has no identity, or is no initial node; ERR_DENIED,
 * ERR_DATA_LOSS … as vault.h says. Blocks as reading small files does. */
enum err keys_open(const char *state_dir, uint32_t kinds, struct keys_grant *ret, char why[KEYS_WHY_SIZE])
    MUST_CHECK;

/* What an update did, and what the node has now. */
struct keys_change {
    bool is_news;
    uint32_t epoch, crl;
    uint32_t grace_s; /* how long the second key stays; 0: without an end, or there is none */
};

/* Write what the issuer signed for this node (common/node/update.h; any bytes) to its files, the cluster's last: a crash
 * before leaves what was, and the same update is news again. Errors of update_read, update_merge and the vault; ERR_UNAVAILABLE: a
 * command is changing the files. `why` as above. */
enum err keys_update(const char *state_dir, const uint8_t *bytes, size_t size, struct keys_change *ret,
                     char why[KEYS_WHY_SIZE]) MUST_CHECK;

/* What the node has; with `drops`, without its second key from now on. ERR_NOT_FOUND: it is in no cluster. */
enum err keys_look(const char *state_dir, bool drops, struct keys_change *ret, char why[KEYS_WHY_SIZE]) MUST_CHECK;

/* Who this node is in its cluster. ERR_NOT_FOUND: it is in none; others as keys_open. */
enum err keys_node_name(const char *state_dir, char ret[NAME_SIZE]) MUST_CHECK;
enum err keys_node_id(const char *state_dir, uint8_t ret[NODE_ID_LEN]) MUST_CHECK;

/* Close them. Twice, or on zeros, is fine. */
void keys_close(struct keys_grant *g);

#endif
