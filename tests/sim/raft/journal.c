#include "tests/sim/raft/journal.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

void journal_add(struct world *w, struct world_effects *fx, struct journal *j, enum journal_kind kind,
                 const void *bytes, uint32_t size)
{
    uint8_t *record = malloc(JOURNAL_HEAD + size);

    if (record == NULL) {
        abort();
    }
    bytes_put_be32(record + 4, size);
    record[8] = (uint8_t)kind;
    if (size > 0) {
        memcpy(record + JOURNAL_HEAD, bytes, size);
    }
    j->chain = bytes_crc32c(j->chain, record + 4, JOURNAL_HEAD - 4 + size);
    bytes_put_be32(record, j->chain);
    world_effect(w, fx, (struct world_effect){.kind = WORLD_FX_WRITE, .file = j->file, .offset = j->end}, record,
                 JOURNAL_HEAD + size);
    j->end += JOURNAL_HEAD + size;
    j->is_dirty = true;
    free(record);
}

bool journal_next(struct journal *j, const uint8_t *bytes, size_t size, struct journal_record *ret)
{
    if (size - j->end < JOURNAL_HEAD) {
        return false;
    }
    const uint8_t *record = bytes + j->end;
    uint32_t length = bytes_get_be32(record + 4);
    if (length > size - j->end - JOURNAL_HEAD ||
        bytes_get_be32(record) != bytes_crc32c(j->chain, record + 4, JOURNAL_HEAD - 4 + length)) {
        return false;
    }
    *ret = (struct journal_record){.kind = record[8], .bytes = record + JOURNAL_HEAD, .size = length};
    j->chain = bytes_get_be32(record);
    j->end += JOURNAL_HEAD + length;
    return true;
}
