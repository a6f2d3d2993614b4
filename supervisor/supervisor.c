#include "supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>

#include "sys/loop.h"
#include "sys/notify.h"
#include "sys/process.h"

/* ---- children --------------------------------------------------------------------------- */

/* Unique over all lives of all actors, also over our own: it starts from the wall clock, in
 * milliseconds, with room for a thousand births in each; one that was set back would have to meet
 * the very millisecond. */
static uint64_t next_generation(supervisor_t *s)
{
    if (s->last_generation == 0)
        s->last_generation = (uint64_t)(loop_now().wall.us / US_PER_MS) * 1000;
    return ++s->last_generation;
}

outside_t *outside_of(supervisor_t *s, const child_t *child)
{
    return child ? &s->outside[child - s->family.children] : NULL;
}

outside_t *office_of(supervisor_t *s, unsigned actor)
{
    outside_t *o = outside_of(s, family_find(&s->family, actor, 0));
    must(o); /* of every kind there is one at least */
    return o;
}

/* Of the last second or two. The kernel tells it only for the whole host. */
static bool memory_ran_out(const supervisor_t *s)
{
    return process_memory_kills() != s->memory_kills[1];
}

static void look_at_memory_kills(supervisor_t *s)
{
    s->memory_kills[1] = s->memory_kills[0];
    s->memory_kills[0] = process_memory_kills();
}

static void on_child_end(void *arg, int pid, int wait_status)
{
    outside_t *o = arg;
    must(o->child->pid == pid);
    loop_remove(&o->watch);
    peers_gone(o->supervisor, o);
    verbs_gone(o->supervisor, o);
    relay_gone(o->supervisor, o);
    supervisor_event(o->supervisor, o,
                     &(child_event_t){.kind = CHILD_ON_EXITED,
                                      .wait_status = wait_status,
                                      .out_of_memory = memory_ran_out(o->supervisor)});
}

static void give_birth(supervisor_t *s, outside_t *o)
{
    uint64_t generation = next_generation(s);
    if (o->child->generation)
        metrics_add(s->metrics, METRIC_RESTARTS, bytes_str(actor_name(o->child->actor)), 1);
    bool standby = o->child->role == CHILD_SUCCESSOR;
    int pid = launch_child(o->renewed ? &s->replacement.launch : &s->launch,
                           roster_find(o->child->actor), o->child->instance, generation, standby);
    o->told_to_begin = false;
    if (pid < 0) {
        supervisor_event(s, o, &(child_event_t){.kind = CHILD_ON_EXITED, .spawn_error = pid});
        return;
    }
    child_born(o->child, pid, generation);
    o->watch = loop_child(s->loop, pid, on_child_end, o);
}

uint64_t deadline_left_ms(instant_t deadline)
{
    int64_t left = instant_since_us(deadline, loop_now().at) / US_PER_MS;
    return left > 0 ? (uint64_t)left : 0;
}

/* A child without a link has no work in hand yet. */
static void order_or_kill(supervisor_t *s, const outside_t *o, enum order_kind what,
                          instant_t deadline)
{
    msg_order_t order = {.order = what, .deadline_ms = deadline_left_ms(deadline)};
    if (!peers_send(s, o, MESSAGE_ORDER, &order))
        kill(o->child->pid, SIGKILL);
}

static void carry_out(supervisor_t *s, outside_t *o, const child_wishes_t *w)
{
    if (w->line[0])
        log_text(w->log, "%s", w->line);
    s->changed = s->changed || w->line[0];
    if (w->wishes & CHILD_WISH_TELL)
        peers_tell(s, o, w);
    if (w->wishes & CHILD_WISH_ABORT)
        kill(o->child->pid, SIGABRT);
    if (w->wishes & CHILD_WISH_KILL)
        kill(o->child->pid, SIGKILL);
    if (w->wishes & CHILD_WISH_ASK)
        order_or_kill(s, o, ORDER_STOP, o->child->due);
    if (w->wishes & CHILD_WISH_RETIRE)
        order_or_kill(s, o, ORDER_RETIRE, o->child->until);
    if (w->wishes & CHILD_WISH_SPAWN)
        give_birth(s, o);
}

void supervisor_event(supervisor_t *s, outside_t *o, const child_event_t *event)
{
    child_wishes_t wishes = child_step(o->child, event, &s->policy, loop_now().at, &s->chance);
    carry_out(s, o, &wishes);
    if (o->child->state == CHILD_REFUSED && !s->was_ready && !replace_runs(s))
        supervisor_stop(s, EXIT_CONFIG, "an actor refuses its configuration");
}

void supervisor_restart(supervisor_t *s, outside_t *o)
{
    instant_t deadline = instant_after_us(loop_now().at, s->config->supervisor.stop_ms * US_PER_MS);
    supervisor_event(s, o, &(child_event_t){.kind = CHILD_ON_RESTART, .deadline = deadline});
}

/* ---- the stop --------------------------------------------------------------------------- */

static void stop_wave(supervisor_t *s)
{
    child_event_t event = {.kind = CHILD_ON_STOP, .deadline = s->stop.wave_until};
    for (size_t i = 0; i < s->family.count; i++)
        if (s->stop.wave == 0 || roster_find(s->family.children[i].actor)->wave == s->stop.wave)
            supervisor_event(s, &s->outside[i], &event);
}

static void begin_drain(supervisor_t *s)
{
    child_t *drainer = family_find(&s->family, ACTOR_DRAINER, 0);
    msg_order_t order = {.order = ORDER_DRAIN_FOR_STOP,
                         .deadline_ms = deadline_left_ms(s->stop.drain_until)};
    must(drainer);
    peers_send(s, outside_of(s, drainer), MESSAGE_ORDER, &order);
}

static void carry_out_stop(supervisor_t *s, enum stop_wish wish)
{
    switch (wish) {
    case STOP_WISH_NOTHING:
        break;
    case STOP_WISH_DRAIN:
        begin_drain(s);
        break;
    case STOP_WISH_WAVE:
        stop_wave(s);
        break;
    case STOP_WISH_END:
        loop_stop(s->loop, s->stop.exit_code);
        break;
    }
}

void supervisor_stop(supervisor_t *s, int exit_code, const char *why)
{
    const child_t *drainer = family_find(&s->family, ACTOR_DRAINER, 0);
    const child_t *limiter = family_find(&s->family, ACTOR_LIMITER, 0);
    bool can_drain =
        drainer->state == CHILD_READY && limiter->state == CHILD_READY && exit_code == EXIT_ASKED;
    int64_t stop_us = s->config->supervisor.stop_ms * US_PER_MS;
    log_text(LOG_GENERAL, "%s: %s", why,
             s->stop.phase == STOP_NOT ? "stopping in order; once more: at once"
                                       : "stopping at once");
    replace_abort(s, "Weir stops");
    if (s->stop.phase == STOP_NOT)
        notify_stopping(why, stop_us + US_PER_S);
    carry_out_stop(s,
                   stop_ordered(&s->stop, loop_now().at, s->config->supervisor.drain_ms * US_PER_MS,
                                stop_us, ROSTER_WAVES, can_drain, exit_code));
}

static void turn_stop(supervisor_t *s, instant_t now)
{
    const child_t *drainer = family_find(&s->family, ACTOR_DRAINER, 0);
    if (s->stop.phase == STOP_DRAIN && drainer->state != CHILD_READY)
        carry_out_stop(s, stop_drained(&s->stop, now));
    for (enum stop_wish wish = STOP_WISH_WAVE; wish == STOP_WISH_WAVE;) {
        wish = stop_turn(&s->stop, now, family_wave_is_down(&s->family, s->stop.wave));
        carry_out_stop(s, wish);
    }
}

/* ---- the turn --------------------------------------------------------------------------- */

/* After a freeze of our own, frames wait unread: nobody was silent. */
static void forgive_silence(supervisor_t *s, instant_t now)
{
    bool frozen = s->last_turn.us && instant_since_us(now, s->last_turn) > FROZEN_US;
    s->last_turn = now;
    if (!frozen)
        return;
    log_text(LOG_GENERAL, "the supervisor did not run for a while; nobody's silence counts");
    for (size_t i = 0; i < s->family.count; i++)
        child_heard(&s->family.children[i], &s->policy, now);
}

static instant_t turn_children(supervisor_t *s, instant_t now)
{
    instant_t next = INSTANT_NEVER;
    for (size_t i = 0; i < s->family.count; i++) {
        child_t *c = &s->family.children[i];
        bool excused = c->state == CHILD_STARTING && c->role == CHILD_IN_OFFICE;
        if (excused && !family_serves(&s->family, c))
            child_excused(c, &s->policy, now);
        if (!instant_before(now, c->due))
            supervisor_event(s, &s->outside[i], &(child_event_t){.kind = CHILD_ON_DUE});
        next = instant_min(next, c->due);
    }
    return next;
}

static void say_first_ready(supervisor_t *s, const char *summary)
{
    s->was_ready = true;
    log_text(LOG_STARTED, "Weir is ready: %s after %lld ms", summary,
             (long long)(instant_since_us(loop_now().at, s->started) / US_PER_MS));
    for (size_t i = 0; i < s->listeners.count; i++)
        log_text(LOG_GENERAL, "listening on %s", s->listeners.addresses[i]);
}

/* What systemd could not take stays to be told at a later turn. */
static void say_status(supervisor_t *s)
{
    char summary[512];
    bool ready = family_is_ready(&s->family);
    if (!s->changed)
        return;
    family_summary(&s->family, summary, sizeof summary);
    if (ready && !s->was_ready)
        say_first_ready(s, summary);
    bool tells = (ready && !s->told_ready) || s->reloaded;
    int error = tells ? notify_ready(summary) : notify_status(summary);
    s->told_ready = s->told_ready || (tells && !error);
    s->reloaded = s->reloaded && error;
    s->changed = error != 0;
}

/* From the turn itself: what feeds the watchdog is that turns go on. */
static instant_t say_alive(supervisor_t *s, instant_t now)
{
    int64_t every_us = notify_alive_every_us();
    if (every_us == 0)
        return INSTANT_NEVER;
    if (!instant_before(now, s->alive_at)) {
        notify_alive();
        s->alive_at = instant_after_us(now, every_us);
    }
    return s->alive_at;
}

static void on_turn(void *arg)
{
    supervisor_t *s = arg;
    now_t now = loop_now();
    forgive_silence(s, now.at);
    instant_t next = turn_children(s, now.at);
    replace_turn(s);
    replace_sweep(s);
    turn_stop(s, now.at);
    next = instant_min(next, stop_due(&s->stop));
    next = instant_min(next, links_tick(s->links, now));
    next = instant_min(next, verbs_turn(s, now.at));
    next = instant_min(next, relay_turn(s, now.at));
    next = instant_min(next, ctl_server_turn(s->ctl, now.at));
    ctl_server_news(s->ctl);
    if (!instant_before(now.at, s->stats_at)) {
        s->stats_at = instant_after_us(now.at, STATS_EVERY_US);
        look_at_memory_kills(s);
        peers_push_stats(s);
        log_tick();
    }
    next = instant_min(next, say_alive(s, now.at));
    say_status(s);
    loop_timer_at(s->turn_timer, instant_min(next, s->stats_at));
}

static void on_turn_timer(void *arg) { (void)arg; } /* it only wakes the loop: the turn follows */

static void on_stop_signal(void *arg, int number)
{
    supervisor_stop(arg, EXIT_ASKED,
                    number == SIGTERM ? "asked to stop (SIGTERM)" : "asked to stop (SIGINT)");
}

static void on_reload_signal(void *arg, int number)
{
    (void)number;
    renew_reload(arg, 0, "SIGHUP");
}

int supervisor_run(supervisor_t *s)
{
    s->started = loop_now().at;
    s->memory_kills[0] = process_memory_kills();
    look_at_memory_kills(s);
    s->turn_timer = loop_timer(s->loop, on_turn_timer, s);
    loop_signal(s->loop, SIGTERM, on_stop_signal, s);
    loop_signal(s->loop, SIGINT, on_stop_signal, s);
    loop_signal(s->loop, SIGHUP, on_reload_signal, s);
    loop_before_wait(s->loop, on_turn, s);
    for (size_t i = 0; i < s->family.count; i++)
        supervisor_event(s, &s->outside[i], &(child_event_t){.kind = CHILD_ON_START});
    int code = loop_run(s->loop);
    log_text(LOG_STOPPED, "Weir has stopped");
    return code < 0 ? EXIT_BUG : code;
}
