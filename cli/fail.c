/* How a command says that it failed: one line for a person, one object for a program. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/paint.h"
#include "common/reflect/jsonout.h"

enum {
    WHY_SIZE = 2048 /* of one line; what a cell answered is at most 512 of it */
};

static void print_document(struct jsonout *out)
{
    char *text = NULL;

    if (jsonout_take(out, &text) == ERR_OK) {
        fprintf(stderr, "%s\n", text);
    }
    free(text);
    jsonout_fini(out);
}

static void print_json(const char *code, const char *canonical, const char *why, const char *hint)
{
    struct jsonout out;

    jsonout_init(&out, false);
    jsonout_object(&out);
    jsonout_name(&out, "error");
    jsonout_object(&out);
    jsonout_name(&out, "code");
    jsonout_string(&out, code);
    jsonout_name(&out, "canonical");
    jsonout_string(&out, canonical);
    jsonout_name(&out, "message");
    jsonout_string(&out, why);
    jsonout_name(&out, "hint");
    jsonout_string(&out, hint != NULL ? hint : "");
    jsonout_object_end(&out);
    jsonout_object_end(&out);
    print_document(&out);
}

static void print_line(const char *why, const char *hint)
{
    AUTO_FREE char *shown = cli_paint_line(why);
    AUTO_FREE char *advice = cli_paint_line(hint != NULL ? hint : "");

    fprintf(stderr, "cell: %s%s%s\n", shown != NULL ? shown : "out of memory",
            hint != NULL ? "; " : "", advice != NULL ? advice : "");
}

int cli_fail(struct cli *cli, enum err e, const char *hint, const char *format, ...)
{
    char why[WHY_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    fflush(stdout); /* what was printed before comes before, also in a pipe */
    if (cli->json) {
        print_json(err_name(e), err_canonical_name(e), why, hint);
    } else {
        print_line(why, hint);
    }
    return CLI_FAILED;
}

int cli_fail_usage(struct cli *cli, const char *hint, const char *format, ...)
{
    char why[WHY_SIZE], advice[128];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (hint == NULL) {
        snprintf(advice, sizeof advice, "see `cell help%s%s`", cli->command != NULL ? " " : "",
                 cli->command != NULL ? cli->command->name : "");
        hint = advice;
    }
    if (cli->json) {
        print_json("USAGE", err_canonical_name(ERR_INVALID), why, hint);
    } else {
        print_line(why, hint);
    }
    return CLI_USAGE;
}

void cli_fail_note(const struct cli *cli, const char *format, ...)
{
    char text[WHY_SIZE];
    struct jsonout out;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!cli->json) {
        print_line(text, NULL);
        return;
    }
    jsonout_init(&out, false);
    jsonout_object(&out);
    jsonout_name(&out, "note");
    jsonout_string(&out, text);
    jsonout_object_end(&out);
    print_document(&out);
}
