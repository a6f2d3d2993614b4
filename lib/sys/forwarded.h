/* forwarded.h: who is the client of a request that came through proxies? Each proxy adds on the
 * right whom it heard; only what trusted ones added counts, so it is the right-most address that is
 * not trusted. X-Forwarded-For, or Forwarded (RFC 7239). Pure. */
#ifndef WEIR_SYS_FORWARDED_H
#define WEIR_SYS_FORWARDED_H

#include "sys/address.h"
#include "sys/http.h"

/* An address, or 10.0.0.0/8, 2001:db8::/32 (RFC 4632). IPv4 inside IPv6 counts as IPv4. */
typedef struct network {
    address_t address;
    unsigned bits;
} network_t;

/* False: it is none, or has bits set behind its mask; `out` is untouched. */
bool network_read(bytes_t text, network_t *out);
bool network_has(const network_t *networks, size_t count, const address_t *address);

typedef struct forwarded {
    const network_t *trusted;
    size_t trusted_count;
    bool rfc7239; /* Forwarded; else X-Forwarded-For. The other is a stranger's word */
} forwarded_t;

/* `client` is who connected and is trusted; becomes the right-most that is not. A hop that cannot
 * be read ends the search: the one before it is the client. */
void forwarded_client(const forwarded_t *f, const http_field_t *fields, size_t count,
                      address_t *client);
/* Did it come through any proxy that says so? */
bool forwarded_is_told(const http_field_t *fields, size_t count);

#endif
