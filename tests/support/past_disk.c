#include "tests/support/past_disk.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK = 2048, BATCH = 300, ROT_NEAR = 128 /* bytes from where a read begins: most of them of what it is for */ };

static enum err write_at(void *context, uint64_t at, const uint8_t *bytes, size_t size)
{
    struct past_disk *d = context;

    if (d->is_full) {
        d->refused++;
        return ERR_LIMIT;
    }
    if (at + size > d->room) {
        d->room = 2 * (at + size);
        d->bytes = realloc(d->bytes, d->room);
        if (d->bytes == NULL) {
            abort();
        }
    }
    if (at + size > d->size) {
        memset(d->bytes + d->size, 0, at + size - d->size);
        d->size = at + size;
        d->largest = d->size > d->largest ? d->size : d->largest;
    }
    memcpy(d->bytes + at, bytes, size);
    d->writes++;
    return ERR_OK;
}

static enum err read_at(void *context, uint64_t at, uint8_t *bytes, size_t size, size_t *ret_size)
{
    struct past_disk *d = context;

    d->reads++;
    *ret_size = at >= d->size ? 0 : d->size - at < size ? d->size - at : size;
    if (*ret_size > 0) {
        memcpy(bytes, d->bytes + at, *ret_size);
    }
    if (d->rot != 0 && *ret_size > 0) {
        uint64_t bit = (at + d->rot) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
        bytes[bit / 8 % (*ret_size < ROT_NEAR ? *ret_size : ROT_NEAR)] ^= (uint8_t)(1 << bit % 8);
        d->rotten_reads++;
    }
    return ERR_OK;
}

static void cut(void *context, uint64_t size)
{
    struct past_disk *d = context;

    d->size = size < d->size ? size : d->size;
    d->cuts++;
}

static void close_it(void *context)
{
    struct past_disk *d = context;

    d->closed++;
    d->size = 0;
}

struct raft_past_disk past_disk_of(struct past_disk *d)
{
    return (struct raft_past_disk){.context = d, .write = write_at, .read = read_at, .cut = cut, .close = close_it};
}

struct raft_past_tuning past_disk_small(uint64_t warm)
{
    return (struct raft_past_tuning){.warm = warm, .chunk = CHUNK, .batch = BATCH};
}

void past_disk_fini(struct past_disk *d)
{
    free(d->bytes);
    *d = (struct past_disk){0};
}
