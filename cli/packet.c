#include "cli/packet.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/macros.h"

enum {
    PCAP_MAGIC = 0xa1b2c3d4, /* times are in microseconds */
    PCAP_RAW = 101,          /* packets begin with the head of IPv4 or IPv6 */
    PCAP_ETHERNET = 1,

    ETHERNET_HEAD = 14,
    ETHERNET_TAG = 4,
    ETHERNET_TAGS = 2,

    ICMP = 1,
    TCP = 6,
    UDP = 17,
    FRAGMENT = 44,
    ICMP6 = 58,

    V4_HEAD = 20,
    V6_HEAD = 40,
    TCP_FLAGS_AT = 13,
};

/* ---- files -------------------------------------------------------------------------------------------- */

static void put_le32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void cli_packet_head(uint32_t snap, bool is_of_frames, uint8_t out[CLI_PACKET_HEAD])
{
    memset(out, 0, CLI_PACKET_HEAD); /* time zone and accuracy: nobody uses them */
    put_le32(out, PCAP_MAGIC);
    out[4] = 2; /* version 2.4 */
    out[6] = 4;
    put_le32(out + 16, snap);
    put_le32(out + 20, is_of_frames ? PCAP_ETHERNET : PCAP_RAW);
}

void cli_packet_record(uint64_t time_us, uint32_t kept, uint32_t size, uint8_t out[CLI_PACKET_RECORD])
{
    put_le32(out, (uint32_t)(time_us / 1000000));
    put_le32(out + 4, (uint32_t)(time_us % 1000000));
    put_le32(out + 8, kept);
    put_le32(out + 12, size);
}

/* ---- words ---------------------------------------------------------------------------------------------- */

/* What lies behind the heads of IP. */
struct inside {
    const uint8_t *bytes;
    size_t size;
    uint8_t protocol;
    bool is_later; /* a fragment that is not the first: it has no head */
};

static bool read_v4(const uint8_t *bytes, size_t size, struct inside *ret)
{
    size_t head = size < V4_HEAD ? 0 : (size_t)(bytes[0] & 15) * 4;

    if (head < V4_HEAD) {
        return false;
    }
    head = head < size ? head : size;
    *ret = (struct inside){.bytes = bytes + head, .size = size - head, .protocol = bytes[9],
                           .is_later = ((bytes[6] & 0x1f) | bytes[7]) != 0};
    return true;
}

static bool is_extension(uint8_t next)
{
    return next == 0 || next == 43 || next == 60 || next == FRAGMENT; /* hop by hop, routing, destination: RFC 8200 */
}

static bool read_v6(const uint8_t *bytes, size_t size, struct inside *ret)
{
    if (size < V6_HEAD) {
        return false;
    }
    struct inside in = {.bytes = bytes + V6_HEAD, .size = size - V6_HEAD, .protocol = bytes[6]};
    for (int i = 0; i < CLI_PACKET_EXTENSIONS_MAX && is_extension(in.protocol) && in.size >= 8 && !in.is_later; i++) {
        size_t span = in.protocol == FRAGMENT ? 8 : ((size_t)in.bytes[1] + 1) * 8;

        in.is_later = in.protocol == FRAGMENT && ((in.bytes[2] << 8 | in.bytes[3]) & 0xfff8) != 0;
        in.protocol = in.bytes[0];
        span = span < in.size ? span : in.size;
        in.bytes += span;
        in.size -= span;
    }
    *ret = in;
    return true;
}

static void write_place(const uint8_t *address, bool is_v6, const uint8_t *port, char out[CLI_PACKET_PLACE_SIZE])
{
    char text[INET6_ADDRSTRLEN] = "";

    (void)inet_ntop(is_v6 ? AF_INET6 : AF_INET, address, text, sizeof text); /* fails without room only */
    if (port == NULL) {
        snprintf(out, CLI_PACKET_PLACE_SIZE, "%s", text);
    } else {
        snprintf(out, CLI_PACKET_PLACE_SIZE, is_v6 ? "[%s]:%d" : "%s:%d", text, port[0] << 8 | port[1]);
    }
}

static const char *icmp_text(const struct inside *in)
{
    static const struct {
        uint8_t protocol, type;
        const char *text;
    } known[] = {{ICMP, 0, " echo reply"}, {ICMP, 3, " unreachable"}, {ICMP, 8, " echo request"}, {ICMP, 11, " time exceeded"},
                 {ICMP6, 1, " unreachable"}, {ICMP6, 2, " too big"}, {ICMP6, 3, " time exceeded"}, {ICMP6, 128, " echo request"},
                 {ICMP6, 129, " echo reply"}, {ICMP6, 133, " router solicitation"}};

    for (size_t i = 0; i < ARRAY_LEN(known) && in->size > 0; i++) {
        if (known[i].protocol == in->protocol && known[i].type == in->bytes[0]) {
            return known[i].text;
        }
    }
    return "";
}

static void write_protocol(const struct inside *in, char out[CLI_PACKET_WORDS_SIZE])
{
    static const char *const flags[] = {" FIN", " SYN", " RST", " PSH", " ACK"};
    struct bytes_text t;

    bytes_text_init(&t, out, CLI_PACKET_WORDS_SIZE);
    if (in->protocol == TCP) {
        bytes_text_add(&t, "TCP");
        for (unsigned i = 0; i < ARRAY_LEN(flags) && !in->is_later && in->size > TCP_FLAGS_AT; i++) {
            bytes_text_add(&t, "%s", (in->bytes[TCP_FLAGS_AT] >> i & 1) != 0 ? flags[i] : "");
        }
    } else if (in->protocol == UDP) {
        bytes_text_add(&t, "UDP");
    } else if (in->protocol == ICMP || in->protocol == ICMP6) {
        bytes_text_add(&t, "%s%s", in->protocol == ICMP ? "ICMP" : "ICMPv6", in->is_later ? "" : icmp_text(in));
    } else {
        bytes_text_add(&t, "protocol %d", in->protocol);
    }
    bytes_text_add(&t, "%s", in->is_later ? " fragment" : "");
}

void cli_packet_read(const uint8_t *bytes, size_t size, struct cli_packet *ret)
{
    bool is_v6 = size > 0 && bytes[0] >> 4 == 6, is_v4 = size > 0 && bytes[0] >> 4 == 4;
    struct inside in;

    *ret = (struct cli_packet){.protocol = "?"};
    if (!(is_v6 ? read_v6(bytes, size, &in) : is_v4 && read_v4(bytes, size, &in))) {
        return;
    }
    size_t each = is_v6 ? 16 : 4, at = is_v6 ? 8 : 12;
    bool has_ports = (in.protocol == TCP || in.protocol == UDP) && !in.is_later && in.size >= 4;
    write_place(bytes + at, is_v6, has_ports ? in.bytes : NULL, ret->source);
    write_place(bytes + at + each, is_v6, has_ports ? in.bytes + 2 : NULL, ret->destination);
    write_protocol(&in, ret->protocol);
}

static void put_hardware(const uint8_t *p, char out[CLI_PACKET_PLACE_SIZE])
{
    snprintf(out, CLI_PACKET_PLACE_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", p[0], p[1], p[2], p[3], p[4], p[5]);
}

void cli_packet_read_frame(const uint8_t *bytes, size_t size, struct cli_packet *ret)
{
    size_t at = ETHERNET_HEAD - 2;
    struct cli_packet inside;

    *ret = (struct cli_packet){.protocol = "cut"};
    if (size < ETHERNET_HEAD) {
        return;
    }
    put_hardware(bytes + 6, ret->source);
    put_hardware(bytes, ret->destination);
    unsigned type = (unsigned)(bytes[at] << 8 | bytes[at + 1]);
    for (int i = 0; i < ETHERNET_TAGS && (type == 0x8100 || type == 0x88a8) && at + ETHERNET_TAG + 2 <= size; i++) {
        at += ETHERNET_TAG;
        type = (unsigned)(bytes[at] << 8 | bytes[at + 1]);
    }
    if (type == 0x0800 || type == 0x86dd) {
        cli_packet_read(bytes + at + 2, size - at - 2, &inside);
        memcpy(ret->protocol, inside.protocol, sizeof ret->protocol);
    } else if (type == 0x0806) {
        snprintf(ret->protocol, sizeof ret->protocol, "ARP");
    } else {
        snprintf(ret->protocol, sizeof ret->protocol, "type %04x", type);
    }
}
