/* Leases and paces on the memory store's disk: rows in the order of their keys. */
#include <stdlib.h>

#include "store/memory_disk.h"

uint8_t *memory_texts_pack(bytes_t *const *texts, size_t count)
{
    size_t size = 0, used = 0;
    for (size_t i = 0; i < count; i++)
        size += texts[i]->len;
    uint8_t *block = memory_take(size);
    for (size_t i = 0; i < count; i++) {
        if (texts[i]->len)
            memcpy(block + used, texts[i]->data, texts[i]->len);
        texts[i]->data = block + used;
        used += texts[i]->len;
    }
    return block;
}

static int compare(bytes_t a, bytes_t b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Index of the first row whose key is not below this one. */
static size_t row_from(const disk_rows_t *rows, bytes_t key)
{
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(rows->rows[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const disk_rows_t *rows, size_t at, bytes_t key)
{
    return at < rows->count && bytes_equal(rows->rows[at]->key, key);
}

/* The row of that key, without texts: the one that is there, or a new one. */
static disk_row_t *row_for(disk_rows_t *rows, bytes_t key)
{
    size_t at = row_from(rows, key);
    if (is_at(rows, at, key)) {
        free(rows->rows[at]->texts);
        return rows->rows[at];
    }
    if (rows->count == rows->room) {
        rows->room = rows->room ? rows->room * 2 : 64;
        rows->rows = memory_grow(rows->rows, rows->room * sizeof *rows->rows);
    }
    memmove(rows->rows + at + 1, rows->rows + at, (rows->count++ - at) * sizeof *rows->rows);
    return rows->rows[at] = memory_take(sizeof(disk_row_t));
}

void memory_rows_put_lease(disk_rows_t *rows, const stored_lease_t *lease)
{
    disk_row_t *row = row_for(rows, lease->id);
    stored_lease_t *l = &row->lease;
    *l = *lease;
    row->texts = memory_texts_pack((bytes_t *[]){&l->id, &l->holder, &l->slots}, 3);
    row->key = l->id;
}

void memory_rows_put_pace(disk_rows_t *rows, const stored_pace_t *pace)
{
    disk_row_t *row = row_for(rows, pace->name);
    stored_pace_t *p = &row->pace;
    *p = *pace;
    row->texts = memory_texts_pack((bytes_t *[]){&p->name, &p->data}, 2);
    row->key = p->name;
}

static void row_free(disk_row_t *row)
{
    free(row->texts);
    free(row);
}

void memory_rows_drop(disk_rows_t *rows, bytes_t key)
{
    size_t at = row_from(rows, key);
    if (!is_at(rows, at, key))
        return;
    row_free(rows->rows[at]);
    rows->count--;
    memmove(rows->rows + at, rows->rows + at + 1, (rows->count - at) * sizeof *rows->rows);
}

void memory_rows_clear(disk_rows_t *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        row_free(rows->rows[i]);
    free(rows->rows);
    *rows = (disk_rows_t){0};
}
