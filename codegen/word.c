#include "codegen/word.h"

#include <assert.h>
#include <string.h>

static const char *const types[CODEGEN_TYPE_END] = {
    [CODEGEN_DOUBLE] = "double",     [CODEGEN_FLOAT] = "float",       [CODEGEN_INT64] = "int64",   [CODEGEN_UINT64] = "uint64",
    [CODEGEN_INT32] = "int32",       [CODEGEN_FIXED64] = "fixed64",   [CODEGEN_FIXED32] = "fixed32", [CODEGEN_BOOL] = "bool",
    [CODEGEN_STRING] = "string",     [CODEGEN_MESSAGE] = "message",   [CODEGEN_BYTES] = "bytes",   [CODEGEN_UINT32] = "uint32",
    [CODEGEN_ENUM] = "enum",         [CODEGEN_SFIXED32] = "sfixed32", [CODEGEN_SFIXED64] = "sfixed64",
    [CODEGEN_SINT32] = "sint32",     [CODEGEN_SINT64] = "sint64",
};

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper_case(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool codegen_word_valid(const char *text, size_t len)
{
    if (len == 0 || len > CODEGEN_SCHEMA_WORD_MAX || is_digit(text[0])) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_lower(text[i]) && !is_upper_case(text[i]) && !is_digit(text[i]) && text[i] != '_') {
            return false;
        }
    }
    return true;
}

bool codegen_word_full_valid(const char *text, size_t len)
{
    if (len > CODEGEN_SCHEMA_NAME_MAX) {
        return false;
    }
    while (true) {
        const char *dot = memchr(text, '.', len);
        size_t word = dot != NULL ? (size_t)(dot - text) : len;

        if (!codegen_word_valid(text, word)) {
            return false;
        }
        if (dot == NULL) {
            return true;
        }
        text += word + 1;
        len -= word + 1;
    }
}

void codegen_word_split(const char *name, bool is_upper, char out[2 * CODEGEN_SCHEMA_WORD_MAX + 1])
{
    size_t at = 0, len = strlen(name);

    assert(len <= CODEGEN_SCHEMA_WORD_MAX);
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool begins = i > 0 && is_upper_case(c) &&
                      (is_lower(name[i - 1]) || is_digit(name[i - 1]) || (is_upper_case(name[i - 1]) && is_lower(name[i + 1])));

        if (begins) {
            out[at++] = '_';
        }
        if (is_upper && is_lower(c)) {
            c = (char)(c - 'a' + 'A');
        } else if (!is_upper && is_upper_case(c)) {
            c = (char)(c - 'A' + 'a');
        }
        out[at++] = c;
    }
    out[at] = '\0';
}

void codegen_word_camel(const char *name, char out[CODEGEN_SCHEMA_WORD_MAX + 1])
{
    size_t at = 0;
    bool begins = true;

    assert(strlen(name) <= CODEGEN_SCHEMA_WORD_MAX);
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            begins = true;
            continue;
        }
        out[at++] = begins && is_lower(*name) ? (char)(*name - 'a' + 'A') : *name;
        begins = is_digit(*name);
    }
    out[at] = '\0';
}

const char *codegen_word_type(enum codegen_type type)
{
    const char *text = (unsigned)type < CODEGEN_TYPE_END ? types[type] : NULL;

    return text != NULL ? text : "";
}

enum codegen_type codegen_word_type_of(const char *text, size_t len)
{
    for (unsigned i = 0; i < CODEGEN_TYPE_END; i++) {
        if (types[i] != NULL && strlen(types[i]) == len && memcmp(types[i], text, len) == 0) {
            return (enum codegen_type)i;
        }
    }
    return (enum codegen_type)0;
}
