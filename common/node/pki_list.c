/* The list of revoked certificates (RFC 5280, section 5): mbedTLS reads such lists and has nothing that writes them. */
#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crl.h>
#include <mbedtls/x509_crt.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/pki.h"
#include "common/node/pki_date.h"

enum {
    DAY_S = 86400,
    HASH = 32,
    SIGNATURE_ROOM = 128,
    DER_MAX = PKI_LIST_MAX / 4 * 3, /* a text is a third longer */
};

/* ecdsa-with-SHA256 without parameters: RFC 5758, section 3.2. */
static const uint8_t algorithm[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t oid_number[] = {0x55, 0x1d, 0x14}; /* id-ce-cRLNumber, section 5.2.3 */

static int draw(void *context, unsigned char *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
    return 0;
}

/* ---- writing: backwards, as mbedTLS writes -------------------------------------------------------------- */

static int wrap(uint8_t **p, uint8_t *start, int len, uint8_t tag)
{
    int ret;

    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_len(p, start, (size_t)len));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_tag(p, start, tag));
    return len;
}

static int write_time(uint8_t **p, uint8_t *start, uint64_t at_s)
{
    char text[PKI_DATE_SIZE + 1];

    pki_date_format(at_s, text);
    bool is_short = memcmp(text, "2050", 4) < 0; /* from then on a year has all its digits: section 5.1.2.4 */
    memcpy(text + PKI_DATE_SIZE - 1, "Z", 2);
    const char *from = is_short ? text + 2 : text;
    int len = mbedtls_asn1_write_raw_buffer(p, start, (const uint8_t *)from, strlen(from));
    return len < 0 ? len : wrap(p, start, len, is_short ? MBEDTLS_ASN1_UTC_TIME : MBEDTLS_ASN1_GENERALIZED_TIME);
}

/* A whole number that may have its top bit set. */
static int write_number(uint8_t **p, uint8_t *start, const uint8_t *bytes, size_t size)
{
    mbedtls_mpi value;
    int len = -1;

    mbedtls_mpi_init(&value);
    if (mbedtls_mpi_read_binary(&value, bytes, size) == 0) {
        len = mbedtls_asn1_write_mpi(p, start, &value);
    }
    mbedtls_mpi_free(&value);
    return len;
}

static int write_extensions(uint8_t **p, uint8_t *start, uint32_t number)
{
    uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    int len = 0, ret;

    MBEDTLS_ASN1_CHK_ADD(len, write_number(p, start, bytes, sizeof bytes));
    len = wrap(p, start, len, MBEDTLS_ASN1_OCTET_STRING);
    if (len < 0) {
        return len;
    }
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_oid(p, start, (const char *)oid_number, sizeof oid_number));
    for (int i = 0; i < 2 && len >= 0; i++) { /* the extension, the list of them */
        len = wrap(p, start, len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    }
    return len < 0 ? len
                   : wrap(p, start, len, MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0);
}

static int write_entry(uint8_t **p, uint8_t *start, const struct pki_revoked *r)
{
    int len = 0, ret;

    MBEDTLS_ASN1_CHK_ADD(len, write_time(p, start, r->since_s));
    MBEDTLS_ASN1_CHK_ADD(len, write_number(p, start, r->serial, sizeof r->serial));
    return wrap(p, start, len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

static int write_entries(uint8_t **p, uint8_t *start, const struct pki_revoked *r, size_t count)
{
    int len = 0, ret;

    for (size_t i = count; i > 0; i--) {
        MBEDTLS_ASN1_CHK_ADD(len, write_entry(p, start, &r[i - 1]));
    }
    return count == 0 ? 0 : wrap(p, start, len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

static uint64_t end_of(const mbedtls_x509_crt *ca)
{
    const mbedtls_x509_time *t = &ca->valid_to;

    return pki_date_seconds(t->year, t->mon, t->day, t->hour, t->min, t->sec);
}

/* TBSCertList. It holds as long as the authority: how fresh it is, its number says. */
static int write_body(uint8_t **p, uint8_t *start, const mbedtls_x509_crt *ca, uint32_t number,
                      const struct pki_revoked *r, size_t count, uint64_t now_s)
{
    uint64_t slack_s = (uint64_t)PKI_SLACK_DAYS * DAY_S;
    int len = 0, ret;

    MBEDTLS_ASN1_CHK_ADD(len, write_extensions(p, start, number));
    MBEDTLS_ASN1_CHK_ADD(len, write_entries(p, start, r, count));
    MBEDTLS_ASN1_CHK_ADD(len, write_time(p, start, end_of(ca)));
    MBEDTLS_ASN1_CHK_ADD(len, write_time(p, start, now_s > slack_s ? now_s - slack_s : 0));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_raw_buffer(p, start, ca->subject_raw.p, ca->subject_raw.len));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_raw_buffer(p, start, algorithm, sizeof algorithm));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_int(p, start, 1)); /* version 2 */
    return wrap(p, start, len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

/* CertificateList: the body, how it is signed, the signature. */
static enum err sign(mbedtls_pk_context *key, uint8_t *body, size_t body_size, uint8_t *out, size_t room, size_t *ret_size)
{
    uint8_t hash[HASH], signature[SIGNATURE_ROOM], *p = out + room;
    size_t size = 0;
    int len = 0;

    if (mbedtls_sha256_ret(body, body_size, hash, 0) != 0 ||
        mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, sizeof hash, signature, &size, draw, NULL) != 0) {
        return ERR_INTERNAL;
    }
    int part = mbedtls_asn1_write_bitstring(&p, out, signature, 8 * size);
    len += part;
    part = part < 0 ? part : mbedtls_asn1_write_raw_buffer(&p, out, algorithm, sizeof algorithm);
    len += part;
    part = part < 0 ? part : mbedtls_asn1_write_raw_buffer(&p, out, body, body_size);
    len += part;
    len = part < 0 ? part : wrap(&p, out, len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    if (len < 0) {
        return ERR_LIMIT;
    }
    memmove(out, p, (size_t)len);
    *ret_size = (size_t)len;
    return ERR_OK;
}

static enum err write_list(mbedtls_pk_context *key, const mbedtls_x509_crt *ca, uint32_t number,
                           const struct pki_revoked *r, size_t count, uint64_t now_s, char *ret, size_t *ret_len)
{
    AUTO_FREE uint8_t *body = malloc(DER_MAX), *whole = malloc(DER_MAX);
    size_t size = 0, len = 0;

    if (body == NULL || whole == NULL) {
        return ERR_NOMEM;
    }
    uint8_t *p = body + DER_MAX;
    int body_size = write_body(&p, body, ca, number, r, count, now_s);
    if (body_size < 0) {
        return ERR_LIMIT;
    }
    enum err e = sign(key, p, (size_t)body_size, whole, DER_MAX, &size);
    if (e == ERR_OK && mbedtls_pem_write_buffer("-----BEGIN X509 CRL-----\n", "-----END X509 CRL-----\n", whole, size,
                                                (uint8_t *)ret, PKI_LIST_MAX, &len) != 0) {
        e = ERR_LIMIT;
    }
    if (e == ERR_OK) {
        *ret_len = len - 1; /* it counts the terminator */
    }
    return e;
}

enum err pki_list(const char *key, const char *authority, uint32_t number, const struct pki_revoked *revoked, size_t count,
                  uint64_t now_s, char ret[PKI_LIST_MAX], size_t *ret_len)
{
    mbedtls_pk_context signer;
    mbedtls_x509_crt ca;
    enum err e = ERR_INVALID;

    mbedtls_pk_init(&signer);
    mbedtls_x509_crt_init(&ca);
    if (mbedtls_pk_parse_key(&signer, (const uint8_t *)key, strlen(key) + 1, NULL, 0) == 0 &&
        mbedtls_x509_crt_parse(&ca, (const uint8_t *)authority, strlen(authority) + 1) == 0 && ca.ca_istrue != 0 &&
        mbedtls_pk_check_pair(&ca.pk, &signer) == 0) {
        e = write_list(&signer, &ca, number, revoked, count, now_s, ret, ret_len);
    }
    mbedtls_x509_crt_free(&ca);
    mbedtls_pk_free(&signer);
    return e;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

/* The number among the extensions, which are a SEQUENCE of SEQUENCE { OID, OCTET STRING }; 0: there is none. */
static uint32_t number_of(const mbedtls_x509_crl *crl)
{
    uint8_t *p = crl->crl_ext.p, *end = p == NULL ? p : p + crl->crl_ext.len;
    size_t len;
    int value = 0;

    if (p == NULL || mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) != 0) {
        return 0;
    }
    while (p < end && mbedtls_asn1_get_tag(&p, end, &len, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) == 0) {
        uint8_t *next = p + len;
        bool is_number = mbedtls_asn1_get_tag(&p, next, &len, MBEDTLS_ASN1_OID) == 0 && len == sizeof oid_number &&
                         memcmp(p, oid_number, len) == 0;
        p += is_number ? len : 0;
        if (is_number && mbedtls_asn1_get_tag(&p, next, &len, MBEDTLS_ASN1_OCTET_STRING) == 0 &&
            mbedtls_asn1_get_int(&p, next, &value) == 0 && value > 0) {
            return (uint32_t)value;
        }
        p = next;
    }
    return 0;
}

enum err pki_list_check(const char *authority, const char *list, uint32_t *ret_number)
{
    mbedtls_x509_crt ca;
    mbedtls_x509_crl crl;
    uint8_t hash[HASH];
    enum err e = ERR_MALFORMED;

    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crl_init(&crl);
    if (mbedtls_x509_crt_parse(&ca, (const uint8_t *)authority, strlen(authority) + 1) == 0 &&
        mbedtls_x509_crl_parse(&crl, (const uint8_t *)list, strlen(list) + 1) == 0 && crl.next == NULL &&
        crl.sig_md == MBEDTLS_MD_SHA256 && number_of(&crl) != 0) {
        bool is_ours = crl.issuer_raw.len == ca.subject_raw.len &&
                       memcmp(crl.issuer_raw.p, ca.subject_raw.p, ca.subject_raw.len) == 0 &&
                       mbedtls_sha256_ret(crl.tbs.p, crl.tbs.len, hash, 0) == 0 &&
                       mbedtls_pk_verify_ext(crl.sig_pk, crl.sig_opts, &ca.pk, crl.sig_md, hash, sizeof hash,
                                             crl.sig.p, crl.sig.len) == 0;
        e = is_ours ? ERR_OK : ERR_FORGED;
    }
    if (e == ERR_OK) {
        *ret_number = number_of(&crl);
    }
    mbedtls_x509_crl_free(&crl);
    mbedtls_x509_crt_free(&ca);
    return e;
}
