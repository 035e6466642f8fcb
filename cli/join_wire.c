#include "cli/join_wire.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/clock.h"
#include "common/run/fd.h"

enum {
    LENGTH = 2
};

/* Wait until fd is ready. */
static enum err wait_for(int fd, short events, uint64_t until_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (;;) {
        uint64_t now_ms = cli_clock_ms();
        if (now_ms >= until_ms) {
            return ERR_TIMEOUT;
        }
        int ready = poll(&p, 1, (int)(until_ms - now_ms));
        if (ready > 0) {
            return ERR_OK;
        }
        if (ready < 0 && errno != EINTR) {
            return err_from_errno(errno);
        }
    }
}

static enum err connect_one(const struct addrinfo *a, uint64_t until_ms, int *ret_fd)
{
    int why = 0;
    socklen_t size = sizeof why;
    AUTO_FD int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return err_from_errno(errno);
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
        return err_from_errno(errno);
    }
    enum err e = wait_for(fd, POLLOUT, until_ms);
    if (e == ERR_OK && (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0 || why != 0)) {
        e = why != 0 ? err_from_errno(why) : ERR_IO;
    }
    if (e == ERR_OK) {
        *ret_fd = fd_take(&fd);
    }
    return e;
}

enum err cli_join_wire_connect(const char *contact, uint64_t until_ms, int *ret_fd)
{
    struct addrinfo want = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *all = NULL;
    char host[CONTACT_SIZE], service[8];
    uint16_t port;
    enum err e = contact_parse(contact, host, &port);

    if (e != ERR_OK) {
        return e;
    }
    (void)snprintf(service, sizeof service, "%u", port);
    if (getaddrinfo(host, service, &want, &all) != 0) {
        return ERR_NOT_FOUND;
    }
    e = ERR_NOT_FOUND;
    for (const struct addrinfo *a = all; a != NULL && e != ERR_OK; a = a->ai_next) {
        e = connect_one(a, until_ms, ret_fd);
    }
    freeaddrinfo(all);
    return e;
}

enum err cli_join_wire_send(int fd, const uint8_t *frame, size_t size, uint64_t until_ms)
{
    uint8_t bytes[LENGTH + JOIN_FRAME_MAX];
    size_t sent = 0;

    bytes[0] = (uint8_t)(size >> 8);
    bytes[1] = (uint8_t)size;
    memcpy(bytes + LENGTH, frame, size);
    while (sent < LENGTH + size) {
        ssize_t more = send(fd, bytes + sent, LENGTH + size - sent, MSG_NOSIGNAL);
        if (more < 0 && errno != EAGAIN && errno != EINTR) {
            return ERR_PEER_DEAD;
        }
        sent += more > 0 ? (size_t)more : 0;
        enum err e = more < 0 ? wait_for(fd, POLLOUT, until_ms) : ERR_OK;
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

static enum err receive_all(int fd, uint8_t *out, size_t size, uint64_t until_ms)
{
    size_t got = 0;

    while (got < size) {
        enum err e = wait_for(fd, POLLIN, until_ms);
        if (e != ERR_OK) {
            return e;
        }
        ssize_t more = recv(fd, out + got, size - got, 0);
        if (more == 0 || (more < 0 && errno != EAGAIN && errno != EINTR)) {
            return ERR_PEER_DEAD;
        }
        got += more > 0 ? (size_t)more : 0;
    }
    return ERR_OK;
}

enum err cli_join_wire_receive(int fd, uint8_t out[JOIN_FRAME_MAX], size_t *ret_size, uint64_t until_ms)
{
    uint8_t length[LENGTH];
    enum err e = receive_all(fd, length, sizeof length, until_ms);
    size_t size = e == ERR_OK ? (size_t)(length[0] << 8 | length[1]) : 0;

    if (e == ERR_OK && (size == 0 || size > JOIN_FRAME_MAX)) {
        e = ERR_MALFORMED;
    }
    if (e == ERR_OK) {
        e = receive_all(fd, out, size, until_ms);
    }
    if (e == ERR_OK) {
        *ret_size = size;
    }
    return e;
}
