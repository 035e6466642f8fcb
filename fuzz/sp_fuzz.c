/* RPC-12: any bytes from a callee, first as a packed Replies, then as everything it says on the
 * socket after the handshake. */
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/sp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    STREAM_MAX = 65536,  /* bytes: what a socket takes without a reader                    */
    TIMEOUT_MS = 600000, /* never reached, since the stream ends: a wait is seen as a hang */
};

/* Request ids are random; here they are known, so that an input can hold an answer: its id word is
 * 81 02 03 04. */
static const char *fixed_name(void)
{
    return "fixed";
}

static uint32_t fixed_random(void)
{
    return 0x01020304;
}

static void fixed_buf(void *const buf, const size_t size)
{
    memset(buf, 1, size);
}

static struct randombytes_implementation fixed = {
    .implementation_name = fixed_name, .random = fixed_random, .buf = fixed_buf};

static void must_be_printable(const char *text)
{
    size_t len = strnlen(text, SP_TEXT_SIZE);

    if (len == SP_TEXT_SIZE) {
        abort();
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            abort();
        }
    }
}

/* A body on success and only then; the callee has not more to say than it sent. */
static void must_be_consistent(enum err e, const uint8_t *body, size_t body_size, size_t size)
{
    if ((e == ERR_OK) != (body != NULL) || e == ERR_LATER || (body != NULL && body_size > size)) {
        abort();
    }
}

static void as_replies(const uint8_t *data, size_t size)
{
    uint8_t *body = NULL;
    size_t body_size = 0;
    char text[SP_TEXT_SIZE];

    enum err e = sp_wire_reply_parse(data, size, &body, &body_size, text);
    must_be_consistent(e, body, body_size, size);
    must_be_printable(text);
    free(body);
}

static void as_stream(const uint8_t *data, size_t size)
{
    int ends[2];
    uint8_t *body = NULL;
    size_t body_size = 0;
    char text[SP_TEXT_SIZE];

    if (size > STREAM_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return;
    }
    if (send(ends[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size &&
        shutdown(ends[1], SHUT_WR) == 0) {
        enum err e = sp_ask_packed(ends[0], 1, 0, data, 0, TIMEOUT_MS, &body, &body_size, text);
        must_be_consistent(e, body, body_size, size);
        must_be_printable(text);
        free(body);
    }
    close(ends[0]);
    close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_set;

    if (!is_set) {
        randombytes_set_implementation(&fixed);
        is_set = true;
    }
    as_replies(data, size);
    as_stream(data, size);
    return 0;
}
