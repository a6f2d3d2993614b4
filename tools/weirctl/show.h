/* show.h: answers of Weir for people. Absent parts are shown as "-". */
#ifndef WEIRCTL_SHOW_H
#define WEIRCTL_SHOW_H

#include <jansson.h>

#include "table.h"

const char *text_at(const json_t *object, const char *name); /* "-" when absent or empty */
int64_t number_at(const json_t *object, const char *name);   /* 0 when absent */
void number_cell(table_t *t, const json_t *number);          /* "-" when it is none */

/* Takes over `answer`; what was read of senders is in the result as a terminal may be sent it. */
json_t *show_safely(json_t *answer);

void show_plain(const json_t *answer); /* show_plain.c: whatever it is */
void show_status(const json_t *answer);
void show_actors(const json_t *actors);
void show_mode(const json_t *answer);
void show_mode_now(const json_t *answer);
void show_work(const json_t *work); /* what goes with the mode, of status and mode show */
void show_limits(const json_t *limits, bool whole); /* else without rates, as status has them */
void show_slots(const json_t *answer);
void show_shape(const json_t *answer);
void show_change(const json_t *answer); /* {before, after}: what is other than before */
bool show_keeps(const json_t *why);     /* false: nothing keeps it */

void show_messages(const json_t *messages, bool dead);
void show_message(const json_t *message);
void show_why(const json_t *message);

#endif
