/* trial.h: one message on its way through a route, without Weir: what would be taken out of it,
 * which steps would run and what they would send. The code that does it is the actors' own. */
#ifndef WEIRCTL_TRIAL_H
#define WEIRCTL_TRIAL_H

#include "actors/ingress/extract.h"
#include "actors/responder/render.h"

#define TRIAL_HEADERS_MAX 64

typedef struct trial {
    const config_t *config;
    const route_t *route;
    http_request_t request; /* as it would come in */
    http_field_t headers[TRIAL_HEADERS_MAX];
    json_t *answers; /* {step: result} to take instead of 200 without a body */
    extracted_t extracted;
    json_t *results; /* of the steps so far */
} trial_t;

/* 0, or a refusal as the ingress would answer it. */
bool trial_begin(trial_t *t, refusal_t *why);
void trial_end(trial_t *t);

/* {"what": "message", "route", "source", "id", "key", "labels", "class", "limits"}. The caller's.
 */
json_t *trial_message(trial_t *t);
/* Calls back with {"what": "step", "step", "kind", "runs", ...} of each step in order, lent for the
 * call. */
void trial_steps(trial_t *t, void (*each)(void *arg, const json_t *step), void *arg);
/* And with {"what": "outcome", "step", "outcome", "so": whether it is this message's, "steps":
 * [those that run]} for every outcome of every classify step that runs. */
void trial_outcomes(trial_t *t, void (*each)(void *arg, const json_t *outcome), void *arg);

#endif
