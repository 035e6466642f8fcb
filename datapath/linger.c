#include "datapath/linger.h"

#include <stdbool.h>

void datapath_linger_begin(struct datapath_linger *l, uint64_t now_us)
{
    bool is_short = l->done_us != 0 && now_us - l->done_us <= DATAPATH_LINGER_US;

    l->shorts = !is_short ? 0 : l->shorts < DATAPATH_LINGER_SHORTS ? l->shorts + 1 : l->shorts;
}

static void hold_off(struct datapath_linger *l, uint64_t until_us)
{
    l->not_before_us = until_us > l->not_before_us ? until_us : l->not_before_us;
}

uint64_t datapath_linger_end(struct datapath_linger *l, uint64_t now_us, uint64_t packets, uint64_t crowded_us)
{
    l->done_us = now_us;
    if (packets > DATAPATH_LINGER_FEW) {
        hold_off(l, now_us + DATAPATH_LINGER_BULK_US);
    }
    if (crowded_us != l->crowded_us) {
        bool is_again = l->backoff_us != 0 && l->waits < DATAPATH_LINGER_FREE;
        l->backoff_us = is_again ? 2 * l->backoff_us : DATAPATH_LINGER_CROWDED_US;
        l->waits = 0;
        l->backoff_us = l->backoff_us > DATAPATH_LINGER_CROWDED_US_MAX ? DATAPATH_LINGER_CROWDED_US_MAX : l->backoff_us;
        l->crowded_us = crowded_us;
        hold_off(l, crowded_us + l->backoff_us);
    }
    if (l->shorts < DATAPATH_LINGER_SHORTS || now_us < l->not_before_us) {
        return 0;
    }
    l->waits += l->waits < DATAPATH_LINGER_FREE;
    l->waited++;
    return now_us + DATAPATH_LINGER_US;
}
