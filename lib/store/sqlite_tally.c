/* The sum of all, as meta keeps it, and counted anew. */
#include <stdio.h>

#include "store/sqlite_inner.h"

void sqlite_tally_text(char text[TALLY_TEXT_BYTES], const tally_t *t, int64_t next_group)
{
    snprintf(text, TALLY_TEXT_BYTES, "%lld %lld %llu %llu %llu %llu %lld", (long long)t->next_seq,
             (long long)t->first_live, (unsigned long long)t->live,
             (unsigned long long)t->live_bytes, (unsigned long long)t->done,
             (unsigned long long)t->dead, (long long)next_group);
}

bool sqlite_tally_read(const char *text, tally_t *t, int64_t *next_group)
{
    long long next, first, group;
    unsigned long long live, bytes, done, dead;
    if (sscanf(text, "%lld %lld %llu %llu %llu %llu %lld", &next, &first, &live, &bytes, &done,
               &dead, &group) != 7)
        return false;
    *t = (tally_t){.next_seq = next, .first_live = first, .live = live, .live_bytes = bytes,
                   .done = done, .dead = dead};
    *next_group = group;
    return true;
}

int sqlite_count_tally(sqlite3 *db, tally_t *t)
{
    sqlite3_stmt *ask = NULL;
    int rc = sqlite3_prepare_v2(db,
        "SELECT max(ifnull((SELECT max(seq) FROM envelope),0), ifnull(max(seq),0))+1,"
        " min(iif(state<3,seq,NULL)), count(iif(state<3,1,NULL)), total(iif(state<3,bytes,0)),"
        " count(iif(state=3,1,NULL)), count(iif(state=4,1,NULL)) FROM progress", -1, &ask, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(ask)) == SQLITE_ROW) {
        t->next_seq = sqlite3_column_int64(ask, 0);
        t->first_live = sqlite3_column_type(ask, 1) == SQLITE_NULL ? t->next_seq
                                                                   : sqlite3_column_int64(ask, 1);
        t->live = (uint64_t)sqlite3_column_int64(ask, 2);
        t->live_bytes = (uint64_t)sqlite3_column_int64(ask, 3);
        t->done = (uint64_t)sqlite3_column_int64(ask, 4);
        t->dead = (uint64_t)sqlite3_column_int64(ask, 5);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(ask);
    return rc;
}
