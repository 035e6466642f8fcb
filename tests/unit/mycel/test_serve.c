/* Claims about what clients of redis are answered, word for word, at times that the test sets; scans of what changes meanwhile; patterns.
 * Against redis itself: redis_beside.py. */
#include <inttypes.h>
#include <string.h>

#include "common/base/rng.h"
#include "mycel/serve.h"
#include "tests/unit/mycel/kit.h"

enum { ARGS = 64, ROOM = 1 << 16 };

static const uint64_t WALL_MS = 1000000000;
static const struct mycel_serve_setting settings[] = {{"appendonly", "no"}, {"save", ""}};

struct door {
    struct kit kit;
    struct mycel_serve s;
    struct mycel_serve_client client;
    uint8_t scratch[1000], out[ROOM];
    size_t room;
};

static void open_door(struct door *d, const char *password)
{
    kit_open(&d->kit, 1, 2000, 400000);
    d->s = (struct mycel_serve){.store = &d->kit.store, .bucket = kit_bucket(&d->kit, MYCEL_STORE_LRU, 0), .password = password, .setting = settings,
                                .settings = ARRAY_LEN(settings), .scratch = d->scratch, .scratch_size = sizeof d->scratch, .version = "7.0.15"};
    d->client = (struct mycel_serve_client){.id = 3, .protocol = 2};
    d->room = ROOM;
}

/* What a line is answered, with | for the ends of lines. */
static const char *say(struct door *d, const char *line, uint64_t now_ms)
{
    struct mycel_resp_arg arg[ARGS];
    struct mycel_resp r = {.arg = arg, .args_max = ARGS, .command_max = 4000};
    struct mycel_resp_write w = {.bytes = d->out, .size = d->room - 1};
    static char text[ROOM];
    uint8_t bytes[4000];
    size_t used, len = 0;

    mycel_resp_next(&r);
    int size = snprintf((char *)bytes, sizeof bytes, "%s\n", line);
    REQUIRE(mycel_resp_read(&r, bytes, (size_t)size, &used) == ERR_OK && r.count > 0, "%s", line);
    mycel_serve_command(&d->s, &d->client, bytes, arg, r.count, WALL_MS + now_ms, now_ms, &w);
    for (size_t i = 0; i < w.len; i++) {
        if (w.bytes[i] == '\n') {
            text[len - 1] = '|';
        } else {
            text[len++] = (char)w.bytes[i];
        }
    }
    text[len] = '\0';
    return text;
}

/* One conversation, from top to bottom. */
static const struct {
    uint64_t now_ms;
    const char *line, *want;
} rows[] = {
    {1, "PING", "+PONG|"},
    {1, "ping a", "$1|a|"},
    {1, "PING a b", "-ERR wrong number of arguments for 'ping' command|"},
    {1, "nothing a b", "-ERR unknown command 'nothing', with args beginning with: 'a' 'b' |"},
    {1, "GET", "-ERR wrong number of arguments for 'get' command|"},
    {1, "SUBSCRIBE a", "-ERR unknown command 'SUBSCRIBE', with args beginning with: 'a' |"},
    {1, "GET a", "$-1|"},
    {1, "SET a 1", "+OK|"},
    {1, "SET a 2 NX", "$-1|"},
    {1, "SET b 2 XX", "$-1|"},
    {1, "SET a 2 NX GET", "$1|1|"},
    {1, "SET b 2 NX GET", "$-1|"},
    {1, "GET b", "$1|2|"},
    {1, "SET a 3 XX GET PX 100", "$1|1|"},
    {2, "PTTL a", ":99|"},
    {2, "SET a 4 KEEPTTL", "+OK|"},
    {3, "PTTL a", ":98|"},
    {3, "INCR a", ":5|"},
    {3, "APPEND a 0", ":2|"},
    {4, "PTTL a", ":97|"},
    {4, "PEXPIRETIME a", ":1000000101|"},
    {4, "GETEX a PERSIST", "$2|50|"},
    {4, "TTL a", ":-1|"},
    {4, "EXPIRE a 10 XX", ":0|"},
    {4, "EXPIRE a 10 GT", ":0|"},
    {4, "EXPIRE a 10 LT", ":1|"},
    {4, "EXPIRE a 5 GT", ":0|"},
    {4, "EXPIRE a 20 GT", ":1|"},
    {4, "EXPIRE a 30 LT", ":0|"},
    {4, "EXPIRE a 30 NX", ":0|"},
    {4, "EXPIRE a 30 zz", "-ERR Unsupported option zz|"},
    {4, "EXPIRE a 30 GT LT", "-ERR GT and LT options at the same time are not compatible|"},
    {20003, "TTL a", ":0|"},
    {20003, "EXISTS a a b", ":3|"},
    {20004, "EXISTS a a b", ":1|"},
    {20004, "TTL a", ":-2|"},
    {20004, "EXPIRE b -1", ":1|"},
    {20004, "GET b", "$-1|"},
    {20004, "SET c 1 EXAT 5", "+OK|"},
    {20004, "GET c", "$-1|"},
    {20004, "SET c x", "+OK|"},
    {20004, "INCR c", "-ERR value is not an integer or out of range|"},
    {20004, "GETDEL c", "$1|x|"},
    {20004, "GETDEL c", "$-1|"},
    {20004, "INCRBY n 9223372036854775807", ":9223372036854775807|"},
    {20004, "INCR n", "-ERR increment or decrement would overflow|"},
    {20004, "DECRBY n -9223372036854775808", "-ERR decrement would overflow|"},
    {20004, "SETEX n 0 v", "-ERR invalid expire time in 'setex' command|"},
    {20004, "MSET x 1 y 2", "+OK|"},
    {20004, "MSETNX z 1 y 3", ":0|"},
    {20004, "MGET x y z", "*3|$1|1|$1|2|$-1|"},
    {20004, "MSET x", "-ERR wrong number of arguments for 'mset' command|"},
    {20004, "MSET x 1 y", "-ERR wrong number of arguments for 'mset' command|"},
    {20004, "TYPE x", "+string|"},
    {20004, "TYPE z", "+none|"},
    {20004, "DBSIZE", ":3|"},
    {20004, "DEL x y z x", ":2|"},
    {20004, "CONFIG GET s*", "*2|$4|save|$0||"},
    {20004, "SELECT 1", "-ERR DB index is out of range|"},
    {20004, "CLIENT SETNAME me", "+OK|"},
    {20004, "CLIENT GETNAME", "$2|me|"},
    {20004, "TIME", "*2|$7|1000020|$4|4000|"},
    {20004, "HELLO 4", "-NOPROTO unsupported protocol version|"},
    {20004, "HELLO x", "-ERR Protocol version is not an integer or out of range|"},
    {20004, "HELLO 3", "%7|$6|server|$5|redis|$7|version|$6|7.0.15|$5|proto|:3|$2|id|:3|$4|mode|$10|standalone|$4|role|$6|master|$7|modules|*0|"},
    {20004, "GET z", "_|"},
    {20004, "CONFIG GET save appendonly", "%2|$10|appendonly|$2|no|$4|save|$0||"},
    {20004, "SCAN -1", "-ERR invalid cursor|"},
    {20004, "FLUSHALL now", "-ERR syntax error|"},
    {20004, "FLUSHALL", "+OK|"},
    {20004, "SCAN 0 COUNT 10000", "*2|$1|0|*0|"},
    {20004, "RESET", "+RESET|"},
    {20004, "GET z", "$-1|"},
    {20004, "AUTH x", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?|"},
    {20004, "AUTH default x", "+OK|"},
    {20004, "QUIT", "+OK|"},
};

static void a_conversation_goes_as_with_redis(void)
{
    static struct door d;

    open_door(&d, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = say(&d, rows[i].line, rows[i].now_ms);
        CHECK(strcmp(got, rows[i].want) == 0, "row %zu: %s: %s, and should be %s", i, rows[i].line, got, rows[i].want);
    }
    CHECK(d.client.is_leaving, "who said QUIT leaves");
    for (uint32_t n = 0; mycel_command_at(n) != NULL; n++) {
        const char *name = mycel_command_at(n)->name;
        bool is_elsewhere = strstr(name, "geo") != NULL || strstr(name, "sub") != NULL || strcmp(name, "publish") == 0;
        CHECK(mycel_serve_knows(mycel_command_at(n)) == !is_elsewhere, "%s is answered, or not", name);
    }
    kit_close(&d.kit);
}

static void a_password_is_asked_for(void)
{
    static const struct {
        const char *line, *want;
    } locked[] = {
        {"GET a", "-NOAUTH Authentication required.|"},
        {"PING", "-NOAUTH Authentication required.|"},
        {"HELLO 3", "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
                    "authenticate the client and select the RESP protocol version at the same time|"},
        {"AUTH secre", "-WRONGPASS invalid username-password pair or user is disabled.|"},
        {"AUTH secretsecret", "-WRONGPASS invalid username-password pair or user is disabled.|"},
        {"AUTH somebody secret", "-WRONGPASS invalid username-password pair or user is disabled.|"},
        {"GET a", "-NOAUTH Authentication required.|"},
        {"AUTH secret", "+OK|"},
        {"GET a", "$-1|"},
        {"RESET", "+RESET|"},
        {"GET a", "-NOAUTH Authentication required.|"},
        {"AUTH default secret", "+OK|"},
        {"GET a", "$-1|"},
    };
    static struct door d;

    open_door(&d, "secret");
    for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
        const char *got = say(&d, locked[i].line, 1);
        CHECK(strcmp(got, locked[i].want) == 0, "row %zu: %s: %s", i, locked[i].line, got);
    }
    kit_close(&d.kit);
}

/* Whoever is there from the beginning of a scan to its end is shown, whatever comes and goes, and also if answers are short. */
static void scans_miss_nobody(uint64_t seed)
{
    static struct door d;
    static uint32_t seen[300];
    struct rng r;
    unsigned long cursor = 0;
    char line[64];

    rng_init(&r, seed);
    open_door(&d, NULL);
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < 300; i++) {
        sprintf(line, "SET stays%" PRIu32 " v", i);
        (void)say(&d, line, 1);
    }
    d.room = seed % 2 == 0 ? ROOM : 120;
    for (uint32_t n = 0; n < 10000; n++) {
        sprintf(line, "SCAN %lu MATCH stays* COUNT %d", cursor, 1 + (int)rng_below(&r, 100));
        const char *got = say(&d, line, 1);
        CHECK(sscanf(got, "*2|$%*d|%lu|", &cursor) == 1 && (got[1] == '2'), "a scan is answered: %s", got);
        for (const char *at = got; (at = strstr(at, "stays")) != NULL; at++) {
            seen[strtoul(at + 5, NULL, 10)]++;
        }
        if (cursor == 0) {
            break;
        }
        for (uint32_t i = 0; i < 20; i++) {
            sprintf(line, "%s goes%d v", rng_below(&r, 2) == 0 ? "SET" : "GETSET", (int)rng_below(&r, 400));
            (void)say(&d, line, 1);
            sprintf(line, "DEL goes%d", (int)rng_below(&r, 400));
            (void)say(&d, line, 1);
        }
    }
    for (uint32_t i = 0; i < 300; i++) {
        CHECK(seen[i] == 1, "seed %" PRIu64 ": %" PRIu32 " was shown %" PRIu32 " times", seed, i, seen[i]);
    }
    kit_close(&d.kit);
}

static void patterns_match(void)
{
    static const struct {
        const char *pattern, *text;
        bool want;
    } shapes[] = {
        {"*", "", true}, {"", "", true}, {"", "a", false}, {"a*b", "ab", true}, {"a*b", "axxb", true}, {"a*b", "axxbc", false}, {"*ab", "aab", true},
        {"a*b*c", "abbcbc", true}, {"?", "", false}, {"?", "a", true}, {"[a-c]", "b", true}, {"[c-a]", "b", true}, {"[^a-c]", "b", false}, {"[^a-c]", "d", true},
        {"\\*", "*", true}, {"\\*", "a", false}, {"[\\]]", "]", true}, {"[a", "a", true}, {"a\\", "a\\", true}, {"**", "a", true}, {"*a*", "bbb", false},
        {"*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        CHECK(mycel_serve_matches((const uint8_t *)shapes[i].pattern, strlen(shapes[i].pattern), (const uint8_t *)shapes[i].text, strlen(shapes[i].text)) ==
                  shapes[i].want, "%s and %s", shapes[i].pattern, shapes[i].text);
    }
}

int main(void)
{
    a_conversation_goes_as_with_redis();
    a_password_is_asked_for();
    for (uint64_t seed = 1; seed <= 6; seed++) {
        scans_miss_nobody(seed);
    }
    patterns_match();
    return CHECK_RESULT();
}
