#include "common/base/err.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static const struct {
    const char *name;
    const char *text;
    const char *canonical;
    uint32_t wire;
    uint32_t code;
} map[] = {
#define X(name, wire, code, canonical, text) [ERR_##name] = {#name, text, #canonical, wire, code},
    ERR_MAP(X)
#undef X
};

const char *err_name(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return map[e].name;
}

const char *err_text(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return map[e].text;
}

uint32_t err_to_wire(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return map[e].wire;
}

enum err err_from_wire(uint32_t wire)
{
    for (size_t i = 0; i < ERR_COUNT; i++) {
        if (map[i].wire == wire) {
            return (enum err)i;
        }
    }
    return ERR_FAULT;
}

uint32_t err_canonical_code(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return map[e].code;
}

const char *err_canonical_name(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return map[e].canonical;
}

enum err err_from_errno(int errno_value)
{
    switch (errno_value) {
    case 0:
        return ERR_OK;
    case ENOMEM:
        return ERR_NOMEM;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOSPC:
    case EDQUOT:
    case EMSGSIZE:
    case E2BIG:
    case EFBIG:
    case ENAMETOOLONG:
        return ERR_LIMIT;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOENT:
    case ESRCH:
    case ENODEV:
        return ERR_NOT_FOUND;
    case EEXIST:
    case EADDRINUSE:
        return ERR_EXISTS;
    case EINVAL:
    case EDOM:
        return ERR_INVALID;
    case ERANGE:
        return ERR_RANGE;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EAGAIN:
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
        return ERR_UNAVAILABLE;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return ERR_PEER_DEAD;
    case ECANCELED:
        return ERR_CANCELLED;
    case ENOSYS:
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
        return ERR_UNSUPPORTED;
    default:
        return ERR_IO;
    }
}

bool err_is_transient(enum err e)
{
    return e == ERR_UNAVAILABLE || e == ERR_PEER_DEAD || e == ERR_TIMEOUT || e == ERR_ABORTED ||
           e == ERR_LIMIT;
}
