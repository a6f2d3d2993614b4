#include "supervisor/ctl_request.h"

#include <errno.h>
#include <stdio.h>

#include "core/msgid.h"
#include "core/utf8.h"

#define NUMBER_MAX 9007199254740991LL /* 2^53 - 1: what every JSON reader keeps exact */

/* How many bytes of somebody's word a reason quotes: whole characters, or it were no JSON any more.
 */
static int shown(const char *word) { return (int)utf8_prefix(bytes_str(word), CTL_NAME_MAX); }

static bool text_fits(const json_t *value, size_t most)
{
    size_t len = json_string_length(value);
    return json_is_string(value) && len > 0 && len <= most &&
           strlen(json_string_value(value)) == len;
}

static bool is_message(const json_t *value)
{
    msgid_t id;
    return json_is_string(value) &&
           msgid_parse(bytes_of(json_string_value(value), json_string_length(value)), &id) == 0;
}

/* NULL: it is of the kind; else what it should be. */
static const char *kind_missed(enum ctl_kind kind, const json_t *value)
{
    switch (kind) {
    case CTL_MESSAGE:
        return is_message(value) ? NULL : "a message id (26 characters, as weirctl ls shows it)";
    case CTL_NAME:
    case CTL_ROUTE:
    case CTL_LIMIT:
    case CTL_ACTOR:
    case CTL_DOWNSTREAM:
    case CTL_STATE:
    case CTL_MODE:
    case CTL_EVENT:
        return text_fits(value, CTL_NAME_MAX) ? NULL : "a name of at most 64 bytes";
    case CTL_FILE:
    case CTL_DIRECTORY:
    case CTL_TEXT:
        return text_fits(value, CTL_TEXT_MAX) ? NULL : "a text of at most 512 bytes";
    case CTL_NUMBER:
    case CTL_SECONDS:
        return json_is_integer(value) && json_integer_value(value) >= 0 &&
                       json_integer_value(value) <= NUMBER_MAX
                   ? NULL
                   : "a whole number, not negative";
    case CTL_FLAG:
        return json_is_boolean(value) ? NULL : "true or false";
    }
    return "something else";
}

static const ctl_arg_t *arg_find(const ctl_verb_t *verb, const char *name)
{
    for (const ctl_arg_t *a = verb->args; a->name; a++)
        if (ctl_arg_is_sent(a) && strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

bool ctl_args_are_right(const ctl_verb_t *verb, json_t *args, char *why, size_t size)
{
    const char *name;
    json_t *value;
    json_object_foreach(args, name, value)
    {
        const ctl_arg_t *arg = arg_find(verb, name);
        const char *missed = arg ? kind_missed(arg->kind, value) : NULL;
        if (!arg)
            snprintf(why, size, "%s has no argument \"%.*s\"", verb->name, shown(name), name);
        else if (missed)
            snprintf(why, size, "%s: \"%s\" must be %s", verb->name, name, missed);
        if (!arg || missed)
            return false;
    }
    for (const ctl_arg_t *a = verb->args; a->name; a++)
        if (a->need == CTL_PLACE && !json_object_get(args, a->name)) {
            snprintf(why, size, "%s needs \"%s\": %s", verb->name, a->name, a->meaning);
            return false;
        }
    return true;
}

/* Exactly one of these says which letters: nothing is redriven or dropped by leaving something out.
 */
static bool letters_are_meant(const ctl_verb_t *verb, json_t *args, char *why, size_t size)
{
    if (verb->answerer != CTL_BY_ID)
        return true;
    int said = !!json_object_get(args, "id") + !!json_object_get(args, "route") +
               json_is_true(json_object_get(args, "all"));
    if (said != 1)
        snprintf(why, size, "%s needs one of: a message's \"id\", a \"route\", or \"all\"",
                 verb->name);
    return said == 1;
}

static int read_request(json_t *root, ctl_request_t *out, char *why, size_t size)
{
    json_t *name = json_object_get(root, "verb"), *args = json_object_get(root, "args");
    if (!json_is_string(name) || (args && !json_is_object(args)) ||
        json_object_size(root) != (args ? 2u : 1u)) {
        snprintf(why, size, "a request is {\"verb\":\"status\",\"args\":{}}");
        return -EBADMSG;
    }
    const ctl_verb_t *verb = ctl_verb_find(json_string_value(name));
    if (!verb) {
        snprintf(why, size, "there is no verb \"%.*s\"", shown(json_string_value(name)),
                 json_string_value(name));
        return -EINVAL;
    }
    if (verb->answerer == CTL_TOOL) {
        snprintf(why, size, "weirctl does \"%s\" by itself: run weirctl there", verb->name);
        return -EINVAL;
    }
    args = args ? json_incref(args) : json_object();
    if (!ctl_args_are_right(verb, args, why, size) || !letters_are_meant(verb, args, why, size)) {
        json_decref(args);
        return -EINVAL;
    }
    *out = (ctl_request_t){verb, args};
    return 0;
}

int ctl_request_read(bytes_t line, ctl_request_t *out, char *why, size_t size)
{
    json_error_t error;
    if (line.len >= CTL_LINE_MAX) {
        snprintf(why, size, "a request has at most %u bytes", CTL_LINE_MAX - 1);
        return -EBADMSG;
    }
    json_t *root = json_loadb(line.len ? (const char *)line.data : "", line.len,
                              JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        snprintf(why, size, "not a JSON object in one line; a request is {\"verb\":\"status\"}");
        return -EBADMSG;
    }
    int result = read_request(root, out, why, size);
    json_decref(root);
    return result;
}

void ctl_request_clear(ctl_request_t *request)
{
    json_decref(request->args);
    *request = (ctl_request_t){0};
}

json_t *ctl_failure(unsigned status, const char *error, const char *hint)
{
    json_t *answer = json_pack("{s:b, s:i, s:s}", "ok", 0, "status", (int)status, "error", error);
    must(answer);
    if (hint)
        must(json_object_set_new(answer, "hint", json_string(hint)) == 0);
    return answer;
}
