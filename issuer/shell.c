#include "issuer/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/node/handed.h"
#include "common/run/fd.h"
#include "common/run/log.h"
#include "issuer/link.h"
#include "issuer/listen.h"
#include "issuer/roll.h"

_Static_assert((int)JOIN_PEM_MAX == (int)PKI_PEM_MAX && (int)JOIN_REQUEST_MAX == (int)PKI_REQUEST_MAX,
               "what the core carries is what certificates are");

enum {
    KEYS_MAX = 20480, /* bytes of keys.issuer */
    PARTS = 5,
    FILE_MODE = 0600,
};

uint64_t issuer_shell_now_s(void)
{
    time_t now = time(NULL);

    return now > 0 ? (uint64_t)now : 0;
}

/* ---- keys -------------------------------------------------------------------------------------------- */

/* Five texts: nucleus/keys.h. */
static enum err take_keys(struct issuer_shell *s, const uint8_t *bytes, size_t size)
{
    struct handed_part part[PARTS];
    enum err e = handed_split(bytes, size, part, PARTS);

    if (e == ERR_OK) {
        e = identity_parse((const char *)part[0].at, part[0].size, &s->identity);
    }
    if (e == ERR_OK) {
        e = cluster_parse((const char *)part[1].at, part[1].size, &s->cluster);
    }
    if (e == ERR_OK) {
        e = handed_text(part[2].at, part[2].size, s->authority_key, sizeof s->authority_key);
    }
    if (e == ERR_OK) {
        e = handed_text(part[3].at, part[3].size, s->authority, sizeof s->authority);
    }
    if (e == ERR_OK) {
        e = handed_text(part[4].at, part[4].size, s->own_certificate, sizeof s->own_certificate);
    }
    if (e == ERR_OK) {
        cluster_keys(&s->cluster, s->identity.name, s->identity.seed, &s->keys);
    }
    return e;
}

static enum err load_keys(struct issuer_shell *s)
{
    uint8_t bytes[KEYS_MAX];
    size_t size = 0;
    AUTO_FD int fd = cell_take_descriptor(s->cell, "keys.issuer");

    if (fd < 0) {
        log_error("ISSUER-NO-KEYS", "why=\"no keys were handed over\" action=\"give it sandbox.keys: [issuer]\"");
        return ERR_NOT_FOUND;
    }
    enum err e = handed_read(fd, bytes, sizeof bytes, &size);
    if (e == ERR_OK) {
        e = take_keys(s, bytes, size);
    }
    sodium_memzero(bytes, sizeof bytes);
    if (e != ERR_OK) {
        log_error("ISSUER-KEYS", "error=%s why=\"what was handed over is no issuer's\"", err_name(e));
    }
    return e;
}

/* ---- memory on disk ---------------------------------------------------------------------------------- */

static enum err store(struct issuer_shell *s)
{
    char *text = NULL;
    size_t len = 0;
    enum err e = tickets_format(&s->tickets, &text, &len);

    if (e == ERR_OK) {
        e = fd_replace_file(s->state_fd, ISSUER_FILE, text, len, FILE_MODE);
        sodium_memzero(text, len);
    }
    free(text);
    if (e != ERR_OK) {
        log_error("ISSUER-STORE", "error=%s action=\"the change is undone and refused\"", err_name(e));
    }
    return e;
}

void issuer_shell_begin(struct issuer_shell *s)
{
    s->before = s->tickets;
}

void issuer_shell_undo(struct issuer_shell *s)
{
    s->tickets = s->before;
}

enum err issuer_shell_keep(struct issuer_shell *s)
{
    enum err e = store(s);

    if (e != ERR_OK) {
        issuer_shell_undo(s);
    }
    return e;
}

/* A damaged file is not taken for an empty one: tokens that were used would be good again. */
static enum err load(struct issuer_shell *s)
{
    char *text = NULL;
    size_t len = 0;
    enum err e;

    if (cell_state_dir(s->cell)[0] == '\0') {
        log_error("ISSUER-NO-STATE", "why=\"no state directory\" action=\"give it sandbox.write: [state]\"");
        return ERR_PRECONDITION;
    }
    s->state_fd = open(cell_state_dir(s->cell), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->state_fd < 0) {
        e = err_from_errno(errno);
    } else {
        e = fd_read_file(s->state_fd, ISSUER_FILE, TICKETS_TEXT_MAX, &text, &len);
    }
    if (e == ERR_OK) {
        e = tickets_parse(text, len, &s->tickets);
        sodium_memzero(text, len);
    } else if (e == ERR_NOT_FOUND && s->state_fd >= 0) {
        e = ERR_OK; /* the first start */
    }
    free(text);
    if (e != ERR_OK) {
        log_error("ISSUER-STATE", "file=%s error=%s action=\"restore it from a backup\"", ISSUER_FILE, err_name(e));
        return e;
    }
    issuer_shell_begin(s);
    (void)tickets_take_keys(&s->tickets, &s->cluster, issuer_shell_now_s()); /* `cell rotate` while the node was down */
    e = tickets_enter_self(&s->tickets, s->identity.name, s->keys.id, issuer_shell_now_s());
    return e == ERR_OK ? issuer_shell_keep(s) : e;
}

/* ---- letting a node in --------------------------------------------------------------------------------- */

static enum err fill_grant(struct issuer_shell *s, const struct join_request *r, struct join_grant *g)
{
    struct pki_who who = {0};

    memcpy(who.name, r->name, sizeof who.name);
    memcpy(who.id, r->id, sizeof who.id);
    memcpy(who.cluster_id, s->cluster.id, sizeof who.cluster_id);
    *g = (struct join_grant){.cluster = s->cluster};
    tickets_tell_keys(&s->tickets, issuer_shell_now_s(), &g->cluster);
    /* Where this node answers joins it answers members, too. */
    for (uint32_t i = 0; g->cluster.seeds == 0 && i < s->contacts; i++) {
        memcpy(g->cluster.seed[i], s->contact[i], CONTACT_SIZE);
    }
    g->cluster.seeds = g->cluster.seeds == 0 ? s->contacts : g->cluster.seeds;
    memcpy(g->authority, s->authority, sizeof g->authority);
    return pki_issue(s->authority_key, s->authority, r->request, r->request_size, &who, issuer_shell_now_s(),
                     g->certificate);
}

enum token_verdict issuer_shell_admit(struct issuer_shell *s, const struct join_request *r, struct join_grant *ret)
{
    issuer_shell_begin(s);
    enum token_verdict v = tickets_admit(&s->tickets, r->token, r->name, r->id,
                                         r->has_previous ? r->previous : NULL, issuer_shell_now_s());
    if (v != TOKEN_GRANTED) {
        return v;
    }
    enum err e = fill_grant(s, r, ret);
    uint32_t crl = s->tickets.crl;
    if (e == ERR_OK) {
        e = issuer_roll_certified(s, r->id, ret->certificate);
    }
    if (e == ERR_LIMIT) {
        issuer_shell_undo(s);
        return TOKEN_FULL;
    }
    if (e != ERR_OK) {
        issuer_shell_undo(s);
        return e == ERR_MALFORMED || e == ERR_FORGED ? TOKEN_MALFORMED : TOKEN_FAILED;
    }
    /* Stored before it is told: a node that was let in is in, whatever happens to us now, and a token that was
     * used stays used. */
    e = issuer_shell_keep(s);
    if (e == ERR_OK && s->tickets.crl != crl) {
        issuer_roll_tell(s); /* an older certificate of it was revoked */
    }
    return e == ERR_OK ? TOKEN_GRANTED : TOKEN_FAILED;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

static void make_metrics(struct issuer_shell *s)
{
    s->connections = cell_metric_counter(s->cell, "cell_issuer_connections_total", "connections of nodes");
    s->held_back = cell_metric_counter(s->cell, "cell_issuer_held_back_total", "connections past a rate or limit");
    s->joined = cell_metric_counter(s->cell, "cell_issuer_joined_total", "nodes that were let in");
    s->renewed = cell_metric_counter(s->cell, "cell_issuer_renewed_total", "answers to members that asked what is new");
    s->refused = cell_metric_counter(s->cell, "cell_issuer_refused_total", "joins refused with a reason");
    s->failed = cell_metric_counter(s->cell, "cell_issuer_failed_total", "connections that ended without a word");
}

enum err issuer_shell_open(struct cell *cell, void *state)
{
    struct issuer_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    s->state_fd = s->listen_fd = -1;
    if (sodium_init() < 0) {
        return ERR_UNSUPPORTED;
    }
    make_metrics(s);
    enum err e = issuer_config_read(cell_config(cell), &s->config, why);
    if (e != ERR_OK) {
        log_error("ISSUER-CONFIG", "why=\"%s\"", e == ERR_INVALID ? why : err_text(e));
        return e;
    }
    e = load_keys(s);
    if (e == ERR_OK) {
        e = load(s);
    }
    return e == ERR_OK ? issuer_listen_open(s) : e;
}

enum err issuer_shell_start(struct cell *cell, void *state)
{
    struct issuer_shell *s = state;
    enum err e = issuer_link_begin(s);

    (void)cell;
    s->tell_ms = ISSUER_TELL_AGAIN_MS;
    if (e == ERR_OK) {
        issuer_roll_tell(s); /* what was stored before we ended may never have been told */
    }
    return e;
}

/* Our own certificate changed, and perhaps the cluster file: of these, what is stored here is newer or the same. */
void issuer_shell_granted(void *state, const char *name)
{
    struct issuer_shell *s = state;

    if (strcmp(name, "keys.issuer") == 0) {
        (void)load_keys(s); /* a failure is logged, and the old ones stay */
    }
}

void issuer_shell_stop(void *state)
{
    struct issuer_shell *s = state;

    issuer_roll_end(s);
    issuer_link_end(s);
    fd_close(&s->listen_fd);
    fd_close(&s->state_fd);
    identity_forget(&s->identity);
    cluster_forget(&s->cluster);
    keys_forget(&s->keys);
    sodium_memzero(s->authority_key, sizeof s->authority_key);
    sodium_memzero(&s->tickets, sizeof s->tickets);
    sodium_memzero(&s->before, sizeof s->before);
}
