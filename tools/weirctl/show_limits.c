/* show_limits.c: limits, who holds them, what waits for them, and what a change by hand changed. */
#include <stdio.h>
#include <stdlib.h>

#include "show.h"

/* "cap 30 (20 configured), 12 used in 13 h, 18 left" */
static void cap_cell(char *text, size_t size, const json_t *limit, const json_t *l)
{
    char age[32];
    long long cap = number_at(json_object_get(l, "cap") ? l : limit, "cap"),
              configured = number_at(json_object_get(limit, "configured"), "cap");
    int64_t since_ms = number_at(l, "lastUpdated") - number_at(l, "cap_since");
    size_t used = (size_t)snprintf(text, size, "cap %lld", cap);
    if (l == limit && configured != cap)
        used += (size_t)snprintf(text + used, size - used, " (%lld configured)", configured);
    if (json_object_get(l, "cap_left"))
        snprintf(text + used, size - used, ", %lld used in %s, %lld left",
                 (long long)number_at(l, "cap_used"), table_age(since_ms, age),
                 (long long)number_at(l, "cap_left"));
}

/* "5 in 30 s", and the cap; what a value does not tell, its limit does. */
static void pace_cell(table_t *t, const json_t *limit, const json_t *l)
{
    char text[200] = "", per[32];
    const json_t *rate = json_object_get(l, "rate");
    size_t used = 0;
    if (json_is_integer(rate))
        used =
            (size_t)snprintf(text, sizeof text, "%lld in %s", (long long)json_integer_value(rate),
                             table_age(number_at(limit, "per_ms"), per));
    if (used && json_is_integer(json_object_get(limit, "cap")))
        used += (size_t)snprintf(text + used, sizeof text - used, ", ");
    if (json_is_integer(json_object_get(limit, "cap")))
        cap_cell(text + used, sizeof text - used, limit, l);
    table_cell(t, "%s", *text ? text : "-");
}

/* What makes it other than its numbers say. */
static void now_cell(table_t *t, const json_t *limit, const json_t *l)
{
    char text[96] = "", age[32];
    size_t used = 0;
    static const char *const words[] = {"disabled", "observe", "pinned"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (json_is_true(json_object_get(limit, words[i])))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "",
                                     words[i]);
    if (json_is_true(json_object_get(l, "stopped")))
        used += (size_t)snprintf(text + used, sizeof text - used, "%sstopped", used ? ", " : "");
    if (number_at(l, "paused_ms"))
        snprintf(text + used, sizeof text - used, "%spaused for %s", used ? ", " : "",
                 table_age(number_at(l, "paused_ms"), age));
    table_cell(t, "%s", *text ? text : "-");
}

static void limit_row(table_t *t, const json_t *limit, const json_t *l, bool whole)
{
    table_cell(t, "%s", text_at(limit, "name"));
    table_cell(t, "%s", text_at(l, "value"));
    number_cell(t, json_object_get(l, "in_use"));
    number_cell(t, json_object_get(l, "slots"));
    number_cell(t, json_object_get(l, "waiting"));
    if (whole) {
        number_cell(t, json_object_get(l, "ttl_s"));
        pace_cell(t, limit, l);
        now_cell(t, limit, l);
    }
}

/* Each limit, and below it the busiest values of its labels where they are told apart. */
void show_limits(const json_t *limits, bool whole)
{
    size_t i, n;
    json_t *l, *value;
    table_t *t = table_new(whole ? "LIMIT|OF|>IN USE|>SLOTS|>WAITING|>TTL S|RATE|NOW"
                                 : "LIMIT|OF|>IN USE|>SLOTS|>WAITING");
    json_array_foreach(limits, i, l)
    {
        limit_row(t, l, l, whole);
        json_array_foreach(json_object_get(l, "by_value"), n, value) limit_row(t, l, value, whole);
    }
    table_print(&t);
}

/* A message or a lease by its id, whole, for the next command. */
static void holder_row(table_t *t, const json_t *h, const char *limit)
{
    char since[32], until[32];
    bool lease = json_object_get(h, "lease");
    table_cell(t, "%s", limit);
    table_cell(t, "%s %s", lease ? "lease" : "message", text_at(h, lease ? "lease" : "message"));
    table_cell(t, "%s", text_at(h, lease ? "holder" : "step"));
    number_cell(t, json_object_get(h, "cost"));
    table_cell(t, "%s", table_age(number_at(h, "since_ms"), since));
    table_cell(t, "%s",
               json_is_integer(json_object_get(h, "until_ms"))
                   ? table_age(number_at(h, "until_ms"), until)
                   : "-");
}

void show_slots(const json_t *answer)
{
    size_t i;
    json_t *h;
    table_t *t = table_new("LIMIT|HELD BY|STEP OR HOLDER|>COST|>FOR|>ENDS IN");
    json_array_foreach(json_object_get(answer, "holders"), i, h)
        holder_row(t, h, text_at(h, "shown"));
    table_print(&t);
    if (!json_is_true(json_object_get(answer, "whole")))
        puts("there are more; --limit NAME shows those of one limit");
}

/* Counts by age: each bound has those that are younger, and not counted before it. */
void show_shape(const json_t *answer)
{
    char titles[256], age[32];
    size_t i, n;
    json_t *row, *count, *bound;
    const json_t *bounds = json_object_get(answer, "younger_than_s");
    int used = snprintf(titles, sizeof titles, "%s", text_at(answer, "by"));
    for (char *c = titles; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    json_array_foreach(bounds, i, bound) used +=
        snprintf(titles + used, sizeof titles - (size_t)used, "|>< %s",
                 table_age(json_integer_value(bound) * 1000, age));
    snprintf(titles + used, sizeof titles - (size_t)used, "|>OLDER");
    table_t *t = table_new(titles);
    json_array_foreach(json_object_get(answer, "rows"), i, row)
    {
        table_cell(t, "%s", text_at(row, "name"));
        json_array_foreach(json_object_get(row, "counts"), n, count) number_cell(t, count);
    }
    table_print(&t);
    printf("%lld messages", (long long)number_at(answer, "messages"));
    if (number_at(answer, "others"))
        printf(", %lld of them of values not shown", (long long)number_at(answer, "others"));
    puts("");
}

/* ---- why ---------------------------------------------------------------------------------- */

/* The first of each limit that keeps it: the id to ask about next. */
static void show_keepers(const json_t *limits)
{
    size_t i, n;
    json_t *l, *h;
    table_t *t = NULL;
    json_array_foreach(limits, i, l)
    {
        if (!json_is_true(json_object_get(l, "keeps")))
            continue;
        json_array_foreach(json_object_get(l, "holders"), n, h)
        {
            if (!t)
                t = table_new("LIMIT|HELD BY|STEP OR HOLDER|>COST|>FOR|>ENDS IN");
            holder_row(t, h, text_at(l, "shown"));
        }
    }
    if (t) {
        puts("");
        table_print(&t);
    }
}

static void show_start(const json_t *why)
{
    char age[32];
    const json_t *in_ms = json_object_get(why, "should_start_in_ms");
    if (json_is_integer(in_ms))
        printf("starts   in about %s (%s)\n", table_age(json_integer_value(in_ms), age),
               text_at(why, "sure"));
    else
        puts("starts   nobody can tell yet");
}

/* All that keeps it, when it should start, and who holds what it waits for. False: nothing is
 * told to keep it. */
bool show_keeps(const json_t *why)
{
    char age[32];
    size_t i;
    json_t *k;
    json_array_foreach(json_object_get(why, "keeps"), i, k)
    {
        printf("%s %s", i ? "and     " : "kept by ", text_at(k, "detail"));
        if (number_at(k, "in_ms"))
            printf("; %s to go", table_age(number_at(k, "in_ms"), age));
        puts("");
    }
    if (i == 0)
        return false;
    show_start(why);
    show_keepers(json_object_get(why, "limits"));
    return true;
}

/* ---- changes by hand ---------------------------------------------------------------------- */

static void show_value(const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    fputs(json_is_string(value) ? json_string_value(value)
          : json_is_null(value) ? "none"
          : text                ? text
                                : "none",
          stdout);
    free(text);
}

/* One line for each member that is another one after the change. */
void show_change(const json_t *answer)
{
    const json_t *before = json_object_get(answer, "before");
    const json_t *after = json_object_get(answer, "after");
    const char *name = text_at(json_is_object(after) ? after : before, "name"), *member;
    size_t lines = 0;
    json_t *value;
    if (json_object_get(answer, "changed")) {
        printf("%lld messages changed, %lld left alone\n", (long long)number_at(answer, "changed"),
               (long long)number_at(answer, "left_alone"));
        return;
    }
    if (strcmp(name, "-") == 0)
        name = text_at(answer, "id");
    json_t *both = json_object();
    must(both && json_object_update(both, (json_t *)before) == 0);
    must(json_object_update(both, (json_t *)after) == 0);
    json_object_foreach(both, member, value)
    {
        const json_t *was = json_object_get(before, member), *is = json_object_get(after, member);
        if (was == is || (was && is && json_equal(was, is)))
            continue;
        printf("%s: %s ", name, member);
        show_value(was);
        fputs(" -> ", stdout);
        show_value(is);
        puts("");
        lines++;
    }
    if (!lines)
        printf("%s: nothing has changed\n", name);
    json_decref(both);
}
