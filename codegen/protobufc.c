#include "codegen/protobufc.h"

#include <assert.h>
#include <string.h>

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static char to(char c, bool upper)
{
    if (upper) {
        return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
    }
    return is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

void codegen_protobufc_name(const char *full, enum codegen_protobufc_form form, char out[CODEGEN_PROTOBUFC_SIZE])
{
    bool begins = true, was_upper = true;
    size_t at = 0;

    assert(strlen(full) <= CODEGEN_SCHEMA_NAME_MAX);
    for (; *full != '\0'; full++) {
        if (*full == '.') {
            out[at++] = '_';
            out[at++] = '_';
            begins = was_upper = true;
        } else if (form == CODEGEN_PROTOBUFC_TYPE) {
            if (*full != '_') {
                out[at++] = begins ? to(*full, true) : *full;
            }
            begins = *full == '_';
        } else {
            if (is_upper(*full) && !was_upper) {
                out[at++] = '_';
            }
            was_upper = is_upper(*full);
            out[at++] = to(*full, form == CODEGEN_PROTOBUFC_UPPER);
        }
    }
    out[at] = '\0';
}
