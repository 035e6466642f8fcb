/* Each row is a change and what it means: which rules it meets, and whether any of them breaks. */
#include "codegen/compat.h"

#include <string.h>

#include "kit.h"
#include "tests/support/check.h"

#define M "message p/M\n"
#define E "enum p/E open Z\nvalue 0 Z\n"
#define CLOSED "enum p/E closed Z\nvalue 0 Z\n"
#define OP "operation 5 Do p.M p.M "
#define ONE M "field 1 plain string a\n"
#define OF(type) M "field 1 plain " type " a\n"
#define LABEL(label) M "field 1 " label " int32 a\n"
#define SERVICE M "service p/S\n"
#define XY "field 2 optional int32 x oneof o\nfield 3 optional int32 y oneof o\n"

static const struct {
    const char *before, *after;
    const char *rules; /* that are met, in order, with a blank behind each */
    const char *words; /* in the text of one of them */
    const char *why;
} rows[] = {
    {ONE, ONE, "", "", "the same"},
    {M, ONE, "FIELD_ADDED ", "field 1 \"a\" of p.M", "an added field is passed over"},
    {M, M "field 1 optional string a\n", "FIELD_ADDED ", "", "an added optional field does not fail a build"},
    {M, M "field 1 repeated string a\n", "FIELD_ADDED ", "", "nor does a repeated one"},
    {M, M "field 1 required string a\n", "FIELD_ADDED_REQUIRED ", "", "nobody sends it yet"},
    {ONE, M, "FIELD_REMOVED ", "field 1 \"a\" of p.M is gone", "its number may come again"},
    {ONE, M "reserved 1 1\n", "FIELD_RETIRED ", "", "its number cannot come again"},
    {ONE, M "reserved a\n", "FIELD_REMOVED ", "", "the name alone keeps nobody from the number"},
    {M "field 1 required string a\n", M "reserved 1 1\n", "FIELD_REMOVED_REQUIRED ", "", "whoever requires it refuses"},
    {M "reserved 1 1\n", ONE, "FIELD_REUSED RESERVED_REMOVED ", "", "the number of a retired one comes again"},
    {M "reserved 1 5\n", M "reserved 1 4\n", "RESERVED_REMOVED ", "reserved 1 to 5 of p.M", "less is reserved"},
    {M "reserved 1 5\n", M "reserved 1 2\nreserved 4 5\n", "RESERVED_REMOVED ", "", "a hole in it"},
    {M "reserved 2 4\n", M "reserved 1 5\n", "", "", "more is reserved"},
    {M "reserved 2 2\nreserved 4 4\n", M "reserved 2 4\n", "", "", "two ranges in one"},
    {M "reserved a\n", M, "RESERVED_REMOVED ", "reserved name a", "a name is free again"},
    {M "reserved b\n", M "reserved a\nreserved b\n", "", "", "more names"},
    {ONE, M "field 2 plain string a\n", "FIELD_NUMBER FIELD_ADDED ", "field \"a\" of p.M was 1 and is 2", "the same name under another number"},
    {ONE, M "field 1 plain string b\n", "FIELD_RENAMED ", "was \"a\" and is \"b\"", "bytes do not have names"},
    {OF("int32"), OF("int64"), "FIELD_TYPE_WIDTH ", "was int32 and is int64", "varints"},
    {OF("uint64"), OF("bool"), "FIELD_TYPE_WIDTH ", "", "varints"},
    {OF("int32"), OF("sint32"), "FIELD_TYPE ", "", "zigzag"},
    {OF("sint32"), OF("sint64"), "FIELD_TYPE_WIDTH ", "", "both zigzag"},
    {OF("fixed32"), OF("sfixed32"), "FIELD_TYPE_WIDTH ", "", "four bytes"},
    {OF("fixed64"), OF("sfixed64"), "FIELD_TYPE_WIDTH ", "", "eight bytes"},
    {OF("fixed32"), OF("fixed64"), "FIELD_TYPE ", "", "four bytes and eight"},
    {OF("fixed32"), OF("float"), "FIELD_TYPE ", "", "four bytes that mean something else"},
    {OF("fixed64"), OF("double"), "FIELD_TYPE ", "", "so do eight"},
    {OF("double"), OF("float"), "FIELD_TYPE ", "", "eight and four"},
    {OF("int32"), OF("fixed32"), "FIELD_TYPE ", "", "a varint and four bytes"},
    {OF("string"), OF("bytes"), "FIELD_TYPE_TEXT ", "", "text is bytes"},
    {OF("bytes"), OF("string"), "FIELD_TYPE ", "", "bytes are no text"},
    {OF("string"), OF("int32"), "FIELD_TYPE ", "", ""},
    {E OF("enum:p.E"), E OF("int32"), "FIELD_TYPE_WIDTH ", "was p.E and is int32", "an enum is a varint"},
    {E OF("enum:p.E"), E OF("sint32"), "FIELD_TYPE ", "", "not that kind"},
    {M "field 1 optional message:p.M a\n", M "field 1 optional bytes a\n", "FIELD_TYPE ", "", "a message's bytes are no field's"},
    {M "field 1 optional message:p.M a\nmessage p/N\n", M "field 1 optional message:p.N a\nmessage p/N\n", "FIELD_TYPE_NAME FIELD_REMOVED ", "of p.N is gone",
     "another type that lacks a field"},
    {"message p/A\nfield 1 plain int32 x\n" M "field 1 optional message:p.A a\n", "message p/B\nfield 1 plain int32 x\n" M "field 1 optional message:p.B a\n",
     "MESSAGE_REMOVED MESSAGE_ADDED FIELD_TYPE_NAME ", "was p.A and is p.B", "an inner type has another name"},
    {"message p/A\nfield 1 plain int32 x\n" M "field 1 optional message:p.A a\n", "message p/B\nfield 1 plain string x\n" M "field 1 optional message:p.B a\n",
     "MESSAGE_REMOVED MESSAGE_ADDED FIELD_TYPE_NAME FIELD_TYPE ", "of p.B was int32 and is string", "and it has changed"},
    {LABEL("plain"), LABEL("optional"), "FIELD_PRESENCE ", "", "the bytes are the same"},
    {LABEL("optional"), LABEL("plain"), "FIELD_PRESENCE ", "", "and back"},
    {LABEL("plain"), LABEL("repeated"), "FIELD_REPEATED ", "", "the last one of several counts"},
    {LABEL("repeated"), LABEL("optional"), "FIELD_REPEATED ", "", "and back"},
    {LABEL("optional"), LABEL("required"), "FIELD_REQUIRED ", "", "whoever leaves it out is refused"},
    {LABEL("required"), LABEL("optional"), "FIELD_REQUIRED ", "", "by those who still require it"},
    {M "field 1 repeated int32 a\n", M "field 1 repeated int32 a packed\n", "FIELD_PACKED ", "", "both are read"},
    {M "field 1 optional int32 a\n", M "field 1 optional int32 a default 35\n", "FIELD_DEFAULT ", "", "what is not sent means 0 and 5"},
    {M "field 1 optional int32 a default 35\n", M "field 1 optional int32 a default 36\n", "FIELD_DEFAULT ", "", ""},
    {M "field 1 optional int32 a\n" XY, M "field 1 optional int32 a oneof o\n" XY, "FIELD_ONEOF ", "was in no oneof and is in o", "it was sent beside the others"},
    {M "field 1 optional int32 a oneof o\n" XY, M "field 1 optional int32 a\n" XY, "FIELD_ONEOF ", "", "out of it"},
    {M "field 1 optional int32 a\n", M "field 1 optional int32 a oneof o\n", "FIELD_ONEOF_ALONE ", "", "a oneof of one field"},
    {M "field 1 plain int32 a\n", M "field 1 optional int32 a oneof o\n", "FIELD_PRESENCE FIELD_ONEOF_ALONE ", "", ""},
    {M "field 1 optional int32 a\n", M "field 1 optional int32 a oneof o\nfield 2 optional int32 x oneof o\n", "FIELD_ONEOF FIELD_ADDED_ONEOF ", "",
     "the new one clears what callers who do not know it go on to send"},
    {M XY, M "field 2 optional int32 x oneof other\nfield 3 optional int32 y oneof other\n", "", "", "a oneof's name is on no wire"},
    {M XY, M "field 2 optional int32 x oneof o\nfield 3 optional int32 y oneof other\n", "FIELD_ONEOF FIELD_ONEOF ", "was in o and is in other", "torn apart"},
    {M XY, M XY "field 4 optional int32 z oneof o\n", "FIELD_ADDED_ONEOF ", "", "one more"},
    {E, E "value 1 A\n", "VALUE_ADDED ", "value 1 A of p.E", "an open enum keeps it"},
    {CLOSED, CLOSED "value 1 A\n", "VALUE_ADDED_CLOSED ", "", "a closed one does not"},
    {E "value 1 A\n", E, "VALUE_REMOVED ", "value 1 A of p.E is gone", ""},
    {E "value 1 A\n", E "reserved 1 1\n", "VALUE_RETIRED ", "", ""},
    {E "reserved 1 1\n", E "value 1 A\n", "VALUE_REUSED RESERVED_REMOVED ", "", ""},
    {E "value 1 A\n", E "value 2 A\n", "VALUE_NUMBER ", "value A of p.E was 1 and is 2", "renumbered"},
    {E "value 1 A\n", E "value 1 B\n", "VALUE_RENAMED ", "was A and is B", ""},
    {E "value 1 A\n", E "value 1 A\nvalue 1 B\n", "", "", "one more name for a number"},
    {E, CLOSED, "ENUM_CLOSED ", "", ""},
    {CLOSED, E, "ENUM_OPEN ", "", ""},
    {"enum p/E closed A\nvalue 1 A\nvalue 2 B\n", "enum p/E closed B\nvalue 1 A\nvalue 2 B\n", "ENUM_FIRST ", "", "the default is another one"},
    {SERVICE OP "once\n", SERVICE OP "once\n", "", "", "the same"},
    {M, SERVICE OP "once\n", "SERVICE_ADDED ", "", ""},
    {SERVICE OP "once\n", M, "SERVICE_REMOVED ", "service p.S is gone", ""},
    {SERVICE, SERVICE OP "once\n", "OPERATION_ADDED ", "", ""},
    {SERVICE OP "once\n", SERVICE, "OPERATION_REMOVED ", "operation Do of p.S is gone", ""},
    {SERVICE OP "once\n", SERVICE "operation 6 Do p.M p.M once\n", "OPERATION_NUMBER ", "was 5 and is 6", ""},
    {SERVICE OP "once\n", SERVICE "operation 5 Go p.M p.M once\n", "OPERATION_REMOVED OPERATION_ADDED OPERATION_NUMBER_REUSED ",
     "operation Go of p.S has 5, which was Do of p.S", "the number means something else"},
    {M "message p/N\nservice p/S\n" OP "once\n", M "message p/N\nservice p/S\noperation 5 Do p.N p.M once\n", "OPERATION_REQUEST ", "took p.M and takes p.N", ""},
    {M "message p/N\nservice p/S\n" OP "once\n", M "message p/N\nservice p/S\noperation 5 Do p.M p.N once\n", "OPERATION_REPLY ", "gave p.M and gives p.N", ""},
    {SERVICE OP "once\n", SERVICE OP "once gives-stream\n", "OPERATION_STREAM ", "", ""},
    {SERVICE OP "idempotent\n", SERVICE OP "once\n", "OPERATION_ONCE ", "", "callers still send it twice"},
    {SERVICE OP "no-side-effects\n", SERVICE OP "once\n", "OPERATION_ONCE ", "", ""},
    {SERVICE OP "no-side-effects\n", SERVICE OP "idempotent\n", "OPERATION_EFFECTS ", "", ""},
    {SERVICE OP "once\n", SERVICE OP "idempotent\n", "OPERATION_REPEATABLE ", "", ""},
    {SERVICE OP "idempotent\n", SERVICE OP "no-side-effects\n", "OPERATION_REPEATABLE ", "", ""},
    {"limit message_bytes 10\n", "limit message_bytes 9\n", "LIMIT_LOWERED ", "limit message_bytes was 10 and is 9", ""},
    {"limit message_bytes 10\n", "limit message_bytes 11\n", "LIMIT_RAISED ", "", ""},
    {"", "limit message_bytes 10\n", "LIMIT_ADDED ", "", ""},
    {"limit message_bytes 10\n", "", "LIMIT_REMOVED ", "", ""},
    {M "field 1 repeated message:p.M.AEntry a\nmessage p/M.AEntry map\nfield 1 plain string key\nfield 2 plain int32 value\n",
     M "field 1 repeated message:p.N a\nmessage p/N\nfield 1 plain string key\nfield 2 plain int32 value\n", "MESSAGE_REMOVED MESSAGE_ADDED FIELD_MAP ", "",
     "a map is its entries"},
    {M "field 1 repeated message:p.M.AEntry a\nmessage p/M.AEntry map\nfield 1 plain string key\nfield 2 plain int32 value\n",
     M "field 1 repeated message:p.M.AEntry a\nmessage p/M.AEntry map\nfield 1 plain string key\nfield 2 plain string value\n", "FIELD_TYPE ", "of p.M.AEntry", ""},
};

static void a_change_means_what_its_row_says(size_t i)
{
    struct arena arena;
    struct codegen_schema before, after;
    struct codegen_findings found = {0};
    char why[CODEGEN_WHY_SIZE], met[600] = "";
    bool has_words = *rows[i].words == '\0';
    size_t broken = 0;

    arena_init(&arena, 1 << 24);
    REQUIRE(kit_read(&arena, rows[i].before, &before, why) == ERR_OK, "row %zu, before: %s", i, why);
    REQUIRE(kit_read(&arena, rows[i].after, &after, why) == ERR_OK, "row %zu, after: %s", i, why);
    REQUIRE(codegen_compat_check(&before, &after, &arena, &found) == ERR_OK, "row %zu", i);
    for (size_t k = 0; k < found.count; k++) {
        const struct codegen_finding *f = &found.items[k];

        strcat(strcat(met, codegen_compat_name(f->rule)), " ");
        has_words |= strstr(f->text, rows[i].words) != NULL;
        broken += f->level == CODEGEN_BREAKING;
        CHECK(kit_is_line(f->text) && strstr(f->text, "p.") != NULL ? true : strstr(f->text, "limit") != NULL, "row %zu: \"%s\" names a place", i, f->text);
        CHECK(f->level == codegen_compat_level(f->rule), "row %zu", i);
    }
    CHECK(strcmp(met, rows[i].rules) == 0, "row %zu (%s): met %s, not %s", i, rows[i].why, met, rows[i].rules);
    CHECK(has_words, "row %zu: \"%s\" is in no text: %s", i, rows[i].words, found.count > 0 ? found.items[0].text : "");
    CHECK(found.counts[CODEGEN_BREAKING] == broken && found.counts[0] + found.counts[1] + found.counts[2] == found.count, "row %zu: counts", i);
    arena_fini(&arena);
}

/* What the levels are: a table of its own, so that a rule that is made harmless fails here. */
static void these_rules_break_and_no_others(void)
{
    static const char breaking[] =
        " SERVICE_REMOVED OPERATION_REMOVED OPERATION_NUMBER OPERATION_NUMBER_REUSED OPERATION_REQUEST OPERATION_REPLY OPERATION_STREAM OPERATION_ONCE"
        " FIELD_ADDED_REQUIRED FIELD_REMOVED FIELD_REMOVED_REQUIRED FIELD_REUSED FIELD_NUMBER FIELD_TYPE FIELD_REPEATED FIELD_REQUIRED FIELD_DEFAULT"
        " FIELD_ONEOF VALUE_REMOVED VALUE_REUSED VALUE_NUMBER ENUM_FIRST ENUM_CLOSED RESERVED_REMOVED LIMIT_ADDED LIMIT_LOWERED ";
    size_t count = 0;

    for (int rule = 0; *codegen_compat_name((enum codegen_compat_rule)rule) != '\0'; rule++) {
        char word[64];
        bool breaks = codegen_compat_level((enum codegen_compat_rule)rule) == CODEGEN_BREAKING;

        snprintf(word, sizeof word, " %s ", codegen_compat_name((enum codegen_compat_rule)rule));
        CHECK(breaks == (strstr(breaking, word) != NULL), "%s", word);
        bool is_met = false;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            snprintf(word, sizeof word, " %s", rows[i].rules);
            is_met |= strstr(rows[i].rules, codegen_compat_name((enum codegen_compat_rule)rule)) != NULL;
        }
        CHECK(is_met || strncmp(codegen_compat_name((enum codegen_compat_rule)rule), "ENUM_", 5) == 0, "no row meets %s",
              codegen_compat_name((enum codegen_compat_rule)rule));
        count++;
    }
    CHECK(count > 40, "%zu rules", count);
}

/* Message i is of type i + 1 and the last one of the first: as deep as there are messages, compared once. */
static void types_in_a_circle_end(void)
{
    enum { DEEP = 20000 };
    struct arena arena;
    struct codegen_schema before, after;
    struct codegen_findings found = {0};
    char why[CODEGEN_WHY_SIZE];

    arena_init(&arena, CODEGEN_SCHEMA_MEMORY);
    char *text = arena_alloc(&arena, DEEP * 80), *at = text;
    for (int i = 0; i < DEEP; i++) {
        at += sprintf(at, "message p/M%05d\nfield 1 optional message:p.M%05d a\n", i, (i + 1) % DEEP);
    }
    REQUIRE(kit_read(&arena, text, &before, why) == ERR_OK, "%s", why);
    for (at = text; (at = strstr(at, " a\n")) != NULL; at++) {
        at[1] = 'b';
    }
    REQUIRE(kit_read(&arena, text, &after, why) == ERR_OK, "%s", why);
    REQUIRE(codegen_compat_check(&before, &after, &arena, &found) == ERR_OK, "as deep as it is");
    CHECK(found.count == CODEGEN_COMPAT_FINDINGS_MAX && found.counts[CODEGEN_CAREFUL] == DEEP, "%zu of %zu", found.count, found.counts[CODEGEN_CAREFUL]);
    arena_fini(&arena);
}

int main(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        a_change_means_what_its_row_says(i);
    }
    these_rules_break_and_no_others();
    types_in_a_circle_end();
    return CHECK_RESULT();
}
