/*
 * units.c - figures as people read them: to three digits, with their unit.
 *
 * A figure may come from a program that prints anything: what is beyond all that is counted or timed, large or small, is told
 * by its power of ten, never by hundreds of digits or as 0.
 */
#include "units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool is_beyond(double value, double least, double most)
{
    return value != 0 && (fabs(value) < least || fabs(value) >= most);
}

/* 1234567 as 1,234,567; below 100 with digits after the point where there is something to show. */
static void number_append(struct buffer *text, double value)
{
    char digits[64];
    double size = fabs(value);
    if (is_beyond(value, 5e-5, 1e15)) {
        buffer_append_format(text, "%.3g", value);
        return;
    }
    int places = size >= 100 || value == floor(value) ? 0 : size >= 1 ? 1 : size >= 0.1 ? 2 : size >= 0.01 ? 3 : 4;
    int len = snprintf(digits, sizeof digits, "%.*f", places, value);
    int whole = (int)strcspn(digits, "."), first = digits[0] == '-';
    for (int i = 0; i < len; i++) {
        if (i > first && i < whole && (whole - i) % 3 == 0)
            buffer_append_text(text, ",");
        buffer_append(text, &digits[i], 1);
    }
}

static void bytes_append(struct buffer *text, double value)
{
    static const struct {
        double size;
        const char *name;
    } scales[] = {{1e9, "GB"}, {1e6, "MB"}, {1e4, "kB"}};
    if (is_beyond(value, 0, 1e15)) {
        buffer_append_format(text, "%.3g GB", value / 1e9);
        return;
    }
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++)
        if (fabs(value) >= scales[i].size) {
            double unit = i == 2 ? 1e3 : scales[i].size;
            buffer_append_format(text, "%.*f %s", fabs(value) / unit < 99.5 ? 2 : 0, value / unit, scales[i].name);
            return;
        }
    number_append(text, value);
    buffer_append_text(text, " B");
}

/* To three digits: 935 µs, 1.32 ms. text_append_duration() has fewer, and goes on to minutes and hours. */
static void time_append(struct buffer *text, double ns, bool unicode)
{
    static const struct {
        double size;
        const char *name, *plain;
    } scales[] = {{1e9, "s", "s"}, {1e6, "ms", "ms"}, {1e3, "µs", "us"}, {1, "ns", "ns"}};
    size_t i = 0;
    while (i < 3 && fabs(ns) < scales[i].size * 0.9995)
        i++;
    double value = ns / scales[i].size, size = fabs(value);
    int digits = i == 3 ? size < 9.95 && value != floor(value) : size < 9.995 ? 2 : size < 99.95 ? 1 : 0;
    const char *name = unicode ? scales[i].name : scales[i].plain;
    if (is_beyond(ns, 0.05, 1e16))
        buffer_append_format(text, "%.3g %s", value, name);
    else
        buffer_append_format(text, "%.*f %s", digits, value, name);
}

void unit_append(struct buffer *text, enum unit unit, double value, bool unicode)
{
    if (!isfinite(value)) {
        buffer_append_text(text, "-");
        return;
    }
    if (unit == UNIT_NS) {
        time_append(text, value, unicode);
    } else if (unit == UNIT_BYTES) {
        bytes_append(text, value);
    } else {
        number_append(text, value);
        buffer_append_text(text, unit == UNIT_PER_SECOND ? "/s" : "");
    }
}

void ratio_text_append(struct buffer *text, double ratio)
{
    if (!isfinite(ratio))
        buffer_append_text(text, "-");
    else if (is_beyond(ratio, 5e-4, 1e6))
        buffer_append_format(text, "%.3g", ratio);
    else
        buffer_append_format(text, ratio < 100 ? "%.3f" : "%.0f", ratio);
}

static void percent_round_append(struct buffer *text, double percent, bool rounds_up)
{
    double step = percent < 1 ? 0.01 : percent < 100 ? 0.1 : 1;
    double steps = rounds_up ? fmax(ceil(percent / step - 1e-9), 1) : round(percent / step);
    buffer_append_format(text, "%.*f %%", step < 0.1 ? 2 : step < 1 ? 1 : 0, steps * step);
}

void percent_append(struct buffer *text, double part, bool rounds_up)
{
    double percent = fabs(part) * 100;
    if (percent == 0)
        buffer_append_text(text, "0 %");
    else if (isinf(percent))
        buffer_append_text(text, "any %");
    else if (percent < 0.005 && !rounds_up)
        buffer_append_text(text, "less than 0.01 %");
    else if (percent >= 1e6)
        buffer_append_format(text, "%.3g %%", percent);
    else
        percent_round_append(text, percent, rounds_up);
}
