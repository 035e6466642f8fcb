/* This node's place in a cluster: making one, showing it, changing its keys, leaving. */
#ifndef CELL_CLI_NODE_H
#define CELL_CLI_NODE_H

#include "cli/cli.h"
#include "common/node/pki.h"
#include "common/node/vault.h"

#define CLI_NODE_NEXT "identity.new" /* a new identity that the cluster does not know yet */

int cli_node_init(struct cli *cli);
int cli_node_identity(struct cli *cli);
int cli_node_rotate(struct cli *cli);
int cli_node_leave(struct cli *cli);

/* Open (or, with `makes`, make) and lock the directory of secrets. CLI_FAILED after saying why; close it in any
 * case. */
int cli_node_open(struct cli *cli, struct vault *v, bool makes) MUST_CHECK;

/* Say what the vault says. Returns CLI_FAILED. */
int cli_node_refuse(struct cli *cli, const struct vault *v, enum err e);

/* The node's identity, made when there is none: --node-id, or the host's name made to fit. A given name that is
 * another than the file's is an error once the node is a member. CLI_FAILED or CLI_USAGE after saying why. */
int cli_node_need_identity(struct cli *cli, struct vault *v, struct identity *ret) MUST_CHECK;

/* The node's TLS key, made and kept when there is none. */
int cli_node_need_key(struct cli *cli, struct vault *v, char ret[PKI_PEM_MAX]) MUST_CHECK;

/* A PEM file of the vault, terminated. CLI_FAILED after saying why. */
int cli_node_read_pem(struct cli *cli, struct vault *v, const char *name, char ret[PKI_PEM_MAX]) MUST_CHECK;

/* Print who and where this node is: the whole answer of init, join and identity. */
int cli_node_show(struct cli *cli, struct vault *v) MUST_CHECK;

/* Cells that run, if any do, get what changed in the files. */
void cli_node_tell(struct cli *cli);

/* Seconds since 1970. */
uint64_t cli_node_now_s(void);

#endif
