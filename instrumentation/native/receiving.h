/* `Receiving`: the awaitable that `receive()` returns. */

#pragma once

#include "call.h"

typedef struct {
    DRIVER_HEAD
    Request *request;
    int begun;
} Receiving;

static PyObject *
receiving_new(Request *request)
{
    Receiving *receiving = PyObject_GC_New(Receiving, request->middleware->state->receiving_type);
    if (receiving == NULL) {
        return NULL;
    }
    receiving->request = (Request *)Py_NewRef((PyObject *)request);
    receiving->steps = NULL;
    receiving->begun = 0;
    PyObject_GC_Track((PyObject *)receiving);
    return (PyObject *)receiving;
}

static int
receiving_start(Receiving *receiving)
{
    if (!receiving->begun) {
        Request *request = receiving->request;
        receiving->begun = 1;
        receiving->steps = steps_of(request->middleware, PyObject_CallNoArgs(request->receive));
    }
    else if (receiving->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
    }
    return receiving->steps == NULL ? -1 : 0;
}

static PySendResult
receiving_step(PyObject *self, PyObject *value, PyObject **result)
{
    Receiving *receiving = (Receiving *)self;
    *result = NULL;
    if (receiving_start(receiving) < 0) {
        return PYGEN_ERROR;
    }
    PyObject *steps = Py_NewRef(receiving->steps);
    PySendResult outcome = PyIter_Send(steps, value, result);
    Py_DECREF(steps);
    if (outcome == PYGEN_RETURN) {
        Py_CLEAR(receiving->steps);
        received(receiving->request, *result);
    }
    return outcome;
}

static PyObject *
receiving_throw(PyObject *self, PyObject *args)
{
    Receiving *receiving = (Receiving *)self;
    if (receiving_start(receiving) < 0) {
        return NULL;
    }
    PyObject *steps = Py_NewRef(receiving->steps);
    PyObject *result = throw_into(steps, receiving->request->middleware->state->s_throw, args);
    Py_DECREF(steps);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *stop = raised();
        Py_CLEAR(receiving->steps);
        received(receiving->request, ((PyStopIterationObject *)stop)->value);
        raise_again(stop);
    }
    return result;
}

static PyObject *
receiving_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Receiving *receiving = (Receiving *)self;
    PyObject *steps = receiving->steps;
    receiving->begun = 1;
    receiving->steps = NULL;
    if (steps == NULL) {
        Py_RETURN_NONE;
    }
    State *state = receiving->request->middleware->state;
    PyObject *done = PyObject_CallMethodNoArgs(steps, state->s_close);
    Py_DECREF(steps);
    return done;
}

static int
receiving_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Receiving *)self)->request);
    Py_VISIT(((Receiving *)self)->steps);
    return 0;
}

/* It keeps its request for the same reason. */
static int
receiving_clear(PyObject *self)
{
    ((Receiving *)self)->begun = 1;
    Py_CLEAR(((Receiving *)self)->steps);
    return 0;
}

static void
receiving_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    receiving_clear(self);
    Py_CLEAR(((Receiving *)self)->request);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef receiving_methods[] = {
    COROUTINE_METHODS(receiving_throw, receiving_close),
    {NULL},
};

static PyType_Slot receiving_slots[] = {
    {Py_tp_doc, "One call of receive()."},
    {Py_tp_dealloc, receiving_dealloc},
    {Py_tp_traverse, receiving_traverse},
    {Py_tp_clear, receiving_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next_step},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, receiving_step},
    {Py_tp_methods, receiving_methods},
    {Py_tp_getset, awaited_getset},
    {0, NULL},
};

static PyType_Spec receiving_spec = {
    .name = "sidelight._fastpath.Receiving",
    .basicsize = sizeof(Receiving),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = receiving_slots,
};
