#include "mycel/policy.h"

#include <assert.h>

enum {
    IN_MAIN = 1,
    READ = 2,         /* since it was written */
    USES = 4,         /* two bits: how often, lately */
    USES_MAX = 3 * USES,
    MOVE_AT = 2 * USES, /* S3-FIFO: so much used a newcomer moves up when its time is over */
    DRAIN = 2,        /* LRU has one queue: so many of the other one are moved at each arrival */
};

static struct mycel_policy_node *at(const struct mycel_policy *p, uint32_t node)
{
    assert(node != MYCEL_POLICY_NONE);
    return (struct mycel_policy_node *)(p->base + (size_t)node * p->unit);
}

void mycel_policy_init(struct mycel_policy *p, void *base, uint32_t unit, struct mycel_ghost *ghost, uint32_t entries_max)
{
    *p = (struct mycel_policy){.base = base, .unit = unit, .kind = MYCEL_POLICY_S3FIFO, .ghost = ghost};
    while (entries_max >> p->shift >= 1u << 14) {
        p->shift++;
    }
}

void mycel_policy_rule(struct mycel_policy *p, enum mycel_policy_kind kind)
{
    p->kind = kind;
}

/* ---- queues ----------------------------------------------------------------------------------------- */

static struct mycel_policy_queue *queue_of(struct mycel_policy *p, const struct mycel_policy_node *n)
{
    return (n->state & IN_MAIN) != 0 ? &p->main : &p->small;
}

static void push(struct mycel_policy *p, struct mycel_policy_queue *q, uint32_t node)
{
    struct mycel_policy_node *n = at(p, node);

    n->state = q == &p->main ? n->state | IN_MAIN : n->state & ~IN_MAIN;
    n->newer = MYCEL_POLICY_NONE;
    n->older = q->newest;
    if (q->newest != MYCEL_POLICY_NONE) {
        at(p, q->newest)->newer = node;
    } else {
        q->oldest = node;
    }
    q->newest = node;
    q->count++;
    q->size += mycel_policy_size(n);
}

static void pull(struct mycel_policy *p, struct mycel_policy_queue *q, uint32_t node)
{
    struct mycel_policy_node *n = at(p, node);

    *(n->newer != MYCEL_POLICY_NONE ? &at(p, n->newer)->older : &q->newest) = n->older;
    *(n->older != MYCEL_POLICY_NONE ? &at(p, n->older)->newer : &q->oldest) = n->newer;
    assert(q->count > 0 && q->size >= mycel_policy_size(n));
    q->count--;
    q->size -= mycel_policy_size(n);
}

static void to_front(struct mycel_policy *p, struct mycel_policy_queue *q, uint32_t node)
{
    if (p->main.newest != node) {
        pull(p, q, node);
        push(p, &p->main, node);
    }
}

void mycel_policy_remove(struct mycel_policy *p, uint32_t node)
{
    pull(p, queue_of(p, at(p, node)), node);
}

void mycel_policy_return(struct mycel_policy *p, uint32_t node)
{
    push(p, queue_of(p, at(p, node)), node);
}

/* ---- use -------------------------------------------------------------------------------------------- */

static uint32_t window(const struct mycel_policy *p)
{
    uint32_t here = p->small.count + p->main.count, most = p->kind == MYCEL_POLICY_2Q ? here / 2 : here - here / 10;

    return (most >> p->shift) < 1u << 15 ? most >> p->shift : (1u << 15) - 1;
}

void mycel_policy_add(struct mycel_policy *p, uint32_t node, uint64_t hash)
{
    bool is_back = mycel_ghost_take(p->ghost, hash, p->evicted >> p->shift, window(p));

    at(p, node)->state &= 0xff00;
    if (p->kind == MYCEL_POLICY_LRU) {
        for (uint32_t i = 0; i < DRAIN && p->small.oldest != MYCEL_POLICY_NONE; i++) {
            to_front(p, &p->small, p->small.oldest);
        }
    }
    push(p, is_back || p->kind == MYCEL_POLICY_LRU ? &p->main : &p->small, node);
}

static void use(struct mycel_policy *p, uint32_t node)
{
    struct mycel_policy_node *n = at(p, node);

    if ((n->state & USES_MAX) < USES_MAX) {
        n->state += USES;
    }
    if (p->kind == MYCEL_POLICY_LRU || (p->kind == MYCEL_POLICY_2Q && (n->state & IN_MAIN) != 0)) {
        to_front(p, queue_of(p, n), node);
    }
}

void mycel_policy_read(struct mycel_policy *p, uint32_t node)
{
    at(p, node)->state |= READ;
    use(p, node);
}

void mycel_policy_written(struct mycel_policy *p, uint32_t node)
{
    struct mycel_policy_node *n = at(p, node);

    if ((n->state & READ) == 0) {
        use(p, node);
    }
    n->state &= ~READ;
}

/* ---- victims ---------------------------------------------------------------------------------------- */

static uint32_t victim_of_small(struct mycel_policy *p, bool *ret_is_ghost, uint32_t *walked)
{
    while (p->small.oldest != MYCEL_POLICY_NONE) {
        uint32_t node = p->small.oldest;
        struct mycel_policy_node *n = at(p, node);
        pull(p, &p->small, node);
        if (p->kind != MYCEL_POLICY_S3FIFO || (n->state & USES_MAX) < MOVE_AT || ++*walked >= MYCEL_POLICY_WALK_MAX) {
            *ret_is_ghost = true;
            return node;
        }
        n->state &= ~USES_MAX;
        push(p, &p->main, node);
    }
    return MYCEL_POLICY_NONE;
}

static uint32_t victim_of_main(struct mycel_policy *p, uint32_t *walked)
{
    while (p->main.oldest != MYCEL_POLICY_NONE) {
        uint32_t node = p->main.oldest;
        struct mycel_policy_node *n = at(p, node);
        pull(p, &p->main, node);
        if (p->kind != MYCEL_POLICY_S3FIFO || (n->state & USES_MAX) == 0 || ++*walked >= MYCEL_POLICY_WALK_MAX) {
            return node;
        }
        n->state -= USES;
        push(p, &p->main, node);
    }
    return MYCEL_POLICY_NONE;
}

uint32_t mycel_policy_victim(struct mycel_policy *p, bool *ret_is_ghost)
{
    uint64_t all = p->small.size + p->main.size;
    uint32_t walked = 0, share = p->kind == MYCEL_POLICY_S3FIFO ? 10 : 4;
    bool from_small = p->main.count == 0 || (p->kind != MYCEL_POLICY_LRU && p->small.size * share > all);

    *ret_is_ghost = false;
    uint32_t node = from_small ? victim_of_small(p, ret_is_ghost, &walked) : MYCEL_POLICY_NONE;
    if (node == MYCEL_POLICY_NONE) {
        node = victim_of_main(p, &walked);
    }
    return node != MYCEL_POLICY_NONE ? node : victim_of_small(p, ret_is_ghost, &walked);
}

void mycel_policy_haunt(struct mycel_policy *p, uint64_t hash)
{
    mycel_ghost_add(p->ghost, hash, p->evicted >> p->shift);
    p->evicted++;
}
