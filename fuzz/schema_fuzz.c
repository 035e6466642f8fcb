/* Any bytes as a cell's schema. What is accepted must hold together: every name is an identifier, every
 * type can be shown as an example, and the same bytes read as any of its messages give JSON or a
 * refusal. */
#include <assert.h>
#include <string.h>

#include "common/reflect/jsonpb.h"
#include "common/reflect/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TEXT_MAX = 1 << 20 /* bytes of JSON: a small input can mean a large text, which is refused here */
};

static void must_be_identifier(const char *name)
{
    assert(*name != '\0');
    for (; *name != '\0'; name++) {
        assert((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
               (*name >= '0' && *name <= '9') || *name == '_' || *name == '.');
    }
}

static void must_be_line(const char *why)
{
    for (; *why != '\0'; why++) {
        assert((uint8_t)*why >= 0x20 && *why != 0x7f);
    }
}

static void check_fields(const struct schema_message *type)
{
    must_be_identifier(type->name);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct schema_field *f = &type->fields[i];

        must_be_identifier(f->name);
        assert(f->index == i && f == schema_field_by_number(type, f->number));
        assert(f == schema_field_by_name(type, f->name));
        assert(f == schema_field_by_name(type, f->json_name));
        assert((f->type == SCHEMA_MESSAGE) == (f->message != NULL));
        assert((f->type == SCHEMA_ENUM) == (f->values != NULL));
        assert(f->oneof < (int32_t)type->oneof_count);
        assert(!f->is_map || f->message->field_count == 2);
    }
}

/* The result, when there is one, must be JSON. */
static void try_message(const struct schema_message *type, const uint8_t *data, size_t size)
{
    struct jsonout out;
    char why[JSONPB_WHY_SIZE] = "";

    check_fields(type);
    for (int example = 0; example < 2; example++) {
        AUTO_FREE char *made = NULL;

        jsonout_init(&out, false);
        out.limit = TEXT_MAX;
        enum err e = ERR_OK;
        if (example) {
            jsonpb_example(type, &out);
        } else {
            e = jsonpb_decode(type, data, size, &out, why);
            must_be_line(why);
        }
        if (e == ERR_OK && jsonout_take(&out, &made) == ERR_OK) {
            json_t *value = json_loads(made, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
            assert(value != NULL);
            json_decref(value);
        }
        jsonout_fini(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schema *schema = NULL;
    const struct schema_service *service;
    char why[SCHEMA_WHY_SIZE] = "";

    if (schema_parse(data, size, &schema, why) != ERR_OK) {
        assert(schema == NULL && *why != '\0');
        must_be_line(why);
        return 0;
    }
    for (size_t i = 0; (service = schema_service_at(schema, i)) != NULL; i++) {
        assert(schema_find_service(schema, service->name) == service);
        for (size_t k = 0; k < service->method_count; k++) {
            try_message(service->methods[k].request, data, size);
            try_message(service->methods[k].reply, data, size);
        }
    }
    schema_free(schema);
    return 0;
}
