#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/utf8.h"

typedef char cell_t[TABLE_CELL_BYTES];

struct table {
    size_t columns, count, room;
    bool right[TABLE_COLUMNS_MAX];
    cell_t *cells; /* row by row, the titles first */
};

static void add(table_t *t, const char *text)
{
    if (t->count == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->cells = realloc(t->cells, t->room * sizeof *t->cells);
        must(t->cells);
    }
    char *cell = t->cells[t->count++];
    size_t len = strlen(text), kept = utf8_prefix(bytes_str(text), TABLE_CELL_BYTES - 4);
    memcpy(cell, text, kept);
    strcpy(cell + kept, kept < len ? "..." : "");
    utf8_shown(bytes_str(cell), cell);
}

table_t *table_new(const char *titles)
{
    table_t *t = calloc(1, sizeof *t);
    must(t);
    char title[64];
    while (*titles) {
        size_t len = strcspn(titles, "|");
        must(len < sizeof title && t->columns < TABLE_COLUMNS_MAX);
        memcpy(title, titles, len);
        title[len] = '\0';
        t->right[t->columns++] = title[0] == '>';
        add(t, title[0] == '>' ? title + 1 : title);
        titles += len + (titles[len] == '|');
    }
    return t;
}

void table_cell(table_t *t, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(t, text);
}

/* Characters, not bytes. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* The beginning of a text that is so many characters wide, with dots where something was cut. */
static const char *fitting(const char *text, size_t width, cell_t out)
{
    if (width_of(text) <= width)
        return text;
    size_t bytes = 0, kept = width > 3 ? width - 3 : 0;
    for (size_t n = 0; text[bytes] && n < kept; n++) {
        bytes++;
        while (((unsigned char)text[bytes] & 0xc0) == 0x80)
            bytes++;
    }
    memcpy(out, text, bytes);
    strcpy(out + bytes, "...");
    return out;
}

static void print_row(const table_t *t, size_t row, const size_t *widths)
{
    bool bold = row == 0 && isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    fputs(bold ? "\033[1m" : "", stdout);
    for (size_t c = 0; c < t->columns; c++) {
        cell_t cut;
        const char *text = fitting(t->cells[row * t->columns + c], widths[c], cut);
        int pad = (int)(widths[c] - width_of(text));
        bool last = c + 1 == t->columns;
        if (t->right[c])
            printf("%*s%s%s", pad, "", text, last ? "" : "  ");
        else
            printf("%s%*s", text, last ? 0 : pad + 2, "");
    }
    puts(bold ? "\033[0m" : "");
}

size_t table_width(void)
{
    struct winsize size;
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return SIZE_MAX;
    return size.ws_col;
}

static void fit(const table_t *t, size_t *widths)
{
    size_t most = table_width();
    for (;;) {
        size_t all = 2 * (t->columns - 1), widest = 0;
        for (size_t c = 0; c < t->columns; c++) {
            all += widths[c];
            widest = widths[c] > widths[widest] ? c : widest;
        }
        if (all <= most || widths[widest] <= 8)
            return;
        widths[widest]--;
    }
}

void table_print(table_t **table)
{
    table_t *t = *table;
    *table = NULL;
    must(t->count % t->columns == 0);
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->count; i++) {
        size_t width = width_of(t->cells[i]);
        widths[i % t->columns] = width > widths[i % t->columns] ? width : widths[i % t->columns];
    }
    fit(t, widths);
    for (size_t row = 0; row < t->count / t->columns; row++)
        print_row(t, row, widths);
    free(t->cells);
    free(t);
}

const char *table_age(int64_t ms, char out[32])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "days"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (ms >= units[i].ms * (i == 0 ? 2 : 1) || units[i].ms == 1) {
            snprintf(out, 32, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
            break;
        }
    return out;
}

const char *table_size(int64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t u = 0;
    for (; value >= 1024 && u + 1 < COUNT_OF(units); u++)
        value /= 1024;
    snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", value, units[u]);
    return out;
}
