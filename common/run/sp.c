#include "common/run/sp.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include <protobuf-c/protobuf-c.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "common/run/sp_wire.h"

enum {
    SP_DISCARD_CHUNK = 4096, /* bytes read at a time from a reply that is not ours */
    SP_NAMES_MAX = 1024,     /* characters of a fingerprint's input: five names    */
};

/* ---- time -------------------------------------------------------------------------------------- */

static uint64_t now_us(void)
{
    struct timespec ts;

    if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0) {
        return UINT64_MAX; /* cannot happen; every deadline is over rather than none */
    }
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t deadline_after(uint32_t timeout_ms)
{
    return now_us() + (uint64_t)timeout_ms * 1000;
}

/* Wait until fd is ready for `events` or has failed. ERR_TIMEOUT at the deadline. */
static enum err wait_for(int fd, short events, uint64_t deadline_us)
{
    struct pollfd p = {.fd = fd, .events = events};

    for (uint64_t now = now_us(); now < deadline_us; now = now_us()) {
        /* Rounded up: a wait of 0 ms with some time left would spin. */
        uint64_t left_ms = (deadline_us - now + 999) / 1000;
        int n = poll(&p, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
        if (n > 0) {
            return ERR_OK;
        }
        if (n < 0 && errno != EINTR) {
            return err_from_errno(errno);
        }
    }
    return ERR_TIMEOUT;
}

/* ---- bytes ------------------------------------------------------------------------------------- */

/* After `fd` took or gave nothing: wait and go on, or say why not. */
static enum err after_stall(int fd, short events, uint64_t deadline_us)
{
    if (errno == EINTR) {
        return ERR_OK;
    }
    if (errno == EAGAIN) {
        return wait_for(fd, events, deadline_us);
    }
    return err_from_errno(errno);
}

static enum err receive_all(int fd, uint8_t *out, size_t size, uint64_t deadline_us)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = recv(fd, out + done, size - done, MSG_DONTWAIT);
        if (got == 0) {
            return ERR_PEER_DEAD;
        }
        if (got > 0) {
            done += (size_t)got;
            /* A peer that sends a byte now and then must not stretch the deadline. */
            if (done < size && now_us() >= deadline_us) {
                return ERR_TIMEOUT;
            }
            continue;
        }
        enum err e = after_stall(fd, POLLIN, deadline_us);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Read and drop, without memory for it. */
static enum err discard(int fd, size_t size, uint64_t deadline_us)
{
    uint8_t chunk[SP_DISCARD_CHUNK];

    while (size > 0) {
        size_t part = size < sizeof chunk ? size : sizeof chunk;
        enum err e = receive_all(fd, chunk, part, deadline_us);
        if (e != ERR_OK) {
            return e;
        }
        size -= part;
    }
    return ERR_OK;
}

/* Send head and data as one stream of bytes; MSG_NOSIGNAL: a dead peer is an error, not a signal. */
static enum err send_all(int fd, const uint8_t *head, size_t head_size, const uint8_t *data,
                         size_t size, uint64_t deadline_us)
{
    size_t done = 0;

    while (done < head_size + size) {
        size_t head_done = done < head_size ? done : head_size;
        struct iovec part[2] = {
            {(void *)(head + head_done), head_size - head_done},
            {(void *)(data + (done - head_done)), size - (done - head_done)},
        };
        struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};
        ssize_t put = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put >= 0) {
            done += (size_t)put;
            if (done < head_size + size && now_us() >= deadline_us) {
                return ERR_TIMEOUT;
            }
            continue;
        }
        enum err e = after_stall(fd, POLLOUT, deadline_us);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* ---- connection -------------------------------------------------------------------------------- */

static enum err connect_error(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EAGAIN: /* the send timeout ran out while the listener's queue was full */
        return ERR_TIMEOUT;
    case EPROTOTYPE: /* a socket of another type listens there */
        return ERR_MALFORMED;
    default:
        return err_from_errno(errno_value);
    }
}

/* connect(2) until the deadline. A Unix socket whose listener's queue is full cannot be waited for
 * with poll: the blocking call with a send timeout is the one way. */
static enum err connect_until(int fd, const struct sockaddr_un *at, uint64_t deadline_us)
{
    for (;;) {
        uint64_t now = now_us();
        uint64_t left_us = now < deadline_us ? deadline_us - now : 1; /* 0 would mean for ever */
        struct timeval left = {.tv_sec = (time_t)(left_us / 1000000),
                               .tv_usec = (suseconds_t)(left_us % 1000000)};
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &left, sizeof left) != 0) {
            return err_from_errno(errno);
        }
        if (connect(fd, (const struct sockaddr *)at, sizeof *at) == 0) {
            return ERR_OK;
        }
        if (errno != EINTR) {
            return connect_error(errno);
        }
    }
}

static enum err shake_hands(int fd, uint64_t deadline_us)
{
    uint8_t mine[SP_WIRE_HELLO_LEN], theirs[SP_WIRE_HELLO_LEN];

    sp_wire_hello_put(mine);
    enum err e = send_all(fd, mine, sizeof mine, NULL, 0, deadline_us);
    if (e == ERR_OK) {
        e = receive_all(fd, theirs, sizeof theirs, deadline_us);
    }
    if (e == ERR_OK && !sp_wire_hello_is_rep(theirs)) {
        e = ERR_MALFORMED;
    }
    return e;
}

enum err sp_connect(const char *path, uint32_t timeout_ms, int *ret_fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    uint64_t deadline_us = deadline_after(timeout_ms);

    static_assert(sizeof at.sun_path == SP_PATH_MAX + 1, "a path and its terminator fit");
    size_t len = strnlen(path, sizeof at.sun_path);
    if (len == 0 || len > SP_PATH_MAX) {
        return ERR_MALFORMED;
    }
    memcpy(at.sun_path, path, len);
    AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err e = connect_until(fd, &at, deadline_us);
    if (e == ERR_OK) {
        e = shake_hands(fd, deadline_us);
    }
    if (e == ERR_OK) {
        *ret_fd = fd_take(&fd);
    }
    return e;
}

/* ---- one request ------------------------------------------------------------------------------- */

/* Read one message. *ret stays NULL when it answers another request (a late answer to one that was
 * given up, or a stranger's). */
static enum err receive_one(int fd, uint32_t id, uint64_t deadline_us, uint8_t **ret,
                            size_t *ret_size)
{
    uint8_t frame[SP_WIRE_FRAME_LEN], word[SP_WIRE_ID_LEN];
    size_t size;

    enum err e = receive_all(fd, frame, sizeof frame, deadline_us);
    if (e == ERR_OK) {
        e = sp_wire_frame_get(frame, &size);
    }
    if (e == ERR_OK) {
        e = receive_all(fd, word, sizeof word, deadline_us);
    }
    if (e != ERR_OK) {
        return e;
    }
    size -= sizeof word;
    if (!sp_wire_id_is(word, id)) {
        return discard(fd, size, deadline_us);
    }
    AUTO_FREE uint8_t *data = malloc(size + 1); /* + 1: an empty reply is a reply */
    if (data == NULL) {
        return ERR_NOMEM;
    }
    e = receive_all(fd, data, size, deadline_us);
    if (e == ERR_OK) {
        *ret = take_ptr(&data);
        *ret_size = size;
    }
    return e;
}

static enum err exchange_until(int fd, const uint8_t *data, size_t size, uint64_t deadline_us,
                               uint8_t **ret, size_t *ret_size)
{
    uint8_t head[SP_WIRE_HEAD_LEN];
    uint32_t id = randombytes_random();
    uint8_t *reply = NULL;

    if (size > SP_MESSAGE_MAX) {
        return ERR_LIMIT;
    }
    sp_wire_head_put(id, size, head);
    enum err e = send_all(fd, head, sizeof head, data, size, deadline_us);
    while (e == ERR_OK && reply == NULL) {
        e = receive_one(fd, id, deadline_us, &reply, ret_size);
        /* A flood of foreign replies never blocks, so the deadline is looked at here as well. */
        if (e == ERR_OK && reply == NULL && now_us() >= deadline_us) {
            e = ERR_TIMEOUT;
        }
    }
    if (e == ERR_OK) {
        *ret = reply;
    }
    return e;
}

enum err sp_exchange(int fd, const uint8_t *data, size_t size, uint32_t timeout_ms, uint8_t **ret,
                     size_t *ret_size)
{
    size_t got;

    assert(data != NULL || size == 0);
    enum err e = exchange_until(fd, data, size, deadline_after(timeout_ms), ret, &got);
    if (e == ERR_OK) {
        *ret_size = got;
    }
    return e;
}

enum err sp_ask_packed(int fd, uint32_t operation, uint64_t schema, const uint8_t *body,
                       size_t body_size, uint32_t timeout_ms, uint8_t **ret_body,
                       size_t *ret_body_size, char text[SP_TEXT_SIZE])
{
    return sp_ask_packed_routed(fd, "", operation, schema, body, body_size, timeout_ms, ret_body, ret_body_size, text);
}

enum err sp_ask_packed_routed(int fd, const char *route, uint32_t operation, uint64_t schema, const uint8_t *body,
                              size_t body_size, uint32_t timeout_ms, uint8_t **ret_body, size_t *ret_body_size,
                              char text[SP_TEXT_SIZE])
{
    AUTO_FREE uint8_t *request = NULL;
    AUTO_FREE uint8_t *reply = NULL;
    uint64_t deadline_us = deadline_after(timeout_ms);
    size_t request_size = 0, reply_size = 0;

    text[0] = '\0';
    enum err e = sp_wire_request_pack(route, operation, schema, body, body_size, timeout_ms, &request,
                                      &request_size);
    if (e == ERR_OK) {
        e = exchange_until(fd, request, request_size, deadline_us, &reply, &reply_size);
    }
    if (e == ERR_OK) {
        e = sp_wire_reply_parse(reply, reply_size, ret_body, ret_body_size, text);
    }
    return e;
}

enum err sp_ask(int fd, uint32_t operation, uint64_t schema, const ProtobufCMessage *request,
                const ProtobufCMessageDescriptor *reply_type, uint32_t timeout_ms,
                ProtobufCMessage **ret, char text[SP_TEXT_SIZE])
{
    return sp_ask_routed(fd, "", operation, schema, request, reply_type, timeout_ms, ret, text);
}

enum err sp_ask_routed(int fd, const char *route, uint32_t operation, uint64_t schema, const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *reply_type, uint32_t timeout_ms, ProtobufCMessage **ret,
                       char text[SP_TEXT_SIZE])
{
    AUTO_FREE uint8_t *body = NULL;
    AUTO_FREE uint8_t *answer = NULL;
    size_t answer_size = 0;

    text[0] = '\0';
    size_t size = protobuf_c_message_get_packed_size(request);
    if (size > SP_MESSAGE_MAX) {
        return ERR_LIMIT;
    }
    body = malloc(size + 1); /* + 1: an empty request is a request */
    if (body == NULL) {
        return ERR_NOMEM;
    }
    (void)protobuf_c_message_pack(request, body); /* the size it returns was asked for above */
    enum err e = sp_ask_packed_routed(fd, route, operation, schema, body, size, timeout_ms, &answer,
                                      &answer_size, text);
    if (e == ERR_OK) {
        e = sp_wire_unpack(reply_type, answer, answer_size, SP_WIRE_UNPACKED_MAX, ret, text);
    }
    return e;
}

/* ---- fingerprints ------------------------------------------------------------------------------ */

uint64_t sp_fingerprint_bytes(const void *data, size_t size)
{
    uint8_t hash[32]; /* all of BLAKE2b-256: its first bytes are not those of a shorter BLAKE2b */
    uint64_t value = 0;

    /* Fails only for sizes of hash or key that are out of range. */
    int failed = crypto_generichash(hash, sizeof hash, data, size, NULL, 0);
    assert(failed == 0);
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)hash[i] << (8 * i);
    }
    return value;
}

uint64_t sp_fingerprint(const char *service, const char *operation, uint32_t number,
                        const char *request, const char *reply)
{
    char names[SP_NAMES_MAX];

    int len = snprintf(names, sizeof names, "%s\n%s\n%u\n%s\n%s\n", service, operation, number,
                       request, reply);
    assert(len > 0 && (size_t)len < sizeof names); /* names of our own .proto files */
    return sp_fingerprint_bytes(names, (size_t)len);
}
