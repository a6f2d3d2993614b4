/* words.h: the enums of words.def and their names: ACTOR_LIMITER, VERDICT_ACCEPTED ... */
#ifndef WEIR_CORE_WORDS_H
#define WEIR_CORE_WORDS_H

#include "core/base.h"

/* One enum per set. The preprocessor cannot filter words.def by set inside an enum, so every word
 * of every set is a constant of one enum, <SET>_<NAME> with its own set's number; the typedefs
 * document. */
#define WORD_ENUM_actor(n, N) ACTOR_##N = n,
#define WORD_ENUM_verdict(n, N) VERDICT_##N = n,
#define WORD_ENUM_state(n, N) STATE_##N = n,
#define WORD_ENUM_outcome(n, N) OUTCOME_##N = n,
#define WORD_ENUM_blocker(n, N) BLOCKER_##N = n,
#define WORD_ENUM_mode(n, N) MODE_##N = n,
#define WORD_ENUM_signal(n, N) SIGNAL_##N = n,
#define WORD_ENUM_class(n, N) CLASS_##N = n,
#define WORD_ENUM_lease_order(n, N) LEASE_##N = n,
#define WORD_ENUM_grant(n, N) GRANT_##N = n,
#define WORD_ENUM_life(n, N) LIFE_##N = n,

#define WORD_NONE(n, N)
#define WORD(set, n, N, text, meaning) WORD_ENUM_##set(n, N)
enum weir_word {
#include "core/words.def"
};
#undef WORD

typedef uint8_t actor_kind_t, verdict_t, state_t, outcome_t, blocker_t, work_mode_t, class_t,
    lease_order_t, grant_t, life_t;
enum { ACTOR_COUNT = 6, VERDICT_COUNT = 9, STATE_COUNT = 5, OUTCOME_COUNT = 6, BLOCKER_COUNT = 8,
       MODE_COUNT = 4, SIGNAL_COUNT = 9, CLASS_COUNT = 4, LEASE_ORDER_COUNT = 4, GRANT_COUNT = 9,
       LIFE_COUNT = 3 };

/* The word's text; "?" for a number outside the set. Static storage. */
const char *actor_name(unsigned v);
const char *verdict_name(unsigned v);
const char *state_name(unsigned v);
const char *outcome_name(unsigned v);
const char *blocker_name(unsigned v);
const char *mode_name(unsigned v);
const char *signal_name(unsigned v);
const char *class_name(unsigned v);
const char *lease_order_name(unsigned v);
const char *grant_name(unsigned v);
const char *life_name(unsigned v);
/* The number of a text, -1 if it is not of the set. */
int actor_of(bytes_t text);
int state_of(bytes_t text);
int mode_of(bytes_t text);
int signal_of(bytes_t text);
int class_of(bytes_t text);
int lease_order_of(bytes_t text);

#endif
