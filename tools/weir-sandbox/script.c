#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "core/match.h"
#include "sandbox.h"

typedef struct rule {
    char path[256], what[16];
    fault_t fault;
    unsigned every, skip,
        times; /* every n-th match, after the first `skip`, so many times (0: for ever) */
    unsigned matched, done, percent;
    char *body; /* what a status below 300 is answered with; NULL: {"ok":true} */
} rule_t;
struct script {
    rule_t rules[SCRIPT_RULES_MAX];
    size_t count;
    rand_t chance;
};

static const struct {
    const char *name;
    enum fault_kind kind;
} kinds[] = {
    {"reset-before", FAULT_RESET_BEFORE},
    {"reset-after", FAULT_RESET_AFTER},
    {"hang", FAULT_HANG},
    {"slow", FAULT_SLOW},
    {"garbage", FAULT_GARBAGE},
};

script_t *script_new(uint64_t seed)
{
    script_t *s = calloc(1, sizeof *s);
    must(s);
    s->chance = rand_seeded(seed);
    return s;
}

void script_destroy(script_t **script)
{
    if (*script)
        script_clear(*script);
    free(*script);
    *script = NULL;
}

void script_clear(script_t *script)
{
    while (script->count > 0)
        free(script->rules[--script->count].body);
}

static bool fault_named(const char *what, fault_t *out)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(what, kinds[i].name) == 0) {
            out->kind = kinds[i].kind;
            return true;
        }
    char *end;
    unsigned long status = strtoul(what, &end, 10);
    if (*end || status < 200 || status > 599)
        return false;
    out->kind = FAULT_STATUS;
    out->status = (unsigned)status;
    return true;
}

static const char *rule_read(json_t *json, rule_t *out)
{
    const char *path = "*", *what = NULL;
    int every = 1, skip = 0, times = 0, ms = 1000, retry_after = 0, percent = 100;
    json_t *body = NULL;
    json_error_t error;
    if (json_unpack_ex(json, &error, JSON_STRICT, "{s?s, s:s, s?i, s?i, s?i, s?i, s?i, s?i, s?o}",
                       "path", &path, "do", &what, "every", &every, "skip", &skip, "times", &times,
                       "ms", &ms, "retry_after", &retry_after, "percent", &percent, "body", &body))
        return "a rule is {\"path\": glob, \"do\": "
               "\"500|429|...|reset-before|reset-after|hang|slow|garbage\","
               " \"every\": n, \"skip\": n, \"times\": n, \"ms\": n, \"retry_after\": s, "
               "\"percent\": n, \"body\": JSON}";
    if (every < 1 || skip < 0 || times < 0 || ms < 0 || retry_after < 0 || percent < 0 ||
        percent > 100)
        return "every is at least 1, percent at most 100, the others at least 0";
    *out = (rule_t){.every = (unsigned)every,
                    .skip = (unsigned)skip,
                    .times = (unsigned)times,
                    .percent = (unsigned)percent};
    out->fault.slow_us = (int64_t)ms * US_PER_MS;
    out->fault.retry_after = (unsigned)retry_after;
    if (strlen(path) >= sizeof out->path || strlen(what) >= sizeof out->what)
        return "path or do is too long";
    strcpy(out->path, path);
    strcpy(out->what, what);
    if (!fault_named(what, &out->fault))
        return "do: a status from 200 to 599, or reset-before, reset-after, hang, slow, garbage";
    if (body && (out->fault.kind != FAULT_STATUS || out->fault.status >= 300))
        return "body is what a status below 300 is answered with";
    out->body = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    out->fault.body = out->body;
    return NULL;
}

const char *script_add(script_t *s, const char *text, size_t len)
{
    if (s->count == SCRIPT_RULES_MAX)
        return "there are 64 rules already; DELETE /_script clears them";
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        return "that is no JSON";
    rule_t rule;
    const char *wrong = rule_read(json, &rule);
    json_decref(json);
    if (!wrong)
        s->rules[s->count++] = rule;
    return wrong;
}

static bool rule_strikes(script_t *s, rule_t *r, bytes_t path)
{
    if ((r->times && r->done >= r->times) || !glob_matches(bytes_str(r->path), path))
        return false;
    r->matched++;
    if (r->matched <= r->skip || (r->matched - r->skip) % r->every != 0)
        return false;
    if (r->percent < 100 && rand_below(&s->chance, 100) >= r->percent)
        return false;
    r->done++;
    return true;
}

fault_t script_next(script_t *s, bytes_t path)
{
    for (size_t i = 0; i < s->count; i++)
        if (rule_strikes(s, &s->rules[i], path))
            return s->rules[i].fault;
    return (fault_t){FAULT_NONE};
}

char *script_error(const char *wrong)
{
    json_t *json = json_pack("{s:b, s:s}", "ok", 0, "error", wrong);
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    must(text);
    return text;
}

char *script_list(const script_t *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->count; i++) {
        const rule_t *r = &s->rules[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "path",
                                              r->path, "do", r->what, "every", (int)r->every,
                                              "skip", (int)r->skip, "times", (int)r->times,
                                              "matched", (int)r->matched, "done", (int)r->done));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    must(text);
    return text;
}
