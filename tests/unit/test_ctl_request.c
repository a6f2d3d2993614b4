/* Lines of the people's socket: what is a request, what is refused and why. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "supervisor/ctl_server.h"

#define ID "01J9ZQ4T6W3V8X2M5N7P1R0SAB"

static int read_line(const char *line, ctl_request_t *out, char why[256])
{
    why[0] = '\0';
    return ctl_request_read(bytes_str(line), out, why, 256);
}

static void requests_are_taken_with_their_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum ctl_verb_id verb;
        size_t args;
    } rows[] = {
        {"{\"verb\":\"status\"}", CTL_VERB_STATUS, 0},
        {"{\"verb\":\"status\",\"args\":{}}", CTL_VERB_STATUS, 0},
        {" {\"args\": {\"id\": \"" ID "\"}, \"verb\": \"why\"} ", CTL_VERB_WHY, 1},
        {"{\"verb\":\"ls\",\"args\":{\"state\":\"dead\",\"after\":0,\"most\":5,\"newest\":true}}",
         CTL_VERB_LS, 4},
        {"{\"verb\":\"dead.redrive\",\"args\":{\"all\":true,\"rate\":3}}", CTL_VERB_DEAD_REDRIVE,
         2},
        {"{\"verb\":\"dead.redrive\",\"args\":{\"id\":\"" ID "\"}}", CTL_VERB_DEAD_REDRIVE, 1},
        {"{\"verb\":\"mode\",\"args\":{\"mode\":\"normal\",\"why\":\"\xc3\xa4\"}}", CTL_VERB_MODE,
         2},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        ctl_request_t request;
        char why[256];
        if (read_line(rows[n].line, &request, why) != 0)
            fail_msg("%s: %s", rows[n].line, why);
        assert_int_equal(request.verb->id, rows[n].verb);
        assert_int_equal(json_object_size(request.args), rows[n].args);
        ctl_request_clear(&request);
    }
}

static void what_is_no_request_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int error;
        const char *part; /* of the reason */
    } rows[] = {
        {"", -EBADMSG, "not a JSON object"},
        {"GET / HTTP/1.1", -EBADMSG, "not a JSON object"},
        {"[1,2]", -EBADMSG, "not a JSON object"},
        {"\"status\"", -EBADMSG, "not a JSON object"},
        {"{\"verb\":\"status\"", -EBADMSG, "not a JSON object"},
        {"{\"verb\":\"status\",\"verb\":\"stop\"}", -EBADMSG, "not a JSON object"},
        {"{\"verb\":\"status\"} {\"verb\":\"stop\"}", -EBADMSG, "not a JSON object"},
        {"{\"verb\":7}", -EBADMSG, "a request is"},
        {"{\"args\":{}}", -EBADMSG, "a request is"},
        {"{\"verb\":\"status\",\"args\":[]}", -EBADMSG, "a request is"},
        {"{\"verb\":\"status\",\"more\":1}", -EBADMSG, "a request is"},
        {"{\"verb\":\"\"}", -EINVAL, "no verb \"\""},
        {"{\"verb\":\"statu\"}", -EINVAL, "no verb \"statu\""},
        {"{\"verb\":\"status\",\"args\":{\"x\":1}}", -EINVAL, "no argument \"x\""},
        {"{\"verb\":\"show\"}", -EINVAL, "needs \"id\""},
        {"{\"verb\":\"show\",\"args\":{\"id\":\"short\"}}", -EINVAL, "26 characters"},
        {"{\"verb\":\"show\",\"args\":{\"id\":7}}", -EINVAL, "26 characters"},
        {"{\"verb\":\"ls\",\"args\":{\"most\":-1}}", -EINVAL, "not negative"},
        {"{\"verb\":\"ls\",\"args\":{\"most\":9007199254740992}}", -EINVAL, "whole number"},
        {"{\"verb\":\"ls\",\"args\":{\"most\":1.5}}", -EINVAL, "whole number"},
        {"{\"verb\":\"ls\",\"args\":{\"most\":\"5\"}}", -EINVAL, "whole number"},
        {"{\"verb\":\"ls\",\"args\":{\"newest\":1}}", -EINVAL, "true or false"},
        {"{\"verb\":\"ls\",\"args\":{\"route\":\"\"}}", -EINVAL, "a name"},
        {"{\"verb\":\"ls\",\"args\":{\"route\":null}}", -EINVAL, "a name"},
        {"{\"verb\":\"dead.redrive\"}", -EINVAL, "needs one of"},
        {"{\"verb\":\"dead.redrive\",\"args\":{\"all\":false}}", -EINVAL, "needs one of"},
        {"{\"verb\":\"dead.redrive\",\"args\":{\"all\":true,\"route\":\"r\"}}", -EINVAL, "one of"},
        {"{\"verb\":\"actors.restart\"}", -EINVAL, "needs \"name\""},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        ctl_request_t request = {0};
        char why[256];
        if (read_line(rows[n].line, &request, why) != rows[n].error || !strstr(why, rows[n].part))
            fail_msg("%s: %s", rows[n].line, why);
        assert_null(request.verb);
        assert_null(request.args);
    }
}

static void a_name_and_a_text_end_at_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *verb, *arg;
        size_t most;
    } rows[] = {{"actors.restart", "name", CTL_NAME_MAX}, {"drain", "why", CTL_TEXT_MAX}};
    for (size_t n = 0; n < COUNT_OF(rows); n++)
        for (size_t over = 0; over < 2; over++) {
            char value[600] = "", line[800], why[256];
            memset(value, 'x', rows[n].most + over);
            snprintf(line, sizeof line, "{\"verb\":\"%s\",\"args\":{\"%s\":\"%s\"}}", rows[n].verb,
                     rows[n].arg, value);
            ctl_request_t request = {0};
            assert_int_equal(read_line(line, &request, why), over ? -EINVAL : 0);
            ctl_request_clear(&request);
        }
}

static void a_line_that_is_too_long_or_nests_without_end_is_refused(void **state)
{
    (void)state;
    char *line = malloc(CTL_LINE_MAX), why[256];
    ctl_request_t request = {0};
    assert_non_null(line);
    memset(line, ' ', CTL_LINE_MAX);
    assert_int_equal(ctl_request_read(bytes_of(line, CTL_LINE_MAX), &request, why, sizeof why),
                     -EBADMSG);
    memset(line, '[', CTL_LINE_MAX);
    assert_int_equal(ctl_request_read(bytes_of(line, CTL_LINE_MAX - 1), &request, why, sizeof why),
                     -EBADMSG);
    free(line);
}

static void the_table_of_verbs_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < CTL_VERB_COUNT; i++) {
        const ctl_verb_t *v = &ctl_verbs[i];
        assert_int_equal(v->id, i);
        assert_ptr_equal(ctl_verb_find(v->name), v); /* no name twice */
        assert_in_range(v->permission, v->answerer == CTL_TOOL ? CTL_NOBODY : CTL_VIEWER,
                        CTL_ADMIN);
        assert_memory_equal(v->example, "weirctl ", 8);
        if (v->changes)
            assert_true(v->permission >= CTL_OPERATOR); /* who may only look changes nothing */
        size_t args = 0;
        while (v->args[args].name)
            args++;
        assert_true(args <= CTL_ARGS_MAX);
    }
}

static void the_best_of_a_peers_groups_counts(void **state)
{
    (void)state;
    static const ctl_groups_t all = {.viewer = 10, .operator_ = 20, .admin = 30};
    static const ctl_groups_t same = {.viewer = 10, .operator_ = 10, .admin = (gid_t)-1};
    static const ctl_groups_t none = {(gid_t)-1, (gid_t)-1, (gid_t)-1};
    static const struct {
        const char *label;
        const ctl_groups_t *groups;
        gid_t peer[3];
        enum ctl_permission permission;
    } rows[] = {
        {"no group of ours", &all, {1, 2, 3}, CTL_NOBODY},
        {"viewer", &all, {1, 10, 3}, CTL_VIEWER},
        {"operator and viewer", &all, {10, 20, 3}, CTL_OPERATOR},
        {"all of them", &all, {30, 20, 10}, CTL_ADMIN},
        {"one group for two", &same, {10, 1, 1}, CTL_OPERATOR},
        {"no groups configured", &none, {1, 2, 0}, CTL_NOBODY},
        {"a group without a number is nobody's", &none, {(gid_t)-1, 1, 2}, CTL_NOBODY},
    };
    for (size_t n = 0; n < COUNT_OF(rows); n++)
        if (ctl_permission_of(rows[n].groups, rows[n].peer, 3) != rows[n].permission)
            fail_msg("%s", rows[n].label);
}

static void a_failure_says_what_and_what_to_do(void **state)
{
    (void)state;
    json_t *with = ctl_failure(404, "no", "look"), *without = ctl_failure(503, "later", NULL);
    char *a = json_dumps(with, JSON_COMPACT), *b = json_dumps(without, JSON_COMPACT);
    assert_string_equal(a, "{\"ok\":false,\"status\":404,\"error\":\"no\",\"hint\":\"look\"}");
    assert_string_equal(b, "{\"ok\":false,\"status\":503,\"error\":\"later\"}");
    free(a);
    free(b);
    json_decref(with);
    json_decref(without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_with_their_arguments),
        cmocka_unit_test(what_is_no_request_is_refused_with_a_reason),
        cmocka_unit_test(a_name_and_a_text_end_at_their_bounds),
        cmocka_unit_test(a_line_that_is_too_long_or_nests_without_end_is_refused),
        cmocka_unit_test(the_table_of_verbs_is_sound),
        cmocka_unit_test(the_best_of_a_peers_groups_counts),
        cmocka_unit_test(a_failure_says_what_and_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
