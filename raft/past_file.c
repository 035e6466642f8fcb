#include "raft/past_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "raft/store_room.h"

/* Ends as what store_open.c clears away, for whoever dies between the two calls that give and take it. */
static const char name[] = "past.tmp";

struct file {
    int fd;
};

static enum err write_at(void *context, uint64_t at, const uint8_t *bytes, size_t size)
{
    return raft_store_write(((struct file *)context)->fd, bytes, size, at);
}

static enum err read_at(void *context, uint64_t at, uint8_t *bytes, size_t size, size_t *ret_size)
{
    return raft_store_pread(((struct file *)context)->fd, bytes, size, at, ret_size);
}

static void cut(void *context, uint64_t size)
{
    /* Only to give room back: where it fails, the file is larger than it need be. */
    (void)!ftruncate(((struct file *)context)->fd, (off_t)size);
}

static void close_file(void *context)
{
    struct file *f = context;

    close(f->fd);
    free(f);
}

enum err raft_past_file_open(int dir_fd, struct raft_past_disk *ret)
{
    struct file *f = malloc(sizeof *f);

    if (f == NULL) {
        return ERR_NOMEM;
    }
    f->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0 || unlinkat(dir_fd, name, 0) != 0) {
        enum err e = errno == ENOSPC || errno == EDQUOT ? ERR_LIMIT : ERR_IO;

        if (f->fd >= 0) {
            close(f->fd);
        }
        free(f);
        return e;
    }
    *ret = (struct raft_past_disk){.context = f, .write = write_at, .read = read_at, .cut = cut, .close = close_file};
    return ERR_OK;
}
