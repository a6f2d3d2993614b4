/* numbers.c: limits.set and limits.reset: which numbers people may give a limit, or one value of
 * its labels. */
#include "actors/limiter/hand.h"

#define SLOTS_MOST 1000000
#define RATE_MOST 10000000
#define PER_MS_MOST 86400000
#define CAP_MOST 1000000000
#define VALUES_MOST 256 /* overrides by hand of one limit */

/* NULL: fine. */
static const char *numbers_are_wrong(const limit_state_t *s, const json_t *args)
{
    static const struct {
        const char *name, *what;
        json_int_t least, most;
    } ranges[] = {{"slots", "slots is a whole number from 0 to 1000000", 0, SLOTS_MOST},
                  {"rate", "rate is a whole number from 1 to 10000000", 1, RATE_MOST},
                  {"per_ms", "per_ms is a whole number from 1 to 86400000", 1, PER_MS_MOST},
                  {"cap", "cap is a whole number from 0 to 1000000000", 0, CAP_MOST}};
    for (size_t n = 0; n < COUNT_OF(ranges); n++) {
        json_t *said = json_object_get(args, ranges[n].name);
        json_int_t number = json_integer_value(said);
        if (said && (!json_is_integer(said) || number < ranges[n].least || number > ranges[n].most))
            return ranges[n].what;
    }
    json_t *slots = json_object_get(args, "slots"), *rate = json_object_get(args, "rate"),
           *per = json_object_get(args, "per_ms"), *cap = json_object_get(args, "cap"),
           *value = json_object_get(args, "value");
    if (!slots && !rate && !per && !cap)
        return "nothing to set: give slots, rate, per_ms or cap";
    if (slots && s->limit->slots == 0)
        return "this limit has no slots in the configuration";
    if ((rate || per) && s->limit->rate.shape == RATE_NONE)
        return "this limit has no rate in the configuration";
    if (cap && !s->limit->cap.zone)
        return "this limit has no cap in the configuration";
    if (!hand_period_fits(s, args))
        return "with its burst this rate would take more than eleven years to come back: lower "
               "per_ms, or burst in the configuration";
    if (s->limit->rate.shape == RATE_WINDOW && json_integer_value(rate) > WINDOW_COUNT_MAX)
        return "a window_safe rate is at most 4096";
    if (s->limit->adaptive.on && slots && json_integer_value(slots) == 0)
        return "an adaptive limit has at least 1 slot";
    if (value && s->limit->per_count == 0)
        return "this limit has no labels (per), so no value of one";
    const char *name = json_string_value(value);
    if (name && strcmp(name, "default") == 0) /* as in overrides */
        return "default is no value but all that have no number of their own: leave value out";
    if (value && per)
        return "the period is the same for every value: leave per_ms out, or value";
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
static json_int_t most_with(const limit_t *limit, const json_t *args, uint8_t class)
{
    json_int_t slots = json_integer_value(json_object_get(args, "slots")),
               rate = json_integer_value(json_object_get(args, "rate")),
               cap = json_integer_value(json_object_get(args, "cap")), most = SLOTS_ANY;
    json_int_t share = slots * limit->max_share_percent / 100; /* 100 without share_by */
    if (slots > 0)
        most = share > 0 ? share : 1;
    if (class > limit->reserved_class && slots > limit->reserved && slots - limit->reserved < most)
        most = slots - limit->reserved;
    if (rate > 0 && limit_burst(limit, (uint32_t)rate) < most)
        most = limit_burst(limit, (uint32_t)rate);
    return cap > 0 && cap < most ? cap : most;
}

static uint8_t best_class(const route_t *r)
{
    uint8_t best = r->class;
    for (size_t n = 0; n < r->class_count; n++)
        best = r->classes[n].class < best ? r->classes[n].class : best;
    return best;
}

/* Less than one message takes, but nothing at all, would fail it (never_fits). */
static bool is_below_a_cost(const limiter_t *l, const limit_state_t *s, const json_t *args)
{
    bool below = false;
    for (size_t n = 0; n < l->config->route_count; n++) {
        const route_t *r = &l->config->routes[n];
        json_int_t most = most_with(s->limit, args, best_class(r));
        below |= most < cost_of(r->draws, r->draw_count, s->index);
        for (size_t k = 0; k < r->step_count; k++)
            below |= most < cost_of(r->steps[k].draws, r->steps[k].draw_count, s->index);
    }
    return below;
}

static bool one_is_below(const limiter_t *l, const limit_state_t *s, const char *word,
                         json_t *number)
{
    json_t *one = json_object();
    json_object_set(one, word, number);
    bool is = number && is_below_a_cost(l, s, one);
    json_decref(one);
    return is;
}

static bool below_forget(const limiter_t *l, const limit_state_t *s, json_t *numbers)
{
    bool forgot = false;
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++) {
        const char *word = limit_words[of].text;
        if (!one_is_below(l, s, word, json_object_get(numbers, word)))
            continue;
        json_object_del(numbers, word);
        if (of == OF_RATE)
            json_object_del(numbers, "per_ms"); /* it was of that rate */
        forgot = true;
    }
    return forgot;
}

bool hand_forget_below(const limiter_t *l, const limit_state_t *s, json_t *said)
{
    json_t *values = json_object_get(said, "values"), *value;
    bool forgot = below_forget(l, s, said);
    const char *name;
    void *next;
    json_object_foreach_safe(values, next, name, value)
    {
        bool plain = json_is_integer(value),
             below = plain ? one_is_below(l, s, limit_words[s->limit->plain].text, value)
                           : below_forget(l, s, value);
        forgot |= below;
        if (below && (plain || json_object_size(value) == 0))
            json_object_del(values, name);
    }
    if (values && json_object_size(values) == 0)
        json_object_del(said, "values");
    return forgot;
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

/* What is said of a value with these: a number alone where that says it. */
static json_t *value_said(const limit_t *limit, const json_t *before, const json_t *args)
{
    json_t *said = json_object();
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++) {
        json_t *number = json_object_get(args, limit_words[of].text);
        json_int_t old = override_says(before, limit->plain, of);
        if (number)
            json_object_set(said, limit_words[of].text, number);
        else if (old >= 0)
            json_object_set_new(said, limit_words[of].text, json_integer(old));
    }
    json_t *alone = json_object_get(said, limit_words[limit->plain].text);
    if (!alone || json_object_size(said) > 1)
        return said;
    json_incref(alone);
    json_decref(said);
    return alone;
}

static void value_set(limiter_t *l, const hand_t *h, limit_state_t *s, bool resets)
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
    if (resets)
        json_object_del(values, name);
    else
        json_object_set_new(values, name,
                            value_said(s->limit, json_object_get(values, name), h->args));
    if (json_object_size(values) > VALUES_MOST) {
        json_decref(said);
        query_refuse(l, h->q, 409, "this limit has 256 overrides by hand already",
                     "put them into the configuration: weirctl limits export writes them");
        return;
    }
    if (json_object_size(values) == 0)
        json_object_del(said, "values");
    hand_change(l, h, s, said);
}

static void number_put(json_t *said, const char *name, const json_t *args, json_int_t configured)
{
    json_t *number = json_object_get(args, name);
    if (number && json_integer_value(number) == configured)
        json_object_del(said, name);
    else if (number)
        json_object_set(said, name, number);
}

void limits_set(limiter_t *l, const hand_t *h)
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
                     "its cost is in `costs` of a route or step; slots or cap 0 let nobody pass");
        return;
    }
    if (json_object_get(h->args, "value")) {
        value_set(l, h, s, false);
        return;
    }
    json_t *said = hand_copy(s);
    number_put(said, "slots", h->args, s->limit->slots);
    number_put(said, "rate", h->args, s->limit->rate.count);
    number_put(said, "per_ms", h->args, s->limit->rate.period_us / US_PER_MS);
    number_put(said, "cap", h->args, (json_int_t)s->limit->cap.most);
    hand_change(l, h, s, said);
}

void limits_reset(limiter_t *l, const hand_t *h)
{
    limit_state_t *s = hand_limit(l, h);
    if (s && json_object_get(h->args, "value"))
        value_set(l, h, s, true);
    else if (s)
        hand_change(l, h, s, json_object());
}
