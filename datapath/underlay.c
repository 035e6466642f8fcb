#include "datapath/underlay.h"

#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"

enum {
    KIND_V4 = 0x0800,
    KIND_V6 = 0x86dd,
    KIND_TAG = 0x8100,
    KIND_SERVICE_TAG = 0x88a8,
    V4_SIZE = 4,
    V6_SIZE = 16,
    MORE = 0x2000,       /* flag of IPv4: fragments follow */
    OFFSET = 0x1fff,
    VERSION_SHIFT = 4,
};

static void take_address(struct datapath_endpoint *ret, const uint8_t *from, size_t size)
{
    if (size == V4_SIZE) {
        datapath_message_put_v4(ret->ip, from);
    } else {
        memcpy(ret->ip, from, size);
    }
}

/* What is inside of the packet of IP. */
struct inside {
    size_t at, size;           /* in the frame, without padding */
    const uint8_t *addresses;  /* source and destination        */
    size_t address_size;
};

static enum datapath_underlay_result read_v4(const uint8_t *p, size_t at, size_t left, struct inside *ret)
{
    size_t head = left < DATAPATH_HEADS_V4 ? 0 : (p[0] & 15u) * 4u;

    if (head < DATAPATH_HEADS_V4 || p[0] >> VERSION_SHIFT != 4 || head > left) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    size_t total = datapath_heads_get16(p + DATAPATH_HEADS_V4_LENGTH);
    if (total < head || total > left) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    if (datapath_checksum_end(datapath_checksum_add(0, p, head)) != 0) {
        return DATAPATH_UNDERLAY_CHECKSUM;
    }
    if (p[DATAPATH_HEADS_V4_PROTOCOL] != DATAPATH_HEADS_IS_UDP) {
        return DATAPATH_UNDERLAY_FOREIGN;
    }
    if ((datapath_heads_get16(p + DATAPATH_HEADS_V4_FRAGMENT) & (MORE | OFFSET)) != 0) {
        return DATAPATH_UNDERLAY_FRAGMENT;
    }
    *ret = (struct inside){.at = at + head, .size = total - head, .addresses = p + DATAPATH_HEADS_V4_ADDRESSES, .address_size = V4_SIZE};
    return DATAPATH_UNDERLAY_TAKEN;
}

/* Extension headers, fragments among them, are the stack's. */
static enum datapath_underlay_result read_v6(const uint8_t *p, size_t at, size_t left, struct inside *ret)
{
    if (left < DATAPATH_HEADS_V6 || p[0] >> VERSION_SHIFT != 6) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    size_t behind = datapath_heads_get16(p + DATAPATH_HEADS_V6_LENGTH);
    if (behind > left - DATAPATH_HEADS_V6) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    if (p[DATAPATH_HEADS_V6_NEXT] != DATAPATH_HEADS_IS_UDP) {
        return DATAPATH_UNDERLAY_FOREIGN;
    }
    *ret = (struct inside){.at = at + DATAPATH_HEADS_V6, .size = behind, .addresses = p + DATAPATH_HEADS_V6_ADDRESSES,
                           .address_size = V6_SIZE};
    return DATAPATH_UNDERLAY_TAKEN;
}

static enum datapath_underlay_result read_udp(const uint8_t *frame, const struct inside *in, struct datapath_underlay *d)
{
    const uint8_t *p = frame + in->at;
    size_t size = in->size < DATAPATH_HEADS_UDP ? 0 : datapath_heads_get16(p + DATAPATH_HEADS_UDP_LENGTH);

    if (size < DATAPATH_HEADS_UDP || size > in->size) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    uint64_t pseudo = datapath_checksum_pseudo(in->addresses, in->address_size, DATAPATH_HEADS_IS_UDP, (uint32_t)size);
    uint16_t said, partial = datapath_checksum_fold(pseudo);
    memcpy(&said, p + DATAPATH_HEADS_UDP_SUM, sizeof said);
    bool is_absent = said == 0 && in->address_size == V4_SIZE;
    if (!is_absent && said != partial && datapath_checksum_end(datapath_checksum_add(pseudo, p, size)) != 0) {
        return DATAPATH_UNDERLAY_CHECKSUM;
    }
    take_address(&d->from, in->addresses, in->address_size);
    take_address(&d->to, in->addresses + in->address_size, in->address_size);
    d->from.port = datapath_heads_get16(p);
    d->to.port = datapath_heads_get16(p + 2);
    d->at = in->at + DATAPATH_HEADS_UDP;
    d->size = size - DATAPATH_HEADS_UDP;
    return DATAPATH_UNDERLAY_TAKEN;
}

enum datapath_underlay_result datapath_underlay_read(const uint8_t *frame, size_t size, struct datapath_underlay *ret)
{
    struct datapath_underlay d = {.at = 0};
    struct inside in = {.at = 0};
    size_t at = DATAPATH_UNDERLAY_ETHERNET;
    enum datapath_underlay_result r = DATAPATH_UNDERLAY_FOREIGN;

    if (size < DATAPATH_UNDERLAY_ETHERNET) {
        return DATAPATH_UNDERLAY_MALFORMED;
    }
    memcpy(d.link.to, frame, sizeof d.link.to);
    memcpy(d.link.from, frame + sizeof d.link.to, sizeof d.link.from);
    uint16_t kind = datapath_heads_get16(frame + at - 2);
    while ((kind == KIND_TAG || kind == KIND_SERVICE_TAG) && d.link.tags < DATAPATH_UNDERLAY_TAGS) {
        if (size - at < DATAPATH_UNDERLAY_TAG) {
            return DATAPATH_UNDERLAY_MALFORMED;
        }
        d.link.tag[d.link.tags].kind = kind;
        d.link.tag[d.link.tags++].value = datapath_heads_get16(frame + at);
        kind = datapath_heads_get16(frame + at + 2);
        at += DATAPATH_UNDERLAY_TAG;
    }
    if (kind == KIND_V4) {
        r = read_v4(frame + at, at, size - at, &in);
    } else if (kind == KIND_V6) {
        r = read_v6(frame + at, at, size - at, &in);
    }
    r = r == DATAPATH_UNDERLAY_TAKEN ? read_udp(frame, &in, &d) : r;
    if (r == DATAPATH_UNDERLAY_TAKEN) {
        *ret = d;
    }
    return r;
}

/* ---- out -------------------------------------------------------------------------------------------- */

static void write_link(const struct datapath_underlay_link *link, uint16_t kind, uint8_t *at)
{
    memcpy(at, link->to, sizeof link->to);
    memcpy(at + sizeof link->to, link->from, sizeof link->from);
    at += DATAPATH_UNDERLAY_ETHERNET - 2;
    for (uint32_t i = 0; i < link->tags; i++, at += DATAPATH_UNDERLAY_TAG) {
        datapath_heads_put16(at, link->tag[i].kind);
        datapath_heads_put16(at + 2, link->tag[i].value);
    }
    datapath_heads_put16(at, kind);
}

static void write_v4(const struct datapath_endpoint *from, const struct datapath_endpoint *to, uint16_t id, bool is_whole,
                     uint8_t *at, size_t length)
{
    memset(at, 0, DATAPATH_HEADS_V4);
    at[0] = 4 << VERSION_SHIFT | DATAPATH_HEADS_V4 / 4;
    datapath_heads_put16(at + DATAPATH_HEADS_V4_LENGTH, (uint16_t)(DATAPATH_HEADS_V4 + length));
    datapath_heads_put16(at + DATAPATH_HEADS_V4_ID, is_whole ? 0 : id);
    datapath_heads_put16(at + DATAPATH_HEADS_V4_FRAGMENT, is_whole ? DATAPATH_HEADS_V4_DONT : 0);
    at[DATAPATH_HEADS_V4_TTL] = DATAPATH_UNDERLAY_TTL;
    at[DATAPATH_HEADS_V4_PROTOCOL] = DATAPATH_HEADS_IS_UDP;
    memcpy(at + DATAPATH_HEADS_V4_ADDRESSES, from->ip + DATAPATH_MESSAGE_V4, V4_SIZE);
    memcpy(at + DATAPATH_HEADS_V4_ADDRESSES + V4_SIZE, to->ip + DATAPATH_MESSAGE_V4, V4_SIZE);
    uint16_t sum = datapath_checksum_end(datapath_checksum_add(0, at, DATAPATH_HEADS_V4));
    memcpy(at + DATAPATH_HEADS_V4_SUM, &sum, sizeof sum);
}

static void write_v6(const struct datapath_endpoint *from, const struct datapath_endpoint *to, uint8_t *at, size_t length)
{
    memset(at, 0, DATAPATH_HEADS_V6);
    at[0] = 6 << VERSION_SHIFT;
    datapath_heads_put16(at + DATAPATH_HEADS_V6_LENGTH, (uint16_t)length);
    at[DATAPATH_HEADS_V6_NEXT] = DATAPATH_HEADS_IS_UDP;
    at[DATAPATH_HEADS_V6_NEXT + 1] = DATAPATH_UNDERLAY_TTL;
    memcpy(at + DATAPATH_HEADS_V6_ADDRESSES, from->ip, V6_SIZE);
    memcpy(at + DATAPATH_HEADS_V6_ADDRESSES + V6_SIZE, to->ip, V6_SIZE);
}

size_t datapath_underlay_write(const struct datapath_underlay_link *link, const struct datapath_endpoint *from,
                               const struct datapath_endpoint *to, uint16_t id, bool is_whole, uint8_t *payload, size_t size)
{
    bool is_four = datapath_message_is_v4(to->ip);
    size_t ip = is_four ? DATAPATH_HEADS_V4 : DATAPATH_HEADS_V6, length = DATAPATH_HEADS_UDP + size;
    size_t head = DATAPATH_UNDERLAY_ETHERNET + (size_t)link->tags * DATAPATH_UNDERLAY_TAG + ip + DATAPATH_HEADS_UDP;
    uint8_t *udp = payload - DATAPATH_HEADS_UDP, *packet = udp - ip;

    if (datapath_message_is_v4(from->ip) != is_four || size > DATAPATH_UNDERLAY_PAYLOAD_MAX || link->tags > DATAPATH_UNDERLAY_TAGS) {
        return 0;
    }
    write_link(link, is_four ? KIND_V4 : KIND_V6, payload - head);
    if (is_four) {
        write_v4(from, to, id, is_whole, packet, length);
    } else {
        write_v6(from, to, packet, length);
    }
    datapath_heads_put16(udp, from->port);
    datapath_heads_put16(udp + 2, to->port);
    datapath_heads_put16(udp + DATAPATH_HEADS_UDP_LENGTH, (uint16_t)length);
    memset(udp + DATAPATH_HEADS_UDP_SUM, 0, sizeof(uint16_t));
    const uint8_t *addresses = packet + (is_four ? DATAPATH_HEADS_V4_ADDRESSES : DATAPATH_HEADS_V6_ADDRESSES);
    uint64_t pseudo = datapath_checksum_pseudo(addresses, is_four ? V4_SIZE : V6_SIZE, DATAPATH_HEADS_IS_UDP, (uint32_t)length);
    uint16_t sum = datapath_checksum_end(datapath_checksum_add(pseudo, udp, length));
    sum = sum == 0 ? UINT16_MAX : sum; /* zero says that there is none */
    memcpy(udp + DATAPATH_HEADS_UDP_SUM, &sum, sizeof sum);
    return head;
}
