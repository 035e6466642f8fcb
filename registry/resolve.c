#include "registry/resolve.h"

#include <assert.h>

#include "common/base/macros.h"
#include "registry/range.h"
#include "registry/resolve_core.h"

enum { NONE_AT_ALL = 0, FIRST_ROOM = 64 };

enum relation { SATISFIED, CONTRADICTED, OPEN };

void *registry_resolve_take(struct registry_resolve *r, size_t size)
{
    void *at = r->e != ERR_OK ? NULL : arena_alloc(r->a, size == 0 ? 1 : size);

    if (at == NULL) {
        r->e = r->e == ERR_OK ? ERR_NOMEM : r->e;
        return NULL;
    }
    return memset(at, 0, size);
}

/* Room for one more of `size` bytes: twice what there was. The old one stays in the arena: together no more than the new one. */
static void *grow(struct registry_resolve *r, void *old, size_t count, size_t size, size_t *room)
{
    size_t more = *room == 0 ? FIRST_ROOM : 2 * *room;
    void *at = registry_resolve_take(r, more * size);

    if (at != NULL) {
        if (count > 0) {
            memcpy(at, old, count * size);
        }
        *room = more;
    }
    return at;
}

/* ---- variables ---------------------------------------------------------------------------------------- */

static bool is_usable(const struct registry_resolve_package *p, uint32_t version)
{
    return !p->version[version].is_yanked || (p->locked != NULL && registry_version_compare(&p->version[version].version, p->locked) == 0);
}

static void begin_variable(struct registry_resolve *r, uint32_t package)
{
    const struct registry_resolve_package *p = &r->q->package[package];
    struct registry_resolve_variable *v = &r->variable[package];

    if (p->versions > REGISTRY_RESOLVE_VERSIONS_MAX) {
        r->e = ERR_LIMIT;
        return;
    }
    v->version = registry_resolve_take(r, p->versions * sizeof v->version[0]);
    v->is_added = registry_resolve_take(r, p->versions * sizeof v->is_added[0]);
    v->locked = v->last = REGISTRY_RESOLVE_NONE;
    for (uint32_t i = 0; i < p->versions && r->e == ERR_OK; i++) {
        assert(i == 0 || registry_version_compare(&p->version[i - 1].version, &p->version[i].version) < 0);
        if (is_usable(p, i)) {
            if (p->locked != NULL && registry_version_compare(&p->version[i].version, p->locked) == 0) {
                v->locked = v->usable;
            }
            v->version[v->usable++] = i;
        }
    }
    v->words = v->usable / 64 + 1;
    v->all = registry_resolve_take(r, v->words * sizeof v->all[0]);
    for (uint32_t i = 0; i <= v->usable && r->e == ERR_OK; i++) {
        registry_resolve_add(v->all, i);
    }
}

static void begin(struct registry_resolve *r)
{
    uint32_t n = r->q->packages;

    if (n > REGISTRY_RESOLVE_PACKAGES_MAX) {
        r->e = ERR_LIMIT;
        return;
    }
    r->variable = registry_resolve_take(r, n * sizeof r->variable[0]);
    r->queue = registry_resolve_take(r, n * sizeof r->queue[0]);
    r->changed = registry_resolve_take(r, n * sizeof r->changed[0]);
    r->mark = registry_resolve_take(r, (n + 1) * sizeof r->mark[0]);
    for (uint32_t i = 0; i < n && r->e == ERR_OK; i++) {
        begin_variable(r, i);
    }
}

/* What values are left. */
static const uint64_t *left(const struct registry_resolve *r, uint32_t package)
{
    const struct registry_resolve_variable *v = &r->variable[package];

    return v->last == REGISTRY_RESOLVE_NONE ? v->all : r->pool + r->known[v->last].set;
}

static void change(struct registry_resolve *r, uint32_t package)
{
    if (!r->variable[package].is_changed) {
        r->variable[package].is_changed = true;
        r->changed[r->changed_count++] = package;
    }
}

/* From here on the package has a value of `set` (of which it may have some no more), or of all that are not in it. */
static void learn(struct registry_resolve *r, uint32_t package, const uint64_t *set, bool is_inverted, struct registry_resolve_rule *cause)
{
    struct registry_resolve_variable *v = &r->variable[package];
    size_t room = r->known_room;

    if (r->known_count == room) {
        r->known = grow(r, r->known, r->known_count, sizeof r->known[0], &room);
        r->known_room = (uint32_t)room;
    }
    while (r->e == ERR_OK && r->pool_room - r->pool_used < v->words) {
        r->pool = grow(r, r->pool, r->pool_used, sizeof r->pool[0], &r->pool_room);
    }
    if (r->e != ERR_OK) {
        return;
    }
    const uint64_t *now = left(r, package);
    uint64_t some = 0;
    for (uint32_t i = 0; i < v->words; i++) {
        uint64_t word = now[i] & (is_inverted ? ~set[i] : set[i]);

        r->pool[r->pool_used + i] = word;
        some |= word;
    }
    assert(some != 0);
    r->known[r->known_count] = (struct registry_resolve_known){.package = package, .level = r->level, .before = v->last, .set = r->pool_used, .cause = cause};
    v->last = r->known_count++;
    r->pool_used += v->words;
    change(r, package);
}

/* ---- rules -------------------------------------------------------------------------------------------- */

static void add_rule(struct registry_resolve *r, struct registry_resolve_rule *rule)
{
    if (rule->terms == NONE_AT_ALL) {
        r->failure = rule;
    }
    for (uint32_t i = 0; i < rule->terms && r->e == ERR_OK; i++) {
        struct registry_resolve_variable *v = &r->variable[rule->term[i].package];
        size_t room = v->rules_room;

        if (v->rules == room) {
            v->rule = grow(r, v->rule, v->rules, sizeof v->rule[0], &room);
            v->rules_room = (uint32_t)room;
        }
        if (r->e == ERR_OK) {
            v->rule[v->rules++] = rule;
        }
    }
}

static struct registry_resolve_rule *new_rule(struct registry_resolve *r, uint32_t terms_most)
{
    struct registry_resolve_rule *rule = registry_resolve_take(r, sizeof *rule);

    if (rule != NULL) {
        rule->by = REGISTRY_RESOLVE_NONE;
        rule->term = registry_resolve_take(r, terms_most * sizeof rule->term[0]);
    }
    return rule;
}

/* The values of a required package that its range does not have. NULL: the range is none, or no memory. */
static uint64_t *outside(struct registry_resolve *r, const struct registry_resolve_need *need, bool *ret_is_all)
{
    const struct registry_resolve_package *p = &r->q->package[need->package];
    const struct registry_resolve_variable *v = &r->variable[need->package];
    struct registry_range range;

    if (registry_range_parse(need->range.at, need->range.len, &range) != ERR_OK) {
        r->e = ERR_MALFORMED;
        return NULL;
    }
    uint64_t *set = registry_resolve_take(r, v->words * sizeof set[0]);
    *ret_is_all = true;
    for (uint32_t i = 0; i < v->usable && set != NULL; i++) {
        if (registry_range_has(&range, &p->version[v->version[i]].version)) {
            *ret_is_all = false;
        } else {
            registry_resolve_add(set, i);
        }
    }
    if (set != NULL) {
        registry_resolve_add(set, v->usable); /* to be absent is not to be in it either */
    }
    return set;
}

/* Of both. */
static const uint64_t *intersect(struct registry_resolve *r, uint32_t package, const uint64_t *a, const uint64_t *b)
{
    uint32_t words = r->variable[package].words;
    uint64_t *both = registry_resolve_take(r, words * sizeof both[0]);

    for (uint32_t i = 0; i < words && both != NULL; i++) {
        both[i] = a[i] & b[i];
    }
    return both;
}

/* "Not these versions of `by` and at the same time of the required package something outside the range." by_set NULL: the project's. */
static void add_need(struct registry_resolve *r, uint32_t by, const uint64_t *by_set, const struct registry_resolve_need *need)
{
    struct registry_resolve_rule *rule = new_rule(r, 2);
    bool is_all = false;
    const uint64_t *set = rule == NULL ? NULL : outside(r, need, &is_all);

    if (r->e == ERR_MALFORMED && rule != NULL) {
        rule->need = need;
        rule->by = by;
        r->failure = rule; /* whose range it is */
    }
    if (r->e != ERR_OK) {
        return;
    }
    rule->need = need;
    rule->by = by;
    rule->is_without_version = is_all;
    if (by_set != NULL) {
        /* Who needs himself: one package, one term, of those of his versions that are not in his range. */
        bool is_own = by == need->package;

        by_set = is_own ? intersect(r, by, by_set, set) : by_set;
        if (by_set == NULL) {
            return;
        }
        rule->term[rule->terms++] = (struct registry_resolve_term){.package = by, .set = by_set};
        is_all = is_all || is_own;
    }
    if (!is_all) { /* else it holds of every value, and says nothing */
        rule->term[rule->terms++] = (struct registry_resolve_term){.package = need->package, .set = set};
    }
    add_rule(r, rule);
}

static bool is_same_need(const struct registry_resolve_need *a, const struct registry_resolve_need *b)
{
    return a->package == b->package && registry_text_compare(a->range, b->range) == 0;
}

/* The rules of one version's needs. A need is said once for all versions that have it: so it is told, too. */
static void add_needs(struct registry_resolve *r, uint32_t package, uint32_t value)
{
    const struct registry_resolve_package *p = &r->q->package[package];
    struct registry_resolve_variable *v = &r->variable[package];
    const struct registry_resolve_version *at = &p->version[v->version[value]];

    for (uint32_t n = 0; n < at->needs && r->e == ERR_OK; n++) {
        if (v->is_added[value] != NULL && v->is_added[value][n]) {
            continue;
        }
        uint64_t *set = registry_resolve_take(r, v->words * sizeof set[0]);
        for (uint32_t i = 0; i < v->usable && set != NULL; i++) {
            const struct registry_resolve_version *other = &p->version[v->version[i]];

            for (uint32_t k = 0; k < other->needs; k++) {
                if (!is_same_need(&other->need[k], &at->need[n])) {
                    continue;
                }
                registry_resolve_add(set, i);
                if (v->is_added[i] == NULL) {
                    v->is_added[i] = registry_resolve_take(r, other->needs);
                }
                if (v->is_added[i] != NULL) {
                    v->is_added[i][k] = true;
                }
            }
        }
        if (r->e == ERR_OK) {
            add_need(r, package, set, &at->need[n]);
        }
    }
}

/* ---- what follows -------------------------------------------------------------------------------------- */

static enum relation relate(const struct registry_resolve *r, const struct registry_resolve_term *t)
{
    const uint64_t *now = left(r, t->package);
    bool is_in = true, is_out = true;

    for (uint32_t i = 0; i < r->variable[t->package].words; i++) {
        is_in = is_in && (now[i] & ~t->set[i]) == 0;
        is_out = is_out && (now[i] & t->set[i]) == 0;
    }
    return is_in ? SATISFIED : is_out ? CONTRADICTED : OPEN;
}

/* Whether a rule is broken; where all of its terms but one hold, the last one is known not to. */
static bool apply(struct registry_resolve *r, struct registry_resolve_rule *rule)
{
    const struct registry_resolve_term *open = NULL;

    for (uint32_t i = 0; i < rule->terms; i++) {
        enum relation relation = relate(r, &rule->term[i]);

        if (relation == CONTRADICTED || (relation == OPEN && open != NULL)) {
            return false;
        }
        open = relation == OPEN ? &rule->term[i] : open;
    }
    if (open == NULL) {
        return true;
    }
    learn(r, open->package, open->set, true, rule);
    return false;
}

/* The first of what is known about a term's package that makes it hold, given (other NULL: nothing) that it has a value of those in `or_set`, too.
 * REGISTRY_RESOLVE_NONE: it always holds. */
static uint32_t satisfier(const struct registry_resolve *r, uint32_t package, const uint64_t *set, uint32_t from)
{
    const struct registry_resolve_variable *v = &r->variable[package];
    uint32_t first = REGISTRY_RESOLVE_NONE;

    for (uint32_t at = from; at != REGISTRY_RESOLVE_NONE; at = r->known[at].before) {
        const uint64_t *now = r->pool + r->known[at].set;
        bool is_in = true;

        for (uint32_t i = 0; i < v->words; i++) {
            is_in = is_in && (now[i] & ~set[i]) == 0;
        }
        if (!is_in) {
            return first;
        }
        first = at;
    }
    for (uint32_t i = 0; i < v->words; i++) {
        if ((v->all[i] & ~set[i]) != 0) {
            return first;
        }
    }
    return REGISTRY_RESOLVE_NONE;
}

static const struct registry_resolve_term *term_of(const struct registry_resolve_rule *rule, uint32_t package)
{
    for (uint32_t i = 0; i < rule->terms; i++) {
        if (rule->term[i].package == package) {
            return &rule->term[i];
        }
    }
    return NULL;
}

/* Both hold: the intersection. */
static void add_term(struct registry_resolve *r, struct registry_resolve_rule *rule, uint32_t package, const uint64_t *set)
{
    for (uint32_t i = 0; i < rule->terms; i++) {
        if (rule->term[i].package == package) {
            const uint64_t *both = intersect(r, package, rule->term[i].set, set);

            rule->term[i].set = both != NULL ? both : set;
            return;
        }
    }
    rule->term[rule->terms++] = (struct registry_resolve_term){.package = package, .set = set};
}

/* What made the package be known as the rule's term wants it comes into the place of that term. rest: the values with which the cause alone would
 * not have been enough; NULL: it was. */
static struct registry_resolve_rule *resolve(struct registry_resolve *r, struct registry_resolve_rule *rule, uint32_t package,
                                             struct registry_resolve_rule *cause, const uint64_t *rest)
{
    struct registry_resolve_rule *made = new_rule(r, rule->terms + cause->terms);
    struct registry_resolve_rule *const from[] = {rule, cause};

    if (r->e != ERR_OK) {
        return NULL;
    }
    made->cause[0] = rule;
    made->cause[1] = cause;
    for (unsigned k = 0; k < 2; k++) {
        for (uint32_t i = 0; i < from[k]->terms; i++) {
            if (from[k]->term[i].package != package) {
                add_term(r, made, from[k]->term[i].package, from[k]->term[i].set);
            }
        }
    }
    if (rest != NULL) {
        add_term(r, made, package, rest);
    }
    return made;
}

static void forget(struct registry_resolve *r, uint32_t level)
{
    uint32_t known = r->mark[level + 1].known;

    assert(level < r->level);
    while (r->known_count > known) {
        const struct registry_resolve_known *k = &r->known[--r->known_count];

        r->variable[k->package].last = k->before;
        r->pool_used = k->set;
    }
    while (r->queued > r->mark[level + 1].queued) {
        r->variable[r->queue[--r->queued]].is_queued = false;
    }
    while (r->changed_count > 0) {
        r->variable[r->changed[--r->changed_count]].is_changed = false;
    }
    r->level = level;
}

/* The values of a term, and those that its cause excludes: with them, what was known before would have been enough. NULL: there are
 * no such values but all. */
static const uint64_t *rest_of(struct registry_resolve *r, const struct registry_resolve_term *term, const struct registry_resolve_rule *cause)
{
    const struct registry_resolve_variable *v = &r->variable[term->package];
    const struct registry_resolve_term *excluded = term_of(cause, term->package);
    uint64_t *rest = registry_resolve_take(r, v->words * sizeof rest[0]);
    bool is_all = true;

    assert(excluded != NULL);
    for (uint32_t i = 0; i < v->words && rest != NULL; i++) {
        rest[i] = term->set[i] | excluded->set[i];
        is_all = is_all && rest[i] == v->all[i];
    }
    return is_all ? NULL : rest;
}

/* Of a broken rule: what is to blame is looked for backwards until it lies before the present decision; that is a rule, too, and what
 * was decided since is taken back. After it the rule has one term that does not hold. Of no terms: there is no answer. */
static void repair(struct registry_resolve *r, struct registry_resolve_rule *broken)
{
    struct registry_resolve_rule *rule = broken;

    while (r->e == ERR_OK && rule->terms > 0) {
        const struct registry_resolve_term *last = NULL;
        uint32_t last_known = 0, level = 0;

        for (uint32_t i = 0; i < rule->terms; i++) {
            uint32_t known = satisfier(r, rule->term[i].package, rule->term[i].set, r->variable[rule->term[i].package].last);

            assert(known != REGISTRY_RESOLVE_NONE);
            if (last == NULL || known > last_known) {
                level = last != NULL && r->known[last_known].level > level ? r->known[last_known].level : level;
                last = &rule->term[i];
                last_known = known;
            } else {
                level = r->known[known].level > level ? r->known[known].level : level;
            }
        }
        struct registry_resolve_known *k = &r->known[last_known];
        const uint64_t *rest = k->cause == NULL ? NULL : rest_of(r, last, k->cause);
        if (rest != NULL && r->e == ERR_OK) {
            uint32_t known = satisfier(r, last->package, rest, k->before);

            assert(known != REGISTRY_RESOLVE_NONE);
            level = r->known[known].level > level ? r->known[known].level : level;
        }
        if (r->e != ERR_OK) {
            return;
        }
        if (k->cause == NULL || level < k->level) {
            forget(r, level);
            if (rule != broken) {
                add_rule(r, rule);
            }
            learn(r, last->package, last->set, true, rule);
            return;
        }
        r->steps++;
        rule = resolve(r, rule, last->package, k->cause, rest);
    }
    r->failure = rule;
}

static void propagate(struct registry_resolve *r)
{
    while (r->changed_count > 0 && r->e == ERR_OK && r->failure == NULL) {
        uint32_t package = r->changed[--r->changed_count];
        struct registry_resolve_variable *v = &r->variable[package];

        v->is_changed = false;
        for (uint32_t i = v->rules; i > 0 && r->e == ERR_OK && r->failure == NULL; i--) { /* the newest first: it was learned here */
            struct registry_resolve_rule *rule = v->rule[i - 1];

            if (++r->steps > r->q->steps_max) {
                r->e = ERR_LIMIT;
            } else if (apply(r, rule)) {
                repair(r, rule);
                break;
            }
        }
    }
}

static void require(struct registry_resolve *r, uint32_t package)
{
    assert(package < r->q->packages);
    if (!r->variable[package].is_queued) {
        r->variable[package].is_queued = true;
        r->queue[r->queued++] = package;
    }
}

static uint32_t choose(const struct registry_resolve *r, uint32_t package)
{
    const struct registry_resolve_variable *v = &r->variable[package];
    const uint64_t *now = left(r, package);

    assert(!registry_resolve_bit(now, v->usable)); /* whoever requires it has said so */
    if (v->locked != REGISTRY_RESOLVE_NONE && registry_resolve_bit(now, v->locked)) {
        return v->locked;
    }
    for (uint32_t i = 0; i < v->usable; i++) {
        uint32_t value = r->q->is_oldest ? i : v->usable - 1 - i;

        if (registry_resolve_bit(now, value)) {
            return value;
        }
    }
    assert(false); /* a rule would have been broken */
    return 0;
}

static void decide(struct registry_resolve *r)
{
    uint32_t package = r->queue[r->level];
    struct registry_resolve_variable *v = &r->variable[package];
    uint32_t value = choose(r, package);
    const struct registry_resolve_version *at = &r->q->package[package].version[v->version[value]];
    uint64_t *set = registry_resolve_take(r, v->words * sizeof set[0]);

    if (set == NULL) {
        return;
    }
    registry_resolve_add(set, value);
    r->level++;
    r->mark[r->level].known = r->known_count;
    r->mark[r->level].queued = r->queued;
    for (uint32_t i = 0; i < at->needs; i++) {
        require(r, at->need[i].package);
    }
    add_needs(r, package, value);
    if (r->e == ERR_OK) {
        learn(r, package, set, false, NULL);
    }
}

static void say_malformed(const struct registry_resolve *r, struct bytes_text *why)
{
    const struct registry_resolve_rule *f = r->failure;
    const struct registry_slice by = f->by == REGISTRY_RESOLVE_NONE ? (struct registry_slice){.at = "the project", .len = 11} : r->q->package[f->by].name;

    bytes_text_add(why, "%.*s needs %.*s ", (int)by.len, by.at, (int)r->q->package[f->need->package].name.len, r->q->package[f->need->package].name.at);
    bytes_text_add_escaped(why, f->need->range.at, f->need->range.len);
    bytes_text_add(why, ", which is no range of versions");
}

enum err registry_resolve_run(const struct registry_resolve_question *q, struct arena *a, uint32_t *choice, struct bytes_text *why)
{
    struct registry_resolve r = {.q = q, .a = a};

    begin(&r);
    for (uint32_t i = 0; i < q->needs && r.e == ERR_OK && r.failure == NULL; i++) {
        require(&r, q->need[i].package);
        add_need(&r, REGISTRY_RESOLVE_NONE, NULL, &q->need[i]);
        change(&r, q->need[i].package);
    }
    for (;;) {
        propagate(&r);
        if (r.e != ERR_OK || r.failure != NULL || r.level == r.queued) {
            break;
        }
        decide(&r);
    }
    if (r.e == ERR_MALFORMED) {
        say_malformed(&r, why);
    }
    if (r.e == ERR_OK && r.failure != NULL) {
        registry_resolve_explain(&r, why);
        return r.e == ERR_OK ? ERR_NOT_FOUND : r.e;
    }
    for (uint32_t i = 0; i < q->packages && r.e == ERR_OK; i++) {
        choice[i] = REGISTRY_RESOLVE_NONE;
    }
    for (uint32_t i = 0; i < r.queued && r.e == ERR_OK; i++) {
        choice[r.queue[i]] = r.variable[r.queue[i]].version[choose(&r, r.queue[i])];
    }
    return r.e;
}
