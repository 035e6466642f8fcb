/* Manual pages, with the examples before the description: most readers came for one of them. */
#include "cli/man.h"

#include <errno.h>
#include <string.h>

#include "cli/help.h"
#include "cli/place.h"
#include "common/run/fd.h"

/* Text that troff must take literally: a minus that can be copied, no requests, no escapes. */
static void put_text(FILE *out, const char *text, size_t len)
{
    bool at_start = true;

    for (size_t i = 0; i < len; i++) {
        if (at_start && (text[i] == '.' || text[i] == '\'')) {
            fputs("\\&", out);
        }
        at_start = text[i] == '\n';
        if (text[i] == '-') {
            fputs("\\-", out);
        } else if (text[i] == '\\') {
            fputs("\\e", out);
        } else if (text[i] == '`') {
            fputs("\\(aq", out);
        } else {
            fputc(text[i], out);
        }
    }
}

static void put(FILE *out, const char *text)
{
    put_text(out, text, strlen(text));
}

static void put_upper(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text, out);
    }
}

/* No date: the same source must give the same page. */
static void put_head(FILE *out, const char *name)
{
    fputs(".\\\" Made by `cell man` from the table of commands.\n.TH \"CELL", out);
    if (*name != '\0') {
        fputc('-', out);
        put_upper(out, name);
    }
    fprintf(out, "\" 1 \"\" \"cell %s\" \"Cell manual\"\n", CELL_VERSION);
}

static void put_examples(FILE *out, const char *examples)
{
    bool is_remark = true;

    fputs(".SH EXAMPLES\n", out);
    while (*examples != '\0') {
        size_t len = strcspn(examples, "\n");

        fputs(is_remark ? ".PP\n" : ".PP\n.RS 4\n.nf\n", out);
        put_text(out, examples, len);
        fputs(is_remark ? ":\n" : "\n.fi\n.RE\n", out);
        examples += len + (examples[len] == '\n');
        is_remark = !is_remark;
    }
}

static void put_paragraphs(FILE *out, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        fputs(".PP\n", out);
        put_text(out, text, len);
        fputc('\n', out);
        text += len + (text[len] == '\n');
    }
}

static void put_options(FILE *out, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o->name != NULL; o++) {
        fputs(".TP\n.B ", out);
        if (o->letter != 0) {
            fprintf(out, "\\-%c, ", o->letter);
        }
        fputs("\\-\\-", out);
        put(out, o->name);
        if (o->value != NULL) {
            fprintf(out, " \\fI%s\\fR", o->value);
        }
        fputc('\n', out);
        put(out, o->help);
        fputs(".\n", out);
    }
}

static void put_tail(FILE *out)
{
    fputs(".SH \"EXIT STATUS\"\n"
          ".TP\n.B 0\nDone.\n"
          ".TP\n.B 1\nRefused or failed; one line on standard error says what, why and what to do.\n"
          "With \\fB\\-\\-json\\fR that line is an object with \\fIerror.code\\fR, "
          "\\fIerror.canonical\\fR,\n\\fIerror.message\\fR and \\fIerror.hint\\fR.\n"
          ".TP\n.B 2\nThe command line is wrong.\n"
          ".SH ENVIRONMENT\n"
          ".TP\n.B CELL_RUN, CELL_STATE\nThe node's directories, when \\fB\\-\\-run\\fR and "
          "\\fB\\-\\-state\\fR are not given.\nThe defaults are /run/cell and /var/lib/cell for "
          "root, otherwise\n$XDG_RUNTIME_DIR/cell and $XDG_STATE_HOME/cell "
          "(~/.local/state/cell).\n"
          ".TP\n.B NO_COLOR, TERM\nNo colours when NO_COLOR is set or TERM is dumb.\n", out);
}

static void put_command(FILE *out, const struct cli_command *c)
{
    put_head(out, c->name);
    fputs(".SH NAME\ncell\\-", out);
    put(out, c->name);
    fputs(" \\- ", out);
    put(out, c->summary);
    fprintf(out, "\n.SH SYNOPSIS\n.B cell %s\n", c->name);
    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        fprintf(out, "[\\fB\\-\\-");
        put(out, o->name);
        fprintf(out, "\\fR%s\\fI%s\\fR]\n", o->value != NULL ? " " : "",
                o->value != NULL ? o->value : "");
    }
    for (const struct cli_param *p = c->params; p->name != NULL; p++) {
        fprintf(out, p->is_optional ? "[\\fI%s\\fR%s]\n" : "\\fI%s\\fR%s\n", p->name,
                p->repeats ? "..." : "");
    }
    put_examples(out, c->examples);
    fputs(".SH DESCRIPTION\n", out);
    put_paragraphs(out, c->about);
    for (const struct cli_param *p = c->params; p->name != NULL; p++) {
        fprintf(out, ".TP\n.I %s\n", p->name);
        put(out, p->help);
        fputs(".\n", out);
    }
    fputs(".SH OPTIONS\n", out);
    put_options(out, c->options);
    put_options(out, cli_commands_global);
    put_tail(out);
    fputs(".SH \"SEE ALSO\"\n.BR cell (1)\n", out);
}

static void put_overview(FILE *out)
{
    bool is_first = true;

    put_head(out, "");
    fputs(".SH NAME\ncell \\- run and look after the cells of a node\n.SH SYNOPSIS\n.B cell\n"
          "[\\fB\\-\\-run\\fR \\fIDIR\\fR] [\\fB\\-\\-state\\fR \\fIDIR\\fR] [\\fB\\-\\-json\\fR] "
          "\\fICOMMAND\\fR ...\n", out);
    put_examples(out, "start a node and wait until every cell is ready\ncell up --detach\n"
                      "see what runs, worst first\ncell status\n"
                      "call an operation of a cell\ncell call greeter.Greet '{\"name\":\"World\"}'\n"
                      "follow the logs of all instances of two cells\ncell logs -f greeter 'dht*'\n"
                      "stop everything\ncell down");
    fputs(".SH DESCRIPTION\n.PP\nCell runs a Linux node's infrastructure as small sandboxed "
          "processes, cells.\nThis command starts a node, shows it, and changes it.\n"
          ".SH COMMANDS\n", out);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (!c->is_hidden) {
            fprintf(out, ".TP\n.BR cell\\-%s (1)\n", c->name);
            put(out, c->summary);
            fputs(".\n", out);
        }
    }
    fputs(".SH OPTIONS\n", out);
    put_options(out, cli_commands_global);
    put_tail(out);
    fputs(".SH \"SEE ALSO\"\n", out);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (!c->is_hidden) {
            fprintf(out, "%s.BR cell\\-%s (1)", is_first ? "" : ",\n", c->name);
            is_first = false;
        }
    }
    fputc('\n', out);
}

void cli_man_page(FILE *out, const struct cli_command *command)
{
    if (command != NULL) {
        put_command(out, command);
    } else {
        put_overview(out);
    }
}

static int write_page(struct cli *cli, const char *dir, const struct cli_command *c)
{
    char name[CLI_PATH_SIZE], path[CLI_PATH_SIZE];

    snprintf(name, sizeof name, "cell%s%s.1", c != NULL ? "-" : "", c != NULL ? c->name : "");
    if (!cli_place_join(path, dir, name)) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", dir);
    }
    FILE *out = fopen(path, "we");
    if (out == NULL) {
        return cli_fail(cli, err_from_errno(errno), NULL, "%s: %s", path, strerror(errno));
    }
    cli_man_page(out, c);
    bool is_written = ferror(out) == 0;
    is_written = fclose(out) == 0 && is_written;
    return is_written ? CLI_DONE
                      : cli_fail(cli, ERR_IO, "is the disk full?", "%s: cannot be written", path);
}

int cli_man_run(struct cli *cli)
{
    char dir[CLI_PATH_SIZE];

    if (!cli_place_absolute(dir, cli->args[0])) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", cli->args[0]);
    }
    enum err e = fd_make_dirs(dir, 0777); /* the umask decides, as for any new directory */
    int status = e == ERR_OK ? write_page(cli, dir, NULL)
                             : cli_fail(cli, e, NULL, "%s: %s", dir, err_text(e));

    for (const struct cli_command *c = cli_commands; c->name != NULL && status == CLI_DONE; c++) {
        if (!c->is_hidden) {
            status = write_page(cli, dir, c);
        }
    }
    return status;
}
