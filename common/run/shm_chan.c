#include "common/run/shm_chan.h"

#include <assert.h>
#include <linux/futex.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/shm_bell.h"

enum err shm_chan_new(const struct shm_chan_parts *parts, struct shm **ret)
{
    size_t slots = parts->shape.slots, align = _Alignof(struct shm);
    size_t size = sizeof(struct shm) + slots * (sizeof(struct shm_asker) + sizeof(struct shm_server_slot));
    struct shm *c = aligned_alloc(align, (size + align - 1) / align * align);

    if (c == NULL) {
        return ERR_NOMEM;
    }
    memset(c, 0, size);
    c->served = (struct shm_server_slot *)(c->asker + slots);
    c->mine = parts->mine;
    c->theirs = parts->theirs;
    c->shape = parts->shape;
    c->plan = shm_shape_plan(&parts->shape);
    c->bell = (struct shm_doorbell *)(c->mine + c->plan.doorbell_at);
    c->peer_bell = (const struct shm_doorbell *)(c->theirs + c->plan.doorbell_at);
    c->count = (struct shm_counters *)(c->mine + c->plan.counters_at);
    c->role = parts->role;
    c->socket = parts->socket;
    c->pidfd = parts->pidfd;
    c->peer_pid = parts->peer_pid;
    c->peer_uid = parts->peer_uid;
    c->poll_fd = -1;
    c->slice_ns = SHM_CORE_SLICE_NS;
    atomic_store(&c->over, ERR_OK);
    shm_wait_init(&c->serve_wait, shm_bell_turn_ps());
    for (uint32_t i = 0; i < c->shape.slots; i++) {
        shm_wait_init(&c->asker[i].wait, shm_bell_turn_ps());
    }
    *ret = c;
    return ERR_OK;
}

void shm_close(struct shm *c)
{
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->shape.slots; i++) {
        assert(atomic_load(&c->asker[i].claim) != SHM_CORE_CLAIMED); /* a session would dangle */
    }
    __atomic_store_n(&c->bell->closed, 1, __ATOMIC_SEQ_CST);
    (void)__atomic_fetch_add(&c->bell->kick, 1, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, &c->bell->kick, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    fd_close(&c->poll_fd);
    fd_close(&c->socket); /* who waits there sees the hang-up */
    fd_close(&c->pidfd);
    (void)munmap(c->mine, c->plan.half_bytes);
    (void)munmap((void *)c->theirs, c->plan.half_bytes);
    free(c);
}

void shm_handler(struct shm *c, enum err (*handle)(void *context, const struct shm_request *r),
                 void *context)
{
    c->handle = handle;
    c->context = context;
}

size_t shm_payload_max(const struct shm *c)
{
    size_t inline_max = shm_core_inline_max(c);

    return c->shape.loan_bytes > inline_max ? c->shape.loan_bytes : inline_max;
}

enum err shm_core_payload(const struct shm *c, const struct shm_slot_mem *slot, uint32_t index,
                          uint64_t loans_at, const void **ret_data, size_t *ret_size)
{
    uint32_t field = __atomic_load_n(&slot->size, __ATOMIC_RELAXED); /* once: it may change */
    uint32_t size = field & ~SHM_CORE_LOAN_BIT;

    if (field == SHM_CORE_LOAN_BIT) {
        return ERR_MALFORMED; /* INT_MIN of a signed size; an empty payload needs no loan */
    }
    if ((field & SHM_CORE_LOAN_BIT) != 0) {
        if (size > c->shape.loan_bytes) {
            return ERR_LIMIT;
        }
        *ret_data = c->theirs + loans_at + (size_t)index * c->shape.loan_bytes;
    } else {
        if (size > shm_core_inline_max(c)) {
            return ERR_MALFORMED;
        }
        *ret_data = slot->payload;
    }
    *ret_size = size;
    return ERR_OK;
}

const void *shm_core_self(void)
{
    static _Thread_local char here;

    return &here;
}

pid_t shm_chan_peer_pid(const struct shm *c)
{
    return c->peer_pid;
}

uid_t shm_chan_peer_uid(const struct shm *c)
{
    return c->peer_uid;
}

int shm_chan_socket(const struct shm *c)
{
    return c->socket;
}

int shm_chan_pidfd(const struct shm *c)
{
    return c->pidfd;
}

bool shm_chan_peer_has_ended(const struct shm *c)
{
    struct pollfd at = {.fd = c->pidfd, .events = POLLIN};

    return c->pidfd >= 0 && poll(&at, 1, 0) == 1;
}

bool shm_chan_is_near(const struct shm *c)
{
    return shm_core_is_same_cpu(c);
}

void shm_chan_wakes(const struct shm *c, uint64_t *ret_wakes, uint64_t *ret_elided)
{
    *ret_wakes = __atomic_load_n(&c->count->wakes, __ATOMIC_RELAXED);
    *ret_elided = __atomic_load_n(&c->count->elided, __ATOMIC_RELAXED);
}

static void copy_counters(const void *page, struct shm_counters *ret)
{
    const uint64_t *from = page;
    uint64_t word[sizeof *ret / sizeof(uint64_t)];

    for (size_t i = 0; i < ARRAY_LEN(word); i++) {
        word[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
    memcpy(ret, word, sizeof *ret);
}

void shm_chan_counters(const struct shm *c, struct shm_counters *ret_mine,
                       struct shm_counters *ret_theirs)
{
    copy_counters(c->count, ret_mine);
    copy_counters(c->theirs + c->plan.counters_at, ret_theirs);
}

/* One descriptor for both signs of an end and for the byte that wakes. */
int shm_fd(struct shm *c)
{
    struct epoll_event on = {.events = EPOLLIN | EPOLLRDHUP};

    if (c->poll_fd >= 0) {
        return c->poll_fd;
    }
    AUTO_FD int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, c->socket, &on) != 0 ||
        (c->pidfd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, c->pidfd, &on) != 0)) {
        return -1;
    }
    c->poll_fd = fd_take(&fd);
    return c->poll_fd;
}
