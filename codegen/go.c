#include "codegen/go.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codegen/go_words.h"
#include "codegen/names.h"
#include "codegen/snapshot.h"
#include "codegen/word.h"
#include "common/base/bytes.h"

static const char *const words[] = {CODEGEN_GO_WORDS};
static const char *const package_words[] = {CODEGEN_GO_PACKAGE};

struct writing {
    const struct codegen_schema *s;
    struct codegen_out *out;
    struct codegen_names names; /* of the package */
    struct codegen_used used;
};

/* How a kind is in Go, and how it goes to the wire and comes from there: `%s` is the value. */
struct kind {
    const char *type, *call, *wire, *raw, *to, *from;
    const char *set; /* true of a value that is not the default */
};

static const struct kind kinds[CODEGEN_TYPE_END] = {
    [CODEGEN_DOUBLE] = {"float64", "fixed64", "wireFixed64", "uint64", "math.Float64bits(%s)", "math.Float64frombits(%s)", "math.Float64bits(%s) != 0"},
    [CODEGEN_FLOAT] = {"float32", "fixed32", "wireFixed32", "uint32", "math.Float32bits(%s)", "math.Float32frombits(%s)", "math.Float32bits(%s) != 0"},
    [CODEGEN_INT64] = {"int64", "varint", "wireVarint", "uint64", "uint64(%s)", "int64(%s)", "%s != 0"},
    [CODEGEN_UINT64] = {"uint64", "varint", "wireVarint", "uint64", "%s", "%s", "%s != 0"},
    [CODEGEN_INT32] = {"int32", "varint", "wireVarint", "uint64", "uint64(int64(%s))", "int32(%s)", "%s != 0"},
    [CODEGEN_FIXED64] = {"uint64", "fixed64", "wireFixed64", "uint64", "%s", "%s", "%s != 0"},
    [CODEGEN_FIXED32] = {"uint32", "fixed32", "wireFixed32", "uint32", "%s", "%s", "%s != 0"},
    [CODEGEN_BOOL] = {"bool", "varint", "wireVarint", "uint64", "bit(%s)", "%s != 0", "%s"},
    [CODEGEN_STRING] = {"string", "text", "wireBytes", "string", "%s", "%s", "%s != \"\""},
    [CODEGEN_BYTES] = {"[]byte", "blob", "wireBytes", "[]byte", "%s", "append([]byte{}, %s...)", "len(%s) > 0"},
    [CODEGEN_UINT32] = {"uint32", "varint", "wireVarint", "uint64", "uint64(%s)", "uint32(%s)", "%s != 0"},
    [CODEGEN_ENUM] = {"", "varint", "wireVarint", "uint64", "uint64(int64(%s))", "int32(%s)", "%s != 0"},
    [CODEGEN_SFIXED32] = {"int32", "fixed32", "wireFixed32", "uint32", "uint32(%s)", "int32(%s)", "%s != 0"},
    [CODEGEN_SFIXED64] = {"int64", "fixed64", "wireFixed64", "uint64", "uint64(%s)", "int64(%s)", "%s != 0"},
    [CODEGEN_SINT32] = {"int32", "varint", "wireVarint", "uint64", "zigzag(int64(%s))", "int32(unzigzag(uint64(uint32(%s))))", "%s != 0"},
    [CODEGEN_SINT64] = {"int64", "varint", "wireVarint", "uint64", "zigzag(%s)", "unzigzag(%s)", "%s != 0"},
};

static bool is_map(const struct codegen_field *f)
{
    return f->message != NULL && f->message->is_map_entry;
}

static const char *name_of(const struct writing *w, const struct codegen_field *f)
{
    return f->message != NULL ? w->used.messages[f->message - w->s->messages] : w->used.enums[f->values - w->s->enums];
}

/* The type of one value. */
static const char *type_of(const struct writing *w, const struct codegen_field *f)
{
    return f->message != NULL || f->values != NULL ? name_of(w, f) : kinds[f->type].type;
}

/* `form` with the value in it. */
static void with(struct writing *w, const char *form, const char *value)
{
    const char *hole = strstr(form, "%s");

    codegen_out_bytes(w->out, form, (size_t)(hole - form));
    codegen_out_add(w->out, "%s%s", value, hole + 2);
}

/* The type's own conversion from what the wire has: an enum's is its name. */
static void from(struct writing *w, const struct codegen_field *f, const char *value)
{
    if (f->values != NULL) {
        codegen_out_add(w->out, "%s(%s)", name_of(w, f), value);
    } else {
        with(w, kinds[f->type].from, value);
    }
}

static void comment(struct writing *w, const char *doc, const char *before)
{
    codegen_out_comment(w->out, doc, before);
}

/* ---- enums ---------------------------------------------------------------------------------- */

static void write_enum(struct writing *w, const struct codegen_enum *e, const char *name)
{
    char text[2 * CODEGEN_SCHEMA_NAME_MAX + 4];
    int64_t last = INT64_MAX;

    codegen_out_add(w->out, "\n");
    comment(w, *e->doc != '\0' ? e->doc : e->name, "// ");
    codegen_out_add(w->out, "type %s int32\n", name);
    for (size_t i = 0; i < e->value_count; i++) {
        snprintf(text, sizeof text, "%s_%s", name, e->values[i].name);
        codegen_out_add(w->out, "\n");
        comment(w, e->values[i].doc, "// ");
        codegen_out_add(w->out, "const %s %s = %" PRId32 "\n", codegen_names_take(&w->names, text), name, e->values[i].number);
    }
    if (e->is_closed) {
        codegen_out_add(w->out, "\nfunc (v %s) isKnown() bool {\n\tswitch v {\n\tcase ", name);
        for (size_t i = 0; i < e->value_count; i++) {
            if (e->values[i].number != last) {
                codegen_out_add(w->out, "%s%" PRId32, i > 0 ? ", " : "", e->values[i].number);
            }
            last = e->values[i].number;
        }
        codegen_out_add(w->out, ":\n\t\treturn true\n\t}\n\treturn false\n}\n");
    }
}

/* ---- a message as a struct ------------------------------------------------------------------ */

/* gofmt has the types of fields that follow each other without a comment one below the other: how wide their names are. */
static size_t width_at(const struct codegen_message *m, const char **fields, size_t at)
{
    size_t width = strlen(fields[at]);

    for (size_t i = at + 1; i < m->field_count && *m->fields[i].doc == '\0' && m->fields[i].oneof < 0; i++) {
        width = strlen(fields[i]) > width ? strlen(fields[i]) : width;
    }
    return width;
}

static void write_struct(struct writing *w, const struct codegen_message *m, const char *name, const char **fields)
{
    codegen_out_add(w->out, "\n");
    comment(w, *m->doc != '\0' ? m->doc : m->name, "// ");
    size_t width = 0;

    codegen_out_add(w->out, "type %s struct {\n", name);
    for (size_t i = 0; i < m->field_count; i++) {
        const struct codegen_field *f = &m->fields[i];

        width = i == 0 || *f->doc != '\0' || f->oneof >= 0 ? width_at(m, fields, i) : width;
        if (f->oneof >= 0) {
            codegen_out_add(w->out, "\t// At most one of oneof %s is set.\n", m->oneofs[f->oneof]);
        }
        comment(w, f->doc, "\t// ");
        codegen_out_add(w->out, "\t%-*s ", (int)width, fields[i]);
        if (is_map(f)) {
            const struct codegen_field *value = &f->message->fields[1];

            codegen_out_add(w->out, "map[%s]%s%s\n", type_of(w, &f->message->fields[0]), value->message != NULL ? "*" : "", type_of(w, value));
        } else {
            bool is_pointer = f->message != NULL || (f->label != CODEGEN_PLAIN && f->label != CODEGEN_REPEATED && f->type != CODEGEN_BYTES);

            codegen_out_add(w->out, "%s%s%s\n", f->label == CODEGEN_REPEATED ? "[]" : "", is_pointer ? "*" : "", type_of(w, f));
        }
    }
    codegen_out_add(w->out, "}\n");
}

/* ---- writing -------------------------------------------------------------------------------- */

/* One value as field `number` of encoder e. */
static void put(struct writing *w, const struct codegen_field *f, const char *value, const char *place)
{
    if (f->message != NULL) {
        codegen_out_add(w->out, "e.message(%" PRIu32 ", %s)\n", f->number, value);
        return;
    }
    codegen_out_add(w->out, "e.%s(%" PRIu32 ", ", kinds[f->type].call, f->number);
    with(w, kinds[f->type].to, value);
    if (f->type == CODEGEN_STRING) {
        codegen_out_add(w->out, ", \"%s\"", place);
    }
    codegen_out_add(w->out, ")\n");
}

static void put_packed(struct writing *w, const struct codegen_field *f, const char *value)
{
    static const char *const forms[] = {"binary.AppendUvarint(e.data, ", "binary.LittleEndian.AppendUint32(e.data, ", "binary.LittleEndian.AppendUint64(e.data, "};
    const char *form = forms[kinds[f->type].call[0] == 'v' ? 0 : kinds[f->type].call[5] == '3' ? 1 : 2];

    codegen_out_add(w->out, "\tif len(%s) > 0 {\n\t\te.inner(%" PRIu32 ", 0, func(e *encoder) {\n\t\t\tfor _, v := range %s {\n\t\t\t\te.data = %s", value, f->number,
                    value, form);
    with(w, kinds[f->type].to, "v");
    codegen_out_add(w->out, ")\n\t\t\t}\n\t\t})\n\t}\n");
}

static void put_map(struct writing *w, const struct codegen_field *f, const char *value, const char *place)
{
    codegen_out_add(w->out, "\te.entries(%" PRIu32 ", func(add func(func(*encoder))) {\n\t\tfor k, v := range %s {\n\t\t\tk, v := k, v\n", f->number, value);
    codegen_out_add(w->out, "\t\t\tadd(func(e *encoder) {\n\t\t\t\t");
    put(w, &f->message->fields[0], "k", place);
    if (f->message->fields[1].message != NULL) {
        codegen_out_add(w->out, "\t\t\t\tif v == nil {\n\t\t\t\t\te.fail(StatusInvalid, \"%s has a nil\")\n\t\t\t\t\treturn\n\t\t\t\t}\n", place);
    }
    codegen_out_add(w->out, "\t\t\t\t");
    put(w, &f->message->fields[1], "v", place);
    codegen_out_add(w->out, "\t\t\t})\n\t\t}\n\t})\n");
}

static void put_field(struct writing *w, const struct codegen_message *m, const struct codegen_field *f, const char *field)
{
    char place[CODEGEN_SCHEMA_NAME_MAX + CODEGEN_SCHEMA_WORD_MAX + 2], value[2 * CODEGEN_SCHEMA_WORD_MAX + 32], pointed[sizeof value + 1];

    snprintf(place, sizeof place, "%s.%s", codegen_names_short(m->name, m->package_len), f->name);
    snprintf(value, sizeof value, "m.%s", field);
    snprintf(pointed, sizeof pointed, "*%s", value);
    if (is_map(f)) {
        put_map(w, f, value, place);
    } else if (f->is_packed) {
        put_packed(w, f, value);
    } else if (f->label == CODEGEN_REPEATED) {
        codegen_out_add(w->out, "\tfor _, v := range %s {\n\t\t", value);
        if (f->message != NULL) {
            codegen_out_add(w->out, "if v == nil {\n\t\t\te.fail(StatusInvalid, \"%s has a nil\")\n\t\t\treturn\n\t\t}\n\t\t", place);
        }
        put(w, f, "v", place);
        codegen_out_add(w->out, "\t}\n");
    } else if (f->label == CODEGEN_PLAIN) {
        codegen_out_add(w->out, "\tif ");
        with(w, kinds[f->type].set, value);
        codegen_out_add(w->out, " {\n\t\t");
        put(w, f, value, place);
        codegen_out_add(w->out, "\t}\n");
    } else {
        codegen_out_add(w->out, "\tif %s != nil {\n", value);
        if (f->oneof >= 0) {
            codegen_out_add(w->out, "\t\tif one%" PRId32 " {\n\t\t\te.fail(StatusInvalid, \"%s: another field of its oneof is set too\")\n\t\t}\n\t\tone%" PRId32 " = true\n",
                            f->oneof, place, f->oneof);
        }
        codegen_out_add(w->out, "\t\t");
        put(w, f, f->message != NULL || f->type == CODEGEN_BYTES ? value : pointed, place);
        codegen_out_add(w->out, "\t}");
        if (f->label == CODEGEN_REQUIRED) {
            codegen_out_add(w->out, " else {\n\t\te.fail(StatusInvalid, \"%s is required\")\n\t}", place);
        }
        codegen_out_add(w->out, "\n");
    }
}

static void write_encode(struct writing *w, const struct codegen_message *m, const char *name, const char **fields)
{
    codegen_out_add(w->out, "\nfunc (m *%s) encode(e *encoder) {\n", name);
    for (size_t i = 0; i < m->oneof_count; i++) {
        codegen_out_add(w->out, "\tvar one%zu bool\n", i);
    }
    for (size_t i = 0; i < m->field_count; i++) {
        put_field(w, m, &m->fields[i], fields[i]);
    }
    codegen_out_add(w->out, "}\n");
}

/* ---- reading -------------------------------------------------------------------------------- */

/* What is done with the value v that came, line by line after `tabs`. */
static void take_one(struct writing *w, const struct codegen_message *m, const struct codegen_field *f, const char **fields, const char *field, const char *tabs)
{
    bool is_closed = f->values != NULL && f->values->is_closed;

    if (is_closed) {
        codegen_out_add(w->out, "%sif !%s(v).isKnown() {\n%s\treturn\n%s}\n", tabs, name_of(w, f), tabs, tabs);
    }
    for (size_t i = 0; f->oneof >= 0 && i < m->field_count; i++) {
        if (m->fields[i].oneof == f->oneof && &m->fields[i] != f) {
            codegen_out_add(w->out, "%sm.%s = nil\n", tabs, fields[i]);
        }
    }
    if (f->label == CODEGEN_REPEATED) {
        codegen_out_add(w->out, "%sm.%s = append(m.%s, ", tabs, field, field);
        from(w, f, "v");
        codegen_out_add(w->out, ")\n");
    } else if (f->label == CODEGEN_PLAIN || f->type == CODEGEN_BYTES) {
        codegen_out_add(w->out, "%sm.%s = ", tabs, field);
        from(w, f, "v");
        codegen_out_add(w->out, "\n");
    } else {
        codegen_out_add(w->out, "%sx := ", tabs);
        from(w, f, "v");
        codegen_out_add(w->out, "\n%sm.%s = &x\n", tabs, field);
    }
}

/* The key or value of a map's entry into variable `to`. */
static void take_part(struct writing *w, const struct codegen_field *f, const char *to)
{
    codegen_out_add(w->out, "\t\t\t\t\tcase %" PRIu32 ":\n\t\t\t\t\t\t", f->number);
    if (f->message != NULL) {
        codegen_out_add(w->out, "d.message(%s.decode)\n", to);
    } else {
        codegen_out_add(w->out, "d.%s(func(v %s) {\n\t\t\t\t\t\t\t%s = ", kinds[f->type].call, kinds[f->type].raw, to);
        from(w, f, "v");
        codegen_out_add(w->out, "\n\t\t\t\t\t\t})\n");
    }
}

static void take_map(struct writing *w, const struct codegen_field *f, const char *field)
{
    const struct codegen_field *key = &f->message->fields[0], *value = &f->message->fields[1];
    bool is_message = value->message != NULL;

    codegen_out_add(w->out, "\t\t\td.message(func(d *decoder) {\n\t\t\t\tvar key %s\n", type_of(w, key));
    codegen_out_add(w->out, is_message ? "\t\t\t\tvalue := new(%s)\n" : "\t\t\t\tvar value %s\n", type_of(w, value));
    codegen_out_add(w->out, "\t\t\t\tfor d.next() {\n\t\t\t\t\tswitch d.number {\n");
    take_part(w, key, "key");
    take_part(w, value, "value");
    codegen_out_add(w->out, "\t\t\t\t\t}\n\t\t\t\t}\n\t\t\t\tif m.%s == nil {\n\t\t\t\t\tm.%s = map[%s]%s%s{}\n\t\t\t\t}\n\t\t\t\tm.%s[key] = value\n\t\t\t})\n", field, field,
                    type_of(w, key), is_message ? "*" : "", type_of(w, value), field);
}

static void take_message(struct writing *w, const struct codegen_message *m, const struct codegen_field *f, const char **fields, const char *field)
{
    codegen_out_add(w->out, "\t\t\td.message(func(d *decoder) {\n");
    if (f->label == CODEGEN_REPEATED) {
        codegen_out_add(w->out, "\t\t\t\tv := new(%s)\n\t\t\t\tv.decode(d)\n\t\t\t\tm.%s = append(m.%s, v)\n", type_of(w, f), field, field);
    } else {
        for (size_t i = 0; f->oneof >= 0 && i < m->field_count; i++) {
            if (m->fields[i].oneof == f->oneof && &m->fields[i] != f) {
                codegen_out_add(w->out, "\t\t\t\tm.%s = nil\n", fields[i]);
            }
        }
        codegen_out_add(w->out, "\t\t\t\tif m.%s == nil {\n\t\t\t\t\tm.%s = new(%s)\n\t\t\t\t}\n\t\t\t\tm.%s.decode(d)\n", field, field, type_of(w, f), field);
    }
    codegen_out_add(w->out, "\t\t\t})\n");
}

static void write_decode(struct writing *w, const struct codegen_message *m, const char *name, const char **fields)
{
    codegen_out_add(w->out, "\nfunc (m *%s) decode(d *decoder) {\n\tfor d.next() {\n\t\tswitch d.number {\n", name);
    for (size_t i = 0; i < m->field_count; i++) {
        const struct codegen_field *f = &m->fields[i];
        const struct kind *k = &kinds[f->type];

        codegen_out_add(w->out, "\t\tcase %" PRIu32 ":\n", f->number);
        if (is_map(f)) {
            take_map(w, f, fields[i]);
        } else if (f->message != NULL) {
            take_message(w, m, f, fields, fields[i]);
        } else if (f->label == CODEGEN_REPEATED && f->type != CODEGEN_STRING && f->type != CODEGEN_BYTES) {
            codegen_out_add(w->out, "\t\t\td.many(%s, func(d *decoder) {\n\t\t\t\td.%s(func(v %s) {\n", k->wire, k->call, k->raw);
            take_one(w, m, f, fields, fields[i], "\t\t\t\t\t");
            codegen_out_add(w->out, "\t\t\t\t})\n\t\t\t})\n");
        } else {
            codegen_out_add(w->out, "\t\t\td.%s(func(v %s) {\n", k->call, k->raw);
            take_one(w, m, f, fields, fields[i], "\t\t\t\t");
            codegen_out_add(w->out, "\t\t\t})\n");
        }
    }
    codegen_out_add(w->out, "\t\t}\n\t}\n");
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].label == CODEGEN_REQUIRED) {
            codegen_out_add(w->out, "\tif m.%s == nil {\n\t\td.fail(\"%s is required\")\n\t}\n", fields[i], m->fields[i].name);
        }
    }
    codegen_out_add(w->out, "}\n");
}

/* ---- the whole ------------------------------------------------------------------------------ */

static void write_message(struct writing *w, const struct codegen_message *m, const char *name)
{
    const char **fields = arena_alloc(w->out->arena, (m->field_count + 1) * sizeof *fields);
    struct codegen_names names;

    if (fields == NULL) {
        w->names.failed = true;
        return;
    }
    codegen_names_init(&names, w->out->arena, words, ARRAY_LEN(words));
    (void)codegen_names_take(&names, "Encode");
    (void)codegen_names_take(&names, "Decode");
    for (size_t i = 0; i < m->field_count; i++) {
        char camel[CODEGEN_SCHEMA_WORD_MAX + 1], text[sizeof camel + 1];

        codegen_word_camel(m->fields[i].name, camel);
        snprintf(text, sizeof text, "%s%s", camel[0] >= 'A' && camel[0] <= 'Z' ? "" : "X", camel);
        fields[i] = codegen_names_take(&names, text);
    }
    w->names.failed |= names.failed;
    write_struct(w, m, name, fields);
    codegen_out_add(w->out, "\n// Encode gives the bytes on the wire, equal for equal messages.\nfunc (m *%s) Encode() ([]byte, error) { return encodeMessage(m) }\n", name);
    codegen_out_add(w->out, "\n// Decode reads what Encode of this or another version wrote, into what is there.\nfunc (m *%s) Decode(data []byte) error { return decodeMessage(data, m) }\n",
                    name);
    write_encode(w, m, name, fields);
    write_decode(w, m, name, fields);
}

static void write_client(struct writing *w, const struct codegen_service *service, const char *name)
{
    char cell[CODEGEN_SCHEMA_WORD_MAX + 1], camel[CODEGEN_SCHEMA_WORD_MAX + 1], text[sizeof camel + 1];
    struct codegen_names names;

    codegen_names_cell(service, cell);
    codegen_names_init(&names, w->out->arena, words, ARRAY_LEN(words));
    (void)codegen_names_take(&names, "Close");
    codegen_out_add(w->out, "\n");
    comment(w, *service->doc != '\0' ? service->doc : service->name, "// ");
    codegen_out_add(w->out,
                    "type %s struct{ conn *conn }\n\n// New%s makes a client of \"ipc:///path\", \"abstract://name\" or \"tcp://host:port\"; of \"\": of the cell that Find finds when it is needed.\n"
                    "// Any number of goroutines may use it. A context without a deadline has five seconds.\n"
                    "func New%s(address string) (*%s, error) {\n\tconn, err := newConn(address, \"%s\")\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\treturn &%s{conn}, nil\n}\n\n"
                    "// Close ends calls that wait with ErrCancelled.\nfunc (c *%s) Close() { c.conn.close() }\n",
                    name, name, name, name, cell, name, name);
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct codegen_operation *o = &service->operations[i];
        const char *request = w->used.messages[o->request - w->s->messages], *reply = w->used.messages[o->reply - w->s->messages];

        codegen_word_camel(o->name, camel);
        snprintf(text, sizeof text, "%s%s", camel[0] >= 'A' && camel[0] <= 'Z' ? "" : "X", camel);
        codegen_out_add(w->out, "\n");
        comment(w, *o->doc != '\0' ? o->doc : o->name, "// ");
        codegen_out_add(w->out, "func (c *%s) %s(ctx context.Context, request *%s) (*%s, error) {\n\treply := new(%s)\n", name, codegen_names_take(&names, text), request, reply,
                        reply);
        codegen_out_add(w->out, "\terr := c.conn.call(ctx, operation{%" PRIu32 ", 0x%016" PRIx64 ", %s}, request, reply)\n", o->number, codegen_snapshot_operation(service, o),
                        o->idempotency != CODEGEN_ONCE ? "true" : "false");
        codegen_out_add(w->out, "\tif err != nil {\n\t\treturn nil, err\n\t}\n\treturn reply, nil\n}\n");
    }
    w->names.failed |= names.failed;
}

/* "tea_pot" as "teapot": Go's packages have no underscores. */
static const char *package_of(struct writing *w, const struct codegen_service *service)
{
    char cell[CODEGEN_SCHEMA_WORD_MAX + 1], text[sizeof cell + 4];
    struct codegen_names names;
    size_t at = 0;

    codegen_names_cell(service, cell);
    for (const char *c = cell; *c != '\0'; c++) {
        if (*c != '_') {
            text[at++] = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        }
    }
    text[at] = '\0';
    codegen_names_init(&names, w->out->arena, words, ARRAY_LEN(words));
    return codegen_names_take(&names, at > 0 && (text[0] < '0' || text[0] > '9') ? text : "client");
}

enum err codegen_go_write(const struct codegen_schema *s, const struct codegen_service *service, const char *runtime, struct codegen_out *out,
                          char why[CODEGEN_WHY_SIZE])
{
    struct writing w = {.s = s, .out = out};
    uint8_t hash[CODEGEN_SNAPSHOT_HASH_SIZE];
    char hex[2 * sizeof hash + 1], text[CODEGEN_SCHEMA_WORD_MAX + 16], camel[CODEGEN_SCHEMA_WORD_MAX + 1];

    for (size_t i = 0; i < service->operation_count; i++) {
        if (service->operations[i].takes_stream || service->operations[i].gives_stream) {
            snprintf(why, CODEGEN_WHY_SIZE, "%s of %s streams: clients in Go have one answer for one request", service->operations[i].name, service->name);
            return ERR_UNSUPPORTED;
        }
    }
    runtime = strchr(runtime, '\n');
    snprintf(why, CODEGEN_WHY_SIZE, runtime == NULL ? "the runtime has no second line" : "no more memory than this");
    if (runtime == NULL) {
        return ERR_MALFORMED;
    }
    codegen_names_init(&w.names, out->arena, package_words, ARRAY_LEN(package_words));
    w.names.is_capital = true;
    codegen_word_camel(codegen_names_short(service->name, service->package_len), camel);
    snprintf(text, sizeof text, "%s%sClient", camel[0] >= 'A' && camel[0] <= 'Z' ? "" : "X", camel);
    const char *client = codegen_names_take(&w.names, text);
    snprintf(text, sizeof text, "New%s", client);
    (void)codegen_names_take(&w.names, text);
    if (codegen_names_of(s, service, &w.names, &w.used) != ERR_OK || codegen_snapshot_fingerprint(s, out->arena, hash) != ERR_OK) {
        return ERR_NOMEM;
    }
    bytes_to_hex(hash, sizeof hash, hex);
    codegen_out_add(out, "// Code generated by Cell's codegen from %s. DO NOT EDIT.\n\npackage %s%s", service->name, package_of(&w, service), runtime);
    codegen_out_add(out, "\n// ---- %s ----\n\n// Schema is the fingerprint of what this was made from.\nconst Schema = \"%s\"\n", service->name, hex);
    for (size_t i = 0; i < s->enum_count; i++) {
        if (w.used.enums[i] != NULL) {
            write_enum(&w, &s->enums[i], w.used.enums[i]);
        }
    }
    for (size_t i = 0; i < s->message_count; i++) {
        if (w.used.messages[i] != NULL && !s->messages[i].is_map_entry) {
            write_message(&w, &s->messages[i], w.used.messages[i]);
        }
    }
    write_client(&w, service, client);
    return w.names.failed || out->failed ? ERR_NOMEM : ERR_OK;
}
