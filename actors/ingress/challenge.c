/* challenge.c: before Slack sends events to an address it asks there, signed like any event, for a
 * text of its own back (url_verification). That is no message: it is answered at once, in any mode,
 * and kept nowhere. */
#include <jansson.h>
#include <stdlib.h>

#include "actors/ingress/ingress.h"
#include "core/json_text.h"

#define CHALLENGE_BODY_MAX 4096u /* Slack's has 150 bytes */

static bool mentions(bytes_t body, const char *word)
{
    return body.len && memmem(body.data, body.len, word, strlen(word)) != NULL;
}

/* The challenge, lent by `body`; NULL: this is no such question. */
static const char *challenge_of(const json_t *body)
{
    const char *type = json_string_value(json_object_get(body, "type"));
    return type && strcmp(type, "url_verification") == 0
               ? json_string_value(json_object_get(body, "challenge"))
               : NULL;
}

bool challenge_answered(const scene_t *s, const http_request_t *request, const route_t *route)
{
    if (route->source->auth != AUTH_SLACK || request->body.len > CHALLENGE_BODY_MAX ||
        !mentions(request->body, "url_verification"))
        return false;
    json_t *body = json_text_parse(request->body, NULL);
    const char *challenge = challenge_of(body);
    bool answered = challenge != NULL;
    if (challenge) {
        json_t *answer = json_pack("{s:s}", "challenge", challenge);
        char *text = json_dumps(answer, JSON_COMPACT);
        must(text);
        reply_json(s, request->token, 200, bytes_str(text), NULL);
        free(text);
        json_decref(answer);
    }
    json_decref(body);
    return answered;
}
