/* words.c: names of the words of words.def. */
#include "core/words.h"

#define WORDS_IN_A_SET_MAX 16

enum {
    SET_actor, SET_verdict, SET_state, SET_outcome, SET_blocker, SET_mode, SET_signal,
    SET_class, SET_lease_order, SET_grant, SET_life,
    SET_COUNT
};

static const char *const names[SET_COUNT][WORDS_IN_A_SET_MAX] = {
#define WORD(set, n, N, text, meaning) [SET_##set][n] = text,
#include "core/words.def"
#undef WORD
};

static const char *name_of(unsigned set, unsigned v)
{
    return v < WORDS_IN_A_SET_MAX && names[set][v] ? names[set][v] : "?";
}

static int number_of(unsigned set, bytes_t text)
{
    for (int v = 0; v < WORDS_IN_A_SET_MAX; v++)
        if (names[set][v] && bytes_is(text, names[set][v]))
            return v;
    return -1;
}

const char *actor_name(unsigned v) { return name_of(SET_actor, v); }
const char *verdict_name(unsigned v) { return name_of(SET_verdict, v); }
const char *state_name(unsigned v) { return name_of(SET_state, v); }
const char *outcome_name(unsigned v) { return name_of(SET_outcome, v); }
const char *blocker_name(unsigned v) { return name_of(SET_blocker, v); }
const char *mode_name(unsigned v) { return name_of(SET_mode, v); }
const char *signal_name(unsigned v) { return name_of(SET_signal, v); }
const char *class_name(unsigned v) { return name_of(SET_class, v); }
const char *lease_order_name(unsigned v) { return name_of(SET_lease_order, v); }
const char *grant_name(unsigned v) { return name_of(SET_grant, v); }
const char *life_name(unsigned v) { return name_of(SET_life, v); }

int actor_of(bytes_t text) { return number_of(SET_actor, text); }
int state_of(bytes_t text) { return number_of(SET_state, text); }
int mode_of(bytes_t text) { return number_of(SET_mode, text); }
int signal_of(bytes_t text) { return number_of(SET_signal, text); }
int class_of(bytes_t text) { return number_of(SET_class, text); }
int lease_order_of(bytes_t text) { return number_of(SET_lease_order, text); }
