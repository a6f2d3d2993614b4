/* address.h: what an IP address is for: may a call go there? Pure; reads texts and bytes, asks
 * nobody. Ranges: IANA special-purpose registries (RFC 6890 and its updates), RFC 6052 (NAT64), RFC
 * 3056 (6to4), RFC 4380 (Teredo), and the metadata services of the clouds. */
#ifndef WEIR_SYS_ADDRESS_H
#define WEIR_SYS_ADDRESS_H

#include "core/base.h"

struct sockaddr;

typedef struct address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
} address_t;

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE, /* also shared (100.64/10), unique local, site local, benchmark nets */
    ADDRESS_LOOPBACK,
    ADDRESS_LINK_LOCAL,
    ADDRESS_METADATA, /* where clouds hand out credentials */
    ADDRESS_UNSPECIFIED,
    ADDRESS_MULTICAST, /* and broadcast */
    ADDRESS_RESERVED,  /* documentation, discard, never assigned */
};

/* An IPv6 address that carries an IPv4 one (mapped, compatible, NAT64, 6to4, Teredo) is of the kind
 * of that. */
enum address_kind address_kind(const address_t *address);
const char *address_kind_name(enum address_kind kind);
/* Public always; private, loopback and link-local only where allowed; the others never. */
bool address_may_be_called(const address_t *address, bool allow_private);

/* A literal: dotted quad (four decimal numbers, no leading zeros) or IPv6 with or without brackets,
 * no zone. False: it is not one; `out` is untouched. */
bool address_read(bytes_t text, address_t *out);
/* False: neither IPv4 nor IPv6. */
bool address_of(const struct sockaddr *from, address_t *out);
/* IPv4 as IPv6 sockets show it (::ffff:a.b.c.d) becomes IPv4; nothing else changes. */
void address_unmap(address_t *address);
#define ADDRESS_TEXT 46
void address_write(const address_t *address, char out[ADDRESS_TEXT]);
bool address_equal(const address_t *a, const address_t *b);

/* True for names that some parser takes for an IPv4 address although they are no dotted quad:
 * 127.1, 0x7f.0.0.1, 2130706433 (the last label is a number). */
bool address_is_disguised(bytes_t host);

#endif
