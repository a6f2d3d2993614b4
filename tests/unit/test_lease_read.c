/* What requests about leases say, and what is refused. */
#include "tests/unit/steps.h"

#include "actors/ingress/lease_read.h"
#include "core/json_text.h"

static const char yaml[] = "limits:\n"
                           "  calls: {slots: 10}\n"
                           "  campaign: {slots: 3, per: campaign}\n"
                           "  shift: {slots: 3, per: [site, team]}\n"
                           "  fair: {slots: 8, per: site, share_by: repo, max_share_percent: 25}\n"
                           "  wide: {slots: 3, per: [a, b, c, d]}\n"
                           "  wider: {slots: 3, per: [a, b, c, d]}\n"
                           "  widest: {slots: 3, per: [a, b, c, d]}\n"
                           "  wild: {slots: 3, per: [a, b, c, d]}\n";

static config_t *config;

static int open_config(void **state)
{
    (void)state;
    config = steps_config(yaml);
    return 0;
}

static int close_config(void **state)
{
    (void)state;
    config_destroy(&config);
    return 0;
}

static bool read_as(const char *text, int order, lease_wanted_t *out, lease_doubt_t *why)
{
    json_t *json = json_text_parse(bytes_str(text), NULL);
    assert_non_null(json);
    bool good = order < 0 ? lease_read_element(config, json, out, why)
                          : lease_read(config, json, (lease_order_t)order, out, why);
    json_decref(json);
    return good;
}

static void an_order_is_read_whole(void **state)
{
    lease_wanted_t w;
    lease_doubt_t why;
    (void)state;
    assert_true(
        read_as("{\"id\":\"call-1\",\"limits\":[\"calls\",{\"name\":\"campaign\",\"cost\":2},"
                "{\"name\":\"shift\",\"labels\":{\"team\":\"t\",\"more\":\"x\"}}],"
                "\"labels\":{\"campaign\":\"c42\",\"site\":\"s\",\"team\":\"not this\"},"
                "\"ttl_s\":60,\"holder\":\"dialer 7\"}",
                LEASE_ACQUIRE, &w, &why));
    assert_memory_equal(w.id, "call-1", w.id_len);
    assert_int_equal(w.limit_count, 3);
    assert_int_equal(w.limits[1], 1);
    assert_int_equal(w.ttl_ms, 60000);
    assert_memory_equal(w.holder, "dialer 7", w.holder_len);
    assert_true(bytes_is(bytes_of(w.text, w.text_len),
                         "[{\"name\":\"calls\",\"labels\":{},\"cost\":1},"
                         "{\"name\":\"campaign\",\"labels\":{\"campaign\":\"c42\"},\"cost\":2},"
                         "{\"name\":\"shift\",\"labels\":{\"site\":\"s\",\"team\":\"t\"},"
                         "\"cost\":1}]"));
}

static void the_label_that_a_limit_is_shared_by_is_said_too(void **state)
{
    lease_wanted_t w;
    lease_doubt_t why;
    (void)state;
    assert_true(read_as("{\"limits\":[\"fair\"],\"labels\":{\"site\":\"s\",\"repo\":\"r\"}}",
                        LEASE_ACQUIRE, &w, &why));
    assert_true(bytes_is(bytes_of(w.text, w.text_len),
                         "[{\"name\":\"fair\",\"labels\":{\"site\":\"s\",\"repo\":\"r\"},"
                         "\"cost\":1}]"));
    assert_false(
        read_as("{\"limits\":[\"fair\"],\"labels\":{\"site\":\"s\"}}", LEASE_ACQUIRE, &w, &why));
    assert_string_equal(why.pointer, "/limits/0/labels/repo");
}

static void an_element_of_a_batch_says_its_order(void **state)
{
    lease_wanted_t w;
    lease_doubt_t why;
    (void)state;
    assert_true(read_as("{\"limits\":[\"calls\"]}", -1, &w, &why));
    assert_int_equal(w.order, LEASE_ACQUIRE);
    assert_true(read_as("{\"order\":\"renew\",\"id\":\"x\",\"ttl_s\":5}", -1, &w, &why));
    assert_int_equal(w.order, LEASE_RENEW);
    assert_int_equal(w.ttl_ms, 5000);
    assert_true(read_as("{\"order\":\"release\",\"id\":\"x\",\"holder\":\"h\"}", -1, &w, &why));
    assert_int_equal(w.order, LEASE_RELEASE);
    assert_memory_equal(w.holder, "h", w.holder_len);
    assert_int_equal(w.text_len, 0);
}

static void what_cannot_be_is_refused_with_its_place(void **state)
{
    static const struct {
        int order;
        const char *text, *pointer, *detail;
    } rows[] = {
        {0, "[]", "", "no JSON object"},
        {0, "{}", "/limits", "list of 1 to 8"},
        {0, "{\"limits\":\"calls\"}", "/limits", "list"},
        {0, "{\"limits\":[]}", "/limits", "list"},
        {0, "{\"limits\":[\"calls\",\"calls\"]}", "/limits/1", "named twice"},
        {0, "{\"limits\":[1]}", "/limits/0", "a limit is"},
        {0, "{\"limits\":[null]}", "/limits/0", "a limit is"},
        {0, "{\"limits\":[\"nothing\"]}", "/limits/0", "no limit nothing"},
        {0, "{\"limits\":[{\"cost\":1}]}", "/limits/0", "a limit is"},
        {0, "{\"limits\":[{\"name\":\"calls\",\"slots\":1}]}", "/limits/0/slots", "not known"},
        {0, "{\"limits\":[{\"name\":\"calls\",\"cost\":0}]}", "/limits/0", "cost"},
        {0, "{\"limits\":[{\"name\":\"calls\",\"cost\":1.5}]}", "/limits/0", "cost"},
        {0, "{\"limits\":[{\"name\":\"calls\",\"cost\":65536}]}", "/limits/0", "cost"},
        {0, "{\"limits\":[{\"name\":\"calls\",\"labels\":[]}]}", "/limits/0/labels", "labels"},
        {0, "{\"limits\":[\"campaign\"]}", "/limits/0/labels/campaign", "counts by campaign"},
        {0, "{\"limits\":[\"campaign\"],\"labels\":{\"campaign\":7}}", "/limits/0/labels/campaign",
         "text"},
        {0, "{\"limits\":[\"campaign\"],\"labels\":{\"campaign\":\"\"}}",
         "/limits/0/labels/campaign", "text"},
        {0, "{\"limits\":[\"campaign\"],\"labels\":{\"campaign\":\"a\\nb\"}}",
         "/limits/0/labels/campaign", "text"},
        {0, "{\"limits\":[\"campaign\"],\"labels\":[]}", "/labels", "labels"},
        {0, "{\"limits\":[\"calls\"],\"ttl_s\":0}", "/ttl_s", "604800"},
        {0, "{\"limits\":[\"calls\"],\"ttl_s\":\"60\"}", "/ttl_s", "604800"},
        {0, "{\"limits\":[\"calls\"],\"ttl_s\":604801}", "/ttl_s", "604800"},
        {0, "{\"limits\":[\"calls\"],\"ttl_s\":-1}", "/ttl_s", "604800"},
        {0, "{\"limits\":[\"calls\"],\"ttl_s\":1e9}", "/ttl_s", "604800"},
        {0, "{\"limits\":[\"calls\"],\"id\":\"\"}", "/id", "1 to 128"},
        {0, "{\"limits\":[\"calls\"],\"id\":7}", "/id", "1 to 128"},
        {0, "{\"limits\":[\"calls\"],\"id\":\"a\\u0007\"}", "/id", "control"},
        {0, "{\"limits\":[\"calls\"],\"holder\":{}}", "/holder", "holder"},
        {0, "{\"limits\":[\"calls\"],\"order\":\"acquire\"}", "/order", "not known"},
        {0, "{\"limits\":[\"calls\"],\"priority\":1}", "/priority", "not known"},
        {1, "{\"ttl_s\":60,\"limits\":[\"calls\"]}", "/limits", "not known"},
        {-1, "7", "", "no JSON object"},
        {-1, "{\"order\":\"take\"}", "/order", "acquire, renew"},
        {-1, "{\"order\":1}", "/order", "acquire, renew"},
        {-1, "{\"order\":\"renew\"}", "/id", "which lease"},
        {-1, "{\"order\":\"release\",\"id\":\"\"}", "/id", "1 to 128"},
        {-1, "{\"order\":\"release\",\"id\":\"x\",\"limits\":[]}", "/limits", "not known"},
        {-1, "{\"order\":\"release\",\"id\":\"x\",\"ttl_s\":5}", "/ttl_s", "not known"},
        {-1, "{\"order\":\"look\",\"id\":\"x\",\"holder\":\"h\"}", "/holder", "not known"},
        {1, "{\"ttl_s\":60,\"id\":\"x\"}", "/id", "not known"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        lease_wanted_t w;
        lease_doubt_t why;
        if (read_as(rows[i].text, rows[i].order, &w, &why))
            fail_msg("%s was taken", rows[i].text);
        assert_int_equal(why.problem.kind, PROBLEM_UNPROCESSABLE);
        assert_string_equal(why.pointer, rows[i].pointer);
        assert_contains(why.detail, rows[i].detail);
        assert_int_equal(w.text_len, 0);
    }
}

static void texts_over_their_bound_are_refused(void **state)
{
    char text[20000];
    lease_wanted_t w;
    lease_doubt_t why;
    (void)state;
    snprintf(text, sizeof text, "{\"limits\":[\"calls\"],\"id\":\"%0*d\"}", 129, 7);
    assert_false(read_as(text, LEASE_ACQUIRE, &w, &why));
    snprintf(text, sizeof text, "{\"limits\":[\"calls\"],\"id\":\"%0*d\"}", 128, 7);
    assert_true(read_as(text, LEASE_ACQUIRE, &w, &why));
    snprintf(text, sizeof text, "{\"limits\":[\"campaign\"],\"labels\":{\"campaign\":\"%0*d\"}}",
             513, 7);
    assert_false(read_as(text, LEASE_ACQUIRE, &w, &why));
}

static void limits_that_are_too_long_together_are_refused(void **state)
{
    char text[4096];
    lease_wanted_t w;
    lease_doubt_t why;
    (void)state;
    for (int fourth = 0; fourth < 2; fourth++) {
        snprintf(text, sizeof text,
                 "{\"limits\":[\"wide\",\"wider\",\"widest\"%s],\"labels\":"
                 "{\"a\":\"%0512d\",\"b\":\"%0512d\",\"c\":\"%0512d\",\"d\":\"%0512d\"}}",
                 fourth ? ",\"wild\"" : "", 1, 2, 3, 4);
        assert_int_equal(read_as(text, LEASE_ACQUIRE, &w, &why), !fourth);
    }
    assert_string_equal(why.pointer, "/limits");
    assert_contains(why.detail, "too long together");
}

static void ids_in_paths_are_decoded_and_encoded(void **state)
{
    static const struct {
        const char *path, *id, *back;
    } rows[] = {{"call-1", "call-1", "call-1"},
                {"a%2Fb%20c", "a/b c", "a%2Fb%20c"},
                {"a:b", "a:b", "a%3Ab"},
                {"%C3%A9", "\xc3\xa9", "%C3%A9"},
                {"%7e", "~", "~"}};
    static const char *const bad[] = {"",    "a/b", "%",         "%4",   "%zz", "%00", "%0a",
                                      "%ff", "%c3", "%ed%a0%80", "a%7f", "%4g", "x%2"};
    lease_wanted_t w;
    char back[3 * LEASE_NAME_BYTES_MAX + 1], text[400];
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_true(lease_id_of_path(bytes_str(rows[i].path), &w));
        assert_int_equal(w.id_len, strlen(rows[i].id));
        assert_memory_equal(w.id, rows[i].id, w.id_len);
        lease_id_to_path(bytes_of(w.id, w.id_len), back);
        assert_string_equal(back, rows[i].back);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (lease_id_of_path(bytes_str(bad[i]), &w))
            fail_msg("%s was taken", bad[i]);
    snprintf(text, sizeof text, "%0*d", 129, 7);
    assert_false(lease_id_of_path(bytes_str(text), &w));
    assert_true(lease_id_of_path(bytes_of(text, 128), &w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_read_whole),
        cmocka_unit_test(the_label_that_a_limit_is_shared_by_is_said_too),
        cmocka_unit_test(an_element_of_a_batch_says_its_order),
        cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
        cmocka_unit_test(texts_over_their_bound_are_refused),
        cmocka_unit_test(limits_that_are_too_long_together_are_refused),
        cmocka_unit_test(ids_in_paths_are_decoded_and_encoded),
    };
    return cmocka_run_group_tests(tests, open_config, close_config);
}
