#include "registry/range.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"

enum written { NO_SIGN, CARET, TILDE, EQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL };

/* Longer ones before those that they begin with. */
static const struct {
    const char *text;
    enum written sign;
} signs[] = {{"<=", LESS_EQUAL}, {">=", MORE_EQUAL}, {"<", LESS}, {">", MORE}, {"^", CARET}, {"~", TILDE}, {"=", EQUAL}};

/* A version of which `given` numbers, 0 to 3, are said. */
struct partial {
    struct registry_version v; /* what is not said is 0 */
    unsigned given;
    bool is_starred;           /* "1.2.x": the rest is said to be any */
};

struct reader {
    const char *at, *end;
    struct registry_range range;
    uint8_t tests;
};

static void skip_blanks(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\t')) {
        in->at++;
    }
}

static bool take(struct reader *in, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(in->end - in->at) < len || memcmp(in->at, text, len) != 0) {
        return false;
    }
    in->at += len;
    return true;
}

static bool take_star(struct reader *in)
{
    return take(in, "*") || take(in, "x") || take(in, "X");
}

/* Whether a partial may end here: 1.2.3.4 and 1.2.3x are none. */
static bool is_end(const struct reader *in)
{
    return in->at == in->end || strchr(" \t,|<>=^~", *in->at) != NULL;
}

static enum err take_tags(struct reader *in, struct partial *p)
{
    char build[REGISTRY_VERSION_TAG_MAX + 1];
    enum err e = ERR_OK;

    if (p->given < 3) {
        return ERR_OK;
    }
    if (take(in, "-")) {
        e = registry_version_take_tag(&in->at, in->end, true, p->v.pre);
    }
    if (e == ERR_OK && take(in, "+")) {
        e = registry_version_take_tag(&in->at, in->end, false, build);
    }
    return e;
}

static enum err take_partial(struct reader *in, struct partial *p)
{
    uint64_t *const number[] = {&p->v.major, &p->v.minor, &p->v.patch};

    *p = (struct partial){0};
    for (unsigned i = 0; i < 3 && (i == 0 || take(in, ".")); i++) {
        if (take_star(in)) {
            p->is_starred = true;
        } else if (p->is_starred) {
            return ERR_MALFORMED; /* 1.x.3: nobody knows what he means by that */
        } else {
            enum err e = registry_version_take_number(&in->at, in->end, number[i]);
            if (e != ERR_OK) {
                return e;
            }
            p->given++;
        }
    }
    enum err e = take_tags(in, p);
    if (e != ERR_OK) {
        return e;
    }
    return in->at == in->end || (is_end(in) && *in->at != '\0') ? ERR_OK : ERR_MALFORMED;
}

/* The first version, pre-releases included, in which number `which` (0: major) is one more and what follows is 0. False: there is none. */
static bool above(const struct registry_version *v, unsigned which, struct registry_version *ret)
{
    uint64_t value[3] = {v->major, v->minor, v->patch};

    assert(which < 3);
    if (value[which] == REGISTRY_VERSION_NUMBER_MAX) {
        return which > 0 && above(v, which - 1, ret);
    }
    value[which]++;
    for (unsigned i = which + 1; i < 3; i++) {
        value[i] = 0;
    }
    *ret = (struct registry_version){.major = value[0], .minor = value[1], .patch = value[2], .pre = "0"};
    return true;
}

static enum err add(struct reader *in, enum registry_range_sign sign, const struct registry_version *v)
{
    if (in->tests == REGISTRY_RANGE_TESTS) {
        return ERR_LIMIT;
    }
    in->range.test[in->tests].sign = sign;
    in->range.test[in->tests++].version = *v;
    return ERR_OK;
}

/* Below all that begins as `v` does, up to its number `which`, plus one. */
static enum err add_below(struct reader *in, const struct registry_version *v, unsigned which)
{
    struct registry_version bound;

    return above(v, which, &bound) ? add(in, REGISTRY_LESS, &bound) : ERR_OK; /* nothing is above: nothing to refuse */
}

static enum err add_from(struct reader *in, const struct registry_version *v, unsigned below)
{
    enum err e = add(in, REGISTRY_MORE_EQUAL, v);

    return e != ERR_OK ? e : add_below(in, v, below);
}

/* The number that a caret lets nobody change: the first that is not 0, else the last that is said. */
static unsigned caret_number(const struct partial *p)
{
    const uint64_t value[3] = {p->v.major, p->v.minor, p->v.patch};

    for (unsigned i = 0; i < p->given; i++) {
        if (value[i] != 0) {
            return i;
        }
    }
    return p->given - 1;
}

static enum err add_more(struct reader *in, const struct partial *p)
{
    struct registry_version bound;

    if (p->given == 3) {
        return add(in, REGISTRY_MORE, &p->v);
    }
    if (!above(&p->v, p->given - 1, &bound)) {
        return ERR_LIMIT; /* above the highest there is nothing */
    }
    bound.pre[0] = '\0';
    return add(in, REGISTRY_MORE_EQUAL, &bound);
}

static enum err add_less(struct reader *in, const struct partial *p)
{
    struct registry_version bound = p->v;

    if (p->given < 3) {
        memcpy(bound.pre, "0", 2);
    }
    return add(in, REGISTRY_LESS, &bound);
}

static enum err add_test(struct reader *in, enum written sign, const struct partial *p)
{
    if (p->given == 0) {
        return sign == LESS || sign == MORE ? ERR_MALFORMED : ERR_OK; /* * is any */
    }
    switch (sign) {
    case NO_SIGN:
        return add_from(in, &p->v, p->is_starred ? p->given - 1 : caret_number(p));
    case CARET:
        return add_from(in, &p->v, caret_number(p));
    case TILDE:
        return add_from(in, &p->v, p->given == 1 ? 0 : 1);
    case EQUAL:
        return p->given == 3 ? add(in, REGISTRY_EQUAL, &p->v) : add_from(in, &p->v, p->given - 1);
    case LESS:
        return add_less(in, p);
    case LESS_EQUAL:
        return p->given == 3 ? add(in, REGISTRY_LESS_EQUAL, &p->v) : add_below(in, &p->v, p->given - 1);
    case MORE:
        return add_more(in, p);
    case MORE_EQUAL:
        return add(in, REGISTRY_MORE_EQUAL, &p->v);
    }
    return ERR_INTERNAL;
}

/* " - " behind a partial without a sign. */
static bool take_hyphen(struct reader *in)
{
    const char *before = in->at;

    skip_blanks(in);
    if (in->at > before && take(in, "-") && in->at < in->end && (*in->at == ' ' || *in->at == '\t')) {
        skip_blanks(in);
        return true;
    }
    in->at = before;
    return false;
}

static enum err take_to(struct reader *in, const struct partial *from)
{
    struct partial to;
    enum err e = take_partial(in, &to);

    if (e == ERR_OK && from->given > 0) {
        e = add(in, REGISTRY_MORE_EQUAL, &from->v);
    }
    return e != ERR_OK || to.given == 0 ? e : add_test(in, LESS_EQUAL, &to);
}

static enum err take_test(struct reader *in, bool is_first, bool *ret_is_hyphen)
{
    enum written sign = NO_SIGN;
    struct partial p;

    for (size_t i = 0; i < ARRAY_LEN(signs) && sign == NO_SIGN; i++) {
        if (take(in, signs[i].text)) {
            sign = signs[i].sign;
            skip_blanks(in);
        }
    }
    enum err e = take_partial(in, &p);
    if (e != ERR_OK) {
        return e;
    }
    if (sign == NO_SIGN && is_first && take_hyphen(in)) {
        *ret_is_hyphen = true;
        return take_to(in, &p);
    }
    return add_test(in, sign, &p);
}

static enum err take_set(struct reader *in)
{
    bool is_hyphen = false, is_first = true;

    for (;;) {
        skip_blanks(in);
        enum err e = take_test(in, is_first, &is_hyphen);
        if (e != ERR_OK) {
            return e;
        }
        skip_blanks(in);
        bool is_over = in->at == in->end || *in->at == '|';
        if (is_over) {
            return ERR_OK;
        }
        if (is_hyphen) {
            return ERR_MALFORMED;
        }
        (void)take(in, ","); /* a blank alone says the same */
        is_first = false;
    }
}

enum err registry_range_parse(const char *text, size_t len, struct registry_range *ret)
{
    struct reader in = {.at = text, .end = text + len};

    if (len > REGISTRY_RANGE_MAX) {
        return ERR_LIMIT;
    }
    do {
        if (in.range.sets == REGISTRY_RANGE_SETS) {
            return ERR_LIMIT;
        }
        enum err e = take_set(&in);
        if (e != ERR_OK) {
            return e;
        }
        in.range.end[in.range.sets++] = in.tests;
    } while (take(&in, "||"));
    if (in.at != in.end) {
        return ERR_MALFORMED;
    }
    *ret = in.range;
    return ERR_OK;
}

/* ---- use -------------------------------------------------------------------------------------------- */

static bool passes(enum registry_range_sign sign, int c)
{
    switch (sign) {
    case REGISTRY_EQUAL:
        return c == 0;
    case REGISTRY_LESS:
        return c < 0;
    case REGISTRY_LESS_EQUAL:
        return c <= 0;
    case REGISTRY_MORE:
        return c > 0;
    case REGISTRY_MORE_EQUAL:
        return c >= 0;
    }
    return false;
}

bool registry_range_has(const struct registry_range *r, const struct registry_version *v)
{
    for (uint8_t set = 0, i = 0; set < r->sets; set++) {
        bool is_in = true, is_pre_named = v->pre[0] == '\0';

        for (; i < r->end[set]; i++) {
            const struct registry_version *bound = &r->test[i].version;

            is_in = is_in && passes(r->test[i].sign, registry_version_compare(v, bound));
            is_pre_named = is_pre_named ||
                           (bound->pre[0] != '\0' && bound->major == v->major && bound->minor == v->minor && bound->patch == v->patch);
        }
        if (is_in && is_pre_named) {
            return true;
        }
    }
    return false;
}

size_t registry_range_print(const struct registry_range *r, char to[REGISTRY_RANGE_SIZE])
{
    static const char *const sign[] = {"=", "<", "<=", ">", ">="};
    struct bytes_text text;

    bytes_text_init(&text, to, REGISTRY_RANGE_SIZE);
    for (uint8_t set = 0, i = 0; set < r->sets; set++) {
        uint8_t begin = i;

        bytes_text_add(&text, "%s%s", set == 0 ? "" : " || ", i == r->end[set] ? "*" : "");
        for (; i < r->end[set]; i++) {
            char version[REGISTRY_VERSION_SIZE];

            (void)registry_version_print(&r->test[i].version, version);
            bytes_text_add(&text, "%s%s%s", i == begin ? "" : " ", sign[r->test[i].sign], version);
        }
    }
    assert(!text.cut);
    return text.len;
}
