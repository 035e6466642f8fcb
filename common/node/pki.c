#include "common/node/pki.h"

#include <mbedtls/asn1write.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/pki_date.h"

enum {
    PKI_SUBJECT_SIZE = 128,
    PKI_URI_LEN = sizeof "cell://" - 1 + 2 * NODE_CLUSTER_ID_LEN + 1 + 2 * NODE_ID_LEN,
    PKI_DAY_S = 86400,
    PKI_TAG_DNS = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2, /* RFC 5280, section 4.2.1.6 */
    PKI_TAG_URI = MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6,
};

/* mbedTLS's own generator wants files and a context; the process has libsodium's already. */
static int draw(void *context, unsigned char *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
    return 0;
}

static enum err read_key(const char *text, mbedtls_pk_context *ret)
{
    mbedtls_pk_init(ret);
    if (mbedtls_pk_parse_key(ret, (const uint8_t *)text, strlen(text) + 1, NULL, 0) != 0 ||
        mbedtls_pk_get_type(ret) != MBEDTLS_PK_ECKEY ||
        mbedtls_pk_ec(*ret)->grp.id != MBEDTLS_ECP_DP_SECP256R1) {
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

enum err pki_key(char ret[PKI_PEM_MAX])
{
    mbedtls_pk_context key;
    char text[PKI_PEM_MAX];

    if (sodium_init() < 0) {
        return ERR_UNSUPPORTED;
    }
    mbedtls_pk_init(&key);
    bool is_made = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) == 0 &&
                   mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), draw, NULL) == 0 &&
                   mbedtls_pk_write_key_pem(&key, (uint8_t *)text, sizeof text) == 0;
    mbedtls_pk_free(&key);
    if (is_made) {
        memcpy(ret, text, sizeof text);
    }
    sodium_memzero(text, sizeof text);
    return is_made ? ERR_OK : ERR_INTERNAL;
}

/* ---- writing certificates -------------------------------------------------------------------------- */

/* DER backwards, as mbedTLS writes it: both alternative names into the end of buf[size). */
static int write_names(uint8_t *buf, size_t size, const struct pki_who *who, uint8_t **ret_at)
{
    char uri[PKI_URI_LEN + 1] = "cell://", *at = uri + strlen(uri);
    uint8_t *p = buf + size;
    int len = 0, ret; /* MBEDTLS_ASN1_CHK_ADD wants one of this name */

    bytes_to_hex(who->cluster_id, sizeof who->cluster_id, at);
    at += 2 * NODE_CLUSTER_ID_LEN;
    *at++ = '/';
    bytes_to_hex(who->id, sizeof who->id, at);
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_tagged_string(&p, buf, PKI_TAG_URI, uri, PKI_URI_LEN));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_tagged_string(&p, buf, PKI_TAG_DNS, who->name,
                                                               strlen(who->name)));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_len(&p, buf, (size_t)len));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_tag(&p, buf,
                                                     MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE));
    *ret_at = p;
    return len;
}

/* serverAuth and clientAuth: a node is both. RFC 5280, section 4.2.1.12. */
static int write_usages(uint8_t *buf, size_t size, uint8_t **ret_at)
{
    uint8_t *p = buf + size;
    int len = 0, ret;

    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_oid(&p, buf, MBEDTLS_OID_CLIENT_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH)));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_oid(&p, buf, MBEDTLS_OID_SERVER_AUTH,
                                                     MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_len(&p, buf, (size_t)len));
    MBEDTLS_ASN1_CHK_ADD(len, mbedtls_asn1_write_tag(&p, buf,
                                                     MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE));
    *ret_at = p;
    return len;
}

static int add_node_extensions(mbedtls_x509write_cert *c, const struct pki_who *who)
{
    uint8_t buf[2 * PKI_URI_LEN + NODE_NAME_MAX], *at;
    int len = write_names(buf, sizeof buf, who, &at);

    if (len < 0 || mbedtls_x509write_crt_set_extension(c, MBEDTLS_OID_SUBJECT_ALT_NAME,
                                                       MBEDTLS_OID_SIZE(MBEDTLS_OID_SUBJECT_ALT_NAME), 0,
                                                       at, (size_t)len) != 0) {
        return -1;
    }
    len = write_usages(buf, sizeof buf, &at);
    if (len < 0 || mbedtls_x509write_crt_set_extension(c, MBEDTLS_OID_EXTENDED_KEY_USAGE,
                                                       MBEDTLS_OID_SIZE(MBEDTLS_OID_EXTENDED_KEY_USAGE), 0,
                                                       at, (size_t)len) != 0) {
        return -1;
    }
    return mbedtls_x509write_crt_set_basic_constraints(c, 0, -1) |
           mbedtls_x509write_crt_set_key_usage(c, MBEDTLS_X509_KU_DIGITAL_SIGNATURE |
                                                      MBEDTLS_X509_KU_KEY_AGREEMENT);
}

/* What is common to both kinds: who signs, for which key, from when to when, under which number. */
static int fill_common(mbedtls_x509write_cert *c, mbedtls_pk_context *signer, mbedtls_pk_context *subject,
                       uint64_t now_s, uint64_t until_s, mbedtls_mpi *serial)
{
    uint8_t number[PKI_SERIAL];
    char from[PKI_DATE_SIZE], until[PKI_DATE_SIZE];
    uint64_t slack_s = (uint64_t)PKI_SLACK_DAYS * PKI_DAY_S;

    randombytes_buf(number, sizeof number);
    number[0] = (uint8_t)(number[0] & 0x7f) | 0x40; /* positive and of full length: RFC 5280, 4.1.2.2 */
    pki_date_format(now_s > slack_s ? now_s - slack_s : 0, from);
    pki_date_format(until_s, until);
    mbedtls_x509write_crt_set_version(c, MBEDTLS_X509_CRT_VERSION_3);
    mbedtls_x509write_crt_set_md_alg(c, MBEDTLS_MD_SHA256);
    mbedtls_x509write_crt_set_issuer_key(c, signer);
    mbedtls_x509write_crt_set_subject_key(c, subject);
    return mbedtls_mpi_read_binary(serial, number, sizeof number) |
           mbedtls_x509write_crt_set_serial(c, serial) |
           mbedtls_x509write_crt_set_validity(c, from, until) |
           mbedtls_x509write_crt_set_subject_key_identifier(c) |
           mbedtls_x509write_crt_set_authority_key_identifier(c);
}

static enum err write_certificate(mbedtls_x509write_cert *c, char ret[PKI_PEM_MAX])
{
    char text[PKI_PEM_MAX];

    if (mbedtls_x509write_crt_pem(c, (uint8_t *)text, sizeof text, draw, NULL) != 0) {
        return ERR_INTERNAL;
    }
    memcpy(ret, text, sizeof text);
    return ERR_OK;
}

enum err pki_authority(const char *key, const uint8_t cluster_id[NODE_CLUSTER_ID_LEN], uint64_t now_s,
                       char ret[PKI_PEM_MAX])
{
    mbedtls_x509write_cert c;
    mbedtls_pk_context pk;
    mbedtls_mpi serial;
    char hex[2 * NODE_CLUSTER_ID_LEN + 1], subject[PKI_SUBJECT_SIZE];

    bytes_to_hex(cluster_id, NODE_CLUSTER_ID_LEN, hex);
    (void)snprintf(subject, sizeof subject, "CN=%s,O=cell cluster", hex);
    mbedtls_x509write_crt_init(&c);
    mbedtls_mpi_init(&serial);
    enum err e = read_key(key, &pk);
    if (e == ERR_OK) {
        /* No authority below this one. */
        int failed = fill_common(&c, &pk, &pk, now_s, now_s + (uint64_t)PKI_AUTHORITY_DAYS * PKI_DAY_S, &serial) |
                     mbedtls_x509write_crt_set_issuer_name(&c, subject) |
                     mbedtls_x509write_crt_set_subject_name(&c, subject) |
                     mbedtls_x509write_crt_set_basic_constraints(&c, 1, 0) |
                     mbedtls_x509write_crt_set_key_usage(&c, MBEDTLS_X509_KU_KEY_CERT_SIGN |
                                                                 MBEDTLS_X509_KU_CRL_SIGN);
        e = failed != 0 ? ERR_INTERNAL : write_certificate(&c, ret);
    }
    mbedtls_pk_free(&pk);
    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&c);
    return e;
}

enum err pki_request(const char *key, const char *name, uint8_t ret[PKI_REQUEST_MAX], size_t *ret_size)
{
    mbedtls_x509write_csr r;
    mbedtls_pk_context pk;
    char subject[PKI_SUBJECT_SIZE];
    uint8_t buf[PKI_REQUEST_MAX];

    (void)snprintf(subject, sizeof subject, "CN=%s", name);
    mbedtls_x509write_csr_init(&r);
    enum err e = read_key(key, &pk);
    if (e == ERR_OK) {
        mbedtls_x509write_csr_set_md_alg(&r, MBEDTLS_MD_SHA256);
        mbedtls_x509write_csr_set_key(&r, &pk);
        int len = mbedtls_x509write_csr_set_subject_name(&r, subject) != 0
                      ? -1
                      : mbedtls_x509write_csr_der(&r, buf, sizeof buf, draw, NULL);
        e = len <= 0 ? ERR_INTERNAL : ERR_OK;
        if (e == ERR_OK) {
            memcpy(ret, buf + sizeof buf - len, (size_t)len); /* written at the end of the buffer */
            *ret_size = (size_t)len;
        }
    }
    mbedtls_pk_free(&pk);
    mbedtls_x509write_csr_free(&r);
    return e;
}

/* ---- issuing --------------------------------------------------------------------------------------- */

/* That who asks has the key it asks for: the parser does not look at the signature. */
static enum err check_request(mbedtls_x509_csr *r)
{
    uint8_t hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(r->sig_md);

    if (mbedtls_pk_get_type(&r->pk) != MBEDTLS_PK_ECKEY || r->sig_md != MBEDTLS_MD_SHA256 ||
        mbedtls_pk_ec(r->pk)->grp.id != MBEDTLS_ECP_DP_SECP256R1 || md == NULL) {
        return ERR_MALFORMED;
    }
    if (mbedtls_md(md, r->cri.p, r->cri.len, hash) != 0 ||
        mbedtls_pk_verify(&r->pk, r->sig_md, hash, mbedtls_md_get_size(md), r->sig.p, r->sig.len) != 0) {
        return ERR_FORGED;
    }
    return ERR_OK;
}

/* No certificate outlives what vouches for it: TLS would refuse it then, and say something else. */
static uint64_t until_for_node(const mbedtls_x509_crt *ca, uint64_t now_s)
{
    const mbedtls_x509_time *t = &ca->valid_to;
    uint64_t wanted_s = now_s + (uint64_t)PKI_NODE_DAYS * PKI_DAY_S;
    uint64_t ends_s = pki_date_seconds(t->year, t->mon, t->day, t->hour, t->min, t->sec);

    return wanted_s < ends_s ? wanted_s : ends_s;
}

static enum err issue(mbedtls_pk_context *signer, const char *authority, mbedtls_pk_context *subject_key,
                      const struct pki_who *who, uint64_t now_s, char ret[PKI_PEM_MAX])
{
    mbedtls_x509_crt ca;
    mbedtls_x509write_cert c;
    mbedtls_mpi serial;
    char issuer[PKI_SUBJECT_SIZE], subject[PKI_SUBJECT_SIZE];
    enum err e = ERR_INVALID;

    mbedtls_x509_crt_init(&ca);
    mbedtls_x509write_crt_init(&c);
    mbedtls_mpi_init(&serial);
    (void)snprintf(subject, sizeof subject, "CN=%s", who->name);
    if (mbedtls_x509_crt_parse(&ca, (const uint8_t *)authority, strlen(authority) + 1) == 0 &&
        mbedtls_pk_check_pair(&ca.pk, signer) == 0 && ca.ca_istrue != 0 &&
        mbedtls_x509_dn_gets(issuer, sizeof issuer, &ca.subject) > 0) {
        int failed = fill_common(&c, signer, subject_key, now_s, until_for_node(&ca, now_s), &serial) |
                     mbedtls_x509write_crt_set_issuer_name(&c, issuer) |
                     mbedtls_x509write_crt_set_subject_name(&c, subject) | add_node_extensions(&c, who);
        e = failed != 0 ? ERR_INTERNAL : write_certificate(&c, ret);
    }
    mbedtls_mpi_free(&serial);
    mbedtls_x509write_crt_free(&c);
    mbedtls_x509_crt_free(&ca);
    return e;
}

enum err pki_issue(const char *key, const char *authority, const uint8_t *request, size_t size,
                   const struct pki_who *who, uint64_t now_s, char ret[PKI_PEM_MAX])
{
    mbedtls_pk_context signer;
    mbedtls_x509_csr r;

    mbedtls_x509_csr_init(&r);
    enum err e = read_key(key, &signer) == ERR_OK ? ERR_OK : ERR_INVALID;
    if (e == ERR_OK && mbedtls_x509_csr_parse_der(&r, request, size) != 0) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK) {
        e = check_request(&r);
    }
    if (e == ERR_OK) {
        e = issue(&signer, authority, &r.pk, who, now_s, ret);
    }
    mbedtls_x509_csr_free(&r);
    mbedtls_pk_free(&signer);
    return e;
}

enum err pki_renew(const char *key, const char *authority, const char *certificate, const struct pki_who *who,
                   uint64_t now_s, char ret[PKI_PEM_MAX])
{
    mbedtls_pk_context signer;
    mbedtls_x509_crt old;
    struct pki_facts facts;
    enum err e = pki_check(authority, certificate, NULL, &facts);

    if (e != ERR_OK) {
        return e;
    }
    if (memcmp(facts.who.id, who->id, NODE_ID_LEN) != 0 ||
        memcmp(facts.who.cluster_id, who->cluster_id, NODE_CLUSTER_ID_LEN) != 0) {
        return ERR_FORGED; /* another's: it would get a certificate for a key that is not its own */
    }
    mbedtls_x509_crt_init(&old);
    e = read_key(key, &signer) == ERR_OK ? ERR_OK : ERR_INVALID;
    if (e == ERR_OK && mbedtls_x509_crt_parse(&old, (const uint8_t *)certificate, strlen(certificate) + 1) != 0) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK) {
        e = issue(&signer, authority, &old.pk, who, now_s, ret);
    }
    mbedtls_x509_crt_free(&old);
    mbedtls_pk_free(&signer);
    return e;
}
