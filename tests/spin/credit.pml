/* credit.pml: the handoff ingress -> limiter -> responder, with credit, link generations, epochs
 * and crashes.
 *
 * Every step of every actor is one atomic option of one loop, so spin tries every order of them.
 * A crash is also a restart: being down for a while is the same as not being scheduled. What was
 * committed stays, the rest of a process is gone, frames in its sockets are kept or lost. A commit
 * and the frames that it releases are one step, in which the limiter may die before, between and
 * after: a batch that was never committed released nothing, so it is the same as frames that were
 * lost before they were read.
 *
 * Checked: an answered message is on disk (assert in ingress_takes); every message ends, so nothing
 * is lost and nothing waits for ever (any other end is an invalid end state; pan -l: there is no
 * endless run); no execution begins but of the assignment that is on disk, and none after a
 * possible write without the mark (responder_writes); a responder never gets what it has in hand
 * (responder_takes); frames in transit stay within (crashes + 1) windows (where they are sent).
 *
 * Each flag marked `mistake` plants one that must be found; tests/spin/run tries them all. */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CRASHES
#define CRASHES 2  /* of any actor, together */
#endif
#ifndef WINDOW
#define WINDOW 1   /* intake credit, messages */
#endif
#ifndef POOL
#define POOL 1     /* the responder's connections */
#endif
#define LIVES (CRASHES + 1)
#define ROOM (4 * LIVES) /* frames of a channel; a full one would be an invalid end */

#ifdef ONE_WINDOW /* mistake: room for one window only */
#define TRANSIT_MAX(window) (window)
#else
#define TRANSIT_MAX(window) ((crashes + 1) * (window))
#endif

mtype = { HELLO, WELCOME, CREDIT, SUBMIT, VERDICT, ASSIGN, SETTLE, SETTLED };
mtype = { NEW, QUEUED, ASSIGNED, DONE }; /* a message on disk */
mtype = { TO_SEND, SENT, ANSWERED };     /* a message in the ingress; a client sends again */
mtype = { EMPTY, TAKEN, WROTE };         /* an assignment in the responder */

/* kind, link generation, then: a total, a message, or a set of messages held; an attempt; the mark
 * or a life. One channel a life of the sender: each has its connection, which may overtake. */
chan to_limiter_i[LIVES] = [ROOM] of { mtype, byte, byte, byte, byte };
chan to_limiter_r[LIVES] = [ROOM] of { mtype, byte, byte, byte, byte };
chan to_ingress = [ROOM] of { mtype, byte, byte, byte, byte };
chan to_responder = [ROOM] of { mtype, byte, byte, byte, byte };
hidden mtype kind; hidden byte of_link, a, b, c, i;   /* of the step under way only */

byte crashes, submits_in_transit, assigns_in_transit;

/* the disk */
mtype disk[MESSAGES] = NEW;
byte attempt[MESSAGES], holder[MESSAGES];
bool maybe_sent[MESSAGES];

/* the world: has a write of this message perhaps happened? */
bool written[MESSAGES];

/* ingress; link numbers are unique over lives; a new life has none before its HELLO */
byte i_life, i_link, i_knows;
byte i_granted, i_taken;
mtype i_state[MESSAGES] = TO_SEND;

/* limiter; the supervisor tells its life to the others, their deaths to it, at any time later */
byte l_life = 1;
byte l_ilink, l_arrived, l_told;
byte l_rlink, l_rlife, l_granted, l_taken;

/* responder */
byte r_life = 1, r_link, r_knows, r_arrived, r_told, r_attempt[MESSAGES];
bool r_welcome, r_repeated, r_settle_sent[MESSAGES], r_marked[MESSAGES];
mtype r_hand[MESSAGES] = EMPTY;

inline lose(channel)
{
    do
    :: nempty(channel) ->
        channel?kind, of_link, a, b, c;
        if
        :: kind == SUBMIT -> submits_in_transit--
        :: kind == ASSIGN -> assigns_in_transit--
        :: else
        fi
    :: empty(channel) -> break
    od
}

inline lose_all_i() { for (i : 0 .. LIVES - 1) { lose(to_limiter_i[i]) } }
inline lose_all_r() { for (i : 0 .. LIVES - 1) { lose(to_limiter_r[i]) } }

inline limiter_dies()
{
    crashes++; l_life++;
    l_ilink = 0; l_arrived = 0; l_told = 0;
    l_rlink = 0; l_rlife = 0; l_granted = 0; l_taken = 0;
    if :: true :: lose_all_i() fi;
    if :: true :: lose_all_r() fi;
    if :: true :: lose(to_ingress) fi;
    if :: true :: lose(to_responder) fi;
#ifdef HOLDING_FORGOTTEN /* mistake: what was assigned is assigned again after a restart */
    for (i : 0 .. MESSAGES - 1) {
        if :: disk[i] == ASSIGNED -> disk[i] = QUEUED :: else fi
    }
#endif
}

inline ingress_dies()
{
    crashes++;
    lose(to_ingress);
    if :: true :: lose(to_limiter_i[i_life]) fi;
    i_life++; i_link++; i_knows = 0; i_granted = 0; i_taken = 0;
    for (i : 0 .. MESSAGES - 1) {
        if :: i_state[i] == SENT -> i_state[i] = TO_SEND :: else fi
    }
}

inline responder_dies()
{
    crashes++;
    lose(to_responder);
    if :: true :: lose(to_limiter_r[r_life - 1]) fi;
    r_life++; r_link++; r_knows = 0; r_arrived = 0; r_told = 0;
    r_welcome = false; r_repeated = false;
    for (i : 0 .. MESSAGES - 1) {
        r_hand[i] = EMPTY; r_attempt[i] = 0; r_settle_sent[i] = false; r_marked[i] = false
    }
}

/* ---- ingress */

inline ingress_hello()
{
    i_knows = l_life; i_link++;
#ifndef CREDIT_OUTLIVES_LINK /* mistake: the sender goes on counting over a new link generation */
    i_granted = 0; i_taken = 0;
#endif
    to_limiter_i[i_life]!HELLO, i_link, 0, 0, 0;
#ifndef SUBMIT_NOT_REPEATED /* mistake: a new link does not repeat what has no verdict */
    for (i : 0 .. MESSAGES - 1) {
        if :: i_state[i] == SENT -> i_state[i] = TO_SEND :: else fi
    }
#endif
}

inline ingress_submits(m)
{
    i_taken++; i_state[m] = SENT;
    to_limiter_i[i_life]!SUBMIT, i_link, m, 0, 0;
    submits_in_transit++;
    assert(submits_in_transit <= TRANSIT_MAX(WINDOW))
}

inline ingress_takes()
{
    if
    :: of_link == i_link && kind == CREDIT && a > i_granted -> i_granted = a
    :: of_link == i_link && kind == VERDICT ->
        assert(disk[a] != NEW);
        i_state[a] = ANSWERED
    :: else
    fi
}

/* ---- limiter, towards the ingress */

inline limiter_takes_submit()
{
    submits_in_transit--;
    if
    :: of_link == l_ilink ->
        l_arrived++;
#ifdef ANSWER_BEFORE_COMMIT /* mistake: the verdict goes out first */
        to_ingress!VERDICT, of_link, a, 0, 0;
        if :: true :: crashes < CRASHES -> limiter_dies(); goto next fi;
#endif
        /* the commit; a repeat changes nothing */
        if :: disk[a] == NEW -> disk[a] = QUEUED :: else fi;
#ifndef ANSWER_BEFORE_COMMIT
        if
        :: to_ingress!VERDICT, of_link, a, 0, 0
        :: crashes < CRASHES -> limiter_dies()
        fi
#endif
    :: else /* of an older link generation */
    fi
}

inline limiter_takes_from_ingress()
{
    if
    :: kind == SUBMIT -> limiter_takes_submit()
    :: kind == HELLO && of_link > l_ilink -> l_ilink = of_link; l_arrived = 0; l_told = 0
    :: else
    fi
}

/* ---- limiter, towards the responder */

/* What a living responder does not list it never began and never will: it drops frames of older
 * links. */
inline limiter_takes_holdings()
{
    l_rlink = of_link; l_rlife = c; l_granted = 0; l_taken = 0;
    for (i : 0 .. MESSAGES - 1) {
        if
        :: disk[i] == ASSIGNED && holder[i] == c && !(a >> i & 1) -> disk[i] = QUEUED
        :: else
        fi
    }
    to_responder!WELCOME, of_link, 0, 0, 0
}

inline limiter_takes_settle()
{
    if
    :: of_link == l_rlink ->
        if :: disk[a] == ASSIGNED && attempt[a] == b -> disk[a] = DONE :: else fi;
        if
        :: to_responder!SETTLED, of_link, a, b, 0
        :: crashes < CRASHES -> limiter_dies()
        fi
    :: else
    fi
}

inline limiter_takes_from_responder()
{
    if
    :: kind == HELLO && of_link > l_rlink && c >= l_rlife -> limiter_takes_holdings()
    :: kind == CREDIT && of_link == l_rlink && a > l_granted -> l_granted = a
    :: kind == SETTLE -> limiter_takes_settle()
    :: else
    fi
}

inline limiter_assigns(m)
{
    disk[m] = ASSIGNED; attempt[m]++; holder[m] = l_rlife; /* the commit */
    l_taken++;
    if
    :: to_responder!ASSIGN, l_rlink, m, attempt[m], maybe_sent[m];
        assigns_in_transit++;
        assert(assigns_in_transit <= TRANSIT_MAX(POOL))
    :: crashes < CRASHES -> limiter_dies()
    fi
}

inline limiter_hears_of_death(m)
{
    disk[m] = QUEUED;
#ifndef DEATH_MEANS_UNSENT /* mistake: what a dead one had in hand was not sent */
    maybe_sent[m] = true;
#endif
    if :: l_rlife < r_life -> l_rlink = 0 :: else fi
}

/* ---- responder */

inline responder_hello()
{
    /* said again before WELCOME it is the same link generation, with what is in hand now */
    if :: r_knows == l_life :: else -> r_link++ fi;
    r_knows = l_life; r_arrived = 0; r_told = 0; r_welcome = false;
    a = 0;
    for (i : 0 .. MESSAGES - 1) {
        if :: r_hand[i] != EMPTY -> a = a | (1 << i) :: else fi;
#ifndef SETTLE_NOT_REPEATED /* mistake: a new link does not repeat what is not settled */
        r_settle_sent[i] = false;
#endif
    }
    to_limiter_r[r_life - 1]!HELLO, r_link, a, 0, r_life
}

inline responder_takes()
{
    if :: kind == ASSIGN -> assigns_in_transit-- :: else fi;
    if
#ifdef OLD_LINK_TAKEN /* mistake: an ASSIGN of before the last HELLO is carried out */
    :: kind == ASSIGN ->
#else
    :: kind == ASSIGN && of_link == r_link ->
#endif
        assert(r_hand[a] == EMPTY);
        r_arrived++; r_hand[a] = TAKEN; r_attempt[a] = b; r_marked[a] = c
    :: kind == SETTLED && of_link == r_link && r_hand[a] == WROTE && r_attempt[a] == b ->
        r_hand[a] = EMPTY; r_attempt[a] = 0; r_settle_sent[a] = false; r_marked[a] = false
    :: kind == WELCOME && of_link == r_link -> r_welcome = true; r_repeated = false
    :: else
    fi
}

inline responder_writes(m)
{
    assert(disk[m] == ASSIGNED && holder[m] == r_life && attempt[m] == r_attempt[m]);
    assert(!written[m] || r_marked[m]);
    written[m] = true; r_hand[m] = WROTE
}

#define IN_HAND(m) (r_hand[m] != EMPTY -> 1 : 0)
#if MESSAGES == 1
#define ALL(p) p(0)
#define R_ROOM (r_arrived + POOL - IN_HAND(0))
#elif MESSAGES == 2
#define ALL(p) (p(0) && p(1))
#define R_ROOM (r_arrived + POOL - IN_HAND(0) - IN_HAND(1))
#else
#define ALL(p) (p(0) && p(1) && p(2))
#define R_ROOM (r_arrived + POOL - IN_HAND(0) - IN_HAND(1) - IN_HAND(2))
#endif
#define ENDED(m) (i_state[m] == ANSWERED && disk[m] == DONE && r_hand[m] == EMPTY)

#ifdef CREDIT_IGNORED /* mistake: submissions need no credit */
#define MAY_SUBMIT true
#else
#define MAY_SUBMIT (i_granted > i_taken)
#endif

#define STEPS_OF_A_MESSAGE(m) \
    :: atomic { i_state[m] == TO_SEND && i_knows > 0 && MAY_SUBMIT -> ingress_submits(m) } \
    :: atomic { disk[m] == QUEUED && l_rlink > 0 && l_granted > l_taken -> limiter_assigns(m) } \
    :: atomic { disk[m] == ASSIGNED && holder[m] < r_life -> limiter_hears_of_death(m) } \
    :: atomic { r_hand[m] == TAKEN -> responder_writes(m) } \
    :: atomic { r_hand[m] == WROTE && !r_settle_sent[m] -> \
        r_settle_sent[m] = true; to_limiter_r[r_life - 1]!SETTLE, r_link, m, r_attempt[m], 0 }

#define FRAMES_OF_A_LIFE(l) \
    :: atomic { to_limiter_i[l]?kind, of_link, a, b, c -> limiter_takes_from_ingress() } \
    :: atomic { to_limiter_r[l]?kind, of_link, a, b, c -> limiter_takes_from_responder() }

active proctype weir()
{
next:
    do
    STEPS_OF_A_MESSAGE(0)
#if MESSAGES > 1
    STEPS_OF_A_MESSAGE(1)
#endif
#if MESSAGES > 2
    STEPS_OF_A_MESSAGE(2)
#endif
    FRAMES_OF_A_LIFE(0)
#if CRASHES > 0
    FRAMES_OF_A_LIFE(1)
#endif
#if CRASHES > 1
    FRAMES_OF_A_LIFE(2)
#endif
#if CRASHES > 2
    FRAMES_OF_A_LIFE(3)
#endif
    :: atomic { to_ingress?kind, of_link, a, b, c -> ingress_takes() }
    :: atomic { to_responder?kind, of_link, a, b, c -> responder_takes() }
    :: atomic { i_knows != l_life -> ingress_hello() }
    :: atomic { r_knows != l_life -> responder_hello() }
    :: atomic { r_knows == l_life && !r_welcome && !r_repeated ->
        r_repeated = true; responder_hello() }
    :: atomic { l_ilink > 0 && l_told < l_arrived + WINDOW ->
        l_told = l_arrived + WINDOW; to_ingress!CREDIT, l_ilink, l_told, 0, 0 }
    :: atomic { r_welcome && r_told < R_ROOM ->
        r_told = R_ROOM; to_limiter_r[r_life - 1]!CREDIT, r_link, r_told, 0, 0 }
    :: atomic { crashes < CRASHES -> ingress_dies() }
    :: atomic { crashes < CRASHES -> limiter_dies() }
    :: atomic { crashes < CRASHES -> responder_dies() }
    :: ALL(ENDED) -> break
    od
}
