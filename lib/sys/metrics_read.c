#include "sys/metrics_read.h"

#include <math.h>
#include <stdlib.h>

#include "sys/metrics_family.h"

/* ---- lines */

/* "name{labels} value"; false: it is not such a line. */
static bool read_line(bytes_t line, metric_sample_t *out)
{
    char number[64];
    const uint8_t *open = line.len ? memchr(line.data, '{', line.len) : NULL;
    const uint8_t *close = line.len ? memrchr(line.data, '}', line.len) : NULL;
    if (!open || !close || close < open)
        return false;
    size_t at = (size_t)(close - line.data) + 1;
    size_t length = line.len - at;
    if (length < 2 || length > sizeof number || line.data[at] != ' ')
        return false;
    memcpy(number, line.data + at + 1, length - 1);
    number[length - 1] = '\0';
    char *end;
    *out = (metric_sample_t){bytes_of(line.data, (size_t)(open - line.data)),
                             bytes_of(open + 1, (size_t)(close - open) - 1), strtod(number, &end)};
    return !*end;
}

static bool has_suffix(const metric_family_t *family, bytes_t rest)
{
    return rest.len == 0 ||
           (metric_is_histogram(family) &&
            (bytes_is(rest, "_bucket") || bytes_is(rest, "_sum") || bytes_is(rest, "_count")));
}

static bool is_of(const metric_family_t *family, bytes_t name)
{
    size_t length = strlen(family->name);
    return name.len >= length && memcmp(name.data, family->name, length) == 0 &&
           has_suffix(family, bytes_of(name.data + length, name.len - length));
}

static void each_of_text(bytes_t text, const metric_family_t *family,
                         void (*each)(void *arg, const metric_sample_t *sample), void *arg)
{
    const uint8_t *end;
    while (text.len && (end = memchr(text.data, '\n', text.len)) != NULL) {
        bytes_t line = bytes_of(text.data, (size_t)(end - text.data));
        metric_sample_t sample;
        if (read_line(line, &sample) && is_of(family, sample.name))
            each(arg, &sample);
        text = bytes_of(end + 1, text.len - line.len - 1);
    }
}

void metrics_each(const bytes_t *texts, size_t count, enum metric metric,
                  void (*each)(void *arg, const metric_sample_t *sample), void *arg)
{
    for (size_t i = 0; i < count; i++)
        each_of_text(texts[i], metric_family(metric), each, arg);
}

/* Behind the opening quote; the length up to and with the closing one, 0: there is none. */
static size_t read_value(bytes_t text, char value[METRIC_LABEL_TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < text.len && used < METRIC_LABEL_TEXT - 1; i++) {
        char c = (char)text.data[i];
        if (c == '"') {
            value[used] = '\0';
            return i + 1;
        }
        if (c == '\\' && ++i < text.len)
            c = text.data[i] == 'n' ? '\n' : (char)text.data[i];
        value[used++] = c;
    }
    return 0;
}

bool metric_label_next(bytes_t *labels, bytes_t *name, char value[METRIC_LABEL_TEXT])
{
    if (labels->len && labels->data[0] == ',')
        *labels = bytes_of(labels->data + 1, labels->len - 1);
    const uint8_t *equals = labels->len ? memchr(labels->data, '=', labels->len) : NULL;
    size_t at = equals ? (size_t)(equals - labels->data) + 2 : 0;
    if (!equals || at > labels->len || equals[1] != '"')
        return false;
    *name = bytes_of(labels->data, at - 2);
    size_t length = read_value(bytes_of(labels->data + at, labels->len - at), value);
    *labels = bytes_of(labels->data + at + length, labels->len - at - length);
    return length > 0;
}

/* ---- everything */

/* A whole number below 2^53 is told as one. */
static json_t *number(double value)
{
    const double most = 9007199254740992.0;
    if (!isfinite(value))
        return json_null();
    bool whole = value > -most && value < most && value == (double)(int64_t)value;
    return whole ? json_integer((json_int_t)value) : json_real(value);
}

static json_t *labels_json(bytes_t labels)
{
    json_t *object = json_object();
    bytes_t name;
    char value[METRIC_LABEL_TEXT];
    while (metric_label_next(&labels, &name, value)) {
        json_t *text = json_string(value);
        if (text)
            json_object_setn_new(object, (const char *)name.data, name.len, text);
    }
    return object;
}

static void add_sample(void *arg, const metric_sample_t *sample)
{
    json_t *json =
        json_pack("{s:s%, s:o, s:o}", "name", (const char *)sample->name.data, sample->name.len,
                  "labels", labels_json(sample->labels), "value", number(sample->value));
    must(json && json_array_append_new(arg, json) == 0);
}

json_t *metrics_json(const bytes_t *texts, size_t count)
{
    json_t *all = json_object();
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const metric_family_t *family = metric_family(i);
        json_t *samples = json_array();
        metrics_each(texts, count, (enum metric)i, add_sample, samples);
        json_t *json = json_pack("{s:s, s:s, s:o}", "type", metric_kind_name(family->kind), "help",
                                 family->help, "samples", samples);
        must(json && json_object_set_new(all, family->name, json) == 0);
    }
    return all;
}

/* ---- the short story */

typedef struct summing {
    const char *label; /* what the sums are by; "": one sum */
    json_t *sums;
    const char *below; /* the sums are objects, in which this is the number */
} summing_t;

static bool find_label(bytes_t labels, const char *wanted, char value[METRIC_LABEL_TEXT])
{
    bytes_t name;
    while (metric_label_next(&labels, &name, value))
        if (bytes_is(name, wanted))
            return true;
    return false;
}

static void add_number(json_t *object, const char *name, double value)
{
    double before = json_number_value(json_object_get(object, name));
    json_object_set_new(object, name, number(before + value));
}

static void add_to_sum(void *arg, const metric_sample_t *sample)
{
    summing_t *s = arg;
    char label[METRIC_LABEL_TEXT] = "";
    if (!isfinite(sample->value) || (*s->label && !find_label(sample->labels, s->label, label)))
        return;
    if (!s->below) {
        add_number(s->sums, label, sample->value);
        return;
    }
    if (!json_object_get(s->sums, label))
        json_object_set_new(s->sums, label, json_object());
    json_t *object = json_object_get(s->sums, label);
    if (object)
        add_number(object, s->below, sample->value);
}

typedef struct texts {
    const bytes_t *of;
    size_t count;
} texts_t;

static void sum_into(const texts_t *t, enum metric metric, const char *below, json_t *sums)
{
    summing_t s = {.label = metric_family(metric)->label, .sums = sums, .below = below};
    metrics_each(t->of, t->count, metric, add_to_sum, &s);
}

/* By the metric's own label. */
static json_t *sums(const texts_t *t, enum metric metric)
{
    json_t *json = json_object();
    sum_into(t, metric, NULL, json);
    return json;
}

static json_t *sum(const texts_t *t, enum metric metric)
{
    double total = 0;
    const char *label;
    json_t *all = sums(t, metric), *one;
    bool told = json_object_size(all) > 0;
    json_object_foreach(all, label, one) total += json_number_value(one);
    json_decref(all);
    return told ? number(total) : json_null();
}

static json_t *limits(const texts_t *t)
{
    json_t *json = json_object();
    sum_into(t, METRIC_SLOTS, "in_use", json);
    sum_into(t, METRIC_SLOTS_MAX, "slots", json);
    return json;
}

static json_t *mode(const texts_t *t)
{
    const char *name;
    json_t *all = sums(t, METRIC_MODE), *one, *found = NULL;
    json_object_foreach(all, name, one)
    {
        if (json_number_value(one) > 0 && !found)
            found = json_string(name);
    }
    json_decref(all);
    return found ? found : json_null();
}

static json_t *loading(const texts_t *t)
{
    json_t *told = sum(t, METRIC_LOADING);
    json_t *json = json_is_null(told) ? json_null() : json_boolean(json_number_value(told) > 0);
    json_decref(told);
    return json;
}

json_t *metrics_summary(const bytes_t *texts, size_t count)
{
    const texts_t t = {texts, count};
    static const struct {
        const char *name;
        enum metric metric;
        json_t *(*of)(const texts_t *t, enum metric metric);
    } rows[] = {
        {"requests", METRIC_REQUESTS, sums},
        {"verdicts", METRIC_VERDICTS, sums},
        {"queue", METRIC_QUEUED, sums},
        {"queue_bytes", METRIC_QUEUE_BYTES, sum},
        {"waiting", METRIC_WAITING, sums},
        {"oldest_age_seconds", METRIC_OLDEST_SECONDS, sum},
        {"dead_letters", METRIC_DEAD_LETTERS, sum},
        {"dead", METRIC_DEAD, sums},
        {"restarts", METRIC_RESTARTS, sums},
        {"disk_free_bytes", METRIC_DISK_FREE, sum},
    };
    json_t *json = json_object();
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        json_object_set_new(json, rows[i].name, rows[i].of(&t, rows[i].metric));
    json_object_set_new(json, "limits", limits(&t));
    json_object_set_new(json, "mode", mode(&t));
    json_object_set_new(json, "loading", loading(&t));
    return json;
}
