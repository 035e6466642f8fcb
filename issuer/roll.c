#include "issuer/roll.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/pki.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "proto/nucleus.pb-c.h"

_Static_assert((int)UPDATE_CRL_MAX >= (int)PKI_LIST_MAX && (int)UPDATE_CERTIFICATE_MAX == (int)PKI_PEM_MAX - 1 &&
                   (int)TICKETS_SERIAL == (int)PKI_SERIAL,
               "what the core carries is what certificates are");

enum {
    DAY_S = 86400,
    TELL_DEADLINE_MS = 5000,
};

/* ---- the list of revoked certificates ------------------------------------------------------------------- */

/* Make the list of the present number, once. */
static enum err make_list(struct issuer_shell *s)
{
    const struct tickets *t = &s->tickets;

    if (s->list_number == t->crl) {
        return ERR_OK;
    }
    AUTO_FREE struct pki_revoked *r = calloc(t->stales + 1, sizeof *r);
    if (r == NULL) {
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < t->stales; i++) {
        memcpy(r[i].serial, t->stale[i].serial, PKI_SERIAL);
        r[i].since_s = t->stale[i].since_s;
    }
    enum err e = pki_list(s->authority_key, s->authority, t->crl, r, t->stales, issuer_shell_now_s(), s->list, &s->list_size);
    s->list_number = e == ERR_OK ? t->crl : 0;
    return e;
}

/* ---- certificates ----------------------------------------------------------------------------------------- */

enum err issuer_roll_certified(struct issuer_shell *s, const uint8_t id[NODE_ID_LEN], const char *certificate)
{
    struct pki_facts facts;
    enum err e = pki_check(s->authority, certificate, NULL, &facts);

    return e == ERR_OK ? tickets_certify(&s->tickets, id, facts.serial, facts.not_after_s, issuer_shell_now_s()) : e;
}

/* Whether the certificate that a member shows is to be followed by another now. It says that it is near its end; a
 * clock that is wrong, or a lie, would have us sign and revoke without end. */
static bool may_renew(const struct issuer_shell *s, const struct tickets_member *m, const struct pki_facts *shown)
{
    const struct tickets_certificate *newest = &m->certificate[0];
    uint64_t now_s = issuer_shell_now_s();

    if (tickets_is_stale(&s->tickets, shown->serial)) {
        return false;
    }
    if (newest->until_s == 0 || memcmp(newest->serial, shown->serial, PKI_SERIAL) == 0) {
        return shown->not_after_s < now_s + (uint64_t)(PKI_RENEW_DAYS + PKI_SLACK_DAYS) * DAY_S;
    }
    /* It does not know its newest: that answer was lost. */
    return newest->until_s < now_s + (uint64_t)PKI_NODE_DAYS * DAY_S - ISSUER_RENEW_AGAIN_S;
}

/* Another certificate over the key of the one shown; "" when it keeps that. Stored before it is told. */
static enum err renew(struct issuer_shell *s, const struct tickets_member *m, const char *shown, char ret[PKI_PEM_MAX])
{
    struct pki_who who = {0};
    struct pki_facts facts;
    uint8_t id[NODE_ID_LEN];
    enum err e = pki_check(s->authority, shown, NULL, &facts);

    ret[0] = '\0';
    if (e != ERR_OK || !may_renew(s, m, &facts)) {
        return e;
    }
    memcpy(id, m->id, sizeof id);
    memcpy(who.name, m->name, sizeof who.name);
    memcpy(who.id, m->id, sizeof who.id);
    memcpy(who.cluster_id, s->cluster.id, sizeof who.cluster_id);
    e = pki_renew(s->authority_key, s->authority, shown, &who, issuer_shell_now_s(), ret);
    if (e != ERR_OK) {
        return e;
    }
    issuer_shell_begin(s);
    e = issuer_roll_certified(s, id, ret);
    if (e == ERR_OK) {
        e = issuer_shell_keep(s);
    } else {
        issuer_shell_undo(s);
    }
    if (e == ERR_OK) {
        log_info("ISSUER-RENEWED", "node=%s", who.name);
    } else {
        ret[0] = '\0';
    }
    return e;
}

/* ---- updates ------------------------------------------------------------------------------------------------ */

enum token_verdict issuer_roll_update(struct issuer_shell *s, const uint8_t id[NODE_ID_LEN], const struct renew_ask *ask,
                                      uint8_t *out, size_t *ret_size)
{
    const struct tickets_member *m = tickets_member(&s->tickets, id);
    struct cluster now = s->cluster;
    struct update u = {0};
    char certificate[PKI_PEM_MAX] = "";
    enum err e = ERR_OK;

    if (m == NULL) {
        return TOKEN_STRANGER; /* removed since it said hello */
    }
    if (ask->certificate[0] != '\0' && (e = renew(s, m, ask->certificate, certificate)) != ERR_OK) {
        log_warn("ISSUER-UNRENEWED", "node=%s error=%s effect=it keeps its certificate", m->name, err_name(e));
    }
    e = make_list(s); /* after the certificate, which may have another one revoked */
    if (e != ERR_OK) {
        log_error("ISSUER-LIST", "number=%" PRIu32 " error=%s", s->tickets.crl, err_name(e));
        return TOKEN_FAILED;
    }
    tickets_tell_keys(&s->tickets, issuer_shell_now_s(), &now);
    memcpy(u.cluster_id, now.id, sizeof u.cluster_id);
    memcpy(u.node, id, sizeof u.node);
    u.keys = now.keys;
    memcpy(u.epoch, now.epoch, sizeof u.epoch);
    memcpy(u.key, now.key, sizeof u.key);
    u.grace_s = now.grace_s;
    u.crl = s->tickets.crl;
    u.list = s->list;
    u.list_size = ask->crl != u.crl ? s->list_size : 0;
    u.certificate = certificate;
    u.certificate_size = strlen(certificate);
    *ret_size = update_write(&u, s->identity.seed, out);
    sodium_memzero(&u, sizeof u);
    cluster_forget(&now);
    return TOKEN_GRANTED;
}

enum err issuer_roll_rotate(struct issuer_shell *s, uint32_t grace_s)
{
    uint8_t key[NODE_KEY_LEN];

    randombytes_buf(key, sizeof key);
    enum err e = tickets_rotate(&s->tickets, key, grace_s, issuer_shell_now_s());
    sodium_memzero(key, sizeof key);
    return e;
}

/* ---- the own node --------------------------------------------------------------------------------------------- */

static void on_again(void *context)
{
    struct issuer_shell *s = context;

    s->tell_timer = NULL;
    issuer_roll_tell(s);
}

static void on_told(void *context, enum err e, const ProtobufCMessage *message, const char *text)
{
    struct issuer_shell *s = context;
    const Cell__Nucleus__RekeyReply *reply = (const Cell__Nucleus__RekeyReply *)message;

    s->is_telling = false;
    if (e == ERR_OK) {
        s->tell_ms = ISSUER_TELL_AGAIN_MS;
        log_info("ISSUER-TOLD", "epoch=%" PRIu32 " crl=%" PRIu32 " is_news=%d", reply->epoch, reply->crl, reply->is_news);
        if (s->tells_again) {
            issuer_roll_tell(s);
        }
        return;
    }
    if (e == ERR_CANCELLED) {
        return;
    }
    log_warn("ISSUER-UNTOLD", "error=%s why=\"%.120s\" again_ms=%" PRIu32 " effect=nobody hears of new keys", err_name(e), text,
             s->tell_ms);
    s->tell_timer = cell_timer_start(s->cell, s->tell_ms, 0, on_again, s);
    s->tell_ms = 2 * s->tell_ms < ISSUER_TELL_MAX_MS ? 2 * s->tell_ms : ISSUER_TELL_MAX_MS;
}

static enum err ask_own(struct issuer_shell *s, uint8_t *update, size_t size)
{
    Cell__Nucleus__RekeyRequest request = CELL__NUCLEUS__REKEY_REQUEST__INIT;

    request.update.data = update;
    request.update.len = size;
    const struct cell_ask ask = {.target = "nucleus",
                                 .operation = CELL__NUCLEUS__OP__OP_REKEY,
                                 .request = &request.base,
                                 .reply = &cell__nucleus__rekey_reply__descriptor,
                                 .deadline_ms = TELL_DEADLINE_MS,
                                 .done = on_told,
                                 .context = s,
                                 .is_idempotent = true};
    return cell_ask(s->cell, &ask);
}

void issuer_roll_tell(struct issuer_shell *s)
{
    struct renew_ask ask = {0};
    size_t size = 0;

    s->tells_again = s->is_telling;
    if (s->is_telling) {
        return;
    }
    cell_timer_stop(s->tell_timer);
    s->tell_timer = NULL;
    AUTO_FREE uint8_t *update = malloc(UPDATE_MAX);
    if (update == NULL) {
        on_told(s, ERR_NOMEM, NULL, "");
        return;
    }
    memcpy(ask.certificate, s->own_certificate, sizeof ask.certificate);
    enum token_verdict v = issuer_roll_update(s, s->keys.id, &ask, update, &size);
    enum err e = v == TOKEN_GRANTED ? ask_own(s, update, size) : ERR_INTERNAL;
    s->is_telling = e == ERR_OK;
    sodium_memzero(update, size);
    if (e != ERR_OK) {
        on_told(s, e, NULL, token_verdict_text(v));
    }
}

void issuer_roll_end(struct issuer_shell *s)
{
    cell_timer_stop(s->tell_timer);
    s->tell_timer = NULL;
}
