#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sys/config.h"
#include "sys/config_table.h"
#include "tests/config_said.h"
#include "tests/generated.h"

#define EXAMPLE "etc/examples/support-desk/weir.yaml"

static config_t *load(const char *yaml)
{
    json_t *json;
    said_t said;
    if (read_text(yaml, &json, &said))
        fail_msg("%s", said.text);
    config_t *config = config_load(json);
    json_decref(json);
    return config;
}

/* ---- what is right ---- */

static void an_override_of_a_rate_leaves_the_headroom_too(void **state)
{
    (void)state;
    config_t *c = load("limits: {l: {rate: {count: 50, headroom_percent: 20}, per: [key], "
                       "overrides: {a: 10, b: 1, c: {rate: 0}, default: 30}}}");
    const limit_t *l = &c->limits[0];
    static const uint32_t values[] = {8, 1, 0};
    assert_int_equal(l->rate.count, 24);
    assert_int_equal(l->overrides[OF_RATE].count, COUNT_OF(values));
    for (size_t i = 0; i < COUNT_OF(values); i++)
        assert_int_equal(l->overrides[OF_RATE].of[i].value, values[i]);
    config_destroy(&c);
}

static void the_example_fills_everything(void **state)
{
    json_t *json = NULL;
    said_t said = {0};
    (void)state;
    if (config_read(EXAMPLE, &json, hear, &said))
        fail_msg("%s", said.text);
    config_t *c = config_load(json);
    json_decref(json);
    const route_t *r = config_route_at(c, bytes_str("/tickets"));
    assert_ptr_equal(r, config_route(c, bytes_str("tickets")));
    assert_null(config_route(c, bytes_str("ticket")));
    assert_string_equal(r->key, "/message/conversation");
    assert_string_equal(r->labels[0].value, "/message/lang");
    assert_int_equal(r->step_count, 4);
    assert_int_equal(r->steps[0].kind, STEP_CLASSIFY);
    assert_int_equal(r->steps[0].pool, 0);
    assert_int_equal(r->steps[0].rule_count, 2);
    const step_t *tag = route_step(r, bytes_str("tag"));
    assert_int_equal(tag->pool, config_pool(c, bytes_str("helpdesk")));
    assert_string_equal(tag->method, "POST");
    assert_string_equal(c->limits[tag->draws[0].limit].name, "helpdesk-writes");
    assert_int_equal(tag->on_unknown, UNKNOWN_RETRY); /* the help desk is idempotent */
    assert_false(tag->needs_body);
    assert_int_equal(config_pool(c, bytes_str("rules")), 0);
    assert_int_equal(config_pool(c, bytes_str("nobody")), -1);
    config_destroy(&c);
    assert_null(c);
}

static void an_empty_file_has_every_default(void **state)
{
    (void)state;
    config_t *c = load("");
    assert_string_equal(c->state_dir, "/var/lib/weir");
    assert_string_equal(c->http.listen[0], "127.0.0.1:8080");
    assert_int_equal(c->http.connections, 1024);
    assert_int_equal(c->http.header_bytes_max, 16384);
    assert_int_equal(c->api_key_count, 0);
    assert_true(c->queue.bytes_max == 4ULL << 30);
    assert_int_equal(c->supervisor.restart_max_ms, 30000);
    assert_int_equal(c->store.keep_prints_s, 8 * 86400);
    assert_int_equal(c->actors.responder, 1);
    assert_true(c->log.journal);
    assert_int_equal(c->pool_count, 2);
    config_destroy(&c);
}

static void the_pointers_of_a_route_are_gathered_once(void **state)
{
    (void)state;
    config_t *c =
        load(ROUTE("      - name: a\n        when: {/headers/x-e: [b], /message/q: [1]}\n"
                   "        classify:\n          rules: [{when: {/message/q: 2}, outcome: o}]\n"
                   "          otherwise: p\n"
                   "      - name: b\n        call:\n          downstream: d\n"
                   "          path: /x/${/message/w:-d}\n"
                   "          body: {v: '${/results/a/outcome} ${/id} ${/message/q}'}\n"
                   "          headers: {X-A: '${/message/h}'}\n"));
    static const char *const wanted[] = {"/headers/x-e", "/message/q", "/message/w", "/message/h"};
    const route_t *r = &c->routes[0];
    assert_int_equal(r->pointer_count, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        assert_string_equal(r->pointers[i], wanted[i]);
    assert_int_equal(r->steps[1].on_unknown, UNKNOWN_DEAD); /* nothing says that d is idempotent */
    config_destroy(&c);
}

static void a_step_says_when_it_needs_the_body(void **state)
{
    static const struct {
        const char *call;
        bool needs;
    } rows[] = {
        {"{downstream: d, path: /x}", true},
        {"{downstream: d, path: /x, method: GET}", false},
        {"{downstream: d, path: /x, body: {a: 1}}", false},
        {"{downstream: d, path: /x, body: {a: '${/message/b}'}}", false},
        {"{downstream: d, path: /x, body: {a: '${/message}'}}", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, ROUTE("      - {name: a, call: %s}\n"), rows[i].call);
        config_t *c = load(yaml);
        if (c->routes[0].steps[0].needs_body != rows[i].needs)
            fail_msg("%s", rows[i].call);
        config_destroy(&c);
    }
}

static void every_way_to_believe_a_sender_is_read(void **state)
{
    static const struct {
        const char *yaml;
        enum auth auth;
    } rows[] = {
        {"{auth: none-on-loopback}", AUTH_NONE_ON_LOOPBACK},
        {"{auth: github, secret: a}", AUTH_GITHUB},
        {"{auth: bearer, secret: a, secret_next: b}", AUTH_BEARER},
        {"{auth: slack, secret: a, secret_next: b}", AUTH_SLACK},
        {"{auth: standard-webhooks, secret: a}", AUTH_STANDARD_WEBHOOKS},
        {"{auth: header, secret: a, header: X-Api-Key}", AUTH_HEADER},
        {"{auth: api-key}\napi_keys: {k: {secret: a, scopes: submit:s}}", AUTH_API_KEY},
    };
    _Static_assert(COUNT_OF(rows) == AUTH_COUNT, "every one");
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char yaml[200];
        snprintf(yaml, sizeof yaml, "sources:\n  s: %s", rows[i].yaml);
        config_t *c = load(yaml);
        const source_t *s = &c->sources[0];
        assert_int_equal(s->auth, rows[i].auth);
        assert_int_equal(s->secret_next != NULL, strstr(yaml, "secret_next") != NULL);
        assert_int_equal(s->header && strcmp(s->header, "x-api-key") == 0, s->auth == AUTH_HEADER);
        config_destroy(&c);
    }
}

static void a_form_as_a_whole_is_one_of_the_routes_pointers(void **state)
{
    (void)state;
    config_t *c =
        load("sources: {s: {auth: slack, secret: a}}\ndownstreams: {d: {url: 'http://h:1'}}\n"
             "routes: {r: {path: /r, source: s, body: form, steps: [{name: a, call: {downstream: d,"
             " path: /x, body: {a: '${/message}', b: '${/message/b}'}}}]}}");
    const route_t *r = &c->routes[0];
    assert_int_equal(r->body, BODY_FORM);
    assert_int_equal(r->pointer_count, 2);
    assert_string_equal(r->pointers[0], "/message");
    assert_false(r->steps[0].needs_body); /* as it came it is no JSON */
    config_destroy(&c);
}

static void the_epoch_follows_the_content_not_the_spelling(void **state)
{
    (void)state;
    config_t *a = load("http: {idle_ms: 5000, body_ms: 1000}"),
             *b = load("http:\n  body_ms: 1000\n  idle_ms: 5000\n");
    config_t *c = load("http: {idle_ms: 5001, body_ms: 1000}");
    assert_true(a->epoch == b->epoch);
    assert_true(a->epoch != c->epoch);
    config_t *d = load("limits: {a: {slots: 1}, b: {slots: 2}}");
    config_t *e = load("limits: {b: {slots: 2}, a: {slots: 1}}");
    assert_true(d->epoch == e->epoch);
    config_destroy(&d);
    config_destroy(&e);
    config_destroy(&a);
    config_destroy(&b);
    config_destroy(&c);
}

static void the_checked_form_survives_being_written_and_read(void **state)
{
    (void)state;
    config_t *a = load(ROUTE(
        "      - {name: a, call: {downstream: d, path: /x, body: ['${/key}', 1.5, null]}}\n"));
    char *text = json_dumps(a->json, JSON_COMPACT);
    json_t *json = json_loads(text, 0, NULL);
    config_t *b = config_load(json);
    assert_true(a->epoch == b->epoch);
    assert_true(json_equal(a->routes[0].steps[0].body, b->routes[0].steps[0].body));
    json_decref(json);
    free(text);
    config_destroy(&a);
    config_destroy(&b);
}

static void the_environment_fills_places(void **state)
{
    (void)state;
    setenv("WEIR_TEST_PORT", "81", 1);
    unsetenv("WEIR_TEST_NONE");
    config_t *c = load(
        "http: {listen: ['127.0.0.1:${WEIR_TEST_PORT}'], idle_ms: \"${WEIR_TEST_NONE:-777}\"}\n"
        "state_dir: /a/${WEIR_TEST_NONE:-b}/${WEIR_TEST_PORT:-c}");
    assert_string_equal(c->http.listen[0], "127.0.0.1:81");
    assert_int_equal(c->http.idle_ms, 777);
    assert_string_equal(c->state_dir, "/a/b/81");
    config_destroy(&c);
}

/* ---- bounds ---- */

static void a_bomb_of_aliases_is_refused(void **state)
{
    char yaml[8192] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    json_t *json;
    said_t said;
    (void)state;
    for (int i = 1; i < 12; i++)
        sprintf(yaml + strlen(yaml), "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
                i, i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_int_equal(read_text(yaml, &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "too many values"));
    assert_int_equal(read_text("a: &a [*a]", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "nested too deeply"));
}

static void depth_and_size_are_bounded(void **state)
{
    static char deep[200000];
    json_t *json;
    said_t said;
    (void)state;
    memset(deep, '[', sizeof deep - 1);
    assert_int_equal(read_text(deep, &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "too many open brackets"));
    memset(deep, '&', sizeof deep - 1);
    assert_int_equal(read_text(deep, &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "too many anchors"));
    for (size_t i = 0; i + 2 < sizeof deep; i += 2)
        memcpy(deep + i, "- ", 2);
    assert_int_equal(read_text(deep, &json, &said), -EINVAL);
    strcpy(deep, "a: ");
    memset(deep + 3, '[', 40);
    memset(deep + 43, ']', 40);
    deep[83] = '\0';
    assert_int_equal(read_text(deep, &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "nested too deeply"));
}

/* ---- the table and what is written from it ---- */

static void every_key_of_the_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        if (!*key->meaning || key->min > key->max || strlen(key->path) > 100)
            fail_msg("%s", key->path);
        for (size_t k = 0; k < i; k++)
            if (strcmp(key->path, config_key_at(k)->path) == 0)
                fail_msg("%s is in the table twice", key->path);
    }
}

/* A number's least and greatest values are taken, one less and one more are not. */
/* "queue.head_start.low_s" as {"queue": {"head_start": {"low_s": value}}}, which is YAML too. */
static void write_nested(const char *path, uint64_t value, char *out, size_t size)
{
    size_t depth = 0;
    FILE *to = fmemopen(out, size, "w");
    for (; strchr(path, '.'); path = strchr(path, '.') + 1, depth++)
        fprintf(to, "{\"%.*s\": ", (int)strcspn(path, "."), path);
    fprintf(to, "{\"%s\": %llu", path, (unsigned long long)value);
    for (depth++; depth > 0; depth--)
        fputs("}", to);
    fclose(to);
}

static void every_number_is_held_to_its_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++) {
        const config_key_t *key = config_key_at(i);
        if (key->kind != KIND_UNSIGNED || strpbrk(key->path, "*["))
            continue;
        const struct {
            uint64_t value;
            bool fits;
        } rows[] = {{key->min, true},
                    {key->max, true},
                    {key->max + 1, false},
                    {key->min ? key->min - 1 : key->max + 1, false}};
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            char yaml[256] = "";
            json_t *json;
            said_t said;
            write_nested(key->path, rows[k].value, yaml, sizeof yaml);
            int error = read_text(yaml, &json, &said);
            if (!rows[k].fits != (strstr(said.text, "is not a whole number") != NULL))
                fail_msg("%s: %s", yaml, said.text);
            if (!error)
                json_decref(json);
        }
    }
}

static void the_reference_is_fresh(void **state)
{
    (void)state;
    assert_fresh("docs/CONFIGURATION.md", config_write_reference);
}

static void the_sample_is_fresh_and_says_the_defaults(void **state)
{
    json_t *json = NULL;
    said_t said = {0};
    (void)state;
    assert_fresh("etc/weir.yaml", config_write_sample);
    if (config_read("etc/weir.yaml", &json, hear, &said))
        fail_msg("%s", said.text);
    config_t *sample = config_load(json), *empty = load("");
    json_decref(json);
    assert_true(sample->epoch == empty->epoch);
    config_destroy(&sample);
    config_destroy(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_override_of_a_rate_leaves_the_headroom_too),
        cmocka_unit_test(the_example_fills_everything),
        cmocka_unit_test(an_empty_file_has_every_default),
        cmocka_unit_test(the_pointers_of_a_route_are_gathered_once),
        cmocka_unit_test(a_step_says_when_it_needs_the_body),
        cmocka_unit_test(every_way_to_believe_a_sender_is_read),
        cmocka_unit_test(a_form_as_a_whole_is_one_of_the_routes_pointers),
        cmocka_unit_test(the_epoch_follows_the_content_not_the_spelling),
        cmocka_unit_test(the_checked_form_survives_being_written_and_read),
        cmocka_unit_test(the_environment_fills_places),
        cmocka_unit_test(a_bomb_of_aliases_is_refused),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(every_key_of_the_table_is_sound),
        cmocka_unit_test(every_number_is_held_to_its_range),
        cmocka_unit_test(the_reference_is_fresh),
        cmocka_unit_test(the_sample_is_fresh_and_says_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
