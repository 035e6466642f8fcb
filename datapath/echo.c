#include "datapath/echo.h"

#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"

enum {
    HEAD = 8,           /* of ICMP: type, code, checksum, identifier, sequence */
    TTL = 64,
    ASK4 = 8, ANSWER4 = 0,
    ASK6 = 128, ANSWER6 = 129,
    V4_PLAIN = 0x45,
    V6_PLAIN = 0x60,
};

size_t datapath_echo_write(const uint8_t *source, const uint8_t *destination, size_t size,
                           const uint8_t token[DATAPATH_ECHO_TOKEN], uint8_t ret[DATAPATH_ECHO_SIZE_MAX])
{
    bool is_v6 = size == 16;
    size_t network = is_v6 ? DATAPATH_HEADS_V6 : DATAPATH_HEADS_V4, total = network + HEAD + DATAPATH_ECHO_TOKEN;
    uint8_t *icmp = ret + network, *addresses = ret + (is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES);
    uint64_t sum = 0;
    uint16_t end;

    memset(ret, 0, total);
    memcpy(addresses, source, size);
    memcpy(addresses + size, destination, size);
    memcpy(icmp + HEAD, token, DATAPATH_ECHO_TOKEN);
    memcpy(icmp + 4, token, 2); /* the identifier, by which a NAT on the way tells questions apart */
    if (is_v6) {
        ret[0] = V6_PLAIN;
        datapath_heads_put16(ret + DATAPATH_HEADS_V6_LENGTH, HEAD + DATAPATH_ECHO_TOKEN);
        ret[DATAPATH_HEADS_V6_NEXT] = DATAPATH_HEADS_IS_ICMP6;
        ret[DATAPATH_HEADS_V6_NEXT + 1] = TTL;
        icmp[0] = ASK6;
        sum = datapath_checksum_pseudo(addresses, size, DATAPATH_HEADS_IS_ICMP6, HEAD + DATAPATH_ECHO_TOKEN);
    } else {
        ret[0] = V4_PLAIN;
        datapath_heads_put16(ret + DATAPATH_HEADS_V4_LENGTH, (uint16_t)total);
        ret[DATAPATH_HEADS_V4_TTL] = TTL;
        ret[DATAPATH_HEADS_V4_PROTOCOL] = DATAPATH_HEADS_IS_ICMP;
        icmp[0] = ASK4;
        end = datapath_checksum_end(datapath_checksum_add(0, ret, network));
        memcpy(ret + DATAPATH_HEADS_V4_SUM, &end, sizeof end);
    }
    end = datapath_checksum_end(datapath_checksum_add(sum, icmp, HEAD + DATAPATH_ECHO_TOKEN));
    memcpy(icmp + 2, &end, sizeof end);
    return total;
}

bool datapath_echo_is_answer(const uint8_t *packet, size_t packet_size, const uint8_t *who, size_t size,
                             const uint8_t token[DATAPATH_ECHO_TOKEN])
{
    bool is_v6 = size == 16;
    size_t network = is_v6 ? DATAPATH_HEADS_V6 : DATAPATH_HEADS_V4;
    const uint8_t *icmp = packet + network;

    return packet_size == network + HEAD + DATAPATH_ECHO_TOKEN && packet[0] >> 4 == (is_v6 ? 6 : 4) &&
           packet[is_v6 ? DATAPATH_HEADS_V6_NEXT : DATAPATH_HEADS_V4_PROTOCOL] ==
               (is_v6 ? DATAPATH_HEADS_IS_ICMP6 : DATAPATH_HEADS_IS_ICMP) &&
           (is_v6 || packet[0] == V4_PLAIN) && icmp[0] == (is_v6 ? ANSWER6 : ANSWER4) && icmp[1] == 0 &&
           memcmp(packet + (is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES), who, size) == 0 &&
           memcmp(icmp + HEAD, token, DATAPATH_ECHO_TOKEN) == 0;
}
