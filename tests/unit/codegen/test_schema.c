/* What is no schema, and what is no snapshot of one. */
#include <string.h>

#include <sodium.h>

#include "codegen/word.h"
#include "common/base/bytes.h"
#include "kit.h"
#include "tests/support/check.h"

#define E "enum p/E open Z\n"
#define M "message p/M\n"
#define TEN "aaaaaaaaaa"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define ENTRY "message p/M.AEntry map\n"

static const struct {
    const char *body;
    enum err e;
    const char *why; /* in the text */
} refused[] = {
    {"enum p/E open Z\n", ERR_INVALID, "an enum without values in p.E"},
    {E "value 1 Z\n", ERR_INVALID, "the first value is not there, or is not 0"},
    {E "value 0 Y\n", ERR_INVALID, "the first value"},
    {E "value 0 Z\nvalue 1 Z\n", ERR_INVALID, "two values have one name"},
    {E "value 0 Z\nreserved 0 3\n", ERR_INVALID, "a value has what is reserved"},
    {E "value 0 Z\nreserved Z\n", ERR_INVALID, "a value has what is reserved"},
    {E "value 0 Z\nreserved 3 2\n", ERR_INVALID, "reserved numbers"},
    {E "value 0 Z\nreserved 2 3\nreserved 3 4\n", ERR_INVALID, "reserved numbers"},
    {E "value 0 Z\nreserved 2 3\nreserved 4 4\n", ERR_MALFORMED, "line 4"},
    {E "value 0 Z\nreserved A\nreserved A\n", ERR_INVALID, "reserved twice"},
    {E "value 0 Z-\n", ERR_INVALID, "no identifier"},
    {E "value 2147483648 Z\n", ERR_MALFORMED, "line 3"},
    {M "field 0 plain int32 a\n", ERR_INVALID, "out of range in p.M"},
    {M "field 19000 plain int32 a\n", ERR_INVALID, "out of range"},
    {M "field 19999 plain int32 a\n", ERR_INVALID, "out of range"},
    {M "field 536870912 plain int32 a\n", ERR_MALFORMED, "line 3"},
    {M "field 1 plain int32 a\nfield 1 plain int32 b\n", ERR_INVALID, "two fields have one number"},
    {M "field 1 plain int32 a\nfield 2 plain int32 a\n", ERR_INVALID, "two fields have one name"},
    {M "field 1 plain int33 a\n", ERR_INVALID, "no type"},
    {M "field 1 plain group a\n", ERR_INVALID, "no type"},
    {M "field 1 plain int32:p.M a\n", ERR_INVALID, "another one's name"},
    {M "field 1 plain message:p.N a\n", ERR_INVALID, "not declared"},
    {M "field 1 plain enum:p.M a\n", ERR_INVALID, "not declared"},
    {M "field 1 plain message a\n", ERR_INVALID, "not declared"},
    {M "field 1 once int32 a\n", ERR_MALFORMED, "line 3"},
    {M "field 1 optional int32 a packed\n", ERR_INVALID, "cannot be packed"},
    {M "field 1 repeated string a packed\n", ERR_INVALID, "cannot be packed"},
    {M "field 1 repeated int32 a oneof o\n", ERR_INVALID, "oneof"},
    {M "field 1 repeated int32 a default 30\n", ERR_INVALID, "default"},
    {M "field 1 optional int32 a default 3\n", ERR_MALFORMED, "line 3"},
    {M "field 1 optional string a default ff\n", ERR_MALFORMED, "line 3"},
    {M "field 1 optional string a default 00\n", ERR_MALFORMED, "line 3"},
    {M "field 1 optional int32 a oneof 9o\n", ERR_INVALID, "no identifier"},
    {M "field 1 optional int32 a oneof\n", ERR_MALFORMED, "line 3"},
    {M "field 1 plain int32 a;b\n", ERR_INVALID, "no identifier"},
    {M "field 1 plain int32 \xc3\xa4\n", ERR_MALFORMED, "line 3"},
    {M "field 1 plain int32 a\nreserved 1 1\n", ERR_INVALID, "reserved"},
    {M "field 1 plain int32 a\nreserved a\n", ERR_INVALID, "reserved"},
    {M "field 2 plain int32 a\nfield 1 plain int32 b\n", ERR_MALFORMED, "line 3 is not as it is written"},
    {M "field 01 plain int32 a\n", ERR_MALFORMED, "line 3 is not as it is written"},
    {M "field 1  plain int32 a\n", ERR_MALFORMED, "line 3"},
    {M "field 1 plain int32 a \n", ERR_MALFORMED, "line 3"},
    {M "field 1 repeated int32 a packed packed packed packed packed packed\n", ERR_MALFORMED, "line 3"},
    {M "field 1 plain int32 a\r\n", ERR_MALFORMED, "line 3"},
    {M M, ERR_INVALID, "declared twice in p.M"},
    {"message p/N\n" M, ERR_MALFORMED, "line 2"},
    {"enum p/M open Z\nvalue 0 Z\n" M, ERR_INVALID, "declared twice"},
    {M "service p/M\n", ERR_INVALID, "declared twice"},
    {"message p.M\n", ERR_MALFORMED, "line 2"},
    {"message p/M x\n", ERR_INVALID, "no map's entry"},
    {"message p/M map x\n", ERR_MALFORMED, "line 2"},
    {"message p/../M\n", ERR_INVALID, "no name"},
    {"message p/M\";x\n", ERR_INVALID, "no name"},
    {"message //M\n", ERR_INVALID, "no name"},
    {"message p/" HUNDRED TEN TEN TEN "\n", ERR_INVALID, "no name"},
    {"message " HUNDRED "." HUNDRED "/" HUNDRED "\n", ERR_LIMIT, "line 2"},
    {"value 1 A\n", ERR_MALFORMED, "line 2"},
    {M "value 1 A\n", ERR_MALFORMED, "line 3"},
    {E "value 0 Z\nfield 1 plain int32 a\n", ERR_MALFORMED, "line 4"},
    {"reserved 1 1\n", ERR_MALFORMED, "line 2"},
    {M "service p/S\nreserved 1 1\n", ERR_MALFORMED, "line 4"},
    {"wishes 1\n", ERR_MALFORMED, "line 2"},
    {"\n", ERR_MALFORMED, "line 2"},
    {M "field 1 optional message:p.M.AEntry a\n" ENTRY "field 1 plain string key\nfield 2 plain int32 value\n", ERR_INVALID, "a map's entry is not repeated"},
    {ENTRY, ERR_INVALID, "no map's entry in p.M.AEntry"},
    {ENTRY "field 1 plain string key\n", ERR_INVALID, "no map's entry"},
    {ENTRY "field 1 plain double key\nfield 2 plain int32 value\n", ERR_INVALID, "no map's entry"},
    {ENTRY "field 1 plain bytes key\nfield 2 plain int32 value\n", ERR_INVALID, "no map's entry"},
    {ENTRY "field 1 plain string value\nfield 2 plain int32 key\n", ERR_INVALID, "no map's entry"},
    {M "service p/S\noperation 0 Do p.M p.M once\n", ERR_INVALID, "Do of p.S has no number: the package's enum Op has no OP_DO"},
    {M "service p/S\noperation 1 Do p.M p.N once\n", ERR_INVALID, "not declared in p.S"},
    {M "service p/S\noperation 1 Do p.M p.M twice\n", ERR_MALFORMED, "line 4"},
    {M "service p/S\noperation 1 Do p.M p.M once gives\n", ERR_MALFORMED, "line 4 is not as"},
    {M "service p/S\noperation 1 Do p.M p.M once\noperation 1 Go p.M p.M once\n", ERR_INVALID, "two operations have one number"},
    {M "service p/S\noperation 1 Do p.M p.M once\noperation 2 Do p.M p.M once\n", ERR_INVALID, "two operations have one name"},
    {M "service p/S\noperation 1 Do p.M p.M once\nservice p/T\noperation 1 Do p.M p.M once\n", ERR_INVALID, "two operations have one number in p.T"},
    {M "service p/S\noperation 2147483648 Do p.M p.M once\n", ERR_MALFORMED, "line 4"},
    {"limit a 1\nlimit a 2\n", ERR_INVALID, "a limit is there twice"},
    {"limit A 1\n", ERR_INVALID, "a limit's name"},
    {"limit a -1\n", ERR_MALFORMED, "line 2"},
    {"limit a 18446744073709551616\n", ERR_MALFORMED, "line 2"},
    {"limit b 1\nlimit a 1\n", ERR_MALFORMED, "line 2"},
};

static void what_is_no_schema_is_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena arena;
        struct codegen_schema s = {.message_count = 77};
        char why[CODEGEN_WHY_SIZE] = "";

        arena_init(&arena, 1 << 24);
        enum err e = kit_read(&arena, refused[i].body, &s, why);

        CHECK(e == refused[i].e, "row %zu: %s: %s", i, err_name(e), why);
        CHECK(strstr(why, refused[i].why) != NULL && kit_is_line(why), "row %zu: %s", i, why);
        CHECK(s.message_count == 77, "row %zu: untouched", i);
        arena_fini(&arena);
    }
}

/* A snapshot is taken whole or not at all: cut anywhere, or with any one bit another, it is refused. */
static void a_snapshot_that_was_touched_is_refused(void)
{
    static const char body[] = "enum p/E open Z\nvalue 0 Z\n" M "field 1 repeated int32 a packed\nfield 2 optional string b oneof o\n"
                               "field 3 optional enum:p.E c oneof o\nreserved 7 9\nservice p/S\noperation 1 Do p.M p.M no-side-effects gives-stream\n";
    struct arena arena;
    struct codegen_schema s;
    char why[CODEGEN_WHY_SIZE];
    size_t len;

    arena_init(&arena, 1 << 26);
    char *text = kit_snapshot(&arena, body, &len);
    CHECK(codegen_snapshot_read(text, len, &arena, &s, why) == ERR_OK, "%s", why);
    CHECK(s.services[0].operations[0].gives_stream && !s.services[0].operations[0].takes_stream, "streams are read");
    for (size_t cut = 0; cut < len; cut++) {
        CHECK(codegen_snapshot_read(text, cut, &arena, &s, why) != ERR_OK, "cut at %zu", cut);
    }
    for (size_t at = 0; at < len; at++) {
        text[at] ^= 1;
        CHECK(codegen_snapshot_read(text, len, &arena, &s, why) == (at < sizeof "cell-schema 1" ? ERR_MALFORMED : ERR_DATA_LOSS), "bit of byte %zu", at);
        text[at] ^= 1;
    }
    arena_fini(&arena);
}

/* Each '~' as a NUL: a word goes on behind it, a text does not. */
static void a_nul_is_in_no_word(void)
{
    static const char *const bodies[] = {
        "message p~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~/M\n", "message p/M~\n", M "field 1 plain int32 a~b\n", E "value 0 Z~\n", "~\n", "limit a~ 1\n",
        M "reserved a~\n", M "service p/S\noperation 1 Do p.M~ p.M once\n", M "field 1 optional message:p.M~ a\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct arena arena;
        struct codegen_schema s;
        uint8_t hash[32];
        char why[CODEGEN_WHY_SIZE] = "", hex[65];
        size_t len;

        arena_init(&arena, 1 << 24);
        char *text = kit_snapshot(&arena, bodies[i], &len);
        for (char *c; (c = memchr(text, '~', len)) != NULL;) {
            *c = '\0';
        }
        crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len - 70, NULL, 0);
        bytes_to_hex(hash, sizeof hash, hex);
        memcpy(text + len - 65, hex, 64);
        CHECK(codegen_snapshot_read(text, len, &arena, &s, why) == ERR_MALFORMED && strstr(why, "does not read") != NULL, "row %zu: %s", i, why);
        arena_fini(&arena);
    }
}

static void words_are_split_as_the_runtime_does(void)
{
    static const char *const split[][3] = {
        {"Greet", "GREET", "Greet"}, {"FindNode", "FIND_NODE", "FindNode"}, {"GetURLOf", "GET_URL_OF", "GetURLOf"}, {"Sha1Of", "SHA1_OF", "Sha1Of"},
        {"HTTP", "HTTP", "HTTP"},    {"a_b", "A_B", "AB"},                  {"V2Get", "V2_GET", "V2Get"},            {"x", "X", "X"},
    };
    char out[2 * CODEGEN_SCHEMA_WORD_MAX + 1], camel[CODEGEN_SCHEMA_WORD_MAX + 1], longest[CODEGEN_SCHEMA_WORD_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(split); i++) {
        codegen_word_split(split[i][0], true, out);
        codegen_word_camel(split[i][0], camel);
        CHECK(strcmp(out, split[i][1]) == 0 && strcmp(camel, split[i][2]) == 0, "%s: %s %s", split[i][0], out, camel);
    }
    for (size_t i = 0; i < CODEGEN_SCHEMA_WORD_MAX; i++) {
        longest[i] = i % 2 ? 'a' : 'B';
    }
    longest[CODEGEN_SCHEMA_WORD_MAX] = '\0';
    CHECK(codegen_word_valid(longest, CODEGEN_SCHEMA_WORD_MAX), "as long as may be");
    codegen_word_split(longest, false, out);
    CHECK(strlen(out) == 3 * CODEGEN_SCHEMA_WORD_MAX / 2 - 1, "%zu", strlen(out));
    CHECK(!codegen_word_valid("aaaa", 0) && !codegen_word_valid("1a", 2) && !codegen_word_valid("a-", 2), "no words");
    CHECK(codegen_word_full_valid("a.b", 3) && !codegen_word_full_valid("a..b", 4) && !codegen_word_full_valid(".a", 2) && !codegen_word_full_valid("a.", 2), "dots");
}

/* docs/PROTOCOL.md, section 3, and common/run/sp.c of the same words. */
static void a_callers_fingerprint_is_the_runtimes(void)
{
    struct codegen_service service = {.name = "cell.greeter.Greeter"};
    struct codegen_operation o = {.name = "Greet", .number = 10000, .request_name = "cell.greeter.GreetRequest", .reply_name = "cell.greeter.GreetReply"};

    CHECK(codegen_snapshot_operation(&service, &o) == UINT64_C(0x1a3466d039abd83d), "%016llx", (unsigned long long)codegen_snapshot_operation(&service, &o));
}

int main(void)
{
    what_is_no_schema_is_refused();
    a_snapshot_that_was_touched_is_refused();
    a_nul_is_in_no_word();
    words_are_split_as_the_runtime_does();
    a_callers_fingerprint_is_the_runtimes();
    return CHECK_RESULT();
}
