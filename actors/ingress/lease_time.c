/* lease_time.c: orders about leases that have waited: done alone where that was chosen, else given
 * up with an answer. */
#include "actors/ingress/ingress.h"
#include "actors/ingress/lease.h"
#include "core/bugs.h"

/* ---- time */

static bool all_provisional(const config_t *config, const lease_ask_t *ask)
{
    bool all = ask->limit_count > 0;
    for (size_t i = 0; i < ask->limit_count; i++)
        all = all && config->limits[ask->limits[i]].provisional &&
              config->limits[ask->limits[i]].guard > 0;
    return all;
}

/* The limiter is away: may the ingress do it by itself? */
static bool may_do_alone(const scene_t *s, const lease_ask_t *ask)
{
    if (limiter_is_usable(s->self) || !ask->group || ask->looks_first)
        return false;
    if (ask->order == LEASE_RENEW)
        return guard_is_provisional(s->self->leases.guard, ask->item.id);
    return ask->order == LEASE_ACQUIRE && all_provisional(s->self->birth->config, ask);
}

static instant_t patience_of(const scene_t *s, const lease_ask_t *ask)
{
    const ingress_t *self = s->self;
    int64_t us = limiter_is_usable(self)            ? VERDICT_WAIT_US
                 : may_do_alone(s, ask)             ? PROVISIONAL_WAIT_US
                 : ask->in == &s->self->leases.sent ? VERDICT_WAIT_AWAY_US
                                                    : LIMITER_WAIT_US;
    return ask->group ? instant_after_us(ask->arrived, us) : INSTANT_NEVER;
}

static void do_alone(const scene_t *s, lease_ask_t *ask)
{
    guard_t *guard = s->self->leases.guard;
    guarded_t known = {0};
    if (guard_find(guard, ask->item.id, &known) && ask->order == LEASE_RENEW) {
        ask->limit_count = known.limit_count;
        memcpy(ask->limits, known.limits, sizeof ask->limits[0] * known.limit_count);
    }
    uint64_t as_before_ms = ask->item.ttl_ms ? 0 : known.ttl_ms;
    uint64_t ttl_ms = as_before_ms ? as_before_ms : lease_ttl_ms(s->self->birth->config, ask);
    guarded_t lease = lease_guarded(ask, ttl_ms);
    guard_learn(guard, &lease, s->now.at);
    lease_say_provisional(s, ask, ttl_ms);
    ask->group = NULL;
    if (ask->order == LEASE_RENEW || BUG(PROVISIONAL_UNSAID)) {
        lease_forget(ask);
        return;
    }
    ask->granted = true;
    guard_set_provisional(guard, ask->item.id, true);
    lease_count_provisional(s, "granted");
}

/* Nobody waits for it any more. What is given back is given back all the same; what nobody else
 * knows by its id is given back by us. */
static void give_up(const scene_t *s, lease_ask_t *ask)
{
    bool is_sent = ask->in == &s->self->leases.sent;
    const problem_t problem = {
        .kind = PROBLEM_UNAVAILABLE,
        .detail = bytes_str(ask->order == LEASE_ACQUIRE && is_sent && !ask->minted
                                ? "no answer yet: it may have been granted; ask again with the "
                                  "same id, which changes nothing if it was"
                                : "the limiter is away for a moment"),
        .id = ask->minted ? bytes_of(NULL, 0) : ask->item.id};
    ask->group->looking &= ~(UINT64_C(1) << ask->place);
    lease_say_problem(s, ask->group, ask->place, &problem, 1000);
    ask->group = NULL;
    bool gives_back = ask->order == LEASE_RELEASE && !ask->looks_first;
    if (ask->order == LEASE_ACQUIRE && is_sent && ask->minted) {
        ask->order = LEASE_RELEASE;
        lease_say_again(s, ask, LEASE_RELEASE);
    } else if (!gives_back && !(ask->order == LEASE_ACQUIRE && is_sent)) {
        if (ask->order == LEASE_ACQUIRE && !ask->was_guarded)
            lease_drop_guard(s, ask);
        lease_forget(ask);
    }
}

/* False: no room for more wishes in this step. */
static bool look_at(const scene_t *s, list_t *list, instant_t *due)
{
    list_node_t *n = list_first(list), *next;
    for (; n; n = next) {
        lease_ask_t *ask = lease_ask_of(n);
        next = list_next(list, n);
        instant_t until = patience_of(s, ask);
        if (effects_room(s->effects) < 16)
            return false;
        if (instant_before(s->now.at, until))
            *due = instant_min(*due, until);
        else if (may_do_alone(s, ask))
            do_alone(s, ask);
        else
            give_up(s, ask);
    }
    return true;
}

instant_t lease_look_at_times(const scene_t *s)
{
    lease_desk_t *desk = &s->self->leases;
    if (instant_before(s->now.at, desk->due))
        return desk->due;
    instant_t due = INSTANT_NEVER;
    if (!look_at(s, &desk->sent, &due) || !look_at(s, &desk->waiting, &due)) {
        wish_again(s->effects);
        due = s->now.at;
    }
    lease_send(s); /* what is given back because nobody else can */
    return desk->due = due;
}

/* ---- the end */

void lease_stop(const scene_t *s)
{
    lease_desk_t *desk = &s->self->leases;
    list_node_t *n = list_first(&desk->waiting), *next;
    for (; n; n = next) {
        lease_ask_t *ask = lease_ask_of(n);
        next = list_next(&desk->waiting, n);
        if (!ask->group)
            continue;
        lease_say_problem(
            s, ask->group, ask->place,
            &(problem_t){.kind = PROBLEM_DRAINING, .detail = bytes_str("the service stops")}, 1000);
        lease_forget(ask);
    }
}

bool lease_is_registering(const struct ingress *self)
{
    const list_t *lists[] = {&self->leases.waiting, &self->leases.sent};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (list_node_t *n = list_first(lists[i]); n; n = list_next(lists[i], n))
            if (lease_ask_of(n)->granted)
                return true;
    return false;
}

/* What was granted here and is not known to the limiter leaves with this process. */
static void tell_lost(const scene_t *s, list_t *list)
{
    for (list_node_t *n = list_first(list), *next; n; n = next) {
        lease_ask_t *ask = lease_ask_of(n);
        next = list_next(list, n);
        if (!ask->granted || effects_room(s->effects) < LEASE_ORDERS_MAX)
            continue;
        lease_unregistered(s, ask, "lost", "this ingress ends before the limiter knows of it",
                           bytes_of(NULL, 0));
        lease_forget(ask);
    }
}

void lease_answer_all(const scene_t *s)
{
    lease_desk_t *desk = &s->self->leases;
    tell_lost(s, &desk->waiting);
    tell_lost(s, &desk->sent);
    list_node_t *n = list_first(&desk->sent), *next;
    for (; n; n = next) {
        lease_ask_t *ask = lease_ask_of(n);
        next = list_next(&desk->sent, n);
        if (ask->group)
            lease_say_problem(s, ask->group, ask->place,
                              &(problem_t){.kind = PROBLEM_UNAVAILABLE,
                                           .detail = bytes_str("the service stops; it may have "
                                                               "happened: ask again")},
                              1000);
        lease_forget(ask);
    }
}
