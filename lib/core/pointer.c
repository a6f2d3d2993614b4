#include "core/pointer.h"

bool pointer_is_valid(bytes_t pointer)
{
    if (pointer.len > POINTER_BYTES_MAX || (pointer.len > 0 && pointer.data[0] != '/'))
        return false;
    size_t tokens = 0;
    for (size_t i = 0; i < pointer.len; i++) {
        uint8_t c = pointer.data[i];
        if (c == '\0')
            return false;
        if (c == '/' && ++tokens > POINTER_TOKENS_MAX)
            return false;
        if (c == '~' &&
            (i + 1 == pointer.len || (pointer.data[i + 1] != '0' && pointer.data[i + 1] != '1')))
            return false;
    }
    return true;
}

bool pointer_token(bytes_t *pointer, char *out, size_t *length)
{
    if (pointer->len == 0)
        return false;
    size_t n = 0, i = 1;
    for (; i < pointer->len && pointer->data[i] != '/'; i++) {
        char c = (char)pointer->data[i];
        if (c == '~' && i + 1 < pointer->len)
            c = pointer->data[++i] == '1' ? '/' : '~';
        out[n++] = c;
    }
    out[n] = '\0';
    *length = n;
    *pointer = bytes_of(pointer->data + i, pointer->len - i);
    return true;
}

/* Section 4: "0", or digits without a leading zero. Nine digits are more than an array ever has
 * here. */
static json_t *element(json_t *array, const char *token, size_t length)
{
    size_t index = 0;
    if (length == 0 || length > 9 || (length > 1 && token[0] == '0'))
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (token[i] < '0' || token[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(token[i] - '0');
    }
    return json_array_get(array, index);
}

json_t *pointer_get(json_t *root, bytes_t pointer)
{
    char token[POINTER_BYTES_MAX + 1];
    size_t length;
    if (!pointer_is_valid(pointer))
        return NULL;
    json_t *at = root;
    while (at && pointer_token(&pointer, token, &length)) {
        if (json_is_object(at))
            at = json_object_getn(at, token, length);
        else if (json_is_array(at))
            at = element(at, token, length);
        else
            at = NULL;
    }
    return at;
}
