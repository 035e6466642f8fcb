#include "cli/doctor.h"

#include <stdio.h>

#include "cli/emit.h"
#include "cli/paint.h"

static const char *result_name(enum cli_doctor_result r)
{
    switch (r) {
    case CLI_DOCTOR_OK: return "ok";
    case CLI_DOCTOR_WARN: return "warn";
    case CLI_DOCTOR_FAIL: return "fail";
    }
    return "?";
}

static enum cli_paint_style result_style(enum cli_doctor_result r)
{
    switch (r) {
    case CLI_DOCTOR_OK: return CLI_PAINT_GOOD;
    case CLI_DOCTOR_WARN: return CLI_PAINT_WARN;
    case CLI_DOCTOR_FAIL: return CLI_PAINT_BAD;
    }
    return CLI_PAINT_PLAIN;
}

/* Counts of a whole visit. */
struct visit {
    struct cli *cli;
    struct jsonout out;
    size_t count[CLI_DOCTOR_FAIL + 1];
    const char *first_failed;
};

static void emit(struct jsonout *out, const struct cli_doctor_check *c, enum cli_doctor_result r,
                 const char *what)
{
    jsonout_object(out);
    cli_emit_string(out, "check", c->name);
    cli_emit_string(out, "result", result_name(r));
    cli_emit_string(out, "what", what);
    cli_emit_string(out, "why", c->why);
    cli_emit_string(out, "fix", c->fix);
    jsonout_object_end(out);
}

/* Printed as it is found: a check may take a second. */
static void print(const struct visit *v, const struct cli_doctor_check *c, enum cli_doctor_result r,
                  const char *what)
{
    cli_paint_put(v->cli->is_colored, result_style(r), result_name(r));
    printf("%*s%-22s", r == CLI_DOCTOR_OK ? 4 : 2, "", c->name);
    cli_paint_put(v->cli->is_colored, CLI_PAINT_PLAIN, what);
    putchar('\n');
    if (r != CLI_DOCTOR_OK) {
        printf("      why: %s\n      fix: %s\n", c->why, c->fix);
    }
    fflush(stdout);
}

static void examine(struct visit *v, const struct cli_doctor_check *checks)
{
    for (const struct cli_doctor_check *c = checks; c->name != NULL; c++) {
        char what[CLI_DOCTOR_WHAT_SIZE] = "";
        enum cli_doctor_result r = c->look(v->cli, what);

        v->count[r]++;
        if (r == CLI_DOCTOR_FAIL && v->first_failed == NULL) {
            v->first_failed = c->name;
        }
        if (v->cli->json) {
            emit(&v->out, c, r, what);
        } else {
            print(v, c, r, what);
        }
    }
}

int cli_doctor_run(struct cli *cli)
{
    struct visit v = {.cli = cli};
    int status = CLI_DONE;

    cli_emit_begin(&v.out);
    jsonout_object(&v.out);
    jsonout_name(&v.out, "checks");
    jsonout_array(&v.out);
    examine(&v, cli_doctor_kernel_checks);
    examine(&v, cli_doctor_node_checks);
    jsonout_array_end(&v.out);
    cli_emit_bool(&v.out, "healthy", v.count[CLI_DOCTOR_FAIL] == 0);
    jsonout_object_end(&v.out);
    if (cli->json) {
        status = cli_emit_end(cli, &v.out);
    }
    jsonout_fini(&v.out);
    if (status == CLI_DONE && v.count[CLI_DOCTOR_FAIL] > 0) {
        status = cli_fail(cli, ERR_UNSUPPORTED, "each says above how to fix it",
                          "%zu check%s failed, first: %s", v.count[CLI_DOCTOR_FAIL],
                          v.count[CLI_DOCTOR_FAIL] == 1 ? "" : "s", v.first_failed);
    }
    return status;
}
