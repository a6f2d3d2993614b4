/* Any list of hops: the client is one of them that is not trusted, or who is trusted and nobody
 * better is known. Input: the value of the header; a first byte that is odd makes it Forwarded. */
#include "sys/forwarded.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    network_t trusted;
    address_t client, peer;
    if (size < 1)
        return 0;
    bool rfc7239 = data[0] & 1;
    must(network_read(bytes_str("10.0.0.0/8"), &trusted));
    must(address_read(bytes_str("10.0.0.1"), &peer));
    client = peer;
    const forwarded_t f = {&trusted, 1, rfc7239};
    const http_field_t fields[] = {
        {bytes_str(rfc7239 ? "forwarded" : "x-forwarded-for"), bytes_of(data + 1, size - 1)}};
    forwarded_client(&f, fields, 1, &client);
    must(client.family == 4 || client.family == 6);
    /* What a stranger puts in front of the list changes nothing once the client is known. */
    if (!network_has(&trusted, 1, &client) && !rfc7239) {
        const http_field_t more[] = {{fields[0].name, bytes_str("6.6.6.6")}, fields[0]};
        address_t again = peer;
        forwarded_client(&f, more, 2, &again);
        must(address_equal(&again, &client));
    }
    network_t n;
    if (network_read(bytes_of(data + 1, size - 1), &n))
        must(network_has(&n, 1, &n.address));
    return 0;
}
