/* actor_door.h: what the door of an actor that listens is opened with; its certificate and key are
 * what the supervisor gave: a renewed one counts from the next life on. */
#ifndef WEIR_ACTORS_ACTOR_DOOR_H
#define WEIR_ACTORS_ACTOR_DOOR_H

#include "actors/birth.h"
#include "sys/config.h"
#include "sys/forwarded.h"
#include "sys/http.h"
#include "sys/metrics.h"
#include "sys/secrets.h"

typedef struct actor_door {
    char *certificate, *key; /* PEM; NULL: no TLS */
    forwarded_t forwarded;   /* its networks are owned */
    wall_t ends;
    instant_t warn_at;
} actor_door_t;

/* 0, also without TLS; else what certificate_check() says. */
int actor_door_open(actor_door_t *t, const config_t *config, const secrets_t *secrets);
void actor_door_close(actor_door_t *t);
/* What it lends lives in these three. */
http_server_options_t actor_door_options(const actor_door_t *t, const config_t *config,
                                         const birth_line_t *line);
/* Every second: how long still; and once a day a line when it is not long. */
void actor_door_look(actor_door_t *t, metrics_t *metrics, now_t now);

#endif
