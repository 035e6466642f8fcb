/* The directory of a node's secrets, $STATE/node, and its files: opened only when nobody else could have
 * read or written them, replaced in one step. */
#ifndef CELL_COMMON_NODE_VAULT_H
#define CELL_COMMON_NODE_VAULT_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/node/cluster.h"
#include "common/node/identity.h"

enum {
    VAULT_WHY_SIZE = 320,
    VAULT_PATH_SIZE = 4096,
    VAULT_PEM_MAX = 4096, /* bytes of a certificate or key as text */
};

#define VAULT_IDENTITY "identity"
#define VAULT_CLUSTER "cluster"
#define VAULT_CA_CRT "ca.crt"
#define VAULT_CA_KEY "ca.key" /* on the initial node alone */
#define VAULT_CA_CRL "ca.crl" /* revoked certificates; none until the first is fetched */
#define VAULT_NODE_CRT "node.crt"
#define VAULT_NODE_KEY "node.key"

struct vault {
    int fd; /* of the directory; -1: not open */
    char path[VAULT_PATH_SIZE];
    char why[VAULT_WHY_SIZE]; /* after an error: the file and what is wrong, and what to do */
};

/* Open $STATE/node, or make it (0700) with what is missing above it. `v` may be closed afterwards
 * whatever comes back. ERR_NOT_FOUND: it is not there (and `makes` is false); ERR_DENIED: others may look
 * into it, another user owns it, or it is no directory; or as errno says. */
enum err vault_open(struct vault *v, const char *state_dir, bool makes) MUST_CHECK;
void vault_close(struct vault *v);

/* One process at a time changes what is in the directory: ERR_UNAVAILABLE when another one does. Held
 * until vault_close. */
enum err vault_lock(struct vault *v) MUST_CHECK;

/* Read a file of at most `max` bytes into fresh, terminated memory (wipe with vault_free). Asked of the
 * descriptor that is read: a regular file, owned by this user or root, one name, nothing for group and others.
 * ERR_NOT_FOUND; ERR_DENIED: one of these is not so; ERR_LIMIT: longer; or as errno says. */
enum err vault_read(struct vault *v, const char *name, size_t max, char **ret, size_t *ret_len) MUST_CHECK;
void vault_free(char **text, size_t len);

/* Replace a file (0600 from its first instant, fsync, rename, fsync of the directory). */
enum err vault_write(struct vault *v, const char *name, const void *data, size_t size) MUST_CHECK;

/* Whether a name is taken, by whatever. */
bool vault_has(const struct vault *v, const char *name);

/* Remove a file for good: its bytes are overwritten first, as far as the file system honours that. None is
 * fine. */
enum err vault_remove(struct vault *v, const char *name) MUST_CHECK;

/* The two files as structures. Errors of vault_read and of their parsers. */
enum err vault_identity(struct vault *v, struct identity *ret) MUST_CHECK;
enum err vault_cluster(struct vault *v, struct cluster *ret) MUST_CHECK;
enum err vault_put_identity(struct vault *v, const struct identity *i) MUST_CHECK;
enum err vault_put_cluster(struct vault *v, const struct cluster *c) MUST_CHECK;

#endif
