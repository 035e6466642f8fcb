#include "cli/help.h"

#include <string.h>

#include "cli/emit.h"
#include "cli/paint.h"
#include "common/reflect/near.h"

enum {
    INDENT = 2,
    OPTION_WIDTH = 24, /* columns of an option and its value; longer ones take a line of their own */
    COMMAND_WIDTH = 12,
    TEXT_WIDTH = 78, /* of a paragraph: what an 80-column terminal shows */
};

void cli_help_synopsis(FILE *out, const struct cli_command *command)
{
    for (const struct cli_option *o = command->options; o->name != NULL; o++) {
        fprintf(out, " [--%s%s%s]", o->name, o->value != NULL ? " " : "",
                o->value != NULL ? o->value : "");
    }
    for (const struct cli_param *p = command->params; p->name != NULL; p++) {
        fprintf(out, p->is_optional ? " [%s%s]" : " %s%s", p->name, p->repeats ? "..." : "");
    }
}

/* Paragraphs of `text`, one a line, wrapped between words. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " \n");

        if (column > 0 && column + 1 + len > TEXT_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fprintf(out, "%s%.*s", column > 0 ? " " : "", (int)len, text);
        column += len + (column > 0);
        text += len;
        if (*text == '\n') {
            fputc('\n', out);
            column = 0;
        }
        text += *text != '\0';
    }
    fputc('\n', out);
}

static void print_options(FILE *out, const struct cli_option *options)
{
    char text[OPTION_WIDTH * 4], letter[8];

    for (const struct cli_option *o = options; o->name != NULL; o++) {
        snprintf(letter, sizeof letter, o->letter != 0 ? "-%c, " : "    ", o->letter);
        snprintf(text, sizeof text, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        fprintf(out, "%*s%-*s%s%s\n", INDENT, "", OPTION_WIDTH, text,
                strlen(text) >= OPTION_WIDTH ? "\n                          " : "", o->help);
    }
}

/* Pairs of lines: a remark and the command it is about. */
static void print_examples(FILE *out, const char *examples)
{
    bool is_remark = true;

    while (*examples != '\0') {
        size_t len = strcspn(examples, "\n");

        fprintf(out, "%*s%s%.*s\n", INDENT, "", is_remark ? "# " : "", (int)len, examples);
        examples += len + (examples[len] == '\n');
        is_remark = !is_remark;
    }
}

static void print_command(FILE *out, const struct cli_command *c)
{
    fprintf(out, "cell %s: %s\n\nusage: cell %s", c->name, c->summary, c->name);
    cli_help_synopsis(out, c);
    fputs("\n\n", out);
    print_wrapped(out, c->about);
    if (c->params[0].name != NULL) {
        fputs("\narguments:\n", out);
        for (const struct cli_param *p = c->params; p->name != NULL; p++) {
            fprintf(out, "%*s%-*s%s\n", INDENT, "", COMMAND_WIDTH, p->name, p->help);
        }
    }
    if (c->options[0].name != NULL) {
        fputs("\noptions:\n", out);
        print_options(out, c->options);
    }
    fputs("\noptions of every command:\n", out);
    print_options(out, cli_commands_global);
    fputs("\nexamples:\n", out);
    print_examples(out, c->examples);
}

static void print_overview(FILE *out)
{
    fputs("usage: cell [--run DIR] [--state DIR] [--json] COMMAND ...\n\ncommands:\n", out);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (!c->is_hidden) {
            fprintf(out, "%*s%-*s%s\n", INDENT, "", COMMAND_WIDTH, c->name, c->summary);
        }
    }
    fputs("\noptions of every command:\n", out);
    print_options(out, cli_commands_global);
    fputs("\n`cell help COMMAND` explains one. Exit status: 0 done, 1 refused or failed, 2 wrong "
          "usage.\n", out);
}

int cli_help_usage(struct cli *cli, const struct cli_command *command)
{
    if (command != NULL) {
        print_command(stdout, command);
        return CLI_DONE;
    }
    bool asked = cli_args_has(cli, "help");
    if (!asked && cli->json) {
        return cli_fail_usage(cli, "`cell help` lists all commands", "a command is missing");
    }
    print_overview(asked ? stdout : stderr);
    return asked ? CLI_DONE : CLI_USAGE;
}

int cli_help_version(struct cli *cli)
{
    struct jsonout out;

    if (!cli->json) {
        printf("cell %s\n", CELL_VERSION);
        return CLI_DONE;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "version", CELL_VERSION);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_help_run(struct cli *cli)
{
    if (cli->arg_count == 0) {
        print_overview(stdout);
        return CLI_DONE;
    }
    const struct cli_command *c = cli_commands_find(cli->args[0]);
    if (c == NULL) {
        return cli_fail_usage(cli, "`cell help` lists all commands", "unknown command \"%s\"",
                              cli->args[0]);
    }
    print_command(stdout, c);
    return CLI_DONE;
}
