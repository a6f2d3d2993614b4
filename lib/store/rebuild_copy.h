/* rebuild_copy.h: the rows of a rebuild, apart from its files. */
#ifndef WEIR_STORE_REBUILD_COPY_H
#define WEIR_STORE_REBUILD_COPY_H

#include <sqlite3.h>

#include "store/rebuild.h"

/* Places in the report. */
enum rebuild_table {
    REBUILD_ENVELOPE,
    REBUILD_PROGRESS,
    REBUILD_CONTENT,
    REBUILD_PRINTS,
    REBUILD_SETTING,
    REBUILD_LEASE,
    REBUILD_PACE
};

typedef struct rebuild {
    const rebuild_options_t *options;
    rebuild_report_t *report;
    sqlite3 *from, *to;
    int schema;          /* of the old file */
    int64_t seq_limit, group_limit; /* what the old file said its next ones were; or INT64_MAX */
    int64_t seq_end;     /* greater than every seq that was met */
    wall_t now;
} rebuild_t;

/* SQLite's code. Copying says which connection it is of. */
int rebuild_copy(rebuild_t *r, sqlite3 **failed); /* rows, as they are */
int rebuild_mend(rebuild_t *r); /* in the new file: half messages, prints, the sum of all */
void rebuild_lose(rebuild_t *r, const rebuild_loss_t *loss);

#endif
