#include "codegen/skeleton.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codegen/names.h"
#include "codegen/out.h"
#include "codegen/protobufc.h"
#include "codegen/word.h"
#include "common/base/name.h"

struct writing {
    const struct codegen_service *service;
    const char *name;  /* of the cell                              */
    const char *ident; /* the same in C: '_' for '-'               */
    const char **handlers; /* of each operation, "service_greet"   */
    struct codegen_out *out;
};

static const char *form(const char *full, enum codegen_protobufc_form f, char out[CODEGEN_PROTOBUFC_SIZE])
{
    codegen_protobufc_name(full, f, out);
    return out;
}

static void write_main(struct writing *w)
{
    char text[CODEGEN_PROTOBUFC_SIZE], constant[2 * CODEGEN_SCHEMA_WORD_MAX + 1], op[CODEGEN_SCHEMA_NAME_MAX + 8];
    const struct codegen_service *service = w->service;

    snprintf(op, sizeof op, "%.*s%sOp", (int)service->package_len, service->name, service->package_len > 0 ? "." : "");
    codegen_out_add(w->out,
                    "/* cell-%s. Only wiring lives here. */\n#include \"%s.pb-c.h\"\n#include \"%s.schema.h\"\n#include \"common/run/cell.h\"\n"
                    "#include \"service.h\"\n\nstatic const struct cell_op ops[] = {\n",
                    w->name, w->name, w->name);
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct codegen_operation *o = &service->operations[i];

        codegen_word_split(o->name, true, constant);
        codegen_out_add(w->out, "    {%s__OP_%s, ", form(op, CODEGEN_PROTOBUFC_UPPER, text), constant);
        codegen_out_add(w->out, "&%s__descriptor, %s},\n", form(o->request_name, CODEGEN_PROTOBUFC_LOWER, text), w->handlers[i]);
    }
    codegen_out_add(w->out,
                    "};\n\nstatic const struct cell_def def = {\n    .name = \"%s\",\n    .version = \"0.1.0\",\n    .state_size = sizeof(struct service),\n"
                    "    .open = service_open,\n    .ops = ops,\n    .op_count = ARRAY_LEN(ops),\n    .service = &%s__descriptor,\n"
                    "    .schema = %s_schema,\n    .schema_size = sizeof %s_schema,\n};\n\nint main(int argc, char **argv)\n{\n"
                    "    return cell_main(&def, argc, argv);\n}\n",
                    w->name, form(service->name, CODEGEN_PROTOBUFC_LOWER, text), w->ident, w->ident);
}

/* What the .proto says of an operation, as a comment in C. */
static void write_doc(struct writing *w, const struct codegen_operation *o)
{
    codegen_out_add(w->out, "\n/* %s:\n", o->name);
    codegen_out_comment(w->out, *o->doc != '\0' ? o->doc : "says nothing of itself", " * ");
    codegen_out_add(w->out, " */\n");
}

static void write_header(struct writing *w)
{
    char upper[CODEGEN_PROTOBUFC_SIZE];

    form(w->ident, CODEGEN_PROTOBUFC_UPPER, upper);
    codegen_out_add(w->out,
                    "/* What %s answers. */\n#ifndef CELL_%s_SERVICE_H\n#define CELL_%s_SERVICE_H\n\n#include \"common/run/cell.h\"\n\n"
                    "/* The cell's state: zeroed by the runtime before service_open. */\nstruct service {\n    struct cell_metric *calls;\n};\n\n"
                    "/* cell_def.open: the doors are still open here; get files and sockets now. */\n"
                    "enum err service_open(struct cell *cell, void *state);\n",
                    w->name, upper, upper);
    for (size_t i = 0; i < w->service->operation_count; i++) {
        write_doc(w, &w->service->operations[i]);
        codegen_out_add(w->out, "enum err %s(void *state, struct cell_call *call, const void *request);\n", w->handlers[i]);
    }
    codegen_out_add(w->out, "\n#endif\n");
}

static void write_source(struct writing *w)
{
    char type[CODEGEN_PROTOBUFC_SIZE];

    codegen_out_add(w->out,
                    "#include \"service.h\"\n\n#include \"%s.pb-c.h\"\n\nenum err service_open(struct cell *cell, void *state)\n{\n"
                    "    struct service *s = state;\n\n    s->calls = cell_metric_counter(cell, \"cell_%s_calls_total\", \"calls that came\");\n"
                    "    return ERR_OK;\n}\n",
                    w->name, w->ident);
    for (size_t i = 0; i < w->service->operation_count; i++) {
        const struct codegen_operation *o = &w->service->operations[i];

        codegen_out_add(w->out, "\nenum err %s(void *state, struct cell_call *call, const void *request)\n{\n    struct service *s = state;\n", w->handlers[i]);
        codegen_out_add(w->out, "    const %s *ask = request; /* untrusted: refuse what does not fit, and say why */\n",
                        form(o->request_name, CODEGEN_PROTOBUFC_TYPE, type));
        codegen_out_add(w->out, "    %s reply = ", form(o->reply_name, CODEGEN_PROTOBUFC_TYPE, type));
        codegen_out_add(w->out,
                        "%s__INIT;\n\n    cell_metric_add(s->calls, 1);\n    (void)ask;\n    (void)reply;\n"
                        "    cell_call_explain(call, \"%s has no handler yet\");\n"
                        "    return ERR_UNIMPLEMENTED; /* once there is one: return cell_reply(call, &reply); it packs before it returns */\n}\n",
                        form(o->reply_name, CODEGEN_PROTOBUFC_UPPER, type), o->name);
    }
}

static void write_manifest(struct writing *w)
{
    codegen_out_add(w->out,
                    "# How %s runs: cell up cell.yaml --cells build --detach\ncells:\n  - name: %s\n    instances: 1\n"
                    "    root: true                   # wanted for its own sake\n    serves: [",
                    w->name, w->name);
    for (size_t i = 0; i < w->service->operation_count; i++) {
        codegen_out_add(w->out, "%s%s.%s", i > 0 ? ", " : "", w->name, w->service->operations[i].name);
    }
    codegen_out_add(w->out, "]\n    sandbox: {network: false}    # sees its own sockets and the system's libraries, nothing else\n"
                            "    limits: {memory: 256M, files: 256, message: 1M, calls_waiting: 1024}\n    heartbeat: {every: 1s, dead_after: 3}\n"
                            "    restart: {max: 10s, give_up: 5 in 60s}\n");
}

static void write_cases(struct writing *w)
{
    codegen_out_add(w->out, "# Run with `cell test`: each case calls one operation on a private node.\n"
                            "# expect names the members that must come back; expect_error the error's name.\ncases:\n");
    for (size_t i = 0; i < w->service->operation_count; i++) {
        const char *operation = w->service->operations[i].name;

        codegen_out_add(w->out, "  - name: has no handler for %s yet\n    call: %s\n    expect_error: UNIMPLEMENTED\n", operation, operation);
    }
}

/* ---- what it is made of --------------------------------------------------------------------- */

static enum err refuse(char why[CODEGEN_WHY_SIZE], enum err e, const char *what, const char *where)
{
    snprintf(why, CODEGEN_WHY_SIZE, "%s%s%s", where, *where != '\0' ? ": " : "", what);
    return e;
}

static enum err check(const struct codegen_service *service, const char *name, size_t proto_len, char ident[NAME_SIZE], char why[CODEGEN_WHY_SIZE])
{
    char package[CODEGEN_SCHEMA_WORD_MAX + 1];

    if (!name_valid_str(name)) {
        return refuse(why, ERR_INVALID, "a cell's name is [a-z0-9_][a-z0-9_-]{0,63}", "");
    }
    memcpy(ident, name, strlen(name) + 1);
    for (char *c = ident; (c = strchr(c, '-')) != NULL;) {
        *c = '_';
    }
    codegen_names_cell(service, package);
    if (strcmp(package, ident) != 0) {
        return refuse(why, ERR_INVALID, "the package's last word is not the cell's name: clients look for the cell by it", service->name);
    }
    if (proto_len > CODEGEN_SKELETON_PROTO_MAX || service->operation_count == 0) {
        return refuse(why, proto_len > 0 ? ERR_LIMIT : ERR_INVALID, "a service has operations, and its .proto at most 1 MiB", service->name);
    }
    for (size_t i = 0; i < service->operation_count; i++) {
        const struct codegen_operation *o = &service->operations[i];

        if (!name_operation_valid(o->name, strlen(o->name))) {
            return refuse(why, ERR_INVALID, "an operation's name is [A-Z][A-Za-z0-9]{0,63}, or no manifest can grant it", o->name);
        }
        if (o->takes_stream) {
            return refuse(why, ERR_UNSUPPORTED, "a request has one part", o->name);
        }
    }
    return ERR_OK;
}

static enum err name_handlers(struct writing *w, struct arena *arena)
{
    char word[2 * CODEGEN_SCHEMA_WORD_MAX + 1], handler[sizeof word + 8];
    struct codegen_names names;

    codegen_names_init(&names, arena, NULL, 0);
    (void)codegen_names_take(&names, "service_open");
    w->handlers = arena_alloc(arena, w->service->operation_count * sizeof *w->handlers);
    for (size_t i = 0; w->handlers != NULL && i < w->service->operation_count; i++) {
        codegen_word_split(w->service->operations[i].name, false, word);
        snprintf(handler, sizeof handler, "service_%s", word);
        w->handlers[i] = codegen_names_take(&names, handler);
    }
    return w->handlers == NULL || names.failed ? ERR_NOMEM : ERR_OK;
}

enum err codegen_skeleton_write(const struct codegen_service *service, const char *name, const char *proto, size_t proto_len,
                                const char *const *existing, size_t existing_count, struct arena *arena,
                                struct codegen_skeleton_file ret[CODEGEN_SKELETON_FILES], char why[CODEGEN_WHY_SIZE])
{
    static void (*const writers[CODEGEN_SKELETON_FILES])(struct writing *w) = {NULL, write_main, write_header, write_source, write_manifest, write_cases};
    const char *const paths[CODEGEN_SKELETON_FILES] = {NULL, "main.c", "service.h", "service.c", "cell.yaml", "tests/cases.yaml"};
    struct codegen_skeleton_file files[CODEGEN_SKELETON_FILES];
    struct codegen_out out[CODEGEN_SKELETON_FILES], path;
    char ident[NAME_SIZE];
    struct writing w = {.service = service, .name = name, .ident = ident};
    enum err e = check(service, name, proto_len, ident, why);

    e = e == ERR_OK ? name_handlers(&w, arena) : e;
    if (e != ERR_OK) {
        return e == ERR_NOMEM ? refuse(why, e, "no more memory than this", name) : e;
    }
    codegen_out_init(&path, arena);
    codegen_out_add(&path, "%s.proto", name);
    for (size_t i = 0; i < CODEGEN_SKELETON_FILES; i++) {
        codegen_out_init(&out[i], arena);
        w.out = &out[i];
        if (i == 0) {
            codegen_out_bytes(w.out, proto, proto_len);
        } else {
            writers[i](&w);
        }
        if (out[i].failed || path.failed) {
            return refuse(why, ERR_NOMEM, "no more memory than this", name);
        }
        files[i] = (struct codegen_skeleton_file){i == 0 ? path.at : paths[i], out[i].at, out[i].len};
        for (size_t k = 0; k < existing_count; k++) {
            if (strcmp(existing[k], files[i].path) == 0) {
                return refuse(why, ERR_EXISTS, "is there already", files[i].path);
            }
        }
    }
    memcpy(ret, files, sizeof files);
    return ERR_OK;
}
