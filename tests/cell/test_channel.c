/* A channel to a cell from a caller that the test plays, honest and hostile: RPC-6, SHM-3, SHM-12 under the
 * runtime. The test is the nucleus too: it brings the two together. */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/run/channel.h"
#include "common/run/fd.h"
#include "common/run/shm_chan.h"
#include "common/run/shm_meet.h"
#include "fake.h"
#include "raw.h"
#include "tests/support/check.h"

enum {
    MESSAGE_BYTES = 1 << 20,
    NUMBER = 77,
};

static struct fake f;

static const struct fake_caller callers[] = {
    {"default", "a", {"testcell.Echo", "testcell.Who", "testcell.Big", "testcell.Never"}},
    {"default", "b", {"testcell.Who"}},
};

/* ---- the caller's side ------------------------------------------------------------------------- */

struct line {
    struct shm *channel;
    struct shm_mail *mail;
};

static struct shm_meet_config config_of(const uint8_t *key)
{
    struct shm_meet_config config = {
        .shape = {.slots = 1, .stride = SHM_SHAPE_STRIDE_MIN,
                  .ring_bytes = shm_post_ring_bytes(CHANNEL_RING_BYTES)},
        .peer_uid = geteuid()};

    memcpy(config.key, key, sizeof config.key);
    return config;
}

/* The nucleus's part: hand the cell one end and a key. Returns the other end. */
static int offer(const char *space, const char *cell, const uint8_t *key, size_t key_size)
{
    Cell__Gap__Channel channel = CELL__GAP__CHANNEL__INIT;
    Cell__Gap__ToCell message = CELL__GAP__TO_CELL__INIT;
    int ends[2];

    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "a socket pair");
    channel.namespace_ = (char *)space;
    channel.cell = (char *)cell;
    channel.key.data = (uint8_t *)key;
    channel.key.len = key_size;
    message.what_case = CELL__GAP__TO_CELL__WHAT_CHANNEL;
    message.channel = &channel;
    REQUIRE(gap_send(f.gap, &message.base, &ends[0], 1) == ERR_OK, "offered");
    fd_close(&ends[0]);
    return ends[1];
}

static enum err meet(const char *space, const char *cell, struct line *ret)
{
    const struct shm_mail_limits limits = {.size = 4 << 20, .held = 8 << 20, .held_count = 1024};
    uint8_t key[SHM_KEY_LEN];

    memset(key, 0x11, sizeof key);
    int end = offer(space, cell, key, sizeof key);
    struct shm_meet_config config = config_of(key);
    enum err e = shm_meet_connect(&end, &config, FAKE_PATIENCE_MS, &ret->channel);
    if (e == ERR_OK) {
        REQUIRE(shm_mail_open(ret->channel, &limits, &ret->mail) == ERR_OK, "rings");
    }
    return e;
}

static void hang_up(struct line *l)
{
    shm_mail_close(l->mail);
    shm_close(l->channel);
    *l = (struct line){0};
}

/* Whether the cell ends the channel in time. */
static bool is_ended(struct line *l)
{
    uint64_t until_us = fake_now_us() + (uint64_t)FAKE_PATIENCE_MS * 1000;

    while (fake_now_us() < until_us) {
        if (shm_disarm(l->channel) != ERR_OK) {
            return true;
        }
        (void)shm_mail_arm(l->mail);
        struct pollfd at = {.fd = shm_fd(l->channel), .events = POLLIN};
        (void)poll(&at, 1, 100);
    }
    return false;
}

static void send_bytes(struct line *l, const void *data, size_t size)
{
    uint8_t *room = shm_mail_room(l->mail, NUMBER, size);

    REQUIRE(room != NULL, "room");
    memcpy(room, data, size);
    shm_mail_send(l->mail);
}

static enum err wait_message(struct line *l, struct shm_mail_message *ret)
{
    uint64_t until_us = fake_now_us() + (uint64_t)FAKE_PATIENCE_MS * 1000;
    enum err e;

    while ((e = shm_mail_take(l->mail, ret)) == ERR_LATER && fake_now_us() < until_us) {
        struct pollfd at = {.fd = shm_fd(l->channel), .events = POLLIN};
        if (shm_mail_arm(l->mail)) {
            (void)poll(&at, 1, 100);
        }
        e = shm_disarm(l->channel);
        if (e != ERR_OK && !shm_mail_has(l->mail)) {
            return e;
        }
        (void)!shm_mail_flush(l->mail);
    }
    return e;
}

/* One request in one message; the status of its answer. */
static enum err ask(struct line *l, uint32_t operation, const ProtobufCMessage *request)
{
    Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
    Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
    struct shm_mail_message got;

    one.id = 1;
    one.operation = operation;
    one.deadline_ms = FAKE_PATIENCE_MS;
    AUTO_FREE uint8_t *body = raw_pack(request, &one.body.len);
    one.body.data = body;
    requests.version = 1;
    requests.requests = &slot;
    requests.n_requests = 1;
    size_t size;
    AUTO_FREE uint8_t *data = raw_pack(&requests.base, &size);
    send_bytes(l, data, size);
    enum err e = wait_message(l, &got);
    if (e != ERR_OK) {
        return e;
    }
    Cell__Envelope__Replies *replies = cell__envelope__replies__unpack(NULL, got.size, got.data);
    REQUIRE(replies != NULL && replies->n_replies == 1 && got.number == NUMBER, "an answer");
    e = err_from_wire(replies->replies[0]->status);
    cell__envelope__replies__free_unpacked(replies, NULL);
    return e;
}

static enum err who(struct line *l)
{
    Cell__Testcell__WhoRequest request = CELL__TESTCELL__WHO_REQUEST__INIT;

    return ask(l, CELL__TESTCELL__OP__OP_WHO, &request.base);
}

static enum err echo(struct line *l, size_t size)
{
    Cell__Testcell__EchoRequest request = CELL__TESTCELL__ECHO_REQUEST__INIT;
    AUTO_FREE uint8_t *data = calloc(1, size + 1);

    REQUIRE(data != NULL, "memory");
    request.data.data = data;
    request.data.len = size;
    return ask(l, CELL__TESTCELL__OP__OP_ECHO, &request.base);
}

/* The cell comes back to so many descriptors in time, or to fewer: what ended just before was still among them. */
static bool keeps_only(size_t count)
{
    for (int i = 0; i < 200; i++) {
        if (fake_fd_count(&f) <= count) {
            return true;
        }
        fake_nap_ms(20);
    }
    return false;
}

/* Processor time of the cell so far. */
static uint64_t cpu_ms(void)
{
    char path[64], text[512];
    unsigned long user = 0, system = 0;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)f.pid);
    FILE *stat = fopen(path, "r");
    REQUIRE(stat != NULL && fgets(text, sizeof text, stat) != NULL, "its times");
    (void)fclose(stat);
    const char *rest = strrchr(text, ')');
    REQUIRE(rest != NULL && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                                   &system) == 2, "two of them");
    return (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
}

/* ---- claims ------------------------------------------------------------------------------------- */

static void the_door_says_what_a_channel_may(void)
{
    struct line a = {0}, b = {0};

    REQUIRE(meet("default", "a", &a) == ERR_OK && meet("default", "b", &b) == ERR_OK, "two callers");
    CHECK(who(&a) == ERR_OK && who(&b) == ERR_OK, "both are granted Who");
    CHECK(echo(&a, 10) == ERR_OK, "Echo is granted to a");
    CHECK(echo(&b, 10) == ERR_DENIED, "and not to b");
    Cell__Inspect__ShutdownRequest end = CELL__INSPECT__SHUTDOWN_REQUEST__INIT;
    CHECK(ask(&a, CELL__INSPECT__OP__OP_SHUTDOWN, &end.base) == ERR_DENIED, "nor the end to anybody");
    fake_say_grant(f.gap, &(struct fake_caller){"default", "b", {"testcell.Echo"}});
    enum err e = ERR_DENIED;
    for (int i = 0; i < 200 && e == ERR_DENIED; i++) {
        e = echo(&b, 10);
        fake_nap_ms(e == ERR_DENIED ? 10 : 0);
    }
    CHECK(e == ERR_OK && who(&b) == ERR_DENIED, "a right given and one taken hold at once for a channel too");
    fake_say_grant(f.gap, &callers[1]);
    hang_up(&a);
    hang_up(&b);
}

static void sizes_and_limits(void)
{
    struct line a = {0};

    REQUIRE(meet("default", "a", &a) == ERR_OK, "met");
    static const size_t sizes[] = {0, 1000, 40000, 500000, MESSAGE_BYTES - 1000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        CHECK(echo(&a, sizes[i]) == ERR_OK, "%zu bytes", sizes[i]);
    }
    CHECK(echo(&a, MESSAGE_BYTES + 1) == ERR_LIMIT, "over limits.message: an answer that says so");
    CHECK(who(&a) == ERR_OK, "and the channel goes on");
    AUTO_FREE uint8_t *huge = calloc(1, 3 * MESSAGE_BYTES);
    REQUIRE(huge != NULL, "memory");
    send_bytes(&a, huge, 3 * MESSAGE_BYTES);
    CHECK(is_ended(&a), "far over it: nobody is worth that memory");
    hang_up(&a);
}

static void who_may_not_is_not_met(void)
{
    uint8_t key[SHM_KEY_LEN] = {1}, wrong[SHM_KEY_LEN] = {2};
    struct shm *c = NULL;
    struct line none = {0};

    CHECK(meet("default", "stranger", &none) != ERR_OK, "a caller without a door");
    int end = offer("default", "a", key, sizeof key);
    struct shm_meet_config config = config_of(wrong);
    CHECK(shm_meet_connect(&end, &config, FAKE_PATIENCE_MS, &c) != ERR_OK, "another key");
    end = offer("default", "a", key, sizeof key - 1);
    config = config_of(key);
    CHECK(shm_meet_connect(&end, &config, FAKE_PATIENCE_MS, &c) != ERR_OK, "a key of another length");
    end = offer("default", "a", key, sizeof key);
    config.shape.ring_bytes *= 2;
    CHECK(shm_meet_connect(&end, &config, FAKE_PATIENCE_MS, &c) != ERR_OK, "more memory than is granted");
}

static void silence_is_not_waited_for(void)
{
    uint8_t key[SHM_KEY_LEN] = {1};
    size_t before = fake_fd_count(&f);
    AUTO_FD int end = offer("default", "a", key, sizeof key);
    struct pollfd at = {.fd = end, .events = POLLIN};
    uint64_t begun_us = fake_now_us();

    CHECK(poll(&at, 1, FAKE_PATIENCE_MS) == 1 && (at.revents & POLLHUP) != 0, "the cell gives up");
    CHECK(fake_now_us() - begun_us >= (uint64_t)CHANNEL_MEET_MS * 900, "not before its time");
    CHECK(keeps_only(before), "and keeps nothing: %zu descriptors, before %zu", fake_fd_count(&f), before);
}

static void no_envelope_is_no_end(void)
{
    struct line a = {0};
    struct shm_mail_message got;

    REQUIRE(meet("default", "a", &a) == ERR_OK, "met");
    send_bytes(&a, "\xff\xff\xff", 3);
    CHECK(wait_message(&a, &got) == ERR_OK && got.number == NUMBER, "it is answered");
    CHECK(who(&a) == ERR_OK, "and the channel goes on");
    hang_up(&a);
}

/* Records that no honest mail has. */
static void liars_lose_their_channel(void)
{
    static const struct {
        uint32_t tag, size;
        const char *why;
    } lies[] = {{0, 100, "a middle of nothing"}, {9, 100, "an unknown tag"}, {3, 2, "less than a head"}};

    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        struct line a = {0};
        struct shm_post *post;
        uint8_t bytes[128] = {0};
        REQUIRE(meet("default", "a", &a) == ERR_OK, "met");
        shm_mail_close(a.mail);
        a.mail = NULL;
        REQUIRE(shm_post_open(a.channel, &post) == ERR_OK &&
                    shm_post_send(post, lies[i].tag, bytes, lies[i].size, 0) == ERR_OK, "said");
        const struct shm_mail_limits limits = {.size = 1 << 20, .held = 1 << 20, .held_count = 16};
        REQUIRE(shm_mail_open(a.channel, &limits, &a.mail) == ERR_OK, "rings");
        CHECK(is_ended(&a), "%s", lies[i].why);
        shm_post_close(post);
        hang_up(&a);
    }
    CHECK(fake_echo(fake_door(&f, "", ""), "still here") == ERR_OK, "nobody else noticed");
}

/* Answers that nobody reads end the channel before they use up the cell's memory. */
static void who_does_not_read_is_cut_off(void)
{
    struct line a = {0};
    Cell__Testcell__BigRequest big = CELL__TESTCELL__BIG_REQUEST__INIT;

    REQUIRE(meet("default", "a", &a) == ERR_OK, "met");
    big.size = MESSAGE_BYTES / 2;
    for (int i = 0; i < 200 && shm_disarm(a.channel) == ERR_OK; i++) {
        Cell__Envelope__Requests requests = CELL__ENVELOPE__REQUESTS__INIT;
        Cell__Envelope__Request one = CELL__ENVELOPE__REQUEST__INIT, *slot = &one;
        one.id = 1;
        one.operation = CELL__TESTCELL__OP__OP_BIG;
        AUTO_FREE uint8_t *body = raw_pack(&big.base, &one.body.len);
        one.body.data = body;
        requests.version = 1;
        requests.requests = &slot;
        requests.n_requests = 1;
        size_t size;
        AUTO_FREE uint8_t *data = raw_pack(&requests.base, &size);
        send_bytes(&a, data, size);
        fake_nap_ms(5);
    }
    CHECK(is_ended(&a), "cut off");
    CHECK(fake_log_waits(&f, "DOOR-UNREAD", "default/a"), "and told why in the log");
    hang_up(&a);
    CHECK(fake_echo(fake_door(&f, "", ""), "still here") == ERR_OK, "others are served");
}

static void channels_have_a_limit(void)
{
    static struct line many[CHANNEL_MAX];
    size_t before = fake_fd_count(&f);
    struct line more = {0};

    for (size_t i = 0; i < CHANNEL_MAX; i++) {
        REQUIRE(meet("default", "a", &many[i]) == ERR_OK, "channel %zu", i);
    }
    CHECK(meet("default", "a", &more) != ERR_OK, "one more is refused");
    CHECK(who(&many[0]) == ERR_OK && who(&many[CHANNEL_MAX - 1]) == ERR_OK, "the others go on");
    for (size_t i = 0; i < CHANNEL_MAX; i++) {
        hang_up(&many[i]);
    }
    CHECK(keeps_only(before), "their descriptors are closed: %zu, before %zu", fake_fd_count(&f), before);
    CHECK(meet("default", "a", &more) == ERR_OK && who(&more) == ERR_OK, "and there is room again");
    hang_up(&more);
}

/* Channels that are over, whichever way they ended, keep nobody awake. */
static void a_cell_without_channels_sleeps(void)
{
    enum { WATCHED_MS = 500, MOST_MS = 100 };
    uint64_t before_ms = cpu_ms();

    fake_nap_ms(WATCHED_MS);
    uint64_t used_ms = cpu_ms() - before_ms;
    CHECK(used_ms <= MOST_MS, "%" PRIu64 " ms of %d", used_ms, WATCHED_MS);
}

int main(int argc, char **argv)
{
    fake_init(argc, argv);
    fake_start(&f, &(struct fake_spec){.callers = callers, .caller_count = ARRAY_LEN(callers),
                                       .message_bytes = MESSAGE_BYTES});
    the_door_says_what_a_channel_may();
    sizes_and_limits();
    who_may_not_is_not_met();
    silence_is_not_waited_for();
    no_envelope_is_no_end();
    liars_lose_their_channel();
    a_cell_without_channels_sleeps();
    who_does_not_read_is_cut_off();
    a_cell_without_channels_sleeps();
    channels_have_a_limit();
    fake_finish(&f);
    return CHECK_RESULT();
}
