#include "cli/part.h"

#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/reflect/near.h"

enum { TEXT_SIZE = 256 /* of options or names of parts in one line */ };

/* The next word of a list in which blanks divide them; false at its end. */
static bool next_word(const char **at, const char **word, size_t *len)
{
    *word = *at + strspn(*at, " ");
    *len = strcspn(*word, " ");
    *at = *word + *len;
    return *len > 0;
}

static bool has_word(const char *words, const char *wanted)
{
    const char *word;

    for (size_t len; next_word(&words, &word, &len);) {
        if (strlen(wanted) == len && memcmp(word, wanted, len) == 0) {
            return true;
        }
    }
    return false;
}

int cli_part_refuse_others(struct cli *cli, const char *what, const char *options)
{
    char taken[TEXT_SIZE], hint[64];
    const char *word, *separator = ", which takes --";
    struct bytes_text t;

    for (const struct cli_option *o = cli->command->options; o->name != NULL; o++) {
        if (!cli_args_has(cli, o->name) || has_word(options, o->name)) {
            continue;
        }
        bytes_text_init(&t, taken, sizeof taken);
        for (size_t len; next_word(&options, &word, &len); separator = ", --") {
            bytes_text_add(&t, "%s%.*s", separator, (int)len, word);
        }
        (void)snprintf(hint, sizeof hint, "see `cell %s --help`", cli->command->name);
        return cli_fail_usage(cli, hint, "--%s means nothing to `cell %s %s`%s", o->name, cli->command->name, what,
                              t.len > 0 ? taken : "");
    }
    return CLI_DONE;
}

static const struct cli_part *row(const void *rows, size_t row_size, size_t i)
{
    return (const struct cli_part *)((const char *)rows + i * row_size);
}

static void say_unknown(struct cli *cli, const void *rows, size_t row_size, size_t count)
{
    char names[TEXT_SIZE], hint[128];
    struct bytes_text t;
    struct near near;

    bytes_text_init(&t, names, sizeof names);
    near_begin(&near, cli->args[0]);
    for (size_t i = 0; i < count; i++) {
        const char *name = row(rows, row_size, i)->name;
        bytes_text_add(&t, "%s%s", i > 0 ? ", " : "", name);
        near_try(&near, name);
    }
    if (near.best != NULL) {
        (void)snprintf(hint, sizeof hint, "did you mean `cell %s %s`?", cli->command->name, near.best);
    } else {
        (void)snprintf(hint, sizeof hint, "see `cell %s --help`", cli->command->name);
    }
    (void)cli_fail_usage(cli, hint, "\"%s\" is none of %s", cli->args[0], names);
}

int cli_part_find(struct cli *cli, const void *rows, size_t row_size, size_t count)
{
    size_t given = cli->arg_count - 1;
    char hint[64];

    for (size_t i = 0; i < count; i++) {
        const struct cli_part *p = row(rows, row_size, i);
        if (strcmp(cli->args[0], p->name) != 0) {
            continue;
        }
        if (given < p->least || given > p->most) {
            (void)snprintf(hint, sizeof hint, "see `cell %s --help`", cli->command->name);
            (void)cli_fail_usage(cli, hint, "usage: cell %s %s", cli->command->name, p->usage);
            return -1;
        }
        return p->options == NULL || cli_part_refuse_others(cli, p->name, p->options) == CLI_DONE ? (int)i : -1;
    }
    say_unknown(cli, rows, row_size, count);
    return -1;
}
