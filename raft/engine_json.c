#include "raft/engine_json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SIZE = 24 };

/* ---- writing ------------------------------------------------------------------------------------ */

json_t *raft_engine_json_object(struct raft_engine_json *j)
{
    json_t *made = json_object();

    j->is_short |= made == NULL;
    return made;
}

json_t *raft_engine_json_array(struct raft_engine_json *j)
{
    json_t *made = json_array();

    j->is_short |= made == NULL;
    return made;
}

void raft_engine_json_set(struct raft_engine_json *j, json_t *object, const char *name, json_t *value)
{
    j->is_short |= json_object_set_new(object, name, value) != 0; /* takes NULL as a fault */
}

void raft_engine_json_push(struct raft_engine_json *j, json_t *array, json_t *value)
{
    j->is_short |= json_array_append_new(array, value) != 0;
}

void raft_engine_json_bytes(struct raft_engine_json *j, json_t *object, const char *name, const void *bytes, size_t size)
{
    size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL);
    AUTO_FREE char *text = malloc(room);

    if (text == NULL) {
        j->is_short = true;
        return;
    }
    sodium_bin2base64(text, room, bytes, size, sodium_base64_VARIANT_ORIGINAL);
    raft_engine_json_set(j, object, name, json_stringn_nocheck(text, room - 1));
}

void raft_engine_json_u64(struct raft_engine_json *j, json_t *object, const char *name, uint64_t value)
{
    char text[NUMBER_SIZE];

    if (value != 0) {
        (void)snprintf(text, sizeof text, "%" PRIu64, value);
        raft_engine_json_set(j, object, name, json_string_nocheck(text));
    }
}

void raft_engine_json_flag(struct raft_engine_json *j, json_t *object, const char *name, bool value)
{
    if (value) {
        raft_engine_json_set(j, object, name, json_true());
    }
}

void raft_engine_json_text(struct raft_engine_json *j, json_t *object, const char *name, const char *value)
{
    raft_engine_json_set(j, object, name, json_string(value));
}

/* ---- reading ------------------------------------------------------------------------------------ */

const json_t *raft_engine_json_get(const json_t *object, const char *name)
{
    return json_object_get(object, name); /* NULL for what is no object */
}

/* Text, as 64-bit numbers are written, or a number, as smaller ones are. */
uint64_t raft_engine_json_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    uint64_t number = 0;

    if (json_is_integer(value)) {
        json_int_t n = json_integer_value(value);
        return n > 0 ? (uint64_t)n : 0;
    }
    for (; text != NULL && *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || number > (UINT64_MAX - digit) / 10) {
            return 0;
        }
        number = number * 10 + digit;
    }
    return number;
}

bool raft_engine_json_is(const json_t *object, const char *name)
{
    return json_is_true(json_object_get(object, name));
}

const char *raft_engine_json_string(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

enum err raft_engine_json_take(const json_t *object, const char *name, struct arena *a, uint8_t **ret, size_t *ret_size)
{
    const json_t *value = json_object_get(object, name);
    size_t len = json_string_length(value), size = 0; /* 0 for what is no text */

    if (value != NULL && !json_is_string(value)) {
        return ERR_MALFORMED;
    }
    uint8_t *bytes = arena_alloc(a, len / 4 * 3 + 3);
    if (bytes == NULL) {
        return ERR_NOMEM;
    }
    if (len > 0 && sodium_base642bin(bytes, len / 4 * 3 + 3, json_string_value(value), len, NULL, &size, NULL,
                                     sodium_base64_VARIANT_ORIGINAL) != 0) {
        return ERR_MALFORMED;
    }
    *ret = bytes;
    *ret_size = size;
    return ERR_OK;
}
