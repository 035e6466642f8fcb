/* The reader believes little: it takes the words, seals what they make, and writes it again; only what comes out the same was a snapshot. */
#include "codegen/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "codegen/word.h"
#include "common/base/bytes.h"

#define HEAD "cell-schema 1\n"
#define HASH_WORD "hash "

enum {
    HASH_LINE = sizeof HASH_WORD - 1 + 2 * CODEGEN_SNAPSHOT_HASH_SIZE + 1,
    WORDS_MAX = 10, /* of a line: a field with everything */
};

static const char *const labels[CODEGEN_LABEL_END] = {"plain", "optional", "required", "repeated"};
static const char *const idempotencies[CODEGEN_IDEMPOTENCY_END] = {"once", "no-side-effects", "idempotent"};

/* ---- writing -------------------------------------------------------------------------------- */

static void write_name(struct codegen_out *out, const char *kind, const char *name, size_t package_len)
{
    codegen_out_add(out, "%s %.*s/%s", kind, (int)package_len, name, name + package_len + (package_len > 0));
}

static void write_reserved(struct codegen_out *out, const struct codegen_reserved *r)
{
    for (size_t i = 0; i < r->range_count; i++) {
        codegen_out_add(out, "reserved %" PRId32 " %" PRId32 "\n", r->ranges[i].first, r->ranges[i].last);
    }
    for (size_t i = 0; i < r->name_count; i++) {
        codegen_out_add(out, "reserved %s\n", r->names[i]);
    }
}

static void write_enum(struct codegen_out *out, const struct codegen_enum *e)
{
    write_name(out, "enum", e->name, e->package_len);
    codegen_out_add(out, " %s %s\n", e->is_closed ? "closed" : "open", e->first);
    for (size_t i = 0; i < e->value_count; i++) {
        codegen_out_add(out, "value %" PRId32 " %s\n", e->values[i].number, e->values[i].name);
    }
    write_reserved(out, &e->reserved);
}

static void write_message(struct codegen_out *out, const struct codegen_message *m)
{
    write_name(out, "message", m->name, m->package_len);
    codegen_out_add(out, "%s\n", m->is_map_entry ? " map" : "");
    for (size_t i = 0; i < m->field_count; i++) {
        const struct codegen_field *f = &m->fields[i];

        codegen_out_add(out, "field %" PRIu32 " %s %s%s%s %s", f->number, labels[f->label], codegen_word_type(f->type), *f->type_name != '\0' ? ":" : "",
                        f->type_name, f->name);
        codegen_out_add(out, "%s%s%s", f->is_packed ? " packed" : "", f->oneof >= 0 ? " oneof " : "", f->oneof >= 0 ? m->oneofs[f->oneof] : "");
        if (f->default_text != NULL) {
            codegen_out_add(out, " default ");
            for (const char *c = f->default_text; *c != '\0'; c++) {
                codegen_out_add(out, "%02x", (uint8_t)*c);
            }
        }
        codegen_out_add(out, "\n");
    }
    write_reserved(out, &m->reserved);
}

static void write_service(struct codegen_out *out, const struct codegen_service *service)
{
    write_name(out, "service", service->name, service->package_len);
    codegen_out_add(out, "\n");
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct codegen_operation *o = &service->operations[i];

        codegen_out_add(out, "operation %" PRIu32 " %s %s %s %s%s%s\n", o->number, o->name, o->request_name, o->reply_name, idempotencies[o->idempotency],
                        o->takes_stream ? " takes-stream" : "", o->gives_stream ? " gives-stream" : "");
    }
}

void codegen_snapshot_write(const struct codegen_schema *s, struct codegen_out *out)
{
    uint8_t hash[CODEGEN_SNAPSHOT_HASH_SIZE];
    char hex[2 * sizeof hash + 1];
    size_t begin = out->len;

    codegen_out_add(out, HEAD);
    for (size_t i = 0; i < s->limit_count; i++) {
        codegen_out_add(out, "limit %s %" PRIu64 "\n", s->limits[i].name, s->limits[i].value);
    }
    for (size_t i = 0; i < s->enum_count; i++) {
        write_enum(out, &s->enums[i]);
    }
    for (size_t i = 0; i < s->message_count; i++) {
        write_message(out, &s->messages[i]);
    }
    for (size_t i = 0; i < s->service_count; i++) {
        write_service(out, &s->services[i]);
    }
    if (!out->failed) {
        crypto_generichash(hash, sizeof hash, (const uint8_t *)out->at + begin, out->len - begin, NULL, 0);
        bytes_to_hex(hash, sizeof hash, hex);
        codegen_out_add(out, HASH_WORD "%s\n", hex);
    }
}

enum err codegen_snapshot_fingerprint(const struct codegen_schema *s, struct arena *arena, uint8_t ret[CODEGEN_SNAPSHOT_HASH_SIZE])
{
    struct codegen_out out;

    codegen_out_init(&out, arena);
    codegen_snapshot_write(s, &out);
    if (out.failed) {
        return ERR_NOMEM;
    }
    crypto_generichash(ret, CODEGEN_SNAPSHOT_HASH_SIZE, (const uint8_t *)out.at, out.len - HASH_LINE, NULL, 0);
    return ERR_OK;
}

uint64_t codegen_snapshot_operation(const struct codegen_service *service, const struct codegen_operation *o)
{
    char text[4 * (CODEGEN_SCHEMA_NAME_MAX + 1) + 16];
    uint8_t hash[CODEGEN_SNAPSHOT_HASH_SIZE];
    uint64_t value = 0;

    int len = snprintf(text, sizeof text, "%s\n%s\n%" PRIu32 "\n%s\n%s\n", service->name, o->name, o->number, o->request_name, o->reply_name);
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, (size_t)len, NULL, 0);
    for (size_t i = 0; i < sizeof value; i++) {
        value |= (uint64_t)hash[i] << (8 * i);
    }
    return value;
}

/* ---- reading -------------------------------------------------------------------------------- */

struct word {
    const char *at;
    size_t len;
};

struct reading {
    struct codegen_schema *schema;
    struct word word[WORDS_MAX];
    size_t words;
    /* What the next line may belong to: at most one is not NULL. Lists move as they grow, so it is always their last item. */
    enum { IN_NOTHING, IN_ENUM, IN_MESSAGE, IN_SERVICE } in;
    size_t room, oneof_room, range_room, name_room;
};

static bool is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.at, text, w.len) == 0;
}

static bool number(struct word w, int64_t least, uint64_t most, uint64_t *ret)
{
    bool is_negative = w.len > 0 && w.at[0] == '-';
    uint64_t value = 0;

    if (w.len == (size_t)is_negative || w.len > 20) {
        return false;
    }
    for (size_t i = is_negative; i < w.len; i++) {
        if (w.at[i] < '0' || w.at[i] > '9' || value > (UINT64_MAX - 9) / 10) {
            return false;
        }
        value = 10 * value + (uint64_t)(w.at[i] - '0');
    }
    if (is_negative ? least >= 0 || value > (uint64_t)-least : value > most) {
        return false;
    }
    *ret = is_negative ? 0 - value : value;
    return true;
}

static enum err text(struct reading *r, struct word w, const char **ret)
{
    if (w.len > CODEGEN_SCHEMA_NAME_MAX) {
        return ERR_LIMIT;
    }
    *ret = codegen_schema_text(r->schema, w.at, w.len);
    return *ret != NULL ? ERR_OK : ERR_NOMEM;
}

/* "package/Outer.Inner" as "package.Outer.Inner". */
static enum err full_name(struct reading *r, struct word w, const char **ret, size_t *package_len)
{
    const char *slash = memchr(w.at, '/', w.len);
    char full[CODEGEN_SCHEMA_NAME_MAX + 1];

    if (slash == NULL || w.len > CODEGEN_SCHEMA_NAME_MAX + 1) {
        return slash == NULL ? ERR_MALFORMED : ERR_LIMIT;
    }
    size_t package = (size_t)(slash - w.at);
    int len = snprintf(full, sizeof full, "%.*s%s%.*s", (int)package, w.at, package > 0 ? "." : "", (int)(w.len - package - 1), slash + 1);
    if (len < 0 || (size_t)len >= sizeof full) {
        return ERR_LIMIT;
    }
    *package_len = package;
    return text(r, (struct word){full, (size_t)len}, ret);
}

static int one_of(struct word w, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (is(w, list[i])) {
            return (int)i;
        }
    }
    return -1;
}

static enum err read_limit(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    struct codegen_limit *l;
    uint64_t value;

    if (r->words != 3 || !number(r->word[2], 0, UINT64_MAX, &value)) {
        return ERR_MALFORMED;
    }
    l = codegen_schema_grow(s->arena, (void **)&s->limits, &s->limit_count, &s->limit_room, sizeof *l);
    if (l == NULL) {
        return ERR_NOMEM;
    }
    l->value = value;
    return text(r, r->word[1], &l->name);
}

static enum err read_enum(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    struct codegen_enum *e = codegen_schema_grow(s->arena, (void **)&s->enums, &s->enum_count, &s->enum_room, sizeof *e);

    if (e == NULL) {
        return ERR_NOMEM;
    }
    r->in = IN_ENUM;
    e->doc = e->name = "";
    if (r->words != 4) {
        return ERR_MALFORMED;
    }
    e->is_closed = is(r->word[2], "closed");
    enum err error = full_name(r, r->word[1], &e->name, &e->package_len);
    return error == ERR_OK ? text(r, r->word[3], &e->first) : error;
}

static enum err read_message(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    struct codegen_message *m = codegen_schema_grow(s->arena, (void **)&s->messages, &s->message_count, &s->message_room, sizeof *m);

    if (m == NULL) {
        return ERR_NOMEM;
    }
    r->in = IN_MESSAGE;
    m->doc = m->name = "";
    m->is_map_entry = r->words == 3;
    return r->words == 2 || r->words == 3 ? full_name(r, r->word[1], &m->name, &m->package_len) : ERR_MALFORMED;
}

static enum err read_service(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    struct codegen_service *service = codegen_schema_grow(s->arena, (void **)&s->services, &s->service_count, &s->service_room, sizeof *service);

    if (service == NULL) {
        return ERR_NOMEM;
    }
    r->in = IN_SERVICE;
    service->doc = service->name = "";
    return r->words == 2 ? full_name(r, r->word[1], &service->name, &service->package_len) : ERR_MALFORMED;
}

static enum err read_value(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    uint64_t value;

    if (r->in != IN_ENUM || r->words != 3 || !number(r->word[1], INT32_MIN, INT32_MAX, &value)) {
        return ERR_MALFORMED;
    }
    struct codegen_enum *e = &s->enums[s->enum_count - 1];
    struct codegen_value *v = codegen_schema_grow(s->arena, (void **)&e->values, &e->value_count, &r->room, sizeof *v);
    if (v == NULL) {
        return ERR_NOMEM;
    }
    *v = (struct codegen_value){.number = (int32_t)value, .doc = ""};
    return text(r, r->word[2], &v->name);
}

static enum err read_reserved(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    struct codegen_reserved *to;
    uint64_t first, last;

    if (r->in == IN_ENUM) {
        to = &s->enums[s->enum_count - 1].reserved;
    } else if (r->in == IN_MESSAGE) {
        to = &s->messages[s->message_count - 1].reserved;
    } else {
        return ERR_MALFORMED;
    }
    if (r->words == 2) {
        const char **name = codegen_schema_grow(s->arena, (void **)&to->names, &to->name_count, &r->name_room, sizeof *name);

        return name != NULL ? text(r, r->word[1], name) : ERR_NOMEM;
    }
    if (r->words != 3 || !number(r->word[1], INT32_MIN, INT32_MAX, &first) || !number(r->word[2], INT32_MIN, INT32_MAX, &last)) {
        return ERR_MALFORMED;
    }
    struct codegen_range *range = codegen_schema_grow(s->arena, (void **)&to->ranges, &to->range_count, &r->range_room, sizeof *range);
    if (range == NULL) {
        return ERR_NOMEM;
    }
    *range = (struct codegen_range){(int32_t)first, (int32_t)last};
    return ERR_OK;
}

/* "message:full.Name", "sint32". */
static enum err read_type(struct reading *r, struct word w, struct codegen_field *f)
{
    const char *colon = memchr(w.at, ':', w.len);
    size_t len = colon != NULL ? (size_t)(colon - w.at) : w.len;

    f->type = codegen_word_type_of(w.at, len);
    f->type_name = "";
    return colon != NULL ? text(r, (struct word){colon + 1, w.len - len - 1}, &f->type_name) : ERR_OK;
}

static enum err read_default(struct reading *r, struct word w, struct codegen_field *f)
{
    uint8_t bytes[CODEGEN_SCHEMA_DEFAULT_MAX];
    char hex[2 * sizeof bytes + 1];

    if (w.len % 2 != 0 || w.len > 2 * sizeof bytes) {
        return ERR_MALFORMED;
    }
    memcpy(hex, w.at, w.len);
    hex[w.len] = '\0';
    if (!bytes_from_hex(hex, bytes, w.len / 2) || !bytes_is_utf8(bytes, w.len / 2)) {
        return ERR_MALFORMED;
    }
    f->default_text = codegen_schema_text(r->schema, (const char *)bytes, w.len / 2);
    return f->default_text != NULL ? ERR_OK : ERR_NOMEM;
}

/* Fields of one oneof may stand apart: the names that this message has had are looked through, and there are not many. */
static enum err read_oneof(struct reading *r, struct word w, struct codegen_message *m, int32_t *ret)
{
    const char **name;

    for (size_t i = 0; i < m->oneof_count; i++) {
        if (is(w, m->oneofs[i])) {
            *ret = (int32_t)i;
            return ERR_OK;
        }
    }
    if (m->oneof_count == CODEGEN_SCHEMA_ONEOFS_MAX) {
        return ERR_LIMIT;
    }
    name = codegen_schema_grow(r->schema->arena, (void **)&m->oneofs, &m->oneof_count, &r->oneof_room, sizeof *name);
    if (name == NULL) {
        return ERR_NOMEM;
    }
    *ret = (int32_t)m->oneof_count - 1;
    return text(r, w, name);
}

static enum err read_field(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    uint64_t value;
    int label;

    if (r->in != IN_MESSAGE || r->words < 5 || !number(r->word[1], 0, CODEGEN_SCHEMA_NUMBER_MAX, &value) ||
        (label = one_of(r->word[2], labels, CODEGEN_LABEL_END)) < 0) {
        return ERR_MALFORMED;
    }
    struct codegen_message *m = &s->messages[s->message_count - 1];
    struct codegen_field *f = codegen_schema_grow(s->arena, (void **)&m->fields, &m->field_count, &r->room, sizeof *f);
    if (f == NULL) {
        return ERR_NOMEM;
    }
    *f = (struct codegen_field){.name = "", .number = (uint32_t)value, .label = (enum codegen_label)label, .oneof = -1, .doc = ""};
    enum err e = read_type(r, r->word[3], f);

    e = e == ERR_OK ? text(r, r->word[4], &f->name) : e;
    for (size_t i = 5; e == ERR_OK && i < r->words; i++) {
        bool has_next = i + 1 < r->words;

        if (is(r->word[i], "packed")) {
            f->is_packed = true;
        } else if (has_next && is(r->word[i], "oneof")) {
            e = read_oneof(r, r->word[++i], m, &f->oneof);
        } else if (has_next && is(r->word[i], "default")) {
            e = read_default(r, r->word[++i], f);
        } else {
            e = ERR_MALFORMED;
        }
    }
    return e;
}

static enum err read_operation(struct reading *r)
{
    struct codegen_schema *s = r->schema;
    uint64_t value;
    int idempotency;

    if (r->in != IN_SERVICE || r->words < 6 || !number(r->word[1], 0, INT32_MAX, &value) ||
        (idempotency = one_of(r->word[5], idempotencies, CODEGEN_IDEMPOTENCY_END)) < 0) {
        return ERR_MALFORMED;
    }
    struct codegen_service *service = &s->services[s->service_count - 1];
    struct codegen_operation *o = codegen_schema_grow(s->arena, (void **)&service->operations, &service->operation_count, &r->room, sizeof *o);
    if (o == NULL) {
        return ERR_NOMEM;
    }
    *o = (struct codegen_operation){.name = "", .doc = "", .number = (uint32_t)value, .idempotency = (enum codegen_idempotency)idempotency};
    for (size_t i = 6; i < r->words; i++) {
        o->takes_stream |= is(r->word[i], "takes-stream");
        o->gives_stream |= is(r->word[i], "gives-stream");
    }
    enum err e = text(r, r->word[2], &o->name);
    e = e == ERR_OK ? text(r, r->word[3], &o->request_name) : e;
    return e == ERR_OK ? text(r, r->word[4], &o->reply_name) : e;
}

static const struct {
    const char *word;
    bool begins; /* a type of its own: lists begin anew */
    enum err (*read)(struct reading *r);
} lines[] = {
    {"field", false, read_field},         {"value", false, read_value},     {"message", true, read_message}, {"enum", true, read_enum},
    {"operation", false, read_operation}, {"reserved", false, read_reserved}, {"service", true, read_service}, {"limit", true, read_limit},
};

static enum err read_line(struct reading *r, const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) { /* a NUL, of all things, would end a text and not a word */
        if (line[i] < 0x20 || line[i] > 0x7e) {
            return ERR_MALFORMED;
        }
    }
    r->words = 0;
    while (r->words < WORDS_MAX) {
        const char *blank = memchr(line, ' ', len);
        size_t word = blank != NULL ? (size_t)(blank - line) : len;

        r->word[r->words++] = (struct word){line, word};
        if (blank == NULL) {
            break;
        }
        line += word + 1;
        len -= word + 1;
    }
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (is(r->word[0], lines[i].word)) {
            if (lines[i].begins) {
                r->in = IN_NOTHING;
                r->room = r->oneof_room = r->range_room = r->name_room = 0;
            }
            return lines[i].read(r);
        }
    }
    return ERR_MALFORMED;
}

/* Written again, it is the same. */
static enum err check_form(struct codegen_schema *s, const char *text, size_t size)
{
    struct codegen_out again;

    codegen_out_init(&again, s->arena);
    codegen_snapshot_write(s, &again);
    if (again.failed) {
        return ERR_NOMEM;
    }
    size_t same = 0, line = 1;
    while (same < again.len && same < size && again.at[same] == text[same]) {
        line += text[same] == '\n';
        same++;
    }
    if (same == size && size == again.len) {
        return ERR_OK;
    }
    snprintf(s->why, CODEGEN_WHY_SIZE, "snapshot: line %zu is not as it is written", line);
    return ERR_MALFORMED;
}

enum err codegen_snapshot_read(const char *text, size_t size, struct arena *arena, struct codegen_schema *ret, char why[CODEGEN_WHY_SIZE])
{
    struct codegen_schema s;
    struct reading r = {.schema = &s};
    uint8_t hash[CODEGEN_SNAPSHOT_HASH_SIZE];
    char hex[2 * sizeof hash + 1];
    enum err e = ERR_OK;

    codegen_schema_init(&s, arena, why);
    if (size > CODEGEN_SNAPSHOT_BYTES_MAX) {
        return codegen_schema_refuse(&s, ERR_LIMIT, "the snapshot is larger than 16 MiB", "");
    }
    if (size < sizeof HEAD - 1 + HASH_LINE || memcmp(text, HEAD, sizeof HEAD - 1) != 0) {
        return codegen_schema_refuse(&s, ERR_MALFORMED, "the bytes are no snapshot, or of another version", "");
    }
    const char *end = text + size - HASH_LINE;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, (size_t)(end - text), NULL, 0);
    bytes_to_hex(hash, sizeof hash, hex);
    if (memcmp(end, HASH_WORD, sizeof HASH_WORD - 1) != 0 || memcmp(end + sizeof HASH_WORD - 1, hex, sizeof hex - 1) != 0 || end[HASH_LINE - 1] != '\n') {
        return codegen_schema_refuse(&s, ERR_DATA_LOSS, "the snapshot was changed: its hash is another's", "");
    }
    size_t line = 1;
    for (const char *at = text + sizeof HEAD - 1; e == ERR_OK && at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);

        e = newline != NULL ? read_line(&r, at, len) : ERR_MALFORMED;
        at += len + 1;
    }
    if (e != ERR_OK) {
        snprintf(why, CODEGEN_WHY_SIZE, "snapshot: line %zu %s", line, e == ERR_NOMEM ? "is more than there is memory for" : "does not read");
        return e;
    }
    e = codegen_schema_seal(&s);
    e = e == ERR_OK ? check_form(&s, text, size) : e;
    if (e == ERR_OK) {
        s.why = NULL;
        *ret = s;
    }
    return e;
}
