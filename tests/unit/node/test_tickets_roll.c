/* Keys and certificates as an issuer gives them out, and that its text remembers them. */
#include <sodium.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/node/tickets.h"
#include "tests/support/check.h"

enum {
    NOW = 1764316800,
    DAY = 86400,
    YEAR = 365 * DAY,
};

static struct tickets t; /* too large for a stack */
static uint8_t node[NODE_ID_LEN] = {1}, other[NODE_ID_LEN] = {2};

static void begin(void)
{
    struct cluster c = {.id = {1}, .issuer = {1}, .keys = 1, .epoch = {1}, .key = {{0xa1}}};
    struct token k = {.expires_s = NOW + DAY, .contacts = 1, .contact = {"a:1"}, .id = {7}, .secret = {5}};

    memset(&t, 0, sizeof t);
    CHECK(tickets_take_keys(&t, &c, NOW) && !tickets_take_keys(&t, &c, NOW), "the cluster file's, once");
    REQUIRE(tickets_add(&t, &k, 9, NOW) == ERR_OK, "a token");
    REQUIRE(tickets_admit(&t, k.id, "a", node, NULL, NOW) == TOKEN_GRANTED &&
                tickets_admit(&t, k.id, "b", other, NULL, NOW) == TOKEN_GRANTED, "members");
}

static const uint8_t *serial(uint32_t number)
{
    static uint8_t s[TICKETS_SERIAL];

    memset(s, 0x41, sizeof s);
    memcpy(s + 8, &number, sizeof number);
    return s;
}

/* Whether it is read: what is read is written again and compared there. */
static void check_text(const char *why)
{
    static struct tickets again;
    char *text = NULL;
    size_t len = 0;

    REQUIRE(tickets_format(&t, &text, &len) == ERR_OK, "%s", why);
    CHECK(tickets_parse(text, len, &again) == ERR_OK, "%s: is read, and so the same", why);
    free(text);
}

/* Each row: so many seconds after a rotation, what is told. */
static const struct {
    int64_t after_s;
    uint32_t keys, grace_s;
    const char *why;
} graces[] = {
    {0, 2, 300, "at once"},
    {299, 2, 1, "a second before its end"},
    {300, 1, 0, "it is over"},
    {100000, 1, 0, "and stays so"},
    {-5, 2, 300, "a clock that goes back gives it its whole time, no more"},
};

static void the_key_before_has_its_time(void)
{
    struct cluster c = {.id = {1}, .issuer = {1}};
    uint8_t key[NODE_KEY_LEN] = {0xa2};

    begin();
    tickets_tell_keys(&t, NOW, &c);
    CHECK(c.keys == 1 && c.epoch[0] == 1 && c.grace_s == 0, "one key");
    REQUIRE(tickets_rotate(&t, key, 300, NOW) == ERR_OK, "rotated");
    check_text("two keys");
    for (size_t i = 0; i < ARRAY_LEN(graces); i++) {
        tickets_tell_keys(&t, (uint64_t)(NOW + graces[i].after_s), &c);
        CHECK(c.keys == graces[i].keys && c.grace_s == graces[i].grace_s && c.epoch[0] == 2 && cluster_check(&c) == ERR_OK,
              "row %zu: %s: %u keys, %u s", i, graces[i].why, c.keys, c.grace_s);
    }
    key[0] = 0xa3;
    REQUIRE(tickets_rotate(&t, key, 10, NOW + 5) == ERR_OK, "again, soon");
    tickets_tell_keys(&t, NOW + 5, &c);
    CHECK(c.epoch[0] == 3 && c.epoch[1] == 2 && c.key[1][0] == 0xa2 && c.grace_s == 10, "the first is gone");
    t.epoch[0] = UINT32_MAX;
    CHECK(tickets_rotate(&t, key, 10, NOW) == ERR_RANGE && t.epoch[0] == UINT32_MAX, "no epoch is left");
    begin();
    c = (struct cluster){.id = {1}, .issuer = {1}, .keys = 2, .epoch = {5, 4}, .key = {{5}, {4}}};
    CHECK(tickets_take_keys(&t, &c, NOW) && t.epoch[0] == 5, "who rotated while nobody ran has it taken over");
    tickets_tell_keys(&t, NOW + YEAR, &c);
    CHECK(c.keys == 2 && c.grace_s == 0, "without an end, as the file says");
}

static void the_third_certificate_revokes_the_first(void)
{
    begin();
    CHECK(tickets_certify(&t, (const uint8_t[NODE_ID_LEN]){9}, serial(1), NOW + YEAR, NOW) == ERR_NOT_FOUND, "of no member");
    REQUIRE(tickets_certify(&t, node, serial(1), NOW + YEAR, NOW) == ERR_OK, "one");
    REQUIRE(tickets_certify(&t, node, serial(2), NOW + YEAR, NOW) == ERR_OK && t.crl == 0, "two are good");
    REQUIRE(tickets_certify(&t, node, serial(3), NOW + YEAR, NOW) == ERR_OK, "three");
    CHECK(t.crl == 1 && t.stales == 1 && tickets_is_stale(&t, serial(1)) && !tickets_is_stale(&t, serial(2)), "the first is not");
    check_text("certificates");
    CHECK(tickets_remove_member(&t, "a", NOW) == ERR_OK && t.crl == 2 && t.stales == 3, "a removal revokes what is left");
    CHECK(tickets_is_stale(&t, serial(2)) && tickets_is_stale(&t, serial(3)) && tickets_member(&t, node) == NULL, "all of it");
    CHECK(tickets_remove_member(&t, "b", NOW) == ERR_OK && t.crl == 3 && t.stales == 3, "one without any is a change as well");
    check_text("revoked");
    tickets_forget_stale(&t, NOW + YEAR + TICKETS_STALE_SLACK_S - 1);
    CHECK(t.stales == 3, "a clock behind could take them for good");
    tickets_forget_stale(&t, NOW + YEAR + TICKETS_STALE_SLACK_S);
    CHECK(t.stales == 0 && t.crl == 3, "none could any more");
}

static void a_new_identity_ends_what_the_former_had(void)
{
    const uint8_t token[TOKEN_ID] = {7};
    uint8_t fresh[NODE_ID_LEN] = {3};

    begin();
    REQUIRE(tickets_certify(&t, node, serial(1), NOW + YEAR, NOW) == ERR_OK, "a certificate");
    REQUIRE(tickets_admit(&t, token, "a", node, NULL, NOW) == TOKEN_GRANTED && t.crl == 0, "joining again keeps it");
    CHECK(tickets_member(&t, node)->certificate[0].until_s == NOW + YEAR, "as it was");
    REQUIRE(tickets_admit(&t, token, "a", fresh, node, NOW) == TOKEN_GRANTED, "under a new identity");
    CHECK(tickets_is_stale(&t, serial(1)) && t.crl == 1 && tickets_member(&t, node) == NULL, "does not");
}

static void room_is_kept_for_removals(void)
{
    begin();
    t.stales = TICKETS_STALE_MAX - TICKETS_STALE_SPARE;
    for (uint32_t i = 0; i < t.stales; i++) {
        t.stale[i].until_s = NOW + YEAR;
    }
    REQUIRE(tickets_certify(&t, node, serial(1), NOW + YEAR, NOW) == ERR_OK &&
                tickets_certify(&t, node, serial(2), NOW + YEAR, NOW) == ERR_OK, "that revokes nobody's");
    CHECK(tickets_certify(&t, node, serial(3), NOW + YEAR, NOW) == ERR_LIMIT && t.crl == 0, "who renews without end is stopped");
    CHECK(tickets_remove_member(&t, "a", NOW) == ERR_OK, "and can be removed");
    t.stales = TICKETS_STALE_MAX - 1;
    t.stale[TICKETS_STALE_MAX - 2].until_s = NOW + YEAR;
    for (uint32_t i = 0; i < t.stales; i++) {
        t.stale[i].until_s = NOW + YEAR;
    }
    CHECK(tickets_remove_member(&t, "b", NOW) == ERR_LIMIT && tickets_member(&t, other) != NULL, "past the limit nothing happens");
    t.stales--;
    memset(&t.stale[t.stales], 0, sizeof t.stale[0]);
    check_text("a full list");
    CHECK(tickets_remove_member(&t, "b", NOW) == ERR_OK, "at it, it does");
    t.crl = TICKETS_CRL_MAX;
    CHECK(tickets_certify(&t, node, serial(4), NOW + YEAR, NOW) == ERR_NOT_FOUND, "gone");
}

/* Lines that no issuer writes. */
static void what_does_not_fit_is_refused(void)
{
    static const char *const rows[] = {
        "key 0 a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n",
        "key 1 0000000000000000000000000000000000000000000000000000000000000000\nchanged 1 1\n",
        "key 1 a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n", /* without its time */
        "changed 1 1\n",
        "crl 0\n",
        "certificate 41414141414141414141414141414141 5\n",
        "stale 41414141414141414141414141414141 5\n",
        ("member a 0101010101010101010101010101010101010101010101010101010101010101 0000000000000000 1\n"
         "certificate 41414141414141414141414141414141 0\n"),
    };
    char text[1024];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes_text made;
        bytes_text_init(&made, text, sizeof text);
        bytes_text_add(&made, "cell-issuer 1\n%s", rows[i]);
        uint8_t hash[32];
        char hex[65];
        (void)crypto_generichash(hash, sizeof hash, (const uint8_t *)text, made.len, NULL, 0);
        bytes_to_hex(hash, sizeof hash, hex);
        bytes_text_add(&made, "hash %s\n", hex);
        CHECK(tickets_parse(text, made.len, &t) == ERR_MALFORMED, "row %zu: %s", i, rows[i]);
    }
}

int main(void)
{
    REQUIRE(sodium_init() >= 0, "libsodium");
    the_key_before_has_its_time();
    the_third_certificate_revokes_the_first();
    a_new_identity_ends_what_the_former_had();
    room_is_kept_for_removals();
    what_does_not_fit_is_refused();
    return CHECK_RESULT();
}
