#include "common/run/shm_half.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/fd.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

enum {
    HALF_SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
};

/* The part that every call touches is made present at once; loans and rings when they are used. A
 * kernel that cannot (EINVAL) does it on first touch. */
static void populate(void *map, const struct shm_shape_header *header, int how)
{
    (void)madvise(map, header->request_loans_at, how);
}

static int open_memory(void)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("cell-shm", flags | MFD_NOEXEC_SEAL);

    return fd >= 0 || errno != EINVAL ? fd : memfd_create("cell-shm", flags);
}

/* Its size, by a byte at its end: a sandbox need not allow ftruncate for it, which would also cut the log
 * that every cell has open. */
static enum err set_size(int fd, uint64_t bytes)
{
    char zero = 0;

    if (lseek(fd, (off_t)bytes - 1, SEEK_SET) < 0 || write(fd, &zero, 1) != 1) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

enum err shm_half_make(const struct shm_shape_header *header, int *ret_fd, void **ret_map)
{
    AUTO_FD int fd = open_memory();

    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = set_size(fd, header->half_bytes);
    if (e != ERR_OK) {
        return e;
    }
    void *map = mmap(NULL, header->half_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return err_from_errno(errno);
    }
    populate(map, header, MADV_POPULATE_WRITE);
    memcpy(map, header, sizeof *header);
    /* After our own mapping, which may go on writing: from here on nobody else's can. */
    if (fcntl(fd, F_ADD_SEALS, HALF_SEALS) != 0) {
        (void)munmap(map, header->half_bytes);
        return ERR_UNSUPPORTED;
    }
    *ret_fd = fd_take(&fd);
    *ret_map = map;
    return ERR_OK;
}

/* Whether the descriptor is sealed shared memory of `owner`, and how large. The seals are asked for
 * first: only memory has them, and fstat of a file of the peer's own file system might never return. */
static enum err judge(int fd, const uid_t *owner, uint64_t *ret_size)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals < 0 || (seals & HALF_SEALS) != HALF_SEALS) {
        return ERR_DENIED;
    }
    if (fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    /* Huge pages can run out under a mapping; ordinary memory cannot. */
    if (!S_ISREG(st.st_mode) || st.st_blksize != SHM_SHAPE_PAGE ||
        (owner != NULL && st.st_uid != *owner)) {
        return ERR_DENIED;
    }
    *ret_size = st.st_size < 0 ? 0 : (uint64_t)st.st_size;
    return ERR_OK;
}

/* Once, into memory that the peer cannot reach. */
static struct shm_shape_header copy_header(const void *map)
{
    struct shm_shape_header copy;
    const volatile uint64_t *from = map;
    uint64_t word[sizeof copy / sizeof(uint64_t)];

    for (size_t i = 0; i < ARRAY_LEN(word); i++) {
        word[i] = from[i];
    }
    memcpy(&copy, word, sizeof copy);
    return copy;
}

enum err shm_half_take(int fd, const struct shm_shape_header *wanted, uid_t owner,
                       const void **ret_map)
{
    uint64_t size = 0;
    enum err e = judge(fd, &owner, &size);

    if (e != ERR_OK) {
        return e;
    }
    if (size != wanted->half_bytes) {
        return ERR_INVALID;
    }
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return err_from_errno(errno);
    }
    struct shm_shape_header copy = copy_header(map);
    e = shm_shape_match(&copy, wanted);
    if (e != ERR_OK) {
        (void)munmap(map, size);
        return e;
    }
    populate(map, wanted, MADV_POPULATE_READ);
    *ret_map = map;
    return ERR_OK;
}

enum err shm_half_counters(int fd, struct shm_counters *ret)
{
    struct shm_shape shape;
    uint64_t size = 0;
    enum { HEAD = 3 * SHM_SHAPE_PAGE }; /* header, doorbell, counters */
    enum err e = judge(fd, NULL, &size);

    if (e != ERR_OK) {
        return e;
    }
    if (size < HEAD) {
        return ERR_INVALID;
    }
    char *map = mmap(NULL, HEAD, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        return err_from_errno(errno);
    }
    struct shm_shape_header copy = copy_header(map);
    e = shm_shape_read(&copy, size, &shape);
    if (e == ERR_OK) {
        memcpy(ret, map + shm_shape_plan(&shape).counters_at, sizeof *ret);
    }
    (void)munmap(map, HEAD);
    return e;
}
