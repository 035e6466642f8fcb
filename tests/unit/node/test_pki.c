/* Certificates: who they are for, what is refused. That other tools read them is a system test. */
#include "common/node/pki.h"

#include <sodium.h>
#include <string.h>
#include <time.h>

#include "common/node/pki_date.h"
#include "tests/support/check.h"

enum {
    DAY = 86400,
    NOW = 1764316800,
};

static char ca_key[PKI_PEM_MAX], ca[PKI_PEM_MAX], node_key[PKI_PEM_MAX], other_key[PKI_PEM_MAX];
static uint8_t request[PKI_REQUEST_MAX];
static size_t request_size;
static struct pki_who who = {.name = "db-1"};

static void make(void)
{
    memset(who.id, 0x1d, sizeof who.id);
    memset(who.cluster_id, 0xc1, sizeof who.cluster_id);
    REQUIRE(pki_key(ca_key) == ERR_OK && pki_key(node_key) == ERR_OK && pki_key(other_key) == ERR_OK, "keys");
    REQUIRE(pki_authority(ca_key, who.cluster_id, NOW, ca) == ERR_OK, "an authority");
    REQUIRE(pki_request(node_key, "anything", request, &request_size) == ERR_OK, "a request");
}

static void a_certificate_says_who(void)
{
    struct pki_facts f;
    char crt[PKI_PEM_MAX], again[PKI_PEM_MAX], longest[PKI_PEM_MAX];
    struct pki_who w = who;

    REQUIRE(pki_issue(ca_key, ca, request, request_size, &who, NOW, crt) == ERR_OK, "issued");
    REQUIRE(pki_check(ca, crt, node_key, &f) == ERR_OK, "and checked");
    CHECK(strcmp(f.who.name, "db-1") == 0, "the name is the issuer's word, not the request's: %s", f.who.name);
    CHECK(memcmp(f.who.id, who.id, sizeof who.id) == 0 &&
              memcmp(f.who.cluster_id, who.cluster_id, sizeof who.cluster_id) == 0, "id and cluster");
    CHECK(f.not_before_s == NOW - PKI_SLACK_DAYS * (uint64_t)DAY, "holds for who is behind");
    CHECK(f.not_after_s == NOW + PKI_NODE_DAYS * (uint64_t)DAY, "and for so long");
    REQUIRE(pki_issue(ca_key, ca, request, request_size, &who, NOW + 3600 * (uint64_t)DAY, again) == ERR_OK, "late");
    CHECK(pki_check(ca, again, NULL, &f) == ERR_OK &&
              f.not_after_s == NOW + PKI_AUTHORITY_DAYS * (uint64_t)DAY, "but not longer than the authority");
    REQUIRE(pki_issue(ca_key, ca, request, request_size, &who, NOW, again) == ERR_OK, "a second one");
    CHECK(strcmp(crt, again) != 0, "has another number");
    memset(w.name, '_', NODE_NAME_MAX);
    REQUIRE(pki_issue(ca_key, ca, request, request_size, &w, NOW, longest) == ERR_OK, "the longest name");
    CHECK(pki_check(ca, longest, NULL, &f) == ERR_OK && strlen(f.who.name) == NODE_NAME_MAX, "is read");
}

static void what_is_not_ours_is_refused(void)
{
    struct pki_facts f;
    char crt[PKI_PEM_MAX], other_ca_key[PKI_PEM_MAX], other_ca[PKI_PEM_MAX], foreign[PKI_PEM_MAX], broken[PKI_PEM_MAX];

    REQUIRE(pki_issue(ca_key, ca, request, request_size, &who, NOW, crt) == ERR_OK, "issued");
    REQUIRE(pki_key(other_ca_key) == ERR_OK && pki_authority(other_ca_key, who.cluster_id, NOW, other_ca) == ERR_OK,
            "an authority that calls itself the same");
    REQUIRE(pki_issue(other_ca_key, other_ca, request, request_size, &who, NOW, foreign) == ERR_OK, "its certificate");
    CHECK(pki_check(ca, foreign, NULL, &f) == ERR_FORGED, "is not ours, though all names agree");
    CHECK(pki_check(ca, crt, other_key, &f) == ERR_FORGED, "another's key");
    CHECK(pki_check(ca, ca, NULL, &f) == ERR_MALFORMED, "the authority is no node");
    CHECK(pki_check(ca, node_key, NULL, &f) == ERR_MALFORMED, "a key is no certificate");
    CHECK(pki_check(ca, "", NULL, &f) == ERR_MALFORMED, "nothing");
    CHECK(pki_issue(other_ca_key, ca, request, request_size, &who, NOW, foreign) == ERR_INVALID,
          "a key that is not the authority's");
    CHECK(pki_issue(node_key, crt, request, request_size, &who, NOW, foreign) == ERR_INVALID,
          "a node is no authority");
    CHECK(pki_issue("x", ca, request, request_size, &who, NOW, foreign) == ERR_INVALID, "no key");
    /* Flip one character of each line but the first and last: somewhere in there are names and signature. */
    memcpy(broken, crt, sizeof broken);
    for (char *at = strchr(broken, '\n') + 1; strncmp(at, "-----", 5) != 0; at = strchr(at, '\n') + 1) {
        char was = *at;
        *at = was == 'A' ? 'B' : 'A';
        CHECK(pki_check(ca, broken, NULL, &f) != ERR_OK, "a character of %.20s", at);
        *at = was;
    }
}

static void a_request_needs_its_key(void)
{
    uint8_t bad[PKI_REQUEST_MAX], other[PKI_REQUEST_MAX];
    size_t other_size = 0;
    char out[PKI_PEM_MAX];

    for (size_t size = 0; size < request_size; size++) {
        CHECK(pki_issue(ca_key, ca, request, size, &who, NOW, out) == ERR_MALFORMED, "cut at %zu", size);
    }
    for (size_t bit = 0; bit < 8 * request_size; bit += 7) {
        memcpy(bad, request, request_size);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(pki_issue(ca_key, ca, bad, request_size, &who, NOW, out) != ERR_OK, "bit %zu", bit);
    }
    REQUIRE(pki_request(other_key, "anything", other, &other_size) == ERR_OK, "another's request");
    if (other_size == request_size) {
        /* Their key under our signature: the signature is the last that stands in a request. */
        memcpy(other + other_size - 64, request + request_size - 64, 64);
        enum err e = pki_issue(ca_key, ca, other, other_size, &who, NOW, out);
        CHECK(e == ERR_FORGED || e == ERR_MALFORMED, "a key that is not whoever's who signed: %s", err_name(e));
    }
    CHECK(pki_request("no key", "a", other, &other_size) == ERR_MALFORMED, "no key");
}

static char list[PKI_LIST_MAX], other_list[PKI_LIST_MAX];

static void a_certificate_is_renewed_for_its_own_key(void)
{
    struct pki_facts before, after;
    struct pki_who other = who;
    char old[PKI_PEM_MAX], fresh[PKI_PEM_MAX], foreign_key[PKI_PEM_MAX], foreign_ca[PKI_PEM_MAX], foreign[PKI_PEM_MAX];
    uint64_t later = NOW + 2000 * (uint64_t)DAY;

    REQUIRE(pki_issue(ca_key, ca, request, request_size, &who, NOW, old) == ERR_OK, "issued");
    REQUIRE(pki_renew(ca_key, ca, old, &who, later, fresh) == ERR_OK, "renewed long after its end, without a request");
    REQUIRE(pki_check(ca, old, node_key, &before) == ERR_OK && pki_check(ca, fresh, node_key, &after) == ERR_OK,
            "for the same key");
    CHECK(after.not_after_s == later + PKI_NODE_DAYS * (uint64_t)DAY, "until then");
    CHECK(memcmp(before.serial, after.serial, PKI_SERIAL) != 0 && before.serial[0] >= 0x40, "with another number");
    CHECK(pki_same_key(old, fresh) && !pki_same_key(old, ca) && !pki_same_key(old, ""), "which can be seen without it");
    memset(other.id, 0x2d, sizeof other.id);
    CHECK(pki_renew(ca_key, ca, old, &other, NOW, fresh) == ERR_FORGED, "not for who has another's certificate");
    REQUIRE(pki_key(foreign_key) == ERR_OK && pki_authority(foreign_key, who.cluster_id, NOW, foreign_ca) == ERR_OK &&
                pki_issue(foreign_key, foreign_ca, request, request_size, &who, NOW, foreign) == ERR_OK,
            "another authority of the same name");
    CHECK(pki_renew(ca_key, ca, foreign, &who, NOW, fresh) == ERR_FORGED, "not over its word");
    CHECK(pki_renew(ca_key, ca, "", &who, NOW, fresh) == ERR_MALFORMED, "no certificate");
    CHECK(pki_renew(node_key, ca, old, &who, NOW, fresh) == ERR_INVALID, "no authority's key");
}

static void a_list_has_a_number_and_a_signature(void)
{
    static struct pki_revoked many[2000];
    char foreign_key[PKI_PEM_MAX], foreign_ca[PKI_PEM_MAX];
    uint32_t number = 0;
    size_t len = 0, most = 0;

    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        memset(many[i].serial, (int)(0x40 + i % 60), PKI_SERIAL);
        many[i].since_s = NOW;
    }
    REQUIRE(pki_list(ca_key, ca, 7, many, 3, NOW, list, &len) == ERR_OK && strlen(list) == len, "a list");
    CHECK(pki_list_check(ca, list, &number) == ERR_OK && number == 7, "is read: %u", number);
    REQUIRE(pki_list(ca_key, ca, 1, NULL, 0, NOW, other_list, &len) == ERR_OK, "of nobody");
    CHECK(pki_list_check(ca, other_list, &number) == ERR_OK && number == 1, "is one too");
    REQUIRE(pki_list(ca_key, ca, 0x7fffffff, many, 1024, NOW, other_list, &len) == ERR_OK, "of as many as an issuer keeps");
    CHECK(pki_list_check(ca, other_list, &number) == ERR_OK && number == 0x7fffffff, "%zu bytes", len);
    for (most = 1024; most < ARRAY_LEN(many) && pki_list(ca_key, ca, 1, many, most, NOW, other_list, &len) == ERR_OK;
         most += 16) {
        CHECK(len < PKI_LIST_MAX, "%zu", len);
    }
    CHECK(most < ARRAY_LEN(many), "past what fits it is refused");
    REQUIRE(pki_key(foreign_key) == ERR_OK && pki_authority(foreign_key, who.cluster_id, NOW, foreign_ca) == ERR_OK, "other");
    REQUIRE(pki_list(foreign_key, foreign_ca, 7, many, 3, NOW, other_list, &len) == ERR_OK, "another authority's");
    CHECK(pki_list_check(ca, other_list, &number) == ERR_FORGED, "is not ours");
    CHECK(pki_list(foreign_key, ca, 7, many, 3, NOW, other_list, &len) == ERR_INVALID, "nor with its key");
    CHECK(pki_list_check(ca, ca, &number) == ERR_MALFORMED && pki_list_check(ca, "", &number) == ERR_MALFORMED, "none");
    for (char *at = strchr(list, '\n') + 1; strncmp(at, "-----", 5) != 0; at = strchr(at, '\n') + 1) {
        char was = *at;
        *at = was == 'A' ? 'B' : 'A';
        CHECK(pki_list_check(ca, list, &number) != ERR_OK, "a character of %.20s", at);
        *at = was;
    }
}

static void dates_are_the_calendars(void)
{
    static const uint64_t at[] = {0, 59, 951782399, 951782400, 1764316800, 4102444799, 253402300799};

    for (size_t i = 0; i < ARRAY_LEN(at) + 20000; i++) {
        uint64_t s = i < ARRAY_LEN(at) ? at[i] : (i - ARRAY_LEN(at)) * 12345678 % 253402300799;
        char ours[PKI_DATE_SIZE], theirs[32];
        time_t when = (time_t)s;
        struct tm tm;
        REQUIRE(gmtime_r(&when, &tm) != NULL, "gmtime");
        (void)strftime(theirs, sizeof theirs, "%Y%m%d%H%M%S", &tm);
        pki_date_format(s, ours);
        CHECK(strcmp(ours, theirs) == 0, "%llu: %s, not %s", (unsigned long long)s, ours, theirs);
        CHECK(pki_date_seconds(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec) == s,
              "%llu and back", (unsigned long long)s);
    }
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    make();
    a_certificate_says_who();
    what_is_not_ours_is_refused();
    a_request_needs_its_key();
    a_certificate_is_renewed_for_its_own_key();
    a_list_has_a_number_and_a_signature();
    dates_are_the_calendars();
    return CHECK_RESULT();
}
