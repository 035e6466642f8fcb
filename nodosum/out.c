#include "nodosum/out.h"

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

void nodosum_out_rtt(struct nodosum *n, uint16_t index, uint32_t rtt_us)
{
    if (n->fx->rtts < NODOSUM_RTTS_MAX) {
        n->fx->rtt[n->fx->rtts++] = (struct nodosum_rtt){.id = n->member[index].id, .rtt_us = rtt_us};
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
