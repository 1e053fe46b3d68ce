/* What the server's object of a connection tells: when data arrived, and who left. */

#pragma once

#include "clock.h"
#include "request.h"

/* The object of a connection that uvicorn and gunicorn have, which outlives its requests, as
   `client_connection` says; NULL where there is none, without an exception. */
static PyObject *
connection_of(State *state, PyObject *receive)
{
    PyObject *connection = NULL;
    if (PyMethod_Check(receive)) {
        PyObject *owner = PyMethod_GET_SELF(receive);
        if (PyObject_GetOptionalAttr(owner, state->s_flow, &connection) == 0) {
            PyObject_GetOptionalAttr(owner, state->s_protocol, &connection);
        }
        PyErr_Clear();
    }
    return connection;
}

/* Note when the last response of a connection ended: what its client sent before is no request
   that waits. */
static void
note_end(State *state, PyObject *receive, int64_t now)
{
    PyObject *connection = connection_of(state, receive);
    PyObject *ended = connection == NULL ? NULL : PyLong_FromLongLong(now);
    if (ended != NULL) {
        PyObject_SetAttr(connection, state->s_sidelight_ended, ended);
    }
    Py_XDECREF(ended);
    Py_XDECREF(connection);
    PyErr_Clear();
}

/* When the last response of a connection ended; 0 before its first one. */
static int64_t
ended(State *state, PyObject *connection)
{
    PyObject *found = NULL;
    int64_t at = 0;
    if (PyObject_GetOptionalAttr(connection, state->s_sidelight_ended, &found) > 0) {
        at = PyLong_Check(found) ? (int64_t)PyLong_AsLongLong(found) : 0;
        Py_DECREF(found);
    }
    PyErr_Clear();
    return at;
}

/* How long ago the last data arrived on a connection, in ns; 0 where the system does not tell, and
   -1 where the Python way has not found its socket yet. */
static int64_t
since_data(State *state, PyObject *connection)
{
    PyObject *found = NULL;
    int64_t ago = -1;
    if (PyObject_GetOptionalAttr(connection, state->s_sidelight_descriptor, &found) > 0) {
        int descriptor = PyLong_Check(found) ? (int)PyLong_AsLong(found) : -1;
        ago = 0;
#ifdef __linux__
        struct tcp_info info;
        socklen_t size = sizeof(info);
        if (descriptor >= 0 && getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
            size >= offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof(uint32_t)) {
            ago = (int64_t)info.tcpi_last_data_recv * 1000000;
        }
#else
        (void)descriptor;
#endif
        Py_DECREF(found);
    }
    PyErr_Clear();
    return ago;
}

/* How long ago a request arrived, as the Python way finds out, in ns; -1 where the server does not
   tell. */
COLD static int64_t
since_arrival(Request *request)
{
    PyObject *now = PyLong_FromLongLong(request->since);
    PyObject *found = now == NULL ? NULL
                                  : PyObject_CallFunctionObjArgs(request->middleware->arrival,
                                                                 request->receive, now, NULL);
    int64_t ago = found == NULL || !PyLong_Check(found)
                      ? -1
                      : request->since - (int64_t)PyLong_AsLongLong(found);
    Py_XDECREF(now);
    Py_XDECREF(found);
    PyErr_Clear();
    return ago;
}

/* Whether a request arrived noticeably earlier than it begins, by what its server says. */
static int
arrived_earlier(Request *request, Key *key)
{
    Middleware *middleware = request->middleware;
    PyObject *receive = request->receive;
    PyObject *connection = connection_of(middleware->state, receive);
    int64_t ago = -1;
    if (connection != NULL) {
        ago = since_data(middleware->state, connection);
        if (ago < 0) { /* its first request */
            ago = since_arrival(request);
        }
        else if (ago >= ((Clock *)key->clock)->noticeable) { /* sent behind another request? */
            int64_t answered = request->since - ended(middleware->state, connection);
            ago = answered < ago ? answered : ago;
        }
        Py_DECREF(connection);
    }
    else {
        PyObject *type = PyMethod_Check(receive) ? (PyObject *)Py_TYPE(PyMethod_GET_SELF(receive))
                                                 : (PyObject *)Py_TYPE(receive);
        if (type == middleware->silent) {
            return 0;
        }
        ago = since_arrival(request);
        if (ago < 0 && !PyFunction_Check(receive)) { /* a function may wrap a server's own */
            Py_BEGIN_CRITICAL_SECTION(middleware);
            Py_XSETREF(middleware->silent, Py_NewRef(type));
            Py_END_CRITICAL_SECTION();
        }
    }
    if (ago < ((Clock *)key->clock)->noticeable) {
        return 0;
    }
    attend((Clock *)key->clock, request->since);
    request->arrived = request->since - ago;
    return 1;
}

/* Whether a request has waited for its loop. */
static inline int
has_waited(Request *request, Key *key)
{
    return key->clock != NULL &&
           PyObject_TypeCheck(key->clock, request->middleware->state->clock_type) &&
           is_late((Clock *)key->clock, request->since) && arrived_earlier(request, key);
}
