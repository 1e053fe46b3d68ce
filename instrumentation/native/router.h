/* `Clocked`: what a router calls. Its `Steps` are clocked. */

#pragma once

#include "clock.h"
#include "request.h"

/* What a router calls, with each step of it clocked: how long it keeps the event loop busy. It is
   the router's, and not the middleware's call, since a middleware may run it in another task. */
typedef struct {
    PyObject_HEAD
    PyObject *app;     /* (scope, receive, send) -> coroutine */
    PyObject *awaited; /* as of a `Middleware` */
    PyObject *learn;   /* (key, scope) -> the word that counts the busy time of its route, or -1 */
    State *state;
} Clocked;

typedef struct {
    DRIVER_HEAD
    Clocked *clocked;
    PyObject *scope;
    Key *key;
    int64_t pending; /* busy time that was not counted yet */
} Steps;

/* The word that counts the busy time of the route that was chosen; -1 where none does. */
static int64_t
busy_word(Steps *steps)
{
    State *state = steps->clocked->state;
    PyObject *route = chosen(state, steps->scope);
    PyObject *root_path = get(steps->scope, state->s_root_path);
    int64_t word = -1;
    if (route != NULL && root_path != NULL) {
        Py_BEGIN_CRITICAL_SECTION(steps->key);
        Series *series = find(steps->key, route, root_path, BUSY);
        word = series == NULL ? -1 : (int64_t)series->duration;
        Py_END_CRITICAL_SECTION();
    }
    Py_XDECREF(route);
    Py_XDECREF(root_path);
    if (word < 0) {
        PyObject *found = PyObject_CallFunctionObjArgs(
            steps->clocked->learn, (PyObject *)steps->key, steps->scope, NULL);
        word = found == NULL ? -1 : (int64_t)PyLong_AsLongLong(found);
        Py_XDECREF(found);
    }
    return word;
}

/* A router's step begins. Returns when. */
static int64_t
start_clock(Steps *steps)
{
    if (steps->key->clock != NULL) {
        ((Clock *)steps->key->clock)->in_step++;
    }
    return now_ns();
}

/* Count a step. An exception that is set stays as it is. */
static void
stop_clock(Steps *steps, int64_t start, int is_last)
{
    Key *key = steps->key;
    int64_t end = now_ns();
    if (key->clock != NULL) {
        ((Clock *)key->clock)->in_step--;
    }
    steps->pending += end - start;
    if (steps->pending < LONG_STEP && !is_last) {
        return;
    }
    PyObject *error = PyErr_Occurred() ? raised() : NULL;
    int64_t word = busy_word(steps);
    PyErr_Clear();
    int counted = 0;
    Py_BEGIN_CRITICAL_SECTION(key);
    if (word >= 0 && word < key->view.len / (Py_ssize_t)sizeof(uint64_t) && key->clock != NULL) {
        add((uint64_t *)key->view.buf + word, (uint64_t)steps->pending);
        counted = 1;
    }
    Py_END_CRITICAL_SECTION();
    if (counted) {
        Clock *clock = (Clock *)key->clock;
        add((uint64_t *)&clock->routed, (uint64_t)steps->pending);
        if (end - start >= LONG_STEP) {
            note_step(clock, start, end, (uint32_t)word);
        }
    }
    steps->pending = 0;
    if (error != NULL) {
        raise_again(error);
    }
}

static PySendResult
steps_step(PyObject *self, PyObject *value, PyObject **result)
{
    Steps *steps = (Steps *)self;
    *result = NULL;
    if (steps->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    PyObject *coroutine = Py_NewRef(steps->steps);
    int64_t start = start_clock(steps);
    PySendResult outcome = PyIter_Send(coroutine, value, result);
    stop_clock(steps, start, outcome != PYGEN_NEXT);
    Py_DECREF(coroutine);
    if (outcome != PYGEN_NEXT) {
        Py_CLEAR(steps->steps);
    }
    return outcome;
}

static PyObject *
steps_throw(PyObject *self, PyObject *args)
{
    Steps *steps = (Steps *)self;
    if (steps->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return NULL;
    }
    PyObject *coroutine = Py_NewRef(steps->steps);
    int64_t start = start_clock(steps);
    PyObject *result = throw_into(coroutine, steps->clocked->state->s_throw, args);
    stop_clock(steps, start, result == NULL);
    Py_DECREF(coroutine);
    if (result == NULL) {
        Py_CLEAR(steps->steps);
    }
    return result;
}

static PyObject *
steps_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Steps *steps = (Steps *)self;
    PyObject *coroutine = steps->steps;
    steps->steps = NULL;
    if (coroutine == NULL) {
        Py_RETURN_NONE;
    }
    int64_t start = start_clock(steps);
    PyObject *done = PyObject_CallMethodNoArgs(coroutine, steps->clocked->state->s_close);
    stop_clock(steps, start, 1);
    Py_DECREF(coroutine);
    return done;
}

static int
steps_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Steps *)self)->clocked);
    Py_VISIT(((Steps *)self)->scope);
    Py_VISIT(((Steps *)self)->steps);
    Py_VISIT(((Steps *)self)->key);
    return 0;
}

/* What it belongs to stays, since other garbage may use it once more. */
static int
steps_clear(PyObject *self)
{
    Py_CLEAR(((Steps *)self)->steps);
    return 0;
}

static void
steps_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    steps_clear(self);
    Py_CLEAR(((Steps *)self)->scope);
    Py_CLEAR(((Steps *)self)->key);
    Py_CLEAR(((Steps *)self)->clocked);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef steps_methods[] = {
    COROUTINE_METHODS(steps_throw, steps_close),
    {NULL},
};

static PyType_Slot steps_slots[] = {
    {Py_tp_doc, "One call of a router, whose steps are clocked."},
    {Py_tp_dealloc, steps_dealloc},
    {Py_tp_traverse, steps_traverse},
    {Py_tp_clear, steps_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, next_step},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, steps_step},
    {Py_tp_methods, steps_methods},
    {Py_tp_getset, awaited_getset},
    {0, NULL},
};

static PyType_Spec steps_spec = {
    .name = "sidelight._fastpath.Steps",
    .basicsize = sizeof(Steps),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = steps_slots,
};

/* The key of a request that is measured, as a reference of our own; NULL without. */
static Key *
measured_by(State *state, PyObject *scope)
{
    PyObject *found = PyDict_CheckExact(scope) ? get(scope, state->s_sidelight) : NULL;
    Key *key = NULL;
    if (found != NULL && PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 3 &&
        PyObject_TypeCheck(PyTuple_GET_ITEM(found, 0), state->key_type)) {
        key = (Key *)Py_NewRef(PyTuple_GET_ITEM(found, 0));
    }
    Py_XDECREF(found);
    if (key != NULL && (key->words == NULL || key->clock == NULL ||
                        !PyObject_TypeCheck(key->clock, state->clock_type))) {
        Py_CLEAR(key);
    }
    return key;
}

static PyObject *
clocked_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Clocked *clocked = (Clocked *)self;
    if (clocked->app == NULL) {
        PyErr_SetString(PyExc_TypeError, "prepare() was not called");
        return NULL;
    }
    PyObject *coroutine = PyObject_Call(clocked->app, args, kwargs);
    if (coroutine == NULL || PyTuple_GET_SIZE(args) != 3) {
        return coroutine;
    }
    PyObject *scope = PyTuple_GET_ITEM(args, 0);
    Key *key = measured_by(clocked->state, scope);
    if (key == NULL) {
        PyErr_Clear();
        return coroutine;
    }
    if (!PyCoro_CheckExact(coroutine)) {
        PyObject *awaitable = coroutine;
        coroutine = PyObject_CallOneArg(clocked->awaited, awaitable);
        Py_DECREF(awaitable);
        if (coroutine == NULL) {
            Py_DECREF(key);
            return NULL;
        }
    }
    Steps *steps = PyObject_GC_New(Steps, clocked->state->steps_type);
    if (steps == NULL) {
        PyErr_Clear();
        Py_DECREF(key);
        return coroutine;
    }
    steps->clocked = (Clocked *)Py_NewRef(self);
    steps->scope = Py_NewRef(scope);
    steps->steps = coroutine;
    steps->key = key;
    steps->pending = 0;
    PyObject_GC_Track((PyObject *)steps);
    return (PyObject *)steps;
}

static PyObject *
clocked_prepare(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t given,
                PyObject *names)
{
    Clocked *clocked = (Clocked *)self;
    if (given != 3 || names != NULL || clocked->app != NULL) {
        PyErr_SetString(PyExc_TypeError, "prepare() takes three arguments, once");
        return NULL;
    }
    clocked->state = PyType_GetModuleState(defining);
    clocked->app = Py_NewRef(args[0]);
    clocked->awaited = Py_NewRef(args[1]);
    clocked->learn = Py_NewRef(args[2]);
    Py_RETURN_NONE;
}

static int
clocked_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Clocked *)self)->app);
    Py_VISIT(((Clocked *)self)->awaited);
    Py_VISIT(((Clocked *)self)->learn);
    return 0;
}

static int
clocked_clear(PyObject *self)
{
    Py_CLEAR(((Clocked *)self)->app);
    Py_CLEAR(((Clocked *)self)->awaited);
    Py_CLEAR(((Clocked *)self)->learn);
    return 0;
}

static void
clocked_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clocked_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef clocked_methods[] = {
    {"prepare", (PyCFunction)(void (*)(void))clocked_prepare,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "prepare(app, awaited, learn)\n--\n\nSet what is called."},
    {NULL},
};

static PyType_Slot clocked_slots[] = {
    {Py_tp_doc, "Calls a router's application, and clocks each step of it."},
    {Py_tp_dealloc, clocked_dealloc},
    {Py_tp_traverse, clocked_traverse},
    {Py_tp_clear, clocked_clear},
    {Py_tp_call, clocked_call},
    {Py_tp_methods, clocked_methods},
    {0, NULL},
};

static PyType_Spec clocked_spec = {
    .name = "sidelight._fastpath.Clocked",
    .basicsize = sizeof(Clocked),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = clocked_slots,
};
