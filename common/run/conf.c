#include "common/run/conf.h"

#include <stdio.h>
#include <string.h>

#define CONF_PLACE "in mapping field" /* how libcyaml's backtrace says where */

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
