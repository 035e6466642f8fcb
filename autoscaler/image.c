/* What a decision keeps of itself: windows, the number, the last change, the season. */
#include <string.h>

#include "autoscaler/decide.h"
#include "common/base/bytes.h"

enum {
    MAGIC = 0x43415344, /* "CASD" */
    VERSION = 2,
    HEAD = 13,          /* words before the two windows and the season's slots; one more behind: the checksum */
};

static uint32_t put_window(uint8_t *out, const struct autoscaler_window *w)
{
    for (uint32_t back = 0; back < AUTOSCALER_WINDOW_S; back++) {
        uint16_t v = back < w->count ? autoscaler_window_back(w, back) : 0;
        out[2 * back] = (uint8_t)(v >> 8);
        out[2 * back + 1] = (uint8_t)v;
    }
    return w->count;
}

/* By the slots' places, whenever they were. */
static void put_season(uint8_t *out, const struct autoscaler_season *s)
{
    for (size_t i = 0; i < AUTOSCALER_SEASON_SLOTS; i++) {
        uint16_t v = s->is_begun ? s->past[i] : AUTOSCALER_SEASON_UNKNOWN;
        out[2 * i] = (uint8_t)(v >> 8);
        out[2 * i + 1] = (uint8_t)v;
    }
}

void autoscaler_decide_write(const struct autoscaler_decide *d, uint8_t out[AUTOSCALER_DECIDE_IMAGE_SIZE])
{
    const size_t end = AUTOSCALER_DECIDE_IMAGE_SIZE - 4;
    uint8_t *windows = out + 4 * HEAD;
    const uint32_t word[HEAD] = {MAGIC, VERSION, (uint32_t)(d->wall_s >> 32), (uint32_t)d->wall_s, d->wanted, d->seen_s, d->changed_s,
                                 d->idle_s, put_window(windows, &d->wished),
                                 put_window(windows + 2 * AUTOSCALER_WINDOW_S, &d->asked), d->patience,
                                 (uint32_t)(d->season.slot >> 32), (uint32_t)d->season.slot};

    for (size_t i = 0; i < HEAD; i++) {
        bytes_put_be32(out + 4 * i, word[i]);
    }
    put_season(windows + 4 * AUTOSCALER_WINDOW_S, &d->season);
    bytes_put_be32(out + end, bytes_crc32c(0, out, end));
}

/* false: a number is larger than there may be instances. */
static bool get_window(const uint8_t *in, uint32_t count, struct autoscaler_window *w)
{
    memset(w, 0, sizeof *w);
    for (uint32_t back = count; back-- > 0;) {
        uint16_t v = (uint16_t)(in[2 * back] << 8 | in[2 * back + 1]);
        if (v > AUTOSCALER_RULES_INSTANCES_MAX) {
            return false;
        }
        autoscaler_window_push(w, v);
    }
    return true;
}

/* A slot that is not known stays so; false: a number is larger than there may be instances. */
static bool get_season(const uint8_t *in, uint64_t slot, struct autoscaler_season *s)
{
    *s = (struct autoscaler_season){.slot = slot};
    for (size_t i = 0; i < AUTOSCALER_SEASON_SLOTS; i++) {
        s->past[i] = (uint16_t)(in[2 * i] << 8 | in[2 * i + 1]);
        if (s->past[i] > AUTOSCALER_SEASON_PARTS * AUTOSCALER_RULES_INSTANCES_MAX && s->past[i] != AUTOSCALER_SEASON_UNKNOWN) {
            return false;
        }
    }
    autoscaler_season_resume(s);
    return true;
}

enum err autoscaler_decide_read(struct autoscaler_decide *d, const uint8_t *data, size_t size)
{
    const size_t end = AUTOSCALER_DECIDE_IMAGE_SIZE - 4;
    struct autoscaler_window wished, asked;
    struct autoscaler_season season;
    uint32_t word[HEAD];

    if (size != AUTOSCALER_DECIDE_IMAGE_SIZE || bytes_get_be32(data) != MAGIC) {
        return ERR_MALFORMED;
    }
    if (bytes_get_be32(data + end) != bytes_crc32c(0, data, end)) {
        return ERR_DATA_LOSS;
    }
    for (size_t i = 0; i < HEAD; i++) {
        word[i] = bytes_get_be32(data + 4 * i);
    }
    if (word[1] != VERSION) {
        return ERR_INCOMPATIBLE;
    }
    const uint8_t *windows = data + 4 * HEAD;
    if (word[4] > AUTOSCALER_RULES_INSTANCES_MAX || word[8] > AUTOSCALER_WINDOW_S || word[9] > AUTOSCALER_WINDOW_S ||
        (word[8] == 0) != (word[9] == 0) || word[10] > AUTOSCALER_DECIDE_PATIENCE_MAX || !get_window(windows, word[8], &wished) ||
        !get_window(windows + 2 * AUTOSCALER_WINDOW_S, word[9], &asked) ||
        !get_season(windows + 4 * AUTOSCALER_WINDOW_S, (uint64_t)word[11] << 32 | word[12], &season)) {
        return ERR_DATA_LOSS;
    }
    d->wall_s = (uint64_t)word[2] << 32 | word[3];
    d->wanted = word[4];
    d->seen_s = word[5];
    d->changed_s = word[6];
    d->idle_s = word[7];
    d->patience = word[10];
    d->wished = wished;
    d->asked = asked;
    d->season = season;
    d->is_read = true;
    return ERR_OK;
}
