#include "datapath/message.h"

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
