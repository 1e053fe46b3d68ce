/* `Request` as a coroutine that drives the application, and as its `send` and `receive`. */

#pragma once

#include "begin.h"
#include "messages.h"

/* The application has returned, or raised an error. Never raises. */
static void
conclude(Request *request, PyObject *error)
{
    enum phase phase = request->phase;
    Py_CLEAR(request->steps);
    if (phase != NATIVE) {
        request->phase = OVER;
        return;
    }
    if (error != NULL && PyDict_CheckExact(request->scope)) {
        PyObject *mark = request->middleware->state->s_sidelight;
        if (PyDict_DelItem(request->scope, mark) < 0) {
            PyErr_Clear();
        }
    }
    if (request->promoted != NULL || error != NULL || request->slot != NULL ||
        now_ns() - request->since >= NOTICEABLE) {
        if (promote(request) == 0) {
            PyObject *done =
                PyObject_CallFunctionObjArgs(request->middleware->conclude, request->promoted,
                                             error == NULL ? Py_None : error, NULL);
            if (done == NULL) {
                note(request->middleware, request->key, "end");
            }
            Py_XDECREF(done);
        }
    }
    request->phase = OVER;
}

COLD static void
conclude_with_error(Request *request)
{
    PyObject *error = raised();
    conclude(request, error);
    raise_again(error);
}

/* Call the application, or the Python way where a request is uncommon. */
static int
start(Request *request)
{
    Middleware *middleware = request->middleware;
    PyObject *called;
    request->phase = PYTHON;
    if (begin(request)) {
        called = PyObject_CallFunctionObjArgs(middleware->app, request->scope, (PyObject *)request,
                                              (PyObject *)request, NULL);
    }
    else {
        if (PyErr_Occurred()) {
            note(middleware, NULL, "begin");
        }
        PyObject *arrived = request->arrived > 0 ? PyLong_FromLongLong(request->arrived) : NULL;
        PyErr_Clear();
        called = PyObject_CallFunctionObjArgs(middleware->python_way, request->scope,
                                              request->receive, request->send, arrived, NULL);
        Py_XDECREF(arrived);
    }
    request->steps = steps_of(middleware, called);
    return request->steps == NULL ? -1 : 0;
}

/* Begin a step, if none is being done, as a coroutine wants it; otherwise an exception says so. */
static int
begin_step(Request *request)
{
    if (swap(&request->running, 1)) {
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
        return 0;
    }
    return 1;
}

static inline void
end_step(Request *request)
{
    (void)swap(&request->running, 0);
}

/* One step of the application, as `coroutine.send` takes it. */
static PySendResult
request_step(PyObject *self, PyObject *value, PyObject **result)
{
    Request *request = (Request *)self;
    *result = NULL;
    if (!begin_step(request)) {
        return PYGEN_ERROR;
    }
    if (request->phase == NEW) {
        if (value != Py_None) {
            end_step(request);
            PyErr_SetString(PyExc_TypeError,
                            "can't send non-None value to a just-started coroutine");
            return PYGEN_ERROR;
        }
        if (start(request) < 0) {
            end_step(request);
            conclude_with_error(request);
            return PYGEN_ERROR;
        }
    }
    if (request->steps == NULL) {
        end_step(request);
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    /* A reference of our own: the application may throw this request away while it runs. */
    PyObject *steps = Py_NewRef(request->steps);
    PySendResult outcome = PyIter_Send(steps, value, result);
    end_step(request);
    Py_DECREF(steps);
    if (outcome == PYGEN_RETURN) {
        conclude(request, NULL);
    }
    else if (outcome == PYGEN_ERROR) {
        conclude_with_error(request);
    }
    return outcome;
}

static PyObject *
request_throw(PyObject *self, PyObject *args)
{
    Request *request = (Request *)self;
    State *state = request->middleware->state;
    if (PyTuple_GET_SIZE(args) == 0) {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return NULL;
    }
    if (!begin_step(request)) {
        return NULL;
    }
    if (request->phase == NEW) { /* before its first step, which the Python way knows */
        request->phase = PYTHON;
        request->steps =
            PyObject_CallFunctionObjArgs(request->middleware->python_way, request->scope,
                                         request->receive, request->send, NULL);
    }
    if (request->steps == NULL) {
        end_step(request);
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        }
        return NULL;
    }
    PyObject *steps = Py_NewRef(request->steps);
    PyObject *result = throw_into(steps, state->s_throw, args);
    end_step(request);
    Py_DECREF(steps);
    if (result != NULL) {
        return result;
    }
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *stop = raised();
        conclude(request, NULL);
        raise_again(stop);
    }
    else {
        conclude_with_error(request);
    }
    return NULL;
}

static PyObject *
request_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Request *request = (Request *)self;
    if (!begin_step(request)) {
        return NULL;
    }
    if (request->steps == NULL) {
        request->phase = OVER;
        end_step(request);
        Py_RETURN_NONE;
    }
    PyObject *steps = Py_NewRef(request->steps);
    PyObject *done = PyObject_CallMethodNoArgs(steps, request->middleware->state->s_close);
    end_step(request);
    Py_DECREF(steps);
    if (done == NULL) { /* also one that ignores it, and could go on, is over for us */
        conclude_with_error(request);
        return NULL;
    }
    PyObject *error = PyObject_CallNoArgs(PyExc_GeneratorExit);
    if (error == NULL) {
        PyErr_Clear();
    }
    conclude(request, error);
    Py_XDECREF(error);
    return done;
}

static PyObject *receiving_new(Request *request);

/* A request is also the application's `send(message)` and `receive()`. */
static PyObject *
request_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Request *request = (Request *)self;
    if (request->send == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the request is garbage");
        return NULL;
    }
    Py_ssize_t given = PyVectorcall_NARGS(nargsf);
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (given == 0 && named == 0) {
        return receiving_new(request);
    }
    if (given + named == 1 && (named == 0 || IS(PyTuple_GET_ITEM(names, 0), "message"))) {
        return request_send(request, args[0]);
    }
    PyErr_SetString(PyExc_TypeError, "send(message) and receive() take no other arguments");
    return NULL;
}

static PyObject *
request_get_name(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    return PyUnicode_FromString("SidelightMiddleware.__call__");
}

static int
request_traverse(PyObject *self, visitproc visit, void *arg)
{
    Request *request = (Request *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(request->middleware);
    Py_VISIT(request->scope);
    Py_VISIT(request->receive);
    Py_VISIT(request->send);
    Py_VISIT(request->key);
    Py_VISIT(request->start);
    Py_VISIT(request->promoted);
    Py_VISIT(request->steps);
    return 0;
}

/* The collector calls it in the midst of garbage, of which some may call this request once more:
   so it keeps its key and its middleware, which are cleared themselves. */
static int
request_clear(PyObject *self)
{
    Request *request = (Request *)self;
    if (request->slot != NULL) {
        release_slot(request);
    }
    request->phase = OVER;
    Py_CLEAR(request->steps);
    Py_CLEAR(request->promoted);
    Py_CLEAR(request->start);
    Py_CLEAR(request->scope);
    Py_CLEAR(request->receive);
    Py_CLEAR(request->send);
    return 0;
}

/* A request that is not awaited to its end is closed, as a coroutine is. One that was never
   awaited warns of that, by being a coroutine for a moment. */
static void
request_finalize(PyObject *self)
{
    Request *request = (Request *)self;
    if (request->phase == OVER || (request->phase != NEW && request->steps == NULL)) {
        return;
    }
    PyObject *error = PyErr_Occurred() ? raised() : NULL;
    PyObject *done;
    if (request->phase == NEW) {
        request->phase = OVER;
        done = PyObject_CallFunctionObjArgs(request->middleware->python_way, request->scope,
                                            request->receive, request->send, NULL);
    }
    else {
        done = request_close(self, NULL);
    }
    Py_XDECREF(done);
    if (PyErr_Occurred()) {
        PyErr_WriteUnraisable(self);
    }
    if (error != NULL) {
        raise_again(error);
    }
}

static void
request_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Request *request = (Request *)self;
    if (request->phase != OVER && PyObject_CallFinalizerFromDealloc(self) < 0) {
        return;
    }
    PyObject_GC_UnTrack(self);
    request_clear(self);
    Py_CLEAR(request->key);
    Py_CLEAR(request->middleware);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef request_methods[] = {
    COROUTINE_METHODS(request_throw, request_close),
    {NULL},
};

static PyGetSetDef request_getset[] = {
    CR_AWAIT,
    {"__name__", request_get_name, NULL, NULL, NULL},
    {"__qualname__", request_get_name, NULL, NULL, NULL},
    {NULL},
};

static PyMemberDef request_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Request, call), READONLY},
    {NULL},
};

static PyType_Slot request_slots[] = {
    {Py_tp_doc, "One call of the application: a coroutine, and its send and receive."},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_finalize, request_finalize},
    {Py_tp_traverse, request_traverse},
    {Py_tp_clear, request_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next_step},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, request_step},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {Py_tp_members, request_members},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "sidelight._fastpath.Request",
    .basicsize = sizeof(Request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = request_slots,
};
