/* look.c: limits, holders, downstreams and the shape of the queue, for people. */
#include "actors/limiter/hand.h"

#include <stdlib.h>

#define VALUES_SHOWN 20
#define SHAPE_ROWS_MAX 200

/* ---- limits.ls ---- */

typedef struct found {
    const limit_state_t *of;
    bytes_t value; /* only this one; len 0: all */
    bucket_t **all;
    size_t count;
    uint64_t in_use, waiting;
} found_t;

static void find_bucket(limiter_t *l, bucket_t *b, void *arg)
{
    found_t *f = arg;
    char value[BUCKET_NAME_MAX];
    (void)l;
    if (b->of != f->of)
        return;
    f->waiting += fair_count(&b->waiters);
    if (b->whole)
        return;
    f->in_use += b->in_use;
    bucket_value(b, value, sizeof value);
    if (f->value.len == 0 || bytes_equal(bytes_str(value), f->value))
        f->all[f->count++] = b;
}

static int busier(const void *a, const void *b)
{
    const bucket_t *x = *(bucket_t *const *)a, *y = *(bucket_t *const *)b;
    size_t xw = fair_count(&x->waiters), yw = fair_count(&y->waiters);
    return xw != yw                 ? (xw < yw ? 1 : -1)
           : x->in_use != y->in_use ? (x->in_use < y->in_use ? 1 : -1)
                                    : 0;
}

static json_t *slots_json(uint32_t slots)
{
    return slots == SLOTS_ANY ? json_null() : json_integer(slots);
}

/* What may be taken in the period that began then, and what is. */
static json_t *cap_of(const limiter_t *l, const bucket_t *b)
{
    calendar_used_t used = calendar_used(&b->cap, &b->used, l->now.wall);
    return json_pack("{s:I,s:I,s:I,s:I}", "cap", (json_int_t)b->cap.most, "cap_used",
                     (json_int_t)used.count, "cap_left",
                     (json_int_t)calendar_left(&b->cap, &b->used, l->now.wall), "cap_since",
                     (json_int_t)(used.begin.us / US_PER_MS));
}

static json_t *configured(const limit_t *limit)
{
    json_t *row =
        json_pack("{s:o}", "slots", limit->slots ? json_integer(limit->slots) : json_null());
    if (limit->rate.shape != RATE_NONE) {
        json_object_set_new(row, "rate", json_integer(limit->rate.count));
        json_object_set_new(row, "per_ms", json_integer(limit->rate.period_us / US_PER_MS));
    }
    if (limit->cap.zone)
        json_object_set_new(row, "cap", json_integer((json_int_t)limit->cap.most));
    return row;
}

/* runningCount and lastUpdated: as those know it who counted in a table of their own before. */
static json_t *bucket_row(const limiter_t *l, const bucket_t *b)
{
    char value[BUCKET_NAME_MAX], shown[BUCKET_NAME_MAX + 256];
    const limit_t *limit = b->of->limit;
    bucket_value(b, value, sizeof value);
    bucket_shown(b, shown, sizeof shown);
    json_t *row = json_pack(
        "{s:s%,s:s%,s:o,s:I,s:I,s:I,s:I}", "value", value, utf8_prefix(bytes_str(value), 300),
        "shown", shown, utf8_prefix(bytes_str(shown), 300), "slots",
        slots_json(bucket_slots(l, b, CLASS_CRITICAL)), "in_use", (json_int_t)b->in_use, "waiting",
        (json_int_t)fair_count(&b->waiters), "runningCount", (json_int_t)b->in_use, "lastUpdated",
        (json_int_t)(l->now.wall.us / US_PER_MS));
    must(row);
    if (limit->per_count == 1 && !json_object_get(row, limit->per[0]))
        json_object_set(row, limit->per[0], json_object_get(row, "value"));
    if (limit->rate.shape != RATE_NONE)
        json_object_set_new(row, "rate", json_integer(b->count));
    if (b->cap.zone)
        json_object_update_new(row, cap_of(l, b));
    if (b->adaptive)
        json_object_set_new(row, "adaptive", json_integer(b->adaptive->now.limit));
    json_object_update_new(row, pause_of(l, b));
    return row;
}

static json_t *limit_row(limiter_t *l, const limit_state_t *s, bytes_t value, size_t most)
{
    const limit_t *limit = s->limit;
    found_t f = {.of = s, .value = value, .all = calloc(l->bucket_count + 1, sizeof(bucket_t *))};
    must(f.all);
    buckets_each(l, find_bucket, &f);
    qsort(f.all, f.count, sizeof *f.all, busier);
    json_t *row = hand_state(l, s);
    json_object_set_new(row, "in_use", json_integer((json_int_t)f.in_use));
    json_object_set_new(row, "waiting", json_integer((json_int_t)f.waiting));
    json_object_set_new(row, "kept", json_integer((json_int_t)s->kept));
    json_object_set_new(row, "would_keep", json_integer((json_int_t)s->would_keep));
    json_object_set_new(row, "drift", json_integer((json_int_t)s->drift));
    json_object_set_new(row, "shown", json_string(limit->shown ? limit->shown : limit->name));
    if (limit->slots)
        json_object_set_new(row, "ttl_s", json_integer((json_int_t)(limit->ttl_ms / 1000)));
    json_object_set_new(row, "configured", configured(limit));
    if (s->by_hand)
        json_object_set(row, "by_hand", s->by_hand);
    if (s->only)
        json_object_update_missing_new(row, bucket_row(l, s->only));
    if (!s->only) {
        json_t *values = json_array();
        for (size_t n = 0; n < f.count && n < most; n++)
            json_array_append_new(values, bucket_row(l, f.all[n]));
        json_object_set_new(row, "by_value", values);
        json_object_set_new(row, "more",
                            json_integer((json_int_t)(f.count > most ? f.count - most : 0)));
    }
    free(f.all);
    return row;
}

static void limits_ls(limiter_t *l, const hand_t *h)
{
    const char *value = json_string_value(json_object_get(h->args, "value"));
    size_t most = json_is_true(json_object_get(h->args, "full")) ? HAND_ROWS_MAX : VALUES_SHOWN;
    limit_state_t *only = json_object_get(h->args, "name") ? hand_limit(l, h) : NULL;
    if (json_object_get(h->args, "name") && !only)
        return;
    json_t *rows = json_array();
    for (size_t n = 0; n < l->config->named_limits; n++)
        if (!only || only == &l->limits[n])
            json_array_append_new(rows, limit_row(l, &l->limits[n], bytes_str(value), most));
    query_reply(l, h->q, 200, json_pack("{s:o}", "limits", rows));
}

/* ---- limits.export ---- */

/* Texts of JSON are texts of YAML. */
static void yaml_add(char **text, size_t *length, const char *before, const json_t *value,
                     const char *after)
{
    char *said = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    size_t more = strlen(before) + (said ? strlen(said) : 0) + strlen(after);
    *text = realloc(*text, *length + more + 1);
    must(*text);
    *length +=
        (size_t)snprintf(*text + *length, more + 1, "%s%s%s", before, said ? said : "", after);
    free(said);
}

static bool is_none(const json_t *slots)
{
    return json_is_integer(slots) && json_integer_value(slots) == 0;
}

/* Is there anything of it that the configuration can say? */
static bool yaml_has(const json_t *by_hand)
{
    static const char *const words[] = {"rate", "per_ms", "observe", "values"};
    const json_t *slots = json_object_get(by_hand, "slots"), *cap = json_object_get(by_hand, "cap");
    bool has = (slots && !is_none(slots)) || (cap && !is_none(cap));
    for (size_t n = 0; n < COUNT_OF(words); n++)
        has = has || json_object_get(by_hand, words[n]);
    return has;
}

/* What the configuration cannot say is said as comments. */
static void yaml_beside(char **text, size_t *length, const json_t *by_hand)
{
    static const char *const unsayable[] = {"disabled", "pinned"};
    static const char beside[] = " by hand, which the configuration cannot say\n";
    if (is_none(json_object_get(by_hand, "slots")))
        yaml_add(text, length, "    # slots 0", NULL, beside);
    if (is_none(json_object_get(by_hand, "cap")))
        yaml_add(text, length, "    # cap 0", NULL, beside);
    for (size_t n = 0; n < COUNT_OF(unsayable); n++)
        if (json_object_get(by_hand, unsayable[n])) {
            yaml_add(text, length, "    # ", NULL, unsayable[n]);
            yaml_add(text, length, beside, NULL, "");
        }
}

static void yaml_limit(char **text, size_t *length, const limit_state_t *s)
{
    json_t *h = s->by_hand, *slots = json_object_get(h, "slots"),
           *rate = json_object_get(h, "rate"), *per = json_object_get(h, "per_ms"),
           *cap = json_object_get(h, "cap"), *values = json_object_get(h, "values"), *number,
           *on = json_object_get(h, "observe"), *name = json_string(s->limit->name);
    const char *value;
    yaml_add(text, length, yaml_has(h) ? "  " : "  # ", name, ":");
    yaml_add(text, length, "  # by ", json_object_get(h, "who"), "");
    yaml_add(text, length, ": ", json_object_get(h, "why"), "\n");
    json_decref(name);
    if (slots && !is_none(slots))
        yaml_add(text, length, "    slots: ", slots, "\n");
    if (rate || per)
        yaml_add(text, length, "    rate:\n", NULL, "");
    if (rate)
        yaml_add(text, length, "      count: ", rate, "\n");
    if (per)
        yaml_add(text, length, "      per_ms: ", per, "\n");
    if (cap && !is_none(cap))
        yaml_add(text, length, "    cap:\n      count: ", cap, "\n");
    if (on)
        yaml_add(text, length, "    observe: ", on, "\n");
    if (values)
        yaml_add(text, length, "    overrides:\n", NULL, "");
    json_object_foreach(values, value, number)
    {
        json_t *key = json_string(value);
        yaml_add(text, length, "      ", key, ": ");
        yaml_add(text, length, "", number, "\n");
        json_decref(key);
    }
    yaml_beside(text, length, h);
}

static void limits_export(limiter_t *l, const hand_t *h)
{
    char *text = NULL;
    size_t length = 0;
    json_int_t count = 0;
    bool has = false;
    for (size_t n = 0; n < l->config->named_limits; n++)
        has = has || yaml_has(l->limits[n].by_hand);
    yaml_add(&text, &length, "# what is set by hand and differs from the configuration\n", NULL,
             has ? "limits:\n" : "limits: {}\n");
    for (size_t n = 0; n < l->config->named_limits; n++)
        if (l->limits[n].by_hand) {
            count++;
            yaml_limit(&text, &length, &l->limits[n]);
        }
    query_reply(l, h->q, 200, json_pack("{s:I,s:s%}", "limits", count, "yaml", text, length));
    free(text);
}

/* ---- downstream.ls ---- */

static void downstream_ls(limiter_t *l, const hand_t *h)
{
    json_t *rows = json_array();
    for (size_t n = 0; n < l->config->downstream_count; n++) {
        const bucket_t *b = l->limits[l->config->named_limits + n].only;
        long pool = config_pool(l->config, bytes_str(l->config->downstreams[n].name));
        json_t *row =
            json_pack("{s:s,s:I,s:I,s:I}", "name", l->config->downstreams[n].name, "in_use",
                      (json_int_t)b->in_use, "waiting", (json_int_t)fair_count(&b->waiters), "free",
                      (json_int_t)(pool < 0 ? 0 : pool_free(l, (size_t)pool)));
        if (b->retries) {
            json_object_set_new(row, "retries", json_integer((json_int_t)b->retries->in_use));
            json_object_set_new(row, "retries_waiting",
                                json_integer((json_int_t)fair_count(&b->retries->waiters)));
        }
        json_object_update_new(row, pause_of(l, b));
        if (b->of->by_hand)
            json_object_set(row, "by_hand", b->of->by_hand);
        json_array_append_new(rows, row);
    }
    query_reply(l, h->q, 200, json_pack("{s:o}", "downstreams", rows));
}

/* ---- shape ---- */

static const int64_t ages_s[] = {1, 10, 60, 600, 3600, 86400};

typedef struct shape {
    limiter_t *l;
    json_t *rows;
    const char *by, *label;
    uint64_t all, others;
} shape_t;

static const char *shape_name(const shape_t *s, const item_t *i, char *room)
{
    const route_t *r = item_route(s->l, i);
    if (strcmp(s->by, "class") == 0)
        return class_name(i->class);
    if (strcmp(s->by, "blocker") == 0) {
        const bucket_t *b = item_blocker(s->l, i);
        return i->state == STATE_ASSIGNED ? "runs"
               : b                        ? b->of->limit->name
                                          : blocker_name(i->blocker);
    }
    if (strcmp(s->by, "label") != 0)
        return r ? r->name : "(no route)";
    if (!i->letter)
        return "(not in memory)";
    label_value(&(label_values_t){.labels = i->letter->labels}, s->label, room);
    return room;
}

static void shape_add(void *arg, void *value)
{
    shape_t *s = arg;
    const item_t *i = value;
    char room[LABEL_VALUE_MAX + 1];
    int64_t age = (s->l->now.wall.us - i->accepted.us) / US_PER_S;
    const char *name = shape_name(s, i, room);
    size_t slice = 0, bytes = utf8_prefix(bytes_str(name), LABEL_VALUE_MAX);
    json_t *row = json_object_getn(s->rows, name, bytes);
    s->all++;
    if (!row && json_object_size(s->rows) >= SHAPE_ROWS_MAX) {
        s->others++;
        return;
    }
    if (!row) {
        row = json_array();
        for (size_t n = 0; n <= COUNT_OF(ages_s); n++)
            json_array_append_new(row, json_integer(0));
        json_object_setn_new(s->rows, name, bytes, row);
    }
    while (slice < COUNT_OF(ages_s) && age >= ages_s[slice])
        slice++;
    json_t *count = json_array_get(row, slice);
    json_integer_set(count, json_integer_value(count) + 1);
}

static void shape(limiter_t *l, const hand_t *h)
{
    const char *by = json_string_value(json_object_get(h->args, "by")), *name;
    shape_t s = {.l = l,
                 .by = by ? by : "route",
                 .label = json_string_value(json_object_get(h->args, "label"))};
    if (s.label)
        s.by = "label";
    bool known = strcmp(s.by, "route") == 0 || strcmp(s.by, "class") == 0 ||
                 strcmp(s.by, "blocker") == 0 || (strcmp(s.by, "label") == 0 && s.label);
    if (!known) {
        query_refuse(l, h->q, 400, "the shape is by route, class, blocker or a label",
                     "weirctl shape --by blocker, or weirctl shape --label NAME");
        return;
    }
    s.rows = json_object();
    seqmap_each(l->live, shape_add, &s);
    json_t *rows = json_array(), *counts, *ages = json_array();
    json_object_foreach(s.rows, name, counts)
    {
        json_array_append_new(rows, json_pack("{s:s,s:O}", "name", name, "counts", counts));
    }
    for (size_t n = 0; n < COUNT_OF(ages_s); n++)
        json_array_append_new(ages, json_integer(ages_s[n]));
    json_decref(s.rows);
    query_reply(l, h->q, 200,
                json_pack("{s:s,s:o,s:o,s:I,s:I}", "by", s.by, "younger_than_s", ages, "rows", rows,
                          "messages", (json_int_t)s.all, "others", (json_int_t)s.others));
}

bool look_told(limiter_t *l, const hand_t *h)
{
    static const struct {
        const char *verb;
        void (*does)(limiter_t *l, const hand_t *h);
    } verbs[] = {{"limits.ls", limits_ls},
                 {"limits.export", limits_export},
                 {"slots.ls", slots_ls},
                 {"downstream.ls", downstream_ls},
                 {"shape", shape}};
    for (size_t n = 0; n < COUNT_OF(verbs); n++)
        if (strcmp(verbs[n].verb, h->verb) == 0) {
            verbs[n].does(l, h);
            return true;
        }
    return false;
}
