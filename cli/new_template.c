/* What `cell new` writes. Kept small: every line of it is read by somebody who sees the project for
 * the first time. */
#include "cli/new.h"

static const char meson_build[] =
    "project('@NAME@', 'c', version: '0.1.0',\n"
    "  default_options: ['c_std=gnu17', 'warning_level=2', 'buildtype=debugoptimized'])\n"
    "\n"
    "# The SDK: the one installed with Cell, or a source tree of Cell and its build directory\n"
    "# (meson setup -Dcell_source=… -Dcell_build=…).\n"
    "source = get_option('cell_source')\n"
    "if source == ''\n"
    "  sdk = dependency('cell')\n"
    "  embed = find_program(sdk.get_variable('embed'))\n"
    "else\n"
    "  cc = meson.get_compiler('c')\n"
    "  sdk = declare_dependency(compile_args: '-I' + source,\n"
    "    link_args: get_option('cell_build') / 'libcell.a',\n"
    "    dependencies: [cc.find_library('nng'), dependency('libuv'), dependency('libprotobuf-c'),\n"
    "                   dependency('libsodium'), dependency('libseccomp'), dependency('threads')])\n"
    "  embed = find_program(source / 'proto/embed.py')\n"
    "endif\n"
    "\n"
    "# Messages as C structs, and the schema the cell hands out to `cell call`.\n"
    "proto = '@NAME@.proto'\n"
    "messages = custom_target('messages', input: proto,\n"
    "  output: ['@NAME@.pb-c.c', '@NAME@.pb-c.h'],\n"
    "  command: [find_program('protoc-c'), '-I', '@CURRENT_SOURCE_DIR@', '--c_out=@OUTDIR@', '@INPUT@'])\n"
    "descriptors = custom_target('descriptors', input: proto, output: '@NAME@.schema.bin',\n"
    "  command: [find_program('protoc'), '-I', '@CURRENT_SOURCE_DIR@', '--include_imports',\n"
    "            '--include_source_info', '--descriptor_set_out=@OUTPUT@', '@INPUT@'])\n"
    "schema = custom_target('schema', input: descriptors, output: '@NAME@.schema.h',\n"
    "  command: [embed, '@INPUT@', '@OUTPUT@', '@IDENT@_schema'])\n"
    "\n"
    "executable('cell-@NAME@', 'main.c', 'service.c', messages, schema, dependencies: sdk,\n"
    "  c_args: '-D_GNU_SOURCE', install: true, install_dir: get_option('libexecdir') / 'cell')\n";

static const char meson_options[] =
    "option('cell_source', type: 'string', value: '@SOURCE@',\n"
    "  description: 'source tree of Cell; empty: use the installed SDK (pkg-config cell)')\n"
    "option('cell_build', type: 'string', value: '@BUILD@',\n"
    "  description: 'build directory of that source tree')\n";

static const char proto[] =
    "// What cell @NAME@ serves. Numbers of fields and operations are never reused.\n"
    "syntax = \"proto3\";\n"
    "package @IDENT@;\n"
    "\n"
    "// Each operation has a number that no other cell uses: users' cells have 10000 and up.\n"
    "enum Op {\n"
    "  OP_NONE = 0;\n"
    "  OP_ECHO = @NUMBER@;\n"
    "}\n"
    "\n"
    "service @CAMEL@ {\n"
    "  // Marked so that a caller may repeat it when an answer is lost.\n"
    "  rpc Echo(EchoRequest) returns (EchoReply) { option idempotency_level = NO_SIDE_EFFECTS; }\n"
    "}\n"
    "\n"
    "message EchoRequest {\n"
    "  string text = 1;  // 1 to 256 bytes\n"
    "  uint32 times = 2; // 1 to 10; 0 means 1\n"
    "}\n"
    "message EchoReply { string text = 1; }\n";

static const char main_c[] =
    "/* cell-@NAME@. Only wiring lives here. */\n"
    "#include \"@NAME@.pb-c.h\"\n"
    "#include \"@NAME@.schema.h\"\n"
    "#include \"common/run/cell.h\"\n"
    "#include \"service.h\"\n"
    "\n"
    "static const struct cell_op ops[] = {\n"
    "    {@UPPER@__OP__OP_ECHO, &@IDENT@__echo_request__descriptor, service_echo},\n"
    "};\n"
    "\n"
    "static const struct cell_def def = {\n"
    "    .name = \"@NAME@\",\n"
    "    .version = \"0.1.0\",\n"
    "    .state_size = sizeof(struct service),\n"
    "    .open = service_open,\n"
    "    .ops = ops,\n"
    "    .op_count = ARRAY_LEN(ops),\n"
    "    .service = &@IDENT@__@SERVICE@__descriptor,\n"
    "    .schema = @IDENT@_schema,\n"
    "    .schema_size = sizeof @IDENT@_schema,\n"
    "};\n"
    "\n"
    "int main(int argc, char **argv)\n"
    "{\n"
    "    return cell_main(&def, argc, argv);\n"
    "}\n";

static const char service_h[] =
    "/* What @NAME@ answers. */\n"
    "#ifndef @UPPER@_SERVICE_H\n"
    "#define @UPPER@_SERVICE_H\n"
    "\n"
    "#include \"common/run/cell.h\"\n"
    "\n"
    "enum {\n"
    "    ECHO_TEXT_MAX = 256, /* bytes */\n"
    "    ECHO_TIMES_MAX = 10,\n"
    "};\n"
    "\n"
    "/* The cell's state: zeroed by the runtime before service_open. */\n"
    "struct service {\n"
    "    struct cell_metric *echoes;\n"
    "};\n"
    "\n"
    "/* cell_def.open: the doors are still open here; get files and sockets now. */\n"
    "enum err service_open(struct cell *cell, void *state);\n"
    "\n"
    "/* ECHO: the text, repeated. ERR_INVALID when text or times is out of range. */\n"
    "enum err service_echo(void *state, struct cell_call *call, const void *request);\n"
    "\n"
    "#endif\n";

static const char service_c[] =
    "#include \"service.h\"\n"
    "\n"
    "#include <string.h>\n"
    "\n"
    "#include \"@NAME@.pb-c.h\"\n"
    "\n"
    "enum err service_open(struct cell *cell, void *state)\n"
    "{\n"
    "    struct service *s = state;\n"
    "\n"
    "    s->echoes = cell_metric_counter(cell, \"cell_@IDENT@_echoes_total\", \"texts echoed\");\n"
    "    return ERR_OK;\n"
    "}\n"
    "\n"
    "enum err service_echo(void *state, struct cell_call *call, const void *request)\n"
    "{\n"
    "    struct service *s = state;\n"
    "    const @TYPE@__EchoRequest *ask = request;\n"
    "    @TYPE@__EchoReply reply = @UPPER@__ECHO_REPLY__INIT;\n"
    "    uint32_t times = ask->times == 0 ? 1 : ask->times;\n"
    "    size_t len = strlen(ask->text);\n"
    "    char text[ECHO_TEXT_MAX * ECHO_TIMES_MAX + 1];\n"
    "\n"
    "    /* A request is untrusted: refuse what does not fit, and say why. */\n"
    "    if (len == 0 || len > ECHO_TEXT_MAX || times > ECHO_TIMES_MAX) {\n"
    "        cell_call_explain(call, \"text has %zu bytes, expected 1 to %d; times is %u, at most %d\",\n"
    "                          len, ECHO_TEXT_MAX, times, ECHO_TIMES_MAX);\n"
    "        return ERR_INVALID;\n"
    "    }\n"
    "    for (uint32_t i = 0; i < times; i++) {\n"
    "        memcpy(text + i * len, ask->text, len);\n"
    "    }\n"
    "    text[times * len] = '\\0';\n"
    "    reply.text = text;\n"
    "    cell_metric_add(s->echoes, 1);\n"
    "    return cell_reply(call, &reply); /* packs before it returns: `text` may go */\n"
    "}\n";

static const char cell_yaml[] =
    "# How @NAME@ runs: cell up cell.yaml --cells build --detach\n"
    "cells:\n"
    "  - name: @NAME@                 # binary cell-@NAME@\n"
    "    instances: 1\n"
    "    root: true                   # wanted for its own sake\n"
    "    serves: [@NAME@.Echo]\n"
    "    sandbox: {network: false}    # sees its own sockets and the system's libraries, nothing else\n"
    "    limits: {memory: 256M, files: 256, message: 1M, calls_waiting: 1024}\n"
    "    heartbeat: {every: 1s, dead_after: 3}\n"
    "    restart: {max: 10s, give_up: 5 in 60s}\n";

static const char cases_yaml[] =
    "# Run with `cell test`: each case calls one operation on a private node.\n"
    "# expect names the members that must come back; expect_error the error's name.\n"
    "cases:\n"
    "  - name: echoes a text\n"
    "    call: Echo\n"
    "    with: {text: hello}\n"
    "    expect: {text: hello}\n"
    "  - name: repeats it\n"
    "    call: Echo\n"
    "    with: {text: ab, times: 3}\n"
    "    expect: {text: ababab}\n"
    "  - name: refuses an empty text\n"
    "    call: Echo\n"
    "    with: {text: \"\"}\n"
    "    expect_error: INVALID\n"
    "  - name: refuses one repetition too many\n"
    "    call: Echo\n"
    "    with: {text: a, times: 11}\n"
    "    expect_error: INVALID\n"
    "    deadline: 1s\n";

static const char readme[] =
    "# @NAME@\n"
    "\n"
    "A cell: one small sandboxed process that answers requests.\n"
    "\n"
    "| file | what |\n"
    "|---|---|\n"
    "| @NAME@.proto | operations and messages |\n"
    "| main.c | which handler serves which operation; system calls it may make beyond the loop's |\n"
    "| service.c | the handlers |\n"
    "| cell.yaml | how it runs: instances, sandbox, limits, who may call whom |\n"
    "| tests/cases.yaml | what `cell test` checks |\n"
    "\n"
    "    cell test                                  # build it, run it on a private node, check it\n"
    "    cell up cell.yaml --cells build --detach   # run it supervised\n"
    "    cell call @NAME@.Echo '{\"text\":\"hello\"}'\n"
    "    cell inspect @NAME@                        # operations, sandbox, metrics\n"
    "    cell logs -f @NAME@\n"
    "    cell down\n";

static const char ignore[] = "/build/\n";

const struct cli_new_file cli_new_template_files[] = {
    {"meson.build", meson_build},
    {"meson_options.txt", meson_options},
    {"@NAME@.proto", proto},
    {"main.c", main_c},
    {"service.h", service_h},
    {"service.c", service_c},
    {"cell.yaml", cell_yaml},
    {"tests/cases.yaml", cases_yaml},
    {"README.md", readme},
    {".gitignore", ignore},
    {0},
};
