/* plan.c: weirctl plan: what is typed, and the tables. Nothing is asked of a Weir that runs. */
#include "plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "input.h"
#include "show.h"

#define HOLD_S_MAX (366 * 86400.0)

/* ---- what is typed ---------------------------------------------------------------------- */

/* "180s", "3m", "250ms", "1.5h", "90": seconds. 0: it is none. */
static double read_time(const char *typed)
{
    static const struct {
        const char *unit;
        double s;
    } units[] = {{"", 1},     {"ms", 0.001}, {"s", 1},    {"m", 60},
                 {"min", 60}, {"h", 3600},   {"d", 86400}};
    size_t length = strspn(typed, "0123456789.");
    char *end;
    double value = strtod(typed, &end);
    if (length == 0 || end != typed + length)
        return 0;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (strcmp(end, units[i].unit) == 0 && value * units[i].s <= HOLD_S_MAX)
            return value * units[i].s;
    return 0;
}

/* "3m" is of every limit with slots that is not named by another one, "LIMIT=3m". */
static int read_hold(const char *typed, const config_t *config, double *hold_s, double *of_all)
{
    const char *equals = strrchr(typed, '='), *text = equals ? equals + 1 : typed;
    long limit = equals ? config_limit(config, bytes_of(typed, (size_t)(equals - typed))) : -1;
    double seconds = read_time(text);
    if (equals && (limit < 0 || (size_t)limit >= config->named_limits))
        return cli_complain(EXIT_NOT_FOUND, "--hold %s: no limit is called %.*s", typed,
                            (int)(equals - typed), typed);
    if (seconds <= 0)
        return cli_complain(EXIT_USAGE,
                            "--hold is how long one start holds its slots: 3m, 180s, 250ms, 2h, or "
                            "LIMIT=3m for one limit; not \"%s\"",
                            typed);
    *(equals ? &hold_s[limit] : of_all) = seconds;
    return EXIT_OK;
}

static int read_holds(const cli_t *cli, const config_t *config, double *hold_s)
{
    int code = EXIT_OK;
    double of_all = 0;
    for (size_t i = 0; i < cli->value_count && code == EXIT_OK; i++)
        if (strcmp(cli->values[i].name, "hold") == 0)
            code = read_hold(cli->values[i].value, config, hold_s, &of_all);
    for (size_t i = 0; i < config->named_limits; i++)
        if (hold_s[i] == 0)
            hold_s[i] = of_all;
    return code;
}

/* ---- for people ------------------------------------------------------------------------- */

static void real_cell(table_t *t, const json_t *number)
{
    char text[32];
    table_cell(t, "%s", number ? plan_number(json_number_value(number), text) : "-");
}

static void time_cell(table_t *t, const json_t *seconds)
{
    char text[32];
    table_cell(t, "%s", seconds ? plan_time(json_number_value(seconds), text) : "-");
}

/* "10 in 1 min", "50000 a day" */
static void pace_cell(table_t *t, const json_t *row)
{
    char text[96] = "-", per[32];
    int used = 0;
    if (json_object_get(row, "rate"))
        used = snprintf(text, sizeof text, "%lld in %s", (long long)number_at(row, "rate"),
                        plan_time((double)number_at(row, "per_ms") / 1000, per));
    if (json_object_get(row, "cap"))
        snprintf(text + used, sizeof text - (size_t)used, "%s%lld a %s", used ? ", " : "",
                 (long long)number_at(row, "cap"), text_at(row, "each"));
    table_cell(t, "%s", text);
}

static void target_cell(table_t *t, const json_t *row)
{
    char low[32], high[32];
    if (json_object_get(row, "target_low"))
        table_cell(t, "%s to %s",
                   plan_number(json_number_value(json_object_get(row, "target_low")), low),
                   plan_number(json_number_value(json_object_get(row, "target_high")), high));
    else
        table_cell(t, "-");
}

static void show_rows(const json_t *rows)
{
    size_t i;
    json_t *row;
    table_t *t = table_new("LIMIT|OF|>SLOTS|>RUN|PACE|>HELD|>STARTS/MIN|AT 70-80 %|>PAST TTL|WHY");
    json_array_foreach(rows, i, row)
    {
        const json_t *older = json_object_get(row, "older_than_ttl_percent");
        table_cell(t, "%s", text_at(row, "limit"));
        table_cell(t, "%s", text_at(row, "of"));
        number_cell(t, json_object_get(row, "slots"));
        number_cell(t, json_object_get(row, "run"));
        pace_cell(t, row);
        time_cell(t, json_object_get(row, "hold_s"));
        real_cell(t, json_object_get(row, "starts_per_min"));
        target_cell(t, row);
        if (older)
            table_cell(t, "%.1f %%", json_number_value(older));
        else
            table_cell(t, "-");
        table_cell(t, "%s", text_at(row, "why"));
    }
    table_print(&t);
}

static void show_binds(const json_t *binds, uint64_t backlog)
{
    char titles[128];
    size_t i;
    json_t *row;
    snprintf(titles, sizeof titles, "WHERE|OF|>AT ONCE|BY|>STARTS/MIN|BY%s%.0llu%s",
             backlog ? "|>" : "", (unsigned long long)backlog, backlog ? " START IN" : "");
    table_t *t = table_new(titles);
    json_array_foreach(binds, i, row)
    {
        table_cell(t, "%s", text_at(row, "where"));
        table_cell(t, "%s", text_at(row, "of"));
        number_cell(t, json_object_get(row, "at_once"));
        table_cell(t, "%s", text_at(row, "at_once_by"));
        real_cell(t, json_object_get(row, "starts_per_min"));
        table_cell(t, "%s", text_at(row, "starts_per_min_by"));
        if (backlog)
            time_cell(t, json_object_get(row, "backlog_s"));
    }
    table_print(&t);
}

static bool lacks_hold(const plan_t *p)
{
    for (size_t i = 0; i < p->config->named_limits; i++)
        if (p->config->limits[i].slots > 0 && p->hold_s[i] == 0)
            return true;
    return false;
}

static void show(const plan_t *p)
{
    size_t i;
    json_t *warning;
    if (p->config->named_limits == 0) {
        puts("there are no limits");
        return;
    }
    show_rows(p->limits);
    if (json_array_size(p->binds)) {
        puts("\nWhat binds first:\n");
        show_binds(p->binds, p->backlog);
    }
    if (lacks_hold(p))
        puts("\n--hold 3m, or --hold LIMIT=3m, says how long a start holds its slots: then more is "
             "told.");
    json_t *warnings = show_safely(json_incref(p->warnings)); /* values are others' */
    json_array_foreach(warnings, i, warning)
        printf("%swarning: %s\n", i ? "" : "\n", text_at(warning, "text"));
    json_decref(warnings);
}

/* ---- the command ------------------------------------------------------------------------ */

int run_plan(const cli_t *cli)
{
    cli_t meant = *cli;
    if (cli_value(cli, "file"))
        meant.config = cli_value(cli, "file");
    config_t *config = input_config(&meant);
    if (!config)
        return EXIT_CONFIG;
    double *hold_s = calloc(config->named_limits + 1, sizeof *hold_s);
    must(hold_s);
    int code = read_holds(cli, config, hold_s);
    plan_t *p = plan_new(config, hold_s, (uint64_t)cli_number(cli, "backlog", 0));
    if (code == EXIT_OK && cli->json)
        cli_print_json(json_pack("{s:O, s:O, s:O}", "limits", p->limits, "binds", p->binds,
                                 "warnings", p->warnings));
    else if (code == EXIT_OK)
        show(p);
    plan_destroy(&p);
    config_destroy(&config);
    return code;
}
