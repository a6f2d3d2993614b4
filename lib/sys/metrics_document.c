/* metrics_document.c: docs/METRICS.md, written from metrics.def. */
#include "sys/metrics_family.h"

/* clang-format off */
static const char intro[] =
    "# Metrics\n"
    "\n"
    "<!-- written from lib/sys/metrics.def; a test fails when it is stale:\n"
    "     WEIR_UPDATE=1 test_metrics_read -->\n"
    "\n"
    "`GET /metrics` on any address of `http.listen` has the metrics of all actors, as\n"
    "Prometheus text, as OpenMetrics to whoever asks with\n"
    "`Accept: application/openmetrics-text`, or as JSON with `Accept: application/json`.\n"
    "`GET /metrics/summary` is the short story in JSON: requests by status, verdicts, depth\n"
    "and waiting by cause, age of the oldest message, dead letters, limits in use.\n"
    "\n"
    "Each sample has the labels `actor` and `instance`, and at most one of its own. A metric\n"
    "has at most 64 values of it; what comes later counts as `other`. Numbers start anew when\n"
    "an actor does, as counters may; an actor that has said nothing for 15 seconds is left\n"
    "out. Histograms have buckets from 0.5 ms to 60 s; those of waiting and of a message's\n"
    "whole life from 1 ms to a day.\n"
    "\n"
    "Prometheus keeps Weir's label `instance` as `exported_instance`, since each scraped\n"
    "target has one of its own.\n"
    "\n"
    "Beside the metrics come alert rules, `weir.rules.yaml`, and a Grafana dashboard,\n"
    "`weir.json`: in the sources in `packaging/alerts` and `packaging/grafana`.\n"
    "\n"
    "| metric | type | label | meaning |\n"
    "|---|---|---|---|\n";
/* clang-format on */

void metrics_write_reference(FILE *to)
{
    fputs(intro, to);
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const metric_family_t *family = metric_family(i);
        fprintf(to, "| `%s` | %s | %s%s%s | %s |\n", family->name, metric_kind_name(family->kind),
                *family->label ? "`" : "", family->label, *family->label ? "`" : "", family->help);
    }
}
