/* Waiting for room in a byte ring (common/run/shm_ring_out.c, shm_ring_in.c), under x86's store order:
 * room is told lazily, and yet no producer sleeps for ever beside room that it could have.
 *
 * Two producers on threads of one process, one consumer. A record takes one unit of the ring or two.
 * What is in a record, and the sleep for data, are other models' business (ring.pml, doorbell.pml): here
 * the consumer sees at once how much was committed, and takes and gives back by units.
 *
 * A deadlock is a lost wake-up. */

#ifndef MESSAGES
#define MESSAGES 3 /* of each producer */
#endif

#define CAPACITY 4
#define LAZY 2 /* room is told by so many units; SHM_RING_LAZY */

/* A loan that the consumer keeps until the producers have ended. What they still have to send just fits
 * behind it, if all the room before it is told. */
#define KEPT (3 * MESSAGES - CAPACITY)

#define HEAD 0     /* consumer's half */
#define KICK 1     /* consumer's half */
#define WANTS 2    /* producer's half */
#define SLEEPERS 3 /* producer's half */

#define CELLS 4
#define CONSUMER 2
#define THREADS 3
#include "tso.pml"

/* Private to the producer's process, under its lock. */
bool is_locked;
byte tail;
/* How much is there to take. */
byte committed;
byte done; /* producers that have ended */
bool asleep[2];

/* lock(): an exchange, so it waits for the thread's stores */
inline take_lock(me)
{
    atomic {
        !is_locked && stores[me].count == 0;
        is_locked = true
    }
}

/* unlock() is a plain store behind the others. */
inline drop_lock(me)
{
    atomic {
        stores[me].count == 0;
        is_locked = false
    }
}

/* find_room(): under the lock. Sets has_room. The last known head (out->head) is left out: it only spares
 * a look. */
inline find_room(me, size)
{
    load(me, HEAD, head);
    has_room = (tail + size - head <= CAPACITY);
    if
    :: has_room
    :: else ->
       load(me, WANTS, wants);
       d_step {
           want = tail + (size > LAZY -> size : LAZY) - CAPACITY;
           want = (want > wants -> want : wants)
       };
#ifdef NO_FENCE_WISH
       store(me, WANTS, want);
#else
#ifdef WISH_UNSAID
       skip;
#else
       exchange(me, WANTS, want);
#endif
#endif
       load(me, HEAD, head);
       has_room = (tail + size - head <= CAPACITY)
    fi;
    d_step {
        head = 0;
        wants = 0;
        want = 0
    }
}

proctype producer(byte me; byte size)
{
    byte sent, head, wants, want, kick;
    bool has_room;

    for (sent : 1 .. MESSAGES) {
        do
        /* shm_ring_reserve */
        :: take_lock(me);
           find_room(me, size);
           if
           :: has_room ->
              tail = tail + size;
#ifdef WISH_CLEARED
              exchange(me, WANTS, 0);
#endif
              drop_lock(me);
              break
           :: else -> drop_lock(me)
           fi;
           /* shm_bell_sleep, with shm_ring_has_room as its look */
           load(me, KICK, kick);
           add(me, SLEEPERS, 1);
           take_lock(me);
           find_room(me, size);
           if
           :: has_room -> drop_lock(me)
           :: else ->
              drop_lock(me);
              atomic {
                  if
                  :: mem[KICK] != kick
                  :: else -> asleep[me] = true
                  fi
              };
              !asleep[me]
           fi;
           add(me, SLEEPERS, 255);
           d_step {
               kick = 0;
               has_room = false
           }
        od;
        /* shm_ring_commit */
        atomic {
            committed = committed + size;
            has_room = false
        }
    };
    done++
}

/* tell(), and the doorbell if somebody waits */
inline tell()
{
    before = published;
    published = released;
#ifdef NO_FENCE_TELL
    store(CONSUMER, HEAD, published);
#else
    exchange(CONSUMER, HEAD, published);
#endif
    load(CONSUMER, WANTS, wants);
    if
#ifdef WAKE_IF_FULFILLED
    :: wants > before && wants <= published ->
#else
    :: wants > before ->
#endif
       load(CONSUMER, SLEEPERS, wants);
       if
       :: wants == 0
       :: else ->
          add(CONSUMER, KICK, 1);
          atomic {
              asleep[0] = false;
              asleep[1] = false
          }
       fi
    :: else
    fi;
    d_step {
        before = 0;
        wants = 0
    }
}

proctype consumer()
{
    byte taken, released, published, wants, before;

    do
    /* shm_ring_take */
    :: taken < committed -> taken++
    /* shm_ring_release */
    :: released < taken && (released < KEPT || done == 2) ->
       released++;
       load(CONSUMER, WANTS, wants);
       if
       :: (wants > published && wants <= released) || released - published >= LAZY -> tell()
       :: else
       fi;
       wants = 0
    /* shm_ring_tell, at the end of a turn and before sleeping */
#ifndef NO_LAST_WORD
    :: released > published -> tell()
#endif
    :: done == 2 && taken == committed && released == taken -> break
    od
}

init
{
    atomic {
        run drain(0);
        run drain(1);
        run drain(CONSUMER);
        run producer(0, 1);
        run producer(1, 2);
        run consumer()
    }
}
