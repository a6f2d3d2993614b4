#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/template.h"

static const char body[] =
    "{\"id\":\"T 1/2\",\"n\":42,\"r\":1.5,\"yes\":true,\"o\":{\"a\":[1]},\"empty\":\"\","
    "\"dots\":\"..\",\"nl\":\"a\\r\\nb\",\"null\":null,\"uml\":\"\xc3\xa4\","
    "\"trick\":\"${/message/n}\",\"nul\":\"a\\u0000b\",\"del\":\"a\\u007fb\"}";

static document_t *document(void)
{
    return document_new(&(document_parts_t){.body = bytes_str(body), .id = bytes_str("ID")});
}

static const struct {
    enum template_escape escape;
    const char *text, *out;
    int error;
} texts[] = {
    {TEMPLATE_PLAIN, "", "", 0},
    {TEMPLATE_PLAIN, "plain $ { } text", "plain $ { } text", 0},
    {TEMPLATE_PLAIN, "a ${/message/id} b", "a T 1/2 b", 0},
    {TEMPLATE_PLAIN, "${/message/n}${/message/r}${/message/yes}", "421.5true", 0},
    {TEMPLATE_PLAIN, "${/message/o}", "{\"a\":[1]}", 0},
    {TEMPLATE_PLAIN, "${/message/none:-else} ${/message/null:-}", "else ", 0},
    {TEMPLATE_PLAIN, "${/message/empty:-else}", "", 0},
    {TEMPLATE_PLAIN, "$${/message/id}", "${/message/id}", 0},
    {TEMPLATE_PLAIN, "$$${/id}", "$${/id}", 0},
    {TEMPLATE_PLAIN, "${/message/trick}", "${/message/n}", 0}, /* a value is not looked at again */
    {TEMPLATE_PLAIN, "${/message/none}", NULL, -ENOENT},
    {TEMPLATE_PLAIN, "${/message/null}", NULL, -ENOENT},
    {TEMPLATE_PLAIN, "${message/id}", NULL, -EINVAL},
    {TEMPLATE_PLAIN, "${/message/id", NULL, -EINVAL},
    {TEMPLATE_PLAIN, "${}", NULL, -EINVAL},
    {TEMPLATE_PATH, "/v1/${/message/id}/x", "/v1/T%201%2F2/x", 0},
    {TEMPLATE_PATH, "/v1/${/message/uml}?q=${/message/nl}", "/v1/%C3%A4?q=a%0D%0Ab", 0},
    {TEMPLATE_PATH, "/v1/${/message/empty}/tags", NULL, -EINVAL},
    {TEMPLATE_PATH, "/v1?q=${/message/empty}", "/v1?q=", 0},
    {TEMPLATE_PATH, "/v1/${/message/dots}/admin", NULL, -EINVAL},
    {TEMPLATE_PATH, "/v1/x${/message/dots}", "/v1/x..", 0},
    {TEMPLATE_PATH, "/v1/.${/message/none:-.}", NULL, -EINVAL},
    {TEMPLATE_PATH, "/v1/${/message/o}", NULL, -EINVAL},
    {TEMPLATE_PATH, "/v1/${/message/nul}", "/v1/a%00b", 0},
    {TEMPLATE_HEADER, "n=${/message/n}", "n=42", 0},
    {TEMPLATE_HEADER, "${/message/nl}", NULL, -EINVAL},
    {TEMPLATE_HEADER, "${/message/nul}", NULL, -EINVAL},
    {TEMPLATE_HEADER, "${/message/del}", NULL, -EINVAL},
    {TEMPLATE_HEADER, "${/message/o}", NULL, -EINVAL},
};

static void texts_render_as_their_use_demands(void **state)
{
    (void)state;
    document_t *d = document();
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char out[128], why[160] = "";
        long n = template_text(bytes_str(texts[i].text), d, texts[i].escape, out, sizeof out, why,
                               sizeof why);
        if (texts[i].error ? n != texts[i].error || !*why
                           : n != (long)strlen(texts[i].out) || strcmp(out, texts[i].out) != 0)
            fail_msg("%s: %ld '%s' %s", texts[i].text, n, n >= 0 ? out : "", why);
    }
    document_destroy(&d);
}

static void the_reason_names_the_pointer(void **state)
{
    char out[16], why[160];
    (void)state;
    document_t *d = document();
    template_text(bytes_str("${/message/customer}"), d, TEMPLATE_PLAIN, out, sizeof out, why,
                  sizeof why);
    assert_non_null(strstr(why, "/message/customer is absent"));
    document_destroy(&d);
}

static void a_text_never_outgrows_its_room(void **state)
{
    (void)state;
    document_t *d = document();
    for (size_t size = 1; size < 12; size++) {
        char *out = malloc(size),
             why[80]; /* exactly sized: a byte beyond is seen by the sanitizer */
        long n = template_text(bytes_str("ab${/message/id}"), d, TEMPLATE_PLAIN, out, size, why,
                               sizeof why);
        assert_int_equal(n, size > 7 ? 7 : -ENOSPC);
        free(out);
    }
    document_destroy(&d);
}

static const struct {
    const char *json, *out;
} jsons[] = {
    {"{\"n\":\"${/message/n}\"}", "{\"n\":42}"},
    {"{\"n\":\" ${/message/n}\"}", "{\"n\":\" 42\"}"},
    {"[\"${/message/o}\",\"${/message/yes}\",null,3]", "[{\"a\":[1]},true,null,3]"},
    {"\"${/message/none:-fall}\"", "\"fall\""},
    {"{\"a\":{\"b\":[\"${/id}-${/message/n}\"]}}", "{\"a\":{\"b\":[\"ID-42\"]}}"},
    {"{\"${/id}\":1}", "{\"${/id}\":1}"}, /* names are never templates */
    {"[\"${/id}\",\"${/message/none}\"]", NULL},
    {"{\"a\":\"x ${/message/none}\"}", NULL},
};

static void json_keeps_types_and_fails_whole(void **state)
{
    (void)state;
    document_t *d = document();
    for (size_t i = 0; i < COUNT_OF(jsons); i++) {
        char why[160] = "";
        json_t *template = json_loads(jsons[i].json, JSON_DECODE_ANY, NULL);
        json_t *wanted = jsons[i].out ? json_loads(jsons[i].out, JSON_DECODE_ANY, NULL) : NULL;
        json_t *made = template_json(template, d, why, sizeof why);
        if (wanted ? !made || !json_equal(made, wanted) : made || !*why)
            fail_msg("%s: %s", jsons[i].json, why);
        json_decref(template);
        json_decref(wanted);
        json_decref(made);
    }
    document_destroy(&d);
}

static void a_long_value_fits_inside_json(void **state)
{
    static char long_body[9000], why[160];
    (void)state;
    strcpy(long_body, "{\"t\":\"");
    memset(long_body + 6, 'x', 8000);
    strcpy(long_body + 8006, "\"}");
    document_t *d = document_new(&(document_parts_t){.body = bytes_str(long_body)});
    json_t *template = json_string("<${/message/t}>");
    json_t *made = template_json(template, d, why, sizeof why);
    assert_int_equal(json_string_length(made), 8002);
    json_decref(template);
    json_decref(made);
    document_destroy(&d);
}

typedef struct seen {
    char text[256];
} seen_t;
static void note(void *arg, bytes_t pointer)
{
    seen_t *seen = arg;
    strncat(seen->text, (const char *)pointer.data, pointer.len);
    strcat(seen->text, " ");
}

static void every_place_is_called_back(void **state)
{
    seen_t seen = {""};
    (void)state;
    json_t *json =
        json_loads("{\"a\":[\"${/x:-d}${/y}\",{\"b\":\"$${/no} ${/z}\"}],\"c\":3}", 0, NULL);
    template_json_each(json, note, &seen);
    assert_string_equal(seen.text, "/x /y /z ");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_render_as_their_use_demands),
        cmocka_unit_test(the_reason_names_the_pointer),
        cmocka_unit_test(a_text_never_outgrows_its_room),
        cmocka_unit_test(json_keeps_types_and_fails_whole),
        cmocka_unit_test(a_long_value_fits_inside_json),
        cmocka_unit_test(every_place_is_called_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
