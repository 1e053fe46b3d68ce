/* `Key`: what requests have in common, and the series in which they are counted. */

#pragma once

#include "buckets.h"

/* Where whole responses of a route with one status are counted. The numbers are indexes of words of
   the file; `request_size` is 0 until a request body was seen. With BUSY as its status, `duration`
   is the counter of the busy time of its route. */
typedef struct {
    PyObject *route; /* compared by identity; NULL in a free place */
    PyObject *root_path;
    int64_t limit; /* ns: a longer response is uncommon */
    int32_t status;
    uint32_t duration, size, request_size;
} Series;

#define BUSY 0

typedef struct {
    PyObject_HEAD
    PyObject *method, *scheme, *root_path, *metrics_path; /* str */
    PyObject *exclusions;                                 /* None, or an `Exclusions` */
    PyObject *slots;                                      /* the file's list of free slots */
    PyObject *clock;                                      /* the loop's `Clock` */
    PyObject *words;                                      /* the file as a memoryview */
    Py_buffer view;                                       /* of `words`, while it is not NULL */
    uint64_t packed;                                      /* method and scheme as one word */
    int64_t due, unsampled;
    Series *series; /* open addressing; `mask` + 1 places, a power of two */
    uint32_t mask, used;
    PyObject *bounds, *sizes; /* bytes of int64: upper bounds of ns, and of bytes */
    PyObject *cells;          /* bytes of uint16: where to begin among the bounds of ns */
    int64_t late;             /* ns: the client of a longer response may have left */
    uint32_t slot_words;
    PyObject *weakrefs;
} Key;

static inline size_t
place_of(const void *route)
{
    uintptr_t bits = (uintptr_t)route >> 4;
    return (size_t)(bits ^ (bits >> 9));
}

static Series *
find(Key *key, PyObject *route, PyObject *root_path, int status)
{
    if (key->series == NULL) {
        return NULL;
    }
    for (size_t at = place_of(route);; at++) {
        Series *found = &key->series[at & key->mask];
        if (found->route == NULL) {
            return NULL;
        }
        if (found->route == route && found->status == status && same(found->root_path, root_path)) {
            return found;
        }
    }
}

static void
forget_series(Key *key)
{
    Series *series = key->series;
    uint32_t places = series == NULL ? 0 : key->mask + 1;
    key->series = NULL;
    key->mask = key->used = 0;
    for (uint32_t at = 0; at < places; at++) {
        Py_XDECREF(series[at].route);
        Py_XDECREF(series[at].root_path);
    }
    PyMem_Free(series);
}

/* Make room for one more, so that at least half of the places are free. */
static int
grow(Key *key)
{
    uint32_t places = key->series == NULL ? 0 : key->mask + 1;
    if (places > key->used * 2 + 1) {
        return 0;
    }
    uint32_t wanted = places == 0 ? 16 : places * 2;
    Series *series = PyMem_Calloc(wanted, sizeof(Series));
    if (series == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t from = 0; from < places; from++) {
        if (key->series[from].route != NULL) {
            size_t to = place_of(key->series[from].route);
            while (series[to & (wanted - 1)].route != NULL) {
                to++;
            }
            series[to & (wanted - 1)] = key->series[from];
        }
    }
    PyMem_Free(key->series);
    key->series = series;
    key->mask = wanted - 1;
    return 0;
}

/* A number that an object has as an attribute; -1 with an exception, also with one from before. */
static int64_t
number_of(PyObject *object, const char *name)
{
    if (PyErr_Occurred()) {
        return -1;
    }
    PyObject *found = PyObject_GetAttrString(object, name);
    int64_t number = found == NULL ? -1 : (int64_t)PyLong_AsLongLong(found);
    Py_XDECREF(found);
    return number;
}

/* Whether all words of a series lie in the file: its sum and its buckets. */
static int
is_inside(Key *key, int64_t index, PyObject *bounds, const char *name)
{
    int64_t words = key->view.len / (Py_ssize_t)sizeof(uint64_t);
    int64_t values = PyBytes_GET_SIZE(bounds) / (Py_ssize_t)sizeof(int64_t) + 2;
    if (index < 0 || index > words - values) {
        PyErr_Format(PyExc_ValueError, "%s is outside of the file", name);
        return 0;
    }
    return 1;
}

/* Keep a series of a route, in place of the one it had. */
static PyObject *
keep(Key *key, Series new, PyObject *route, PyObject *root_path)
{
    Series *found;
    Py_BEGIN_CRITICAL_SECTION(key);
    found = find(key, route, root_path, new.status);
    if (found != NULL) {
        new.route = found->route;
        new.root_path = found->root_path;
    }
    else if (grow(key) == 0) {
        size_t at = place_of(route);
        while (key->series[at & key->mask].route != NULL) {
            at++;
        }
        found = &key->series[at & key->mask];
        new.route = Py_NewRef(route);
        new.root_path = Py_NewRef(root_path);
        key->used++;
    }
    if (found != NULL) {
        *found = new;
    }
    Py_END_CRITICAL_SECTION();
    if (found == NULL) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(remember_doc, "remember(root_path, route, series)\n--\n\n"
"Count whole responses of a route with a status natively from now on.\n\n"
"``series`` is a `StatusSeries`. Raises ValueError for one outside of the file.");

static PyObject *
key_remember(Key *key, PyObject *args)
{
    PyObject *root_path, *route, *status_series;
    Series new = {0};
    if (!PyArg_ParseTuple(args, "UOO:remember", &root_path, &route, &status_series)) {
        return NULL;
    }
    new.status = (int32_t)number_of(status_series, "status");
    new.limit = number_of(status_series, "limit");
    int64_t duration = number_of(status_series, "duration");
    int64_t size = number_of(status_series, "size");
    int64_t request_size = number_of(status_series, "request_size");
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (key->bounds == NULL) {
        PyErr_SetString(PyExc_ValueError, "prepare() was not called");
        return NULL;
    }
    /* No Python code runs from here on, which could give the key another file. */
    if (!is_inside(key, duration, key->bounds, "duration") ||
        !is_inside(key, size, key->sizes, "size") ||
        !is_inside(key, request_size, key->sizes, "request_size")) {
        return NULL;
    }
    new.duration = (uint32_t)duration;
    new.size = (uint32_t)size;
    new.request_size = (uint32_t)request_size;
    return keep(key, new, route, root_path);
}

PyDoc_STRVAR(remember_busy_doc, "remember_busy(root_path, route, word)\n--\n\n"
"Count the busy time of a route natively from now on, at a word of the file.");

static PyObject *
key_remember_busy(Key *key, PyObject *args)
{
    PyObject *root_path, *route;
    Series new = {.status = BUSY};
    if (!PyArg_ParseTuple(args, "UOI:remember_busy", &root_path, &route, &new.duration)) {
        return NULL;
    }
    if (new.duration >= (size_t)key->view.len / sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ValueError, "word is outside of the file");
        return NULL;
    }
    return keep(key, new, route, root_path);
}

PyDoc_STRVAR(forget_doc, "forget_series()\n--\n\nForget all that was remembered.");

static PyObject *
key_forget_series(Key *key, PyObject *Py_UNUSED(none))
{
    Py_BEGIN_CRITICAL_SECTION(key);
    forget_series(key);
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
key_get_words(Key *key, void *Py_UNUSED(closure))
{
    return Py_NewRef(key->words == NULL ? Py_None : key->words);
}

static int
key_set_words(Key *key, PyObject *words, void *Py_UNUSED(closure))
{
    Py_buffer view = {0}, former;
    if (words == NULL || PyObject_GetBuffer(words, &view, PyBUF_WRITABLE) < 0) {
        if (words == NULL) {
            PyErr_SetString(PyExc_AttributeError, "words");
        }
        return -1;
    }
    PyObject *before;
    Py_BEGIN_CRITICAL_SECTION(key);
    before = key->words;
    former = key->view;
    key->words = Py_NewRef(words);
    key->view = view;
    if (view.len < former.len) {
        forget_series(key);
    }
    Py_END_CRITICAL_SECTION();
    if (before != NULL) {
        PyBuffer_Release(&former);
        Py_DECREF(before);
    }
    return 0;
}

PyDoc_STRVAR(key_prepare_doc, "prepare(bounds, cells, late, sizes, slot_words)\n--\n\n"
"Set the upper bounds of nanoseconds and their cells (see `sidelight.asgi.duration_index`), from how\n"
"many nanoseconds on a client may have left, the upper bounds of bytes, and the words of a slot.");

static PyObject *
key_prepare(Key *key, PyObject *args)
{
    PyObject *bounds, *cells, *sizes;
    long long late;
    unsigned int slot_words;
    if (!PyArg_ParseTuple(args, "SSLSI:prepare", &bounds, &cells, &late, &sizes, &slot_words)) {
        return NULL;
    }
    if (slot_words < 3 || !are_cells(cells, bounds)) {
        PyErr_SetString(PyExc_ValueError, "no boundary, other cells, or no place for a path");
        return NULL;
    }
    Py_BEGIN_CRITICAL_SECTION(key);
    forget_series(key); /* they were judged by the former boundaries */
    Py_XSETREF(key->bounds, Py_NewRef(bounds));
    Py_XSETREF(key->cells, Py_NewRef(cells));
    key->late = late;
    Py_XSETREF(key->sizes, Py_NewRef(sizes));
    key->slot_words = slot_words;
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(bucket_doc, "bucket(ns)\n--\n\nThe bucket in which a duration is counted.");

static PyObject *
key_bucket(Key *key, PyObject *duration)
{
    long long ns = PyLong_AsLongLong(duration);
    if (ns == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (key->bounds == NULL) {
        PyErr_SetString(PyExc_ValueError, "prepare() was not called");
        return NULL;
    }
    return PyLong_FromSize_t(duration_bucket(key->bounds, key->cells, ns));
}

static int
key_traverse(PyObject *self, visitproc visit, void *arg)
{
    Key *key = (Key *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(key->exclusions);
    Py_VISIT(key->clock);
    Py_VISIT(key->slots);
    Py_VISIT(key->words);
    for (uint32_t at = 0; key->series != NULL && at <= key->mask; at++) {
        Py_VISIT(key->series[at].route);
    }
    return 0;
}

/* Its words and slots stay: a request of the same garbage frees its slot after this. */
static int
key_clear(PyObject *self)
{
    Key *key = (Key *)self;
    Py_CLEAR(key->exclusions);
    Py_CLEAR(key->clock);
    forget_series(key);
    return 0;
}

static void
key_dealloc(PyObject *self)
{
    Key *key = (Key *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (key->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    key_clear(self);
    if (key->words != NULL) {
        PyBuffer_Release(&key->view);
        Py_CLEAR(key->words);
    }
    Py_CLEAR(key->method);
    Py_CLEAR(key->scheme);
    Py_CLEAR(key->root_path);
    Py_CLEAR(key->metrics_path);
    Py_CLEAR(key->slots);
    Py_CLEAR(key->bounds);
    Py_CLEAR(key->cells);
    Py_CLEAR(key->sizes);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef key_methods[] = {
    {"prepare", (PyCFunction)key_prepare, METH_VARARGS, key_prepare_doc},
    {"bucket", (PyCFunction)key_bucket, METH_O, bucket_doc},
    {"remember", (PyCFunction)key_remember, METH_VARARGS, remember_doc},
    {"remember_busy", (PyCFunction)key_remember_busy, METH_VARARGS, remember_busy_doc},
    {"forget_series", (PyCFunction)key_forget_series, METH_NOARGS, forget_doc},
    {NULL},
};

static PyMemberDef key_members[] = {
    {"method", T_OBJECT_EX, offsetof(Key, method), 0},
    {"scheme", T_OBJECT_EX, offsetof(Key, scheme), 0},
    {"root_path", T_OBJECT_EX, offsetof(Key, root_path), 0},
    {"metrics_path", T_OBJECT_EX, offsetof(Key, metrics_path), 0},
    {"exclusions", T_OBJECT, offsetof(Key, exclusions), 0},
    {"slots", T_OBJECT_EX, offsetof(Key, slots), 0},
    {"clock", T_OBJECT, offsetof(Key, clock), 0},
    {"packed", T_ULONGLONG, offsetof(Key, packed), 0},
    {"due", T_LONGLONG, offsetof(Key, due), 0},
    {"unsampled", T_LONGLONG, offsetof(Key, unsampled), 0},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Key, weakrefs), READONLY},
    {NULL},
};

static PyGetSetDef key_getset[] = {
    {"words", (getter)key_get_words, (setter)key_set_words, NULL, NULL},
    {NULL},
};

static PyType_Slot key_slots[] = {
    {Py_tp_doc, "Requests with one method, scheme and root_path, and the series they count in."},
    {Py_tp_dealloc, key_dealloc},
    {Py_tp_traverse, key_traverse},
    {Py_tp_clear, key_clear},
    {Py_tp_methods, key_methods},
    {Py_tp_members, key_members},
    {Py_tp_getset, key_getset},
    {0, NULL},
};

static PyType_Spec key_spec = {
    .name = "sidelight._fastpath.Key",
    .basicsize = sizeof(Key),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = key_slots,
};
