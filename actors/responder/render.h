/* render.h: one call as it goes out: path, headers and body of a step, filled from the message
 * document. Whatever is missing or unfit fails the rendering with a reason; nothing half right is
 * ever sent. Pure. */
#ifndef WEIR_RESPONDER_RENDER_H
#define WEIR_RESPONDER_RENDER_H

#include "actors/work.h"

#define CALL_HEADERS_MAX 48u
#define CALL_TEXT_MAX (64u << 10) /* path and header values together */

/* Reused from call to call; what it lends lives until the next rendering or clear. */
typedef struct call_text {
    bytes_t path, body;
    http_field_t headers[CALL_HEADERS_MAX];
    size_t header_count;
    char *owned_body;
    size_t used;
    char text[CALL_TEXT_MAX];
    char why[REASON_BYTES_MAX];
} call_text_t;

/* `secret`: the downstream's bearer token, empty for none. 0, or -EINVAL with call->why. */
int call_render(call_text_t *call, const step_t *step, const msg_assign_t *assign, bytes_t secret);
/* A question of our own, for no message: GET of `path`. */
int call_render_get(call_text_t *call, const downstream_t *downstream, const char *path,
                    bytes_t secret);
void call_clear(call_text_t *call);

#endif
