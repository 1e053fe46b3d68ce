/* A request begins: whether it is common, its slot, and its mark. */

#pragma once

#include "connection.h"

/* Whether a path is not measured: 1 or 0, or -1 with an exception. */
static int
is_excluded(State *state, PyObject *exclusions, PyObject *path)
{
    PyObject *exact = PyObject_GetAttr(exclusions, state->s_exact);
    if (exact == NULL) {
        return -1;
    }
    int found = PySet_Contains(exact, path);
    Py_DECREF(exact);
    if (found != 0) {
        return found;
    }
    PyObject *prefixes = PyObject_GetAttr(exclusions, state->s_prefixes);
    if (prefixes == NULL || !PyTuple_Check(prefixes)) {
        Py_XDECREF(prefixes);
        return -1;
    }
    for (Py_ssize_t at = 0; found == 0 && at < PyTuple_GET_SIZE(prefixes); at++) {
        Py_ssize_t length = PyUnicode_GetLength(path);
        found = (int)PyUnicode_Tailmatch(path, PyTuple_GET_ITEM(prefixes, at), 0, length, -1);
    }
    Py_DECREF(prefixes);
    return found;
}

/* Whether a key is the one of a request that is common, by what its scope says. */
static int
is_common(State *state, Key *key, PyObject *scope, PyObject *path)
{
    PyObject *root_path = get(scope, state->s_root_path), *scheme = get(scope, state->s_scheme);
    int common = PyObject_TypeCheck(key, state->key_type) && key->words != NULL &&
                 key->bounds != NULL && key->slots != NULL && PyList_CheckExact(key->slots) &&
                 root_path != NULL && same(root_path, key->root_path) &&
                 scheme != NULL && same(scheme, key->scheme) &&
                 !same(path, key->metrics_path) && key->unsampled > 1 &&
                 PyDict_Contains(scope, state->s_sidelight) == 0;
    Py_XDECREF(root_path);
    Py_XDECREF(scheme);
    return common && (key->exclusions == NULL || key->exclusions == Py_None ||
                      is_excluded(state, key->exclusions, path) == 0);
}

/* The key of a common request, a reference of its own; NULL if it is uncommon, perhaps with an
   exception. */
static Key *
common_key(Middleware *middleware, PyObject *scope)
{
    State *state = middleware->state;
    PyObject *method = NULL, *path = NULL, *key = NULL;
    if (PyDict_CheckExact(scope) && (method = get(scope, state->s_method)) != NULL &&
        (path = get(scope, state->s_path)) != NULL && PyUnicode_CheckExact(method) &&
        PyUnicode_CheckExact(path)) {
        key = get(middleware->keys, method);
    }
    if (key != NULL && !is_common(state, (Key *)key, scope, path)) {
        Py_CLEAR(key);
    }
    Py_XDECREF(method);
    Py_XDECREF(path);
    return (Key *)key;
}

/* Take a slot from a list of free ones, as a reference of our own; NULL if none is free, perhaps
   with an exception. */
static inline PyObject *
take_slot(PyObject *slots, PyObject *pop)
{
#ifdef Py_GIL_DISABLED
    PyObject *slot = PyObject_CallMethodNoArgs(slots, pop); /* other threads take slots meanwhile */
    if (slot == NULL && PyErr_ExceptionMatches(PyExc_IndexError)) {
        PyErr_Clear();
    }
    return slot;
#else
    (void)pop;
    Py_ssize_t free = PyList_GET_SIZE(slots);
    PyObject *slot = free == 0 ? NULL : Py_NewRef(PyList_GET_ITEM(slots, free - 1));
    if (slot != NULL && PyList_SetSlice(slots, free - 1, free, NULL) < 0) {
        Py_CLEAR(slot);
    }
    return slot;
#endif
}

/* Show a request among those in flight; false if no slot is free. */
static int
acquire_slot(Request *request, Key *key, PyObject *raw_path)
{
    PyObject *slot = take_slot(key->slots, request->middleware->state->s_pop);
    if (slot == NULL) {
        return 0;
    }
    unsigned long word = PyLong_AsUnsignedLong(slot);
    size_t bytes = (size_t)(key->slot_words - 2) * sizeof(uint64_t);
    if (PyErr_Occurred() || !has_slot(key, word)) { /* not ours */
        Py_DECREF(slot);
        return 0;
    }
    uint64_t *words = (uint64_t *)key->view.buf + word;
    size_t length = (size_t)PyBytes_GET_SIZE(raw_path);
    memcpy(words + 2, PyBytes_AS_STRING(raw_path), length < bytes ? length : bytes);
    if (length < bytes) {
        ((char *)(words + 2))[length] = '\0';
    }
    words[1] = key->packed;
    publish(words, (uint64_t)request->since);
    request->slot = slot;
    request->word = (uint32_t)word;
    return 1;
}

/* Mark the scope, so that nothing is measured twice, and the context, so that it is known which
   request started a task. */
static int
mark(Request *request, Key *key)
{
    Middleware *middleware = request->middleware;
    State *state = middleware->state;
    PyObject *since = PyLong_FromLongLong(request->since);
    if (since == NULL) {
        return -1;
    }
    PyObject *found = PyTuple_Pack(3, (PyObject *)key, request->slot, since);
    Py_DECREF(since);
    if (found == NULL) {
        return -1;
    }
    int failed = PyDict_SetItem(request->scope, state->s_sidelight, found);
    Py_DECREF(found);
    PyObject *path = failed ? NULL : get(request->scope, state->s_path);
    if (path == NULL) {
        return -1;
    }
    PyObject *origin = PyTuple_Pack(2, (PyObject *)key, path);
    Py_DECREF(path);
    if (origin == NULL) {
        return -1;
    }
    PyObject *token = PyContextVar_Set(middleware->origin, origin);
    Py_DECREF(origin);
    Py_XDECREF(token);
    return token == NULL ? -1 : 0;
}

/* Begin a common request; false if it is uncommon, and nothing has been changed then. */
static int
begin(Request *request)
{
    Middleware *middleware = request->middleware;
    State *state = middleware->state;
    Key *key = common_key(middleware, request->scope);
    if (key == NULL) {
        return 0;
    }
    PyObject *raw_path = get(request->scope, state->s_raw_path);
    int shown = 0;
    if (raw_path != NULL && PyBytes_CheckExact(raw_path)) {
        request->since = now_ns();
        if (!has_waited(request, key)) { /* else the Python way finds out for how long */
            Py_BEGIN_CRITICAL_SECTION(key);
            shown = acquire_slot(request, key, raw_path);
            key->unsampled -= shown;
            Py_END_CRITICAL_SECTION();
        }
    }
    Py_XDECREF(raw_path);
    if (!shown) {
        Py_DECREF(key);
        return 0;
    }
    request->key = key;
    request->phase = NATIVE;
    if (mark(request, key) < 0) {
        note(middleware, key, "begin");
        PyDict_DelItem(request->scope, state->s_sidelight);
        PyErr_Clear();
        release_slot(request);
        request->phase = PYTHON; /* unmeasured */
    }
    else if (request->since > key->due) {
        PyObject *recorder = PyObject_GetAttrString((PyObject *)key, "recorder");
        PyObject *done = recorder == NULL ? NULL : PyObject_CallMethod(recorder, "wake", NULL);
        if (done == NULL) {
            note(middleware, key, "begin");
        }
        Py_XDECREF(recorder);
        Py_XDECREF(done);
    }
    return 1;
}
