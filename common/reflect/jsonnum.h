/* Numbers, text and bytes of ProtoJSON as their wire values. No message is known here. */
#ifndef CELL_COMMON_REFLECT_JSONNUM_H
#define CELL_COMMON_REFLECT_JSONNUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/base/pbwire.h"
#include "common/reflect/schema.h"

/* The wire value of an integer, float, double or bool given as JSON (integers and floats also as
 * text). false: it does not fit the type; then *ret is untouched. Not for enums. */
bool jsonnum_bits(enum schema_type type, const json_t *value, uint64_t *ret);

/* The same from text, as map keys are: integers in decimal, "true" and "false". */
bool jsonnum_bits_from_text(enum schema_type type, const char *text, uint64_t *ret);

/* How one value of the type is framed. */
enum pbwire_type jsonnum_wire_type(enum schema_type type);

/* What a person may write for the type: "an integer from 0 to 4294967295". */
const char *jsonnum_expected(enum schema_type type);

/* Base64, both alphabets, with or without padding (RFC 4648). *ret is fresh memory, never NULL on
 * true. false: not base64, or no memory. */
bool jsonnum_from_base64(const char *text, size_t len, uint8_t **ret, size_t *ret_size);

/* Standard alphabet with padding, terminated; NULL without memory. */
char *jsonnum_to_base64(const uint8_t *data, size_t size);

#endif
