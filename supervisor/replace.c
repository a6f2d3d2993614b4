/* replace.c: does what reload.h says: starts successors, replaces the limiter, switches, undoes. */
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/supervisor.h"

/* A call's answer is one thing, its SETTLED another: for the limiter's restart in between. */
#define SETTLE_US (30 * US_PER_S)
/* For the word of those who begin and retire; who hangs then is the supervisor's matter as ever. */
#define OBEY_US (5 * US_PER_S)

bool replace_runs(const supervisor_t *s) { return s->replacement.plan.phase != RELOAD_NOT; }

static const config_t *next_config(const supervisor_t *s)
{
    return s->replacement.config ? s->replacement.config : s->config;
}

static bool is_meant(const replacement_t *r, const child_t *c)
{
    return (r->kinds >> c->actor & 1) && (!r->name[0] || family_means(c, r->name));
}

static bool is_replaced(const supervisor_t *s, const child_t *c)
{
    return c->role == CHILD_IN_OFFICE && c->actor != ACTOR_LIMITER && is_meant(&s->replacement, c);
}

/* ---- what is so ------------------------------------------------------------------------- */

static bool has_room(const supervisor_t *s)
{
    for (size_t i = 0; i < ROSTER_COUNT; i++) {
        unsigned more = 0;
        for (size_t k = 0; k < s->family.count; k++)
            more += s->family.children[k].actor == roster[i].actor &&
                    is_replaced(s, &s->family.children[k]);
        if (more && !family_has_room(&s->family, roster[i].actor, more))
            return false;
    }
    return true;
}

static void look_at_successors(const supervisor_t *s, reload_seen_t *seen)
{
    seen->all_ready = true;
    for (size_t i = 0; i < s->family.count; i++) {
        const child_t *c = &s->family.children[i];
        if (c->role != CHILD_SUCCESSOR)
            continue;
        seen->all_ready = seen->all_ready && c->state == CHILD_READY;
        seen->successor_lost =
            seen->successor_lost || (c->state != CHILD_READY && c->state != CHILD_STARTING);
    }
}

/* READY is said again by who obeys an order to begin or to retire. */
static bool all_settled(const supervisor_t *s)
{
    bool late = instant_since_us(loop_now().at, s->replacement.switched) > OBEY_US;
    for (size_t i = 0; i < s->family.count && !late; i++) {
        const child_t *c = &s->family.children[i];
        bool ordered =
            c->state == CHILD_RETIRING || (c->state == CHILD_READY && s->outside[i].told_to_begin);
        if (ordered && !s->outside[i].obeyed)
            return false;
    }
    return true;
}

static enum reload_limiter look_at_limiter(supervisor_t *s)
{
    const child_t *c = family_find(&s->family, ACTOR_LIMITER, 0);
    if (c->lives == s->replacement.limiter_lives)
        return child_lives(c) ? RELOAD_LIMITER_OLD : RELOAD_LIMITER_DOWN;
    return c->state == CHILD_READY      ? RELOAD_LIMITER_READY
           : c->state == CHILD_STARTING ? RELOAD_LIMITER_TRIES
                                        : RELOAD_LIMITER_LOST;
}

/* ---- doing ------------------------------------------------------------------------------ */

/* A name means who is in office. */
static bool wants_successor(supervisor_t *s, unsigned actor, unsigned instance)
{
    const replacement_t *r = &s->replacement;
    const child_t *old = family_find(&s->family, actor, instance);
    return (r->kinds >> actor & 1) && (!r->name[0] || (old && family_means(old, r->name)));
}

static void start_successor(supervisor_t *s, unsigned actor, unsigned instance)
{
    child_t *c = family_claim(&s->family, actor, instance, loop_now().at);
    must(c); /* FAMILY_MAX has room for all that has_room() lets be */
    outside_t *o = outside_of(s, c);
    *o = (outside_t){.supervisor = s, .child = c, .renewed = true};
    supervisor_event(s, o, &(child_event_t){.kind = CHILD_ON_START});
}

static void start_successors(supervisor_t *s)
{
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        for (unsigned n = 0; n < roster[i].how_many(next_config(s)); n++)
            if (roster[i].actor != ACTOR_LIMITER && wants_successor(s, roster[i].actor, n))
                start_successor(s, roster[i].actor, n);
}

static void restart_limiter(supervisor_t *s, bool renewed)
{
    outside_t *o = office_of(s, ACTOR_LIMITER);
    o->renewed = renewed;
    s->replacement.limiter_lives = o->child->lives;
    supervisor_restart(s, o);
}

static int64_t ms_max(int64_t a, int64_t b) { return a > b ? a : b; }

/* How long who retires may take: what it has in hand has deadlines of its own, this one is longer.
 */
static int64_t retire_us(const config_t *c, actor_kind_t actor)
{
    int64_t most = 0;
    if (actor == ACTOR_INGRESS)
        most = ms_max(c->http.idle_ms, (int64_t)c->http.header_ms + 2 * (int64_t)c->http.body_ms);
    for (size_t i = 0; i < c->route_count && actor == ACTOR_RESPONDER; i++)
        for (size_t k = 0; k < c->routes[i].step_count; k++) {
            const step_t *step = &c->routes[i].steps[k];
            if (step->kind == STEP_CALL)
                most = ms_max(most, (int64_t)step->start_within_ms + step->downstream->total_ms);
        }
    return most * US_PER_MS + SETTLE_US;
}

static void tell_to_begin(supervisor_t *s, outside_t *o)
{
    peers_send(s, o, MESSAGE_ORDER, &(msg_order_t){.order = ORDER_BEGIN});
    o->told_to_begin = true;
}

/* Who has no successor (there are fewer in the new configuration) retires too. */
static void retire_predecessors(supervisor_t *s, const config_t *was)
{
    for (size_t i = 0; i < s->family.count; i++) {
        child_t *c = &s->family.children[i];
        bool follows = s->outside[i].told_to_begin && s->outside[i].renewed;
        if (c->role == CHILD_RETIREE ? c->state != CHILD_RETIRING : !follows && is_replaced(s, c)) {
            c->role = CHILD_RETIREE;
            s->outside[i].obeyed = false;
            instant_t by = instant_after_us(loop_now().at, retire_us(was, c->actor));
            supervisor_event(s, &s->outside[i],
                             &(child_event_t){.kind = CHILD_ON_RETIRE, .deadline = by});
        }
    }
}

/* What was next is what is. */
static void adopt(supervisor_t *s)
{
    replacement_t *r = &s->replacement;
    for (size_t i = 0; i < s->family.count; i++)
        s->outside[i].renewed = false;
    for (size_t i = 0; i < ROSTER_COUNT; i++)
        launch_secrets_print(&r->launch, &roster[i], bytes_of(s->print_key, sizeof s->print_key),
                             &s->secret_prints[i]);
    if (!r->config)
        return;
    config_destroy(&s->config);
    free(s->launch.config_text);
    s->config = r->config;
    s->launch = r->launch;
    r->config = NULL;
    r->launch.config_text = NULL;
    s->policy = setup_policy(s->config);
    log_open("supervisor", 0, s->config->log.level, s->config->log.journal);
}

static void switch_over(supervisor_t *s)
{
    s->replacement.switched = loop_now().at;
    for (size_t i = 0; i < s->family.count; i++) {
        child_t *heir = &s->family.children[i];
        if (heir->role != CHILD_SUCCESSOR)
            continue;
        s->outside[i].obeyed = false;
        child_promote(heir, family_find(&s->family, heir->actor, heir->instance));
        tell_to_begin(s, &s->outside[i]);
    }
    retire_predecessors(s, s->config);
    adopt(s);
}

static void undo(supervisor_t *s)
{
    replacement_t *r = &s->replacement;
    for (size_t i = 0; i < s->family.count; i++) {
        child_t *c = &s->family.children[i];
        if (c->role != CHILD_SUCCESSOR)
            continue;
        if (c->state != CHILD_STARTING && c->state != CHILD_READY && !r->why[0])
            snprintf(r->why, sizeof r->why, "the new %s did not become ready%s%s", c->name,
                     c->last_end[0] ? ": " : "", c->last_end);
        c->role = CHILD_RETIREE; /* it held nothing: no need to wait for it */
        supervisor_event(s, &s->outside[i],
                         &(child_event_t){.kind = CHILD_ON_STOP, .deadline = loop_now().at});
    }
    if (!r->plan.touched_limiter)
        return;
    const child_t *limiter = family_find(&s->family, ACTOR_LIMITER, 0);
    if (!r->why[0])
        snprintf(r->why, sizeof r->why, "the new limiter did not become ready: %s",
                 limiter->last_end);
    if (r->config) /* else it was started as it was, and is tried again as ever */
        restart_limiter(s, false);
}

static void carry_out(supervisor_t *s, enum reload_wish wish)
{
    switch (wish) {
    case RELOAD_WISH_NOTHING:
        break;
    case RELOAD_WISH_SUCCESSORS:
        start_successors(s);
        break;
    case RELOAD_WISH_LIMITER:
        restart_limiter(s, s->replacement.config != NULL);
        break;
    case RELOAD_WISH_SWITCH:
        switch_over(s);
        break;
    case RELOAD_WISH_DONE:
        renew_ended(s, true);
        break;
    case RELOAD_WISH_UNDO:
        undo(s);
        break;
    case RELOAD_WISH_FAILED:
        renew_ended(s, false);
        break;
    }
}

void replace_begin(supervisor_t *s)
{
    s->replacement.began = loop_now().at;
    reload_begin(&s->replacement.plan, s->replacement.kinds >> ACTOR_LIMITER & 1);
    if (!has_room(s))
        log_text(LOG_GENERAL,
                 "%s: waits until some of those who retired have ended what they have in hand; "
                 "weirctl actors ls shows them",
                 s->replacement.who);
}

void replace_turn(supervisor_t *s)
{
    for (enum reload_wish wish = RELOAD_WISH_SWITCH; wish != RELOAD_WISH_NOTHING;) {
        reload_seen_t seen = {
            .has_room = has_room(s), .all_settled = all_settled(s), .limiter = look_at_limiter(s)};
        look_at_successors(s, &seen);
        wish = reload_turn(&s->replacement.plan, &seen);
        carry_out(s, wish);
    }
    if (!replace_runs(s) && s->reload_again) {
        s->reload_again = false;
        renew_reload(s, 0, "SIGHUP");
    }
}

/* The limiter is stopped with everybody else. What was switched stays so. */
void replace_abort(supervisor_t *s, const char *why)
{
    bool switched = s->replacement.plan.phase == RELOAD_SETTLING;
    if (!replace_runs(s))
        return;
    s->reload_again = false;
    if (switched) {
        s->replacement.plan.phase = RELOAD_NOT;
        renew_ended(s, true);
        return;
    }
    snprintf(s->replacement.why, sizeof s->replacement.why, "%s", why);
    s->replacement.plan.touched_limiter = false;
    undo(s);
    s->replacement.plan.phase = RELOAD_NOT;
    office_of(s, ACTOR_LIMITER)->renewed = false;
    renew_ended(s, false);
}

void replace_sweep(supervisor_t *s)
{
    for (size_t i = 0; i < s->family.count; i++) {
        child_t *c = &s->family.children[i];
        if (c->role != CHILD_RETIREE || c->state != CHILD_DOWN)
            continue;
        free(s->outside[i].stats);
        s->outside[i] = (outside_t){.supervisor = s, .child = c};
        family_release(&s->family, c);
    }
}

void replace_remind(supervisor_t *s, outside_t *o)
{
    const child_t *c = o->child;
    msg_order_t retire = {.order = ORDER_RETIRE, .deadline_ms = deadline_left_ms(c->until)};
    if (c->role == CHILD_IN_OFFICE && o->told_to_begin)
        tell_to_begin(s, o);
    if (c->state == CHILD_RETIRING)
        peers_send(s, o, MESSAGE_ORDER, &retire);
}
