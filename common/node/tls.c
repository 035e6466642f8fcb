#include "common/node/tls.h"

#include <errno.h>
#include <mbedtls/error.h>
#include <mbedtls/ssl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct tls_identity {
    mbedtls_x509_crt chain; /* the node's, then the authority's as it was given */
    mbedtls_x509_crt authority;
    mbedtls_x509_crl list; /* empty: none was given */
    mbedtls_pk_context key;
    uint32_t users; /* its owner and its connections */
    mbedtls_ssl_config server;
    mbedtls_ssl_config client;
};

struct tls {
    mbedtls_ssl_context ssl;
    struct tls_identity *identity;
    int fd;
    enum tls_fault fault;
    char why[TLS_WHY_SIZE];
};

/* AEADs with forward secrecy alone: the strongest that the processor does fast come first. */
static const int suites[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

/* Of others the same and RSA's, which many authorities still sign for. */
static const int suites_outside[] = {
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

static int draw(void *context, unsigned char *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
    return 0;
}

/* ---- who we are --------------------------------------------------------------------------------- */

static int configure(struct tls_identity *i, mbedtls_ssl_config *c, int endpoint, const int *ciphers)
{
    int rc = mbedtls_ssl_config_defaults(c, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

    if (rc != 0) {
        return rc;
    }
    mbedtls_ssl_conf_rng(c, draw, NULL);
    mbedtls_ssl_conf_min_version(c, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3); /* TLS 1.2 */
    mbedtls_ssl_conf_ciphersuites(c, ciphers);
    mbedtls_ssl_conf_authmode(c, MBEDTLS_SSL_VERIFY_REQUIRED); /* of both: a client without certificate is nobody */
    mbedtls_ssl_conf_ca_chain(c, &i->authority, i->list.version != 0 ? &i->list : NULL);
    mbedtls_ssl_conf_renegotiation(c, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_session_tickets(c, MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    return i->chain.version != 0 ? mbedtls_ssl_conf_own_cert(c, &i->chain, &i->key) : 0; /* 0: there is none to show */
}

/* The certificates of the text: the authority's is the one that may sign others. */
static bool sort_certificates(struct tls_identity *i, const char *pem, size_t size)
{
    mbedtls_x509_crt all;
    bool has_node = false, has_authority = false;

    mbedtls_x509_crt_init(&all);
    if (mbedtls_x509_crt_parse(&all, (const uint8_t *)pem, size) == 0) {
        for (const mbedtls_x509_crt *c = &all; c != NULL; c = c->next) {
            bool *has = c->ca_istrue ? &has_authority : &has_node;
            if (*has || mbedtls_x509_crt_parse_der(c->ca_istrue ? &i->authority : &i->chain, c->raw.p, c->raw.len) != 0) {
                has_node = false; /* two of a kind */
                break;
            }
            *has = true;
        }
    }
    mbedtls_x509_crt_free(&all);
    return has_node && has_authority;
}

/* None is fine, a broken one is not. */
static bool take_list(struct tls_identity *i, const char *pem, size_t size)
{
    return strstr(pem, "-----BEGIN X509 CRL-----") == NULL ||
           mbedtls_x509_crl_parse(&i->list, (const uint8_t *)pem, size) == 0;
}

static struct tls_identity *identity_alloc(void)
{
    struct tls_identity *i = calloc(1, sizeof *i);

    if (i != NULL) {
        mbedtls_x509_crt_init(&i->chain);
        mbedtls_x509_crt_init(&i->authority);
        mbedtls_x509_crl_init(&i->list);
        i->users = 1;
        mbedtls_pk_init(&i->key);
        mbedtls_ssl_config_init(&i->server);
        mbedtls_ssl_config_init(&i->client);
    }
    return i;
}

enum err tls_identity_new(const char *pem, size_t size, struct tls_identity **ret)
{
    struct tls_identity *i = identity_alloc();

    if (i == NULL) {
        return ERR_NOMEM;
    }
    enum err e = sodium_init() < 0 ? ERR_IO : ERR_OK;
    if (e == ERR_OK && (!sort_certificates(i, pem, size) || !take_list(i, pem, size) ||
                        mbedtls_pk_parse_key(&i->key, (const uint8_t *)pem, size, NULL, 0) != 0 ||
                        mbedtls_pk_check_pair(&i->chain.pk, &i->key) != 0)) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK && (configure(i, &i->server, MBEDTLS_SSL_IS_SERVER, suites) != 0 ||
                        configure(i, &i->client, MBEDTLS_SSL_IS_CLIENT, suites) != 0)) {
        e = ERR_NOMEM;
    }
    if (e != ERR_OK) {
        tls_identity_free(i);
        return e;
    }
    *ret = i;
    return ERR_OK;
}

enum err tls_identity_outside(const char *ca, size_t ca_size, const char *own, size_t own_size, struct tls_identity **ret)
{
    struct tls_identity *i = identity_alloc();

    if (i == NULL) {
        return ERR_NOMEM;
    }
    enum err e = sodium_init() < 0 ? ERR_IO : ERR_OK;
    if (e == ERR_OK && mbedtls_x509_crt_parse(&i->authority, (const uint8_t *)ca, ca_size) != 0) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK && own != NULL && (mbedtls_x509_crt_parse(&i->chain, (const uint8_t *)own, own_size) != 0 ||
                                       mbedtls_pk_parse_key(&i->key, (const uint8_t *)own, own_size, NULL, 0) != 0 ||
                                       mbedtls_pk_check_pair(&i->chain.pk, &i->key) != 0)) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK && configure(i, &i->client, MBEDTLS_SSL_IS_CLIENT, suites_outside) != 0) {
        e = ERR_NOMEM;
    }
    if (e != ERR_OK) {
        tls_identity_free(i);
        return e;
    }
    *ret = i;
    return ERR_OK;
}

enum err tls_identity_who(const struct tls_identity *i, struct pki_who *ret)
{
    return pki_who_of(i->chain.raw.p, i->chain.raw.len, ret);
}

void tls_identity_free(struct tls_identity *i)
{
    if (i == NULL || --i->users > 0) {
        return;
    }
    mbedtls_ssl_config_free(&i->server);
    mbedtls_ssl_config_free(&i->client);
    mbedtls_pk_free(&i->key);
    mbedtls_x509_crt_free(&i->chain);
    mbedtls_x509_crt_free(&i->authority);
    mbedtls_x509_crl_free(&i->list);
    free(i);
}

/* ---- a connection ------------------------------------------------------------------------------- */

static int put(void *context, const unsigned char *bytes, size_t size)
{
    const struct tls *t = context;
    ssize_t sent = send(t->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    return sent >= 0 ? (int)sent : errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_WRITE : -1;
}

static int get(void *context, unsigned char *bytes, size_t size)
{
    const struct tls *t = context;
    ssize_t got = recv(t->fd, bytes, size, MSG_DONTWAIT);

    return got >= 0 ? (int)got : errno == EAGAIN || errno == EINTR ? MBEDTLS_ERR_SSL_WANT_READ : -1;
}

/* name: NULL: certificates are compared by what they say, not by a host's name. */
static enum err connection_new(struct tls_identity *identity, bool is_server, int fd, const char *name, struct tls **ret)
{
    struct tls *t = calloc(1, sizeof *t);

    if (t == NULL) {
        return ERR_NOMEM;
    }
    t->fd = fd;
    t->identity = identity;
    identity->users++;
    mbedtls_ssl_init(&t->ssl);
    if (mbedtls_ssl_setup(&t->ssl, is_server ? &identity->server : &identity->client) != 0 ||
        mbedtls_ssl_set_hostname(&t->ssl, name) != 0) {
        tls_free(t);
        return ERR_NOMEM;
    }
    mbedtls_ssl_set_bio(&t->ssl, t, put, get, NULL);
    *ret = t;
    return ERR_OK;
}

/* Nodes' certificates are compared by what they say of the cluster and the node's id. */
enum err tls_new(struct tls_identity *identity, bool is_server, int fd, struct tls **ret)
{
    return connection_new(identity, is_server, fd, NULL, ret);
}

enum err tls_new_named(struct tls_identity *identity, int fd, const char *name, struct tls **ret)
{
    return connection_new(identity, false, fd, name[0] != '\0' ? name : NULL, ret);
}

static enum tls_step step_of(struct tls *t, int rc)
{
    if (rc == MBEDTLS_ERR_SSL_WANT_READ) {
        return TLS_READS;
    }
    if (rc == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return TLS_WRITES;
    }
    if (rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY || rc == MBEDTLS_ERR_SSL_CONN_EOF || rc == 0) {
        return TLS_ENDED;
    }
    t->fault = rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? TLS_FAULT_DECLINED : TLS_FAULT_OTHER;
    mbedtls_strerror(rc, t->why, sizeof t->why);
    return TLS_FAILED;
}

/* What the certificate lacks says more than that the handshake failed. */
static void explain_certificate(struct tls *t)
{
    uint32_t flags = mbedtls_ssl_get_verify_result(&t->ssl);

    if (flags == 0 || flags == UINT32_MAX) { /* fine, or not looked at yet */
        return;
    }
    t->fault = TLS_FAULT_CERTIFICATE;
    (void)snprintf(t->why, sizeof t->why, "the peer's certificate: %s",
                   (flags & MBEDTLS_X509_BADCERT_REVOKED) != 0 ? "revoked"
                   : (flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0 ? "expired"
                   : (flags & MBEDTLS_X509_BADCERT_FUTURE) != 0 ? "not valid yet"
                   : (flags & MBEDTLS_X509_BADCERT_MISSING) != 0 ? "there is none"
                   : (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0 ? "another host's"
                   : (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0 ? "not of an authority that we believe"
                                                                     : "not good");
}

enum tls_step tls_handshake(struct tls *t)
{
    int rc = mbedtls_ssl_handshake(&t->ssl);

    if (rc == 0) {
        return TLS_DONE;
    }
    enum tls_step step = step_of(t, rc);
    if (step == TLS_FAILED) {
        explain_certificate(t);
    }
    return step;
}

enum err tls_peer(const struct tls *t, struct pki_who *ret)
{
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&t->ssl);

    return crt == NULL ? ERR_MALFORMED : pki_who_of(crt->raw.p, crt->raw.len, ret);
}

/* iPAddress of RFC 5280, 4.2.1.6: four or sixteen bytes. This mbedTLS keeps it, and compares host names alone. */
bool tls_has_address(const struct tls *t, const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&t->ssl);
    const int tag = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_X509_SAN_IP_ADDRESS;

    for (const mbedtls_x509_sequence *s = crt != NULL ? &crt->subject_alt_names : NULL; s != NULL; s = s->next) {
        bool is_v4 = s->buf.len == 4 && memcmp(ip, mapped, sizeof mapped) == 0;
        if (s->buf.tag == tag && ((is_v4 && memcmp(s->buf.p, ip + sizeof mapped, 4) == 0) ||
                                  (s->buf.len == 16 && memcmp(s->buf.p, ip, 16) == 0))) {
            return true;
        }
    }
    return false;
}

bool tls_is_revoked(const struct tls *t, const struct tls_identity *identity)
{
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&t->ssl);

    return crt != NULL && identity->list.version != 0 && mbedtls_x509_crt_is_revoked(crt, &identity->list) != 0;
}

enum tls_step tls_read(struct tls *t, uint8_t *bytes, size_t size, size_t *ret_size)
{
    int rc = mbedtls_ssl_read(&t->ssl, bytes, size);

    if (rc > 0) {
        *ret_size = (size_t)rc;
        return TLS_DONE;
    }
    return step_of(t, rc);
}

enum tls_step tls_write(struct tls *t, const uint8_t *bytes, size_t size, size_t *ret_size)
{
    int rc = mbedtls_ssl_write(&t->ssl, bytes, size < TLS_RECORD_MAX ? size : TLS_RECORD_MAX);

    if (rc > 0) {
        *ret_size = (size_t)rc;
        return TLS_DONE;
    }
    return step_of(t, rc);
}

bool tls_has_more(const struct tls *t)
{
    return mbedtls_ssl_get_bytes_avail(&t->ssl) > 0;
}

enum tls_fault tls_fault(const struct tls *t)
{
    return t->fault;
}

const char *tls_why(const struct tls *t)
{
    return t->why;
}

void tls_free(struct tls *t)
{
    if (t == NULL) {
        return;
    }
    (void)mbedtls_ssl_close_notify(&t->ssl); /* a courtesy: whoever missed it sees the end of the stream */
    mbedtls_ssl_free(&t->ssl);
    tls_identity_free(t->identity);
    free(t);
}
