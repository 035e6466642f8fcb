#include "nodosum/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"

enum { MAGIC = 8, AT_INCARNATION = MAGIC, AT_SUM = MAGIC + 8, SIZE = MAGIC + 8 + 4 };

static const char file_name[] = "incarnation";
static const char magic[] = "CELLNODI";

static enum err write_file(struct nodosum_store *s, uint64_t incarnation)
{
    uint8_t bytes[SIZE];

    memcpy(bytes, magic, MAGIC);
    bytes_put_be64(bytes + AT_INCARNATION, incarnation);
    bytes_put_be32(bytes + AT_SUM, bytes_crc32c(0, bytes, AT_SUM));
    enum err e = fd_replace_file(s->dir_fd, file_name, bytes, sizeof bytes, 0600);
    if (e == ERR_OK) {
        s->reserved = incarnation;
    }
    return e;
}

/* 0: there is none, or it is not what was written. */
static uint64_t read_file(int dir_fd)
{
    AUTO_FREE char *text = NULL;
    size_t size;

    if (fd_read_file(dir_fd, file_name, SIZE, &text, &size) != ERR_OK || size != SIZE ||
        memcmp(text, magic, MAGIC) != 0 ||
        bytes_get_be32((const uint8_t *)text + AT_SUM) != bytes_crc32c(0, text, AT_SUM)) {
        return 0;
    }
    uint64_t incarnation = bytes_get_be64((const uint8_t *)text + AT_INCARNATION);
    return incarnation <= NODOSUM_INCARNATION_MAX - NODOSUM_STORE_AHEAD ? incarnation : 0;
}

enum err nodosum_store_open(struct nodosum_store *s, const char *path, uint64_t now_s, uint64_t *ret_incarnation)
{
    *s = (struct nodosum_store){.dir_fd = -1};
    *ret_incarnation = now_s > 0 && now_s < NODOSUM_INCARNATION_MAX / 2 ? now_s : 1;
    if (*path == '\0') {
        return ERR_OK;
    }
    s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0) {
        return err_from_errno(errno);
    }
    uint64_t stored = read_file(s->dir_fd);
    *ret_incarnation = stored > 0 ? stored + 1 : *ret_incarnation;
    enum err e = write_file(s, *ret_incarnation + NODOSUM_STORE_AHEAD);
    if (e != ERR_OK) {
        nodosum_store_close(s);
    }
    return e;
}

enum err nodosum_store_use(struct nodosum_store *s, uint64_t incarnation)
{
    if (s->dir_fd < 0 || incarnation < s->reserved ||
        incarnation > NODOSUM_INCARNATION_MAX - NODOSUM_STORE_AHEAD) {
        return ERR_OK;
    }
    return write_file(s, incarnation + NODOSUM_STORE_AHEAD);
}

void nodosum_store_close(struct nodosum_store *s)
{
    if (s->dir_fd >= 0) {
        fd_close(&s->dir_fd);
    }
    s->dir_fd = -1;
}
