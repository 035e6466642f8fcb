#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/pki.h"
#include "common/node/pki_date.h"

static const char scheme[] = "cell://";

enum {
    URI_LEN = sizeof scheme - 1 + 2 * NODE_CLUSTER_ID_LEN + 1 + 2 * NODE_ID_LEN,
    URI_TAG = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6,
};

/* Lower-case hex in the midst of other characters. */
static bool take_hex(const char *at, uint8_t *ret, size_t size)
{
    char text[2 * NODE_ID_LEN + 1];

    memcpy(text, at, 2 * size);
    text[2 * size] = '\0';
    return strspn(text, "0123456789abcdef") == 2 * size && bytes_from_hex(text, ret, size);
}

static bool take_uri(const mbedtls_x509_buf *b, struct pki_who *ret)
{
    const char *at = (const char *)b->p, *cluster = at + strlen(scheme);
    const char *id = cluster + 2 * NODE_CLUSTER_ID_LEN + 1;

    return b->len == URI_LEN && memcmp(at, scheme, strlen(scheme)) == 0 && id[-1] == '/' &&
           take_hex(cluster, ret->cluster_id, NODE_CLUSTER_ID_LEN) && take_hex(id, ret->id, NODE_ID_LEN);
}

/* Exactly one name and one URI of ours: of two, it would depend on the reader who it is. */
static bool take_who(const mbedtls_x509_crt *crt, struct pki_who *ret)
{
    const mbedtls_x509_name *subject = &crt->subject;
    int uris = 0;

    if (subject->next != NULL || MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &subject->oid) != 0 ||
        !name_valid((const char *)subject->val.p, subject->val.len)) {
        return false;
    }
    memcpy(ret->name, subject->val.p, subject->val.len);
    ret->name[subject->val.len] = '\0';
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next) {
        if (s->buf.tag == URI_TAG) {
            uris++;
            if (!take_uri(&s->buf, ret)) {
                return false;
            }
        }
    }
    return uris == 1;
}

static bool may_serve_and_ask(const mbedtls_x509_crt *crt)
{
    return mbedtls_x509_crt_check_extended_key_usage(crt, MBEDTLS_OID_SERVER_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) == 0 &&
           mbedtls_x509_crt_check_extended_key_usage(crt, MBEDTLS_OID_CLIENT_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)) == 0 &&
           crt->ca_istrue == 0;
}

static uint64_t seconds_of(const mbedtls_x509_time *t)
{
    return pki_date_seconds(t->year, t->mon, t->day, t->hour, t->min, t->sec);
}

/* The authority is one certificate and signed itself; time is the caller's business. */
static enum err verify(mbedtls_x509_crt *crt, mbedtls_x509_crt *ca, const char *key)
{
    uint32_t flags = 0;
    enum err e = ERR_OK;

    (void)mbedtls_x509_crt_verify(crt, ca, NULL, NULL, &flags, NULL, NULL);
    flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
    if (flags != 0) {
        return ERR_FORGED;
    }
    if (key != NULL) {
        mbedtls_pk_context pk;
        mbedtls_pk_init(&pk);
        if (mbedtls_pk_parse_key(&pk, (const uint8_t *)key, strlen(key) + 1, NULL, 0) != 0 ||
            mbedtls_pk_check_pair(&crt->pk, &pk) != 0) {
            e = ERR_FORGED;
        }
        mbedtls_pk_free(&pk);
    }
    return e;
}

enum err pki_check(const char *authority, const char *certificate, const char *key, struct pki_facts *ret)
{
    struct pki_facts facts = {0};
    mbedtls_x509_crt crt, ca;
    enum err e = ERR_MALFORMED;

    mbedtls_x509_crt_init(&crt);
    mbedtls_x509_crt_init(&ca);
    if (mbedtls_x509_crt_parse(&crt, (const uint8_t *)certificate, strlen(certificate) + 1) == 0 &&
        mbedtls_x509_crt_parse(&ca, (const uint8_t *)authority, strlen(authority) + 1) == 0 &&
        crt.next == NULL && ca.next == NULL && take_who(&crt, &facts.who) && may_serve_and_ask(&crt)) {
        e = verify(&crt, &ca, key);
    }
    if (e == ERR_OK) {
        facts.not_before_s = seconds_of(&crt.valid_from);
        facts.not_after_s = seconds_of(&crt.valid_to);
        /* Ours have numbers of full length; of another, what there is of it. */
        size_t len = crt.serial.len < PKI_SERIAL ? crt.serial.len : PKI_SERIAL;
        memcpy(facts.serial, crt.serial.p, len);
        (void)mbedtls_sha256_ret(crt.raw.p, crt.raw.len, facts.fingerprint, 0);
        *ret = facts;
    }
    mbedtls_x509_crt_free(&crt);
    mbedtls_x509_crt_free(&ca);
    return e;
}

enum err pki_who_of(const uint8_t *der, size_t size, struct pki_who *ret)
{
    struct pki_who who = {0};
    mbedtls_x509_crt crt;
    enum err e = ERR_MALFORMED;

    mbedtls_x509_crt_init(&crt);
    if (mbedtls_x509_crt_parse_der(&crt, der, size) == 0 && take_who(&crt, &who) && may_serve_and_ask(&crt)) {
        *ret = who;
        e = ERR_OK;
    }
    mbedtls_x509_crt_free(&crt);
    return e;
}

bool pki_same_key(const char *a, const char *b)
{
    mbedtls_x509_crt one, other;

    mbedtls_x509_crt_init(&one);
    mbedtls_x509_crt_init(&other);
    bool is_same = mbedtls_x509_crt_parse(&one, (const uint8_t *)a, strlen(a) + 1) == 0 &&
                   mbedtls_x509_crt_parse(&other, (const uint8_t *)b, strlen(b) + 1) == 0 &&
                   one.pk_raw.len == other.pk_raw.len && memcmp(one.pk_raw.p, other.pk_raw.p, one.pk_raw.len) == 0;
    mbedtls_x509_crt_free(&one);
    mbedtls_x509_crt_free(&other);
    return is_same;
}
