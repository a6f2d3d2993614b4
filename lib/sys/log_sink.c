#include "sys/log_sink.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/utf8.h"

#define CUT "... (cut)"
#define FIELDS_MOST 9
#define LOG_TEXT_ROOM 1024u /* of a datagram, kept for the sentence */

/* ---- open, close ---- */

static int open_journal(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    must(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Our own description of stderr, so that it can be non-blocking without making the shell's and our
 * siblings' so. Not possible for sockets, and where the terminal belongs to another user. */
static int open_terminal(void)
{
    return open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_sink_open(log_sink_t *sink, const char *journal)
{
    const char *no_colour = getenv("NO_COLOR");
    *sink = (log_sink_t){.path = journal};
    sink->journal = journal ? open_journal(journal) : -1;
    sink->terminal = open_terminal();
    sink->colour = isatty(STDERR_FILENO) && (!no_colour || !*no_colour);
}

void log_sink_close(log_sink_t *sink)
{
    if (sink->journal >= 0)
        close(sink->journal);
    if (sink->terminal >= 0)
        close(sink->terminal);
    sink->journal = sink->terminal = -1;
}

void log_sink_settle(const log_sink_t *sink)
{
    int unread = 0;
    for (int ms = 0; sink->journal >= 0 && ms < LOG_LAST_WORDS_MS; ms += 2) {
        bool known = ioctl(sink->journal, SIOCOUTQ, &unread) == 0;
        nanosleep(&(struct timespec){.tv_nsec = 2 * 1000000},
                  NULL); /* and a moment to look us up */
        if (!known || unread == 0)
            return;
    }
}

/* ---- texts ---- */

typedef struct text {
    char *out;
    size_t size, len;
} text_t;

static bool put(text_t *t, const void *data, size_t len)
{
    if (len > t->size - t->len)
        return false;
    if (len)
        memcpy(t->out + t->len, data, len);
    t->len += len;
    return true;
}

static bool put_text(text_t *t, const char *text) { return put(t, text, strlen(text)); }

static bool has_newline(bytes_t value) { return value.len && memchr(value.data, '\n', value.len); }

/* NAME=value, or for a value with a newline NAME, its length as 64 bits little-endian, value. */
static bool put_field(text_t *t, const char *name, bytes_t value)
{
    size_t before = t->len;
    uint64_t length = htole64(value.len);
    bool plain = !has_newline(value);
    bool fits = put_text(t, name) &&
                (plain ? put_text(t, "=") : put_text(t, "\n") && put(t, &length, sizeof length)) &&
                put(t, value.data, value.len) && put_text(t, "\n");
    if (!fits)
        t->len = before;
    return fits;
}

typedef struct field {
    const char *journal, *shown;
    bytes_t value;
} field_t;

/* Numbers and texts that belong to the line; empty ones are left out. */
static size_t fields_of(const log_entry_t *entry, field_t *out)
{
    const log_line_t *l = entry->line;
    const field_t all[] = {
        {"WEIR_MESSAGE", "message", l->message},
        {"WEIR_ROUTE", "route", l->route},
        {"WEIR_KEY", "key", l->key},
        {"WEIR_DOWNSTREAM", "downstream", l->downstream},
        {"WEIR_LIMIT", "limit", l->limit},
        {"WEIR_REASON", "reason", l->reason},
        {"WEIR_TRACE", "trace", l->trace},
    };
    size_t count = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i].value.len)
            out[count++] = all[i];
    return count;
}

static void put_shown(text_t *t, bytes_t value)
{
    size_t room = t->size - t->len, len = value.len < room ? value.len : room;
    utf8_shown(bytes_of(value.data, len), t->out + t->len);
    t->len += len;
}

/* The sentence and what belongs to it, as people read it: whoever looks at a terminal or types
 * journalctl sees which message it is about, and why. False: it was cut. */
static bool put_sentence(text_t *t, const log_entry_t *entry, const field_t *fields, size_t count)
{
    put_shown(t, bytes_str(entry->line->text));
    for (size_t i = 0; i < count; i++) {
        put_text(t, i ? " " : "  ");
        put_text(t, fields[i].shown);
        put_text(t, "=");
        put_shown(t, fields[i].value);
    }
    if (entry->line->error) {
        put_text(t, count ? " error=" : "  error=");
        put_text(t, strerror(-entry->line->error));
    }
    return t->len < t->size;
}

/* What people wrote comes last and is cut to fit; the fields by which lines are found go first. */
size_t log_format_journal(const log_entry_t *entry, char *out, size_t size)
{
    text_t t = {out, size - LOG_TEXT_ROOM, 0};
    field_t fields[FIELDS_MOST];
    char number[128];
    must(size > 2 * LOG_TEXT_ROOM);
    size_t count = fields_of(entry, fields);
    int n = snprintf(number, sizeof number,
                     "PRIORITY=%d\nMESSAGE_ID=%s\nWEIR_ACTOR=%s\nWEIR_INSTANCE=%u\n", entry->level,
                     entry->message_id, entry->actor, entry->instance);
    must(n > 0 && (size_t)n < sizeof number && put(&t, number, (size_t)n));
    snprintf(number, sizeof number, "SYSLOG_IDENTIFIER=weir-%s\n", entry->actor);
    must(put_text(&t, number));
    if (entry->line->error) {
        snprintf(number, sizeof number, "ERRNO=%d\n", -entry->line->error);
        must(put_text(&t, number));
    }
    for (size_t i = 0; i < count; i++)
        put_field(&t, fields[i].journal, fields[i].value);
    char *said = malloc(size);
    must(said);
    text_t sentence = {said, size - t.len - 32 - strlen(CUT), 0};
    bool whole = put_sentence(&sentence, entry, fields, count);
    sentence.size += strlen(CUT);
    if (!whole)
        put_text(&sentence, CUT);
    t.size = size;
    must(put_field(&t, "MESSAGE", bytes_of(said, sentence.len)));
    free(said);
    return t.len;
}

/* ---- the line for people ---- */

static const char *colour_of(int level)
{
    return level <= LOG_LEVEL_ERROR ? "\033[31m" : level == LOG_LEVEL_WARNING ? "\033[33m" : "";
}

size_t log_format_line(const log_entry_t *entry, bool colour, char *out, size_t size)
{
    text_t t = {out, size - strlen(CUT) - 8, 0}; /* room for the end is kept */
    field_t fields[FIELDS_MOST];
    char head[96];
    struct tm tm;
    time_t seconds = (time_t)(entry->wall.us / US_PER_S);
    size_t count = fields_of(entry, fields);
    localtime_r(&seconds, &tm);
    snprintf(head, sizeof head, "%02d:%02d:%02d.%03d ", tm.tm_hour, tm.tm_min, tm.tm_sec,
             (int)(entry->wall.us % US_PER_S / US_PER_MS));
    put_text(&t, head);
    const char *start = colour ? colour_of(entry->level) : "";
    snprintf(head, sizeof head, entry->instance ? "%s%s/%u%s: " : "%s%s%.0u%s: ", start,
             entry->actor, entry->instance, *start ? "\033[0m" : "");
    put_text(&t, head);
    bool full = !put_sentence(&t, entry, fields, count);
    t.size = size;
    if (full)
        put_text(&t, CUT);
    put_text(&t, "\n");
    return t.len;
}

/* ---- writing ---- */

/* Where stderr could not be opened anew: a write is begun only when poll says there is room, which
 * for a pipe means PIPE_BUF, and no line is longer. */
static ssize_t write_shared(const char *line, size_t len)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t n = send(STDERR_FILENO, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0 || errno != ENOTSOCK)
        return n;
    if (poll(&ready, 1, 0) != 1 || !(ready.revents & POLLOUT))
        return -1;
    return write(STDERR_FILENO, line, len);
}

static bool write_line(log_sink_t *sink, char *line, size_t len)
{
    if (sink->torn) { /* begin on a line of its own; the format keeps room in front */
        line--;
        len++;
    }
    ssize_t n = sink->terminal >= 0 ? write(sink->terminal, line, len) : write_shared(line, len);
    sink->torn = sink->torn ? n <= 0 || n < (ssize_t)len : n > 0 && n < (ssize_t)len;
    return n == (ssize_t)len;
}

static bool send_datagram(log_sink_t *sink, const char *data, size_t len)
{
    ssize_t n = send(sink->journal, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EMSGSIZE) {
        close(sink->journal); /* journald was restarted: its socket has a new life */
        sink->journal = open_journal(sink->path);
        n = sink->journal < 0 ? -1 : send(sink->journal, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return n == (ssize_t)len;
}

bool log_sink_write(log_sink_t *sink, const log_entry_t *entry)
{
    char out[LOG_DATAGRAM_MAX];
    if (sink->path && sink->journal < 0)
        sink->journal = open_journal(sink->path); /* it may have come since */
    if (sink->journal >= 0)
        return send_datagram(sink, out, log_format_journal(entry, out, sizeof out));
    out[0] = '\n';
    return write_line(sink, out + 1, log_format_line(entry, sink->colour, out + 1, PIPE_BUF - 1));
}
