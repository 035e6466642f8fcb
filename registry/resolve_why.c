/* Why there is no answer: the rule of no terms is told by the two that it follows from, and so on down to requirements, in the order and with the
 * words of Dart's pub (doc/solver.md, "Error reporting"). */
#include <assert.h>

#include "registry/resolve_core.h"

enum {
    DEPTH_MAX = 200, /* steps of a proof: nobody reads that many */
    RUNS_MAX = 4,    /* stretches of versions that are named     */
};

struct teller {
    const struct registry_resolve *r;
    struct bytes_text *to;
    uint32_t lines;
};

static void add_slice(struct bytes_text *t, struct registry_slice s)
{
    bytes_text_add(t, "%.*s", (int)s.len, s.at);
}

static void add_version(const struct teller *t, uint32_t package, uint32_t value)
{
    char text[REGISTRY_VERSION_SIZE];

    (void)registry_version_print(&t->r->q->package[package].version[t->r->variable[package].version[value]].version, text);
    bytes_text_add(t->to, "%s", text);
}

/* "acme/log 1.0.0 to 1.4.2 or 2.0.0": of a package that has values of `set`, or of all others. */
static void add_values(const struct teller *t, uint32_t package, const uint64_t *set, bool is_inverted)
{
    const struct registry_resolve_variable *v = &t->r->variable[package];
    uint32_t count = 0, runs = 0;

    add_slice(t->to, t->r->q->package[package].name);
    for (uint32_t i = 0; i < v->usable; i++) {
        count += registry_resolve_bit(set, i) != is_inverted;
    }
    if (count == v->usable) {
        bytes_text_add(t->to, count == 1 ? " " : " (any version)");
        if (count == 1) {
            add_version(t, package, 0);
        }
        return;
    }
    for (uint32_t i = 0; i < v->usable; i++) {
        uint32_t end = i;

        if (registry_resolve_bit(set, i) == is_inverted) {
            continue;
        }
        while (end + 1 < v->usable && registry_resolve_bit(set, end + 1) != is_inverted) {
            end++;
        }
        if (runs++ == RUNS_MAX) {
            bytes_text_add(t->to, " or others");
            return;
        }
        bytes_text_add(t->to, runs == 1 ? " " : " or ");
        add_version(t, package, i);
        if (end > i) {
            bytes_text_add(t->to, " to ");
            add_version(t, package, end);
        }
        i = end;
    }
}

static void add_need(const struct teller *t, const struct registry_resolve_rule *rule)
{
    const struct registry_resolve_package *p = &t->r->q->package[rule->need->package];

    if (rule->by == REGISTRY_RESOLVE_NONE) {
        bytes_text_add(t->to, "the project");
    } else {
        add_values(t, rule->by, rule->term[0].set, false);
    }
    bytes_text_add(t->to, " needs ");
    add_slice(t->to, p->name);
    bytes_text_add(t->to, " ");
    add_slice(t->to, rule->need->range);
    if (rule->is_without_version) {
        bool is_yanked = t->r->variable[rule->need->package].usable < p->versions;

        bytes_text_add(t->to, p->versions == 0 ? ", which is not in the registry"
                              : is_yanked      ? ", of which there is no version that was not yanked"
                                               : ", of which there is no version");
    }
}

/* Those with one sign; returns how many. */
static uint32_t add_terms(const struct teller *t, const struct registry_resolve_rule *rule, bool is_present, const char *joint)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < rule->terms; i++) {
        const struct registry_resolve_term *term = &rule->term[i];

        if (registry_resolve_is_present(&t->r->variable[term->package], term->set) == is_present) {
            bytes_text_add(t->to, "%s", count++ == 0 ? "" : joint);
            add_values(t, term->package, term->set, !is_present);
        }
    }
    return count;
}

/* What a rule says. */
static void add_rule(const struct teller *t, const struct registry_resolve_rule *rule)
{
    uint32_t present = 0;

    if (rule->need != NULL) {
        add_need(t, rule);
        return;
    }
    if (rule->terms == 0) {
        bytes_text_add(t->to, "there is no answer");
        return;
    }
    present = add_terms(t, rule, true, " and ");
    if (present == rule->terms) {
        bytes_text_add(t->to, present == 1 ? " cannot be used" : " do not go together");
        return;
    }
    bytes_text_add(t->to, "%s", present == 0 ? "" : present == 1 ? " needs " : " together need ");
    (void)add_terms(t, rule, false, " or ");
    bytes_text_add(t->to, "%s", present == 0 ? " is needed" : "");
}

static bool is_derived(const struct registry_resolve_rule *rule)
{
    return rule->cause[0] != NULL;
}

/* Whether it is told in one line: by two requirements. */
static bool is_simple(const struct registry_resolve_rule *rule)
{
    return !is_derived(rule->cause[0]) && !is_derived(rule->cause[1]);
}

static void add_numbered(const struct teller *t, const struct registry_resolve_rule *rule)
{
    add_rule(t, rule);
    if (rule->line > 0) {
        bytes_text_add(t->to, " (%u)", rule->line);
    }
}

/* A line that says `rule` by what is told in it; a or b may be NULL. */
static void say(struct teller *t, const char *because, const struct registry_resolve_rule *a, const struct registry_resolve_rule *b,
                struct registry_resolve_rule *rule, bool has_number)
{
    bytes_text_add(t->to, "%s%s", t->to->len > 0 ? "\n" : "", because);
    if (a != NULL) {
        add_numbered(t, a);
        bytes_text_add(t->to, "%s", b == NULL ? ", " : a->is_without_version ? ", and " : " and ");
    }
    if (b != NULL) {
        add_numbered(t, b);
        bytes_text_add(t->to, ", ");
    }
    add_rule(t, rule);
    if (has_number || rule->parents > 1) {
        rule->line = ++t->lines;
        bytes_text_add(t->to, " (%u)", rule->line);
    }
}

static void tell(struct teller *t, struct registry_resolve_rule *rule, bool has_number, unsigned depth);

static void tell_both(struct teller *t, struct registry_resolve_rule *rule, bool has_number, unsigned depth)
{
    struct registry_resolve_rule *a = rule->cause[0], *b = rule->cause[1];

    if (a->line > 0 && b->line > 0) {
        say(t, "Because ", a, b, rule, has_number);
    } else if (a->line > 0 || b->line > 0) {
        tell(t, a->line > 0 ? b : a, false, depth);
        say(t, "And because ", a->line > 0 ? a : b, NULL, rule, has_number);
    } else if (is_simple(a) || is_simple(b)) {
        tell(t, is_simple(b) ? a : b, false, depth);
        tell(t, is_simple(b) ? b : a, false, depth);
        say(t, "So ", NULL, NULL, rule, has_number);
    } else {
        tell(t, a, true, depth);
        tell(t, b, false, depth);
        say(t, "And because ", a, NULL, rule, has_number);
    }
}

static void tell_one(struct teller *t, struct registry_resolve_rule *rule, bool has_number, unsigned depth)
{
    bool is_first = is_derived(rule->cause[0]);
    struct registry_resolve_rule *derived = rule->cause[is_first ? 0 : 1], *need = rule->cause[is_first ? 1 : 0];

    if (derived->line > 0) {
        say(t, "Because ", need, derived, rule, has_number);
        return;
    }
    bool inner_first = is_derived(derived->cause[0]);
    struct registry_resolve_rule *inner = derived->cause[inner_first ? 0 : 1], *inner_need = derived->cause[inner_first ? 1 : 0];
    if (derived->parents < 2 && is_derived(inner) && !is_derived(inner_need) && inner->line == 0) {
        tell(t, inner, false, depth); /* two requirements in one line: what is between says nothing by itself */
        say(t, "And because ", inner_need, need, rule, has_number);
        return;
    }
    tell(t, derived, false, depth);
    say(t, "And because ", need, NULL, rule, has_number);
}

static void tell(struct teller *t, struct registry_resolve_rule *rule, bool has_number, unsigned depth)
{
    if (t->to->cut || depth == DEPTH_MAX) {
        return;
    }
    if (!is_derived(rule)) { /* a project's requirement that nothing fulfils */
        say(t, "Because ", rule, NULL, &(struct registry_resolve_rule){.terms = 0}, false);
    } else if (is_derived(rule->cause[0]) && is_derived(rule->cause[1])) {
        tell_both(t, rule, has_number, depth + 1);
    } else if (is_derived(rule->cause[0]) || is_derived(rule->cause[1])) {
        tell_one(t, rule, has_number, depth + 1);
    } else {
        say(t, "Because ", rule->cause[0], rule->cause[1], rule, has_number);
    }
}

/* How often each is a cause: what is told twice has a number. */
static void count_parents(struct registry_resolve *r)
{
    size_t room = 0, count = 0;
    struct registry_resolve_rule **stack = NULL;

    for (struct registry_resolve_rule *rule = r->failure; rule != NULL; rule = count > 0 ? stack[--count] : NULL) {
        for (unsigned i = 0; i < 2 && is_derived(rule); i++) {
            if (rule->cause[i]->parents++ > 0 || !is_derived(rule->cause[i])) {
                continue;
            }
            if (count == room) {
                size_t more = room == 0 ? 64 : 2 * room;
                struct registry_resolve_rule **next = registry_resolve_take(r, more * sizeof next[0]);

                if (next == NULL) {
                    return;
                }
                if (count > 0) {
                    memcpy(next, stack, count * sizeof next[0]);
                }
                stack = next;
                room = more;
            }
            stack[count++] = rule->cause[i];
        }
    }
}

void registry_resolve_explain(struct registry_resolve *r, struct bytes_text *why)
{
    struct teller t = {.r = r, .to = why};

    count_parents(r);
    if (r->e == ERR_OK) {
        tell(&t, r->failure, false, 0);
    }
}
