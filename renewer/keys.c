#include "renewer/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/handed.h"

enum {
    PARTS = 4,
    DAY_S = 86400,
};

static enum err take_parts(const uint8_t *bytes, size_t size, struct renewer_keys *k)
{
    struct handed_part part[PARTS];
    enum err e = handed_split(bytes, size, part, PARTS);

    if (e == ERR_OK) {
        e = keys_unpack(part[0].at, part[0].size, &k->own);
    }
    if (e == ERR_OK) {
        e = cluster_parse((const char *)part[1].at, part[1].size, &k->cluster);
    }
    if (e == ERR_OK) {
        e = handed_text(part[2].at, part[2].size, k->authority, sizeof k->authority);
    }
    if (e == ERR_OK) {
        e = handed_text(part[3].at, part[3].size, k->certificate, sizeof k->certificate);
    }
    return e == ERR_OK ? pki_check(k->authority, k->certificate, NULL, &k->facts) : e;
}

enum err renewer_keys_load(int fd, struct renewer_keys *ret)
{
    uint8_t bytes[RENEWER_KEYS_MAX];
    struct renewer_keys k = {0};
    size_t size = 0;
    enum err e = handed_read(fd, bytes, sizeof bytes, &size);

    if (e == ERR_OK) {
        e = take_parts(bytes, size, &k);
    }
    if (e == ERR_OK) {
        *ret = k;
    }
    sodium_memzero(bytes, sizeof bytes);
    renewer_keys_forget(&k);
    return e;
}

static enum err judge_list(const struct renewer_keys *k, const struct update *u)
{
    uint32_t number = 0;
    AUTO_FREE char *list = strndup(u->list, u->list_size);

    if (list == NULL) {
        return ERR_NOMEM;
    }
    enum err e = strlen(list) == u->list_size ? pki_list_check(k->authority, list, &number) : ERR_MALFORMED;
    return e != ERR_OK ? e : number == u->crl ? ERR_OK : ERR_FORGED;
}

static enum err judge_certificate(const struct renewer_keys *k, const struct update *u)
{
    char text[PKI_PEM_MAX];
    struct pki_facts facts;
    enum err e = handed_text((const uint8_t *)u->certificate, u->certificate_size, text, sizeof text);

    if (e == ERR_OK) {
        e = pki_check(k->authority, text, NULL, &facts);
    }
    if (e != ERR_OK) {
        return e;
    }
    return memcmp(facts.who.id, k->own.id, NODE_ID_LEN) == 0 && strcmp(facts.who.name, k->own.name) == 0 &&
                   memcmp(facts.who.cluster_id, k->own.cluster_id, NODE_CLUSTER_ID_LEN) == 0 &&
                   pki_same_key(text, k->certificate)
               ? ERR_OK
               : ERR_FORGED;
}

enum err renewer_keys_judge(const struct renewer_keys *k, const uint8_t *bytes, size_t size)
{
    struct cluster merged = k->cluster;
    struct update u;
    bool is_news;
    enum err e = update_read(bytes, size, k->cluster.issuer, &u);

    if (e != ERR_OK) {
        return e;
    }
    e = update_merge(&u, k->own.id, &merged, &is_news);
    if (e == ERR_OK && u.list_size > 0) {
        e = judge_list(k, &u);
    }
    if (e == ERR_OK && u.certificate_size > 0) {
        e = judge_certificate(k, &u);
    }
    cluster_forget(&merged);
    sodium_memzero(&u, sizeof u);
    return e;
}

bool renewer_keys_is_due(const struct renewer_keys *k, uint64_t now_s)
{
    return now_s + (uint64_t)PKI_RENEW_DAYS * DAY_S >= k->facts.not_after_s || now_s < k->facts.not_before_s;
}

void renewer_keys_forget(struct renewer_keys *k)
{
    sodium_memzero(k, sizeof *k);
}
