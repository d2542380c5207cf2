/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "smp/datetime.h"

#include "base/text.h"
#include "dfu/err.h"

#define SECONDS_END  19u /* where the fraction begins */
#define FRACTION_END 23u

static void add_padded(struct text *t, uint32_t value, uint32_t digits)
{
    uint32_t limit = 10;

    for (uint32_t i = 1; i < digits; i++, limit *= 10) {
        if (value < limit) {
            for (uint32_t zeros = digits - i; zeros > 0; zeros--) {
                text_add(t, "0");
            }
            break;
        }
    }
    text_add_dec(t, value);
}

static int number(const uint8_t *text, size_t digits, uint32_t low, uint32_t high, uint32_t *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return DFU_ERR_FORMAT;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *out = value;
    return value >= low && value <= high ? 0 : DFU_ERR_RANGE;
}

char *datetime_text(const struct dfu_smp_time *time, bool with_ms, char buf[DATETIME_TEXT_SIZE])
{
    struct text t = text_in(buf, DATETIME_TEXT_SIZE);

    add_padded(&t, time->year, 4);
    text_add(&t, "-");
    add_padded(&t, time->month, 2);
    text_add(&t, "-");
    add_padded(&t, time->day, 2);
    text_add(&t, "T");
    add_padded(&t, time->hour, 2);
    text_add(&t, ":");
    add_padded(&t, time->minute, 2);
    text_add(&t, ":");
    add_padded(&t, time->second, 2);
    if (with_ms) {
        text_add(&t, ".");
        add_padded(&t, time->millisecond, 3);
    }
    return buf;
}

int datetime_parse(const uint8_t *text, size_t len, struct dfu_smp_time *out)
{
    static const struct {
        uint8_t at, digits;
        uint16_t low, high;
    } fields[] = {
        { 0, 4, 1900, 9999 }, { 5, 2, 1, 12 },  { 8, 2, 1, 31 },
        { 11, 2, 0, 23 },     { 14, 2, 0, 59 }, { 17, 2, 0, 59 },
    };
    uint32_t value[sizeof(fields) / sizeof(fields[0])];
    uint32_t ms = 0;

    if (len < SECONDS_END) {
        return DFU_ERR_FORMAT;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        int err =
            number(text + fields[i].at, fields[i].digits, fields[i].low, fields[i].high, &value[i]);

        if (err) {
            return err;
        }
    }
    /* What follows the seconds may also be a zone: that is no mistake and has no meaning. */
    if (len < FRACTION_END || text[SECONDS_END] != '.' ||
        number(text + SECONDS_END + 1, 3, 0, 999, &ms)) {
        ms = 0;
    }
    *out = (struct dfu_smp_time){ .year = (uint16_t)value[0],
                                  .month = (uint8_t)value[1],
                                  .day = (uint8_t)value[2],
                                  .hour = (uint8_t)value[3],
                                  .minute = (uint8_t)value[4],
                                  .second = (uint8_t)value[5],
                                  .millisecond = (uint16_t)ms };
    return 0;
}
