#include "sys/certificate.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#define CHAIN_MAX 16

static X509 *next_of(BIO *from) { return PEM_read_bio_X509(from, NULL, NULL, NULL); }

static bool end_of(const X509 *certificate, wall_t *ends)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return false;
    int64_t us = (int64_t)timegm(&tm) * US_PER_S;
    ends->us = us < ends->us ? us : ends->us;
    return true;
}

/* The leaf, the caller's; NULL: there is none, or what follows is none. */
static X509 *read_chain(bytes_t chain, wall_t *ends)
{
    BIO *from = BIO_new_mem_buf(chain.data, (int)chain.len);
    must(from);
    X509 *leaf = next_of(from), *more = NULL;
    bool good = leaf && end_of(leaf, ends);
    for (int i = 0; good && i < CHAIN_MAX && (more = next_of(from)) != NULL; i++) {
        good = end_of(more, ends);
        X509_free(more);
    }
    BIO_free(from);
    if (good)
        return leaf;
    X509_free(leaf);
    return NULL;
}

/* Nobody is here to say a passphrase. */
static int no_passphrase(char *out, int size, int writes, void *arg)
{
    (void)out, (void)size, (void)writes, (void)arg;
    return -1;
}

static bool belongs(const X509 *leaf, bytes_t key)
{
    BIO *from = BIO_new_mem_buf(key.data, (int)key.len);
    must(from);
    EVP_PKEY *private = PEM_read_bio_PrivateKey(from, NULL, no_passphrase, NULL);
    bool good = private && X509_check_private_key(leaf, private) == 1;
    EVP_PKEY_free(private);
    BIO_free(from);
    return good;
}

int certificate_check(bytes_t chain, bytes_t key, wall_t *ends)
{
    wall_t first = {INT64_MAX};
    X509 *leaf = chain.len ? read_chain(chain, &first) : NULL;
    int error = !leaf ? -ELIBBAD : key.len && belongs(leaf, key) ? 0 : -EKEYREJECTED;
    X509_free(leaf);
    ERR_clear_error();
    if (!error)
        *ends = first;
    return error;
}
