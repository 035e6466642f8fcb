#include "common/run/shm_shape.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

static bool is_paged(uint64_t bytes)
{
    return bytes % SHM_SHAPE_PAGE == 0;
}

enum err shm_shape_check(const struct shm_shape *shape)
{
    bool is_good = shape->slots >= 1 && shape->slots <= SHM_SHAPE_SLOTS_MAX &&
                   shape->stride >= SHM_SHAPE_STRIDE_MIN && shape->stride <= SHM_SHAPE_STRIDE_MAX &&
                   shape->stride % SHM_SHAPE_STRIDE_MIN == 0 &&
                   shape->loan_bytes <= SHM_SHAPE_LOAN_MAX && is_paged(shape->loan_bytes) &&
                   shape->ring_bytes <= SHM_SHAPE_RING_MAX && is_paged(shape->ring_bytes);

    return is_good ? ERR_OK : ERR_INVALID;
}

static uint64_t to_pages(uint64_t bytes)
{
    return (bytes + SHM_SHAPE_PAGE - 1) / SHM_SHAPE_PAGE * SHM_SHAPE_PAGE;
}

struct shm_plan shm_shape_plan(const struct shm_shape *shape)
{
    assert(shm_shape_check(shape) == ERR_OK);
    uint64_t slots = to_pages((uint64_t)shape->slots * shape->stride);
    uint64_t loans = (uint64_t)shape->slots * shape->loan_bytes;
    struct shm_plan p = {.doorbell_at = SHM_SHAPE_PAGE, .counters_at = 2 * SHM_SHAPE_PAGE};

    p.requests_at = p.counters_at + SHM_SHAPE_PAGE;
    p.responses_at = p.requests_at + slots;
    p.request_loans_at = p.responses_at + slots;
    p.response_loans_at = p.request_loans_at + loans;
    p.ring_at = p.response_loans_at + loans;
    p.half_bytes = p.ring_at + shape->ring_bytes;
    return p;
}

struct shm_shape_header shm_shape_header(const struct shm_shape *shape,
                                         const uint8_t session[SHM_SHAPE_SESSION],
                                         enum shm_role role)
{
    struct shm_plan p = shm_shape_plan(shape);
    struct shm_shape_header h = {
        .magic = SHM_SHAPE_MAGIC,
        .version = SHM_SHAPE_VERSION,
        .header_bytes = sizeof h,
        .half_bytes = p.half_bytes,
        .role = role,
        .slots = shape->slots,
        .stride = shape->stride,
        .loan_bytes = shape->loan_bytes,
        .requests_at = p.requests_at,
        .responses_at = p.responses_at,
        .request_loans_at = p.request_loans_at,
        .response_loans_at = p.response_loans_at,
        .ring_at = p.ring_at,
        .ring_bytes = shape->ring_bytes,
        .doorbell_at = (uint32_t)p.doorbell_at,
        .counters_at = (uint32_t)p.counters_at,
    };

    memcpy(h.session, session, sizeof h.session);
    return h;
}

enum err shm_shape_match(const struct shm_shape_header *copy, const struct shm_shape_header *wanted)
{
    if (copy->magic != wanted->magic) {
        return ERR_MALFORMED;
    }
    if (copy->version != wanted->version) {
        return ERR_INCOMPATIBLE;
    }
    /* The struct has no padding (its fields are pinned), so bytes are values. */
    return memcmp(copy, wanted, sizeof *copy) == 0 ? ERR_OK : ERR_INVALID;
}

enum err shm_shape_read(const struct shm_shape_header *copy, uint64_t size, struct shm_shape *ret)
{
    struct shm_shape shape = {.slots = copy->slots,
                              .stride = copy->stride,
                              .loan_bytes = copy->loan_bytes,
                              .ring_bytes = copy->ring_bytes};

    if (copy->magic != SHM_SHAPE_MAGIC) {
        return ERR_MALFORMED;
    }
    if (copy->version != SHM_SHAPE_VERSION) {
        return ERR_INCOMPATIBLE;
    }
    if ((copy->role != SHM_CONNECTOR && copy->role != SHM_ACCEPTOR) ||
        shm_shape_check(&shape) != ERR_OK) {
        return ERR_INVALID;
    }
    /* Whatever the fields say: it is the header that we would have written, or it is refused. */
    struct shm_shape_header again =
        shm_shape_header(&shape, copy->session, (enum shm_role)copy->role);
    if (shm_shape_match(copy, &again) != ERR_OK || size != again.half_bytes) {
        return ERR_INVALID;
    }
    *ret = shape;
    return ERR_OK;
}
