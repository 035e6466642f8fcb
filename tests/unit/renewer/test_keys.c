/* What is handed over is read, and what an issuer sends is judged: also what it signed and should not have. */
#include "renewer/keys.h"

#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "tests/support/check.h"

enum {
    NOW = 1764316800,
    DAY = 86400,
};

static const uint8_t issuer_seed[NODE_SEED_LEN] = {1}, node_seed[NODE_SEED_LEN] = {2};
static char ca_key[PKI_PEM_MAX], ca[PKI_PEM_MAX], foreign_key[PKI_PEM_MAX], foreign_ca[PKI_PEM_MAX];
static char crt[PKI_PEM_MAX], other_crt[PKI_PEM_MAX], foreign_crt[PKI_PEM_MAX];
static char fresh[PKI_PEM_MAX], stranger[PKI_PEM_MAX];
static char list[PKI_LIST_MAX], foreign_list[PKI_LIST_MAX];
static struct renewer_keys k;
static struct cluster cluster = {.id = {0xc1}, .keys = 1, .epoch = {4}, .key = {{0xa4}}, .crl = 2};

static void certify(const char *key, const char *authority, const struct pki_who *who, char ret[PKI_PEM_MAX])
{
    char own[PKI_PEM_MAX];
    uint8_t request[PKI_REQUEST_MAX];
    size_t size;

    REQUIRE(pki_key(own) == ERR_OK && pki_request(own, "x", request, &size) == ERR_OK, "a request");
    REQUIRE(pki_issue(key, authority, request, size, who, NOW, ret) == ERR_OK, "a certificate");
}

static size_t put(uint8_t *out, const void *bytes, size_t size)
{
    bytes_put_be32(out, (uint32_t)size);
    memcpy(out + 4, bytes, size);
    return 4 + size;
}

static int make(size_t cut)
{
    uint8_t bytes[RENEWER_KEYS_MAX], packed[NODE_KEYS_PACKED];
    char text[CLUSTER_TEXT_MAX];
    struct node_keys own;
    int fd = memfd_create("keys", MFD_CLOEXEC);

    cluster_keys(&cluster, "db-2", node_seed, &own);
    keys_pack(&own, packed);
    size_t size = put(bytes, packed, sizeof packed);
    size += put(bytes + size, text, cluster_format(&cluster, text));
    size += put(bytes + size, ca, strlen(ca));
    size += put(bytes + size, crt, strlen(crt));
    REQUIRE(fd >= 0 && fd_write_all(fd, bytes, size - cut) == ERR_OK, "a file");
    return fd;
}

static void prepare(void)
{
    struct node_keys issuer, own;
    struct pki_who who = {.name = "db-2"}, other;
    size_t len;

    keys_derive(issuer_seed, &issuer);
    keys_derive(node_seed, &own);
    memcpy(cluster.issuer, issuer.id, NODE_ID_LEN);
    memcpy(who.id, own.id, NODE_ID_LEN);
    memcpy(who.cluster_id, cluster.id, sizeof who.cluster_id);
    other = who;
    memcpy(other.id, issuer.id, NODE_ID_LEN);
    REQUIRE(pki_key(ca_key) == ERR_OK && pki_authority(ca_key, cluster.id, NOW, ca) == ERR_OK &&
                pki_key(foreign_key) == ERR_OK && pki_authority(foreign_key, cluster.id, NOW, foreign_ca) == ERR_OK, "authorities");
    certify(ca_key, ca, &who, crt);
    certify(ca_key, ca, &who, stranger);
    certify(ca_key, ca, &other, other_crt);
    certify(foreign_key, foreign_ca, &who, foreign_crt);
    REQUIRE(pki_renew(ca_key, ca, crt, &who, NOW + 300 * DAY, fresh) == ERR_OK, "a fresh one");
    REQUIRE(pki_list(ca_key, ca, 3, NULL, 0, NOW, list, &len) == ERR_OK &&
                pki_list(foreign_key, foreign_ca, 3, NULL, 0, NOW, foreign_list, &len) == ERR_OK, "lists");
}

static void what_is_handed_over_is_read(void)
{
    struct renewer_keys got = {.own.cluster_keys = 9};

    AUTO_FD int fd = make(0);
    REQUIRE(renewer_keys_load(fd, &k) == ERR_OK, "whole");
    CHECK(strcmp(k.own.name, "db-2") == 0 && k.cluster.crl == 2 && strcmp(k.certificate, crt) == 0, "everything is there");
    for (size_t cut = 1; cut < 2000; cut += 97) {
        AUTO_FD int part = make(cut);
        CHECK(renewer_keys_load(part, &got) != ERR_OK && got.own.cluster_keys == 9, "cut by %zu", cut);
    }
    AUTO_FD int none = memfd_create("none", MFD_CLOEXEC);
    CHECK(renewer_keys_load(none, &got) == ERR_MALFORMED, "nothing");
}

static void when_a_certificate_is_due(void)
{
    static const struct {
        int64_t days;
        bool is_due;
        const char *why;
    } rows[] = {
        {0, false, "new"},
        {PKI_NODE_DAYS - PKI_RENEW_DAYS - 1, false, "a day before the time"},
        {PKI_NODE_DAYS - PKI_RENEW_DAYS, true, "in time"},
        {PKI_NODE_DAYS + 1000, true, "long after its end"},
        {-PKI_SLACK_DAYS + 1, false, "a clock that is behind"},
        {-PKI_SLACK_DAYS - 1, true, "a clock that is so far behind that it does not hold yet"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(renewer_keys_is_due(&k, (uint64_t)(NOW + rows[i].days * DAY)) == rows[i].is_due, "row %zu: %s", i, rows[i].why);
    }
}

/* Each row: an update that the issuer's own key has signed. */
static const struct {
    uint32_t epoch, crl;
    const char *list, *certificate;
    enum err e;
    const char *why;
} rows[] = {
    {4, 2, "", "", ERR_OK, "nothing new"},
    {5, 3, list, fresh, ERR_OK, "everything new"},
    {5, 4, list, "", ERR_FORGED, "a list of another number"},
    {5, 3, foreign_list, "", ERR_FORGED, "a list of another authority"},
    {5, 3, crt, "", ERR_MALFORMED, "no list"},
    {5, 3, "", "", ERR_MALFORMED, "a list that is left out"},
    {4, 2, "", other_crt, ERR_FORGED, "another node's certificate"},
    {4, 2, "", foreign_crt, ERR_FORGED, "a certificate of another authority"},
    {4, 2, "", stranger, ERR_FORGED, "a certificate of this node for a key that it does not have"},
    {4, 2, "", ca, ERR_MALFORMED, "the authority's certificate"},
    {4, 2, "", "text", ERR_MALFORMED, "no certificate"},
    {3, 2, "", "", ERR_ABORTED, "an older epoch"},
};

static void what_the_issuer_sends_is_judged(void)
{
    static uint8_t bytes[UPDATE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct update u = {.keys = 1, .epoch = {rows[i].epoch}, .key = {{(uint8_t)(0xa0 + rows[i].epoch)}}, .crl = rows[i].crl,
                           .list = rows[i].list, .list_size = strlen(rows[i].list), .certificate = rows[i].certificate,
                           .certificate_size = strlen(rows[i].certificate)};
        memcpy(u.cluster_id, cluster.id, sizeof u.cluster_id);
        memcpy(u.node, k.own.id, sizeof u.node);
        size_t size = update_write(&u, issuer_seed, bytes);
        enum err e = renewer_keys_judge(&k, bytes, size);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        size = update_write(&u, node_seed, bytes);
        CHECK(renewer_keys_judge(&k, bytes, size) == ERR_FORGED, "row %zu: signed by another", i);
    }
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    prepare();
    what_is_handed_over_is_read();
    when_a_certificate_is_due();
    what_the_issuer_sends_is_judged();
    renewer_keys_forget(&k);
    return CHECK_RESULT();
}
