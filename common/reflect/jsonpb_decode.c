/* Wire form to JSON. A message may spell one field many times, in any order and in pieces, so its
 * fields are first collected as records and then written in the order of the schema.
 *
 * A record takes 24 bytes and at least two bytes of message: 16 MiB of the worst input need 192 MiB
 * for a moment, never more, because the pieces of a nested message are its parent's records and are
 * not copied together. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/reflect/jsonnum.h"
#include "common/reflect/jsonpath.h"
#include "common/reflect/jsonpb.h"
#include "common/base/pbwire.h"

enum {
    RECORDS_FIRST = 16,
    EXAMPLE_DEPTH = 3,
};

struct record {
    union {
        uint64_t bits;       /* every type but PBWIRE_BYTES */
        const uint8_t *data; /* PBWIRE_BYTES                */
    };
    uint32_t size;     /* of data; a message has less than 2^32 bytes */
    uint32_t field;    /* index in the message's fields               */
    uint32_t sequence; /* as they came                                */
    uint8_t type;      /* enum pbwire_type                            */
};

struct records {
    struct record *at;
    size_t count;
    size_t room;
};

struct decoder {
    struct jsonout *out;
    struct jsonpath path;
};

/* The records of one field, as they came. */
struct run {
    const struct record *at;
    size_t count;
};

static enum err decode_message(struct decoder *dec, const struct schema_message *type,
                               struct run pieces);

static void records_fini(struct records *r)
{
    free(r->at);
}
#define AUTO_RECORDS __attribute__((cleanup(records_fini)))

static enum err add_record(struct decoder *dec, struct records *r, const struct record *record)
{
    if (r->count == r->room) {
        size_t room = r->room == 0 ? RECORDS_FIRST : r->room * 2;
        struct record *at = realloc(r->at, room * sizeof *at);

        if (at == NULL) {
            return jsonpath_refuse(&dec->path, ERR_NOMEM, "out of memory");
        }
        r->at = at;
        r->room = room;
    }
    r->at[r->count] = *record;
    r->at[r->count].sequence = (uint32_t)r->count;
    r->count++;
    return ERR_OK;
}

/* ---- collect -------------------------------------------------------------------------------- */

/* A field with another wire type than the schema says is unknown to us, not an error: so an older
 * reader survives a changed type (protobuf.dev, "Updating A Message Type"). */
static bool type_matches(const struct schema_field *f, enum pbwire_type type)
{
    return type == jsonnum_wire_type(f->type) ||
           (type == PBWIRE_BYTES && f->is_repeated && schema_type_packable(f->type));
}

static enum err collect_piece(struct decoder *dec, const struct schema_message *type,
                              const struct record *piece, struct records *r)
{
    struct pbwire w = pbwire_over(piece->data, piece->size);
    struct pbwire_field got;

    while (w.at < w.end) {
        if (!pbwire_next(&w, &got)) {
            return jsonpath_refuse(&dec->path, ERR_MALFORMED, "not a well-formed %s", type->name);
        }
        const struct schema_field *f = schema_field_by_number(type, got.number);

        if (f == NULL || !type_matches(f, got.type)) {
            continue;
        }
        struct record record = {.field = f->index, .type = (uint8_t)got.type};
        if (got.type == PBWIRE_BYTES) {
            record.data = got.data;
            record.size = (uint32_t)got.size;
        } else {
            record.bits = got.value;
        }
        enum err e = add_record(dec, r, &record);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* Of the members of a oneof the last one written counts: every record of another member, and of
 * the same member before another one came, is void. */
static enum err settle_oneofs(struct decoder *dec, const struct schema_message *type,
                              struct records *r)
{
    struct last {
        uint32_t field;
        uint32_t since; /* sequence of the first record that counts */
    };
    AUTO_FREE struct last *last = NULL;
    size_t kept = 0;

    if (type->oneof_count == 0) {
        return ERR_OK;
    }
    last = malloc(type->oneof_count * sizeof *last);
    if (last == NULL) {
        return jsonpath_refuse(&dec->path, ERR_NOMEM, "out of memory");
    }
    memset(last, 0xff, type->oneof_count * sizeof *last);
    for (size_t i = 0; i < r->count; i++) {
        int32_t oneof = type->fields[r->at[i].field].oneof;

        if (oneof >= 0 && last[oneof].field != r->at[i].field) {
            last[oneof] = (struct last){r->at[i].field, r->at[i].sequence};
        }
    }
    for (size_t i = 0; i < r->count; i++) {
        int32_t oneof = type->fields[r->at[i].field].oneof;

        if (oneof < 0 || (last[oneof].field == r->at[i].field &&
                          last[oneof].since <= r->at[i].sequence)) {
            r->at[kept++] = r->at[i];
        }
    }
    r->count = kept;
    return ERR_OK;
}

static int by_field(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    if (x->field != y->field) {
        return x->field < y->field ? -1 : 1;
    }
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

/* All fields of the message whose pieces these are, by field and then as they came. */
static enum err collect(struct decoder *dec, const struct schema_message *type, struct run pieces,
                        struct records *ret)
{
    enum err e = ERR_OK;

    for (size_t i = 0; e == ERR_OK && i < pieces.count; i++) {
        e = collect_piece(dec, type, &pieces.at[i], ret);
    }
    if (e == ERR_OK) {
        e = settle_oneofs(dec, type, ret);
    }
    if (e == ERR_OK && ret->count > 1) {
        qsort(ret->at, ret->count, sizeof *ret->at, by_field);
    }
    return e;
}

/* ---- values --------------------------------------------------------------------------------- */

static void write_real(struct jsonout *out, enum schema_type type, uint64_t bits)
{
    char text[JSONOUT_NUMBER_SIZE];
    double value;
    float narrow = 0;

    if (type == SCHEMA_FLOAT) {
        uint32_t half = (uint32_t)bits;

        memcpy(&narrow, &half, sizeof narrow);
        value = (double)narrow;
    } else {
        memcpy(&value, &bits, sizeof value);
    }
    if (isnan(value)) {
        jsonout_string(out, "NaN");
    } else if (isinf(value)) {
        jsonout_string(out, value > 0 ? "Infinity" : "-Infinity");
    } else {
        if (type == SCHEMA_FLOAT) {
            jsonout_float_format(narrow, text);
        } else {
            jsonout_double_format(value, text);
        }
        jsonout_raw(out, text);
    }
}

/* Decimal text of an integer's wire bits. */
static void integer_text(enum schema_type type, uint64_t bits, char out[JSONOUT_NUMBER_SIZE])
{
    uint64_t plain = bits;

    if (type == SCHEMA_SINT64) {
        plain = (uint64_t)pbwire_unzigzag(bits);
    } else if (type == SCHEMA_SINT32) {
        plain = (uint64_t)pbwire_unzigzag((uint32_t)bits); /* cut first: the sign is the lowest bit */
    }

    if (type == SCHEMA_UINT64 || type == SCHEMA_FIXED64) {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%" PRIu64, plain);
    } else if (type == SCHEMA_INT64 || type == SCHEMA_SFIXED64 || type == SCHEMA_SINT64) {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%" PRId64, (int64_t)plain);
    } else if (type == SCHEMA_UINT32 || type == SCHEMA_FIXED32) {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%" PRIu32, (uint32_t)plain);
    } else {
        snprintf(out, JSONOUT_NUMBER_SIZE, "%" PRId32, (int32_t)plain);
    }
}

static bool is_wide(enum schema_type type)
{
    return type == SCHEMA_INT64 || type == SCHEMA_UINT64 || type == SCHEMA_FIXED64 ||
           type == SCHEMA_SFIXED64 || type == SCHEMA_SINT64;
}

static void write_number(struct jsonout *out, const struct schema_field *f, uint64_t bits)
{
    char text[JSONOUT_NUMBER_SIZE];

    if (f->type == SCHEMA_BOOL) {
        jsonout_bool(out, bits != 0);
    } else if (f->type == SCHEMA_DOUBLE || f->type == SCHEMA_FLOAT) {
        write_real(out, f->type, bits);
    } else if (f->type == SCHEMA_ENUM) {
        const struct schema_enum_value *v = schema_value_by_number(f->values, (int32_t)bits);

        if (v != NULL) {
            jsonout_string(out, v->name);
        } else {
            jsonout_i64(out, (int32_t)bits);
        }
    } else {
        integer_text(f->type, bits, text);
        if (is_wide(f->type)) {
            jsonout_string(out, text); /* beyond 2^53 a JSON reader would round it */
        } else {
            jsonout_raw(out, text);
        }
    }
}

/* Protobuf strings may hold NUL, which the project's own check refuses. */
static bool is_text(const uint8_t *data, size_t size)
{
    while (size > 0) {
        const uint8_t *zero = memchr(data, 0, size);
        size_t len = zero != NULL ? (size_t)(zero - data) : size;

        if (!bytes_is_utf8(data, len)) {
            return false;
        }
        size -= len + (zero != NULL);
        data += len + (zero != NULL);
    }
    return true;
}

static enum err write_text(struct decoder *dec, const struct schema_field *f,
                           const struct record *record)
{
    if (f->type == SCHEMA_STRING) {
        if (!is_text(record->data, record->size)) {
            return jsonpath_refuse(&dec->path, ERR_MALFORMED, "text that is not UTF-8");
        }
        jsonout_string_n(dec->out, (const char *)record->data, record->size);
        return ERR_OK;
    }
    AUTO_FREE char *text = jsonnum_to_base64(record->data, record->size);
    if (text == NULL) {
        return jsonpath_refuse(&dec->path, ERR_NOMEM, "out of memory");
    }
    jsonout_string(dec->out, text);
    return ERR_OK;
}

/* The value of a singular field (or one item of a list) from its records; none: the default. */
static enum err write_one(struct decoder *dec, const struct schema_field *f, struct run run)
{
    if (f->type == SCHEMA_MESSAGE) {
        return decode_message(dec, f->message, run); /* pieces of one message are merged */
    }
    if (run.count == 0) {
        if (f->type == SCHEMA_STRING || f->type == SCHEMA_BYTES) {
            jsonout_string(dec->out, "");
        } else {
            write_number(dec->out, f, 0);
        }
        return ERR_OK;
    }
    const struct record *last = &run.at[run.count - 1];
    if (last->type == PBWIRE_BYTES) {
        return write_text(dec, f, last);
    }
    write_number(dec->out, f, last->bits);
    return ERR_OK;
}

static enum err write_packed(struct decoder *dec, const struct schema_field *f,
                             const struct record *record)
{
    struct pbwire w = pbwire_over(record->data, record->size);
    enum pbwire_type type = jsonnum_wire_type(f->type);

    while (w.at < w.end) {
        uint64_t bits;
        bool ok = type == PBWIRE_VARINT    ? pbwire_varint(&w, &bits)
                  : type == PBWIRE_FIXED32 ? pbwire_fixed32(&w, &bits)
                                           : pbwire_fixed64(&w, &bits);

        if (!ok) {
            return jsonpath_refuse(&dec->path, ERR_MALFORMED, "a packed list is cut off");
        }
        write_number(dec->out, f, bits);
    }
    return ERR_OK;
}

static enum err write_list(struct decoder *dec, const struct schema_field *f, struct run run,
                           struct jsonpath_step *step)
{
    jsonout_array(dec->out);
    for (size_t i = 0; i < run.count; i++) {
        const struct record *record = &run.at[i];
        enum err e;

        step->index = (long)i;
        if (record->type == PBWIRE_BYTES && schema_type_packable(f->type)) {
            e = write_packed(dec, f, record);
        } else {
            e = write_one(dec, f, (struct run){record, 1});
        }
        if (e != ERR_OK) {
            return e;
        }
        if (dec->out->failed) {
            return ERR_LIMIT; /* no need to look at the rest of a hostile list */
        }
    }
    jsonout_array_end(dec->out);
    return ERR_OK;
}

/* ---- maps ----------------------------------------------------------------------------------- */

struct map_entry {
    const uint8_t *text; /* string keys */
    size_t size;
    uint64_t bits; /* other keys */
    const struct record *record;
};

static int by_key(const void *a, const void *b)
{
    const struct map_entry *x = a, *y = b;

    if (x->bits != y->bits) {
        return x->bits < y->bits ? -1 : 1;
    }
    size_t common = x->size < y->size ? x->size : y->size;
    int order = common > 0 ? memcmp(x->text, y->text, common) : 0;
    if (order != 0 || x->size != y->size) {
        return order != 0 ? order : x->size < y->size ? -1 : 1;
    }
    return (x->record > y->record) - (x->record < y->record);
}

static bool same_key(const struct map_entry *x, const struct map_entry *y)
{
    return x->bits == y->bits && x->size == y->size &&
           (x->size == 0 || memcmp(x->text, y->text, x->size) == 0);
}

/* Only the bits that tell keys of this type apart: a bool of 2 is a bool of 1. */
static uint64_t key_bits(enum schema_type type, uint64_t bits)
{
    return type == SCHEMA_BOOL ? bits != 0 : is_wide(type) ? bits : (uint32_t)bits;
}

static enum err read_key(struct decoder *dec, const struct schema_field *key,
                         const struct record *record, struct map_entry *ret)
{
    struct pbwire w = pbwire_over(record->data, record->size);
    struct pbwire_field got;

    *ret = (struct map_entry){.record = record};
    while (w.at < w.end) {
        if (!pbwire_next(&w, &got)) {
            return jsonpath_refuse(&dec->path, ERR_MALFORMED, "a map entry is not well-formed");
        }
        if (got.number != key->number || got.type != jsonnum_wire_type(key->type)) {
            continue;
        }
        ret->text = got.data;
        ret->size = got.size;
        ret->bits = key_bits(key->type, got.value);
    }
    if (!is_text(ret->text, ret->size)) {
        return jsonpath_refuse(&dec->path, ERR_MALFORMED, "a key is not UTF-8");
    }
    return ERR_OK;
}

static enum err write_entry(struct decoder *dec, const struct schema_message *type,
                            const struct map_entry *entry)
{
    const struct schema_field *key = &type->fields[0], *value = &type->fields[1];
    AUTO_RECORDS struct records records = {0};
    char text[JSONOUT_NUMBER_SIZE];

    if (key->type == SCHEMA_STRING) {
        jsonout_name_n(dec->out, (const char *)entry->text, entry->size);
    } else if (key->type == SCHEMA_BOOL) {
        jsonout_name(dec->out, entry->bits != 0 ? "true" : "false");
    } else {
        integer_text(key->type, entry->bits, text);
        jsonout_name(dec->out, text);
    }
    enum err e = collect(dec, type, (struct run){entry->record, 1}, &records);
    if (e != ERR_OK) {
        return e;
    }
    size_t first = 0;
    while (first < records.count && records.at[first].field != value->index) {
        first++;
    }
    const struct record *at = first < records.count ? &records.at[first] : NULL;
    return write_one(dec, value, (struct run){at, records.count - first});
}

static enum err write_map(struct decoder *dec, const struct schema_field *f, struct run run)
{
    AUTO_FREE struct map_entry *entries = calloc(run.count + 1, sizeof *entries);

    if (entries == NULL) {
        return jsonpath_refuse(&dec->path, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < run.count; i++) {
        enum err e = read_key(dec, &f->message->fields[0], &run.at[i], &entries[i]);

        if (e != ERR_OK) {
            return e;
        }
    }
    qsort(entries, run.count, sizeof *entries, by_key);
    jsonout_object(dec->out);
    for (size_t i = 0; i < run.count; i++) {
        if (i + 1 < run.count && same_key(&entries[i], &entries[i + 1])) {
            continue; /* the last entry with a key wins, and JSON has no room for two */
        }
        enum err e = write_entry(dec, f->message, &entries[i]);
        if (e != ERR_OK) {
            return e;
        }
    }
    jsonout_object_end(dec->out);
    return ERR_OK;
}

/* ---- messages ------------------------------------------------------------------------------- */

static enum err write_field(struct decoder *dec, const struct schema_field *f, struct run run)
{
    struct jsonpath_step *step = &dec->path.steps[dec->path.depth++];
    enum err e;

    *step = (struct jsonpath_step){f->name, JSONPATH_NONE};
    jsonout_name(dec->out, f->name);
    if (f->is_map) {
        e = write_map(dec, f, run);
    } else if (f->is_repeated) {
        e = write_list(dec, f, run, step);
    } else {
        e = write_one(dec, f, run);
    }
    dec->path.depth--;
    return e;
}

static enum err decode_message(struct decoder *dec, const struct schema_message *type,
                               struct run pieces)
{
    AUTO_RECORDS struct records records = {0};

    if (dec->path.depth >= JSONPB_DEPTH_MAX) {
        return jsonpath_refuse(&dec->path, ERR_LIMIT, "messages are more than %d deep",
                               JSONPB_DEPTH_MAX);
    }
    enum err e = collect(dec, type, pieces, &records);
    if (e != ERR_OK) {
        return e;
    }
    size_t at = 0;
    jsonout_object(dec->out);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *f = &type->fields[i];
        struct run run = {at < records.count ? &records.at[at] : NULL, 0};

        while (at < records.count && records.at[at].field == i) {
            run.count++;
            at++;
        }
        if (run.count > 0 || !f->has_presence) {
            e = write_field(dec, f, run);
        }
        if (e != ERR_OK) {
            return e;
        }
    }
    assert(at == records.count);
    jsonout_object_end(dec->out);
    return ERR_OK;
}

enum err jsonpb_decode(const struct schema_message *type, const uint8_t *data, size_t size,
                       struct jsonout *out, char why[JSONPB_WHY_SIZE])
{
    AUTO_FREE struct decoder *dec = calloc(1, sizeof *dec);
    struct record whole = {.data = data, .size = (uint32_t)size, .type = PBWIRE_BYTES};

    if (dec == NULL) {
        strcpy(why, "out of memory");
        return ERR_NOMEM;
    }
    dec->out = out;
    dec->path.why = why;
    dec->path.why_size = JSONPB_WHY_SIZE;
    if (size > JSONPB_BYTES_MAX) {
        return jsonpath_refuse(&dec->path, ERR_LIMIT, "the message is larger than 16 MiB");
    }
    enum err e = decode_message(dec, type, (struct run){&whole, 1});
    if (e == ERR_OK && out->failed) {
        e = out->error;
    }
    return e != ERR_OK && out->failed
               ? jsonpath_refuse(&dec->path, out->error, "the JSON text is too large")
               : e;
}

/* ---- examples ------------------------------------------------------------------------------- */

static void example_message(const struct schema_message *type, struct jsonout *out, int depth);

static void example_value(const struct schema_field *f, struct jsonout *out, int depth)
{
    if (f->type == SCHEMA_MESSAGE) {
        example_message(f->message, out, depth + 1);
    } else if (f->type == SCHEMA_STRING || f->type == SCHEMA_BYTES) {
        jsonout_string(out, "");
    } else if (f->type == SCHEMA_ENUM) {
        jsonout_string(out, f->values->values[0].name);
    } else {
        write_number(out, f, 0);
    }
}

static void example_field(const struct schema_field *f, struct jsonout *out, int depth)
{
    jsonout_name(out, f->name);
    if (f->is_map) {
        jsonout_object(out);
        jsonout_name(out, f->message->fields[0].type == SCHEMA_STRING ? "key"
                          : f->message->fields[0].type == SCHEMA_BOOL ? "true" : "1");
        example_value(&f->message->fields[1], out, depth);
        jsonout_object_end(out);
    } else if (f->is_repeated) {
        jsonout_array(out);
        example_value(f, out, depth);
        jsonout_array_end(out);
    } else {
        example_value(f, out, depth);
    }
}

static void example_message(const struct schema_message *type, struct jsonout *out, int depth)
{
    bool chosen = false;

    jsonout_object(out);
    for (size_t i = 0; depth <= EXAMPLE_DEPTH && i < type->field_count; i++) {
        const struct schema_field *f = &type->fields[i];

        /* An example must be accepted as it is: one member of a oneof, and only the first oneof
         * of a message, which keeps this a loop without memory. */
        if (f->oneof >= 0 && chosen) {
            continue;
        }
        chosen = chosen || f->oneof >= 0;
        example_field(f, out, depth);
    }
    jsonout_object_end(out);
}

void jsonpb_example(const struct schema_message *type, struct jsonout *out)
{
    example_message(type, out, 1);
}
