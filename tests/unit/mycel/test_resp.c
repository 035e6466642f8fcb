/* Claims about what clients of redis say and are told. Each request is read whole, and cut at every byte: the same comes of it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "mycel/command.h"
#include "tests/support/check.h"

enum { ARGS = 8, BIG = 200000 };

#define MANY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* want: arguments in brackets, commands one after the other; "!" and the error of a wrong one; "…" where more is to come. */
static const struct {
    const char *said;
    size_t size; /* 0: a text */
    const char *want;
} rows[] = {
    {"*1\r\n$4\r\nPING\r\n", 0, "[PING]"},
    {"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", 0, "[GET][]"},
    {"*2\r\n$3\r\nGET\r\n$4\r\na\r\nb\r\n", 0, "[GET][a\r\nb]"},
    {"*1\r\n$3\r\na\0b\r\n", 13, "[a\0b]"},
    {"*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\nPING\r\n", 0, "[PING] [ECHO][x] [PING]"},
    {"*0\r\n*-1\r\n*1\r\n$1\r\na\r\n", 0, "  [a]"},
    {"PING\r\n", 0, "[PING]"},
    {"  set  a   b \r\n", 0, "[set][a][b]"},
    {"PING\n\r\n\nPING\n", 0, "[PING]   [PING]"},
    {"set \"a b\" 'c d'\r\n", 0, "[set][a b][c d]"},
    {"set \"\\x41\\n\\\"\\\\\\q\" '\\'\\n'\r\n", 0, "[set][A\n\"\\q]['\\n]"},
    {"set \"\\x4\"\r\n", 0, "[set][x4]"},
    {"get \"\"\r\n", 0, "[get][]"},
    {"get \"a\r\n", 0, "!ERR Protocol error: unbalanced quotes in request"},
    {"get \"a\"b\r\n", 0, "!ERR Protocol error: unbalanced quotes in request"},
    {"get a\"b c\"\r\n", 0, "[get][ab c]"},
    {"*1\r\n+PING\r\n", 0, "!ERR Protocol error: expected '$'"},
    {"*x\r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*\r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*1 \r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*01\r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*1\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*1048577\r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*9223372036854775808\r\n", 0, "!ERR Protocol error: invalid multibulk length"},
    {"*9\r\n", 0, "!ERR too many arguments"},
    {"*8\r\n", 0, "…"},
    {"1 2 3 4 5 6 7 8\r\n", 0, "[1][2][3][4][5][6][7][8]"},
    {"1 2 3 4 5 6 7 8 9\r\n", 0, "!ERR too many arguments"},
    {"*1\r\n$-1\r\n", 0, "!ERR Protocol error: invalid bulk length"},
    {"*1\r\n$16777217\r\n", 0, "!ERR Protocol error: invalid bulk length"},
    {"*1\r\n$16777216\r\n", 0, "!ERR command too large"},
    {"*1\r\n$4\r\nPINGxx", 0, "!ERR Protocol error: expected CRLF"},
    {"*1\r\n$4\r\nPING\r", 0, "…"},
    {"", 0, ""},
};

/* What comes of bytes[0..size) when they come `piece` at a time. */
static size_t read_all(const char *said, size_t size, size_t piece, char *ret)
{
    static uint8_t bytes[BIG + 64];
    struct mycel_resp_arg arg[ARGS];
    struct mycel_resp r = {.arg = arg, .args_max = ARGS, .command_max = 150000};
    size_t have = 0, len = 0, from = 0, used;
    bool is_first = true;

    mycel_resp_next(&r);
    while (true) {
        size_t next = size - from < piece ? size - from : piece;
        if (next > 0) {
            memcpy(bytes + have, said + from, next);
        }
        from += next;
        have += next;
        enum err e;
        while ((e = mycel_resp_read(&r, bytes, have, &used)) == ERR_OK) {
            REQUIRE(used > 0 && used <= have && r.count <= ARGS, "what is used was there");
            len += (size_t)sprintf(ret + len, "%s", is_first ? "" : " ");
            is_first = false;
            for (uint32_t i = 0; i < r.count; i++) {
                ret[len++] = '[';
                memcpy(ret + len, bytes + arg[i].at, arg[i].size);
                len += arg[i].size;
                ret[len++] = ']';
            }
            memmove(bytes, bytes + used, have - used);
            have -= used;
            mycel_resp_next(&r);
        }
        if (e != ERR_LATER) {
            return len + (size_t)sprintf(ret + len, "!%s", r.error);
        }
        if (from == size) {
            return len + (have > 0 ? (size_t)sprintf(ret + len, "…") : 0);
        }
    }
}

static void requests_are_read(void)
{
    static char got[BIG + 4096];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t size = rows[i].size != 0 ? rows[i].size : strlen(rows[i].said);
        size_t want = rows[i].size != 0 ? 5 : strlen(rows[i].want);
        for (size_t piece = 1; piece <= size + 1; piece++) {
            size_t len = read_all(rows[i].said, size, piece, got);
            CHECK(len == want && memcmp(got, rows[i].want, want) == 0, "row %zu, %zu at a time: %.*s", i, piece, (int)len, got);
        }
    }
}

static void lines_have_an_end(void)
{
    static char said[BIG], got[BIG + 4096];

    memset(said, 'a', sizeof said);
    said[MYCEL_RESP_INLINE_MAX] = '\n';
    CHECK(read_all(said, MYCEL_RESP_INLINE_MAX + 1, 1000, got) == MYCEL_RESP_INLINE_MAX + 2, "the longest line");
    said[MYCEL_RESP_INLINE_MAX] = 'a';
    (void)read_all(said, sizeof said, 1000, got);
    CHECK(strcmp(got, "!ERR Protocol error: too big inline request") == 0, "a line without an end");
    said[MYCEL_RESP_INLINE_MAX + 1] = '\n';
    (void)read_all(said, sizeof said, sizeof said, got);
    CHECK(strcmp(got, "!ERR Protocol error: too big inline request") == 0, "a byte too long");
    said[0] = '*';
    memset(said + 1, '1', sizeof said - 1);
    (void)read_all(said, sizeof said, 1000, got);
    CHECK(strcmp(got, "!ERR Protocol error: too big mbulk count string") == 0, "a length without an end");
    memcpy(said, "*1\r\n$", 5);
    (void)read_all(said, sizeof said, 1000, got);
    CHECK(strcmp(got, "!ERR Protocol error: too big bulk count string") == 0, "another one");
}

static void numbers_are_strict(void)
{
    static const struct {
        const char *text;
        bool is_one;
        int64_t value;
    } numbers[] = {
        {"0", true, 0}, {"-1", true, -1}, {"9223372036854775807", true, INT64_MAX}, {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0}, {"-9223372036854775809", false, 0}, {"99999999999999999999", false, 0}, {"", false, 0},
        {"-", false, 0}, {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"01", false, 0}, {"-0", false, 0}, {"1.0", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int64_t value = 0;
        bool is_one = mycel_resp_number((const uint8_t *)numbers[i].text, strlen(numbers[i].text), &value);
        CHECK(is_one == numbers[i].is_one && (!is_one || value == numbers[i].value), "%s", numbers[i].text);
    }
}

static void answers_are_written(void)
{
    static const char want2[] = "+OK\r\n-ERR a  b\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n:1\r\n$3\r\n0.5\r\n*2\r\n*4\r\n*1\r\n*3\r\n$4\r\n-inf\r\n";
    static const char want3[] = "+OK\r\n-ERR a  b\r\n:-7\r\n$3\r\na\r\n\r\n_\r\n_\r\n#t\r\n,0.5\r\n*2\r\n%2\r\n~1\r\n>3\r\n,-inf\r\n";

    for (uint8_t protocol = 2; protocol <= 3; protocol++) {
        const char *want = protocol == 2 ? want2 : want3;
        for (size_t size = 0; size <= strlen(want); size++) {
            uint8_t bytes[256];
            struct mycel_resp_write w = {.bytes = bytes, .size = size, .protocol = protocol};
            mycel_resp_write_simple(&w, "OK");
            mycel_resp_write_error(&w, "ERR a\r\nb");
            mycel_resp_write_integer(&w, -7);
            mycel_resp_write_bulk(&w, "a\r\n", 3);
            mycel_resp_write_null(&w);
            mycel_resp_write_null_array(&w);
            mycel_resp_write_boolean(&w, true);
            mycel_resp_write_double(&w, .5);
            mycel_resp_write_array(&w, 2);
            mycel_resp_write_map(&w, 2);
            mycel_resp_write_set(&w, 1);
            mycel_resp_write_push(&w, 3);
            mycel_resp_write_double(&w, -INFINITY);
            CHECK(w.len <= size && memcmp(bytes, want, w.len) == 0, "RESP%d in %zu: %.*s", protocol, size, (int)w.len, (char *)bytes);
            CHECK(w.is_cut == (size < strlen(want)) && (w.is_cut || w.len == size), "RESP%d in %zu is cut", protocol, size);
            CHECK(w.len == 0 || bytes[w.len - 1] == '\n', "never half of one thing");
        }
    }
}

static void commands_are_known(void)
{
    const struct mycel_command *c, *before = NULL;
    uint8_t bytes[1024];
    struct mycel_resp_write w = {.bytes = bytes, .size = sizeof bytes, .protocol = 2};

    for (uint32_t n = 0; (c = mycel_command_at(n)) != NULL; before = c, n++) {
        CHECK(before == NULL || strcmp(before->name, c->name) < 0, "%s stands in order", c->name);
        CHECK(mycel_command_find((const uint8_t *)c->name, strlen(c->name)) == c, "%s is found", c->name);
        CHECK(mycel_command_takes(c, (uint32_t)abs(c->arity)), "%s takes what it takes", c->name);
        CHECK(mycel_command_takes(c, (uint32_t)abs(c->arity) + 1) == (c->arity < 0), "%s takes more, or not", c->name);
        CHECK(!mycel_command_takes(c, (uint32_t)abs(c->arity) - 1), "%s takes no less", c->name);
    }
    CHECK(mycel_command_find((const uint8_t *)"GeT", 3) != NULL && mycel_command_find((const uint8_t *)"ge", 2) == NULL &&
              mycel_command_find((const uint8_t *)"gets", 4) == NULL && mycel_command_find((const uint8_t *)"", 0) == NULL &&
              mycel_command_find((const uint8_t *)"get\0", 4) == NULL, "names");
    mycel_command_write(mycel_command_find((const uint8_t *)"get", 3), &w);
    static const char want[] = "*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n";
    CHECK(w.len == strlen(want) && memcmp(bytes, want, w.len) == 0, "as redis-cli reads it: %.*s", (int)w.len, (char *)bytes);
    w.len = 0;
    static const struct mycel_resp_arg words[] = {{0, 3}, {3, 2}};
    mycel_command_unknown(&w, (const uint8_t *)"f\ro" "ab", words, 2);
    static const char unknown[] = "-ERR unknown command 'f\\x0do', with args beginning with: 'ab' \r\n";
    CHECK(w.len == strlen(unknown) && memcmp(bytes, unknown, w.len) == 0, "%.*s", (int)w.len, (char *)bytes);
}

static const char *words_of(const char *line, uint8_t *bytes, struct mycel_resp_arg *arg, uint32_t *count)
{
    struct mycel_resp r = {.arg = arg, .args_max = ARGS, .command_max = 1000};
    size_t used;

    mycel_resp_next(&r);
    sprintf((char *)bytes, "%s\n", line);
    REQUIRE(mycel_resp_read(&r, bytes, strlen(line) + 1, &used) == ERR_OK, "%s", line);
    *count = r.count;
    return line;
}

static void options_are_read(void)
{
    static const struct {
        const char *line, *error;
        bool nx, xx, get;
        enum mycel_command_end end;
        uint64_t ms;
    } sets[] = {
        {"set k v", NULL, false, false, false, MYCEL_COMMAND_NO_END, 0},
        {"set k v ex 10", NULL, false, false, false, MYCEL_COMMAND_IN_MS, 10000},
        {"set k v PX 10 nx get", NULL, true, false, true, MYCEL_COMMAND_IN_MS, 10},
        {"set k v xx exat 5", NULL, false, true, false, MYCEL_COMMAND_AT_MS, 5000},
        {"set k v pxat 5", NULL, false, false, false, MYCEL_COMMAND_AT_MS, 5},
        {"set k v keepttl", NULL, false, false, false, MYCEL_COMMAND_KEEP, 0},
        {"set k v nx xx", "ERR syntax error", 0, 0, 0, 0, 0},
        {"set k v ex", "ERR syntax error", 0, 0, 0, 0, 0},
        {"set k v ex 1 px 1", "ERR syntax error", 0, 0, 0, 0, 0},
        {"set k v ex 1 keepttl", "ERR syntax error", 0, 0, 0, 0, 0},
        {"set k v ex a", "ERR value is not an integer or out of range", 0, 0, 0, 0, 0},
        {"set k v ex 0", "ERR invalid expire time in 'set' command", 0, 0, 0, 0, 0},
        {"set k v ex 9223372036854775807", "ERR invalid expire time in 'set' command", 0, 0, 0, 0, 0},
        {"set k v ex 9223372036854775", NULL, false, false, false, MYCEL_COMMAND_IN_MS, UINT64_C(9223372036854775000)},
        {"set k v ex 9223372036854776", "ERR invalid expire time in 'set' command", 0, 0, 0, 0, 0},
        {"set k v what", "ERR syntax error", 0, 0, 0, 0, 0},
    };
    uint8_t bytes[256];
    struct mycel_resp_arg arg[ARGS];
    uint32_t count;

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        struct mycel_command_set s = {0};
        const char *line = words_of(sets[i].line, bytes, arg, &count), *e = mycel_command_read_set(bytes, arg, count, &s);
        CHECK((e == NULL) == (sets[i].error == NULL) && (e == NULL || strcmp(e, sets[i].error) == 0), "%s: %s", line, e);
        CHECK(s.nx == sets[i].nx && s.xx == sets[i].xx && s.get == sets[i].get && s.end == sets[i].end && s.ms == sets[i].ms, "%s", line);
    }
    static const struct {
        const char *line;
        bool is_right;
        enum mycel_command_end end;
        int64_t ms;
    } expires[] = {
        {"expire k 10", true, MYCEL_COMMAND_IN_MS, 10000}, {"PEXPIRE k -1", true, MYCEL_COMMAND_IN_MS, -1},
        {"expireat k 7 xx gt", true, MYCEL_COMMAND_AT_MS, 7000}, {"pexpireat k 7 nx", true, MYCEL_COMMAND_AT_MS, 7},
        {"expire k 1 nx xx", false, 0, 0}, {"expire k 1 gt lt", false, 0, 0}, {"expire k x", false, 0, 0}, {"expire k 1 zz", false, 0, 0},
        {"expire k 9223372036854775807", false, 0, 0}, {"expire k -9223372036854775808", false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(expires); i++) {
        struct mycel_command_expire x = {0};
        const char *line = words_of(expires[i].line, bytes, arg, &count);
        CHECK((mycel_command_read_expire(bytes, arg, count, &x) == NULL) == expires[i].is_right, "%s", line);
        CHECK(x.end == expires[i].end && x.ms == expires[i].ms, "%s", line);
    }
}

int main(void)
{
    requests_are_read();
    lines_have_an_end();
    numbers_are_strict();
    answers_are_written();
    commands_are_known();
    options_are_read();
    return CHECK_RESULT();
}
