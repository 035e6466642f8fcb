#include "dht/proof.h"

#include "dht/token.h"

bool dht_proof_is_genuine(struct dht *d, const struct dht_record *r, const uint8_t *bytes, size_t size)
{
    if (r->kind == DHT_IMMUTABLE) {
        return true; /* its key was computed from it */
    }
    uint64_t tag = dht_token_tag(d, bytes, size);
    uint64_t *slot = &d->verified[tag % DHT_VERIFIED];
    if (*slot == tag) {
        return true;
    }
    if (!dht_record_is_genuine(r, d->verify, d->verify_context)) {
        return false;
    }
    *slot = tag;
    return true;
}

bool dht_proof_is_living(const struct dht *d, const struct dht_record *r, uint32_t left_ms, uint32_t *ret_ms)
{
    *ret_ms = left_ms;
    if (r->kind != DHT_IMMUTABLE && d->wall_s != 0) {
        if (r->until_s + DHT_RECORD_MARGIN_S <= d->wall_s) {
            return false; /* played again after its end */
        }
        uint64_t most_ms = (r->until_s + DHT_RECORD_MARGIN_S - d->wall_s) * 1000;
        *ret_ms = left_ms < most_ms ? left_ms : (uint32_t)most_ms;
    }
    return *ret_ms > 0;
}
