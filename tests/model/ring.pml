/* The byte ring (common/run/shm_ring_out.c, shm_ring_in.c): nothing unread is ever overwritten, what was
 * committed is read once, whole and in the order of the reservations, abandoned reservations are
 * skipped, and so are those that a dead producer left open.
 *
 * Two producers on threads of one process, one consumer. The ring is counted in words; a record is a
 * word and up to two words of payload. Stores are seen in order (each one is a release); sleeping is
 * other models' business: whoever finds nothing waits until there is something.
 *
 * With -DMORTAL the producers' process may end at any moment.
 *
 * A deadlock is a ring that stands still. */

#ifndef MESSAGES
#define MESSAGES 2 /* of the first producer */
#endif
#ifndef SECOND
#define SECOND MESSAGES /* and of the second */
#endif
#ifndef CAPACITY
#define CAPACITY 6
#endif
#ifndef LOANS
#define LOANS 2
#endif
#ifndef SPAN_MAX
#define SPAN_MAX (CAPACITY / 2) /* shm_ring_message_max */
#endif

/* enum shm_ring_kind */
#define NONE 0
#define BUSY 1
#define DATA 2
#define SKIP 3

/* A word: which reservation it is of, how many words the record has, and the kind. */
#define WORD(id, span, kind) ((id) * 32 + (span) * 4 + (kind))
#define KIND(word) ((word) % 4)
#define SPAN(word) (((word) / 4) % 8)
#define ID(word) ((word) / 32)
/* Payload is the worst there is: it looks like a committed message. */
#define PAYLOAD(id) WORD(id, 1, DATA)

#define RESERVATIONS (MESSAGES + SECOND)

/* What became of each reservation: known to the checker only. */
#define OPEN 0
#define COMMITTED 1
#define ABORTED 2
byte fate[RESERVATIONS];
byte reserved; /* how many there are */

byte data[CAPACITY]; /* producer's half */
byte head;           /* consumer's half */

bool is_locked; /* private to the producers' process */
byte tail;
byte ended; /* producers that have made all their reservations */
bool is_killed;

/* When the consumer looks at the next word. Whoever may die does so while it looks at nothing, too; else
 * it waits until there is something, so that standing still is a deadlock. */
#ifdef MORTAL
#define MAY_LOOK true
#else
#ifdef OPEN_PASSED
#define MAY_LOOK (KIND(AT(next)) != NONE || ended == 2)
#else
#define MAY_LOOK (KIND(AT(next)) >= DATA || ended == 2)
#endif
#endif

#define AT(position) data[(position) % CAPACITY]

/* lock(), unlock() */
inline take_lock()
{
#ifdef NO_LOCK
    skip
#else
    atomic {
        !is_locked -> is_locked = true
    }
#endif
}

inline drop_lock()
{
    is_locked = false
}

/* skip_for() */
#define SKIP_FOR(position, span)                                                                   \
    (CAPACITY - (position) % CAPACITY >= (span) -> 0 : CAPACITY - (position) % CAPACITY)

/* bytes_for() */
#ifdef NO_END_WORD
#define NEEDS(position, span) (SKIP_FOR(position, span) + (span))
#else
#define NEEDS(position, span) (SKIP_FOR(position, span) + (span) + 1)
#endif

#define HAS_ROOM(span) (tail - head + NEEDS(tail, span) <= CAPACITY)

proctype producer(byte count)
{
    byte n, id, span, start;

    {
        for (n : 1 .. count) {
            if
            :: span = 1
            :: span = 2
#if SPAN_MAX > 2
            :: span = 3
#endif
            fi;
            /* shm_ring_reserve */
            do
            :: take_lock();
               if
               :: HAS_ROOM(span) -> break
               :: else ->
                  drop_lock();
                  HAS_ROOM(span)
               fi
            od;
            start = tail + SKIP_FOR(tail, span);
#ifdef SKIP_FIRST
            if
            :: start > tail -> AT(tail) = WORD(0, start - tail, SKIP)
            :: else
            fi;
#endif
#ifndef NO_CLEAR
            AT(start + span) = NONE;
#endif
            atomic {
                id = reserved;
                reserved++;
                AT(start) = WORD(id, span, BUSY)
            };
#ifndef SKIP_FIRST
            if
            :: start > tail -> AT(tail) = WORD(0, start - tail, SKIP)
            :: else
            fi;
#endif
            tail = start + span;
            drop_lock();
#ifdef COMMIT_EARLY
            atomic {
                AT(start) = WORD(id, span, DATA);
                fate[id] = COMMITTED
            };
#endif
            if
            :: span > 1 -> AT(start + 1) = PAYLOAD(id)
            :: else
            fi;
            if
            :: span > 2 -> AT(start + 2) = PAYLOAD(id)
            :: else
            fi;
#ifndef COMMIT_EARLY
            if
            /* shm_ring_commit */
            :: atomic {
                   AT(start) = WORD(id, span, DATA);
                   fate[id] = COMMITTED
               }
            /* shm_ring_abort */
            :: atomic {
#ifndef ABORT_FORGOTTEN
                   AT(start) = WORD(id, span, SKIP);
#endif
                   fate[id] = ABORTED
               }
            fi;
#endif
            d_step {
                span = 0;
                start = 0;
                id = 0
            }
        };
        ended++
    } unless {
        is_killed
    }
}

#ifdef MORTAL
proctype killer()
{
    is_killed = true
}
#endif

/* shm_ring_take: pass() */
inline pass_over(span)
{
    d_step {
        next = next + span;
        if
#ifdef SKIP_EARLY
        :: true -> released = next
#endif
        :: loans == 0 -> released = next
        :: else
        fi
    }
}

/* What the message after the last one must be: the checker's own walk. */
inline expect()
{
    do
    :: expected < reserved && (fate[expected] == ABORTED || (is_dead && fate[expected] == OPEN)) ->
       expected++
    :: else -> break
    od
}

/* Loan `k` is whole: its record's word and payload are what they were when it was taken. */
inline check_loan(k)
{
    assert(AT(lent[k]) == WORD(lent_id[k], lent_span[k], DATA));
    assert(lent_span[k] < 2 || AT(lent[k] + 1) == PAYLOAD(lent_id[k]));
    assert(lent_span[k] < 3 || AT(lent[k] + 2) == PAYLOAD(lent_id[k]))
}

/* shm_ring_release of loan k: 0 is the oldest */
inline give_back(k)
{
    atomic {
        check_loan(k);
        is_free[k] = true;
#ifdef HEAD_EARLY
        released = lent[k] + lent_span[k];
#endif
        do
        :: loans > 0 && is_free[0] ->
           released = lent[0] + lent_span[0];
           loans--;
           lent[0] = lent[1];
           lent_span[0] = lent_span[1];
           lent_id[0] = lent_id[1];
           is_free[0] = is_free[1];
           lent[1] = 0;
           lent_span[1] = 0;
           lent_id[1] = 0;
           is_free[1] = false
        :: else -> break
        od;
        if
        :: loans == 0 -> released = next
        :: else
        fi
    }
}

proctype consumer()
{
    byte next, released, word, expected, loans;
    byte lent[2], lent_span[2], lent_id[2];
    bool is_free[2];
    bool is_dead;

    do
    /* shm_ring_take; is_dead is read before the word */
    :: atomic {
           loans < LOANS && MAY_LOOK ->
#ifndef DEATH_ASKED_LATE
           is_dead = is_killed || ended == 2
#else
           skip
#endif
       };
       word = AT(next);
#ifdef DEATH_ASKED_LATE
       is_dead = is_killed || ended == 2;
#endif
       if
       :: KIND(word) == NONE && is_dead -> break
       :: KIND(word) == NONE && !is_dead
       :: KIND(word) == SKIP -> pass_over(SPAN(word))
#ifdef OPEN_PASSED
       :: KIND(word) == BUSY -> pass_over(SPAN(word))
#else
#ifdef LOST_BY_DEATH
       :: KIND(word) == BUSY && is_dead -> break
#else
       :: KIND(word) == BUSY && is_dead -> pass_over(SPAN(word))
#endif
       :: KIND(word) == BUSY && !is_dead
#endif
       :: KIND(word) == DATA ->
          atomic {
              expect();
              assert(expected < reserved && fate[expected] == COMMITTED);
              assert(ID(word) == expected);
              expected++;
              lent[loans] = next;
              lent_span[loans] = SPAN(word);
              lent_id[loans] = ID(word);
              next = next + SPAN(word);
              loans++
          };
          check_loan(loans - 1)
       fi;
       word = 0
    :: loans > 0 && !is_free[0] -> give_back(0)
    :: loans > 1 && !is_free[1] -> give_back(1)
    /* tell() */
    :: released != head -> head = released
    od;
    /* ERR_PEER_DEAD: everything committed was read. */
    atomic {
        is_dead = true;
        expect();
        assert(expected == reserved)
    }
}

init
{
    atomic {
        run producer(MESSAGES);
        run producer(SECOND);
#ifdef MORTAL
        run killer();
#endif
        run consumer()
    }
}
