#include "cli/logset.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli/place.h"

enum {
    SOURCES_MAX = 4096, /* instances of a node */
    ROOM_FIRST = 16,
};

/* ---- names ---------------------------------------------------------------------------------- */

bool cli_logset_pattern_ok(const char *pattern)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789_-./*?[]";
    struct name_ref ref;

    if (name_ref_parse(pattern, &ref) == ERR_OK) {
        return *ref.node == '\0';
    }
    size_t len = strspn(pattern, alphabet);
    return *pattern != '\0' && *pattern != '-' && pattern[len] == '\0' &&
           len < NAME_REF_SIZE && strpbrk(pattern, "*?[") != NULL;
}

/* "default.greeter.0.log" in its parts; "nucleus.log" has none but a name. */
static bool split(const char *file, struct cli_logset_source *s)
{
    char name[NAME_REF_SIZE];
    struct name_ref ref;
    size_t len = strlen(file);
    const char *dot = strchr(file, '.');

    if (strcmp(file, "nucleus.log") == 0) {
        snprintf(s->cell, sizeof s->cell, "nucleus");
        snprintf(s->label, sizeof s->label, "nucleus");
        return true;
    }
    if (dot == NULL || len <= 4 || strcmp(file + len - 4, ".log") != 0 || len >= sizeof name) {
        return false;
    }
    snprintf(name, sizeof name, "%.*s", (int)(len - 4), file);
    name[dot - file] = '/';
    if (name_ref_parse(name, &ref) != ERR_OK || ref.instance < 0) {
        return false;
    }
    memcpy(s->space, ref.space, sizeof s->space);
    memcpy(s->cell, ref.cell, sizeof s->cell);
    s->instance = (uint32_t)ref.instance;
    snprintf(s->label, sizeof s->label, "%s",
             strcmp(ref.space, "default") == 0 ? name + (dot - file) + 1 : name);
    return true;
}

/* One pattern against one log: namespace only if the pattern has one, instance likewise. */
static bool means(const char *pattern, const struct cli_logset_source *s)
{
    const char *slash = strchr(pattern, '/');
    const char *rest = slash != NULL ? slash + 1 : pattern;
    char space[NAME_REF_SIZE], name[NAME_REF_SIZE];

    if (slash != NULL) {
        snprintf(space, sizeof space, "%.*s", (int)(slash - pattern), pattern);
        if (fnmatch(space, s->space, 0) != 0) {
            return false;
        }
    }
    if (strchr(rest, '.') != NULL) {
        snprintf(name, sizeof name, "%s.%u", s->cell, (unsigned)s->instance);
    } else {
        snprintf(name, sizeof name, "%s", s->cell);
    }
    return fnmatch(rest, name, 0) == 0;
}

static bool wanted(const struct cli_logset *set, const struct cli_logset_source *s)
{
    for (size_t i = 0; i < set->pattern_count; i++) {
        if (means(set->patterns[i], s)) {
            return true;
        }
    }
    return set->pattern_count == 0;
}

static bool is_open(const struct cli_logset *set, const char *label)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->sources[i]->label, label) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool make_room(struct cli_logset *set)
{
    if (set->count < set->room) {
        return true;
    }
    size_t room = set->room == 0 ? ROOM_FIRST : set->room * 2;
    struct cli_logset_source **sources = realloc(set->sources, room * sizeof(void *));

    if (sources == NULL || set->count == SOURCES_MAX) {
        set->sources = sources != NULL ? sources : set->sources;
        return false;
    }
    set->sources = sources;
    set->room = room;
    return true;
}

static int add(struct cli *cli, struct cli_logset *set, const struct cli_logset_source *found,
               const char *file)
{
    char path[CLI_PATH_SIZE];
    struct cli_logset_source *s = malloc(sizeof *s);

    if (s == NULL || !make_room(set)) {
        free(s);
        return cli_fail(cli, ERR_NOMEM, NULL, "%s: %s", file, err_text(ERR_NOMEM));
    }
    *s = *found;
    enum err e = cli_place_join(path, set->dir, file)
                     ? cli_logfile_open(&s->file, path, set->follow) : ERR_LIMIT;
    if (e == ERR_OK) {
        set->sources[set->count++] = s;
        return CLI_DONE;
    }
    cli_logfile_close(&s->file);
    free(s);
    /* Gone between listing and opening: its successor is found by the next look. */
    return e == ERR_NOT_FOUND
               ? CLI_DONE
               : cli_fail(cli, e, "run this as the user whose node it is", "%s/%s: %s", set->dir, file,
                          err_text(e));
}

/* A follower of many instances needs more descriptors than a shell grants at first. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* without it fewer logs open, which is told */
    }
}

int cli_logset_scan(struct cli *cli, struct cli_logset *set)
{
    DIR *d = opendir(set->dir);
    int status = CLI_DONE;

    if (d == NULL && errno != ENOENT) {
        return cli_fail(cli, err_from_errno(errno), "run this as the user whose node it is",
                        "%s: %s", set->dir, strerror(errno));
    }
    if (set->count == 0) {
        raise_file_limit();
    }
    for (struct dirent *e; d != NULL && status == CLI_DONE && (e = readdir(d)) != NULL;) {
        struct cli_logset_source found = {0};

        if (split(e->d_name, &found) && wanted(set, &found) && !is_open(set, found.label)) {
            status = add(cli, set, &found, e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    return status;
}

void cli_logset_close(struct cli_logset *set)
{
    for (size_t i = 0; i < set->count; i++) {
        cli_logfile_close(&set->sources[i]->file);
        free(set->sources[i]);
    }
    free(set->sources);
    set->sources = NULL;
    set->count = 0;
}

/* ---- merging -------------------------------------------------------------------------------- */

struct cli_logset_source *cli_logset_next(struct cli_logset *set, const char **ret, size_t *ret_len)
{
    struct cli_logset_source *first = NULL;

    for (size_t i = 0; i < set->count; i++) {
        struct cli_logset_source *s = set->sources[i];

        if (s->line == NULL && !cli_logfile_next(&s->file, &s->line, &s->len)) {
            s->line = NULL;
            continue;
        }
        /* The times are fixed in width and zone: their text sorts as they do. */
        int order = first == NULL ? -1 : strcmp(s->file.time, first->file.time);
        if (order < 0 || (order == 0 && strcmp(s->label, first->label) < 0)) {
            first = s;
        }
    }
    if (first != NULL) {
        *ret = first->line;
        *ret_len = first->len;
        first->line = NULL; /* given: the next call reads on */
    }
    return first;
}
