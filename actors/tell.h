/* tell.h: lines of the log on their way to the supervisor, as EVENTs for weirctl events: at most so
 * many a second, the others are counted and the count is told. Pure. */
#ifndef WEIR_ACTORS_TELL_H
#define WEIR_ACTORS_TELL_H

#include "protocol/protocol.h"
#include "sys/log.h"

#define TELL_A_SECOND 100u
#define TELL_BURST 200u
#define TELL_FRAME 64u /* waiting, at most */

typedef struct tell tell_t;
tell_t *tell_new(void);
void tell_destroy(tell_t **tell);
void tell_line(tell_t *tell, const log_line_t *line, now_t now);
/* A frame to send, lent; NULL: nothing waits. tell_sent() when it is gone. */
frame_builder_t *tell_waiting(tell_t *tell);
void tell_sent(tell_t *tell);

/* The EVENT of a line, with texts cut to what a message may carry; lent as the line is. */
msg_event_t tell_event(const log_line_t *line, wall_t at);

#endif
