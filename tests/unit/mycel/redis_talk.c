/* The cache's commands on standard input and output, for whoever compares them with redis: a store of 1000 entries, the password "secret" if
 * there is an argument. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mycel/serve.h"
#include "tests/unit/mycel/kit.h"

enum { ARGS = 256, ROOM = 1 << 20 };

static uint64_t ms_of(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void say(const struct mycel_resp_write *w)
{
    for (size_t at = 0; at < w->len;) {
        ssize_t n = write(1, w->bytes + at, w->len - at);
        REQUIRE(n > 0, "somebody listens");
        at += (size_t)n;
    }
}

int main(int argc, char **argv)
{
    static const struct mycel_serve_setting settings[] = {{"appendonly", "no"}, {"save", ""}};
    static uint8_t in[ROOM], out[ROOM], scratch[ROOM];
    struct mycel_resp_arg arg[ARGS];
    struct mycel_resp r = {.arg = arg, .args_max = ARGS, .command_max = ROOM};
    struct kit k;
    size_t have = 0, used;

    (void)argv;
    kit_open(&k, 1, 1000, 4 << 20);
    k.store.wheel.at_ms = ms_of(CLOCK_MONOTONIC);
    struct mycel_serve s = {.store = &k.store, .bucket = kit_bucket(&k, MYCEL_STORE_LRU, 0), .password = argc > 1 ? "secret" : NULL, .setting = settings,
                            .settings = ARRAY_LEN(settings), .scratch = scratch, .scratch_size = sizeof scratch, .version = "7.0.15"};
    struct mycel_serve_client client = {.id = 3, .protocol = 2};
    mycel_resp_next(&r);
    for (ssize_t n = 1; n > 0 && !client.is_leaving;) {
        enum err e = mycel_resp_read(&r, in, have, &used);
        struct mycel_resp_write w = {.bytes = out, .size = sizeof out, .protocol = client.protocol};
        if (e == ERR_LATER) {
            n = read(0, in + have, sizeof in - have);
            have += n > 0 ? (size_t)n : 0;
            continue;
        }
        if (e == ERR_OK && r.count > 0) {
            (void)mycel_store_step(&k.store, ms_of(CLOCK_MONOTONIC), 1000);
            mycel_serve_command(&s, &client, in, arg, r.count, ms_of(CLOCK_REALTIME), ms_of(CLOCK_MONOTONIC), &w);
        } else if (e != ERR_OK) {
            mycel_resp_write_error(&w, r.error);
            client.is_leaving = true;
        }
        say(&w);
        memmove(in, in + used, have - used);
        have -= used;
        mycel_resp_next(&r);
    }
    kit_close(&k);
    return CHECK_RESULT();
}
