/* The slot protocol (common/run/shm_slot.c, used by shm_ask.c and shm_serve.c): an answer completes the
 * call that it belongs to and no other, memory is read only while it stands still, and where nobody
 * times out nobody waits for ever.
 *
 * Threads of one process share the slots of their half; the server answers in any order and as late as
 * it likes. The request word and the request's bytes are written by the asker alone, the response word
 * and the answer's bytes by the server alone.
 *
 * With -DNO_TIMEOUT an asker waits for its answer; otherwise it may give up at any moment. A deadlock
 * is a lost answer, or a disowned slot that never comes back. */

#ifndef CALLS
#define CALLS 2 /* of each thread */
#endif
#ifndef SLOTS
#define SLOTS 1
#endif
#ifndef THREADS
#define THREADS 2
#endif

/* enum shm_slot_state */
#define REST 0
#define FILL 1
#define ASK 2
#define VOID 3
#define ANSWER 4
#define DONE 6

/* A word: sequence number and state. The generation changes with the sequence number and is left out:
 * the sequence number of a bounded run does not wrap. */
#define WORD(sequence, state) ((sequence) * 8 + (state))
#define SEQUENCE(word) ((word) / 8)
#define STATE(word) ((word) % 8)

/* enum shm_core_claim: private to the askers' process */
#define FREE 0
#define CLAIMED 1
#define DISOWNED 2

byte request[SLOTS];  /* words */
byte response[SLOTS];
byte question[SLOTS]; /* payloads: which call they are of; 0 while they are being written */
byte answer[SLOTS];
byte claim[SLOTS];
byte mine[SLOTS];     /* struct shm_asker.word */
byte ended;           /* threads that have made all their calls */

/* shm_session_open: an unused slot, or one whose VOID the server has answered */
inline open_session()
{
    do
    :: atomic {
           SLOTS > 0;
#ifdef NO_CLAIM
           claim[0] == FREE || claim[0] == CLAIMED ->
#else
           claim[0] == FREE ->
#endif
           slot = 0;
           claim[0] = CLAIMED
       };
       break
#if SLOTS > 1
    :: atomic {
           claim[1] == FREE ->
           slot = 1;
           claim[1] = CLAIMED
       };
       break
#endif
    od
}

/* shm_slot_see on SHM_SLOT_VOID: the disowned slot is ours again. One process stands for whoever comes by. */
proctype reclaimer()
{
    byte slot;
end:
    do
    :: atomic {
           claim[0] == DISOWNED && response[0] == WORD(SEQUENCE(mine[0]), DONE) -> claim[0] = FREE
       }
#if SLOTS > 1
    :: atomic {
           claim[1] == DISOWNED && response[1] == WORD(SEQUENCE(mine[1]), DONE) -> claim[1] = FREE
       }
#endif
    od
}

proctype asker(byte me)
{
    byte slot, call, id;

    for (call : 1 .. CALLS) {
        id = me * CALLS + call;
        open_session();
        /* shm_ask_room: shm_slot_fill */
        atomic {
            mine[slot] = WORD(SEQUENCE(mine[slot]) + 1, FILL);
            request[slot] = mine[slot]
        };
        question[slot] = 0;
#ifdef ASK_BEFORE_DATA
        mine[slot] = WORD(SEQUENCE(mine[slot]), ASK);
        request[slot] = mine[slot];
        question[slot] = id;
#else
        question[slot] = id;
        /* shm_ask_send: shm_slot_ask */
        mine[slot] = WORD(SEQUENCE(mine[slot]), ASK);
        request[slot] = mine[slot];
#endif
        /* shm_reply_wait: shm_slot_see */
        if
#ifdef BELIEVE_STATE
        :: STATE(response[slot]) == ANSWER ->
#else
        :: response[slot] == WORD(SEQUENCE(mine[slot]), ANSWER) ->
#endif
           assert(answer[slot] == id);
           /* reading in place takes its time */
           assert(answer[slot] == id);
           claim[slot] = FREE
#ifndef NO_TIMEOUT
        :: true ->
           /* shm_slot_disown */
           mine[slot] = WORD(SEQUENCE(mine[slot]) + 1, VOID);
           request[slot] = mine[slot];
           /* shm_session_close */
#ifdef REUSE_WITHOUT_ACK
           claim[slot] = FREE
#else
           claim[slot] = DISOWNED
#endif
#endif
        fi;
        slot = 0
    };
    ended++
}

/* One slot's share of the serving thread; slots are independent of each other there. */
proctype server(byte slot)
{
    byte seen, asked, theirs, heard;

end:
    do
    :: request[slot] != seen ->
       /* shm_slot_find */
       theirs = request[slot];
       if
       :: STATE(theirs) == FILL -> request[slot] != theirs /* SHM_SLOT_COMING */
       :: STATE(theirs) == VOID ->
          seen = theirs;
          response[slot] = WORD(SEQUENCE(theirs), DONE) /* SHM_SLOT_RELEASE */
       :: STATE(theirs) == ASK ->
          seen = theirs;
          asked = theirs;
          /* the handler: reads in place, early and late, and answers when it likes */
          heard = question[slot];
          assert(heard != 0);
#ifdef DONE_EARLY
          if
          :: STATE(request[slot]) == VOID ->
             seen = request[slot];
             response[slot] = WORD(SEQUENCE(seen), DONE)
          :: true
          fi;
#endif
#ifdef ANSWER_BEFORE_DATA
          response[slot] = WORD(SEQUENCE(asked), ANSWER);
#endif
          answer[slot] = 0;
          assert(heard == question[slot]);
          answer[slot] = heard;
          /* shm_slot_close: look once more, then publish */
          theirs = request[slot];
          if
          :: theirs == asked || theirs == seen -> response[slot] = WORD(SEQUENCE(asked), ANSWER)
          :: else ->
             /* find_while_held: an honest asker can only have disowned */
             seen = theirs;
             assert(STATE(theirs) == VOID);
             response[slot] = WORD(SEQUENCE(theirs), DONE)
          fi;
#ifdef TOUCH_LATE
          answer[slot] = 0;
#endif
          heard = 0
       fi;
       theirs = 0
    od
}

init
{
    atomic {
        run asker(0);
        run asker(1);
#if THREADS > 2
        run asker(2);
#endif
        run reclaimer();
        run server(0);
#if SLOTS > 1
        run server(1)
#endif
    }
    /* Every call has come to its end: the askers are no valid end states otherwise. */
    ended == THREADS
}
