#include "common/run/netlink.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void netlink_begin(struct netlink *n, uint16_t type, uint16_t flags, const void *body, size_t size)
{
    assert(NLMSG_SPACE(size) <= sizeof n->question);
    memset(n->question, 0, sizeof n->question);
    n->head = (struct nlmsghdr){.nlmsg_len = (uint32_t)NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
    memcpy(NLMSG_DATA(&n->head), body, size);
}

void netlink_add(struct netlink *n, uint16_t kind, const void *value, size_t size)
{
    size_t at = NLMSG_ALIGN(n->head.nlmsg_len);
    const struct nlattr head = {.nla_type = kind, .nla_len = (uint16_t)(NLA_HDRLEN + size)};

    assert(at + NLA_ALIGN(NLA_HDRLEN + size) <= sizeof n->question);
    memcpy(n->question + at, &head, sizeof head);
    memcpy(n->question + at + NLA_HDRLEN, value, size);
    n->head.nlmsg_len = (uint32_t)(at + NLA_ALIGN(NLA_HDRLEN + size));
}

static bool end(struct netlink_reader *r, int error)
{
    r->left = 0;
    r->error = error;
    return false;
}

bool netlink_next(struct netlink_reader *r, struct netlink_message *ret)
{
    struct nlmsghdr head;
    int word = 0;

    while (r->left > 0) {
        const uint8_t *body = r->at + NLMSG_HDRLEN;
        if (r->left < sizeof head) {
            return end(r, EPROTO);
        }
        memcpy(&head, r->at, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > r->left) {
            return end(r, EPROTO);
        }
        size_t size = head.nlmsg_len - NLMSG_HDRLEN, step = NLMSG_ALIGN((size_t)head.nlmsg_len);
        step = step < r->left ? step : r->left; /* the last one may end without its padding */
        r->at += step;
        r->left -= step;
        if (!r->is_news && head.nlmsg_seq != r->sequence) {
            continue;
        }
        r->is_interrupted = r->is_interrupted || (head.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
            if (size >= sizeof word) {
                memcpy(&word, body, sizeof word); /* 0, or an errno below it */
            }
            bool is_said = size >= sizeof word || head.nlmsg_type == NLMSG_DONE;
            return end(r, !is_said || word > 0 || word == INT32_MIN ? EPROTO : -word);
        }
        if (head.nlmsg_type >= NLMSG_MIN_TYPE) {
            *ret = (struct netlink_message){.type = head.nlmsg_type, .body = body, .size = size};
            return true;
        }
    }
    return end(r, r->error > 0 ? r->error : NETLINK_MORE);
}

const void *netlink_body(const struct netlink_message *m, size_t size)
{
    return m->size < size ? NULL : m->body;
}

static const void *find(const struct netlink_message *m, size_t body, uint16_t kind, size_t *ret_size)
{
    struct nlattr head;

    for (size_t at = NLMSG_ALIGN(body); at < m->size && m->size - at >= sizeof head; at += NLA_ALIGN((size_t)head.nla_len)) {
        memcpy(&head, m->body + at, sizeof head);
        if (head.nla_len < NLA_HDRLEN || head.nla_len > m->size - at) {
            break; /* a length of 0 would be looked at for ever */
        }
        if ((head.nla_type & NLA_TYPE_MASK) == kind) {
            *ret_size = head.nla_len - NLA_HDRLEN;
            return m->body + at + NLA_HDRLEN;
        }
    }
    return NULL;
}

bool netlink_has(const struct netlink_message *m, size_t body, uint16_t kind)
{
    size_t ignored;

    return find(m, body, kind, &ignored) != NULL;
}

bool netlink_take(const struct netlink_message *m, size_t body, uint16_t kind, void *ret, size_t size)
{
    size_t found;
    const void *at = find(m, body, kind, &found);

    if (at == NULL || found != size) {
        return false;
    }
    memcpy(ret, at, size);
    return true;
}
