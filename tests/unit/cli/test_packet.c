/* Captured packets in words, and the bytes of a file of them. */
#include "cli/packet.h"

#include <string.h>

#include "common/base/bytes.h"
#include "common/base/macros.h"
#include "tests/support/check.h"

#define V4_OF(protocol, fragment) "45000054 0000" fragment "40" protocol "0000 0a090001 0a090002"
#define V6_OF(next) "60000000 0010" next "40 fd090000000000000000000000000001 fd090000000000000000000000000002"

static const struct {
    const char *hex, *source, *destination, *protocol, *why;
} rows[] = {
    {V4_OF("01", "4000") "0800", "10.9.0.1", "10.9.0.2", "ICMP echo request", "a ping"},
    {V4_OF("01", "4000") "0000", "10.9.0.1", "10.9.0.2", "ICMP echo reply", "its answer"},
    {V4_OF("01", "4000"), "10.9.0.1", "10.9.0.2", "ICMP", "cut off behind its head"},
    {V4_OF("11", "4000") "1b580035", "10.9.0.1:7000", "10.9.0.2:53", "UDP", "ports"},
    {V4_OF("11", "4000") "1b5800", "10.9.0.1", "10.9.0.2", "UDP", "half of them are none"},
    {V4_OF("11", "2000") "1b580035", "10.9.0.1:7000", "10.9.0.2:53", "UDP", "the first fragment has them"},
    {V4_OF("11", "0001") "1b580035", "10.9.0.1", "10.9.0.2", "UDP fragment", "the next has not"},
    {V4_OF("06", "4000") "00160050 00000000 00000000 5012", "10.9.0.1:22", "10.9.0.2:80", "TCP SYN ACK", "flags"},
    {V4_OF("06", "4000") "00160050 00000000 00000000 50", "10.9.0.1:22", "10.9.0.2:80", "TCP", "… if they are there"},
    {V4_OF("2f", "4000") "0000", "10.9.0.1", "10.9.0.2", "protocol 47", "one without a name"},
    {V6_OF("3a") "8000", "fd09::1", "fd09::2", "ICMPv6 echo request", "the other family"},
    {V6_OF("11") "1b580035", "[fd09::1]:7000", "[fd09::2]:53", "UDP", "its ports"},
    {V6_OF("00") "11000000 00000000 1b580035", "[fd09::1]:7000", "[fd09::2]:53", "UDP", "behind an extension"},
    {V6_OF("00") "11010000 00000000 1b580035", "fd09::1", "fd09::2", "UDP", "one that is longer than the packet"},
    {V6_OF("2c") "11000001 00000000 1b580035", "[fd09::1]:7000", "[fd09::2]:53", "UDP", "the first fragment"},
    {V6_OF("2c") "11000008 00000000 1b580035", "fd09::1", "fd09::2", "UDP fragment", "the second"},
    {"", "", "", "?", "nothing"},
    {"45000054 00004000 40010000 0a090001 0a0900", "", "", "?", "half a head"},
    {"44000054 00004000 40010000 0a090001 0a090002", "", "", "?", "a head that is too short"},
    {"4f000054 00004000 40110000 0a090001 0a090002 1b58", "10.9.0.1", "10.9.0.2", "UDP", "one that is longer than what is there"},
    {"7500", "", "", "?", "no IP"},
};

static size_t bytes_of(const char *hex, uint8_t *out)
{
    size_t count = 0;

    for (; *hex != '\0'; hex++) {
        if (*hex != ' ') {
            char two[3] = {hex[0], hex[1], '\0'};
            REQUIRE(bytes_from_hex(two, out + count, 1), "hex in the table: %s", hex);
            count++;
            hex++;
        }
    }
    return count;
}

static void words(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t bytes[128];
        struct cli_packet p;
        size_t size = bytes_of(rows[i].hex, bytes);
        uint8_t *exact = malloc(size + (size == 0)); /* so that a sanitizer sees a byte too far */
        REQUIRE(exact != NULL, "memory");
        memcpy(exact, bytes, size);
        cli_packet_read(exact, size, &p);
        CHECK(strcmp(p.source, rows[i].source) == 0 && strcmp(p.destination, rows[i].destination) == 0 &&
                  strcmp(p.protocol, rows[i].protocol) == 0, "row %zu: %s: %s > %s %s", i, rows[i].why, p.source,
              p.destination, p.protocol);
        free(exact);
    }
}

static void frames(void)
{
    static const struct {
        const char *why;
        uint8_t bytes[64];
        size_t size;
        const char *protocol;
    } frame[] = {
        {"ARP", {[12] = 8, 6}, 42, "ARP"},
        {"a packet", {[12] = 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 2, 0, 8}, 42, "UDP"},
        {"in a VLAN", {[12] = 0x81, 0, 0, 7, 8, 6}, 46, "ARP"},
        {"in two", {[12] = 0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 6}, 50, "ARP"},
        {"another", {[12] = 0x88, 0xb5}, 60, "type 88b5"},
        {"a tag that is cut", {[12] = 0x81, 0, 0, 7}, 16, "type 8100"},
        {"as short as may be", {[12] = 0x88, 0xb5}, 14, "type 88b5"},
        {"shorter", {[12] = 0x88}, 13, "cut"},
    };
    struct cli_packet p;

    for (size_t i = 0; i < ARRAY_LEN(frame); i++) {
        uint8_t *exact = malloc(frame[i].size);
        REQUIRE(exact != NULL, "memory");
        memcpy(exact, frame[i].bytes, frame[i].size);
        if (frame[i].size > 13) {
            memcpy(exact, (uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 10}, 12);
        }
        cli_packet_read_frame(exact, frame[i].size, &p);
        CHECK(strcmp(p.protocol, frame[i].protocol) == 0, "%s: %s", frame[i].why, p.protocol);
        CHECK(frame[i].size == 13 || (strcmp(p.source, "02:00:00:00:00:0a") == 0 && strcmp(p.destination, "ff:ff:ff:ff:ff:ff") == 0), "%s", frame[i].why);
        free(exact);
    }
}

static void file(void)
{
    static const uint8_t head[CLI_PACKET_HEAD] = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                                                  0xff, 0xff, 0, 0, 101, 0, 0, 0};
    static const uint8_t record[CLI_PACKET_RECORD] = {0x80, 0x00, 0x92, 0x65, 0x3f, 0x42, 0x0f, 0, 0, 1, 0, 0, 0xdc, 5, 0, 0};
    uint8_t made[CLI_PACKET_HEAD], one[CLI_PACKET_RECORD];

    cli_packet_head(65535, false, made);
    CHECK(memcmp(made, head, sizeof head) == 0, "the head is as pcap-savefile(5) has it");
    cli_packet_head(65535, true, made);
    CHECK(memcmp(made, head, 20) == 0 && made[20] == 1, "of frames: LINKTYPE_ETHERNET");
    cli_packet_record(UINT64_C(0x65920080) * 1000000 + 999999, 256, 1500, one);
    CHECK(memcmp(one, record, sizeof record) == 0, "and a packet's");
}

int main(void)
{
    words();
    frames();
    file();
    return CHECK_RESULT();
}
