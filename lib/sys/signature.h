/* signature.h: how a source is believed: one row a scheme. Looks at the raw body before anything
 * parses it. */
#ifndef WEIR_SYS_SIGNATURE_H
#define WEIR_SYS_SIGNATURE_H

#include "sys/config.h"
#include "sys/http.h"

/* Is the request from whom the source says? `secret` is the source's, empty when it has none or was
 * not given: then every scheme that needs one says no. */
bool signature_holds(const source_t *source, const http_request_t *request, bytes_t secret);
/* A bearer token in Authorization (RFC 6750 section 2.1). */
bool signature_bearer_holds(const http_request_t *request, bytes_t secret);

#endif
