/* try.c: weirctl try: a message as it would travel, for people or as JSON. Nothing is sent, and no
 * secret is read. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "input.h"
#include "show.h"
#include "trial.h"

/* ---- what is typed ---------------------------------------------------------------------- */

static int add_header(trial_t *t, const char *typed)
{
    char name[128];
    const char *value;
    int code = input_header(typed, name, sizeof name, &value);
    if (code)
        return code;
    if (t->request.header_count == TRIAL_HEADERS_MAX)
        return cli_complain(EXIT_USAGE, "too many headers");
    char *kept = strdup(name); /* until the end of the process */
    must(kept);
    for (char *c = kept; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    t->headers[t->request.header_count++] = (http_field_t){bytes_str(kept), bytes_str(value)};
    return EXIT_OK;
}

/* STEP=JSON */
static int add_answer(trial_t *t, const char *typed)
{
    char name[65];
    size_t len = strcspn(typed, "=");
    json_t *answer = typed[len] ? json_loads(typed + len + 1, 0, NULL) : NULL;
    snprintf(name, sizeof name, "%.*s", (int)(len < 64 ? len : 64), typed);
    if (!json_is_object(answer) || !route_step(t->route, bytes_str(name))) {
        json_decref(answer);
        return cli_complain(EXIT_USAGE,
                            "--result is STEP=JSON with a step of route %s, such as "
                            "%s='{\"status\":200,\"body\":{}}', not \"%s\"",
                            t->route->name, t->route->steps[0].name, typed);
    }
    must(json_object_set_new(t->answers, name, answer) == 0);
    return EXIT_OK;
}

static int add_typed(trial_t *t, const cli_t *cli)
{
    int code = EXIT_OK;
    t->answers = json_object();
    for (size_t i = 0; i < cli->value_count && code == EXIT_OK; i++) {
        const cli_value_t *v = &cli->values[i];
        if (strcmp(v->name, "header") == 0)
            code = add_header(t, v->value);
        else if (strcmp(v->name, "result") == 0)
            code = add_answer(t, v->value);
    }
    t->request.headers = t->headers;
    if (code == EXIT_OK && !http_header(&t->request, "content-type").len)
        code = add_header(t, t->route->body == BODY_FORM
                                 ? "content-type: application/x-www-form-urlencoded"
                                 : "content-type: application/json");
    return code;
}

/* ---- for people ------------------------------------------------------------------------- */

static void print_limits(const json_t *of)
{
    size_t i;
    json_t *draw, *per, *value;
    const char *label;
    json_array_foreach(json_object_get(of, "limits"), i, draw)
    {
        printf("%s%s", i ? ", " : " ", text_at(draw, "limit"));
        per = json_object_get(draw, "per");
        json_object_foreach(per, label, value)
        {
            char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
            printf(" [%s %s]", label, text ? text : "?");
            free(text);
        }
        if (json_object_get(draw, "slots"))
            printf(" (%lld of %lld slots)", (long long)number_at(draw, "cost"),
                   (long long)number_at(draw, "slots"));
        if (json_object_get(draw, "rate"))
            printf(" (%lld in %lld ms)", (long long)number_at(draw, "rate"),
                   (long long)number_at(draw, "rate_per_ms"));
    }
}

static void print_value(const char *what, const json_t *value, const char *otherwise)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    printf("%-8s %s\n", what, text ? text : otherwise);
    free(text);
}

static void print_message(const json_t *m)
{
    printf("%-8s %s, from source %s (whether the sender is believed is not tried)\n", "route",
           text_at(m, "route"), text_at(m, "source"));
    print_value("id", json_object_get(m, "id"), "the SHA-256 of the body");
    print_value("key", json_object_get(m, "key"), "none: no order");
    print_value("labels", json_object_get(m, "labels"), "none");
    printf("%-8s %s\n", "class", text_at(m, "class"));
    if (json_array_size(json_object_get(m, "limits"))) {
        printf("%-8s", "limits");
        print_limits(m);
        puts(", to the end of the message");
    }
}

/* Lines of a message may hold anything: control bytes would steer the terminal. */
static void print_printable(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text);
    putchar('\n');
}

static void print_step(void *arg, const json_t *s)
{
    const char *name;
    json_t *value;
    (void)arg;
    if (!json_is_true(json_object_get(s, "runs"))) {
        printf("\nstep %s: skipped, its when does not hold\n", text_at(s, "step"));
        return;
    }
    printf("\nstep %s: %s", text_at(s, "step"), text_at(s, "kind"));
    if (json_object_get(s, "outcome"))
        printf(" says %s", text_at(s, "outcome"));
    if (json_object_get(s, "downstream"))
        printf(" to %s", text_at(s, "downstream"));
    if (json_object_get(s, "lease"))
        printf(", lease %s", text_at(s, "lease"));
    if (json_array_size(json_object_get(s, "limits"))) {
        fputs(", limits", stdout);
        print_limits(s);
    }
    puts("");
    if (json_object_get(s, "fails"))
        printf("  fails for good, nothing is sent: %s\n", text_at(s, "fails"));
    if (json_object_get(s, "url")) {
        printf("  %s ", text_at(s, "method"));
        print_printable(text_at(s, "url"));
    }
    json_object_foreach(json_object_get(s, "headers"), name, value)
    {
        printf("  %s: ", name);
        print_printable(json_string_value(value));
    }
    if (json_object_get(s, "body")) {
        fputs("\n  ", stdout);
        print_printable(text_at(s, "body"));
    }
}

static void add_outcome_row(void *table, const json_t *o)
{
    char steps[512] = "";
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(o, "steps"), i, step)
    {
        size_t used = strlen(steps);
        snprintf(steps + used, sizeof steps - used, "%s%s", i ? ", " : "", json_string_value(step));
    }
    table_cell(table, "%s", text_at(o, "step"));
    table_cell(table, "%s%s", text_at(o, "outcome"),
               json_is_true(json_object_get(o, "so")) ? " *" : "");
    table_cell(table, "%s", steps);
}

static void print_line(void *arg, const json_t *object)
{
    (void)arg;
    cli_print_json(json_incref((json_t *)object));
}

static void show(const cli_t *cli, trial_t *t)
{
    json_t *message = trial_message(t);
    if (cli->json) {
        print_line(NULL, message);
        trial_steps(t, print_line, NULL);
        trial_outcomes(t, print_line, NULL);
    } else {
        print_message(message);
        trial_steps(t, print_step, NULL);
        puts(
            "\nNothing was sent. A message's id is made when it is accepted; it is zeros here. A "
            "call "
            "counts as\nanswered with 200 and no body unless --result says otherwise.\nWhich steps "
            "run, by what a classify step says (* this message):\n");
        table_t *table = table_new("STEP|SAYS|THEN RUN");
        trial_outcomes(t, add_outcome_row, table);
        table_print(&table);
    }
    json_decref(message);
}

/* ---- the command ------------------------------------------------------------------------ */

static int refused(const cli_t *cli, const refusal_t *why)
{
    unsigned status = problem_status(why->problem.kind);
    if (!cli->json)
        return cli_complain(EXIT_REFUSED, "refused with %u: %s", status, why->detail);
    cli_print_json(
        json_pack("{s:b, s:i, s:s}", "ok", 0, "status", (int)status, "error", why->detail));
    return EXIT_REFUSED;
}

int run_try(const cli_t *cli)
{
    static trial_t t;
    uint8_t *body = NULL;
    size_t len = 0;
    config_t *config = input_config(cli);
    t = (trial_t){.config = config, .route = config ? input_route(cli, config) : NULL};
    int code = !config ? EXIT_CONFIG : !t.route ? EXIT_REFUSED : EXIT_OK;
    if (code == EXIT_OK)
        code = input_body(cli_value(cli, "file"), &body, &len);
    t.request.body = bytes_of(body, len);
    t.request.method = bytes_str("POST");
    if (code == EXIT_OK)
        code = add_typed(&t, cli);
    if (code == EXIT_OK) {
        refusal_t why;
        if (trial_begin(&t, &why))
            show(cli, &t);
        else
            code = refused(cli, &why);
    }
    trial_end(&t);
    free(body);
    config_destroy(&config);
    return code;
}
