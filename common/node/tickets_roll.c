/* The cluster's keys and the members' certificates, as the issuer gives them out. */
#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "common/node/tickets.h"

/* ---- keys -------------------------------------------------------------------------------------------- */

bool tickets_take_keys(struct tickets *t, const struct cluster *c, uint64_t now_s)
{
    if (t->keys > 0 && c->epoch[0] <= t->epoch[0]) {
        return false;
    }
    t->keys = c->keys;
    memcpy(t->epoch, c->epoch, sizeof t->epoch);
    memcpy(t->key, c->key, sizeof t->key);
    t->changed_s = now_s;
    t->grace_s = c->grace_s;
    return true;
}

enum err tickets_rotate(struct tickets *t, const uint8_t key[NODE_KEY_LEN], uint32_t grace_s, uint64_t now_s)
{
    assert(t->keys > 0 && grace_s <= CLUSTER_GRACE_MAX_S);
    if (t->epoch[0] == UINT32_MAX) {
        return ERR_RANGE;
    }
    memcpy(t->key[1], t->key[0], NODE_KEY_LEN);
    t->epoch[1] = t->epoch[0];
    memcpy(t->key[0], key, NODE_KEY_LEN);
    t->epoch[0]++;
    t->keys = NODE_CLUSTER_KEYS;
    t->changed_s = now_s;
    t->grace_s = grace_s;
    return ERR_OK;
}

/* Seconds of the second key that are left. */
static uint32_t left_of(const struct tickets *t, uint64_t now_s)
{
    uint64_t since_s = now_s > t->changed_s ? now_s - t->changed_s : 0;

    return since_s < t->grace_s ? t->grace_s - (uint32_t)since_s : 0;
}

void tickets_tell_keys(const struct tickets *t, uint64_t now_s, struct cluster *c)
{
    assert(t->keys > 0);
    c->keys = t->keys;
    memcpy(c->epoch, t->epoch, sizeof c->epoch);
    memcpy(c->key, t->key, sizeof c->key);
    c->grace_s = t->keys > 1 ? left_of(t, now_s) : 0;
    if (t->keys > 1 && t->grace_s > 0 && c->grace_s == 0) {
        (void)cluster_drop(c);
    }
}

/* ---- certificates ------------------------------------------------------------------------------------ */

bool tickets_is_stale(const struct tickets *t, const uint8_t serial[TICKETS_SERIAL])
{
    for (uint32_t i = 0; i < t->stales; i++) {
        if (memcmp(t->stale[i].serial, serial, TICKETS_SERIAL) == 0) {
            return true;
        }
    }
    return false;
}

void tickets_forget_stale(struct tickets *t, uint64_t now_s)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < t->stales; i++) {
        if (t->stale[i].until_s + TICKETS_STALE_SLACK_S > now_s) {
            t->stale[kept++] = t->stale[i];
        }
    }
    memset(&t->stale[kept], 0, (t->stales - kept) * sizeof t->stale[0]);
    t->stales = kept;
}

/* There is room. */
static void make_stale(struct tickets *t, struct tickets_certificate *c, uint64_t now_s)
{
    assert(t->stales < TICKETS_STALE_MAX);
    t->stale[t->stales] = *c;
    t->stale[t->stales++].since_s = now_s;
    *c = (struct tickets_certificate){0};
}

enum err tickets_certify(struct tickets *t, const uint8_t id[NODE_ID_LEN], const uint8_t serial[TICKETS_SERIAL],
                         uint64_t until_s, uint64_t now_s)
{
    struct tickets_member *m = (struct tickets_member *)tickets_member(t, id);

    assert(until_s > 0);
    if (m == NULL) {
        return ERR_NOT_FOUND;
    }
    struct tickets_certificate *oldest = &m->certificate[TICKETS_CERTIFICATES_MAX - 1];
    if (oldest->until_s != 0) {
        tickets_forget_stale(t, now_s);
        if (t->stales >= TICKETS_STALE_MAX - TICKETS_STALE_SPARE || t->crl == TICKETS_CRL_MAX) {
            return ERR_LIMIT;
        }
        make_stale(t, oldest, now_s);
        t->crl++;
    }
    memmove(&m->certificate[1], &m->certificate[0], (TICKETS_CERTIFICATES_MAX - 1) * sizeof m->certificate[0]);
    m->certificate[0] = (struct tickets_certificate){.until_s = until_s};
    memcpy(m->certificate[0].serial, serial, TICKETS_SERIAL);
    return ERR_OK;
}

enum err tickets_revoke_all(struct tickets *t, struct tickets_member *m, uint64_t now_s)
{
    tickets_forget_stale(t, now_s);
    if (t->stales + TICKETS_CERTIFICATES_MAX > TICKETS_STALE_MAX || t->crl == TICKETS_CRL_MAX) {
        return ERR_LIMIT;
    }
    for (uint32_t i = 0; i < TICKETS_CERTIFICATES_MAX; i++) {
        if (m->certificate[i].until_s != 0) {
            make_stale(t, &m->certificate[i], now_s);
        }
    }
    t->crl++; /* also of one that had none: who has this number has heard of the removal */
    return ERR_OK;
}
