/* libcyaml would check all this itself while it loads, but it reports in its own terms (and numbers
 * of lines of what we hand it) and is strict in fewer places. So the same table serves twice: first
 * the tree is checked against it, with lines and advice, then libcyaml fills the structs by it. */
#include "nucleus/yaml_schema.h"

#include <assert.h>
#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nucleus/manifest.h"
#include "nucleus/yaml_text.h"

/* ---- the schema ---- */

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
/* No lengths here: yaml_value.h says what is wrong with a text, a schema only that it is long. */
#define TEXT(type, key, member)                                                                    \
    CYAML_FIELD_STRING_PTR(key, OPTIONAL, type, member, 0, CYAML_UNLIMITED)
#define LIST(type, member, most)                                                                   \
    CYAML_FIELD_SEQUENCE(#member, OPTIONAL, type, member, &text_entry, 0, most)
#define GROUP(member)                                                                              \
    CYAML_FIELD_MAPPING(#member, CYAML_FLAG_OPTIONAL, struct yaml_schema_cell, member,             \
                        member##_fields)

#define IN_CELL(member) TEXT(struct yaml_schema_cell, #member, member)
#define IN_SANDBOX(member) TEXT(struct yaml_schema_sandbox, #member, member)
#define IN_LIMITS(member) TEXT(struct yaml_schema_limits, #member, member)
#define IN_HEARTBEAT(member) TEXT(struct yaml_schema_heartbeat, #member, member)
#define IN_RESTART(member) TEXT(struct yaml_schema_restart, #member, member)
#define IN_DEADLINES(member) TEXT(struct yaml_schema_deadlines, #member, member)

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED),
};

/* The first two are needed: a socket without a name could not be asked for. */
static const cyaml_schema_field_t listen_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_schema_listen, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("at", CYAML_FLAG_POINTER, struct yaml_schema_listen, at, 0, CYAML_UNLIMITED),
    TEXT(struct yaml_schema_listen, "shield", shield),
    TEXT(struct yaml_schema_listen, "mark", mark),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t listen_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_schema_listen, listen_fields),
};

static const cyaml_schema_field_t tun_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_schema_tun, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR("interface", CYAML_FLAG_POINTER, struct yaml_schema_tun, interface, 0, CYAML_UNLIMITED),
    LIST(struct yaml_schema_tun, address, MANIFEST_TUN_ADDRESSES_MAX),
    TEXT(struct yaml_schema_tun, "mtu", mtu),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t tun_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_schema_tun, tun_fields),
};

static const cyaml_schema_field_t sandbox_fields[] = {
    IN_SANDBOX(network),
    LIST(struct yaml_schema_sandbox, read, MANIFEST_PATHS_MAX),
    LIST(struct yaml_schema_sandbox, write, MANIFEST_PATHS_MAX),
    LIST(struct yaml_schema_sandbox, keys, MANIFEST_KEYS_KINDS),
    CYAML_FIELD_SEQUENCE("listen", OPTIONAL, struct yaml_schema_sandbox, listen, &listen_entry, 0,
                         MANIFEST_LISTEN_MAX),
    CYAML_FIELD_SEQUENCE("tun", OPTIONAL, struct yaml_schema_sandbox, tun, &tun_entry, 0, MANIFEST_TUN_MAX),
    CYAML_FIELD_SEQUENCE("tap", OPTIONAL, struct yaml_schema_sandbox, tap, &tun_entry, 0, MANIFEST_TUN_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits_fields[] = {
    IN_LIMITS(memory),        IN_LIMITS(cpu), IN_LIMITS(files),     IN_LIMITS(message),
    IN_LIMITS(calls_waiting), IN_LIMITS(log), IN_LIMITS(log_files), CYAML_FIELD_END,
};

static const cyaml_schema_field_t heartbeat_fields[] = {
    IN_HEARTBEAT(every),
    IN_HEARTBEAT(dead_after),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t restart_fields[] = {
    IN_RESTART(first),  IN_RESTART(max),      IN_RESTART(give_up),
    IN_RESTART(stable), IN_RESTART(strategy), CYAML_FIELD_END,
};

static const cyaml_schema_field_t deadlines_fields[] = {
    IN_DEADLINES(ready),
    IN_DEADLINES(drain),
    IN_DEADLINES(term),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t placement_fields[] = {
    CYAML_FIELD_IGNORE("labels", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t cell_fields[] = {
    CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct yaml_schema_cell, name, 0,
                           CYAML_UNLIMITED),
    TEXT(struct yaml_schema_cell, "namespace", space),
    IN_CELL(exec),
    IN_CELL(instances),
    IN_CELL(root),
    LIST(struct yaml_schema_cell, requires, MANIFEST_LIST_MAX),
    LIST(struct yaml_schema_cell, serves, MANIFEST_LIST_MAX),
    LIST(struct yaml_schema_cell, may_call, MANIFEST_LIST_MAX),
    GROUP(sandbox),
    GROUP(limits),
    GROUP(heartbeat),
    GROUP(restart),
    GROUP(deadlines),
    GROUP(placement),
    IN_CELL(spare),
    IN_CELL(start),
    IN_CELL(protocol),
    CYAML_FIELD_IGNORE("config", CYAML_FLAG_OPTIONAL),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t cell_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct yaml_schema_cell, cell_fields),
};

static const cyaml_schema_field_t doc_fields[] = {
    TEXT(struct yaml_schema_doc, "node", node),
    CYAML_FIELD_SEQUENCE("cells", CYAML_FLAG_POINTER, struct yaml_schema_doc, cells, &cell_entry, 0,
                         MANIFEST_CELLS_MAX),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t doc_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct yaml_schema_doc, doc_fields),
};

/* ---- the tree against the schema ---- */

/* In the words of somebody who writes YAML. */
static const char *kind_found(const struct yaml_marks *m, uint32_t node)
{
    if (yaml_marks_is_null(m, node)) {
        return "nothing";
    }
    switch (yaml_marks_at(m, node)->kind) {
    case YAML_MARKS_SCALAR:
        return "a single value";
    case YAML_MARKS_LIST:
        return "a list";
    case YAML_MARKS_MAP:
        return "a mapping";
    }
    return "?";
}

/* What a schema's value looks like in YAML; NULL: anything. */
static const char *kind_wanted(const cyaml_schema_value_t *schema, enum yaml_marks_kind *ret)
{
    if (schema->type == CYAML_MAPPING) {
        *ret = YAML_MARKS_MAP;
        return "a mapping of fields";
    }
    if (schema->type == CYAML_SEQUENCE) {
        *ret = YAML_MARKS_LIST;
        return "a list in [ ] or of lines that begin with -";
    }
    *ret = YAML_MARKS_SCALAR;
    return schema->type == CYAML_IGNORE ? NULL : "a single value";
}

/* All fields that would have been right, as the right one is usually one letter away. */
static enum err refuse_field(const struct yaml_marks *m, uint32_t node,
                             const cyaml_schema_field_t *fields)
{
    char names[256];
    struct bytes_text t;

    bytes_text_init(&t, names, sizeof names);
    for (const cyaml_schema_field_t *f = fields; f->key != NULL; f++) {
        bytes_text_add(&t, "%s%s", f == fields ? "" : f[1].key == NULL ? " or " : ", ", f->key);
    }
    assert(!t.cut);
    return yaml_marks_fault(m, node, ERR_MALFORMED, "an unknown field, expected %s", names);
}

static enum err check_value(const struct yaml_marks *m, uint32_t node,
                            const cyaml_schema_value_t *schema);

/* In the order of the file, so that the first message is about the first mistake; what is missing
 * has no place and comes last. */
static enum err check_fields(const struct yaml_marks *m, uint32_t node,
                             const cyaml_schema_field_t *fields)
{
    for (uint32_t c = yaml_marks_at(m, node)->first; c != YAML_MARKS_NONE;
         c = yaml_marks_at(m, c)->next) {
        const cyaml_schema_field_t *f = fields;
        while (f->key != NULL && strcmp(f->key, yaml_marks_key(m, c)) != 0) {
            f++;
        }
        enum err e = f->key == NULL ? refuse_field(m, c, fields) : check_value(m, c, &f->value);
        if (e != ERR_OK) {
            return e;
        }
    }
    for (const cyaml_schema_field_t *f = fields; f->key != NULL; f++) {
        if ((f->value.flags & CYAML_FLAG_OPTIONAL) == 0 &&
            yaml_marks_child(m, node, f->key) == YAML_MARKS_NONE) {
            return yaml_marks_fault(m, node, ERR_MALFORMED, "no field \"%s\", expected one",
                                    f->key);
        }
    }
    return ERR_OK;
}

/* What stands before the first one too many is still checked: a fault there is told first. */
static enum err check_entries(const struct yaml_marks *m, uint32_t node,
                              const cyaml_schema_value_t *schema)
{
    uint32_t most = schema->sequence.max;

    for (uint32_t c = yaml_marks_at(m, node)->first; c != YAML_MARKS_NONE;
         c = yaml_marks_at(m, c)->next) {
        if (yaml_marks_at(m, c)->place == most) {
            return yaml_marks_fault(m, c, ERR_LIMIT, "%u entries in the list, expected at most %u",
                                    yaml_marks_at(m, node)->count, most);
        }
        enum err e = check_value(m, c, schema->sequence.entry);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}

/* As deep as the schema, which is not recursive. */
static enum err check_value(const struct yaml_marks *m, uint32_t node,
                            const cyaml_schema_value_t *schema)
{
    enum yaml_marks_kind kind;
    const char *wanted = kind_wanted(schema, &kind);

    if (wanted == NULL || yaml_marks_at(m, node)->is_opaque) {
        return ERR_OK;
    }
    if (yaml_marks_at(m, node)->kind != kind) {
        return yaml_marks_fault(m, node, ERR_MALFORMED, "%s, expected %s", kind_found(m, node),
                                wanted);
    }
    switch (kind) {
    case YAML_MARKS_SCALAR:
        return ERR_OK;
    case YAML_MARKS_LIST:
        return check_entries(m, node, schema);
    case YAML_MARKS_MAP:
        return check_fields(m, node, schema->mapping.fields);
    }
    return ERR_INTERNAL;
}

enum err yaml_schema_check(const struct yaml_marks *m)
{
    return check_value(m, YAML_MARKS_ROOT, &doc_schema);
}

/* ---- loading ---- */

struct complaint {
    char text[200];
    bool is_told;
};

/* libcyaml's log callback: the first line says what is wrong, the others where in the text that we
 * wrote ourselves. */
static void keep_first(cyaml_log_t level, void *context, const char *format, va_list args)
{
    struct complaint *c = context;

    if (level >= CYAML_LOG_ERROR && !c->is_told) {
        c->is_told = true;
        (void)vsnprintf(c->text, sizeof c->text, format, args); /* cut is fine */
        c->text[strcspn(c->text, "\n")] = '\0';
    }
}

static cyaml_config_t make_config(struct complaint *c)
{
    return (cyaml_config_t){
        .log_fn = keep_first,
        .log_ctx = c,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

/* The tree has been checked against this very schema and is written without anything a parser could
 * stumble over, so a refusal means want of memory or a fault of ours: it is told in libcyaml's
 * words. */
enum err yaml_schema_load(const struct yaml_marks *m, struct yaml_schema_doc **ret)
{
    struct complaint said = {.text = ""};
    char quote[YAML_MARKS_QUOTE_SIZE];
    cyaml_config_t config = make_config(&said);
    AUTO_FREE char *text = NULL;
    cyaml_data_t *doc = NULL;
    size_t len;

    /* Quotes, escapes and indentation of at most eight per value: well below the number. */
    enum err e = yaml_text_emit(m, YAML_MARKS_ROOT, YAML_TEXT_QUOTED, 16 * MANIFEST_BYTES_MAX,
                                &text, &len);
    if (e != ERR_OK) {
        return yaml_marks_fault(m, YAML_MARKS_ROOT, e, "cannot be loaded: %s", err_text(e));
    }
    cyaml_err_t status = cyaml_load_data((const uint8_t *)text, len, &config, &doc_schema, &doc,
                                         NULL);
    if (status == CYAML_ERR_OOM) {
        return yaml_marks_fault(m, YAML_MARKS_ROOT, ERR_NOMEM, "cannot be loaded: out of memory");
    }
    if (status != CYAML_OK) {
        return yaml_marks_fault(m, YAML_MARKS_ROOT, ERR_INTERNAL,
                                "libcyaml refuses what the schema allows: %s (%s)",
                                cyaml_strerror(status), yaml_marks_quote(said.text, quote));
    }
    assert(doc != NULL);
    *ret = doc;
    return ERR_OK;
}

void yaml_schema_free(struct yaml_schema_doc *doc)
{
    struct complaint said = {.text = ""};
    cyaml_config_t config = make_config(&said);

    if (doc != NULL) {
        /* Fails only on a wrong config or schema, which the load before has tried. */
        (void)cyaml_free(&config, &doc_schema, doc, 0);
    }
}
