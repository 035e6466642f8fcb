#include <errno.h>
#include <fcntl.h>
#include <sodium.h>

#include "common/node/handed.h"
#include "common/node/keys.h"
#include "common/run/fd.h"

enum err keys_load(int fd, struct node_keys *ret)
{
    uint8_t bytes[NODE_KEYS_PACKED + 1]; /* + 1: a longer file is seen, whatever size it claims */
    size_t len = 0;
    enum err e = handed_read(fd, bytes, sizeof bytes, &len);

    e = e == ERR_LIMIT ? ERR_MALFORMED : e;
    if (e == ERR_OK) {
        e = keys_unpack(bytes, len, ret);
    }
    sodium_memzero(bytes, sizeof bytes);
    return e;
}

enum err keys_take(int given, const char *path, struct node_keys *ret, const char **ret_why)
{
    AUTO_FD int fd = given;

    *ret_why = "they are in no form that this version knows";
    if (fd < 0 && *path == '\0') {
        *ret_why = "this node is in no cluster: run cell init or cell join";
        return ERR_PRECONDITION;
    }
    if (fd < 0) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0) {
        *ret_why = "the file cannot be opened";
        return err_from_errno(errno);
    }
    return keys_load(fd, ret);
}
