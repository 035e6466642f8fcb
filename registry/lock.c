#include "registry/lock.h"

#include <assert.h>
#include <string.h>

#include "registry/range.h"

static const char head[] = "cell-registry-lock-1";

static bool read_need(struct registry_slice line, struct registry_lock_need *n)
{
    struct registry_range range;

    if (!registry_text_word(&line, &n->name) || registry_name_fault(n->name.at, n->name.len) != NULL) {
        return false;
    }
    n->range = line;
    return line.len > 0 && line.at[0] != ' ' && line.at[line.len - 1] != ' ' && registry_range_parse(line.at, line.len, &range) == ERR_OK;
}

static bool read_package(struct registry_slice line, struct registry_lock_package *p)
{
    struct registry_version version;
    struct registry_slice record;

    return registry_text_word(&line, &p->name) && registry_text_word(&line, &p->version) && registry_text_word(&line, &record) &&
           registry_name_fault(p->name.at, p->name.len) == NULL && registry_version_parse(p->version.at, p->version.len, &version) == ERR_OK &&
           registry_text_hex(record, p->record, sizeof p->record) && registry_text_hex(line, p->tree, sizeof p->tree);
}

bool registry_lock_read(const void *bytes, size_t size, struct registry_lock *ret)
{
    struct registry_slice last = {.at = "", .len = 0};
    struct registry_lock_package p;
    struct registry_lock_need n;
    struct registry_text t;

    if (size > REGISTRY_LOCK_MAX) {
        return false;
    }
    registry_text_begin(&t, bytes, size);
    registry_text_take_line(&t, head);
    ret->origin = registry_text_take(&t, "origin");
    if (!t.is_good || !registry_text_is_origin(ret->origin)) {
        return false;
    }
    for (ret->needs.at = t.at; registry_text_is(&t, "needs"); last = n.name) {
        if (!read_need(registry_text_take(&t, "needs"), &n) || registry_text_compare(last, n.name) >= 0) {
            return false;
        }
    }
    ret->needs.len = (size_t)(t.at - ret->needs.at);
    last.len = 0;
    for (ret->packages.at = t.at; registry_text_is(&t, "package"); last = p.name) {
        if (!read_package(registry_text_take(&t, "package"), &p) || registry_text_compare(last, p.name) >= 0) {
            return false;
        }
    }
    ret->packages.len = (size_t)(t.at - ret->packages.at);
    return registry_text_is_over(&t);
}

/* The next line without its first word. */
static struct registry_slice next(struct registry_slice *lines, const char *word)
{
    struct registry_text t;

    registry_text_begin(&t, lines->at, lines->len);
    struct registry_slice line = registry_text_take(&t, word);
    assert(t.is_good); /* registry_lock_read has seen it */
    *lines = (struct registry_slice){.at = t.at, .len = (size_t)(t.end - t.at)};
    return line;
}

bool registry_lock_next_need(struct registry_slice *lines, struct registry_lock_need *ret)
{
    return lines->len > 0 && read_need(next(lines, "needs"), ret);
}

bool registry_lock_next_package(struct registry_slice *lines, struct registry_lock_package *ret)
{
    return lines->len > 0 && read_package(next(lines, "package"), ret);
}

bool registry_lock_find(const struct registry_lock *l, struct registry_slice name, struct registry_lock_package *ret)
{
    struct registry_slice lines = l->packages;
    struct registry_lock_package p;

    while (registry_lock_next_package(&lines, &p)) {
        if (registry_text_compare(p.name, name) == 0) {
            *ret = p;
            return true;
        }
    }
    return false;
}

void registry_lock_add_head(struct bytes_text *t, struct registry_slice origin)
{
    bytes_text_add(t, "%s\norigin %.*s\n", head, (int)origin.len, origin.at);
}

void registry_lock_add_need(struct bytes_text *t, const struct registry_lock_need *n)
{
    bytes_text_add(t, "needs %.*s %.*s\n", (int)n->name.len, n->name.at, (int)n->range.len, n->range.at);
}

void registry_lock_add_package(struct bytes_text *t, const struct registry_lock_package *p)
{
    bytes_text_add(t, "package %.*s %.*s ", (int)p->name.len, p->name.at, (int)p->version.len, p->version.at);
    registry_text_add_hex(t, p->record, sizeof p->record);
    bytes_text_add(t, " ");
    registry_text_add_hex(t, p->tree, sizeof p->tree);
    bytes_text_add(t, "\n");
}
