#include "datapath/large.h"

#include <string.h>

#include "datapath/heads.h"
#include "datapath/inner.h"

enum {
    TYPE = 12,       /* where a frame says what is in it */
    IS_V4 = 0x0800,
    IS_V6 = 0x86dd,
    IS_TAG = 0x8100,
    IS_OUTER_TAG = 0x88a8,
};

size_t datapath_large_link(const uint8_t *frame, size_t size)
{
    for (size_t link = DATAPATH_LARGE_LINK; link <= DATAPATH_LARGE_LINK_MAX && link < size; link += DATAPATH_LARGE_TAG) {
        uint16_t type = datapath_heads_get16(frame + link - DATAPATH_LARGE_LINK + TYPE);
        if (type == IS_V4 || type == IS_V6) {
            return frame[link] >> 4 == (type == IS_V4 ? 4 : 6) ? link : 0;
        }
        if (type != IS_TAG && type != IS_OUTER_TAG) {
            return 0;
        }
    }
    return 0;
}

static bool may_be_cut_anew(const struct datapath_segments *s)
{
    return !s->is_udp && (s->is_v6 || (datapath_heads_get16(s->packet + DATAPATH_HEADS_V4_FRAGMENT) & DATAPATH_HEADS_V4_DONT) != 0);
}

bool datapath_large_open(const struct datapath_offload *o, const uint8_t *frame, size_t size, size_t most, struct datapath_large *ret)
{
    struct datapath_large l = {.frame = frame, .link = datapath_large_link(frame, size)};
    struct datapath_offload inner = *o;

    if (l.link == 0 || o->sum_start < l.link) {
        return false;
    }
    inner.sum_start = (uint16_t)(o->sum_start - l.link);
    if (!datapath_offload_open(&inner, frame + l.link, size - l.link, &l.all)) {
        return false;
    }
    size_t heads = l.link + l.all.head_size;
    if (heads + l.all.each > most && may_be_cut_anew(&l.all) && most >= heads + DATAPATH_LARGE_LEAST) {
        inner.segment_size = (uint16_t)(most - heads);
        if (!datapath_offload_open(&inner, frame + l.link, size - l.link, &l.all)) {
            return false;
        }
    }
    l.is_whole = heads + l.all.each <= most;
    *ret = l;
    return true;
}

size_t datapath_large_segment(const struct datapath_large *l, uint32_t index, uint8_t *out)
{
    memcpy(out, l->frame, l->link);
    return l->link + datapath_offload_segment(&l->all, index, out + l->link);
}

void datapath_large_behind(size_t link, struct datapath_offload *o)
{
    o->head_size += (uint16_t)link;
    o->sum_start += (uint16_t)link;
}

bool datapath_large_is_packet(const uint8_t *frame, size_t size, size_t *ret_link)
{
    size_t link = datapath_large_link(frame, size);
    struct datapath_inner head;

    if (link == 0 || !datapath_inner_read(frame + link, size - link, &head) || head.size != size - link) {
        return false;
    }
    *ret_link = link;
    return true;
}
