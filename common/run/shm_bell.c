/* Waking the peer and sleeping until it wakes us.
 *
 * A sleeper first lies on the futex in the peer's half: cheapest, and nothing the peer does to that
 * word can hold us longer than a slice. A futex does not tell of a death, so after one slice without a
 * sign the wait goes on in poll, on the socket of the handshake and the peer's pidfd: no more slices,
 * no processor time, and a death is known at once. Not an eventfd: the peer could clear O_NONBLOCK of
 * the shared description and fill the counter, and our next wake would block for ever; a send with
 * MSG_DONTWAIT cannot. */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/run/shm_chan.h"
#include "common/run/shm_serve.h"

enum {
    BELL_SLICE_NS = 8000000,  /* on the futex for those who find the socket taken: under the 10 ms
                               * that a caller may be left in the dark                           */
    BELL_DRAIN_MAX = 16,      /* bytes taken off the socket at once; what is left wakes us again   */
    BELL_TURN_ROUNDS = 5,     /* of the calibration; the best counts                               */
    BELL_TURN_COUNT = 256,    /* turns of a round                                                  */
    NS_PER_S = 1000000000,
    NS_PER_MS = 1000000,
    PS_PER_NS = 1000,
};

uint64_t shm_bell_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint32_t shm_bell_turn_ps(void)
{
    static atomic_uint known;
    uint32_t best = atomic_load_explicit(&known, memory_order_relaxed);
    uint64_t word = 0;

    for (int round = 0; best == 0 || (round > 0 && round < BELL_TURN_ROUNDS); round++) {
        uint64_t begin_ns = shm_bell_now_ns();
        for (int i = 0; i < BELL_TURN_COUNT; i++) {
            (void)__atomic_load_n(&word, __ATOMIC_ACQUIRE);
            __builtin_ia32_pause();
        }
        uint64_t took_ps = (shm_bell_now_ns() - begin_ns) * PS_PER_NS / BELL_TURN_COUNT;
        uint32_t ps = took_ps == 0 ? 1 : took_ps > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ps;
        best = best == 0 || ps < best ? ps : best;
    }
    atomic_store_explicit(&known, best, memory_order_relaxed);
    return best;
}

/* ---- waking --------------------------------------------------------------------------------------- */

/* All of them: which thread the news is for is the peer's own business. Returns how many woke. */
static long wake_futex(uint32_t *word)
{
    (void)__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
    return syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void shm_bell_wake(struct shm *c, struct shm_wait *wait, uint32_t naps, bool is_on_futex,
                   uint32_t socket_naps)
{
    bool is_woken = false;

    /* Remembered after the call: another thread that skips its own wake then relies on a done one. */
    if (is_on_futex && atomic_load(&c->kicked_naps) != naps) {
        uint64_t begin_ns = shm_bell_now_ns();
        long woken = wake_futex(&c->bell->kick);
        atomic_store(&c->kicked_naps, naps);
        if (woken > 0 && wait != NULL && !shm_core_is_same_cpu(c)) {
            shm_wait_woke(wait, shm_bell_now_ns() - begin_ns);
        }
        is_woken = true;
    }
    if (socket_naps % 2 == 1 && atomic_load(&c->kicked_socket) != socket_naps) {
        /* A full buffer is as good as a byte; a hang-up is found by who waits next. */
        (void)send(c->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        atomic_store(&c->kicked_socket, socket_naps);
        is_woken = true;
    }
    shm_core_count(is_woken ? &c->count->wakes : &c->count->elided);
}

/* ---- the peer's life ------------------------------------------------------------------------------ */

static enum err end(struct shm *c, enum err why)
{
    int none = ERR_OK;

    (void)atomic_compare_exchange_strong(&c->over, &none, (int)why); /* the first reason stays */
    return (enum err)atomic_load(&c->over);
}

/* Judge what poll said of {socket, pidfd}. */
static void judge(struct shm *c, const struct pollfd at[2])
{
    bool has_closed = __atomic_load_n(&c->peer_bell->closed, __ATOMIC_ACQUIRE) != 0;

    if (has_closed) {
        (void)end(c, ERR_UNAVAILABLE);
    } else if ((at[1].revents & POLLIN) != 0 ||
               (at[0].revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0) {
        /* A dying process loses its descriptors before its pidfd tells: both are its end. */
        (void)end(c, ERR_PEER_DEAD);
    }
}

static void fill_poll(const struct shm *c, struct pollfd at[2])
{
    at[0] = (struct pollfd){.fd = c->socket, .events = POLLIN | POLLRDHUP};
    at[1] = (struct pollfd){.fd = c->pidfd, .events = POLLIN}; /* -1 is skipped by the kernel */
}

enum err shm_bell_check(struct shm *c)
{
    struct pollfd at[2];
    enum err why = (enum err)atomic_load(&c->over);

    if (why != ERR_OK) {
        return why;
    }
    fill_poll(c, at);
    (void)poll(at, 2, 0); /* interrupted: the next look finds it */
    judge(c, at);
    return (enum err)atomic_load(&c->over);
}

/* ---- sleeping ------------------------------------------------------------------------------------- */

static struct timespec left(uint64_t deadline_ns, uint64_t most_ns)
{
    uint64_t now_ns = shm_bell_now_ns();
    uint64_t ns = deadline_ns <= now_ns ? 0 : deadline_ns - now_ns;

    ns = ns < most_ns ? ns : most_ns;
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* One slice on the peer's kick. Order: the kick is read first, then the nap is told, then memory is
 * looked at again. Who publishes after that look sees the nap and kicks; who kicked before the nap was
 * told has changed the word since it was read, or has published before the look. */
static void sleep_on_futex(struct shm *c, struct shm_bell_nap *nap,
                           enum shm_core_sight (*peek)(const void *), const void *context)
{
    uint32_t seen = __atomic_load_n(&c->peer_bell->kick, __ATOMIC_SEQ_CST);

    (void)__atomic_fetch_add(&c->bell->sleepers, 1, __ATOMIC_SEQ_CST);
    (void)__atomic_fetch_add(&c->bell->naps, 1, __ATOMIC_SEQ_CST);
    if (peek(context) != SHM_CORE_READY && !__atomic_load_n(&c->peer_bell->closed, __ATOMIC_SEQ_CST)) {
        struct timespec most = left(nap->deadline_ns, nap->is_deep ? BELL_SLICE_NS : c->slice_ns);
        long slept = syscall(SYS_futex, &c->peer_bell->kick, FUTEX_WAIT, seen, &most, NULL, 0);
        nap->is_deep = nap->is_deep || (slept != 0 && errno == ETIMEDOUT);
    }
    (void)__atomic_fetch_sub(&c->bell->sleepers, 1, __ATOMIC_SEQ_CST);
}

static void drain(struct shm *c)
{
    char bytes[BELL_DRAIN_MAX];

    /* Whole messages, each cut to our buffer; descriptors a peer may send along are dropped. */
    for (int i = 0; i < BELL_DRAIN_MAX; i++) {
        if (recv(c->socket, bytes, sizeof bytes, MSG_DONTWAIT) <= 0) {
            return;
        }
    }
}

static void sleep_on_socket(struct shm *c, const struct shm_bell_nap *nap,
                            enum shm_core_sight (*peek)(const void *), const void *context)
{
    struct pollfd at[2];

    fill_poll(c, at);
    (void)__atomic_fetch_add(&c->bell->socket_naps, 1, __ATOMIC_SEQ_CST); /* odd */
    if (peek(context) != SHM_CORE_READY) {
        struct timespec most = left(nap->deadline_ns, UINT64_MAX);
        (void)ppoll(at, 2, nap->deadline_ns == UINT64_MAX ? NULL : &most, NULL);
    }
    (void)__atomic_fetch_add(&c->bell->socket_naps, 1, __ATOMIC_SEQ_CST);
    if ((at[0].revents & POLLIN) != 0) {
        drain(c);
    }
    judge(c, at);
}

void shm_bell_sleep(struct shm *c, struct shm_bell_nap *nap,
                    enum shm_core_sight (*peek)(const void *context), const void *context)
{
    uint32_t none = 0;

    /* One of our threads at a time: a byte on the socket is for one reader. The others stay on the
     * futex, slice by slice. */
    if (nap->is_deep && atomic_compare_exchange_strong(&c->has_socket, &none, 1)) {
        sleep_on_socket(c, nap, peek, context);
        atomic_store(&c->has_socket, 0);
        return;
    }
    sleep_on_futex(c, nap, peek, context);
    if (nap->is_deep) {
        (void)shm_bell_check(c);
    }
}

/* ---- for a loop of events ------------------------------------------------------------------------- */

bool shm_arm(struct shm *c)
{
    uint32_t none = 0;

    if (atomic_load(&c->over) != ERR_OK) {
        return false;
    }
    if (!c->has_loop && !atomic_compare_exchange_strong(&c->has_socket, &none, 1)) {
        return false; /* another thread sleeps there and would take our byte */
    }
    c->has_loop = true;
    if (!c->is_armed) {
        c->is_armed = true;
        (void)__atomic_fetch_add(&c->bell->socket_naps, 1, __ATOMIC_SEQ_CST);
    }
    return !shm_serve_pending(c) && !shm_ask_pending(c);
}

void shm_rouse(struct shm *c)
{
    if (c->is_armed) {
        c->is_armed = false;
        (void)__atomic_fetch_add(&c->bell->socket_naps, 1, __ATOMIC_SEQ_CST);
    }
}

enum err shm_hear(struct shm *c)
{
    char bytes[BELL_DRAIN_MAX];

    shm_rouse(c);
    if (c->has_loop && recv(c->socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
        return (enum err)atomic_load(&c->over); /* it lives */
    }
    return shm_bell_check(c);
}

enum err shm_disarm(struct shm *c)
{
    shm_rouse(c);
    if (c->has_loop) {
        c->has_loop = false;
        drain(c);
        atomic_store(&c->has_socket, 0);
    }
    return shm_bell_check(c);
}
