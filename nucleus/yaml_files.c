/* What a manifest says about files, held against the file system of this host. Apart from parsing,
 * which must not depend on what is installed: the same text always gives the same manifest. */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "nucleus/yaml.h"
#include "nucleus/yaml_path.h"

/* The tree with its lines is gone by now: the entry's own line has to do. */
static void begin_fault(struct bytes_text *t, char *why, const char *file, const struct manifest *m,
                        size_t cell)
{
    bytes_text_init(t, why, MANIFEST_WHY_SIZE);
    bytes_text_add_escaped(t, file, strlen(file));
    bytes_text_add(t, ":%" PRIu32 ": cells[%zu].", m->cells[cell].line, cell);
}

/* A directory is "executable" too, so the kind is asked as well. The answer is for the message's
 * sake: between it and the start of the program the file may still go, and then the start fails. */
static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* Write the program's absolute path to out[MANIFEST_PATH_MAX]; false: there is none. */
static bool find_program(const char *exec, const char *const *dirs, size_t dir_count, char *out)
{
    if (exec[0] == '/') {
        (void)snprintf(out, MANIFEST_PATH_MAX, "%s", exec);
        return is_program(out);
    }
    for (size_t i = 0; i < dir_count; i++) {
        assert(dirs[i][0] == '/');
        int len = snprintf(out, MANIFEST_PATH_MAX, "%s/%s", dirs[i], exec);
        /* Cut off it would be another file's path. */
        if (len < MANIFEST_PATH_MAX && is_program(out)) {
            return true;
        }
    }
    return false;
}

/* Say where it was looked for: the commonest cause is a directory that is not among them. */
static enum err refuse_exec(const struct manifest *m, size_t cell, const char *const *dirs,
                            size_t dir_count, const char *file, char *why)
{
    const char *exec = m->cells[cell].exec;
    struct bytes_text t;

    begin_fault(&t, why, file, m, cell);
    bytes_text_add(&t, "exec: \"");
    bytes_text_add_escaped(&t, exec, strlen(exec));
    if (exec[0] == '/') {
        bytes_text_add(&t, "\" is not there, expected an executable file");
        return ERR_NOT_FOUND;
    }
    bytes_text_add(&t, "\" is not there, expected an executable file of this name in ");
    for (size_t i = 0; i < dir_count; i++) {
        bytes_text_add(&t, "%s", i == 0 ? "" : i + 1 < dir_count ? ", " : " or ");
        bytes_text_add_escaped(&t, dirs[i], strlen(dirs[i]));
    }
    bytes_text_add(&t, "%s", dir_count == 0 ? "no directory at all" : "");
    return ERR_NOT_FOUND;
}

enum err yaml_manifest_find_binaries(struct manifest *m, const char *const *dirs, size_t dir_count,
                                     const char *file, char why[MANIFEST_WHY_SIZE])
{
    AUTO_FREE char **found = calloc(m->cell_count + 1, sizeof *found);
    enum err e = found == NULL ? ERR_NOMEM : ERR_OK;

    /* All of them first: a manifest is taken whole or not at all. */
    for (size_t i = 0; e == ERR_OK && i < m->cell_count; i++) {
        char path[MANIFEST_PATH_MAX];
        if (!find_program(m->cells[i].exec, dirs, dir_count, path)) {
            e = refuse_exec(m, i, dirs, dir_count, file, why);
        } else {
            found[i] = strdup(path);
            e = found[i] == NULL ? ERR_NOMEM : ERR_OK;
        }
    }
    if (e == ERR_NOMEM) {
        (void)snprintf(why, MANIFEST_WHY_SIZE, "%s", err_text(ERR_NOMEM));
    }
    for (size_t i = 0; found != NULL && i < m->cell_count; i++) {
        if (e == ERR_OK) {
            free(m->cells[i].exec);
            m->cells[i].exec = take_ptr(&found[i]);
        }
        free(found[i]);
    }
    return e;
}

void yaml_manifest_find_some(struct manifest *m, const char *const *dirs, size_t dir_count)
{
    char path[MANIFEST_PATH_MAX];

    for (size_t i = 0; i < m->cell_count; i++) {
        if (find_program(m->cells[i].exec, dirs, dir_count, path)) {
            char *found = strdup(path);
            if (found != NULL) {
                free(m->cells[i].exec);
                m->cells[i].exec = found;
            }
        }
    }
}

/* Index of the first path that overlaps a root, or `count`. */
static size_t find_overlap(const struct manifest_path *path, size_t count, const char *const *roots,
                           size_t root_count, size_t *ret_root)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t r = 0; r < root_count && !path[i].is_state; r++) {
            if (yaml_path_overlap(path[i].path, roots[r])) {
                *ret_root = r;
                return i;
            }
        }
    }
    return count;
}

/* The socket's own path, and what it would be made in. */
static enum err check_listens(const struct manifest *m, size_t cell, const char *const *roots, size_t count, const char *file,
                              char *why)
{
    const struct manifest_cell *c = &m->cells[cell];

    for (size_t i = 0; i < c->sandbox.listen_count; i++) {
        const struct manifest_listen *l = &c->sandbox.listen[i];
        for (size_t r = 0; l->is_unix && r < count; r++) {
            struct bytes_text t;
            if (!yaml_path_overlap(l->path, roots[r])) {
                continue;
            }
            begin_fault(&t, why, file, m, cell);
            bytes_text_add(&t, "sandbox.listen[%zu].at: \"unix://", i);
            bytes_text_add_escaped(&t, l->path, strlen(l->path));
            bytes_text_add(&t, "\" is or lies in %s of the node itself, expected another path", roots[r]);
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

/* Both ways: a cell that sees what holds the directory sees the directory. */
enum err yaml_manifest_check_roots(const struct manifest *m, const char *const *roots, size_t count,
                                   const char *file, char why[MANIFEST_WHY_SIZE])
{
    for (size_t i = 0; i < m->cell_count; i++) {
        const struct manifest_cell *c = &m->cells[i];
        size_t root = 0;
        size_t read = find_overlap(c->sandbox.read, c->sandbox.read_count, roots, count, &root);
        bool is_read = read < c->sandbox.read_count;
        size_t write = is_read ? 0
                               : find_overlap(c->sandbox.write, c->sandbox.write_count, roots,
                                              count, &root);
        if (is_read || write < c->sandbox.write_count) {
            const char *path = is_read ? c->sandbox.read[read].path : c->sandbox.write[write].path;
            struct bytes_text t;
            begin_fault(&t, why, file, m, i);
            bytes_text_add(&t, "sandbox.%s[%zu]: \"", is_read ? "read" : "write",
                           is_read ? read : write);
            bytes_text_add_escaped(&t, path, strlen(path));
            bytes_text_add(&t, "\" holds or lies in %s of the node itself, expected another path",
                           roots[root]);
            return ERR_INVALID;
        }
        enum err e = check_listens(m, i, roots, count, file, why);
        if (e != ERR_OK) {
            return e;
        }
    }
    return ERR_OK;
}
