#include <stdio.h>

#include "show.h"

static void show_cancelled(const json_t *answer)
{
    if (!json_object_get(answer, "cancelled"))
        return;
    printf("%lld calls were cancelled, %lld of them with an unknown outcome%s\n",
           (long long)number_at(answer, "cancelled"), (long long)number_at(answer, "unknown"),
           json_is_true(json_object_get(answer, "cancelling"))
               ? "; not all have ended yet: `weirctl mode show` says when"
               : "");
}

void show_mode(const json_t *answer)
{
    const char *route = json_string_value(json_object_get(answer, "route"));
    if (route)
        printf("route %s %s\n", route,
               strcmp(text_at(json_object_get(answer, "after"), "mode"), "draining") == 0
                   ? "drains: it takes no new messages"
                   : "takes new messages");
    else
        printf("mode %s%s\n", text_at(answer, "mode"),
               json_is_true(json_object_get(answer, "safe")) ? ", safe: no automated replies" : "");
    show_cancelled(answer);
}

static void show_drain(const json_t *drain)
{
    const json_t *left = json_object_get(drain, "left_s");
    double running = json_number_value(json_object_get(drain, "running_s"));
    if (!json_is_true(json_object_get(drain, "active")))
        return;
    if (json_is_true(json_object_get(drain, "done")))
        printf("drained in %.1f s", json_number_value(json_object_get(drain, "last_s")));
    else if (json_is_null(left))
        printf("draining for %.0f s; how long still is not known yet", running);
    else
        printf("draining for %.0f s, about %.0f s to go (%s)", running, json_number_value(left),
               text_at(drain, "sure"));
    printf("; %lld messages wait for its end\n", (long long)number_at(drain, "parked"));
}

static void show_rules(const json_t *rules)
{
    size_t i;
    json_t *r;
    if (json_array_size(rules) == 0)
        return;
    table_t *t = table_new("DOES|ON|SIGNAL|OF|>NOW|>ENTER|>LEAVE");
    json_array_foreach(rules, i, r)
    {
        const json_t *value = json_object_get(r, "value");
        table_cell(t, "%s", text_at(r, "does"));
        table_cell(t, "%s", json_is_true(json_object_get(r, "on")) ? "yes" : "no");
        table_cell(t, "%s", text_at(r, "signal"));
        table_cell(t, "%s", text_at(r, "of"));
        if (json_is_integer(value))
            table_cell(t, "%lld", (long long)json_integer_value(value));
        else
            table_cell(t, "-");
        table_cell(t, "%lld", (long long)number_at(r, "enter"));
        table_cell(t, "%lld", (long long)number_at(r, "leave"));
    }
    puts("");
    table_print(&t);
}

/* {mode, who, why, ...} of mode show and, as "work", of status. */
void show_work(const json_t *w)
{
    size_t i;
    json_t *route;
    if (json_is_true(json_object_get(w, "safe")))
        printf("safe mode: no automated replies (%s)\n", text_at(w, "safe_why"));
    if (number_at(w, "pace_percent") < 100)
        printf("slowed down: %lld %% of every rate and limit is used\n",
               (long long)number_at(w, "pace_percent"));
    if (json_is_true(json_object_get(w, "refuse")))
        puts("new work is refused, or held where its sender would lose it");
    json_array_foreach(json_object_get(w, "routes_drained"), i, route)
        printf("route %s drains: it takes no new messages\n", json_string_value(route));
}

void show_mode_now(const json_t *answer)
{
    char since[32] = "";
    printf("mode %s", text_at(answer, "mode"));
    if (json_object_get(answer, "since_s"))
        printf(" for %s", table_age(number_at(answer, "since_s") * 1000, since));
    if (strcmp(text_at(answer, "who"), "-") != 0)
        printf(", by %s: %s", text_at(answer, "who"), text_at(answer, "why"));
    if (json_object_get(answer, "cancelling"))
        printf("; %s", json_is_true(json_object_get(answer, "cancelling"))
                           ? "calls in flight are being cancelled"
                           : "no call is in flight");
    puts("");
    show_work(answer);
    show_drain(json_object_get(answer, "drain"));
    show_rules(json_object_get(answer, "rules"));
}
