#include "nodosum/out.h"

#include <string.h>

static struct nodosum_send *begin(struct nodosum *n)
{
    struct nodosum_effects *fx = n->fx;

    if (fx->sends > 0 && fx->send[fx->sends - 1].packet.size == 0) {
        return &fx->send[fx->sends - 1]; /* nothing was put into the last one */
    }
    if (fx->sends == NODOSUM_SENDS_MAX) {
        n->counters.unsent++;
        return NULL;
    }
    return &fx->send[fx->sends++];
}

struct nodosum_packet *nodosum_out_back(struct nodosum *n, const struct nodosum_id *id,
                                        const struct nodosum_address *at)
{
    struct nodosum_send *s = begin(n);

    if (s == NULL) {
        return NULL;
    }
    s->has_id = true;
    s->to = *id;
    s->at = *at;
    s->packet.size = 0;
    return &s->packet;
}

struct nodosum_packet *nodosum_out_to(struct nodosum *n, uint16_t index)
{
    return nodosum_out_back(n, &n->member[index].id, &n->member[index].about.address);
}

struct nodosum_packet *nodosum_out_at(struct nodosum *n, const struct nodosum_address *at)
{
    struct nodosum_send *s = begin(n);

    if (s == NULL) {
        return NULL;
    }
    s->has_id = false;
    s->at = *at;
    s->packet.size = 0;
    return &s->packet;
}

/* What this step says of a member already, or something new; NULL: no room. */
static struct nodosum_rtt *rtt_of(struct nodosum *n, uint16_t index)
{
    struct nodosum_effects *fx = n->fx;
    const struct nodosum_id *id = &n->member[index].id;

    for (uint32_t i = 0; i < fx->rtts; i++) {
        if (memcmp(fx->rtt[i].id.byte, id->byte, NODOSUM_ID_SIZE) == 0) {
            return &fx->rtt[i];
        }
    }
    if (fx->rtts == NODOSUM_RTTS_MAX) {
        return NULL;
    }
    fx->rtt[fx->rtts] = (struct nodosum_rtt){.id = *id};
    return &fx->rtt[fx->rtts++];
}

void nodosum_out_rtt(struct nodosum *n, uint16_t index, uint32_t rtt_us)
{
    struct nodosum_rtt *rtt = rtt_of(n, index);

    if (rtt != NULL) {
        rtt->rtt_us = rtt_us;
    }
}

void nodosum_out_heard(struct nodosum *n, uint16_t index, const struct nodosum_place *place)
{
    struct nodosum_rtt *rtt = rtt_of(n, index);

    if (rtt != NULL) {
        rtt->place = *place;
    }
}

void nodosum_out_end(struct nodosum *n)
{
    struct nodosum_effects *fx = n->fx;

    if (fx->sends > 0 && fx->send[fx->sends - 1].packet.size == 0) {
        fx->sends--; /* only the last one can be empty: begin() */
    }
    for (uint32_t i = 0; i < fx->sends; i++) {
        n->counters.packets_out++;
        n->counters.bytes_out += fx->send[i].packet.size;
    }
}
