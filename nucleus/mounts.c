#include "nucleus/mounts.h"

#include <sys/ioctl.h>

#include "common/run/fd.h"

enum {
    MOUNTS_WAIT_MS = 20, /* the replacement has said Ready by then, mostly                          */
    MOUNTS_NEXT_MS = 2,  /* between two: each keeps the loop for 60 to 200 us                       */
};

/* linux/pidfd.h of Debian 12 lacks it. */
#define MOUNTS_PIDFD_GET_MNT_NAMESPACE _IO(0xFF, 3)

static void on_left(void *context)
{
    struct shell *s = context;

    if (s->mounts_count > 0) {
        fd_close(&s->mounts_left[--s->mounts_count]);
    }
    if (s->mounts_count > 0) {
        loop_timer_again(s->mounts_timer, MOUNTS_NEXT_MS, 0);
    }
}

enum err mounts_open(struct shell *s)
{
    s->mounts_timer = loop_timer_new(host_loop(s->cell), UINT32_MAX, 0, on_left, s);
    return s->mounts_timer == NULL ? ERR_NOMEM : ERR_OK;
}

void mounts_close(struct shell *s)
{
    loop_timer_free(s->mounts_timer);
    s->mounts_timer = NULL;
    while (s->mounts_count > 0) {
        fd_close(&s->mounts_left[--s->mounts_count]);
    }
}

void mounts_hold(struct shell_slot *slot)
{
    fd_close(&slot->mounts_fd);
    slot->mounts_fd = ioctl(slot->pidfd, MOUNTS_PIDFD_GET_MNT_NAMESPACE, 0);
}

void mounts_leave(struct shell *s, int fd)
{
    if (fd < 0) {
        return;
    }
    if (s->mounts_count == SHELL_MOUNTS_MAX || s->mounts_timer == NULL) {
        fd_close(&fd); /* many died at once: as slow as the kernel would have been */
        return;
    }
    s->mounts_left[s->mounts_count++] = fd;
    loop_timer_again(s->mounts_timer, MOUNTS_WAIT_MS, 0);
}
