#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/metrics.h"

#define PAGE (1u << 20)
static char page[PAGE], other[PAGE], merged[PAGE];

static bytes_t none(void) { return bytes_of(NULL, 0); }

static const char *samples(const metrics_t *m)
{
    size_t len = metrics_samples(m, "limiter", 0, page, PAGE - 1);
    page[len] = '\0';
    return page;
}

static void counters_gauges_and_histograms_are_told(void **state)
{
    (void)state;
    metrics_t *m = metrics_new();
    metrics_add(m, METRIC_ACCEPTED, bytes_str("tickets"), 2);
    metrics_add(m, METRIC_ACCEPTED, bytes_str("tickets"), 3);
    metrics_set(m, METRIC_QUEUE_BYTES, none(), 1.5);
    metrics_set(m, METRIC_CPU_SECONDS, none(), 0.25);
    metrics_observe(m, METRIC_COMMIT_SECONDS, none(), 0.0005);
    metrics_observe(m, METRIC_COMMIT_SECONDS, none(), 0.003);
    metrics_observe(m, METRIC_COMMIT_SECONDS, none(), 61);
    const char *text = samples(m);
    static const char *const lines[] = {
        "weir_messages_accepted_total{actor=\"limiter\",instance=\"0\",route=\"tickets\"} 5\n",
        "weir_queue_bytes{actor=\"limiter\",instance=\"0\"} 1.5\n",
        "weir_process_cpu_seconds_total{actor=\"limiter\",instance=\"0\"} 0.25\n",
        "weir_commit_duration_seconds_bucket{actor=\"limiter\",instance=\"0\",le=\"0.0005\"} 1\n",
        "weir_commit_duration_seconds_bucket{actor=\"limiter\",instance=\"0\",le=\"0.0025\"} 1\n",
        "weir_commit_duration_seconds_bucket{actor=\"limiter\",instance=\"0\",le=\"0.005\"} 2\n",
        "weir_commit_duration_seconds_bucket{actor=\"limiter\",instance=\"0\",le=\"60\"} 2\n",
        "weir_commit_duration_seconds_bucket{actor=\"limiter\",instance=\"0\",le=\"+Inf\"} 3\n",
        "weir_commit_duration_seconds_sum{actor=\"limiter\",instance=\"0\"} 61.0035\n",
        "weir_commit_duration_seconds_count{actor=\"limiter\",instance=\"0\"} 3\n",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("%sis not in\n%s", lines[i], text);
    assert_int_equal(metrics_count(m, METRIC_ACCEPTED, bytes_str("tickets")), 5);
    assert_int_equal(metrics_count(m, METRIC_ACCEPTED, bytes_str("nobody")), 0);
    metrics_destroy(&m);
    assert_null(m);
}

static void label_values_are_bounded_in_number(void **state)
{
    char label[32];
    uint64_t sum = 0;
    (void)state;
    metrics_t *m = metrics_new();
    for (int i = 0; i < 1000; i++) {
        snprintf(label, sizeof label, "route%d", i);
        metrics_add(m, METRIC_ACCEPTED, bytes_str(label), 1);
    }
    size_t lines = 0;
    for (const char *at = samples(m); (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, METRIC_LABELS_MAX);
    assert_int_equal(metrics_count(m, METRIC_ACCEPTED, bytes_str("route5")), 1);
    sum = metrics_count(m, METRIC_ACCEPTED, bytes_str("other"));
    assert_int_equal(sum, 1000 - (METRIC_LABELS_MAX - 1));
    metrics_destroy(&m);
}

static void label_values_are_escaped(void **state)
{
    (void)state;
    metrics_t *m = metrics_new();
    metrics_add(m, METRIC_ACCEPTED, bytes_str("a\"b\\c\nd\xff"), 1);
    metrics_add(m, METRIC_COMMITS, bytes_str("this metric has no label"), 1);
    const char *text = samples(m);
    assert_non_null(strstr(text, "route=\"a\\\"b\\\\c\\nd?\"} 1\n"));
    assert_non_null(strstr(text, "weir_commits_total{actor=\"limiter\",instance=\"0\"} 1\n"));
    metrics_destroy(&m);
}

static void only_whole_lines_are_written(void **state)
{
    (void)state;
    metrics_t *m = metrics_new();
    metrics_add(m, METRIC_COMMITS, none(), 1);
    metrics_observe(m, METRIC_ACK_SECONDS, none(), 1);
    size_t whole = metrics_samples(m, "limiter", 0, page, PAGE);
    for (size_t size = 0; size < whole; size++) {
        char *exact = malloc(size + 1);
        size_t len = metrics_samples(m, "limiter", 0, exact, size);
        assert_true(len <= size && (len == 0 || exact[len - 1] == '\n'));
        /* half a histogram would be refused by the scraper */
        assert_true(len == 0 || !memmem(exact, len, "_bucket", 7) ||
                    memmem(exact, len, "_count", 6));
        free(exact);
    }
    metrics_destroy(&m);
}

static void fill(metrics_t *m)
{
#define COUNTER(M, l) metrics_add(m, M, bytes_str(l), 7)
#define GAUGE(M, l) metrics_set(m, M, bytes_str(l), 0.5)
#define HISTOGRAM(M, l) metrics_observe(m, M, bytes_str(l), 0.02)
#define HISTOGRAM_LONG HISTOGRAM
#define METRIC(NAME, kind, name, label, help) kind(METRIC_##NAME, *label ? "x" : "");
#include "sys/metrics.def"
#undef METRIC
}

static size_t exposition(enum metrics_format format)
{
    metrics_t *m = metrics_new();
    fill(m);
    bytes_t texts[2] = {bytes_of(page, metrics_samples(m, "limiter", 0, page, PAGE)),
                        bytes_of(other, metrics_samples(m, "responder", 1, other, PAGE))};
    metrics_destroy(&m);
    return metrics_exposition(format, texts, 2, merged, PAGE - 1);
}

static void families_of_several_actors_are_merged_in_order(void **state)
{
    (void)state;
    merged[exposition(METRICS_PROMETHEUS)] = '\0';
    assert_non_null(strstr(
        merged, "# HELP weir_commits_total store transactions\n# TYPE weir_commits_total counter\n"
                "weir_commits_total{actor=\"limiter\",instance=\"0\"} 7\n"
                "weir_commits_total{actor=\"responder\",instance=\"1\"} 7\n# HELP "));
    size_t heads = 0;
    for (const char *at = merged; (at = strstr(at, "# TYPE ")); at++)
        heads++;
    assert_int_equal(heads, METRIC_COUNT);
}

static void openmetrics_names_counters_without_total_and_says_the_end(void **state)
{
    (void)state;
    size_t len = exposition(METRICS_OPEN);
    merged[len] = '\0';
    assert_non_null(strstr(merged, "# TYPE weir_commits counter\n"
                                   "weir_commits_total{actor=\"limiter\",instance=\"0\"} 7\n"));
    assert_null(strstr(merged, "_total counter\n"));
    assert_string_equal(merged + len - 7, "\n# EOF\n");
    const bytes_t nobody[] = {bytes_str("")};
    for (size_t size = 0; size < 8; size++) /* no end, no page */
        assert_int_equal(metrics_exposition(METRICS_OPEN, nobody, 1, merged, size),
                         size < 6 ? 0 : 6);
}

static void what_waits_long_has_buckets_up_to_a_day(void **state)
{
    (void)state;
    metrics_t *m = metrics_new();
    metrics_observe(m, METRIC_WAIT_SECONDS, bytes_str("key"), 3600);
    const char *text = samples(m);
    assert_non_null(strstr(text, "cause=\"key\",le=\"1800\"} 0\n"));
    assert_non_null(strstr(text, "cause=\"key\",le=\"7200\"} 1\n"));
    assert_non_null(strstr(text, "cause=\"key\",le=\"86400\"} 1\n"));
    metrics_destroy(&m);
}

static void foreign_lines_and_a_small_page_do_no_harm(void **state)
{
    (void)state;
    bytes_t foreign[] = {
        bytes_str("nonsense 1\nweir_commits_total{a=\"b\"} 1\nweir_commits_total_x{} 2\nno end")};
    size_t len = metrics_exposition(METRICS_PROMETHEUS, foreign, 1, merged, PAGE - 1);
    merged[len] = '\0';
    assert_string_equal(
        merged, "# HELP weir_commits_total store transactions\n# TYPE weir_commits_total counter\n"
                "weir_commits_total{a=\"b\"} 1\n");
    assert_int_equal(metrics_exposition(METRICS_PROMETHEUS, foreign, 1, merged, len - 1), 0);
}

static void promtool_accepts_the_exposition(void **state)
{
    (void)state;
    if (access("/usr/bin/promtool", X_OK) != 0)
        skip();
    size_t len = exposition(METRICS_PROMETHEUS);
    FILE *tool = popen("/usr/bin/promtool check metrics", "w");
    assert_non_null(tool);
    fwrite(merged, 1, len, tool);
    assert_int_equal(pclose(tool), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_gauges_and_histograms_are_told),
        cmocka_unit_test(label_values_are_bounded_in_number),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(only_whole_lines_are_written),
        cmocka_unit_test(families_of_several_actors_are_merged_in_order),
        cmocka_unit_test(openmetrics_names_counters_without_total_and_says_the_end),
        cmocka_unit_test(what_waits_long_has_buckets_up_to_a_day),
        cmocka_unit_test(foreign_lines_and_a_small_page_do_no_harm),
        cmocka_unit_test(promtool_accepts_the_exposition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
