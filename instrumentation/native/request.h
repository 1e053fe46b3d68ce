/* `Middleware` and `Request`, and what is done with an uncommon request. */

#pragma once

#include "coroutine.h"
#include "key.h"

typedef struct {
    PyObject_HEAD
    PyObject *keys;       /* dict of method to Key: those of common requests */
    PyObject *app;        /* what is measured */
    PyObject *python_way; /* (scope, receive, send, arrived=0) -> coroutine: the reference */
    PyObject *promote;    /* what is known of a request -> RequestState */
    PyObject *conclude;   /* (RequestState, error or None): the application returned or raised */
    PyObject *failed;     /* (key or None, place, exception): a fault of our own */
    PyObject *awaited;    /* awaitable -> coroutine that awaits it */
    PyObject *client_left; /* the server's receive -> whether the client has left */
    PyObject *arrival;    /* (the server's receive, now) -> when its request arrived, or None */
    PyObject *silent;     /* a type whose `receive` shows no connection, or NULL */
    PyObject *origin;     /* ContextVar of (key, path) */
    State *state;
} Middleware;

enum phase { NEW, NATIVE, PYTHON, OVER };

typedef struct {
    DRIVER_HEAD
    vectorcallfunc call;
    Middleware *middleware;
    PyObject *scope, *receive, *send; /* the server's */
    Key *key;                         /* NULL unless the request is NATIVE */
    PyObject *slot;                   /* int; NULL once the request is recorded or promoted */
    PyObject *start;                  /* the message http.response.start, or NULL */
    PyObject *promoted;               /* its RequestState, from the first uncommon thing on */
    int64_t since;
    int64_t body; /* bytes of the request's body so far */
    int32_t status;
    uint32_t word; /* the slot's index */
    enum phase phase;
    char running; /* a step is being done */
    int64_t arrived; /* when, if it waited for its loop; else 0 */
} Request;

/* Note the exception that is set as a fault of our own; it is not set any more. */
COLD static void
note(Middleware *middleware, Key *key, const char *place)
{
    PyObject *error = raised();
    PyObject *of = key == NULL ? Py_None : (PyObject *)key;
    PyObject *done =
        PyObject_CallFunction(middleware->failed, "OsO", of, place, error == NULL ? Py_None : error);
    if (done == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(done);
    Py_XDECREF(error);
}

/* Whether a slot at a word lies in the file that a key has now, which may be another by then. */
static inline int
has_slot(const Key *key, size_t word)
{
    size_t words = (size_t)key->view.len / sizeof(uint64_t);
    return key->slot_words <= words && word <= words - key->slot_words;
}

/* Free the slot of a request, which is no longer in flight. */
static inline void
release_slot(Request *request)
{
    Key *key = request->key;
    PyObject *slot = request->slot;
    request->slot = NULL;
    Py_BEGIN_CRITICAL_SECTION(key);
    if (has_slot(key, request->word)) {
        publish((uint64_t *)key->view.buf + request->word, 0);
    }
    Py_END_CRITICAL_SECTION();
    if (PyList_Append(key->slots, slot) < 0) {
        PyErr_Clear(); /* no memory for it: one slot fewer */
    }
    Py_DECREF(slot);
}

/* Give a request to the Python way, with all that is known of it. Its RequestState is then in
   `promoted`. Where that fails it is not measured any further. */
COLD static int
promote(Request *request)
{
    if (request->promoted != NULL) {
        return 0;
    }
    Middleware *middleware = request->middleware;
    request->promoted = PyObject_CallFunction(
        middleware->promote, "OOOOOLiOL", (PyObject *)request->key, request->scope,
        request->receive, request->send, request->slot == NULL ? Py_None : request->slot,
        (long long)request->since, (int)request->status,
        request->start == NULL ? Py_None : request->start, (long long)request->body);
    if (request->promoted == NULL) {
        note(middleware, request->key, "send");
        if (request->slot != NULL) {
            release_slot(request);
        }
        request->phase = PYTHON;
        return -1;
    }
    Py_CLEAR(request->slot);
    return 0;
}

/* The object that the router chose, as `chosen_route` says, as a reference of our own; or NULL. */
static inline PyObject *
chosen(State *state, PyObject *scope)
{
    PyObject *fastapi = get(scope, state->s_fastapi), *context = NULL;
    if (fastapi != NULL && PyDict_Check(fastapi)) {
        context = get(fastapi, state->s_effective_route_context);
    }
    Py_XDECREF(fastapi);
    return context != NULL ? context : get(scope, state->s_route);
}

/* What an `await` of an object would drive. Takes the reference; NULL is what a call raised. */
static PyObject *
steps_of(Middleware *middleware, PyObject *awaitable)
{
    if (awaitable == NULL) {
        if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
            chain_stop_iteration();
        }
        return NULL;
    }
    if (PyCoro_CheckExact(awaitable) ||
        Py_IS_TYPE(awaitable, middleware->state->request_type)) {
        return awaitable;
    }
    PyObject *coroutine = PyObject_CallOneArg(middleware->awaited, awaitable);
    Py_DECREF(awaitable);
    return coroutine;
}
