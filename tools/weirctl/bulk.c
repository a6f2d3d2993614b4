/* bulk.c: what takes time, here or in Weir: progress on the standard error, --timeout, and Ctrl-C,
 * which ends the waiting; what goes on in Weir and how it is cancelled is said. */
#include "bulk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "commands.h"
#include "show.h"

#define LOOK_EVERY_MS 250
#define LINE_EVERY_MS 5000 /* where no terminal can show one line anew */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int64_t bulk_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void bulk_begin(bulk_t *b, const cli_t *cli)
{
    struct sigaction on = {.sa_handler = on_interrupt}; /* no SA_RESTART: a wait ends at once */
    sigaction(SIGINT, &on, NULL);
    interrupted = 0;
    *b = (bulk_t){
        .began_ms = bulk_now_ms(), .until_ms = INT64_MAX, .terminal = isatty(STDERR_FILENO) != 0};
    if (cli->timeout_s)
        b->until_ms = b->began_ms + cli->timeout_s * 1000;
}

bool bulk_interrupted(void) { return interrupted; }

enum bulk_wait bulk_wait(bulk_t *b)
{
    struct timespec pause = {0, LOOK_EVERY_MS * 1000000L};
    if (interrupted)
        return BULK_INTERRUPTED;
    if (bulk_now_ms() >= b->until_ms)
        return BULK_TIMEOUT;
    nanosleep(&pause, NULL);
    return interrupted ? BULK_INTERRUPTED : BULK_AGAIN;
}

void bulk_progress(bulk_t *b, const char *text)
{
    int64_t now = bulk_now_ms();
    if (b->terminal) {
        fprintf(stderr, "\r\033[K%s", text);
        fflush(stderr);
        b->told = true;
    } else if (!b->told || now - b->told_ms >= LINE_EVERY_MS) {
        fprintf(stderr, "%s\n", text);
        b->told = true;
        b->told_ms = now;
    }
}

void bulk_end(const bulk_t *b)
{
    if (b->terminal && b->told)
        fputs("\r\033[K", stderr);
}

/* ---- draining --------------------------------------------------------------------------- */

/* Of one route, in the answer of status. */
static const json_t *row_of_route(const json_t *queue, const char *route)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(queue, "routes"), i, row)
    {
        if (strcmp(text_at(row, "name"), route) == 0)
            return row;
    }
    return NULL;
}

/* What is left to finish, of the route alone if one is given: parked work that nobody can finish
 * (held) does not count. -1: not known now. */
static int64_t left_now(const cli_t *look, const char *route)
{
    json_t *answer = client_ask_quietly(look, ctl_verbs[CTL_VERB_STATUS].name, json_object());
    const json_t *queue = json_object_get(answer, "queue"),
                 *counts = route ? row_of_route(queue, route) : queue;
    /* While the queue is being read after a start, nobody knows which routes it has. */
    bool known =
        json_is_object(queue) && !(route && json_is_true(json_object_get(queue, "loading")));
    int64_t left = known ? number_at(counts, "queued") + number_at(counts, "assigned") : -1;
    json_decref(answer);
    return left;
}

/* How long that may take; -1: not known. */
static int64_t seconds_left(const cli_t *look)
{
    json_t *answer = client_ask_quietly(look, ctl_verbs[CTL_VERB_MODE_SHOW].name, json_object());
    json_t *left = json_object_get(json_object_get(answer, "drain"), "left_s");
    int64_t seconds = json_is_number(left) ? (int64_t)json_number_value(left) : -1;
    json_decref(answer);
    return seconds;
}

static void say_left(const cli_t *look, const char *route, int64_t left, char *out, size_t size)
{
    int64_t seconds = left > 0 && !route ? seconds_left(look) : -1;
    if (left < 0)
        snprintf(out, size, "waiting for the limiter");
    else if (seconds < 0)
        snprintf(out, size, "%lld message%s left", (long long)left, left == 1 ? "" : "s");
    else
        snprintf(out, size, "%lld message%s left, about %lld s", (long long)left,
                 left == 1 ? "" : "s", (long long)seconds);
}

static int stop_waiting(const bulk_t *b, enum bulk_wait why, const cli_t *cli, int64_t left)
{
    const char *route = cli_value(cli, "route"), *option = route ? " --route " : "";
    char within[64] = "no longer waiting";
    bulk_end(b);
    if (cli->json)
        cli_print_json(json_pack("{s:s, s:b, s:I}", "schema", "weir.drain.wait/1", "ok", 0, "left",
                                 (json_int_t)left));
    if (why != BULK_INTERRUPTED)
        snprintf(within, sizeof within, "not drained within %lld s", (long long)cli->timeout_s);
    cli_complain(
        0, "%s; it goes on: weirctl drain%s%s --wait waits again, weirctl undrain%s%s ends it",
        within, option, route ? route : "", option, route ? route : "");
    return why == BULK_INTERRUPTED ? EXIT_INTERRUPTED : EXIT_AGAIN;
}

static int wait_drained(const cli_t *cli)
{
    bulk_t b;
    char text[96];
    const char *route = cli_value(cli, "route");
    cli_t look = *cli;
    look.timeout_s = 0;
    bulk_begin(&b, cli);
    for (;;) {
        int64_t left = left_now(&look, route);
        if (left == 0)
            break;
        say_left(&look, route, left, text, sizeof text);
        bulk_progress(&b, text);
        enum bulk_wait next = bulk_wait(&b);
        if (next != BULK_AGAIN)
            return stop_waiting(&b, next, cli, left);
    }
    bulk_end(&b);
    if (cli->json)
        cli_print_json(
            json_pack("{s:s, s:b, s:i}", "schema", "weir.drain.wait/1", "ok", 1, "left", 0));
    else
        puts("drained");
    return EXIT_OK;
}

int run_drain(const cli_t *cli)
{
    int code = run_plain(cli);
    return code == EXIT_OK && cli_value(cli, "wait") ? wait_drained(cli) : code;
}

/* ---- dead letters put back, or dropped ---------------------------------------------------- */

#define RATE_DEFAULT 50 /* the drainer's */

static json_t *look_args(const cli_t *cli, int64_t after)
{
    const char *route = cli_value(cli, "route");
    json_t *args = json_pack("{s:i}", "most", 500);
    if (route)
        must(json_object_set_new(args, "route", json_string(route)) == 0);
    if (after)
        must(json_object_set_new(args, "after", json_integer(after)) == 0);
    return args;
}

/* Which ones it would be, page by page; -1: *code says why it is not known. */
static int64_t count_letters(const cli_t *cli, int *code)
{
    int64_t count = 0, after = 0;
    for (bool more = true; more;) {
        json_t *answer =
            client_ask(cli, ctl_verbs[CTL_VERB_DEAD_LS].name, look_args(cli, after), code);
        if (answer && !json_is_true(json_object_get(answer, "ok")))
            *code = client_verdict(cli, answer);
        if (*code) {
            json_decref(answer);
            return -1;
        }
        json_t *messages = json_object_get(answer, "messages");
        if (!cli->json && json_array_size(messages))
            show_messages(messages, true);
        count += (int64_t)json_array_size(messages);
        after = number_at(answer, "next");
        more = after > 0;
        json_decref(answer);
    }
    return count;
}

static int dry_run(const cli_t *cli, const char *verb)
{
    int code = EXIT_OK;
    char takes[32];
    int64_t rate = cli_number(cli, "rate", RATE_DEFAULT), count = count_letters(cli, &code);
    if (count < 0)
        return code;
    int64_t ms = rate > 0 ? count * 1000 / rate : 0;
    if (cli->json)
        cli_print_json(json_pack("{s:s, s:b, s:b, s:s, s:I, s:I, s:I}", "schema",
                                 "weir.dead.dry_run/1", "ok", 1, "dry_run", 1, "verb", verb,
                                 "letters", (json_int_t)count, "rate", (json_int_t)rate, "takes_ms",
                                 (json_int_t)ms));
    else
        printf("nothing was changed; these %lld dead letters would be %s, at %lld a second within "
               "%s\n",
               (long long)count, strcmp(verb, "dead.drop") == 0 ? "dropped" : "put back",
               (long long)rate, table_age(ms, takes));
    return EXIT_OK;
}

static int wait_done(const cli_t *cli)
{
    bulk_t b;
    int code;
    bulk_begin(&b, cli);
    for (;;) {
        char text[96];
        cli_t ask = *cli;
        ask.timeout_s = 0;
        json_t *job =
            client_ask(&ask, ctl_verbs[CTL_VERB_REDRIVE_STATUS].name, json_object(), &code);
        if (!job)
            return code;
        bool active = json_is_true(json_object_get(job, "active"));
        bool cancelled = json_is_true(json_object_get(job, "cancelled"));
        snprintf(text, sizeof text, "%lld done, %lld left", (long long)number_at(job, "asked"),
                 (long long)number_at(job, "left"));
        if (!active && cli->json)
            cli_print_json(json_incref(job));
        json_decref(job);
        if (!active) {
            bulk_end(&b);
            if (!cli->json)
                puts(cancelled ? "cancelled by somebody" : "done");
            return cancelled ? EXIT_REFUSED : EXIT_OK;
        }
        bulk_progress(&b, text);
        enum bulk_wait next = bulk_wait(&b);
        if (next == BULK_AGAIN)
            continue;
        bulk_end(&b);
        return cli_complain(
            next == BULK_TIMEOUT ? EXIT_AGAIN : EXIT_INTERRUPTED,
            "no longer waiting; it goes on: weirctl redrive status shows it, weirctl "
            "redrive cancel ends it");
    }
}

int run_redrive(const cli_t *cli)
{
    bool one = cli_value(cli, "id") != NULL;
    if (cli_value(cli, "dry_run") && one) {
        cli_t look = *cli;
        look.command = command_find(ctl_verbs[CTL_VERB_DEAD_SHOW].name);
        return run_plain(&look);
    }
    if (!one && !cli_value(cli, "route") && !cli_value(cli, "all"))
        return cli_complain(EXIT_USAGE, "say which dead letters: an id, --route NAME, or --all");
    if (cli_value(cli, "dry_run"))
        return dry_run(cli, cli->command->verb->name);
    int code = run_plain(cli);
    return code == EXIT_OK && !one && cli_value(cli, "wait") ? wait_done(cli) : code;
}

/* ---- messages held, and let go ------------------------------------------------------------- */

/* How many of the route it would concern: who waits, or who is held. */
static int hold_dry_run(const cli_t *cli, const char *route)
{
    const char *verb = cli->command->verb->name;
    bool holds = cli->command->verb->id == CTL_VERB_HOLD;
    int code;
    json_t *answer = client_ask(cli, ctl_verbs[CTL_VERB_STATUS].name, json_object(), &code);
    if (!answer)
        return code;
    const json_t *queue = json_object_get(answer, "queue"), *row = row_of_route(queue, route);
    json_int_t count = number_at(row, holds ? "queued" : "held");
    if (!json_is_object(queue))
        code = cli_complain(EXIT_AGAIN, "the limiter is away; try again");
    else if (!row)
        code =
            cli_complain(EXIT_NOT_FOUND, "there is no route %s; weirctl names lists them", route);
    else if (cli->json)
        cli_print_json(json_pack("{s:s, s:b, s:b, s:s, s:s, s:I}", "schema", "weir.hold.dry_run/1",
                                 "ok", 1, "dry_run", 1, "verb", verb, "route", route, "messages",
                                 count));
    else
        printf("nothing was changed; %lld messages of route %s would be %s\n", (long long)count,
               route, holds ? "held; what runs would be left alone" : "let go");
    json_decref(answer);
    return code;
}

int run_hold(const cli_t *cli)
{
    const char *route = cli_value(cli, "route");
    if (!cli_value(cli, "dry_run") || (!route && !cli_value(cli, "id")))
        return run_plain(cli);
    if (route)
        return hold_dry_run(cli, route);
    cli_t look = *cli;
    look.command = command_find(ctl_verbs[CTL_VERB_SHOW].name);
    return run_plain(&look);
}
