/* top.c: how Weir does, again and again: what happens a second, what waits, who works. A picture is
 * made of three answers (status, downstream ls, metrics) and of how far the counters have come
 * since the picture before. */
#include "top.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bulk.h"
#include "client.h"
#include "commands.h"
#include "counters.h"
#include "show.h"

#define EVERY_S 2

/* ---- a picture -------------------------------------------------------------------------- */

static json_t *rates_json(const json_t *counters)
{
    static const char *const names[] = {"accepted", "duplicates",    "done",  "dead",
                                        "calls",    "call_failures", "leases"};
    json_t *rates = json_object();
    for (size_t i = 0; i < COUNT_OF(names); i++)
        must(json_object_set_new(rates, names[i], counters_rate(counters, names[i], NULL)) == 0);
    return rates;
}

static void add_work(json_t *actor, const json_t *counters)
{
    static const char *const gauges[] = {"memory_bytes", "open_fds"};
    const char *name = text_at(actor, "name");
    must(json_object_set_new(actor, "cpu_percent", counters_cpu_percent(counters, name)) == 0);
    for (size_t i = 0; i < COUNT_OF(gauges); i++)
        must(json_object_set_new(actor, gauges[i], counters_gauge(counters, name, gauges[i])) == 0);
}

static void add_calls(json_t *downstream, const json_t *counters)
{
    static const char *const names[] = {"calls", "call_failures"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        must(json_object_set_new(downstream, names[i],
                                 counters_rate(counters, names[i], text_at(downstream, "name"))) ==
             0);
}

/* `status` and `downstreams` are completed and lent. */
static json_t *picture_of(json_t *status, json_t *downstreams, const json_t *counters)
{
    size_t i;
    json_t *one, *actors = json_object_get(status, "actors"),
                 *list = json_object_get(downstreams, "downstreams");
    json_array_foreach(actors, i, one) add_work(one, counters);
    json_array_foreach(list, i, one) add_calls(one, counters);
    json_t *picture = json_pack(
        "{s:s, s:b, s:O?, s:O?, s:O?, s:o, s:O?, s:O?, s:o}", "schema", "weir.top/1", "ok", 1,
        "version", json_object_get(status, "version"), "phase", json_object_get(status, "phase"),
        "uptime_ms", json_object_get(status, "uptime_ms"), "a_second", rates_json(counters),
        "queue", json_object_get(status, "queue"), "actors", actors, "downstreams",
        list ? json_incref(list) : json_array());
    must(picture);
    return picture;
}

/* ---- again and again -------------------------------------------------------------------- */

typedef struct top {
    const cli_t *cli;
    cli_t quiet; /* asks for answers that are not shown as they are */
    json_t *counters;
    bool screen;
} top_t;

static json_t *ask(const top_t *t, enum ctl_verb_id verb, int *code)
{
    json_t *answer = client_ask(&t->quiet, ctl_verbs[verb].name, json_object(), code);
    if (!answer)
        return NULL;
    *code = client_verdict(&t->quiet, answer);
    if (*code == EXIT_OK)
        return answer;
    json_decref(answer);
    return NULL;
}

/* The picture, the caller's. NULL: it was said why, *code says how to end. */
static json_t *look(top_t *t, int *code)
{
    json_t *picture = NULL, *metrics = ask(t, CTL_VERB_METRICS, code);
    int64_t now_ms = bulk_now_ms();
    json_t *status = metrics ? ask(t, CTL_VERB_STATUS, code) : NULL;
    json_t *downstreams = NULL; /* the limiter's: who is away is asked only once */
    if (json_is_object(json_object_get(status, "queue")))
        downstreams =
            client_ask_quietly(&t->quiet, ctl_verbs[CTL_VERB_DOWNSTREAM_LS].name, json_object());
    if (status) {
        json_t *counters = counters_of(metrics, now_ms);
        counters_compare(t->counters, counters);
        json_decref(t->counters);
        t->counters = counters;
        picture = picture_of(status, downstreams, counters);
    }
    json_decref(metrics);
    json_decref(status);
    json_decref(downstreams);
    return picture;
}

/* False: it is time to end. */
static bool pause_between(const bulk_t *b, int64_t until_ms)
{
    until_ms = until_ms < b->until_ms ? until_ms : b->until_ms;
    while (!bulk_interrupted() && bulk_now_ms() < until_ms)
        poll(NULL, 0, (int)(until_ms - bulk_now_ms()));
    return !bulk_interrupted() && bulk_now_ms() < b->until_ms;
}

static void show(const top_t *t, json_t *picture, int64_t every_s)
{
    if (t->cli->json) {
        cli_print_json(picture);
    } else {
        show_top(picture, t->screen, every_s);
        json_decref(picture);
    }
    fflush(stdout);
}

/* Ends with Ctrl-C, with --timeout, after --count pictures, or when Weir is gone. */
int run_top(const cli_t *cli)
{
    top_t t = {.cli = cli, .quiet = *cli, .screen = !cli->json && isatty(STDOUT_FILENO)};
    int64_t every_s = cli_number(cli, "every", EVERY_S), left = cli_number(cli, "count", INT64_MAX);
    bulk_t b;
    int code = EXIT_OK;
    t.quiet.json = false;
    t.quiet.timeout_s = 0; /* of the whole, not of a question */
    if (every_s < 1 || left < 1)
        return cli_complain(EXIT_USAGE, "--every and --count are at least 1");
    bulk_begin(&b, cli);
    for (bool first = true; left > 0; first = false) {
        int64_t next_ms = bulk_now_ms() + every_s * 1000;
        json_t *picture = look(&t, &code);
        if (!picture)
            break;
        if (first && !t.screen) { /* nothing can be compared yet: it would only be half of one */
            json_decref(picture);
        } else {
            show(&t, picture, every_s);
            left--;
        }
        if (left > 0 && !pause_between(&b, next_ms))
            break;
    }
    json_decref(t.counters);
    return code;
}
