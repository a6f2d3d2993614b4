#include "sys/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>

struct range {
    uint8_t bytes[16], bits;
    enum address_kind kind;
};

/* The first that fits counts. */
static const struct range ranges4[] = {
    {{169, 254, 169, 254}, 32, ADDRESS_METADATA}, /* most clouds */
    {{169, 254, 170, 2}, 32, ADDRESS_METADATA},   /* container credentials */
    {{100, 100, 100, 200}, 32, ADDRESS_METADATA},
    {{192, 0, 0, 192}, 32, ADDRESS_METADATA},
    {{168, 63, 129, 16}, 32, ADDRESS_METADATA},
    {{0}, 8, ADDRESS_UNSPECIFIED},
    {{10}, 8, ADDRESS_PRIVATE},
    {{100, 64}, 10, ADDRESS_PRIVATE},
    {{127}, 8, ADDRESS_LOOPBACK},
    {{169, 254}, 16, ADDRESS_LINK_LOCAL},
    {{172, 16}, 12, ADDRESS_PRIVATE},
    {{192, 0, 0}, 24, ADDRESS_RESERVED},
    {{192, 0, 2}, 24, ADDRESS_RESERVED},
    {{192, 88, 99}, 24, ADDRESS_RESERVED},
    {{192, 168}, 16, ADDRESS_PRIVATE},
    {{198, 18}, 15, ADDRESS_PRIVATE},
    {{198, 51, 100}, 24, ADDRESS_RESERVED},
    {{203, 0, 113}, 24, ADDRESS_RESERVED},
    {{224}, 4, ADDRESS_MULTICAST},
    {{255, 255, 255, 255}, 32, ADDRESS_MULTICAST},
    {{240}, 4, ADDRESS_RESERVED},
};
static const struct range ranges6[] = {
    {{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, ADDRESS_METADATA},
    {{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, ADDRESS_METADATA},
    {{0}, 128, ADDRESS_UNSPECIFIED},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, ADDRESS_LOOPBACK},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, ADDRESS_PRIVATE}, /* NAT64 for local use */
    {{0xfc}, 7, ADDRESS_PRIVATE},
    {{0xfe, 0x80}, 10, ADDRESS_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE},
    {{0xff}, 8, ADDRESS_MULTICAST},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, ADDRESS_RESERVED},
    {{0x3f, 0xff}, 20, ADDRESS_RESERVED},
    {{0x20, 0x01, 0x00}, 23, ADDRESS_RESERVED}, /* protocol assignments */
};

static bool fits(const uint8_t *address, const struct range *r)
{
    size_t whole = r->bits / 8, rest = r->bits % 8;
    if (memcmp(address, r->bytes, whole) != 0)
        return false;
    return rest == 0 || ((address[whole] ^ r->bytes[whole]) >> (8 - rest)) == 0;
}

static enum address_kind kind4(const uint8_t *address)
{
    for (size_t i = 0; i < COUNT_OF(ranges4); i++)
        if (fits(address, &ranges4[i]))
            return ranges4[i].kind;
    return ADDRESS_PUBLIC;
}

/* The IPv4 address that an IPv6 one stands for; false: none. */
static bool carried4(const uint8_t *a, uint8_t out[4])
{
    static const uint8_t zeros[12], mapped[12] = {[10] = 0xff, 0xff},
                                    nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    bool compatible = memcmp(a, zeros, 12) == 0 && (a[12] | a[13] | a[14]) != 0;
    if (compatible || memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0) {
        memcpy(out, a + 12, 4);
        return true;
    }
    if (a[0] == 0x20 && a[1] == 0x02) { /* 6to4 */
        memcpy(out, a + 2, 4);
        return true;
    }
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0 && a[3] == 0) { /* Teredo: the client, inverted */
        for (size_t i = 0; i < 4; i++)
            out[i] = (uint8_t)~a[12 + i];
        return true;
    }
    return false;
}

static enum address_kind kind6(const uint8_t *a)
{
    uint8_t inner[4];
    if (carried4(a, inner))
        return kind4(inner);
    for (size_t i = 0; i < COUNT_OF(ranges6); i++)
        if (fits(a, &ranges6[i]))
            return ranges6[i].kind;
    return (a[0] & 0xe0) == 0x20 ? ADDRESS_PUBLIC
                                 : ADDRESS_RESERVED; /* only 2000::/3 is assigned */
}

enum address_kind address_kind(const address_t *address)
{
    must(address->family == 4 || address->family == 6);
    return address->family == 4 ? kind4(address->bytes) : kind6(address->bytes);
}

const char *address_kind_name(enum address_kind kind)
{
    static const char *const names[] = {
        [ADDRESS_PUBLIC] = "public",       [ADDRESS_PRIVATE] = "private",
        [ADDRESS_LOOPBACK] = "loopback",   [ADDRESS_LINK_LOCAL] = "link-local",
        [ADDRESS_METADATA] = "metadata",   [ADDRESS_UNSPECIFIED] = "unspecified",
        [ADDRESS_MULTICAST] = "multicast", [ADDRESS_RESERVED] = "reserved",
    };
    must((size_t)kind < COUNT_OF(names));
    return names[kind];
}

bool address_may_be_called(const address_t *address, bool allow_private)
{
    switch (address_kind(address)) {
    case ADDRESS_PUBLIC:
        return true;
    case ADDRESS_PRIVATE:
    case ADDRESS_LOOPBACK:
    case ADDRESS_LINK_LOCAL:
        return allow_private;
    case ADDRESS_METADATA:
    case ADDRESS_UNSPECIFIED:
    case ADDRESS_MULTICAST:
    case ADDRESS_RESERVED:
        break;
    }
    return false;
}

bool address_read(bytes_t text, address_t *out)
{
    char buffer[INET6_ADDRSTRLEN + 1];
    address_t a = {0};
    if (text.len >= 2 && text.data[0] == '[' && text.data[text.len - 1] == ']') {
        text = bytes_of(text.data + 1, text.len - 2);
        if (!memchr(text.data, ':', text.len))
            return false;
    }
    if (text.len == 0 || text.len >= sizeof buffer || memchr(text.data, '\0', text.len))
        return false;
    memcpy(buffer, text.data, text.len);
    buffer[text.len] = '\0';
    if (inet_pton(AF_INET, buffer, a.bytes) == 1)
        a.family = 4;
    else if (inet_pton(AF_INET6, buffer, a.bytes) == 1)
        a.family = 6;
    else
        return false;
    *out = a;
    return true;
}

bool address_of(const struct sockaddr *from, address_t *out)
{
    address_t a = {0};
    if (from->sa_family == AF_INET) {
        a.family = 4;
        memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    } else if (from->sa_family == AF_INET6) {
        a.family = 6;
        memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    } else {
        return false;
    }
    *out = a;
    return true;
}

void address_unmap(address_t *a)
{
    static const uint8_t mapped[12] = {[10] = 0xff, 0xff};
    if (a->family != 6 || memcmp(a->bytes, mapped, sizeof mapped) != 0)
        return;
    address_t four = {.family = 4};
    memcpy(four.bytes, a->bytes + 12, 4);
    *a = four;
}

void address_write(const address_t *address, char out[ADDRESS_TEXT])
{
    must(inet_ntop(address->family == 4 ? AF_INET : AF_INET6, address->bytes, out, ADDRESS_TEXT));
}

bool address_equal(const address_t *a, const address_t *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_is_disguised(bytes_t host)
{
    size_t end = host.len, start, i;
    if (end > 0 && host.data[end - 1] == '.')
        end--;
    for (start = end; start > 0 && host.data[start - 1] != '.'; start--)
        ;
    if (start == end)
        return false;
    bool hex = end - start >= 2 && host.data[start] == '0' && (host.data[start + 1] | 0x20) == 'x';
    for (i = hex ? start + 2 : start; i < end; i++)
        if (!(hex ? isxdigit(host.data[i]) : isdigit(host.data[i])))
            return false;
    address_t quad;
    return !address_read(host, &quad);
}
