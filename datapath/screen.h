/* The cell's side of its shield: asks the keeper for it, tells it what there is to let through, and decides where it hangs
 * (attach.h). Without one, for whatever reason, the cell goes on and says so. */
#ifndef CELL_DATAPATH_SCREEN_H
#define CELL_DATAPATH_SCREEN_H

#include "common/run/cell.h"
#include "common/run/loop.h"
#include "datapath/attach.h"
#include "datapath/core.h"
#include "datapath/keeper.h"
#include "datapath/lane.h"

struct datapath_screen {
    enum datapath_attach_choice choice;
    bool is_loaded;                 /* the maps are there                                    */
    bool is_loading;                /* another keeper was asked to, after the first one      */
    int keeper;                     /* socket; -1: nobody keeps it                           */
    int minder;                     /* … to who starts keepers, where no supervisor does …   */
    bool is_by_hand;                /* … which is so here                                    */
    uint32_t peers;                 /* that there may be                                     */
    const uint8_t *at;              /* where the socket is bound; borrowed                   */
    struct loop *loop;
    struct datapath_shield_maps maps;
    struct datapath_attach attach;
    bool is_judging;
    enum datapath_shield_hook judge;
    uint64_t again_ms;              /* when what was refused is tried again; 0: nothing was  */
    uint64_t cookies_ms;            /* of the core's secrets that the shield has; 0: none    */
    const struct datapath *core;    /* whose these are                                       */
    struct datapath_lane *lane;     /* past the host's stack: frames come to it while XDP judges */
    struct loop_watch *watch, *minder_watch;
    struct loop_timer *timer;
    char why[DATAPATH_SHIELD_WHY];  /* why there is none; "": nobody wants one, or it judges */
};

struct datapath_screen_setup {
    enum datapath_attach_choice choice;
    int keeper;                  /* socket to it, which is taken; -1: none was given             */
    const char *interface;       /* where none was given: start a keeper for this one; "": none  */
    uint16_t port;
    uint32_t peers;
    const uint8_t *public;       /* our static key, 32 bytes                                     */
    struct datapath_lane *lane;  /* its choice says whether it is wanted; borrowed as long as the screen is open  */
    const uint8_t *at;           /* where the socket is bound, 16 bytes; borrowed as long, too    */
    bool takes_own;              /* signals and what relays pass on are for us                   */
};

/* While doors are open: have the keeper load it, which takes some 50 ms. Never fails: s->why says what is missing, and that
 * is logged. */
void datapath_screen_open(struct datapath_screen *s, const struct datapath_screen_setup *setup);

/* Hang it; core: where datapath_screen_live went. ERR_NOMEM. */
enum err datapath_screen_start(struct datapath_screen *s, struct loop *loop, const struct datapath *core) MUST_CHECK;

/* Another keeper in place of the one that ended, or of one that is to end: his socket, which is taken. It loads and
 * measures anew, and hangs it again; what is let through meanwhile is what was. */
void datapath_screen_again(struct datapath_screen *s, int keeper);

void datapath_screen_close(struct datapath_screen *s); /* also what was zeroed with keeper -1 */

/* For struct datapath_config; NULL: there is none. */
struct datapath_live *datapath_screen_live(struct datapath_screen *s);
/* … and for the numbers of peers and of a relay's clients. */
struct datapath_live *datapath_screen_callers(struct datapath_screen *s);

/* A signal that opened came from there. Cheap. */
void datapath_screen_heard(struct datapath_screen *s, const struct datapath_endpoint *from, uint64_t now_ms);

/* "auto", and where it judges: "tcx", "xdp" or "nowhere". */
const char *datapath_screen_choice(const struct datapath_screen *s);
const char *datapath_screen_place(const struct datapath_screen *s);

/* "SHIELD_INDEX", "no such session", as the service tells them. */
const char *datapath_screen_verdict_name(enum datapath_shield_verdict v);
const char *datapath_screen_verdict_text(enum datapath_shield_verdict v);

#endif
