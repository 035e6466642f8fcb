#include "common/node/sealed_window.h"

#include <assert.h>

static uint64_t *word_of(struct sealed_window *w, uint64_t counter)
{
    return &w->word[counter / 64 % SEALED_WINDOW_WORDS];
}

enum sealed_window_verdict sealed_window_look(const struct sealed_window *w, uint64_t counter)
{
    if (counter >= w->next) {
        return SEALED_WINDOW_NEW;
    }
    if (w->next - 1 - counter >= SEALED_WINDOW_SPAN) {
        return SEALED_WINDOW_OLD;
    }
    uint64_t bit = UINT64_C(1) << counter % 64;
    return (w->word[counter / 64 % SEALED_WINDOW_WORDS] & bit) != 0 ? SEALED_WINDOW_SEEN : SEALED_WINDOW_NEW;
}

void sealed_window_take(struct sealed_window *w, uint64_t counter)
{
    assert(counter < UINT64_MAX && sealed_window_look(w, counter) == SEALED_WINDOW_NEW);
    if (counter >= w->next) {
        /* Words between the newest and this one begin anew; after a far jump each of them, once. */
        uint64_t newest = w->next == 0 ? 0 : (w->next - 1) / 64;
        uint64_t ahead = counter / 64 - newest;
        for (uint64_t i = 1; i <= ahead && i <= SEALED_WINDOW_WORDS; i++) {
            w->word[(newest + i) % SEALED_WINDOW_WORDS] = 0;
        }
        w->next = counter + 1;
    }
    *word_of(w, counter) |= UINT64_C(1) << counter % 64;
    assert(sealed_window_look(w, counter) == SEALED_WINDOW_SEEN);
}
