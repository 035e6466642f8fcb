#include "datapath/offload.h"

#include <assert.h>
#include <string.h>

#include "datapath/checksum.h"
#include "datapath/heads.h"

/* ---- the head ----------------------------------------------------------------------------------------- */

void datapath_offload_read(const uint8_t bytes[DATAPATH_OFFLOAD_SIZE], struct datapath_offload *ret)
{
    ret->flags = bytes[0];
    ret->kind = bytes[1];
    memcpy(&ret->head_size, bytes + 2, 2);
    memcpy(&ret->segment_size, bytes + 4, 2);
    memcpy(&ret->sum_start, bytes + 6, 2);
    memcpy(&ret->sum_offset, bytes + 8, 2);
}

void datapath_offload_write(const struct datapath_offload *o, uint8_t ret[DATAPATH_OFFLOAD_SIZE])
{
    ret[0] = o->flags;
    ret[1] = o->kind;
    memcpy(ret + 2, &o->head_size, 2);
    memcpy(ret + 4, &o->segment_size, 2);
    memcpy(ret + 6, &o->sum_start, 2);
    memcpy(ret + 8, &o->sum_offset, 2);
}

/* ---- one packet --------------------------------------------------------------------------------------- */

bool datapath_offload_finish(const struct datapath_offload *o, uint8_t *packet, size_t size)
{
    size_t start = o->sum_start, at = start + o->sum_offset;
    uint16_t sum;

    if ((o->flags & DATAPATH_OFFLOAD_PARTIAL) == 0) {
        return true;
    }
    if (start > size || at + sizeof sum > size) {
        return false;
    }
    /* What stands in the field is the pseudo head's sum: it is summed with the rest. */
    sum = datapath_checksum_end(datapath_checksum_add(0, packet + start, size - start));
    if (sum == 0 && o->sum_offset == DATAPATH_HEADS_UDP_SUM) {
        sum = UINT16_MAX; /* zero says "there is none": RFC 768 */
    }
    memcpy(packet + at, &sum, sizeof sum);
    return true;
}

/* ---- segments ----------------------------------------------------------------------------------------- */

bool datapath_offload_open(const struct datapath_offload *o, const uint8_t *packet, size_t size,
                           struct datapath_segments *ret)
{
    uint8_t kind = o->kind & (uint8_t)~DATAPATH_OFFLOAD_ECN;
    struct datapath_segments s = {.packet = packet, .each = o->segment_size, .transport = o->sum_start,
                                  .is_udp = kind == DATAPATH_OFFLOAD_UDP};
    size_t family;

    if ((kind != DATAPATH_OFFLOAD_TCP4 && kind != DATAPATH_OFFLOAD_TCP6 && !s.is_udp) || s.each == 0 ||
        size < DATAPATH_HEADS_V4 || size > DATAPATH_OFFLOAD_PACKET_MAX) {
        return false;
    }
    s.is_v6 = packet[0] >> 4 == 6;
    family = s.is_v6 ? DATAPATH_HEADS_V6 : (size_t)(packet[0] & 15) * 4;
    /* An IPv4 head with options is as long as it says; behind IPv6's there may be more heads, which go with each segment. */
    if ((s.is_v6 ? kind == DATAPATH_OFFLOAD_TCP4 : packet[0] >> 4 != 4 || kind == DATAPATH_OFFLOAD_TCP6) ||
        family < DATAPATH_HEADS_V4 || (s.is_v6 ? s.transport < family : s.transport != family) ||
        s.transport + (size_t)(s.is_udp ? DATAPATH_HEADS_UDP : DATAPATH_HEADS_TCP) > size) {
        return false;
    }
    const uint8_t *t = packet + s.transport;
    size_t own = s.is_udp ? DATAPATH_HEADS_UDP : (size_t)(t[DATAPATH_HEADS_TCP_LENGTH] >> 4) * 4;
    if (own < (size_t)(s.is_udp ? DATAPATH_HEADS_UDP : DATAPATH_HEADS_TCP) || s.transport + own >= size ||
        s.transport + own > DATAPATH_OFFLOAD_HEAD_MAX) {
        return false;
    }
    s.is_plain = s.transport == (s.is_v6 ? DATAPATH_HEADS_V6 : DATAPATH_HEADS_V4);
    s.head_size = (uint16_t)(s.transport + own);
    s.payload_size = size - s.head_size;
    s.count = (uint32_t)((s.payload_size + s.each - 1) / s.each);
    const uint8_t *addresses = packet + (s.is_v6 ? DATAPATH_HEADS_V6_ADDRESSES : DATAPATH_HEADS_V4_ADDRESSES);
    s.sum = datapath_checksum_pseudo(addresses, s.is_v6 ? 16 : 4, s.is_udp ? DATAPATH_HEADS_IS_UDP : DATAPATH_HEADS_IS_TCP, 0);
    *ret = s;
    return s.count <= DATAPATH_OFFLOAD_SEGMENTS_MAX;
}

static void write_network(const struct datapath_segments *s, uint32_t index, size_t size, uint8_t *out)
{
    uint16_t sum;

    if (s->is_v6) {
        datapath_heads_put16(out + DATAPATH_HEADS_V6_LENGTH, (uint16_t)(size - DATAPATH_HEADS_V6));
        return;
    }
    datapath_heads_put16(out + DATAPATH_HEADS_V4_LENGTH, (uint16_t)size);
    datapath_heads_put16(out + DATAPATH_HEADS_V4_ID, (uint16_t)(datapath_heads_get16(out + DATAPATH_HEADS_V4_ID) + index));
    memset(out + DATAPATH_HEADS_V4_SUM, 0, sizeof sum);
    sum = datapath_checksum_end(datapath_checksum_add(0, out, s->transport));
    memcpy(out + DATAPATH_HEADS_V4_SUM, &sum, sizeof sum);
}

static void write_tcp(const struct datapath_segments *s, uint32_t index, uint8_t *t)
{
    uint8_t *flags = t + DATAPATH_HEADS_TCP_FLAGS;

    datapath_heads_put32(t + DATAPATH_HEADS_TCP_SEQUENCE,
                         datapath_heads_get32(t + DATAPATH_HEADS_TCP_SEQUENCE) + index * s->each);
    if (index + 1 < s->count) {
        *flags &= (uint8_t)~(DATAPATH_HEADS_TCP_FIN | DATAPATH_HEADS_TCP_PSH); /* of the last byte */
    }
    if (index > 0) {
        *flags &= (uint8_t)~DATAPATH_HEADS_TCP_CWR; /* said once: RFC 3168, section 6.1.2 */
    }
}

size_t datapath_offload_segment(const struct datapath_segments *s, uint32_t index, uint8_t *out)
{
    size_t begin = (size_t)index * s->each;
    size_t payload = s->payload_size - begin < s->each ? s->payload_size - begin : s->each;
    size_t size = s->head_size + payload, length = size - s->transport;
    uint8_t *t = out + s->transport, *field = t + (s->is_udp ? DATAPATH_HEADS_UDP_SUM : DATAPATH_HEADS_TCP_SUM);
    const uint8_t in_sum[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    uint16_t sum;

    assert(index < s->count);
    memcpy(out, s->packet, s->head_size);
    memcpy(out + s->head_size, s->packet + s->head_size + begin, payload);
    write_network(s, index, size, out);
    if (s->is_udp) {
        datapath_heads_put16(t + DATAPATH_HEADS_UDP_LENGTH, (uint16_t)length);
    } else {
        write_tcp(s, index, t);
    }
    uint64_t heads = datapath_checksum_add(s->sum, in_sum, sizeof in_sum);
    if (s->is_unfinished) {
        sum = datapath_checksum_fold(heads);
    } else {
        memset(field, 0, sizeof sum);
        sum = datapath_checksum_end(datapath_checksum_add(heads, t, length));
        sum = sum == 0 && s->is_udp ? UINT16_MAX : sum;
    }
    memcpy(field, &sum, sizeof sum);
    return size;
}
