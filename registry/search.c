#include "registry/search.h"

#include <assert.h>
#include <string.h>

#include "registry/name.h"
#include "registry/record.h"

enum distance {
    WHOLE_NAME,
    LAST_PART,
    WORD_OF_NAME,
    BEGIN_OF_LAST_PART,
    BEGIN_OF_WORD_OF_NAME,
    IN_NAME,
    WORD_OF_SUMMARY,
    BEGIN_OF_WORD_OF_SUMMARY,
    IN_SUMMARY,
    NOWHERE,
};

static const char head[] = "cell-registry-index-1";

static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Of a word: what is neither is between two. */
static bool is_inner(char c)
{
    c = small(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool read_line(struct registry_slice line, struct registry_search_found *f)
{
    *f = (struct registry_search_found){.summary.at = ""};
    if (!registry_text_word(&line, &f->name)) {
        return false;
    }
    const char *blank = memchr(line.at, ' ', line.len);
    f->version = line;
    if (blank != NULL) {
        f->version.len = (size_t)(blank - line.at);
        f->summary = (struct registry_slice){.at = blank + 1, .len = line.len - f->version.len - 1};
    }
    return f->version.len > 0 && (blank == NULL || (f->summary.len > 0 && f->summary.len <= REGISTRY_RECORD_SUMMARY_MAX && f->summary.at[0] != ' ' && f->summary.at[f->summary.len - 1] != ' '));
}

bool registry_search_read(const void *bytes, size_t size, struct registry_search *ret)
{
    struct registry_search_found f, last = {.name.at = ""};
    struct registry_version version;
    struct registry_text t;

    registry_text_begin(&t, bytes, size);
    registry_text_take_line(&t, head);
    ret->origin = registry_text_take(&t, "origin");
    if (size > REGISTRY_SEARCH_INDEX_MAX || !t.is_good || !registry_text_is_origin(ret->origin)) {
        return false;
    }
    ret->list = (struct registry_slice){.at = t.at, .len = (size_t)(t.end - t.at)};
    while (t.at < t.end) {
        if (!read_line(registry_text_take_rest(&t), &f) || registry_name_fault(f.name.at, f.name.len) != NULL ||
            registry_version_parse(f.version.at, f.version.len, &version) != ERR_OK || registry_text_compare(last.name, f.name) >= 0) {
            return false;
        }
        last = f;
    }
    return t.is_good;
}

enum err registry_search_parse(const char *text, size_t len, struct registry_search_question *ret)
{
    struct registry_search_question q = {0};
    size_t at = 0;

    while (at < len) {
        size_t begin = at;

        while (at < len && text[at] != ' ') {
            if (text[at] <= ' ' || text[at] > '~') {
                return ERR_MALFORMED;
            }
            at++;
        }
        if (at > begin) {
            if (q.count == REGISTRY_SEARCH_WORDS_MAX || at - begin > REGISTRY_SEARCH_WORD_MAX) {
                return ERR_LIMIT;
            }
            for (size_t i = begin; i < at; i++) {
                q.word[q.count].at[i - begin] = small(text[i]);
            }
            q.word[q.count++].len = (uint8_t)(at - begin);
        }
        at++;
    }
    if (q.count == 0) {
        return ERR_RANGE;
    }
    *ret = q;
    return ERR_OK;
}

/* The next place at or behind `from` where the word stands; in.len: nowhere. */
static size_t next_place(struct registry_slice in, size_t from, const char *word, size_t len)
{
    const char capital = word[0] >= 'a' && word[0] <= 'z' ? 'a' - 'A' : 0; /* a capital with this bit is that letter, and nothing else is */

    for (size_t at = from; at + len <= in.len; at++) {
        if ((in.at[at] | capital) == word[0]) {
            size_t k = 1;

            while (k < len && small(in.at[at + k]) == word[k]) {
                k++;
            }
            if (k == len) {
                return at;
            }
        }
    }
    return in.len;
}

/* The least of: it is a word of `in`, it begins one, it is anywhere in it. */
static enum distance within(struct registry_slice in, const char *word, size_t len, enum distance is_word, enum distance begins, enum distance inside)
{
    enum distance best = NOWHERE;

    for (size_t at = next_place(in, 0, word, len); at < in.len && best != is_word; at = next_place(in, at + 1, word, len)) {
        bool is_begin = at == 0 || !is_inner(in.at[at - 1]);
        bool is_whole = is_begin && (at + len == in.len || !is_inner(in.at[at + len]));
        enum distance here = is_whole ? is_word : is_begin ? begins : inside;

        best = here < best ? here : best;
    }
    return best;
}

static enum distance distance_of(const struct registry_search_found *f, const char *word, size_t len)
{
    const char *slash = memchr(f->name.at, '/', f->name.len);
    struct registry_slice part = f->name;

    if (slash != NULL) {
        part = (struct registry_slice){.at = slash + 1, .len = (size_t)(f->name.at + f->name.len - slash - 1)};
    }
    enum distance found = within(f->name, word, len, WORD_OF_NAME, BEGIN_OF_WORD_OF_NAME, IN_NAME);
    if (found == NOWHERE) {
        return within(f->summary, word, len, WORD_OF_SUMMARY, BEGIN_OF_WORD_OF_SUMMARY, IN_SUMMARY);
    }
    if (f->name.len == len && memcmp(f->name.at, word, len) == 0) {
        return WHOLE_NAME;
    }
    if (part.len >= len && memcmp(part.at, word, len) == 0) {
        return part.len == len ? LAST_PART : found < BEGIN_OF_LAST_PART ? found : BEGIN_OF_LAST_PART;
    }
    return found;
}

/* Nearer, or as near and before by name. */
static bool is_before(const struct registry_search_found *a, const struct registry_search_found *b)
{
    return a->distance != b->distance ? a->distance < b->distance : registry_text_compare(a->name, b->name) < 0;
}

static bool next(struct registry_slice *lines, struct registry_search_found *ret)
{
    if (lines->len == 0) {
        return false;
    }
    const char *end = memchr(lines->at, '\n', lines->len);
    assert(end != NULL); /* registry_search_read has seen it */
    size_t len = (size_t)(end - lines->at);
    bool is_read = read_line((struct registry_slice){.at = lines->at, .len = len}, ret);

    assert(is_read);
    *lines = (struct registry_slice){.at = end + 1, .len = lines->len - len - 1};
    return true;
}

/* The heap's root is the last of those that are told: whoever is before it takes its place. */
static void sink(struct registry_search_found *heap, size_t count, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        struct registry_search_found f = heap[at];

        child += child + 1 < count && is_before(&heap[child], &heap[child + 1]);
        if (!is_before(&f, &heap[child])) {
            return;
        }
        heap[at] = heap[child];
        heap[child] = f;
    }
}

static void keep(struct registry_search_found *heap, size_t *count, size_t room, const struct registry_search_found *f)
{
    if (*count < room) {
        heap[(*count)++] = *f;
        for (size_t i = *count == room ? room / 2 : 0; i-- > 0;) {
            sink(heap, room, i);
        }
    } else if (room > 0 && is_before(f, &heap[0])) {
        heap[0] = *f;
        sink(heap, room, 0);
    }
}

size_t registry_search_ask(const struct registry_search *s, const struct registry_search_question *q, struct registry_search_found *ret, size_t room)
{
    struct registry_slice lines = s->list;
    struct registry_search_found f;
    size_t all = 0, count = 0;

    assert(q->count > 0 && q->count <= REGISTRY_SEARCH_WORDS_MAX);
    while (next(&lines, &f)) {
        bool is_found = true;

        for (uint8_t i = 0; i < q->count && is_found; i++) {
            enum distance d = distance_of(&f, q->word[i].at, q->word[i].len);
            is_found = d != NOWHERE;
            f.distance += d;
        }
        if (is_found) {
            keep(ret, &count, room, &f);
            all++;
        }
    }
    for (size_t i = count / 2; i-- > 0;) {
        sink(ret, count, i);
    }
    for (size_t left = count; left > 1; left--) { /* the last one to its place */
        struct registry_search_found last = ret[0];
        ret[0] = ret[left - 1];
        ret[left - 1] = last;
        sink(ret, left - 1, 0);
    }
    return all;
}

bool registry_search_find(const struct registry_search *s, struct registry_slice name, struct registry_search_found *ret)
{
    size_t low = 0, high = s->list.len; /* both begin lines, or are the end */

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        while (middle > low && s->list.at[middle - 1] != '\n') {
            middle--;
        }
        struct registry_slice lines = {.at = s->list.at + middle, .len = s->list.len - middle};
        struct registry_search_found f;
        bool is_there = next(&lines, &f);

        assert(is_there);
        int c = registry_text_compare(f.name, name);
        if (c == 0) {
            *ret = f;
            return true;
        }
        if (c < 0) {
            low = (size_t)(lines.at - s->list.at);
        } else {
            high = middle;
        }
    }
    return false;
}

size_t registry_search_alike(const struct registry_search *s, struct registry_slice name, struct registry_search_found *ret, size_t room)
{
    char a[REGISTRY_NAME_SIZE] = "", b[REGISTRY_NAME_SIZE] = "";
    struct registry_slice lines = s->list;
    struct registry_search_found f;
    size_t count = 0;

    assert(name.len < sizeof a);
    memcpy(a, name.at, name.len);
    while (count < room && next(&lines, &f)) {
        memcpy(b, f.name.at, f.name.len);
        b[f.name.len] = '\0';
        if (registry_name_is_alike(a, b)) {
            ret[count++] = f;
        }
    }
    return count;
}

void registry_search_add_head(struct bytes_text *t, struct registry_slice origin)
{
    bytes_text_add(t, "%s\norigin %.*s\n", head, (int)origin.len, origin.at);
}

void registry_search_add(struct bytes_text *t, const struct registry_search_found *f)
{
    bytes_text_add(t, "%.*s %.*s%s%.*s\n", (int)f->name.len, f->name.at, (int)f->version.len, f->version.at, f->summary.len > 0 ? " " : "",
                   (int)f->summary.len, f->summary.at);
}
