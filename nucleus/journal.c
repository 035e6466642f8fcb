#include "nucleus/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "nucleus/logs.h"

enum {
    JOURNAL_CHUNK = 64 * 1024,   /* read of one file in one turn               */
    JOURNAL_LINE_MAX = 8 * 1024, /* of one message; longer lines are cut here  */
    JOURNAL_FIELDS = 1024,
};

/* Where the copying of one instance's file stands. */
struct tail {
    int fd; /* 0: none, else the descriptor + 1 */
    off_t at;
};

static int journal_fd = -1;
static struct tail tails[NODE_INSTANCES_MAX];
static bool is_behind; /* the last look found something to copy: there may be more */

void journal_open(struct shell *s, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    (void)s;
    if (strlen(path) >= sizeof address.sun_path) {
        return;
    }
    (void)strcpy(address.sun_path, path);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        journal_fd = fd_take(&fd);
        log_info("NUCLEUS-JOURNAL", "path=%s", path);
    }
}

static void drop(struct tail *t)
{
    int fd = t->fd - 1;

    fd_close(&fd);
    *t = (struct tail){0};
}

void journal_forget(uint32_t slot)
{
    drop(&tails[slot]);
}

void journal_close(void)
{
    for (uint32_t i = 0; i < NODE_INSTANCES_MAX; i++) {
        drop(&tails[i]);
    }
    fd_close(&journal_fd);
}

/* syslog's severity of a line "time level ID …" (common/run/log.h); 6 for any other text. */
static int severity(const char *line, size_t len)
{
    static const struct {
        const char *word;
        int number;
    } known[] = {{" error ", 3}, {" warn ", 4}, {" info ", 6}, {" debug ", 7}};
    const char *space = memchr(line, ' ', len);

    for (size_t i = 0; space != NULL && i < ARRAY_LEN(known); i++) {
        size_t size = strlen(known[i].word);
        if (len - (size_t)(space - line) >= size && memcmp(space, known[i].word, size) == 0) {
            return known[i].number;
        }
    }
    return 6;
}

/* One line as one datagram; false: the journal is full now. */
static bool send_line(const struct node_instance *i, const char *line, size_t len)
{
    char fields[JOURNAL_FIELDS];
    int size = snprintf(fields, sizeof fields,
                        "PRIORITY=%d\nSYSLOG_IDENTIFIER=cell-%s\nCELL_NAME=%s\nCELL_NAMESPACE=%s\n"
                        "CELL_INSTANCE=%" PRIu32 "\nMESSAGE=", severity(line, len), i->name,
                        i->name, i->space, i->instance);
    char end = '\n';
    struct iovec part[] = {{fields, (size_t)size},
                           {(char *)line, len < JOURNAL_LINE_MAX ? len : JOURNAL_LINE_MAX},
                           {&end, 1}};
    struct msghdr message = {.msg_iov = part, .msg_iovlen = ARRAY_LEN(part)};

    if (sendmsg(journal_fd, &message, MSG_NOSIGNAL) >= 0) {
        return true;
    }
    if (errno != EAGAIN && errno != ENOBUFS) {
        log_warn("NUCLEUS-JOURNAL-LOST", "errno=%d action=files-only", errno);
        journal_close();
    }
    return false;
}

/* The file in place is another one than the one that is read: it was rotated, and the cell has gone
 * over to the new one. */
static bool is_rotated(const struct shell_slot *slot, int fd, const char *path)
{
    struct stat ours, theirs;

    return !slot->log_is_offered && fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
           (ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev);
}

/* Whether there was anything to copy. */
static bool copy(const struct shell_slot *slot, const struct node_instance *i, struct tail *t)
{
    static char chunk[JOURNAL_CHUNK]; /* one thread */
    char path[LOGS_PATH];

    logs_path(slot->shell, i, path);
    if (t->fd == 0) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct stat facts;
        if (fd < 0 || fstat(fd, &facts) != 0) {
            fd_close(&fd);
            return false;
        }
        /* A process of ours is copied from its first line on, an adopted one from now on. */
        *t = (struct tail){.fd = fd + 1,
                           .at = slot->is_child && slot->log_from <= (uint64_t)facts.st_size
                                     ? (off_t)slot->log_from : facts.st_size};
    }
    ssize_t got = pread(t->fd - 1, chunk, sizeof chunk, t->at);
    if (got <= 0) {
        if (is_rotated(slot, t->fd - 1, path)) {
            drop(t);
            int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            *t = (struct tail){.fd = fd < 0 ? 0 : fd + 1};
            return true;
        }
        return false;
    }
    const char *from = chunk;
    const char *end = chunk + got;
    for (const char *stop; (stop = memchr(from, '\n', (size_t)(end - from))) != NULL;
         from = stop + 1) {
        if (journal_fd < 0 || !send_line(i, from, (size_t)(stop - from))) {
            break;
        }
    }
    if (from == chunk && got == (ssize_t)sizeof chunk) {
        from = end; /* one line longer than a chunk: what a file may hold, a message may not */
    }
    t->at += from - chunk;
    return true;
}

bool journal_check(struct shell *s, bool is_written)
{
    if (!is_written && !is_behind) {
        return false;
    }
    is_behind = false;
    for (uint32_t k = 0; journal_fd >= 0 && k < node_slots(s->node); k++) {
        const struct node_instance *i = node_at(s->node, k);
        if (i != NULL && s->slots[k] != NULL) {
            is_behind |= copy(s->slots[k], i, &tails[k]);
        }
    }
    return is_behind;
}
