/* Sleep and wake-up between two processes (common/run/shm_bell.c), under x86's store order: nobody
 * sleeps for ever while what it waits for is there.
 *
 * Two askers on one side, one server on the other. An asker publishes its word and waits for the
 * server's to be the same; the server waits for any word that it has not answered. Spinning is the
 * case in which the first look succeeds. The slice after which a real sleeper looks again is left out:
 * it would hide what is to be found.
 *
 * A deadlock is a lost wake-up. */

#ifndef ROUNDS
#define ROUNDS 2
#endif

#define ASKERS 2
#define SERVER 2 /* its thread number */

/* Memory. A word for each asker on either side, then the doorbell of each side. */
#define ASKED(t) (t)
#define ANSWERED(t) (2 + (t))
#define SLEEPERS(side) (4 + (side))
#define NAPS(side) (6 + (side))
#define KICK(side) (8 + (side))
#define KICKED(side) (10 + (side)) /* private to a side: struct shm.kicked_naps */

#define CELLS 12
#define THREADS 3
#include "tso.pml"

bool asleep[THREADS]; /* in FUTEX_WAIT */

/* shm_bell_wake: wake_futex. The kernel's part is one step; side 0 is the askers'. */
inline futex_wake(other)
{
    atomic {
        if
        :: other == 0 ->
#ifdef WAKE_ONE
           if
           :: asleep[0] -> asleep[0] = false
           :: else -> asleep[1] = false
           fi
#else
           asleep[0] = false;
           asleep[1] = false
#endif
        :: else -> asleep[SERVER] = false
        fi
    }
}

/* Temporaries that nobody reads any more must not tell states apart. */
inline forget()
{
    d_step {
        seen = 0;
        naps = 0;
        kick = 0;
        is_ready = false
    }
}

/* shm_bell_publish, shm_bell_look, shm_bell_wake */
inline publish(me, side, cell, value)
{
#ifdef NO_FENCE_PUBLISH
    store(me, cell, value);
#else
    exchange(me, cell, value);
#endif
    load(me, SLEEPERS(1 - side), seen);
    if
    :: seen == 0
    :: else ->
       load(me, NAPS(1 - side), naps);
       load(me, KICKED(side), seen);
       if
       :: seen == naps /* that nap is being ended already */
       :: else ->
#ifdef KICK_AFTER_WAKE
          futex_wake(1 - side);
          add(me, KICK(side), 1);
#else
          add(me, KICK(side), 1);
          futex_wake(1 - side);
#endif
          exchange(me, KICKED(side), naps)
       fi
    fi;
    forget()
}

/* The flag that says "I sleep": fetch_add of sleepers and of naps. */
inline lie_down(me, side)
{
#ifdef NO_FENCE_FLAG
    /* Of the server only: it is alone on its side, so that the fence is all that is lost. */
    if
    :: side == 1 ->
       load(me, NAPS(side), naps);
       store(me, SLEEPERS(side), 1);
       store(me, NAPS(side), naps + 1)
    :: else ->
       add(me, SLEEPERS(side), 1);
       add(me, NAPS(side), 1)
    fi
#else
    add(me, SLEEPERS(side), 1);
#ifdef NAP_AFTER_CHECK
    skip
#else
    add(me, NAPS(side), 1)
#endif
#endif
}

/* shm_bell_sleep: sleep_on_futex. look(): sets is_ready. */
#define SLEEP(me, side, look)                                                                      \
    load(me, KICK(1 - side), kick);                                                                \
    BEFORE_FLAG(me, side, look);                                                                   \
    AFTER_FLAG(me, side, look);                                                                    \
    LATE_KICK(me, side);                                                                           \
    if                                                                                             \
    :: is_ready                                                                                    \
    :: else ->                                                                                     \
       atomic {                                                                                    \
           WAIT_FENCE(me);                                                                         \
           if                                                                                      \
           :: mem[KICK(1 - side)] != kick                                                          \
           :: else -> asleep[me] = true                                                            \
           fi                                                                                      \
       };                                                                                          \
       !asleep[me]                                                                                 \
    fi;                                                                                            \
    add(me, SLEEPERS(side), 255);                                                                  \
    forget()

#ifdef FLAG_AFTER_CHECK
#define BEFORE_FLAG(me, side, look) look(me)
#define AFTER_FLAG(me, side, look) lie_down(me, side)
#else
#define BEFORE_FLAG(me, side, look) lie_down(me, side)
#ifdef NAP_AFTER_CHECK
#define AFTER_FLAG(me, side, look) look(me); add(me, NAPS(side), 1)
#else
#define AFTER_FLAG(me, side, look) look(me)
#endif
#endif
#ifdef KICK_READ_LATE
#define LATE_KICK(me, side) load(me, KICK(1 - side), kick)
#else
#define LATE_KICK(me, side) skip
#endif
/* The kernel's own barrier in FUTEX_WAIT comes after the look: it does not help who had no fence. */
#define WAIT_FENCE(me) stores[me].count == 0

inline look_for_answer(me)
{
    load(me, ANSWERED(me), seen);
    is_ready = (seen == round)
}

inline look_for_request(me)
{
    d_step {
        is_ready = false;
        if
        :: mem[ASKED(0)] != served[0] -> is_ready = true; which = 0
        :: else ->
           if
           :: mem[ASKED(1)] != served[1] -> is_ready = true; which = 1
           :: else
           fi
        fi
    }
}

proctype asker(byte me)
{
    byte round, seen, naps, kick;
    bool is_ready;

    for (round : 1 .. ROUNDS) {
        publish(me, 0, ASKED(me), round);
        do
        :: look_for_answer(me);
           if
           :: is_ready -> break
           :: else
           fi;
           SLEEP(me, 0, look_for_answer)
        od
    }
}

proctype server()
{
    byte served[ASKERS], count, which, seen, naps, kick;
    bool is_ready;

    do
    :: count == ASKERS * ROUNDS -> break
    :: else ->
       do
       :: look_for_request(SERVER);
          if
          :: is_ready -> break
          :: else
          fi;
          SLEEP(SERVER, 1, look_for_request)
       od;
       served[which] = served[which] + 1;
       count++;
       publish(SERVER, 1, ANSWERED(which), served[which])
    od
}

init
{
    atomic {
        run drain(0);
        run drain(1);
        run drain(2);
        run asker(0);
        run asker(1);
        run server()
    }
}
