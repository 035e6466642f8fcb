/* Any frame, as the shield's programs read it: never beyond its end, what is ours lies within it, and a frame of which
 * only the beginning is at hand is judged as the whole one is, or more of it is asked for.
 *
 * Input: a byte (bit 0: one address is ours, else all are), then the frame. */
#include <stdlib.h>
#include <string.h>

#include "datapath/shield_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The first `at_hand` bytes of a frame, in memory of exactly that size. */
static enum shield_parse_found parse(const uint8_t *frame, size_t at_hand, size_t length, bool is_one,
                                     struct shield_parse_packet *ret)
{
    struct datapath_shield_place c = {.port = 51820, .own_count = is_one ? 1 : 0};
    uint8_t *copy = malloc(at_hand > 0 ? at_hand : 1);

    must(copy != NULL);
    memcpy(copy, frame, at_hand);
    memcpy(c.own[0], (uint8_t[16]){[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}, 16);
    memset(ret, 0, sizeof *ret); /* all of it: it is compared as bytes */
    enum shield_parse_found found = shield_parse(copy, copy + at_hand, (uint32_t)length, &c, ret);
    free(copy);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shield_parse_packet whole, part;

    if (size < 1 || size > 4096) {
        return 0;
    }
    bool is_one = (data[0] & 1) != 0;
    const uint8_t *frame = data + 1;
    size_t length = size - 1;
    enum shield_parse_found found = parse(frame, length, length, is_one, &whole);
    if (found == SHIELD_PARSE_OURS) {
        must(whole.at <= length && (whole.size == 0 || whole.at + DATAPATH_SHIELD_HEAD <= length));
        must(whole.is_fragment || whole.at + whole.size <= length);
        enum datapath_shield_verdict kind = shield_parse_kind(whole.type, whole.size, whole.is_fragment);
        must(kind >= DATAPATH_SHIELD_DATA && kind <= DATAPATH_SHIELD_KIND && kind != DATAPATH_SHIELD_MALFORMED);
    }
    for (size_t at_hand = 0; at_hand < length && at_hand < 200; at_hand++) {
        enum shield_parse_found now = parse(frame, at_hand, length, is_one, &part);
        must(now == found || now == SHIELD_PARSE_CUT);
        must(now != SHIELD_PARSE_OURS || memcmp(&part, &whole, sizeof part) == 0);
    }
    return 0;
}
