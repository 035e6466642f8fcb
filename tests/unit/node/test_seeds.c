/* Claims about seeds as people write them: what is read, how it is written again, and what is refused. */
#include <string.h>

#include "common/node/address.h"
#include "common/node/seeds.h"
#include "tests/support/check.h"

enum { PORT = 7402 };

static const char label63[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void what_is_read(void)
{
    static const struct {
        const char *text, *written; /* written: an address as it is formatted, or NULL */
        const char *host;
        uint16_t port;
        const char *why;
    } rows[] = {
        {"10.0.0.1", "10.0.0.1:7402", "", 7402, "the usual port"},
        {"10.0.0.1:1", "10.0.0.1:1", "", 1, "the lowest"},
        {"10.0.0.1:65535", "10.0.0.1:65535", "", 65535, "the highest"},
        {"fd00::1", "[fd00::1]:7402", "", 7402, "colons are no port"},
        {"[fd00::1]", "[fd00::1]:7402", "", 7402, "brackets without a port"},
        {"[fd00::1]:99", "[fd00::1]:99", "", 99, "and with one"},
        {"::ffff:10.0.0.1", "10.0.0.1:7402", "", 7402, "IPv4 in IPv6 is IPv4"},
        {"db.example.org", NULL, "db.example.org", 7402, "a name"},
        {"DB.Example.ORG.:99", NULL, "db.example.org", 99, "as DNS compares it, the last dot gone"},
        {"localhost", NULL, "localhost", 7402, "of one label"},
        {"1.example", NULL, "1.example", 7402, "a label may be a number, the last one not"},
        {label63, NULL, label63, 7402, "the longest label"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seed s = {0};
        char text[ADDRESS_SIZE];
        CHECK(seeds_parse(rows[i].text, PORT, &s) == ERR_OK, "%s: %s", rows[i].text, rows[i].why);
        CHECK(s.is_name == (rows[i].written == NULL) && strcmp(s.host, rows[i].host) == 0 &&
                  s.address.port == rows[i].port, "%s: \"%s\" %u", rows[i].text, s.host, s.address.port);
        address_format(&s.address, text);
        CHECK(s.is_name || strcmp(text, rows[i].written) == 0, "%s: %s", rows[i].text, text);
    }
}

static void what_is_refused(void)
{
    static const char *const rows[] = {
        "", ":", ":7402", "[]", "[]:1", "[fd00::1", "[fd00::1]7402", "[fd00::1]x", "fd00::1]:1", "[10.0.0.1]:1", "[name]:1",
        "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:100000", "10.0.0.1:+1", "10.0.0.1: 1", "10.0.0.1:1x",
        "10.0.0.300", "10.0.0", "1", "0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "-name", "a.-b", "a..b", ".a", "a..",
        "a b", "a/b", "a\nb", "a_b:x", "fd00:::1", "\xc3\xa4.example", "--option", ".",
    };
    char longer[300];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct seed s = {.host = "untouched"};
        CHECK(seeds_parse(rows[i], PORT, &s) == ERR_MALFORMED, "\"%s\"", rows[i]);
        CHECK(strcmp(s.host, "untouched") == 0, "\"%s\" leaves the result alone", rows[i]);
    }
    (void)snprintf(longer, sizeof longer, "%sa", label63);
    CHECK(!seeds_is_host(longer), "a label of 64");
    (void)snprintf(longer, sizeof longer, "%s.%s.%s.%.61s", label63, label63, label63, label63);
    CHECK(strlen(longer) == SEEDS_HOST_MAX && seeds_is_host(longer), "the longest name");
    (void)snprintf(longer, sizeof longer, "%s.%s.%s.%.62s", label63, label63, label63, label63);
    struct seed s;
    CHECK(!seeds_is_host(longer) && seeds_parse(longer, PORT, &s) == ERR_MALFORMED, "a character more");
}

static void where_to_listen(void)
{
    static const struct {
        const char *text;
        enum err e;
        bool is_nowhere, is_loopback;
    } rows[] = {
        {"0.0.0.0:7402", ERR_OK, true, false}, {"[::]:7402", ERR_OK, true, false}, {"127.0.0.2", ERR_OK, false, true},
        {"::1", ERR_OK, false, true}, {"::2", ERR_OK, false, false}, {"10.127.0.1", ERR_OK, false, false},
        {"name:1", ERR_MALFORMED, false, false}, {"224.0.0.1", ERR_MALFORMED, false, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sealed_address a = {.port = 1};
        CHECK(seeds_parse_address(rows[i].text, PORT, &a) == rows[i].e, "%s", rows[i].text);
        CHECK(rows[i].e != ERR_OK || (seeds_is_nowhere(&a) == rows[i].is_nowhere &&
                                      seeds_is_loopback(&a) == rows[i].is_loopback), "%s", rows[i].text);
    }
}

int main(void)
{
    what_is_read();
    what_is_refused();
    where_to_listen();
    return CHECK_RESULT();
}
