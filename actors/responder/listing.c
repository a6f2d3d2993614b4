#include "actors/responder/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "core/bugs.h"
#include "core/json_text.h"
#include "core/pointer.h"

static listing_t refuse(const char *what, const char *more)
{
    listing_t l = {0};
    snprintf(l.why, sizeof l.why, "%s%s", what, more);
    text_printable(bytes_str(l.why), l.why, sizeof l.why);
    return l;
}

/* RFC 8288: Link: <...>; rel="next" */
static bool has_next_page(const http_answer_t *answer)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        bytes_t value = answer->headers[i].value;
        if (bytes_is(answer->headers[i].name, "link") &&
            memmem(value.data, value.len, "rel=\"next\"", 10))
            return true;
    }
    return false;
}

/* Numbers are ids, too, as they are in templates. The caller's; or NULL and *why. */
static json_t *ids_of(json_t *list, const char *pointer, const char **why)
{
    json_t *ids = json_array(), *element;
    size_t i;
    json_array_foreach(list, i, element)
    {
        json_t *id = pointer_get(element, bytes_str(pointer));
        if (json_is_integer(id))
            json_array_append_new(ids, json_sprintf("%lld", json_integer_value(id)));
        else if (!json_is_string(id) || json_string_length(id) == 0)
            break;
        else if (json_string_length(id) <= LEASE_NAME_BYTES_MAX)
            json_array_append(ids, id);
    }
    if (i == json_array_size(list))
        return ids;
    json_decref(ids);
    *why = "an element of the list has no text or number at ";
    return NULL;
}

static listing_t listing_of(const truth_t *truth, json_t *body)
{
    json_t *list = pointer_get(body, bytes_str(truth->list));
    const char *why = NULL;
    if (!json_is_array(list))
        return refuse("the answer has no list at ", *truth->list ? truth->list : "its top");
    json_t *ids = ids_of(list, truth->id, &why);
    if (!ids)
        return refuse(why, *truth->id ? truth->id : "its place");
    listing_t l = {.ids = json_dumps(ids, JSON_COMPACT)};
    json_decref(ids);
    must(l.ids);
    if (strlen(l.ids) <= JSON_BYTES_MAX)
        return l;
    free(l.ids);
    return refuse("the list is longer than 1 MiB", "");
}

listing_t listing_read(const truth_t *truth, const http_answer_t *answer)
{
    json_text_error_t error;
    char status[32];
    snprintf(status, sizeof status, "%u", answer->status);
    if (answer->end != CALL_ANSWERED)
        return refuse("no answer: ", answer->error ? answer->error : "it was given up");
    if (answer->status != 200)
        return refuse("HTTP ", status);
    if (answer->truncated)
        return refuse("the answer is longer than its downstream's answer_bytes_max", "");
    if (has_next_page(answer) && !BUG(CUT_LIST_COUNTS))
        return refuse("the list goes on on another page; let the path ask for all of it", "");
    json_t *body = json_text_parse(answer->body, &error);
    if (!body)
        return refuse("the answer is not JSON: ", error.text);
    listing_t l = listing_of(truth, body);
    json_decref(body);
    return l;
}
