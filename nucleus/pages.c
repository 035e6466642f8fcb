#include "nucleus/pages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/counters.h"
#include "common/run/fd.h"

/* The directory, made if need be, by a descriptor that stays; -1 and errno. */
static int dir_of(struct shell *s)
{
    char path[SHELL_PATH_SIZE + sizeof COUNTERS_DIR + 1];

    if (s->pages_fd >= 0) {
        return s->pages_fd;
    }
    (void)snprintf(path, sizeof path, "%s/" COUNTERS_DIR, s->run_dir);
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        s->pages_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    return s->pages_fd;
}

int pages_make(struct shell *s, const struct manifest_cell *cell, uint32_t instance,
               uint64_t generation)
{
    int dir = dir_of(s), fd = -1;
    enum err e = dir < 0 ? err_from_errno(errno)
                         : counters_make(dir, cell->space, cell->name, instance, generation, &fd);

    if (e != ERR_OK) {
        log_warn("NUCLEUS-PAGE", "cell=%s/%s.%" PRIu32 " error=%s action=started-without", cell->space,
                 cell->name, instance, err_name(e));
        return -1;
    }
    return fd;
}

/* Whether "default.greeter.0" names an instance of this node. */
static bool is_known(const struct shell *s, const char *name)
{
    char text[NAME_REF_SIZE];
    struct name_ref ref;
    const char *dot = strchr(name, '.');

    if (dot == NULL || strlen(name) >= sizeof text) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%.*s/%s", (int)(dot - name), name, dot + 1);
    return name_ref_parse(text, &ref) == ERR_OK && ref.instance >= 0 &&
           node_find(s->node, ref.space, ref.cell, (uint32_t)ref.instance) >= 0;
}

/* Remove what the node does not know; or all. */
static void sweep(struct shell *s, bool is_all)
{
    int fd = dir_of(s) < 0 ? -1 : openat(s->pages_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir == NULL) {
        fd_close(&fd);
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.' && (is_all || !is_known(s, entry->d_name))) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

void pages_sweep(struct shell *s)
{
    sweep(s, false);
}

void pages_remove(struct shell *s)
{
    char path[SHELL_PATH_SIZE + sizeof COUNTERS_DIR + 1];

    sweep(s, true);
    fd_close(&s->pages_fd);
    (void)snprintf(path, sizeof path, "%s/" COUNTERS_DIR, s->run_dir);
    (void)rmdir(path);
}
