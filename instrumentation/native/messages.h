/* Messages between the server and the application, and the count of a response. */

#pragma once

#include "connection.h"

/* Whether the server says that the client of a late response has left, or fails to say. */
COLD static int
client_left(Request *request)
{
    PyObject *left = PyObject_CallOneArg(request->middleware->client_left, request->receive);
    int known = left == NULL ? 1 : PyObject_IsTrue(left) != 0;
    Py_XDECREF(left);
    PyErr_Clear(); /* the Python way asks again */
    return known;
}

/* Count a whole response, if nothing about it is uncommon. */
static int
count(Request *request, int64_t size)
{
    State *state = request->middleware->state;
    Key *key = request->key;
    int64_t now = now_ns(), ns = now - request->since;
    if (ns > key->late && client_left(request)) {
        return 0;
    }
    PyObject *route = chosen(state, request->scope);
    PyObject *root_path = get(request->scope, state->s_root_path);
    int counted = 0;
    Py_BEGIN_CRITICAL_SECTION(key);
    Series *series = NULL;
    if (route != NULL && root_path != NULL) {
        series = find(key, route, root_path, request->status);
    }
    if (series != NULL && ns <= series->limit && (!request->body || series->request_size)) {
        uint64_t *words = key->view.buf;
        observe(words, series->duration, duration_bucket(key->bounds, key->cells, ns), ns);
        observe(words, series->size, size_bucket(key->sizes, size), size);
        if (request->body) {
            size_t bucket = size_bucket(key->sizes, request->body);
            observe(words, series->request_size, bucket, request->body);
        }
        counted = 1;
    }
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(route);
    Py_XDECREF(root_path);
    if (counted) {
        release_slot(request);
        note_end(state, request->receive, now);
        request->since = now;
    }
    return counted;
}

/* Look at the beginning of a response; false if it is uncommon. */
static int
look_at_start(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->slot == NULL || PyDict_Contains(message, state->s_trailers) != 0) {
        return 0;
    }
    PyObject *status = get(message, state->s_status);
    int overflow = 1;
    long code = status != NULL && PyLong_Check(status) ? PyLong_AsLongAndOverflow(status, &overflow) : 0;
    Py_XDECREF(status);
    if (overflow || code <= 0 || code > INT32_MAX) {
        return 0;
    }
    request->status = (int32_t)code;
    Py_XSETREF(request->start, Py_NewRef(message));
    return 1;
}

/* Look at a response's body; false if it is uncommon. */
static int
look_at_body(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->slot == NULL || request->status == 0 ||
        PyDict_Contains(message, state->s_more_body) != 0) {
        return 0;
    }
    PyObject *body = get(message, state->s_body);
    Py_ssize_t size = body == NULL ? 0 : PyBytes_CheckExact(body) ? PyBytes_GET_SIZE(body) : -1;
    Py_XDECREF(body);
    return size >= 0 && count(request, size);
}

/* Look at a message on its way to the server; false if it is uncommon. */
static int
look(Request *request, PyObject *message)
{
    PyObject *kind = NULL;
    int common = 0;
    if (PyDict_CheckExact(message)) {
        kind = get(message, request->middleware->state->s_type);
    }
    if (kind != NULL && IS(kind, "http.response.start")) {
        common = look_at_start(request, message);
    }
    else if (kind != NULL && IS(kind, "http.response.body")) {
        common = look_at_body(request, message);
    }
    Py_XDECREF(kind);
    return common;
}

static PyObject *
request_send(Request *request, PyObject *message)
{
    if (request->phase == NATIVE && !look(request, message)) {
        if (PyErr_Occurred()) {
            note(request->middleware, request->key, "send");
        }
        if (promote(request) == 0) {
            return PyObject_CallMethodOneArg(request->promoted, request->middleware->state->s_send,
                                             message);
        }
    }
    return PyObject_CallOneArg(request->send, message);
}

/* Whether a message is a part of the request's body, or all of it; its size is added then. */
static int
is_body(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    PyObject *kind = PyDict_CheckExact(message) ? get(message, state->s_type) : NULL;
    int found = kind != NULL && IS(kind, "http.request");
    Py_XDECREF(kind);
    PyObject *body = found ? get(message, state->s_body) : NULL;
    if (body != NULL) {
        found = PyBytes_CheckExact(body);
        request->body += found ? PyBytes_GET_SIZE(body) : 0;
        Py_DECREF(body);
    }
    return found;
}

/* Look at a message on its way to the application. */
static void
received(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->phase != NATIVE) {
        return;
    }
    if (request->promoted == NULL && is_body(request, message)) {
        return;
    }
    if (promote(request) == 0) {
        PyObject *done = PyObject_CallMethodOneArg(request->promoted, state->s_received, message);
        if (done == NULL) {
            note(request->middleware, request->key, "receive");
        }
        Py_XDECREF(done);
    }
}
