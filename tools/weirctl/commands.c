/* commands.c: what each verb of the table does here, and how its answer is shown. A verb that is
 * not named below is asked, and its answer shown line by line. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "show.h"

/* ---- asking ----------------------------------------------------------------------------- */

/* These come as texts of several lines, or are dumped again. */
static bool is_text(enum ctl_verb_id verb)
{
    return verb == CTL_VERB_METRICS || verb == CTL_VERB_LIMITS_EXPORT ||
           verb == CTL_VERB_CONFIG_RUNNING;
}

json_t *ask_typed(const cli_t *cli, json_t *args, int *code)
{
    json_t *answer = client_ask(cli, cli->command->verb->name, args, code);
    if (!answer)
        return NULL;
    *code = client_verdict(cli, answer);
    if (*code == EXIT_OK)
        return cli->json || is_text(cli->command->verb->id) ? answer : show_safely(answer);
    json_decref(answer);
    return NULL;
}

int run_plain(const cli_t *cli)
{
    int code;
    json_t *answer = ask_typed(cli, cli_args(cli), &code);
    if (answer && !cli->json)
        (cli->command->show ? cli->command->show : show_plain)(answer);
    json_decref(answer);
    return code;
}

/* ---- lists come in pages ---------------------------------------------------------------- */

static int page(const cli_t *cli, int64_t *after, size_t *shown, bool *more)
{
    int code;
    json_t *args = cli_args(cli);
    if (*after)
        must(json_object_set_new(args, "after", json_integer(*after)) == 0);
    json_t *answer = ask_typed(cli, args, &code);
    if (!answer)
        return code;
    json_t *messages = json_object_get(answer, "messages"), *next = json_object_get(answer, "next");
    if (!cli->json && (json_array_size(messages) || *shown == 0))
        show_messages(messages, cli->command->verb->id == CTL_VERB_DEAD_LS);
    *shown += json_array_size(messages);
    *more = json_is_integer(next) && json_integer_value(next) > 0 && json_array_size(messages);
    *after = json_integer_value(next);
    json_decref(answer);
    return EXIT_OK;
}

/* --most asks for one page of that size; without it, all there are. */
static int run_list(const cli_t *cli)
{
    int64_t after = 0;
    size_t shown = 0;
    bool more = true;
    int code = EXIT_OK;
    while (code == EXIT_OK && more) {
        code = page(cli, &after, &shown, &more);
        more = more && !cli_value(cli, "most");
    }
    return code;
}

/* ---- the short ones --------------------------------------------------------------------- */

static void show_actors_answer(const json_t *answer)
{
    show_actors(json_object_get(answer, "actors"));
}
static void show_export(const json_t *answer) { fputs(text_at(answer, "yaml"), stdout); }
static void show_limits_answer(const json_t *answer)
{
    show_limits(json_object_get(answer, "limits"), true);
}

/* The end tells a monitor: 0 it is well, 1 it is not. */
static int run_health(const cli_t *cli)
{
    int code;
    size_t i;
    json_t *word, *answer = ask_typed(cli, cli_args(cli), &code);
    if (!answer)
        return code;
    bool healthy = json_is_true(json_object_get(answer, "healthy"));
    if (!cli->json)
        puts(healthy ? "healthy" : "not healthy");
    json_array_foreach(json_object_get(answer, "reasons"), i, word) if (!cli->json)
        printf("  %s\n", json_string_value(word));
    json_array_foreach(json_object_get(answer, "warnings"), i, word) if (!cli->json)
        printf("  to be known: %s\n", json_string_value(word));
    json_decref(answer);
    return healthy ? EXIT_OK : EXIT_REFUSED;
}

static void show_metrics(const json_t *answer)
{
    size_t i;
    json_t *m;
    json_array_foreach(json_object_get(answer, "metrics"), i, m)
        printf("# %s\n%s", text_at(m, "actor"), text_at(m, "text"));
}

static void show_config(const json_t *answer)
{
    json_dumpf(json_object_get(answer, "config"), stdout, JSON_INDENT(2));
    puts("");
}

/* Ours is told also when Weir does not run. */
static int run_version(const cli_t *cli)
{
    if (!cli->json)
        printf("weirctl: %s\n", WEIR_VERSION);
    return run_plain(cli);
}

/* ---- the table -------------------------------------------------------------------------- */

static const struct {
    int (*run)(const cli_t *cli);
    void (*show)(const json_t *answer);
} special[CTL_VERB_COUNT] = {
    [CTL_VERB_STATUS] = {.show = show_status},
    [CTL_VERB_HEALTH] = {.run = run_health},
    [CTL_VERB_EVENTS] = {.run = run_events},
    [CTL_VERB_METRICS] = {.show = show_metrics},
    [CTL_VERB_CONFIG_RUNNING] = {.show = show_config},
    [CTL_VERB_LS] = {.run = run_list},
    [CTL_VERB_SHOW] = {.show = show_message},
    [CTL_VERB_WHY] = {.show = show_why},
    [CTL_VERB_DEAD_LS] = {.run = run_list},
    [CTL_VERB_DEAD_SHOW] = {.show = show_message},
    [CTL_VERB_DEAD_REDRIVE] = {.run = run_redrive},
    [CTL_VERB_DEAD_DROP] = {.run = run_redrive},
    [CTL_VERB_BACKUP] = {.run = run_backup},
    [CTL_VERB_STORE_SNAPSHOT] = {.run = run_backup},
    [CTL_VERB_STORE_CHECK] = {.run = run_store_check},
    [CTL_VERB_STORE_REBUILD] = {.run = run_store_rebuild},
    [CTL_VERB_RESTORE] = {.run = run_restore},
    [CTL_VERB_REPORT] = {.run = run_report},
    [CTL_VERB_TOP] = {.run = run_top},
    [CTL_VERB_MODE] = {.show = show_mode},
    [CTL_VERB_MODE_SHOW] = {.show = show_mode_now},
    [CTL_VERB_SAFE] = {.show = show_mode},
    [CTL_VERB_DRAIN] = {.run = run_drain, .show = show_mode},
    [CTL_VERB_UNDRAIN] = {.show = show_mode},
    [CTL_VERB_LIMITS_LS] = {.show = show_limits_answer},
    [CTL_VERB_LIMITS_SET] = {.show = show_change},
    [CTL_VERB_LIMITS_RESET] = {.show = show_change},
    [CTL_VERB_LIMITS_PIN] = {.show = show_change},
    [CTL_VERB_LIMITS_UNPIN] = {.show = show_change},
    [CTL_VERB_LIMITS_DISABLE] = {.show = show_change},
    [CTL_VERB_LIMITS_ENABLE] = {.show = show_change},
    [CTL_VERB_LIMITS_OBSERVE] = {.show = show_change},
    [CTL_VERB_LIMITS_EXPORT] = {.show = show_export},
    [CTL_VERB_SLOTS_LS] = {.show = show_slots},
    [CTL_VERB_SHAPE] = {.show = show_shape},
    [CTL_VERB_DOWNSTREAM_PAUSE] = {.show = show_change},
    [CTL_VERB_DOWNSTREAM_RESUME] = {.show = show_change},
    [CTL_VERB_DOWNSTREAM_PROBE] = {.show = show_change},
    [CTL_VERB_ROUTE_STOP] = {.show = show_change},
    [CTL_VERB_ROUTE_START] = {.show = show_change},
    [CTL_VERB_HOLD] = {.run = run_hold, .show = show_change},
    [CTL_VERB_RELEASE] = {.run = run_hold, .show = show_change},
    [CTL_VERB_CANCEL] = {.show = show_change},
    [CTL_VERB_PRIORITISE] = {.show = show_change},
    [CTL_VERB_ACTORS_LS] = {.show = show_actors_answer},
    [CTL_VERB_ACTORS_RESTART] = {.run = run_reload, .show = show_restart},
    [CTL_VERB_RELOAD] = {.run = run_reload, .show = show_reload},
    [CTL_VERB_CHECK] = {.run = run_check},
    [CTL_VERB_PLAN] = {.run = run_plan},
    [CTL_VERB_CONFIG_SHOW] = {.run = run_config_values},
    [CTL_VERB_CONFIG_EFFECTIVE] = {.run = run_config_values},
    [CTL_VERB_CONFIG_DIFF] = {.show = show_config_diff},
    [CTL_VERB_CONFIG_EXPLAIN] = {.run = run_config_explain},
    [CTL_VERB_CONFIG_SCHEMA] = {.run = run_config_schema},
    [CTL_VERB_INIT] = {.run = run_init},
    [CTL_VERB_TRY] = {.run = run_try},
    [CTL_VERB_SEND] = {.run = run_send},
    [CTL_VERB_VERSION] = {.run = run_version},
    [CTL_VERB_COMPLETE] = {.run = run_complete},
    [CTL_VERB_HELP] = {.run = run_help},
};

const command_t *command_at(size_t place)
{
    static command_t commands[CTL_VERB_COUNT];
    if (place >= CTL_VERB_COUNT)
        return NULL;
    commands[place] = (command_t){.verb = &ctl_verbs[place],
                                  .run = special[place].run ? special[place].run : run_plain,
                                  .show = special[place].show};
    return &commands[place];
}

const command_t *command_find(const char *verb)
{
    const ctl_verb_t *found = ctl_verb_find(verb);
    return found ? command_at(found->id) : NULL;
}
