#include "raft/snapshot_writer.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

static void tell(struct raft_snapshot_writer *w)
{
    uint64_t one = 1;

    while (write(w->event_fd, &one, sizeof one) < 0 && errno == EINTR) {
    }
}

/* With the lock: whether there is a piece more. */
static bool wait_for_piece(struct raft_snapshot_writer *w)
{
    while (w->piece == NULL && !w->is_whole && !w->is_given_up) {
        pthread_cond_wait(&w->work, &w->lock);
    }
    return w->piece != NULL && !w->is_given_up;
}

/* Pieces as they come. With the lock; without it while the disk works. */
static enum err write_pieces(struct raft_snapshot_writer *w)
{
    enum err e = ERR_OK;

    while (e == ERR_OK && wait_for_piece(w)) {
        pthread_mutex_unlock(&w->lock);
        e = raft_snapshot_file_put(&w->file, w->piece, w->size);
        pthread_mutex_lock(&w->lock);
        w->piece = NULL;
        if (w->is_asked) {
            w->is_asked = false;
            tell(w);
        }
    }
    return e == ERR_OK && w->is_given_up ? ERR_CANCELLED : e;
}

static void *writer_main(void *context)
{
    struct raft_snapshot_writer *w = context;
    struct raft_snapshot_head head = w->file.head;
    enum err e = raft_snapshot_file_begin(&w->file, w->dir_fd, &head);

    if (e == ERR_OK) {
        w->file.waits = true;
        pthread_mutex_lock(&w->lock);
        e = write_pieces(w);
        pthread_mutex_unlock(&w->lock);
        if (e == ERR_OK) {
            e = raft_snapshot_file_end(&w->file);
        } else {
            raft_snapshot_file_drop(&w->file);
        }
    }
    pthread_mutex_lock(&w->lock);
    w->result = e;
    w->is_over = true;
    pthread_mutex_unlock(&w->lock);
    tell(w);
    return NULL;
}

enum err raft_snapshot_writer_begin(struct raft_snapshot_writer *w, int dir_fd, const struct raft_snapshot_head *head,
                                    int event_fd)
{
    assert(!w->has_thread);
    *w = (struct raft_snapshot_writer){.dir_fd = dir_fd, .event_fd = event_fd, .file = {.fd = -1, .head = *head}};
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->work, NULL);
    w->has_thread = pthread_create(&w->thread, NULL, writer_main, w) == 0;
    if (!w->has_thread) {
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->work);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

bool raft_snapshot_writer_has_room(struct raft_snapshot_writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool has_room = w->piece == NULL && !w->is_over;
    w->is_asked = !has_room;
    pthread_mutex_unlock(&w->lock);
    return has_room;
}

void raft_snapshot_writer_give(struct raft_snapshot_writer *w, const uint8_t *bytes, size_t size)
{
    pthread_mutex_lock(&w->lock);
    assert(w->piece == NULL && !w->is_whole);
    w->piece = bytes; /* of no use to one that has failed meanwhile, and says so */
    w->size = size;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

void raft_snapshot_writer_end(struct raft_snapshot_writer *w)
{
    pthread_mutex_lock(&w->lock);
    assert(w->piece == NULL);
    w->is_whole = true;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
}

static void join(struct raft_snapshot_writer *w)
{
    pthread_join(w->thread, NULL);
    w->has_thread = false;
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->work);
}

bool raft_snapshot_writer_take(struct raft_snapshot_writer *w, enum err *ret)
{
    if (!w->has_thread) {
        return false;
    }
    pthread_mutex_lock(&w->lock);
    bool is_over = w->is_over;
    pthread_mutex_unlock(&w->lock);
    if (is_over) {
        join(w);
        *ret = w->result;
    }
    return is_over;
}

void raft_snapshot_writer_stop(struct raft_snapshot_writer *w)
{
    if (!w->has_thread) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->is_given_up = !w->is_whole;
    pthread_cond_signal(&w->work);
    pthread_mutex_unlock(&w->lock);
    join(w);
}
