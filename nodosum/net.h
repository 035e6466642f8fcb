/* The socket for members' packets, and where others reach it. */
#ifndef CELL_NODOSUM_NET_H
#define CELL_NODOSUM_NET_H

#include "nodosum/config.h"

/* What is asked where it sends from: the socket, and, where that is one of IPv6, one of rtnetlink of the same network; -1: there is
 * none. */
struct nodosum_net {
    int fd, routes;
};

/* Use *fd, a bound UDP socket (taken), or with *fd -1 bind one at settings->listen; and *routes, of rtnetlink, or one of our own if
 * the socket is. *ret_self: the address that
 * others are told: as configured; else where it is bound; else the one the kernel would send to the first
 * seed or to the world from; else the first of its addresses; else the loopback, at which only this machine finds it. Runs with the doors
 * open. Errors as errno says; *ret_fd and *ret_self are untouched then. */
enum err nodosum_net_open(const struct nodosum_settings *settings, int *fd, int *routes, int *ret_fd, int *ret_routes,
                          struct nodosum_address *ret_self) MUST_CHECK;

/* Where others reach net->fd now, as far as that follows from where the kernel sends from: the way to the first
 * seed that is an address, to somebody who was found (NULL: nobody was), or to the world. False: it does not, or is
 * configured or bound by name and cannot change. For some microseconds a socket of IPv4 hears one peer alone; what others
 * send then is lost as any datagram may be. System calls: connect, getsockname; send, recv. */
bool nodosum_net_look(const struct nodosum_net *net, const struct nodosum_settings *settings, const struct nodosum_address *found,
                      struct nodosum_address *ret_self) MUST_CHECK;

#endif
