#include "nucleus/keys.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/bytes.h"
#include "common/node/update.h"
#include "common/node/vault.h"
#include "common/run/fd.h"
#include "common/run/jail.h"
#include "nucleus/manifest.h"

_Static_assert((int)KEYS_WHY_SIZE == (int)JAIL_WHY_SIZE, "one line of a refusal");

enum {
    KEYS_PARTS_MAX = 5,
    KEYS_BYTES_MAX = KEYS_PARTS_MAX * VAULT_PEM_MAX + UPDATE_CRL_MAX, /* of any of them */
};

/* What one descriptor is made of. */
struct bundle {
    uint8_t bytes[KEYS_BYTES_MAX];
    size_t size;
};

static enum err seal(const struct bundle *b, const char *name, int *ret)
{
    AUTO_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = fd_write_all(fd, b->bytes, b->size);
    if (e == ERR_OK && fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
        e = err_from_errno(errno);
    }
    if (e == ERR_OK) {
        *ret = fd_take(&fd);
    }
    return e;
}

static enum err bundle_keys(struct vault *v, struct bundle *b)
{
    struct identity identity;
    struct cluster cluster;
    struct node_keys keys;
    enum err e = vault_identity(v, &identity);

    if (e != ERR_OK) {
        return e;
    }
    e = vault_cluster(v, &cluster);
    if (e == ERR_OK) {
        cluster_keys(&cluster, identity.name, identity.seed, &keys);
        keys_pack(&keys, b->bytes);
        b->size = NODE_KEYS_PACKED;
        keys_forget(&keys);
        cluster_forget(&cluster);
    }
    identity_forget(&identity);
    return e;
}

/* The named files, one after the other, with or without their lengths. */
static enum err bundle_files(struct vault *v, const char *const *name, size_t count, bool has_lengths,
                             struct bundle *b)
{
    enum err e = ERR_OK;

    assert(count <= KEYS_PARTS_MAX);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        char *text = NULL;
        size_t len = 0;
        e = vault_read(v, name[i], VAULT_PEM_MAX - 4, &text, &len);
        if (e == ERR_OK) {
            assert(b->size + 4 + len <= sizeof b->bytes);
            if (has_lengths) {
                bytes_put_be32(b->bytes + b->size, (uint32_t)len);
                b->size += 4;
            }
            memcpy(b->bytes + b->size, text, len);
            b->size += len;
        }
        vault_free(&text, len);
    }
    return e;
}

/* A damaged file is refused here, where its name can be told: the cell only sees bytes. */
static enum err check_files(struct vault *v)
{
    struct identity identity;
    struct cluster cluster;
    enum err e = vault_identity(v, &identity);

    if (e == ERR_OK) {
        e = vault_cluster(v, &cluster);
        identity_forget(&identity);
    }
    if (e == ERR_OK) {
        cluster_forget(&cluster);
    }
    return e;
}

/* The list of revoked certificates goes last; there need not be one. */
static enum err bundle_tls(struct vault *v, struct bundle *b)
{
    static const char *const tls[] = {VAULT_NODE_KEY, VAULT_NODE_CRT, VAULT_CA_CRT};
    char *text = NULL;
    size_t len = 0;
    enum err e = bundle_files(v, tls, ARRAY_LEN(tls), false, b);

    if (e == ERR_OK) {
        e = vault_read(v, VAULT_CA_CRL, UPDATE_CRL_MAX, &text, &len);
        if (e == ERR_OK) {
            memcpy(b->bytes + b->size, text, len);
            b->size += len;
        }
        e = e == ERR_NOT_FOUND ? ERR_OK : e;
        vault_free(&text, len);
    }
    return e;
}

/* What one needs to ask the issuer, and nothing that signs. */
static enum err bundle_renew(struct vault *v, struct bundle *b)
{
    static const char *const texts[] = {VAULT_CLUSTER, VAULT_CA_CRT, VAULT_NODE_CRT};
    enum err e = bundle_keys(v, b);

    if (e == ERR_OK) {
        memmove(b->bytes + 4, b->bytes, b->size);
        bytes_put_be32(b->bytes, (uint32_t)b->size);
        b->size += 4;
        e = bundle_files(v, texts, ARRAY_LEN(texts), true, b);
    }
    return e;
}

static enum err bundle(struct vault *v, uint32_t kind, struct bundle *b)
{
    static const char *const issuer[] = {VAULT_IDENTITY, VAULT_CLUSTER, VAULT_CA_KEY, VAULT_CA_CRT, VAULT_NODE_CRT};
    enum err e = check_files(v);

    b->size = 0;
    if (e != ERR_OK) {
        return e;
    }
    switch (kind) {
    case MANIFEST_KEYS_DATAGRAM:
        return bundle_keys(v, b);
    case MANIFEST_KEYS_TLS:
        return bundle_tls(v, b);
    case MANIFEST_KEYS_RENEW:
        return bundle_renew(v, b);
    default:
        return bundle_files(v, issuer, ARRAY_LEN(issuer), true, b);
    }
}

/* One line for whoever looks at the status. */
static void explain(const struct vault *v, uint32_t kind, enum err e, char why[KEYS_WHY_SIZE])
{
    bool is_member = v->fd >= 0 && vault_has(v, VAULT_IDENTITY) && vault_has(v, VAULT_CLUSTER);

    if (e == ERR_NOT_FOUND && !is_member) {
        (void)snprintf(why, KEYS_WHY_SIZE, "in no cluster: run `cell init` or `cell join`");
    } else if (e == ERR_NOT_FOUND && kind == MANIFEST_KEYS_ISSUER) {
        (void)snprintf(why, KEYS_WHY_SIZE, "the authority's key is on the node of `cell init` alone");
    } else {
        (void)snprintf(why, KEYS_WHY_SIZE, "its keys: %.140s", v->why);
    }
}

enum err keys_open(const char *state_dir, uint32_t kinds, struct keys_grant *ret, char why[KEYS_WHY_SIZE])
{
    static const char *const names[MANIFEST_KEYS_KINDS] = {"keys.datagram", "keys.tls", "keys.issuer", "keys.renew"};
    struct keys_grant g = {0};
    struct bundle b;
    struct vault v;

    *ret = g;
    if (kinds == 0) {
        return ERR_OK;
    }
    enum err e = vault_open(&v, state_dir, false);
    uint32_t kind = 0;
    for (uint32_t i = 0; e == ERR_OK && i < MANIFEST_KEYS_KINDS; i++) {
        kind = 1u << i;
        if ((kinds & kind) == 0) {
            continue;
        }
        e = bundle(&v, kind, &b);
        if (e == ERR_OK) {
            e = seal(&b, names[i], &g.fd[g.count]);
            if (e != ERR_OK) {
                (void)snprintf(v.why, sizeof v.why, "%s", err_text(e));
            }
        }
        sodium_memzero(&b, sizeof b);
        if (e == ERR_OK) {
            g.name[g.count++] = names[i];
        }
    }
    if (e != ERR_OK) {
        explain(&v, kind, e, why);
        keys_close(&g);
    }
    vault_close(&v);
    *ret = g;
    return e;
}

/* ---- changing ------------------------------------------------------------------------------------ */

static void tell(const struct cluster *c, struct keys_change *ret)
{
    ret->epoch = c->epoch[0];
    ret->crl = c->crl;
    ret->grace_s = c->grace_s;
}

static enum err merge(struct vault *v, const uint8_t *bytes, size_t size, struct cluster *c, struct update *u,
                      bool *ret_is_news)
{
    struct identity identity;
    struct node_keys keys;
    enum err e = vault_identity(v, &identity);

    if (e == ERR_OK) {
        keys_derive(identity.seed, &keys);
        identity_forget(&identity);
        e = vault_cluster(v, c);
    }
    if (e == ERR_OK) {
        e = update_read(bytes, size, c->issuer, u);
        e = e == ERR_OK ? update_merge(u, keys.id, c, ret_is_news) : e;
        if (e != ERR_OK) {
            (void)snprintf(v->why, sizeof v->why, "not news that the issuer signed for this node (%s)", err_name(e));
        }
        keys_forget(&keys);
    }
    return e;
}

enum err keys_update(const char *state_dir, const uint8_t *bytes, size_t size, struct keys_change *ret,
                     char why[KEYS_WHY_SIZE])
{
    struct cluster c = {0};
    struct update u = {0};
    struct vault v;
    bool is_news = false;
    enum err e = vault_open(&v, state_dir, false);

    if (e == ERR_OK) {
        e = vault_lock(&v);
    }
    if (e == ERR_OK) {
        e = merge(&v, bytes, size, &c, &u, &is_news);
    }
    if (e == ERR_OK && u.list_size > 0) {
        e = vault_write(&v, VAULT_CA_CRL, u.list, u.list_size);
    }
    if (e == ERR_OK && u.certificate_size > 0) {
        e = vault_write(&v, VAULT_NODE_CRT, u.certificate, u.certificate_size);
    }
    if (e == ERR_OK && is_news) {
        e = vault_put_cluster(&v, &c); /* last: with it, all the rest is there */
    }
    if (e == ERR_OK) {
        tell(&c, ret);
        ret->is_news = is_news;
    } else {
        (void)snprintf(why, KEYS_WHY_SIZE, "%.150s", v.why);
    }
    cluster_forget(&c);
    sodium_memzero(&u, sizeof u);
    vault_close(&v);
    return e;
}

enum err keys_look(const char *state_dir, bool drops, struct keys_change *ret, char why[KEYS_WHY_SIZE])
{
    struct cluster c = {0};
    struct vault v;
    enum err e = vault_open(&v, state_dir, false);

    if (e == ERR_OK && drops) {
        e = vault_lock(&v);
    }
    if (e == ERR_OK) {
        e = vault_cluster(&v, &c);
    }
    ret->is_news = e == ERR_OK && drops && cluster_drop(&c);
    if (ret->is_news) {
        e = vault_put_cluster(&v, &c);
    }
    if (e == ERR_OK) {
        tell(&c, ret);
    } else {
        (void)snprintf(why, KEYS_WHY_SIZE, "%.150s", v.why);
    }
    cluster_forget(&c);
    vault_close(&v);
    return e;
}

static enum err read_identity(const char *state_dir, struct identity *ret)
{
    struct vault v;
    enum err e = vault_open(&v, state_dir, false);

    if (e == ERR_OK) {
        e = vault_identity(&v, ret);
    }
    vault_close(&v);
    return e;
}

enum err keys_node_name(const char *state_dir, char ret[NAME_SIZE])
{
    struct identity identity;
    enum err e = read_identity(state_dir, &identity);

    if (e == ERR_OK) {
        (void)snprintf(ret, NAME_SIZE, "%s", identity.name);
        identity_forget(&identity);
    }
    return e;
}

enum err keys_node_id(const char *state_dir, uint8_t ret[NODE_ID_LEN])
{
    struct identity identity;
    struct node_keys keys = {.name = ""};
    enum err e = read_identity(state_dir, &identity);

    if (e == ERR_OK) {
        keys_derive(identity.seed, &keys);
        memcpy(ret, keys.id, NODE_ID_LEN);
        identity_forget(&identity);
        keys_forget(&keys);
    }
    return e;
}

void keys_close(struct keys_grant *g)
{
    while (g->count > 0) {
        fd_close(&g->fd[--g->count]);
    }
}
