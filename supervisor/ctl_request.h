/* ctl_request.h: one line of the people's socket as a request:
 * {"verb":"ls","args":{"state":"dead"}}. Pure. Everything in it was checked against ctl_verbs.def:
 * unknown verbs and arguments, kinds, bounds. */
#ifndef WEIR_SUPERVISOR_CTL_REQUEST_H
#define WEIR_SUPERVISOR_CTL_REQUEST_H

#include <jansson.h>

#include "supervisor/ctl_verbs.h"

typedef struct ctl_request {
    const ctl_verb_t *verb;
    json_t *args; /* an object; the caller's */
} ctl_request_t;

/* `line` is without its newline. 0; -EBADMSG: it is no request at all (who sends that speaks
 * something else); -EINVAL: a request for what does not exist. Then `why` has one sentence and
 * `out` is untouched. */
int ctl_request_read(bytes_t line, ctl_request_t *out, char *why, size_t size);
void ctl_request_clear(ctl_request_t *request);
/* Only arguments that the verb has, each of its kind, and all it needs; else `why` as above. */
bool ctl_args_are_right(const ctl_verb_t *verb, json_t *args, char *why, size_t size);

/* {"ok":false,"status":status,"error":error,"hint":hint}; hint may be NULL. The caller's. */
json_t *ctl_failure(unsigned status, const char *error, const char *hint);

#endif
