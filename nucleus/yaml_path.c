/* Only paths of one spelling are let in: then equal means equal, and "lies in" is a matter of text.
 * Links on the host can still lead elsewhere; the jail mounts what a path leads to when the cell
 * starts, and the owner of the manifest decides what is on the host. */
#include "nucleus/yaml_path.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "common/base/macros.h"
#include "nucleus/manifest.h"

/* The shorter one must be a prefix that ends where a part ends: /srv/a does not hold /srv/ab. */
bool yaml_path_overlap(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    size_t len = a_len < b_len ? a_len : b_len;
    const char *longer = a_len < b_len ? b : a;

    assert(a[0] == '/' && b[0] == '/');
    return strncmp(a, b, len) == 0 && (longer[len] == '\0' || longer[len] == '/' || len == 1);
}

/* What is wrong with one part of a path, NULL: nothing. */
static const char *judge_part(const char *part, size_t len)
{
    if (len == 0) {
        return "has an empty part";
    }
    if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.')) {
        return "has a part . or ..";
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)part[i] < ' ' || part[i] == 0x7f) {
            return "has a control character";
        }
    }
    return NULL;
}

/* What can be seen without knowing any directory. */
static const char *judge_form(const char *path)
{
    if (path[0] != '/') {
        return "is not absolute";
    }
    if (path[1] == '\0') {
        return "is the whole file system";
    }
    if (strlen(path) >= MANIFEST_PATH_MAX) {
        return "is too long";
    }
    for (const char *part = path; *part == '/';) {
        size_t len = strcspn(part + 1, "/");
        const char *wrong = judge_part(part + 1, len);
        if (wrong != NULL) {
            return wrong;
        }
        part += 1 + len;
    }
    return NULL;
}

const char *yaml_path_judge(const char *path)
{
    /* A jail makes its own, with less in them: the host's would show and move other processes. */
    static const char *const kernels[] = {"/proc", "/sys", "/dev"};
    /* /var/run is a link to /run. Directories chosen at start are yaml_manifest_check_roots'. */
    static const char *const nodes[] = {"/run/cell", "/var/run/cell", "/var/lib/cell"};
    const char *wrong = judge_form(path);

    for (size_t i = 0; wrong == NULL && i < ARRAY_LEN(kernels); i++) {
        if (yaml_path_overlap(path, kernels[i])) {
            wrong = "is of the kernel";
        }
    }
    for (size_t i = 0; wrong == NULL && i < ARRAY_LEN(nodes); i++) {
        if (yaml_path_overlap(path, nodes[i])) {
            wrong = "holds or lies in the node's own run or state directory";
        }
    }
    return wrong;
}
