/* Both MACs, cookies, and their times. */
#include "datapath/cookie.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/check.h"

enum { SIZE = DATAPATH_MESSAGE_INITIATION, START = 1000000 };

static const struct datapath_endpoint here = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, .port = 51820};
static const uint8_t public[32] = {9}, secrets[3][DATAPATH_HASH_SIZE] = {{1}, {2}, {3}};
static const uint8_t nonce[DATAPATH_MESSAGE_NONCE_SIZE] = {5};

static void make(struct datapath_cookie_gate *g, struct datapath_cookie_peer *p, uint8_t message[SIZE])
{
    datapath_cookie_open(g, public, secrets[0], START);
    *p = (struct datapath_cookie_peer){0};
    datapath_cookie_keys(public, &p->keys);
    memset(message, 0x11, SIZE);
    datapath_message_begin(message, DATAPATH_KIND_INITIATION);
    datapath_cookie_stamp(p, message, SIZE, START);
}

static void the_first_mac_covers_everything_before_it(void)
{
    struct datapath_cookie_gate g, other;
    struct datapath_cookie_peer p;
    uint8_t message[SIZE], mac[DATAPATH_HASH_MAC], key[DATAPATH_HASH_SIZE], labelled[8 + 32] = "mac1----";

    make(&g, &p, message);
    CHECK(datapath_cookie_knows(&g, message, SIZE), "it is right");
    memcpy(labelled + 8, public, 32);
    datapath_hash_of(labelled, sizeof labelled, NULL, 0, key);
    datapath_hash_mac(key, sizeof key, message, SIZE - DATAPATH_MESSAGE_MACS, mac);
    CHECK(memcmp(mac, message + SIZE - DATAPATH_MESSAGE_MACS, sizeof mac) == 0, "as the paper has it");
    for (size_t bit = 0; bit < 8 * (SIZE - DATAPATH_HASH_MAC); bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!datapath_cookie_knows(&g, message, SIZE), "bit %zu", bit);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    message[SIZE - 1] ^= 1;
    CHECK(datapath_cookie_knows(&g, message, SIZE), "the second MAC is none of its");
    datapath_cookie_open(&other, secrets[2], secrets[0], START);
    CHECK(!datapath_cookie_knows(&other, message, SIZE), "another node's");
}

static void a_cookie_proves_where_its_holder_is(void)
{
    struct datapath_cookie_gate g;
    struct datapath_cookie_peer p;
    struct datapath_endpoint elsewhere = here;
    uint8_t message[SIZE], reply[DATAPATH_MESSAGE_COOKIE];

    make(&g, &p, message);
    CHECK(sodium_is_zero(message + SIZE - DATAPATH_HASH_MAC, DATAPATH_HASH_MAC), "no cookie, no second MAC");
    CHECK(!datapath_cookie_receives(&g, &here, message, SIZE), "so nothing is proved");
    datapath_cookie_reply(&g, &here, message, SIZE, nonce, reply);
    CHECK(datapath_message_kind(reply, sizeof reply) == DATAPATH_KIND_COOKIE, "a cookie reply");
    CHECK(memcmp(reply + 4, message + 4, 4) == 0, "to the sender's id");
    for (size_t bit = 64; bit < 8 * sizeof reply; bit++) {
        reply[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(datapath_cookie_take(&p, reply, START) == ERR_FORGED, "bit %zu", bit);
        reply[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    struct datapath_cookie_peer later = p;
    message[40] ^= 1;
    datapath_cookie_stamp(&later, message, SIZE, START);
    CHECK(datapath_cookie_take(&later, reply, START) == ERR_FORGED, "it answers an earlier message");
    message[40] ^= 1;
    CHECK(datapath_cookie_take(&p, reply, START) == ERR_OK, "taken");
    CHECK(datapath_cookie_take(&p, reply, START) == ERR_PRECONDITION, "once");
    datapath_cookie_stamp(&p, message, SIZE, START);
    CHECK(datapath_cookie_knows(&g, message, SIZE) && datapath_cookie_receives(&g, &here, message, SIZE), "both MACs");
    elsewhere.port++;
    CHECK(!datapath_cookie_receives(&g, &elsewhere, message, SIZE), "from another port");
    elsewhere = here;
    elsewhere.ip[15]++;
    CHECK(!datapath_cookie_receives(&g, &elsewhere, message, SIZE), "from another address");
    for (size_t bit = 0; bit < 8 * SIZE; bit++) {
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!datapath_cookie_receives(&g, &here, message, SIZE), "bit %zu", bit);
        message[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

/* Each row: a cookie of START is shown `shown_ms` later, secrets having been renewed at the times given. */
static const struct {
    uint64_t renewed_ms[2], shown_ms;
    bool is_shown, holds;
    const char *why;
} times[] = {
    {{0}, 0, true, true, "at once"},
    {{0}, 114999, true, true, "while it will be good when it arrives"},
    {{0}, 115000, false, false, "no longer"},
    {{100000}, 110000, true, true, "under the secret before the present one"},
    {{50000, 100000}, 110000, true, false, "not under the one before that"},
};

static void cookies_have_their_time(void)
{
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct datapath_cookie_gate g;
        struct datapath_cookie_peer p;
        uint8_t message[SIZE], reply[DATAPATH_MESSAGE_COOKIE];
        make(&g, &p, message);
        datapath_cookie_reply(&g, &here, message, SIZE, nonce, reply);
        REQUIRE(datapath_cookie_take(&p, reply, START) == ERR_OK, "row %zu", i);
        for (int k = 0; k < 2 && times[i].renewed_ms[k] > 0 && times[i].renewed_ms[k] <= times[i].shown_ms; k++) {
            datapath_cookie_renew(&g, secrets[1 + k], START + times[i].renewed_ms[k]);
        }
        datapath_cookie_stamp(&p, message, SIZE, START + times[i].shown_ms);
        bool is_shown = !sodium_is_zero(message + SIZE - DATAPATH_HASH_MAC, DATAPATH_HASH_MAC);
        CHECK(is_shown == times[i].is_shown, "row %zu: %s", i, times[i].why);
        CHECK(datapath_cookie_receives(&g, &here, message, SIZE) == times[i].holds, "row %zu: %s", i, times[i].why);
    }
}

static void secrets_have_their_time(void)
{
    struct datapath_cookie_gate g;

    datapath_cookie_open(&g, public, secrets[0], START);
    CHECK(!datapath_cookie_is_due(&g, START + DATAPATH_COOKIE_MS - 1), "in use");
    CHECK(datapath_cookie_is_due(&g, START + DATAPATH_COOKIE_MS), "to be renewed");
    datapath_cookie_renew(&g, secrets[1], START + 2 * DATAPATH_COOKIE_MS - 1);
    CHECK(g.has_former, "its cookies may still be shown");
    datapath_cookie_renew(&g, secrets[2], START + 5 * DATAPATH_COOKIE_MS);
    CHECK(!g.has_former, "these may not");
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_first_mac_covers_everything_before_it();
    a_cookie_proves_where_its_holder_is();
    cookies_have_their_time();
    secrets_have_their_time();
    return CHECK_RESULT();
}
