/* ProtoJSON both ways, by a schema with every kind of field. The first byte chooses: 'e' and JSON, or
 * anything else and wire bytes. What one direction makes, the other must read; a second round trip
 * must change nothing. */
#include <assert.h>
#include <string.h>

#include "common/reflect/jsonpb.h"
#include "tests/unit/cli/all.schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct schema_message *all_type(void)
{
    static struct schema *schema; /* kept: parsing it anew would be most of the work */
    char why[SCHEMA_WHY_SIZE];

    if (schema == NULL) {
        enum err e = schema_parse(all_schema, sizeof all_schema, &schema, why);
        assert(e == ERR_OK);
    }
    return schema_find_message(schema, "test.all.All");
}

static void must_be_line(const char *why)
{
    for (; *why != '\0'; why++) {
        assert((uint8_t)*why >= 0x20 && *why != 0x7f);
    }
}

/* Wire bytes as text, or NULL when they are refused. */
static char *decode(const uint8_t *data, size_t size)
{
    struct jsonout out;
    char why[JSONPB_WHY_SIZE] = "";
    char *text = NULL;

    jsonout_init(&out, false);
    enum err e = jsonpb_decode(all_type(), data, size, &out, why);
    if (e == ERR_OK) {
        e = jsonout_take(&out, &text);
    } else {
        assert(*why != '\0');
        must_be_line(why);
    }
    jsonout_fini(&out);
    return text;
}

/* JSON as wire bytes, or NULL when it is refused. */
static uint8_t *encode(const char *text, size_t len, size_t *ret_size)
{
    char why[JSONPB_WHY_SIZE] = "";
    uint8_t *wire = NULL;
    json_t *value = NULL;
    enum err e = jsonpb_parse(text, len, &value, why);

    if (e == ERR_OK) {
        e = jsonpb_encode(all_type(), value, &wire, ret_size, why);
    }
    json_decref(value);
    if (e != ERR_OK) {
        assert(wire == NULL && *why != '\0');
        must_be_line(why);
    }
    return wire;
}

/* Text that we wrote is read, and gives the same text again. */
static void must_be_stable(const char *text)
{
    size_t size;
    AUTO_FREE uint8_t *wire = encode(text, strlen(text), &size);

    if (wire == NULL) {
        assert(strstr(text, "\\u0000") != NULL); /* a map key with NUL: see jsonpb_parse */
        return;
    }
    AUTO_FREE char *again = decode(wire, size);
    assert(again != NULL && strcmp(again, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_FREE char *text = NULL;

    if (size > 0 && data[0] == 'e') {
        size_t wire_size;
        AUTO_FREE uint8_t *wire = encode((const char *)data + 1, size - 1, &wire_size);

        text = wire != NULL ? decode(wire, wire_size) : NULL;
        assert(wire == NULL || text != NULL);
    } else if (size > 0) {
        text = decode(data + 1, size - 1);
    }
    if (text != NULL) {
        must_be_stable(text);
    }
    return 0;
}
