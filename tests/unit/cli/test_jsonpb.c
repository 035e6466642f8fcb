/* ProtoJSON: what is read, what is written, what is refused, exactly. */
#include "common/reflect/jsonpb.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "tests/unit/cli/all.schema.h"
#include "tests/unit/cli/all2.schema.h"

static int failed;

static void fault(const char *why, const char *wanted, const char *got)
{
    fprintf(stderr, "claim fails: %s\n  wanted %s\n  got    %s\n", why, wanted, got);
    failed = 1;
}

static struct schema *schema;
static const struct schema_message *all;

/* ---- JSON to wire ----------------------------------------------------------------------------- */

static const struct {
    const char *json;
    const char *wire; /* hex, or a part of the refusal after '!' */
    const char *why;
} encode_rows[] = {
    {"{}", "", "nothing given"},
    {"[]", "!expected an object of type test.all.All", "a list is no message"},
    {"1", "!expected an object of type test.all.All", "a number is no message"},
    {"{\"an_int32\":1}", "1801", "by the .proto name"},
    {"{\"anInt32\":1}", "1801", "by the JSON name"},
    {"{\"otherName\":1}", "a00301", "by the author's JSON name"},
    {"{\"renamed\":1}", "a00301", "by the .proto name although there is a JSON name"},
    {"{\"an_int32\":1,\"anInt32\":2}", "!given under both its names", "both names at once"},
    {"{\"an_int32\":null}", "", "null is not given"},
    {"{\"an_int32\":0}", "", "a default without presence is not sent"},
    {"{\"maybe\":0}", "900300", "a default with presence is sent"},
    {"{\"maybe_text\":\"\"}", "9a0300", "an empty text with presence is sent"},
    {"{\"an_int32\":-1}", "18ffffffffffffffffff01", "negative int32 take ten bytes"},
    {"{\"an_int32\":2147483647}", "18ffffffff07", "highest int32"},
    {"{\"an_int32\":2147483648}", "!an_int32: expected an integer from -2147483648", "one more"},
    {"{\"an_int32\":-2147483648}", "1880808080f8ffffffff01", "lowest int32"},
    {"{\"an_int32\":-2147483649}", "!expected an integer", "one less"},
    {"{\"an_int32\":1.0}", "1801", "an integral real"},
    {"{\"an_int32\":1e2}", "1864", "an exponent"},
    {"{\"an_int32\":1.5}", "!expected an integer", "a fraction"},
    {"{\"an_int32\":\"7\"}", "1807", "an integer as text"},
    {"{\"an_int32\":\"7 \"}", "!expected an integer", "a blank behind it"},
    {"{\"an_int32\":\"\"}", "!expected an integer", "no digits"},
    {"{\"an_int32\":\"0x7\"}", "!expected an integer", "hexadecimal"},
    {"{\"an_int32\":true}", "!expected an integer", "a bool is no integer"},
    {"{\"a_uint32\":4294967295}", "28ffffffff0f", "highest uint32"},
    {"{\"a_uint32\":4294967296}", "!expected an integer from 0 to 4294967295", "one more"},
    {"{\"a_uint32\":-1}", "!expected an integer from 0", "negative unsigned"},
    {"{\"a_uint64\":\"18446744073709551615\"}", "30ffffffffffffffffff01", "highest uint64"},
    {"{\"a_uint64\":\"18446744073709551616\"}", "!expected a 64-bit integer", "one more"},
    {"{\"a_uint64\":18446744073709551615}", "!write 64-bit integers as text", "too large for JSON"},
    {"{\"an_int64\":-9223372036854775808}", "2080808080808080808001", "lowest int64"},
    {"{\"an_int64\":\"-9223372036854775809\"}", "!expected a 64-bit integer", "one less"},
    {"{\"a_sint32\":-1}", "3801", "zigzag"},
    {"{\"a_sint64\":\"-9223372036854775808\"}", "40ffffffffffffffffff01", "lowest sint64"},
    {"{\"a_fixed32\":1}", "4d01000000", "fixed32 is little-endian"},
    {"{\"a_sfixed64\":-2}", "61feffffffffffffff", "sfixed64"},
    {"{\"a_double\":1}", "09000000000000f03f", "an integer as double"},
    {"{\"a_double\":\"-Infinity\"}", "09000000000000f0ff", "infinity as text"},
    {"{\"a_double\":\"1.5\"}", "09000000000000f83f", "a number as text"},
    {"{\"a_double\":\"0x1\"}", "!expected a number", "hexadecimal"},
    {"{\"a_double\":\"inf\"}", "!expected a number", "another infinity"},
    {"{\"a_double\":-0.0}", "090000000000000080", "minus zero is not the default"},
    {"{\"a_float\":3.5e38}", "!fits a float", "beyond a float"},
    {"{\"a_float\":1.5}", "150000c03f", "a float"},
    {"{\"a_bool\":true}", "6801", "true"},
    {"{\"a_bool\":1}", "!a_bool: expected true or false", "a number is no bool"},
    {"{\"a_string\":\"h\\u00e9\"}", "720368c3a9", "text is UTF-8"},
    {"{\"a_string\":\"a\\u0000b\"}", "7203610062", "NUL is a character"},
    {"{\"a_string\":1}", "!a_string: expected text", "a number is no text"},
    {"{\"some_bytes\":\"AQID/w==\"}", "7a04010203ff", "base64"},
    {"{\"some_bytes\":\"AQID_w\"}", "7a04010203ff", "base64 of the other alphabet, not padded"},
    {"{\"some_bytes\":\"AQ=\"}", "!expected text in base64", "wrong padding"},
    {"{\"some_bytes\":\"A!\"}", "!expected text in base64", "not base64"},
    {"{\"mood\":\"MOOD_GOOD\"}", "800101", "an enum by name"},
    {"{\"mood\":-1}", "8001ffffffffffffffffff01", "an enum by number"},
    {"{\"mood\":77}", "80014d", "a number nobody named"},
    {"{\"mood\":\"MOOD_GOOF\"}", "!did you mean MOOD_GOOD; known: MOOD_BAD, MOOD_NONE, MOOD_GOOD",
     "a mistyped enum"},
    {"{\"mood\":true}", "!expected the name or number", "a bool is no enum"},
    {"{\"leaf\":{\"name\":\"x\"}}", "8a01030a0178", "a message"},
    {"{\"leaf\":{}}", "8a0100", "an empty message is present"},
    {"{\"leaf\":{\"nme\":1}}", "!leaf: test.all.Leaf has no field \"nme\", did you mean name; known: "
     "name, number", "where a field is unknown"},
    {"{\"packed\":[1,2,300]}", "a201040102ac02", "a packed list"},
    {"{\"packed\":[]}", "", "an empty list"},
    {"{\"packed\":[1,\"x\"]}", "!packed[1]: expected an integer", "where an item is wrong"},
    {"{\"packed\":[null]}", "!packed[0]: expected an integer", "null is no item"},
    {"{\"packed\":1}", "!packed: expected a list", "an item is no list"},
    {"{\"unpacked\":[1,0]}", "a80101a80100", "an unpacked list keeps its zeros"},
    {"{\"leaves\":[{},{\"number\":5}]}", "d20100d201021005", "messages in a list"},
    {"{\"leaves\":[{},{\"number\":\"x\"}]}", "!leaves[1].number: expected", "a path through a list"},
    {"{\"by_string\":{\"k\":2}}", "f201050a016b1002", "a map"},
    {"{\"by_int32\":{\"-1\":{}}}", "fa010d08ffffffffffffffffff011200", "a map by number"},
    {"{\"by_int32\":{\"x\":{}}}", "!by_int32: a key must be an integer", "a key of the wrong kind"},
    {"{\"by_bool\":{\"true\":\"\"}}", "820204080112" "00", "a map by bool"},
    {"{\"by_bool\":{\"1\":\"\"}}", "!a key must be true or false", "a bool has two names"},
    {"{\"by_string\":[]}", "!by_string: expected an object", "a list is no map"},
    {"{\"text_choice\":\"a\"}", "c2020161", "a oneof"},
    {"{\"text_choice\":\"\"}", "c20200", "a oneof's default is sent"},
    {"{\"text_choice\":\"a\",\"number_choice\":1}",
     "!text_choice and number_choice exclude each other (oneof choice)", "two of a oneof"},
    {"{\"text_choice\":\"a\",\"number_choice\":null}", "c2020161", "null chooses nothing"},
    {"{\"a\\u001bb\":1}", "!no field \"a\\x1bb\"", "what a person typed is escaped"},
    {"{\"an_int32\":1,\"an_int32\":2}", "!duplicate", "the same name twice"},
    {"{\"an_int32\":}", "!JSON line 1 column", "broken JSON"},
};

static void encode_one(size_t i)
{
    char why[JSONPB_WHY_SIZE] = "", hex[4096] = "";
    uint8_t *wire = NULL;
    size_t size = 0;
    json_t *value = NULL;
    enum err e = jsonpb_parse(encode_rows[i].json, strlen(encode_rows[i].json), &value, why);

    if (e == ERR_OK) {
        e = jsonpb_encode(all, value, &wire, &size, why);
    }
    if (e == ERR_OK) {
        bytes_to_hex(wire, size, hex);
    }
    bool refused = encode_rows[i].wire[0] == '!';
    bool good = refused ? e != ERR_OK && strstr(why, encode_rows[i].wire + 1) != NULL
                        : e == ERR_OK && strcmp(hex, encode_rows[i].wire) == 0;
    if (!good) {
        fault(encode_rows[i].why, encode_rows[i].wire, e == ERR_OK ? hex : why);
    }
    json_decref(value);
    free(wire);
}

/* ---- wire to JSON ----------------------------------------------------------------------------- */

static const struct {
    const char *wire;
    const char *json; /* a member, or a part of the refusal after '!' */
    const char *why;
} decode_rows[] = {
    {"", "\"a_double\":0,\"a_float\":0,\"an_int32\":0,\"an_int64\":\"0\"", "defaults are shown"},
    {"", "\"packed\":[],", "an empty list is shown"},
    {"", "\"by_string\":{},", "an empty map is shown"},
    {"", "\"mood\":\"MOOD_NONE\",\"packed\"", "an absent message is not"},
    {"1801", "\"an_int32\":1,", "a number"},
    {"18011802", "\"an_int32\":2,", "the last of two"},
    {"18ffffffffffffffffff01", "\"an_int32\":-1,", "a negative number"},
    {"18ffffffff0f", "\"an_int32\":-1,", "int32 are cut to 32 bits"},
    {"30ffffffffffffffffff01", "\"a_uint64\":\"18446744073709551615\"", "64 bits are text"},
    {"3803", "\"a_sint32\":-2", "zigzag"},
    {"389eb8f5903f", "\"a_sint32\":2031005199", "sint32 are cut to 32 bits before the sign is read"},
    {"09000000000000f87f", "\"a_double\":\"NaN\"", "not a number"},
    {"090000000000000080", "\"a_double\":-0.0,", "minus zero keeps its sign"},
    {"15000080ff", "\"a_float\":\"-Infinity\"", "infinity"},
    {"15cdcccc3d", "\"a_float\":0.1,", "the shortest text of a float"},
    {"099a9999999999b93f", "\"a_double\":0.1,", "the shortest text of a double"},
    {"6802", "\"a_bool\":true", "any bit makes true"},
    {"720368c3a9", "\"a_string\":\"h\xc3\xa9\"", "UTF-8 is kept"},
    {"72031b5b4a", "\"a_string\":\"\\u001b[J\"", "control characters are escaped"},
    {"7202c29b", "\"a_string\":\"\\u009b\"", "C1 control characters too"},
    {"7203e280ae", "\"a_string\":\"\\u202e\"", "and marks that turn a line around"},
    {"7203610062", "\"a_string\":\"a\\u0000b\"", "NUL"},
    {"7201ff", "!a_string: text that is not UTF-8", "broken UTF-8"},
    {"7203eda080", "!a_string: text that is not UTF-8", "half a surrogate pair"},
    {"7a04010203ff", "\"some_bytes\":\"AQID/w==\"", "bytes"},
    {"80014d", "\"mood\":77", "a number nobody named"},
    {"a80307", "\"alias\":\"ALIAS_FIRST\"", "the first of two names"},
    {"8a01030a01788a01021005", "\"leaf\":{\"name\":\"x\",\"number\":5}", "pieces of a message are merged"},
    {"a201040102ac02a00105", "\"packed\":[1,2,300,5]", "packed and unpacked items of one list"},
    {"a80101aa01020203", "\"unpacked\":[1,2,3]", "the same the other way round"},
    {"a20102ff", "!not a well-formed", "a list longer than the message"},
    {"a20101ff", "!packed[0]: a packed list is cut off", "a cut item"},
    {"f201050a016b1002f201050a016b1003", "\"by_string\":{\"k\":3}", "the last of two keys wins"},
    {"f20100", "\"by_string\":{\"\":0}", "a map entry of defaults"},
    {"fa0100", "\"by_int32\":{\"0\":{\"name\":\"\",\"number\":0}}", "a message as default value"},
    {"82020208028202020801", "\"by_bool\":{\"true\":\"\"}", "two spellings of a bool are one key"},
    {"c2020161c80201", "\"number_choice\":1", "the last of a oneof counts"},
    {"d202030a0161c80201d202021005", "\"leaf_choice\":{\"name\":\"\",\"number\":5}",
     "a oneof that was left and entered again starts anew"},
    {"900300", "\"maybe\":0", "a default with presence"},
    {"1d01000000", "\"an_int32\":0", "another wire type is another field"},
    {"fa7f00", "\"an_int32\":0", "an unknown field is skipped"},
    {"e303e403", "\"an_int32\":0", "an unknown group is skipped"},
    {"e303", "!not a well-formed", "a group that does not end"},
    {"e303ec03", "!not a well-formed", "a group that another one ends"},
    {"00", "!not a well-formed", "field number 0"},
    {"1f", "!not a well-formed", "wire type 7"},
    {"18", "!not a well-formed", "a field without value"},
    {"18ffffffffffffffffffff01", "!not a well-formed", "a varint of eleven bytes"},
    {"7205616263", "!not a well-formed", "a text longer than the message"},
    {"72ffffffffffffffffff01", "!not a well-formed", "a length near 2^64"},
    {"4d010000", "!not a well-formed", "a cut fixed32"},
    {"8a010272ff", "!leaf: not a well-formed test.all.Leaf", "where it is broken"},
};

static enum err decode_text(const struct schema_message *type, const uint8_t *wire, size_t size,
                            char **ret, char *why)
{
    struct jsonout out;

    jsonout_init(&out, false);
    enum err e = jsonpb_decode(type, wire, size, &out, why);
    if (e == ERR_OK) {
        e = jsonout_take(&out, ret);
    }
    jsonout_fini(&out);
    return e;
}

static void decode_one(size_t i)
{
    uint8_t wire[256];
    char why[JSONPB_WHY_SIZE] = "";
    AUTO_FREE char *text = NULL;
    size_t size = strlen(decode_rows[i].wire) / 2;

    if (!bytes_from_hex(decode_rows[i].wire, wire, size)) {
        fault("the row is hex", "hex", decode_rows[i].wire);
        return;
    }
    enum err e = decode_text(all, wire, size, &text, why);
    bool refused = decode_rows[i].json[0] == '!';
    bool good = refused ? e == ERR_MALFORMED && strstr(why, decode_rows[i].json + 1) != NULL
                        : e == ERR_OK && strstr(text, decode_rows[i].json) != NULL;
    if (!good) {
        fault(decode_rows[i].why, decode_rows[i].json, e == ERR_OK ? text : why);
    }
    json_t *parsed = e == ERR_OK ? json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL)
                                 : NULL;
    if (e == ERR_OK && parsed == NULL) {
        fault("what is written is JSON", "JSON", text);
    }
    json_decref(parsed);
}

/* ---- limits ----------------------------------------------------------------------------------- */

/* `depth` messages inside each other, as wire bytes; the last is empty. */
static size_t nest_wire(uint8_t *out, size_t room, int depth)
{
    size_t at = room;

    for (int i = 1; i < depth; i++) {
        uint8_t head[16];
        size_t size = room - at, n = 0;

        head[n++] = 0x92; /* field 18: self */
        head[n++] = 0x01;
        while (size >= 0x80) {
            head[n++] = (uint8_t)(size | 0x80);
            size >>= 7;
        }
        head[n++] = (uint8_t)size;
        at -= n;
        memcpy(out + at, head, n);
    }
    memmove(out, out + at, room - at);
    return room - at;
}

static void depth_is_limited(void)
{
    static uint8_t wire[4096];
    char json[8192], why[JSONPB_WHY_SIZE];

    for (int depth = JSONPB_DEPTH_MAX; depth <= JSONPB_DEPTH_MAX + 1; depth++) {
        enum err expected = depth <= JSONPB_DEPTH_MAX ? ERR_OK : ERR_LIMIT;
        AUTO_FREE char *text = NULL;
        AUTO_FREE uint8_t *made = NULL;
        size_t made_size = 0, size = nest_wire(wire, sizeof wire, depth);

        if (decode_text(all, wire, size, &text, why) != expected) {
            fault("100 messages deep are read, 101 are not", err_name(expected), why);
        }
        json[0] = '\0';
        for (int i = 1; i < depth; i++) {
            strcat(json, "{\"self\":");
        }
        strcat(json, "{}");
        for (int i = 1; i < depth; i++) {
            strcat(json, "}");
        }
        json_t *value = json_loads(json, 0, NULL);
        enum err e = jsonpb_encode(all, value, &made, &made_size, why);
        if (e != expected || (e == ERR_OK && (made_size != size || memcmp(made, wire, size) != 0))) {
            fault("100 messages deep are written, 101 are not", err_name(expected), why);
        }
        json_decref(value);
    }
}

static void size_is_limited(void)
{
    char why[JSONPB_WHY_SIZE];
    /* Tag, length and text of field 14 make a message of exactly 16 MiB. */
    size_t len = JSONPB_BYTES_MAX - 5;
    char *text = malloc(len + 2);

    memset(text, 'a', len + 1);
    text[len + 1] = '\0';
    for (size_t extra = 0; extra <= 1; extra++) {
        json_t *value = json_pack("{s:s#}", "a_string", text, (int)(len + extra));
        AUTO_FREE uint8_t *wire = NULL;
        size_t size = 0;
        enum err e = jsonpb_encode(all, value, &wire, &size, why);

        if (e != (extra == 0 ? ERR_OK : ERR_LIMIT) || (e == ERR_OK && size != JSONPB_BYTES_MAX)) {
            fault("16 MiB are written, one more byte is not", "the limit", why);
        }
        if (e == ERR_OK) {
            AUTO_FREE char *json = NULL;
            if (decode_text(all, wire, size, &json, why) != ERR_OK) {
                fault("16 MiB are read", "ok", why);
            }
        }
        json_decref(value);
    }
    uint8_t *large = calloc(1, JSONPB_BYTES_MAX + 1);
    AUTO_FREE char *json = NULL;
    if (decode_text(all, large, JSONPB_BYTES_MAX + 1, &json, why) != ERR_LIMIT) {
        fault("one byte more is not read", "LIMIT", why);
    }
    json_t *value = NULL;
    if (jsonpb_parse((char *)large, JSONPB_BYTES_MAX + 1, &value, why) != ERR_LIMIT) {
        fault("one byte more of JSON is not read", "LIMIT", why);
    }
    free(large);
    free(text);
}

/* A message that would become far more text than it has bytes. */
static void text_is_limited(void)
{
    struct jsonout out;
    char why[JSONPB_WHY_SIZE];
    size_t count = 100000;
    uint8_t *wire = malloc(count + 8);
    size_t n = 0;

    wire[n++] = 0xca; /* field 25: moods, packed */
    wire[n++] = 0x01;
    wire[n++] = (uint8_t)(count | 0x80);
    wire[n++] = (uint8_t)(count >> 7 | 0x80);
    wire[n++] = (uint8_t)(count >> 14);
    memset(wire + n, 1, count);
    jsonout_init(&out, false);
    out.limit = count; /* each byte becomes twelve */
    if (jsonpb_decode(all, wire, n + count, &out, why) != ERR_LIMIT) {
        fault("text beyond the limit is refused", "LIMIT", why);
    }
    jsonout_fini(&out);
    free(wire);
}

/* The example of every type must be accepted as a request. */
static void examples_are_accepted(void)
{
    static const char *const types[] = {"test.all.All", "test.all.Leaf"};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        const struct schema_message *type = schema_find_message(schema, types[i]);
        struct jsonout out;
        AUTO_FREE char *text = NULL;
        AUTO_FREE uint8_t *wire = NULL;
        size_t size;
        char why[JSONPB_WHY_SIZE] = "no text";
        json_t *value = NULL;

        jsonout_init(&out, true);
        jsonpb_example(type, &out);
        enum err e = jsonout_take(&out, &text);
        if (e == ERR_OK) {
            e = jsonpb_parse(text, strlen(text), &value, why);
        }
        if (e == ERR_OK) {
            e = jsonpb_encode(type, value, &wire, &size, why);
        }
        if (e != ERR_OK) {
            fault("an example is accepted", types[i], why);
        }
        json_decref(value);
        jsonout_fini(&out);
    }
}

static void proto2_keeps_presence(void)
{
    struct schema *two = NULL;
    char why[JSONPB_WHY_SIZE];
    AUTO_FREE char *text = NULL;
    static const uint8_t wire[] = {0x08, 0x00, 0x18, 0x01, 0x18, 0x02, 0x22, 0x02, 0x03, 0x04};

    if (schema_parse(all2_schema, sizeof all2_schema, &two, why) != ERR_OK ||
        decode_text(schema_find_message(two, "test.two.Old"), wire, sizeof wire, &text, why) !=
            ERR_OK ||
        strcmp(text, "{\"must\":0,\"numbers\":[1,2],\"packed\":[3,4]}") != 0) {
        fault("proto2 shows what was set", "must, numbers, packed", text != NULL ? text : why);
    }
    schema_free(two);
}

int main(void)
{
    char why[SCHEMA_WHY_SIZE];

    if (schema_parse(all_schema, sizeof all_schema, &schema, why) != ERR_OK) {
        fault("the schema is read", "ok", why);
        return 1;
    }
    all = schema_find_message(schema, "test.all.All");
    for (size_t i = 0; i < ARRAY_LEN(encode_rows); i++) {
        encode_one(i);
    }
    for (size_t i = 0; i < ARRAY_LEN(decode_rows); i++) {
        decode_one(i);
    }
    depth_is_limited();
    size_is_limited();
    text_is_limited();
    examples_are_accepted();
    proto2_keeps_presence();
    schema_free(schema);
    return failed;
}
