#include "datapath/stamp.h"

#include <string.h>

#include "common/base/bytes.h"

enum {
    TAI_OFFSET = 10, /* seconds of TAI before 1970 began, and its label … */
};
#define TAI_LABEL (UINT64_C(1) << 62)
#define SECOND UINT64_C(1000000000)

void datapath_stamp_write(uint64_t ns, uint8_t ret[DATAPATH_MESSAGE_TIME])
{
    bytes_put_be64(ret, TAI_LABEL + TAI_OFFSET + ns / SECOND);
    bytes_put_be32(ret + 8, (uint32_t)(ns % SECOND));
}

static bool is_above(const uint8_t a[DATAPATH_MESSAGE_TIME], const uint8_t b[DATAPATH_MESSAGE_TIME])
{
    return memcmp(a, b, DATAPATH_MESSAGE_TIME) > 0;
}

static bool is_later_than(const uint8_t stamp[DATAPATH_MESSAGE_TIME], uint64_t wall_ns, uint64_t seconds)
{
    uint8_t limit[DATAPATH_MESSAGE_TIME];
    uint64_t room = UINT64_MAX - wall_ns, more = seconds * SECOND;

    datapath_stamp_write(more < room ? wall_ns + more : UINT64_MAX, limit);
    return is_above(stamp, limit);
}

static void raise(uint8_t mark[DATAPATH_MESSAGE_TIME], const uint8_t stamp[DATAPATH_MESSAGE_TIME])
{
    if (is_above(stamp, mark)) {
        memcpy(mark, stamp, DATAPATH_MESSAGE_TIME);
    }
}

void datapath_stamp_join(struct datapath_heard *heard, const struct datapath_heard *other)
{
    raise(heard->said, other->said);
    raise(heard->ahead, other->ahead);
}

bool datapath_stamp_take(struct datapath_heard *heard, const uint8_t stamp[DATAPATH_MESSAGE_TIME], uint64_t wall_ns)
{
    if (!is_later_than(heard->ahead, wall_ns, 0)) { /* its time has come */
        raise(heard->said, heard->ahead);
        memset(heard->ahead, 0, sizeof heard->ahead);
    }
    bool is_far = is_later_than(stamp, wall_ns, DATAPATH_STAMP_FAR_S), is_near = !is_later_than(stamp, wall_ns, DATAPATH_STAMP_NEAR_S);
    bool is_newest = memcmp(stamp, heard->ahead, DATAPATH_MESSAGE_TIME) == 0;
    if (!is_above(stamp, heard->said) || is_newest || (!is_near && !is_above(stamp, heard->ahead))) {
        return false;
    }
    raise(is_far ? heard->ahead : heard->said, stamp);
    return true;
}
