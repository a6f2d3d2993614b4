#include "actors/ingress/lease.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/msgid.h"

/* ---- the table */

void lease_begin(ingress_t *self)
{
    lease_desk_t *desk = &self->leases;
    desk->guard = guard_new(self->birth->config, self->birth->seed);
    list_init(&desk->waiting);
    list_init(&desk->sent);
    desk->due = INSTANT_NEVER;
}

static void move(lease_ask_t *ask, list_t *to)
{
    list_remove(ask->in, &ask->node);
    ask->in = to;
    list_push(to, &ask->node);
}

void lease_forget(lease_ask_t *ask)
{
    list_remove(ask->in, &ask->node);
    free(ask);
}

void lease_destroy(ingress_t *self)
{
    lease_desk_t *desk = &self->leases;
    list_t *lists[] = {&desk->waiting, &desk->sent};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        while (lists[i]->count) {
            lease_ask_t *ask = lease_ask_of(list_first(lists[i]));
            if (ask->group && --ask->group->left == 0) {
                json_decref(ask->group->answers);
                free(ask->group);
            }
            lease_forget(ask);
        }
    guard_destroy(&desk->guard);
}

static bytes_t keep(uint8_t **at, bytes_t text)
{
    bytes_t kept = {*at, text.len};
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
    return text.len ? kept : bytes_of(NULL, 0);
}

static lease_ask_t *ask_new(const scene_t *s, lease_group_t *group, size_t place,
                            const lease_wanted_t *wanted)
{
    char who_text[WHO_BYTES], minted[MSGID_TEXT] = "";
    bytes_t who = permit_who(group ? group->key : NULL, who_text);
    bytes_t limits = bytes_of(wanted->text, wanted->text_len);
    bytes_t id = bytes_of(wanted->id, wanted->id_len);
    if (!id.len) {
        msgid_t made = ingress_mint(s->self, s->now.wall);
        msgid_text(&made, minted);
        id = bytes_str(minted);
    }
    lease_ask_t *ask = calloc(1, sizeof *ask + id.len + limits.len + wanted->holder_len + who.len);
    must(ask);
    uint8_t *at = ask->text;
    ask->group = group;
    ask->place = place;
    ask->order = wanted->order;
    ask->minted = *minted != '\0';
    ask->arrived = s->now.at;
    ask->limit_count = wanted->limit_count;
    memcpy(ask->limits, wanted->limits, sizeof ask->limits[0] * wanted->limit_count);
    ask->item = (msg_lease_t){.number = ++s->self->leases.last,
                              .order = wanted->order,
                              .id = keep(&at, id),
                              .limits = keep(&at, limits),
                              .ttl_ms = wanted->ttl_ms,
                              .holder = keep(&at, bytes_of(wanted->holder, wanted->holder_len)),
                              .who = keep(&at, who)};
    return ask;
}

static void enter(const scene_t *s, lease_ask_t *ask)
{
    lease_desk_t *desk = &s->self->leases;
    ask->in = &desk->waiting;
    list_push(&desk->waiting, &ask->node);
    desk->due = instant_min(desk->due, instant_after_us(s->now.at, PROVISIONAL_WAIT_US));
}

/* ---- may it, and is there room? */

guarded_t lease_guarded(const lease_ask_t *ask, uint64_t ttl_ms)
{
    return (guarded_t){ask->item.id, ask->limits, ask->limit_count, ttl_ms};
}

/* How long the guard counts a lease before the limiter has said how long it lasts. */
uint64_t lease_ttl_ms(const config_t *config, const lease_ask_t *ask)
{
    uint64_t ttl_ms = ask->item.ttl_ms ? ask->item.ttl_ms : UINT64_MAX;
    for (size_t i = 0; i < ask->limit_count; i++) {
        const limit_t *limit = &config->limits[ask->limits[i]];
        ttl_ms = limit->ttl_ms < ttl_ms ? limit->ttl_ms : ttl_ms;
    }
    return ttl_ms == UINT64_MAX ? 0 : ttl_ms;
}

static void show_guard_of(const scene_t *s, size_t limit)
{
    const limit_t *of = &s->self->birth->config->limits[limit];
    if (of->guard)
        wish_gauge(s->effects, METRIC_GUARDED, bytes_str(of->name),
                   guard_held(s->self->leases.guard, limit));
}

static void show_guard(const scene_t *s, const lease_ask_t *ask)
{
    for (size_t i = 0; i < ask->limit_count; i++)
        show_guard_of(s, ask->limits[i]);
}

void lease_drop_guard(const scene_t *s, const lease_ask_t *ask)
{
    guard_drop(s->self->leases.guard, ask->item.id);
    show_guard(s, ask);
}

static bool passes_guard(const scene_t *s, lease_ask_t *ask)
{
    const config_t *config = s->self->birth->config;
    guarded_t lease = lease_guarded(ask, lease_ttl_ms(config, ask)), known;
    ask->was_guarded = guard_find(s->self->leases.guard, ask->item.id, &known);
    long at = guard_take(s->self->leases.guard, &lease, s->now.at);
    if (at < 0) {
        show_guard(s, ask);
        return true;
    }
    const limit_t *limit = &config->limits[at];
    const problem_t problem = {
        .kind = PROBLEM_LIMITED,
        .detail = bytes_str("this ingress has granted as many leases as its guard allows"),
        .id = ask->item.id,
        .limit = bytes_str(limit->name),
        .by = bytes_str("guard"),
        .in_use = guard_held(s->self->leases.guard, (size_t)at),
        .slots = limit->guard};
    lease_say_problem(s, ask->group, ask->place, &problem, 1000);
    return false;
}

static void say_forbidden(const scene_t *s, lease_group_t *group, size_t place, bytes_t limit)
{
    char detail[200];
    snprintf(detail, sizeof detail, "the key %s does not have the scope leases:%.*s",
             group->key->name, (int)limit.len, (const char *)limit.data);
    lease_say_problem(s, group, place,
                      &(problem_t){.kind = PROBLEM_FORBIDDEN, .detail = bytes_str(detail)}, 0);
}

/* The first that the key may not; -1: none. */
static long forbidden(const config_t *config, const api_key_t *key, const uint16_t *limits,
                      size_t count)
{
    for (size_t i = 0; key && i < count; i++)
        if (!api_key_may(key, SCOPE_LEASES, bytes_str(config->limits[limits[i]].name)))
            return limits[i];
    return -1;
}

/* What a lease holds is said by who takes it; of others it is known here, or looked at first. */
static bool is_permitted(const scene_t *s, lease_ask_t *ask)
{
    const config_t *config = s->self->birth->config;
    const api_key_t *key = ask->group->key;
    guarded_t known = lease_guarded(ask, 0);
    bool is_known =
        ask->order == LEASE_ACQUIRE || guard_find(s->self->leases.guard, ask->item.id, &known);
    long no = is_known ? forbidden(config, key, known.limits, known.limit_count) : -1;
    if (no >= 0) {
        say_forbidden(s, ask->group, ask->place, bytes_str(config->limits[no].name));
        return false;
    }
    ask->looks_first = !is_known && key && !api_key_may(key, SCOPE_LEASES, bytes_str("*"));
    if (ask->looks_first) {
        ask->item.order = LEASE_LOOK;
        ask->group->looking |= UINT64_C(1) << ask->place;
    }
    return true;
}

/* ---- an order comes */

static bool has_place(const scene_t *s, lease_group_t *group, size_t place)
{
    const ingress_t *self = s->self;
    bool stops = self->stop.asked && (!self->stop.seamless || self->stop.done);
    if (!stops && self->leases.waiting.count + self->leases.sent.count < LEASE_ORDERS_MAX)
        return true;
    const problem_t problem = {
        .kind = stops ? PROBLEM_DRAINING : PROBLEM_OVERLOADED,
        .detail = bytes_str(stops ? "the service stops" : "too many orders wait already")};
    lease_say_problem(s, group, place, &problem, 1000);
    return false;
}

/* Granted here while the limiter was away, and not yet said to it: it never was. */
static bool is_taken_back(const scene_t *s, const lease_ask_t *ask)
{
    lease_desk_t *desk = &s->self->leases;
    if (ask->order != LEASE_RELEASE || !guard_is_provisional(desk->guard, ask->item.id))
        return false;
    list_node_t *n = list_first(&desk->waiting);
    while (n && !(lease_ask_of(n)->granted && bytes_equal(lease_ask_of(n)->item.id, ask->item.id)))
        n = list_next(&desk->waiting, n);
    if (!n)
        return false;
    lease_drop_guard(s, lease_ask_of(n));
    lease_forget(lease_ask_of(n));
    lease_say_gone(s, ask->group, ask->place, ask->item.id);
    return true;
}

void lease_order(const scene_t *s, lease_group_t *group, size_t place, const lease_wanted_t *wanted)
{
    if (!has_place(s, group, place))
        return;
    lease_ask_t *ask = ask_new(s, group, place, wanted);
    if (!is_permitted(s, ask) || is_taken_back(s, ask) ||
        (ask->order == LEASE_ACQUIRE && !passes_guard(s, ask)))
        free(ask);
    else
        enter(s, ask);
}

/* ---- the limiter's link */

void lease_limiter_changed(ingress_t *self) { self->leases.due = (instant_t){0}; }

/* Whom nobody waits for is not said again, but what is given back and what was granted here. In the
 * order in which all came: what was sent is older than what waits. */
void lease_link_began(const scene_t *s)
{
    lease_desk_t *desk = &s->self->leases;
    lease_limiter_changed(s->self);
    while (desk->sent.count) {
        lease_ask_t *last = lease_ask_of(desk->sent.head.prev);
        if (!last->group && !last->granted && last->item.order != LEASE_RELEASE) {
            if (last->order == LEASE_ACQUIRE)
                lease_drop_guard(s, last);
            lease_forget(last);
            continue;
        }
        list_remove(&desk->sent, &last->node);
        last->in = &desk->waiting;
        list_push_front(&desk->waiting, &last->node);
    }
}

/* A batch keeps its order: what follows an order that is only looked at yet waits for it. */
static bool is_held(const lease_ask_t *ask)
{
    uint64_t before = (UINT64_C(1) << ask->place) - 1;
    return ask->group && (ask->group->looking & before);
}

void lease_send(const scene_t *s)
{
    lease_desk_t *desk = &s->self->leases;
    list_node_t *n = list_first(&desk->waiting), *next;
    for (; limiter_is_usable(s->self) && n; n = next) {
        lease_ask_t *ask = lease_ask_of(n);
        next = list_next(&desk->waiting, n);
        if (effects_room(s->effects) < 16) {
            wish_again(s->effects);
            return;
        }
        if (is_held(ask))
            continue;
        ask->item.provisional = ask->granted;
        move(ask, &desk->sent);
        wish_send(s->effects, s->self->limiter, MESSAGE_LEASE, &ask->item);
    }
}

void lease_say_again(const scene_t *s, lease_ask_t *ask, lease_order_t order)
{
    ask->item.order = order;
    ask->item.number = ++s->self->leases.last;
    list_remove(ask->in, &ask->node);
    ask->in = &s->self->leases.waiting;
    list_push_front(ask->in, &ask->node);
}

/* ---- LEASED */

static size_t limits_of(const config_t *config, const msg_leased_t *leased,
                        uint16_t out[LEASE_DRAWS_MAX])
{
    size_t count = 0, i;
    json_t *limit,
        *list = json_loadb((const char *)leased->limits.data, leased->limits.len, 0, NULL);
    json_array_foreach(list, i, limit)
    {
        const char *name = json_string_value(json_object_get(limit, "name"));
        for (size_t n = 0; name && n < config->limit_count && count < LEASE_DRAWS_MAX; n++)
            if (strcmp(config->limits[n].name, name) == 0)
                out[count++] = (uint16_t)n;
    }
    json_decref(list);
    return count;
}

/* May the key do it with this lease? False: it was answered. */
static bool may_go_on(const scene_t *s, const lease_ask_t *ask, const msg_leased_t *leased)
{
    const config_t *config = s->self->birth->config;
    uint16_t limits[LEASE_DRAWS_MAX] = {0};
    size_t count = leased->limits.len ? limits_of(config, leased, limits) : 0;
    long no = forbidden(config, ask->group->key, limits, count);
    if (no < 0 && count)
        return true;
    say_forbidden(s, ask->group, ask->place,
                  count ? bytes_str(config->limits[no].name) : bytes_str("*"));
    return false;
}

/* It is refused to who asks now; the lease of this id that the guard counts goes on. */
static bool held_before(const lease_ask_t *ask, const msg_leased_t *leased)
{
    return ask->was_guarded &&
           (leased->grant == GRANT_CONFLICT || leased->grant == GRANT_UNAVAILABLE);
}

/* It may have been granted before, or by an earlier life of this ingress. */
static void learn(const scene_t *s, lease_ask_t *ask, const msg_leased_t *leased)
{
    guard_t *guard = s->self->leases.guard;
    bool ends = leased->grant == GRANT_RELEASED || leased->grant == GRANT_ABSENT ||
                (ask->order == LEASE_ACQUIRE && !held_before(ask, leased));
    if (leased->grant == GRANT_GRANTED && ask->order != LEASE_LOOK) {
        if (!ask->limit_count && leased->limits.len)
            ask->limit_count = limits_of(s->self->birth->config, leased, ask->limits);
        guarded_t lease = lease_guarded(ask, leased->left_ms);
        guard_learn(guard, &lease, s->now.at);
        show_guard(s, ask);
    } else if (ends && leased->grant != GRANT_GRANTED) {
        lease_drop_guard(s, ask);
    }
}

/* It was released at another ingress, by a step or by hand, or nobody renewed it. What was granted
 * here and is not registered yet is another lease of that id. */
void lease_ended(const scene_t *s, const msg_ended_t *ended, size_t count)
{
    guard_t *guard = s->self->leases.guard;
    for (size_t i = 0; i < count; i++)
        if (!guard_is_provisional(guard, ended[i].id))
            guard_drop(guard, ended[i].id);
    for (size_t i = 0; i < s->self->birth->config->named_limits; i++)
        show_guard_of(s, i);
}

void lease_count_provisional(const scene_t *s, const char *outcome)
{
    wish_count(s->effects, METRIC_PROVISIONAL, bytes_str(outcome), 1);
}

/* It is used already: the limiter does not know of it, so people must. */
void lease_unregistered(const scene_t *s, const lease_ask_t *ask, const char *outcome,
                        const char *what, bytes_t reason)
{
    char text[500];
    snprintf(text, sizeof text,
             "lease %.*s was granted while the limiter was away, and %s; it is in use outside all "
             "the same",
             (int)ask->item.id.len, (const char *)ask->item.id.data, what);
    lease_count_provisional(s, outcome);
    wish_log(s->effects,
             &(log_line_t){.event = LOG_LEASE_UNREGISTERED, .text = text, .reason = reason});
}

static void registered(const scene_t *s, lease_ask_t *ask, const msg_leased_t *leased)
{
    guard_t *guard = s->self->leases.guard;
    guarded_t lease = lease_guarded(ask, leased->left_ms);
    if (leased->grant != GRANT_GRANTED && !ask->item.provisional) {
        lease_say_again(s, ask, LEASE_ACQUIRE);
        return;
    }
    guard_set_provisional(guard, ask->item.id, false);
    if (leased->grant == GRANT_GRANTED) {
        lease_count_provisional(s, "registered");
        guard_learn(guard, &lease, s->now.at);
    } else {
        lease_unregistered(s, ask, "refused", "it does not take it", leased->reason);
    }
    lease_forget(ask);
}

void lease_told(const scene_t *s, const msg_leased_t *leased)
{
    list_node_t *n = list_first(&s->self->leases.sent);
    while (n && lease_ask_of(n)->item.number != leased->number)
        n = list_next(&s->self->leases.sent, n);
    if (!n || leased->grant >= GRANT_COUNT)
        return; /* answered before, by an earlier copy of the same order */
    lease_ask_t *ask = lease_ask_of(n);
    if (ask->granted) {
        registered(s, ask, leased);
        return;
    }
    if (ask->looks_first && ask->group)
        ask->group->looking &= ~(UINT64_C(1) << ask->place);
    if (ask->looks_first && ask->group && leased->grant == GRANT_GRANTED) {
        ask->looks_first = false;
        if (!may_go_on(s, ask, leased)) {
            lease_forget(ask);
            return;
        }
        if (ask->order != LEASE_LOOK) {
            lease_say_again(s, ask, ask->order);
            return;
        }
    }
    learn(s, ask, leased);
    if (ask->group)
        lease_say_leased(s, ask, leased);
    lease_forget(ask);
}
