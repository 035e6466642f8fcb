#include "registry/name.h"

#include <assert.h>
#include <string.h>

#include "common/base/macros.h"

enum {
    ALIKE_LEAST = 5, /* of short names every second differs by one letter */
};

/* Devices on other hosts; what the runtime and people mean by themselves. */
static const char *const devices[] = {"con", "prn", "aux", "nul"};
static const char *const reserved[] = {"all", "any", "cell", NAME_SPACE_DEFAULT, NAME_SPACE_GLOBAL, "git", "latest", "none", "registry", "root", "self"};

/* Written out instead of islower(): the grammar must not depend on a locale. */
static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* len > 0 */
static bool is_same(const char *text, size_t len, const char *word)
{
    return text[0] == word[0] && strncmp(text, word, len) == 0 && word[len] == '\0';
}

static bool is_device(const char *text, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        if (is_same(text, len, devices[i])) {
            return true;
        }
    }
    return len == 4 && (is_same(text, 3, "com") || is_same(text, 3, "lpt")) && is_digit(text[3]);
}

static const char *part_fault(const char *text, size_t len)
{
    if (len == 0) {
        return "a part of the name is empty";
    }
    if (len > NAME_MAX_LEN) {
        return "a part of the name has more than 64 characters";
    }
    if (!is_lower(text[0])) {
        return "a part of the name does not begin with a letter a to z";
    }
    for (size_t i = 1; i < len; i++) {
        bool is_joint = text[i] == '-' || text[i] == '_';

        if (!is_lower(text[i]) && !is_digit(text[i]) && !is_joint) {
            return "the name has a character other than a to z, 0 to 9, '-' and '_'";
        }
        if (is_joint && (i + 1 == len || text[i + 1] == '-' || text[i + 1] == '_')) {
            return "a '-' or '_' of the name does not stand between letters or digits";
        }
    }
    if (is_device(text, len)) {
        return "the name is that of a device on other hosts";
    }
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++) {
        if (is_same(text, len, reserved[i])) {
            return "the name is reserved";
        }
    }
    return NULL;
}

const char *registry_name_fault(const char *text, size_t len)
{
    if (len == 0) {
        return "the name is empty";
    }
    if (len > REGISTRY_NAME_MAX) {
        return "the name has more than 129 characters";
    }
    const char *slash = memchr(text, '/', len);
    size_t space = slash == NULL ? 0 : (size_t)(slash - text);
    const char *fault = slash == NULL ? NULL : part_fault(text, space);
    size_t begin = slash == NULL ? 0 : space + 1;

    return fault != NULL ? fault : part_fault(text + begin, len - begin);
}

/* What is left of a name when everything that the eye passes over is alike. Returns its length. */
static size_t skeleton(const char *name, char to[REGISTRY_NAME_SIZE])
{
    static const char from[] = "01i5", as[] = "olls";
    size_t len = 0;

    for (const char *c = name; *c != '\0'; c++) {
        const char *at = strchr(from, *c);
        char next = at == NULL ? *c : as[at - from];

        if (next == '-' || next == '_') {
            continue;
        }
        if (len > 0 && ((next == 'n' && to[len - 1] == 'r') || (next == 'v' && to[len - 1] == 'v'))) {
            to[len - 1] = next == 'n' ? 'm' : 'w';
            continue;
        }
        to[len++] = next;
    }
    to[len] = '\0';
    assert(len <= REGISTRY_NAME_MAX);
    return len;
}

/* One step of Damerau's and Levenshtein's distance, or none: what is behind the first difference must be the same. */
static bool is_step_apart(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = 0;

    if (a_len > b_len) {
        return is_step_apart(b, b_len, a, a_len);
    }
    while (i < a_len && a[i] == b[i]) {
        i++;
    }
    if (a_len < b_len) {
        return b_len - a_len == 1 && strcmp(a + i, b + i + 1) == 0;
    }
    if (i == a_len || strcmp(a + i + 1, b + i + 1) == 0) {
        return true;
    }
    return i + 1 < a_len && a[i] == b[i + 1] && a[i + 1] == b[i] && strcmp(a + i + 2, b + i + 2) == 0;
}

bool registry_name_is_alike(const char *a, const char *b)
{
    char a_bare[REGISTRY_NAME_SIZE], b_bare[REGISTRY_NAME_SIZE];

    assert(registry_name_fault(a, strlen(a)) == NULL && registry_name_fault(b, strlen(b)) == NULL);
    if (strcmp(a, b) == 0) {
        return false;
    }
    size_t a_len = skeleton(a, a_bare), b_len = skeleton(b, b_bare);
    if (strcmp(a_bare, b_bare) == 0) {
        return true;
    }
    return a_len >= ALIKE_LEAST && b_len >= ALIKE_LEAST && is_step_apart(a_bare, a_len, b_bare, b_len);
}
