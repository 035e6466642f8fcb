#include "autoscaler/window.h"

#include <assert.h>

void autoscaler_window_push(struct autoscaler_window *w, uint16_t value)
{
    w->past[w->next] = value;
    w->next = (w->next + 1) % AUTOSCALER_WINDOW_S;
    w->count += w->count < AUTOSCALER_WINDOW_S;
}

static void range(const uint16_t *from, uint32_t count, uint16_t *least, uint16_t *most)
{
    for (uint32_t i = 0; i < count; i++) {
        *least = from[i] < *least ? from[i] : *least;
        *most = from[i] > *most ? from[i] : *most;
    }
}

/* In two runs, before and behind the ring's end: a remainder for each second would cost ten times as much. */
static void both(const struct autoscaler_window *w, uint32_t seconds, uint16_t *least, uint16_t *most)
{
    uint32_t length = seconds == 0 ? 1 : seconds < w->count ? seconds : w->count;
    uint32_t behind = length < w->next ? length : w->next;

    assert(w->count > 0);
    *least = UINT16_MAX;
    *most = 0;
    range(w->past + w->next - behind, behind, least, most);
    range(w->past + AUTOSCALER_WINDOW_S - (length - behind), length - behind, least, most);
}

uint16_t autoscaler_window_most(const struct autoscaler_window *w, uint32_t seconds)
{
    uint16_t least, most;

    both(w, seconds, &least, &most);
    return most;
}

uint16_t autoscaler_window_least(const struct autoscaler_window *w, uint32_t seconds)
{
    uint16_t least, most;

    both(w, seconds, &least, &most);
    return least;
}

uint16_t autoscaler_window_back(const struct autoscaler_window *w, uint32_t seconds)
{
    uint32_t back = seconds < w->count ? seconds : w->count - 1;

    assert(w->count > 0);
    return w->past[(w->next + 2 * AUTOSCALER_WINDOW_S - 1 - back) % AUTOSCALER_WINDOW_S];
}
