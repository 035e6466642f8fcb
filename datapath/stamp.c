#include "datapath/stamp.h"

#include <string.h>

#include "common/base/bytes.h"

enum {
    TAI_OFFSET = 10, /* seconds of TAI before 1970 began, and its label … */
};
#define TAI_LABEL (UINT64_C(1) << 62)
#define SECOND UINT64_C(1000000000)
#define WRITTEN_S UINT64_C(1672531200) /* 2023: every clock that was ever set is later */
#define CENTURY_S (UINT64_C(36525) * 86400)

void datapath_stamp_write(uint64_t ns, uint8_t ret[DATAPATH_MESSAGE_TIME])
{
    bytes_put_be64(ret, TAI_LABEL + TAI_OFFSET + ns / SECOND);
    bytes_put_be32(ret + 8, (uint32_t)(ns % SECOND));
}

uint64_t datapath_stamp_read(const uint8_t stamp[DATAPATH_MESSAGE_TIME])
{
    uint64_t label = bytes_get_be64(stamp), begin = TAI_LABEL + TAI_OFFSET;

    if (label < begin) {
        return 0;
    }
    return label - begin >= UINT64_MAX / SECOND ? UINT64_MAX : (label - begin) * SECOND + bytes_get_be32(stamp + 8) % SECOND;
}

static bool is_set(uint64_t wall_ns)
{
    return wall_ns >= WRITTEN_S * SECOND;
}

bool datapath_stamp_is_ahead(uint64_t ns, uint64_t wall_ns)
{
    return is_set(wall_ns) ? ns > wall_ns && ns - wall_ns > DATAPATH_STAMP_AHEAD_S * SECOND : ns > (WRITTEN_S + CENTURY_S) * SECOND;
}

bool datapath_stamp_is_refused(const uint8_t stamp[DATAPATH_MESSAGE_TIME], const uint8_t heard[DATAPATH_MESSAGE_TIME], uint64_t wall_ns)
{
    uint64_t ns = datapath_stamp_read(stamp), before = datapath_stamp_read(heard);

    return datapath_stamp_is_ahead(ns, wall_ns) && ns > before && ns - before > DATAPATH_STAMP_AHEAD_S * SECOND;
}

void datapath_stamp_settle(uint8_t heard[DATAPATH_MESSAGE_TIME], uint64_t wall_ns)
{
    uint64_t ns = datapath_stamp_read(heard);

    if (is_set(wall_ns) && ns > wall_ns && ns - wall_ns > DATAPATH_STAMP_ABSURD_S * SECOND) {
        datapath_stamp_write(wall_ns, heard);
    }
}
