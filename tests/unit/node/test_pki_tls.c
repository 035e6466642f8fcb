/* The certificates with the TLS that nodes use: nng over mbedTLS, both sides proving who they are. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/supplemental/tls/tls.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "common/node/pki.h"
#include "tests/support/check.h"

enum {
    WAIT_MS = 4000,
    SHORT_MS = 700, /* for what must not work */
};

struct party {
    char ca[PKI_PEM_MAX], crt[PKI_PEM_MAX], key[PKI_PEM_MAX];
};

static char ca_key[PKI_PEM_MAX], ca[PKI_PEM_MAX], foreign_key[PKI_PEM_MAX], foreign_ca[PKI_PEM_MAX];
static struct party server, client, stranger;

static void make_party(struct party *p, const char *name, const char *signer_key, const char *signer)
{
    struct pki_who who = {.cluster_id = {1}, .id = {2}};
    uint8_t request[PKI_REQUEST_MAX];
    size_t size = 0;

    (void)snprintf(who.name, sizeof who.name, "%s", name);
    memcpy(p->ca, ca, sizeof p->ca);
    REQUIRE(pki_key(p->key) == ERR_OK && pki_request(p->key, name, request, &size) == ERR_OK, "a request");
    REQUIRE(pki_issue(signer_key, signer, request, size, &who, (uint64_t)time(NULL), p->crt) == ERR_OK, "issued");
}

static nng_tls_config *configure(nng_tls_mode mode, const struct party *p, const char *server_name)
{
    nng_tls_config *c = NULL;

    REQUIRE(nng_tls_config_alloc(&c, mode) == 0, "a configuration");
    REQUIRE(nng_tls_config_ca_chain(c, p->ca, NULL) == 0, "the authority is taken");
    REQUIRE(p->crt[0] == '\0' || nng_tls_config_own_cert(c, p->crt, p->key, NULL) == 0, "the certificate is taken");
    REQUIRE(nng_tls_config_auth_mode(c, NNG_TLS_AUTH_MODE_REQUIRED) == 0, "both prove themselves");
    REQUIRE(server_name == NULL || nng_tls_config_server_name(c, server_name) == 0, "the name that is expected");
    return c;
}

/* One question and answer; whether it worked within ms. */
static bool talks(const struct party *asks, const char *expected, int ms)
{
    nng_socket rep = NNG_SOCKET_INITIALIZER, req = NNG_SOCKET_INITIALIZER;
    nng_listener l;
    nng_dialer d;
    nng_sockaddr at;
    char url[64], got[8] = "";
    size_t size = sizeof got;
    nng_tls_config *theirs = configure(NNG_TLS_MODE_SERVER, &server, NULL);
    nng_tls_config *ours = configure(NNG_TLS_MODE_CLIENT, asks, expected);

    REQUIRE(nng_rep0_open(&rep) == 0 && nng_req0_open(&req) == 0, "sockets");
    REQUIRE(nng_listener_create(&l, rep, "tls+tcp://127.0.0.1:0") == 0, "a listener");
    REQUIRE(nng_listener_set_ptr(l, NNG_OPT_TLS_CONFIG, theirs) == 0 && nng_listener_start(l, 0) == 0, "it listens");
    REQUIRE(nng_listener_get_addr(l, NNG_OPT_LOCADDR, &at) == 0, "its port");
    (void)snprintf(url, sizeof url, "tls+tcp://127.0.0.1:%u",
                   (unsigned)(at.s_in.sa_port >> 8 | (at.s_in.sa_port & 0xff) << 8));
    (void)nng_socket_set_ms(req, NNG_OPT_RECVTIMEO, ms);
    (void)nng_socket_set_ms(req, NNG_OPT_SENDTIMEO, ms);
    (void)nng_socket_set_ms(rep, NNG_OPT_RECVTIMEO, ms);
    REQUIRE(nng_dialer_create(&d, req, url) == 0, "a dialer");
    REQUIRE(nng_dialer_set_ptr(d, NNG_OPT_TLS_CONFIG, ours) == 0 && nng_dialer_start(d, NNG_FLAG_NONBLOCK) == 0, "it dials");
    bool is_through = nng_send(req, (void *)"ping", 5, 0) == 0 && nng_recv(rep, got, &size, 0) == 0 &&
                      strcmp(got, "ping") == 0;
    (void)nng_close(req);
    (void)nng_close(rep);
    nng_tls_config_free(ours);
    nng_tls_config_free(theirs);
    return is_through;
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    if (strcmp(nng_tls_engine_name(), "none") == 0) {
        fputs("skipped: this libnng has no TLS\n", stderr);
        return CHECK_SKIPPED;
    }
    uint8_t cluster_id[NODE_CLUSTER_ID_LEN] = {1};
    REQUIRE(pki_key(ca_key) == ERR_OK && pki_authority(ca_key, cluster_id, (uint64_t)time(NULL), ca) == ERR_OK, "ours");
    REQUIRE(pki_key(foreign_key) == ERR_OK &&
                pki_authority(foreign_key, cluster_id, (uint64_t)time(NULL), foreign_ca) == ERR_OK, "another");
    make_party(&server, "db-1", ca_key, ca);
    make_party(&client, "db_2-a", ca_key, ca);
    make_party(&stranger, "db_2-a", foreign_key, foreign_ca);
    CHECK(talks(&client, "db-1", WAIT_MS), "two nodes of a cluster");
    CHECK(!talks(&client, "db-3", SHORT_MS), "another node than the one that was asked for");
    CHECK(!talks(&stranger, "db-1", SHORT_MS), "a certificate of another authority, though it says the same");
    struct party bare = {0};
    memcpy(bare.ca, ca, sizeof bare.ca);
    CHECK(!talks(&bare, "db-1", SHORT_MS), "no certificate");
    return CHECK_RESULT();
}
