#include "registry/record.h"

#include <string.h>

#include "common/base/macros.h"
#include "registry/range.h"
#include "registry/url.h"

static const char head[] = "cell-registry-record-1";

enum { TARGET_MAX = 64 };

static bool is_commit(struct registry_slice s)
{
    uint8_t hash[32];

    return registry_text_hex(s, hash, 20) || registry_text_hex(s, hash, 32);
}

/* As compilers name them: x86_64-linux-gnu. */
static bool is_target(struct registry_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool is_word = (s.at[i] >= 'a' && s.at[i] <= 'z') || (s.at[i] >= '0' && s.at[i] <= '9');

        if (!is_word && (i == 0 || (s.at[i] != '-' && s.at[i] != '_' && s.at[i] != '.'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= TARGET_MAX;
}

/* What a person reads: no blank first or last. */
static bool is_trim(struct registry_slice s)
{
    return s.len > 0 && s.at[0] != ' ' && s.at[s.len - 1] != ' ';
}

static bool take_build(struct registry_text *t, struct registry_record *r)
{
    struct registry_slice line = registry_text_take(t, "build"), target;

    if (r->builds == REGISTRY_RECORD_BUILDS_MAX || !registry_text_word(&line, &target) || !is_target(target) ||
        !registry_text_hex(line, r->build[r->builds].hash, REGISTRY_HASH_SIZE) ||
        (r->builds > 0 && registry_text_compare(r->build[r->builds - 1].target, target) >= 0)) {
        return false;
    }
    r->build[r->builds++].target = target;
    return true;
}

static bool take_depend(struct registry_text *t, struct registry_record *r)
{
    struct registry_slice line = registry_text_take(t, "depends"), name;
    struct registry_range range;

    if (r->depends == REGISTRY_RECORD_DEPENDS_MAX || !registry_text_word(&line, &name) || registry_name_fault(name.at, name.len) != NULL || !is_trim(line) ||
        registry_range_parse(line.at, line.len, &range) != ERR_OK || registry_text_compare(name, r->name) == 0 ||
        (r->depends > 0 && registry_text_compare(r->depend[r->depends - 1].name, name) >= 0)) {
        return false;
    }
    r->depend[r->depends].name = name;
    r->depend[r->depends++].range = line;
    return true;
}

bool registry_record_read(struct registry_slice body, struct registry_record *ret)
{
    struct registry_record *r = ret;
    struct registry_text t;

    *r = (struct registry_record){.summary = {.at = ""}};
    registry_text_begin(&t, body.at, body.len);
    registry_text_take_line(&t, head);
    r->origin = registry_text_take(&t, "origin");
    r->name = registry_text_take(&t, "name");
    struct registry_slice version = registry_text_take(&t, "version");
    r->made_s = registry_text_take_number(&t, "made");
    if (registry_text_is(&t, "summary")) {
        r->summary = registry_text_take(&t, "summary");
        t.is_good = t.is_good && is_trim(r->summary) && r->summary.len <= REGISTRY_RECORD_SUMMARY_MAX;
    }
    r->repository = registry_text_take(&t, "repository");
    r->commit = registry_text_take(&t, "commit");
    registry_text_take_hex(&t, "tree", r->tree, sizeof r->tree);
    if (!t.is_good || body.len > REGISTRY_RECORD_MAX || !registry_text_is_origin(r->origin) || registry_name_fault(r->name.at, r->name.len) != NULL ||
        registry_version_parse(version.at, version.len, &r->version) != ERR_OK || registry_url_fault(r->repository.at, r->repository.len) != NULL ||
        !is_commit(r->commit)) {
        return false;
    }
    while (registry_text_is(&t, "build")) {
        if (!take_build(&t, r)) {
            return false;
        }
    }
    while (registry_text_is(&t, "depends")) {
        if (!take_depend(&t, r)) {
            return false;
        }
    }
    return registry_text_is_over(&t);
}

static void add(struct bytes_text *to, const char *word, struct registry_slice value)
{
    bytes_text_add(to, "%s %.*s\n", word, (int)value.len, value.at);
}

bool registry_record_write(const struct registry_record *r, struct bytes_text *to)
{
    char version[REGISTRY_VERSION_SIZE];
    struct registry_record again;
    size_t begin = to->len;

    (void)registry_version_print(&r->version, version);
    bytes_text_add(to, "%s\n", head);
    add(to, "origin", r->origin);
    add(to, "name", r->name);
    bytes_text_add(to, "version %s\nmade %llu\n", version, (unsigned long long)r->made_s);
    if (r->summary.len > 0) {
        add(to, "summary", r->summary);
    }
    add(to, "repository", r->repository);
    add(to, "commit", r->commit);
    bytes_text_add(to, "tree ");
    registry_text_add_hex(to, r->tree, sizeof r->tree);
    bytes_text_add(to, "\n");
    for (unsigned i = 0; i < r->builds; i++) {
        bytes_text_add(to, "build %.*s ", (int)r->build[i].target.len, r->build[i].target.at);
        registry_text_add_hex(to, r->build[i].hash, REGISTRY_HASH_SIZE);
        bytes_text_add(to, "\n");
    }
    for (unsigned i = 0; i < r->depends; i++) {
        bytes_text_add(to, "depends %.*s %.*s\n", (int)r->depend[i].name.len, r->depend[i].name.at, (int)r->depend[i].range.len, r->depend[i].range.at);
    }
    /* Read back: one place says what is in order, and it is the one that others judge by. */
    return !to->cut && registry_record_read((struct registry_slice){.at = to->at + begin, .len = to->len - begin}, &again);
}
