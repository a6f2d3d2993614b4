#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sys/config_load.h"
#include "sys/zone.h"

const limit_word_t limit_words[LIMIT_NUMBERS] = {[OF_SLOTS] = {"slots", 1000000},
                                                 [OF_RATE] = {"rate", 10000000},
                                                 [OF_CAP] = {"cap", 1000000000}};

json_int_t override_says(const json_t *said, enum limit_number plain, enum limit_number of)
{
    const json_t *number = json_object_get(said, limit_words[of].text);
    if (of == plain && json_is_integer(said))
        number = said;
    return number ? json_integer_value(number) : -1;
}

static int by_pattern(const void *a, const void *b)
{
    return strcmp(((const override_t *)a)->pattern, ((const override_t *)b)->pattern);
}

const override_t *load_numbers(loading_t *l, json_t *json, size_t *count)
{
    const char *name;
    json_t *value;
    *count = json_object_size(json);
    override_t *made = config_hold(l, *count, sizeof *made), *at = made;
    json_object_foreach(json, name, value) *at++ =
        (override_t){name, (uint32_t)json_integer_value(value)};
    if (*count > 1)
        qsort(made, *count, sizeof *made, by_pattern);
    return made;
}

/* {key: number of `leaf` or, when it is left out, `otherwise`} */
static uint64_t number_or(json_t *json, const char *leaf, uint64_t otherwise)
{
    return json_object_get(json, leaf) ? leaf_number(json, leaf) : otherwise;
}

/* With the headroom taken off; of anything at least 1 is left. */
static uint32_t rate_count(json_t *rate, uint64_t count)
{
    uint64_t left = count * (100 - leaf_number(rate, "headroom_percent")) / 100;
    return count > 0 && left == 0 ? 1 : (uint32_t)left;
}

static void load_rate(limit_t *limit, json_t *rate)
{
    if (!rate)
        return;
    const char *shape = leaf_word(rate, "shape");
    limit->rate.shape = *shape == 'b' ? RATE_BUCKET : *shape == 's' ? RATE_SPACING : RATE_WINDOW;
    limit->rate.count = rate_count(rate, leaf_number(rate, "count"));
    limit->rate.period_us = (int64_t)leaf_number(rate, "per_ms") * US_PER_MS;
    limit->rate.burst =
        limit->rate.shape == RATE_SPACING ? 1 : (uint32_t)number_or(rate, "burst", 0);
}

static void load_cap(loading_t *l, limit_t *limit, json_t *cap)
{
    static const char *const words[] = {[CALENDAR_HOUR] = "hour",
                                        [CALENDAR_DAY] = "day",
                                        [CALENDAR_WEEK] = "week",
                                        [CALENDAR_MONTH] = "month"};
    if (!cap)
        return;
    zone_t *zone = config_hold(l, 1, sizeof *zone);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (zone_read(leaf_word(cap, "zone"), (wall_t){now.tv_sec * US_PER_S}, zone) != 0)
        *zone = (zone_t){.count = 1}; /* the tables went away since the check: UTC */
    limit->cap = (calendar_cap_t){.zone = zone, .most = leaf_number(cap, "count")};
    for (unsigned n = CALENDAR_HOUR; n <= CALENDAR_MONTH; n++)
        if (strcmp(leaf_word(cap, "each"), words[n]) == 0)
            limit->cap.unit = n;
}

/* Each number has a table of its own, of those that say it: what one does not say is asked of the
 * next that matches. */
static void load_overrides(loading_t *l, limit_t *limit, json_t *json)
{
    json_t *all = json_object_get(json, "overrides"), *said;
    const char *pattern;
    limit->plain = limit->slots > 0 ? OF_SLOTS : limit->rate.shape != RATE_NONE ? OF_RATE : OF_CAP;
    for (enum limit_number of = 0; of < LIMIT_NUMBERS; of++) {
        override_t *made = config_hold(l, json_object_size(all), sizeof *made), *at = made;
        json_object_foreach(all, pattern, said)
        {
            json_int_t number = override_says(said, limit->plain, of);
            if (number >= 0)
                *at++ = (override_t){pattern, (uint32_t)number};
            if (number >= 0 && of == OF_RATE)
                at[-1].value = rate_count(json_object_get(json, "rate"), (uint64_t)number);
        }
        limit->overrides[of].of = made;
        limit->overrides[of].count = (size_t)(at - made);
        if (at > made)
            qsort(made, (size_t)(at - made), sizeof *made, by_pattern);
    }
}

static void load_adaptive(limit_t *limit, json_t *adaptive)
{
    if (!adaptive)
        return;
    limit->adaptive.on = true;
    limit->adaptive.floor = (uint32_t)leaf_number(adaptive, "floor");
    limit->adaptive.start = (uint32_t)number_or(adaptive, "start", limit->adaptive.floor);
    limit->adaptive.step = (uint32_t)leaf_number(adaptive, "step");
    limit->adaptive.stay_us = (int64_t)leaf_number(adaptive, "stay_ms") * US_PER_MS;
}

static void load_truth(loading_t *l, limit_t *limit, json_t *truth)
{
    if (!truth)
        return;
    long pool = config_pool(l->config, bytes_str(leaf_word(truth, "downstream")));
    must(pool > 0);
    limit->truth = (truth_t){
        .downstream = &l->config->downstreams[pool - 1],
        .path = leaf_word(truth, "path"),
        .list = leaf_word(truth, "list"),
        .id = leaf_word(truth, "id"),
        .every_s = (unsigned)leaf_number(truth, "every_s"),
        .grace_s = (unsigned)leaf_number(truth, "grace_s"),
    };
}

static void load_limit(loading_t *l, limit_t *limit, const char *name, json_t *json)
{
    json_t *per = json_object_get(json, "per");
    limit->name = name;
    limit->slots = (uint32_t)number_or(json, "slots", 0);
    load_rate(limit, json_object_get(json, "rate"));
    load_cap(l, limit, json_object_get(json, "cap"));
    load_adaptive(limit, json_object_get(json, "adaptive"));
    load_truth(l, limit, json_object_get(json, "truth"));
    limit->per_count = json_array_size(per);
    for (size_t i = 0; i < limit->per_count; i++)
        limit->per[i] = json_string_value(json_array_get(per, i));
    load_overrides(l, limit, json);
    limit->reject = *leaf_word(json, "at_limit") == 'r';
    limit->observe = leaf_bool(json, "observe");
    limit->strict = leaf_bool(json, "strict");
    limit->learns = leaf_bool(json, "learns");
    limit->share_by = leaf_text(json, "share_by");
    NUMBER(limit, json, max_share_percent);
    NUMBER(limit, json, reserved);
    limit->reserved_class = (uint8_t)class_of(bytes_str(leaf_word(json, "reserved_class")));
    limit->ttl_ms = leaf_number(json, "ttl_s") * 1000;
    NUMBER(limit, json, guard);
    limit->provisional = leaf_bool(json, "provisional");
    limit->shown = leaf_text(json, "shown");
}

static limit_t own_limit(loading_t *l, const char *of, const char *name)
{
    size_t size = strlen(of) + strlen(name) + 2;
    char *own = config_hold(l, size, 1);
    snprintf(own, size, "%s:%s", of, name);
    return (limit_t){
        .name = own, .own = true, .max_share_percent = 100, .reserved_class = CLASS_LOW};
}

/* A retry then draws from it too. */
static limit_t retry_budget(loading_t *l, downstream_t *d, size_t index)
{
    config_t *c = l->config;
    limit_t limit = own_limit(l, "retries", d->name);
    limit.retries.percent = d->retry_percent;
    limit.retries.least = d->retry_least;
    limit.retries.of = (uint16_t)(c->named_limits + (size_t)(d - c->downstreams));
    d->retry = (draw_t){(uint16_t)index, 1};
    return limit;
}

static size_t budget_count(const config_t *c)
{
    size_t count = 0;
    for (size_t i = 0; i < c->downstream_count; i++)
        count += c->downstreams[i].retry_percent < 100;
    return count;
}

/* The limits of the file; then one of each downstream, which are loaded already; then the switches
 * of the routes; then the budgets of retries. */
void load_limits(loading_t *l, json_t *json, json_t *routes)
{
    config_t *c = l->config;
    const char *name;
    json_t *limit;
    c->named_limits = json_object_size(json);
    c->limit_count =
        c->named_limits + c->downstream_count + json_object_size(routes) + budget_count(c);
    limit_t *at = c->limits = config_hold(l, c->limit_count, sizeof *at);
    json_object_foreach(json, name, limit) load_limit(l, at++, name, limit);
    for (size_t i = 0; i < c->downstream_count; i++)
        *at++ = own_limit(l, "downstream", c->downstreams[i].name);
    json_object_foreach(routes, name, limit) *at++ = own_limit(l, "route", name);
    for (size_t i = 0; i < c->downstream_count; i++)
        if (c->downstreams[i].retry_percent < 100) {
            *at = retry_budget(l, &c->downstreams[i], (size_t)(at - c->limits));
            at++;
        }
}

size_t load_draws(loading_t *l, json_t *limits, json_t *costs, draw_t *out, size_t most)
{
    size_t count = json_array_size(limits);
    must(count <= most);
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(limits, i));
        long limit = config_limit(l->config, bytes_str(name));
        must(limit >= 0);
        out[i] = (draw_t){(uint16_t)limit, (uint16_t)number_or(costs, name, 1)};
    }
    return count;
}

static void load_breaker(breaker_config_t *b, json_t *json)
{
    NUMBER(b, json, percent);
    NUMBER(b, json, least);
    NUMBER(b, json, consecutive);
    NUMBER(b, json, open_ms);
    NUMBER(b, json, open_max_ms);
}

/* What of the downstreams needs the limits. */
void load_downstream_limits(loading_t *l, json_t *json)
{
    config_t *c = l->config;
    for (size_t i = 0; i < c->downstream_count; i++) {
        downstream_t *d = &c->downstreams[i];
        json_t *of = json_object_get(json, d->name);
        d->draw_count =
            load_draws(l, json_object_get(of, "limits"), NULL, d->draws, COUNT_OF(d->draws) - 1);
        d->draws[d->draw_count++] = (draw_t){(uint16_t)(c->named_limits + i), 1};
        load_breaker(&d->breaker, json_object_get(of, "breaker"));
    }
}
