/* admin.h: /admin: orders of programs and people with an API key, passed on as QUERY. Each is sent
 * once: whether it happened is not known before its answer, so nobody repeats it but who asked. */
#ifndef WEIR_INGRESS_ADMIN_H
#define WEIR_INGRESS_ADMIN_H

#include "protocol/protocol.h"
#include "sys/http.h"

struct scene;

#define ADMIN_ASKED_MAX 16u

/* An order that waits for its answer. */
typedef struct admin_asked {
    uint64_t number, token;
    instant_t until;
} admin_asked_t;

typedef struct admin_desk {
    admin_asked_t asked[ADMIN_ASKED_MAX];
    size_t count;
} admin_desk_t;

bool admin_is_path(bytes_t path);
void admin_arrived(const struct scene *s, const http_request_t *request);
void admin_answered(const struct scene *s, const msg_answer_t *answer);
instant_t admin_look_at_times(const struct scene *s);
void admin_answer_all(const struct scene *s);

#endif
