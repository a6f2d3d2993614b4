/* Which files a configuration has, how they merge, and where each value came from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/config_found.h"
#include "tests/config_said.h"

typedef struct folder {
    char path[64];
} folder_t;

static void write_file(const folder_t *f, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int new_folder(void **state)
{
    folder_t *f = calloc(1, sizeof *f);
    strcpy(f->path, "/tmp/weir-test-config-XXXXXX");
    char command[128];
    if (!mkdtemp(f->path))
        return -1;
    snprintf(command, sizeof command,
             "cd %s && mkdir -p conf.d etc/weir/conf.d run/weir/conf.d usr/lib/weir/conf.d",
             f->path);
    *state = f;
    return system(command);
}

static int remove_folder(void **state)
{
    folder_t *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", f->path);
    int error = system(command);
    free(f);
    return error;
}

static int read_file(const folder_t *f, const char *name, json_t **json, said_t *said)
{
    char path[256];
    *said = (said_t){0};
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return config_read(path, json, hear, said);
}

/* The value at "http/idle_ms" of etc/weir/weir.yaml. */
static long number_at(const folder_t *f, const char *section, const char *leaf)
{
    json_t *json;
    said_t said;
    if (read_file(f, "etc/weir/weir.yaml", &json, &said))
        fail_msg("%s", said.text);
    long number = (long)json_integer_value(json_object_get(json_object_get(json, section), leaf));
    json_decref(json);
    return number;
}

static void link_to(const folder_t *f, const char *name, const char *target)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    unlink(path);
    assert_int_equal(symlink(target, path), 0);
}

/* ---- which files ---- */

static void drop_ins_merge_in_the_order_of_their_names(void **state)
{
    folder_t *f = *state;
    json_t *json;
    said_t said;
    write_file(f, "weir.yaml",
               "http: {idle_ms: 1000, body_ms: 1000, listen: ['127.0.0.1:1', '127.0.0.1:2']}");
    write_file(f, "conf.d/20-b.yaml", "http: {idle_ms: 3000}\n");
    write_file(f, "conf.d/10-a.yaml",
               "http: {idle_ms: 2000, listen: ['127.0.0.1:3']}\nlog: {level: debug}\n");
    write_file(f, "conf.d/30-not-yaml.txt", "http: {idle_ms: 4000}\n");
    write_file(f, "conf.d/.40-hidden.yaml", "http: {idle_ms: 5000}\n");
    if (read_file(f, "weir.yaml", &json, &said))
        fail_msg("%s", said.text);
    config_t *c = config_load(json);
    json_decref(json);
    assert_int_equal(c->http.idle_ms, 3000);
    assert_int_equal(c->http.body_ms, 1000);
    assert_int_equal(c->http.listen_count, 1);
    assert_string_equal(c->http.listen[0], "127.0.0.1:3");
    assert_string_equal(c->log.level, "debug");
    config_destroy(&c);
}

static void a_mistake_in_a_drop_in_names_the_drop_in(void **state)
{
    folder_t *f = *state;
    json_t *json;
    said_t said;
    write_file(f, "weir.yaml", "http: {idle_ms: 1000}\n");
    write_file(f, "conf.d/10.yaml", "\nhttp:\n  idle_ms: x\n");
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "conf.d/10.yaml:3:12: idle_ms: x"));
    write_file(f, "weir.yaml", "http: {reserved_connections: 100}\n");
    write_file(f, "conf.d/10.yaml", "http: {connections: 50}\n");
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "weir.yaml:1:30: http.reserved_connections (100)"));
}

static void a_file_that_cannot_be_read_is_told(void **state)
{
    folder_t *f = *state;
    json_t *json;
    said_t said;
    char path[128], command[300];
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "weir.yaml: cannot be read: No such file"));
    snprintf(path, sizeof path, "%s/weir.yaml", f->path);
    snprintf(command, sizeof command, "head -c 1100000 /dev/zero | tr '\\0' '#' > %s", path);
    assert_int_equal(system(command), 0);
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "larger than 1 MiB"));
    snprintf(command, sizeof command, "rm %s && mkfifo %s", path, path);
    assert_int_equal(system(command), 0);
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "cannot be read"));
}

static void the_order_is_of_the_names_over_all_directories(void **state)
{
    folder_t *f = *state;
    write_file(f, "etc/weir/weir.yaml", "http: {idle_ms: 1000, body_ms: 1000, header_ms: 1000}\n");
    write_file(f, "etc/weir/conf.d/10.yaml", "http: {idle_ms: 2000, body_ms: 2000}\n");
    write_file(f, "usr/lib/weir/conf.d/20.yaml", "http: {idle_ms: 3000}\n");
    assert_int_equal(number_at(f, "http", "idle_ms"), 3000);
    assert_int_equal(number_at(f, "http", "body_ms"), 2000);
    assert_int_equal(number_at(f, "http", "header_ms"), 1000);
}

static void a_name_in_a_higher_directory_masks_the_lower_ones(void **state)
{
    folder_t *f = *state;
    write_file(f, "etc/weir/weir.yaml", "");
    write_file(f, "usr/lib/weir/conf.d/10.yaml", "http: {idle_ms: 2000, body_ms: 2000}\n");
    assert_int_equal(number_at(f, "http", "body_ms"), 2000);
    write_file(f, "run/weir/conf.d/10.yaml", "http: {idle_ms: 3000}\n");
    assert_int_equal(number_at(f, "http", "idle_ms"), 3000);
    assert_int_equal(number_at(f, "http", "body_ms"), 30000);
    write_file(f, "etc/weir/conf.d/10.yaml", "http: {idle_ms: 4000}\n");
    assert_int_equal(number_at(f, "http", "idle_ms"), 4000);
    write_file(f, "etc/weir/conf.d/10.yaml", "");
    assert_int_equal(number_at(f, "http", "idle_ms"), 60000);
}

static void a_link_to_dev_null_disables_a_name(void **state)
{
    folder_t *f = *state;
    write_file(f, "etc/weir/weir.yaml", "");
    write_file(f, "usr/lib/weir/conf.d/10.yaml", "http: {idle_ms: 2000}\n");
    link_to(f, "etc/weir/conf.d/10.yaml", "/dev/null");
    assert_int_equal(number_at(f, "http", "idle_ms"), 60000);
    link_to(f, "etc/weir/conf.d/10.yaml", "../weir.yaml"); /* any other link is followed */
    assert_int_equal(number_at(f, "http", "idle_ms"), 60000);
    link_to(f, "etc/weir/conf.d/10.yaml", "../../../usr/lib/weir/conf.d/10.yaml");
    assert_int_equal(number_at(f, "http", "idle_ms"), 2000);
}

static void a_file_elsewhere_has_only_the_conf_d_beside_it(void **state)
{
    folder_t *f = *state;
    json_t *json;
    said_t said;
    write_file(f, "weir.yaml", "");
    write_file(f, "usr/lib/weir/conf.d/10.yaml", "http: {idle_ms: 2000}\n");
    write_file(f, "conf.d/20.yaml", "http: {body_ms: 2000}\n");
    assert_int_equal(read_file(f, "weir.yaml", &json, &said), 0);
    json_t *http = json_object_get(json, "http");
    assert_int_equal(json_integer_value(json_object_get(http, "idle_ms")), 60000);
    assert_int_equal(json_integer_value(json_object_get(http, "body_ms")), 2000);
    json_decref(json);
}

static void a_drop_in_of_somebody_else_is_refused(void **state)
{
    folder_t *f = *state;
    json_t *json;
    said_t said;
    char path[256];
    if (geteuid() != 0)
        skip(); /* nobody else can give files away */
    write_file(f, "etc/weir/weir.yaml", "");
    write_file(f, "run/weir/conf.d/10.yaml", "http: {idle_ms: 2000}\n");
    snprintf(path, sizeof path, "%s/run/weir/conf.d/10.yaml", f->path);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_int_equal(read_file(f, "etc/weir/weir.yaml", &json, &said), -EINVAL);
    assert_non_null(strstr(said.text, "run/weir/conf.d/10.yaml: belongs neither to root"));
}

/* ---- merging ---- */

static const struct {
    const char *what, *first, *second, *third, *same_as; /* as if it stood in one file */
} merges[] = {
    {"maps merge", "limits: {a: {slots: 1}}", "limits: {b: {slots: 2}}", "",
     "limits: {a: {slots: 1}, b: {slots: 2}}"},
    {"scalars replace", "limits: {a: {slots: 1}}", "limits: {a: {slots: 2}}", "",
     "limits: {a: {slots: 2}}"},
    {"lists replace", "http: {listen: ['127.0.0.1:1', '127.0.0.1:2']}",
     "http: {listen: ['127.0.0.1:3']}", "", "http: {listen: ['127.0.0.1:3']}"},
    {"null takes a name out", "limits: {a: {slots: 1}, b: {slots: 2}}", "limits: {a: null}", "",
     "limits: {b: {slots: 2}}"},
    {"so does ~, and a third file puts it back", "limits: {a: {slots: 1}}", "limits: {a: ~}",
     "limits: {a: {slots: 3}}", "limits: {a: {slots: 3}}"},
    {"null twice", "limits: {a: {slots: 1}}", "limits: {a: null}", "limits: {a: null}", ""},
    {"null puts a key back to its default", "http: {idle_ms: 1000, body_ms: 1000}",
     "http: {idle_ms: null}", "", "http: {body_ms: 1000}"},
    {"null takes a section back to its defaults", "http: {idle_ms: 1000}", "http: null", "", ""},
    {"nothing written changes nothing", "http: {idle_ms: 1000}", "http:\n", "http:\n  idle_ms:\n",
     "http: {idle_ms: 1000}"},
    {"nor does an empty variable", "http: {idle_ms: 1000}", "http:\n  idle_ms: ${WEIR_TEST_NO:-}\n",
     "", "http: {idle_ms: 1000}"},
};

static json_t *read_three(const char *first, const char *second, const char *third)
{
    const bytes_t texts[] = {bytes_str(first), bytes_str(second), bytes_str(third)};
    const char *const names[] = {"weir.yaml", "10.yaml", "20.yaml"};
    config_found_t found = {0};
    said_t said = {0};
    if (config_find_texts(texts, names, 3, &found, hear, &said))
        fail_msg("%s | %s | %s: %s", first, second, third, said.text);
    json_t *json = json_incref(found.json);
    config_found_clear(&found);
    return json;
}

static void drop_ins_change_what_they_say_and_nothing_else(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_NO");
    for (size_t i = 0; i < COUNT_OF(merges); i++) {
        json_t *made = read_three(merges[i].first, merges[i].second, merges[i].third),
               *wanted = read_three(merges[i].same_as, "", "");
        if (!json_equal(made, wanted))
            fail_msg("%s", merges[i].what);
        json_decref(made);
        json_decref(wanted);
    }
}

/* ---- where it came from ---- */

static void source_of(const json_t *rows, const char *key, char *out, size_t size)
{
    size_t i;
    json_t *row;
    *out = '\0';
    json_array_foreach((json_t *)rows, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "key")), key) == 0)
            config_value_source(row, out, size);
    }
}

static const struct {
    const char *key, *source;
} sources[] = {
    {"http.idle_ms", "default"},
    {"http.body_ms", "weir.yaml:1:17"},
    {"http.header_ms", "${WEIR_TEST_MS} of 10.yaml:2:14"},
    {"limits.a.slots", "${WEIR_TEST_NO:-10000} of 10.yaml:4:14"},
    {"state_dir", "--state"},
    {"log.journal", "--foreground"},
    {"log.level", "${WEIR_TEST_EMPTY} ${WEIR_TEST_NO:-o} of 10.yaml:5:14"},
    {"routes.r.path", "weir.yaml:5:11"},
    {"routes.r.steps[s].attempts", "default"},
    {"routes.r.steps[s].classify.otherwise", "weir.yaml:7:45"},
    {"routes.r.steps[s].on_unknown", "default"},
};

static void every_value_knows_where_it_came_from(void **state)
{
    static const char first[] = "http: {body_ms: 1000}\n"
                                "sources: {s: {auth: none-on-loopback}}\n"
                                "routes:\n"
                                "  r:\n"
                                "    path: /r\n"
                                "    source: s\n"
                                "    steps: [{name: s, classify: {otherwise: o}}]\n",
                      second[] = "http:\n  header_ms: ${WEIR_TEST_MS}\n"
                                 "limits:\n  a: {slots: '${WEIR_TEST_NO:-10000}'}\n"
                                 "log: {level: 'inf${WEIR_TEST_EMPTY}${WEIR_TEST_NO:-o}'}\n";
    const bytes_t texts[] = {bytes_str(first), bytes_str(second)};
    const char *const names[] = {"weir.yaml", "10.yaml"};
    config_found_t found = {0};
    said_t said = {0};
    char source[512];
    (void)state;
    setenv("WEIR_TEST_MS", "1234", 1);
    setenv("WEIR_TEST_EMPTY", "", 1);
    unsetenv("WEIR_TEST_NO");
    if (config_find_texts(texts, names, 2, &found, hear, &said))
        fail_msg("%s", said.text);
    config_found_override(&found, "state_dir", json_string("/x"), "--state");
    config_found_override(&found, "log.journal", json_false(), "--foreground");
    json_t *rows = config_found_values(&found, CONFIG_ALL);
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        source_of(rows, sources[i].key, source, sizeof source);
        if (strcmp(source, sources[i].source) != 0)
            fail_msg("%s: %s, not %s", sources[i].key, source, sources[i].source);
    }
    assert_false(json_is_true(json_object_get(json_object_get(found.json, "log"), "journal")));
    json_decref(rows);
    config_found_clear(&found);
}

static void a_file_of_overrides_is_taken_as_it_is_given(void **state)
{
    static const struct {
        const char *file, *says; /* NULL: fine */
    } rows[] = {
        {"{\"a/b\":3,\"default\":1}", NULL},
        {"{\"a/b\":{\"slots\":3,\"cap\":0},\"default\":{\"cap\":9}}", NULL},
        {"{\"a/b\":-1}", "runners.json: a/b is no whole number from 0, nor {\"slots\""},
        {"{\"a/b\":\"3\"}", "a/b is no whole number"},
        {"{\"a/b\":{}}", "a/b is no whole number"},
        {"{\"a/b\":{\"slots\":3,\"cups\":1}}", "a/b is no whole number"},
        {"{\"a/b\":{\"rate\":3}}", "weir.yaml:1:88: overrides: a/b has rate, and limit l has none"},
        {"{\"a/b\":1000001}", "overrides: a/b: slots is at most 1000000"},
        {"[3]", "is not one JSON object"},
    };
    const folder_t *f = *state;
    write_file(f, "weir.yaml",
               "limits: {l: {slots: 5, cap: {count: 7}, per: [key], overrides: {c: 2}, "
               "overrides_file: runners.json}}\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_t *json = NULL;
        said_t said;
        write_file(f, "runners.json", rows[i].file);
        int error = read_file(f, "weir.yaml", &json, &said);
        if ((error == 0) != (rows[i].says == NULL) ||
            (rows[i].says && !strstr(said.text, rows[i].says)))
            fail_msg("%s: %s", rows[i].file, said.text);
        json_decref(json);
    }
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, new_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(drop_ins_merge_in_the_order_of_their_names),
        IN_A_FOLDER(a_mistake_in_a_drop_in_names_the_drop_in),
        IN_A_FOLDER(a_file_that_cannot_be_read_is_told),
        IN_A_FOLDER(the_order_is_of_the_names_over_all_directories),
        IN_A_FOLDER(a_name_in_a_higher_directory_masks_the_lower_ones),
        IN_A_FOLDER(a_link_to_dev_null_disables_a_name),
        IN_A_FOLDER(a_file_elsewhere_has_only_the_conf_d_beside_it),
        IN_A_FOLDER(a_drop_in_of_somebody_else_is_refused),
        IN_A_FOLDER(a_file_of_overrides_is_taken_as_it_is_given),
        cmocka_unit_test(drop_ins_change_what_they_say_and_nothing_else),
        cmocka_unit_test(every_value_knows_where_it_came_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
