/* Any bytes as an address: whatever is taken is written and read again as the same, and judged
 * without harm. */
#include "sys/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    address_t a, again;
    char text[ADDRESS_TEXT];
    bool disguised = address_is_disguised(bytes_of(data, size));
    if (!address_read(bytes_of(data, size), &a))
        return 0;
    must(!disguised || data[0] == '[' || a.family == 6);
    address_write(&a, text);
    must(address_read(bytes_str(text), &again) && address_equal(&a, &again));
    must(address_may_be_called(&a, true) || !address_may_be_called(&a, false));
    must(address_kind_name(address_kind(&a))[0]);
    return 0;
}
