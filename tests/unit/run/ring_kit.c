#include "tests/unit/run/ring_kit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/run/shm_ring_word.h"
#include "tests/support/check.h"

static uint8_t *map(int fd, uint64_t bytes, int how)
{
    uint8_t *at = mmap(NULL, bytes, how, MAP_SHARED, fd, 0);

    REQUIRE(at != MAP_FAILED, "a mapping of %lu bytes", (unsigned long)bytes);
    return at;
}

static uint8_t *half(uint64_t bytes, bool is_apart, const uint8_t **ret_seen)
{
    int fd = memfd_create("half", MFD_CLOEXEC);

    REQUIRE(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "memory for a half");
    uint8_t *at = map(fd, bytes, PROT_READ | PROT_WRITE);
    *ret_seen = is_apart ? map(fd, bytes, PROT_READ) : at;
    close(fd);
    return at;
}

void ring_kit_open(struct ring_kit *k, uint64_t capacity, bool is_apart)
{
    *k = (struct ring_kit){.bytes = shm_ring_region(capacity)};
    k->a = half(k->bytes, is_apart, &k->a_seen);
    k->b = half(k->bytes, is_apart, &k->b_seen);
    k->in = malloc(sizeof *k->in);
    REQUIRE(k->in != NULL, "memory for an end");
    REQUIRE(shm_ring_out_init(&k->out, k->a, k->b_seen, k->bytes) == ERR_OK, "the end that writes");
    REQUIRE(shm_ring_in_init(k->in, k->b, k->a_seen, k->bytes) == ERR_OK, "the end that reads");
    REQUIRE(k->out.capacity == capacity && k->in->capacity == capacity, "as large as asked for");
}

void ring_kit_close(struct ring_kit *k)
{
    free(k->in);
    if (k->a_seen != k->a) {
        munmap((void *)k->a_seen, k->bytes);
        munmap((void *)k->b_seen, k->bytes);
    }
    munmap(k->a, k->bytes);
    munmap(k->b, k->bytes);
}

void ring_kit_fill(void *at, uint32_t size, uint64_t id)
{
    for (uint32_t i = 0; i < size; i++) {
        ((uint8_t *)at)[i] = (uint8_t)(id * 31 + i);
    }
}

bool ring_kit_is_filled(const void *at, uint32_t size, uint64_t id)
{
    for (uint32_t i = 0; i < size; i++) {
        if (((const uint8_t *)at)[i] != (uint8_t)(id * 31 + i)) {
            return false;
        }
    }
    return true;
}

enum err ring_kit_send(struct ring_kit *k, uint32_t size, uint64_t id)
{
    struct shm_ring_room room;
    enum err e = shm_ring_reserve(&k->out, size, &room);

    if (e == ERR_OK) {
        ring_kit_fill(room.payload, size, id);
        shm_ring_commit(&k->out, &room, size, (uint32_t)id & SHM_RING_TAG_MAX);
    }
    return e;
}

_Atomic uint64_t *ring_kit_word(struct ring_kit *k, uint64_t position)
{
    return shm_ring_at(k->out.data, k->out.capacity, position);
}
