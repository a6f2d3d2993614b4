/* Certificates with their keys; those here sign themselves and guard nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "own_certificate.h"
#include "sys/certificate.h"

/* clang-format off */
static const char second[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBbTCCARKgAwIBAgITRjS16QUYwRYXFNuYZTCAQ7FRfjAKBggqhkjOPQQDAjAM\n"
    "MQowCAYDVQQDDAFiMB4XDTI2MTEyMTEyMjM0MVoXDTI2MTIyMTEyMjM0MVowDDEK\n"
    "MAgGA1UEAwwBYjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD5NXBMUSZO7sTA3\n"
    "jI6iwpmKN3azIEuzCK/d9DhU9WHvr3mqV2CT43eI9cPl/aLYCadPpB0fdtBWnQrF\n"
    "nRo+pE2jUzBRMB0GA1UdDgQWBBRNsKhjEl4wmJcfViEFI63/fNAcxDAfBgNVHSME\n"
    "GDAWgBRNsKhjEl4wmJcfViEFI63/fNAcxDAPBgNVHRMBAf8EBTADAQH/MAoGCCqG\n"
    "SM49BAMCA0kAMEYCIQCfEo5nE1ns/no7XVagDt8DJ9Q4y1uQSIOS4YbpprVCoQIh\n"
    "AJJbMhZbSLa8VIxgu4UpJTRm6l6B5fH3i9vIcGbFN/iU\n"
    "-----END CERTIFICATE-----\n";
static const char second_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwC1YhYHSaEBbt0mI\n"
    "buaMLaVj9i4PX4DlHrT4l0qxbXGhRANCAAQ+TVwTFEmTu7EwN4yOosKZijd2syBL\n"
    "swiv3fQ4VPVh7695qldgk+N3iPXD5f2i2AmnT6QdH3bQVp0KxZ0aPqRN\n"
    "-----END PRIVATE KEY-----\n";
static const char locked_key[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,EA409C1246125AB98091904C56A6304C\n"
    "\n"
    "gBnDGILYKi6KlJE06QHM2OSxJQlOUGLUywGG9gTpfmRxawyU5aqTpNRx5LqHBC4f\n"
    "8/caErKGYFGkqc4UZ5GuKObB0P1ngYNBwm5atxYy+TlNXpVzQpjmY61qwmmHzVAL\n"
    "24CIKfnL5+hk2uLI7OWfMXgn/IYYC4oG0xbDxo1z3Mc=\n"
    "-----END EC PRIVATE KEY-----\n";
/* clang-format on */

#define FIRST_ENDS 2110623821
#define SECOND_ENDS 1797855821

static int check(const char *chain, const char *key, wall_t *ends)
{
    return certificate_check(bytes_str(chain), bytes_str(key), ends);
}

static void a_certificate_goes_with_its_own_key(void **state)
{
    wall_t ends = {7};
    (void)state;
    assert_int_equal(check(own_certificate, second_key, &ends), -EKEYREJECTED);
    assert_int_equal(check(own_certificate, locked_key, &ends), -EKEYREJECTED);
    assert_int_equal(check(own_certificate, "", &ends), -EKEYREJECTED);
    assert_int_equal(check(own_certificate, own_certificate, &ends), -EKEYREJECTED);
    assert_int_equal(ends.us, 7);
    assert_int_equal(check(own_certificate, own_key, &ends), 0);
    assert_int_equal(ends.us, FIRST_ENDS * US_PER_S);
}

static void a_chain_ends_with_the_first_that_ends(void **state)
{
    char chain[4096];
    wall_t ends;
    (void)state;
    snprintf(chain, sizeof chain, "%s%s", own_certificate, second);
    assert_int_equal(check(chain, own_key, &ends), 0);
    assert_int_equal(ends.us, SECOND_ENDS * US_PER_S);
    assert_int_equal(check(chain, second_key, &ends), -EKEYREJECTED); /* the leaf comes first */
}

static void what_is_no_certificate_is_refused(void **state)
{
    static const char *const texts[] = {"", "x", own_key, "-----BEGIN CERTIFICATE-----\n",
                                        "-----BEGIN CERTIFICATE-----\nMIIB\n"
                                        "-----END CERTIFICATE-----\n"};
    wall_t ends;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(check(texts[i], own_key, &ends), -ELIBBAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_goes_with_its_own_key),
        cmocka_unit_test(a_chain_ends_with_the_first_that_ends),
        cmocka_unit_test(what_is_no_certificate_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
