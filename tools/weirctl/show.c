#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/utf8.h"

const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && *text ? text : "-";
}

int64_t number_at(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

void number_cell(table_t *t, const json_t *number)
{
    if (json_is_integer(number))
        table_cell(t, "%lld", (long long)json_integer_value(number));
    else
        table_cell(t, "-");
}

static json_t *safe_text(const char *text, size_t length)
{
    char *safe = malloc(length + 1);
    must(safe);
    utf8_shown(bytes_of(text, length), safe);
    json_t *made = json_stringn_nocheck(safe, length);
    free(safe);
    return made;
}

static json_t *safe_copy(const json_t *value)
{
    const char *name;
    size_t i, length;
    json_t *child, *copy, *title;
    if (json_is_string(value))
        return safe_text(json_string_value(value), json_string_length(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach(value, i, child)
            must(json_array_append_new(copy, safe_copy(child)) == 0);
        return copy;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    copy = json_object();
    json_object_keylen_foreach((json_t *)value, name, length, child)
    {
        title = safe_text(name, length);
        must(json_object_set_new_nocheck(copy, json_string_value(title), safe_copy(child)) == 0);
        json_decref(title);
    }
    return copy;
}

json_t *show_safely(json_t *answer)
{
    json_t *safe = safe_copy(answer);
    must(safe);
    json_decref(answer);
    return safe;
}

/* ---- status ----------------------------------------------------------------------------- */

static const char *jail_of(const json_t *actor)
{
    bool calls = json_is_true(json_object_get(actor, "seccomp"));
    bool files = json_is_true(json_object_get(actor, "landlock"));
    if (!json_object_get(actor, "seccomp"))
        return "-";
    return calls && files ? "seccomp, landlock" : calls ? "seccomp" : files ? "landlock" : "none";
}

void show_actors(const json_t *actors)
{
    char since[32], again[32];
    size_t i;
    json_t *a;
    table_t *t = table_new("ACTOR|STATE|>FOR|>PID|JAIL|>RESTARTS|LAST END");
    json_array_foreach(actors, i, a)
    {
        table_cell(t, "%s", text_at(a, "name"));
        if (json_object_get(a, "again_in_ms"))
            table_cell(t, "%s, again in %s", text_at(a, "state"),
                       table_age(number_at(a, "again_in_ms"), again));
        else
            table_cell(t, "%s", text_at(a, "state"));
        table_cell(t, "%s", table_age(number_at(a, "in_state_ms"), since));
        if (number_at(a, "pid"))
            table_cell(t, "%lld", (long long)number_at(a, "pid"));
        else
            table_cell(t, "-");
        table_cell(t, "%s", jail_of(a));
        table_cell(t, "%lld", (long long)number_at(a, "restarts"));
        table_cell(t, "%s", text_at(a, "last_end"));
    }
    table_print(&t);
}

/* "own" is what the limiter does by itself: it has no connections, and seldom anything to show. */
static void show_pools(const json_t *pools)
{
    size_t i;
    json_t *p;
    table_t *t = table_new("POOL|>FREE CONNECTIONS|>READY TO RUN");
    json_array_foreach(pools, i, p)
    {
        if (strcmp(text_at(p, "name"), "own") == 0 && !number_at(p, "ready"))
            continue;
        table_cell(t, "%s", text_at(p, "name"));
        table_cell(t, "%lld", (long long)number_at(p, "credit"));
        table_cell(t, "%lld", (long long)number_at(p, "ready"));
    }
    table_print(&t);
}

static void show_queue(const json_t *q)
{
    char oldest[32], free_space[32], bytes[32];
    printf("mode %s; %lld queued, %lld assigned, %lld held, %lld dead, %lld done\n%s, oldest %s, "
           "%s of disk free%s\n",
           text_at(q, "mode"), (long long)number_at(q, "queued"),
           (long long)number_at(q, "assigned"), (long long)number_at(q, "held"),
           (long long)number_at(q, "dead"), (long long)number_at(q, "done"),
           table_size(number_at(q, "bytes"), bytes), table_age(number_at(q, "oldest_ms"), oldest),
           table_size(number_at(q, "disk_free"), free_space),
           json_is_true(json_object_get(q, "loading")) ? "; still reading the queue after the start"
                                                       : "");
    if (json_is_true(json_object_get(q, "disk_low")))
        printf("the disk is nearly full: new work is refused until there is space\n");
    show_work(json_object_get(q, "work"));
}

void show_status(const json_t *answer)
{
    char uptime[32];
    size_t i;
    json_t *address, *queue = json_object_get(answer, "queue");
    printf("Weir %s %s for %s, %s", text_at(answer, "version"), text_at(answer, "phase"),
           table_age(number_at(answer, "uptime_ms"), uptime), text_at(answer, "summary"));
    json_array_foreach(json_object_get(answer, "listen"), i, address)
        printf("%s%s", i ? ", " : "; listening on ", json_string_value(address));
    puts("");
    if (json_is_object(queue))
        show_queue(queue);
    else
        printf("the queue does not tell: %s\n", text_at(answer, "queue_error"));
    puts("");
    show_actors(json_object_get(answer, "actors"));
    if (json_array_size(json_object_get(queue, "limits"))) {
        puts("");
        show_limits(json_object_get(queue, "limits"), false);
    }
    if (json_array_size(json_object_get(queue, "pools"))) {
        puts("");
        show_pools(json_object_get(queue, "pools"));
    }
}

/* ---- messages --------------------------------------------------------------------------- */

/* In a list the blocker is one word, of a single message an object. */
static const char *blocker_of(const json_t *message)
{
    const json_t *b = json_object_get(message, "blocker");
    const char *kind = json_is_object(b) ? text_at(b, "kind") : text_at(message, "blocker");
    return strcmp(kind, "none") == 0 ? "-" : kind;
}

void show_messages(const json_t *messages, bool dead)
{
    char age[32];
    size_t i;
    json_t *m;
    table_t *t = table_new(dead ? "ID|ROUTE|KEY|STEP|>FAILED|>AGE|REASON"
                                : "ID|ROUTE|KEY|STATE|STEP|>FAILED|>AGE|WAITS FOR");
    json_array_foreach(messages, i, m)
    {
        table_cell(t, "%s", text_at(m, "id"));
        table_cell(t, "%s", text_at(m, "route"));
        table_cell(t, "%s", text_at(m, "key"));
        if (!dead)
            table_cell(t, "%s", text_at(m, "state"));
        table_cell(t, "%s", text_at(m, "step"));
        table_cell(t, "%lld", (long long)number_at(m, "failed"));
        table_cell(t, "%s", table_age(number_at(m, "age_ms"), age));
        table_cell(t, "%s", dead ? text_at(m, "reason") : blocker_of(m));
    }
    table_print(&t);
}

static void show_steps(const json_t *steps)
{
    size_t i;
    json_t *s;
    table_t *t = table_new("STEP|STATE|RESULT");
    json_array_foreach(steps, i, s)
    {
        json_t *result = json_object_get(s, "result");
        char *text = result && !json_is_null(result)
                         ? json_dumps(result, JSON_COMPACT | JSON_ENCODE_ANY)
                         : NULL;
        table_cell(t, "%s", text_at(s, "name"));
        table_cell(t, "%s", text_at(s, "state"));
        table_cell(t, "%s", text ? text : "-");
        free(text);
    }
    table_print(&t);
}

static void show_time(const char *what, int64_t wall_ms)
{
    char text[64] = "-";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm at;
    if (wall_ms > 0 && localtime_r(&seconds, &at))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &at);
    printf("%-10s %s\n", what, text);
}

void show_message(const json_t *m)
{
    printf("%-10s %s\n%-10s %s\n%-10s %s\n", "message", text_at(m, "id"), "route",
           text_at(m, "route"), "source", text_at(m, "source"));
    printf("%-10s %s\n%-10s %s\n", "key", text_at(m, "key"), "state", text_at(m, "state"));
    if (strcmp(text_at(m, "reason"), "-") != 0)
        printf("%-10s %s\n", "reason", text_at(m, "reason"));
    printf("%-10s %lld, %lld failed%s\n", "attempts", (long long)number_at(m, "attempt"),
           (long long)number_at(m, "failed"),
           json_is_true(json_object_get(m, "maybe_duplicate"))
               ? "; an effect may have happened twice"
               : "");
    show_time("accepted", number_at(m, "accepted_at_ms"));
    if (number_at(m, "finished_at_ms"))
        show_time("finished", number_at(m, "finished_at_ms"));
    if (strcmp(blocker_of(m), "-") != 0)
        printf("%-10s %s (weirctl why %s)\n", "waits for", blocker_of(m), text_at(m, "id"));
    puts("");
    show_steps(json_object_get(m, "steps"));
}

void show_why(const json_t *m)
{
    const json_t *b = json_object_get(m, "blocker");
    char due[32];
    bool named = json_is_object(b);
    printf("%s is %s, step %s", text_at(m, "id"), text_at(m, "state"), text_at(m, "step"));
    if (strcmp(blocker_of(m), "-") == 0) {
        const char *detail = named ? text_at(b, "detail") : text_at(m, "reason");
        printf("; nothing blocks it%s%s\n", strcmp(detail, "-") ? ": " : "",
               strcmp(detail, "-") ? detail : "");
        return;
    }
    printf("; accepted %s ago\n", table_age(number_at(m, "age_ms"), due));
    if (show_keeps(json_object_get(m, "why")))
        return;
    printf("kept by  %s", blocker_of(m));
    if (named && strcmp(text_at(b, "name"), "-") != 0)
        printf(" %s", text_at(b, "name"));
    if (named)
        printf(": %s", text_at(b, "detail"));
    puts("");
    if (named && strcmp(text_at(b, "holder"), "-") != 0)
        printf("held by  %s (weirctl why %s)\n", text_at(b, "holder"), text_at(b, "holder"));
    if (number_at(m, "due_in_ms") > 0)
        printf("starts   in %s\n", table_age(number_at(m, "due_in_ms"), due));
}
