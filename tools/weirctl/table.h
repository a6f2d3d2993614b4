/* table.h: rows of words aligned for people. */
#ifndef WEIRCTL_TABLE_H
#define WEIRCTL_TABLE_H

#include <stddef.h>

#include "core/base.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_CELL_BYTES 128

typedef struct table table_t;
/* Titles separated by '|': "ACTOR|STATE|>PID"; a column with '>' is of numbers, to the right. */
table_t *table_new(const char *titles);
/* Adds a cell; a full row begins the next one. Longer than a cell: cut, with three dots. Control
 * bytes, which a message may carry in its key, are shown as '?'. */
void table_cell(table_t *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints and frees it. On a terminal the titles are bold, unless NO_COLOR is set, and the widest
 * columns are cut until a row fits. */
void table_print(table_t **t);

/* Of a line on this terminal; SIZE_MAX: there is none, nothing is cut. */
size_t table_width(void);

/* "850 ms", "12 s", "3 min", "5 h", "2 days" */
const char *table_age(int64_t ms, char out[32]);
const char *table_size(int64_t bytes, char out[32]);

#endif
