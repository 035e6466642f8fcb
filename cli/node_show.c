/* Who and where this node is, in words and as JSON: never a secret. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/emit.h"
#include "cli/node.h"
#include "cli/place.h"
#include "common/base/bytes.h"
#include "common/node/pki_date.h"

enum {
    DAY_S = 86400,
    SOON_DAYS = 30, /* before a certificate ends a person is told */
};

struct facts {
    struct identity identity;
    struct cluster cluster;
    struct pki_facts certificate;
    bool is_member;
    bool is_issuer;
    char id[2 * NODE_ID_LEN + 1];
    char cluster_id[2 * NODE_CLUSTER_ID_LEN + 1];
    char issuer[2 * NODE_ID_LEN + 1];
    char fingerprint[2 * PKI_HASH + 1];
    char until[PKI_DATE_SIZE + 16];
};

static void format_date(uint64_t seconds, char *out, size_t size)
{
    char d[PKI_DATE_SIZE];

    pki_date_format(seconds, d);
    (void)snprintf(out, size, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", d, d + 4, d + 6, d + 8, d + 10, d + 12);
}

/* A certificate that is not this node's is an error to be told, not to be shown. */
static int look_at_certificate(struct cli *cli, struct vault *v, struct facts *f)
{
    char ca[PKI_PEM_MAX], crt[PKI_PEM_MAX], key[PKI_PEM_MAX];
    struct node_keys keys;
    int status = cli_node_read_pem(cli, v, VAULT_CA_CRT, ca);

    if (status == CLI_DONE) {
        status = cli_node_read_pem(cli, v, VAULT_NODE_CRT, crt);
    }
    if (status == CLI_DONE) {
        status = cli_node_read_pem(cli, v, VAULT_NODE_KEY, key);
    }
    if (status != CLI_DONE) {
        return status;
    }
    enum err e = pki_check(ca, crt, key, &f->certificate);
    sodium_memzero(key, sizeof key);
    if (e != ERR_OK) {
        return cli_fail(cli, e, "restore the directory from a backup, or `cell join` again",
                        "%s/%s does not go with this node's key and authority", v->path, VAULT_NODE_CRT);
    }
    cluster_keys(&f->cluster, f->identity.name, f->identity.seed, &keys);
    bool is_own = memcmp(f->certificate.who.id, keys.id, NODE_ID_LEN) == 0 &&
                  memcmp(f->certificate.who.cluster_id, f->cluster.id, NODE_CLUSTER_ID_LEN) == 0;
    keys_forget(&keys);
    return is_own ? CLI_DONE
                  : cli_fail(cli, ERR_FORGED, "restore the directory from a backup, or `cell join` again",
                             "%s/%s is another node's", v->path, VAULT_NODE_CRT);
}

static int look(struct cli *cli, struct vault *v, struct facts *f)
{
    struct node_keys keys;
    enum err e = vault_identity(v, &f->identity);

    if (e != ERR_OK) {
        return e != ERR_NOT_FOUND ? cli_node_refuse(cli, v, e)
                                  : cli_fail(cli, e, "`cell init` makes a cluster, `cell join` joins one",
                                             "this node has no identity: %s", v->path);
    }
    keys_derive(f->identity.seed, &keys);
    bytes_to_hex(keys.id, sizeof keys.id, f->id);
    keys_forget(&keys);
    f->is_member = vault_has(v, VAULT_CLUSTER);
    if (!f->is_member) {
        return CLI_DONE;
    }
    e = vault_cluster(v, &f->cluster);
    if (e != ERR_OK) {
        return cli_node_refuse(cli, v, e);
    }
    f->is_issuer = vault_has(v, VAULT_CA_KEY);
    bytes_to_hex(f->cluster.id, sizeof f->cluster.id, f->cluster_id);
    bytes_to_hex(f->cluster.issuer, sizeof f->cluster.issuer, f->issuer);
    int status = look_at_certificate(cli, v, f);
    if (status == CLI_DONE) {
        bytes_to_hex(f->certificate.fingerprint, PKI_HASH, f->fingerprint);
        format_date(f->certificate.not_after_s, f->until, sizeof f->until);
    }
    return status;
}

static int emit(struct cli *cli, const struct facts *f)
{
    struct jsonout out;

    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "node", f->identity.name);
    cli_emit_string(&out, "id", f->id);
    cli_emit_u64(&out, "created_s", f->identity.created_s);
    cli_emit_bool(&out, "member", f->is_member);
    cli_emit_bool(&out, "issuer", f->is_issuer);
    cli_emit_string(&out, "cluster", f->cluster_id);
    cli_emit_string(&out, "issuer_id", f->issuer);
    cli_emit_u64(&out, "epoch", f->is_member ? f->cluster.epoch[0] : 0);
    cli_emit_u64(&out, "cluster_keys", f->cluster.keys);
    cli_emit_string(&out, "certificate_sha256", f->fingerprint);
    cli_emit_u64(&out, "certificate_not_before_s", f->certificate.not_before_s);
    cli_emit_u64(&out, "certificate_not_after_s", f->certificate.not_after_s);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

static void print(const struct facts *f)
{
    printf("node         %s\nid           %s\n", f->identity.name, f->id);
    if (!f->is_member) {
        printf("cluster      none: `cell init` makes one, `cell join` joins one\n");
        return;
    }
    printf("cluster      %s%s\n", f->cluster_id, f->is_issuer ? ", this node lets others in" : "");
    printf("cluster key  epoch %" PRIu32 "%s\n", f->cluster.epoch[0],
           f->cluster.keys > 1 ? ", the one before is valid too" : "");
    printf("certificate  sha256 %s\n             until %s\n", f->fingerprint, f->until);
}

static void warn(const struct cli *cli, const struct facts *f)
{
    uint64_t now_s = cli_node_now_s(), until_s = f->certificate.not_after_s;

    if (!f->is_member) {
        return;
    }
    const char *how = f->is_issuer ? "`cell rotate certificate`" : "`cell join` with a fresh token";
    if (now_s < f->certificate.not_before_s) {
        cli_fail_note(cli, "the certificate is not valid yet: this machine's clock is behind");
    } else if (now_s >= until_s) {
        cli_fail_note(cli, "the certificate has ended: %s makes a new one", how);
    } else if (until_s - now_s < (uint64_t)SOON_DAYS * DAY_S) {
        cli_fail_note(cli, "the certificate ends in %" PRIu64 " days: %s makes a new one", (until_s - now_s) / DAY_S, how);
    }
}

int cli_node_show(struct cli *cli, struct vault *v)
{
    struct facts f = {0};
    int status = look(cli, v, &f);

    if (status == CLI_DONE && cli->json) {
        status = emit(cli, &f);
    } else if (status == CLI_DONE) {
        print(&f);
        warn(cli, &f);
    }
    sodium_memzero(&f, sizeof f);
    return status;
}

int cli_node_identity(struct cli *cli)
{
    struct vault v;
    int status = cli_place_need_state(cli);

    if (status != CLI_DONE) {
        return status;
    }
    if (sodium_init() < 0) {
        return cli_fail(cli, ERR_UNSUPPORTED, NULL, "this system gives no random numbers");
    }
    enum err e = vault_open(&v, cli->state_dir, false);
    status = e == ERR_OK          ? cli_node_show(cli, &v)
             : e == ERR_NOT_FOUND ? cli_fail(cli, e, "`cell init` makes a cluster, `cell join` joins one",
                                             "this node has no identity: %s", v.path)
                                  : cli_node_refuse(cli, &v, e);
    vault_close(&v);
    return status;
}
