#include "registry/catalogue.h"

#include <assert.h>
#include <string.h>

static const char head[] = "cell-registry-catalogue-1";
static const char *const state_word[] = {"listed", "yanked"};

static bool read_line(struct registry_slice line, struct registry_entry *e)
{
    struct registry_slice state;

    if (!registry_text_word(&line, &e->name) || !registry_text_word(&line, &e->version) || !registry_text_word(&line, &state) ||
        !registry_text_hex(line, e->hash, sizeof e->hash)) {
        return false;
    }
    e->is_yanked = registry_text_same(state, state_word[1]);
    return e->is_yanked || registry_text_same(state, state_word[0]);
}

static int compare(struct registry_slice a_name, const struct registry_version *a, struct registry_slice b_name, const struct registry_version *b)
{
    int c = registry_text_compare(a_name, b_name);

    return c != 0 ? c : registry_version_compare(a, b);
}

bool registry_catalogue_read(const void *bytes, size_t size, struct registry_catalogue *ret)
{
    struct registry_version version, last_version = {0};
    struct registry_entry e, last = {.name = {.at = ""}};
    struct registry_text t;

    registry_text_begin(&t, bytes, size);
    registry_text_take_line(&t, head);
    ret->origin = registry_text_take(&t, "origin");
    if (!t.is_good || !registry_text_is_origin(ret->origin)) {
        return false;
    }
    ret->list = (struct registry_slice){.at = t.at, .len = (size_t)(t.end - t.at)};
    while (t.at < t.end) {
        if (!read_line(registry_text_take_rest(&t), &e) || registry_name_fault(e.name.at, e.name.len) != NULL ||
            registry_version_parse(e.version.at, e.version.len, &version) != ERR_OK || compare(last.name, &last_version, e.name, &version) >= 0) {
            return false;
        }
        last = e;
        last_version = version;
    }
    return t.is_good;
}

bool registry_catalogue_next(struct registry_slice *lines, struct registry_entry *ret)
{
    if (lines->len == 0) {
        return false;
    }
    const char *end = memchr(lines->at, '\n', lines->len);
    assert(end != NULL); /* registry_catalogue_read has seen it */
    size_t len = (size_t)(end - lines->at);
    bool is_read = read_line((struct registry_slice){.at = lines->at, .len = len}, ret);

    assert(is_read);
    *lines = (struct registry_slice){.at = end + 1, .len = lines->len - len - 1};
    return true;
}

/* Where the first line that is not before (name, version) begins; version NULL: before all of that name. */
static size_t lower_bound(const struct registry_catalogue *c, struct registry_slice name, const struct registry_version *version)
{
    size_t low = 0, high = c->list.len; /* both begin lines, or are the end */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct registry_entry e;
        struct registry_version at;

        while (middle > low && c->list.at[middle - 1] != '\n') {
            middle--;
        }
        struct registry_slice lines = {.at = c->list.at + middle, .len = c->list.len - middle};
        bool is_read = registry_catalogue_next(&lines, &e);
        assert(is_read);
        int by = registry_text_compare(e.name, name);
        if (by == 0 && version != NULL) {
            enum err err = registry_version_parse(e.version.at, e.version.len, &at);
            assert(err == ERR_OK);
            by = registry_version_compare(&at, version);
        }
        if (by < 0) {
            low = (size_t)(lines.at - c->list.at);
        } else {
            high = middle;
        }
    }
    return low;
}

bool registry_catalogue_find(const struct registry_catalogue *c, struct registry_slice name, const struct registry_version *version,
                             struct registry_entry *ret)
{
    size_t at = lower_bound(c, name, version);
    struct registry_slice lines = {.at = c->list.at + at, .len = c->list.len - at};
    struct registry_version found;
    struct registry_entry e;

    if (!registry_catalogue_next(&lines, &e) || registry_text_compare(e.name, name) != 0) {
        return false;
    }
    enum err err = registry_version_parse(e.version.at, e.version.len, &found);
    assert(err == ERR_OK);
    if (registry_version_compare(&found, version) != 0) {
        return false;
    }
    *ret = e;
    return true;
}

struct registry_slice registry_catalogue_of(const struct registry_catalogue *c, struct registry_slice name)
{
    size_t at = lower_bound(c, name, NULL);
    struct registry_slice lines = {.at = c->list.at + at, .len = c->list.len - at}, rest = lines;
    struct registry_entry e;
    size_t len = 0;

    while (registry_catalogue_next(&rest, &e) && registry_text_compare(e.name, name) == 0) {
        len = lines.len - rest.len;
    }
    return (struct registry_slice){.at = lines.at, .len = len};
}

void registry_catalogue_add_head(struct bytes_text *t, struct registry_slice origin)
{
    bytes_text_add(t, "%s\norigin %.*s\n", head, (int)origin.len, origin.at);
}

void registry_catalogue_add(struct bytes_text *t, const struct registry_entry *e)
{
    bytes_text_add(t, "%.*s %.*s %s ", (int)e->name.len, e->name.at, (int)e->version.len, e->version.at, state_word[e->is_yanked]);
    registry_text_add_hex(t, e->hash, sizeof e->hash);
    bytes_text_add(t, "\n");
}
