/* `Clock`: whether requests may have waited for the event loop, and the last long steps. */

#pragma once

#include "interpreter.h"

/* `PythonClock` of sidelight.runtime.loop_clock is its reference. Times are in nanoseconds. */
typedef struct {
    PyObject_HEAD
    PyObject *loop;         /* NULL while no loop is followed */
    PyObject *running_loop; /* () -> the loop that runs in this thread */
    Py_buffer word;         /* the idle time as an int64, or `buf` is NULL and */
    uint64_t (*idle)(void *); /* libuv's function tells it, of */
    void *handle;             /* this loop. Both are used on the running loop only. */
    int64_t looked, idle_then, stretch, until, probe;
    int64_t noticeable, attentive, probed_each;
    int64_t routed;       /* busy time that was counted for routes */
    struct step {
        int64_t start, end;
        uint32_t word; /* where the busy time of its route is counted */
    } *ring;              /* the last steps that took long; NULL until the first */
    uint32_t stepped;     /* how many since `take_steps` */
    int in_step;          /* a step is being clocked */
} Clock;

#define LONG_STEP 100000 /* ns; a shorter step alone makes no one wait noticeably */
#define MOST_STEPS 4096

static void
clock_leave(Clock *clock)
{
    Py_CLEAR(clock->loop);
    Py_CLEAR(clock->running_loop);
    if (clock->word.obj != NULL) {
        PyBuffer_Release(&clock->word);
    }
    clock->word.buf = NULL;
    clock->idle = NULL;
}

static int64_t
clock_idle(Clock *clock)
{
    return clock->word.buf != NULL ? *(int64_t *)clock->word.buf
                                   : (int64_t)clock->idle(clock->handle);
}

PyDoc_STRVAR(clock_prepare_doc,
"prepare(loop, running_loop, word, function, handle, noticeable, attentive, probed_each)\n"
"--\n\n"
"Follow a loop from now on, which is the running one; None follows none.");

static PyObject *
clock_prepare(Clock *clock, PyObject *args)
{
    PyObject *loop, *running_loop, *word;
    unsigned long long function, handle;
    long long noticeable, attentive, probed_each;
    if (!PyArg_ParseTuple(args, "OOOKKLLL:prepare", &loop, &running_loop, &word, &function, &handle,
                          &noticeable, &attentive, &probed_each)) {
        return NULL;
    }
    Py_buffer view = {0};
    if (loop != Py_None && word != Py_None && PyObject_GetBuffer(word, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (view.obj != NULL && view.len < (Py_ssize_t)sizeof(int64_t)) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "no place for a word");
        return NULL;
    }
    Py_BEGIN_CRITICAL_SECTION(clock);
    clock_leave(clock);
    if (loop != Py_None && (view.obj != NULL || function != 0)) {
        clock->word = view;
        clock->loop = Py_NewRef(loop);
        clock->running_loop = Py_NewRef(running_loop);
        clock->idle = (uint64_t (*)(void *))(uintptr_t)function;
        clock->handle = (void *)(uintptr_t)handle;
        clock->noticeable = noticeable;
        clock->attentive = attentive;
        clock->probed_each = probed_each;
        clock->looked = now_ns();
        clock->idle_then = clock_idle(clock);
        clock->stretch = clock->until = clock->probe = 0;
    }
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

/* As `is_late`, while no other thread uses the clock. */
static int
look_at_clock(Clock *clock, int64_t now)
{
    if (clock->loop == NULL) {
        return 0;
    }
    if (now >= clock->until && now - clock->looked < clock->noticeable / 4) {
        return 0; /* too soon after the last look for a hold */
    }
    /* A loop that runs is not closed, and its thread is this one. */
    PyObject *running = PyObject_CallNoArgs(clock->running_loop);
    Py_XDECREF(running);
    if (running != clock->loop) {
        if (running == NULL) {
            PyErr_Clear();
        }
        return 0;
    }
    int64_t idle = clock_idle(clock);
    int64_t busy = now - clock->looked - (idle - clock->idle_then);
    clock->stretch = idle == clock->idle_then ? clock->stretch + busy : busy;
    clock->looked = now;
    clock->idle_then = idle;
    if (busy >= clock->noticeable / 2) { /* a hold, which a request that comes now may have met */
        clock->until = now + clock->attentive;
    }
    if (now < clock->until) {
        return 1;
    }
    /* Short steps without a pause: waits grow slowly, so that one request in a while tells. */
    if (clock->stretch >= clock->noticeable && now >= clock->probe) {
        clock->probe = now + clock->probed_each;
        return 1;
    }
    return 0;
}

/* A request has waited: so may those that come after it. */
static void
attend(Clock *clock, int64_t now)
{
    Py_BEGIN_CRITICAL_SECTION(clock);
    clock->until = now + clock->attentive;
    Py_END_CRITICAL_SECTION();
}

/* Whether a request that begins now may have waited noticeably for its loop. */
static int
is_late(Clock *clock, int64_t now)
{
    int late;
    Py_BEGIN_CRITICAL_SECTION(clock);
    late = look_at_clock(clock, now);
    Py_END_CRITICAL_SECTION();
    return late;
}

/* Note a long step, and what it is counted for. */
static void
note_step(Clock *clock, int64_t start, int64_t end, uint32_t word)
{
    Py_BEGIN_CRITICAL_SECTION(clock);
    if (clock->ring == NULL) {
        clock->ring = PyMem_Malloc(MOST_STEPS * sizeof(struct step));
    }
    if (clock->ring != NULL) {
        clock->ring[clock->stepped++ % MOST_STEPS] = (struct step){start, end, word};
    }
    Py_END_CRITICAL_SECTION();
}

PyDoc_STRVAR(take_steps_doc, "take_steps()\n--\n\n"
"Long steps since the last call, the oldest first: (start, end, word), where the times are ns.");

static PyObject *
clock_take_steps(Clock *clock, PyObject *Py_UNUSED(none))
{
    struct step *ring;
    uint32_t end;
    Py_BEGIN_CRITICAL_SECTION(clock);
    ring = clock->ring;
    end = clock->stepped;
    clock->ring = NULL;
    clock->stepped = 0;
    Py_END_CRITICAL_SECTION();
    uint32_t many = end < MOST_STEPS ? end : MOST_STEPS;
    PyObject *found = PyList_New(many);
    for (uint32_t at = 0; found != NULL && at < many; at++) {
        struct step *step = &ring[(end - many + at) % MOST_STEPS];
        PyObject *one = Py_BuildValue("LLI", (long long)step->start, (long long)step->end,
                                      (unsigned int)step->word);
        if (one == NULL) {
            Py_CLEAR(found);
            break;
        }
        PyList_SET_ITEM(found, at, one);
    }
    PyMem_Free(ring);
    return found;
}

static PyObject *
clock_is_late(Clock *clock, PyObject *now)
{
    long long at = PyLong_AsLongLong(now);
    if (at == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(is_late(clock, at));
}

static int
clock_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Clock *)self)->loop);
    Py_VISIT(((Clock *)self)->running_loop);
    return 0;
}

static int
clock_clear(PyObject *self)
{
    clock_leave((Clock *)self);
    return 0;
}

static void
clock_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clock_leave((Clock *)self);
    PyMem_Free(((Clock *)self)->ring);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef clock_methods[] = {
    {"prepare", (PyCFunction)clock_prepare, METH_VARARGS, clock_prepare_doc},
    {"is_late", (PyCFunction)clock_is_late, METH_O,
     "is_late(now)\n--\n\nWhether a request that begins now may have waited noticeably."},
    {"take_steps", (PyCFunction)clock_take_steps, METH_NOARGS, take_steps_doc},
    {NULL},
};

static PyMemberDef clock_members[] = {
    {"in_step", T_INT, offsetof(Clock, in_step), READONLY, "Whether a step is being clocked."},
    {"routed", T_LONGLONG, offsetof(Clock, routed), READONLY,
     "Busy time that was counted for routes, in ns."},
    {NULL},
};

static PyType_Slot clock_slots[] = {
    {Py_tp_doc, "The part of a loop's clock that every common request reads."},
    {Py_tp_dealloc, clock_dealloc},
    {Py_tp_traverse, clock_traverse},
    {Py_tp_clear, clock_clear},
    {Py_tp_methods, clock_methods},
    {Py_tp_members, clock_members},
    {0, NULL},
};

static PyType_Spec clock_spec = {
    .name = "sidelight._fastpath.Clock",
    .basicsize = sizeof(Clock),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = clock_slots,
};
