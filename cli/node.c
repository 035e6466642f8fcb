#include "cli/node.h"

#include <ctype.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/clock.h"
#include "cli/cluster.h"
#include "cli/part.h"
#include "cli/place.h"
#include "cli/token.h"
#include "common/base/bytes.h"
#include "common/base/name.h"
#include "proto/nucleus.pb-c.h"

enum {
    TOLD_MS = 5000, /* the supervisor reads some small files */
};

uint64_t cli_node_now_s(void)
{
    return cli_clock_wall_ms() / 1000;
}

int cli_node_refuse(struct cli *cli, const struct vault *v, enum err e)
{
    return cli_fail(cli, e, NULL, "%s", v->why);
}

static int in_no_cluster(struct cli *cli)
{
    return cli_fail(cli, ERR_NOT_FOUND, "`cell init` makes a cluster, `cell join` joins one",
                    "this node is in no cluster");
}

int cli_node_open(struct cli *cli, struct vault *v, bool makes)
{
    v->fd = -1;
    int status = cli_place_need_state(cli);
    if (status != CLI_DONE) {
        return status;
    }
    if (sodium_init() < 0) {
        return cli_fail(cli, ERR_UNSUPPORTED, NULL, "this system gives no random numbers");
    }
    enum err e = vault_open(v, cli->state_dir, makes);
    if (e == ERR_NOT_FOUND && !makes) {
        return in_no_cluster(cli);
    }
    if (e == ERR_OK) {
        e = vault_lock(v);
    }
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

/* ---- identity ---------------------------------------------------------------------------------------------- */

/* A host's name as a node's: lower case, what does not fit becomes '-'; "node-1" when nothing is left. */
static void name_of_host(char out[NAME_SIZE])
{
    char host[HOST_NAME_MAX + 1] = "";
    size_t len = 0;

    (void)gethostname(host, sizeof host - 1);
    for (const char *at = host; *at != '\0' && len < NAME_MAX_LEN; at++) {
        char c = (char)tolower((unsigned char)*at);
        bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (fits || len > 0) {
            out[len++] = fits ? c : '-';
        }
    }
    out[len] = '\0';
    if (len == 0) {
        (void)snprintf(out, NAME_SIZE, "node-1");
    }
}

static int take_name(struct cli *cli, char out[NAME_SIZE], bool *ret_is_given)
{
    const char *given = cli_args_value(cli, "node-id");

    *ret_is_given = given != NULL;
    if (given == NULL) {
        name_of_host(out);
        return CLI_DONE;
    }
    if (!name_valid_str(given)) {
        return cli_fail_usage(cli, "write 1 to 64 of a-z, 0-9, _ and -, the first not -",
                              "--node-id: \"%s\" is no name of a node", given);
    }
    (void)snprintf(out, NAME_SIZE, "%s", given);
    return CLI_DONE;
}

static int make_identity(struct cli *cli, struct vault *v, const char *name, struct identity *ret)
{
    *ret = (struct identity){.created_s = cli_node_now_s()};
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    randombytes_buf(ret->seed, sizeof ret->seed);
    enum err e = vault_put_identity(v, ret);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

int cli_node_need_identity(struct cli *cli, struct vault *v, struct identity *ret)
{
    char name[NAME_SIZE];
    bool is_given = false;
    int status = take_name(cli, name, &is_given);

    if (status != CLI_DONE) {
        return status;
    }
    if (!vault_has(v, VAULT_IDENTITY)) {
        return make_identity(cli, v, name, ret);
    }
    enum err e = vault_identity(v, ret);
    if (e != ERR_OK) {
        return cli_node_refuse(cli, v, e);
    }
    if (!is_given || strcmp(ret->name, name) == 0) {
        return CLI_DONE;
    }
    if (vault_has(v, VAULT_CLUSTER)) {
        return cli_fail(cli, ERR_EXISTS, "`cell leave` first, then join under the new name",
                        "this node is called %s in its cluster", ret->name);
    }
    (void)snprintf(ret->name, sizeof ret->name, "%s", name);
    e = vault_put_identity(v, ret);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

int cli_node_read_pem(struct cli *cli, struct vault *v, const char *name, char ret[PKI_PEM_MAX])
{
    char *text = NULL;
    size_t len = 0;
    enum err e = vault_read(v, name, PKI_PEM_MAX - 1, &text, &len);

    if (e == ERR_OK) {
        memcpy(ret, text, len + 1);
    }
    vault_free(&text, len);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

int cli_node_need_key(struct cli *cli, struct vault *v, char ret[PKI_PEM_MAX])
{
    if (vault_has(v, VAULT_NODE_KEY)) {
        return cli_node_read_pem(cli, v, VAULT_NODE_KEY, ret);
    }
    enum err e = pki_key(ret);
    if (e != ERR_OK) {
        return cli_fail(cli, e, NULL, "no key can be made: %s", err_text(e));
    }
    e = vault_write(v, VAULT_NODE_KEY, ret, strlen(ret));
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

/* ---- a new cluster ------------------------------------------------------------------------------------------- */

/* The node's own certificate, from the authority that stands beside it. */
static enum err issue_own(struct vault *v, const struct identity *i, const struct cluster *c, const char *ca_key,
                          const char *ca, const char *key)
{
    struct pki_who who = {0};
    struct node_keys keys;
    uint8_t request[PKI_REQUEST_MAX];
    size_t size = 0;
    char crt[PKI_PEM_MAX];

    cluster_keys(c, i->name, i->seed, &keys);
    memcpy(who.name, i->name, sizeof who.name);
    memcpy(who.id, keys.id, sizeof who.id);
    memcpy(who.cluster_id, c->id, sizeof who.cluster_id);
    keys_forget(&keys);
    enum err e = pki_request(key, i->name, request, &size);
    if (e == ERR_OK) {
        e = pki_issue(ca_key, ca, request, size, &who, cli_node_now_s(), crt);
    }
    if (e != ERR_OK) {
        (void)snprintf(v->why, sizeof v->why, "no certificate can be made: %s", err_text(e));
        return e;
    }
    return vault_write(v, VAULT_NODE_CRT, crt, strlen(crt));
}

static void draw_cluster(const struct identity *i, struct cluster *c)
{
    struct node_keys keys;

    *c = (struct cluster){.keys = 1, .epoch = {1}};
    randombytes_buf(c->id, sizeof c->id);
    randombytes_buf(c->key[0], NODE_KEY_LEN);
    keys_derive(i->seed, &keys);
    memcpy(c->issuer, keys.id, sizeof c->issuer);
    keys_forget(&keys);
}

/* The cluster file comes last: with it, all the rest is there. A crash before it leaves a node that is in no
 * cluster, and the command can be given again. */
static enum err make_cluster(struct vault *v, const struct identity *i, const char *key)
{
    struct cluster c;
    char ca_key[PKI_PEM_MAX] = "", ca[PKI_PEM_MAX];

    draw_cluster(i, &c);
    enum err e = pki_key(ca_key);
    if (e == ERR_OK) {
        e = pki_authority(ca_key, c.id, cli_node_now_s(), ca);
    }
    if (e != ERR_OK) {
        (void)snprintf(v->why, sizeof v->why, "no authority can be made: %s", err_text(e));
    } else {
        e = vault_write(v, VAULT_CA_KEY, ca_key, strlen(ca_key));
    }
    if (e == ERR_OK) {
        e = vault_write(v, VAULT_CA_CRT, ca, strlen(ca));
    }
    if (e == ERR_OK) {
        e = issue_own(v, i, &c, ca_key, ca, key);
    }
    if (e == ERR_OK) {
        e = vault_put_cluster(v, &c);
    }
    sodium_memzero(ca_key, sizeof ca_key);
    cluster_forget(&c);
    return e;
}

static int init(struct cli *cli, struct vault *v)
{
    struct identity i;
    char key[PKI_PEM_MAX] = "";
    int status = cli_node_open(cli, v, true);

    if (status == CLI_DONE && vault_has(v, VAULT_CLUSTER)) {
        return cli_fail(cli, ERR_EXISTS, "`cell identity` shows it; `cell leave` leaves it",
                        "this node is in a cluster already: %s", v->path);
    }
    if (status == CLI_DONE) {
        status = cli_node_need_identity(cli, v, &i);
    }
    if (status == CLI_DONE) {
        status = cli_node_need_key(cli, v, key);
    }
    if (status == CLI_DONE) {
        enum err e = make_cluster(v, &i, key);
        status = e == ERR_OK ? cli_node_show(cli, v) : cli_node_refuse(cli, v, e);
    }
    sodium_memzero(key, sizeof key);
    identity_forget(&i);
    return status;
}

int cli_node_init(struct cli *cli)
{
    struct vault v;
    int status = init(cli, &v);

    vault_close(&v);
    return status;
}

/* ---- changing keys ------------------------------------------------------------------------------------------- */

static int need_issuer(struct cli *cli, struct vault *v)
{
    if (!vault_has(v, VAULT_CLUSTER)) {
        return in_no_cluster(cli);
    }
    return vault_has(v, VAULT_CA_KEY)
               ? CLI_DONE
               : cli_fail(cli, ERR_PRECONDITION, "run it on the node of `cell init`; here `cell join` with a fresh "
                          "token brings new keys and a new certificate", "this node has no authority's key");
}

static int rotate_cluster(struct cli *cli, struct vault *v)
{
    struct cluster c;
    uint8_t key[NODE_KEY_LEN];
    enum err e = vault_cluster(v, &c);

    if (e != ERR_OK) {
        return cli_node_refuse(cli, v, e);
    }
    randombytes_buf(key, sizeof key);
    e = cluster_rotate(&c, key);
    sodium_memzero(key, sizeof key);
    if (e != ERR_OK) {
        (void)snprintf(v->why, sizeof v->why, "this cluster has no epoch left");
    } else {
        e = vault_put_cluster(v, &c);
    }
    cluster_forget(&c);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

static int rotate_certificate(struct cli *cli, struct vault *v)
{
    struct identity i;
    struct cluster c;
    char ca_key[PKI_PEM_MAX], ca[PKI_PEM_MAX], key[PKI_PEM_MAX];
    int status = cli_node_read_pem(cli, v, VAULT_CA_KEY, ca_key);

    if (status == CLI_DONE) {
        status = cli_node_read_pem(cli, v, VAULT_CA_CRT, ca);
    }
    if (status == CLI_DONE) {
        status = cli_node_need_key(cli, v, key);
    }
    if (status != CLI_DONE) {
        return status;
    }
    enum err e = vault_identity(v, &i);
    if (e == ERR_OK) {
        e = vault_cluster(v, &c);
    }
    if (e == ERR_OK) {
        e = issue_own(v, &i, &c, ca_key, ca, key);
    }
    sodium_memzero(ca_key, sizeof ca_key);
    sodium_memzero(key, sizeof key);
    identity_forget(&i);
    cluster_forget(&c);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

void cli_node_tell(struct cli *cli)
{
    Cell__Nucleus__RekeyRequest request = CELL__NUCLEUS__REKEY_REQUEST__INIT;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    ProtobufCMessage *reply = NULL;
    char text[SP_TEXT_SIZE] = "";

    if (*cli->run_dir == '\0' || cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask) != ERR_OK) {
        return; /* nothing runs: they get it when they start */
    }
    enum err e = cli_ask_try(&ask, &cell__nucleus__nucleus__descriptor, "Rekey", CELL__NUCLEUS__OP__OP_REKEY, &request.base,
                             TOLD_MS, &reply, text);
    cli_ask_free(reply);
    if (e != ERR_OK) {
        cli_fail_note(cli, "the node runs and was not told (%s): `cell restart` of the cells with sandbox.keys", err_text(e));
    }
}

int cli_node_rotate(struct cli *cli)
{
    static const struct {
        struct cli_part part;
    } parts[] = {{{"cluster-key", 0, 0, "grace", "cluster-key [--grace DURATION]"}}, {{"certificate", 0, 0, "", "certificate"}}};
    int at = CLI_PART_FIND(cli, parts);
    bool is_cluster = at == 0;
    struct vault v;

    if (at < 0) {
        return CLI_USAGE;
    }
    if (is_cluster && cli_token_has_issuer(cli)) {
        return cli_token_rotate(cli);
    }
    if (cli_args_has(cli, "grace")) {
        return cli_fail_usage(cli, NULL, "--grace means nothing where no issuer runs: the key before stays until the next one");
    }
    int status = cli_node_open(cli, &v, false);
    if (status == CLI_DONE) {
        status = need_issuer(cli, &v);
    }
    if (status == CLI_DONE) {
        status = is_cluster ? rotate_cluster(cli, &v) : rotate_certificate(cli, &v);
    }
    if (status == CLI_DONE) {
        cli_node_tell(cli);
        if (is_cluster) {
            cli_fail_note(cli, "other nodes fetch it when the cell issuer runs here");
        }
        status = cli_node_show(cli, &v);
    }
    vault_close(&v);
    return status;
}

/* ---- leaving --------------------------------------------------------------------------------------------------- */

static bool is_running(struct cli *cli)
{
    struct cli_ask ask = {.fd = -1};
    bool runs = *cli->run_dir != '\0' && cli_ask_connect(cli, "nucleus", "nucleus.sock", &ask) == ERR_OK;

    cli_ask_close(&ask);
    return runs;
}

static int may_leave(struct cli *cli, const struct vault *v)
{
    if (!vault_has(v, VAULT_CLUSTER)) {
        return in_no_cluster(cli);
    }
    if (cli_args_has(cli, "force")) {
        return CLI_DONE;
    }
    if (vault_has(v, VAULT_CA_KEY)) {
        return cli_fail(cli, ERR_PRECONDITION, "back up the directory first; --force removes it for good",
                        "this node has the only key that lets others into its cluster: %s", v->path);
    }
    if (is_running(cli)) {
        return cli_fail(cli, ERR_PRECONDITION, "`cell down` first, or --force",
                        "the node runs, and its cells keep the keys they were handed until they end");
    }
    return CLI_DONE;
}

/* The cluster file goes first: without it the rest means nothing. */
static int leave(struct cli *cli, struct vault *v)
{
    static const char *const files[] = {VAULT_CLUSTER, VAULT_NODE_CRT, VAULT_NODE_KEY, VAULT_CA_KEY, VAULT_CA_CRT,
                                        VAULT_CA_CRL, CLI_NODE_NEXT};
    struct identity i;
    int status = cli_node_open(cli, v, false);

    if (status == CLI_DONE) {
        status = may_leave(cli, v);
    }
    if (status != CLI_DONE) {
        return status;
    }
    cli_cluster_farewell(cli);
    enum err e = vault_identity(v, &i);
    for (size_t f = 0; f < ARRAY_LEN(files) && (f == 0 || e == ERR_OK); f++) {
        e = vault_remove(v, files[f]);
    }
    if (e != ERR_OK) {
        return cli_node_refuse(cli, v, e);
    }
    if (cli->json) {
        status = cli_node_show(cli, v);
    } else {
        printf("left the cluster; the identity of %s stays, for joining again\n", i.name);
        cli_fail_note(cli, "on the node of `cell init`, `cell member remove %s` gives the name free", i.name);
    }
    identity_forget(&i);
    return status;
}

int cli_node_leave(struct cli *cli)
{
    struct vault v;
    int status = leave(cli, &v);

    vault_close(&v);
    return status;
}
