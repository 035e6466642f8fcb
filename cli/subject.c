#include "cli/subject.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/build.h"
#include "cli/file.h"
#include "cli/place.h"
#include "cli/yamldoc.h"

static const char cases_file[] = "tests/cases.yaml";

static bool has_file(const char *dir, const char *name, char path[CLI_PATH_SIZE])
{
    return cli_place_join(path, dir, name) && access(path, R_OK) == 0;
}

/* A cell of the source tree this program was built in. */
static bool in_tree(const char *name, char dir[CLI_PATH_SIZE])
{
    static const char *const rooms[] = {"examples", "."};
    char source[CLI_PATH_SIZE], path[CLI_PATH_SIZE];

    if (!name_valid_str(name) || !cli_place_source_dir(source)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
        if (cli_place_join(dir, source, rooms[i]) && cli_place_join(dir, dir, name) &&
            has_file(dir, cases_file, path)) {
            return true;
        }
    }
    return false;
}

static int find_dir(struct cli *cli, const char *what, struct cli_subject *s)
{
    char path[CLI_PATH_SIZE];

    if (cli_place_absolute(path, what) && realpath(path, s->dir) != NULL &&
        has_file(s->dir, cases_file, path)) {
        return CLI_DONE;
    }
    if (in_tree(what, s->dir)) {
        return CLI_DONE;
    }
    return cli_fail(cli, ERR_NOT_FOUND, "name the folder of a cell; `cell new NAME` makes one",
                    "%s: no %s there", what, cases_file);
}

/* The name of the first cell, checked: it becomes part of paths. */
static int read_name(struct cli *cli, struct cli_subject *s, const char *path)
{
    char why[CLI_YAMLDOC_WHY_SIZE];
    json_t *document = NULL;
    enum err e = cli_yamldoc_parse(s->manifest, strlen(s->manifest), &document, why);

    if (e != ERR_OK) {
        return cli_fail(cli, e, NULL, "%s: %s", path, why);
    }
    const char *name = json_string_value(
        json_object_get(json_array_get(json_object_get(document, "cells"), 0), "name"));
    bool is_valid = name_valid_str(name);
    if (is_valid) {
        snprintf(s->cell, sizeof s->cell, "%s", name);
    }
    json_decref(document);
    return is_valid ? CLI_DONE
                    : cli_fail(cli, ERR_INVALID, "write it like deploy/node.yaml",
                               "%s: expected `cells:` and a list whose first entry has a name", path);
}

/* cell.yaml of the folder; without one the folder's name says all that is needed. */
static int read_manifest(struct cli *cli, struct cli_subject *s)
{
    char path[CLI_PATH_SIZE];
    size_t len;

    if (has_file(s->dir, "cell.yaml", path)) {
        int status = cli_file_read(cli, path, CLI_YAMLDOC_BYTES_MAX, &s->manifest, &len);

        return status == CLI_DONE ? read_name(cli, s, path) : status;
    }
    const char *name = strrchr(s->dir, '/') + 1;
    if (!name_valid_str(name)) {
        return cli_fail(cli, ERR_INVALID, "write a cell.yaml beside tests/",
                        "%s: the folder has no cell.yaml and its name is no cell's", s->dir);
    }
    snprintf(s->cell, sizeof s->cell, "%s", name);
    if (asprintf(&s->manifest, "cells:\n  - name: %s\n", name) < 0) {
        s->manifest = NULL;
        return cli_fail(cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    }
    return CLI_DONE;
}

static int read_cases(struct cli *cli, struct cli_subject *s)
{
    char path[CLI_PATH_SIZE], why[CLI_CASES_WHY_SIZE];
    AUTO_FREE char *text = NULL;
    size_t len;

    if (!cli_place_join(path, s->dir, cases_file)) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", s->dir);
    }
    int status = cli_file_read(cli, path, CLI_YAMLDOC_BYTES_MAX, &text, &len);
    if (status != CLI_DONE) {
        return status;
    }
    enum err e = cli_cases_parse(text, len, &s->cases, why);
    return e == ERR_OK ? CLI_DONE : cli_fail(cli, e, NULL, "%s: %s", path, why);
}

/* A folder with a meson project of its own is built; one of this tree is built with the tree. */
static int build(struct cli *cli, struct cli_subject *s)
{
    char path[CLI_PATH_SIZE];
    AUTO_FREE char *text = NULL;
    size_t len;

    if (!has_file(s->dir, "meson.build", path)) {
        return CLI_DONE;
    }
    int status = cli_file_read(cli, path, CLI_YAMLDOC_BYTES_MAX, &text, &len);
    if (status != CLI_DONE || strstr(text, "project(") == NULL) {
        return status;
    }
    if (!cli_place_join(s->cells_dir, s->dir, "build")) {
        return cli_fail(cli, ERR_LIMIT, NULL, "%s: the path is too long", s->dir);
    }
    return cli_build_dir(cli, s->dir);
}

int cli_subject_open(struct cli *cli, const char *what, struct cli_subject *s)
{
    *s = (struct cli_subject){.manifest = NULL};
    int status = find_dir(cli, what != NULL ? what : ".", s);

    if (status == CLI_DONE) {
        status = read_manifest(cli, s);
    }
    if (status == CLI_DONE) {
        status = read_cases(cli, s);
    }
    return status == CLI_DONE ? build(cli, s) : status;
}

void cli_subject_fini(struct cli_subject *s)
{
    free(s->manifest);
    s->manifest = NULL;
    cli_cases_fini(&s->cases);
}
