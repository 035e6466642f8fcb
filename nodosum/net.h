/* The socket for members' packets, and where others reach it. */
#ifndef CELL_NODOSUM_NET_H
#define CELL_NODOSUM_NET_H

#include "nodosum/config.h"

/* Use *fd, a bound UDP socket (taken), or with *fd -1 bind one at settings->listen. *ret_self: the address that
 * others are told: as configured; else where it is bound; else the one the kernel would send to the first
 * seed or to the world from; else the first of its addresses; else the loopback, at which only this machine finds it. Runs with the doors
 * open. Errors as errno says; *ret_fd and *ret_self are untouched then. */
enum err nodosum_net_open(const struct nodosum_settings *settings, int *fd, int *ret_fd,
                          struct nodosum_address *ret_self) MUST_CHECK;

#endif
