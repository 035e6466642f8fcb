/* The socket for packets of other nodes, and addresses between the socket's world and the core's. */
#ifndef CELL_DHT_NET_H
#define CELL_DHT_NET_H

#include "common/node/address.h"
#include "dht/settings.h"

/* Use *fd, a bound UDP socket (taken), or with *fd -1 bind one at settings->listen. With the doors open. Errors as errno
 * says; *ret_fd is untouched then. */
enum err dht_net_open(const struct dht_settings *settings, int *fd, int *ret_fd) MUST_CHECK;

struct dht_address dht_net_from(const struct sealed_address *at);
struct sealed_address dht_net_to(const struct dht_address *at);

/* "10.0.0.1:7403" */
void dht_net_format(const struct dht_address *at, char out[ADDRESS_SIZE]);

/* Whether nothing is said but the port: ::, 0.0.0.0. */
bool dht_net_is_nowhere(const struct dht_address *at);

#endif
