/* Addresses in numbers: one text for one meaning, and nothing is looked up. */
#include <string.h>

#include "common/node/address.h"
#include "tests/support/check.h"

static void what_is_read_is_written_again(void)
{
    static const char *const rows[] = {"10.0.0.1:7401", "0.0.0.0:1", "255.255.255.255:65535", "[fd00::1]:7401", "[::]:80",
                                       "[::1]:65535", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sealed_address at;
        char text[ADDRESS_SIZE];
        REQUIRE(address_parse(rows[i], &at) == ERR_OK, "row %zu: %s", i, rows[i]);
        address_format(&at, text);
        CHECK(strcmp(text, rows[i]) == 0, "row %zu: %s came back as %s", i, rows[i], text);
    }
}

static void ipv4_is_mapped(void)
{
    static const uint8_t want[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [14] = 2, [15] = 3};
    struct sealed_address at;

    REQUIRE(address_parse("10.1.2.3:7401", &at) == ERR_OK, "it parses");
    CHECK(memcmp(at.ip, want, sizeof want) == 0 && at.port == 7401, "RFC 4291, section 2.5.5.2");
}

static void what_is_no_address_is_refused(void)
{
    static const char *const rows[] = {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:07401",
                                       "db-1.example:7401", "localhost:7401", "fd00::1:7401", "[10.0.0.1]:7401", "[fd00::1]",
                                       "[fd00::1:7401", "10.0.0.256:7401", "10.0.0.1:7401 ", "10.0.0:7401", "[::g]:1"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sealed_address at, before;
        memset(&at, 0x55, sizeof at);
        before = at;
        CHECK(address_parse(rows[i], &at) == ERR_MALFORMED, "row %zu: %s", i, rows[i]);
        CHECK(memcmp(&at, &before, sizeof at) == 0, "row %zu: the output is untouched", i);
    }
}

int main(void)
{
    what_is_read_is_written_again();
    ipv4_is_mapped();
    what_is_no_address_is_refused();
    return CHECK_RESULT();
}
