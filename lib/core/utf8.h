/* utf8.h: is this text? RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Also no
 * U+0000, which C and SQL would take for the end. Pure. */
#ifndef WEIR_CORE_UTF8_H
#define WEIR_CORE_UTF8_H

#include "core/base.h"

/* Length of the longest beginning of `text` that is at most `most` bytes and whole characters: for
 * cutting a text to a bound, and for taking what is readable of what may be no text at all. */
size_t utf8_prefix(bytes_t text, size_t most);
static inline bool utf8_valid(bytes_t text) { return utf8_prefix(text, text.len) == text.len; }
/* What a terminal may be sent of a text that a stranger wrote: '?' for each byte of a control
 * character (C0 with its newline, DEL, C1), which would steer the terminal or forge a line, and of
 * what is no text. out has room for text.len bytes, and may be text.data; no closing NUL. */
void utf8_shown(bytes_t text, char *out);

#endif
