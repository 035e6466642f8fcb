#include "raw.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/sp.h"
#include "fake.h"
#include "tests/support/check.h"

enum {
    RAW_FRAME = 9, /* 0x01 and the length of what follows, 8 bytes */
};

uint8_t *raw_pack(const ProtobufCMessage *message, size_t *ret_size)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = malloc(size + 1);

    REQUIRE(data != NULL, "memory");
    *ret_size = protobuf_c_message_pack(message, data);
    return data;
}

int raw_open(const char *path)
{
    int fd = -1;
    enum err e = sp_connect(path, FAKE_PATIENCE_MS, &fd);

    REQUIRE(e == ERR_OK, "%s can be connected to: %s", path, err_name(e));
    return fd;
}

bool raw_send_bytes(int fd, uint32_t id, const void *data, size_t size)
{
    uint8_t head[RAW_FRAME + 4] = {1};

    bytes_put_be64(head + 1, size + 4);
    bytes_put_be32(head + RAW_FRAME, id | 0x80000000u);
    struct iovec part[2] = {{head, sizeof head}, {(void *)data, size}};
    struct msghdr message = {.msg_iov = part, .msg_iovlen = 2};
    size_t left = sizeof head + size;
    while (left > 0) {
        ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        left -= (size_t)sent;
        for (size_t i = 0; i < 2; i++) {
            size_t part_sent = (size_t)sent < part[i].iov_len ? (size_t)sent : part[i].iov_len;
            part[i].iov_base = (char *)part[i].iov_base + part_sent;
            part[i].iov_len -= part_sent;
            sent -= (ssize_t)part_sent;
        }
    }
    return true;
}

bool raw_send(int fd, uint32_t id, const Cell__Envelope__Requests *requests)
{
    size_t size;
    AUTO_FREE uint8_t *data = raw_pack(&requests->base, &size);

    return raw_send_bytes(fd, id, data, size);
}

bool raw_ask(int fd, uint32_t id, uint32_t operation, const ProtobufCMessage *request,
             uint32_t deadline_ms)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
    AUTO_FREE uint8_t *body = raw_pack(request, &one.body.len);

    one.id = id;
    one.operation = operation;
    one.deadline_ms = deadline_ms;
    one.body.data = body;
    requests.version = 1;
    requests.n_requests = 1;
    requests.requests = &slot;
    return raw_send(fd, id, &requests);
}

/* True when all of it came. */
static bool receive(int fd, uint8_t *data, size_t size, uint64_t until_us, bool *ret_ended)
{
    while (size > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now_us = fake_now_us();
        int left_ms = until_us > now_us ? (int)((until_us - now_us) / 1000) : 0;
        if (poll(&p, 1, left_ms) <= 0) {
            return false;
        }
        ssize_t got = recv(fd, data, size, 0);
        if (got <= 0) {
            *ret_ended = true;
            return false;
        }
        data += got;
        size -= (size_t)got;
    }
    return true;
}

Cell__Envelope__Replies *raw_hear(int fd, uint32_t timeout_ms, uint32_t *ret_id)
{
    uint64_t until_us = fake_now_us() + timeout_ms * UINT64_C(1000);
    uint8_t head[RAW_FRAME + 4];
    bool has_ended = false;

    *ret_id = 0;
    if (!receive(fd, head, sizeof head, until_us, &has_ended)) {
        *ret_id = has_ended;
        return NULL;
    }
    size_t size = (size_t)bytes_get_be64(head + 1) - 4;
    REQUIRE(head[0] == 1 && size < (size_t)32 << 20, "a frame: %zu bytes", size);
    AUTO_FREE uint8_t *data = malloc(size + 1);
    REQUIRE(data != NULL && receive(fd, data, size, until_us + 5000000, &has_ended),
            "the whole message comes");
    *ret_id = bytes_get_be32(head + RAW_FRAME) & 0x7fffffffu;
    Cell__Envelope__Replies *replies = cell__envelope__replies__unpack(NULL, size, data);
    REQUIRE(replies != NULL && replies->version == 1, "an answer parses");
    return replies;
}

enum err raw_status(int fd, uint32_t timeout_ms, uint32_t *ret_id)
{
    Cell__Envelope__Replies *replies = raw_hear(fd, timeout_ms, ret_id);

    if (replies == NULL) {
        return *ret_id == 1 ? ERR_PEER_DEAD : ERR_LATER;
    }
    REQUIRE(replies->n_replies == 1, "one reply: %zu", replies->n_replies);
    enum err e = err_from_wire(replies->replies[0]->status);
    cell__envelope__replies__free_unpacked(replies, NULL);
    return e;
}
