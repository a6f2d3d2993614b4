/* loop.h: the one event loop of a process: sd-event behind five verbs. Callbacks never block.
 * Everything added is owned by the loop and removed by its handle or with the loop. */
#ifndef WEIR_SYS_LOOP_H
#define WEIR_SYS_LOOP_H

#include "core/base.h"

typedef struct loop loop_t;
typedef struct loop_source loop_source_t;

loop_t *loop_new(void);
void loop_destroy(loop_t **loop);
/* Runs until loop_stop(); returns its code. */
int loop_run(loop_t *loop);
void loop_stop(loop_t *loop, int code);
now_t loop_now(void); /* both clocks, read now */

#define LOOP_READ 1u
#define LOOP_WRITE 2u
loop_source_t *loop_fd(loop_t *loop, int fd, unsigned want, void (*on)(void *arg, unsigned ready),
                       void *arg);
void loop_fd_want(loop_source_t *source, unsigned want);
loop_source_t *loop_timer(loop_t *loop, void (*on)(void *arg), void *arg); /* disarmed */
void loop_timer_at(loop_source_t *source, instant_t due); /* INSTANT_NEVER disarms */
/* Every time round, before the loop waits, in the order in which they were added: for descriptors
 * that are edge-triggered (ZeroMQ), and for what is to happen once after each round of events. */
loop_source_t *loop_before_wait(loop_t *loop, void (*on)(void *arg), void *arg);
void loop_again(loop_t *loop); /* go round once more without waiting: work was left over */
loop_source_t *loop_signal(loop_t *loop, int signal, void (*on)(void *arg, int signal),
                           void *arg); /* blocks it */
/* pidfd of our child; on() gets the wait status once. The loop reaps it. */
loop_source_t *loop_child(loop_t *loop, int pid, void (*on)(void *arg, int pid, int wait_status),
                          void *arg);
void loop_remove(loop_source_t **source);
/* Tells systemd we are alive, when it asked for it. */
int loop_watchdog(loop_t *loop);

#endif
