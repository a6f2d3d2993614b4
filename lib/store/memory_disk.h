/* memory_disk.h: the memory store's disk: what is durable there, changed by whole batches. */
#ifndef WEIR_STORE_MEMORY_DISK_H
#define WEIR_STORE_MEMORY_DISK_H

#include "store/batch.h"

typedef struct disk_message disk_message_t;
struct disk_message {
    stored_message_t message;
    bool has_envelope, has_progress;
    uint8_t *envelope_texts, *progress_texts; /* what the message's texts point into */
    disk_message_t *next_of_id;
};
typedef struct disk_group {
    int64_t number;
    wall_t newest;
    size_t count;
    stored_print_t *prints;
} disk_group_t;
typedef struct disk_setting {
    uint8_t *name, *value;
    size_t name_len, value_len;
} disk_setting_t;
typedef struct disk_row { /* of a lease or a pace; key lies in the row's texts */
    bytes_t key;
    union {
        stored_lease_t lease;
        stored_pace_t pace;
    };
    uint8_t *texts;
} disk_row_t;
typedef struct disk_rows { /* ascending by key, as SQLite orders blobs */
    disk_row_t **rows;
    size_t count, room;
} disk_rows_t;

struct memory_disk {
    disk_message_t **messages; /* ascending by seq */
    size_t count, room;
    disk_message_t **buckets;  /* by id; a power of two */
    size_t bucket_count;
    disk_group_t *groups;      /* ascending */
    size_t group_count, group_room;
    disk_setting_t *settings;
    size_t setting_count;
    disk_rows_t leases, paces;
    tally_t tally;
    uint64_t epoch;
    int64_t next_group;
    bool closed;               /* the last life ended in order */
    bool used;
};

void memory_disk_apply(memory_disk_t *disk, const store_batch_t *batch);
/* Index of the first message with a seq not below this one; disk->count: none. */
size_t memory_disk_from(const memory_disk_t *disk, int64_t seq);
/* NULL: no such. */
disk_message_t *memory_disk_by_seq(const memory_disk_t *disk, int64_t seq);

/* memory_rows.c */
void memory_rows_put_lease(disk_rows_t *rows, const stored_lease_t *lease);
void memory_rows_put_pace(disk_rows_t *rows, const stored_pace_t *pace);
void memory_rows_drop(disk_rows_t *rows, bytes_t key);
void memory_rows_clear(disk_rows_t *rows);
/* Copies the texts into one block, which the caller frees, and points them there. */
uint8_t *memory_texts_pack(bytes_t *const *texts, size_t count);

#endif
