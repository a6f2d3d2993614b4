/* Samples read again: as JSON, as the short story, and in the page about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/accept.h"
#include "sys/metrics_family.h"
#include "sys/metrics_read.h"
#include "tests/generated.h"

static char page[1 << 20], other[1 << 20];

static bytes_t none(void) { return bytes_of(NULL, 0); }

/* A limiter and an ingress with everything in it that the short story tells. */
static size_t told(bytes_t texts[2])
{
    metrics_t *limiter = metrics_new(), *ingress = metrics_new();
    metrics_add(ingress, METRIC_REQUESTS, bytes_str("202"), 7);
    metrics_add(ingress, METRIC_REQUESTS, bytes_str("503"), 1);
    metrics_observe(ingress, METRIC_ACK_SECONDS, none(), 0.02);
    metrics_add(limiter, METRIC_VERDICTS, bytes_str("accepted"), 7);
    metrics_set(limiter, METRIC_QUEUED, bytes_str("queued"), 3);
    metrics_set(limiter, METRIC_QUEUED, bytes_str("assigned"), 2);
    metrics_set(limiter, METRIC_WAITING, bytes_str("limit"), 3);
    metrics_set(limiter, METRIC_OLDEST_SECONDS, none(), 1.5);
    metrics_set(limiter, METRIC_DEAD_LETTERS, none(), 4);
    metrics_add(limiter, METRIC_DEAD, bytes_str("expired"), 5);
    metrics_set(limiter, METRIC_SLOTS, bytes_str("wri\"tes\\\n"), 2);
    metrics_set(limiter, METRIC_SLOTS_MAX, bytes_str("wri\"tes\\\n"), 8);
    metrics_set(limiter, METRIC_MODE, bytes_str("normal"), 1);
    metrics_set(limiter, METRIC_MODE, bytes_str("draining"), 0);
    metrics_set(limiter, METRIC_LOADING, none(), 0);
    metrics_set(limiter, METRIC_DISK_FREE, none(), NAN);
    texts[0] = bytes_of(page, metrics_samples(limiter, "limiter", 0, page, sizeof page));
    texts[1] = bytes_of(other, metrics_samples(ingress, "ingress", 0, other, sizeof other));
    metrics_destroy(&limiter);
    metrics_destroy(&ingress);
    return 2;
}

static void assert_json(json_t *json, const char *wanted)
{
    json_t *right = json_loads(wanted, 0, NULL);
    assert_non_null(right);
    if (!json_equal(json, right)) {
        char *text = json_dumps(json, JSON_INDENT(1));
        fail_msg("%s", text);
    }
    json_decref(right);
}

static void the_short_story_sums_up_all_actors(void **state)
{
    (void)state;
    bytes_t texts[2];
    json_t *json = metrics_summary(texts, told(texts));
    assert_json(json, "{\"requests\": {\"202\": 7, \"503\": 1}, \"verdicts\": {\"accepted\": 7},"
                      " \"queue\": {\"queued\": 3, \"assigned\": 2}, \"waiting\": {\"limit\": 3},"
                      " \"queue_bytes\": null, \"oldest_age_seconds\": 1.5, \"dead_letters\": 4,"
                      " \"dead\": {\"expired\": 5}, \"restarts\": {}, \"disk_free_bytes\": null,"
                      " \"limits\": {\"wri\\\"tes\\\\\\n\": {\"in_use\": 2, \"slots\": 8}},"
                      " \"mode\": \"normal\", \"loading\": false}");
    json_decref(json);
    texts[0] = texts[1]; /* two ingresses are added up */
    json = metrics_summary(texts, 2);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "requests"), "202")),
                     14);
    assert_true(json_is_null(json_object_get(json, "loading")));
    assert_true(json_is_null(json_object_get(json, "mode")));
    json_decref(json);
}

static json_t *sample(json_t *all, const char *family, size_t n)
{
    return json_array_get(json_object_get(json_object_get(all, family), "samples"), n);
}

static void the_json_has_every_family_and_sample(void **state)
{
    (void)state;
    bytes_t texts[2];
    json_t *json = metrics_json(texts, told(texts));
    assert_int_equal(json_object_size(json), METRIC_COUNT);
    assert_json(sample(json, "weir_slots", 0),
                "{\"name\": \"weir_slots\", \"value\": 8, \"labels\": {\"actor\": \"limiter\","
                " \"instance\": \"0\", \"limit\": \"wri\\\"tes\\\\\\n\"}}");
    json_t *ack = json_object_get(json, "weir_ack_duration_seconds");
    assert_string_equal(json_string_value(json_object_get(ack, "type")), "histogram");
    json_t *samples = json_object_get(ack, "samples");
    size_t count = json_array_size(samples);
    json_t *last = json_array_get(samples, count - 1), *sum = json_array_get(samples, count - 2);
    assert_string_equal(json_string_value(json_object_get(last, "name")),
                        "weir_ack_duration_seconds_count");
    assert_true(json_real_value(json_object_get(sum, "value")) == 0.02);
    json_t *bucket = json_array_get(samples, 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(bucket, "labels"), "le")),
                        "0.0005");
    assert_true(json_is_null(json_object_get(sample(json, "weir_disk_free_bytes", 0), "value")));
    json_decref(json);
}

static void collect(void *arg, const metric_sample_t *s) { *(double *)arg += s->value; }

static void what_is_no_sample_is_passed_over(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "weir_commits_total 4\n",       "weir_commits_total{} \n",
        "weir_commits_total{} 4",       "weir_commits_total{} 4x\n",
        "weir_commits_total}{ 4\n",     "weir_commits_total_x{} 4\n",
        "weir_commits_total_sum{} 4\n", "}\n{\n\n \n",
        "weir_commits_total{}4\n",      "x{} 4\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        double sum = 0;
        bytes_t text = bytes_str(lines[i]);
        metrics_each(&text, 1, METRIC_COMMITS, collect, &sum);
        if (sum != 0)
            fail_msg("%s", lines[i]);
    }
    double sum = 0;
    bytes_t text = bytes_str("junk\nweir_commits_total{a=\"}\"} 4\n");
    metrics_each(&text, 1, METRIC_COMMITS, collect, &sum);
    assert_true(sum == 4);
}

static void labels_that_are_none_end_the_list(void **state)
{
    (void)state;
    static const char *const labels[] = {"",      "a",       "a=", "a=b", "a=\"",
                                         "a=\"b", "a=\"b\\", "=",  ","};
    for (size_t i = 0; i < COUNT_OF(labels); i++) {
        char value[METRIC_LABEL_TEXT];
        bytes_t name, rest = bytes_str(labels[i]);
        if (metric_label_next(&rest, &name, value))
            fail_msg("%s", labels[i]);
    }
}

static void json_is_for_those_who_ask_for_it(void **state)
{
    static const struct {
        const char *accept;
        bool json;
    } rows[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"application/json", true},
        {"Application/JSON ; charset=utf-8", true},
        {"application/json, text/plain, */*", true},
        {"text/html,application/xhtml+xml,*/*;q=0.8", false},
        {"application/json;q=0.5, text/plain;q=0.9", false},
        {"text/plain;version=0.0.4;q=0.5, application/json;q=0.6", true},
        {"application/json;q=0", false},
        {"application/json;q=nonsense", false},
        {"application/jsonl", false},
        {"application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/"
         "*;q=0.1",
         false},
        {",,;,application/json", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (accept_prefers(bytes_str(rows[i].accept), "application/json", "text/plain") !=
            rows[i].json)
            fail_msg("%s", rows[i].accept ? rows[i].accept : "none");
}

static void the_page_of_the_metrics_is_fresh(void **state)
{
    (void)state;
    assert_fresh("docs/METRICS.md", metrics_write_reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_short_story_sums_up_all_actors),
        cmocka_unit_test(the_json_has_every_family_and_sample),
        cmocka_unit_test(what_is_no_sample_is_passed_over),
        cmocka_unit_test(labels_that_are_none_end_the_list),
        cmocka_unit_test(json_is_for_those_who_ask_for_it),
        cmocka_unit_test(the_page_of_the_metrics_is_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
