#include "nodosum/catalogue.h"

void nodosum_catalogue_init(struct nodosum_catalogue *c)
{
    *c = (struct nodosum_catalogue){.lapse_ms = UINT64_MAX};
}

enum err nodosum_catalogue_say(struct nodosum_catalogue *c, uint64_t now_ms, const struct nodosum_offers *offers,
                               uint32_t valid_ms)
{
    uint8_t bytes[NODOSUM_OFFERS_BYTES];
    uint16_t size;

    if (valid_ms < NODOSUM_CATALOGUE_VALID_LEAST_MS || valid_ms > NODOSUM_CATALOGUE_VALID_MOST_MS) {
        return ERR_INVALID;
    }
    enum err e = nodosum_offers_pack(offers, bytes, &size);
    if (e == ERR_OK) {
        c->now = *offers;
        c->lapse_ms = offers->count == 0 ? UINT64_MAX : now_ms + valid_ms;
    }
    return e;
}

static uint64_t gap_ms(const struct nodosum_catalogue *c, uint32_t living)
{
    uint64_t slow_ms = (uint64_t)living * NODOSUM_CATALOGUE_SLOW_EACH_MS;

    if (nodosum_offers_compare(&c->told, &c->now) == NODOSUM_OFFERS_OTHER) {
        return NODOSUM_CATALOGUE_GAP_MS;
    }
    return slow_ms > NODOSUM_CATALOGUE_SLOW_MS ? slow_ms : NODOSUM_CATALOGUE_SLOW_MS;
}

uint64_t nodosum_catalogue_due_ms(const struct nodosum_catalogue *c, uint32_t living)
{
    uint64_t tell_ms = c->told_ms == 0 ? 0 : c->told_ms + gap_ms(c, living);

    if (nodosum_offers_compare(&c->told, &c->now) == NODOSUM_OFFERS_SAME) {
        return c->lapse_ms;
    }
    return tell_ms < c->lapse_ms ? tell_ms : c->lapse_ms;
}

bool nodosum_catalogue_clock(struct nodosum_catalogue *c, uint64_t now_ms, uint32_t living)
{
    if (now_ms >= c->lapse_ms) {
        c->now.count = 0;
        c->lapse_ms = UINT64_MAX;
    }
    if (nodosum_offers_compare(&c->told, &c->now) == NODOSUM_OFFERS_SAME ||
        (c->told_ms != 0 && now_ms < c->told_ms + gap_ms(c, living))) {
        return false;
    }
    c->told = c->now;
    c->told_ms = now_ms;
    return true;
}
