/* For jsonpb_python.py: lines "e JSON" become "ok HEX", lines "d HEX" become "ok JSON"; a refusal
 * becomes "no REASON". jsonpb_tool SCHEMA.bin TYPE */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/reflect/jsonpb.h"
#include "common/run/fd.h"

static void encode(const struct schema_message *type, const char *json)
{
    char why[JSONPB_WHY_SIZE];
    AUTO_FREE uint8_t *wire = NULL;
    size_t size;
    json_t *value = NULL;
    enum err e = jsonpb_parse(json, strlen(json), &value, why);

    if (e == ERR_OK) {
        e = jsonpb_encode(type, value, &wire, &size, why);
    }
    json_decref(value);
    if (e != ERR_OK) {
        printf("no %s\n", why);
        return;
    }
    AUTO_FREE char *hex = malloc(2 * size + 1);
    bytes_to_hex(wire, size, hex);
    printf("ok %s\n", hex);
}

static void decode(const struct schema_message *type, const char *hex)
{
    char why[JSONPB_WHY_SIZE] = "not hex";
    size_t size = strlen(hex) / 2;
    AUTO_FREE uint8_t *wire = malloc(size + 1);
    AUTO_FREE char *text = NULL;
    struct jsonout out;
    enum err e = ERR_MALFORMED;

    jsonout_init(&out, false);
    if (bytes_from_hex(hex, wire, size)) {
        e = jsonpb_decode(type, wire, size, &out, why);
    }
    if (e == ERR_OK) {
        e = jsonout_take(&out, &text);
    }
    jsonout_fini(&out);
    printf("%s %s\n", e == ERR_OK ? "ok" : "no", e == ERR_OK ? text : why);
}

int main(int argc, char **argv)
{
    AUTO_FREE char *set = NULL;
    char *line = NULL;
    size_t len, room = 0;
    struct schema *schema = NULL;
    char why[SCHEMA_WHY_SIZE];
    ssize_t got;

    if (argc != 3 || fd_read_file(AT_FDCWD, argv[1], SCHEMA_BYTES_MAX, &set, &len) != ERR_OK ||
        schema_parse((uint8_t *)set, len, &schema, why) != ERR_OK) {
        return 2;
    }
    const struct schema_message *type = schema_find_message(schema, argv[2]);
    while (type != NULL && (got = getline(&line, &room, stdin)) > 2) {
        line[got - 1] = '\0';
        if (line[0] == 'e') {
            encode(type, line + 2);
        } else {
            decode(type, line + 2);
        }
        fflush(stdout);
    }
    free(line);
    schema_free(schema);
    return type == NULL;
}
