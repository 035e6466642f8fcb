#include "autoscaler/season.h"

#include <math.h>
#include <string.h>

#define LEVEL_MAX 4.0f /* today is unlike that day, if it is more or less than so many times as much */

static const uint32_t lags[] = {AUTOSCALER_SEASON_DAY, AUTOSCALER_SEASON_WEEK};

/* Below 0: not known. Slots that are to come, or too far back, are not. */
static float value(const struct autoscaler_season *s, uint64_t slot)
{
    if (slot >= s->slot || s->slot - slot > AUTOSCALER_SEASON_SLOTS) {
        return -1;
    }
    uint16_t v = s->past[slot % AUTOSCALER_SEASON_SLOTS];
    return v == AUTOSCALER_SEASON_UNKNOWN ? -1 : (float)v / AUTOSCALER_SEASON_PARTS;
}

/* How much more than lag slots before is needed, by the slots up to `last`; below 0: it cannot be said. */
static float level_at(const struct autoscaler_season *s, uint64_t last, uint32_t lag)
{
    float now = 0, then = 0;
    uint32_t pairs = 0;

    for (uint32_t k = 0; k < AUTOSCALER_SEASON_LEVEL; k++) {
        float a = value(s, last - k), b = value(s, last - k - lag);
        if (a >= 0 && b >= 0) {
            now += a;
            then += b;
            pairs++;
        }
    }
    if (2 * pairs <= AUTOSCALER_SEASON_LEVEL || then <= 0) {
        return -1;
    }
    float level = now / then;
    return level > LEVEL_MAX || level < 1 / LEVEL_MAX ? -1 : level;
}

/* By how much of what was needed the slots up to `last` would have been foretold wrong; HUGE_VALF: too few of them can be judged. */
static float error_at(const struct autoscaler_season *s, uint64_t last, uint32_t lag)
{
    float sum = 0;
    uint32_t count = 0;

    for (uint32_t k = 0; k < AUTOSCALER_SEASON_JUDGED; k++) {
        float needed = value(s, last - k), then = value(s, last - k - lag);
        float level = level_at(s, last - k - AUTOSCALER_SEASON_AHEAD, lag);
        if (needed >= 0 && then >= 0 && level >= 0) {
            sum += fabsf(then * level - needed) / fmaxf(needed, 1);
            count++;
        }
    }
    return 2 * count > AUTOSCALER_SEASON_JUDGED ? sum / (float)count : HUGE_VALF;
}

/* Behind a slot that is known. */
static void judge(struct autoscaler_season *s, uint64_t last)
{
    s->lag = 0;
    s->error = AUTOSCALER_SEASON_ERROR_MAX;
    s->judged = last;
    for (size_t i = 0; i < sizeof lags / sizeof lags[0]; i++) {
        float level = level_at(s, last, lags[i]), error = error_at(s, last, lags[i]);
        if (level >= 0 && error < s->error) {
            s->lag = lags[i];
            s->level = level;
            s->error = error;
        }
    }
}

static void end_slot(struct autoscaler_season *s)
{
    bool is_known = 2 * s->seen_s >= AUTOSCALER_SEASON_SLOT_S;
    double quarters = is_known ? s->sum / s->seen_s * AUTOSCALER_SEASON_PARTS + .5 : 0;

    s->past[s->slot % AUTOSCALER_SEASON_SLOTS] =
        !is_known ? AUTOSCALER_SEASON_UNKNOWN : quarters < AUTOSCALER_SEASON_UNKNOWN - 1 ? (uint16_t)quarters : AUTOSCALER_SEASON_UNKNOWN - 1;
    s->slot++;
    s->sum = 0;
    s->seen_s = 0;
    if (is_known) {
        judge(s, s->slot - 1);
    }
}

static void begin(struct autoscaler_season *s, uint64_t slot)
{
    *s = (struct autoscaler_season){.slot = slot, .is_begun = true};
    memset(s->past, 0xff, sizeof s->past);
}

void autoscaler_season_step(struct autoscaler_season *s, uint64_t wall_s, uint32_t instances, bool is_known)
{
    uint64_t slot = wall_s / AUTOSCALER_SEASON_SLOT_S;

    if (!s->is_begun || slot + 1 < s->slot || slot > s->slot + AUTOSCALER_SEASON_SLOTS) {
        begin(s, slot);
    }
    while (s->slot < slot) {
        end_slot(s);
    }
    if (is_known && slot == s->slot) {
        s->sum += instances;
        s->seen_s++;
    }
}

uint32_t autoscaler_season_floor(const struct autoscaler_season *s, uint64_t wall_s)
{
    uint64_t slot = wall_s / AUTOSCALER_SEASON_SLOT_S;

    if (!s->is_begun || s->lag == 0 || slot < s->judged || slot - s->judged > AUTOSCALER_SEASON_BLIND_MAX) {
        return 0;
    }
    /* The slot that lies in its middle: half of it is what comes before or behind. */
    float here = value(s, slot - s->lag), next = value(s, slot + 1 - s->lag);
    float most = fmaxf(here, next);

    return most < 0 ? 0 : (uint32_t)ceilf(most * s->level * (1 + s->error));
}

void autoscaler_season_resume(struct autoscaler_season *s)
{
    s->is_begun = true;
    s->sum = 0;
    s->seen_s = 0;
    s->lag = 0;
    for (uint32_t back = 1; back <= AUTOSCALER_SEASON_BLIND_MAX; back++) {
        if (value(s, s->slot - back) >= 0) {
            judge(s, s->slot - back);
            return;
        }
    }
}
