#include "issuer/link.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "issuer/roll.h"

enum {
    LENGTH = 2,         /* bytes before a frame                                                       */
    ACCEPTS_A_TURN = 16, /* the operator's calls have their turn too                                  */
};

struct issuer_link {
    struct issuer_shell *shell;
    struct issuer_link *next;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *deadline;
    uint8_t source[ISSUER_GATE_ADDRESS];
    bool has_begun; /* its first frame was taken */
    bool renews;    /* a member that asks what is new; otherwise a node that joins */
    struct join_server join;
    struct renew_server renew;
    bool ends;           /* when everything is sent */
    size_t got, sent, to_send;
    uint8_t in[LENGTH + JOIN_FRAME_MAX];
    uint8_t out[LENGTH + RENEW_FRAME_MAX];
};
_Static_assert((int)RENEW_REQUEST_MAX <= (int)JOIN_FRAME_MAX && (int)JOIN_FRAME_MAX <= (int)RENEW_FRAME_MAX,
               "either protocol has room");

static void free_link(struct issuer_link *link)
{
    struct issuer_shell *s = link->shell;
    struct issuer_link **at = &s->links;

    while (*at != link) {
        at = &(*at)->next;
    }
    *at = link->next;
    s->link_count--;
    loop_watch_free(link->watch);
    loop_timer_free(link->deadline);
    fd_close(&link->fd);
    join_server_fini(&link->join);
    renew_server_fini(&link->renew);
    sodium_memzero(link, sizeof *link);
    free(link);
}

static void on_deadline(void *context)
{
    struct issuer_link *link = context;

    cell_metric_add(link->shell->failed, 1);
    free_link(link);
}

/* ---- what a frame does ------------------------------------------------------------------------------------- */

static void count(struct issuer_shell *s, const struct issuer_link *link, uint32_t verdict,
                  const struct join_request *r)
{
    char id[2 * TOKEN_ID + 1];

    bytes_to_hex(link->join.token_id, TOKEN_ID, id);
    if (verdict == TOKEN_GRANTED) {
        cell_metric_add(s->joined, 1);
        log_info("ISSUER-JOINED", "node=%s token=%s", r->name, id);
    } else {
        cell_metric_add(s->refused, 1);
        log_warn("ISSUER-REFUSED", "node=%s token=%s why=%s", r != NULL ? r->name : "-", id,
                 token_verdict_name(verdict));
    }
}

static void take_hello(struct issuer_link *link, const uint8_t *frame, size_t size, size_t *ret_size)
{
    struct issuer_shell *s = link->shell;
    enum err e = join_server_hello(&link->join, frame, size, &s->tickets, issuer_shell_now_s(), link->out + LENGTH,
                                   ret_size);

    link->ends = e != ERR_OK;
    if (e != ERR_OK) {
        cell_metric_add(s->refused, 1);
        log_warn("ISSUER-HELLO", "error=%s", err_name(e));
    }
}

static void take_request(struct issuer_link *link, const uint8_t *frame, size_t size, size_t *ret_size)
{
    struct issuer_shell *s = link->shell;
    struct join_request r;
    struct join_grant grant = {0};
    enum err e = join_server_request(&link->join, frame, size, &r);

    link->ends = true;
    if (e != ERR_OK) {
        cell_metric_add(s->failed, 1);
        log_warn("ISSUER-REQUEST", "error=%s", err_name(e));
        return;
    }
    enum token_verdict v = issuer_shell_admit(s, &r, &grant);
    count(s, link, v, &r);
    join_server_answer(&link->join, v, v == TOKEN_GRANTED ? &grant : NULL, link->out + LENGTH, ret_size);
    sodium_memzero(&grant, sizeof grant);
}

/* ---- members that ask what is new ---------------------------------------------------------------------------- */

static void name_member(const struct issuer_link *link, char out[NAME_SIZE])
{
    const struct tickets_member *m = tickets_member(&link->shell->tickets, link->renew.node);

    (void)snprintf(out, NAME_SIZE, "%s", m != NULL ? m->name : "-");
}

static void take_renew_hello(struct issuer_link *link, const uint8_t *frame, size_t size, size_t *ret_size)
{
    struct issuer_shell *s = link->shell;
    enum err e = renew_server_hello(&link->renew, frame, size, &s->tickets, issuer_shell_now_s(), link->out + LENGTH,
                                    ret_size);

    link->ends = e != ERR_OK;
    if (e != ERR_OK) {
        cell_metric_add(s->refused, 1);
        log_warn("ISSUER-RENEW-HELLO", "error=%s", err_name(e));
    }
}

static void take_renew_request(struct issuer_link *link, const uint8_t *frame, size_t size, size_t *ret_size)
{
    struct issuer_shell *s = link->shell;
    struct renew_ask ask;
    char name[NAME_SIZE];
    size_t update_size = 0;
    enum err e = renew_server_request(&link->renew, frame, size, &ask);

    link->ends = true;
    if (e != ERR_OK) {
        cell_metric_add(s->failed, 1);
        log_warn("ISSUER-RENEW-REQUEST", "error=%s", err_name(e));
        return;
    }
    name_member(link, name);
    uint32_t crl = s->tickets.crl;
    enum token_verdict v = issuer_roll_update(s, link->renew.node, &ask, s->text, &update_size);
    renew_server_answer(&link->renew, v, s->text, update_size, link->out + LENGTH, ret_size);
    sodium_memzero(s->text, update_size);
    cell_metric_add(v == TOKEN_GRANTED ? s->renewed : s->refused, 1);
    log_debug("ISSUER-RENEW", "node=%s epoch=%" PRIu32 " crl=%" PRIu32 " verdict=%s", name, ask.epoch, ask.crl,
              token_verdict_name(v));
    if (s->tickets.crl != crl) {
        issuer_roll_tell(s); /* its certificate before the last was revoked */
    }
}

static void take_first(struct issuer_link *link, const uint8_t *frame, size_t size, size_t *ret_size)
{
    link->has_begun = true;
    link->renews = renew_is_hello(frame, size);
    (link->renews ? take_renew_hello : take_hello)(link, frame, size, ret_size);
}

static void put_length(struct issuer_link *link, size_t size)
{
    link->out[0] = (uint8_t)(size >> 8);
    link->out[1] = (uint8_t)size;
    link->to_send = size > 0 ? LENGTH + size : 0;
    link->sent = 0;
}

/* The frame at the front of `in`, if it is whole and nothing waits to be sent. false: the link is to end. */
static bool take_frame(struct issuer_link *link)
{
    size_t size = link->got >= LENGTH ? (size_t)(link->in[0] << 8 | link->in[1]) : 0;
    size_t out_size = 0;

    if (link->got >= LENGTH && (size == 0 || size > JOIN_FRAME_MAX)) {
        return false;
    }
    if (link->got < LENGTH || link->got < LENGTH + size || link->to_send > 0 || link->ends) {
        return true;
    }
    if (!link->has_begun) {
        take_first(link, link->in + LENGTH, size, &out_size);
    } else {
        (link->renews ? take_renew_request : take_request)(link, link->in + LENGTH, size, &out_size);
    }
    link->got -= LENGTH + size;
    memmove(link->in, link->in + LENGTH + size, link->got);
    put_length(link, out_size);
    return true;
}

/* ---- bytes ---------------------------------------------------------------------------------------------------- */

/* false: the peer is gone. */
static bool receive(struct issuer_link *link)
{
    ssize_t got = recv(link->fd, link->in + link->got, sizeof link->in - link->got, 0);

    if (got < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    link->got += (size_t)got;
    return got > 0;
}

static bool transmit(struct issuer_link *link)
{
    while (link->sent < link->to_send) {
        ssize_t sent = send(link->fd, link->out + link->sent, link->to_send - link->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EAGAIN;
        }
        link->sent += (size_t)sent;
    }
    if (link->to_send > 0) {
        sodium_memzero(link->out, link->to_send);
    }
    link->to_send = link->sent = 0;
    return true;
}

static void on_ready(void *context, unsigned bits)
{
    struct issuer_link *link = context;
    bool is_well = true;

    if ((bits & LOOP_READ) != 0 && link->got < sizeof link->in && !link->ends) {
        is_well = receive(link);
    }
    is_well = is_well && take_frame(link) && transmit(link);
    if (!is_well) {
        cell_metric_add(link->shell->failed, 1);
    }
    if (!is_well || (link->ends && link->to_send == 0)) {
        (void)shutdown(link->fd, SHUT_WR); /* what was sent arrives before the end */
        free_link(link);
        return;
    }
    loop_watch_want(link->watch, link->to_send > 0 ? LOOP_WRITE : LOOP_READ);
}

/* ---- connections ----------------------------------------------------------------------------------------------- */

static void source_of(const struct sockaddr_storage *from, uint8_t out[ISSUER_GATE_ADDRESS])
{
    memset(out, 0, ISSUER_GATE_ADDRESS);
    if (from->ss_family == AF_INET6) {
        memcpy(out, &((const struct sockaddr_in6 *)from)->sin6_addr, ISSUER_GATE_ADDRESS);
    } else if (from->ss_family == AF_INET) {
        out[10] = out[11] = 0xff;
        memcpy(out + 12, &((const struct sockaddr_in *)from)->sin_addr, 4);
    }
}

static bool has_room(const struct issuer_shell *s, const uint8_t source[ISSUER_GATE_ADDRESS])
{
    uint32_t same = 0;

    for (const struct issuer_link *l = s->links; l != NULL; l = l->next) {
        same += memcmp(l->source, source, ISSUER_GATE_ADDRESS) == 0;
    }
    return s->link_count < ISSUER_LINKS_MAX && same < ISSUER_LINKS_SOURCE_MAX;
}

static void add_link(struct issuer_shell *s, int *fd, const uint8_t source[ISSUER_GATE_ADDRESS])
{
    uint8_t ephemeral[NOISE_KEY];
    struct issuer_link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        return;
    }
    link->shell = s;
    link->fd = fd_take(fd);
    memcpy(link->source, source, sizeof link->source);
    link->next = s->links;
    s->links = link;
    s->link_count++;
    randombytes_buf(ephemeral, sizeof ephemeral);
    join_server_init(&link->join, &s->keys, ephemeral);
    renew_server_init(&link->renew, &s->keys, ephemeral); /* one of the two is used */
    sodium_memzero(ephemeral, sizeof ephemeral);
    link->watch = loop_watch_new(host_loop(s->cell), link->fd, LOOP_READ, on_ready, link);
    link->deadline = loop_timer_new(host_loop(s->cell), ISSUER_LINK_MS, 0, on_deadline, link);
    if (link->watch == NULL || link->deadline == NULL) {
        free_link(link);
    }
}

/* A word and the end: it costs us no memory, and an honest node knows to come again. */
static void turn_away(struct issuer_shell *s, int fd)
{
    uint8_t out[LENGTH + JOIN_FRAME_MAX];
    size_t size = join_server_refusal(TOKEN_BUSY, out + LENGTH);

    out[0] = 0;
    out[1] = (uint8_t)size;
    cell_metric_add(s->held_back, 1);
    (void)(send(fd, out, LENGTH + size, MSG_NOSIGNAL | MSG_DONTWAIT) + shutdown(fd, SHUT_WR)); /* best effort */
}

static void on_connect(void *context, unsigned bits)
{
    struct issuer_shell *s = context;

    (void)bits;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t size = sizeof from;
        uint8_t source[ISSUER_GATE_ADDRESS];
        AUTO_FD int fd = accept4(s->listen_fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        cell_metric_add(s->connections, 1);
        source_of(&from, source);
        if (has_room(s, source) && issuer_gate_pass(&s->gate, source, loop_now_us())) {
            add_link(s, &fd, source);
        } else {
            turn_away(s, fd);
        }
    }
}

enum err issuer_link_begin(struct issuer_shell *s)
{
    s->listen_watch = loop_watch_new(host_loop(s->cell), s->listen_fd, LOOP_READ, on_connect, s);
    return s->listen_watch != NULL ? ERR_OK : ERR_NOMEM;
}

void issuer_link_end(struct issuer_shell *s)
{
    while (s->links != NULL) {
        free_link(s->links);
    }
    loop_watch_free(s->listen_watch);
    s->listen_watch = NULL;
}
