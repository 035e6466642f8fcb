#include "common/run/counters.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

static const struct {
    const char *name, *help;
} values[] = {
#define X(name, text, help) {text, help},
    COUNTERS_MAP(X)
#undef X
};

const char *counters_name(enum counters_value value)
{
    return values[value].name;
}

const char *counters_help(enum counters_value value)
{
    return values[value].help;
}

void counters_file(char *out, size_t size, const char *space, const char *cell, uint32_t instance)
{
    (void)snprintf(out, size, "%s.%s.%" PRIu32, space, cell, instance);
}

static bool is_page(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_size == COUNTERS_BYTES;
}

enum err counters_make(int dir_fd, const char *space, const char *cell, uint32_t instance,
                       uint64_t generation, int *ret_fd)
{
    char name[3 * COUNTERS_NAME];
    struct counters_page head = {.magic = COUNTERS_MAGIC, .version = COUNTERS_VERSION,
                                 .bytes = COUNTERS_BYTES, .generation = generation,
                                 .instance = instance};

    counters_file(name, sizeof name, space, cell, instance);
    (void)snprintf(head.space, sizeof head.space, "%s", space);
    (void)snprintf(head.cell, sizeof head.cell, "%s", cell);
    /* The file of the process before this one is used again: removing and making one is an eighth of what
     * it takes to put a spare into a dead one's place. */
    AUTO_FD int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    if (pwrite(fd, &head, sizeof head, 0) != (ssize_t)sizeof head) {
        return ERR_IO;
    }
    if (!is_page(fd)) { /* longer than ours, or no plain file */
        return ERR_MALFORMED;
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

struct counters_page *counters_map(int fd)
{
    if (!is_page(fd)) {
        return NULL;
    }
    struct counters_page *page =
        mmap(NULL, COUNTERS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return page == MAP_FAILED ? NULL : page;
}

void counters_unmap(struct counters_page *page)
{
    if (page != NULL) {
        (void)munmap(page, COUNTERS_BYTES);
    }
}

/* Terminate, and let nothing through that a name or a path cannot hold. */
static void clean(char *text, size_t size)
{
    static const char known[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@";

    text[size - 1] = '\0';
    for (size_t i = 0; text[i] != '\0'; i++) {
        text[i] = strchr(known, text[i]) != NULL ? text[i] : '?';
    }
}

enum err counters_read(int dir_fd, const char *name, struct counters_page *ret)
{
    AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0) {
        return errno == ENOENT ? ERR_NOT_FOUND : errno == ELOOP ? ERR_DENIED : err_from_errno(errno);
    }
    if (!is_page(fd)) {
        return ERR_MALFORMED;
    }
    struct counters_page copy; /* not *ret: on errors it is untouched */
    if (pread(fd, &copy, sizeof copy, 0) != (ssize_t)sizeof copy || copy.magic != COUNTERS_MAGIC) {
        return ERR_MALFORMED;
    }
    if (copy.version != COUNTERS_VERSION || copy.bytes != COUNTERS_BYTES) {
        return ERR_INCOMPATIBLE;
    }
    clean(copy.space, sizeof copy.space);
    clean(copy.cell, sizeof copy.cell);
    for (size_t i = 0; i < COUNTERS_ROWS; i++) {
        clean(copy.row[i].peer, sizeof copy.row[i].peer);
    }
    *ret = copy;
    return ERR_OK;
}
