#include "datapath/toolarge.h"

#include <stdbool.h>
#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"
#include "datapath/inner.h"

enum {
    HEAD = 8, /* of ICMP: type, code, checksum, and the size at 4 or 6 */
    TTL = 64,
    UNREACHABLE4 = 3, HOST4 = 1, NEEDED4 = 4,
    UNREACHABLE6 = 1, ADDRESS6 = 3,
    TOO_BIG6 = 2,
    MANY4 = 224, /* from here on, also everybody's */
    MANY6 = 0xff,
    ECHO4 = 8, ANSWER4 = 0,
    INFORMATIONAL6 = 128, /* … and above: no complaints */
    V4_PLAIN = 0x45,
    V6_PLAIN = 0x60,
    OFFSET = 0x1fff,
};

/* What a complaint says: its type, code, and the number behind them. */
struct complaint {
    uint8_t type, code;
    uint32_t number;
};

static bool gets_one4(const uint8_t *packet, size_t size)
{
    size_t head = (size_t)(packet[0] & 15) * 4;

    if ((datapath_heads_get16(packet + DATAPATH_HEADS_V4_FRAGMENT) & OFFSET) != 0) {
        return false;
    }
    return packet[DATAPATH_HEADS_V4_PROTOCOL] != DATAPATH_HEADS_IS_ICMP ||
           (size > head && (packet[head] == ECHO4 || packet[head] == ANSWER4));
}

static bool gets_one6(const uint8_t *packet, size_t size)
{
    return packet[DATAPATH_HEADS_V6_NEXT] != DATAPATH_HEADS_IS_ICMP6 ||
           (size > DATAPATH_HEADS_V6 && packet[DATAPATH_HEADS_V6] >= INFORMATIONAL6);
}

/* From whom the packet was for, to who sent it: the sender's route to there is the one that is to know. */
static void turn_round(const struct datapath_inner *in, uint8_t *addresses)
{
    memcpy(addresses, in->destination, in->address_size);
    memcpy(addresses + in->address_size, in->source, in->address_size);
}

static size_t write4(const struct datapath_inner *in, const uint8_t *packet, size_t size, struct complaint c, uint8_t *out)
{
    size_t quoted = size < DATAPATH_TOOLARGE_V4 - DATAPATH_HEADS_V4 - HEAD ? size : DATAPATH_TOOLARGE_V4 - DATAPATH_HEADS_V4 - HEAD;
    size_t total = DATAPATH_HEADS_V4 + HEAD + quoted;
    uint8_t *icmp = out + DATAPATH_HEADS_V4;

    memset(out, 0, DATAPATH_HEADS_V4 + HEAD);
    out[0] = V4_PLAIN;
    datapath_heads_put16(out + DATAPATH_HEADS_V4_LENGTH, (uint16_t)total);
    out[DATAPATH_HEADS_V4_TTL] = TTL;
    out[DATAPATH_HEADS_V4_PROTOCOL] = DATAPATH_HEADS_IS_ICMP;
    turn_round(in, out + DATAPATH_HEADS_V4_ADDRESSES);
    uint16_t end = datapath_checksum_end(datapath_checksum_add(0, out, DATAPATH_HEADS_V4));
    memcpy(out + DATAPATH_HEADS_V4_SUM, &end, sizeof end);
    icmp[0] = c.type;
    icmp[1] = c.code;
    datapath_heads_put16(icmp + 6, (uint16_t)c.number);
    memcpy(icmp + HEAD, packet, quoted);
    end = datapath_checksum_end(datapath_checksum_add(0, icmp, HEAD + quoted));
    memcpy(icmp + 2, &end, sizeof end);
    return total;
}

static size_t write6(const struct datapath_inner *in, const uint8_t *packet, size_t size, struct complaint c, uint8_t *out)
{
    size_t room = DATAPATH_TOOLARGE_MOST - DATAPATH_HEADS_V6 - HEAD, quoted = size < room ? size : room;
    uint8_t *icmp = out + DATAPATH_HEADS_V6, *addresses = out + DATAPATH_HEADS_V6_ADDRESSES;

    memset(out, 0, DATAPATH_HEADS_V6 + HEAD);
    out[0] = V6_PLAIN;
    datapath_heads_put16(out + DATAPATH_HEADS_V6_LENGTH, (uint16_t)(HEAD + quoted));
    out[DATAPATH_HEADS_V6_NEXT] = DATAPATH_HEADS_IS_ICMP6;
    out[DATAPATH_HEADS_V6_NEXT + 1] = TTL;
    turn_round(in, addresses);
    icmp[0] = c.type;
    icmp[1] = c.code;
    datapath_heads_put32(icmp + 4, c.number);
    memcpy(icmp + HEAD, packet, quoted);
    uint64_t sum = datapath_checksum_pseudo(addresses, in->address_size, DATAPATH_HEADS_IS_ICMP6, (uint32_t)(HEAD + quoted));
    uint16_t end = datapath_checksum_end(datapath_checksum_add(sum, icmp, HEAD + quoted));
    memcpy(icmp + 2, &end, sizeof end);
    return DATAPATH_HEADS_V6 + HEAD + quoted;
}

size_t datapath_toolarge_write(const uint8_t *packet, size_t size, uint32_t most, uint8_t *out)
{
    struct datapath_inner in;

    if (!datapath_inner_read(packet, size, &in)) {
        return 0;
    }
    if (in.address_size == 4) {
        bool may_be_cut = (datapath_heads_get16(packet + DATAPATH_HEADS_V4_FRAGMENT) & DATAPATH_HEADS_V4_DONT) == 0;
        return !may_be_cut && gets_one4(packet, size) ? write4(&in, packet, size, (struct complaint){UNREACHABLE4, NEEDED4, most}, out) : 0;
    }
    return most >= DATAPATH_TOOLARGE_V6_LEAST && gets_one6(packet, size) ? write6(&in, packet, size, (struct complaint){TOO_BIG6, 0, most}, out) : 0;
}

size_t datapath_toolarge_unreached(const uint8_t *packet, size_t size, uint8_t *out)
{
    static const uint8_t nobody[DATAPATH_HEADS_V6];
    struct datapath_inner in;

    if (!datapath_inner_read(packet, size, &in) || memcmp(in.source, nobody, in.address_size) == 0) {
        return 0;
    }
    if (in.address_size == 4) {
        return in.destination[0] < MANY4 && gets_one4(packet, size) ? write4(&in, packet, size, (struct complaint){UNREACHABLE4, HOST4, 0}, out) : 0;
    }
    return in.destination[0] != MANY6 && gets_one6(packet, size) ? write6(&in, packet, size, (struct complaint){UNREACHABLE6, ADDRESS6, 0}, out) : 0;
}
