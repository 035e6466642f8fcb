#include "nucleus/version.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "common/run/log.h"

enum {
    VERSION_MAGIC = 0x56455253, /* "SREV" in the file; another layout is another number */
    VERSION_CACHE = 64,     /* programs remembered: a node has a dozen or two */
    VERSION_CHUNK = 1 << 13,
    VERSION_SETTLED_NS = 100000000, /* change times tick every 1 to 10 ms, by the kernel's HZ */
};

struct version_known {
    struct version_file file;
    uint64_t hash; /* the first 8 bytes of BLAKE2b */
};

/* As it is in the file: a successor that had to read every program again would do little else until it
 * could tell how its cells are. */
static struct version_memory {
    uint32_t magic;
    uint32_t crc; /* of what follows */
    uint64_t next;
    struct version_known known[VERSION_CACHE];
} memory;
static int keep_dir_fd = -1; /* borrowed */

static uint32_t memory_crc(const struct version_memory *m)
{
    size_t from = offsetof(struct version_memory, crc) + sizeof m->crc;

    return bytes_crc32c(0, (const char *)m + from, sizeof *m - from);
}

void version_open(int dir_fd)
{
    struct version_memory found;
    AUTO_FD int fd = openat(dir_fd, "programs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    keep_dir_fd = dir_fd;
    if (fd >= 0 && pread(fd, &found, sizeof found, 0) == (ssize_t)sizeof found &&
        found.magic == VERSION_MAGIC && found.crc == memory_crc(&found)) {
        memory = found;
    }
}

/* No fsync and no rename: what is damaged is made again. */
static void keep(void)
{
    if (keep_dir_fd < 0) {
        return;
    }
    AUTO_FD int fd = openat(keep_dir_fd, "programs", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    memory.magic = VERSION_MAGIC;
    memory.crc = memory_crc(&memory);
    if (fd < 0 || pwrite(fd, &memory, sizeof memory, 0) != (ssize_t)sizeof memory) {
        log_warn("NUCLEUS-PROGRAMS", "errno=%d action=a-successor-reads-them-again", errno);
    }
}

static struct version_file file_of(const struct stat *facts)
{
    return (struct version_file){
        .device = facts->st_dev,
        .inode = facts->st_ino,
        .size = (uint64_t)facts->st_size,
        .changed_ns = (uint64_t)facts->st_ctim.tv_sec * 1000000000u + (uint64_t)facts->st_ctim.tv_nsec,
    };
}

static bool is_same(const struct version_file *a, const struct version_file *b)
{
    return a->inode == b->inode && a->device == b->device && a->size == b->size &&
           a->changed_ns == b->changed_ns;
}

static enum err hash_file(int fd, uint64_t *ret)
{
    uint8_t chunk[VERSION_CHUNK], hash[crypto_generichash_BYTES];
    crypto_generichash_state state;
    ssize_t got;

    (void)crypto_generichash_init(&state, NULL, 0, sizeof hash);
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        (void)crypto_generichash_update(&state, chunk, (size_t)got);
    }
    if (got < 0) {
        return err_from_errno(errno);
    }
    (void)crypto_generichash_final(&state, hash, sizeof hash);
    memcpy(ret, hash, sizeof *ret);
    return ERR_OK;
}

/* Whether the file has been as it is for longer than the clock of change times ticks: a change that comes
 * within one tick of the last would leave no trace, and a remembered hash would be wrong for ever. */
static bool is_settled(const struct version_file *file)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with these arguments */
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return now_ns > file->changed_ns + VERSION_SETTLED_NS;
}

static const struct version_known *find(const struct version_file *file)
{
    for (size_t i = 0; i < VERSION_CACHE; i++) {
        if (is_same(&memory.known[i].file, file)) {
            return &memory.known[i];
        }
    }
    return NULL;
}

/* Hash the program at `path`, which was `file` when it was looked at. */
static enum err hash_program(const char *path, const struct version_file *file, uint64_t *ret)
{
    const struct version_known *k = find(file);
    struct stat facts;

    if (k != NULL) {
        *ret = k->hash;
        return ERR_OK;
    }
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        return err_from_errno(errno);
    }
    struct version_file opened = file_of(&facts);
    enum err e = is_same(&opened, file) ? hash_file(fd, ret) : ERR_ABORTED;
    if (e == ERR_OK && is_settled(file)) {
        memory.known[memory.next++ % VERSION_CACHE] = (struct version_known){*file, *ret};
        keep();
    }
    return e;
}

enum err version_look(const struct manifest_cell *cell, struct version_file *ret)
{
    struct stat facts;

    if (stat(cell->exec, &facts) != 0) {
        return err_from_errno(errno);
    }
    *ret = file_of(&facts);
    return ERR_OK;
}

enum err version_now(const struct manifest_cell *cell, const struct version_file *started,
                     uint64_t *ret)
{
    uint64_t program = 0;
    struct version_file file = {0};
    enum err e = version_look(cell, &file);

    if (e == ERR_OK && started != NULL && !is_same(&file, started)) {
        e = ERR_ABORTED;
    }
    if (e == ERR_OK) {
        e = hash_program(cell->exec, &file, &program);
    }
    if (e != ERR_OK) {
        return e;
    }
    /* Two hashes mixed: the factor is odd, so one changed input always changes the sum, and a mere
     * exchange of the two does not cancel out. Cheap, since a status asks it for every instance. */
    *ret = program + cell->hash * UINT64_C(0x9e3779b97f4a7c15);
    return ERR_OK;
}
