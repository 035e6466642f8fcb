#include "raft/syncer.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "raft/store_room.h"

enum {
    IOV = 3 * 256, /* parts of one write: three a frame */
    US = 1000000,
};

struct list {
    struct raft_syncer_item item[RAFT_SYNCER_ITEMS];
    uint32_t count;
};

struct raft_syncer {
    struct raft_store *store;
    int event_fd;
    pthread_t writer, maker;
    bool has_writer, has_maker;
    pthread_mutex_t lock; /* of what follows, but for what is said to be one thread's */
    pthread_cond_t work, wish;
    struct list gathering;
    uint32_t done_count;   /* of `done` */
    uint64_t put, written; /* tickets */
    enum err e;
    bool is_asleep, goes, is_ending;
    bool is_told;         /* event_fd is readable */
    bool is_lent;         /* the loop writes: the writer stays asleep */
    uint64_t slow_until_us;
    struct raft_syncer_numbers numbers;
    uint64_t needed, retired_to; /* segments before `needed` may go; before `retired_to` they are gone */
    atomic_bool is_full;

    /* The loop's: where the next frame will go, so that it is known whether there is a segment for it. */
    struct raft_wal ahead;
    uint64_t hurried;     /* segment in whose last half the maker was told to hurry */

    /* The writer's, or of whom it is lent to. */
    struct raft_wal wal;
    struct list writing;
    uint32_t fresh_count;
    uint32_t pieces, gathered_bytes;
    int segment_fd;
    uint64_t segment;

    /* Tables, as many of each as was said above; most of the memory, hardly ever filled. */
    struct raft_syncer_done done[2 * RAFT_SYNCER_ITEMS];
    struct raft_syncer_done taken[2 * RAFT_SYNCER_ITEMS]; /* the loop's */
    struct raft_syncer_done fresh[RAFT_SYNCER_ITEMS];     /* the writer's */
    struct raft_wal_piece piece[IOV / 3];                 /* the writer's */
};

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * US + (uint64_t)t.tv_nsec / 1000;
}

static enum err explain(struct raft_syncer *y, const char *what)
{
    return raft_store_explain(y->store, ERR_IO, "%s: %s", what, strerror(errno));
}

/* ---- the writer ---------------------------------------------------------------------------------- */

/* pwritev until all of it is written. */
static enum err write_all(struct raft_syncer *y, struct iovec *part, int parts, uint64_t offset)
{
    while (parts > 0) {
        ssize_t written = pwritev(y->segment_fd, part, parts, (off_t)offset);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return explain(y, "the log is not written");
        }
        offset += (uint64_t)written;
        for (; parts > 0 && (size_t)written >= part->iov_len; part++, parts--) {
            written -= (ssize_t)part->iov_len;
        }
        if (parts > 0) {
            part->iov_base = (uint8_t *)part->iov_base + written;
            part->iov_len -= (size_t)written;
        }
    }
    return ERR_OK;
}

static enum err open_segment(struct raft_syncer *y, uint64_t number)
{
    if (y->segment_fd >= 0 && y->segment == number) {
        return ERR_OK;
    }
    fd_close(&y->segment_fd);
    enum err e = raft_store_segment(y->store, number, &y->segment_fd);
    pthread_mutex_lock(&y->lock);
    y->segment = number;
    pthread_cond_signal(&y->wish); /* a spare is one no more */
    pthread_mutex_unlock(&y->lock);
    return e;
}

/* One write for all pieces that gathered: what shares a sector reaches the disk together. */
static enum err write_pieces(struct raft_syncer *y)
{
    struct iovec part[IOV];
    int parts = 0;

    if (y->pieces == 0) {
        return ERR_OK;
    }
    for (uint32_t i = 0; i < y->pieces; i++) {
        struct raft_wal_piece *p = &y->piece[i];
        part[parts++] = (struct iovec){p->head, RAFT_FRAME_HEAD};
        if (p->frame.size > 0) {
            part[parts++] = (struct iovec){(uint8_t *)(uintptr_t)p->body, p->frame.size};
        }
        part[parts++] = (struct iovec){p->tail, p->tail_size};
    }
    enum err e = open_segment(y, y->piece[0].segment);
    return e == ERR_OK ? write_all(y, part, parts, y->piece[0].at) : e;
}

/* Make what was planned durable; only then is it told to anybody. */
static enum err end_batch(struct raft_syncer *y)
{
    if (y->pieces == 0) {
        return ERR_OK;
    }
    uint64_t began_us = now_us();
    enum err e = write_pieces(y);
    if (e == ERR_OK && fdatasync(y->segment_fd) != 0) {
        e = explain(y, "the log does not sync");
    }
    if (e != ERR_OK) {
        return e;
    }
    raft_wal_synced(&y->wal);
    uint64_t took_us = now_us() - began_us;
    pthread_mutex_lock(&y->lock);
    y->numbers.batches++;
    y->numbers.frames += y->pieces;
    y->numbers.bytes += y->gathered_bytes;
    y->numbers.sync_us += took_us;
    y->numbers.sync_us_max = took_us > y->numbers.sync_us_max ? took_us : y->numbers.sync_us_max;
    if (took_us > RAFT_SYNCER_SLOW_US) {
        y->slow_until_us = began_us + took_us + RAFT_SYNCER_SLOW_FOR_US;
    }
    pthread_mutex_unlock(&y->lock);
    y->pieces = y->gathered_bytes = 0;
    return ERR_OK;
}

/* Plan one frame; the batch before it ends when it is full or the segment is. */
static enum err plan(struct raft_syncer *y, const struct raft_syncer_item *item)
{
    struct raft_wal_piece *p = &y->piece[y->pieces];
    enum err e = ERR_OK;

    if (y->pieces == ARRAY_LEN(y->piece) || y->gathered_bytes + item->run.size > RAFT_WAL_BATCH_MAX / 2 ||
        raft_wal_turns(&y->wal, item->run.size)) {
        e = end_batch(y);
        p = &y->piece[y->pieces];
    }
    if (e == ERR_OK && item->kind == RAFT_SYNCER_BASE) {
        e = raft_wal_rebase(&y->wal, item->run.first - 1, item->prev_term, p);
    } else if (e == ERR_OK) {
        e = raft_wal_append(&y->wal, &item->run, item->prev_term, p);
    }
    if (e != ERR_OK) {
        return raft_store_explain(y->store, e, "a run of entries has no place: %s", err_text(e));
    }
    y->pieces++;
    y->gathered_bytes += raft_frame_size(item->run.size);
    y->fresh[y->fresh_count++] = (struct raft_syncer_done){
        .kind = item->kind, .frame = p->frame, .segment = p->segment, .at = p->at};
    return ERR_OK;
}

static enum err write_one(struct raft_syncer *y, const struct raft_syncer_item *item)
{
    enum err e = ERR_OK;

    switch (item->kind) {
    case RAFT_SYNCER_RUN:
    case RAFT_SYNCER_BASE:
        return plan(y, item);
    case RAFT_SYNCER_VOTE:
        e = raft_store_vote(y->store, item->vote);
        break;
    case RAFT_SYNCER_REPAIRED:
        e = end_batch(y); /* the entries that make it whole come first */
        e = e == ERR_OK ? raft_store_repaired(y->store) : e;
        break;
    }
    y->fresh[y->fresh_count++] = (struct raft_syncer_done){.kind = item->kind, .vote = item->vote};
    return e;
}

static enum err write_list(struct raft_syncer *y)
{
    enum err e = ERR_OK;

    y->fresh_count = 0;
    for (uint32_t i = 0; i < y->writing.count && e == ERR_OK; i++) {
        e = write_one(y, &y->writing.item[i]);
    }
    return e == ERR_OK ? end_batch(y) : e;
}

/* Swap the lists; false: the end. Called and returns with the lock. */
static bool wait_for_work(struct raft_syncer *y)
{
    /* Nothing is begun that has no room to be told. */
    while (!y->is_ending && (y->gathering.count == 0 || !y->goes || y->done_count > RAFT_SYNCER_ITEMS || y->is_lent)) {
        y->is_asleep = true;
        pthread_cond_wait(&y->work, &y->lock);
        y->is_asleep = false;
    }
    return !y->is_ending;
}

/* Write what gathered, and say so to whoever takes it. Called and returns with the lock; without it in between. */
static enum err write_gathered(struct raft_syncer *y)
{
    y->writing.count = y->gathering.count;
    memcpy(y->writing.item, y->gathering.item, y->gathering.count * sizeof y->gathering.item[0]);
    y->gathering.count = 0;
    y->goes = false;
    pthread_mutex_unlock(&y->lock);
    enum err e = write_list(y);
    pthread_mutex_lock(&y->lock);
    if (e == ERR_OK) {
        memcpy(y->done + y->done_count, y->fresh, y->fresh_count * sizeof y->fresh[0]);
        y->done_count += y->fresh_count;
        y->written += y->writing.count;
    }
    y->e = e;
    return e;
}

/* With the lock. */
static void tell(struct raft_syncer *y)
{
    uint64_t one = 1;

    y->is_told = true;
    while (write(y->event_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

static void *writer_main(void *context)
{
    struct raft_syncer *y = context;
    enum err e = ERR_OK;

    pthread_mutex_lock(&y->lock);
    while (e == ERR_OK && wait_for_work(y)) {
        e = write_gathered(y);
        tell(y);
    }
    pthread_mutex_unlock(&y->lock);
    return NULL;
}

/* ---- the maker ----------------------------------------------------------------------------------- */

/* Whether a spare is wanted: with the lock. */
static bool wants_segment(struct raft_syncer *y)
{
    pthread_mutex_lock(&y->store->lock);
    uint64_t newest = y->store->newest;
    pthread_mutex_unlock(&y->store->lock);
    return newest < y->segment + RAFT_SYNCER_AHEAD;
}

/* With the lock: so long, or until somebody wishes something. By the clock that nobody sets: a wall clock that went back
 * would make minutes of it (wish_open). */
static void rest(struct raft_syncer *y, uint64_t ns)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    ns += (uint64_t)t.tv_nsec;
    t.tv_sec += (time_t)(ns / 1000000000);
    t.tv_nsec = (long)(ns % 1000000000);
    (void)pthread_cond_timedwait(&y->wish, &y->lock, &t);
}

/* Between two pieces of a spare: as slowly as the rate says, unless the log will soon need it. The log of a member that
 * catches up grows faster than that from the beginning on: then the spare stays ahead of it by half. */
static bool pace(void *context, uint32_t made)
{
    struct raft_syncer *y = context;

    pthread_mutex_lock(&y->lock);
    bool is_urgent = y->ahead.segment > y->segment || y->ahead.at > y->store->segment_size / 2 ||
                     made < y->ahead.at + y->ahead.at / 2;
    if (!y->is_ending && !is_urgent) {
        rest(y, UINT64_C(1000000000) * RAFT_STORE_PIECE / RAFT_SYNCER_MAKE_RATE);
    }
    bool goes_on = !y->is_ending;
    pthread_mutex_unlock(&y->lock);
    return goes_on;
}

static void *maker_main(void *context)
{
    struct raft_syncer *y = context;

    pthread_mutex_lock(&y->lock);
    while (!y->is_ending && y->e == ERR_OK) {
        if (y->retired_to < y->needed) { /* first: it may be what makes room for another */
            uint64_t needed = y->needed;
            pthread_mutex_unlock(&y->lock);
            raft_store_retire(y->store, needed);
            pthread_mutex_lock(&y->lock);
            y->retired_to = needed;
            continue;
        }
        if (!wants_segment(y)) {
            pthread_cond_wait(&y->wish, &y->lock);
            continue;
        }
        pthread_mutex_unlock(&y->lock);
        enum err e = raft_store_make(y->store, pace, y);
        pthread_mutex_lock(&y->lock);
        atomic_store(&y->is_full, e == ERR_LIMIT);
        y->numbers.segments += e == ERR_OK;
        if (e == ERR_LIMIT || e == ERR_NOMEM) {
            rest(y, UINT64_C(1000000) * RAFT_SYNCER_RETRY_MS); /* room may come back: nothing is lost, and nothing goes on until then */
        } else if (e != ERR_OK && e != ERR_CANCELLED) {
            y->e = e;
        }
        tell(y);
    }
    pthread_mutex_unlock(&y->lock);
    return NULL;
}

/* ---- the loop's side ----------------------------------------------------------------------------- */

static void wish_open(pthread_cond_t *wish)
{
    pthread_condattr_t by;

    pthread_condattr_init(&by);
    pthread_condattr_setclock(&by, CLOCK_MONOTONIC);
    pthread_cond_init(wish, &by);
    pthread_condattr_destroy(&by);
}

enum err raft_syncer_open(struct raft_store *store, const struct raft_wal *w, struct raft_syncer **ret)
{
    /* Not of the heap: pages that were used while the log was read would lie under its tables for ever. */
    struct raft_syncer *y = mmap(NULL, sizeof *y, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    enum err e = ERR_NOMEM;

    if (y == MAP_FAILED) {
        return e;
    }
    y->store = store;
    y->wal = y->ahead = *w;
    y->segment = w->segment;
    y->segment_fd = -1;
    pthread_mutex_init(&y->lock, NULL);
    pthread_cond_init(&y->work, NULL);
    wish_open(&y->wish);
    y->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (y->event_fd < 0) {
        goto fail;
    }
    e = ERR_LIMIT;
    y->has_writer = pthread_create(&y->writer, NULL, writer_main, y) == 0;
    y->has_maker = y->has_writer && pthread_create(&y->maker, NULL, maker_main, y) == 0;
    if (!y->has_maker) {
        goto fail;
    }
    *ret = y;
    return ERR_OK;

fail:
    raft_syncer_close(y);
    return e;
}

/* Where the next frame would go; false: there is no segment for it. `y->ahead` is the loop's own. */
static bool advance(struct raft_syncer *y, struct raft_wal *w, uint32_t size)
{
    if (raft_wal_turns(w, size)) {
        w->segment++;
        w->at = RAFT_WAL_HEAD;
    }
    w->at += raft_frame_size(size);
    pthread_mutex_lock(&y->store->lock);
    bool is_there = w->segment <= y->store->newest;
    pthread_mutex_unlock(&y->store->lock);
    return is_there;
}

bool raft_syncer_has_room(const struct raft_syncer *y, uint32_t items, uint64_t bytes)
{
    /* As bad as it gets: a segment's end is left empty when a frame does not fit there. */
    struct raft_store *s = y->store;
    pthread_mutex_lock(&s->lock);
    uint64_t spares = s->newest > y->ahead.segment ? s->newest - y->ahead.segment : 0;
    pthread_mutex_unlock(&s->lock);
    uint64_t need = bytes + (uint64_t)items * (RAFT_FRAME_HEAD + RAFT_FRAME_TAIL_MAX);
    uint64_t here = s->segment_size - y->ahead.at, whole = s->segment_size - RAFT_WAL_HEAD;
    return need <= here || (need <= whole && spares > 0) || need <= spares * (whole / 2);
}

enum err raft_syncer_put(struct raft_syncer *y, const struct raft_syncer_item *item, uint64_t *ret_ticket)
{
    struct raft_wal next = y->ahead;

    if ((item->kind == RAFT_SYNCER_RUN || item->kind == RAFT_SYNCER_BASE) && !advance(y, &next, item->run.size)) {
        return ERR_LIMIT;
    }
    pthread_mutex_lock(&y->lock);
    bool has_room = y->gathering.count < RAFT_SYNCER_ITEMS;
    if (has_room) {
        y->gathering.item[y->gathering.count++] = *item;
        *ret_ticket = ++y->put;
        y->ahead = next;
    }
    pthread_mutex_unlock(&y->lock);
    return has_room ? ERR_OK : ERR_LIMIT;
}

/* With the lock. The log has come to its last half: whoever makes a spare need not be slow about it. Said once a
 * segment: it costs two wake-ups. */
static void hurry_maker(struct raft_syncer *y)
{
    if (y->ahead.at > y->store->segment_size / 2 && y->hurried != y->ahead.segment) {
        y->hurried = y->ahead.segment;
        pthread_cond_signal(&y->wish);
    }
}

void raft_syncer_go(struct raft_syncer *y)
{
    pthread_mutex_lock(&y->lock);
    y->goes = y->gathering.count > 0;
    if (y->goes && y->is_asleep) {
        pthread_cond_signal(&y->work);
    }
    hurry_maker(y);
    pthread_mutex_unlock(&y->lock);
}

static uint64_t bytes_of(const struct list *l)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < l->count; i++) {
        bytes += l->item[i].run.size; /* of others: 0 */
    }
    return bytes;
}

bool raft_syncer_write_here(struct raft_syncer *y)
{
    bool writes;

    pthread_mutex_lock(&y->lock);
    writes = y->gathering.count > 0 && y->is_asleep && y->e == ERR_OK && y->done_count <= RAFT_SYNCER_ITEMS &&
             bytes_of(&y->gathering) < RAFT_SYNCER_MUCH && (y->slow_until_us == 0 || now_us() >= y->slow_until_us);
    if (writes) {
        hurry_maker(y);
        y->is_lent = true;
        (void)write_gathered(y); /* raft_syncer_take says how it went */
        y->is_lent = false;
    }
    pthread_mutex_unlock(&y->lock);
    return writes;
}

int raft_syncer_fd(const struct raft_syncer *y)
{
    return y->event_fd;
}

enum err raft_syncer_take(struct raft_syncer *y, const struct raft_syncer_done **ret_done, uint32_t *ret_count,
                          uint64_t *ret_ticket)
{
    uint64_t count;

    pthread_mutex_lock(&y->lock);
    if (y->is_told) {
        (void)!read(y->event_fd, &count, sizeof count);
        y->is_told = false;
    }
    enum err e = y->e;
    memcpy(y->taken, y->done, y->done_count * sizeof y->done[0]);
    *ret_count = y->done_count;
    *ret_ticket = y->written;
    y->done_count = 0;
    if (y->is_asleep && y->goes) {
        pthread_cond_signal(&y->work);
    }
    pthread_mutex_unlock(&y->lock);
    *ret_done = y->taken;
    return e;
}

void raft_syncer_retire(struct raft_syncer *y, uint64_t oldest)
{
    pthread_mutex_lock(&y->lock);
    if (oldest > y->needed) {
        y->needed = oldest;
        pthread_cond_signal(&y->wish);
    }
    pthread_mutex_unlock(&y->lock);
}

void raft_syncer_count(struct raft_syncer *y, struct raft_syncer_numbers *ret)
{
    pthread_mutex_lock(&y->lock);
    *ret = y->numbers;
    pthread_mutex_unlock(&y->lock);
}

bool raft_syncer_is_full(const struct raft_syncer *y)
{
    return atomic_load(&y->is_full);
}

void raft_syncer_close(struct raft_syncer *y)
{
    if (y == NULL) {
        return;
    }
    pthread_mutex_lock(&y->lock);
    y->is_ending = true;
    pthread_cond_broadcast(&y->work);
    pthread_cond_broadcast(&y->wish);
    pthread_mutex_unlock(&y->lock);
    if (y->has_writer) {
        pthread_join(y->writer, NULL);
    }
    if (y->has_maker) {
        pthread_join(y->maker, NULL);
    }
    fd_close(&y->segment_fd);
    fd_close(&y->event_fd);
    pthread_mutex_destroy(&y->lock);
    pthread_cond_destroy(&y->work);
    pthread_cond_destroy(&y->wish);
    (void)munmap(y, sizeof *y);
}
