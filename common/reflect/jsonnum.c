#include "common/reflect/jsonnum.h"

#include <math.h>
#include <sodium.h>
#include <string.h>

#include "common/base/pbwire.h"

/* Any 64-bit integer, signed or not. */
struct integer {
    bool is_negative; /* never with magnitude 0 */
    uint64_t magnitude;
};

enum {
    DIGITS_MAX = 20 /* of 2^64 - 1 */
};

static bool integer_from_text(const char *text, struct integer *ret)
{
    bool is_negative = *text == '-';
    const char *at = text + is_negative;
    size_t len = strspn(at, "0123456789");
    uint64_t value = 0;

    if (len == 0 || len > DIGITS_MAX || at[len] != '\0') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value)) {
            return false;
        }
    }
    *ret = (struct integer){is_negative && value != 0, value};
    return true;
}

/* 1.0 and 1e3 are integers too (ProtoJSON). */
static bool integer_from_real(double real, struct integer *ret)
{
    double magnitude = fabs(real);

    if (!(magnitude < 18446744073709551616.0) || magnitude != floor(magnitude)) {
        return false;
    }
    *ret = (struct integer){real < 0, (uint64_t)magnitude};
    return true;
}

static bool integer_from_json(const json_t *value, struct integer *ret)
{
    if (json_is_integer(value)) {
        json_int_t i = json_integer_value(value);

        *ret = (struct integer){i < 0, i < 0 ? -(uint64_t)i : (uint64_t)i};
        return true;
    }
    if (json_is_real(value)) {
        return integer_from_real(json_real_value(value), ret);
    }
    /* An embedded NUL would hide what follows it. */
    return json_is_string(value) &&
           strlen(json_string_value(value)) == json_string_length(value) &&
           integer_from_text(json_string_value(value), ret);
}

static bool fits(const struct integer *i, unsigned bits, bool is_signed)
{
    if (!is_signed) {
        return !i->is_negative && (bits == 64 || i->magnitude >> bits == 0);
    }
    uint64_t limit = UINT64_C(1) << (bits - 1);

    return i->is_negative ? i->magnitude <= limit : i->magnitude < limit;
}

/* Two's complement on 64 bits: negative int32 take ten bytes on the wire, by specification. */
static int64_t signed_value(const struct integer *i)
{
    return (int64_t)(i->is_negative ? -i->magnitude : i->magnitude);
}

static bool integer_bits(enum schema_type type, const struct integer *i, uint64_t *ret)
{
    bool is_wide = type == SCHEMA_INT64 || type == SCHEMA_UINT64 || type == SCHEMA_FIXED64 ||
                   type == SCHEMA_SFIXED64 || type == SCHEMA_SINT64;
    bool is_unsigned = type == SCHEMA_UINT32 || type == SCHEMA_UINT64 || type == SCHEMA_FIXED32 ||
                       type == SCHEMA_FIXED64;

    if (!fits(i, is_wide ? 64 : 32, !is_unsigned)) {
        return false;
    }
    int64_t value = signed_value(i);
    *ret = type == SCHEMA_SINT32 || type == SCHEMA_SINT64 ? pbwire_zigzag(value) : (uint64_t)value;
    return true;
}

static bool real_from_text(const char *text, double *ret)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    char *end;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].text) == 0) {
            *ret = words[i].value;
            return true;
        }
    }
    /* strtod also reads hexadecimal, "inf" and leading blanks, which JSON has not. */
    if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0') {
        return false;
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) {
        return false;
    }
    *ret = value;
    return true;
}

static bool real_bits(enum schema_type type, double value, uint64_t *ret)
{
    if (type == SCHEMA_DOUBLE) {
        memcpy(ret, &value, sizeof value);
        return true;
    }
    float narrow = (float)value;
    uint32_t bits;

    if (isfinite(value) && !isfinite(narrow)) {
        return false;
    }
    memcpy(&bits, &narrow, sizeof bits);
    *ret = bits;
    return true;
}

bool jsonnum_bits(enum schema_type type, const json_t *value, uint64_t *ret)
{
    struct integer i;
    double real;

    if (type == SCHEMA_BOOL) {
        *ret = json_is_true(value) ? 1 : 0;
        return json_is_boolean(value);
    }
    if (type != SCHEMA_DOUBLE && type != SCHEMA_FLOAT) {
        return integer_from_json(value, &i) && integer_bits(type, &i, ret);
    }
    if (json_is_number(value)) {
        return real_bits(type, json_number_value(value), ret);
    }
    return json_is_string(value) && real_from_text(json_string_value(value), &real) &&
           real_bits(type, real, ret);
}

bool jsonnum_bits_from_text(enum schema_type type, const char *text, uint64_t *ret)
{
    struct integer i;

    if (type == SCHEMA_BOOL) {
        *ret = strcmp(text, "true") == 0 ? 1 : 0;
        return *ret == 1 || strcmp(text, "false") == 0;
    }
    return integer_from_text(text, &i) && integer_bits(type, &i, ret);
}

const char *jsonnum_expected(enum schema_type type)
{
    switch (type) {
    case SCHEMA_INT32:
    case SCHEMA_SINT32:
    case SCHEMA_SFIXED32: return "an integer from -2147483648 to 2147483647";
    case SCHEMA_UINT32:
    case SCHEMA_FIXED32: return "an integer from 0 to 4294967295";
    case SCHEMA_INT64:
    case SCHEMA_SINT64:
    case SCHEMA_SFIXED64: return "a 64-bit integer, as number or text";
    case SCHEMA_UINT64:
    case SCHEMA_FIXED64: return "a 64-bit integer from 0, as number or text";
    case SCHEMA_FLOAT: return "a number that fits a float, \"NaN\" or \"Infinity\"";
    case SCHEMA_DOUBLE: return "a number, \"NaN\" or \"Infinity\"";
    case SCHEMA_BOOL: return "true or false";
    case SCHEMA_STRING: return "text";
    case SCHEMA_BYTES: return "text in base64";
    case SCHEMA_ENUM: return "the name or number of an enum value";
    case SCHEMA_MESSAGE: return "an object";
    }
    return "?";
}

bool jsonnum_from_base64(const char *text, size_t len, uint8_t **ret, size_t *ret_size)
{
    bool is_url = memchr(text, '-', len) != NULL || memchr(text, '_', len) != NULL;
    bool is_padded = len > 0 && text[len - 1] == '=';
    int variant = is_url ? (is_padded ? sodium_base64_VARIANT_URLSAFE
                                      : sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                         : (is_padded ? sodium_base64_VARIANT_ORIGINAL
                                      : sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
    size_t room = len / 4 * 3 + 3, size;
    AUTO_FREE uint8_t *data = malloc(room);

    if (data == NULL ||
        sodium_base642bin(data, room, text, len, NULL, &size, NULL, variant) != 0) {
        return false;
    }
    *ret = take_ptr(&data);
    *ret_size = size;
    return true;
}

char *jsonnum_to_base64(const uint8_t *data, size_t size)
{
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);

    return text == NULL ? NULL
                        : sodium_bin2base64(text, room, data, size, sodium_base64_VARIANT_ORIGINAL);
}

enum pbwire_type jsonnum_wire_type(enum schema_type type)
{
    switch (type) {
    case SCHEMA_DOUBLE:
    case SCHEMA_FIXED64:
    case SCHEMA_SFIXED64: return PBWIRE_FIXED64;
    case SCHEMA_FLOAT:
    case SCHEMA_FIXED32:
    case SCHEMA_SFIXED32: return PBWIRE_FIXED32;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE: return PBWIRE_BYTES;
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_INT32:
    case SCHEMA_BOOL:
    case SCHEMA_UINT32:
    case SCHEMA_ENUM:
    case SCHEMA_SINT32:
    case SCHEMA_SINT64: return PBWIRE_VARINT;
    }
    return PBWIRE_VARINT;
}
