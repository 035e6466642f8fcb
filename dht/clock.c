#include "dht/clock.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/base/bytes.h"
#include "common/run/log.h"

enum { KEY_SHOWN = 8 };

static void show_key(const struct dht_done *done, char to[2 * KEY_SHOWN + 1])
{
    bytes_to_hex(done->clock.byte, KEY_SHOWN, to);
}

static uint64_t off_s(const struct dht_done *done)
{
    return (uint64_t)(done->ahead_s < 0 ? -done->ahead_s : done->ahead_s);
}

void dht_clock_look(const struct dht_done *done)
{
    char key[2 * KEY_SHOWN + 1];

    if (done->clocks > 0 && (off_s(done) > DHT_RECORD_MARGIN_S || done->status == ERR_RANGE)) {
        show_key(done, key);
        log_warn("DHT-CLOCK", "%s_s=%" PRIu64 " of=%" PRIu32 " node=%s effect=\"%s\" advice=\"set the clock of this node, or theirs\"",
                 done->ahead_s < 0 ? "behind" : "ahead", off_s(done), done->clocks, key,
                 done->ahead_s < 0 ? "signed values end early, or are refused" : "signed values of others are taken for over");
    }
}

bool dht_clock_explain(const struct dht_done *done, char to[DHT_CLOCK_SIZE])
{
    char key[2 * KEY_SHOWN + 1];

    if (done == NULL || done->status != ERR_RANGE || done->clocks == 0) {
        return false;
    }
    show_key(done, key);
    (void)snprintf(to, DHT_CLOCK_SIZE, "%s: the clock of this node is %" PRIu64 " s %s those of %" PRIu32 " that hold it (node %s): set whichever is wrong",
                   done->ahead_s < 0 ? "refused as over" : "it is held, and over by the date here", off_s(done), done->ahead_s < 0 ? "behind" : "ahead of",
                   done->clocks, key);
    return true;
}
