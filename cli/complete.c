#include "cli/complete.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/place.h"
#include "cli/target.h"

enum {
    ANSWER_MS = 300, /* a TAB must not wait for a hung cell */
    NAMES_MAX = 8192, /* socket or log files looked at; a node has at most 4096 instances */
};

/* What is known of the line so far. */
struct line {
    const struct cli_command *command;
    const struct cli_option *open; /* an option that waits for its value */
    size_t arg_count;
    const char *word; /* to complete */
    const char *prefix; /* "--run=" when the value is in the same word; not part of candidates */
    bool only_words;
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static void offer(const struct line *l, const char *candidate, const char *what)
{
    if (begins(candidate, l->word)) {
        printf("%s%s\t%s\n", l->prefix, candidate, what);
    }
}

/* ---- names of cells ------------------------------------------------------------------------- */

struct names {
    char *at[NAMES_MAX];
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(struct names *n, const char *text)
{
    if (n->count < NAMES_MAX) {
        char *copy = strdup(text);

        if (copy != NULL) {
            n->at[n->count++] = copy;
        }
    }
}

/* "greeter.0.sock" in `space`: both the cell and the instance can be meant. Anything that is no
 * name of ours is skipped: a directory may hold any file. */
static void add_instance(struct names *n, const char *space, const char *file, const char *ending)
{
    char text[NAME_REF_SIZE];
    struct name_ref ref;
    size_t len = strlen(file), cut = strlen(ending);

    if (len <= cut || strcmp(file + len - cut, ending) != 0) {
        return;
    }
    bool is_default = strcmp(space, "default") == 0;
    int n_text = snprintf(text, sizeof text, "%s%s%.*s", is_default ? "" : space,
                          is_default ? "" : "/", (int)(len - cut), file);
    if (n_text < 0 || (size_t)n_text >= sizeof text || name_ref_parse(text, &ref) != ERR_OK ||
        ref.instance < 0) {
        return;
    }
    add_name(n, text);
    *strrchr(text, '.') = '\0';
    add_name(n, text);
}

static void scan_sockets(struct names *n, const char *dir, const char *space)
{
    DIR *d = opendir(dir);

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        add_instance(n, space, e->d_name, ".sock");
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void scan_run(struct cli *cli, struct names *n)
{
    char path[CLI_PATH_SIZE];
    DIR *d = *cli->run_dir != '\0' ? opendir(cli->run_dir) : NULL;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (name_valid_str(e->d_name) && cli_place_join(path, cli->run_dir, e->d_name)) {
            scan_sockets(n, path, e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

/* "default.greeter.0.log" */
static void scan_logs(struct cli *cli, struct names *n)
{
    char path[CLI_PATH_SIZE];
    DIR *d = NULL;

    if (*cli->state_dir != '\0' && cli_place_join(path, cli->state_dir, "logs")) {
        d = opendir(path);
    }
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        char *dot = strchr(e->d_name, '.');

        if (dot != NULL && strcmp(e->d_name, "nucleus.log") == 0) {
            add_name(n, "nucleus");
        } else if (dot != NULL) {
            *dot = '\0';
            add_instance(n, e->d_name, dot + 1, ".log");
        }
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void offer_names(struct cli *cli, const struct line *l, enum cli_kind kind)
{
    struct names *n = calloc(1, sizeof *n);

    if (n == NULL) {
        return;
    }
    if (kind == CLI_LOG) {
        scan_logs(cli, n);
    } else {
        scan_run(cli, n);
    }
    qsort(n->at, n->count, sizeof *n->at, by_text);
    for (size_t i = 0; i < n->count; i++) {
        if (i == 0 || strcmp(n->at[i], n->at[i - 1]) != 0) {
            offer(l, n->at[i], strchr(n->at[i], '.') != NULL ? "instance" : "cell");
        }
    }
    for (size_t i = 0; i < n->count; i++) {
        free(n->at[i]);
    }
    free(n);
}

/* ---- operations ----------------------------------------------------------------------------- */

static void offer_operations_of(struct cli *cli, const struct line *l, const char *cell)
{
    Cell__Inspect__DescribeRequest request = CELL__INSPECT__DESCRIBE_REQUEST__INIT;
    char text[SP_TEXT_SIZE], candidate[2 * NAME_REF_SIZE];
    struct cli_target target;
    struct name_ref ref;
    AUTO_ASK struct cli_ask ask = {.fd = -1};
    ProtobufCMessage *reply;

    if (name_ref_parse(cell, &ref) != ERR_OK || !cli_target_socket(cli, &ref, &target) ||
        cli_ask_connect(cli, cell, target.endpoint, &ask) != ERR_OK ||
        cli_ask_try(&ask, &cell__inspect__inspect__descriptor, "Describe",
                    CELL__INSPECT__OP__OP_DESCRIBE, &request.base, ANSWER_MS, &reply,
                    text) != ERR_OK) {
        return;
    }
    const Cell__Inspect__DescribeReply *d = (const Cell__Inspect__DescribeReply *)reply;
    for (size_t i = 0; i < d->n_operations; i++) {
        const char *name = d->operations[i]->name;

        if (name_operation_valid(name, strlen(name))) {
            snprintf(candidate, sizeof candidate, "%s.%s", cell, name);
            offer(l, candidate, "operation");
        }
    }
    cli_ask_free(reply);
}

/* Before the last dot stands the cell; without one, offer the cells and stay in the word. */
static void offer_operations(struct cli *cli, const struct line *l)
{
    const char *dot = strrchr(l->word, '.');
    char cell[NAME_REF_SIZE];

    if (dot != NULL && (size_t)(dot - l->word) < sizeof cell) {
        snprintf(cell, sizeof cell, "%.*s", (int)(dot - l->word), l->word);
        offer_operations_of(cli, l, cell);
    }
    offer_names(cli, l, CLI_CELL);
    puts(":nospace");
}

/* ---- by kind -------------------------------------------------------------------------------- */

static void offer_commands(const struct line *l)
{
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        if (!c->is_hidden) {
            offer(l, c->name, c->summary);
        }
    }
}

static void offer_words(const struct line *l, const char *const *words)
{
    for (; *words != NULL; words++) {
        offer(l, *words, "");
    }
}

static void offer_kind(struct cli *cli, const struct line *l, enum cli_kind kind)
{
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    static const char *const whens[] = {"auto", "always", "never", NULL};

    switch (kind) {
    case CLI_ANY: break;
    case CLI_CELL:
    case CLI_LOG: offer_names(cli, l, kind); break;
    case CLI_OPERATION: offer_operations(cli, l); break;
    case CLI_FILE: puts(":files"); break;
    case CLI_DIR: puts(":dirs"); break;
    case CLI_COMMAND: offer_commands(l); break;
    case CLI_SHELL: offer_words(l, shells); break;
    case CLI_WHEN: offer_words(l, whens); break;
    }
}

static void offer_options(const struct line *l, const struct cli_option *options)
{
    char text[64];

    for (const struct cli_option *o = options; o->name != NULL; o++) {
        snprintf(text, sizeof text, "--%s", o->name);
        offer(l, text, o->help);
    }
}

/* ---- the line so far ------------------------------------------------------------------------ */

static const struct cli_option *option_of(const struct line *l, const char *word)
{
    const struct cli_option *lists[] = {cli_commands_global,
                                        l->command != NULL ? l->command->options : NULL};
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < ARRAY_LEN(lists) && lists[i] != NULL; i++) {
        for (const struct cli_option *o = lists[i]; o->name != NULL; o++) {
            bool is_long = begins(word, "--") && len - 2 == strlen(o->name) &&
                           strncmp(word + 2, o->name, len - 2) == 0;

            if (is_long || (word[0] == '-' && word[1] != '\0' && word[1] == o->letter &&
                            word[2] == '\0')) {
                return o;
            }
        }
    }
    return NULL;
}

/* One finished word; `next` is the one after it (bash makes words of "=" too). */
static void step(struct line *l, const char *word)
{
    if (l->open != NULL) {
        if (strcmp(word, "=") != 0) {
            l->open = NULL;
        }
    } else if (l->only_words || word[0] != '-' || word[1] == '\0') {
        if (l->command == NULL) {
            l->command = cli_commands_find(word);
        } else {
            l->arg_count++;
        }
    } else if (strcmp(word, "--") == 0) {
        l->only_words = true;
    } else {
        const struct cli_option *o = option_of(l, word);

        l->open = o != NULL && o->value != NULL && strchr(word, '=') == NULL ? o : NULL;
    }
}

static const struct cli_param *param_at(const struct cli_command *c, size_t index)
{
    const struct cli_param *p = c->params;

    while (p->name != NULL && index > 0 && !p->repeats) {
        p++;
        index--;
    }
    return p->name != NULL ? p : NULL;
}

/* --run and --state of the line itself decide where to look. */
static void use_dirs(struct cli *cli)
{
    for (size_t i = 0; i + 2 < cli->arg_count; i++) {
        bool is_run = strcmp(cli->args[i], "--run") == 0;

        if (is_run || strcmp(cli->args[i], "--state") == 0) {
            const char *value = strcmp(cli->args[i + 1], "=") == 0 ? cli->args[i + 2]
                                                                  : cli->args[i + 1];
            if (!cli_place_absolute(is_run ? cli->run_dir : cli->state_dir, value)) {
                return;
            }
        }
    }
}

int cli_complete_run(struct cli *cli)
{
    static char prefix[64];
    struct line l = {.prefix = ""};

    if (cli->arg_count == 0) {
        return CLI_DONE;
    }
    use_dirs(cli);
    for (size_t i = 0; i + 1 < cli->arg_count; i++) {
        step(&l, cli->args[i]);
    }
    l.word = cli->args[cli->arg_count - 1];
    if (l.open != NULL) {
        l.word += strcmp(l.word, "=") == 0;
        offer_kind(cli, &l, l.open->kind);
        return CLI_DONE;
    }
    size_t equals = strcspn(l.word, "=");
    if (!l.only_words && begins(l.word, "--") && l.word[equals] == '=') {
        const struct cli_option *o = option_of(&l, l.word);

        snprintf(prefix, sizeof prefix, "%.*s", (int)equals + 1, l.word);
        l.prefix = prefix;
        l.word += equals + 1;
        offer_kind(cli, &l, o != NULL ? o->kind : CLI_ANY);
        return CLI_DONE;
    }
    if (!l.only_words && l.word[0] == '-') {
        offer_options(&l, cli_commands_global);
        if (l.command != NULL) {
            offer_options(&l, l.command->options);
        }
        return CLI_DONE;
    }
    if (l.command == NULL) {
        offer_commands(&l);
        return CLI_DONE;
    }
    const struct cli_param *p = param_at(l.command, l.arg_count);
    offer_kind(cli, &l, p != NULL ? p->kind : CLI_ANY);
    return CLI_DONE;
}
