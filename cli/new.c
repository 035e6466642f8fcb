#include "cli/new.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/emit.h"
#include "cli/place.h"
#include "common/base/bytes.h"
#include "common/base/name.h"
#include "common/run/fd.h"

enum {
    NUMBER_FIRST = 100000, /* users' cells have 10000 and up; a hundred operations each */
    NUMBER_CELLS = 40000,
    NUMBER_STEP = 100,
    TEXT_MAX = 64 * 1024, /* of one file; the largest template has 3 KiB */
};

struct words {
    char name[NAME_SIZE];          /* my-cell                                     */
    char ident[NAME_SIZE];         /* my_cell: package, C identifiers             */
    char upper[NAME_SIZE];         /* MY_CELL                                     */
    char camel[NAME_SIZE];         /* MyCell: the service                         */
    char service[2 * NAME_SIZE];   /* my_cell: what protoc-c makes of the service */
    char number[16];
    char source[CLI_PATH_SIZE];
    char build[CLI_PATH_SIZE];
};

/* ---- names in other languages ---------------------------------------------------------------- */

/* C and protobuf names have no '-'; two words may meet there, "my__cell" has no CamelCase. */
static int make_words(struct cli *cli, const char *name, struct words *w)
{
    size_t camel = 0, service = 0;
    bool begins = true;

    if (!name_valid_str(name) || !(name[0] >= 'a' && name[0] <= 'z')) {
        return cli_fail_usage(cli, "use a-z, 0-9, _ and -, first a letter, at most 64 characters",
                              "\"%s\" is no name for a new cell", name);
    }
    if (strcmp(name, "nucleus") == 0 || strcmp(name, "guard") == 0) {
        return cli_fail_usage(cli, "choose another", "\"%s\" is the supervisor's own name", name);
    }
    snprintf(w->name, sizeof w->name, "%s", name);
    for (size_t i = 0; i <= strlen(name); i++) {
        char c = name[i] == '-' ? '_' : name[i];

        w->ident[i] = c;
        w->upper[i] = (char)toupper((unsigned char)c);
        if (c == '_' || c == '\0') {
            begins = true;
            continue;
        }
        bool is_capital = begins && islower((unsigned char)c) != 0;
        /* protoc-c writes '_' before a capital that follows no other: MyCell, my_cell; XY, xy. */
        if (is_capital && camel > 0 && isupper((unsigned char)w->camel[camel - 1]) == 0) {
            w->service[service++] = '_';
        }
        w->service[service++] = c;
        w->camel[camel++] = is_capital ? (char)toupper((unsigned char)c) : c;
        begins = false;
    }
    uint32_t hash = bytes_crc32c(0, name, strlen(name));
    snprintf(w->number, sizeof w->number, "%" PRIu32,
             NUMBER_FIRST + hash % NUMBER_CELLS * NUMBER_STEP);
    return CLI_DONE;
}

/* The source tree to build against: given, or that of this program while it is not installed. */
static int find_source(struct cli *cli, struct words *w)
{
    const char *source = cli_args_value(cli, "cell-source");
    const char *build = cli_args_value(cli, "cell-build");
    char header[CLI_PATH_SIZE];

    if (source == NULL) {
        if (cli_place_source_dir(w->source)) {
            cli_place_binary_dir(w->build);
        }
        return CLI_DONE;
    }
    char path[CLI_PATH_SIZE], own[CLI_PATH_SIZE];
    if (!cli_place_absolute(path, source) || realpath(path, w->source) == NULL) {
        return cli_fail(cli, ERR_NOT_FOUND, NULL, "%s: %s", source, strerror(errno));
    }
    bool fits = true;
    if (build != NULL) {
        fits = cli_place_absolute(w->build, build);
    } else if (cli_place_source_dir(own) && realpath(own, path) != NULL &&
               strcmp(path, w->source) == 0) {
        cli_place_binary_dir(w->build); /* this program was built from that very tree */
    } else {
        fits = cli_place_join(w->build, w->source, "build");
    }
    if (!fits) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", source);
    }
    if (!cli_place_join(header, w->source, "common/run/cell.h") || access(header, R_OK) != 0) {
        return cli_fail(cli, ERR_NOT_FOUND, "name the top of a source tree of Cell",
                        "%s: no common/run/cell.h there", w->source);
    }
    return CLI_DONE;
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char *word(const struct words *w, const char *key, size_t len)
{
    const struct {
        const char *key;
        const char *value;
    } all[] = {{"NAME", w->name},     {"IDENT", w->ident},     {"UPPER", w->upper},
               {"CAMEL", w->camel},   {"TYPE", w->camel},      {"SERVICE", w->service},
               {"NUMBER", w->number}, {"SOURCE", w->source},   {"BUILD", w->build}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (strlen(all[i].key) == len && strncmp(all[i].key, key, len) == 0) {
            return all[i].value;
        }
    }
    return NULL; /* meson's own: @INPUT@ and others */
}

/* `template` with every word in its place; NULL without memory. */
static char *fill(const char *template, const struct words *w)
{
    char *out = malloc(TEXT_MAX);
    struct bytes_text text;

    if (out == NULL) {
        return NULL;
    }
    bytes_text_init(&text, out, TEXT_MAX);
    while (*template != '\0') {
        size_t plain = strcspn(template, "@");
        const char *end = template[plain] == '@' ? strchr(template + plain + 1, '@') : NULL;
        const char *key = template + plain + 1;
        const char *value = end != NULL ? word(w, key, (size_t)(end - key)) : NULL;

        bytes_text_add(&text, "%.*s", (int)plain, template);
        template += plain;
        if (value != NULL) {
            bytes_text_add(&text, "%s", value);
            template = end + 1;
        } else if (*template == '@') {
            bytes_text_add(&text, "@");
            template++;
        }
    }
    return out;
}

/* Never over a file that is there: somebody's work may be in it. */
static int write_file(struct cli *cli, const char *dir, const struct cli_new_file *f,
                      const struct words *w)
{
    AUTO_FREE char *name = fill(f->path, w), *text = fill(f->text, w);
    char path[CLI_PATH_SIZE];

    if (name == NULL || text == NULL) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    if (!cli_place_join(path, dir, name)) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", dir);
    }
    char *slash = strrchr(path, '/');
    *slash = '\0';
    enum err e = fd_make_dirs(path, 0777); /* the user's umask decides, as for any new file */
    *slash = '/';
    AUTO_FD int fd = e == ERR_OK ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666) : -1;
    if (e == ERR_OK) {
        e = fd >= 0 ? fd_write_all(fd, text, strlen(text)) : err_from_errno(errno);
    }
    return e == ERR_OK ? CLI_DONE : cli_fail(cli, e, "choose another DIR", "%s: %s", path,
                                             e == ERR_EXISTS ? "is there already" : strerror(errno));
}

static int report(struct cli *cli, const struct words *w, const char *dir)
{
    struct jsonout out;

    if (!cli->json) {
        printf("%s is in %s\nnext:\n  cell test %s\n  cell up %s/cell.yaml --cells %s/build --detach\n"
               "  cell call %s.Echo '{\"text\":\"hello\"}'\n", w->name, dir, dir, dir, dir, w->name);
        return CLI_DONE;
    }
    cli_emit_begin(&out);
    jsonout_object(&out);
    cli_emit_string(&out, "cell", w->name);
    cli_emit_string(&out, "dir", dir);
    jsonout_name(&out, "files");
    jsonout_array(&out);
    for (const struct cli_new_file *f = cli_new_template_files; f->path != NULL; f++) {
        AUTO_FREE char *name = fill(f->path, w);
        jsonout_string(&out, name);
    }
    jsonout_array_end(&out);
    jsonout_object_end(&out);
    return cli_emit_end(cli, &out);
}

int cli_new_run(struct cli *cli)
{
    struct words *w = calloc(1, sizeof *w);
    char dir[CLI_PATH_SIZE];
    int status;

    if (w == NULL) {
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    status = make_words(cli, cli->args[0], w);
    if (status == CLI_DONE) {
        status = find_source(cli, w);
    }
    if (status == CLI_DONE && !cli_place_absolute(dir, cli->args[cli->arg_count > 1 ? 1 : 0])) {
        status = cli_fail(cli, ERR_LIMIT, NULL, "the path is too long");
    }
    /* An existing folder is fine as long as nothing in it would be touched. */
    for (const struct cli_new_file *f = cli_new_template_files;
         status == CLI_DONE && f->path != NULL; f++) {
        status = write_file(cli, dir, f, w);
    }
    if (status == CLI_DONE) {
        status = report(cli, w, dir);
    }
    free(w);
    return status;
}
