/* Where the shield hangs: at the cheap place in peace, at the strong one under a flood. XDP drops a packet at a third of
 * tcx's cost, but a driver that has it switched on may give up its offloads for that: a veth's peer then sends a quarter
 * of what it sent. So XDP comes when there is much to drop and goes when that is over, unless the driver is known to
 * lose nothing, or frames are to go past the host's stack (lane.h). Pure: looks in, deeds out; a deed's result is told
 * with the next event.
 *
 * At every moment one hook judges, and it hangs: XDP is hung before it judges, and is taken off when tcx, which hangs
 * on, judges again. */
#ifndef CELL_DATAPATH_ATTACH_H
#define CELL_DATAPATH_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "datapath/shield_shape.h"

enum {
    DATAPATH_ATTACH_LOOK_MS = 100,        /* between looks in peace                                                */
    DATAPATH_ATTACH_SOON_MS = 25,         /* … and while more is dropped than in peace, and XDP may still come     */
    DATAPATH_ATTACH_FLOOD = 500000,       /* dropped a second: from here on XDP saves an eighth of a core           */
    DATAPATH_ATTACH_CALM = 125000,        /* … and below that it is not missed                                      */
    DATAPATH_ATTACH_LOOKS = 2,            /* that see a flood at least, within …                                    */
    DATAPATH_ATTACH_SPAN_MS = 250,        /* … this time, in which it is one on the average, too …                  */
    DATAPATH_ATTACH_MANY = 100000,        /* … and so much of it: of a million a second XDP is asked for within
                                           * 150 ms, and hung within 200; of half a million 100 later               */
    DATAPATH_ATTACH_QUIET_MS = 10000,     /* calm, until XDP goes                                                    */
    DATAPATH_ATTACH_QUIET_MS_MAX = 600000, /* … doubled up to this while floods come back as soon as it went         */
    DATAPATH_ATTACH_AGAIN_MS = 60000,     /* until what was refused is tried again                     */
};

enum datapath_attach_choice {
    DATAPATH_ATTACH_AUTO,
    DATAPATH_ATTACH_NONE,
    DATAPATH_ATTACH_ONLY_TC,
    DATAPATH_ATTACH_ONLY_XDP,
};

enum datapath_attach_event_kind {
    DATAPATH_ATTACH_EV_BEGIN,    /* first, and again when that was REFUSED     */
    DATAPATH_ATTACH_EV_LOOK,     /* look_ms after the one before: dropped      */
    DATAPATH_ATTACH_EV_HUNG,     /* the result of a HANG: hook, result         */
};

struct datapath_attach_event {
    enum datapath_attach_event_kind kind;
    uint64_t now_ms;
    uint64_t dropped;                  /* in all: datapath_attach_dropped      */
    enum datapath_shield_hook hook;
    enum err result;                   /* of datapath_shield_attach              */
};

enum datapath_attach_effect_kind {
    DATAPATH_ATTACH_FX_HANG,     /* hook; tell the result */
    DATAPATH_ATTACH_FX_JUDGE,    /* hook                  */
    DATAPATH_ATTACH_FX_TAKE_OFF, /* hook                  */
    DATAPATH_ATTACH_FX_REFUSED,  /* nothing hangs: result says why; the cell goes on without a shield */
};

struct datapath_attach_effect {
    enum datapath_attach_effect_kind kind;
    enum datapath_shield_hook hook;
    enum err result;
};

enum {
    DATAPATH_ATTACH_EFFECTS = 2, /* of one step */
};

struct datapath_attach_effects {
    uint32_t count;
    struct datapath_attach_effect effect[DATAPATH_ATTACH_EFFECTS];
};

struct datapath_attach {
    enum datapath_attach_choice choice;
    bool is_cheap;               /* XDP hangs in peace, too                                     */
    bool hangs[2];               /* by hook                                                     */
    bool is_asked;               /* a HANG whose result is to come                              */
    bool has_no_xdp;             /* the driver has none: never again                            */
    uint64_t looked_ms, dropped; /* of the look before; 0: none                                 */
    uint64_t look_ms;            /* until the next look: of those above                         */
    uint32_t floods;             /* looks that saw one …                                        */
    uint64_t flooded, since_ms;  /* … and what was dropped since the first of them began        */
    uint64_t calm_ms;            /* since when there is none; UINT64_MAX: there is              */
    uint64_t quiet_ms;           /* how long that must be                                       */
    uint64_t gone_ms;            /* when XDP last went; 0: never                                */
    uint64_t again_ms;           /* XDP is not tried before                                     */
};

/* What the counters of a shield say was dropped. A flow that passes is none of it, however busy it is. */
uint64_t datapath_attach_dropped(const uint64_t count[DATAPATH_SHIELD_VERDICTS]);

/* is_cheap: the driver is known to keep its offloads beside XDP, or it is wanted whatever it costs: it hangs in peace, too,
 * and what was refused is tried again. When nothing is known, false. */
void datapath_attach_init(struct datapath_attach *a, enum datapath_attach_choice choice, bool is_cheap);

void datapath_attach_step(struct datapath_attach *a, const struct datapath_attach_event *ev,
                          struct datapath_attach_effects *fx);

#endif
