#include "common/run/conf.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define CONF_PLACE "in mapping field" /* how libcyaml's backtrace says where */

const cyaml_schema_value_t conf_text = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, CYAML_UNLIMITED)};

/* libcyaml's own first words say what is wrong, the first line of its backtrace where. */
static void keep_first(cyaml_log_t level, void *context, const char *format, va_list args)
{
    char *why = context, line[CONF_WHY_SIZE];

    if (level < CYAML_LOG_ERROR) {
        return;
    }
    (void)vsnprintf(line, sizeof line, format, args); /* cut is fine */
    line[strcspn(line, "\n")] = '\0';
    const char *place = strstr(line, CONF_PLACE);
    size_t len = strlen(why);
    if (len == 0) {
        (void)snprintf(why, CONF_WHY_SIZE, "%s", line);
    } else if (place != NULL && strstr(why, CONF_PLACE) == NULL) {
        (void)snprintf(why + len, CONF_WHY_SIZE - len, " %s", place);
    }
}

static cyaml_config_t config_with(char *why)
{
    return (cyaml_config_t){.log_fn = keep_first, .log_ctx = why, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

/* Blanks and comments: libcyaml takes no document for a fault. */
static bool is_empty(const char *text)
{
    while (*text != '\0') {
        text += strspn(text, " \t\r\n");
        if (*text == '#') {
            text += strcspn(text, "\n");
        } else if (*text != '\0') {
            return false;
        }
    }
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------------------ */

/* As a person reads it: libcyaml stops at the first byte that it does not know, so that "10m" is 10, and takes 010 for 8. */
static bool is_number(const char *text, size_t size)
{
    const char *digits = text + (size > 0 && text[0] == '-');
    size_t len = strspn(digits, "0123456789");

    return len > 0 && digits + len == text + size && (len == 1 || digits[0] != '0');
}

/* What the schema has as numbers is that, all of it, and texts are whole. False: *why names the field. */
static bool has_numbers(yaml_document_t *document, const yaml_node_t *node, const cyaml_schema_value_t *schema, const char *field, char *why)
{
    bool is_right = true;

    if (node->type == YAML_SCALAR_NODE && strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        is_right = conf_refuse(why, field, (const char *)node->data.scalar.value, "a text: there is a byte of zero behind it") == ERR_OK; /* libcyaml would leave out the rest */
    } else if (node->type == YAML_SCALAR_NODE && (schema->type == CYAML_INT || schema->type == CYAML_UINT)) {
        const char *text = (const char *)node->data.scalar.value;
        is_right = is_number(text, node->data.scalar.length) || conf_refuse(why, field, text, "a whole number") == ERR_OK;
    } else if (node->type == YAML_SEQUENCE_NODE && schema->type == CYAML_SEQUENCE) {
        const yaml_node_item_t *item = node->data.sequence.items.start;
        for (; is_right && item < node->data.sequence.items.top; item++) {
            is_right = has_numbers(document, yaml_document_get_node(document, *item), schema->sequence.entry, field, why);
        }
    } else if (node->type == YAML_MAPPING_NODE && schema->type == CYAML_MAPPING) {
        const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
        for (; is_right && pair < node->data.mapping.pairs.top; pair++) {
            const char *key = (const char *)yaml_document_get_node(document, pair->key)->data.scalar.value;
            const cyaml_schema_field_t *f = schema->mapping.fields;
            while (f->key != NULL && strcmp(f->key, key) != 0) {
                f++;
            }
            is_right = f->key == NULL || has_numbers(document, yaml_document_get_node(document, pair->value), &f->value, f->key, why);
        }
    }
    return is_right;
}

/* Of a text that libcyaml has taken. */
static enum err check_numbers(const char *text, const cyaml_schema_value_t *schema, char *why)
{
    yaml_parser_t parser;
    yaml_document_t document;
    enum err e = ERR_NOMEM;

    if (yaml_parser_initialize(&parser) == 0) {
        return e;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &document) != 0) {
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        e = root == NULL || has_numbers(&document, root, schema, "", why) ? ERR_OK : ERR_INVALID;
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return e;
}

/* ---- texts --------------------------------------------------------------------------------------------- */

enum err conf_load(const char *text, const cyaml_schema_value_t *schema, void **ret, char why[CONF_WHY_SIZE])
{
    cyaml_config_t config = config_with(why);
    cyaml_data_t *loaded = NULL;

    why[0] = '\0';
    if (is_empty(text)) {
        *ret = NULL;
        return ERR_OK;
    }
    cyaml_err_t status = cyaml_load_data((const uint8_t *)text, strlen(text), &config, schema, &loaded, NULL);
    if (status == CYAML_ERR_OOM) {
        return ERR_NOMEM;
    }
    if (status != CYAML_OK) {
        if (why[0] == '\0') {
            (void)snprintf(why, CONF_WHY_SIZE, "%s", cyaml_strerror(status));
        }
        return ERR_INVALID;
    }
    enum err e = check_numbers(text, schema, why);
    if (e != ERR_OK) {
        conf_free(schema, loaded);
        return e;
    }
    *ret = loaded;
    return ERR_OK;
}

void conf_free(const cyaml_schema_value_t *schema, void *document)
{
    char why[CONF_WHY_SIZE] = "";
    cyaml_config_t config = config_with(why);

    if (document != NULL) {
        (void)cyaml_free(&config, schema, document, 0); /* fails only on a schema that the load has tried */
    }
}

enum err conf_refuse(char why[CONF_WHY_SIZE], const char *field, const char *text, const char *expected)
{
    (void)snprintf(why, CONF_WHY_SIZE, "%s: \"%.80s\" is not %s", field, text, expected);
    return ERR_INVALID;
}
