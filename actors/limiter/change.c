/* change.c: what people change while Weir runs: a limit's numbers, whether it counts at all, the
 * switches of routes and downstreams. What they said lies over the configuration in
 * limit_state.by_hand, in the words of the settings that keep it:
 *
 *   {"slots", "rate", "per_ms", "values": {value: number}, "observe", "disabled", "pinned",
 *    "stopped", "who", "why", "at_ms"}
 *
 * only what differs; without any of it there is none. All of them are one setting, "by_hand", an
 * object by limit: it is written whole, in the commit of the change. A change is checked before
 * anything changes, is in force at the next admission, also of what waits, and lowers nothing that
 * runs. */
#include "actors/limiter/parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "actors/limiter/hand.h"

#define SETTING "by_hand"
#define SLOTS_MOST 1000000
#define RATE_MOST 10000000
#define PER_MS_MOST 86400000
#define VALUES_MOST 256 /* overrides by hand of one limit */

/* ---- in force ---- */

static json_int_t number_of(const limit_state_t *s, const char *name, json_int_t otherwise)
{
    json_t *said = json_object_get(s->by_hand, name);
    return json_is_integer(said) ? json_integer_value(said) : otherwise;
}

static bool flag_of(const limit_state_t *s, const char *name, bool otherwise)
{
    json_t *said = json_object_get(s->by_hand, name);
    return json_is_boolean(said) ? json_is_true(said) : otherwise;
}

/* A take of a window may reach the wire so much later (start_by): the window is longer by it. A
 * fiftieth of the period at most, so that the allowance is used; the assignment's start_by is cut
 * to it. */
static int64_t slack_of(const config_t *c, int64_t period_us)
{
    int64_t most = period_us / 50, longest = 0;
    for (size_t r = 0; r < c->route_count; r++)
        for (size_t n = 0; n < c->routes[r].step_count; n++)
            if (c->routes[r].steps[n].start_within_ms * US_PER_MS > longest)
                longest = c->routes[r].steps[n].start_within_ms * US_PER_MS;
    return longest < most ? longest : most;
}

/* Of equal patterns the first counts: what is set by hand stands before the configuration's. */
static void values_set(limit_state_t *s)
{
    const limit_t *limit = s->limit;
    json_t *said = json_object_get(s->by_hand, "values"), *value;
    size_t count = 0, most = json_object_size(said) + limit->override_count;
    bytes_t *texts = calloc(most + 1, sizeof *texts);
    const char *name;
    overrides_destroy(&s->overrides);
    free(s->values);
    s->values = calloc(most + 1, sizeof *s->values);
    must(texts && s->values);
    json_object_foreach(said, name, value)
    {
        s->values[count++] = (override_t){name, (uint32_t)json_integer_value(value)};
    }
    for (size_t n = 0; n < limit->override_count; n++)
        s->values[count++] = limit->overrides[n];
    for (size_t n = 0; n < count; n++)
        texts[n] = bytes_str(s->values[n].pattern);
    s->overrides = overrides_new(texts, count);
    free(texts);
}

static void bucket_follow(limiter_t *l, bucket_t *b, void *arg)
{
    if (b->of != arg)
        return;
    gcra_rate_t before = b->rate;
    bucket_set(l, b);
    unsigned pace = b->of->pinned ? 100 : l->pace_percent;
    if (!b->window && gcra_rate_set(&b->gcra, l->now.at, &before, &b->rate, pace))
        bucket_changed(l, b);
    bucket_look(l, b);
}

void limit_set(limiter_t *l, limit_state_t *s)
{
    const limit_t *limit = s->limit;
    s->slots = (uint32_t)number_of(s, "slots", limit->slots ? limit->slots : SLOTS_ANY);
    s->count = (uint32_t)number_of(s, "rate", limit->rate.count);
    s->period_us = number_of(s, "per_ms", limit->rate.period_us / US_PER_MS) * US_PER_MS;
    s->slack_us = slack_of(l->config, s->period_us);
    s->observe = flag_of(s, "observe", limit->observe);
    s->disabled = flag_of(s, "disabled", false);
    s->pinned = flag_of(s, "pinned", false);
    values_set(s);
    if (s->only)
        s->only->stopped = flag_of(s, "stopped", false);
    if (!BUG(CHANGE_NOT_IN_FORCE))
        buckets_each(l, bucket_follow, s);
}

void limit_end(limit_state_t *s)
{
    overrides_destroy(&s->overrides);
    free(s->values);
    json_decref(s->by_hand);
}

/* ---- kept ---- */

static void hands_keep(limiter_t *l)
{
    json_t *all = json_object();
    for (size_t n = 0; n < l->config->limit_count && !BUG(CHANGE_NOT_KEPT); n++)
        if (l->limits[n].by_hand)
            json_object_set(all, l->limits[n].limit->name, l->limits[n].by_hand);
    char *text = json_dumps(all, JSON_COMPACT);
    must(text);
    wish_change(l->e,
                &(change_t){.kind = CHANGE_SETTING,
                            .setting = {.name = bytes_str(SETTING), .value = bytes_str(text)}});
    free(text);
    json_decref(all);
}

/* The configured burst comes back within gcra.h's bound, at every pace there can be. */
static bool period_fits(const limit_state_t *s, const json_t *said)
{
    const limit_t *limit = s->limit;
    json_int_t per_ms = json_integer_value(json_object_get(said, "per_ms"));
    gcra_rate_t rate = {.period_us = per_ms * US_PER_MS,
                        .count = limit->rate.count,
                        .burst = limit_burst(limit, limit->rate.count)};
    return limit->rate.shape == RATE_NONE || per_ms == 0 || gcra_can_slow(&rate);
}

static void hand_kept(limiter_t *l, const char *name, json_t *said)
{
    char text[200];
    long at = config_limit(l->config, bytes_str(name));
    if (at >= 0 && json_is_object(said) && period_fits(&l->limits[at], said)) {
        l->limits[at].by_hand = json_incref(said);
        l->limits[at].touched = true;
        limit_set(l, &l->limits[at]);
        return;
    }
    snprintf(text, sizeof text,
             "%.64s %s: what was set by hand is forgotten with the next change; work goes on", name,
             at < 0 ? "is not in the configuration any more"
                    : "has another burst now, which its period set by hand never fills");
    log_line_t line = limit_line(LOG_LIMIT_CHANGED, name, text);
    wish_log(l->e, &line);
}

static void setting_kept(void *arg, const store_setting_t *setting)
{
    const char *name;
    json_t *said;
    if (!bytes_is(setting->name, SETTING))
        return;
    json_t *all = json_loadb((const char *)setting->value.data, setting->value.len, 0, NULL);
    json_object_foreach(all, name, said) { hand_kept(arg, name, said); }
    json_decref(all);
}

void hands_load(limiter_t *l, store_t *store)
{
    if (store)
        store_settings(store, setting_kept, l);
}

/* ---- changing ---- */

/* True: something of it is not as the configuration has it. */
static bool hand_differs(const json_t *by_hand)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)by_hand, name, value)
    {
        if (strcmp(name, "who") != 0 && strcmp(name, "why") != 0 && strcmp(name, "at_ms") != 0)
            return true;
    }
    return false;
}

/* Takes over `said`, which was checked. */
static void hand_put(limiter_t *l, const hand_t *h, limit_state_t *s, json_t *said)
{
    json_t *old = s->by_hand;
    json_object_set_new(said, "who", json_string(h->who));
    json_object_set_new(said, "why", json_string(h->why));
    json_object_set_new(said, "at_ms", json_integer(l->now.wall.us / US_PER_MS));
    s->by_hand = said;
    s->touched = true;
    if (!hand_differs(said)) {
        json_decref(said);
        s->by_hand = NULL;
    }
    limit_set(l, s);
    json_decref(old); /* its texts were lent to s->values until here */
    hands_keep(l);
}

static void hand_take(limiter_t *l, const hand_t *h, limit_state_t *s, json_t *said)
{
    json_t *before = hand_state(l, s);
    hand_put(l, h, s, said);
    hand_said(l, h, s, before);
}

static json_t *hand_copy(const limit_state_t *s)
{
    return s->by_hand ? json_deep_copy(s->by_hand) : json_object();
}

static void flag_put(limiter_t *l, const hand_t *h, limit_state_t *s, const char *name, bool on,
                     bool configured)
{
    json_t *said = hand_copy(s);
    if (on == configured)
        json_object_del(said, name);
    else
        json_object_set_new(said, name, json_boolean(on));
    hand_put(l, h, s, said);
}

static void flag_set(limiter_t *l, const hand_t *h, limit_state_t *s, const char *name, bool on,
                     bool configured)
{
    json_t *before = hand_state(l, s);
    flag_put(l, h, s, name, on, configured);
    hand_said(l, h, s, before);
}

void hand_stop(limiter_t *l, const hand_t *h, limit_state_t *s, bool stopped)
{
    flag_put(l, h, s, "stopped", stopped, false);
}

/* ---- limits.set ---- */

/* NULL: fine. */
static const char *numbers_are_wrong(const limit_state_t *s, const json_t *args)
{
    static const struct {
        const char *name, *what;
        json_int_t least, most;
    } ranges[] = {{"slots", "slots is a whole number from 0 to 1000000", 0, SLOTS_MOST},
                  {"rate", "rate is a whole number from 1 to 10000000", 1, RATE_MOST},
                  {"per_ms", "per_ms is a whole number from 1 to 86400000", 1, PER_MS_MOST}};
    for (size_t n = 0; n < COUNT_OF(ranges); n++) {
        json_t *said = json_object_get(args, ranges[n].name);
        json_int_t number = json_integer_value(said);
        if (said && (!json_is_integer(said) || number < ranges[n].least || number > ranges[n].most))
            return ranges[n].what;
    }
    json_t *slots = json_object_get(args, "slots"), *rate = json_object_get(args, "rate"),
           *per = json_object_get(args, "per_ms"), *value = json_object_get(args, "value");
    if (!slots && !rate && !per)
        return "nothing to set: give slots, rate or per_ms";
    if (slots && s->limit->slots == 0)
        return "this limit has no slots in the configuration";
    if ((rate || per) && s->limit->rate.shape == RATE_NONE)
        return "this limit has no rate in the configuration";
    if (!period_fits(s, args))
        return "with its burst this rate would take more than eleven years to come back: lower "
               "per_ms, or burst in the configuration";
    if (s->limit->rate.shape == RATE_WINDOW && json_integer_value(rate) > WINDOW_COUNT_MAX)
        return "a window_safe rate is at most 4096";
    if (s->limit->adaptive.on && slots && json_integer_value(slots) == 0)
        return "an adaptive limit has at least 1 slot";
    if (value && s->limit->per_count == 0)
        return "this limit has no labels (per), so no value of one";
    if (value && (per || (s->limit->slots > 0 ? !slots || rate : !rate)))
        return s->limit->slots > 0 ? "a value's override is of its slots, and of nothing else"
                                   : "a value's override is of its rate, and of nothing else";
    return NULL;
}

static uint32_t cost_of(const draw_t *draws, size_t count, uint16_t limit)
{
    for (size_t n = 0; n < count; n++)
        if (draws[n].limit == limit)
            return draws[n].cost;
    return 0;
}

/* What bucket_most() would be; SLOTS_ANY: of these numbers none counts. */
static json_int_t most_with(const limit_t *limit, const json_t *args)
{
    json_int_t slots = json_integer_value(json_object_get(args, "slots")),
               rate = json_integer_value(json_object_get(args, "rate")), most = SLOTS_ANY;
    json_int_t share = slots * limit->max_share_percent / 100; /* 100 without share_by */
    if (slots > 0)
        most = share > 0 ? share : 1;
    if (rate > 0 && limit_burst(limit, (uint32_t)rate) < most)
        most = limit_burst(limit, (uint32_t)rate);
    return most;
}

/* Less than one message takes, but no slots at all, would fail it (never_fits). */
static bool is_below_a_cost(const limiter_t *l, const limit_state_t *s, const json_t *args)
{
    uint32_t most = 0;
    for (size_t n = 0; n < l->config->route_count; n++) {
        const route_t *r = &l->config->routes[n];
        uint32_t cost = cost_of(r->draws, r->draw_count, s->index);
        most = cost > most ? cost : most;
        for (size_t k = 0; k < r->step_count; k++) {
            cost = cost_of(r->steps[k].draws, r->steps[k].draw_count, s->index);
            most = cost > most ? cost : most;
        }
    }
    return most_with(s->limit, args) < (json_int_t)most;
}

/* One text for each label: "a, b". */
static bool is_value(const limit_state_t *s, const json_t *said)
{
    const char *at = json_string_value(said);
    size_t parts = 1;
    if (!at || !*at || strlen(at) >= 2 * LABEL_VALUE_MAX)
        return false;
    for (; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == '*')
            return false;
        parts += s->limit->per_count > 1 && at[0] == ',' && at[1] == ' ';
    }
    return parts == s->limit->per_count;
}

static void value_set(limiter_t *l, const hand_t *h, limit_state_t *s, json_t *number)
{
    const json_t *value = json_object_get(h->args, "value");
    const char *name = json_string_value(value);
    if (!is_value(s, value)) {
        query_refuse(l, h->q, 400, "that is no value of this limit's labels",
                     "weirctl limits ls NAME shows them: one value, no pattern; several labels "
                     "are typed \"a, b\"");
        return;
    }
    json_t *said = hand_copy(s), *values = json_object_get(said, "values");
    if (!values)
        json_object_set_new(said, "values", values = json_object());
    if (number)
        json_object_set(values, name, number);
    else
        json_object_del(values, name);
    if (json_object_size(values) > VALUES_MOST) {
        json_decref(said);
        query_refuse(l, h->q, 409, "this limit has 256 overrides by hand already",
                     "put them into the configuration: weirctl limits export writes them");
        return;
    }
    if (json_object_size(values) == 0)
        json_object_del(said, "values");
    hand_take(l, h, s, said);
}

static void number_put(json_t *said, const char *name, const json_t *args, json_int_t configured)
{
    json_t *number = json_object_get(args, name);
    if (number && json_integer_value(number) == configured)
        json_object_del(said, name);
    else if (number)
        json_object_set(said, name, number);
}

static void set(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_limit(l, h);
    const char *wrong = s ? numbers_are_wrong(s, h->args) : NULL;
    if (!s)
        return;
    if (wrong) {
        query_refuse(l, h->q, 400, wrong, "weirctl limits ls shows what the limit has");
        return;
    }
    if (is_below_a_cost(l, s, h->args)) {
        query_refuse(l, h->q, 409, "one message takes more of this limit at once than that",
                     "its cost is in `costs` of a route or step; 0 slots let nobody pass");
        return;
    }
    if (json_object_get(h->args, "value")) {
        json_t *slots = json_object_get(h->args, "slots");
        value_set(l, h, s, slots ? slots : json_object_get(h->args, "rate"));
        return;
    }
    json_t *said = hand_copy(s);
    number_put(said, "slots", h->args, s->limit->slots);
    number_put(said, "rate", h->args, s->limit->rate.count);
    number_put(said, "per_ms", h->args, s->limit->rate.period_us / US_PER_MS);
    hand_take(l, h, s, said);
}

static void reset(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_limit(l, h);
    if (s && json_object_get(h->args, "value"))
        value_set(l, h, s, NULL);
    else if (s)
        hand_take(l, h, s, json_object());
}

/* ---- switches ---- */

static void pin(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_limit(l, h);
    if (s)
        flag_set(l, h, s, "pinned", strcmp(h->verb, "limits.pin") == 0, false);
}

static void disable(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_limit(l, h);
    if (s)
        flag_set(l, h, s, "disabled", strcmp(h->verb, "limits.disable") == 0, false);
}

static void observe(limiter_t *l, const hand_t *h)
{
    json_t *on = json_object_get(h->args, "on");
    const char *word = json_string_value(on);
    bool yes = json_is_true(on) || (word && strcmp(word, "on") == 0);
    limit_state_t *s = hand_limit(l, h);
    if (!s)
        return;
    if (!yes && !json_is_false(on) && (!word || strcmp(word, "off") != 0))
        query_refuse(l, h->q, 400, "observe is on or off", "weirctl limits observe NAME on");
    else
        flag_set(l, h, s, "observe", yes, s->limit->observe);
}

static void route_switch(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_route(l, h);
    if (s)
        flag_set(l, h, s, "stopped", strcmp(h->verb, "route.stop") == 0, false);
}

bool change_told(limiter_t *l, const hand_t *h)
{
    static const struct {
        const char *verb;
        void (*does)(limiter_t *l, const hand_t *h);
    } verbs[] = {{"limits.set", set},
                 {"limits.reset", reset},
                 {"limits.pin", pin},
                 {"limits.unpin", pin},
                 {"limits.disable", disable},
                 {"limits.enable", disable},
                 {"limits.observe", observe},
                 {"route.stop", route_switch},
                 {"route.start", route_switch},
                 {"downstream.pause", downstream_pause},
                 {"downstream.resume", downstream_resume},
                 {"downstream.probe", downstream_probe},
                 {"slots.reclaim", slots_reclaim}};
    for (size_t n = 0; n < COUNT_OF(verbs); n++)
        if (strcmp(verbs[n].verb, h->verb) == 0) {
            verbs[n].does(l, h);
            return true;
        }
    return false;
}
