#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sys/config_diff.h"
#include "tests/config_said.h"

#define STEP_A                                                                                     \
    "      - {name: a, classify: {rules: [{when: {/id: [x]}, outcome: o}], otherwise: p}}\n"
#define STEP_B "      - {name: b, call: {downstream: d, path: /b}}\n"
#define STEP_B_SLOWER "      - {name: b, attempts: 9, call: {downstream: d, path: /b}}\n"

static json_t *checked(const char *yaml)
{
    json_t *json;
    said_t said;
    if (read_text(yaml, &json, &said))
        fail_msg("%s\n%s", yaml, said.text);
    return json;
}

static void write_value(FILE *to, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    fprintf(to, " %s", !text ? "-" : strlen(text) > 100 ? "..." : text);
    free(text);
}

/* One line a change: "path before after RELOAD". */
static void write_diff(const char *before, const char *after, char *out, size_t size)
{
    json_t *a = checked(before), *b = checked(after);
    config_diff_t *diff = config_diff_new(a, b);
    FILE *to = fmemopen(out, size, "w");
    bool restart = false;
    json_decref(a); /* the diff keeps what it needs */
    json_decref(b);
    for (size_t i = 0; i < diff->count; i++) {
        const config_change_t *c = &diff->changes[i];
        fputs(c->path, to);
        write_value(to, c->before);
        write_value(to, c->after);
        fprintf(to, " %s\n", c->restart ? "RESTART" : "RELOAD");
        restart = restart || c->restart;
    }
    fclose(to);
    assert_int_equal(diff->restart, restart);
    config_diff_destroy(&diff);
    assert_null(diff);
}

static const struct {
    const char *what, *before, *after, *lines;
} rows[] = {
    {"the spelling is no change", "http: {idle_ms: 60000, body_ms: 1000}",
     "http:\n  body_ms: 1000\n", ""},
    {"a default written out is no change", "", "queue: {bytes_max: 4GiB}", ""},
    {"a number", "http: {idle_ms: 5000}", "", "http.idle_ms 5000 60000 RELOAD\n"},
    {"in the order of the table", "log: {level: debug}\nstore: {wal_mb: 8}", "",
     "store.wal_mb 8 64 RELOAD\nlog.level \"debug\" \"info\" RELOAD\n"},
    {"a list is one value", "", "http: {listen: ['127.0.0.1:1', '127.0.0.1:2']}",
     "http.listen [\"127.0.0.1:8080\"] [\"127.0.0.1:1\",\"127.0.0.1:2\"] RESTART\n"},
    {"what only a start brings in", "state_dir: /a\nrun_dir: /b\nsupervisor: {user: c}", "",
     "state_dir \"/a\" \"/var/lib/weir\" RESTART\nrun_dir \"/b\" \"/run/weir\" RESTART\n"
     "supervisor.user \"c\" \"\" RESTART\n"},
    {"a key without default", "", "http: {api_token: t}", "http.api_token - \"t\" RELOAD\n"},
    {"a name comes and goes", "limits: {l: {slots: 1}, m: {slots: 2}}",
     "limits: {n: {slots: 3}, m: {slots: 4}}",
     "limits.l ... - RELOAD\nlimits.m.slots 2 4 RELOAD\nlimits.n - ... RELOAD\n"},
    {"a step by its name", ROUTE(STEP_A STEP_B), ROUTE(STEP_B_SLOWER),
     "routes.r.steps[a] ... - RELOAD\nroutes.r.steps[b].attempts 5 9 RELOAD\n"},
    {"the order of steps", ROUTE(STEP_A STEP_B), ROUTE(STEP_B STEP_A),
     "routes.r.steps [\"a\",\"b\"] [\"b\",\"a\"] RELOAD\n"},
    {"a rule by its place", ROUTE(STEP_A),
     ROUTE(
         "      - {name: a, classify: {rules: [{when: {/id: [x]}, outcome: q}], otherwise: p}}\n"),
     "routes.r.steps[a].classify.rules[0].outcome \"o\" \"q\" RELOAD\n"},
    {"another kind of step", ROUTE(STEP_B), ROUTE("      - {name: b, classify: {otherwise: o}}\n"),
     "routes.r.steps[b].on_unknown \"dead\" \"retry\" RELOAD\n"
     "routes.r.steps[b].classify - {\"rules\":[],\"otherwise\":\"o\"} RELOAD\n"
     "routes.r.steps[b].call {\"downstream\":\"d\",\"method\":\"POST\",\"path\":\"/b\"} - "
     "RELOAD\n"},
};

static void each_change_is_one_line_with_both_values(void **state)
{
    char lines[4096];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        memset(lines, 0, sizeof lines);
        write_diff(rows[i].before, rows[i].after, lines, sizeof lines);
        if (strcmp(lines, rows[i].lines) != 0)
            fail_msg("%s:\n%snot:\n%s", rows[i].what, lines, rows[i].lines);
    }
}

static void the_longest_path_fits(void **state)
{
    static const char yaml[] =
        "sources: {s: {auth: none-on-loopback}}\nroutes:\n  %s:\n    path: /r\n    source: s\n"
        "    steps: [{name: %s, classify: {rules: [{when: {/id: %s}, outcome: o}], otherwise: "
        "p}}]\n";
    char name[65] = "", before[1024], after[1024], lines[1024] = "";
    (void)state;
    memset(name, 'n', 64);
    snprintf(before, sizeof before, yaml, name, name, "a");
    snprintf(after, sizeof after, yaml, name, name, "b");
    write_diff(before, after, lines, sizeof lines);
    assert_non_null(strstr(lines, "n].classify.rules[0].when {\"/id\":[\"a\"]} {\"/id\":[\"b\"]}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_is_one_line_with_both_values),
        cmocka_unit_test(the_longest_path_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
