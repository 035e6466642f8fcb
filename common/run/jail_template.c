#include "common/run/jail_template.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"

enum {
    /* Every path of the plan with a character or two, and some numbers for each of the system's. */
    KEY_MAX = 2 * JAIL_TEXT_MAX + JAIL_BINDS_MAX * 64,
};

struct template {
    char *key; /* NULL: free */
    int fd;
};

static struct template templates[JAIL_TEMPLATES_MAX];
static size_t oldest;
static int mounts_fd = -1; /* tells when the host's mounts change */
static pid_t owner;        /* a fork would take the news about mounts away from its parent */

static void drop(struct template *t)
{
    if (t->key != NULL) {
        free(take_ptr(&t->key));
        fd_close(&t->fd);
    }
}

static void drop_all(void)
{
    for (size_t i = 0; i < JAIL_TEMPLATES_MAX; i++) {
        drop(&templates[i]);
    }
}

/* Forget everything that a change of the host's mounts could have made untrue. */
static void refresh(void)
{
    if (owner != getpid()) {
        drop_all();
        fd_close(&mounts_fd);
        owner = getpid();
    }
    if (mounts_fd < 0) {
        mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    }
    struct pollfd news = {.fd = mounts_fd, .events = POLLPRI};
    if (mounts_fd < 0 || poll(&news, 1, 0) != 0) {
        drop_all();
    }
}

/* Everything the template depends on, as text: what is made in it, and which file the cache of
 * libraries is just now (it is replaced, not written, and a mount keeps the old one). NULL: no
 * memory. */
static char *layout_key(const struct jail_plan *p)
{
    char *key = malloc(KEY_MAX);
    struct bytes_text text;
    struct stat st = {0};

    if (key == NULL) {
        return NULL;
    }
    bytes_text_init(&text, key, KEY_MAX);
    for (size_t i = 0; i < p->dir_count; i++) {
        bytes_text_add(&text, "%s/\n", p->dir[i]);
    }
    for (size_t i = 0; i < p->file_count; i++) {
        bytes_text_add(&text, "%s\n", p->file[i]);
    }
    for (size_t i = 0; i < p->system_count; i++) {
        (void)stat(p->bind[i].outside, &st); /* if it is gone now, binding it will say so */
        bytes_text_add(&text, "%s %ju %ju\n", p->bind[i].outside, (uintmax_t)st.st_dev,
                       (uintmax_t)st.st_ino);
    }
    assert(!text.cut);
    return key;
}

static int fail(struct jail_report *report, int error)
{
    report->step = JAIL_STEP_TEMPLATE;
    report->error = error;
    return -1;
}

static int build(struct jail_birth *birth, int *ret_fd)
{
    struct jail_report *report = birth->report;

    report->made_fd = -1;
    pid_t pid = jail_spawn(jail_child_template, birth,
                           CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWNS | SIGCHLD, -1, NULL);
    if (pid < 0) {
        int error = errno;
        report->step = JAIL_STEP_CLONE;
        report->error = error;
        return -1;
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    int made = report->made_fd;
    if (report->error != 0 || report->step != JAIL_STEP_FREEZE) {
        fd_close(&made);
        return -1; /* without an error in the report it was killed */
    }
    *ret_fd = made;
    return 0;
}

int jail_template_get(struct jail_birth *birth, int *ret_fd)
{
    AUTO_FREE char *key = layout_key(birth->plan);
    int fd;

    if (key == NULL) {
        return fail(birth->report, ENOMEM);
    }
    refresh();
    for (size_t i = 0; i < JAIL_TEMPLATES_MAX; i++) {
        if (templates[i].key != NULL && strcmp(templates[i].key, key) == 0) {
            *ret_fd = templates[i].fd;
            return 0;
        }
    }
    char *kept = strdup(key);
    if (kept == NULL) {
        return fail(birth->report, ENOMEM);
    }
    if (build(birth, &fd) != 0) {
        free(kept);
        return -1;
    }
    struct template *t = &templates[oldest++ % JAIL_TEMPLATES_MAX];
    drop(t);
    *t = (struct template){.key = kept, .fd = fd};
    *ret_fd = fd;
    return 0;
}
