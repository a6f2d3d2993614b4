/* show_top.c: the picture of `weirctl top` for people: on a terminal one screen, written anew. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "show.h"
#include "top.h"

#define LINES_ABOVE 5u /* four above the tables, and the one that the cursor is left in */

static size_t lines_of_screen(bool screen)
{
    struct winsize size;
    if (!screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return SIZE_MAX;
    return size.ws_row;
}

static void rate_cell(table_t *t, const json_t *rate)
{
    if (json_is_number(rate))
        table_cell(t, "%.1f", json_number_value(rate));
    else
        table_cell(t, "-");
}

static void size_cell(table_t *t, const json_t *bytes)
{
    char text[32];
    table_cell(t, "%s", json_is_integer(bytes) ? table_size(json_integer_value(bytes), text) : "-");
}

/* ---- above the tables ------------------------------------------------------------------- */

/* One line, cut to the screen. */
static void print_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print_line(const char *format, ...)
{
    char line[512];
    size_t width = table_width();
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (strlen(line) > width)
        line[width] = '\0';
    puts(line);
}

static void show_head(const json_t *p, int64_t every_s)
{
    const json_t *q = json_object_get(p, "queue");
    char age[32], size[32], free_space[32], clock[16] = "";
    time_t now = time(NULL);
    struct tm at;
    if (localtime_r(&now, &at))
        strftime(clock, sizeof clock, "%H:%M:%S", &at);
    print_line("Weir %s %s for %s; every %lld s, %s; Ctrl-C ends", text_at(p, "version"),
               text_at(p, "phase"), table_age(number_at(p, "uptime_ms"), age), (long long)every_s,
               clock);
    if (!json_is_object(q)) {
        print_line("the limiter is away: what waits is not known now");
        puts("");
        return;
    }
    print_line("mode %s; %lld queued, %lld assigned, %lld held, %lld dead", text_at(q, "mode"),
               (long long)number_at(q, "queued"), (long long)number_at(q, "assigned"),
               (long long)number_at(q, "held"), (long long)number_at(q, "dead"));
    print_line(
        "oldest %s, %s of messages, %s of disk free%s", table_age(number_at(q, "oldest_ms"), age),
        table_size(number_at(q, "bytes"), size), table_size(number_at(q, "disk_free"), free_space),
        json_is_true(json_object_get(q, "disk_low")) ? ": nearly full, new work is refused" : "");
}

/* The last four only when there is something to tell, so that it fits a line. */
static void show_rates(const json_t *rates)
{
    static const struct {
        const char *name, *shown;
        bool always;
    } rows[] = {{"accepted", "accepted", true}, {"done", "done", true},
                {"calls", "calls", true},       {"call_failures", "failed", false},
                {"dead", "dead", false},        {"duplicates", "duplicates", false},
                {"leases", "leases", false}};
    char line[256] = "a second:";
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const json_t *rate = json_object_get(rates, rows[i].name);
        double value = json_number_value(rate);
        size_t used = strlen(line);
        if (!rows[i].always && value <= 0)
            continue;
        if (json_is_number(rate))
            snprintf(line + used, sizeof line - used, "%s %.1f %s", i ? "," : "", value,
                     rows[i].shown);
        else
            snprintf(line + used, sizeof line - used, "%s - %s", i ? "," : "", rows[i].shown);
    }
    print_line("%s", line);
}

/* ---- tables: as many rows as fit -------------------------------------------------------- */

static void show_actors_at_work(const json_t *actors, size_t most)
{
    size_t i;
    json_t *a;
    table_t *t = table_new("ACTOR|STATE|>CPU %|>MEMORY|>FILES|>RESTARTS");
    json_array_foreach(actors, i, a)
    {
        if (i == most)
            break;
        table_cell(t, "%s", text_at(a, "name"));
        table_cell(t, "%s", text_at(a, "state"));
        rate_cell(t, json_object_get(a, "cpu_percent"));
        size_cell(t, json_object_get(a, "memory_bytes"));
        number_cell(t, json_object_get(a, "open_fds"));
        number_cell(t, json_object_get(a, "restarts"));
    }
    table_print(&t);
}

static void state_cell(table_t *t, const json_t *d)
{
    char age[32];
    if (json_is_true(json_object_get(d, "stopped")))
        table_cell(t, "stopped");
    else if (number_at(d, "paused_ms"))
        table_cell(t, "paused for %s", table_age(number_at(d, "paused_ms"), age));
    else if (strcmp(text_at(d, "breaker"), "open") == 0)
        table_cell(t, "breaker open for %s", table_age(number_at(d, "breaker_ms"), age));
    else
        table_cell(t, "-");
}

static void show_downstreams(const json_t *list, size_t most)
{
    size_t i;
    json_t *d;
    table_t *t = table_new("DOWNSTREAM|>CALLS/S|>FAILED/S|>IN USE|>WAITING|NOW");
    json_array_foreach(list, i, d)
    {
        if (i == most)
            break;
        table_cell(t, "%s", text_at(d, "name"));
        rate_cell(t, json_object_get(d, "calls"));
        rate_cell(t, json_object_get(d, "call_failures"));
        number_cell(t, json_object_get(d, "in_use"));
        number_cell(t, json_object_get(d, "waiting"));
        state_cell(t, d);
    }
    table_print(&t);
}

/* Who keeps most first, then who is used most. */
static int busier(const void *a, const void *b)
{
    const json_t *one = *(json_t *const *)a, *two = *(json_t *const *)b;
    int64_t waits = number_at(two, "waiting") - number_at(one, "waiting");
    int64_t used = number_at(two, "in_use") - number_at(one, "in_use");
    int64_t first = waits ? waits : used;
    return first > 0 ? 1 : first < 0 ? -1 : strcmp(text_at(one, "name"), text_at(two, "name"));
}

static void show_busiest(const json_t *limits, size_t most)
{
    size_t count = json_array_size(limits);
    json_t **sorted = calloc(count, sizeof *sorted), *shown = json_array();
    must(sorted && shown);
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(limits, i);
    qsort(sorted, count, sizeof *sorted, busier);
    for (size_t i = 0; i < count && i < most; i++)
        must(json_array_append(shown, sorted[i]) == 0);
    show_limits(shown, false);
    json_decref(shown);
    free(sorted);
}

/* A table is an empty line, its titles and its rows, at least two if it has them; else none. */
static size_t rows_of(size_t rows, size_t *left)
{
    if (!rows || *left < 4)
        return 0;
    size_t most = *left - 2, shown = rows < most ? rows : most;
    *left -= shown + 2;
    return shown;
}

void show_top(const json_t *p, bool screen, int64_t every_s)
{
    const json_t *downstreams = json_object_get(p, "downstreams"),
                 *actors = json_object_get(p, "actors"),
                 *limits = json_object_get(json_object_get(p, "queue"), "limits");
    size_t lines = lines_of_screen(screen), left = lines > LINES_ABOVE ? lines - LINES_ABOVE : 0;
    fputs(screen ? "\033[H\033[2J" : "", stdout);
    show_head(p, every_s);
    show_rates(json_object_get(p, "a_second"));
    size_t of_actors = rows_of(json_array_size(actors), &left);
    if (of_actors) {
        puts("");
        show_actors_at_work(actors, of_actors);
    }
    size_t of_downstreams = json_array_size(downstreams);
    size_t half = left / 2 > 4 ? left / 2 : left, before = half; /* the limits want the rest */
    of_downstreams = rows_of(of_downstreams, &half);
    left -= before - half;
    if (of_downstreams) {
        puts("");
        show_downstreams(downstreams, of_downstreams);
    }
    size_t of_limits = rows_of(json_array_size(limits), &left);
    if (of_limits) {
        puts("");
        show_busiest(limits, of_limits);
    }
    if (!screen)
        puts("");
}
