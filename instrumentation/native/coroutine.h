/* What all objects here that drive an awaitable have of a coroutine. */

#pragma once

#include "interpreter.h"

/* What begins each object that drives an awaitable. `steps` is what it awaits; NULL before the first
   step and after the end. */
#define DRIVER_HEAD                                                                               \
    PyObject_HEAD                                                                                 \
    PyObject *steps;

typedef struct {
    DRIVER_HEAD
} Driver;

/* An exception that would end a coroutine as if it returned is another in there (PEP 479). */
COLD static void
chain_stop_iteration(void)
{
    PyObject *stop = raised();
    PyErr_SetString(PyExc_RuntimeError, "coroutine raised StopIteration");
    PyObject *error = raised();
    PyException_SetContext(error, Py_NewRef(stop));
    PyException_SetCause(error, stop);
    raise_again(error);
}

/* What `tp_iternext` and `send()` make of a step: a returned value is a StopIteration. */
static PyObject *
as_iteration(PySendResult outcome, PyObject *result)
{
    if (outcome != PYGEN_RETURN) {
        return result;
    }
    if (result == Py_None) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    else { /* a tuple or an exception as the value would be taken apart */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        if (stop != NULL) {
            PyErr_SetObject(PyExc_StopIteration, stop);
            Py_DECREF(stop);
        }
    }
    Py_DECREF(result);
    return NULL;
}

/* Throw into what is awaited: its `throw`, with the arguments as they were given. */
static PyObject *
throw_into(PyObject *steps, PyObject *name, PyObject *args)
{
    PyObject *method = PyObject_GetAttr(steps, name);
    if (method == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Call(method, args, NULL);
    Py_DECREF(method);
    return result;
}

static PyObject *
send_value(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult outcome = Py_TYPE(self)->tp_as_async->am_send(self, value, &result);
    return as_iteration(outcome, result);
}

static PyObject *
next_step(PyObject *self)
{
    return send_value(self, Py_None);
}

static PyObject *
get_awaited(PyObject *self, void *Py_UNUSED(closure))
{
    PyObject *steps = ((Driver *)self)->steps;
    return Py_NewRef(steps == NULL ? Py_None : steps);
}

#define COROUTINE_METHODS(throw, close)                                                           \
    {"send", send_value, METH_O, "send(value)\n--\n\nAs of a coroutine."},                        \
    {"throw", throw, METH_VARARGS, "throw(error)\n--\n\nAs of a coroutine."},                     \
    {"close", close, METH_NOARGS, "close()\n--\n\nAs of a coroutine."}

#define CR_AWAIT {"cr_await", get_awaited, NULL, "What is awaited, or None.", NULL}

static PyGetSetDef awaited_getset[] = {
    CR_AWAIT,
    {NULL},
};
