/* log_sink.h: where lines go. journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL) over
 * a non-blocking datagram socket of our own: sd_journal_sendv waits for ever when journald has
 * stopped reading (seen with a frozen journald), and passes long lines by a memfd. A full socket
 * drops the line. */
#ifndef WEIR_SYS_LOG_SINK_H
#define WEIR_SYS_LOG_SINK_H

#include "sys/log.h"

#define LOG_DATAGRAM_MAX 8192u /* one line with its fields; longer texts are cut and marked */

typedef struct log_sink {
    int journal;      /* connected datagram socket; -1: none */
    int terminal;     /* lines for people; stderr opened anew, or -1: stderr itself */
    const char *path; /* journald's socket; NULL: not wanted */
    bool colour;
    bool torn; /* the last line for people went out only in part */
} log_sink_t;

typedef struct log_entry {
    const log_line_t *line; /* text is not NULL */
    const char *actor, *message_id;
    unsigned instance;
    int level;
    wall_t wall;
} log_entry_t;

#define LOG_JOURNAL_PATH "/run/systemd/journal/socket"
/* `journal`: the path of journald's socket (kept, not copied), NULL: only the terminal. As long as
 * nobody listens there, lines go to the terminal. */
void log_sink_open(log_sink_t *sink, const char *journal);
void log_sink_close(log_sink_t *sink);
/* Waits until journald has read all lines, at most LOG_LAST_WORDS_MS: who ends right after its last
 * line is gone before journald asks the kernel whose line that was, and `journalctl -u` and
 * `systemctl status` do not show it (seen with a limiter that could not open its store). */
#define LOG_LAST_WORDS_MS 200
void log_sink_settle(const log_sink_t *sink);
/* False: dropped, because it would have had to wait. */
bool log_sink_write(log_sink_t *sink, const log_entry_t *entry);

/* The datagram and the line for people, into out; their length, whole or cut with a mark. */
size_t log_format_journal(const log_entry_t *entry, char *out, size_t size);
size_t log_format_line(const log_entry_t *entry, bool colour, char *out, size_t size);

#endif
