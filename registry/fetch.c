#include "registry/fetch.h"

#include <assert.h>

void registry_fetch_init(struct registry_fetch *f, uint64_t size_max, uint64_t now_ms)
{
    *f = (struct registry_fetch){.size_max = size_max, .begun_ms = now_ms};
}

uint64_t registry_fetch_end_ms(const struct registry_fetch *f)
{
    return f->begun_ms + REGISTRY_FETCH_GRACE_MS + f->got * 1000 / REGISTRY_FETCH_RATE;
}

enum registry_fault registry_fetch_step(struct registry_fetch *f, uint64_t more, uint64_t now_ms)
{
    assert(now_ms >= f->begun_ms && f->got <= f->size_max);
    if (more > f->size_max - f->got) {
        return REGISTRY_FAULT_TOO_LARGE;
    }
    f->got += more;
    return now_ms > registry_fetch_end_ms(f) ? REGISTRY_FAULT_TOO_SLOW : REGISTRY_FAULT_NONE;
}
