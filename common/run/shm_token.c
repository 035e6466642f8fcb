#include "common/run/shm_token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "common/run/fd.h"

enum {
    TOKEN_MODE = 0600,
    TOKEN_MODE_MASK = 07777,
};

enum err shm_token_read(int dir_fd, const char *path, uid_t owner, uint8_t key[SHM_KEY_LEN])
{
    struct stat st;
    uint8_t bytes[SHM_KEY_LEN + 1]; /* + 1: a longer file is seen, whatever size it claims */
    size_t len = 0;
    /* O_NONBLOCK: opening a pipe that somebody put there must not hang. */
    AUTO_FD int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return errno == ELOOP ? ERR_DENIED : err_from_errno(errno);
    }
    if (fstat(fd, &st) != 0) {
        return err_from_errno(errno);
    }
    if (!S_ISREG(st.st_mode) || st.st_uid != owner || (st.st_mode & TOKEN_MODE_MASK) != TOKEN_MODE ||
        st.st_nlink != 1) {
        return ERR_DENIED;
    }
    enum err e = fd_read_all(fd, bytes, sizeof bytes, &len);
    if (e == ERR_OK && len != SHM_KEY_LEN) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK) {
        memcpy(key, bytes, SHM_KEY_LEN);
    }
    sodium_memzero(bytes, sizeof bytes);
    return e;
}

enum err shm_token_make(int dir_fd, const char *name)
{
    uint8_t key[SHM_KEY_LEN];

    if (sodium_init() < 0) {
        return ERR_UNSUPPORTED;
    }
    randombytes_buf(key, sizeof key);
    enum err e = fd_replace_file(dir_fd, name, key, sizeof key, TOKEN_MODE);
    sodium_memzero(key, sizeof key);
    return e;
}
