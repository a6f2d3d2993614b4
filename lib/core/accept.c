#include "core/accept.h"

#include <stdlib.h>
#include <strings.h>

static bytes_t trimmed(bytes_t text)
{
    while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_of(text.data + 1, text.len - 1);
    while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* Takes what is before the next `separator` off `rest`. */
static bytes_t take_part(bytes_t *rest, char separator)
{
    const uint8_t *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    size_t length = end ? (size_t)(end - rest->data) : rest->len;
    bytes_t part = bytes_of(rest->data, length);
    *rest = end ? bytes_of(end + 1, rest->len - length - 1) : bytes_of(NULL, 0);
    return trimmed(part);
}

/* "0.5" in thousandths; what is no weight counts as nothing. */
static int weight(bytes_t text)
{
    char number[8] = "";
    if (text.len == 0 || text.len > 5)
        return 0;
    memcpy(number, text.data, text.len);
    char *end;
    double q = strtod(number, &end);
    return *end || !(q >= 0 && q <= 1) ? 0 : (int)(q * 1000 + 0.5);
}

/* -1: not named. */
static int weight_of(bytes_t accept, const char *type)
{
    int found = -1;
    while (accept.len) {
        bytes_t range = take_part(&accept, ',');
        bytes_t name = take_part(&range, ';');
        if (name.len != strlen(type) || strncasecmp((const char *)name.data, type, name.len) != 0)
            continue;
        found = 1000;
        while (range.len) {
            bytes_t parameter = take_part(&range, ';');
            if (parameter.len >= 2 && (parameter.data[0] | 32) == 'q' && parameter.data[1] == '=')
                found = weight(bytes_of(parameter.data + 2, parameter.len - 2));
        }
    }
    return found;
}

bool accept_prefers(bytes_t accept, const char *type, const char *other)
{
    int wanted = weight_of(accept, type);
    return wanted > 0 && wanted >= weight_of(accept, other);
}
