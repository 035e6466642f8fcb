#include "gateway/names.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/run/cell_ask.h"
#include "common/run/fd.h"
#include "common/run/host.h"
#include "common/run/log.h"

enum {
    PEM_MAX = 4 * PKI_PEM_MAX + PKI_LIST_MAX, /* of the texts that keys.tls is */
};

/* Certificate, key and authority, from the supervisor's sealed memory. */
static enum err load_identity(struct gateway_shell *s, struct tls_identity **ret)
{
    struct tls_identity *made = NULL;
    static char pem[PEM_MAX + 1]; /* all of it is wiped before it is used again */
    AUTO_FD int fd = cell_take_descriptor(s->cell, "keys.tls");

    if (fd < 0) {
        log_error("GATEWAY-KEYS", "why=\"sandbox.keys of this cell does not list tls\"");
        return ERR_PRECONDITION;
    }
    ssize_t size = pread(fd, pem, PEM_MAX, 0);
    enum err e = size <= 0 ? ERR_IO : tls_identity_new(pem, (size_t)size + 1, &made);
    sodium_memzero(pem, sizeof pem);
    if (e == ERR_OK) {
        e = tls_identity_who(made, &s->self);
    }
    if (e != ERR_OK) {
        log_error("GATEWAY-IDENTITY", "error=%s", err_name(e));
        tls_identity_free(made);
        return e;
    }
    *ret = made;
    return ERR_OK;
}

enum err gateway_shell_open(struct cell *cell, void *state)
{
    struct gateway_shell *s = state;
    char why[CONF_WHY_SIZE];

    s->cell = cell;
    s->listen_fd = -1;
    s->config = calloc(1, sizeof *s->config);
    if (s->config == NULL) {
        return ERR_NOMEM;
    }
    enum err e = gateway_config_read(cell_config(cell), s->config, why);
    if (e != ERR_OK) {
        log_error("GATEWAY-CONFIG", "why=\"%s\"", e == ERR_INVALID ? why : err_text(e));
        return e;
    }
    s->metric_out = cell_metric_counter(cell, "cell_gateway_out_total", "requests sent to other nodes");
    s->metric_in = cell_metric_counter(cell, "cell_gateway_in_total", "requests of other nodes handed to cells");
    s->metric_denied = cell_metric_counter(cell, "cell_gateway_denied_total", "requests for what is not exported to that node");
    s->metric_refused = cell_metric_counter(cell, "cell_gateway_refused_total", "messages that were no envelopes, or too many");
    s->metric_links = cell_metric_counter(cell, "cell_gateway_links_refused_total", "links without the right certificate, or none at all");
    s->message_bytes = cell->birth.message_bytes;
    s->listen_fd = cell_take_descriptor(cell, "listen.mesh");
    if (s->listen_fd < 0) {
        log_warn("GATEWAY-DEAF", "why=\"sandbox.listen has no socket mesh\" effect=\"other nodes cannot ask this one\"");
    }
    return load_identity(s, &s->identity);
}

enum err gateway_shell_start(struct cell *cell, void *state)
{
    struct gateway_shell *s = state;
    struct nodelink_config config = {.identity = s->identity,
                                     .message_max = s->message_bytes + GATEWAY_REPLY_OVERHEAD,
                                     .listen_fd = s->listen_fd,
                                     .question = gateway_inbound_question,
                                     .context = s};

    memcpy(config.cluster_id, s->self.cluster_id, sizeof config.cluster_id);
    s->listen_fd = -1; /* taken */
    if (config.message_max > SP_MESSAGE_MAX) {
        config.message_max = SP_MESSAGE_MAX;
    }
    enum err e = nodelink_open(host_loop(cell), &config, &s->links);
    if (e != ERR_OK) {
        log_error("GATEWAY-LINKS", "error=%s", err_name(e));
        return e;
    }
    e = gateway_nodes_watch(s);
    if (e == ERR_OK) {
        e = gateway_offers_start(s);
    }
    if (e != ERR_OK) {
        return e;
    }
    log_info("GATEWAY-SELF", "node=%s exports=%u", s->self.name, s->config->exports.count);
    return ERR_OK;
}

void gateway_shell_tick(void *state, uint64_t now_ms)
{
    struct gateway_shell *s = state;
    struct nodelink_numbers numbers;
    uint64_t refused = 0;

    (void)now_ms;
    if (s->links == NULL) {
        return;
    }
    nodelink_count(s->links, &numbers);
    for (size_t i = 0; i < NODELINK_REFUSALS; i++) {
        refused += numbers.refused[i];
    }
    cell_metric_add(s->metric_links, (double)(refused - s->links_refused));
    s->links_refused = refused;
}

/* A new certificate, or a new list of revoked ones: links of those are cut, the others do not notice. */
void gateway_shell_granted(void *state, const char *name)
{
    struct gateway_shell *s = state;
    struct tls_identity *made = NULL;

    if (strcmp(name, "keys.tls") != 0 || s->links == NULL || load_identity(s, &made) != ERR_OK) {
        return; /* what is wrong with it was logged: the one before stays */
    }
    nodelink_recredential(s->links, made);
    tls_identity_free(s->identity);
    s->identity = made;
    log_info("GATEWAY-RENEWED", "node=%s", s->self.name);
}

/* Accepts a half-made one. What the cell asked has ended before. */
void gateway_shell_stop(void *state)
{
    struct gateway_shell *s = state;

    cell_watch_stop(s->members);
    gateway_offers_stop(s);
    nodelink_close(s->links);
    s->links = NULL;
    gateway_outbound_free(s);
    gateway_inbound_free(s);
    gateway_nodes_free(s);
    gateway_names_free(s);
    tls_identity_free(s->identity);
    fd_close(&s->listen_fd);
    free(s->config);
}
