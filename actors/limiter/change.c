/* change.c: what people change while Weir runs: a limit's numbers, whether it counts at all, the
 * switches of routes and downstreams. What they said lies over the configuration in
 * limit_state.by_hand, in the words of the settings that keep it:
 *
 *   {"slots", "rate", "per_ms", "cap", "values": {value: number or {"slots", "rate", "cap"}},
 *    "observe", "disabled", "pinned", "stopped", "who", "why", "at_ms"}
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

/* Of equal patterns the first counts: what is set by hand stands before the configuration's. */
static void values_set(limit_state_t *s, enum limit_number of)
{
    const limit_t *limit = s->limit;
    json_t *said = json_object_get(s->by_hand, "values"), *value;
    size_t count = 0, most = json_object_size(said) + limit->overrides[of].count;
    bytes_t *texts = calloc(most + 1, sizeof *texts);
    override_t *values = calloc(most + 1, sizeof *values);
    const char *name;
    must(texts && values);
    json_object_foreach(said, name, value)
    {
        json_int_t number = override_says(value, limit->plain, of);
        if (number >= 0)
            values[count++] = (override_t){name, (uint32_t)number};
    }
    for (size_t n = 0; n < limit->overrides[of].count; n++)
        values[count++] = limit->overrides[of].of[n];
    for (size_t n = 0; n < count; n++)
        texts[n] = bytes_str(values[n].pattern);
    overrides_destroy(&s->overrides[of]);
    free(s->values[of]);
    s->values[of] = values;
    s->overrides[of] = count > 0 ? overrides_new(texts, count) : NULL;
    free(texts);
}

typedef struct follow {
    limit_state_t *of;
    unsigned pace; /* percent of its rate until now */
} follow_t;

static void bucket_follow(limiter_t *l, bucket_t *b, void *arg)
{
    const follow_t *f = arg;
    if (b->of != f->of)
        return;
    gcra_rate_t before = b->rate;
    unsigned pace = limit_pace(l, f->of);
    bucket_set(l, b);
    if (b->of->limit->rate.shape != RATE_NONE && !b->window && pace != f->pace) {
        gcra_repace(&b->gcra, l->now.at, f->pace, pace);
        bucket_changed_late(l, b);
    }
    if (!b->window && gcra_rate_set(&b->gcra, l->now.at, &before, &b->rate, pace))
        bucket_changed_late(l, b);
    bucket_look(l, b);
}

void limit_set(limiter_t *l, limit_state_t *s)
{
    const limit_t *limit = s->limit;
    follow_t follow = {s, limit_pace(l, s)};
    s->slots = (uint32_t)number_of(s, "slots", limit->slots ? limit->slots : SLOTS_ANY);
    s->count = (uint32_t)number_of(s, "rate", limit->rate.count);
    s->period_us = number_of(s, "per_ms", limit->rate.period_us / US_PER_MS) * US_PER_MS;
    slack_set(l, s);
    s->cap = (uint32_t)number_of(s, "cap", (json_int_t)limit->cap.most);
    s->observe = flag_of(s, "observe", limit->observe);
    s->disabled = flag_of(s, "disabled", false);
    s->pinned = flag_of(s, "pinned", false);
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++)
        values_set(s, of);
    if (s->only)
        s->only->stopped = flag_of(s, "stopped", false);
    if (!BUG(CHANGE_NOT_IN_FORCE))
        buckets_each(l, bucket_follow, &follow);
}

void limit_end(limit_state_t *s)
{
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++) {
        overrides_destroy(&s->overrides[of]);
        free(s->values[of]);
    }
    json_decref(s->by_hand);
}

/* ---- kept ---- */

/* Which number a value's plain one is follows from the limit, which may be another after a reload:
 * it is kept with its word. */
static json_t *with_words(const limit_state_t *s)
{
    json_t *kept = json_deep_copy(s->by_hand), *values = json_object_get(kept, "values"), *value;
    const char *name, *plain = limit_words[s->limit->plain].text;
    void *next;
    json_object_foreach_safe(values, next, name, value)
    {
        if (json_is_integer(value))
            json_object_set_new(values, name, json_pack("{s:O}", plain, value));
    }
    return kept;
}

static bool has_number(const limit_t *limit, enum limit_number of)
{
    return of == OF_SLOTS  ? limit->slots > 0
           : of == OF_RATE ? limit->rate.shape != RATE_NONE
                           : limit->cap.zone != NULL;
}

/* True: there was one. */
static bool number_forget(json_t *said, const char *name)
{
    return json_object_del(said, name) == 0;
}

static bool value_forget(const limit_t *limit, json_t *values, const char *name, json_t *value)
{
    bool forgot = false;
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++)
        if (!has_number(limit, of))
            forgot |= number_forget(value, limit_words[of].text);
    json_t *plain = json_object_get(value, limit_words[limit->plain].text);
    if (json_object_size(value) == 0)
        json_object_del(values, name);
    else if (plain && json_object_size(value) == 1)
        json_object_set(values, name, plain);
    return forgot;
}

/* What the limit has no more, so that no number is taken for another. True: something was. */
static bool hand_forget(const limit_t *limit, json_t *said)
{
    json_t *values = json_object_get(said, "values"), *value;
    const char *name;
    void *next;
    bool forgot = limit->rate.shape == RATE_NONE && number_forget(said, "per_ms");
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++)
        if (!has_number(limit, of))
            forgot |= number_forget(said, limit_words[of].text);
    json_object_foreach_safe(values, next, name, value)
    {
        if (json_is_object(value))
            forgot |= value_forget(limit, values, name, value);
    }
    if (values && (limit->per_count == 0 || json_object_size(values) == 0))
        forgot |= number_forget(said, "values");
    return forgot;
}

static void hands_keep(limiter_t *l)
{
    json_t *all = json_object();
    for (size_t n = 0; n < l->config->limit_count && !BUG(CHANGE_NOT_KEPT); n++)
        if (l->limits[n].by_hand)
            json_object_set_new(all, l->limits[n].limit->name, with_words(&l->limits[n]));
    char *text = json_dumps(all, JSON_COMPACT);
    must(text);
    wish_change(l->e,
                &(change_t){.kind = CHANGE_SETTING,
                            .setting = {.name = bytes_str(SETTING), .value = bytes_str(text)}});
    free(text);
    json_decref(all);
}

/* The configured burst comes back within gcra.h's bound, at every pace there can be. */
bool hand_period_fits(const limit_state_t *s, const json_t *said)
{
    const limit_t *limit = s->limit;
    json_int_t per_ms = json_integer_value(json_object_get(said, "per_ms"));
    gcra_rate_t rate = {.period_us = per_ms * US_PER_MS,
                        .count = limit->rate.count,
                        .burst = limit_burst(limit, limit->rate.count)};
    return limit->rate.shape == RATE_NONE || per_ms == 0 || gcra_can_slow(&rate);
}

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

static void forgotten_log(limiter_t *l, const char *name, const char *why)
{
    char text[200];
    snprintf(text, sizeof text,
             "%.64s %s: what was set by hand is forgotten with the next change; work goes on", name,
             why);
    log_line_t line = limit_line(LOG_LIMIT_CHANGED, name, text);
    wish_log(l->e, &line);
}

static void hand_kept(limiter_t *l, const char *name, json_t *said)
{
    long at = config_limit(l->config, bytes_str(name));
    if (at < 0) {
        forgotten_log(l, name, "is not in the configuration any more");
        return;
    }
    limit_state_t *s = &l->limits[at];
    if (json_is_object(said) && hand_forget(s->limit, said))
        forgotten_log(l, name, "has no such numbers any more");
    if (json_is_object(said) && hand_forget_below(l, s, said))
        forgotten_log(l, name, "has costs now that are more than that");
    if (!json_is_object(said) || !hand_period_fits(s, said)) {
        forgotten_log(l, name, "has another burst now, which its period set by hand never fills");
        return;
    }
    if (!hand_differs(said))
        return;
    s->by_hand = json_incref(said);
    s->touched = true;
    limit_set(l, s);
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

void hand_change(limiter_t *l, const hand_t *h, limit_state_t *s, json_t *said)
{
    json_t *before = hand_state(l, s);
    hand_put(l, h, s, said);
    hand_said(l, h, s, before);
}

json_t *hand_copy(const limit_state_t *s)
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
    } verbs[] = {{"limits.set", limits_set},
                 {"limits.reset", limits_reset},
                 {"limits.pin", pin},
                 {"limits.unpin", pin},
                 {"limits.disable", disable},
                 {"limits.enable", disable},
                 {"limits.observe", observe},
                 {"limits.resume", limits_resume},
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
