#include "datapath/replay.h"

#include <assert.h>
#include <string.h>

enum {
    BITS = 64,
};

bool datapath_replay_is_new(const struct datapath_replay *r, uint64_t counter)
{
    if (counter >= DATAPATH_REPLAY_LIMIT) {
        return false;
    }
    if (counter >= r->next) {
        return true;
    }
    if (r->next - counter > DATAPATH_REPLAY_SPAN) {
        return false;
    }
    return (r->word[counter / BITS % DATAPATH_REPLAY_WORDS] >> counter % BITS & 1) == 0;
}

void datapath_replay_take(struct datapath_replay *r, uint64_t counter)
{
    assert(datapath_replay_is_new(r, counter));
    if (counter >= r->next) {
        /* Words that come into use anew; after a jump beyond the window that is all of them, once. */
        uint64_t words = counter / BITS - (r->next == 0 ? 0 : (r->next - 1) / BITS);
        if (words >= DATAPATH_REPLAY_WORDS) {
            memset(r->word, 0, sizeof r->word);
        } else {
            for (uint64_t i = 0; i < words; i++) {
                r->word[(counter / BITS - i) % DATAPATH_REPLAY_WORDS] = 0;
            }
        }
        r->next = counter + 1;
    }
    r->word[counter / BITS % DATAPATH_REPLAY_WORDS] |= UINT64_C(1) << counter % BITS;
}
