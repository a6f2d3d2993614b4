/* verbs_config.c: the configuration that runs, where its values came from, and what the files say
 * otherwise now. */
#include "supervisor/supervisor.h"
#include "sys/config_diff.h"
#include "sys/config_found.h"

#define PAGE_BYTES (512u << 10) /* of an answer: what follows is asked for again */
#define VALUE_BYTES (128u << 10)
#define LINES_MAX (CONFIG_ERRORS_MAX + 1)

static size_t size_of(const json_t *json)
{
    return json ? json_dumpb(json, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY) : 0;
}

/* A new reference; of what is too long for an answer only that. */
static json_t *shown(json_t *value)
{
    size_t size = size_of(value);
    return size > VALUE_BYTES ? json_sprintf("(%zu bytes, too long to show here)", size)
                              : json_incref(value);
}

/* ---- values ----------------------------------------------------------------------------- */

static size_t take_page(const json_t *rows, size_t from, json_t *page)
{
    size_t bytes = 0, i = from;
    for (; i < json_array_size(rows) && bytes < PAGE_BYTES; i++) {
        json_t *row = json_array_get(rows, i);
        must(json_object_set_new(row, "value", shown(json_object_get(row, "value"))) == 0);
        must(json_array_append(page, row) == 0);
        bytes += size_of(row);
    }
    return i;
}

static json_t *values_json(const supervisor_t *s, const json_t *args, enum config_which which)
{
    config_found_t found = config_found_of(s->config);
    json_t *rows = config_found_values(&found, which), *page = json_array();
    json_int_t after = json_integer_value(json_object_get(args, "after"));
    size_t next = take_page(rows, after > 0 ? (size_t)after : 0, page);
    json_t *answer =
        json_pack("{s:b, s:O, s:o, s:I}", "ok", 1, "files", found.files, "values", page, "next",
                  next < json_array_size(rows) ? (json_int_t)next : (json_int_t)0);
    must(answer);
    json_decref(rows);
    return answer;
}

/* ---- the files -------------------------------------------------------------------------- */

static void keep_line(void *lines, const char *line)
{
    json_t *text = json_string(line);
    if (text && json_array_size(lines) < LINES_MAX)
        must(json_array_append(lines, text) == 0);
    json_decref(text);
}

static json_t *wrong_json(json_t *lines)
{
    json_t *answer = ctl_failure(422, "the configuration in the files is wrong",
                                 "correct it; what runs is not touched");
    must(json_object_set_new(answer, "errors", lines) == 0);
    return answer;
}

static json_t *change_json(const config_change_t *c)
{
    json_t *json =
        json_pack("{s:s, s:s}", "key", c->path, "needs", c->restart ? "RESTART" : "RELOAD");
    must(json);
    if (c->before)
        must(json_object_set_new(json, "before", shown(c->before)) == 0);
    if (c->after)
        must(json_object_set_new(json, "after", shown(c->after)) == 0);
    return json;
}

static json_t *changes_json(const config_diff_t *diff)
{
    json_t *list = json_array();
    size_t bytes = 0, i = 0;
    for (; i < diff->count && bytes < PAGE_BYTES; i++) {
        json_t *change = change_json(&diff->changes[i]);
        bytes += size_of(change);
        must(json_array_append_new(list, change) == 0);
    }
    json_t *answer = json_pack("{s:b, s:b, s:o, s:I}", "ok", 1, "restart", (int)diff->restart,
                               "changes", list, "more", (json_int_t)(diff->count - i));
    must(answer);
    return answer;
}

/* With the supervisor's own environment, as a reload would read them. */
static json_t *diff_json(const supervisor_t *s)
{
    json_t *lines = json_array();
    config_t *config = setup_config(&s->options, keep_line, lines);
    if (!config)
        return wrong_json(lines);
    json_decref(lines);
    config_diff_t *diff = config_diff_new(s->config->json, config->json);
    json_t *answer = changes_json(diff);
    config_diff_destroy(&diff);
    config_destroy(&config);
    return answer;
}

json_t *verbs_config(const supervisor_t *s, const ctl_request_t *request)
{
    const json_t *args = request->args;
    switch (request->verb->id) {
    case CTL_VERB_CONFIG_SHOW:
        return values_json(s, args, CONFIG_GIVEN);
    case CTL_VERB_CONFIG_EFFECTIVE:
        return values_json(s, args, json_object_get(args, "changed") ? CONFIG_CHANGED : CONFIG_ALL);
    case CTL_VERB_CONFIG_DIFF:
        return diff_json(s);
    default:
        return NULL;
    }
}
