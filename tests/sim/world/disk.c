#include "tests/sim/world/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct disk_write {
    size_t offset, size;
    uint8_t *bytes;     /* NULL: the file's size becomes `offset` */
    bool is_clean;      /* a sync failed: it will not reach the medium any more */
};

static void *must(void *memory)
{
    if (memory == NULL) {
        abort(); /* a world without memory proves nothing */
    }
    return memory;
}

static void resize(uint8_t **bytes, size_t *size, size_t to)
{
    if (to > *size) {
        *bytes = must(realloc(*bytes, to));
        memset(*bytes + *size, 0, to - *size);
    }
    *size = to;
}

static void put(uint8_t **into, size_t *size, size_t offset, const uint8_t *bytes, size_t count)
{
    if (offset + count > *size) {
        resize(into, size, offset + count);
    }
    memcpy(*into + offset, bytes, count);
}

static void drop_cache(struct disk_file *f)
{
    for (uint32_t i = 0; i < f->cached; i++) {
        free(f->cache[i].bytes);
    }
    f->cached = 0;
}

static void cache(struct disk_file *f, struct disk_write w)
{
    if (f->cached == f->cache_room) {
        f->cache_room = f->cache_room == 0 ? 16 : 2 * f->cache_room;
        f->cache = must(realloc(f->cache, f->cache_room * sizeof *f->cache));
    }
    f->cache[f->cached++] = w;
}

static bool has_room(const struct disk *d, const struct disk_file *f, size_t to)
{
    size_t used = 0;

    if (d->room_bytes == 0 || to <= f->seen_size) {
        return true; /* overwriting takes no room */
    }
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        used += d->file[i].seen_size;
    }
    return used + (to - f->seen_size) <= d->room_bytes;
}

void disk_fini(struct disk *d)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        drop_cache(&d->file[i]);
        free(d->file[i].cache);
        free(d->file[i].seen);
        free(d->file[i].kept);
    }
    *d = (struct disk){0};
}

enum err disk_write(struct disk *d, uint32_t file, size_t offset, const void *bytes, size_t size)
{
    assert(file < DISK_FILES);
    struct disk_file *f = &d->file[file];

    if (!has_room(d, f, offset + size)) {
        return ERR_LIMIT;
    }
    if (size == 0) {
        return ERR_OK;
    }
    struct disk_write w = {.offset = offset, .size = size, .bytes = must(malloc(size))};
    memcpy(w.bytes, bytes, size);
    put(&f->seen, &f->seen_size, offset, w.bytes, size);
    cache(f, w);
    return ERR_OK;
}

enum err disk_resize(struct disk *d, uint32_t file, size_t size)
{
    assert(file < DISK_FILES);
    struct disk_file *f = &d->file[file];

    if (!has_room(d, f, size)) {
        return ERR_LIMIT;
    }
    resize(&f->seen, &f->seen_size, size);
    cache(f, (struct disk_write){.offset = size});
    return ERR_OK;
}

void disk_name(struct disk *d, uint32_t file, uint64_t name)
{
    assert(file < DISK_FILES);
    d->name_seen[file] = name;
}

uint64_t disk_name_of(const struct disk *d, uint32_t file)
{
    assert(file < DISK_FILES);
    return d->name_seen[file];
}

static enum err sync_names(struct disk *d, bool fails)
{
    if (!fails) {
        memcpy(d->name_kept, d->name_seen, sizeof d->name_kept);
    }
    return fails ? ERR_IO : ERR_OK;
}

enum err disk_sync(struct disk *d, uint32_t file, bool fails)
{
    if (d->lies && !fails) {
        return ERR_OK;
    }
    if (file == DISK_NAMES) {
        return sync_names(d, fails);
    }
    assert(file < DISK_FILES);
    struct disk_file *f = &d->file[file];

    if (fails) {
        for (uint32_t i = 0; i < f->cached; i++) {
            f->cache[i].is_clean = true;
        }
        return ERR_IO;
    }
    uint32_t left = 0;
    for (uint32_t i = 0; i < f->cached; i++) {
        struct disk_write w = f->cache[i];
        if (w.is_clean) {
            f->cache[left++] = w; /* seen until the power goes */
        } else if (w.bytes == NULL) {
            resize(&f->kept, &f->kept_size, w.offset);
        } else {
            put(&f->kept, &f->kept_size, w.offset, w.bytes, w.size);
            free(w.bytes);
        }
    }
    f->cached = left;
    return ERR_OK;
}

size_t disk_read(const struct disk *d, uint32_t file, size_t offset, void *bytes, size_t size)
{
    assert(file < DISK_FILES);
    const struct disk_file *f = &d->file[file];

    if (offset >= f->seen_size) {
        return 0;
    }
    size_t count = size < f->seen_size - offset ? size : f->seen_size - offset;
    if (count > 0) {
        memcpy(bytes, f->seen + offset, count);
    }
    return count;
}

size_t disk_size(const struct disk *d, uint32_t file)
{
    assert(file < DISK_FILES);
    return d->file[file].seen_size;
}

/* Sectors are those of the file: a write that is not aligned begins and ends inside one. */
static void keep_some(struct disk *d, struct disk_file *f, const struct disk_write *w, struct dice *dice)
{
    size_t done = 0, kept = 0;

    while (done < w->size) {
        size_t at = w->offset + done;
        size_t piece = DISK_SECTOR - at % DISK_SECTOR;
        piece = piece < w->size - done ? piece : w->size - done;
        if (dice_below(dice, DICE_DISK, 2) == 0) {
            put(&f->kept, &f->kept_size, at, w->bytes + done, piece);
            kept += piece;
        }
        done += piece;
    }
    d->lost += kept == 0;
    d->torn += kept > 0 && kept < w->size;
}

static void lose_names(struct disk *d, struct dice *dice)
{
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        if (d->name_seen[i] != d->name_kept[i] && dice_below(dice, DICE_DISK, 2) == 0 && !dice_is_off(dice, DICE_DISK)) {
            d->name_kept[i] = d->name_seen[i];
        }
        d->name_seen[i] = d->name_kept[i];
    }
}

void disk_lose_power(struct disk *d, struct dice *dice)
{
    lose_names(d, dice);
    for (uint32_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *f = &d->file[i];
        for (uint32_t k = 0; k < f->cached; k++) {
            const struct disk_write *w = &f->cache[k];
            uint64_t fate = dice_below(dice, DICE_DISK, 3); /* lost, kept, each sector by itself */
            if (dice_is_off(dice, DICE_DISK) || w->is_clean || fate == 0) {
                d->lost += w->bytes != NULL;
            } else if (w->bytes == NULL) {
                resize(&f->kept, &f->kept_size, w->offset);
            } else if (fate == 1) {
                put(&f->kept, &f->kept_size, w->offset, w->bytes, w->size);
            } else {
                keep_some(d, f, w, dice);
            }
        }
        drop_cache(f);
        resize(&f->seen, &f->seen_size, f->kept_size);
        if (f->kept_size > 0) {
            memcpy(f->seen, f->kept, f->kept_size);
        }
    }
}

void disk_rot(struct disk *d, struct dice *dice)
{
    uint32_t file = (uint32_t)dice_below(dice, DICE_DISK, DISK_FILES);
    uint64_t place = dice_below(dice, DICE_DISK, UINT64_MAX);

    for (uint32_t i = 0; i < DISK_FILES; i++) {
        struct disk_file *f = &d->file[(file + i) % DISK_FILES];
        size_t at = f->kept_size == 0 ? 0 : place / 8 % f->kept_size;
        if (f->kept_size > 0 && at < f->seen_size) {
            f->kept[at] ^= (uint8_t)(1u << place % 8);
            f->seen[at] ^= (uint8_t)(1u << place % 8);
            d->rotten++;
            return;
        }
    }
}

void disk_wipe(struct disk *d)
{
    size_t room_bytes = d->room_bytes;
    bool lies = d->lies;
    uint64_t lost = d->lost, torn = d->torn, rotten = d->rotten;

    disk_fini(d);
    *d = (struct disk){.room_bytes = room_bytes, .lies = lies, .lost = lost, .torn = torn, .rotten = rotten};
}
