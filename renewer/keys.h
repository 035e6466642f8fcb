/* What the supervisor hands this cell (descriptor keys.renew, nucleus/keys.h), and what an update must be to be passed on. */
#ifndef CELL_RENEWER_KEYS_H
#define CELL_RENEWER_KEYS_H

#include "common/node/cluster.h"
#include "common/node/pki.h"
#include "common/node/update.h"

enum {
    RENEWER_KEYS_MAX = 16384, /* bytes of the descriptor */
};

struct renewer_keys {
    struct node_keys own;
    struct cluster cluster;
    char authority[PKI_PEM_MAX];
    char certificate[PKI_PEM_MAX];
    struct pki_facts facts; /* of the certificate */
};

/* Read it; fd is borrowed. ERR_MALFORMED: not exactly that; others as keys_unpack, cluster_parse, pki_check. */
enum err renewer_keys_load(int fd, struct renewer_keys *ret) MUST_CHECK;

/* Whether `bytes` are what the issuer signed for this node and hold nothing that its cells would choke on: a list of our
 * authority with the number it is said to have, a certificate of ours for the key that the present one is for. The supervisor,
 * which reads no certificates, judges the rest. ERR_FORGED, ERR_MALFORMED, ERR_DENIED, ERR_ABORTED (update_merge). */
enum err renewer_keys_judge(const struct renewer_keys *k, const uint8_t *bytes, size_t size) MUST_CHECK;

/* Whether the certificate is to be renewed, by this node's clock. */
bool renewer_keys_is_due(const struct renewer_keys *k, uint64_t now_s);

void renewer_keys_forget(struct renewer_keys *k);

#endif
