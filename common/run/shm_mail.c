#include "common/run/shm_mail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAIL_FIRST = 1, /* tag of a piece: it begins with the head */
    MAIL_LAST = 2,
};

struct mail_head {
    uint32_t number;
    uint32_t size; /* of the whole message, without this */
};
_Static_assert(sizeof(struct mail_head) == SHM_MAIL_HEAD, "a wire format");

/* A message that waits. */
struct held_mail {
    struct held_mail *next;
    struct mail_head head;
    size_t sent; /* bytes that went into the ring       */
    bool is_begun;
    uint8_t bytes[];
};

struct shm_mail {
    struct shm_post *post;
    struct shm_mail_limits limits;
    /* out */
    struct shm_ring_room room;    /* the one being filled, if it goes straight */
    struct held_mail *filled;     /* or else                                   */
    struct held_mail *first, *last;
    size_t held_bytes;
    uint32_t held_count;
    enum err fault;               /* of sending */
    /* in */
    struct mail_head head;        /* of the message that is coming */
    bool is_coming;
    size_t have;
    uint8_t *bytes;
    size_t bytes_room;
};

enum err shm_mail_open(struct shm *c, const struct shm_mail_limits *limits, struct shm_mail **ret)
{
    struct shm_mail *m = calloc(1, sizeof *m);

    if (m == NULL) {
        return ERR_NOMEM;
    }
    m->limits = *limits;
    m->fault = ERR_OK;
    enum err e = shm_post_open(c, &m->post);
    if (e == ERR_OK && shm_post_max(m->post) < SHM_MAIL_CAPACITY_MIN / 2 - SHM_RING_WORD) {
        e = ERR_UNSUPPORTED;
    }
    if (e != ERR_OK) {
        shm_mail_close(m);
        return e;
    }
    *ret = m;
    return ERR_OK;
}

void shm_mail_close(struct shm_mail *m)
{
    if (m == NULL) {
        return;
    }
    while (m->first != NULL) {
        struct held_mail *next = m->first->next;
        free(m->first);
        m->first = next;
    }
    free(m->filled);
    free(m->bytes);
    shm_post_close(m->post);
    free(m);
}

/* ---- out ---------------------------------------------------------------------------------------- */

static uint8_t *hold_room(struct shm_mail *m, struct mail_head head)
{
    if (m->held_count >= m->limits.held_count || m->held_bytes + head.size > m->limits.held) {
        return NULL;
    }
    m->filled = malloc(sizeof *m->filled + head.size);
    if (m->filled == NULL) {
        return NULL;
    }
    *m->filled = (struct held_mail){.head = head};
    return m->filled->bytes;
}

uint8_t *shm_mail_room(struct shm_mail *m, uint32_t number, size_t size)
{
    struct mail_head head = {number, (uint32_t)size};

    assert(m->room.payload == NULL && m->filled == NULL);
    if (size > m->limits.size) {
        return NULL;
    }
    if (m->first == NULL && size <= SHM_MAIL_PIECE &&
        shm_post_has_room(m->post, (uint32_t)size + SHM_MAIL_HEAD) &&
        shm_post_reserve(m->post, (uint32_t)size + SHM_MAIL_HEAD, 0, &m->room) == ERR_OK) {
        memcpy(m->room.payload, &head, sizeof head);
        return (uint8_t *)m->room.payload + sizeof head;
    }
    return hold_room(m, head);
}

void shm_mail_send(struct shm_mail *m)
{
    if (m->room.payload != NULL) {
        shm_post_commit(m->post, &m->room, m->room.size, MAIL_FIRST | MAIL_LAST);
        return;
    }
    assert(m->filled != NULL);
    m->held_count++;
    m->held_bytes += m->filled->head.size;
    if (m->first == NULL) {
        m->first = m->filled;
    } else {
        m->last->next = m->filled;
    }
    m->last = m->filled;
    m->filled = NULL;
    m->fault = shm_mail_flush(m); /* a fault is told by the next one */
}

bool shm_mail_is_clear(const struct shm_mail *m)
{
    return m->first == NULL;
}

uint32_t shm_mail_held(const struct shm_mail *m, size_t *ret_bytes)
{
    *ret_bytes = m->held_bytes;
    return m->held_count;
}

static uint32_t next_piece(const struct held_mail *h)
{
    size_t left = h->head.size - h->sent;

    return left < SHM_MAIL_PIECE ? (uint32_t)left : SHM_MAIL_PIECE;
}

static uint32_t piece_bytes(const struct held_mail *h)
{
    return next_piece(h) + (h->is_begun ? 0 : SHM_MAIL_HEAD);
}

/* One record. ERR_LIMIT: not now. */
static enum err send_piece(struct shm_mail *m, struct held_mail *h)
{
    struct shm_ring_room room;
    uint32_t piece = next_piece(h), bytes = piece_bytes(h), tag = h->is_begun ? 0 : MAIL_FIRST;

    if (!shm_post_has_room(m->post, bytes)) {
        return ERR_LIMIT;
    }
    enum err e = shm_post_reserve(m->post, bytes, 0, &room);
    if (e != ERR_OK) {
        return e;
    }
    uint8_t *at = room.payload;
    if (!h->is_begun) {
        memcpy(at, &h->head, sizeof h->head);
        at += sizeof h->head;
    }
    memcpy(at, h->bytes + h->sent, piece);
    h->sent += piece;
    h->is_begun = true;
    shm_post_commit(m->post, &room, bytes, h->sent == h->head.size ? tag | MAIL_LAST : tag);
    return ERR_OK;
}

enum err shm_mail_flush(struct shm_mail *m)
{
    if (m->fault != ERR_OK) {
        return m->fault;
    }
    while (m->first != NULL) {
        struct held_mail *h = m->first;
        enum err e = send_piece(m, h);
        if (e != ERR_OK) {
            return e == ERR_LIMIT ? ERR_OK : e;
        }
        if (h->sent == h->head.size) {
            m->first = h->next;
            m->held_count--;
            m->held_bytes -= h->head.size;
            free(h);
        }
    }
    return ERR_OK;
}

bool shm_mail_can_flush(struct shm_mail *m)
{
    return m->first != NULL && shm_post_has_room(m->post, piece_bytes(m->first));
}

/* ---- in ----------------------------------------------------------------------------------------- */

bool shm_mail_has(const struct shm_mail *m)
{
    return shm_post_has_data(m->post);
}

/* Private room for the message that its first piece announces. The size is bounded by the limit, whatever
 * the peer says. */
static enum err begin(struct shm_mail *m, const struct shm_ring_loan *loan)
{
    if (m->is_coming) {
        return ERR_MALFORMED;
    }
    memcpy(&m->head, loan->payload, sizeof m->head);
    if (m->head.size > m->limits.size) {
        return ERR_MALFORMED;
    }
    if (m->bytes == NULL || m->head.size > m->bytes_room || m->bytes_room > SHM_MAIL_KEEP) {
        size_t room = m->head.size < SHM_MAIL_HEAD ? SHM_MAIL_HEAD : m->head.size;
        free(m->bytes);
        m->bytes = malloc(room);
        m->bytes_room = m->bytes == NULL ? 0 : room;
        if (m->bytes == NULL) {
            return ERR_NOMEM;
        }
    }
    m->is_coming = true;
    m->have = 0;
    return ERR_OK;
}

/* Copy a piece; whether the message is whole. Everything about the loan but its bytes is private. */
static enum err add_piece(struct shm_mail *m, const struct shm_ring_loan *loan, bool *ret_is_whole)
{
    uint32_t at = (loan->tag & MAIL_FIRST) != 0 ? SHM_MAIL_HEAD : 0;

    if (loan->tag > (MAIL_FIRST | MAIL_LAST) || loan->size < at ||
        ((loan->tag & MAIL_LAST) == 0 && loan->size - at != SHM_MAIL_PIECE)) {
        return ERR_MALFORMED; /* small pieces without end would keep us here */
    }
    enum err e = at > 0 ? begin(m, loan) : ERR_OK;
    if (e != ERR_OK) {
        return e;
    }
    if (!m->is_coming || loan->size - at > m->head.size - m->have) {
        return ERR_MALFORMED;
    }
    memcpy(m->bytes + m->have, (const uint8_t *)loan->payload + at, loan->size - at);
    m->have += loan->size - at;
    *ret_is_whole = (loan->tag & MAIL_LAST) != 0;
    return *ret_is_whole && m->have != m->head.size ? ERR_MALFORMED : ERR_OK;
}

enum err shm_mail_take(struct shm_mail *m, struct shm_mail_message *ret)
{
    bool is_whole = false;

    while (shm_post_has_data(m->post)) {
        struct shm_ring_loan loan;
        enum err e = shm_post_take(m->post, 0, &loan);
        if (e != ERR_OK) {
            return e;
        }
        e = add_piece(m, &loan, &is_whole);
        enum err released = shm_post_release(m->post, &loan);
        assert(released == ERR_OK); /* taken a moment ago: what lent it is our own */
        (void)released;
        if (e != ERR_OK) {
            return e;
        }
        if (is_whole) {
            m->is_coming = false;
            *ret = (struct shm_mail_message){m->head.number, m->bytes, m->have};
            return ERR_OK;
        }
    }
    return ERR_LATER;
}

bool shm_mail_arm(struct shm_mail *m)
{
    return shm_post_arm(m->post) && !shm_mail_can_flush(m);
}
