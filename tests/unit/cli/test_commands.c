/* The table of commands, walked: whatever is in it is explained, documented and completed. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/man.h"
#include "fake.h"

static struct fake_node node;

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* ---- the rows themselves ---------------------------------------------------------------------- */

static void check_options(const struct cli_command *c)
{
    size_t count = 0;

    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        count++;
        fake_claim(o->help != NULL && *o->help != '\0', "an option has help", o->name);
        for (const struct cli_option *g = cli_commands_global; g->name != NULL; g++) {
            fake_claim(strcmp(g->name, o->name) != 0 && (o->letter == 0 || g->letter != o->letter),
                       "an option is not hidden by one of every command", o->name);
        }
        for (const struct cli_option *other = c->options; other < o; other++) {
            fake_claim(strcmp(other->name, o->name) != 0 &&
                       (o->letter == 0 || other->letter != o->letter), "options differ", o->name);
        }
    }
    fake_claim(count < CLI_OPTIONS_MAX, "the list of options ends", c->name);
}

static void check_params(const struct cli_command *c)
{
    bool was_optional = false;
    size_t count = 0;

    for (const struct cli_param *p = c->params; p->name != NULL; p++) {
        count++;
        fake_claim(p->help != NULL && *p->help != '\0', "an argument has help", c->name);
        fake_claim(p->is_optional || !was_optional, "an optional argument comes last", c->name);
        fake_claim(!p->repeats || p[1].name == NULL, "a repeated argument comes last", c->name);
        was_optional = p->is_optional;
    }
    fake_claim(count < CLI_PARAMS_MAX, "the list of arguments ends", c->name);
}

/* Pairs of lines, the second a command of this program (perhaps inside a larger line). */
static void check_examples(const struct cli_command *c)
{
    size_t lines = 0;
    char own[64];

    snprintf(own, sizeof own, "cell %s", c->name);
    for (const char *at = c->examples; *at != '\0'; at += at[strcspn(at, "\n")] == '\n') {
        size_t len = strcspn(at, "\n");

        fake_claim(len > 0, "an example has no empty line", c->name);
        fake_claim(lines % 2 == 0 || memmem(at, len, "cell ", 5) != NULL, "an example is a command",
                   c->name);
        lines++;
        at += len;
    }
    fake_claim(lines >= 2 && lines % 2 == 0, "examples are pairs of lines", c->name);
    fake_claim(has(c->examples, c->is_hidden ? "cell" : c->name), "an example shows the command", own);
}

/* Everything that prints data has --json; these print text for a shell or a reader. */
static void check_json(const struct cli_command *c)
{
    static const char *const text_only[] = {"help", "completion", "man", "__complete"};
    bool is_text = false;

    for (size_t i = 0; i < ARRAY_LEN(text_only); i++) {
        is_text = is_text || strcmp(c->name, text_only[i]) == 0;
    }
    fake_claim(c->prints_json != is_text, "what prints data prints JSON", c->name);
}

/* ---- what is made from them ------------------------------------------------------------------- */

static void check_help(const struct cli_command *c)
{
    struct fake_result a, b;
    char text[128];

    fake_cell(&node, FAKE_WORDS("help", c->name), NULL, &a);
    fake_cell(&node, FAKE_WORDS(c->name, "--help"), NULL, &b);
    fake_claim(a.status == 0 && *a.err == '\0' && has(a.out, c->summary), "help explains", c->name);
    fake_claim(b.status == 0 && strcmp(a.out, b.out) == 0, "--help says the same", c->name);
    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        snprintf(text, sizeof text, "--%s", o->name);
        fake_claim(has(a.out, text) && has(a.out, o->help), "help names every option", text);
    }
    for (const struct cli_param *p = c->params; p->name != NULL; p++) {
        fake_claim(has(a.out, p->help), "help names every argument", p->name);
    }
    fake_result_fini(&a);
    fake_result_fini(&b);
}

static void check_man(const struct cli_command *c)
{
    char *page = NULL, name[64];
    size_t size;
    FILE *out = open_memstream(&page, &size);

    cli_man_page(out, c);
    fclose(out);
    snprintf(name, sizeof name, "cell\\-%s \\- ", c->name);
    fake_claim(has(page, name), "a page has a NAME line", c->name);
    char *examples = strstr(page, ".SH EXAMPLES"), *about = strstr(page, ".SH DESCRIPTION");
    fake_claim(examples != NULL && about != NULL && examples < about, "examples come first", c->name);
    fake_claim(has(page, ".SH SYNOPSIS") && has(page, ".SH OPTIONS") && has(page, "EXIT STATUS"),
               "a page has its sections", c->name);
    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        /* A minus must be copyable: troff makes a hyphen of a bare one. */
        char text[128], *to = text;

        for (const char *from = o->name; *from != '\0'; from++) {
            to += sprintf(to, "%s%c", *from == '-' ? "\\" : "", *from);
        }
        fake_claim(has(page, text), "a page names every option", o->name);
    }
    for (char *at = page; at != NULL; at = strchr(at + 1, '\n')) {
        fake_claim(strncmp(at, "\n'", 2) != 0, "no line of text is a request", c->name);
    }
    free(page);
}

static void check_completion(const struct cli_command *c)
{
    struct fake_result r;
    char text[128];

    fake_cell(&node, FAKE_WORDS("__complete", c->name, "-"), NULL, &r);
    for (const struct cli_option *o = c->options; o->name != NULL; o++) {
        snprintf(text, sizeof text, "--%s\t", o->name);
        fake_claim(r.status == 0 && has(r.out, text), "every option is completed", text);
    }
    fake_claim(has(r.out, "--json\t"), "the options of every command too", c->name);
    fake_result_fini(&r);
}

static void every_row_is_complete(void)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        fake_claim(c->summary != NULL && strlen(c->summary) < 80 && c->run != NULL, "a summary", c->name);
        fake_claim(c->about != NULL && strlen(c->about) > 10, "an explanation", c->name);
        check_options(c);
        check_params(c);
        check_examples(c);
        check_json(c);
        if (!c->is_hidden) {
            check_help(c);
            check_man(c);
            check_completion(c);
        }
    }
}

static void the_overview_names_all(void)
{
    struct fake_result help, bare, words;
    char text[64], *page = NULL;
    size_t size;
    FILE *out = open_memstream(&page, &size);

    cli_man_page(out, NULL);
    fclose(out);
    fake_cell(&node, FAKE_WORDS("--help"), NULL, &help);
    fake_cell(&node, FAKE_WORDS("--color=never"), NULL, &bare);
    fake_cell(&node, FAKE_WORDS("__complete", ""), NULL, &words);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (c->is_hidden) {
            fake_claim(!has(help.out, c->name) && !has(page, c->name), "hidden is hidden", c->name);
            continue;
        }
        snprintf(text, sizeof text, "\n  %s ", c->name);
        fake_claim(help.status == 0 && has(help.out, text), "--help lists every command", c->name);
        snprintf(text, sizeof text, "cell\\-%s (1)", c->name);
        fake_claim(has(page, text), "the manual lists every command", c->name);
        snprintf(text, sizeof text, "%s\t", c->name);
        fake_claim(has(words.out, text), "completion offers every command", c->name);
    }
    fake_claim(bare.status == 2 && *bare.out == '\0' && has(bare.err, "usage:"),
               "without a command the usage goes to standard error", bare.err);
    fake_result_fini(&help);
    fake_result_fini(&bare);
    fake_result_fini(&words);
    free(page);
}

/* ---- completion ------------------------------------------------------------------------------- */

static const struct {
    const char *words[10];
    const char *out; /* whole */
    const char *why;
} rows[] = {
    {{"__complete", "stat"}, "status\twhat runs on this node and how it is\n", "a command"},
    {{"__complete", "status", ""}, "a\tcell\na.0\tinstance\na.1\tinstance\nb_c\tcell\nb_c.12\tinstance\n"
     "other/a\tcell\nother/a.0\tinstance\n", "names from the run directory, nothing that is no name"},
    {{"__complete", "status", "a.1"}, "a.1\tinstance\n", "the beginning of a name"},
    {{"__complete", "--json", "status", "a.1"}, "a.1\tinstance\n", "an option before the command"},
    {{"__complete", "--color", "always", "status", "a.1"}, "a.1\tinstance\n", "an option's value"},
    {{"__complete", "--color", "a"}, "auto\t\nalways\t\n", "the value of an option"},
    {{"__complete", "--color", "=", "n"}, "never\t\n", "as bash splits --color=n"},
    {{"__complete", "--color=n"}, "--color=never\t\n", "as other shells leave it"},
    {{"__complete", "up", ""}, ":files\n", "a file"},
    {{"__complete", "man", ""}, ":dirs\n", "a directory"},
    {{"__complete", "scale", "a", ""}, "", "a number is nobody's to complete"},
    {{"__complete", "logs", "a.1", "n"}, "nucleus\tcell\n", "a repeated argument; logs have names too"},
    {{"__complete", "nonsense", ""}, "up\t", "an unknown word is skipped"},
    {{"__complete", "completion", "f"}, "fish\t\n", "a shell"},
    {{"__complete", "logs", "--", "-"}, "", "after -- there are no options"},
};

static void words_are_completed(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_result r;
        char detail[1024];

        fake_cell(&node, rows[i].words, NULL, &r);
        bool is_part = strcmp(rows[i].out, "up\t") == 0;
        snprintf(detail, sizeof detail, "row %zu:\n%s%s", i, r.out, r.err);
        fake_claim(r.status == 0 && (is_part ? has(r.out, rows[i].out) : strcmp(r.out, rows[i].out) == 0),
                   rows[i].why, detail);
        fake_result_fini(&r);
    }
}

static void scripts_are_printed(void)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};

    for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
        struct fake_result r;

        fake_cell(&node, FAKE_WORDS("completion", shells[i]), NULL, &r);
        fake_claim(r.status == 0 && has(r.out, "__complete"), "a script asks the program", shells[i]);
        fake_result_fini(&r);
    }
}

/* ---- limits of the command line --------------------------------------------------------------- */

static void arguments_are_limited(void)
{
    const char *words[CLI_ARGS_MAX + 4] = {"logs"};
    struct fake_result r;

    for (size_t count = CLI_ARGS_MAX; count <= CLI_ARGS_MAX + 1; count++) {
        for (size_t i = 1; i <= count; i++) {
            words[i] = "none";
        }
        words[count + 1] = NULL;
        fake_cell(&node, words, NULL, &r);
        fake_claim(count == CLI_ARGS_MAX ? has(r.err, "no log of none") : has(r.err, "more than 64"),
                   "64 arguments are read, 65 are not", r.err);
        fake_result_fini(&r);
    }
}

int main(void)
{
    fake_make_dirs(&node);
    static const char *const files[] = {"run/default/a.0.sock", "run/default/a.1.sock",
        "run/default/b_c.12.sock", "run/default/Bad.0.sock", "run/default/a.x.sock",
        "run/default/a.0.txt", "run/other/a.0.sock", "run/.hidden/a.0.sock", "run/lock",
        "state/logs/nucleus.log", "state/logs/default.a.1.log"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        fake_write(&node, files[i], "");
    }
    every_row_is_complete();
    the_overview_names_all();
    words_are_completed();
    scripts_are_printed();
    arguments_are_limited();
    fake_stop(&node);
    return fake_failed;
}
