/* The cell around the core: its interface, socket, clock and file. */
#ifndef CELL_DATAPATH_SHELL_H
#define CELL_DATAPATH_SHELL_H

#include "common/run/cell.h"
#include "datapath/config.h"
#include "datapath/control.h"
#include "datapath/core.h"
#include "datapath/engine.h"
#include "datapath/flow.h"
#include "datapath/frames.h"
#include "datapath/hosts.h"
#include "datapath/lane.h"
#include "datapath/linger.h"
#include "datapath/service_members.h"
#include "datapath/namer.h"
#include "datapath/screen.h"
#include "datapath/service_capture.h"
#include "datapath/service_ping.h"
#include "datapath/signals.h"
#include "datapath/store.h"
#include "datapath/udp.h"

enum {
    DATAPATH_SHELL_HELD_MS = 600000, /* until it is told again that a filter holds datagrams back */
    DATAPATH_SHELL_STIR_MS = 60000, /* between looks at the system's randomness                */
};

struct datapath_shell {
    struct cell *cell;
    struct datapath_settings settings;
    struct datapath_store store;
    struct datapath_udp udp;
    struct datapath_lane lane;
    struct datapath_control control;
    struct datapath_engine engine;
    struct datapath_flow flow;
    struct datapath_linger linger;
    struct datapath_frames frames;
    struct datapath_signals signals;
    struct datapath_ping ping;
    struct datapath_captures captures;
    struct datapath_screen screen;
    struct datapath_namer namer;
    struct datapath_members members;
    struct datapath_hosts hosts;
    int tun;
    struct tun_spec device;         /* what the interface is, whoever made it */
    uint32_t device_number;         /* in the socket's network; 0: it is in another */
    enum tun_offloads offloads;     /* what goes through it in one piece      */
    uint8_t secret[DATAPATH_NOISE_KEY];
    void *memory;
    struct datapath *core;          /* in memory */
    struct datapath_effects fx;
    struct loop_watch *tun_watch, *udp_watch;
    struct loop_timer *timer, *stir;
    uint64_t armed_ms;              /* when the timer fires; UINT64_MAX: it does not */
    struct cell_metric *metric_sessions, *metric_refused, *metric_lost;
    uint64_t told_sessions, told_refused, told_lost; /* what these have */
    struct cell_metric *metric_alone, *metric_train, *metric_past, *metric_is_past, *metric_shield;
    uint32_t told_turn;             /* of the lane                    */
    uint64_t told_held_ms;          /* when it was told that a filter holds datagrams back; 0: never */
};

/* Hooks of the cell; state is a struct datapath_shell. */
enum err datapath_shell_open(struct cell *cell, void *state) MUST_CHECK;
enum err datapath_shell_start(struct cell *cell, void *state) MUST_CHECK;
void datapath_shell_tick(void *state, uint64_t now_ms);
void datapath_shell_granted(void *state, const char *name);
void datapath_shell_drain(void *state);
void datapath_shell_stop(void *state);

/* Now, for steps of the core. */
struct datapath_time datapath_shell_now(void);

/* Carry out s->fx: datagrams are put, not sent yet; or other effects of the core. */
void datapath_shell_perform(struct datapath_shell *s);
void datapath_shell_carry_out(struct datapath_shell *s, const struct datapath_effects *fx);

/* Something of the core was changed: its clock may be due earlier. */
void datapath_shell_changed(void *state);

/* Peers were changed, by whom they may be: they are kept, and the core's clock is looked at. An error: they hold until a
 * restart; it is logged. */
enum err datapath_shell_keep(struct datapath_shell *s) MUST_CHECK;

#endif
