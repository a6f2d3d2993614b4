#include <stdio.h>

#include "sys/metrics_family.h"

bool metric_is_histogram(const metric_family_t *family)
{
    return family->kind == METRIC_HISTOGRAM || family->kind == METRIC_HISTOGRAM_LONG;
}

const char *metric_kind_name(enum metric_kind kind)
{
    return kind == METRIC_COUNTER ? "counter" : kind == METRIC_GAUGE ? "gauge" : "histogram";
}

static bool ends_family(const metric_family_t *family, bytes_t rest)
{
    static const char *const suffixes[] = {"_bucket{", "_sum{", "_count{"};
    if (rest.len && rest.data[0] == '{')
        return true;
    for (size_t i = 0; metric_is_histogram(family) && i < COUNT_OF(suffixes); i++)
        if (rest.len >= strlen(suffixes[i]) &&
            memcmp(rest.data, suffixes[i], strlen(suffixes[i])) == 0)
            return true;
    return false;
}

static bool is_of(const metric_family_t *family, bytes_t line)
{
    size_t len = strlen(family->name);
    return line.len > len && memcmp(line.data, family->name, len) == 0 &&
           ends_family(family, bytes_of(line.data + len, line.len - len));
}

/* The next line of *rest with its newline; false when there is no whole one. */
static bool next_line(bytes_t *rest, bytes_t *line)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *line = bytes_of(rest->data, (size_t)(end + 1 - rest->data));
    *rest = bytes_of(end + 1, rest->len - line->len);
    return true;
}

#define TOTAL "_total"
#define OPEN_END "# EOF\n"

typedef struct page {
    enum metrics_format format;
    char *out;
    size_t size, len;
} page_t;

static bool put(page_t *page, const void *data, size_t len)
{
    if (len > page->size - page->len)
        return false;
    memcpy(page->out + page->len, data, len);
    page->len += len;
    return true;
}

/* The samples of one family out of every text, in order, under one head. A family that does not fit
 * is left out whole. */
static void put_family(page_t *page, const metric_family_t *family, const bytes_t *texts,
                       size_t count)
{
    char head[512];
    size_t before = page->len, lines = 0;
    int name = (int)strlen(family->name);
    if (page->format == METRICS_OPEN && family->kind == METRIC_COUNTER)
        name -= (int)strlen(TOTAL);
    int n = snprintf(head, sizeof head, "# HELP %.*s %s\n# TYPE %.*s %s\n", name, family->name,
                     family->help, name, family->name, metric_kind_name(family->kind));
    must(n > 0 && (size_t)n < sizeof head);
    bool fits = put(page, head, (size_t)n);
    for (size_t i = 0; i < count; i++) {
        bytes_t rest = texts[i], line;
        while (fits && next_line(&rest, &line))
            if (is_of(family, line) && ++lines)
                fits = put(page, line.data, line.len);
    }
    if (!fits || lines == 0)
        page->len = before;
}

size_t metrics_exposition(enum metrics_format format, const bytes_t *texts, size_t count, char *out,
                          size_t size)
{
    size_t end = format == METRICS_OPEN ? strlen(OPEN_END) : 0;
    if (size < end)
        return 0;
    page_t page = {format, out, size - end, 0};
    for (size_t i = 0; i < METRIC_COUNT; i++)
        put_family(&page, metric_family(i), texts, count);
    memcpy(out + page.len, OPEN_END, end);
    return page.len + end;
}
