/* row.h: the checksum of each kind of row: XXH3-64 of what the row says, with its table and key
 * mixed in. Pure. The numbers are part of the file format (FORMAT.md). */
#ifndef WEIR_STORE_ROW_H
#define WEIR_STORE_ROW_H

#include "store/store.h"

enum row_table {
    ROW_META = 1,
    ROW_ENVELOPE,
    ROW_CONTENT,
    ROW_PROGRESS,
    ROW_PRINTS,
    ROW_SETTING,
    ROW_LEASE,
    ROW_PACE
};

/* content_len: bytes of content at the enqueue; stays when the content is dropped. */
uint64_t envelope_sum(const envelope_t *e, uint32_t content_len);
uint64_t content_sum(int64_t seq, bytes_t data);
uint64_t progress_sum(const progress_t *p);
uint64_t prints_sum(int64_t group, int64_t newest, bytes_t entries);
uint64_t lease_sum(const stored_lease_t *l);
/* Of meta, setting and pace: a name and what it stands for. */
uint64_t named_sum(enum row_table table, bytes_t name, bytes_t value);

/* One print inside a group's blob, little endian: print 16, seq 8, body hash 8, accepted 8. */
#define PRINT_BYTES 40u
void print_pack(uint8_t out[PRINT_BYTES], const envelope_t *e);
stored_print_t print_unpack(const uint8_t in[PRINT_BYTES]);

#endif
