/* commands.c: which commands there are and what each does with its answer. */
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "client.h"
#include "show.h"

/* ---- asking ----------------------------------------------------------------------------- */

/* Asks the typed verb. The answer when it is ok, the caller's; else NULL and *code. With --json it
 * is printed. */
static json_t *ask(const cli_t *cli, json_t *args, int *code)
{
    char socket[512];
    *code = client_socket(cli, socket, sizeof socket);
    if (*code) {
        json_decref(args);
        return NULL;
    }
    json_t *answer = client_ask(socket, cli->command->verb->name, args, code);
    if (!answer)
        return NULL;
    *code = client_verdict(cli, answer);
    if (*code == EXIT_OK)
        return answer;
    json_decref(answer);
    return NULL;
}

static int ask_and_show(const cli_t *cli, void (*show)(const json_t *))
{
    int code;
    json_t *answer = ask(cli, cli_args(cli), &code);
    if (answer && !cli->json)
        show(answer);
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
    json_t *answer = ask(cli, args, &code);
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

/* ---- draining --------------------------------------------------------------------------- */

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static int64_t monotonic_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* What is left to finish: parked work that nobody can finish (held) does not count. -1: not known
 * now. */
static int64_t left_now(const char *socket)
{
    int code;
    json_t *answer = client_ask(socket, ctl_verbs[CTL_VERB_STATUS].name, json_object(), &code);
    json_t *queue = json_object_get(answer, "queue");
    int64_t left =
        json_is_object(queue) ? number_at(queue, "queued") + number_at(queue, "assigned") : -1;
    json_decref(answer);
    return left;
}

static int wait_drained(const cli_t *cli)
{
    char socket[512];
    const char *timeout = cli_value(cli, "timeout");
    int64_t until = timeout ? monotonic_ms() + atoll(timeout) * 1000 : INT64_MAX, told = -2;
    int code = client_socket(cli, socket, sizeof socket);
    while (code == EXIT_OK) {
        int64_t left = left_now(socket);
        if (left == 0)
            return cli->json ? puts("{\"ok\":true,\"left\":0}"), EXIT_OK : puts("drained"), EXIT_OK;
        if (left != told && !cli->json)
            fprintf(stderr, left < 0 ? "waiting for the limiter\n" : "%lld messages left\n",
                    (long long)left);
        told = left;
        if (monotonic_ms() >= until)
            return cli_complain(
                EXIT_AGAIN,
                "not drained within %s s; it goes on, ask again with weirctl drain --wait",
                timeout);
        pause_ms(500);
    }
    return code;
}

static void show_mode(const json_t *answer) { printf("mode %s\n", text_at(answer, "mode")); }

static int run_drain(const cli_t *cli)
{
    int code = ask_and_show(cli, show_mode);
    return code == EXIT_OK && cli_value(cli, "wait") ? wait_drained(cli) : code;
}

/* ---- the short ones --------------------------------------------------------------------- */

static void show_answer(const json_t *answer)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)answer, name, value)
    {
        char *text =
            json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        if (strcmp(name, "ok") != 0)
            printf("%s: %s\n", name, text ? text : json_string_value(value));
        free(text);
    }
}

static void show_actors_answer(const json_t *answer)
{
    show_actors(json_object_get(answer, "actors"));
}
static void show_limits_answer(const json_t *answer)
{
    show_limits(json_object_get(answer, "limits"));
}

static int run_status(const cli_t *cli) { return ask_and_show(cli, show_status); }
static int run_actors(const cli_t *cli) { return ask_and_show(cli, show_actors_answer); }
static int run_limits(const cli_t *cli) { return ask_and_show(cli, show_limits_answer); }
static int run_show(const cli_t *cli) { return ask_and_show(cli, show_message); }
static int run_why(const cli_t *cli) { return ask_and_show(cli, show_why); }
static int run_mode(const cli_t *cli) { return ask_and_show(cli, show_mode); }
static int run_plain(const cli_t *cli) { return ask_and_show(cli, show_answer); }

/* Putting one back is begun, not awaited: whether it is a dead letter at all is asked first. */
static int run_redrive(const cli_t *cli)
{
    int code = EXIT_OK;
    const char *id = cli_value(cli, "id");
    if (id) {
        cli_t look = *cli;
        look.command = command_find(ctl_verbs[CTL_VERB_DEAD_SHOW].name);
        look.json = false;
        json_decref(ask(&look, json_pack("{s:s}", "id", id), &code));
    }
    return code == EXIT_OK ? run_plain(cli) : code;
}

/* Ours is told also when Weir does not run. */
static int run_version(const cli_t *cli)
{
    if (!cli->json)
        printf("weirctl: %s\n", WEIR_VERSION);
    return run_plain(cli);
}

static int run_help(const cli_t *cli)
{
    char verb[128];
    const char *first = cli_value(cli, "command"), *second = cli_value(cli, "word");
    if (!first) {
        help_all();
        return EXIT_OK;
    }
    snprintf(verb, sizeof verb, "%s%s%s", first, second ? "." : "", second ? second : "");
    const command_t *command = command_find(verb);
    if (!command)
        return cli_no_command(first);
    help_command(command);
    return EXIT_OK;
}

/* ---- the table -------------------------------------------------------------------------- */

static const ctl_verb_t own_check = {
    .name = "check",
    .meaning = "is the configuration right? starts and changes nothing",
    .example = "weirctl check weir.yaml",
    .args = {{"file", CTL_TEXT, CTL_PLACE_OPTIONAL, "the configuration, instead of --config"}}};
static const ctl_verb_t own_send = {
    .name = "send",
    .meaning = "send a file to a route, signed as its source demands",
    .example = "weirctl send tickets ticket.json",
    .args = {{"route", CTL_NAME, CTL_PLACE, "the route"},
             {"file", CTL_TEXT, CTL_PLACE, "the body; - reads the standard input"},
             {"id", CTL_TEXT, CTL_OPTION,
              "the sender's id of the message, for routes whose id is a header"},
             {"header", CTL_TEXT, CTL_OPTION, "NAME:VALUE, again for more"}}};
static const ctl_verb_t own_help = {
    .name = "help",
    .meaning = "all commands, or one",
    .example = "weirctl help dead ls",
    .args = {{"command", CTL_NAME, CTL_PLACE_OPTIONAL, "a command"},
             {"word", CTL_NAME, CTL_PLACE_OPTIONAL, "its second word"}}};

#define OF_WEIR(ID, run)                                                                           \
    {                                                                                              \
        &ctl_verbs[CTL_VERB_##ID], {{NULL}}, run                                                   \
    }
static const command_t commands[] = {
    OF_WEIR(STATUS, run_status),
    OF_WEIR(LS, run_list),
    OF_WEIR(SHOW, run_show),
    OF_WEIR(WHY, run_why),
    OF_WEIR(DEAD_LS, run_list),
    OF_WEIR(DEAD_SHOW, run_show),
    OF_WEIR(DEAD_REDRIVE, run_redrive),
    OF_WEIR(REDRIVE_STATUS, run_plain),
    OF_WEIR(MODE, run_mode),
    {&ctl_verbs[CTL_VERB_DRAIN],
     {{"wait", CTL_FLAG, CTL_OPTION, "until everything accepted is finished"},
      {"timeout", CTL_NUMBER, CTL_OPTION, "seconds to wait; it goes on draining afterwards"}},
     run_drain},
    OF_WEIR(UNDRAIN, run_mode),
    OF_WEIR(LIMITS_LS, run_limits),
    OF_WEIR(ACTORS_LS, run_actors),
    OF_WEIR(ACTORS_RESTART, run_plain),
    OF_WEIR(STOP, run_plain),
    {&own_check, {{NULL}}, run_check},
    {&own_send, {{NULL}}, run_send},
    OF_WEIR(VERSION, run_version),
    {&own_help, {{NULL}}, run_help},
};

const command_t *command_at(size_t place)
{
    return place < COUNT_OF(commands) ? &commands[place] : NULL;
}

const command_t *command_find(const char *verb)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(commands[i].verb->name, verb) == 0)
            return &commands[i];
    return NULL;
}
