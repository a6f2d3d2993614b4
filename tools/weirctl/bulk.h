/* bulk.h: waiting for what takes time: progress, --timeout and Ctrl-C. */
#ifndef WEIRCTL_BULK_H
#define WEIRCTL_BULK_H

#include "cli.h"

typedef struct bulk {
    int64_t began_ms, until_ms, told_ms;
    bool terminal, told;
} bulk_t;
enum bulk_wait { BULK_AGAIN, BULK_TIMEOUT, BULK_INTERRUPTED };

int64_t bulk_now_ms(void); /* monotonic */
/* From now on Ctrl-C is noticed instead of ending weirctl. */
void bulk_begin(bulk_t *b, const cli_t *cli);
bool bulk_interrupted(void);
/* A short pause; then whether to look again. */
enum bulk_wait bulk_wait(bulk_t *b);
/* Onto the standard error: one line written anew on a terminal, else a line every few seconds. */
void bulk_progress(bulk_t *b, const char *text);
void bulk_end(const bulk_t *b); /* takes the line away again */

#endif
