/* Any frame of the underlay: never read beyond its end, what is taken lies within it, and is the same when it is written
 * and read again. */
#include <stdlib.h>
#include <string.h>

#include "datapath/underlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct datapath_underlay d, again;
    uint8_t *frame = malloc(size > 0 ? size : 1), *room = malloc(DATAPATH_UNDERLAY_HEAD_MAX + size);

    must(frame != NULL && room != NULL);
    if (size > 0) {
        memcpy(frame, data, size);
    }
    if (datapath_underlay_read(frame, size, &d) == DATAPATH_UNDERLAY_TAKEN) {
        uint8_t *at = room + DATAPATH_UNDERLAY_HEAD_MAX;
        must(d.at <= size && d.size <= size - d.at && d.link.tags <= DATAPATH_UNDERLAY_TAGS);
        memcpy(at, frame + d.at, d.size);
        size_t head = datapath_underlay_write(&d.link, &d.from, &d.to, 1, false, at, d.size);
        /* ::ffff:a.b.c.d in a head of IPv6 says what IPv4 says: it is written as that, or not at all. */
        if (head > 0) {
            must(datapath_underlay_read(at - head, head + d.size, &again) == DATAPATH_UNDERLAY_TAKEN);
            must(again.size == d.size && again.at == head && memcmp(at - head + again.at, frame + d.at, d.size) == 0);
            must(again.from.port == d.from.port && memcmp(again.from.ip, d.from.ip, sizeof d.from.ip) == 0);
            must(again.to.port == d.to.port && memcmp(again.to.ip, d.to.ip, sizeof d.to.ip) == 0);
            must(memcmp(&again.link, &d.link, sizeof d.link) == 0);
        }
    }
    free(frame);
    free(room);
    return 0;
}
