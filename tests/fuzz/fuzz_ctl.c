/* Any bytes as a line of the people's socket: refused with a reason, or a request whose arguments
 * are all of the table and within its bounds. */
#include <stdlib.h>

#include "core/msgid.h"
#include "supervisor/ctl_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) must(cond)

static void check_value(enum ctl_kind kind, const json_t *value)
{
    msgid_t id;
    size_t len = json_string_length(value);
    switch (kind) {
    case CTL_MESSAGE:
        CHECK(msgid_parse(bytes_of(json_string_value(value), len), &id) == 0);
        break;
    case CTL_NAME:
    case CTL_ROUTE:
    case CTL_LIMIT:
    case CTL_ACTOR:
    case CTL_DOWNSTREAM:
    case CTL_STATE:
    case CTL_MODE:
    case CTL_EVENT:
        CHECK(len > 0 && len <= CTL_NAME_MAX && strlen(json_string_value(value)) == len);
        break;
    case CTL_TEXT:
    case CTL_FILE:
    case CTL_DIRECTORY:
        CHECK(len > 0 && len <= CTL_TEXT_MAX && strlen(json_string_value(value)) == len);
        break;
    case CTL_NUMBER:
    case CTL_SECONDS:
        CHECK(json_is_integer(value) && json_integer_value(value) >= 0);
        break;
    case CTL_FLAG:
        CHECK(json_is_boolean(value));
        break;
    }
}

static const ctl_arg_t *arg_of(const ctl_verb_t *verb, const char *name)
{
    for (const ctl_arg_t *a = verb->args; a->name; a++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

static void check_request(const ctl_request_t *request)
{
    const char *name;
    json_t *value;
    CHECK(request->verb && json_is_object(request->args));
    json_object_foreach(request->args, name, value)
    {
        const ctl_arg_t *arg = arg_of(request->verb, name);
        CHECK(arg);
        check_value(arg->kind, value);
    }
    for (const ctl_arg_t *a = request->verb->args; a->name; a++)
        CHECK(a->need != CTL_PLACE || json_object_get(request->args, a->name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ctl_request_t request = {0};
    char why[256] = "";
    int error = ctl_request_read(bytes_of(data, size), &request, why, sizeof why);
    if (error == 0) {
        check_request(&request);
        ctl_request_clear(&request);
    } else {
        CHECK(why[0] && !request.verb && !request.args);
        json_t *failure = ctl_failure(400, why, NULL); /* also what it quotes can be sent back */
        char *text = json_dumps(failure, JSON_COMPACT);
        CHECK(text);
        free(text);
        json_decref(failure);
    }
    return 0;
}
