/* sqlite_backup.h: a copy of the store while it works, in slices on the reader's thread: all of
 * one snapshot, held open meanwhile. As long as it runs the log cannot begin again; if that lets it
 * grow too long, or the disk fills, the copy is given up and nothing else is touched. */
#ifndef WEIR_STORE_SQLITE_BACKUP_H
#define WEIR_STORE_SQLITE_BACKUP_H

#include "store/store.h"

#define STORE_BACKUP_NAME "weir.backup"           /* finished, in the store's directory */
#define STORE_BACKUP_PART "weir.backup.part"      /* being made */
#define STORE_BACKUP_PAGES 256u                   /* in a slice */
#define STORE_BACKUP_LOGS 8u /* the log may grow to so many times its maximum */

#endif
