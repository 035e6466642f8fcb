#include "common/node/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "common/run/fd.h"
#include "common/run/log.h"

enum { US = 1000, LENGTH = 2 };

bool resolver_is_wanted(const struct resolver_config *config)
{
    bool is_wanted = config->service[0] != '\0';

    for (uint32_t i = 0; i < config->seeds; i++) {
        is_wanted |= config->seed[i].is_name;
    }
    return is_wanted;
}

/* "nameserver 10.0.0.53" lines (resolv.conf(5)); what cannot be read as an address is no server. */
static uint32_t read_servers(struct sealed_address *to)
{
    AUTO_FREE char *text = NULL;
    uint32_t count = 0;
    size_t size;

    if (fd_read_file(AT_FDCWD, "/etc/resolv.conf", RESOLVER_FILE_MAX, &text, &size) != ERR_OK) {
        return 0;
    }
    for (char *rest = text, *line; count < DNS_SERVERS_MAX && (line = strsep(&rest, "\n")) != NULL;) {
        char address[SEEDS_HOST_MAX + 1];
        if (sscanf(line, "nameserver %253s", address) == 1 &&
            seeds_parse_address(address, DNS_PORT, &to[count]) == ERR_OK) {
            count++;
        }
    }
    return count;
}

enum err resolver_open(struct resolver *r, const struct resolver_config *config)
{
    struct dns_config c = {.servers = config->servers};

    r->fd = -1;
    assert(config->servers <= DNS_SERVERS_MAX && config->seeds <= SEEDS_MAX);
    memcpy(c.server, config->server, config->servers * sizeof *c.server);
    if (c.servers == 0) {
        c.servers = read_servers(c.server);
    }
    if (c.servers == 0) {
        log_error("DNS-SERVERS", "reason=no server is known advice=set dns_servers, or grant "
                  "sandbox.read: [/etc/resolv.conf]");
        return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < config->seeds; i++) {
        if (config->seed[i].is_name) {
            c.name[c.names].port = config->seed[i].address.port;
            (void)snprintf(c.name[c.names].host, sizeof c.name->host, "%s", config->seed[i].host);
            c.names++;
        }
    }
    size_t len = strlen(config->service);
    len -= len > 0 && config->service[len - 1] == '.';
    memcpy(c.service, config->service, len);
    if (getrandom(c.key, sizeof c.key, 0) != sizeof c.key) {
        return ERR_IO;
    }
    return dns_init(&r->dns, &c, loop_now_us());
}

/* ---- one question ---------------------------------------------------------------------------------- */

static void close_question(struct resolver *r)
{
    loop_watch_free(r->watch);
    r->watch = NULL;
    if (r->fd >= 0) {
        fd_close(&r->fd);
    }
    r->fd = -1;
    r->sent = r->got = 0;
}

static void on_ready(void *context, unsigned bits);

/* A socket and so a port of its own, drawn by the kernel, and only this server's datagrams in it. */
static enum err open_question(struct resolver *r)
{
    const struct dns_effects *fx = &r->fx;
    bool is_v4 = seeds_is_v4(&fx->to), is_tcp = fx->way == DNS_TCP;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(fx->to.port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(fx->to.port)};

    memcpy(&v4.sin_addr, fx->to.ip + 12, sizeof v4.sin_addr);
    memcpy(&v6.sin6_addr, fx->to.ip, sizeof v6.sin6_addr);
    r->out_size = 0;
    if (is_tcp) { /* RFC 1035, 4.2.2 */
        r->out[0] = (uint8_t)(fx->size >> 8);
        r->out[1] = (uint8_t)fx->size;
        r->out_size = LENGTH;
    }
    memcpy(r->out + r->out_size, fx->bytes, fx->size);
    r->out_size += fx->size;
    r->fd = socket(is_v4 ? AF_INET : AF_INET6, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (r->fd < 0 || (connect(r->fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
                              is_v4 ? sizeof v4 : sizeof v6) != 0 && errno != EINPROGRESS)) {
        return err_from_errno(errno);
    }
    if (!is_tcp && send(r->fd, r->out, r->out_size, 0) != (ssize_t)r->out_size) {
        return err_from_errno(errno);
    }
    r->watch = loop_watch_new(r->loop, r->fd, is_tcp ? LOOP_WRITE : LOOP_READ, on_ready, r);
    return r->watch == NULL ? ERR_NOMEM : ERR_OK;
}

/* Do what the core says, until something is out or the round is over. */
static void perform(struct resolver *r)
{
    while (r->fx.way != DNS_NOTHING) {
        close_question(r);
        if (open_question(r) == ERR_OK) {
            break;
        }
        dns_failed(&r->dns, loop_now_us(), &r->fx); /* tries are bounded, and so is this loop */
    }
    bool is_done = r->fx.is_done, has_more = r->dns.seeds > r->told;
    uint64_t now_us = loop_now_us(), due_us = r->fx.due_us;
    loop_timer_again(r->timer, due_us > now_us ? (due_us - now_us + US - 1) / US : 0, 0);
    if (is_done) {
        close_question(r);
    }
    if (is_done || has_more) {
        uint32_t seeds = r->dns.seeds;
        r->found(r->context);
        r->told = is_done ? 0 : seeds;
    }
}

static void on_due(void *context)
{
    struct resolver *r = context;

    dns_clock(&r->dns, loop_now_us(), &r->fx);
    perform(r);
}

static void fail(struct resolver *r)
{
    dns_failed(&r->dns, loop_now_us(), &r->fx);
    perform(r);
}

static void read_datagram(struct resolver *r)
{
    ssize_t size = recv(r->fd, r->in, sizeof r->in, 0);

    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            fail(r); /* nobody listens there */
        }
        return;
    }
    (void)!dns_answer(&r->dns, loop_now_us(), r->in, (size_t)size, &r->fx); /* counted there */
    perform(r);
}

static void write_stream(struct resolver *r)
{
    ssize_t size = send(r->fd, r->out + r->sent, r->out_size - r->sent, MSG_NOSIGNAL);

    if (size < 0 && errno != EAGAIN && errno != EINTR) {
        fail(r);
        return;
    }
    r->sent += size > 0 ? (size_t)size : 0;
    if (r->sent == r->out_size) {
        loop_watch_want(r->watch, LOOP_READ);
    }
}

static void read_stream(struct resolver *r)
{
    size_t wanted = r->got < LENGTH ? LENGTH : LENGTH + (size_t)(r->in[0] << 8 | r->in[1]);

    if (wanted > sizeof r->in) {
        fail(r); /* an answer that long is none for seeds */
        return;
    }
    ssize_t size = recv(r->fd, r->in + r->got, wanted - r->got, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        fail(r);
        return;
    }
    r->got += size > 0 ? (size_t)size : 0;
    if (r->got > LENGTH && r->got == LENGTH + (size_t)(r->in[0] << 8 | r->in[1])) {
        (void)!dns_answer(&r->dns, loop_now_us(), r->in + LENGTH, r->got - LENGTH, &r->fx);
        perform(r);
    }
}

static void on_ready(void *context, unsigned bits)
{
    struct resolver *r = context;

    if (r->dns.way != DNS_TCP) {
        read_datagram(r);
    } else if ((bits & LOOP_WRITE) != 0 && r->sent < r->out_size) {
        write_stream(r);
    } else {
        read_stream(r);
    }
}

enum err resolver_start(struct resolver *r, struct loop *loop, void (*found)(void *context), void *context)
{
    r->loop = loop;
    r->found = found;
    r->told = 0;
    r->context = context;
    r->timer = loop_timer_new(loop, 0, 0, on_due, r); /* at once */
    return r->timer == NULL ? ERR_NOMEM : ERR_OK;
}

void resolver_close(struct resolver *r)
{
    if (r->loop != NULL) {
        close_question(r);
    }
    loop_timer_free(r->timer);
    r->timer = NULL;
    r->loop = NULL;
}
