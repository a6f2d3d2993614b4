/* sqlite_check.h: a store that nobody works with, looked at and put in place: is every row what its
 * sum says, and a backup made the store of a directory. Never logs; changes nothing but what it is
 * asked to. */
#ifndef WEIR_STORE_SQLITE_CHECK_H
#define WEIR_STORE_SQLITE_CHECK_H

#include "store/store.h"

#define CHECK_TABLES 8u
#define CHECK_SAID_MAX 20u /* what is damaged, told one by one */

typedef struct store_check {
    int schema;
    uint64_t epoch, bytes;
    tally_t tally;
    struct {
        const char *table;
        uint64_t rows, damaged;
        bool cut_short; /* a page could not be read: rows behind it were not seen */
    } tables[CHECK_TABLES];
    uint64_t page_problems;
    uint64_t damaged; /* all of it; 0: the store is whole */
    char said[CHECK_SAID_MAX][160];
    size_t said_count;
} store_check_t;

/* `path`: a store's directory, which is locked meanwhile, or a file that a backup made. 0: looked,
 * the damage is in `out`; -EWOULDBLOCK: Weir works with it; -ENOENT; -EBADMSG: no store at all, or
 * so damaged that not even its tables can be read; -EPROTO: of a newer schema; else negative errno.
 * `why` gets one line for a person. */
int store_check(const char *path, store_check_t *out, char *why, size_t why_size);

typedef struct store_restore {
    const char *file, *directory;
    bool force; /* a store that is there is set aside, else -EEXIST */
    wall_t now;
} store_restore_t;
typedef struct store_restored {
    store_check_t check;   /* of the file */
    uint64_t marked;       /* messages not finished in it: their calls may have happened since */
    char set_aside[600];   /* the file that was there before; "": none */
} store_restored_t;
/* Puts a backup in place: whole or not at all. Every message that is not finished in it is marked
 * maybe_duplicate, the epoch is raised beyond all that were used since, and the next opening knows
 * of it. Errors as above, and -EBADMSG also for a file with damaged rows. */
int store_restore(const store_restore_t *what, store_restored_t *out, char *why, size_t why_size);

#endif
