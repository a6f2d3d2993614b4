/* Keys by what a person types, and the table as a schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "sys/config_explain.h"
#include "sys/config_schema.h"

static const struct {
    const char *typed, *key; /* NULL: none */
} meant[] = {
    {"http.idle_ms", "http.idle_ms"},
    {"http", "http"},
    {"routes", "routes"},
    {"routes.tickets", "routes"},
    {"routes.*.key", "routes.*.key"},
    {"routes.tickets.key", "routes.*.key"},
    {"routes.tickets.steps", "routes.*.steps"},
    {"routes.tickets.steps[tag]", "routes.*.steps"},
    {"routes.*.steps[].limits", "routes.*.steps[].limits"},
    {"routes.tickets.steps[tag].limits", "routes.*.steps[].limits"},
    {"routes.tickets.steps.limits", "routes.*.steps[].limits"},
    {"routes.tickets.steps[0].classify.rules[3].when", "routes.*.steps[].classify.rules[].when"},
    {"idle_ms", NULL},
    {"http.idle_ms.more", NULL},
    {"routes.tickets.steps[tag].nothing", NULL},
    {"routes[tickets].key", NULL},
    {"http[0]", NULL},
    {"", NULL},
    {"..", NULL},
    {"[", NULL},
};

static void a_key_is_found_by_path_with_names_or_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(meant); i++) {
        const config_key_t *key = config_key_meant(meant[i].typed);
        const char *path = key ? key->path : NULL;
        if (!path != !meant[i].key || (path && strcmp(path, meant[i].key) != 0))
            fail_msg("%s: %s", meant[i].typed, path ? path : "none");
    }
}

static void every_key_of_the_table_is_meant_by_its_own_path(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_key_count(); i++)
        assert_ptr_equal(config_key_meant(config_key_at(i)->path), config_key_at(i));
}

static void values_are_meant_by_names_and_by_stars(void **state)
{
    static const char path[] = "routes.tickets.steps[tag].limits";
    (void)state;
    assert_true(config_path_is_meant(path, path));
    assert_true(config_path_is_meant("routes.*.steps[].limits", path));
    assert_true(config_path_is_meant("routes.tickets.steps.limits", path));
    assert_true(config_path_is_meant("routes.tickets", path));
    assert_true(config_path_is_meant("routes.tickets.steps[tag]", path));
    assert_false(config_path_is_meant("routes.tickets.steps[reply].limits", path));
    assert_false(config_path_is_meant("routes.hooks.steps[].limits", path));
    assert_false(config_path_is_meant("routes.tickets.steps[tag].limits.more", path));
}

static void like_keys_are_those_that_end_so_or_nearly(void **state)
{
    const config_key_t *like[CONFIG_LIKE_MAX];
    (void)state;
    assert_int_equal(config_keys_like("idle_ms", like), 1);
    assert_string_equal(like[0]->path, "http.idle_ms");
    assert_int_equal(config_keys_like("http.idel_ms", like), 1);
    assert_true(config_keys_like("limits", like) > 1);
    assert_int_equal(config_keys_like("no_key_is_like_this_one", like), 0);
}

static void what_is_explained_is_what_the_table_says(void **state)
{
    (void)state;
    json_t *j = config_explain(config_key_meant("log.level"));
    assert_int_equal(json_array_size(json_object_get(j, "words")), 5);
    assert_string_equal(json_string_value(json_object_get(j, "default")), "info");
    assert_string_equal(json_string_value(json_object_get(j, "change")), "reload");
    assert_string_equal(json_string_value(json_object_get(j, "example")), "level: info");
    json_decref(j);
    j = config_explain(config_key_meant("state_dir"));
    assert_string_equal(json_string_value(json_object_get(j, "change")), "restart");
    json_decref(j);
    j = config_explain(config_key_meant("limits"));
    assert_true(json_array_size(json_object_get(j, "keys")) > 3);
    assert_null(json_object_get(j, "change"));
    json_decref(j);
}

static size_t count_descriptions(const json_t *json)
{
    const char *name;
    json_t *value;
    size_t i, count = json_is_string(json_object_get(json, "description"));
    json_object_foreach((json_t *)json, name, value) count += count_descriptions(value);
    json_array_foreach((json_t *)json, i, value) count += count_descriptions(value);
    return count;
}

static void every_key_is_in_the_schema(void **state)
{
    (void)state;
    json_t *schema = config_schema();
    assert_int_equal(count_descriptions(schema), config_key_count() + 1); /* and its own */
    json_decref(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_by_path_with_names_or_without),
        cmocka_unit_test(every_key_of_the_table_is_meant_by_its_own_path),
        cmocka_unit_test(values_are_meant_by_names_and_by_stars),
        cmocka_unit_test(like_keys_are_those_that_end_so_or_nearly),
        cmocka_unit_test(what_is_explained_is_what_the_table_says),
        cmocka_unit_test(every_key_is_in_the_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
