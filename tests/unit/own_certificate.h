/* own_certificate.h: a certificate and its key; it signs itself and guards nothing. */
#ifndef WEIR_TESTS_OWN_CERTIFICATE_H
#define WEIR_TESTS_OWN_CERTIFICATE_H

/* clang-format off */
static const char own_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbDCCAROgAwIBAgIUDQeg/MmEqIxdApK3+P6AtxovBqEwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBYTAeFw0yNjExMjExMjIzNDFaFw0zNjExMTgxMjIzNDFaMAwx\n"
    "CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQcbdl7xgCwb08z\n"
    "P2LeZN3OtWR4pygrHkqd1MmLT4ATsbAIIo9QzuWqYVW+4WcpxRxnij2njzeKLHVC\n"
    "uVyOzWaco1MwUTAdBgNVHQ4EFgQUR0ViL5PrCGu+ZwsE7ZMsslqxNP4wHwYDVR0j\n"
    "BBgwFoAUR0ViL5PrCGu+ZwsE7ZMsslqxNP4wDwYDVR0TAQH/BAUwAwEB/zAKBggq\n"
    "hkjOPQQDAgNHADBEAiBTmlxriDrp9xoOGnAR/xl/b8JPgsww4CQ/w/tm5lpD5QIg\n"
    "BXn+OE2WygkeESz9I/AkMISSlnsIjNeNex1wsOC6bTs=\n"
    "-----END CERTIFICATE-----\n";
static const char own_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5qzFvsPBOb5gizJo\n"
    "K/NMw1KpIf7G46UOGMdV/WXNK66hRANCAAQcbdl7xgCwb08zP2LeZN3OtWR4pygr\n"
    "Hkqd1MmLT4ATsbAIIo9QzuWqYVW+4WcpxRxnij2njzeKLHVCuVyOzWac\n"
    "-----END PRIVATE KEY-----\n";
/* clang-format on */

#endif
