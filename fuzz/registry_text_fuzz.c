/* Names, urls, versions and ranges as a stranger writes them: what is taken has only what its grammar has, and what is printed is
 * taken again and is the same. Input: the text; all four read it. */
#include <stdlib.h>
#include <string.h>

#include "registry/name.h"
#include "registry/range.h"
#include "registry/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void must_be_of(const char *text, size_t len, const char *usual)
{
    for (size_t i = 0; i < len; i++) {
        must(text[i] != '\0' && strchr(usual, text[i]) != NULL);
    }
}

static void try_range(const char *text, size_t len)
{
    char printed[REGISTRY_RANGE_SIZE], twice[REGISTRY_RANGE_SIZE];
    struct registry_range r, again;

    if (registry_range_parse(text, len, &r) != ERR_OK) {
        return;
    }
    size_t printed_len = registry_range_print(&r, printed);
    must(strlen(printed) == printed_len);
    if (printed_len <= REGISTRY_RANGE_MAX) {
        must(registry_range_parse(printed, printed_len, &again) == ERR_OK && registry_range_print(&again, twice) == printed_len);
        must(strcmp(printed, twice) == 0);
    }
    for (unsigned i = 0; i < REGISTRY_RANGE_TESTS && r.sets > 0 && i < r.end[r.sets - 1]; i++) {
        (void)registry_range_has(&r, &r.test[i].version);
    }
}

static void try_version(const char *text, size_t len)
{
    char printed[REGISTRY_VERSION_SIZE];
    struct registry_version v;

    if (registry_version_parse(text, len, &v) == ERR_OK) {
        must(registry_version_print(&v, printed) == len && memcmp(printed, text, len) == 0);
        must(registry_version_compare(&v, &v) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    if (registry_name_fault(text, size) == NULL) {
        char name[REGISTRY_NAME_SIZE] = "";

        must(size <= REGISTRY_NAME_MAX);
        must_be_of(text, size, "abcdefghijklmnopqrstuvwxyz0123456789-_/");
        memcpy(name, text, size);
        must(!registry_name_is_alike(name, name));
    }
    if (registry_url_fault(text, size) == NULL) {
        must(size <= REGISTRY_URL_MAX && size > 8 && (memcmp(text, "https://", 8) == 0 || memcmp(text, "ssh://", 6) == 0));
        must_be_of(text, size, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~+-/:@[]");
    }
    try_version(text, size);
    try_range(text, size);
    return 0;
}
