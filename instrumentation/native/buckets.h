/* In which bucket of a series a value is counted. */

#pragma once

#include "interpreter.h"

/* The cell of a duration, as `sidelight.asgi.duration_index` has it. */
static inline size_t
cell_of(uint64_t ns)
{
    int shift = ns < 128 ? 0 : bit_length(ns) - 7;
    return ((size_t)shift << 6) + (size_t)(ns >> shift);
}

/* Whether cells reach up to the last of some boundaries, and begin at one of them. */
static int
are_cells(PyObject *cells, PyObject *bounds)
{
    size_t count = (size_t)PyBytes_GET_SIZE(bounds) / sizeof(int64_t);
    const int64_t *bound = (const int64_t *)PyBytes_AS_STRING(bounds);
    const uint16_t *cell = (const uint16_t *)PyBytes_AS_STRING(cells);
    size_t many = (size_t)PyBytes_GET_SIZE(cells) / sizeof(uint16_t);
    if (count == 0 || bound[0] < 0 || bound[count - 1] < bound[0] ||
        many != cell_of((uint64_t)bound[count - 1]) + 1) {
        return 0;
    }
    for (size_t at = 0; at < many; at++) {
        if (cell[at] >= count) {
            return 0;
        }
    }
    return 1;
}

/* The bucket of the first boundary that a duration does not exceed. Its cell has that one, or one
   shortly before. */
static inline size_t
duration_bucket(PyObject *bounds, PyObject *cells, int64_t ns)
{
    const int64_t *bound = (const int64_t *)PyBytes_AS_STRING(bounds);
    size_t count = (size_t)PyBytes_GET_SIZE(bounds) / sizeof(int64_t);
    if (ns <= bound[0]) {
        return 0;
    }
    if (ns > bound[count - 1]) {
        return count;
    }
    size_t found = ((const uint16_t *)PyBytes_AS_STRING(cells))[cell_of((uint64_t)ns)];
    while (ns > bound[found]) {
        found++;
    }
    return found;
}

/* The bucket of the first of a few boundaries that a size does not exceed. */
static inline size_t
size_bucket(PyObject *bounds, int64_t size)
{
    const int64_t *bound = (const int64_t *)PyBytes_AS_STRING(bounds);
    size_t found = 0, count = (size_t)PyBytes_GET_SIZE(bounds) / sizeof(int64_t);
    while (found < count && size > bound[found]) {
        found++;
    }
    return found;
}

/* Count a value in a bucket of a series, and in its sum. */
static inline void
observe(uint64_t *words, uint32_t series, size_t bucket, int64_t value)
{
    add(&words[series], (uint64_t)value);
    add(&words[series + 1 + bucket], 1);
}
