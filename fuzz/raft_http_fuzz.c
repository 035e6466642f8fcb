/* What an endpoint of etcd's answers: however it is cut into pieces, the same body comes out, or the same refusal. */
#include <stdlib.h>
#include <string.h>

#include "raft/engine_http.h"

enum { BODY_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    uint8_t body[BODY_MAX];
    size_t size, taken;
    enum err e;
    enum raft_engine_http_place place;
    int status;
    bool closes;
};

static struct seen whole, pieces;

/* Read all of it, at most `step` bytes at a time. */
static void read_all(const uint8_t *data, size_t size, size_t step, struct seen *s)
{
    static struct raft_engine_http h;
    size_t at = 0, end = 0;

    raft_engine_http_init(&h);
    s->size = 0;
    s->e = ERR_OK;
    while (at < size && h.place != RAFT_ENGINE_HTTP_DONE && s->e == ERR_OK) {
        const uint8_t *body;
        size_t taken = 0, more = 0;
        end = end > at ? end : at + step;
        end = end < size ? end : size;
        s->e = raft_engine_http_take(&h, data + at, end - at, &taken, &body, &more);
        if (s->e == ERR_OK && taken == 0 && h.place != RAFT_ENGINE_HTTP_DONE) {
            abort(); /* it would be asked for ever */
        }
        if (taken > end - at || (more > 0 && (body < data + at || body + more > data + end)) || more > taken) {
            abort();
        }
        for (size_t i = 0; s->e == ERR_OK && i < more && s->size < BODY_MAX; i++) {
            s->body[s->size++] = body[i];
        }
        at += taken;
    }
    (void)raft_engine_http_end(&h);
    s->taken = s->e == ERR_OK ? at : 0;
    s->place = h.place;
    s->status = h.status;
    s->closes = h.closes;
}

/* The first byte says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    read_all(data + 1, size - 1, size, &whole);
    read_all(data + 1, size - 1, 1 + data[0] % 64, &pieces);
    if (whole.e != pieces.e || whole.size != pieces.size || memcmp(whole.body, pieces.body, whole.size) != 0 || whole.taken != pieces.taken) {
        abort();
    }
    if (whole.e == ERR_OK && (whole.place != pieces.place || whole.status != pieces.status || whole.closes != pieces.closes)) {
        abort();
    }
    return 0;
}
