#include "renewer/shell.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "proto/nodosum.pb-c.h"
#include "proto/nucleus.pb-c.h"

static void try_next(struct renewer_shell *s, enum err e, const char *why);

uint64_t renewer_shell_now_s(void)
{
    time_t now = time(NULL);

    return now > 0 ? (uint64_t)now : 0;
}

static void arm(struct renewer_shell *s)
{
    uint64_t due_ms = renewer_plan_due_ms(&s->plan), now_ms = loop_now_ms();

    loop_timer_again(s->timer, due_ms == UINT64_MAX ? UINT32_MAX : due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* ---- the end of a question ------------------------------------------------------------------------------- */

static void finish(struct renewer_shell *s, enum renewer_plan_end end, uint32_t epoch, uint32_t crl, const char *why)
{
    bool is_answered = end == RENEWER_PLAN_ANSWERED;

    s->answered += is_answered;
    s->failed += !is_answered;
    cell_metric_add(is_answered ? s->metric_answered : s->metric_failed, 1);
    if (!is_answered && strcmp(why, s->why) != 0) { /* once, and not at every attempt */
        log_warn("RENEWER-FAILED", "why=\"%s\" effect=\"the node keeps what it has\"", why);
    }
    s->is_removed = end == RENEWER_PLAN_STRANGER;
    (void)snprintf(s->why, sizeof s->why, "%s", why);
    renewer_plan_end(&s->plan, loop_now_ms(), end, epoch, crl);
    arm(s);
}

static void on_handed(void *context, enum err e, const ProtobufCMessage *message, const char *text)
{
    struct renewer_shell *s = context;
    const Cell__Nucleus__RekeyReply *reply = (const Cell__Nucleus__RekeyReply *)message;
    char why[RENEWER_FETCH_WHY_SIZE];

    if (e == ERR_CANCELLED) {
        return; /* the cell is stopping */
    }
    if (e == ERR_OK) {
        if (reply->is_news) {
            log_info("RENEWER-NEWS", "epoch=%" PRIu32 " crl=%" PRIu32, reply->epoch, reply->crl);
        }
        finish(s, RENEWER_PLAN_ANSWERED, reply->epoch, reply->crl, "");
        return;
    }
    (void)snprintf(why, sizeof why, "the supervisor: %.70s", text[0] != '\0' ? text : err_text(e));
    finish(s, RENEWER_PLAN_FAILED, s->plan.epoch, s->plan.crl, why);
}

/* It has proved to be the issuer's word for us: the supervisor writes and hands it out. */
static enum err hand(struct renewer_shell *s, const uint8_t *update, size_t size)
{
    Cell__Nucleus__RekeyRequest request = CELL__NUCLEUS__REKEY_REQUEST__INIT;

    request.update.data = (uint8_t *)update;
    request.update.len = size;
    const struct cell_ask ask = {.target = "nucleus",
                                 .operation = CELL__NUCLEUS__OP__OP_REKEY,
                                 .request = &request.base,
                                 .reply = &cell__nucleus__rekey_reply__descriptor,
                                 .deadline_ms = RENEWER_HAND_MS,
                                 .done = on_handed,
                                 .context = s,
                                 .is_idempotent = true};
    return cell_ask(s->cell, &ask);
}

/* ---- asking ------------------------------------------------------------------------------------------------ */

static void on_fetched(void *context, enum err e, const uint8_t *update, size_t size, uint32_t verdict, bool is_proven)
{
    struct renewer_shell *s = context;
    struct renewer_fetch *f = s->fetch;

    s->fetch = NULL;
    if (e == ERR_OK) {
        e = renewer_keys_judge(&s->keys, update, size);
        if (e == ERR_OK) {
            s->has_reached = true;
            s->reached = s->at[s->contact];
            e = hand(s, update, size);
        }
    }
    renewer_fetch_free(f);
    if (e == ERR_DENIED && is_proven && verdict == TOKEN_STRANGER) {
        finish(s, RENEWER_PLAN_STRANGER, s->plan.epoch, s->plan.crl, token_verdict_text(verdict));
    } else if (e != ERR_OK) {
        try_next(s, e, e == ERR_DENIED && verdict != 0 ? token_verdict_text(verdict) : err_text(e));
    }
}

static enum err begin(struct renewer_shell *s)
{
    struct renew_ask ask = {.epoch = s->keys.cluster.epoch[0], .crl = s->keys.cluster.crl};

    if (renewer_keys_is_due(&s->keys, renewer_shell_now_s())) {
        memcpy(ask.certificate, s->keys.certificate, sizeof ask.certificate);
    }
    return renewer_fetch_begin(host_loop(s->cell), &s->at[s->contact], &s->keys.own, s->keys.cluster.issuer, &ask, on_fetched,
                               s, &s->fetch);
}

/* After `e` with the present contact; the first that begins is waited for. */
static void try_next(struct renewer_shell *s, enum err e, const char *why)
{
    char text[RENEWER_FETCH_WHY_SIZE], at[ADDRESS_SIZE] = "nowhere";

    while (e != ERR_OK && s->contact + 1 < s->contacts) {
        s->contact++;
        e = begin(s);
        why = err_text(e);
    }
    if (e != ERR_OK) {
        if (s->contacts > 0) {
            address_format(&s->at[s->contact], at);
        }
        (void)snprintf(text, sizeof text, "the issuer at %s: %.40s", at, why);
        finish(s, RENEWER_PLAN_FAILED, s->plan.epoch, s->plan.crl, text);
    }
}

static void add_contact(struct renewer_shell *s, const struct sealed_address *a)
{
    for (uint32_t i = 0; i < s->contacts; i++) {
        if (sealed_wire_same(&s->at[i], a)) {
            return;
        }
    }
    if (s->contacts < RENEWER_CONTACTS_MAX) {
        s->at[s->contacts++] = *a;
    }
}

/* Where it answered last; as configured; where the node joined; where membership sees it. */
static void list_contacts(struct renewer_shell *s)
{
    struct sealed_address a;

    s->contacts = s->contact = 0;
    if (s->has_reached) {
        add_contact(s, &s->reached);
    }
    for (uint32_t i = 0; i < s->config.contacts; i++) {
        add_contact(s, &s->config.contact[i]);
    }
    for (uint32_t i = 0; s->config.contacts == 0 && i < s->keys.cluster.seeds; i++) {
        if (address_parse(s->keys.cluster.seed[i], &a) == ERR_OK) { /* names are looked up by membership */
            add_contact(s, &a);
        }
    }
    if (s->knows_member) {
        add_contact(s, &s->member);
    }
}

static void look_for_issuer(struct renewer_shell *s);

static void on_due(void *context)
{
    struct renewer_shell *s = context;

    if (loop_now_ms() < renewer_plan_due_ms(&s->plan)) {
        arm(s);
        return;
    }
    renewer_plan_begin(&s->plan);
    s->asked++;
    list_contacts(s);
    look_for_issuer(s); /* for the next time */
    enum err e = s->contacts > 0 ? begin(s) : ERR_NOT_FOUND;
    if (e != ERR_OK) {
        try_next(s, e, err_text(e));
    }
}

/* ---- what membership knows --------------------------------------------------------------------------------- */

static void on_members(void *context, enum err e, const ProtobufCMessage *message, const char *text)
{
    struct renewer_shell *s = context;
    const Cell__Nodosum__MembersReply *reply = (const Cell__Nodosum__MembersReply *)message;

    (void)text;
    for (size_t i = 0; e == ERR_OK && i < reply->n_members; i++) {
        const Cell__Nodosum__Member *m = reply->members[i];
        if (m->id.len == NODE_ID_LEN && memcmp(m->id.data, s->keys.cluster.issuer, NODE_ID_LEN) == 0) {
            s->knows_member = address_parse(m->address, &s->member) == ERR_OK;
        }
    }
}

/* Its place in the order of ids follows that of the id before it. Joins are answered at the port of membership, of TCP. */
static void look_for_issuer(struct renewer_shell *s)
{
    Cell__Nodosum__MembersRequest request = CELL__NODOSUM__MEMBERS_REQUEST__INIT;
    uint8_t before[NODE_ID_LEN];

    memcpy(before, s->keys.cluster.issuer, sizeof before);
    for (size_t i = sizeof before; i > 0 && before[i - 1]-- == 0; i--) {
    }
    request.after.data = before;
    request.after.len = sizeof before;
    request.most = 1;
    const struct cell_ask ask = {.target = "nodosum", .operation = CELL__NODOSUM__OP__OP_MEMBERS, .request = &request.base,
                                 .reply = &cell__nodosum__members_reply__descriptor, .done = on_members, .context = s,
                                 .is_idempotent = true, .is_hasty = true};
    (void)!cell_ask(s->cell, &ask); /* without membership there are the seeds */
}

static void ask_for_claims(void *context);

static void on_claims(void *context, enum err e, const ProtobufCMessage *message, const char *text)
{
    struct renewer_shell *s = context;
    const Cell__Nodosum__KeysReply *reply = (const Cell__Nodosum__KeysReply *)message;
    uint32_t wait_ms = RENEWER_CLAIMS_AGAIN_MS;

    (void)text;
    if (e == ERR_CANCELLED) {
        return; /* the cell is stopping */
    }
    if (e == ERR_OK) {
        renewer_plan_claim(&s->plan, loop_now_ms(), reply->epoch, reply->crl);
        arm(s);
        wait_ms = reply->is_newer ? RENEWER_CLAIMS_AGAIN_MS : 0;
    }
    if (wait_ms == 0) {
        ask_for_claims(s);
    } else if (cell_timer_start(s->cell, wait_ms, 0, ask_for_claims, s) == NULL) {
        log_error("RENEWER-DEAF", "error=%s effect=\"it asks every minute\"", err_name(ERR_NOMEM));
    }
}

/* Wait until somebody has something newer. */
static void ask_for_claims(void *context)
{
    struct renewer_shell *s = context;
    Cell__Nodosum__KeysRequest request = CELL__NODOSUM__KEYS_REQUEST__INIT;

    request.epoch = s->plan.epoch;
    request.crl = s->plan.crl;
    request.wait_ms = RENEWER_CLAIMS_MS;
    const struct cell_ask ask = {.target = "nodosum", .operation = CELL__NODOSUM__OP__OP_KEYS, .request = &request.base,
                                 .reply = &cell__nodosum__keys_reply__descriptor, .done = on_claims, .context = s,
                                 .deadline_ms = 2 * RENEWER_CLAIMS_MS, .is_hasty = true};
    enum err e = cell_ask(s->cell, &ask);
    if (e != ERR_OK) {
        on_claims(s, e, NULL, "");
    }
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static enum err load(struct renewer_shell *s)
{
    AUTO_FD int fd = cell_take_descriptor(s->cell, "keys.renew");

    if (fd < 0) {
        log_error("RENEWER-NO-KEYS", "why=\"no keys were handed over\" action=\"give it sandbox.keys: [renew]\"");
        return ERR_PRECONDITION;
    }
    enum err e = renewer_keys_load(fd, &s->keys);
    if (e != ERR_OK) {
        log_error("RENEWER-KEYS", "error=%s why=\"what was handed over is no node's\"", err_name(e));
    }
    return e;
}

enum err renewer_shell_open(struct cell *cell, void *state)
{
    struct renewer_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    if (sodium_init() < 0) {
        return ERR_UNSUPPORTED;
    }
    s->metric_answered = cell_metric_counter(cell, "cell_renewer_answered_total", "questions that the issuer answered");
    s->metric_failed = cell_metric_counter(cell, "cell_renewer_failed_total", "questions that led to nothing");
    enum err e = renewer_config_read(cell_config(cell), &s->config, why);
    if (e != ERR_OK) {
        log_error("RENEWER-CONFIG", "why=\"%s\"", e == ERR_INVALID ? why : err_text(e));
        return e;
    }
    return load(s);
}

enum err renewer_shell_start(struct cell *cell, void *state)
{
    struct renewer_shell *s = state;
    uint64_t seed;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        return ERR_IO;
    }
    renewer_plan_init(&s->plan, s->keys.cluster.epoch[0], s->keys.cluster.crl, loop_now_ms(), seed);
    s->timer = loop_timer_new(host_loop(cell), 0, 0, on_due, s);
    if (s->timer == NULL) {
        return ERR_NOMEM;
    }
    ask_for_claims(s);
    return ERR_OK;
}

/* The supervisor has taken an update, of ours or of an issuer on this node, or a person has changed the files. */
void renewer_shell_granted(void *state, const char *name)
{
    struct renewer_shell *s = state;

    if (strcmp(name, "keys.renew") == 0 && load(s) == ERR_OK) {
        s->plan.epoch = s->keys.cluster.epoch[0];
        s->plan.crl = s->keys.cluster.crl;
    }
}

void renewer_shell_stop(void *state)
{
    struct renewer_shell *s = state;

    renewer_fetch_free(s->fetch);
    loop_timer_free(s->timer);
    renewer_keys_forget(&s->keys);
}
