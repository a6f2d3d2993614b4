#include "sys/forwarded.h"

#include <strings.h>

#define HOPS_MAX 64u /* the right-most so many are looked at */

/* ---- networks */

static bool same_bits(const address_t *a, const address_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0;
}

static bool read_bits(bytes_t text, unsigned most, unsigned *out)
{
    unsigned n = 0;
    if (!text.len || text.len > 3 || (text.len > 1 && text.data[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        n = n * 10 + (text.data[i] - '0');
    }
    *out = n;
    return n <= most;
}

bool network_read(bytes_t text, network_t *out)
{
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    size_t length = slash ? (size_t)(slash - text.data) : text.len;
    network_t n;
    if (!length || text.data[0] == '[' || !address_read(bytes_of(text.data, length), &n.address))
        return false;
    unsigned most = n.address.family == 4 ? 32 : 128;
    n.bits = most;
    if (slash && !read_bits(bytes_of(slash + 1, text.len - length - 1), most, &n.bits))
        return false;
    for (unsigned bit = n.bits; bit < most; bit++)
        if (n.address.bytes[bit / 8] & 0x80 >> bit % 8)
            return false;
    address_unmap(&n.address);
    if (n.address.family == 4 && most == 128 && n.bits < 96)
        return false;
    n.bits -= n.address.family == 4 ? most - 32 : 0;
    *out = n;
    return true;
}

bool network_has(const network_t *networks, size_t count, const address_t *address)
{
    address_t a = *address;
    address_unmap(&a);
    for (size_t i = 0; i < count; i++)
        if (networks[i].address.family == a.family &&
            same_bits(&networks[i].address, &a, networks[i].bits))
            return true;
    return false;
}

/* ---- hops */

static bytes_t trimmed(bytes_t t)
{
    while (t.len && (t.data[0] == ' ' || t.data[0] == '\t'))
        t = bytes_of(t.data + 1, t.len - 1);
    while (t.len && (t.data[t.len - 1] == ' ' || t.data[t.len - 1] == '\t'))
        t.len--;
    return t;
}

static bool is_port(bytes_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0 && text.len <= 5;
}

/* An address, with a port or not: 192.0.2.1:80, [2001:db8::1]:80, 2001:db8::1. */
static bool read_hop(bytes_t text, address_t *out)
{
    text = trimmed(text);
    const uint8_t *end =
        text.len ? memchr(text.data, text.data[0] == '[' ? ']' : ':', text.len) : NULL;
    size_t length = end ? (size_t)(end - text.data) : text.len;
    bool bracketed = end && *end == ']';
    if (bracketed)
        length++;
    bytes_t rest = bytes_of(text.data + length, text.len - length);
    bool ported =
        rest.len > 1 && rest.data[0] == ':' && is_port(bytes_of(rest.data + 1, rest.len - 1));
    bool is_v6 = !bracketed && end && memchr(end + 1, ':', rest.len - 1);
    bytes_t address = is_v6 ? text : bytes_of(text.data, length);
    if ((rest.len && !ported && !is_v6) || !address_read(address, out))
        return false;
    address_unmap(out);
    return true;
}

/* The end of what stands before `mark`, quoted strings left whole (RFC 9110 section 5.6.4). */
static size_t until(bytes_t text, char mark)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < text.len && (quoted || text.data[i] != mark); i++) {
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (quoted && text.data[i] == '\\')
            i++;
    }
    return i < text.len ? i : text.len;
}

/* Takes what stands before the mark off the front. */
static bytes_t next(bytes_t *rest, char mark, bool quotes)
{
    const uint8_t *found = memchr(rest->data, mark, rest->len);
    size_t length = quotes ? until(*rest, mark) : found ? (size_t)(found - rest->data) : rest->len;
    bytes_t part = bytes_of(rest->data, length);
    bool more = length < rest->len;
    *rest = bytes_of(rest->data + length + more, rest->len - length - more);
    return part;
}

/* What for= says in an element of Forwarded; empty: nothing. */
static bytes_t for_of(bytes_t element)
{
    while (element.len) {
        bytes_t pair = trimmed(next(&element, ';', true));
        if (pair.len < 4 || strncasecmp((const char *)pair.data, "for=", 4) != 0)
            continue;
        bytes_t value = bytes_of(pair.data + 4, pair.len - 4);
        bool quoted = value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';
        return quoted ? bytes_of(value.data + 1, value.len - 2) : value;
    }
    return element;
}

/* The right-most hops of all lines of that name, a ring by number. */
typedef struct hops {
    bytes_t hop[HOPS_MAX];
    size_t count;
} hops_t;

static void gather(hops_t *h, bytes_t value, bool rfc7239)
{
    while (value.len) {
        bytes_t element = next(&value, ',', rfc7239);
        h->hop[h->count++ % HOPS_MAX] = rfc7239 ? for_of(element) : element;
    }
}

void forwarded_client(const forwarded_t *f, const http_field_t *fields, size_t count,
                      address_t *client)
{
    hops_t h;
    address_t hop;
    h.count = 0;
    for (size_t i = 0; i < count; i++)
        if (bytes_is(fields[i].name, f->rfc7239 ? "forwarded" : "x-forwarded-for"))
            gather(&h, fields[i].value, f->rfc7239);
    size_t least = h.count > HOPS_MAX ? h.count - HOPS_MAX : 0;
    while (h.count > least && network_has(f->trusted, f->trusted_count, client) &&
           read_hop(h.hop[--h.count % HOPS_MAX], &hop))
        *client = hop;
}

bool forwarded_is_told(const http_field_t *fields, size_t count)
{
    static const char *const names[] = {"forwarded", "x-forwarded-for", "x-real-ip", "via"};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < COUNT_OF(names); k++)
            if (bytes_is(fields[i].name, names[k]))
                return true;
    return false;
}
