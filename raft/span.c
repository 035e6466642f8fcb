#include "raft/span.h"

#include <assert.h>
#include <string.h>

int raft_span_order(struct raft_bytes a, struct raft_bytes b)
{
    uint32_t common = a.size < b.size ? a.size : b.size;
    int order = common > 0 ? memcmp(a.at, b.at, common) : 0;

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool raft_span_has(const struct raft_span *span, struct raft_bytes key)
{
    switch (span->kind) {
    case RAFT_SPAN_ONE:
        return span->key.size == key.size && raft_span_order(span->key, key) == 0;
    case RAFT_SPAN_BETWEEN:
        return raft_span_order(span->key, key) <= 0 && raft_span_order(key, span->end) < 0;
    case RAFT_SPAN_FROM:
        return raft_span_order(span->key, key) <= 0;
    }
    return false;
}

struct raft_span raft_span_prefix(struct raft_bytes prefix, uint8_t end[RAFT_KEY_MAX])
{
    uint32_t size = prefix.size;

    assert(size <= RAFT_KEY_MAX);
    /* The least key that is greater than all with the prefix: its last byte that can be raised is. */
    while (size > 0 && prefix.at[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        return (struct raft_span){.kind = RAFT_SPAN_FROM, .key = prefix};
    }
    memcpy(end, prefix.at, size);
    end[size - 1]++;
    return (struct raft_span){.kind = RAFT_SPAN_BETWEEN, .key = prefix, .end = {end, size}};
}
