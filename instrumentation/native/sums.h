/* Adds the words of series over files, for a scrape. */

#pragma once

#include "interpreter.h"

/* Whether so many words, from a place on, are inside of a buffer. */
static inline int
holds(const Py_buffer *buffer, uint64_t at, uint64_t unit, Py_ssize_t words)
{
    uint64_t size = (uint64_t)buffer->len;
    return at <= size / unit && (uint64_t)words <= (size - at * unit) / sizeof(uint64_t);
}

static int
add_all(const Py_buffer *totals, const Py_buffer *data, const Py_buffer *places, Py_ssize_t words)
{
    const uint64_t *place = places->buf;
    const uint64_t *end = place + places->len / (Py_ssize_t)(2 * sizeof(uint64_t)) * 2;
    for (; place < end; place += 2) {
        if (!holds(data, place[0], 1, words) || !holds(totals, place[1], sizeof(uint64_t), words)) {
            PyErr_SetString(PyExc_IndexError, "a series is outside of its file, or of the totals");
            return -1;
        }
        const char *from = (const char *)data->buf + place[0];
        uint64_t *to = (uint64_t *)totals->buf + place[1];
        for (Py_ssize_t at = 0; at < words; at++) {
            uint64_t word;
            memcpy(&word, from + at * (Py_ssize_t)sizeof(word), sizeof(word));
            to[at] += word;
        }
    }
    return 0;
}

PyDoc_STRVAR(add_series_doc, "add_series(totals, data, places, words)\n--\n\n"
"Add so many words of each series of a file to its totals.\n\n"
"Places are pairs of words: the byte of the series in the data, and its word in the totals.");

static PyObject *
module_add_series(PyObject *Py_UNUSED(self), PyObject *args)
{
    Py_buffer totals, data, places;
    Py_ssize_t words;
    if (!PyArg_ParseTuple(args, "w*y*y*n:add_series", &totals, &data, &places, &words)) {
        return NULL;
    }
    int failed = words < 0 ? -1 : add_all(&totals, &data, &places, words);
    PyBuffer_Release(&totals);
    PyBuffer_Release(&data);
    PyBuffer_Release(&places);
    if (words < 0) {
        PyErr_SetString(PyExc_ValueError, "words must not be negative");
    }
    return failed ? NULL : Py_NewRef(Py_None);
}

/* The sums of parts of a series, which a file may have made to be anything. */
static PyObject *
parts_of(const uint64_t *words, const Py_buffer *ends)
{
    Py_ssize_t many = ends->len / (Py_ssize_t)sizeof(uint16_t), at = 0;
    PyObject *found = PyTuple_New(many);
    for (Py_ssize_t part = 0; found != NULL && part < many; part++) {
        uint64_t sum = 0;
        for (; at < ((const uint16_t *)ends->buf)[part]; at++) {
            sum += words[at];
        }
        PyObject *value = PyLong_FromUnsignedLongLong(sum);
        if (value == NULL) {
            Py_CLEAR(found);
            break;
        }
        PyTuple_SET_ITEM(found, part, value);
    }
    return found;
}

PyDoc_STRVAR(sum_parts_doc, "sum_parts(totals, at, ends)\n--\n\n"
"The sums of the parts of a series, from a word of the totals on; each part ends before a word.");

static PyObject *
module_sum_parts(PyObject *Py_UNUSED(self), PyObject *args)
{
    Py_buffer totals, ends;
    PyObject *found = NULL;
    unsigned long long at;
    if (!PyArg_ParseTuple(args, "y*Ky*:sum_parts", &totals, &at, &ends)) {
        return NULL;
    }
    uint16_t last = 0;
    for (Py_ssize_t part = 0; part < ends.len / (Py_ssize_t)sizeof(uint16_t); part++) {
        uint16_t end = ((const uint16_t *)ends.buf)[part];
        last = end > last ? end : last;
    }
    if (holds(&totals, at, sizeof(uint64_t), last)) {
        found = parts_of((const uint64_t *)totals.buf + at, &ends);
    }
    else {
        PyErr_SetString(PyExc_IndexError, "a series is outside of the totals");
    }
    PyBuffer_Release(&totals);
    PyBuffer_Release(&ends);
    return found;
}
