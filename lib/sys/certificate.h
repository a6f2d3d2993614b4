/* certificate.h: is this a certificate with its key, and until when? PEM (RFC 7468) by OpenSSL.
 * Pure: the time is given. */
#ifndef WEIR_SYS_CERTIFICATE_H
#define WEIR_SYS_CERTIFICATE_H

#include "core/base.h"

/* The first of `chain` must belong to `key`; each is looked at as far as a handshake needs it. 0
 * and when the first of the chain to end ends; -ELIBBAD: no certificates; -EKEYREJECTED: no key,
 * one with a passphrase, or that of another certificate. */
int certificate_check(bytes_t chain, bytes_t key, wall_t *ends);

#endif
