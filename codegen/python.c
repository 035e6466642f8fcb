#include "codegen/python.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codegen/names.h"
#include "codegen/python_words.h"
#include "codegen/snapshot.h"
#include "codegen/word.h"
#include "common/base/bytes.h"

static const char *const keywords[] = {CODEGEN_PYTHON_KEYWORDS};
static const char *const member_words[] = {CODEGEN_PYTHON_MEMBERS};
static const char *const module_words[] = {CODEGEN_PYTHON_MODULE};

struct writing {
    const struct codegen_schema *s;
    struct codegen_out *out;
    struct codegen_names names; /* of the module */
    struct codegen_used used;
};

/* A name in a class: what begins with an underscore is private there, or the runtime's. */
static const char *inner(struct codegen_names *names, const char *name)
{
    char text[CODEGEN_SCHEMA_WORD_MAX + 3];

    snprintf(text, sizeof text, "%s%s", name[0] == '_' ? "f" : "", name);
    return codegen_names_take(names, text);
}

static void docstring(struct writing *w, const char *doc, const char *before)
{
    if (*doc != '\0') {
        codegen_out_add(w->out, "%s\"\"\"\n", before);
        codegen_out_comment(w->out, doc, before);
        codegen_out_add(w->out, "%s\"\"\"\n", before);
    }
}

/* ---- enums ---------------------------------------------------------------------------------- */

static void write_enum(struct writing *w, const struct codegen_enum *e, const char *name)
{
    struct codegen_names names;

    codegen_names_init(&names, w->out->arena, member_words, ARRAY_LEN(member_words));
    codegen_out_add(w->out, "\n\nclass %s(enum.IntEnum):\n", name);
    docstring(w, e->doc, "    ");
    for (size_t i = 0; i < e->value_count; i++) {
        codegen_out_comment(w->out, e->values[i].doc, "    # ");
        codegen_out_add(w->out, "    %s = %" PRId32 "\n", inner(&names, e->values[i].name), e->values[i].number);
    }
    w->names.failed |= names.failed;
}

/* ---- messages ------------------------------------------------------------------------------- */

static bool is_map(const struct codegen_field *f)
{
    return f->message != NULL && f->message->is_map_entry;
}

static const char *class_of(const struct writing *w, const struct codegen_field *f)
{
    return f->message != NULL ? w->used.messages[f->message - w->s->messages] : f->values != NULL ? w->used.enums[f->values - w->s->enums] : "";
}

/* The type of one value. */
static void write_type(struct writing *w, const struct codegen_field *f)
{
    switch (f->type) {
    case CODEGEN_DOUBLE:
    case CODEGEN_FLOAT:
        codegen_out_add(w->out, "_float");
        break;
    case CODEGEN_BOOL:
        codegen_out_add(w->out, "_bool");
        break;
    case CODEGEN_STRING:
        codegen_out_add(w->out, "_str");
        break;
    case CODEGEN_BYTES:
        codegen_out_add(w->out, "_bytes");
        break;
    case CODEGEN_MESSAGE:
        codegen_out_add(w->out, "%s", class_of(w, f));
        break;
    case CODEGEN_ENUM:
        codegen_out_add(w->out, "%s | _int", class_of(w, f));
        break;
    case CODEGEN_INT64:
    case CODEGEN_UINT64:
    case CODEGEN_INT32:
    case CODEGEN_FIXED64:
    case CODEGEN_FIXED32:
    case CODEGEN_UINT32:
    case CODEGEN_SFIXED32:
    case CODEGEN_SFIXED64:
    case CODEGEN_SINT32:
    case CODEGEN_SINT64:
    case CODEGEN_TYPE_END:
        codegen_out_add(w->out, "_int");
        break;
    }
}

static void write_zero(struct writing *w, const struct codegen_field *f)
{
    if (f->type == CODEGEN_ENUM) {
        codegen_out_add(w->out, "%s(0)", class_of(w, f));
    } else {
        codegen_out_add(w->out, "%s",
                        f->type == CODEGEN_STRING  ? "\"\""
                        : f->type == CODEGEN_BYTES ? "b\"\""
                        : f->type == CODEGEN_BOOL  ? "False"
                        : f->type == CODEGEN_DOUBLE || f->type == CODEGEN_FLOAT ? "0.0"
                                                                               : "0");
    }
}

static void write_attribute(struct writing *w, const struct codegen_field *f, const char *name)
{
    codegen_out_comment(w->out, f->doc, "    # ");
    codegen_out_add(w->out, "    %s: ", name);
    if (is_map(f)) {
        codegen_out_add(w->out, "_dict[");
        write_type(w, &f->message->fields[0]);
        codegen_out_add(w->out, ", ");
        write_type(w, &f->message->fields[1]);
        codegen_out_add(w->out, "] = _field(default_factory=_dict)\n");
    } else if (f->label == CODEGEN_REPEATED) {
        codegen_out_add(w->out, "_list[");
        write_type(w, f);
        codegen_out_add(w->out, "] = _field(default_factory=_list)\n");
    } else if (f->label == CODEGEN_PLAIN) {
        write_type(w, f);
        codegen_out_add(w->out, " = ");
        write_zero(w, f);
        codegen_out_add(w->out, "\n");
    } else {
        write_type(w, f);
        codegen_out_add(w->out, " | None = None\n");
    }
}

/* A row of a message's table: `_Field(3, "name", "string", "optional", …)`, as much of it as is not the runtime's default. */
static void write_row(struct writing *w, const struct codegen_message *m, const struct codegen_field *f, const char *name)
{
    static const char *const labels[CODEGEN_LABEL_END] = {"plain", "optional", "required", "repeated"};
    const char *label = is_map(f) ? "map" : f->is_packed ? "packed" : labels[f->label];

    codegen_out_add(w->out, "_Field(%" PRIu32 ", \"%s\", \"%s\", \"%s\"", f->number, name, codegen_word_type(f->type), label);
    if (is_map(f)) {
        codegen_out_add(w->out, ", (");
        write_row(w, f->message, &f->message->fields[0], "key"); /* not a message: this ends here */
        codegen_out_add(w->out, ", ");
        write_row(w, f->message, &f->message->fields[1], "value");
        codegen_out_add(w->out, ")");
    } else if (f->message != NULL || f->values != NULL) {
        codegen_out_add(w->out, ", %s", class_of(w, f));
    }
    if (f->oneof >= 0) {
        codegen_out_add(w->out, ", oneof=\"%s\"", m->oneofs[f->oneof]);
    }
    if (f->values != NULL && f->values->is_closed) {
        codegen_out_add(w->out, ", is_closed=True");
    }
    codegen_out_add(w->out, ")");
}

/* Names of a message's fields: none is a type's, whose name an annotation would then not mean. */
static void name_fields(struct writing *w, const struct codegen_message *m, const char **to)
{
    static const char *const own[] = {"decode", "encode", "which"};
    struct codegen_names names;

    codegen_names_init(&names, w->out->arena, keywords, ARRAY_LEN(keywords));
    names.outer = &w->names;
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        (void)codegen_names_take(&names, own[i]);
    }
    for (size_t i = 0; i < m->field_count; i++) {
        to[i] = inner(&names, m->fields[i].name);
    }
    w->names.failed |= names.failed;
}

static void write_messages(struct writing *w)
{
    const struct codegen_schema *s = w->s;
    const char ***fields = arena_alloc(w->out->arena, (s->message_count + 1) * sizeof *fields);

    for (size_t i = 0; fields != NULL && i < s->message_count; i++) {
        const struct codegen_message *m = &s->messages[i];

        if (w->used.messages[i] == NULL || m->is_map_entry) {
            continue;
        }
        fields[i] = arena_alloc(w->out->arena, (m->field_count + 1) * sizeof **fields);
        if (fields[i] == NULL) {
            fields = NULL;
            break;
        }
        name_fields(w, m, fields[i]);
        if (w->names.failed) {
            return;
        }
        codegen_out_add(w->out, "\n\n@dataclasses.dataclass(slots=True)\nclass %s(Message):\n", w->used.messages[i]);
        docstring(w, m->doc, "    ");
        for (size_t k = 0; k < m->field_count; k++) {
            write_attribute(w, &m->fields[k], fields[i][k]);
        }
        if (m->field_count == 0 && *m->doc == '\0') {
            codegen_out_add(w->out, "    pass\n");
        }
    }
    w->names.failed |= fields == NULL;
    if (w->names.failed) {
        return;
    }
    codegen_out_add(w->out, "\n\n");
    for (size_t i = 0; i < s->message_count; i++) {
        const struct codegen_message *m = &s->messages[i];

        if (w->used.messages[i] == NULL || m->is_map_entry || m->field_count == 0) {
            continue;
        }
        codegen_out_add(w->out, "_describe(%s", w->used.messages[i]);
        for (size_t k = 0; k < m->field_count; k++) {
            codegen_out_add(w->out, ",\n          ");
            write_row(w, m, &m->fields[k], fields[i][k]);
        }
        codegen_out_add(w->out, ")\n");
    }
}

/* ---- the client ----------------------------------------------------------------------------- */

static void write_client(struct writing *w, const struct codegen_service *service, const char *name, bool is_async)
{
    struct codegen_names names;
    char cell[CODEGEN_SCHEMA_WORD_MAX + 1], word[2 * CODEGEN_SCHEMA_WORD_MAX + 1], method[sizeof word];

    codegen_names_init(&names, w->out->arena, keywords, ARRAY_LEN(keywords));
    (void)codegen_names_take(&names, "close");
    codegen_names_cell(service, cell);
    codegen_out_add(w->out, "\n\nclass %s(%s):\n", name, is_async ? "AsyncClient" : "Client");
    docstring(w, service->doc, "    ");
    codegen_out_add(w->out, "    _cell = \"%s\"\n", cell);
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct codegen_operation *o = &service->operations[i];
        const char *reply = w->used.messages[o->reply - w->s->messages];

        codegen_word_split(o->name, false, word);
        snprintf(method, sizeof method, "%s%.*s", word[0] == '_' ? "f" : "", (int)(sizeof method - 2), word);
        codegen_out_add(w->out, "\n    %sdef %s(self, request: %s, *, timeout: _float | None = None, trace: _bytes = b\"\", key: _bytes = b\"\") -> %s:\n",
                        is_async ? "async " : "", codegen_names_take(&names, method), w->used.messages[o->request - w->s->messages], reply);
        docstring(w, o->doc, "        ");
        codegen_out_add(w->out, "        return %sself._call(_Operation(\"%s\", %" PRIu32 ", 0x%016" PRIx64 ", %s), request, %s, timeout, trace, key)\n",
                        is_async ? "await " : "", o->name, o->number, codegen_snapshot_operation(service, o), o->idempotency != CODEGEN_ONCE ? "True" : "False",
                        reply);
    }
    w->names.failed |= names.failed;
}

enum err codegen_python_write(const struct codegen_schema *s, const struct codegen_service *service, const char *const runtime[2], struct codegen_out *out,
                              char why[CODEGEN_WHY_SIZE])
{
    struct writing w = {.s = s, .out = out};
    uint8_t hash[CODEGEN_SNAPSHOT_HASH_SIZE];
    char hex[2 * sizeof hash + 1], text[CODEGEN_SCHEMA_WORD_MAX + 16];

    for (size_t i = 0; i < service->operation_count; i++) {
        if (service->operations[i].takes_stream || service->operations[i].gives_stream) {
            snprintf(why, CODEGEN_WHY_SIZE, "%s of %s streams: clients in Python have one answer for one request", service->operations[i].name, service->name);
            return ERR_UNSUPPORTED;
        }
    }
    snprintf(why, CODEGEN_WHY_SIZE, "no more memory than this");
    codegen_names_init(&w.names, out->arena, module_words, ARRAY_LEN(module_words));
    const char *word = codegen_names_short(service->name, service->package_len);
    snprintf(text, sizeof text, "%s%sClient", word[0] == '_' ? "S" : "", word); /* two underscores would be private in a class */
    const char *client = codegen_names_take(&w.names, text);
    snprintf(text, sizeof text, "Async%s", client);
    const char *async_client = codegen_names_take(&w.names, text);
    if (codegen_names_of(s, service, &w.names, &w.used) != ERR_OK || codegen_snapshot_fingerprint(s, out->arena, hash) != ERR_OK) {
        return ERR_NOMEM;
    }
    bytes_to_hex(hash, sizeof hash, hex);
    codegen_out_add(out, "\"\"\"A client of %s. Made by Cell's codegen; what is changed here is lost when it is made again.\"\"\"\n%s%s", service->name, runtime[0],
                    "\n\n");
    codegen_out_add(out, "%s\n\n# ---- %s ----\n\nSCHEMA = \"%s\" # fingerprint of what this was made from\n", runtime[1], service->name, hex);
    for (size_t i = 0; i < s->enum_count; i++) {
        if (w.used.enums[i] != NULL) {
            write_enum(&w, &s->enums[i], w.used.enums[i]);
        }
    }
    write_messages(&w);
    write_client(&w, service, client, false);
    write_client(&w, service, async_client, true);
    return w.names.failed || out->failed ? ERR_NOMEM : ERR_OK;
}
