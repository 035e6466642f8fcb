/* From argv to a command: options and arguments by the table, directories by option, environment or
 * default. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "cli/place.h"
#include "common/base/unit.h"
#include "common/reflect/near.h"

/* ---- reading options ------------------------------------------------------------------------ */

static bool same_option(const struct cli_option *o, const char *name, size_t len)
{
    return strlen(o->name) == len && memcmp(o->name, name, len) == 0;
}

static const struct cli_option *find_long(const struct cli *cli, const char *name, size_t len)
{
    for (const struct cli_option *o = cli_commands_global; o->name != NULL; o++) {
        if (same_option(o, name, len)) {
            return o;
        }
    }
    if (cli->command == NULL) {
        return NULL;
    }
    for (const struct cli_option *o = cli->command->options; o->name != NULL; o++) {
        if (same_option(o, name, len)) {
            return o;
        }
    }
    return NULL;
}

static const struct cli_option *find_letter(const struct cli *cli, char letter)
{
    for (const struct cli_option *o = cli_commands_global; o->name != NULL; o++) {
        if (o->letter == letter) {
            return o;
        }
    }
    if (cli->command == NULL) {
        return NULL;
    }
    for (const struct cli_option *o = cli->command->options; o->name != NULL; o++) {
        if (o->letter == letter) {
            return o;
        }
    }
    return NULL;
}

static int unknown_option(struct cli *cli, const char *word, size_t len)
{
    char name[NEAR_WORD_MAX + 1], hint[128];
    struct near near;

    snprintf(name, sizeof name, "%.*s", (int)(len > NEAR_WORD_MAX ? NEAR_WORD_MAX : len), word);
    near_begin(&near, name);
    for (const struct cli_option *o = cli_commands_global; o->name != NULL; o++) {
        near_try(&near, o->name);
    }
    for (const struct cli_option *o = cli->command != NULL ? cli->command->options : NULL;
         o != NULL && o->name != NULL; o++) {
        near_try(&near, o->name);
    }
    snprintf(hint, sizeof hint, "did you mean --%s?", near.best != NULL ? near.best : "");
    return cli_fail_usage(cli, near.best != NULL ? hint : NULL, "unknown option \"%s\"%s%s", name,
                          cli->command != NULL ? " of cell " : "",
                          cli->command != NULL ? cli->command->name : "");
}

static int keep(struct cli *cli, const struct cli_option *option, const char *value)
{
    if (cli->given_count == CLI_ARGS_MAX) {
        return cli_fail_usage(cli, NULL, "more than %d options", CLI_ARGS_MAX);
    }
    cli->given[cli->given_count++] = (struct cli_given){option, value};
    return CLI_DONE;
}

/* The value that belongs to an option: what is left of the word, or the next word. */
static int take_value(struct cli *cli, const struct cli_option *o, const char *rest, char ***at)
{
    if (o->value == NULL) {
        if (rest != NULL) {
            return cli_fail_usage(cli, NULL, "option --%s takes no value", o->name);
        }
        return keep(cli, o, NULL);
    }
    if (rest == NULL) {
        rest = (*at)[1];
        if (rest == NULL) {
            return cli_fail_usage(cli, NULL, "option --%s needs a value: --%s %s", o->name, o->name,
                                  o->value);
        }
        (*at)++;
    }
    return keep(cli, o, rest);
}

static int read_long(struct cli *cli, char ***at)
{
    const char *word = **at + 2;
    size_t len = strcspn(word, "=");
    const struct cli_option *o = find_long(cli, word, len);

    if (o == NULL) {
        return unknown_option(cli, word, len);
    }
    return take_value(cli, o, word[len] == '=' ? word + len + 1 : NULL, at);
}

/* "-fn5": letters in one word, the first that takes a value takes the rest. */
static int read_letters(struct cli *cli, char ***at)
{
    for (const char *letter = **at + 1; *letter != '\0'; letter++) {
        const struct cli_option *o = find_letter(cli, *letter);

        if (o == NULL) {
            return unknown_option(cli, **at, strlen(**at));
        }
        if (o->value != NULL) {
            return take_value(cli, o, letter[1] != '\0' ? letter + 1 : NULL, at);
        }
        int status = keep(cli, o, NULL);
        if (status != CLI_DONE) {
            return status;
        }
    }
    return CLI_DONE;
}

static int unknown_command(struct cli *cli, const char *word)
{
    struct near near;
    char hint[128];

    near_begin(&near, word);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (!c->is_hidden) {
            near_try(&near, c->name);
        }
    }
    snprintf(hint, sizeof hint, "did you mean `cell %s`?", near.best != NULL ? near.best : "");
    return cli_fail_usage(cli, near.best != NULL ? hint : "`cell help` lists all commands",
                          "unknown command \"%s\"", word);
}

static int read_word(struct cli *cli, const char *word)
{
    if (cli->command == NULL) {
        cli->command = cli_commands_find(word);
        return cli->command != NULL ? CLI_DONE : unknown_command(cli, word);
    }
    if (cli->arg_count == CLI_ARGS_MAX) {
        return cli_fail_usage(cli, NULL, "more than %d arguments", CLI_ARGS_MAX);
    }
    cli->args[cli->arg_count++] = word;
    return CLI_DONE;
}

/* A lone "-" is an argument (standard input); after "--" everything is; the words of the hidden
 * completion command are another command's, so its options are not ours. */
static int read_all(struct cli *cli, char **argv)
{
    bool only_words = false;

    for (char **at = argv; *at != NULL; at++) {
        int status;

        only_words = only_words || (cli->command != NULL && cli->command->is_hidden);
        if (only_words || (*at)[0] != '-' || (*at)[1] == '\0') {
            status = read_word(cli, *at);
        } else if (strcmp(*at, "--") == 0) {
            only_words = true;
            status = CLI_DONE;
        } else {
            status = (*at)[1] == '-' ? read_long(cli, &at) : read_letters(cli, &at);
        }
        if (status != CLI_DONE) {
            return status;
        }
    }
    return CLI_DONE;
}

static int check_count(struct cli *cli)
{
    size_t least = 0, most = 0;

    for (const struct cli_param *p = cli->command->params; p->name != NULL; p++) {
        if (!p->is_optional && cli->arg_count <= least) {
            return cli_fail_usage(cli, NULL, "cell %s needs %s: %s", cli->command->name, p->name,
                                  p->help);
        }
        least += !p->is_optional;
        most = p->repeats ? CLI_ARGS_MAX : most + 1;
    }
    if (cli->arg_count > most) {
        return cli_fail_usage(cli, NULL, "cell %s: too many arguments, starting at \"%s\"",
                              cli->command->name, cli->args[most]);
    }
    return CLI_DONE;
}

/* ---- what was given ------------------------------------------------------------------------- */

const char *cli_args_value_at(const struct cli *cli, const char *option, size_t n)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, option) == 0 && n-- == 0) {
            return cli->given[i].value;
        }
    }
    return NULL;
}

bool cli_args_has(const struct cli *cli, const char *option)
{
    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, option) == 0) {
            return true;
        }
    }
    return false;
}

const char *cli_args_value(const struct cli *cli, const char *option)
{
    const char *value = NULL;

    for (size_t i = 0; i < cli->given_count; i++) {
        if (strcmp(cli->given[i].option->name, option) == 0) {
            value = cli->given[i].value;
        }
    }
    return value;
}

int cli_args_duration_ms(struct cli *cli, const char *option, uint32_t *ret_ms)
{
    const char *text = cli_args_value(cli, option);
    uint64_t us;

    if (text == NULL) {
        return CLI_DONE;
    }
    if (unit_duration_parse(text, &us) != ERR_OK || us < 1000 || us / 1000 > INT32_MAX) {
        return cli_fail_usage(cli, NULL, "--%s: \"%s\" is no duration from 1ms to 24d, write e.g. 5s",
                              option, text);
    }
    *ret_ms = (uint32_t)(us / 1000);
    return CLI_DONE;
}

int cli_args_number(struct cli *cli, const char *option, uint32_t min, uint32_t max, uint32_t *ret)
{
    const char *text = cli_args_value(cli, option);
    unsigned long value;
    char *end;

    if (text == NULL) {
        return CLI_DONE;
    }
    value = strtoul(text, &end, 10);
    /* strtoul also takes blanks and signs. */
    if (*text < '0' || *text > '9' || *end != '\0' || strlen(text) > 10 || value < min ||
        value > max) {
        return cli_fail_usage(cli, NULL, "--%s: \"%s\" is no number from %" PRIu32 " to %" PRIu32,
                              option, text, min, max);
    }
    *ret = (uint32_t)value;
    return CLI_DONE;
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* NO_COLOR: no-color.org; a terminal that cannot do it says TERM=dumb. */
static int choose_color(struct cli *cli)
{
    const char *when = cli_args_value(cli, "color");
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool is_able = isatty(STDOUT_FILENO) != 0 && (no_color == NULL || *no_color == '\0') &&
                   term != NULL && strcmp(term, "dumb") != 0;

    if (when == NULL || strcmp(when, "auto") == 0) {
        cli->is_colored = is_able;
    } else if (strcmp(when, "always") == 0 || strcmp(when, "never") == 0) {
        cli->is_colored = *when == 'a';
    } else {
        return cli_fail_usage(cli, NULL, "--color: \"%s\" is none of auto, always, never", when);
    }
    cli->is_interactive = isatty(STDERR_FILENO) != 0 && term != NULL && strcmp(term, "dumb") != 0;
    return CLI_DONE;
}

static int dispatch(struct cli *cli)
{
    if (cli_args_has(cli, "version")) {
        return cli_help_version(cli);
    }
    if (cli->command == NULL || cli_args_has(cli, "help")) {
        return cli_help_usage(cli, cli->command);
    }
    int status = check_count(cli);
    if (status == CLI_DONE) {
        status = cli_place_dirs(cli);
    }
    return status == CLI_DONE ? cli->command->run(cli) : status;
}

int cli_args_main(int argc, char **argv)
{
    AUTO_FREE struct cli *cli = calloc(1, sizeof *cli);

    if (cli == NULL || argc < 1) {
        fputs("cell: out of memory\n", stderr);
        return CLI_FAILED;
    }
    cli->argv = argv;
    /* Errors made while reading the rest must be in the right form already. */
    for (char **at = argv + 1; *at != NULL && strcmp(*at, "--") != 0; at++) {
        cli->json = cli->json || strcmp(*at, "--json") == 0;
    }
    int status = read_all(cli, argv + 1);
    if (status == CLI_DONE) {
        status = choose_color(cli);
    }
    cli->json = cli_args_has(cli, "json") || (status != CLI_DONE && cli->json);
    if (status == CLI_DONE) {
        status = dispatch(cli);
    }
    /* A full disk or a closed pipe must not look like success. */
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == CLI_DONE) {
        status = cli_fail(cli, ERR_IO, NULL, "standard output cannot be written");
    }
    return status;
}
