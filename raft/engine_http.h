/* HTTP/1.1 as a client needs it for etcd's JSON gateway (RFC 9112): one request at a time, answers of a stated length,
 * in chunks, or until the connection ends. Pure: bytes in, bytes out; what the other side sends is believed in nothing but
 * where its message ends. */
#ifndef CELL_RAFT_ENGINE_HTTP_H
#define CELL_RAFT_ENGINE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/macros.h"

enum {
    RAFT_ENGINE_HTTP_LINE_MAX = 4096,      /* bytes of a line: status, field, size of a chunk      */
    RAFT_ENGINE_HTTP_HEAD_MAX = 16384,     /* of all lines of one head, and of one trailer         */
    RAFT_ENGINE_HTTP_REQUEST_ROOM = 1024,  /* of a request before its body                         */
};

enum raft_engine_http_place {
    RAFT_ENGINE_HTTP_STATUS,
    RAFT_ENGINE_HTTP_FIELD,
    RAFT_ENGINE_HTTP_LENGTH,     /* a body whose length was said       */
    RAFT_ENGINE_HTTP_REST,       /* … that ends with the connection    */
    RAFT_ENGINE_HTTP_CHUNK_SIZE,
    RAFT_ENGINE_HTTP_CHUNK,
    RAFT_ENGINE_HTTP_CHUNK_END,
    RAFT_ENGINE_HTTP_TRAILER,
    RAFT_ENGINE_HTTP_DONE,
};

/* One answer that is being read. */
struct raft_engine_http {
    enum raft_engine_http_place place;
    int status;            /* 200 to 599, from the first byte of the body on   */
    bool is_chunked, has_length, closes; /* closes: nothing more can be asked over this connection */
    uint64_t left;         /* bytes of the body or of the chunk                */
    uint32_t head_size;    /* so far                                           */
    uint32_t line_size;
    char line[RAFT_ENGINE_HTTP_LINE_MAX];
};

void raft_engine_http_init(struct raft_engine_http *h);

/* Take some of bytes[0..size): *ret_taken of them, and *ret_body of those are of the body (a span of `bytes`, may be
 * empty). To be called again with what is left while it is not DONE. ERR_MALFORMED: this is no answer, and nothing
 * after it can be made sense of; ERR_LIMIT: a line or a head past its limit. */
enum err raft_engine_http_take(struct raft_engine_http *h, const uint8_t *bytes, size_t size, size_t *ret_taken,
                               const uint8_t **ret_body, size_t *ret_size) MUST_CHECK;

/* The connection has ended. Whether the answer is whole with that. */
bool raft_engine_http_end(struct raft_engine_http *h);

/* Write the head of a request with a JSON body of `size` bytes into out[RAFT_ENGINE_HTTP_REQUEST_ROOM]; its length.
 * host: as of the endpoint; timeout_ms: how long the server may take, told in gRPC's own field; 0: it is not told. Both
 * texts are ours and short enough. */
size_t raft_engine_http_request(char *out, const char *host, const char *path, size_t size, uint32_t timeout_ms);

#endif
