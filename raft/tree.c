#include "raft/tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "raft/span.h"

enum {
    POOR = RAFT_TREE_FAN / 4,     /* below this a node looks for a neighbour to join            */
    JOINED = RAFT_TREE_FAN * 3 / 4, /* and joins it if both have this together: room is left to grow */
};

/* A copy of a key that parts two children. */
struct fence {
    uint16_t size;
    uint8_t bytes[];
};

struct raft_tree_node {
    bool is_leaf;
    uint32_t count;
    union {
        struct raft_tree_node *prev; /* of a leaf */
        struct fence **fence;        /* of an inner node, [i]: no key under child[i] is less; [0]: none */
    };
    struct raft_tree_node *next;     /* of a leaf */
    uint8_t mark[RAFT_TREE_FAN];     /* of a leaf, [i]: of the key of record[i] */
    union {
        struct raft_record *record[RAFT_TREE_FAN];
        struct raft_tree_node *child[RAFT_TREE_FAN];
    };
};

static void node_free(struct raft_tree_node *n)
{
    if (n != NULL && !n->is_leaf) {
        free(n->fence);
    }
    free(n);
}

/* The half of a node that fences need is for inner ones alone: one in sixty. */
static struct raft_tree_node *node_new(bool is_leaf)
{
    struct raft_tree_node *n = calloc(1, sizeof *n);

    if (n == NULL) {
        return NULL;
    }
    n->is_leaf = is_leaf;
    if (!is_leaf) {
        n->fence = calloc(RAFT_TREE_FAN, sizeof n->fence[0]);
        if (n->fence == NULL) {
            free(n);
            return NULL;
        }
    }
    return n;
}

static struct fence *fence_new(struct raft_bytes key)
{
    struct fence *f = malloc(sizeof *f + key.size);

    if (f != NULL) {
        f->size = (uint16_t)key.size;
        memcpy(f->bytes, key.at, key.size);
    }
    return f;
}

/* A byte that says of most keys that they are not the one that is looked for: looking at the keys themselves takes a line
 * of memory each. */
static uint8_t mark_of(struct raft_bytes key)
{
    uint64_t sum = key.size;

    for (uint32_t at = 0; at < key.size; at += sizeof sum) {
        uint64_t word = 0;
        memcpy(&word, key.at + at, key.size - at < sizeof word ? key.size - at : sizeof word);
        sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 by the golden ratio: the high bits depend on all */
        sum ^= sum >> 32;
    }
    return (uint8_t)(sum >> 24);
}

/* The place of a key in a leaf, by the marks; NULL: it is not there. */
static struct raft_record **find_marked(struct raft_tree_node *n, struct raft_bytes key)
{
    uint8_t mark = mark_of(key), *end = n->mark + n->count;

    for (uint8_t *at = n->mark; (at = memchr(at, mark, (size_t)(end - at))) != NULL; at++) {
        struct raft_record **slot = &n->record[at - n->mark];
        if (raft_span_order(raft_record_key(*slot), key) == 0) {
            return slot;
        }
    }
    return NULL;
}

/* How many records of a leaf are less than the key; *ret_found: whether the next one has it. */
static uint32_t search_leaf(const struct raft_tree_node *n, struct raft_bytes key, bool *ret_found)
{
    uint32_t low = 0, high = n->count;

    *ret_found = false;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = raft_span_order(raft_record_key(n->record[middle]), key);

        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
            *ret_found = *ret_found || order == 0;
        }
    }
    return low;
}

/* The child under which the key belongs. */
static uint32_t search_inner(const struct raft_tree_node *n, struct raft_bytes key)
{
    uint32_t low = 0, high = n->count - 1;

    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        struct raft_bytes fence = {n->fence[middle]->bytes, n->fence[middle]->size};

        if (raft_span_order(fence, key) <= 0) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/* From the root to a leaf. */
struct path {
    uint32_t depth; /* inner nodes */
    struct raft_tree_node *node[RAFT_TREE_DEEP];
    uint32_t index[RAFT_TREE_DEEP];
};

static struct raft_tree_node *descend(const struct raft_tree *t, struct raft_bytes key, struct path *ret)
{
    struct raft_tree_node *n = t->root;

    ret->depth = 0;
    while (n != NULL && !n->is_leaf) {
        assert(ret->depth < RAFT_TREE_DEEP);
        uint32_t index = search_inner(n, key);
        ret->node[ret->depth] = n;
        ret->index[ret->depth++] = index;
        n = n->child[index];
    }
    return n;
}

struct raft_record **raft_tree_slot(const struct raft_tree *t, struct raft_bytes key)
{
    struct raft_tree_node *n = t->root;

    while (n != NULL && !n->is_leaf) {
        n = n->child[search_inner(n, key)];
    }
    return n != NULL ? find_marked(n, key) : NULL;
}

static void insert_child(struct raft_tree_node *n, uint32_t at, struct raft_tree_node *child, struct fence *fence)
{
    assert(n->count < RAFT_TREE_FAN && at > 0);
    memmove(&n->child[at + 1], &n->child[at], (n->count - at) * sizeof n->child[0]);
    memmove(&n->fence[at + 1], &n->fence[at], (n->count - at) * sizeof n->fence[0]);
    n->child[at] = child;
    n->fence[at] = fence;
    n->count++;
}

/* Where a full node is parted: in the middle, but at its end when keys come in order, and then the left stays full. */
static uint32_t part_at(const struct raft_tree_node *n, uint32_t insert)
{
    return insert == n->count ? n->count - 1 : n->count / 2;
}

static void part_leaf(struct raft_tree_node *n, struct raft_tree_node *right, uint32_t at)
{
    right->count = n->count - at;
    memcpy(right->record, &n->record[at], right->count * sizeof n->record[0]);
    memcpy(right->mark, &n->mark[at], right->count);
    n->count = at;
    right->prev = n;
    right->next = n->next;
    if (n->next != NULL) {
        n->next->prev = right;
    }
    n->next = right;
}

/* The fence of right's first child becomes the one between the two. */
static struct fence *part_inner(struct raft_tree_node *n, struct raft_tree_node *right, uint32_t at)
{
    struct fence *between = n->fence[at];

    right->count = n->count - at;
    memcpy(right->child, &n->child[at], right->count * sizeof n->child[0]);
    memcpy(right->fence, &n->fence[at], right->count * sizeof n->fence[0]);
    right->fence[0] = NULL;
    n->count = at;
    return between;
}

/* What a split needs, taken before anything changes. */
struct spare {
    uint32_t count;
    struct raft_tree_node *node[RAFT_TREE_DEEP + 2];
    struct fence *fence;
};

static void spare_free(struct spare *s)
{
    while (s->count > 0) {
        node_free(s->node[--s->count]);
    }
    free(s->fence);
}

static bool spare_take(struct spare *s, const struct path *path, const struct raft_tree_node *leaf, struct raft_bytes least)
{
    uint32_t depth = path->depth;
    bool is_full = leaf->count == RAFT_TREE_FAN;

    *s = (struct spare){0};
    s->fence = fence_new(least);
    if (s->fence == NULL) {
        return false;
    }
    for (bool is_leaf = true; is_full; is_leaf = false) {
        s->node[s->count] = node_new(is_leaf);
        if (s->node[s->count++] == NULL) {
            return false;
        }
        if (depth == 0) {
            s->node[s->count] = node_new(false); /* a new root */
            return s->node[s->count++] != NULL;
        }
        is_full = path->node[--depth]->count == RAFT_TREE_FAN;
    }
    return true;
}

/* Hang `right`, and the fence before it, beside the child that the path goes through; parts full nodes up to the root. */
static void hang(struct raft_tree *t, struct path *path, struct spare *s, uint32_t used, struct raft_tree_node *right,
                 struct fence *fence)
{
    while (path->depth > 0) {
        struct raft_tree_node *n = path->node[--path->depth];
        uint32_t at = path->index[path->depth] + 1;

        if (n->count < RAFT_TREE_FAN) {
            insert_child(n, at, right, fence);
            return;
        }
        struct raft_tree_node *more = s->node[used++];
        uint32_t cut = part_at(n, at);
        struct fence *between = part_inner(n, more, cut);
        if (at > cut) {
            insert_child(more, at - cut, right, fence);
        } else {
            insert_child(n, at, right, fence);
        }
        right = more;
        fence = between;
    }
    struct raft_tree_node *root = s->node[used++];
    root->count = 2;
    root->child[0] = t->root;
    root->child[1] = right;
    root->fence[1] = fence;
    t->root = root;
    assert(used == s->count);
}

static void insert_record(struct raft_tree_node *leaf, uint32_t at, struct raft_record *record)
{
    memmove(&leaf->record[at + 1], &leaf->record[at], (leaf->count - at) * sizeof leaf->record[0]);
    memmove(&leaf->mark[at + 1], &leaf->mark[at], leaf->count - at);
    leaf->record[at] = record;
    leaf->mark[at] = mark_of(raft_record_key(record));
    leaf->count++;
}

enum err raft_tree_add(struct raft_tree *t, struct raft_record *record)
{
    struct raft_bytes key = raft_record_key(record);
    struct path path;
    struct spare spare;
    bool found;

    if (t->root == NULL && (t->root = node_new(true)) == NULL) {
        return ERR_NOMEM;
    }
    struct raft_tree_node *leaf = descend(t, key, &path);
    uint32_t at = search_leaf(leaf, key, &found);
    assert(!found);
    if (leaf->count < RAFT_TREE_FAN) {
        insert_record(leaf, at, record);
        t->count++;
        return ERR_OK;
    }
    uint32_t cut = part_at(leaf, at);
    /* The least key on the right: what goes there first, or what is put there now. */
    struct raft_bytes least = at == leaf->count ? key : raft_record_key(leaf->record[cut]);
    if (at == leaf->count) {
        cut = leaf->count; /* in order: the left stays full */
    }
    if (!spare_take(&spare, &path, leaf, least)) {
        spare_free(&spare);
        return ERR_NOMEM;
    }
    struct raft_tree_node *right = spare.node[0];
    part_leaf(leaf, right, cut);
    if (cut == RAFT_TREE_FAN || at > cut) {
        insert_record(right, at - cut, record);
    } else {
        insert_record(leaf, at, record);
    }
    hang(t, &path, &spare, 1, right, spare.fence);
    t->count++;
    return ERR_OK;
}

static void remove_child(struct raft_tree_node *n, uint32_t at)
{
    free(n->fence[at]);
    memmove(&n->child[at], &n->child[at + 1], (n->count - at - 1) * sizeof n->child[0]);
    memmove(&n->fence[at], &n->fence[at + 1], (n->count - at - 1) * sizeof n->fence[0]);
    n->count--;
    if (at == 0 && n->count > 0) {
        free(n->fence[0]);
        n->fence[0] = NULL; /* the first has none: what is less belongs there as well */
    }
}

static void unchain(struct raft_tree_node *leaf)
{
    if (leaf->prev != NULL) {
        leaf->prev->next = leaf->next;
    }
    if (leaf->next != NULL) {
        leaf->next->prev = leaf->prev;
    }
}

/* Move all of child[at + 1] of `n` behind child[at]. */
static void join(struct raft_tree_node *n, uint32_t at)
{
    struct raft_tree_node *left = n->child[at], *right = n->child[at + 1];

    if (left->is_leaf) {
        memcpy(&left->record[left->count], right->record, right->count * sizeof left->record[0]);
        memcpy(&left->mark[left->count], right->mark, right->count);
        unchain(right);
    } else {
        memcpy(&left->child[left->count], right->child, right->count * sizeof left->child[0]);
        memcpy(&left->fence[left->count], right->fence, right->count * sizeof left->fence[0]);
        left->fence[left->count] = n->fence[at + 1];
        n->fence[at + 1] = NULL;
    }
    left->count += right->count;
    node_free(right);
    remove_child(n, at + 1);
}

/* Child `at` of `n` has lost something: drop it when empty, join it when poor. */
static void tidy(struct raft_tree_node *n, uint32_t at)
{
    struct raft_tree_node *child = n->child[at];

    if (child->count == 0) {
        if (child->is_leaf) {
            unchain(child);
        }
        node_free(child);
        remove_child(n, at);
    } else if (child->count < POOR) {
        uint32_t left = at > 0 ? at - 1 : at;

        if (left + 1 < n->count && n->child[left]->count + n->child[left + 1]->count <= JOINED) {
            join(n, left);
        }
    }
}

void raft_tree_remove(struct raft_tree *t, struct raft_bytes key)
{
    struct path path;
    bool found;
    struct raft_tree_node *leaf = descend(t, key, &path);

    assert(leaf != NULL);
    uint32_t at = search_leaf(leaf, key, &found);
    assert(found);
    memmove(&leaf->record[at], &leaf->record[at + 1], (leaf->count - at - 1) * sizeof leaf->record[0]);
    memmove(&leaf->mark[at], &leaf->mark[at + 1], leaf->count - at - 1);
    leaf->count--;
    t->count--;
    while (path.depth > 0) {
        path.depth--;
        tidy(path.node[path.depth], path.index[path.depth]);
    }
    struct raft_tree_node *root = t->root;
    while (!root->is_leaf && root->count == 1) {
        t->root = root->child[0];
        node_free(root);
        root = t->root;
    }
    if (root->count == 0) {
        node_free(root);
        t->root = NULL;
    }
}

/* Recursion is as deep as the tree: RAFT_TREE_DEEP at most. */
static void free_below(struct raft_tree_node *n)
{
    for (uint32_t i = 0; !n->is_leaf && i < n->count; i++) {
        free_below(n->child[i]);
        free(n->fence[i]);
    }
    node_free(n);
}

void raft_tree_clear(struct raft_tree *t)
{
    if (t->root != NULL) {
        free_below(t->root);
    }
    *t = (struct raft_tree){0};
}

struct raft_tree_cursor raft_tree_seek(const struct raft_tree *t, struct raft_bytes key)
{
    struct path path;
    struct raft_tree_cursor c = {.leaf = descend(t, key, &path)};
    bool found;

    if (c.leaf != NULL) {
        c.index = search_leaf(c.leaf, key, &found);
        if (c.index == c.leaf->count) {
            c = (struct raft_tree_cursor){.leaf = c.leaf->next};
        }
    }
    return c;
}

struct raft_tree_cursor raft_tree_seek_below(const struct raft_tree *t, struct raft_bytes key)
{
    struct path path;
    struct raft_tree_cursor c = {.leaf = descend(t, key, &path)};
    bool found;

    if (c.leaf != NULL) {
        c.index = search_leaf(c.leaf, key, &found);
        raft_tree_prev(&c);
    }
    return c;
}

struct raft_tree_cursor raft_tree_last(const struct raft_tree *t)
{
    struct raft_tree_node *n = t->root;

    while (n != NULL && !n->is_leaf) {
        n = n->child[n->count - 1];
    }
    return (struct raft_tree_cursor){.leaf = n, .index = n != NULL ? n->count - 1 : 0};
}

struct raft_record *raft_tree_at(const struct raft_tree_cursor *c)
{
    return c->leaf != NULL ? c->leaf->record[c->index] : NULL;
}

struct raft_record **raft_tree_place(const struct raft_tree_cursor *c)
{
    assert(c->leaf != NULL);
    return &c->leaf->record[c->index];
}

void raft_tree_next(struct raft_tree_cursor *c)
{
    if (++c->index == c->leaf->count) {
        *c = (struct raft_tree_cursor){.leaf = c->leaf->next};
    }
}

void raft_tree_prev(struct raft_tree_cursor *c)
{
    if (c->index > 0) {
        c->index--;
        return;
    }
    c->leaf = c->leaf->prev;
    c->index = c->leaf != NULL ? c->leaf->count - 1 : 0;
}

static size_t bytes_below(const struct raft_tree_node *n)
{
    size_t bytes = sizeof *n + (n->is_leaf ? 0 : RAFT_TREE_FAN * sizeof n->fence[0]);

    for (uint32_t i = 0; !n->is_leaf && i < n->count; i++) {
        bytes += bytes_below(n->child[i]) + (n->fence[i] != NULL ? sizeof *n->fence[i] + n->fence[i]->size : 0);
    }
    return bytes;
}

size_t raft_tree_bytes(const struct raft_tree *t)
{
    return t->root != NULL ? bytes_below(t->root) : 0;
}
