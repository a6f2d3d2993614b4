/* place.h: the directories, and the two locks in the run directory.
 *   supervisor.lock   held by the supervisor alone: a second one is refused at once
 *   weir.lock         inherited by every actor: a new supervisor waits until the last child of
 *                     the one before it is gone, so that there are never two lives of one actor */
#ifndef WEIR_SUPERVISOR_PLACE_H
#define WEIR_SUPERVISOR_PLACE_H

#include "sys/config.h"
#include "sys/jail.h"

#define PLACE_WAIT_S 30 /* for the children of a supervisor that was killed */

/* Makes the directory if it is missing: `mode`, owned by `user` (NULL: us). -ENOTDIR, -EPERM: not
 * usable. */
int place_directory(const char *path, mode_t mode, const jail_user_t *user);
/* The locks' descriptors, or -EBUSY: another supervisor runs here; -ETIMEDOUT: its children do not
 * end. */
int place_lock_supervisor(const char *run_dir);
int place_lock_actors(const char *run_dir);

#endif
