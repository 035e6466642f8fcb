/* The operations: proto/nodosum.proto. */
#ifndef CELL_NODOSUM_SERVICE_H
#define CELL_NODOSUM_SERVICE_H

#include "nodosum/waiters.h"

struct nodosum;
struct nodosum_id;
struct nodosum_shell;

enum {
    NODOSUM_SERVICE_PAGE_MAX = 512,   /* members in one answer: 300 KiB of the longest          */
    NODOSUM_SERVICE_EVENTS_MAX = 256, /* events in one answer                                   */
    NODOSUM_SERVICE_RTTS_MAX = 256,   /* samples in one answer                                  */
    NODOSUM_SERVICE_PLACES_MAX = 1024, /* places in one answer: 64 KiB                          */
    NODOSUM_SERVICE_MEASURE_MAX = 16, /* members measured for one request                       */
    NODOSUM_SERVICE_NEAR_MAX = 64,    /* of a topology: the nearest                             */
    NODOSUM_SERVICE_FOUND_MAX = 64,   /* nodes that have what a name stands for: the best        */
};

enum err nodosum_service_members(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_watch(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_leave(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_topology(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_discover(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_rtts(void *state, struct cell_call *call, const void *request) MUST_CHECK;

enum err nodosum_service_offer(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_place(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_places(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_measure(void *state, struct cell_call *call, const void *request) MUST_CHECK;
enum err nodosum_service_keys(void *state, struct cell_call *call, const void *request) MUST_CHECK;

/* Index of the first member after `id` in the order of ids. O(log n). */
uint32_t nodosum_service_after(const struct nodosum *core, const struct nodosum_id *id);

/* Which keys others have now, as the answer to `call`. */
enum err nodosum_service_keys_answer(struct nodosum_shell *s, struct cell_call *call) MUST_CHECK;

/* End a request that waited: struct nodosum_waiters calls it; context is the struct nodosum_shell. */
void nodosum_service_answer(void *context, const struct nodosum_waiter *w);

#endif
