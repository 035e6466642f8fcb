/* NUC-4, NUC-14: programs are found before anything is started, and no path leads to the node's own
 * directories. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/nucleus/yaml_kit.h"

static char top[] = "/tmp/cell-yaml-XXXXXX";

static void put_file(const char *name, mode_t mode)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", top, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, mode) != 0) {
        perror(path);
        exit(1);
    }
    close(fd);
}

static void put_dir(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", top, name);
    if (mkdir(path, 0700) != 0) {
        perror(path);
        exit(1);
    }
}

static void make_tree(void)
{
    if (mkdtemp(top) == NULL) {
        perror(top);
        exit(1);
    }
    put_dir("one");
    put_dir("two");
    put_dir("one/cell-dir");
    put_file("one/cell-both", 0755);
    put_file("two/cell-both", 0755);
    put_file("two/cell-late", 0711);
    put_file("one/cell-shadow", 0644); /* there, but no program: the search goes on */
    put_file("two/cell-shadow", 0755);
    put_file("one/cell-plain", 0644);
    put_file("two/cell-dir", 0755);
}

static void remove_tree(void)
{
    static const char *const names[] = {"one/cell-dir",
                                        "one/cell-both",
                                        "two/cell-both",
                                        "two/cell-late",
                                        "one/cell-shadow",
                                        "two/cell-shadow",
                                        "one/cell-plain",
                                        "two/cell-dir",
                                        "one",
                                        "two",
                                        "."};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", top, names[i]);
        if (unlink(path) != 0) {
            (void)rmdir(i + 1 < ARRAY_LEN(names) ? path : top);
        }
    }
}

/* ---- programs ---- */

static const struct {
    const char *exec;  /* %s: the tree */
    const char *found; /* NULL: refused; else below the tree */
    const char *why;
} programs[] = {
    {"cell-both", "one/cell-both", "the first directory wins"},
    {"cell-late", "two/cell-late", "executable is enough, readable is not asked"},
    {"cell-shadow", "two/cell-shadow", "a file that is no program does not hide one"},
    {"cell-dir", "two/cell-dir", "nor does a directory"},
    {"cell-plain", NULL, "not executable"},
    {"cell-none", NULL, "nowhere"},
    {"%s/two/cell-late", "two/cell-late", "an absolute path is taken as it is"},
    {"%s/two/cell-none", NULL, "an absolute path to nothing"},
    {"%s/one/cell-plain", NULL, "an absolute path to no program"},
    {"%s/one", NULL, "an absolute path to a directory"},
};

static struct manifest manifest_of(const char *exec)
{
    struct kit_text t = {0};
    char path[256];

    (void)snprintf(path, sizeof path, exec, top); /* formats of the table above, no others */
    kit_add(&t, "cells:\n- {name: first, exec: cell-both}\n- name: a\n  exec: %s\n", path);
    struct manifest m = kit_good(t.at);
    free(t.at);
    return m;
}

static void a_program_is_found_or_named(void)
{
    char one[64], two[64], why[MANIFEST_WHY_SIZE];

    (void)snprintf(one, sizeof one, "%s/one", top);
    (void)snprintf(two, sizeof two, "%s/two", top);
    const char *const dirs[] = {one, two};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        struct manifest m = manifest_of(programs[i].exec);
        uint64_t hash = m.cells[1].hash;
        char expected[MANIFEST_PATH_MAX + 64];
        enum err e = yaml_manifest_find_binaries(&m, dirs, ARRAY_LEN(dirs), "n.yaml", why);
        if (programs[i].found != NULL) {
            (void)snprintf(expected, sizeof expected, "%s/%s", top, programs[i].found);
            KIT_CHECK(e == ERR_OK && strcmp(m.cells[1].exec, expected) == 0, "%s: %s",
                      programs[i].why, m.cells[1].exec);
            KIT_CHECK(m.cells[1].hash == hash, "where it stands is not part of the entry");
        } else {
            (void)snprintf(expected, sizeof expected,
                           "n.yaml:3: cells[1].exec: \"%s\" is not there", m.cells[1].exec);
            KIT_CHECK(e == ERR_NOT_FOUND && strncmp(why, expected, strlen(expected)) == 0, "%s: %s",
                      programs[i].why, why);
            KIT_CHECK(programs[i].exec[0] == '%' || (strstr(why, one) && strstr(why, two)),
                      "where was it looked for? %s", why);
            KIT_CHECK(strcmp(m.cells[0].exec, "cell-both") == 0, "half a manifest was changed");
        }
        manifest_fini(&m);
    }
}

static void the_edges_of_the_search_hold(void)
{
    char why[MANIFEST_WHY_SIZE], longest[MANIFEST_PATH_MAX];
    struct manifest m = manifest_of("cell-both");

    KIT_CHECK(yaml_manifest_find_binaries(&m, NULL, 0, "n.yaml", why) == ERR_NOT_FOUND &&
                  strstr(why, "in no directory at all") != NULL,
              "%s", why);
    /* A directory so long that the program's path does not fit: not found, never cut. */
    memset(longest, 'x', sizeof longest);
    memcpy(longest, "/tmp/", 5);
    longest[sizeof longest - 1] = '\0';
    const char *const dirs[] = {longest};
    KIT_CHECK(yaml_manifest_find_binaries(&m, dirs, 1, "n.yaml", why) == ERR_NOT_FOUND, "found");
    KIT_CHECK(strlen(why) < MANIFEST_WHY_SIZE, "too long");
    manifest_fini(&m);
    m = kit_good("cells: []\n");
    KIT_CHECK(yaml_manifest_find_binaries(&m, dirs, 1, "n.yaml", why) == ERR_OK, "nothing to find");
    manifest_fini(&m);
}

/* "<deep>/cell-both" has four bytes too many; cut off they would leave "<deep>/cell-", which is
 * there. */
static void a_path_that_does_not_fit_is_not_cut(void)
{
    char deep[MANIFEST_PATH_MAX], path[MANIFEST_PATH_MAX + 64], why[MANIFEST_WHY_SIZE];
    size_t len = (size_t)snprintf(deep, sizeof deep, "%s", top);
    size_t wanted = MANIFEST_PATH_MAX - 1 - strlen("/cell-");

    while (len < wanted) { /* parts of at most 200 bytes, none empty */
        size_t part = wanted - len > 202 ? 200 : wanted - len - 1;
        deep[len] = '/';
        memset(deep + len + 1, 'd', part);
        len += part + 1;
        deep[len] = '\0';
        if (mkdir(deep, 0700) != 0) {
            perror(deep);
            exit(1);
        }
    }
    (void)snprintf(path, sizeof path, "%s/cell-", deep);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    KIT_CHECK(fd >= 0 && strlen(path) == MANIFEST_PATH_MAX - 1, "%zu bytes", strlen(path));
    close(fd);
    const char *const dirs[] = {deep};
    struct manifest m = manifest_of("cell-both");
    KIT_CHECK(yaml_manifest_find_binaries(&m, dirs, 1, "n.yaml", why) == ERR_NOT_FOUND, "cut: %s",
              m.cells[0].exec);
    manifest_fini(&m);
    (void)unlink(path);
    for (; strcmp(deep, top) != 0; *strrchr(deep, '/') = '\0') {
        (void)rmdir(deep);
    }
}

/* ---- the node's own directories ---- */

static const struct {
    const char *sandbox;
    const char *said; /* NULL: accepted */
    const char *why;
} roots[] = {
    {"{}", NULL, "no path"},
    {"{read: [/srv/other], write: [state]}", NULL, "elsewhere; state is granted by its name"},
    {"{read: [/srv/runner, /srv/ru]}", NULL, "a name that begins alike"},
    {"{read: [/srv/run]}", "read[0]: \"/srv/run\"", "the directory itself"},
    {"{read: [/x, /srv/run/blue]}", "read[1]: \"/srv/run/blue\"", "below it"},
    {"{read: [/srv]}", "read[0]: \"/srv\"", "above it"},
    {"{write: [state, /opt/own/state/cell/raft]}", "write[1]: \"/opt/own/state/cell/raft\"",
     "the second directory"},
    {"{write: [/opt/own]}", "write[0]: \"/opt/own\"", "above the second"},
    {"{listen: [{name: a, at: 'unix:///srv/runner/x.sock'}, {name: b, at: 'udp://0.0.0.0:1'}]}", NULL, "sockets elsewhere"},
    {"{listen: [{name: a, at: 'unix:///srv/run/x.sock'}]}", "listen[0].at: \"unix:///srv/run/x.sock\"", "a socket in the first"},
    {"{listen: [{name: a, at: 'udp://0.0.0.0:1'}, {name: b, at: 'unix:///opt/own/state/cell/raft/x'}]}",
     "listen[1].at: \"unix:///opt/own/state/cell/raft/x\"", "below the second"},
    {"{listen: [{name: a, at: 'unix:///opt/own'}]}", "listen[0].at: \"unix:///opt/own\"", "in the place of what holds it"},
};

static void no_path_leads_to_the_nodes_own_directories(void)
{
    static const char *const own[] = {"/srv/run", "/opt/own/state/cell"};

    for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
        struct kit_text t = {0};
        char why[MANIFEST_WHY_SIZE] = "";
        kit_add(&t, "cells:\n- name: first\n- {name: a, sandbox: %s}\n", roots[i].sandbox);
        struct manifest m = kit_good(t.at);
        enum err e = yaml_manifest_check_roots(&m, own, ARRAY_LEN(own), "n.yaml", why);
        if (roots[i].said == NULL) {
            KIT_CHECK(e == ERR_OK, "%s: %s", roots[i].why, why);
        } else {
            KIT_CHECK(e == ERR_INVALID && strstr(why, roots[i].said) != NULL &&
                          strncmp(why, "n.yaml:3: cells[1].sandbox.", 27) == 0,
                      "%s: %s", roots[i].why, why);
        }
        manifest_fini(&m);
        free(t.at);
    }
}

int main(void)
{
    make_tree();
    a_program_is_found_or_named();
    the_edges_of_the_search_hold();
    a_path_that_does_not_fit_is_not_cut();
    remove_tree();
    no_path_leads_to_the_nodes_own_directories();
    return kit_failed;
}
