/* credit.c: see credit.h. */
#include "core/credit.h"

static uint64_t greater(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Raises each part of *total to that of `to`; whether any rose. */
static bool raise_to(credit_t *total, credit_t to)
{
    credit_t old = *total;
    *total = (credit_t){greater(old.messages, to.messages), greater(old.bytes, to.bytes)};
    return total->messages > old.messages || total->bytes > old.bytes;
}

bool credit_granted(credit_purse_t *purse, credit_t total)
{
    return raise_to(&purse->granted, total);
}

credit_t credit_left(const credit_purse_t *purse)
{
    return (credit_t){purse->granted.messages - purse->taken.messages,
                      purse->granted.bytes - purse->taken.bytes};
}

bool credit_take(credit_purse_t *purse, credit_t amount)
{
    credit_t left = credit_left(purse);
    if (amount.messages > left.messages || amount.bytes > left.bytes)
        return false;
    purse->taken.messages += amount.messages;
    purse->taken.bytes += amount.bytes;
    return true;
}

bool credit_arrived(credit_giver_t *giver, credit_t amount)
{
    credit_t *arrived = &giver->arrived;
    *arrived =
        (credit_t){sum(arrived->messages, amount.messages), sum(arrived->bytes, amount.bytes)};
    return arrived->messages <= giver->told.messages && arrived->bytes <= giver->told.bytes;
}

bool credit_offer(credit_giver_t *giver, credit_t room, credit_t *total)
{
    credit_t to = {sum(giver->arrived.messages, room.messages),
                   sum(giver->arrived.bytes, room.bytes)};
    bool rose = raise_to(&giver->told, to);
    *total = giver->told;
    return rose;
}
