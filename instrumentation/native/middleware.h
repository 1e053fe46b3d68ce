/* `Middleware` as a type: the base of `SidelightMiddleware`, whose call it is. */

#pragma once

#include "call.h"

static PyObject *
middleware_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Middleware *middleware = (Middleware *)self;
    if (middleware->app == NULL) {
        PyErr_SetString(PyExc_TypeError, "SidelightMiddleware.__init__() was not called");
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) != 3 || (kwargs != NULL && PyDict_GET_SIZE(kwargs))) {
        return PyObject_Call(middleware->python_way, args, kwargs);
    }
    Request *request = PyObject_GC_New(Request, middleware->state->request_type);
    if (request == NULL) {
        return NULL;
    }
    /* All that lies behind the object's head is zero until it is set. */
    memset((char *)request + sizeof(PyObject), 0, sizeof(Request) - sizeof(PyObject));
    request->call = request_call;
    request->middleware = (Middleware *)Py_NewRef(self);
    request->scope = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    request->receive = Py_NewRef(PyTuple_GET_ITEM(args, 1));
    request->send = Py_NewRef(PyTuple_GET_ITEM(args, 2));
    PyObject_GC_Track((PyObject *)request);
    return (PyObject *)request;
}

PyDoc_STRVAR(prepare_doc,
"prepare(app, keys, python_way, promote, conclude, failed, awaited, client_left, arrival,\n"
"        origin)\n"
"--\n\n"
"Set what a call needs. ``keys`` are those of common requests, by method.");

static PyObject *
middleware_prepare(PyObject *self, PyTypeObject *defining, PyObject *const *args,
                   Py_ssize_t given, PyObject *names)
{
    Middleware *middleware = (Middleware *)self;
    if (given != 10 || names != NULL || !PyDict_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "prepare() takes ten arguments, the second a dict");
        return NULL;
    }
    if (middleware->app != NULL) { /* requests of it may be running */
        PyErr_SetString(PyExc_RuntimeError, "prepare() was called before");
        return NULL;
    }
    PyObject **places[] = {&middleware->app,      &middleware->keys,   &middleware->python_way,
                           &middleware->promote,  &middleware->conclude, &middleware->failed,
                           &middleware->awaited,  &middleware->client_left,
                           &middleware->arrival,  &middleware->origin};
    middleware->state = PyType_GetModuleState(defining);
    for (size_t at = 0; at < 10; at++) {
        Py_XSETREF(*places[at], Py_NewRef(args[at]));
    }
    Py_RETURN_NONE;
}

static int
middleware_traverse(PyObject *self, visitproc visit, void *arg)
{
    Middleware *middleware = (Middleware *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(middleware->keys);
    Py_VISIT(middleware->app);
    Py_VISIT(middleware->python_way);
    Py_VISIT(middleware->promote);
    Py_VISIT(middleware->conclude);
    Py_VISIT(middleware->failed);
    Py_VISIT(middleware->awaited);
    Py_VISIT(middleware->client_left);
    Py_VISIT(middleware->arrival);
    Py_VISIT(middleware->silent);
    Py_VISIT(middleware->origin);
    return 0;
}

static int
middleware_clear(PyObject *self)
{
    Middleware *middleware = (Middleware *)self;
    Py_CLEAR(middleware->app);
    Py_CLEAR(middleware->keys);
    Py_CLEAR(middleware->python_way);
    Py_CLEAR(middleware->promote);
    Py_CLEAR(middleware->conclude);
    Py_CLEAR(middleware->failed);
    Py_CLEAR(middleware->awaited);
    Py_CLEAR(middleware->client_left);
    Py_CLEAR(middleware->arrival);
    Py_CLEAR(middleware->silent);
    Py_CLEAR(middleware->origin);
    return 0;
}

static void
middleware_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    middleware_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef middleware_methods[] = {
    {"prepare", (PyCFunction)(void (*)(void))middleware_prepare,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, prepare_doc},
    {NULL},
};

static PyType_Slot middleware_slots[] = {
    {Py_tp_doc, "Calls an application, and counts its common requests."},
    {Py_tp_dealloc, middleware_dealloc},
    {Py_tp_traverse, middleware_traverse},
    {Py_tp_clear, middleware_clear},
    {Py_tp_call, middleware_call},
    {Py_tp_methods, middleware_methods},
    {0, NULL},
};

static PyType_Spec middleware_spec = {
    .name = "sidelight._fastpath.Middleware",
    .basicsize = sizeof(Middleware),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = middleware_slots,
};
