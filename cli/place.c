#include "cli/place.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/run/fd.h"

enum {
    NOTE_MAX = 1024 * 1024 /* bytes of meson's note about a build directory; it has 2 KiB */
};

bool cli_place_join(char out[CLI_PATH_SIZE], const char *a, const char *b)
{
    char text[CLI_PATH_SIZE];
    int len = snprintf(text, sizeof text, "%s/%s", a, b);

    if (len < 0 || (size_t)len >= sizeof text) {
        return false;
    }
    memcpy(out, text, (size_t)len + 1);
    return true;
}

bool cli_place_absolute(char out[CLI_PATH_SIZE], const char *path)
{
    char here[CLI_PATH_SIZE];

    if (*path == '/') {
        if (strlen(path) >= CLI_PATH_SIZE) {
            return false;
        }
        memmove(out, path, strlen(path) + 1);
        return true;
    }
    return getcwd(here, sizeof here) != NULL && cli_place_join(out, here, path);
}

/* ---- directories of the node ---------------------------------------------------------------- */

/* Where one directory may come from, in the order of precedence. */
struct origin {
    const char *option;
    const char *variable;
    const char *for_root;
    const char *xdg;      /* variable of the XDG base directory specification */
    const char *fallback; /* below $HOME; NULL: there is none                 */
};

static const struct origin run_origin = {"run", "CELL_RUN", "/run/cell", "XDG_RUNTIME_DIR", NULL};
static const struct origin state_origin = {"state", "CELL_STATE", "/var/lib/cell", "XDG_STATE_HOME",
                                           ".local/state"};

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && *value != '\0' ? value : NULL;
}

static bool user_default(const struct origin *o, char out[CLI_PATH_SIZE])
{
    const char *base = variable(o->xdg), *home = variable("HOME");
    char path[CLI_PATH_SIZE];

    if (base != NULL) {
        return cli_place_join(out, base, "cell");
    }
    if (o->fallback != NULL && home != NULL) {
        return cli_place_join(path, home, o->fallback) && cli_place_join(out, path, "cell");
    }
    *out = '\0';
    return true;
}

static int choose(struct cli *cli, const struct origin *o, char out[CLI_PATH_SIZE])
{
    const char *given = cli_args_value(cli, o->option);
    bool fits;

    if (given != NULL && *given == '\0') {
        return cli_fail_usage(cli, NULL, "--%s is empty", o->option);
    }
    given = given != NULL ? given : variable(o->variable);
    if (given != NULL) {
        fits = cli_place_absolute(out, given);
    } else if (geteuid() == 0) {
        fits = cli_place_absolute(out, o->for_root);
    } else {
        fits = user_default(o, out);
    }
    return fits ? CLI_DONE : cli_fail_usage(cli, NULL, "the %s directory's path is too long",
                                            o->option);
}

int cli_place_dirs(struct cli *cli)
{
    int status = choose(cli, &run_origin, cli->run_dir);

    return status == CLI_DONE ? choose(cli, &state_origin, cli->state_dir) : status;
}

int cli_place_need_run(struct cli *cli)
{
    if (*cli->run_dir != '\0') {
        return CLI_DONE;
    }
    return cli_fail(cli, ERR_PRECONDITION, "name it with --run DIR or CELL_RUN",
                    "the run directory is unknown: XDG_RUNTIME_DIR is not set");
}

int cli_place_need_state(struct cli *cli)
{
    if (*cli->state_dir != '\0') {
        return CLI_DONE;
    }
    return cli_fail(cli, ERR_PRECONDITION, "name it with --state DIR or CELL_STATE",
                    "the state directory is unknown: neither XDG_STATE_HOME nor HOME is set");
}

/* ---- beside this binary --------------------------------------------------------------------- */

void cli_place_binary_dir(char out[CLI_PATH_SIZE])
{
    ssize_t len = readlink("/proc/self/exe", out, CLI_PATH_SIZE - 1);

    out[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

bool cli_place_source_dir(char out[CLI_PATH_SIZE])
{
    char path[CLI_PATH_SIZE];
    AUTO_FREE char *text = NULL;
    size_t len;
    bool found = false;

    cli_place_binary_dir(path);
    if (*path == '\0' || !cli_place_join(path, path, "meson-info/meson-info.json") ||
        fd_read_file(AT_FDCWD, path, NOTE_MAX, &text, &len) != ERR_OK) {
        return false;
    }
    json_t *note = json_loadb(text, len, 0, NULL);
    const char *source =
        json_string_value(json_object_get(json_object_get(note, "directories"), "source"));
    if (source != NULL && *source == '/') {
        found = cli_place_absolute(out, source);
    }
    json_decref(note);
    return found;
}

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

bool cli_place_program(const char *name, char out[CLI_PATH_SIZE])
{
    /* Beside it in a build directory; below the same prefix wherever that was moved to; and where
     * the build was told to install. */
    static const char *const below[] = {".", "../libexec/cell"};
    char dir[CLI_PATH_SIZE], path[CLI_PATH_SIZE];

    cli_place_binary_dir(dir);
    for (size_t i = 0; *dir != '\0' && i < ARRAY_LEN(below); i++) {
        if (cli_place_join(path, dir, below[i]) && cli_place_join(path, path, name) &&
            is_program(path) && realpath(path, out) != NULL) {
            return true;
        }
    }
    return cli_place_join(out, CELL_LIBEXECDIR, name) && is_program(out);
}

bool cli_place_cells_dir(char out[CLI_PATH_SIZE])
{
    if (!cli_place_program("cell-guard", out)) {
        return false;
    }
    *strrchr(out, '/') = '\0';
    return true;
}
