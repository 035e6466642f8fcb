#include "common/node/handed.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"

enum { LENGTH = 4 /* bytes of the length before each text */ };

enum err handed_read(int fd, uint8_t *out, size_t room, size_t *ret_size)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = pread(fd, out + size, room - size, (off_t)size);
        if (got < 0 && errno != EINTR) {
            return err_from_errno(errno);
        }
        if (got == 0) {
            *ret_size = size;
            return ERR_OK;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return ERR_LIMIT;
}

enum err handed_split(const uint8_t *bytes, size_t size, struct handed_part ret[], size_t count)
{
    const uint8_t *at = bytes;

    for (size_t i = 0; i < count; i++) {
        size_t left = size - (size_t)(at - bytes);
        ret[i].size = left >= LENGTH ? bytes_get_be32(at) : 0;
        if (left < LENGTH || ret[i].size > left - LENGTH) {
            return ERR_MALFORMED;
        }
        ret[i].at = at + LENGTH;
        at += LENGTH + ret[i].size;
    }
    return ERR_OK;
}

enum err handed_text(const uint8_t *at, size_t size, char *out, size_t room)
{
    if (size >= room || memchr(at, 0, size) != NULL) {
        return ERR_MALFORMED;
    }
    memcpy(out, at, size);
    out[size] = '\0';
    return ERR_OK;
}
