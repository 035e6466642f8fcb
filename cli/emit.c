#include "cli/emit.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/paint.h"
#include "common/base/bytes.h"

void cli_emit_begin(struct jsonout *out)
{
    jsonout_init(out, isatty(STDOUT_FILENO) != 0);
}

void cli_emit_begin_line(struct jsonout *out)
{
    jsonout_init(out, false);
}

int cli_emit_end(struct cli *cli, struct jsonout *out)
{
    AUTO_FREE char *text = NULL;
    enum err e = jsonout_take(out, &text);

    jsonout_fini(out);
    if (e != ERR_OK) {
        return cli_fail(cli, e, NULL, "the answer does not fit: %s", err_text(e));
    }
    puts(text);
    return CLI_DONE;
}

int cli_emit_message(struct cli *cli, const ProtobufCMessage *message)
{
    struct jsonout out;

    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_members(&out, message);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_emit_reply(struct cli *cli, ProtobufCMessage *reply, int (*print)(struct cli *cli, const ProtobufCMessage *reply))
{
    int status = cli->json ? cli_emit_message(cli, reply) : print(cli, reply);

    protobuf_c_message_free_unpacked(reply, NULL);
    return status;
}

int cli_emit_table(struct cli *cli, struct cli_paint_table *t)
{
    bool printed = cli_paint_table_print(t, cli->is_colored);

    cli_paint_table_fini(t);
    return printed ? CLI_DONE : cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
}

int cli_emit_raw_check(struct cli *cli)
{
    return cli->json && cli_args_has(cli, "raw") ? cli_fail_usage(cli, NULL, "--raw and --json exclude each other") : CLI_DONE;
}

void cli_emit_value(const struct cli *cli, const uint8_t *value, size_t size)
{
    const char *text = size > 0 ? (const char *)value : "";

    if (cli_args_has(cli, "raw")) {
        (void)fwrite(text, 1, size, stdout); /* who ends the command looks whether it was written */
        return;
    }
    cli_paint_value(text, size);
    putchar('\n');
}

bool cli_emit_is_heard(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO}; /* of a pipe without a reader it says POLLERR unasked */

    return fflush(stdout) == 0 && (poll(&out, 1, 0) <= 0 || (out.revents & POLLERR) == 0);
}

void cli_emit_string(struct jsonout *out, const char *name, const char *value)
{
    jsonout_name(out, name);
    jsonout_string(out, value);
}

void cli_emit_u64(struct jsonout *out, const char *name, uint64_t value)
{
    jsonout_name(out, name);
    jsonout_u64(out, value);
}

/* Nobody reads more than milli-seconds, -percents or -calls; 12.3 instead of 12.299999999999999
 * is what a person and a diff want to see. */
static void put_double(struct jsonout *out, double value)
{
    jsonout_double(out, fabs(value) < 1e12 ? round(value * 1000) / 1000 : value);
}

void cli_emit_double(struct jsonout *out, const char *name, double value)
{
    jsonout_name(out, name);
    put_double(out, value);
}

void cli_emit_bool(struct jsonout *out, const char *name, bool value)
{
    jsonout_name(out, name);
    jsonout_bool(out, value);
}

/* ---- messages of our own protocol ------------------------------------------------------------ */

static void put_bytes(struct jsonout *out, const ProtobufCBinaryData *bytes)
{
    AUTO_FREE char *hex = malloc(2 * bytes->len + 1);

    if (hex == NULL) {
        jsonout_null(out);
        return;
    }
    bytes_to_hex(bytes->data, bytes->len, hex);
    jsonout_string(out, hex);
}

static void put_fingerprint(struct jsonout *out, uint64_t value)
{
    char text[JSONOUT_NUMBER_SIZE];

    snprintf(text, sizeof text, "%016" PRIx64, value);
    jsonout_string(out, text);
}

static void put_message(struct jsonout *out, const ProtobufCMessage *message)
{
    if (message == NULL) {
        jsonout_null(out);
        return;
    }
    jsonout_object(out);
    cli_emit_members(out, message);
    jsonout_object_end(out);
}

/* One value of a generated struct, where the descriptor says it lies. */
static void put_value(struct jsonout *out, const ProtobufCFieldDescriptor *f, const void *at)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM: jsonout_i64(out, *(const int32_t *)at); break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: jsonout_u64(out, *(const uint32_t *)at); break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64: jsonout_i64(out, *(const int64_t *)at); break;
    case PROTOBUF_C_TYPE_UINT64: jsonout_u64(out, *(const uint64_t *)at); break;
    case PROTOBUF_C_TYPE_FIXED64: put_fingerprint(out, *(const uint64_t *)at); break;
    case PROTOBUF_C_TYPE_FLOAT: put_double(out, (double)*(const float *)at); break;
    case PROTOBUF_C_TYPE_DOUBLE: put_double(out, *(const double *)at); break;
    case PROTOBUF_C_TYPE_BOOL: jsonout_bool(out, *(const protobuf_c_boolean *)at != 0); break;
    case PROTOBUF_C_TYPE_STRING: jsonout_string(out, *(char *const *)at); break;
    case PROTOBUF_C_TYPE_BYTES: put_bytes(out, at); break;
    case PROTOBUF_C_TYPE_MESSAGE: put_message(out, *(ProtobufCMessage *const *)at); break;
    }
}

static size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT: return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE: return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL: return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE: return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    }
    return 0;
}

void cli_emit_members(struct jsonout *out, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &message->descriptor->fields[i];
        const char *at = (const char *)message + f->offset;

        jsonout_name(out, f->name);
        if (f->label != PROTOBUF_C_LABEL_REPEATED) {
            put_value(out, f, at);
            continue;
        }
        size_t count = *(const size_t *)((const char *)message + f->quantifier_offset);
        const char *items = *(const char *const *)at;
        jsonout_array(out);
        for (size_t k = 0; k < count; k++) {
            put_value(out, f, items + k * value_size(f->type));
        }
        jsonout_array_end(out);
    }
}
