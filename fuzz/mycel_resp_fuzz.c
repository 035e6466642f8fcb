/* Any bytes as what a client of redis says: whether they come at once or in pieces, the same commands come of them, each of which can be
 * said again; and answers to whatever it was stay within their memory and end with a line's end.
 *
 * Input: a byte that says how large the pieces are, and the stream. */
#include <stdlib.h>
#include <string.h>

#include "mycel/serve.h"

enum { ARGS = 16, STREAM_MAX = 1 << 16, SAID = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

struct heard {
    uint32_t commands;
    enum err end;
    size_t len;
    uint8_t said[SAID]; /* the commands, as arrays */
};

/* A store of its own for each input. */
static struct mycel_store store;
static struct mycel_serve serve;

static void begin(void)
{
    static _Alignas(64) uint8_t memory[1 << 18];
    static uint8_t scratch[1000];
    static const uint8_t hash_key[MYCEL_STORE_HASH_KEY];
    struct mycel_store_limits limits = {.bytes_max = 8000, .entries_max = 50, .rule = MYCEL_STORE_LRU};

    must(mycel_store_bytes(1, 50, 8000) <= sizeof memory && mycel_store_init(&store, memory, 1, 50, 8000, hash_key, 0) == ERR_OK);
    serve = (struct mycel_serve){.store = &store, .scratch = scratch, .scratch_size = sizeof scratch, .version = "7.0.15"};
    must(mycel_store_open(&store, &limits, &serve.bucket) == ERR_OK);
}

static void do_it(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count)
{
    static uint8_t room[SAID];
    struct mycel_resp_write w = {.bytes = room, .size = count % 3 == 0 ? 40 : sizeof room};
    struct mycel_serve_client client = {.id = 1, .protocol = count % 2 == 0 ? 2 : 3};

    mycel_serve_command(&serve, &client, bytes, arg, count, 1000000, serve.commands, &w);
    must(w.len <= w.size && (w.is_cut || w.len > 0) && (w.len == 0 || room[w.len - 1] == '\n'));
    must(store.bucket[serve.bucket].counts.bytes <= 8000 && store.entries <= 50);
}

static void answer(const uint8_t *bytes, const struct mycel_resp_arg *arg, uint32_t count)
{
    uint8_t room[300];
    struct mycel_resp_write w = {.bytes = room, .size = sizeof room, .protocol = 3};
    const struct mycel_command *c = mycel_command_find(bytes + arg[0].at, arg[0].size);
    struct mycel_command_set set;
    struct mycel_command_expire expire;

    do_it(bytes, arg, count);
    if (c == NULL) {
        mycel_command_unknown(&w, bytes, arg, count);
    } else if (!mycel_command_takes(c, count)) {
        mycel_command_miscounted(&w, c);
    } else if (strcmp(c->name, "set") == 0) {
        must(mycel_command_read_set(bytes, arg, count, &set) != NULL || (set.end == MYCEL_COMMAND_IN_MS) <= (set.ms > 0));
    } else if (strstr(c->name, "expire") != NULL && count > 2) {
        (void)mycel_command_read_expire(bytes, arg, count, &expire);
    }
    must(w.len <= sizeof room && (w.len == 0 || memchr(room, '\n', w.len) == room + w.len - 1));
}

static void listen(const uint8_t *stream, size_t size, size_t piece, struct heard *ret)
{
    static uint8_t bytes[STREAM_MAX];
    struct mycel_resp_arg arg[ARGS];
    struct mycel_resp r = {.arg = arg, .args_max = ARGS, .command_max = STREAM_MAX};
    size_t have = 0, used;

    memset(ret, 0, sizeof *ret);
    mycel_resp_next(&r);
    for (size_t from = 0; from < size && (from == 0 || ret->end == ERR_LATER);) {
        size_t next = size - from < piece ? size - from : piece;
        memcpy(bytes + have, stream + from, next);
        from += next;
        have += next;
        while ((ret->end = mycel_resp_read(&r, bytes, have, &used)) == ERR_OK) {
            struct mycel_resp_write w = {.bytes = ret->said + ret->len, .size = SAID - ret->len, .protocol = 2};
            must(used > 0 && used <= have && r.count <= ARGS);
            mycel_resp_write_array(&w, r.count);
            for (uint32_t i = 0; i < r.count; i++) {
                must((size_t)arg[i].at + arg[i].size <= used);
                mycel_resp_write_bulk(&w, bytes + arg[i].at, arg[i].size);
            }
            if (r.count > 0) {
                answer(bytes, arg, r.count);
                must(!w.is_cut);
                ret->len += w.len;
                ret->commands++;
            }
            memmove(bytes, bytes + used, have - used);
            have -= used;
            mycel_resp_next(&r);
        }
        must(ret->end == ERR_LATER || r.error != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct heard whole, pieces, again;

    if (size < 2 || size > STREAM_MAX / 8) {
        return 0;
    }
    begin();
    listen(data + 1, size - 1, size, &whole);
    listen(data + 1, size - 1, 1 + data[0] % 50, &pieces);
    must(whole.commands == pieces.commands && whole.end == pieces.end && whole.len == pieces.len &&
         memcmp(whole.said, pieces.said, whole.len) == 0);
    if (whole.len > 0 && whole.len < STREAM_MAX) {
        listen(whole.said, whole.len, whole.len, &again);
        must(again.commands == whole.commands && again.end == ERR_LATER && again.len == whole.len && memcmp(again.said, whole.said, whole.len) == 0);
    }
    return 0;
}
