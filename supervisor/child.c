#include "supervisor/child.h"

#include <stdio.h>
#include <sys/wait.h>

#define EXIT_CONFIGURATION 78

typedef struct step {
    child_t *child;
    const child_event_t *event;
    const child_policy_t *policy;
    instant_t now;
    rand_t *chance;
    child_wishes_t *out;
    char cause[128]; /* what the line says after "on" */
} step_t;

const char *child_state_name(enum child_state s)
{
    static const char *const names[] = {
#define X(NAME, text, lives, meaning) text,
        CHILD_STATES(X)
#undef X
    };
    return (unsigned)s < COUNT_OF(names) ? names[s] : "?";
}

bool child_lives(const child_t *c)
{
    static const bool lives[] = {
#define X(NAME, text, living, meaning) living,
        CHILD_STATES(X)
#undef X
    };
    return lives[c->state];
}

/* ---- actions: each does its little, says why, and returns the next state ---------------- */

static enum child_state ignore(step_t *s) { return s->child->state; }

/* A live process that was never started, or a dead one that speaks: our bug. */
static enum child_state never(step_t *s)
{
    must(s == NULL);
    return CHILD_DOWN;
}

static enum child_state begin(step_t *s)
{
    child_t *c = s->child;
    c->ordered = false;
    c->stays_down = c->role != CHILD_IN_OFFICE;
    c->ready_at = INSTANT_NEVER;
    c->heard = s->now;
    c->due = instant_after_us(s->now, s->policy->ready_us);
    c->lives++;
    s->out->wishes |= CHILD_WISH_SPAWN;
    return CHILD_STARTING;
}

static enum child_state afresh(step_t *s)
{
    restart_forget(&s->child->record);
    return begin(s);
}

static instant_t hang_due(const child_t *c, const child_policy_t *policy)
{
    return policy->hang_us > 0 ? instant_after_us(c->heard, policy->hang_us) : INSTANT_NEVER;
}

static void tell(step_t *s, life_t life)
{
    s->out->wishes |= CHILD_WISH_TELL;
    s->out->told = life;
    s->out->generation = s->child->generation;
    s->out->ordered = life == LIFE_DEAD && s->child->ordered;
}

static enum child_state became_ready(step_t *s)
{
    child_t *c = s->child;
    c->ready_at = c->heard = s->now;
    c->due = hang_due(c, s->policy);
    tell(s, LIFE_READY);
    s->out->log = LOG_STARTED;
    return CHILD_READY;
}

static enum child_state give_up(step_t *s)
{
    s->child->due = instant_after_us(s->now, CHILD_KILL_AFTER_US);
    s->out->wishes |= CHILD_WISH_ABORT;
    s->out->log = LOG_CHILD_HUNG;
    return CHILD_DYING;
}

static enum child_state is_late(step_t *s)
{
    snprintf(s->cause, sizeof s->cause, "not ready within %lld ms",
             (long long)(s->policy->ready_us / US_PER_MS));
    return give_up(s);
}

static enum child_state is_silent(step_t *s)
{
    snprintf(s->cause, sizeof s->cause, "no sign of life for %lld ms",
             (long long)(instant_since_us(s->now, s->child->heard) / US_PER_MS));
    return give_up(s);
}

static enum child_state kill_it(step_t *s)
{
    s->child->due = INSTANT_NEVER;
    s->out->wishes |= CHILD_WISH_KILL;
    return s->child->state;
}

static enum child_state ask(step_t *s)
{
    s->child->ordered = true;
    s->child->stays_down = s->event->kind == CHILD_ON_STOP;
    s->child->due = s->event->deadline;
    s->out->wishes |= CHILD_WISH_ASK;
    return CHILD_STOPPING;
}

static enum child_state ask_sooner(step_t *s)
{
    s->child->stays_down = true;
    s->child->due = instant_min(s->child->due, s->event->deadline);
    return s->child->state;
}

static void set_retirees_due(child_t *c, const child_policy_t *policy)
{
    c->due = instant_min(c->until, hang_due(c, policy));
}

static enum child_state retire(step_t *s)
{
    child_t *c = s->child;
    c->ordered = c->stays_down = true;
    c->until = s->event->deadline;
    set_retirees_due(c, s->policy);
    s->out->wishes |= CHILD_WISH_RETIRE;
    return CHILD_RETIRING;
}

static enum child_state overdue(step_t *s)
{
    return instant_before(s->now, s->child->until) ? is_silent(s) : kill_it(s);
}

/* Its end is on its way already. */
static enum child_state for_good(step_t *s)
{
    s->child->stays_down = true;
    return s->child->state;
}

static enum child_state stay_down(step_t *s)
{
    s->child->stays_down = true;
    s->child->due = INSTANT_NEVER;
    return CHILD_DOWN;
}

static const char *ordinal(unsigned n)
{
    unsigned tens = n % 100;
    if (tens >= 11 && tens <= 13)
        return "th";
    return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

/* strerror() would look at the locale. */
static const char *error_text(int error)
{
    const char *text = strerrordesc_np(error);
    return text ? text : "unknown error";
}

static void describe_end(step_t *s)
{
    const child_event_t *e = s->event;
    child_t *c = s->child;
    if (e->spawn_error)
        snprintf(c->last_end, sizeof c->last_end, "no start (%s)", error_text(-e->spawn_error));
    else if (WIFSIGNALED(e->wait_status))
        snprintf(c->last_end, sizeof c->last_end, "exit (signal %d%s)", WTERMSIG(e->wait_status),
                 e->out_of_memory && WTERMSIG(e->wait_status) == SIGKILL ? ", out of memory" : "");
    else
        snprintf(c->last_end, sizeof c->last_end, "exit (status %d)", WEXITSTATUS(e->wait_status));
    snprintf(s->cause, sizeof s->cause, "%s", c->last_end);
}

static bool refuses_configuration(const child_event_t *e)
{
    return !e->spawn_error && WIFEXITED(e->wait_status) &&
           WEXITSTATUS(e->wait_status) == EXIT_CONFIGURATION;
}

static enum child_state after_death(step_t *s)
{
    child_t *c = s->child;
    int64_t ready_us = instant_is_never(c->ready_at) ? -1 : instant_since_us(s->now, c->ready_at);
    restart_verdict_t v =
        restart_died(&c->record, &s->policy->restart, s->now, ready_us, s->chance);
    size_t used = strlen(s->cause);
    snprintf(s->cause + used, sizeof s->cause - used, ", %u%s in %lld s; again in %lld ms",
             v.recent, ordinal(v.recent), (long long)(s->policy->restart.burst_us / US_PER_S),
             (long long)(v.pause_us / US_PER_MS));
    c->due = instant_after_us(s->now, v.pause_us);
    s->out->log = v.failed ? LOG_CHILD_FAILED : LOG_CHILD_DIED;
    return v.failed ? CHILD_FAILED : CHILD_BACKOFF;
}

static bool crashed(const child_event_t *e)
{
    return WIFSIGNALED(e->wait_status) || WEXITSTATUS(e->wait_status) != 0;
}

static enum child_state died(step_t *s)
{
    child_t *c = s->child;
    describe_end(s);
    if (c->state == CHILD_RETIRING && !instant_is_never(c->due) && crashed(s->event))
        c->ordered = false;
    if (!s->event->spawn_error)
        tell(s, LIFE_DEAD);
    c->pid = 0;
    c->due = INSTANT_NEVER;
    if (c->stays_down)
        return CHILD_DOWN;
    if (refuses_configuration(s->event)) {
        s->out->log = LOG_CHILD_FAILED;
        return CHILD_REFUSED;
    }
    return c->ordered ? begin(s) : after_death(s);
}

/* ---- the table -------------------------------------------------------------------------- */

typedef enum child_state action_t(step_t *s);

/* clang-format off */
static action_t *const table[CHILD_STATE_COUNT][CHILD_EVENT_COUNT] = {
    /*                  START   SAID_READY    EXITED DUE        RETIRE     STOP        RESTART */
    [CHILD_IDLE]     = {begin,  never,        never, ignore,    stay_down, stay_down,  begin},
    [CHILD_STARTING] = {ignore, became_ready, died,  is_late,   retire,    ask,        ask},
    [CHILD_READY]    = {ignore, ignore,       died,  is_silent, retire,    ask,        ask},
    [CHILD_RETIRING] = {ignore, ignore,       died,  overdue,   ignore,    ask,        ignore},
    [CHILD_STOPPING] = {ignore, ignore,       died,  kill_it,   for_good,  ask_sooner, ignore},
    [CHILD_DYING]    = {ignore, ignore,       died,  kill_it,   for_good,  ask_sooner, ignore},
    [CHILD_BACKOFF]  = {ignore, never,        never, begin,     stay_down, stay_down,  afresh},
    [CHILD_FAILED]   = {ignore, never,        never, begin,     stay_down, stay_down,  afresh},
    [CHILD_REFUSED]  = {ignore, never,        never, ignore,    stay_down, stay_down,  afresh},
    [CHILD_DOWN]     = {begin,  never,        never, ignore,    ignore,    ignore,     afresh},
};
/* clang-format on */

static void change_state(step_t *s, enum child_state next)
{
    child_t *c = s->child;
    snprintf(s->out->line, sizeof s->out->line, "child %s: %s -> %s on %s", c->name,
             child_state_name(c->state), child_state_name(next), s->cause);
    c->state = next;
    c->since = s->now;
}

child_wishes_t child_step(child_t *c, const child_event_t *event, const child_policy_t *policy,
                          instant_t now, rand_t *chance)
{
    static const char *const causes[] = {
#define X(NAME, text) text,
        CHILD_EVENTS(X)
#undef X
    };
    must(event->kind < CHILD_EVENT_COUNT);
    child_wishes_t out = {.log = LOG_CHILD_STATE};
    step_t s = {c, event, policy, now, chance, &out, ""};
    snprintf(s.cause, sizeof s.cause, "%s", causes[event->kind]);
    enum child_state next = table[c->state][event->kind](&s);
    if (next != c->state)
        change_state(&s, next);
    return out;
}

void child_init(child_t *c, actor_kind_t actor, uint16_t instance, instant_t now)
{
    *c = (child_t){.actor = actor,
                   .instance = instance,
                   .state = CHILD_IDLE,
                   .since = now,
                   .ready_at = INSTANT_NEVER,
                   .heard = now,
                   .due = INSTANT_NEVER,
                   .until = INSTANT_NEVER};
    snprintf(c->name, sizeof c->name, "%s/%u", actor_name(actor), instance);
}

void child_born(child_t *c, int pid, uint64_t generation)
{
    must(c->state == CHILD_STARTING && c->pid == 0 && pid > 0 && generation > c->generation);
    c->pid = pid;
    c->generation = generation;
}

void child_promote(child_t *heir, child_t *old)
{
    must(heir->role == CHILD_SUCCESSOR && heir->state == CHILD_READY);
    heir->role = CHILD_IN_OFFICE;
    heir->stays_down = false;
    if (!old)
        return;
    must(old->role == CHILD_IN_OFFICE);
    old->role = CHILD_RETIREE;
    heir->lives = old->lives;
    memcpy(heir->last_end, old->last_end, sizeof heir->last_end);
}

void child_heard(child_t *c, const child_policy_t *policy, instant_t now)
{
    c->heard = now;
    if (c->state == CHILD_READY)
        c->due = hang_due(c, policy);
    else if (c->state == CHILD_RETIRING && !instant_is_never(c->due))
        set_retirees_due(c, policy);
}

void child_excused(child_t *c, const child_policy_t *policy, instant_t now)
{
    if (c->state == CHILD_STARTING)
        c->due = instant_after_us(now, policy->ready_us);
}
