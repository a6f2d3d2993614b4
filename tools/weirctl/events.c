/* events.c: what happened lately, and with --follow what happens. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "bulk.h"
#include "client.h"
#include "commands.h"
#include "show.h"

static void show_event(const json_t *e)
{
    const char *about = json_string_value(json_object_get(e, "message"));
    const char *route = json_string_value(json_object_get(e, "route"));
    const char *reason = json_string_value(json_object_get(e, "reason"));
    if (number_at(e, "left_out"))
        printf("... %lld of %s were too many to tell\n", (long long)number_at(e, "left_out"),
               text_at(e, "actor"));
    printf("%s %-12s %-12s %s", text_at(e, "at"), text_at(e, "actor"), text_at(e, "kind"),
           text_at(e, "text"));
    if (reason)
        printf(": %s", reason);
    if (about || route)
        printf(" (%s%s%s)", route ? route : "", about && route ? " " : "", about ? about : "");
    puts("");
}

static void show_missed(int64_t missed)
{
    if (missed)
        printf("... %lld events were missed: they came faster than they were read\n",
               (long long)missed);
}

static void show_events(const json_t *answer)
{
    size_t i;
    json_t *e;
    show_missed(number_at(answer, "missed"));
    json_array_foreach(json_object_get(answer, "events"), i, e) show_event(e);
}

/* What Weir keeps comes in pages. */
static int list(const cli_t *cli)
{
    int code;
    int64_t after = cli_number(cli, "after", 0);
    for (;;) {
        json_t *args = cli_args(cli);
        if (after)
            must(json_object_set_new(args, "after", json_integer(after)) == 0);
        json_t *answer = ask_typed(cli, args, &code);
        if (!answer)
            return code;
        size_t count = json_array_size(json_object_get(answer, "events"));
        if (!cli->json)
            show_events(answer);
        after = number_at(answer, "after");
        json_decref(answer);
        if (count == 0)
            return EXIT_OK;
    }
}

/* False: the end. *code says how. */
static bool take_line(const cli_t *cli, client_t *client, int *code)
{
    json_t *line = client_next(client);
    if (!line && !bulk_interrupted())
        *code = cli_complain(EXIT_AGAIN, "Weir tells no more; it stopped, or was started anew");
    if (!line)
        return false;
    if (!cli->json)
        line = show_safely(line);
    bool failed = json_is_false(json_object_get(line, "ok"));
    if (failed)
        *code = client_verdict(cli, line);
    else if (cli->json)
        cli_print_json(json_incref(line));
    else if (json_object_get(line, "kind"))
        show_event(line);
    else
        show_missed(number_at(line, "missed"));
    fflush(stdout);
    json_decref(line);
    return !failed;
}

/* Ends with Ctrl-C, with --timeout, or with Weir. */
static int follow(const cli_t *cli)
{
    int code = EXIT_OK;
    bulk_t b;
    client_t *client = client_open(cli, cli->command->verb->name, cli_args(cli), &code);
    if (!client)
        return code;
    bulk_begin(&b, cli);
    for (bool goes_on = true; goes_on && !bulk_interrupted();) {
        int64_t left = b.until_ms - bulk_now_ms();
        struct pollfd ready = {.fd = client_fd(client), .events = POLLIN};
        if (left <= 0)
            break;
        int n = client_has_line(client) ? 1 : poll(&ready, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            goes_on = take_line(cli, client, &code);
    }
    client_close(&client);
    return code;
}

int run_events(const cli_t *cli) { return cli_value(cli, "follow") ? follow(cli) : list(cli); }
