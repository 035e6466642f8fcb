#include "datapath/message.h"

enum {
    V4_NONE = 0,      /* 0.0.0.0/8                                        */
    V4_LOOPBACK = 127,
    V4_MANY = 224,    /* multicast and what is above it, with 255.255.255.255 */
    V6_MANY = 0xff,
    V6_LINK = 0xfe,   /* fe80::/10 */
    V6_LINK_BITS = 0x80,
    V6_LINK_MASK = 0xc0,
};

/* What stands where WireGuard has its three zeros: "cel". */
#define OWN UINT32_C(0x6c656300)

enum datapath_kind datapath_message_kind(const uint8_t *bytes, size_t size)
{
    if (size < DATAPATH_MESSAGE_DATA) {
        return DATAPATH_KIND_NONE;
    }
    /* All four bytes together: three zeros are reserved, and tell these messages from our own. */
    uint32_t type = datapath_message_get32(bytes);
    if (type == DATAPATH_KIND_DATA) {
        return DATAPATH_KIND_DATA;
    }
    if ((type == DATAPATH_KIND_INITIATION && size == DATAPATH_MESSAGE_INITIATION) ||
        (type == DATAPATH_KIND_RESPONSE && size == DATAPATH_MESSAGE_RESPONSE) ||
        (type == DATAPATH_KIND_COOKIE && size == DATAPATH_MESSAGE_COOKIE)) {
        return (enum datapath_kind)type;
    }
    return DATAPATH_KIND_NONE;
}

enum datapath_kind datapath_message_own(const uint8_t *bytes, size_t size)
{
    uint32_t type = size < DATAPATH_MESSAGE_RELAY ? 0 : datapath_message_get32(bytes);

    return type == (OWN | DATAPATH_KIND_SIGNAL)    ? DATAPATH_KIND_SIGNAL
           : type == (OWN | DATAPATH_KIND_RELAYED) ? DATAPATH_KIND_RELAYED
                                                   : DATAPATH_KIND_NONE;
}

void datapath_message_begin(uint8_t *out, enum datapath_kind kind)
{
    datapath_message_put32(out, kind > DATAPATH_KIND_DATA ? OWN | (uint32_t)kind : (uint32_t)kind);
}

size_t datapath_message_data_size(size_t size, size_t mtu)
{
    size_t padded = (size + DATAPATH_MESSAGE_PAD - 1) / DATAPATH_MESSAGE_PAD * DATAPATH_MESSAGE_PAD;

    if (padded > mtu) {
        padded = size > mtu ? size : mtu;
    }
    return DATAPATH_MESSAGE_HEAD + padded + DATAPATH_MESSAGE_TAG;
}

/* ::1 and 127.0.0.0/8. */
static bool is_loopback(const uint8_t ip[16])
{
    static const uint8_t one[16] = {[15] = 1};

    return datapath_message_is_v4(ip) ? ip[DATAPATH_MESSAGE_V4] == V4_LOOPBACK : memcmp(ip, one, sizeof one) == 0;
}

static bool is_of_many_or_none(const uint8_t ip[16])
{
    static const uint8_t none[16];

    return datapath_message_is_v4(ip) ? ip[DATAPATH_MESSAGE_V4] == V4_NONE || ip[DATAPATH_MESSAGE_V4] >= V4_MANY : ip[0] == V6_MANY || memcmp(ip, none, sizeof none) == 0;
}

bool datapath_message_is_of_link(const struct datapath_endpoint *at)
{
    return at->ip[0] == V6_LINK && (at->ip[1] & V6_LINK_MASK) == V6_LINK_BITS;
}

uint32_t datapath_message_keep_places(struct datapath_endpoint *place, uint32_t places, const struct datapath_endpoint *by)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < places; i++) {
        if (place[i].port != 0 && !is_of_many_or_none(place[i].ip) && (!is_loopback(place[i].ip) || is_loopback(by->ip)) &&
            (!datapath_message_is_of_link(&place[i]) || place[i].scope != 0)) {
            place[kept++] = place[i];
        }
    }
    return kept;
}
