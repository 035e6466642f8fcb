/* Two system calls with one error number changed, for the sake of nng.
 *
 * nng 1.5.2 gives up a listener for good when a client hangs up while they shake hands: EPIPE
 * becomes NNG_ECLOSED, which it takes for the end of the listener itself (listener_accept_cb in its
 * core/listener.c). The socket stays, new connections are accepted and never served. A cell that is
 * killed in the wrong microsecond would silence the door it knocked at. An orderly hang-up costs
 * the listener a pause of 100 ms. ECONNRESET is the one error after which it goes on at once, and
 * means the same to everybody else.
 *
 * libnng.so finds these definitions because the dynamic linker looks in the program first. */
#include "common/run/epipe.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    ssize_t sent = syscall(SYS_sendmsg, fd, message, flags);

    if (sent < 0 && errno == EPIPE) {
        errno = ECONNRESET;
    }
    return sent;
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
    ssize_t got = syscall(SYS_readv, fd, parts, count);
    int type;
    socklen_t size = sizeof type;

    if (got == 0 && count > 0 && parts[0].iov_len > 0 &&
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0) {
        errno = ECONNRESET; /* the end of a stream; the end of a file stays what it is */
        return -1;
    }
    return got;
}

bool epipe_is_in_force(void)
{
    return dlsym(RTLD_DEFAULT, "sendmsg") == (void *)sendmsg &&
           dlsym(RTLD_DEFAULT, "readv") == (void *)readv;
}
