#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/gcra.h"
#include "core/overrides.h"
#include "core/pointer.h"
#include "sys/config_check.h"
#include "sys/config_limit.h"
#include "sys/zone.h"

#define OVERRIDES_FILE_MAX 10000
#define WINDOW_MAX 4096

static bool has(json_t *object, const char *leaf) { return json_object_get(object, leaf) != NULL; }

static json_int_t number(json_t *object, const char *leaf)
{
    return json_integer_value(json_object_get(object, leaf));
}

static const char *word(json_t *object, const char *leaf)
{
    return json_string_value(json_object_get(object, leaf));
}

/* ---- who draws from a limit ---- */

static bool is_known_label(json_t *route, const char *name)
{
    static const char *const always[] = {"key", "route", "source"};
    for (size_t i = 0; i < COUNT_OF(always); i++)
        if (strcmp(name, always[i]) == 0)
            return true;
    return has(json_object_get(route, "labels"), name);
}

/* What a limit counts by must be known of every message that draws from it. */
void config_check_labels(config_tree_t *tree, json_t *json, json_t *of, json_t *route,
                         const node_t *at)
{
    json_t *limits = json_object_get(of, "limits");
    for (size_t i = 0; i < json_array_size(limits); i++) {
        const char *name = json_string_value(json_array_get(limits, i));
        json_t *limit = json_object_get(json_object_get(json, "limits"), name);
        json_t *per = json_object_get(limit, "per");
        const char *share_by = word(limit, "share_by");
        for (size_t k = 0; k < json_array_size(per); k++)
            if (!is_known_label(route, json_string_value(json_array_get(per, k))))
                config_complain(tree, at,
                                "limit %s counts by %s, and this route has no such label; add it "
                                "to labels",
                                name, json_string_value(json_array_get(per, k)));
        if (share_by && !is_known_label(route, share_by))
            config_complain(tree, at, "limit %s shares by %s, and this route has no such label",
                            name, share_by);
    }
}

/* Who already holds a slot would wait for another of the same: for itself, at worst. */
void config_check_drawn_once(config_tree_t *tree, json_t *step, json_t *other, const char *of_whom,
                             const node_t *at)
{
    json_t *mine = json_object_get(step, "limits"), *theirs = json_object_get(other, "limits");
    for (size_t i = 0; i < json_array_size(mine); i++)
        for (size_t k = 0; k < json_array_size(theirs); k++) {
            const char *name = json_string_value(json_array_get(mine, i));
            if (strcmp(name, json_string_value(json_array_get(theirs, k))) == 0)
                config_complain(tree, at, "limit %s is drawn from by %s too; name it once", name,
                                of_whom);
        }
}

/* After its headroom, as it is loaded. */
static json_int_t rate_count(json_t *rate)
{
    json_int_t count = number(rate, "count") * (100 - number(rate, "headroom_percent")) / 100;
    return count > 0 ? count : 1;
}

/* So many at once; 0: no rate keeps it. */
static json_int_t rate_burst(json_t *rate)
{
    if (!rate)
        return 0;
    if (strcmp(word(rate, "shape"), "spacing") == 0)
        return 1;
    return has(rate, "burst") ? number(rate, "burst") : rate_count(rate);
}

/* Whether the slots that it keeps for better classes are for messages of this place, too: of a
 * route and its steps it is known which classes they can have. */
static bool may_have_reserved(json_t *json, json_t *limit, const char *place)
{
    int reserved = class_of(bytes_str(word(limit, "reserved_class")));
    if (strncmp(place, "routes/", 7) != 0)
        return true;
    json_t *rule, *route = json_object_getn(json_object_get(json, "routes"), place + 7,
                                            strcspn(place + 7, "/"));
    bool may = class_of(bytes_str(word(route, "class"))) <= reserved;
    size_t i;
    json_array_foreach(json_object_get(route, "classes"), i, rule)
    {
        may |= class_of(bytes_str(word(rule, "class"))) <= reserved;
    }
    return may;
}

/* What costs more would wait for ever, and all others behind it. */
static void check_cost(config_tree_t *tree, const node_t *at, const char *name, json_t *limit,
                       json_int_t cost, bool reserved)
{
    json_int_t slots = number(limit, "slots"),
               share = slots * number(limit, "max_share_percent") / 100;
    const struct {
        json_int_t most; /* 0: it does not count this */
        const char *what;
    } counted[] = {{slots, "slots"},
                   {slots > 0 && share == 0 ? 1 : share, "slots for one value of share_by"},
                   {reserved ? 0 : slots - number(limit, "reserved"), "slots for its classes"},
                   {rate_burst(json_object_get(limit, "rate")), "of its rate at once"},
                   {number(json_object_get(limit, "cap"), "count"), "in each period of its cap"}};
    for (size_t i = 0; i < COUNT_OF(counted); i++)
        if (counted[i].most > 0 && cost > counted[i].most) {
            config_complain(tree, at, "limit %s has %lld %s: a cost of %lld never fits", name,
                            (long long)counted[i].most, counted[i].what, (long long)cost);
            return;
        }
}

void config_check_draws(config_tree_t *tree, json_t *json, json_t *of, const char *place)
{
    json_t *limits = json_object_get(of, "limits"), *costs = json_object_get(of, "costs"), *cost;
    const char *name;
    for (size_t i = 0; i < json_array_size(limits); i++) {
        name = json_string_value(json_array_get(limits, i));
        const node_t *at = node_at(tree, "%s/limits/%zu", place, i);
        json_t *limit = json_object_get(json_object_get(json, "limits"), name);
        if (!limit)
            config_complain_name(tree, at, "limit", name, json_object_get(json, "limits"));
        else if (strncmp(place, "routes/", 7) != 0 || strstr(place, "/steps/"))
            if (strcmp(word(limit, "at_limit"), "reject") == 0)
                config_complain(tree, at,
                                "limit %s rejects at the door: it belongs to the limits of a "
                                "route, not to a step's or a downstream's",
                                name);
        for (size_t k = 0; k < i; k++)
            if (strcmp(name, json_string_value(json_array_get(limits, k))) == 0)
                config_complain(tree, at, "%s is listed twice", name);
    }
    json_object_foreach(costs, name, cost)
    {
        bool drawn = false;
        for (size_t i = 0; i < json_array_size(limits); i++)
            drawn |= strcmp(name, json_string_value(json_array_get(limits, i))) == 0;
        const node_t *at = node_at(tree, "%s/costs/%s", place, name);
        json_t *limit = json_object_get(json_object_get(json, "limits"), name);
        json_int_t value = json_integer_value(cost);
        if (!drawn)
            config_complain(tree, at, "%s is not among the limits here", name);
        else if (value < 1 || value > 1000)
            config_complain(tree, at, "a cost is 1 to 1000");
        else
            check_cost(tree, at, name, limit, value, may_have_reserved(json, limit, place));
    }
}

/* ---- the limits themselves ---- */

typedef struct limit_walk {
    config_tree_t *tree;
    json_t *json, *limit;
    const char *name;
} limit_walk_t;

static const node_t *limit_node(const limit_walk_t *w, const char *leaf)
{
    return node_at(w->tree, "limits/%s/%s", w->name, leaf);
}

static void check_rate(const limit_walk_t *w)
{
    json_t *rate = json_object_get(w->limit, "rate");
    if (!rate)
        return;
    const char *shape = word(rate, "shape");
    if (has(rate, "burst") && strcmp(shape, "bucket") != 0)
        config_complain(w->tree, limit_node(w, "rate/burst"),
                        "burst means something with shape bucket only; leave it out");
    if (strcmp(shape, "window") == 0 && number(rate, "count") > WINDOW_MAX)
        config_complain(w->tree, limit_node(w, "rate/count"),
                        "shape window remembers each take: at most %d", WINDOW_MAX);
    gcra_rate_t made = {.period_us = number(rate, "per_ms") * US_PER_MS,
                        .count = (uint32_t)rate_count(rate),
                        .burst = (uint32_t)rate_burst(rate)};
    if (!gcra_can_slow(&made))
        config_complain(w->tree, limit_node(w, "rate/burst"),
                        "a burst of %u at %u per %lld ms would take more than eleven years to "
                        "come back; lower burst or per_ms, or raise count",
                        made.burst, made.count, (long long)number(rate, "per_ms"));
}

static bool zone_is_known(const char *name)
{
    zone_t zone;
    return zone_read(name, (wall_t){time(NULL) * US_PER_S}, &zone) == 0;
}

static void check_cap(const limit_walk_t *w)
{
    json_t *cap = json_object_get(w->limit, "cap");
    if (cap && !zone_is_known(word(cap, "zone")))
        config_complain(w->tree, limit_node(w, "cap/zone"),
                        "no time zone is called %s; such as Europe/Berlin, or UTC (package tzdata "
                        "has them)",
                        word(cap, "zone"));
}

static void check_slots(const limit_walk_t *w)
{
    json_t *adaptive = json_object_get(w->limit, "adaptive");
    json_int_t slots = number(w->limit, "slots");
    static const char *const need_slots[] = {"adaptive", "share_by"};
    if (!slots && !has(w->limit, "rate") && !has(w->limit, "cap"))
        config_complain(w->tree, limit_node(w, "slots"),
                        "limit %s limits nothing: give it slots, rate or cap", w->name);
    for (size_t i = 0; i < COUNT_OF(need_slots); i++)
        if (!slots && has(w->limit, need_slots[i]))
            config_complain(w->tree, limit_node(w, need_slots[i]), "%s is of slots: add them",
                            need_slots[i]);
    if (number(w->limit, "reserved") > 0 && number(w->limit, "reserved") >= slots)
        config_complain(w->tree, limit_node(w, "reserved"),
                        "reserved must be less than slots, or nobody else ever runs");
    if ((number(w->limit, "max_share_percent") < 100) != has(w->limit, "share_by"))
        config_complain(w->tree, limit_node(w, "max_share_percent"),
                        "max_share_percent and share_by go together: the part, and of which label");
    if (adaptive && (number(adaptive, "floor") > slots || number(adaptive, "start") > slots))
        config_complain(w->tree, limit_node(w, "adaptive/floor"),
                        "floor and start must be at most slots (%lld)", (long long)slots);
}

/* A path that is not absolute begins where the file stands that names it. */
static const char *beside(const node_t *at, const char *path, char *room, size_t size)
{
    const char *slash = at->file ? strrchr(at->file, '/') : NULL;
    if (*path == '/' || !slash)
        return path;
    snprintf(room, size, "%.*s/%s", (int)(slash - at->file), at->file, path);
    return room;
}

/* What a plain number is of: the first of slots, rate and cap that the limit has. */
static enum limit_number plain_number(json_t *limit)
{
    enum limit_number of = OF_SLOTS;
    while (of < OF_CAP && !has(limit, limit_words[of].text))
        of++;
    return of;
}

static void check_override(const limit_walk_t *w, const node_t *at, const char *value, json_t *said)
{
    json_t *rate = json_object_get(w->limit, "rate");
    bool is_window = rate && strcmp(word(rate, "shape"), "window") == 0;
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++) {
        json_int_t number = override_says(said, plain_number(w->limit), of),
                   most = of == OF_RATE && is_window ? WINDOW_MAX : limit_words[of].most;
        const char *what = limit_words[of].text;
        if (number >= 0 && !has(w->limit, what))
            config_complain(w->tree, at, "overrides: %.64s has %s, and limit %s has none: add it",
                            value, what, w->name);
        else if (number > most)
            config_complain(w->tree, at, "overrides: %.64s: %s is at most %lld", value, what,
                            (long long)most);
    }
}

static bool is_count(const json_t *said)
{
    return json_is_integer(said) && json_integer_value(said) >= 0;
}

/* As override_value() of config_values.c has it. */
static bool is_override(json_t *said)
{
    size_t counts = 0;
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++)
        counts += is_count(json_object_get(said, limit_words[of].text));
    return is_count(said) || (counts > 0 && counts == json_object_size(said));
}

/* {"value": number} of a file that others write, below what stands in the configuration. */
static void merge_overrides(const limit_walk_t *w)
{
    const char *path = word(w->limit, "overrides_file"), *value;
    json_error_t error;
    json_t *given = json_object_get(w->limit, "overrides"), *amount;
    if (!path)
        return;
    char room[4096];
    const node_t *at = limit_node(w, "overrides_file");
    path = beside(at, path, room, sizeof room);
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (!file)
        config_complain(w->tree, at, "%s:%d:%d: %s", path, error.line, error.column, error.text);
    else if (!json_is_object(file) || json_object_size(file) > OVERRIDES_FILE_MAX)
        config_complain(w->tree, at, "%s is not one JSON object of up to %d values and numbers",
                        path, OVERRIDES_FILE_MAX);
    json_object_foreach(file, value, amount)
    {
        if (strlen(value) > 256)
            config_complain(w->tree, at, "%s: %.64s... has more than 256 bytes", path, value);
        else if (is_override(amount))
            check_override(w, at, value, amount);
        else
            config_complain(w->tree, at,
                            "%s: %.64s is no whole number from 0, nor {\"slots\", \"rate\", "
                            "\"cap\"} of such",
                            path, value);
    }
    if (!given)
        json_object_set_new(w->limit, "overrides", given = json_object());
    if (json_is_object(file))
        json_object_update_missing(given, file);
    json_decref(file);
}

static void set_own(json_t *limit, enum limit_number of, json_int_t number)
{
    const char *what = limit_words[of].text;
    if (of == OF_SLOTS)
        json_object_set_new(limit, what, json_integer(number));
    else
        json_object_set_new(json_object_get(limit, what), "count", json_integer(number));
}

/* Whoever writes a file of overrides says the default there too: it is the limit's own number. No
 * limit's own is 0: that is of the pattern which holds for all others. */
static void take_default(const limit_walk_t *w, json_t *overrides)
{
    json_t *otherwise = json_object_get(overrides, "default"),
           *all = json_object_get(overrides, "*"), *others = json_object();
    for (enum limit_number of = OF_SLOTS; of < LIMIT_NUMBERS; of++) {
        json_int_t number = override_says(otherwise, plain_number(w->limit), of),
                   others_number = override_says(all, plain_number(w->limit), of);
        if (number > 0)
            set_own(w->limit, of, number);
        else if (others_number < 0)
            others_number = number;
        if (others_number >= 0)
            json_object_set_new(others, limit_words[of].text, json_integer(others_number));
    }
    if (json_object_size(others) > 0)
        json_object_set(overrides, "*", others);
    json_decref(others);
    json_object_del(overrides, "default");
}

static void check_overrides(const limit_walk_t *w)
{
    json_t *overrides = json_object_get(w->limit, "overrides"), *said;
    const char *pattern;
    size_t patterns = 0;
    json_object_foreach(overrides, pattern, said)
        check_override(w, limit_node(w, "overrides"), pattern, said);
    merge_overrides(w);
    overrides = json_object_get(w->limit, "overrides");
    if (json_object_size(overrides) > 0 && json_array_size(json_object_get(w->limit, "per")) == 0)
        config_complain(w->tree, limit_node(w, "overrides"),
                        "overrides are by the values of per: say which label");
    if (json_object_get(overrides, "default"))
        take_default(w, overrides);
    json_object_foreach(overrides, pattern, said) patterns += strchr(pattern, '*') != NULL;
    if (patterns > OVERRIDE_PATTERNS_MAX)
        config_complain(w->tree, limit_node(w, "overrides"),
                        "%zu of the overrides are patterns with *, and there may be %d; exact "
                        "values may be more",
                        patterns, OVERRIDE_PATTERNS_MAX);
}

static void check_truth(const limit_walk_t *w)
{
    json_t *truth = json_object_get(w->limit, "truth");
    static const char *const pointers[] = {"list", "id"};
    if (!truth)
        return;
    if (!has(json_object_get(w->json, "downstreams"), word(truth, "downstream")))
        config_complain_name(w->tree, limit_node(w, "truth/downstream"), "downstream",
                             word(truth, "downstream"), json_object_get(w->json, "downstreams"));
    const char *path = word(truth, "path"), *c = path;
    while (*c > ' ' && *c < 0x7f && *c != '#')
        c++;
    if (*path != '/' || *c)
        config_complain(w->tree, limit_node(w, "truth/path"),
                        "%s is not a path such as /v1/calls?status=live", path);
    for (size_t i = 0; i < COUNT_OF(pointers); i++) {
        const char *text = word(truth, pointers[i]);
        char leaf[16];
        snprintf(leaf, sizeof leaf, "truth/%s", pointers[i]);
        if (*text && !pointer_is_valid(bytes_str(text)))
            config_complain(w->tree, limit_node(w, leaf), "%s is not a JSON pointer", text);
    }
}

void config_check_limits(config_tree_t *tree, json_t *json)
{
    limit_walk_t w = {.tree = tree, .json = json};
    json_t *downstream;
    json_object_foreach(json_object_get(json, "limits"), w.name, w.limit)
    {
        check_overrides(&w);
        check_rate(&w);
        check_cap(&w);
        check_slots(&w);
        check_truth(&w);
    }
    json_object_foreach(json_object_get(json, "downstreams"), w.name, downstream)
    {
        char place[96];
        snprintf(place, sizeof place, "downstreams/%s", w.name);
        config_check_draws(tree, json, downstream, place);
    }
}
