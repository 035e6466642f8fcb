#include "nucleus/version.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    VERSION_CACHE = 64,     /* programs remembered: a node has a dozen or two */
    VERSION_CHUNK = 1 << 13
};

struct version_known {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
    uint8_t hash[crypto_generichash_BYTES];
};

static struct version_known known[VERSION_CACHE];
static size_t next;

static bool is_same(const struct version_known *k, const struct stat *facts)
{
    return k->inode == facts->st_ino && k->device == facts->st_dev && k->size == facts->st_size &&
           k->changed.tv_sec == facts->st_ctim.tv_sec &&
           k->changed.tv_nsec == facts->st_ctim.tv_nsec;
}

static enum err hash_file(int fd, uint8_t out[crypto_generichash_BYTES])
{
    uint8_t chunk[VERSION_CHUNK];
    crypto_generichash_state state;
    ssize_t got;

    (void)crypto_generichash_init(&state, NULL, 0, crypto_generichash_BYTES);
    while ((got = read(fd, chunk, sizeof chunk)) > 0) {
        (void)crypto_generichash_update(&state, chunk, (size_t)got);
    }
    (void)crypto_generichash_final(&state, out, crypto_generichash_BYTES);
    return got < 0 ? err_from_errno(errno) : ERR_OK;
}

static enum err hash_program(const char *path, uint8_t out[crypto_generichash_BYTES])
{
    struct stat facts;

    if (stat(path, &facts) != 0) {
        return err_from_errno(errno);
    }
    for (size_t i = 0; i < VERSION_CACHE; i++) {
        if (is_same(&known[i], &facts)) {
            memcpy(out, known[i].hash, crypto_generichash_BYTES);
            return ERR_OK;
        }
    }
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &facts) != 0) {
        return err_from_errno(errno);
    }
    enum err e = hash_file(fd, out);
    if (e == ERR_OK) {
        struct version_known *k = &known[next++ % VERSION_CACHE];
        *k = (struct version_known){.device = facts.st_dev, .inode = facts.st_ino,
                                    .size = facts.st_size, .changed = facts.st_ctim};
        memcpy(k->hash, out, crypto_generichash_BYTES);
    }
    return e;
}

enum err version_now(const struct manifest_cell *cell, uint64_t *ret)
{
    uint8_t program[crypto_generichash_BYTES];
    uint64_t value = 0;
    enum err e = hash_program(cell->exec, program);

    if (e != ERR_OK) {
        return e;
    }
    memcpy(&value, program, sizeof value);
    /* Two hashes mixed: the factor is odd, so one changed input always changes the sum, and a mere
     * exchange of the two does not cancel out. Cheap, since a status asks it for every instance. */
    *ret = value + cell->hash * UINT64_C(0x9e3779b97f4a7c15);
    return ERR_OK;
}
