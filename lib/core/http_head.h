/* http_head.h: is the head of this request beyond doubt? What two parsers may read differently is
 * refused (RFC 9112, sections 2.2, 3, 5.2, 6.3 and 11): folded lines, a lone LF or CR, NUL, two
 * lengths, a length and a coding, blanks before a colon. Pure; everything lent from the bytes. */
#ifndef WEIR_CORE_HTTP_HEAD_H
#define WEIR_CORE_HTTP_HEAD_H

#include "core/base.h"

#define HTTP_HEADERS_MAX 100u

typedef struct http_field { bytes_t name, value; } http_field_t;

typedef struct http_head {
    unsigned status;         /* 0: beyond doubt; else how it is refused */
    size_t len;              /* with the empty line, and with up to two empty lines before it */
    bytes_t method, target;
    bool http11;             /* else 1.0 */
    bool closes, keeps;      /* Connection says close, keep-alive */
    bool expects;            /* 100-continue */
    bool chunked;            /* else: */
    uint64_t content_length; /* at most 18 digits; 0 where nothing is said */
    http_field_t fields[HTTP_HEADERS_MAX]; /* names as they came */
    size_t field_count;
} http_head_t;

enum head_scan { HEAD_MORE, HEAD_WHOLE, HEAD_BAD };
/* Of bytes off the wire, which may go on behind the head. BAD is said as early as it is certain. */
enum head_scan http_head_scan(bytes_t bytes, http_head_t *out);

/* A line of the shape "name: value", as a head or a trailer may have it. */
bool http_field_is_sound(bytes_t line);

#endif
