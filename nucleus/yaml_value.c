/* What a text means, and what is said when it means nothing. Quantities are one table: a field, how
 * it is written, where it goes and its range, so that no check can be forgotten for one of them.
 * Everything is strict: a sign, a space or a unit that is almost right is refused with an example,
 * as a guess would be a limit that nobody chose. */
#include "nucleus/yaml_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/name.h"
#include "common/base/unit.h"
#include "nucleus/yaml_list.h"
#include "nucleus/yaml_path.h"
#include "nucleus/yaml_text.h"

enum {
    US_PER_MS = 1000,
    MILLI = 1000,
    EXEC_NAME_MAX = 255, /* a path component of Linux */
};

enum measure {
    COUNT,
    SIZE,
    DURATION, /* whole milliseconds */
};

/* One quantity: which field, how it is written, where it goes, what it may be. */
struct quantity {
    const char *path;
    enum measure measure;
    size_t raw;      /* offset of the text in struct yaml_schema_cell */
    size_t out;      /* offset of the number in struct manifest_cell  */
    size_t out_size; /* of the number, 4 or 8 bytes                   */
    uint64_t min;
    uint64_t max;
};

#define QUANTITY(path, measure, from, to, min, max)                                                \
    {                                                                                              \
        path, measure, offsetof(struct yaml_schema_cell, from),                                    \
            offsetof(struct manifest_cell, to), sizeof(((struct manifest_cell *)NULL)->to), min,   \
            max                                                                                    \
    }

static const struct quantity quantities[] = {
    QUANTITY("instances", COUNT, instances, instances, 0, MANIFEST_INSTANCES_MAX),
    QUANTITY("limits.memory", SIZE, limits.memory, limits.memory_bytes, MANIFEST_MEMORY_MIN,
             MANIFEST_MEMORY_MAX),
    QUANTITY("limits.files", COUNT, limits.files, limits.files, MANIFEST_FILES_MIN,
             MANIFEST_FILES_MAX),
    QUANTITY("limits.message", SIZE, limits.message, limits.message_bytes, MANIFEST_MESSAGE_MIN,
             MANIFEST_MESSAGE_MAX),
    QUANTITY("limits.calls_waiting", COUNT, limits.calls_waiting, limits.calls_waiting,
             MANIFEST_CALLS_WAITING_MIN, MANIFEST_CALLS_WAITING_MAX),
    QUANTITY("limits.log", SIZE, limits.log, limits.log_bytes, MANIFEST_LOG_MIN, MANIFEST_LOG_MAX),
    QUANTITY("limits.log_files", COUNT, limits.log_files, limits.log_files, MANIFEST_LOG_FILES_MIN,
             MANIFEST_LOG_FILES_MAX),
    QUANTITY("heartbeat.every", DURATION, heartbeat.every, heartbeat.every_ms,
             MANIFEST_EVERY_MS_MIN, MANIFEST_EVERY_MS_MAX),
    QUANTITY("heartbeat.dead_after", COUNT, heartbeat.dead_after, heartbeat.dead_after,
             MANIFEST_DEAD_AFTER_MIN, MANIFEST_DEAD_AFTER_MAX),
    QUANTITY("restart.first", DURATION, restart.first, restart.first_ms, 0,
             MANIFEST_BACKOFF_MS_MAX),
    QUANTITY("restart.max", DURATION, restart.max, restart.max_ms, MANIFEST_BACKOFF_MS_MIN,
             MANIFEST_BACKOFF_MS_MAX),
    QUANTITY("restart.stable", DURATION, restart.stable, restart.stable_ms, MANIFEST_STABLE_MS_MIN,
             MANIFEST_STABLE_MS_MAX),
    QUANTITY("deadlines.ready", DURATION, deadlines.ready, deadlines.ready_ms,
             MANIFEST_READY_MS_MIN, MANIFEST_DEADLINE_MS_MAX),
    QUANTITY("deadlines.drain", DURATION, deadlines.drain, deadlines.drain_ms, 0,
             MANIFEST_DEADLINE_MS_MAX),
    QUANTITY("deadlines.term", DURATION, deadlines.term, deadlines.term_ms, 0,
             MANIFEST_DEADLINE_MS_MAX),
};

/* ---- quantities ---- */

/* Digits only, without a leading zero, which other readers take for base eight. More than 64 bits
 * stick at UINT64_MAX, which is past every range here. */
static enum err parse_count(const char *text, uint64_t *ret)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || text[len] != '\0' || (len > 1 && text[0] == '0')) {
        return ERR_MALFORMED;
    }
    *ret = strtoull(text, NULL, 10);
    return ERR_OK;
}

/* ERR_MALFORMED: not of that kind; ERR_RANGE: too large for any range here. */
static enum err parse_measure(enum measure measure, const char *text, uint64_t *ret)
{
    enum err e = ERR_INTERNAL;
    uint64_t us = 0;

    switch (measure) {
    case COUNT:
        return parse_count(text, ret);
    case SIZE:
        return unit_size_parse(text, ret);
    case DURATION:
        e = unit_duration_parse(text, &us);
        if (e == ERR_OK && us % US_PER_MS != 0) {
            return ERR_MALFORMED; /* finer than what the supervisor's clock tells apart */
        }
        *ret = e == ERR_OK ? us / US_PER_MS : *ret;
        return e;
    }
    return e;
}

/* The way a person would write it in the manifest. */
static void format_measure(enum measure measure, uint64_t value, char out[UNIT_TEXT_MAX])
{
    switch (measure) {
    case COUNT:
        (void)snprintf(out, UNIT_TEXT_MAX, "%" PRIu64, value);
        break;
    case SIZE:
        unit_size_format(value, out);
        break;
    case DURATION:
        unit_duration_format(value * US_PER_MS, out);
        break;
    }
}

/* Two faults need two kinds of advice: an example of the notation, or the range. */
static enum err refuse_quantity(const struct yaml_marks *m, uint32_t entry,
                                const struct quantity *q, const char *text, bool is_quantity)
{
    static const char *const kinds[] = {
        [COUNT] = "a whole number, expected e.g. 3",
        [SIZE] = "a size, expected e.g. 256M",
        [DURATION] = "a duration in whole milliseconds, expected e.g. 100ms or 10s",
    };
    char quote[YAML_MARKS_QUOTE_SIZE], min[UNIT_TEXT_MAX], max[UNIT_TEXT_MAX];
    uint32_t node = yaml_marks_find(m, entry, q->path);

    yaml_marks_quote(text, quote);
    if (!is_quantity) {
        return yaml_marks_fault(m, node, ERR_INVALID, "%s is not %s", quote, kinds[q->measure]);
    }
    format_measure(q->measure, q->min, min);
    format_measure(q->measure, q->max, max);
    return yaml_marks_fault(m, node, ERR_INVALID, "%s is out of range, expected %s to %s", quote,
                            min, max);
}

/* Offsets and widths are of the table above, made by the compiler. */
static enum err read_quantity(const struct yaml_marks *m, uint32_t entry, const struct quantity *q,
                              const struct yaml_schema_cell *raw, struct manifest_cell *c)
{
    const char *text = *(char *const *)((const char *)raw + q->raw);
    char *out = (char *)c + q->out;
    uint64_t value = 0;

    if (text == NULL) {
        return ERR_OK; /* the default stays */
    }
    enum err e = parse_measure(q->measure, text, &value);
    if (e != ERR_OK || value < q->min || value > q->max) {
        return refuse_quantity(m, entry, q, text, e == ERR_OK || e == ERR_RANGE);
    }
    assert(q->out_size == sizeof(uint32_t) || q->out_size == sizeof(uint64_t));
    if (q->out_size == sizeof(uint32_t)) {
        assert(value <= UINT32_MAX);
        *(uint32_t *)out = (uint32_t)value;
    } else {
        *(uint64_t *)out = value;
    }
    return ERR_OK;
}

/* Cores with at most three decimals: "2", "0.5", "1.25". */
static enum err parse_milli(const char *text, uint64_t *ret)
{
    static const uint64_t scale[] = {MILLI, MILLI / 10, MILLI / 100, 1};
    size_t whole = strspn(text, "0123456789");
    size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    size_t len = whole + (text[whole] == '.') + decimals;

    if (whole == 0 || text[len] != '\0' || decimals > 3 || (text[whole] == '.' && decimals == 0) ||
        (whole > 1 && text[0] == '0')) {
        return ERR_MALFORMED;
    }
    if (whole > 6) {
        return ERR_RANGE;
    }
    *ret = strtoull(text, NULL, 10) * MILLI;
    if (decimals > 0) {
        *ret += strtoull(text + whole + 1, NULL, 10) * scale[decimals];
    }
    return ERR_OK;
}

/* Apart from the table: the only quantity with decimals. */
static enum err read_cpu(const struct yaml_marks *m, uint32_t entry, const char *text,
                         struct manifest_cell *c)
{
    char quote[YAML_MARKS_QUOTE_SIZE];
    uint64_t milli = 0;

    if (text == NULL) {
        return ERR_OK;
    }
    enum err e = parse_milli(text, &milli);
    if (e != ERR_OK || milli < MANIFEST_CPU_MIN_MILLI || milli > MANIFEST_CPU_MAX_MILLI) {
        return yaml_marks_fault(m, yaml_marks_find(m, entry, "limits.cpu"), ERR_INVALID,
                                "%s is not a number of cores, expected 0.01 to 1024 with at most "
                                "three decimals, e.g. 1.5",
                                yaml_marks_quote(text, quote));
    }
    c->limits.cpu = (double)milli / MILLI;
    return ERR_OK;
}

/* Apart from the table: two quantities in one text. */
static enum err read_give_up(const struct yaml_marks *m, uint32_t entry, const char *text,
                             struct manifest_cell *c)
{
    char quote[YAML_MARKS_QUOTE_SIZE], min[UNIT_TEXT_MAX], max[UNIT_TEXT_MAX];
    uint32_t count = 0;
    uint64_t us = 0;

    if (text == NULL) {
        return ERR_OK;
    }
    uint32_t node = yaml_marks_find(m, entry, "restart.give_up");
    enum err e = unit_rate_parse(text, &count, &us);
    (void)yaml_marks_quote(text, quote);
    if (e == ERR_MALFORMED || us % US_PER_MS != 0) {
        return yaml_marks_fault(m, node, ERR_INVALID,
                                "%s is not a number of crashes in a time, expected e.g. 5 in 60s",
                                quote);
    }
    if (e != ERR_OK || count < MANIFEST_GIVE_UP_MIN || count > MANIFEST_GIVE_UP_MAX ||
        us < MANIFEST_GIVE_UP_MS_MIN * US_PER_MS || us > MANIFEST_GIVE_UP_MS_MAX * UINT64_C(1000)) {
        format_measure(DURATION, MANIFEST_GIVE_UP_MS_MIN, min);
        format_measure(DURATION, MANIFEST_GIVE_UP_MS_MAX, max);
        return yaml_marks_fault(m, node, ERR_INVALID,
                                "%s is out of range, expected %d to %d crashes in %s to %s", quote,
                                MANIFEST_GIVE_UP_MIN, MANIFEST_GIVE_UP_MAX, min, max);
    }
    c->restart.give_up_count = count;
    c->restart.give_up_ms = us / US_PER_MS;
    return ERR_OK;
}

/* ---- words ---- */

/* Store which of `words` the text is. NULL text leaves *ret as it is. */
static enum err read_word(const struct yaml_marks *m, uint32_t entry, const char *path,
                          const char *text, const char *const *words, unsigned count, unsigned *ret)
{
    char quote[YAML_MARKS_QUOTE_SIZE];

    assert(count == 2 || count == 3);
    if (text == NULL) {
        return ERR_OK;
    }
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret = i;
            return ERR_OK;
        }
    }
    return yaml_marks_fault(m, yaml_marks_find(m, entry, path), ERR_INVALID,
                            "%s is not known, expected %s%s%s or %s", yaml_marks_quote(text, quote),
                            words[0], count > 2 ? ", " : "", count > 2 ? words[1] : "",
                            words[count - 1]);
}

/* true and false alone: YAML 1.1 knows 22 spellings and 1.2 six, and "no" as a country is a known
 * trap. */
static enum err read_bool(const struct yaml_marks *m, uint32_t entry, const char *path,
                          const char *text, bool *ret)
{
    static const char *const words[] = {"false", "true"};
    unsigned value = *ret;
    enum err e = read_word(m, entry, path, text, words, ARRAY_LEN(words), &value);

    *ret = value != 0;
    return e;
}

static enum err read_words(const struct yaml_marks *m, uint32_t entry,
                           const struct yaml_schema_cell *raw, struct manifest_cell *c)
{
    static const char *const strategies[] = {
        [MANIFEST_ONE_FOR_ONE] = "one-for-one",
        [MANIFEST_ONE_FOR_ALL] = "one-for-all",
        [MANIFEST_REST_FOR_ONE] = "rest-for-one",
    };
    static const char *const protocols[] = {"gap", "none"}, *const starts[] = {"always", "on-demand"};
    unsigned strategy = c->restart.strategy, protocol = c->trivial, start = c->on_demand;

    enum err e = read_bool(m, entry, "root", raw->root, &c->is_root);
    if (e == ERR_OK) {
        e = read_bool(m, entry, "spare", raw->spare, &c->spare);
    }
    if (e == ERR_OK) {
        e = read_bool(m, entry, "sandbox.network", raw->sandbox.network, &c->sandbox.network);
    }
    if (e == ERR_OK) {
        e = read_word(m, entry, "restart.strategy", raw->restart.strategy, strategies,
                      ARRAY_LEN(strategies), &strategy);
    }
    if (e == ERR_OK) {
        e = read_word(m, entry, "protocol", raw->protocol, protocols, ARRAY_LEN(protocols),
                      &protocol);
    }
    if (e == ERR_OK) {
        e = read_word(m, entry, "start", raw->start, starts, ARRAY_LEN(starts), &start);
    }
    c->restart.strategy = (enum manifest_strategy)strategy;
    c->trivial = protocol != 0;
    c->on_demand = start != 0;
    return e;
}

/* ---- names ---- */

enum err yaml_value_name(const struct yaml_marks *m, uint32_t node, const char *path,
                         const char *text, char *out)
{
    char quote[YAML_MARKS_QUOTE_SIZE];

    if (!name_valid_str(text)) {
        return yaml_marks_fault(
            m, yaml_marks_find(m, node, path), ERR_INVALID,
            "%s is not a name, expected 1 to %d of a-z, 0-9, _ and -, the first "
            "not -",
            yaml_marks_quote(text, quote), NAME_MAX_LEN);
    }
    memcpy(out, text, strlen(text) + 1);
    return ERR_OK;
}

/* The name that means the supervisor to every cell, and those of its files in the run directory. */
static enum err refuse_reserved(const struct yaml_marks *m, uint32_t entry,
                                const struct manifest_cell *c)
{
    static const char *const files[] = {"nucleus", "lock", "doors", "bind", "root"};

    if (strcmp(c->name, "nucleus") == 0) {
        return yaml_marks_fault(m, yaml_marks_find(m, entry, "name"), ERR_INVALID,
                                "\"nucleus\" is the supervisor, expected another name");
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strcmp(c->space, files[i]) == 0) {
            return yaml_marks_fault(
                m, yaml_marks_find(m, entry, "namespace"), ERR_INVALID,
                "\"%s\" is a file of the supervisor, expected another namespace", c->space);
        }
    }
    return ERR_OK;
}

/* NULL when the text may stand in `exec`, else what is wrong. A bare name becomes a path below one
 * of the program directories, and an argument of nothing. */
static const char *judge_exec(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-";

    if (text[0] == '/') {
        return yaml_path_judge(text);
    }
    if (text[0] == '\0' || text[0] == '-' || text[0] == '.' ||
        text[strspn(text, letters)] != '\0') {
        return "is not a program";
    }
    return strlen(text) > EXEC_NAME_MAX ? "is too long" : NULL;
}

/* Whether the program is there is asked later (yaml_manifest_find_binaries). */
static enum err read_exec(const struct yaml_marks *m, uint32_t entry, const char *text,
                          struct manifest_cell *c)
{
    char quote[YAML_MARKS_QUOTE_SIZE];

    if (text == NULL) {
        char name[sizeof "cell-" + NAME_SIZE];
        (void)snprintf(name, sizeof name, "cell-%s", c->name);
        c->exec = strdup(name);
        return c->exec == NULL ? ERR_NOMEM : ERR_OK;
    }
    const char *wrong = judge_exec(text);
    if (wrong != NULL) {
        return yaml_marks_fault(m, yaml_marks_find(m, entry, "exec"), ERR_INVALID,
                                "%s %s, expected a file name of letters, digits, _, ., + and -, or "
                                "an absolute path without . and ..",
                                yaml_marks_quote(text, quote), wrong);
    }
    c->exec = strdup(text);
    return c->exec == NULL ? ERR_NOMEM : ERR_OK;
}

static enum err read_names(const struct yaml_marks *m, uint32_t entry,
                           const struct yaml_schema_cell *raw, struct manifest_cell *c)
{
    enum err e = yaml_value_name(m, entry, "name", raw->name, c->name);

    if (e == ERR_OK && raw->space != NULL) {
        e = yaml_value_name(m, entry, "namespace", raw->space, c->space);
    }
    if (e == ERR_OK) {
        e = refuse_reserved(m, entry, c);
    }
    return e == ERR_OK ? read_exec(m, entry, raw->exec, c) : e;
}

/* ---- the entry ---- */

/* Opaque to the node, but not unread: it has passed the same rules of YAML as the rest. */
static enum err read_config(const struct yaml_marks *m, uint32_t entry, struct manifest_cell *c)
{
    uint32_t node = yaml_marks_child(m, entry, "config");
    size_t len;

    if (node == YAML_MARKS_NONE || yaml_marks_is_null(m, node)) {
        return ERR_OK;
    }
    enum err e = yaml_text_emit(m, node, YAML_TEXT_CONFIG, MANIFEST_CONFIG_MAX, &c->config, &len);
    if (e == ERR_LIMIT) {
        return yaml_marks_fault(m, node, e, "longer than %d bytes of text, expected less",
                                MANIFEST_CONFIG_MAX);
    }
    return e == ERR_OK ? e : yaml_marks_fault(m, node, e, "%s", err_text(e));
}

/* What only two fields together can be wrong about. */
static enum err check_pairs(const struct yaml_marks *m, uint32_t entry,
                            const struct manifest_cell *c)
{
    if (c->restart.first_ms > c->restart.max_ms) {
        return yaml_marks_fault(
            m, yaml_marks_find(m, entry, "restart.first"), ERR_INVALID,
            "%" PRIu32 " ms is longer than restart.max, expected at most its %" PRIu32 " ms",
            c->restart.first_ms, c->restart.max_ms);
    }
    if (c->spare && c->trivial) {
        return yaml_marks_fault(m, yaml_marks_find(m, entry, "spare"), ERR_INVALID,
                                "true with protocol: none, expected a program that can be told to "
                                "wait (protocol: gap)");
    }
    return ERR_OK;
}

enum err yaml_value_cell(const struct yaml_marks *m, uint32_t entry,
                         const struct yaml_schema_cell *raw, struct manifest_cell *c)
{
    uint32_t sandbox = yaml_marks_child(m, entry, "sandbox");
    enum err e = read_names(m, entry, raw, c);

    for (size_t i = 0; e == ERR_OK && i < ARRAY_LEN(quantities); i++) {
        e = read_quantity(m, entry, &quantities[i], raw, c);
    }
    if (e == ERR_OK) {
        e = read_cpu(m, entry, raw->limits.cpu, c);
    }
    if (e == ERR_OK) {
        e = read_give_up(m, entry, raw->restart.give_up, c);
    }
    if (e == ERR_OK) {
        e = read_words(m, entry, raw, c);
    }
    if (e == ERR_OK) {
        e = yaml_list_cell(m, entry, raw, c);
    }
    if (e == ERR_OK) {
        e = read_config(m, entry, c);
    }
    c->sandbox.none = sandbox != YAML_MARKS_NONE && yaml_marks_at(m, sandbox)->is_opaque;
    return e == ERR_OK ? check_pairs(m, entry, c) : e;
}
