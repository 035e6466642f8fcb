#include "cli/join.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/clock.h"
#include "cli/file.h"
#include "cli/join_wire.h"
#include "cli/node.h"
#include "common/run/fd.h"

enum {
    DEADLINE_MS = 30000,
    ATTEMPT_MS = 6000,   /* with one contact: a little more than an issuer gives a connection */
    AGAIN_MS = 1000,     /* between attempts with an issuer that is busy                      */
    SKEW_S = 300,        /* a clock this far from the issuer's is worth a word                */
};

/* One join in the works; its secrets are wiped by forget. */
struct joining {
    struct vault vault;
    struct token token;
    struct identity identity;
    bool is_new;            /* the identity is one that the cluster does not know yet */
    char key[PKI_PEM_MAX];
    uint8_t request[PKI_REQUEST_MAX];
    size_t request_size;
    struct join_client client;
    struct join_grant grant;
};

static void forget(struct joining *j)
{
    vault_close(&j->vault);
    sodium_memzero(j, sizeof *j);
}

/* ---- what is needed --------------------------------------------------------------------------------------- */

/* The token is a secret: standard input keeps it out of the list of processes and the shell's history. */
static int take_token(struct cli *cli, struct token *ret)
{
    char *given = NULL;
    size_t len = 0;
    int status = CLI_DONE;
    const char *text = cli->args[0];

    if (strcmp(text, "-") == 0) {
        status = cli_file_read(cli, "-", 2 * TOKEN_TEXT_SIZE, &given, &len);
        if (status != CLI_DONE) {
            return status;
        }
        given[strcspn(given, "\r\n \t")] = '\0';
        text = given;
    }
    enum err e = token_parse(text, ret);
    if (given != NULL) {
        sodium_memzero(given, len);
        free(given);
    }
    if (e == ERR_INCOMPATIBLE) {
        return cli_fail(cli, e, "install the version of the node that made it", "this token is of another version");
    }
    return e == ERR_OK ? CLI_DONE
                       : cli_fail(cli, e, "copy it whole from `cell token create` on the node of `cell init`",
                                  "this is no join token, or one with a character lost");
}

/* A new identity that the cluster is to learn: made and kept before it is told, so that a crash loses nothing. */
static int take_new_identity(struct cli *cli, struct joining *j)
{
    struct vault *v = &j->vault;
    struct identity next = {.created_s = cli_node_now_s(), .has_previous = true};
    char text[IDENTITY_TEXT_MAX], *old = NULL;
    size_t len = 0;
    enum err e;

    if (vault_has(v, CLI_NODE_NEXT)) {
        e = vault_read(v, CLI_NODE_NEXT, IDENTITY_TEXT_MAX, &old, &len);
        if (e == ERR_OK) {
            e = identity_parse(old, len, &next);
            (void)snprintf(v->why, sizeof v->why, "%.200s/%s is damaged; remove it", v->path, CLI_NODE_NEXT);
        }
        vault_free(&old, len);
    } else {
        memcpy(next.name, j->identity.name, sizeof next.name);
        memcpy(next.previous, j->identity.seed, sizeof next.previous);
        randombytes_buf(next.seed, sizeof next.seed);
        len = identity_format(&next, text);
        e = vault_write(v, CLI_NODE_NEXT, text, len);
        sodium_memzero(text, sizeof text);
    }
    if (e == ERR_OK) {
        j->identity = next;
        j->is_new = true;
    }
    identity_forget(&next);
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

/* Joining the own cluster again is fine: it brings fresh keys and a fresh certificate. Another's is not. */
static int check_place(struct cli *cli, struct joining *j)
{
    struct cluster c;

    if (vault_has(&j->vault, VAULT_CA_KEY)) {
        return cli_fail(cli, ERR_EXISTS, "`cell identity` shows it; `cell leave` gives it up",
                        "this node has a cluster of its own");
    }
    if (!vault_has(&j->vault, VAULT_CLUSTER)) {
        return CLI_DONE;
    }
    enum err e = vault_cluster(&j->vault, &c);
    if (e != ERR_OK) {
        return cli_node_refuse(cli, &j->vault, e);
    }
    bool is_same = memcmp(c.issuer, j->token.issuer, sizeof c.issuer) == 0;
    cluster_forget(&c);
    return is_same ? CLI_DONE
                   : cli_fail(cli, ERR_EXISTS, "`cell leave` first", "this node is in another cluster");
}

static int prepare(struct cli *cli, struct joining *j)
{
    int status = take_token(cli, &j->token);

    if (status == CLI_DONE) {
        status = cli_node_open(cli, &j->vault, true);
    }
    if (status == CLI_DONE) {
        status = check_place(cli, j);
    }
    if (status == CLI_DONE) {
        status = cli_node_need_identity(cli, &j->vault, &j->identity);
    }
    if (status == CLI_DONE && cli_args_has(cli, "new-identity")) {
        status = take_new_identity(cli, j);
    }
    if (status == CLI_DONE) {
        status = cli_node_need_key(cli, &j->vault, j->key);
    }
    if (status == CLI_DONE) {
        enum err e = pki_request(j->key, j->identity.name, j->request, &j->request_size);
        status = e == ERR_OK ? CLI_DONE
                             : cli_fail(cli, e, "remove it", "%s/%s is no key", j->vault.path, VAULT_NODE_KEY);
    }
    return status;
}

/* ---- the exchange ------------------------------------------------------------------------------------------- */

static enum err speak(struct joining *j, int fd, uint64_t until_ms)
{
    uint8_t frame[JOIN_FRAME_MAX], answer[JOIN_FRAME_MAX];
    size_t size = 0, answer_size = 0;
    enum err e = join_client_start(&j->client, frame, &size);

    while (e == ERR_OK && size > 0) {
        e = cli_join_wire_send(fd, frame, size, until_ms);
        if (e == ERR_OK) {
            e = cli_join_wire_receive(fd, answer, &answer_size, until_ms);
        }
        if (e == ERR_OK) {
            e = join_client_step(&j->client, answer, answer_size, frame, &size, &j->grant);
        }
    }
    sodium_memzero(frame, sizeof frame);
    sodium_memzero(answer, sizeof answer);
    return e;
}

/* One attempt with one contact, with keys of its own. */
static enum err attempt(struct joining *j, const char *contact, uint64_t until_ms)
{
    uint8_t ephemeral[NOISE_KEY];
    AUTO_FD int fd = -1;

    join_client_fini(&j->client);
    enum err e = cli_join_wire_connect(contact, until_ms, &fd);
    if (e != ERR_OK) {
        return e;
    }
    randombytes_buf(ephemeral, sizeof ephemeral);
    e = join_client_init(&j->client, &j->token, &j->identity, j->request, j->request_size, ephemeral);
    sodium_memzero(ephemeral, sizeof ephemeral);
    return e == ERR_OK ? speak(j, fd, until_ms) : e;
}

static bool is_busy(const struct joining *j, enum err e)
{
    return e == ERR_DENIED && j->client.verdict == TOKEN_BUSY;
}

static int refused(struct cli *cli, const struct joining *j, enum err e, const char *contact)
{
    uint32_t v = j->client.verdict;
    char hint[CLI_HINT_SIZE];

    if (e == ERR_DENIED && v == TOKEN_NAME_TAKEN) {
        (void)snprintf(hint, sizeof hint, "join under another with --node-id NAME, or `cell member remove %s` on the "
                       "node of `cell init` if that node is no more", j->identity.name);
        return cli_fail(cli, ERR_EXISTS, hint, "another node is called %s", j->identity.name);
    }
    if (e == ERR_DENIED) {
        return cli_fail(cli, e, v == TOKEN_BUSY || v == TOKEN_FAILED
                                    ? "try again later"
                                    : "make a fresh one with `cell token create` on the node of `cell init`",
                        "%s refuses to let this node in: %s", contact, token_verdict_text(v));
    }
    if (e == ERR_FORGED || e == ERR_MALFORMED) {
        return cli_fail(cli, e, "check that the address in the token is still that node's",
                        "who answers at %s is not the issuer of this token", contact);
    }
    return cli_fail(cli, e, "check that the issuer runs there (`cell status issuer` on that node) and that no firewall "
                    "is in between", "the issuer is not reached at %s%s: %s", contact,
                    j->token.contacts > 1 ? " or any other address of the token" : "", err_text(e));
}

/* Each contact in turn; a busy issuer is asked again until the deadline. What an issuer says that proved to be
 * one is final. */
static int exchange(struct cli *cli, struct joining *j, uint32_t deadline_ms)
{
    uint64_t until_ms = cli_clock_ms() + deadline_ms;
    const char *contact = j->token.contact[0];
    enum err e = ERR_TIMEOUT;

    for (;;) {
        bool has_busy = false;
        for (uint32_t i = 0; i < j->token.contacts; i++) {
            uint64_t now_ms = cli_clock_ms();
            contact = j->token.contact[i];
            e = attempt(j, contact, until_ms - now_ms < ATTEMPT_MS ? until_ms : now_ms + ATTEMPT_MS);
            if (e == ERR_OK || (e == ERR_DENIED && j->client.is_proven)) {
                return e == ERR_OK ? CLI_DONE : refused(cli, j, e, contact);
            }
            has_busy = has_busy || is_busy(j, e);
        }
        if (!has_busy || cli_clock_ms() + AGAIN_MS >= until_ms) {
            return refused(cli, j, e, contact);
        }
        cli_clock_pause(AGAIN_MS);
    }
}

/* ---- what was granted -------------------------------------------------------------------------------------- */

static bool is_ours(const struct joining *j, const struct pki_facts *f)
{
    struct node_keys keys;

    keys_derive(j->identity.seed, &keys);
    bool is_own = strcmp(f->who.name, j->identity.name) == 0 && memcmp(f->who.id, keys.id, NODE_ID_LEN) == 0 &&
                  memcmp(f->who.cluster_id, j->grant.cluster.id, NODE_CLUSTER_ID_LEN) == 0;
    keys_forget(&keys);
    return is_own;
}

/* The cluster file comes last: with it, all the rest is there. */
static int keep(struct cli *cli, struct joining *j)
{
    struct vault *v = &j->vault;
    struct join_grant *g = &j->grant;
    struct pki_facts facts;
    enum err e = pki_check(g->authority, g->certificate, j->key, &facts);

    if (e != ERR_OK || !is_ours(j, &facts)) {
        return cli_fail(cli, ERR_FORGED, "its log may say more", "the issuer sent a certificate that is not this node's");
    }
    e = vault_write(v, VAULT_CA_CRT, g->authority, strlen(g->authority));
    if (e == ERR_OK) {
        e = vault_write(v, VAULT_NODE_CRT, g->certificate, strlen(g->certificate));
    }
    if (e == ERR_OK && j->is_new) {
        j->identity.has_previous = false; /* it has vouched */
        sodium_memzero(j->identity.previous, sizeof j->identity.previous);
        e = vault_put_identity(v, &j->identity);
    }
    if (e == ERR_OK) {
        e = vault_put_cluster(v, &g->cluster);
    }
    if (e == ERR_OK) {
        e = vault_remove(v, CLI_NODE_NEXT);
    }
    return e == ERR_OK ? CLI_DONE : cli_node_refuse(cli, v, e);
}

/* Nothing here depends on this machine's clock; TLS between nodes will. */
static void compare_clocks(const struct cli *cli, const struct joining *j)
{
    uint64_t ours = cli_node_now_s(), theirs = j->client.issuer_clock_s;
    uint64_t apart = ours > theirs ? ours - theirs : theirs - ours;

    if (apart > SKEW_S) {
        cli_fail_note(cli, "this machine's clock is %" PRIu64 " s %s the issuer's; certificates need it to be right", apart,
                      ours > theirs ? "ahead of" : "behind");
    }
}

int cli_join_run(struct cli *cli)
{
    struct joining *j = calloc(1, sizeof *j);
    uint32_t deadline_ms = DEADLINE_MS;

    if (j == NULL) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    j->vault.fd = -1;
    int status = cli_args_duration_ms(cli, "deadline", &deadline_ms);
    if (status == CLI_DONE) {
        status = prepare(cli, j);
    }
    if (status == CLI_DONE) {
        status = exchange(cli, j, deadline_ms);
    }
    if (status == CLI_DONE) {
        status = keep(cli, j);
    }
    if (status == CLI_DONE) {
        compare_clocks(cli, j);
        cli_node_tell(cli);
        status = cli_node_show(cli, &j->vault);
    }
    forget(j);
    free(j);
    return status;
}
